"""Settings of the models of a fit, from the parameters of the estimator after their checks."""

from collections.abc import Mapping
from numbers import Integral

import numpy as np

from dustest.data.checks.numbers import as_bytes, check_limits, check_number, is_number
from dustest.data.errors import InputError
from dustest.estimators._sed.averaging import Alternatives
from dustest.estimators._sed.clear_light import check_for_bagpipes
from dustest.estimators._sed.components import AGN_MODELS, refuse_components
from dustest.estimators._sed.data_corrections import (
    check_template_error,
    floors_by_band,
    zero_point_factors,
)
from dustest.estimators._sed.parameter_checks import check_choice, years
from dustest.estimators._sed.posterior import Settings
from dustest.estimators._sed.priors.defaults import (
    fit_instructions,
    fitted_cosmology,
    fitted_history,
    own_priors,
)
from dustest.estimators._sed.priors.fitted_law import fitted_law
from dustest.estimators._sed.priors.joint_priors import (
    check_joint_priors,
    joint_priors_of,
    weigh_models,
)
from dustest.estimators._sed.priors.prior_transform import SEDPrior
from dustest.estimators._sed.tabulated.model_pool import check_tabulated
from dustest.estimators.run.options import check_switch
from dustest.physics.resolution import DISPERSERS

__all__ = ["ENGINES", "settings_of", "single_model"]

ENGINES = {"tabulated": ("Cappe2004",), "bagpipes": ("Lange2023",)}
"""References by engine."""
_REDSHIFTS = ("fixed", "free")
_LIKELIHOODS = ("gaussian", "robust")
_LYMAN_ALPHA = ("mask", "model")
_FRACTIONS = "two limits of a fraction, from 0 to 1 and ascending, such as (0, 0.2)"
_NOISE_FACTORS = (
    "two limits of the factor of the errors of spectra, ascending and above 0, such as (0.5, 3)"
)
_MAX_ORDER = 10
"""Of the calibration polynomial of a spectrum."""
_OF_TABLES = {
    "likelihood": "gaussian",
    "fractional_error": None,
    "agn": False,
    "nebular_law": None,
    "flux_calibration": None,
    "slit_loss": None,
    "noise_scale": None,
}
"""Parameters that only the tables have, and what they are without effect."""
_TRIAL_REDSHIFT = 0.01
"""Redshift at which priors are tested: the Universe is old enough for any that fits a galaxy."""
_PLACES = (0.01, 0.5, 0.99)
"""Quantiles at which a prior is tested."""
_MIN_LIVE = 50


def settings_of(estimator):
    """Make the settings of the models of an estimator.

    Parameters
    ----------
    estimator : BagpipesEstimator
        The estimator.

    Returns
    -------
    list of Settings
        One for each history, dust law and AGN, in the order of `Alternatives`.

    Raises
    ------
    InputError
        If one of its parameters is invalid.
    """
    _check_choices(estimator)
    floors_by_band(estimator.error_floor, ())
    zero_point_factors(estimator.zero_points)
    check_template_error(estimator.template_error)
    _check_sampler(estimator)
    _check_resolution(estimator.resolution)
    if estimator.priors is not None and not isinstance(estimator.priors, Mapping):
        msg = (
            "priors must be a mapping of Bagpipes' parameter names, such as "
            f'{{"dust:Av": (0.01, 3.0)}}, got {estimator.priors!r}'
        )
        raise InputError(msg)
    chosen = estimator.params_in_use
    members = Alternatives(chosen["sfh"], chosen["dust_law"], estimator.agn).members
    parts = [(sfh, law, AGN_MODELS[agn]) for sfh, law, agn in members]
    priors = own_priors(parts, chosen["priors"])
    every = [_member(estimator, *one, own) for one, own in zip(members, priors, strict=True)]
    if every[0].joint_priors:
        _check_joint_priors(estimator, every)
    return every


def single_model(estimator, what):
    """Settings of the only model, for what several models or joint priors do not have.

    Parameters
    ----------
    estimator : BagpipesEstimator
        The estimator.
    what : str
        What needs one model, for the message.

    Returns
    -------
    Settings
        Of the model.

    Raises
    ------
    InputError
        If there are several, or joint priors that are not the prior of a parameter.
    """
    every = settings_of(estimator)
    if len(every) > 1 or weigh_models(every[0]):
        names = ("sfh", "dust_law", "agn", "joint_priors")
        found = ", ".join(f"{name}={estimator.params_in_use[name]!r}" for name in names)
        msg = (
            f"{what} needs one sfh, one dust_law and one agn without joint_priors that depend on "
            f"the mass or the stars, got {found}: make an estimator with one of each"
        )
        raise InputError(msg)
    return every[0]


def _check_choices(estimator):
    """Raise an error for parameters that are none of some words."""
    check_choice("engine", estimator.engine, tuple(ENGINES))
    check_choice("redshift", estimator.redshift, _REDSHIFTS)
    check_choice("likelihood", estimator.likelihood, _LIKELIHOODS)
    check_choice("lyman_alpha", estimator.lyman_alpha, _LYMAN_ALPHA)
    check_switch("escalate", estimator.escalate)
    check_switch("far_infrared", estimator.far_infrared)
    check_switch("share_models", estimator.share_models)


def _check_sampler(estimator):
    """Raise an error for numbers that no sampler has."""
    check_number(estimator.n_live, "n_live", _MIN_LIVE, kind=Integral)
    check_number(estimator.n_effective, "n_effective", 0, kind=Integral)
    if estimator.timeout is not None:
        check_number(estimator.timeout, "timeout", 0.0, above=True)
    if estimator.memory_limit is not None:
        as_bytes(estimator.memory_limit, "memory_limit")


def _check_resolution(resolution):
    """Raise an error for anything but a resolving power."""
    if isinstance(resolution, str):
        DISPERSERS.find(resolution, "resolution")
    elif resolution is not None:
        check_number(resolution, "resolution", 1.0)


def _flux_scale(slit_loss, flux_calibration):
    """Standard deviations of the coefficients of the calibration polynomial, by order."""
    slit = _deviations(slit_loss, "slit_loss", "a number above 0 and at most 1, such as 0.2")
    shape = _deviations(
        flux_calibration,
        "flux_calibration",
        "numbers above 0 and at most 1, the standard deviations of the coefficients of order 1, "
        "2, ..., such as (0.1, 0.05)",
    )
    if isinstance(slit_loss, tuple | list):
        msg = f"slit_loss must be a number, got {slit_loss!r}: take flux_calibration for several"
        raise InputError(msg)
    if len(shape) > _MAX_ORDER:
        msg = (
            f"flux_calibration must have at most {_MAX_ORDER} numbers, got {len(shape)}: a "
            "polynomial of a higher order fits lines and breaks as well"
        )
        raise InputError(msg)
    return (*(slit or (0.0,)), *shape) if slit or shape else ()


def _deviations(values, name, expected):
    """Standard deviations of relative quantities as a tuple, empty for None."""
    if values is None:
        return ()
    listed = values if isinstance(values, tuple | list) else (values,)
    if not listed or not all(is_number(value) and 0.0 < value <= 1.0 for value in listed):
        msg = f"{name} must be None or {expected}, got {values!r}"
        raise InputError(msg)
    return tuple(map(float, listed))


def _check_joint_priors(estimator, every):
    """Raise an error for joint priors that the engine, or no model, has."""
    if estimator.engine == "bagpipes" or estimator.escalate:
        msg = (
            "joint_priors need engine='tabulated' without escalate: take joint_priors=() or "
            "preset='Fu' to leave them out"
        )
        raise InputError(msg)
    joint = every[0].joint_priors
    check_joint_priors(joint, every)
    if "priors" in estimator.extra and any(one.quantity == "A_V" for one in joint):
        msg = (
            "extra=('priors',) replaces the prior of A_V, as joint_priors do: leave out one of "
            "them"
        )
        raise InputError(msg)


def _member(estimator, sfh, dust_law, agn, priors):
    """Settings of one history, dust law and AGN, checked."""
    engine = "bagpipes" if estimator.escalate else estimator.engine
    for name, default in _OF_TABLES.items():
        value = getattr(estimator, name)
        if engine == "bagpipes" and value != default:
            msg = (
                f"{name}={value!r} needs engine='tabulated' without escalate, as Bagpipes itself "
                f"has {name}={default!r} alone"
            )
            raise InputError(msg)
    fitted_history(sfh, engine)
    fitted_law(dust_law, engine)
    cosmology = fitted_cosmology(estimator.cosmology, engine)
    _check_priors(sfh, dust_law, priors, cosmology, (*AGN_MODELS[agn], "far_infrared"))
    if engine == "bagpipes":
        check_for_bagpipes(priors)
        refuse_components(priors)
    settings = Settings(
        sfh=sfh,
        dust_law=dust_law,
        priors=priors,
        cosmology=cosmology,
        free_redshift=estimator.redshift == "free",
        sfr_timescale=years("sfr_timescale", estimator.sfr_timescale),
        resolution=estimator.resolution,
        n_live=int(estimator.n_live),
        n_effective=int(estimator.n_effective),
        under_priors="priors" in estimator.extra,
        joint_priors=joint_priors_of(estimator.params_in_use["joint_priors"]),
        robust=estimator.likelihood == "robust",
        fractional_error=check_limits(
            estimator.fractional_error, "fractional_error", _FRACTIONS, low=0.0, high=1.0
        ),
        nebular_law=estimator.nebular_law,
        flux_scale=_flux_scale(estimator.slit_loss, estimator.flux_calibration),
        noise_scale=check_limits(
            estimator.noise_scale, "noise_scale", _NOISE_FACTORS, low=0.0, above=True
        ),
        agn=agn,
        share_models=bool(estimator.share_models),
    )
    if estimator.engine == "tabulated":
        check_tabulated(settings)
    return settings


def _check_priors(sfh, dust_law, priors, cosmology, components):
    """Raise an error for names and priors that make no model."""
    arguments = sfh, dust_law, _TRIAL_REDSHIFT, None, priors, cosmology
    prior = SEDPrior(fit_instructions(*arguments, components=components))
    with np.errstate(all="ignore"):
        values = prior.transform(np.tile(_PLACES, (len(prior.free), 1)).T)
    for name in prior.free:
        if not np.all(np.isfinite(values[name])):
            msg = (
                f"priors[{name!r}] has no room between its limits {prior.limits(name)}: its shape "
                f"is {prior.shape(name)}, with next to nothing there"
            )
            raise InputError(msg)
