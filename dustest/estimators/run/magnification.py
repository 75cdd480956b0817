"""Correction of masses, rates and luminosities for the magnification of lensed galaxies."""

from dataclasses import replace

import numpy as np

from dustest.data.quantities import QUANTITIES

__all__ = ["demagnify", "magnify_truth"]

_STREAM = 20_261_129
"""Added to the seed of a galaxy, so that these draws are independent of those of a method."""


def demagnify(estimates, batch, declared):
    """Divide quantities that scale with the luminosity by the magnification.

    The magnification is drawn from a log-normal distribution with its relative error as the
    standard deviation, one draw for each joint draw of the quantities. The percentiles therefore
    include its error. Attenuation and specific star-formation rates are unchanged.

    Parameters
    ----------
    estimates : Estimates
        Estimates from the observed flux.
    batch : Batch
        Galaxies.
    declared : dict of str to ExtraColumn
        Further columns and parameters by name; their ``magnified`` says which are divided.

    Returns
    -------
    estimates : Estimates
        The same if no galaxy has a magnification. If the magnification of a galaxy is unknown, its
        masses and luminosities are NaN. Further columns named after a quantity, such as the median
        ``log_mass`` of SED fits, are divided too.
    """
    powers = _powers(estimates.samples | estimates.extra | estimates.parameters)
    powers |= {name: 1.0 for name, one in declared.items() if one.magnified == "log10"}
    linear = [name for name, one in declared.items() if one.magnified == "linear"]
    if "magnification" not in batch.arrays or not (powers or linear):
        return estimates
    median = np.log10(batch.magnification)
    n_draws = max(np.size(values[:1]) for values in estimates.samples.values())
    draws = _log_draws(batch, median, n_draws)
    samples, parameters = (
        {
            name: values - powers[name] * (median if np.ndim(values) == 1 else draws)
            if name in powers
            else values
            for name, values in columns.items()
        }
        for columns in (estimates.samples, estimates.parameters)
    )
    extra = {
        name: values - powers[name] * median if name in powers else values
        for name, values in estimates.extra.items()
    }
    extra |= {name: (extra[name].T / batch.magnification).T for name in linear if name in extra}
    best = {
        name: values - powers[name] * median if name in powers else values
        for name, values in estimates.best.items()
    }
    return replace(estimates, samples=samples, parameters=parameters, extra=extra, best=best)


def magnify_truth(truth, names, sample):
    """True values without correction for magnification, as learned from observed fluxes.

    Parameters
    ----------
    truth : ndarray of shape (n, n_targets)
        True values.
    names : sequence of str
        Quantities.
    sample : GalaxySample
        The n galaxies.

    Returns
    -------
    truth : ndarray of shape (n, n_targets)
        The same if no galaxy has a magnification.
    """
    powers = np.array([QUANTITIES[name].luminosity_power for name in names])
    if "magnification" not in sample.colnames or not powers.any():
        return truth
    log_mu = np.log10(np.asarray(sample["magnification"], dtype=float))
    return np.where(powers != 0, truth + np.multiply.outer(log_mu, powers), truth)


def _powers(samples):
    """Powers of the luminosity by quantity, for those that depend on it."""
    powers = {name: QUANTITIES[name].luminosity_power for name in samples if name in QUANTITIES}
    return {name: power for name, power in powers.items() if power}


def _log_draws(batch, median, n_draws):
    """Draws of log10 of the magnification, shape (n, n_draws)."""
    relative = np.nan_to_num(batch.magnification_err / batch.magnification)
    if not relative.any():
        return np.broadcast_to(median[:, np.newaxis], (len(batch), n_draws))
    rngs = (np.random.default_rng((int(seed), _STREAM)) for seed in batch.seed)
    normal = np.array([rng.normal(size=n_draws) for rng in rngs])
    return median[:, np.newaxis] + relative[:, np.newaxis] * normal / np.log(10.0)
