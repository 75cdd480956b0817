"""Estimates of a method after calibration."""

from dataclasses import replace

import numpy as np

from dustest.data.flags import FLAGS
from dustest.estimators._calibration.summaries import summarise_draws

__all__ = ["calibrate_estimates", "calibrated_log_prior"]

_FEWEST_DRAWS = 128
_OUTSIDE = FLAGS["OUT_OF_DOMAIN"].value
_NEGATIVE = FLAGS["NEGATIVE_ATTENUATION"].value


def calibrate_estimates(recalibration, estimates, conditions, seeds):
    """Correct the draws of a batch.

    Parameters
    ----------
    recalibration : Recalibration
        The learned correction.
    estimates : Estimates
        Output of a method.
    conditions : Conditions
        Conditions of the galaxies.
    seeds : ndarray of uint64 of shape (n,)
        Seeds of the galaxies, for draws around point estimates.

    Returns
    -------
    estimates : Estimates
        With corrected draws in ``samples`` and ``parameters``. Colour excesses that are not
        corrected themselves are changed like A_V, and further columns with the name of a corrected
        quantity are its median. Galaxies outside the range of the calibration are unchanged and
        have the flag ``OUT_OF_DOMAIN``.
    """
    quantiles = summarise_draws(_draws_of(estimates, recalibration.inputs, len(seeds)))
    estimates = _with_many_draws(estimates)
    draws = _draws_of(estimates, recalibration.inputs, len(seeds))
    corrected, inside = recalibration.corrected(quantiles, draws, conditions, seeds)
    estimated = np.isfinite(_medians(draws)).all(axis=1)
    changed = {name: _chosen(inside, new, draws[name]) for name, new in corrected.items()}
    for new in changed.values():
        new[~estimated] = np.nan
    changed |= _colour_excess(changed, draws, estimates)
    flags = np.zeros(len(seeds), np.int32) if estimates.flags is None else estimates.flags.copy()
    flags[estimated & ~inside] |= _OUTSIDE
    if "A_V" in changed:
        negative = np.median(changed["A_V"], axis=1) < 0.0
        flags = np.where(negative, flags | _NEGATIVE, flags & ~_NEGATIVE)
    return replace(
        estimates,
        samples=estimates.samples | {k: v for k, v in changed.items() if k in estimates.samples},
        parameters={k: changed.get(k, v) for k, v in estimates.parameters.items()},
        extra={k: _median(changed[k]) if k in changed else v for k, v in estimates.extra.items()},
        flags=flags,
    )


def calibrated_log_prior(recalibration, estimates, conditions):
    """Densities of the prior of corrected posteriors at their draws.

    Parameters
    ----------
    recalibration : Recalibration
        The learned correction.
    estimates : Estimates
        Result of `calibrate_estimates`.
    conditions : Conditions
        Conditions of the galaxies.

    Returns
    -------
    log_prior : dict of str to ndarray of shape (n, m)
        Natural logarithms by quantity; NaN for galaxies that are not corrected.
    """
    draws = _draws_of(estimates, recalibration.quantities, len(conditions.redshift))
    found = recalibration.prior.log_density(draws, conditions.redshift, conditions.log_snr)
    outside = estimates.flags & _OUTSIDE != 0
    return {name: np.where(outside[:, None], np.nan, one) for name, one in found.items()}


def _draws_of(estimates, names, n):
    """Draws of quantities, which may be parameters of the model, of n rows."""
    found = estimates.parameters | estimates.samples
    draws = {name: np.asarray(found[name], dtype=float) for name in names if name in found}
    return {
        name: values if values.ndim == 1 else np.broadcast_to(values, (n, values.shape[1]))
        for name, values in draws.items()
    }


def _medians(draws):
    """Any value of each galaxy and quantity, NaN without an estimate."""
    return np.stack([one if one.ndim == 1 else one[:, 0] for one in draws.values()], axis=1)


def _chosen(inside, new, old):
    """New draws, and old ones of galaxies that are not corrected."""
    old = old[:, None] if old.ndim == 1 else old
    return np.where(inside[:, None], new, old)


def _colour_excess(changed, draws, estimates):
    """Draws of E(B-V) with the ratio to A_V that they had."""
    if "A_V" not in changed or "E_BV" in changed or "E_BV" not in estimates.samples:
        return {}
    a_v, e_bv = draws["A_V"], np.asarray(estimates.samples["E_BV"], dtype=float)
    if a_v.ndim == 1:
        a_v, e_bv = a_v[:, None], e_bv.reshape(len(a_v), -1)
    ratio = np.divide(
        e_bv, a_v, out=np.full(np.broadcast(e_bv, a_v).shape, np.nan), where=a_v != 0
    )
    known = np.isfinite(ratio).any(axis=1)
    ratio[known] = np.where(
        np.isfinite(ratio[known]), ratio[known], np.nanmedian(ratio[known], axis=1)[:, None]
    )
    return {"E_BV": changed["A_V"] * ratio}


def _median(draws):
    """Medians of draws."""
    return np.median(draws, axis=1)


def _with_many_draws(estimates):
    """Estimates with each draw repeated, if there are too few for percentiles."""
    numbers = [np.shape(one)[1] for one in estimates.samples.values() if np.ndim(one) == 2]
    if not numbers or min(numbers) >= _FEWEST_DRAWS:
        return estimates
    samples, parameters = (
        {k: v if np.ndim(v) == 1 else np.repeat(v, _FEWEST_DRAWS, axis=1) for k, v in one.items()}
        for one in (estimates.samples, estimates.parameters)
    )
    return replace(estimates, samples=samples, parameters=parameters)
