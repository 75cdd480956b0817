import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import norm

from dustest.data import InputError
from dustest.estimators._cnn_calibration import N_LEVELS, learn_levels, recalibrate

N, N_DRAWS = 6000, 128


def coverage(draws, truth, share):
    """How often the central interval holds the truth."""
    low, high = np.quantile(draws, [0.5 - share / 2, 0.5 + share / 2], axis=1)
    return np.mean((truth >= low) & (truth <= high))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def wrong_draws(rng, centre):
    """Gaussians for what has an edge and a long tail."""
    draws = centre[:, None] + rng.normal(size=(len(centre), N_DRAWS))
    return draws, centre - rng.exponential(0.4, size=len(centre)) + 0.2


class TestLevels:
    def test_even_where_draws_are_right(self, rng):
        draws = rng.normal(size=(N, N_DRAWS))
        levels = learn_levels(draws, rng.normal(size=N))
        assert levels == pytest.approx(np.linspace(0.0, 1.0, N_LEVELS), abs=0.02)

    def test_they_are_those_of_the_distribution(self, rng):
        draws, truth = rng.normal(size=(N, N_DRAWS)), 2.0 * rng.normal(size=N)
        wanted = norm.cdf(2.0 * norm.ppf(np.linspace(0.0, 1.0, N_LEVELS)))
        assert learn_levels(draws, truth) == pytest.approx(wanted, abs=0.02)

    def test_unknown_truth_does_not_count(self, rng):
        draws, truth = wrong_draws(rng, np.zeros(N))
        levels = learn_levels(draws, truth)
        more = np.concatenate([draws, np.full((10, N_DRAWS), np.nan), draws[:10]])
        unknown = np.concatenate([truth, truth[:10], np.full(10, np.nan)])
        assert np.array_equal(learn_levels(more, unknown), levels)

    def test_few_galaxies_say_nothing(self, rng):
        with pytest.raises(InputError, match=r"500 galaxies or more .* got 499"):
            learn_levels(rng.normal(size=(499, 8)), rng.normal(size=499))


class TestRecalibrate:
    def test_intervals_cover(self, rng):
        centre = rng.normal(size=2 * N)
        draws, truth = wrong_draws(rng, centre)
        moved = recalibrate(draws[:N], learn_levels(draws[N:], truth[N:]))
        for share in (0.68, 0.9):
            assert abs(coverage(draws[:N], truth[:N], share) - share) > 0.04
            assert coverage(moved, truth[:N], share) == pytest.approx(share, abs=0.02)

    @given(
        draws=hnp.arrays(float, (3, 20), elements=st.floats(-1e6, 1e6)),
        seed=st.integers(0, 99),
    )
    def test_order_and_range_are_kept(self, draws, seed):
        levels = np.sort(np.random.default_rng(seed).random(N_LEVELS))
        levels[[0, -1]] = 0.0, 1.0
        moved = recalibrate(draws, levels)
        order = np.argsort(draws, axis=1)
        assert np.all(np.diff(np.take_along_axis(moved, order, axis=1), axis=1) >= -1e-6)
        assert np.all(moved.min(axis=1) >= draws.min(axis=1) - 1e-6)
        assert np.all(moved.max(axis=1) <= draws.max(axis=1) + 1e-6)

    def test_even_levels_change_nothing(self, rng):
        draws = rng.normal(size=(4, N_DRAWS))
        assert recalibrate(draws, np.linspace(0.0, 1.0, N_LEVELS)) == pytest.approx(draws)

    def test_no_answer_stays_none(self):
        levels = np.linspace(0.0, 1.0, N_LEVELS) ** 2
        assert np.isnan(recalibrate(np.full((2, 5), np.nan), levels)).all()

    def test_one_draw(self):
        levels = np.linspace(0.0, 1.0, N_LEVELS) ** 2
        assert recalibrate(np.array([[3.0]]), levels) == pytest.approx(3.0)
