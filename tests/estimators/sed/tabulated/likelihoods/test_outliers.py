import numpy as np
import pytest
from likelihood_models import FewModels, random_models
from scipy.integrate import trapezoid
from scipy.special import logsumexp
from scipy.stats import beta, cauchy, kstest, norm

from dustest.estimators._sed.tabulated.likelihoods.data_likelihood import Photometry
from dustest.estimators._sed.tabulated.likelihoods.outliers import RARITY, WIDTH, Robust

N_BANDS = 6


def models(n, seed=0, low=5.0, high=12.0):
    """Models of random fluxes per solar mass."""
    return random_models(n, N_BANDS, seed, low, high)


def spoilt(snr, outlier=0.0, limit=None, seed=3):
    """Data of the first model, with one band off, and an upper limit in the last one."""
    rng = np.random.default_rng(seed)
    flux = 10.0**8.5 * models(1, 1).flux[0]
    error = flux / snr * rng.uniform(0.7, 1.5, N_BANDS)
    flux = flux + error * rng.standard_normal(N_BANDS)
    flux[1] += outlier * error[1]
    limits, limit_error = np.full((2, N_BANDS), np.inf)
    if limit is not None:
        flux[-1], error[-1], limits[-1], limit_error[-1] = 0.0, np.inf, limit, limit / 3.0
    return Photometry(flux, error, limits, limit_error)


def log_posterior(one, data, log_mass):
    """Log likelihood of one model on a grid of masses, integrated over the share of outliers."""
    flux = 10.0 ** log_mass[:, np.newaxis] * one
    own = np.isfinite(data.error)
    pull = (data.flux - flux)[:, own] / data.error[own]
    limits = (data.limit - flux)[:, data.limited] / data.limit_error[data.limited]
    wide = cauchy.logpdf(pull, scale=WIDTH) - norm.logpdf(0.0)
    parts = [
        np.concatenate([-0.5 * pull**2, norm.logcdf(limits)], axis=1),
        np.concatenate([wide, cauchy.logcdf(limits, scale=WIDTH)], axis=1),
    ]
    # Even quantiles of the share, a rule that does not know of polynomials.
    shares = beta.ppf((np.arange(60) + 0.5) / 60, 1.0, RARITY)
    mixed = [
        np.logaddexp(np.log1p(-share) + parts[0], np.log(share) + parts[1]).sum(axis=1)
        for share in shares
    ]
    return logsumexp(mixed, axis=0) - np.log(len(shares))


def brute_force(one, data, low, high):
    """Log likelihood of one model, averaged over the log10 of the mass."""
    log_mass = np.linspace(low, high, 501)
    for _ in range(3):
        value = log_posterior(one, data, log_mass)
        counts = np.flatnonzero(value > value.max() - 30.0)[[0, -1]] + [-1, 1]
        ends = log_mass[np.clip(counts, 0, len(log_mass) - 1)]
        mean = trapezoid(np.exp(value - value.max()), log_mass) / (high - low)
        log_mass = np.linspace(*ends, 501)
    return np.log(mean) + value.max()


class TestRobust:
    @pytest.mark.parametrize("mass", [(5.0, 12.0), (8.0, 8.6)])
    @pytest.mark.parametrize("limit", [None, 2.0])
    @pytest.mark.parametrize("outlier", [0.0, 6.0, 200.0])
    @pytest.mark.parametrize("snr", [0.5, 20.0])
    def test_brute_force(self, snr, outlier, limit, mass):
        data, pool = spoilt(snr, outlier, limit), models(4, 1, *mass)
        found = Robust(data).of(pool).log_weight
        exact = np.array([brute_force(one, data, *mass) for one in pool.flux])
        near = exact > exact.max() - 5.0
        np.testing.assert_allclose(found[near], exact[near], atol=5e-2)
        assert (found[~near] < exact.max() - 4.0).all()

    @pytest.mark.parametrize(("snr", "outlier"), [(0.5, 0.0), (5.0, 6.0), (20.0, 4.0)])
    def test_masses_follow_their_posterior(self, snr, outlier):
        data, one = spoilt(snr, outlier), models(1, 1)
        many = FewModels(np.repeat(one.flux, 4000, axis=0))
        robust = Robust(data)
        drawn = robust.draw_masses(many, robust.of(many), np.random.default_rng(1))
        grid = np.linspace(5.0, 12.0, 8001)
        value = log_posterior(one.flux[0], data, grid)
        share = np.cumsum(np.exp(value - value.max()))
        ranks = np.interp(drawn, grid, share / share[-1])
        assert kstest(ranks, "uniform").pvalue > 1e-3

    def test_probability_of_an_outlier(self):
        data, one = spoilt(20.0, 8.0, seed=4), models(1, 1)
        robust = Robust(data)
        found = robust.residuals(one, np.array([8.5]), None)
        assert found.outlier[1] > 0.99
        assert np.delete(found.outlier, 1).max() < 0.1
        assert found.chi2[0] < 12.0  # that of the other bands

    def test_bands_without_data_have_none(self):
        data = spoilt(20.0)
        data.error[2] = np.inf
        one = models(1, 1)
        found = Robust(data).residuals(one, np.array([8.5]), None)
        np.testing.assert_array_equal(np.isnan(found.outlier), np.arange(N_BANDS) == 2)

    def test_models_without_light_have_no_weight(self):
        pool = models(4)
        pool.flux[2] = 0.0
        found = Robust(spoilt(20.0)).of(pool)
        np.testing.assert_array_equal(np.isfinite(found.log_weight), [True, True, False, True])
