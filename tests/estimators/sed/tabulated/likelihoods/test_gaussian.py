import numpy as np
import pytest
from likelihood_models import FewModels
from scipy.integrate import quad, trapezoid

from dustest.estimators._sed.tabulated.likelihoods.gaussian import (
    Likelihood,
    MassIntegral,
    compute_likelihood,
    draw_masses,
)

BEST = (-20.0, -5.0, -1.0, 0.0, 0.5, 2.0, 4.0, 5.9, 6.1, 8.0, 15.0, 40.0, 100.0)
N_BANDS = 5


def log_integral(t, lowest, highest=np.inf):
    """The integral by adaptive quadrature, relative to the largest value of the integrand."""
    held = min(max(t, lowest), highest)
    reach = 45.0 / (abs(held - t) + 45.0**0.5)
    first, last = max(lowest, held - 9.0), min(highest, held + 2.0 * reach)

    def integrand(log_x):
        return np.exp(0.5 * (held - t) ** 2 - 0.5 * (np.exp(log_x) - t) ** 2)

    ends = np.log([first, last])
    points = np.linspace(*ends, 12)[1:-1]
    value, _ = quad(integrand, *ends, points=points, limit=500, epsabs=0.0, epsrel=1e-9)
    return np.log(value) - 0.5 * (held - t) ** 2


@pytest.fixture(scope="module")
def integral():
    return MassIntegral()


def models(n, seed=0, low=5.0, high=12.0):
    """Models of random fluxes per solar mass."""
    rng = np.random.default_rng(seed)
    flux = 1e-8 * rng.lognormal(0.0, 0.5, (n, N_BANDS))
    return with_limits(flux, np.full(n, low), np.full(n, high))


def with_limits(flux, low, high):
    """What the likelihood needs to know of models."""
    return FewModels(flux, low, high)


def brute_force(one, flux, error, low, high):
    """Log likelihood of one model, averaged over the log10 of the mass, and the least chi2."""
    log_mass = np.linspace(low, high, 20_001)
    for _ in range(3):  # a grid over all masses, then finer ones over those that count
        chi2 = np.sum(((flux - 10.0 ** log_mass[:, np.newaxis] * one) / error) ** 2, axis=1)
        least = chi2.min()
        counts = np.flatnonzero(chi2 < least + 80.0)[[0, -1]] + [-1, 1]
        ends = log_mass[np.clip(counts, 0, len(log_mass) - 1)]
        mean = trapezoid(np.exp(-0.5 * (chi2 - least)), log_mass) / (high - low)
        log_mass = np.linspace(*ends, 20_001)
    return np.log(mean) - 0.5 * least, least


class TestMassIntegral:
    @pytest.mark.parametrize("lowest", [1e-12, 1e-6, 1e-3, 0.009, 0.05])
    @pytest.mark.parametrize("t", BEST)
    def test_small_lower_limits(self, integral, t, lowest):
        answer = integral.log(np.array([t]), np.array([lowest]))[0]
        assert answer == pytest.approx(log_integral(t, lowest), abs=1e-2 if t > -1 else 2e-2)

    @pytest.mark.parametrize("t", [6.0, 6.5, 8.0, 12.0, 100.0])
    def test_asymptotic_series(self, integral, t):
        answer = integral.log(np.array([t]), np.array([1e-4]))[0]
        assert answer == pytest.approx(log_integral(t, 1e-4), abs=2e-4)

    @pytest.mark.parametrize("lowest", [0.3, 1.0, 5.0, 30.0])
    @pytest.mark.parametrize("t", [*BEST, -60.0])
    def test_lower_limits_that_cut(self, integral, t, lowest):
        answer = integral.log(np.array([t]), np.array([lowest]))[0]
        assert answer == pytest.approx(log_integral(t, lowest), abs=5e-3)

    @pytest.mark.parametrize("limits", [(1e-6, 1e-2), (1e-3, 3.0), (2.0, 4.0), (3.0, 3.01)])
    @pytest.mark.parametrize("t", BEST)
    def test_both_limits(self, integral, t, limits):
        lowest, highest = (np.array([limit]) for limit in limits)
        answer = integral.log(np.array([t]), lowest, highest)[0]
        assert answer == pytest.approx(log_integral(t, *limits), abs=1e-2)

    @pytest.mark.parametrize("t", [-30.5, -40.0, -200.0])
    def test_scales_far_below_zero(self, integral, t):
        answer = integral.log(np.array([t]), np.array([1e-6]))[0]
        assert answer == pytest.approx(log_integral(t, 1e-6), abs=2e-2)

    def test_it_has_no_steps(self, integral):
        t = np.linspace(-32.0, 12.0, 20_001)
        answer = integral.log(t, np.full(t.shape, 1e-4)) + 0.5 * np.minimum(t, 0.0) ** 2
        assert np.abs(np.diff(answer)).max() < 1e-2

    def test_any_shape(self, integral):
        t = np.array([[1.0, 8.0, -3.0], [20.0, 0.0, -50.0]])
        low = np.array([0.001, 0.5, 0.01])
        np.testing.assert_array_equal(integral.log(t, low)[1], integral.log(t[1], low))


class TestWeigh:
    @pytest.mark.parametrize("limits", [(5.0, 12.0), (8.0, 8.6), (9.5, 11.0), (5.0, 7.0)])
    @pytest.mark.parametrize("snr", [0.3, 3.0, 30.0])
    def test_brute_force(self, integral, limits, snr):
        rng = np.random.default_rng(int(10 * snr))
        pool = models(6, 1, *limits)
        truth = 10.0**8.5 * models(1, 2).flux[0]
        error = truth / snr * rng.uniform(0.7, 1.5, N_BANDS)
        flux = truth + error * rng.standard_normal(N_BANDS)
        for i in range(6):
            one = with_limits(pool.flux[[i]], pool.low[[i]], pool.high[[i]])
            found = compute_likelihood(one, flux, error, integral)
            log_weight, chi2 = brute_force(one.flux[0], flux, error, *limits)
            assert found.log_weight[0] == pytest.approx(log_weight, abs=1e-2)
            assert found.chi2[0] == pytest.approx(chi2, rel=1e-4, abs=1e-4)

    def test_what_is_negligible_is_bounded(self, integral):
        pool, rng = models(400), np.random.default_rng(5)
        flux = 10.0**9 * pool.flux[0] * rng.normal(1.0, 0.02, N_BANDS)
        error = 0.02 * flux
        found = compute_likelihood(pool, flux, error, integral)
        exact = [brute_force(one, flux, error, 5.0, 12.0)[0] for one in pool.flux]
        near = found.log_weight > found.log_weight.max() - 40.0
        assert 1 <= near.sum() < 200
        np.testing.assert_allclose(found.log_weight[near], np.array(exact)[near], atol=1e-2)
        assert (found.log_weight > np.array(exact) - 1e-2).all()

    def test_negative_fluxes(self, integral):
        pool, error = models(4), np.ones(N_BANDS)
        flux = np.array([-30.0, -25.0, 1.0, -10.0, -20.0])
        found = compute_likelihood(pool, flux, error, integral)
        for i in range(4):
            log_weight, chi2 = brute_force(pool.flux[i], flux, error, 5.0, 12.0)
            assert found.log_weight[i] == pytest.approx(log_weight, abs=2e-2)
            assert found.chi2[i] == pytest.approx(chi2, rel=1e-4)

    def test_a_band_without_measurement_has_no_say(self, integral):
        pool = models(50)
        flux, error = np.full(N_BANDS, 3.0), np.full(N_BANDS, 0.5)
        error[2] = np.inf
        other = flux.copy()
        other[2] = -80.0
        without = with_limits(np.delete(pool.flux, 2, axis=1), pool.low, pool.high)
        few = compute_likelihood(without, np.delete(flux, 2), np.delete(error, 2), integral)
        for data in (flux, other):
            np.testing.assert_allclose(
                compute_likelihood(pool, data, error, integral).log_weight,
                few.log_weight,
                rtol=1e-12,
            )

    @pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value", "ignore:overflow")
    def test_limits_of_the_mass_beyond_double_precision(self, integral):
        """All masses are too large by a billion errors, which is as many as numbers resolve."""
        heavy = with_limits(np.ones((200, N_BANDS)), np.linspace(8.6, 8.9, 200), np.full(200, 9.5))
        found = compute_likelihood(heavy, np.ones(N_BANDS), np.ones(N_BANDS), integral)
        assert not np.isnan(found.log_weight).any()

    def test_best_mass_and_its_error(self, integral):
        pool = models(3)
        error = 0.1 * 10.0**9 * pool.flux[0]
        found = compute_likelihood(pool, 10.0**9 * pool.flux[0], error, integral)
        assert found.best[0] == pytest.approx(1e9)
        assert found.error[0] == pytest.approx(1e8 / np.sqrt(N_BANDS))
        assert found.chi2[0] == pytest.approx(0.0, abs=1e-9)

    def test_models_without_light_have_no_weight(self, integral):
        pool = models(4)
        pool.flux[2] = 0.0
        found = compute_likelihood(pool, np.full(N_BANDS, 3.0), np.ones(N_BANDS), integral)
        np.testing.assert_array_equal(np.isfinite(found.log_weight), [True, True, False, True])
        assert found.log_weight[2] == -np.inf


class TestLikelihood:
    def test_an_index_takes_models(self):
        values = np.arange(3.0)
        one = Likelihood(values, 10.0 * values, 20.0 * values, 30.0 * values)
        np.testing.assert_array_equal(one[[2, 0]].error, [60.0, 0.0])

    def test_joined(self):
        part = Likelihood(*(np.array([1.0, 2.0]) * factor for factor in (1, 2, 3, 4)))
        both = part.joined(part[[1]])
        np.testing.assert_array_equal(both.log_weight, [1.0, 2.0, 2.0])
        np.testing.assert_array_equal(both.error, [4.0, 8.0, 8.0])


class TestDrawMasses:
    N = 40_000
    CASES = (
        # best, error, low, high
        (1e9, 3e7, 5.0, 12.0),
        (1e9, 5e8, 5.0, 12.0),
        (1e7, 1e8, 5.0, 12.0),
        (-3e8, 1e8, 5.0, 12.0),
        (-4e9, 1e8, 5.0, 12.0),
        (1e9, 1e8, 5.0, 8.95),
        (1e9, 1e7, 5.0, 8.0),
        (1e9, 1e8, 9.1, 12.0),
        (1e8, 5e7, 9.0, 12.0),
    )

    @staticmethod
    def moments(best, error, low, high):
        """Mean and standard deviation of the log10 of the mass, on a fine grid."""
        log_mass = np.linspace(low, high, 2_000_001)
        exponent = -0.5 * ((10.0**log_mass - best) / error) ** 2
        density = np.exp(exponent - exponent.max())
        norm = density.sum()
        mean = np.sum(density * log_mass) / norm
        return mean, np.sqrt(np.sum(density * (log_mass - mean) ** 2) / norm)

    @pytest.mark.parametrize("case", CASES)
    def test_moments(self, case):
        drawn = draw_masses(*(np.full(self.N, value) for value in case), np.random.default_rng(1))
        mean, spread = self.moments(*case)
        assert drawn.mean() == pytest.approx(mean, abs=5.0 * spread / np.sqrt(self.N))
        assert drawn.std() == pytest.approx(spread, rel=0.03)
        assert drawn.min() >= case[2]
        assert drawn.max() <= case[3]

    def test_every_model_has_its_own(self):
        best = 10.0 ** np.linspace(6.0, 11.0, 500)
        drawn = draw_masses(
            best, 1e-3 * best, np.full(500, 5.0), np.full(500, 12.0), np.random.default_rng(1)
        )
        np.testing.assert_allclose(drawn, np.log10(best), atol=3e-3)
