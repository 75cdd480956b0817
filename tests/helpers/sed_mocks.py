"""Mock galaxies of a prior, and what makes their posteriors sound."""

import numpy as np
import pytest

from dustest.estimators._sed.posterior import Galaxy, Settings
from dustest.estimators._sed.tabulated.model_pool import ModelMaker, band_light

BANDS = ("F090W", "F115W", "F150W", "F200W", "F277W", "F335M", "F356W", "F410M", "F444W")
LOG_10 = {"dust:Av": (1e-4, 3.0)}
FLAT = LOG_10 | {"dust:Av_prior": "uniform"}


def settings(sfh="lognormal", dust_law="Calzetti", priors=None, **others):
    """What is fitted and how."""
    return Settings(sfh, dust_law, priors, **others)


def mocks(setup, n, snr, seed, *, redshift=7.0, redshift_err=np.nan, density=None, floor=0.0):
    """Galaxies of the prior with noise of one size and a relative one, and their truth."""
    free = (redshift_err if density is None else density) if setup.free_redshift else None
    light = band_light(setup, BANDS)
    maker = ModelMaker(setup, redshift, light, free)
    if setup.free_redshift:
        # Finer than what is to be tested.
        maker.redshift_step, maker.prior.age_at = 0.002, light.ages_at
    rng = np.random.default_rng(seed)
    models = maker.at(rng.random((4 * n, len(maker.prior.free))))
    models = models.take(np.flatnonzero(models.flux.any(axis=1))[:n])
    log_mass = models.low + (models.high - models.low) * rng.random(n)
    flux = models.flux * 10.0 ** log_mass[:, np.newaxis]
    error = np.hypot(np.median(flux.max(axis=1)) / snr, floor * flux)
    flux += error * rng.standard_normal(flux.shape)
    galaxies = [
        Galaxy(redshift, redshift_err, BANDS, flux[i], error[i], None, i, None, density)
        for i in range(n)
    ]
    values = maker.prior.transform(models.cube)
    truth = models.quantities | {"redshift": values["redshift"], "parameters": values}
    for name in ("log_mass", "log_SFR_10", "log_SFR_100"):
        truth[name] = truth[name] + log_mass
    return galaxies, truth


def ranks(draws, truth):
    """Share of the draws (n, n_draws) below the truth (n,), which is flat if all is well."""
    true = np.asarray(truth)[:, np.newaxis]
    return np.mean(draws < true, axis=1) + 0.5 * np.mean(draws == true, axis=1)


def assert_flat(rank):
    """Mean and variance are those of a flat distribution, within four standard errors."""
    n = len(rank)
    assert rank.mean() == pytest.approx(0.5, abs=4.0 / np.sqrt(12.0 * n))
    # The fourth moment of a flat distribution: its variance is known to 0.0745 / sqrt(n).
    assert rank.var() == pytest.approx(1.0 / 12.0, abs=4.0 * 0.0745 / np.sqrt(n))
