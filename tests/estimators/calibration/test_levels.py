import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import norm

from dustest.data import InputError
from dustest.estimators._calibration.levels import Calibration

N, N_DRAWS, N_LEVELS = 6000, 128, 33
EVEN = np.linspace(0.0, 1.0, N_LEVELS)


def coverage(draws, truth, share):
    """How often the central interval holds the truth."""
    low, high = np.quantile(draws, [0.5 - share / 2, 0.5 + share / 2], axis=1)
    return np.mean((truth >= low) & (truth <= high))


def learn(draws, truth):
    """Calibration of one target."""
    return Calibration.learn("A_V", {"A_V": draws}, {"A_V": truth})


def corrected(calibration, draws):
    """Draws of one target."""
    return calibration.corrected({"A_V": draws})["A_V"]


def of_levels(*levels, centres=None):
    """Calibration of one target with given levels."""
    centres = np.arange(float(len(levels))) if centres is None else np.array(centres)
    return Calibration("A_V", centres, {"A_V": np.array(levels)})


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def wrong_draws(rng, centre):
    """Gaussians for what has an edge and a long tail."""
    draws = centre[:, None] + rng.normal(size=(len(centre), N_DRAWS))
    return draws, centre - rng.exponential(0.4, size=len(centre)) + 0.2


class TestLearn:
    def test_even_where_draws_are_right(self, rng):
        calibration = learn(rng.normal(size=(N, N_DRAWS)), rng.normal(size=N))
        assert calibration.levels["A_V"].shape == (8, N_LEVELS)
        assert calibration.levels["A_V"].mean(axis=0) == pytest.approx(EVEN, abs=0.02)

    def test_they_are_those_of_the_distribution(self, rng):
        calibration = learn(rng.normal(size=(N, N_DRAWS)), 2.0 * rng.normal(size=N))
        wanted = norm.cdf(2.0 * norm.ppf(EVEN))
        assert calibration.levels["A_V"].mean(axis=0) == pytest.approx(wanted, abs=0.02)

    def test_few_draws_cover_as_many_do(self, rng):
        # An interval of quantiles of 20 draws holds the truth in 62 %, and not 68 %.
        draws, truth = rng.normal(size=(40_000, 20)), rng.normal(size=40_000)
        assert coverage(draws, truth, 0.68) == pytest.approx(0.68 * 19 / 21, abs=0.01)
        found = coverage(corrected(learn(draws, truth), draws), truth, 0.68)
        assert found == pytest.approx(0.68, abs=0.01)

    @pytest.mark.parametrize(("n", "n_bins"), [(500, 1), (999, 1), (1000, 2), (5000, 8)])
    def test_bins_have_galaxies_enough(self, rng, n, n_bins):
        calibration = learn(rng.normal(size=(n, 8)), rng.normal(size=n))
        assert calibration.centres.shape == (n_bins,)
        assert np.all(np.diff(calibration.centres) > 0)

    def test_unknown_truth_does_not_count(self, rng):
        draws, truth = wrong_draws(rng, np.zeros(N))
        more = np.concatenate([draws, np.full((10, N_DRAWS), np.nan), draws[:10]])
        unknown = np.concatenate([truth, truth[:10], np.full(10, np.nan)])
        same, other = learn(draws, truth), learn(more, unknown)
        assert np.array_equal(other.levels["A_V"], same.levels["A_V"])

    def test_few_galaxies_say_nothing(self, rng):
        with pytest.raises(InputError, match=r"500 galaxies or more .* got 499"):
            learn(rng.normal(size=(499, 8)), rng.normal(size=499))


class TestCorrected:
    def test_intervals_cover(self, rng):
        draws, truth = wrong_draws(rng, rng.normal(size=2 * N))
        moved = corrected(learn(draws[N:], truth[N:]), draws[:N])
        for share in (0.68, 0.9):
            assert abs(coverage(draws[:N], truth[:N], share) - share) > 0.04
            assert coverage(moved, truth[:N], share) == pytest.approx(share, abs=0.02)

    def test_intervals_cover_wherever_they_are_wrong_in_another_way(self, rng):
        centre = rng.uniform(0.0, 10.0, size=2 * N)
        draws = centre[:, None] + rng.normal(size=(2 * N, N_DRAWS))
        truth = centre + rng.normal(size=2 * N) * np.where(centre < 5.0, 0.5, 1.5)
        moved = corrected(learn(draws[N:], truth[N:]), draws[:N])
        for part in (centre[:N] < 4.0, centre[:N] > 6.0):
            assert abs(coverage(draws[:N][part], truth[:N][part], 0.68) - 0.68) > 0.15
            assert coverage(moved[part], truth[:N][part], 0.68) == pytest.approx(0.68, abs=0.03)

    def test_between_centres_levels_are_interpolated(self):
        draws = np.linspace(0.0, 2.0, 101)[None] + np.array([[-9.0], [0.0], [0.25], [0.5], [9.0]])
        calibration = of_levels(EVEN, EVEN**2, centres=[1.0, 1.5])
        moved = np.median(corrected(calibration, draws), axis=1) - draws[:, 0]
        # The median is read at 1/2 of 2 below the first centre, and at 1/4 of it beyond the last.
        assert moved == pytest.approx([1.0, 1.0, 0.75, 0.5, 0.5], abs=0.02)

    @given(
        draws=hnp.arrays(float, (3, 20), elements=st.floats(-1e6, 1e6)),
        seed=st.integers(0, 99),
    )
    def test_order_and_range_are_kept(self, draws, seed):
        levels = np.sort(np.random.default_rng(seed).random((2, N_LEVELS)), axis=1)
        levels[:, [0, -1]] = 0.0, 1.0
        moved = corrected(of_levels(*levels), draws)
        order = np.argsort(draws, axis=1)
        assert np.all(np.diff(np.take_along_axis(moved, order, axis=1), axis=1) >= -1e-6)
        assert np.all(moved.min(axis=1) >= draws.min(axis=1) - 1e-6)
        assert np.all(moved.max(axis=1) <= draws.max(axis=1) + 1e-6)

    def test_even_levels_change_little(self, rng):
        draws = np.sort(rng.normal(size=(4, N_DRAWS)), axis=1)
        moved = corrected(of_levels(EVEN), draws)
        # Half a draw at most, by which quantiles of draws and of probabilities differ.
        assert np.all(moved[:, 1:] >= draws[:, :-1])
        assert np.all(moved[:, :-1] <= draws[:, 1:])

    def test_targets_stay_joint(self, rng):
        draws = rng.normal(size=(5, N_DRAWS))
        levels = np.array([EVEN**2, EVEN])
        calibration = Calibration("A_V", np.arange(2.0), {"A_V": levels, "E_BV": levels})
        moved = calibration.corrected({"A_V": draws, "E_BV": 2.0 * draws})
        assert moved["E_BV"] == pytest.approx(2.0 * moved["A_V"])

    def test_no_answer_stays_none_and_keeps_others(self, rng):
        draws = rng.normal(size=(3, 5))
        draws[1] = np.nan
        calibration = of_levels(EVEN**2, EVEN)
        moved = corrected(calibration, draws)
        assert np.isnan(moved[1]).all()
        assert np.array_equal(moved[[0, 2]], corrected(calibration, draws[[0, 2]]))

    def test_one_draw(self):
        moved = corrected(of_levels(EVEN**2), np.array([[3.0], [np.nan]]))
        np.testing.assert_array_equal(moved, [[3.0], [np.nan]])


class TestArrays:
    def test_round_trip(self, rng):
        calibration = learn(rng.normal(size=(1200, 8)), rng.normal(size=1200))
        again = Calibration.from_arrays(("A_V",), calibration.to_arrays())
        assert again.by == "A_V"
        assert np.array_equal(again.centres, calibration.centres)
        assert np.array_equal(again.levels["A_V"], calibration.levels["A_V"])

    @pytest.mark.parametrize(
        "change",
        [
            {"centres": np.array([1.0, 0.0])},
            {"centres": np.empty(0)},
            {"centres": np.array([[0.0, 1.0]])},
            {"R_V": np.array([EVEN, EVEN])},
        ],
        ids=["descending", "none", "shape", "target"],
    )
    def test_others_are_refused(self, change):
        arrays = of_levels(EVEN, EVEN).to_arrays() | change
        with pytest.raises(InputError, match="ascending centres and the levels of A_V, got"):
            Calibration.from_arrays(("A_V",), arrays)

    @pytest.mark.parametrize(
        "levels",
        [[EVEN], [EVEN, EVEN[::-1]], [EVEN, 0.5 * EVEN], [EVEN[:9], EVEN[:9]], EVEN],
        ids=["rows", "descending", "ends", "columns", "axes"],
    )
    def test_levels_that_are_none_are_refused(self, levels):
        arrays = of_levels(EVEN, EVEN).to_arrays() | {"A_V": np.array(levels)}
        with pytest.raises(InputError, match="A_V must be 2 by 33 probabilities"):
            Calibration.from_arrays(("A_V",), arrays)
