import numpy as np
import pytest
from likelihood_models import FewModels, random_models
from scipy.integrate import trapezoid
from scipy.stats import kstest, norm

from dustest.estimators._sed.posterior import Galaxy, Limits
from dustest.estimators._sed.tabulated.light.channels import Channels
from dustest.estimators._sed.tabulated.likelihoods.data_likelihood import (
    ClosedForm,
    Photometry,
    WithLimits,
)
from dustest.estimators._sed.tabulated.likelihoods.gaussian import MassIntegral

BANDS = ("F090W", "F115W", "F150W", "F200W", "F277W")
N_BANDS = len(BANDS)


@pytest.fixture(scope="module")
def integral():
    return MassIntegral()


def models(n, seed=0, low=5.0, high=12.0):
    """Models of random fluxes per solar mass."""
    return random_models(n, N_BANDS, seed, low, high)


def photometry(flux, error, limit=np.inf, sigmas=3.0, n_limits=2):
    """Data whose last bands have upper limits alone."""
    flux, error = np.array(flux, dtype=float), np.array(error, dtype=float)
    limits, limit_error = np.full((2, N_BANDS), np.inf)
    if np.isfinite(limit):
        flux[-n_limits:], error[-n_limits:] = 0.0, np.inf
        limits[-n_limits:], limit_error[-n_limits:] = limit, limit / sigmas
    return Photometry(flux, error, limits, limit_error)


def log_posterior(one, data, log_mass):
    """Log likelihood of one model on a grid of log10 masses."""
    flux = 10.0 ** log_mass[:, np.newaxis] * one
    chi2 = np.sum(((data.flux - flux) / data.error) ** 2, axis=1)
    below = norm.logcdf((data.limit - flux)[:, data.limited] / data.limit_error[data.limited])
    return -0.5 * chi2 + below.sum(axis=1)


def brute_force(one, data, low, high):
    """Log likelihood of one model, averaged over the log10 of the mass.

    Each of the three grids covers what has weight in the one before, so that the last has
    thousands of points within the peak.
    """
    log_mass = np.linspace(low, high, 4_001)
    for _ in range(3):
        value = log_posterior(one, data, log_mass)
        counts = np.flatnonzero(value > value.max() - 40.0)[[0, -1]] + [-1, 1]
        ends = log_mass[np.clip(counts, 0, len(log_mass) - 1)]
        mean = trapezoid(np.exp(value - value.max()), log_mass) / (high - low)
        log_mass = np.linspace(*ends, 4_001)
    return np.log(mean) + value.max()


def make_likelihood(data, integral):
    """The likelihood with limits, if there are some."""
    return (WithLimits if data.limited.size else ClosedForm)(data, integral)


class TestPhotometry:
    def test_bands_of_a_galaxy_in_those_of_the_models(self):
        limits = Limits(("F277W",), np.array([6.0]), np.array([2.0]))
        flux = np.array([3.0, 4.0])
        galaxy = Galaxy(
            7.0, np.nan, ("F200W", "F090W"), flux, 0.1 * flux, None, seed=1, limits=limits
        )
        data = Photometry.of(galaxy, Channels.of(BANDS))
        np.testing.assert_array_equal(data.flux, [4.0, 0.0, 0.0, 3.0, 0.0])
        np.testing.assert_allclose(data.error, [0.4, np.inf, np.inf, 0.3, np.inf])
        np.testing.assert_array_equal(data.limit[-1:], [6.0])
        np.testing.assert_array_equal(data.limited, [4])


class TestWithLimits:
    @pytest.mark.parametrize("mass", [(5.0, 12.0), (8.0, 8.6), (9.5, 11.0), (5.0, 7.0)])
    @pytest.mark.parametrize("limit", [0.01, 0.5, 2.0, 5.0, 30.0])
    @pytest.mark.parametrize("snr", [0.3, 3.0, 30.0])
    def test_brute_force(self, integral, snr, limit, mass):
        rng = np.random.default_rng(int(10 * snr))
        pool = models(20, 1, *mass)
        truth = 10.0**8.5 * pool.flux[0]
        error = truth / snr * rng.uniform(0.7, 1.5, N_BANDS)
        data = photometry(truth + error * rng.standard_normal(N_BANDS), error, limit)
        found = make_likelihood(data, integral).of(pool).log_weight
        exact = np.array([brute_force(one, data, *mass) for one in pool.flux])
        near = exact > exact.max() - 25.0
        np.testing.assert_allclose(found[near], exact[near], atol=1e-2)
        assert (found[~near] < exact.max() - 20.0).all()

    @pytest.mark.parametrize("snr", [1.0, 20.0])
    def test_limits_far_above_have_no_say(self, integral, snr):
        pool = models(50)
        flux = 10.0**8.5 * pool.flux[0]
        error = flux / snr
        with_limits = make_likelihood(photometry(flux, error, 1e9), integral).of(pool)
        data = photometry(flux, np.append(error[:3], [np.inf, np.inf]))
        without = make_likelihood(data, integral).of(pool)
        near = without.log_weight > without.log_weight.max() - 25.0
        for one, other in zip(with_limits.parts, without.parts, strict=True):
            np.testing.assert_allclose(one[near], other[near], rtol=5e-3, atol=1e-2)

    @pytest.mark.parametrize(("snr", "limit"), [(0.5, 1.0), (5.0, 1.0), (5.0, 3.0), (30.0, 2.9)])
    def test_masses_follow_their_posterior(self, integral, snr, limit):
        one = models(1)
        flux = 10.0**8.5 * one.flux[0]
        data = photometry(flux, flux / snr, limit)
        many = FewModels(np.repeat(one.flux, 4000, axis=0))
        likelihood = make_likelihood(data, integral)
        found = likelihood.of(many)
        drawn = likelihood.draw_masses(many, found, np.random.default_rng(1))
        grid = np.linspace(5.0, 12.0, 400_001)
        value = log_posterior(one.flux[0], data, grid)
        share = np.cumsum(np.exp(value - value.max()))
        ranks = np.interp(drawn, grid, share / share[-1])
        assert kstest(ranks, "uniform").pvalue > 1e-3
        pull = (10.0 ** drawn[0] * one.flux[0] - data.flux) / data.error
        assert likelihood.residuals(many, drawn, None).chi2[0] == pytest.approx(np.sum(pull**2))

    def test_hardly_any_light_in_the_measured_bands(self, integral):
        # As blueward of a break: the mass that fits best is far beyond the prior.
        pool = models(20, 1, 8.0, 9.6)
        pool.flux[10:, :3] *= 1e-10
        data = photometry(np.full(N_BANDS, 5.0), np.full(N_BANDS, 1.5), 4.5)
        found = make_likelihood(data, integral).of(pool).log_weight
        exact = np.array([brute_force(one, data, 8.0, 9.6) for one in pool.flux])
        np.testing.assert_allclose(found, exact, atol=1e-2)

    def test_limits_far_below_all_models(self, integral):
        pool = models(20, 2)
        data = photometry(np.full(N_BANDS, 5.0), np.full(N_BANDS, 0.5), 1e-12)
        assert not np.any(np.isnan(make_likelihood(data, integral).of(pool).log_weight))

    def test_models_without_light_have_no_weight(self, integral):
        pool = models(4)
        pool.flux[2, :3] = 0.0
        data = photometry(np.full(N_BANDS, 3.0), np.ones(N_BANDS), 5.0)
        found = make_likelihood(data, integral).of(pool)
        np.testing.assert_array_equal(np.isfinite(found.log_weight), [True, True, False, True])
