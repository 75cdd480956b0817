"""Star-formation histories: their shapes, priors and references; a history is one record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from astropy import units as u
from scipy.special import gammainc, ndtr

from dustest.data.registry import Registry

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
    formed : Callable, optional
        ``formed(age_of_stars, **columns)``, the integral of the rate over age from any origin, in
        closed form. Without it the rate is summed over all ages of the grid, as Bagpipes does,
        which takes some 20 times longer.
    moment : Callable, optional
        ``moment(**columns)``, the integral of rate times age over all ages, of shape (n, 1), on
        the scale of ``formed``, which needs it.

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
    formed: Callable | None = None
    moment: Callable | None = None

    def sums(self, grid, parameters, age_of_universe):
        """Integrate a history over age.

        Parameters
        ----------
        grid : AgeGrid
            Ages and their bounds.
        parameters : dict of str to ndarray of shape (n,)
            Parameters of the component.
        age_of_universe : ndarray of shape (n,) or (1,)
            Age of the Universe in yr.

        Returns
        -------
        formed : ndarray of shape (n, n_bounds)
            Mass in stars younger than the bounds of the grid until the age of the Universe, on any
            scale and from any origin per model.
        moment : ndarray of shape (n,)
            Sum of mass times age, on the same scale.
        oldest : ndarray of shape (n,)
            Age in yr below which there are stars.
        """
        columns = (self.columns or self._in_years)(grid, parameters, age_of_universe)
        bounds, places = grid.until(age_of_universe.max())
        if self.formed is None:
            mass = self.rate(grid.ages, **columns) * grid.widths
            formed = np.pad(np.cumsum(mass, axis=1), ((0, 0), (1, 0)))[:, places]
            moment = mass @ grid.ages
        else:
            formed = self.formed(bounds, **columns)
            moment = np.broadcast_to(self.moment(**columns), (len(formed), 1))[:, 0]
        return formed, moment, np.broadcast_to(self.oldest(**columns), (len(formed), 1))[:, 0]

    def _in_years(self, _grid, parameters, _age_of_universe):
        """Parameters of shape (n, 1), times in yr."""
        return {key: self._scale[key] * value[:, np.newaxis] for key, value in parameters.items()}

    @cached_property
    def _scale(self):
        """Units of the parameters, in yr."""
        return {name: unit.to(u.yr) if unit else 1.0 for name, unit in self.needs.items()}


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
        "tau": tau[:, np.newaxis],
    }


def _lognormal_rate(age, now, log_tmax, tau):
    """Rate over its maximum."""
    return np.exp(-0.5 * np.square((_log_time(age, now) - log_tmax) / tau))


def _lognormal_formed(age, now, log_tmax, tau):
    """Minus the stars of a lognormal that formed before an age, in units of all it ever forms."""
    x = _log_time(age, now) - (log_tmax + tau**2)
    x /= tau
    np.negative(ndtr(x, out=x), out=x)
    return x


def _lognormal_moment(now, log_tmax, tau):
    """Integral of age, which is ``now`` less time."""
    x = (np.log(now) - log_tmax) / tau - tau
    return now * ndtr(x) - np.exp(log_tmax + 1.5 * tau**2) * ndtr(x - tau)


def _log_time(age, now):
    """Logarithm of the cosmic time at which stars of an age formed; very low before time 0."""
    return np.log(np.maximum(now - age, _NEVER))


def _no_limit(**_):
    """Stars that form with time are never older than it."""
    return np.zeros((1, 1))


def _exponential_rate(age_of_stars, age, tau):
    """Rate over that of the first stars."""
    since = age - age_of_stars
    return np.where(since > 0, np.exp(-np.maximum(since, 0.0) / tau), 0.0)


def _exponential_formed(age_of_stars, age, tau):
    """Minus the stars that formed before an age, at a rate of one at first."""
    return tau * np.expm1(-np.maximum(age - age_of_stars, 0.0) / tau)


def _exponential_moment(age, tau):
    """Integral of age: that of the first stars less the time since."""
    x = age / tau
    return tau * (age * gammainc(1.0, x) - tau * gammainc(2.0, x))


def _delayed_rate(age_of_stars, age, tau):
    """Rate in units of its slope at the first stars."""
    since = np.maximum(age - age_of_stars, 0.0) / tau
    return since * np.exp(-since)


def _delayed_formed(age_of_stars, age, tau):
    """Minus the stars that formed before an age, in the unit of the rate."""
    since = np.maximum(age - age_of_stars, 0.0) / tau
    return tau * (np.expm1(-since) + since * np.exp(-since))


def _delayed_moment(age, tau):
    """Integral of age: that of the first stars less the time since."""
    x = age / tau
    return tau * (age * gammainc(2.0, x) - 2.0 * tau * gammainc(3.0, x))


def _first_stars(age, **_):
    """The age at which stars began to form."""
    return age


def _constant_rate(age_of_stars, age_max, age_min):
    """One between the limits."""
    return ((age_of_stars > age_min) & (age_of_stars < age_max)).astype(float)


def _constant_formed(age_of_stars, age_max, age_min):
    """Time between the limits up to an age."""
    return np.clip(age_of_stars, age_min, age_max)


def _constant_moment(age_max, age_min):
    """Integral of age between the limits."""
    return 0.5 * (age_max**2 - age_min**2)


def _older_limit(age_max, **_):
    """The age at which stars began to form."""
    return age_max


def _burst_columns(grid, parameters, _age_of_universe):
    """The sampled age nearest to the burst."""
    return {"age": grid.nearest(1e9 * parameters["age"])[:, np.newaxis]}


def _burst_rate(age_of_stars, age):
    """One at the age."""
    return (age_of_stars == age).astype(float)


def _burst_formed(age_of_stars, age):
    """One beyond the age."""
    return (age_of_stars > age).astype(float)


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
    def sums(grid, parameters, age_of_universe):
        """Integrate a history over age, see `SampledShape.sums`.

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
        formed, moment, oldest : ndarray
            As returned by `SampledShape.sums`.
        """
        edges = 1e6 * parameters["bin_edges"][::-1]
        first = np.zeros_like(parameters["dsfr1"])
        steps = [parameters[f"dsfr{i}"] for i in range(1, edges.size - 1)]
        log_rate = np.cumsum([first, *steps], axis=0)
        rate = 10.0 ** (log_rate - log_rate.max(axis=0)).T
        older, younger = edges[:-1, np.newaxis], edges[1:, np.newaxis]
        formed = _constant_formed(grid.until(age_of_universe.max())[0], older, younger)
        moment = rate @ _constant_moment(older, younger)[:, 0]
        return rate @ formed, moment, np.full(len(rate), edges[0])


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
    _lognormal_formed,
    _lognormal_moment,
)
_declining = partial(
    SampledShape, {"age": u.Gyr, "tau": u.Gyr}, oldest=_first_stars, positive=("tau",)
)
_DELAYED = _declining(rate=_delayed_rate, formed=_delayed_formed, moment=_delayed_moment)
_EXPONENTIAL = _declining(
    rate=_exponential_rate, formed=_exponential_formed, moment=_exponential_moment
)
_CONSTANT = SampledShape(
    {"age_max": u.Gyr, "age_min": u.Gyr},
    _constant_rate,
    _older_limit,
    formed=_constant_formed,
    moment=_constant_moment,
)
_BURST = SampledShape(
    {"age": u.Gyr},
    _burst_rate,
    _age_and_beyond,
    columns=_burst_columns,
    formed=_burst_formed,
    moment=_first_stars,
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
