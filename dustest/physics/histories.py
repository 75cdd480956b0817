"""Star-formation histories: their shapes, priors and references; a history is one record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from astropy import units as u

from dustest.data.registry import Registry
from dustest.physics.stellar.age_grid import N_NODES

__all__ = [
    "AGE",
    "HISTORIES",
    "Continuity",
    "SampledShape",
    "StarFormationHistory",
    "get_history",
    "list_histories",
    "register_history",
]

AGE = "age_of_universe"
"""Limit of a prior that is the age of the Universe."""

_STEEP = 1.5  # e-folds from the middle of a segment to its end
_FAINT = 30.0  # e-folds below the greatest rate
_EARLY = 0.3  # half a segment over the time since the Big Bang
_BEND = 0.7  # half a segment over sqrt(2) times the width of a lognormal
_NEVER = 1e-100  # yr


@dataclass(frozen=True)
class SampledShape:
    """A history of one component as a function of age.

    Parameters
    ----------
    needs : dict of str to Unit or None
        Its parameters and their units, None for numbers.
    rate : Callable
        ``rate(age_of_stars, **columns)``, the star-formation rate on any scale; ages in yr.
    oldest : Callable
        ``oldest(**columns)``, the age in yr below which there are stars, of shape (n, 1).
    positive : tuple of str, optional
        Parameters that have to be above zero.
    columns : Callable, optional
        ``columns(grid, parameters, age_of_universe)`` returns what the other functions take,
        arrays of shape (n, 1) by name. By default these are the parameters, times in yr.
    rough : Callable, optional
        ``rough(low, high, **columns)``, whether the rate is no smooth function between two ages
        (bool of shape (n, n_segments)). There the history is sampled at all ages of the grid,
        which takes longer; by default it is sampled so everywhere.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from dustest.physics import SampledShape
    >>> def rising(age_of_stars, age, tau):
    ...     since = age - age_of_stars
    ...     return np.where(since > 0, np.exp(np.maximum(since, 0.0) / tau), 0.0)
    >>> shape = SampledShape({"age": u.Gyr, "tau": u.Gyr}, rising, lambda age, **_: age, ("tau",))
    >>> list(shape.needs)
    ['age', 'tau']
    """

    needs: Mapping
    rate: Callable
    oldest: Callable
    positive: tuple = ()
    columns: Callable | None = None
    rough: Callable | None = None

    def sums(self, grid, parameters, age_of_universe):
        """Sum a history over the ages of segments.

        Parameters
        ----------
        grid : AgeGrid
            Ages and segments.
        parameters : dict of str to ndarray of shape (n,)
            Parameters of the component.
        age_of_universe : ndarray of shape (n,) or (1,)
            Age of the Universe in yr.

        Returns
        -------
        mass : ndarray of shape (n, n_segments)
            Mass formed in the segments, on any scale per model.
        moment : ndarray of shape (n,)
            Sum of mass times age, on the same scale.
        oldest : ndarray of shape (n,)
            Age in yr below which there are stars.
        """
        make = self.columns or self._in_years
        columns = make(grid, parameters, age_of_universe)
        use = np.searchsorted(grid.low, age_of_universe.max())
        rough = self._rough(grid.low[:use], grid.high[:use], columns)
        nodes = slice(0, use * N_NODES)
        rate = self.rate(grid.nodes[nodes], **columns)
        rate.reshape(len(rate), use, N_NODES)[rough] = 0.0
        mass, moment = rate @ grid.node_sums[nodes], rate @ grid.node_moments[nodes]
        self._add_rough(grid, columns, np.nonzero(rough), mass, moment)
        return mass, moment, np.broadcast_to(self.oldest(**columns), (len(mass), 1))[:, 0]

    def _in_years(self, _grid, parameters, _age_of_universe):
        """Parameters of shape (n, 1), times in yr."""
        scale = {name: unit.to(u.yr) if unit else 1.0 for name, unit in self.needs.items()}
        return {key: scale[key] * value[:, np.newaxis] for key, value in parameters.items()}

    def _rough(self, low, high, columns):
        """Where the history is sampled at all ages, of shape (n, n_segments)."""
        if self.rough is None:
            return np.ones((max(map(len, columns.values())), len(low)), dtype=bool)
        return self.rough(low, high, **columns)

    def _add_rough(self, grid, columns, pairs, mass, moment):
        """Add the sums over all ages of segments that need more than nodes; changes its arrays."""
        rows, segments = pairs
        own = {key: value[rows] if len(value) > 1 else value for key, value in columns.items()}
        ages = grid.segment_ages[segments]
        formed = self.rate(ages, **own)
        formed *= grid.segment_widths[segments]
        mass[rows, segments] = formed.sum(axis=1)
        moments = np.einsum("ij,ij->i", formed, ages)
        moment += np.bincount(rows, moments, minlength=len(moment))


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
    """Logarithm of the cosmic time at which stars of an age formed; very low before time 0."""
    time = now - age
    np.maximum(time, _NEVER, out=time)
    return np.log(time, out=time)


def _lognormal_rate(age, now, log_tmax, inverse):
    """Rate over its maximum."""
    x = _log_time(age, now) - log_tmax
    x *= inverse
    x *= x
    np.negative(x, out=x)
    return np.exp(x, out=x)


def _lognormal_rough(low, high, now, inverse, **_):
    """Segments at whose earliest time the rate bends by much, or that the first one falls into."""
    half, early = 0.5 * (high - low), np.maximum(now - high, _NEVER)
    return (low < now) & (half > early * np.minimum(_EARLY, _BEND / inverse))


def _no_limit(**_):
    """Stars that form with time are never older than it."""
    return np.zeros((1, 1))


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


def _first_stars(age, **_):
    """The age at which stars began to form."""
    return age


def _constant_rate(age_of_stars, age_max, age_min):
    """One between the limits."""
    return ((age_of_stars > age_min) & (age_of_stars < age_max)).astype(float)


def _constant_rough(low, high, age_max, age_min):
    """Segments that a limit falls into."""
    return ((low < age_max) & (high >= age_max)) | ((low <= age_min) & (high > age_min))


def _older_limit(age_max, **_):
    """The age at which stars began to form."""
    return age_max


def _burst_columns(grid, parameters, _age_of_universe):
    """The sampled age nearest to the burst."""
    return {"age": grid.nearest(1e9 * parameters["age"])[:, np.newaxis]}


def _burst_rate(age_of_stars, age):
    """One at the age."""
    return (age_of_stars == age).astype(float)


def _burst_rough(low, high, age):
    """The segment of the age."""
    return (low <= age) & (age <= high)


def _age_and_beyond(age, **_):
    """The age itself is part of the history."""
    return np.nextafter(age, np.inf)


@dataclass(frozen=True)
class Continuity:
    """Constant rates between ages that all models share: a sum of constant histories."""

    @property
    def needs(self):
        """Its parameters and their units; the ratios of rates depend on the bins."""
        return {"bin_edges": u.Myr}

    @property
    def positive(self):
        """No parameter has to be above zero."""
        return ()

    @staticmethod
    def sums(grid, parameters, _age_of_universe):
        """Sum a history over the ages of segments, see `SampledShape.sums`.

        Parameters
        ----------
        grid : AgeGrid
            Ages and segments.
        parameters : dict of str to ndarray of shape (n,)
            Parameters of the component.
        _age_of_universe : ndarray
            Not used.

        Returns
        -------
        mass, moment, oldest : ndarray
            As returned by `SampledShape.sums`.
        """
        edges = 1e6 * parameters["bin_edges"][::-1]
        first = np.zeros_like(parameters["dsfr1"])
        steps = [parameters[f"dsfr{i}"] for i in range(1, edges.size - 1)]
        log_rate = np.cumsum([first, *steps], axis=0)
        rate = 10.0 ** (log_rate - log_rate.max(axis=0)).T
        old, young = edges[:-1, np.newaxis, np.newaxis], edges[1:, np.newaxis, np.newaxis]
        ages = grid.segment_ages
        formed = np.where((ages < old) & (ages > young), grid.segment_widths, 0.0)
        moment = rate @ np.sum(formed * ages, axis=(1, 2))
        return rate @ formed.sum(axis=2), moment, np.full(len(rate), edges[0])


@dataclass(frozen=True)
class StarFormationHistory:
    """A star-formation history of one or more components.

    Parameters
    ----------
    name : str
        Name by which it is chosen.
    components : dict of str to SampledShape or Continuity
        Its components by name. Bagpipes knows them by these names.
    priors : dict or Callable
        Default priors of fits, as flat mapping ``component:parameter``: (low, high) for a free
        parameter, a number for a fixed one, and ``..._prior`` for the shape of the prior; the word
        ``AGE`` is the age of the Universe [Gyr]. Or a function of that age which returns them.
        Masses and metallicities have the same priors in all histories.
    formula : str, optional
        Its rate, for the documentation.
    in_bagpipes : bool, optional
        Whether Bagpipes has the components, so that ``engine="bagpipes"`` can fit them.
    references : tuple of str, optional
        BibTeX keys of the references of dustest, or BibTeX entries.
    aliases : tuple of str, optional
        Further names.

    Examples
    --------
    >>> from dustest.physics import get_history
    >>> get_history("delayed").parameters
    ['delayed:age', 'delayed:tau']
    """

    name: str
    components: Mapping
    priors: object
    formula: str = ""
    in_bagpipes: bool = False
    references: tuple = ()
    aliases: tuple = ()

    @property
    def parameters(self):
        """Names of the parameters of the shapes."""
        return [f"{name}:{key}" for name, shape in self.components.items() for key in shape.needs]

    def priors_at(self, age_of_universe):
        """Default priors.

        Parameters
        ----------
        age_of_universe : float
            Age of the Universe at the observation in Gyr.

        Returns
        -------
        priors : dict
            Flat mapping of the parameters.
        """
        return self.priors(age_of_universe) if callable(self.priors) else dict(self.priors)


_START = 1e-3
"""Gyr, the earliest start of star formation in Fu et al."""
_TIMES = (_START, AGE)

_LOGNORMAL = SampledShape(
    {"tmax": u.Gyr, "fwhm": u.Gyr},
    _lognormal_rate,
    _no_limit,
    ("tmax", "fwhm"),
    _lognormal_columns,
    _lognormal_rough,
)
_declining = partial(
    SampledShape,
    {"age": u.Gyr, "tau": u.Gyr},
    oldest=_first_stars,
    positive=("tau",),
    rough=_declining_rough,
)
_DELAYED, _EXPONENTIAL = _declining(rate=_delayed_rate), _declining(rate=_exponential_rate)
_CONSTANT = SampledShape(
    {"age_max": u.Gyr, "age_min": u.Gyr}, _constant_rate, _older_limit, rough=_constant_rough
)
_BURST = SampledShape(
    {"age": u.Gyr}, _burst_rate, _age_and_beyond, columns=_burst_columns, rough=_burst_rough
)


def _declining_priors(*components):
    """Start and time-scale of components that decline."""
    return {
        f"{name}:{key}": value
        for name in components
        for key, value in {"age": _TIMES, "tau": (0.01, 10.0), "tau_prior": "log_10"}.items()
    }


def _continuity_priors(age, n_bins=6, first=10.0):
    """Bins of 0-10 Myr, then even in log lookback time to the first stars; Leja et al. (2019)."""
    edges = np.geomspace(first, (age - _START) * 1e3, n_bins)
    priors = {"continuity:bin_edges": [0.0, *edges.tolist()]}
    for i in range(1, n_bins):
        priors |= {
            f"continuity:dsfr{i}": (-10.0, 10.0),
            f"continuity:dsfr{i}_prior": "student_t",
            f"continuity:dsfr{i}_prior_df": 2.0,
            f"continuity:dsfr{i}_prior_scale": 0.3,
        }
    return priors


_of_bagpipes = partial(StarFormationHistory, in_bagpipes=True)

HISTORIES = Registry(
    "star-formation history",
    StarFormationHistory,
    [
        _of_bagpipes(
            "lognormal",
            {"lognormal": _LOGNORMAL},
            {"lognormal:tmax": _TIMES, "lognormal:fwhm": _TIMES},
            "lognormal in cosmic time, with its maximum at tmax and a full width at half maximum",
            references=("Carnall2019", "Gladders2013"),
        ),
        _of_bagpipes(
            "delayed",
            {"delayed": _DELAYED},
            _declining_priors("delayed"),
            "t exp(-t / tau)",
            references=("Carnall2019",),
        ),
        _of_bagpipes(
            "constant",
            {"constant": _CONSTANT},
            {"constant:age_max": _TIMES, "constant:age_min": 0.0},
            "1 between two ages",
        ),
        _of_bagpipes(
            "exponential",
            {"exponential": _EXPONENTIAL},
            _declining_priors("exponential"),
            "exp(-t / tau)",
            references=("Carnall2019",),
        ),
        _of_bagpipes(
            "double_delayed",
            {"delayed1": _DELAYED, "delayed2": _DELAYED},
            _declining_priors("delayed1", "delayed2"),
            "two delayed",
            references=("Carnall2019",),
        ),
        _of_bagpipes(
            "delayed_burst",
            {"delayed": _DELAYED, "burst": _BURST},
            _declining_priors("delayed") | {"burst:age": _TIMES},
            "delayed, and all stars of the burst at one age",
            references=("Carnall2019",),
        ),
        _of_bagpipes(
            "continuity",
            {"continuity": Continuity()},
            _continuity_priors,
            "constant in each bin of age; dsfr1 is the log10 of the rate of the second oldest bin "
            "over that of the oldest, and so on",
            references=("Leja2019",),
        ),
    ],
)
"""The histories by name."""


def list_histories():
    """Name the star-formation histories.

    Returns
    -------
    list of str
        Names.

    Examples
    --------
    >>> from dustest.physics import list_histories
    >>> list_histories()[:3]
    ['lognormal', 'delayed', 'constant']
    """
    return list(HISTORIES)


def get_history(history, argument="history"):
    """Look up a star-formation history.

    Parameters
    ----------
    history : str or StarFormationHistory
        A name in any letter case, or a history, which is returned.
    argument : str, optional
        Name of the user's argument, for the message.

    Returns
    -------
    StarFormationHistory
        The history.

    Raises
    ------
    InputError
        If there is none of that name.

    Examples
    --------
    >>> from dustest.physics import get_history
    >>> list(get_history("delayed_burst").components)
    ['delayed', 'burst']
    """
    if isinstance(history, StarFormationHistory):
        return history
    return HISTORIES.find(history, argument)


def register_history(history):
    """Add a star-formation history, which `~dustest.BagpipesEstimator` then knows by its name.

    Parameters
    ----------
    history : StarFormationHistory
        The history.

    Returns
    -------
    StarFormationHistory
        The same.

    Raises
    ------
    InputError
        If it is no history, or another one has the name or an alias.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from dustest import BagpipesEstimator
    >>> from dustest.physics import get_history, register_history
    >>> young = {"delayed:age": (0.001, 0.1), "delayed:tau": (0.01, 10.0)}
    >>> history = replace(get_history("delayed"), name="young", priors=young)
    >>> BagpipesEstimator(sfh=register_history(history).name).sfh
    'young'
    """
    return HISTORIES.register(history)
