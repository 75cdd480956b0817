import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import integrate, stats

from dustest.data import InputError
from dustest.validation.posteriors.distributions import Draws, Quantiles, overlap

LEVELS = np.array([0.05, 0.16, 0.5, 0.84, 0.95])


def normal_crps(truth, mean, sigma):
    """Gneiting & Raftery (2007), equation 21."""
    z = (truth - mean) / sigma
    cdf, pdf = stats.norm.cdf(z), stats.norm.pdf(z)
    return sigma * (z * (2 * cdf - 1) + 2 * pdf - 1 / np.sqrt(np.pi))


def integrated_crps(distribution, truth):
    """The definition, with the distribution function of one row."""
    points = np.linspace(-10, 10, 200_001)
    cdf = np.interp(points, *_cdf(distribution))
    return integrate.trapezoid(np.square(cdf - (points >= truth)), points)


def _cdf(distribution):
    levels = stats.norm.cdf(np.linspace(-9, 9, 20_001))
    return distribution.quantiles(levels)[0], levels


class TestQuantiles:
    def test_quantiles_of_a_normal_distribution_give_it(self):
        mean, sigma = np.array([0.3, -1.0]), np.array([0.1, 2.0])
        normal = stats.norm(mean[:, None], sigma[:, None])
        found = Quantiles(LEVELS, normal.ppf(LEVELS))
        wanted = np.array([0.001, 0.3, 0.68, 0.9999])
        assert found.quantiles(wanted) == pytest.approx(normal.ppf(wanted))
        truth = np.array([0.45, -7.0])
        expected = stats.norm.cdf(truth, mean, sigma)
        assert np.array(found.pit_bounds(truth)) == pytest.approx(np.array([expected, expected]))
        assert found.crps(truth) == pytest.approx(normal_crps(truth, mean, sigma))

    @pytest.mark.parametrize("truth", [-3.0, 0.1, 0.45, 0.5, 0.8, 4.0])
    def test_crps_is_the_integral(self, truth):
        found = Quantiles(LEVELS, np.array([[0.1, 0.4, 0.5, 0.9, 1.0]]))
        expected = integrated_crps(found, truth)
        assert found.crps(np.array([truth]))[0] == pytest.approx(expected, rel=1e-3)

    @pytest.mark.parametrize("truth", [-1.0, 0.0, 0.2, 2.0])
    def test_crps_of_an_atom(self, truth):
        found = Quantiles(LEVELS, np.array([[0.0, 0.0, 0.0, 0.3, 0.4]]))
        expected = integrated_crps(found, truth)
        assert found.crps(np.array([truth]))[0] == pytest.approx(expected, rel=1e-3)

    @pytest.mark.parametrize("truth", [-1.0, 0.5, 2.0])
    def test_crps_of_a_point_is_the_distance(self, truth):
        found = Quantiles(LEVELS, np.full((1, 5), 0.5))
        assert found.crps(np.array([truth]))[0] == pytest.approx(abs(truth - 0.5))

    def test_pit_at_an_atom(self):
        found = Quantiles(LEVELS, np.array([[0.0, 0.0, 0.0, 0.3, 0.4]] * 3))
        low, high = found.pit_bounds(np.array([-0.1, 0.0, 0.3]))
        assert low == pytest.approx([0.0, 0.0, 0.84])
        assert high == pytest.approx([0.0, 0.5, 0.84])

    def test_far_truths_are_finite(self):
        found = Quantiles(LEVELS, np.array([[0.0, 1e-300, 2e-300, 3e-300, 4e-300]]))
        far = np.array([1e9])
        assert found.crps(far) == pytest.approx([1e9])
        assert np.array(found.pit_bounds(far)).tolist() == [[1.0], [1.0]]

    def test_unknown_rows(self):
        found = Quantiles(LEVELS, np.array([[0.0, np.nan, 0.2, 0.3, 0.4], [0, 1, 2, 3, 4.0]]))
        truth = np.array([0.2, np.nan])
        for values in (found.crps(truth), found.hits(truth, 0.9), *found.pit_bounds(truth)):
            assert np.isnan(values).all()

    @pytest.mark.parametrize("levels", [[0.5], [0.5, 0.16], [0.0, 0.5], [0.5, 1.0], [0.5, 0.5]])
    def test_levels_rise_between_0_and_1(self, levels):
        with pytest.raises(InputError, match="probabilities between 0 and 1 that rise"):
            Quantiles(np.array(levels), np.zeros((3, len(levels))))


class TestDraws:
    def test_crps_is_fair(self):
        rng = np.random.default_rng(191001)
        truth = np.full(20_000, 0.4)
        expected = normal_crps(0.4, 0.0, 1.0)
        for n_draws in (2, 5, 50):
            scores = Draws(rng.normal(size=(len(truth), n_draws))).crps(truth)
            error = scores.std() / np.sqrt(len(scores))
            assert scores.mean() == pytest.approx(expected, abs=4 * error)

    def test_crps_is_the_mean_of_pairs(self):
        draws = np.array([[0.3, 0.1, 0.6, 0.1]])
        distance = np.abs(draws[0] - 0.2).mean()
        pairs = [abs(a - b) for i, a in enumerate(draws[0]) for b in draws[0][:i]]
        assert Draws(draws).crps(np.array([0.2]))[0] == pytest.approx(
            distance - np.mean(pairs) / 2
        )

    @pytest.mark.parametrize("n_draws", [3, 20, 101])
    def test_coverage_is_exact_for_any_number_of_draws(self, n_draws):
        rng = np.random.default_rng(191002)
        n = 40_000
        draws, truth = Draws(rng.normal(size=(n, n_draws))), rng.normal(size=n)
        for level in (0.3, 0.68, 0.9):
            error = np.sqrt(level * (1 - level) / n)
            assert draws.hits(truth, level).mean() == pytest.approx(level, abs=4 * error)

    def test_pit_bounds_of_ties(self):
        low, high = Draws(np.array([[0.0, 0.0, 0.2], [0.0, 0.0, 0.2]])).pit_bounds(
            np.array([0.0, 0.1])
        )
        assert low.tolist() == [0.0, 0.5]
        assert high.tolist() == [0.75, 0.75]

    def test_unknown_rows(self):
        draws = Draws(np.array([[0.0, np.nan], [0.0, 1.0]]))
        truth = np.array([0.2, np.nan])
        for values in (draws.crps(truth), draws.hits(truth, 0.9), *draws.pit_bounds(truth)):
            assert np.isnan(values).all()
        assert np.isnan(draws.median).tolist() == [True, False]
        assert np.isnan(draws.quantiles([0.2, 0.8])).tolist() == [[True] * 2, [False] * 2]

    def test_one_draw_is_refused(self):
        with pytest.raises(InputError, match="draws must be at least 2 a galaxy, got 1"):
            Draws(np.zeros((3, 1)))


class TestOverlap:
    def test_fraction(self):
        bounds = np.array([0.0, 0.2, 0.9]), np.array([0.2, 0.4, 1.0])
        assert overlap(bounds, 0.1, 0.9) == pytest.approx([0.5, 1.0, 0.0])

    def test_points(self):
        points = np.array([0.0, 0.1, 0.5, np.nan])
        assert overlap((points, points), 0.1, 0.9).tolist()[:3] == [0.0, 1.0, 1.0]
        assert np.isnan(overlap((points, points), 0.1, 0.9)[3])


numbers = st.integers(-4000, 4000).map(lambda i: i / 1000)
rows = npst.arrays(float, (3, 5), elements=numbers)


def both(values):
    """The same numbers as draws and, in order, as quantiles."""
    return Draws(values), Quantiles(LEVELS, np.sort(values, axis=1))


class TestProperties:
    @settings(max_examples=30)
    @given(rows, npst.arrays(float, 3, elements=numbers), st.floats(0.1, 50.0), numbers)
    def test_scores_scale_with_the_unit(self, values, truth, scale, shift):
        changed = both(values * scale + shift)
        for one, other in zip(both(values), changed, strict=True):
            assert other.crps(truth * scale + shift) == pytest.approx(
                one.crps(truth) * scale, rel=1e-6, abs=1e-6 * scale
            )

    @settings(max_examples=30)
    @given(rows, npst.arrays(float, (2, 3), elements=numbers))
    def test_pit_rises_with_the_truth(self, values, truths):
        low_truth, high_truth = np.sort(truths, axis=0)
        for one in both(values):
            (low, upto), (other_low, other_upto) = map(one.pit_bounds, (low_truth, high_truth))
            assert np.all((low >= 0) & (low <= upto) & (upto <= 1))
            assert np.all(low <= other_low + 1e-12)
            assert np.all(upto <= other_upto + 1e-12)

    @settings(max_examples=30)
    @given(rows, npst.arrays(float, 3, elements=numbers))
    def test_crps_of_quantiles_is_at_most_the_mean_distance(self, values, truth):
        _, one = both(values)
        crps = one.crps(truth)
        assert np.all(crps >= -1e-9)
        levels = (np.arange(2000) + 0.5) / 2000
        distance = np.abs(one.quantiles(levels) - truth[:, None]).mean(axis=1)
        assert np.all(crps <= distance + 0.01)
