r"""Parametric star-formation histories as masses of stars formed in bins of age.

Spectrum, mass and mean rates of a stellar population are linear in the masses that formed in its
bins of age, so that these masses define a history. A history is sampled at ages that are even in
the logarithm (0.0025 dex from 1 Myr on). Each age represents the stars up to the middles to its
neighbours, as in Bagpipes (Carnall et al. 2018, MNRAS 480, 4379). The masses formed between the
ends of these spans are integrals in closed form. Bagpipes sums over the sampled ages instead: the
two differ where a history changes within a step, by up to 0.6 per cent in age. A registered
history without a closed form is summed as well.

Histories have names, their parameters are ``component:parameter``, see `get_history`; times are
in Gyr, edges of bins in Myr. In histories of several components ``massformed`` is the log10 of the
mass that formed in a component; only differences between components matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from astropy import units as u

from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError
from dustest.data.messages import did_you_mean
from dustest.physics.histories import get_history
from dustest.physics.stellar.age_grid import AgeGrid, default_grid

__all__ = ["AgeGrid", "FormedStars", "form_stars", "history_parameters", "history_weights"]

_CHUNK = 1000  # models whose rates at all nodes fit in the cache of a core


@dataclass(frozen=True, eq=False)
class FormedStars:
    """Stars that formed in models, per solar mass formed.

    Parameters
    ----------
    weights : ndarray of shape (n, n_bins)
        Fractions of the mass formed in the bins of age; all zero if a history is not possible.
    rates : ndarray of shape (n, n_timescales)
        Mean star-formation rates over the timescales of the grid, in 1/yr: the specific rate
        relative to the mass formed.
    mean_age : ndarray of shape (n,)
        Mean age by mass, in yr; NaN if a history is not possible.
    possible : ndarray of bool of shape (n,)
        False if stars would be older than the Universe, or if none form.
    """

    weights: np.ndarray
    rates: np.ndarray
    mean_age: np.ndarray
    possible: np.ndarray


_EDGES = "bin_edges"


def history_weights(name, parameters, age_of_universe, grid=None):
    """Fractions of the mass formed per bin of age, for many models of one history.

    Parameters
    ----------
    name : str or StarFormationHistory
        A history, see `~dustest.physics.get_history`.
    parameters : dict of str to array_like, Column or Quantity of shape (n,) or ()
        Its parameters as ``component:parameter``, in the units of the module's description if they
        have none; others are ignored. ``continuity:bin_edges`` of shape (n_edges,) is common to
        all models. The components of a history of two are combined in the ratio of their masses
        10**massformed, and the weights are per solar mass formed.
    age_of_universe : array_like, Column or `~astropy.units.Quantity` of shape (n,) or ()
        Age of the Universe at the observation; yr if it has no unit.
    grid : AgeGrid, optional
        Ages, bins and timescales; the bins of Bagpipes, 10 and 100 Myr without it.

    Returns
    -------
    FormedStars
        Weights, mean rates, mean ages, and which models are possible.

    Raises
    ------
    InputError
        If the history is unknown, a parameter is missing, not finite or, where it has to be,
        not positive, or shapes or units do not match.

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
    shapes = get_history(name, "name").components
    grid = default_grid() if grid is None else grid
    columns = {
        (component, key): _column(parameters, component, key, shapes[component])
        for component, key in history_parameters(name, parameters)
    }
    columns, age = _broadcast(columns, age_of_universe)
    return form_stars(name, columns, age, grid)


def form_stars(name, columns, age, grid):
    """Compute what `history_weights` does, without its checks.

    Parameters
    ----------
    name : str or StarFormationHistory
        A history.
    columns : dict of (str, str) to ndarray of shape (n,)
        Parameters by component and name, in the units of the module's description; edges of the
        continuity history are common to all models.
    age : ndarray of shape (n,) or (1,)
        Age of the Universe at the observation in yr.
    grid : AgeGrid
        Ages, bins and timescales.

    Returns
    -------
    FormedStars
        Weights, mean rates, mean ages, and which models are possible.
    """
    shapes = get_history(name, "name").components
    n = max(len(column) for key, column in columns.items() if key[1] != _EDGES)
    parts = [
        _form_stars(shapes, *_take(columns, age, slice(start, start + _CHUNK)), grid)
        for start in range(0, n, _CHUNK)
    ]
    if len(parts) == 1:
        return FormedStars(*parts[0])
    return FormedStars(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def history_parameters(name, parameters):
    """Name the parameters of a history.

    Parameters
    ----------
    name : str or StarFormationHistory
        A history.
    parameters : dict
        As in `history_weights`; edges of bins say how many rates there are.

    Returns
    -------
    list of (str, str)
        Components and names.
    """
    shapes = get_history(name, "name").components
    mass = ["massformed"] if len(shapes) > 1 else []
    found = []
    for component, shape in shapes.items():
        names = [*shape.needs, *mass]
        if _EDGES in names:
            n_edges = np.size(_column(parameters, component, _EDGES, shape))
            names += [f"dsfr{i}" for i in range(1, n_edges - 1)]
        found += [(component, key) for key in names]
    return found


def _column(parameters, component, key, shape):
    """One parameter of a component as an array of floats, after a check."""
    name = f"{component}:{key}"
    if not isinstance(parameters, Mapping) or name not in parameters:
        meant = did_you_mean(name, parameters) if isinstance(parameters, Mapping) else ""
        msg = f"parameters must be a dict that has {name!r}: {meant}"
        raise InputError(msg.rstrip(": "))
    unit = shape.needs.get(key)
    column = to_floats(parameters[name], f"parameters[{name!r}]", unit=unit, sentinels=False)
    if key == _EDGES:
        return _checked_edges(column, name)
    sign = " and positive" if key in shape.positive else ""
    if not np.all(np.isfinite(column)) or (sign and not np.all(column > 0)):
        msg = f"parameters[{name!r}] must be finite{sign}"
        raise InputError(msg)
    return column


def _checked_edges(edges, name):
    """Edges of the continuity history, after a check."""
    if edges.ndim != 1 or edges.size < 3 or not np.all(np.diff(edges) > 0):
        msg = (
            f"parameters[{name!r}] must be three or more increasing ages in Myr, common to all "
            f"models, got {edges!r}"
        )
        raise InputError(msg)
    return edges


def _broadcast(columns, age_of_universe):
    """Parameters of shape (n,), and the age of the Universe of shape (n,) or (1,) [yr]."""
    age = np.atleast_1d(to_floats(age_of_universe, "age_of_universe", unit=u.yr))
    if not np.all(age > 0):
        msg = "age_of_universe must be positive and finite, in yr"
        raise InputError(msg)
    shapes = [column.shape for key, column in columns.items() if key[1] != _EDGES]
    try:
        shape = np.broadcast_shapes(age.shape, *shapes)
    except ValueError:
        shape = ()
    if len(shape) != 1:
        found = ", ".join(sorted({str(shape) for shape in (age.shape, *shapes)}))
        msg = f"parameters and age_of_universe must be numbers or of one shape (n,), got {found}"
        raise InputError(msg)
    return {
        key: column if key[1] == _EDGES else np.broadcast_to(column, shape)
        for key, column in columns.items()
    }, age


def _take(columns, age, rows):
    """Some of the models."""
    taken = {key: v if key[1] == _EDGES else v[rows] for key, v in columns.items()}
    return taken, age[rows] if age.size > 1 else age


def _form_stars(shapes, columns, age, grid):
    """Weights, rates, mean ages and possibility of models."""
    formed, moment, possible = None, 0.0, True
    for component, share in _shares(shapes, columns).items():
        shape = shapes[component]
        own = {key: columns[component, key] for name, key in columns if name == component}
        own.pop("massformed", None)
        below, first, oldest = shape.sums(grid, own, age)
        total = below[:, -1] - below[:, 0]
        possible = possible & (total > 0) & (oldest <= grid.first_beyond(age))
        scale = np.divide(share, total, out=np.zeros_like(total), where=total > 0)
        mass = below * scale[:, np.newaxis]
        formed = mass if formed is None else formed + mass
        moment = moment + first * scale
    formed[~possible] = 0.0
    weights, rates = grid.count(formed)
    return weights, rates, np.where(possible, moment, np.nan), possible


def _shares(shapes, columns):
    """Shares of the components in the mass formed."""
    if len(shapes) == 1:
        return dict.fromkeys(shapes, 1.0)
    log_mass = np.stack([columns[component, "massformed"] for component in shapes])
    mass = 10.0 ** (log_mass - log_mass.max(axis=0))
    return dict(zip(shapes, mass / mass.sum(axis=0), strict=True))
