r"""Parametric star-formation histories as masses of stars formed in bins of age.

Light, mass and mean rates of a stellar population are linear in the masses that formed in its
bins of age, so that these masses are all that a history is. A history is sampled at ages that
are even in the logarithm (0.0025 dex from 1 Myr on), each of which stands for the stars between
the middles to its neighbours: Bagpipes (Carnall et al. 2018, MNRAS 480, 4379) does the same, and a
history narrower than the steps comes out alike. Where a history is smooth within a bin, the sum
over its ages is a Gauss quadrature for them, exact for polynomials of degree seven; where it is
not, and where it begins or ends, the sum itself is taken.

Histories go by name, their parameters as ``component:parameter``; times are in Gyr:

===============  ================================================  =============================
history          parameters                                        rate
===============  ================================================  =============================
lognormal        tmax, fwhm                                        lognormal in cosmic time
exponential      age, tau                                          exp(-t / tau)
delayed          age, tau                                          t exp(-t / tau)
constant         age_max, age_min                                  1
double_delayed   delayed1: and delayed2: age, tau, massformed      two delayed
delayed_burst    delayed: age, tau, massformed; burst: age,        delayed, and all at once
                 massformed
continuity       bin_edges [Myr], dsfr1, dsfr2, ...                constant in each bin
===============  ================================================  =============================

Here t is the time since the first stars; ``massformed`` is the log10 of the mass that formed in a
component, and matters only relative to the other one; ``dsfr1`` is the log10 of the rate of the
second oldest bin over that of the oldest, and so on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from astropy.cosmology import FlatLambdaCDM
from scipy.linalg import eigh_tridiagonal

from dustest.data.errors import InputError

__all__ = ["AgeGrid", "FormedStars", "history_weights", "list_histories"]

_COSMOLOGY = FlatLambdaCDM(H0=70.0, Om0=0.3)
_FIRST = 6.0  # log10 yr
_FINE, _COARSE = 0.0025, 0.1  # dex
_N_NODES = 4
_STEEP = 1.5  # e-folds from the middle of a segment to its end
_FAINT = 30.0  # e-folds below the greatest rate
_CHUNK = 1000  # models whose rates at all nodes stay in the cache of a core


@dataclass(frozen=True, eq=False)
class FormedStars:
    """Stars that formed in models, per solar mass of all that formed.

    Parameters
    ----------
    weights : ndarray of shape (n, n_bins)
        Shares of the mass formed in the bins of age; zero throughout where a history is not
        possible.
    rates : ndarray of shape (n, n_timescales)
        Mean star-formation rates over the timescales of the grid, in 1/yr: the specific rate
        relative to the mass formed.
    mean_age : ndarray of shape (n,)
        Mean age by mass, in yr; NaN where a history is not possible.
    possible : ndarray of bool of shape (n,)
        False where stars would be older than the Universe, or where none form.
    """

    weights: np.ndarray
    rates: np.ndarray
    mean_age: np.ndarray
    possible: np.ndarray


class AgeGrid:
    """Ages at which histories are sampled, and bins in which their stars are counted.

    Parameters
    ----------
    edges : array_like of shape (n_bins + 1,), optional
        Edges of the bins of age in yr, increasing. The default is 0.1 dex wide about ages from
        1 Myr on, with the first edge at zero and the last at the age of the Universe today: the
        bins of Bagpipes.
    timescales : sequence of float, optional
        Times before the observation over which rates are averaged, in yr.

    Attributes
    ----------
    edges : ndarray of shape (n_bins + 1,)
        Edges of the bins.
    timescales : tuple of float
        Times over which rates are averaged.
    ages, widths : ndarray of shape (n_ages,)
        Sampled ages and the spans of age that they stand for, in yr.

    Raises
    ------
    InputError
        If the edges do not increase, or a timescale is below the least age, 1 Myr.

    Examples
    --------
    >>> from dustest.physics.star_formation import AgeGrid
    >>> grid = AgeGrid()
    >>> grid.edges[:4].round(-3)
    array([      0., 1122000., 1413000., 1778000.])
    """

    def __init__(self, edges=None, timescales=(1e7, 1e8)):
        self.ages, self.widths = _sampled_ages()
        self.edges = _default_edges() if edges is None else np.asarray(edges, dtype=float)
        self.timescales = tuple(timescales)
        self._check()
        # A bin that a timescale ends in falls into two segments.
        inner = np.searchsorted(self.ages, [*self.edges[:-1], *self.timescales])
        last = np.searchsorted(self.ages, self.edges[-1], side="right")
        self._bounds = np.unique([0, *inner, last, self.ages.size])
        self.n_segments = self._bounds.size - 1
        self._set_segments()

    def _check(self):
        """Refuse edges and timescales without sense."""
        if self.edges.ndim != 1 or self.edges.size < 2 or not np.all(np.diff(self.edges) > 0):
            msg = f"edges must be two or more increasing ages in yr, got {self.edges!r}"
            raise InputError(msg)
        if not all(timescale > self.ages[0] for timescale in self.timescales):
            msg = f"timescales must be above 1e6 yr, got {self.timescales!r}"
            raise InputError(msg)

    def _set_segments(self):
        """Ages, nodes and places of the segments, each padded with empty ages to one length."""
        longest = np.diff(self._bounds).max()
        members = self._bounds[:-1, np.newaxis] + np.arange(longest)
        inside = members < self._bounds[1:, np.newaxis]
        members = np.where(inside, members, self._bounds[:-1, np.newaxis])
        self.segment_ages = self.ages[members]
        self.segment_widths = np.where(inside, self.widths[members], 0.0)
        self.low = self.segment_ages.min(axis=1)
        self.high = self.segment_ages.max(axis=1)
        pairs = [
            _gauss_nodes(self.ages[start:stop], self.widths[start:stop])
            for start, stop in zip(self._bounds[:-1], self._bounds[1:], strict=True)
        ]
        self.nodes, self.node_widths = (np.array(column) for column in zip(*pairs, strict=True))

    def count(self, mass):
        """Sum over segments within bins, and mean rates.

        Parameters
        ----------
        mass : ndarray of shape (n, n_segments)
            Mass formed in the segments.

        Returns
        -------
        weights : ndarray of shape (n, n_bins)
            Mass formed in the bins.
        rates : ndarray of shape (n, n_timescales)
            Mean rates over the timescales.
        """
        first = self._bounds[:-1, np.newaxis]
        starts = np.searchsorted(self.ages, self.edges[:-1])
        stops = np.append(starts[1:], np.searchsorted(self.ages, self.edges[-1], side="right"))
        of_bin = (first >= starts) & (first < stops)
        ends = np.searchsorted(self.ages, self.timescales)
        recent = (first < ends) / np.cumsum(self.widths)[ends - 1]
        return mass @ of_bin.astype(float), mass @ recent

    def first_beyond(self, age):
        """Youngest sampled ages above ages, both in yr and of one shape; infinite where none."""
        return np.append(self.ages, np.inf)[np.searchsorted(self.ages, age, side="right")]

    def nearest(self, age):
        """Sampled ages nearest to ages, both in yr and of one shape."""
        middles = 0.5 * (self.ages[1:] + self.ages[:-1])
        return self.ages[np.searchsorted(middles, age)]


@cache
def _sampled_ages():
    """Sampled ages and their spans [yr]."""
    today = 1e9 * float(_COSMOLOGY.age(0.0).value)
    log_ages = np.arange(_FIRST, np.log10(today) + 2.0 * _FINE, _FINE)
    return 10.0**log_ages, np.diff(_edges(log_ages, today))


@cache
def _default_edges():
    """Edges of the bins of Bagpipes [yr]."""
    today = 1e9 * float(_COSMOLOGY.age(0.0).value)
    return _edges(np.arange(_FIRST, np.log10(today), _COARSE), today)


def _edges(log_ages, last):
    """Edges midway between logarithms of ages, from 0 to the last [yr]."""
    return np.concatenate([[0.0], 10.0 ** ((log_ages[1:] + log_ages[:-1]) / 2.0), [last]])


@cache
def _default_grid():
    """The grid where none is given."""
    return AgeGrid()


def _gauss_nodes(ages, widths):
    """Nodes and their spans whose sums of polynomials of degree 7 are those of all the ages.

    Golub & Welsch (1969, Math. Comp. 23, 221): the nodes are the eigenvalues of the recurrence
    of the polynomials that are orthogonal under the sum.
    """
    n = _N_NODES
    if ages.size <= n:
        padding = (0, n - ages.size)
        return np.pad(ages, padding, mode="edge"), np.pad(widths, padding)
    middle, half = 0.5 * (ages[-1] + ages[0]), 0.5 * (ages[-1] - ages[0])
    x = (ages - middle) / half
    before, polynomial = np.zeros_like(x), np.full_like(x, widths.sum() ** -0.5)
    diagonal, beside = np.zeros(n), np.zeros(n)
    for k in range(n):
        diagonal[k] = np.sum(widths * x * polynomial**2)
        following = (x - diagonal[k]) * polynomial - beside[k - 1] * before
        beside[k] = np.sqrt(np.sum(widths * following**2))
        before, polynomial = polynomial, following / beside[k]
    places, vectors = eigh_tridiagonal(diagonal, beside[:-1])
    return middle + half * places, widths.sum() * vectors[0] ** 2


@dataclass(frozen=True)
class _Shape:
    """A history as a function of age.

    The functions take the parameters of `columns`, each of shape (n, 1): ``rate(age, **columns)``
    is the rate at ages; ``rough(low, high, **columns)`` tells where it is not a smooth function
    between two ages; ``oldest(**columns)`` is the age below which it forms stars.
    """

    columns: Callable
    rate: Callable
    rough: Callable
    oldest: Callable

    def sums(self, grid, parameters, age_of_universe):
        """Mass formed per segment, its first moment in age, and the oldest age."""
        columns = self.columns(grid, parameters, age_of_universe)
        use = slice(0, np.searchsorted(grid.low, age_of_universe.max()))
        at_nodes = self.rate(grid.nodes[use].ravel(), **columns)
        at_nodes *= grid.node_widths[use].ravel()
        moment = at_nodes * grid.nodes[use].ravel()
        n = len(at_nodes)
        mass = np.zeros((n, grid.n_segments))
        first = np.zeros((n, grid.n_segments))
        mass[:, use] = at_nodes.reshape(n, -1, _N_NODES).sum(axis=2)
        first[:, use] = moment.reshape(n, -1, _N_NODES).sum(axis=2)
        rough = self.rough(grid.low[use], grid.high[use], **columns)
        rows, segments = np.nonzero(np.broadcast_to(rough, mass[:, use].shape))
        own = {k: v[rows] if len(v) > 1 else v for k, v in columns.items()}
        ages = grid.segment_ages[segments]
        formed = self.rate(ages, **own) * grid.segment_widths[segments]
        mass[rows, segments] = formed.sum(axis=1)
        first[rows, segments] = np.sum(formed * ages, axis=1)
        return mass, first.sum(axis=1), np.broadcast_to(self.oldest(**columns), (n, 1))[:, 0]


def _in_years(*names):
    """Function that makes columns in yr of parameters in Gyr."""

    def columns(_grid, parameters, _age_of_universe):
        return {name: 1e9 * parameters[name][:, np.newaxis] for name in names}

    return columns


def _lognormal_columns(_grid, parameters, age_of_universe):
    """Cosmic times of observation and of the maximum, and the width in the logarithm of time.

    About its maximum, a lognormal is a Gaussian of the logarithm of time even with the factor
    1/t, so that fwhm = 2 tmax sinh(sqrt(2 ln 2) tau).
    """
    tmax, fwhm = parameters["tmax"], parameters["fwhm"]
    tau = np.arcsinh(0.5 * fwhm / tmax) / np.sqrt(2.0 * np.log(2.0))
    return {
        "now": age_of_universe[:, np.newaxis],
        "log_tmax": np.log(1e9 * tmax)[:, np.newaxis],
        "inverse": (np.sqrt(0.5) / tau)[:, np.newaxis],
    }


def _log_time(age, now):
    """Logarithm of the cosmic time at which stars of an age formed; infinite before time 0."""
    time = now - age
    return np.log(time, out=np.full_like(time, -np.inf), where=time > 0)


def _lognormal_rate(age, now, log_tmax, inverse):
    """Rate over its maximum."""
    x = _log_time(age, now) - log_tmax
    x *= inverse
    np.square(x, out=x)
    np.negative(x, out=x)
    return np.exp(x, out=x)


def _lognormal_rough(low, high, now, log_tmax, inverse):
    """Segments at whose earliest time the rate bends much, or falls or rises by much."""
    early = now - high
    half = 0.5 * (high - low) / np.where(early > 0, early, 1e-9 * now)
    bend = half * inverse
    x = np.maximum(_log_time(high, now) - log_tmax, -1e3) * inverse
    rough = (half > 0.3) | (bend > 0.7) | (2.0 * bend * np.abs(x) > _STEEP)
    return rough & (low < now)


def _declining_rough(low, high, age, tau):
    """Segments that the first stars fall into, or in which the rate falls by much."""
    steep = (high - low > 2.0 * _STEEP * tau) & (age - high < _FAINT * tau)
    return (low < age) & ((high >= age) | steep)


def _exponential_rate(age_of_stars, age, tau):
    """Rate over that of the first stars."""
    since = age - age_of_stars
    return np.where(since > 0, np.exp(-np.maximum(since, 0.0) / tau), 0.0)


def _delayed_rate(age_of_stars, age, tau):
    """Rate in units of its slope at the first stars."""
    since = np.maximum(age - age_of_stars, 0.0) / tau
    return since * np.exp(-since)


def _constant_rate(age_of_stars, age_max, age_min):
    """One between the limits."""
    return ((age_of_stars > age_min) & (age_of_stars < age_max)).astype(float)


def _constant_rough(low, high, age_max, age_min):
    """Segments that a limit falls into."""
    return ((low < age_max) & (high >= age_max)) | ((low <= age_min) & (high > age_min))


def _burst_columns(grid, parameters, _age_of_universe):
    """The sampled age nearest to the burst."""
    return {"age": grid.nearest(1e9 * parameters["age"])[:, np.newaxis]}


def _age_and_beyond(age, **_):
    """The age itself is part of the history."""
    return np.nextafter(age, np.inf)


class _Continuity:
    """Constant rates between fixed ages: a sum of constant histories."""

    @staticmethod
    def sums(grid, parameters, _age_of_universe):
        """Mass formed per segment, its first moment in age, and the oldest age."""
        edges = 1e6 * np.asarray(parameters["bin_edges"], dtype=float)[::-1]
        steps = [parameters[f"dsfr{i}"] for i in range(1, edges.size - 1)]
        log_rate = np.cumsum([np.zeros_like(steps[0]), *steps], axis=0) if steps else 0.0
        log_rate = np.atleast_2d(log_rate)
        rate = 10.0 ** (log_rate - log_rate.max(axis=0)).T
        old, young = edges[:-1, np.newaxis, np.newaxis], edges[1:, np.newaxis, np.newaxis]
        ages = grid.segment_ages
        formed = np.where((ages < old) & (ages > young), grid.segment_widths, 0.0)
        first = rate @ np.sum(formed * ages, axis=(1, 2))
        return rate @ formed.sum(axis=2), first, np.full(len(rate), edges[0])


_SHAPES = {
    "lognormal": _Shape(
        _lognormal_columns, _lognormal_rate, _lognormal_rough, lambda **_: np.zeros((1, 1))
    ),
    "exponential": _Shape(
        _in_years("age", "tau"), _exponential_rate, _declining_rough, lambda age, **_: age
    ),
    "delayed": _Shape(
        _in_years("age", "tau"), _delayed_rate, _declining_rough, lambda age, **_: age
    ),
    "constant": _Shape(
        _in_years("age_max", "age_min"),
        _constant_rate,
        _constant_rough,
        lambda age_max, **_: age_max,
    ),
    "burst": _Shape(
        _burst_columns,
        lambda ages, age: (ages == age).astype(float),
        lambda low, high, age: (low <= age) & (high >= age),
        _age_and_beyond,
    ),
    "continuity": _Continuity(),
}

_NEEDS = {
    "lognormal": ("tmax", "fwhm"),
    "exponential": ("age", "tau"),
    "delayed": ("age", "tau"),
    "constant": ("age_max", "age_min"),
    "burst": ("age",),
    "continuity": ("bin_edges",),
}
_POSITIVE = ("tmax", "fwhm", "tau")

_COMPONENTS = {
    "lognormal": ("lognormal",),
    "delayed": ("delayed",),
    "constant": ("constant",),
    "exponential": ("exponential",),
    "double_delayed": ("delayed1", "delayed2"),
    "delayed_burst": ("delayed", "burst"),
    "continuity": ("continuity",),
}


def list_histories():
    """Names of the histories.

    Returns
    -------
    list of str
        Names.

    Examples
    --------
    >>> from dustest.physics.star_formation import list_histories
    >>> list_histories()[:3]
    ['lognormal', 'delayed', 'constant']
    """
    return list(_COMPONENTS)


def history_weights(name, parameters, age_of_universe, grid=None):
    """Shares of the mass formed per bin of age, for many models of one history.

    Parameters
    ----------
    name : str
        A history, see `list_histories`.
    parameters : dict of str to array_like of shape (n,) or ()
        Its parameters as ``component:parameter``, see the module's table; others are ignored.
        ``continuity:bin_edges`` of shape (n_edges,) is common to all models. The components of
        a history of two are mixed in the ratio of their masses 10**massformed, and the weights
        are per solar mass of all that formed.
    age_of_universe : array_like of shape (n,) or ()
        Age of the Universe at the observation, in yr. One age for all models is much faster.
    grid : AgeGrid, optional
        Ages, bins and timescales; the bins of Bagpipes, 10 and 100 Myr without it.

    Returns
    -------
    FormedStars
        Weights, mean rates, mean ages, and which models are possible.

    Raises
    ------
    InputError
        If the history is not known, a parameter is missing, not finite or, where it has to be,
        not positive, or the shapes do not fit.

    References
    ----------
    Carnall et al. 2018, MNRAS 480, 4379, section 3.1; Leja et al. 2019, ApJ 876, 3, section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.physics.star_formation import AgeGrid, history_weights
    >>> grid = AgeGrid(edges=[0.0, 1e7, 1e8, 1e9])
    >>> parameters = {"constant:age_max": [0.1, 0.5, 2.0], "constant:age_min": 0.0}
    >>> stars = history_weights("constant", parameters, 8e8, grid)
    >>> stars.weights.round(2)
    array([[0.1 , 0.9 , 0.  ],
           [0.02, 0.18, 0.8 ],
           [0.  , 0.  , 0.  ]])
    >>> stars.possible
    array([ True,  True, False])
    """
    if name not in _COMPONENTS:
        msg = f"name must be one of {', '.join(_COMPONENTS)}, got {name!r}"
        raise InputError(msg)
    grid = _default_grid() if grid is None else grid
    components = {
        component: _columns(component, parameters, mixed=len(_COMPONENTS[name]) > 1)
        for component in _COMPONENTS[name]
    }
    components, age = _broadcast(components, age_of_universe)
    n = max(len(column) for own in components.values() for column in own.values())
    parts = [
        _form_stars(components, age, slice(start, start + _CHUNK), grid)
        for start in range(0, n, _CHUNK)
    ]
    return FormedStars(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _columns(component, parameters, *, mixed):
    """Parameters of a component as arrays, by their names within it."""
    kind = component.rstrip("12")
    names = list(_NEEDS[kind])
    if kind == "continuity":
        names += [f"dsfr{i}" for i in range(1, _n_edges(parameters) - 1)]
    if mixed:
        names.append("massformed")
    missing = [key for key in names if f"{component}:{key}" not in parameters]
    if missing:
        msg = f"parameters must have {component}:{missing[0]}"
        raise InputError(msg)
    columns = {key: np.asarray(parameters[f"{component}:{key}"], dtype=float) for key in names}
    for key, column in columns.items():
        if not np.all(np.isfinite(column)) or (key in _POSITIVE and not np.all(column > 0)):
            sign = " and positive" if key in _POSITIVE else ""
            msg = f"parameters[{component + ':' + key!r}] must be finite{sign}"
            raise InputError(msg)
    return columns


def _n_edges(parameters):
    """Number of edges of the continuity history, after a check of them."""
    edges = np.asarray(parameters.get("continuity:bin_edges", ()), dtype=float)
    if edges.ndim != 1 or edges.size < 2 or not np.all(np.diff(edges) > 0):
        msg = (
            "parameters['continuity:bin_edges'] must be two or more increasing ages in Myr, "
            f"common to all models, got {edges!r}"
        )
        raise InputError(msg)
    return edges.size


def _broadcast(components, age_of_universe):
    """Parameters of shape (n,), and the age of the Universe of shape (n,) or (1,) [yr]."""
    age = np.atleast_1d(np.asarray(age_of_universe, dtype=float))
    if age.ndim != 1 or not np.all(age > 0) or not np.all(np.isfinite(age)):
        msg = "age_of_universe must be positive ages in yr, of shape (n,) or ()"
        raise InputError(msg)
    columns = [v for own in components.values() for k, v in own.items() if k != "bin_edges"]
    try:
        shape = np.broadcast_shapes(age.shape, *(column.shape for column in columns))
    except ValueError as error:
        msg = "parameters and age_of_universe must be numbers or arrays of one shape (n,)"
        raise InputError(msg) from error
    if len(shape) != 1:
        msg = f"parameters must be numbers or arrays of shape (n,), got shape {shape}"
        raise InputError(msg)
    fitted = {
        component: {
            k: v if k == "bin_edges" else np.broadcast_to(v, shape) for k, v in own.items()
        }
        for component, own in components.items()
    }
    return fitted, age


def _form_stars(components, age, rows, grid):
    """Weights, rates, mean ages and possibility of a chunk of models."""
    age = age[rows] if age.size > 1 else age
    own = {
        component: {k: v if k == "bin_edges" else v[rows] for k, v in columns.items()}
        for component, columns in components.items()
    }
    mass, first, possible = 0.0, 0.0, True
    for component, share in _shares(own).items():
        shape = _SHAPES[component.rstrip("12")]
        formed, moment, oldest = shape.sums(grid, own[component], age)
        total = formed.sum(axis=1)
        possible = possible & (total > 0) & (oldest <= grid.first_beyond(age))
        scale = np.divide(share, total, out=np.zeros_like(total), where=possible)
        mass = mass + formed * scale[:, np.newaxis]
        first = first + moment * scale
    weights, rates = grid.count(np.where(possible[:, np.newaxis], mass, 0.0))
    return weights, rates, np.where(possible, first, np.nan), possible


def _shares(components):
    """Shares of the components in the mass formed."""
    if len(components) == 1:
        return dict.fromkeys(components, 1.0)
    log_mass = np.stack([columns["massformed"] for columns in components.values()])
    mass = 10.0 ** (log_mass - log_mass.max(axis=0))
    return dict(zip(components, mass / mass.sum(axis=0), strict=True))
