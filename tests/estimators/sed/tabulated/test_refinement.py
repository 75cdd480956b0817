import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import multivariate_t, norm

from dustest.estimators._sed.tabulated.refinement import Proposal, _levelled, normal, propose

N = 3000


def proposal(d, n_parts=7, width=0.5, seed=0, n=N):
    """Random parts along the first d axes."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((n_parts, d, d))
    scale = width**2 * (mixing @ mixing.swapaxes(1, 2) / d + 0.1 * np.eye(d))
    share = rng.dirichlet(np.ones(n_parts))
    centre = rng.standard_normal((n_parts, d))
    return Proposal(np.arange(d), share, centre, np.linalg.cholesky(scale), n)


class TestProposal:
    @staticmethod
    def expected(parts, place):
        """The number over the prior by the densities of scipy."""
        density, d = 0.0, len(parts.axes)
        for share, centre, root in zip(parts.share, parts.centre, parts.root, strict=True):
            law = multivariate_t(centre, root @ root.T, df=6 if d % 2 == 0 else 5)
            density = density + share * law.pdf(place[:, :d]).reshape(-1)
        return np.log(parts.n * density) - norm.logpdf(place[:, :d]).sum(axis=1)

    @pytest.mark.parametrize("d", [1, 2, 3, 6])
    def test_density_of_scipy(self, d):
        parts, place = proposal(d), normal(np.random.default_rng(1).random((50, d)))
        assert parts._degrees + d == 2 * ((parts._degrees + d) // 2)
        if parts._degrees in (5, 6):
            expected = self.expected(parts, place)
            np.testing.assert_allclose(parts.log_density(place), expected, atol=1e-9)

    def test_narrow_parts_far_from_the_middle_of_the_prior(self):
        rng, d, width = np.random.default_rng(1), 3, 1e-3
        centre = 1.5 + width * rng.standard_normal((10, d))
        root = np.tile(0.6 * width * np.eye(d), (10, 1, 1))
        parts = Proposal(np.arange(d), np.full(10, 0.1), centre, root, N)
        place = 1.5 + width * rng.standard_normal((300, d))
        np.testing.assert_allclose(
            parts.log_density(place), self.expected(parts, place), atol=1e-6
        )

    @pytest.mark.parametrize("d", [1, 2, 3])
    def test_the_ratio_has_a_mean_of_one_over_the_prior(self, d):
        place = np.random.default_rng(2).standard_normal((200_000, d))
        ratio = np.exp(proposal(d).log_density(place)) / N
        assert ratio.mean() == pytest.approx(1.0, abs=5.0 * ratio.std() / np.sqrt(len(place)))

    @pytest.mark.parametrize("d", [1, 2, 4])
    def test_draws_follow_the_density(self, d):
        """One axis more keeps its prior."""
        parts, rng = proposal(d, n=100_000), np.random.default_rng(3)
        drawn = ndtr(parts.draw(d + 1, rng))
        prior = rng.random(drawn.shape)
        ratio = np.exp(parts.log_density(normal(prior))) / parts.n
        for function in (lambda cube: cube, lambda cube: cube**2, lambda cube: cube < 0.2):
            ours, theirs = function(drawn), function(prior) * ratio[:, np.newaxis]
            error = np.hypot(ours.std(axis=0), theirs.std(axis=0)) / np.sqrt(parts.n)
            np.testing.assert_array_less(
                np.abs(ours.mean(axis=0) - theirs.mean(axis=0)), 5 * error
            )

    def test_the_ends_of_the_cube_are_finite(self):
        ends = normal(np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
        assert np.isfinite(proposal(2).log_density(ends)).all()


class TestPropose:
    @staticmethod
    def learned(cube, log_weight, rng, n=N):
        return propose(normal(cube), log_weight, np.arange(cube.shape[1]), n, rng)

    def test_parts_lie_where_the_weight_is(self):
        rng = np.random.default_rng(1)
        cube = rng.random((20_000, 2))
        log_weight = -0.5 * np.sum(((cube - [0.3, 0.8]) / 0.05) ** 2, axis=1)
        drawn = ndtr(self.learned(cube, log_weight, rng, 20_000).draw(2, rng))
        np.testing.assert_allclose(drawn.mean(axis=0), [0.3, 0.8], atol=0.02)
        assert (drawn.std(axis=0) < 0.12).all()

    def test_a_curved_ridge_is_followed(self):
        """Most draws are on the ridge, where one Gaussian has most of them beside it."""
        rng = np.random.default_rng(1)
        place = rng.standard_normal((40_000, 2))
        log_weight = -0.5 * ((place[:, 1] - place[:, 0] ** 2 + 1.0) / 0.1) ** 2
        parts = propose(place, log_weight, np.arange(2), 20_000, rng)
        drawn = parts.draw(2, rng)
        off = np.abs(drawn[:, 1] - drawn[:, 0] ** 2 + 1.0)
        assert np.mean(off < 0.5) > 0.6

    def test_one_point_with_all_the_weight_is_lived_with(self):
        rng = np.random.default_rng(1)
        cube, log_weight = rng.random((5000, 3)), np.full(5000, -1e4)
        log_weight[17] = 0.0
        assert np.isfinite(self.learned(cube, log_weight, rng).log_density(normal(cube))).all()

    def test_impossible_points_are_no_centres(self):
        rng = np.random.default_rng(1)
        cube = rng.random((5000, 2))
        log_weight = np.where(cube[:, 0] < 0.5, 0.0, -np.inf)
        assert self.learned(cube, log_weight, rng).centre[:, 0].max() < 0.0

    def test_parts_are_wider_by_the_spread(self):
        rng = np.random.default_rng(1)
        place, log_weight = rng.standard_normal((500, 2)), np.zeros(500)
        narrow, wide = (
            propose(place, log_weight, np.arange(2), N, np.random.default_rng(2), spread)
            for spread in (1.0, 1.3)
        )
        np.testing.assert_allclose(wide.root, 1.3 * narrow.root)
        np.testing.assert_array_equal(wide.centre, narrow.centre)

    def test_the_same_seed_the_same_parts(self):
        cube = np.random.default_rng(1).random((500, 2))
        first, again = (
            self.learned(cube, -cube.sum(axis=1), np.random.default_rng(5)) for _ in range(2)
        )
        np.testing.assert_array_equal(first.centre, again.centre)

    @pytest.mark.parametrize("least", [10.0, 100.0])
    def test_levelled_weights(self, least):
        log_weight = -10.0 * np.arange(1000.0)
        weight = _levelled(log_weight, least)
        assert weight.sum() == pytest.approx(1.0)
        assert 1.0 / np.sum(weight**2) >= least
        assert (np.diff(weight) <= 0).all()

    def test_enough_weights_stay_as_they_are(self):
        log_weight = np.log(np.random.default_rng(1).random(1000))
        weight = _levelled(log_weight + 7.0, 100.0)
        np.testing.assert_allclose(weight, np.exp(log_weight) / np.exp(log_weight).sum())
