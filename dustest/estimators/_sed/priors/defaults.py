"""Priors of SED models as fit instructions, for both engines.

Everything is a flat mapping in Bagpipes' own parameter names (``"dust:Av"``,
``"dust:Av_prior"``): a pair of limits is a free parameter, a number a fixed one, the name of
another parameter a mirror of it.

The limits of mass, metallicity, attenuation and ionisation are those of Fu et al.  The paper does
not state the shape of the priors on times and time-scales: here epochs and ages are uniform,
exponential time-scales log-uniform, the SFR ratios of the continuity history Student-t
(Leja et al. 2019, ApJ 876, 3, section 2.2).
"""

import numpy as np

from dustest.data.checks.numbers import is_number
from dustest.data.errors import InputError
from dustest.data.identity.describe import describe
from dustest.data.messages import did_you_mean
from dustest.estimators._sed.clear_light import ESCAPE_FRACTION, FRAC_CLEAR
from dustest.estimators._sed.components import (
    AGN_MODELS,
    COMPONENTS,
    check_components,
    component_of,
)
from dustest.estimators._sed.gas_dust import GAS_RATIO
from dustest.estimators._sed.parameter_checks import check_choice
from dustest.estimators._sed.priors.fitted_law import fitted_law
from dustest.estimators._sed.priors.redshift_density import RedshiftDensity
from dustest.physics.cosmology import BAGPIPES_COSMOLOGY, check_cosmology
from dustest.physics.histories import AGE, HISTORIES, get_history

__all__ = [
    "BAGPIPES_REDSHIFT",
    "MAX_REDSHIFT",
    "MIN_REDSHIFT",
    "PRIOR_SHAPES",
    "age_of_universe",
    "fit_instructions",
    "fitted_cosmology",
    "fitted_history",
    "own_priors",
]

_FREE_REDSHIFT_SIGMAS = 3.0
MIN_REDSHIFT, MAX_REDSHIFT = 1e-3, 20.0
BAGPIPES_REDSHIFT = 10.0
"""The last redshift of the table of Bagpipes of the intergalactic medium."""

PRIOR_SHAPES = {
    "uniform": (),
    "log_10": (),
    "log_e": (),
    "pow_10": (),
    "recip": (),
    "recipsq": (),
    "Gaussian": ("mu", "sigma"),
    "student_t": (),
    "exponential": ("scale",),
}
"""Numbers that a prior needs besides its limits, by its shape."""
_POSITIVE_PDFS = ("log_10", "log_e", "recip", "recipsq")
_ANY_AGE = 1.0
"""Age of the Universe in Gyr at which histories have the same parameters as at any other."""
_HYPER = ("mu", "sigma", "df", "loc", "scale")
_POSITIVE_HYPER = ("sigma", "df", "scale")
_TYPES = {
    "noise:type": ("white_scaled", "noise:scaling"),
    "calib:type": ("polynomial_bayesian", "calib:0"),
}
"""Options of Bagpipes for the noise and the calibration of a spectrum, and their parameters."""
_OPTIONAL = (
    "t_bc",
    "veldisp",
    "dust:eta",
    FRAC_CLEAR,
    GAS_RATIO,
    "dust:qpah",
    "dust:umin",
    "dust:gamma",
    "nebular:fesc",
    ESCAPE_FRACTION,
    "nebular:metallicity",
    "nebular:velshift",
    "dla:logN_HI",
    "dla:T",
    "dla:b_turb",
    "noise:type",
    "noise:scaling",
    "calib:type",
    "calib:0",
    "calib:1",
    "calib:2",
)
_COMMON = {
    "dust:Av": (1e-4, 10.0),
    "dust:Av_prior": "log_10",
    "nebular:logU": (-4.0, -2.0),
}


def fitted_history(sfh, engine="tabulated"):
    """Look up the star-formation history of a fit.

    Parameters
    ----------
    sfh : str or StarFormationHistory
        The history, see `~dustest.physics.get_history`.
    engine : {"tabulated", "bagpipes"}, optional
        Engine that must know it, for the message.

    Returns
    -------
    StarFormationHistory
        The history.

    Raises
    ------
    InputError
        If there is none of that name, or Bagpipes must know it and does not.
    """
    history = get_history(sfh, "sfh")
    if engine == "bagpipes" and not history.in_bagpipes:
        known = ", ".join(name for name, one in HISTORIES.items() if one.in_bagpipes)
        msg = (
            f"Bagpipes has no star-formation history {history.name!r}, it has {known}: take "
            "engine='tabulated' without escalate, or one of these"
        )
        raise InputError(msg)
    return history


def fitted_cosmology(cosmology, engine="tabulated"):
    """Look up the cosmology of a fit.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW` or None
        The cosmology, None for that of Bagpipes.
    engine : {"tabulated", "bagpipes"}, optional
        Engine that must have it, for the message.

    Returns
    -------
    `~astropy.cosmology.FLRW`
        The cosmology; `BAGPIPES_COSMOLOGY` for an equal one of any name.

    Raises
    ------
    InputError
        If it is none of astropy, or Bagpipes must have it and has another.
    """
    if cosmology is None or _is_of_bagpipes(check_cosmology(cosmology)):
        return BAGPIPES_COSMOLOGY
    if engine == "bagpipes":
        msg = (
            "Bagpipes has the cosmology FlatLambdaCDM(H0=70, Om0=0.3) alone, got cosmology="
            f"{cosmology!r:.80}: take engine='tabulated' without escalate, or convert the results "
            "by dustest.physics.convert_quantity"
        )
        raise InputError(msg)
    return cosmology


def _is_of_bagpipes(cosmology):
    """Whether a cosmology is that of Bagpipes, apart from its name."""
    return describe(cosmology) == describe(BAGPIPES_COSMOLOGY)


def fit_instructions(
    sfh,
    dust_law,
    redshift,
    redshift_spread=None,
    priors=None,
    cosmology=BAGPIPES_COSMOLOGY,
    highest=MAX_REDSHIFT,
    own_age=False,
    components=(),
):
    """Fit instructions for one galaxy.

    Parameters
    ----------
    sfh : str or StarFormationHistory
        The history, see `fitted_history`.
    dust_law : str, DustLaw or model of dust_extinction
        The law, see `fitted_law`.
    redshift : float
        Redshift, above 0 and at most ``highest``.
    redshift_spread : float or RedshiftDensity, optional
        Standard deviation of a Gaussian prior on the redshift, cut at three of them, or the prior
        itself. The redshift is fixed without it.
    priors : dict, optional
        Flat mapping in Bagpipes' parameter names that replaces or adds to the defaults.
    cosmology : `~astropy.cosmology.FLRW`, optional
        Cosmology of the ages of the Universe.
    highest : float, optional
        Redshift at which priors are cut, as they are at 0.001.
    own_age : bool, optional
        Whether limits at the age of the Universe remain a word if the redshift is free, for
        `SEDPrior`; otherwise they are the age at the lowest redshift.
    components : tuple of str, optional
        Optional components of the model, of `COMPONENTS`. Priors of the far infrared are left
        out without it.

    Returns
    -------
    instructions : dict
        Nested mapping in the form of Bagpipes.

    Raises
    ------
    InputError
        If a name is unknown or a prior is invalid.
    """
    history, law = fitted_history(sfh), fitted_law(dust_law)
    redshifts = _redshift_prior(redshift, redshift_spread, highest)
    low, high = np.broadcast_to(redshifts["redshift"], 2).tolist()
    first = age_of_universe(high, cosmology)
    last = first if low == high else age_of_universe(low, cosmology)
    flat = _COMMON | law.priors | _history_priors(history, first)
    for name in components:
        flat |= COMPONENTS[name]
    unused = {"far_infrared"}.difference(components)
    given = (priors or {}).items()
    asked = {key: value for key, value in given if component_of(key) not in unused}
    flat |= _checked_names(asked, flat)
    numbers = {key: _at_age(value, last) for key, value in flat.items()}
    _check_values(numbers)
    flat = (flat if own_age and low < high else numbers) | redshifts
    _check_freedom(flat)
    return _nest(flat | {"dust:type": law.bagpipes or law.law.name})


def own_priors(members, priors):
    """Assign priors to models by the names of their parameters.

    Parameters
    ----------
    members : sequence of (sfh, dust_law, components)
        Histories, dust laws and optional components of the models, as `fit_instructions` takes
        them.
    priors : dict or None
        Flat mapping in Bagpipes' parameter names.

    Returns
    -------
    list of dict
        For each model the priors of its parameters, and those that no model knows, for which
        `fit_instructions` raises an error.

    Examples
    --------
    >>> from dustest.estimators._sed.priors.defaults import own_priors
    >>> own_priors([("delayed", "SMC", ()), ("delayed", "Salim", ())], {"dust:B": 1.0})
    [{}, {'dust:B': 1.0}]
    """
    known = [{key for key in priors or {} if _is_known(key, _parameters(*one))} for one in members]
    foreign = set().union(*known)
    return [
        {key: value for key, value in (priors or {}).items() if key in own or key not in foreign}
        for own in known
    ]


def _parameters(sfh, dust_law, components):
    """Names of the parameters that priors of a model may have."""
    history = _history_priors(fitted_history(sfh), _ANY_AGE)
    flat = _COMMON | fitted_law(dust_law).priors | history | COMPONENTS["far_infrared"]
    for name in components:
        flat |= COMPONENTS[name]
    return {key for key in flat if "_prior" not in key} | set(_OPTIONAL)


def _history_priors(history, age):
    """Flat mapping of the components: their shapes, masses and one metallicity."""
    shapes, flat, first = history.priors_at(age), {}, next(iter(history.components))
    for name in history.components:
        flat |= {key: value for key, value in shapes.items() if key.startswith(f"{name}:")}
        flat[f"{name}:massformed"] = (5.0, 12.0)
        flat[f"{name}:metallicity"] = (1e-6, 10.0) if name == first else f"{first}:metallicity"
    return flat | {f"{first}:metallicity_prior": "log_10"}


def age_of_universe(redshift, cosmology):
    """Age of the Universe, at most that of the oldest stars of the models.

    Parameters
    ----------
    redshift : float
        Redshift.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.

    Returns
    -------
    float
        Age in Gyr; at most 13.47, the age today in the cosmology of Bagpipes.
    """
    age = float(cosmology.age(redshift).to_value("Gyr"))
    return min(age, float(BAGPIPES_COSMOLOGY.age(0.0).value))


def _redshift_prior(redshift, spread, highest):
    """Flat mapping of the redshift: fixed, Gaussian, or of any density."""
    if spread is None:
        return {"redshift": redshift}
    if isinstance(spread, RedshiftDensity):
        return _density_prior(spread, highest)
    reach = _FREE_REDSHIFT_SIGMAS * spread
    return {
        "redshift": (max(redshift - reach, MIN_REDSHIFT), min(redshift + reach, highest)),
        "redshift_prior": "Gaussian",
        "redshift_prior_mu": redshift,
        "redshift_prior_sigma": spread,
    }


def _density_prior(density, highest):
    """Flat mapping of a redshift whose prior is a density."""
    inside = density.within(MIN_REDSHIFT, highest)
    if inside is None:
        msg = (
            f"the density of the redshift must lie from {MIN_REDSHIFT:g} to {highest:g}, got "
            f"redshifts from {density.limits[0]:.4g} to {density.limits[1]:.4g}"
        )
        raise InputError(msg)
    return {
        "redshift": inside.limits,
        "redshift_prior": "density",
        "redshift_prior_places": inside.redshift,
        "redshift_prior_below": inside.below,
    }


def _checked_names(priors, defaults):
    """The user's priors with lists converted to pairs, after a check of every name."""
    parameters = {key for key in defaults if "_prior" not in key} | set(_OPTIONAL)
    unknown = [key for key in priors if not _is_known(key, parameters)]
    if unknown:
        msg = (
            f"priors has names that this model does not know: {', '.join(map(repr, unknown))}: "
            f"{_needed_component(unknown) or _meant(unknown, parameters)}known are "
            f"{', '.join(sorted(parameters))}, each also with _prior (the shape) and _prior_ plus "
            f"one of {', '.join(_HYPER)}; the redshift and the dust law are arguments of their own"
        )
        raise InputError(msg)
    return {
        key: tuple(value) if isinstance(value, list) and not _is_sequence(key) else value
        for key, value in priors.items()
    }


def _is_sequence(key):
    """Whether a parameter is itself a sequence of numbers."""
    return key.endswith(":bin_edges")


def _needed_component(unknown):
    """What to set for parameters of components that the model does not have."""
    components = {component_of(name) for name in unknown} - {None}
    values = [next(v for v, own in AGN_MODELS.items() if one in own) for one in components]
    return f"they need agn={values[0]!r}; " if len(values) == 1 else ""


def _meant(unknown, parameters):
    """Suggestions of known parameters for unknown names."""
    hints = []
    for name in unknown:
        shape = "_prior" in str(name)
        known = [f"{key}_prior" for key in parameters] if shape else parameters
        hints.append(_same_word(name, parameters) or did_you_mean(name, known))
    return "".join(hints)


def _same_word(name, parameters):
    """Suggestion of parameters with the same letters after their component."""
    word = _letters(str(name).rpartition(":")[-1])
    same = sorted(key for key in parameters if _letters(key.rpartition(":")[-1]) == word)
    return f"did you mean {' or '.join(map(repr, same))}? " if same else ""


def _letters(word):
    """Letters and digits of a word, in lower case."""
    return "".join(filter(str.isalnum, word)).lower()


def _is_known(key, parameters):
    """Whether a name is a parameter, its shape or a number of its shape."""
    parameter, separator, hyper = str(key).partition("_prior")
    hyper_is_known = hyper == "" or hyper.removeprefix("_") in _HYPER
    return parameter in parameters and (not separator or hyper_is_known)


def _at_age(value, age):
    """A value with the age of the Universe [Gyr] in place of the word."""
    if isinstance(value, tuple):
        return tuple(age if limit == AGE else limit for limit in value)
    return value


def _check_values(flat):
    """Raise an error for limits and shapes that Bagpipes would accept silently or crash on."""
    for key, value in flat.items():
        if key.endswith("_prior"):
            _check_shape(key, value, flat)
        elif "_prior_" in key:
            _check_hyper(key, value)
        elif key.endswith(":type"):
            _check_type(key, value, flat)
        elif _is_sequence(key):
            _check_edges(key, value, flat)
        elif isinstance(value, tuple):
            _check_limits(key, value, flat.get(f"{key}_prior", "uniform"))
        elif isinstance(value, str):
            _check_mirror(key, value, flat)
        elif not is_number(value):
            msg = f"priors[{key!r}] must be (low, high), a finite number or a name, got {value!r}"
            raise InputError(msg)
    _check_companions(flat)
    for key in (FRAC_CLEAR, ESCAPE_FRACTION):
        _check_fraction(key, flat.get(key, 0.0))
    check_components(flat)


def _check_fraction(key, value):
    """Raise an error for a share, or limits of it, outside 0 to 1."""
    if not isinstance(value, str) and not (0.0 <= np.min(value) <= np.max(value) <= 1.0):
        msg = f"priors[{key!r}] must lie from 0 to 1, as it is a share, got {value!r}"
        raise InputError(msg)


def _check_hyper(key, value):
    """Raise an error for an invalid number of a shape, or a width that is not positive."""
    if not is_number(value) or (key.rpartition("_")[-1] in _POSITIVE_HYPER and value <= 0):
        word = "positive" if key.rpartition("_")[-1] in _POSITIVE_HYPER else "finite"
        msg = f"priors[{key!r}] must be a {word} number, got {value!r}"
        raise InputError(msg)


def _check_type(key, value, flat):
    """Raise an error for a type of noise or calibration that is unknown or has no parameter."""
    kind, needed = _TYPES[key]
    check_choice(f"priors[{key!r}]", value, (kind,))
    if needed not in flat:
        msg = f"priors[{key!r}] needs {needed} in priors as well"
        raise InputError(msg)


def _check_companions(flat):
    """Raise an error for noise and calibration without their type, which would be ignored."""
    for key, (kind, _) in _TYPES.items():
        component = key.partition(":")[0] + ":"
        if key not in flat and any(name.startswith(component) for name in flat):
            msg = f"priors with {component}... need {key!r} as well: add {{{key!r}: {kind!r}}}"
            raise InputError(msg)


def _check_edges(key, value, flat):
    """Raise an error for edges of bins that do not increase from zero on, or of too many bins."""
    edges = list(value) if isinstance(value, list | tuple) else []
    most = 2 + sum(name.startswith("continuity:dsfr") and "_prior" not in name for name in flat)
    numbers = 2 < len(edges) <= most and all(map(is_number, edges)) and edges[0] == 0
    if not numbers or not np.all(np.diff(edges) > 0):
        msg = (
            f"priors[{key!r}] must be 3 to {most} increasing lookback times in Myr, the first of "
            f"them 0, got {value!r}"
        )
        raise InputError(msg)


def _check_shape(key, value, flat):
    """Raise an error for an unknown shape of prior, or one without its numbers."""
    check_choice(f"priors[{key!r}]", value, tuple(PRIOR_SHAPES))
    missing = [f"{key}_{hyper}" for hyper in PRIOR_SHAPES[value] if f"{key}_{hyper}" not in flat]
    if missing:
        msg = f"priors[{key!r}] = {value!r} needs {' and '.join(missing)} in priors as well"
        raise InputError(msg)


def _check_limits(key, limits, shape):
    """Raise an error for limits that do not increase, or are not positive as the shape needs."""
    if len(limits) != 2 or not all(map(is_number, limits)) or not limits[0] < limits[1]:
        hint = _limits_hint(limits)
        msg = f"priors[{key!r}] must be two increasing finite numbers, got {limits!r}: {hint}"
        raise InputError(msg.rstrip(": "))
    if shape in _POSITIVE_PDFS and limits[0] <= 0:
        msg = (
            f"priors[{key!r}] must have positive limits because its prior is {shape}, got "
            f"{limits!r}; set priors['{key}_prior'] to 'uniform' for limits that reach zero"
        )
        raise InputError(msg)


def _limits_hint(limits):
    """Hint for limits that cannot be used."""
    words = [did_you_mean(limit, (AGE,)) for limit in limits if isinstance(limit, str)]
    if words:
        return words[0]
    inverted = len(limits) == 2 and all(map(is_number, limits)) and limits[0] > limits[1]
    return "the lower one comes first" if inverted else ""


def _check_mirror(key, value, flat):
    """Raise an error for a name that is no parameter."""
    parameters = [name for name in flat if "_prior" not in name]
    if value not in parameters:
        hint = _meant([value], parameters)
        msg = f"priors[{key!r}] names no parameter of this model: {value!r}: {hint}"
        raise InputError(msg.rstrip(": "))


def _check_freedom(flat):
    """Raise an error for a model with fewer free parameters than the sampler can work with."""
    free = [key for key, value in flat.items() if isinstance(value, tuple)]
    if len(free) < 2:
        msg = f"priors must leave at least two parameters free, got {free or 'none'}"
        raise InputError(msg)


def _nest(flat):
    """Nested mapping component -> parameter -> value."""
    nested = {}
    for key, value in flat.items():
        component, separator, parameter = key.partition(":")
        if separator:
            nested.setdefault(component, {})[parameter] = value
        else:
            nested[component] = value
    return nested
