import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import multivariate_t, norm

from dustest.estimators._sed.tabulated.refinement import Proposal, _levelled, propose

DEGREES = 5.0


def proposal(d, n_kernels=7, width=0.5, seed=0):
    """Random kernels in d dimensions."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((d, d))
    scale = width**2 * (mixing @ mixing.T / d + 0.1 * np.eye(d))
    return Proposal(rng.standard_normal((n_kernels, d)), np.linalg.cholesky(scale))


class TestProposal:
    @staticmethod
    def expected(kernels, cube):
        """The ratio by the densities of scipy."""
        place = norm.ppf(cube)
        scale = kernels.root @ kernels.root.T
        density = np.mean(
            [
                multivariate_t(centre, scale, df=DEGREES).pdf(place).reshape(-1)
                for centre in kernels.centres
            ],
            axis=0,
        )
        return np.log(density) - norm.logpdf(place).sum(axis=1)

    @pytest.mark.parametrize("d", [1, 3, 6])
    def test_density_of_scipy(self, d):
        kernels, cube = proposal(d), np.random.default_rng(1).random((50, d))
        np.testing.assert_allclose(
            kernels.log_ratio(cube), self.expected(kernels, cube), atol=1e-4
        )

    @pytest.mark.parametrize("width", [0.1, 0.01, 0.001])
    def test_narrow_kernels_far_from_the_middle_of_the_prior(self, width):
        rng, d = np.random.default_rng(1), 4
        centres = 1.5 + width * rng.standard_normal((100, d))
        kernels = Proposal(centres, 0.6 * width * np.eye(d))
        cube = ndtr(1.5 + width * rng.standard_normal((300, d)))
        np.testing.assert_allclose(
            kernels.log_ratio(cube), self.expected(kernels, cube), atol=1e-3
        )

    @pytest.mark.parametrize("d", [1, 2, 3])
    def test_the_ratio_has_a_mean_of_one_over_the_prior(self, d):
        n = 200_000
        ratio = np.exp(proposal(d).log_ratio(np.random.default_rng(2).random((n, d))))
        assert ratio.mean() == pytest.approx(1.0, abs=5.0 * ratio.std() / np.sqrt(n))

    @pytest.mark.parametrize("d", [1, 2, 4])
    def test_draws_follow_the_density(self, d):
        kernels, rng = proposal(d), np.random.default_rng(3)
        n = 100_000
        drawn, prior = kernels.draw(n, rng), rng.random((n, d))
        ratio = np.exp(kernels.log_ratio(prior))
        for function in (lambda cube: cube, lambda cube: cube**2, lambda cube: cube < 0.2):
            ours, theirs = function(drawn), function(prior) * ratio[:, np.newaxis]
            error = np.hypot(ours.std(axis=0), theirs.std(axis=0)) / np.sqrt(n)
            np.testing.assert_array_less(
                np.abs(ours.mean(axis=0) - theirs.mean(axis=0)), 5 * error
            )

    def test_the_ends_of_the_cube_are_finite(self):
        ends = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
        assert np.isfinite(proposal(2).log_ratio(ends)).all()

    def test_draws_lie_in_the_cube(self):
        drawn = proposal(3, width=30.0).draw(10_000, np.random.default_rng(1))
        assert drawn.min() >= 0.0
        assert drawn.max() <= 1.0


class TestPropose:
    def test_kernels_lie_where_the_weight_is(self):
        rng = np.random.default_rng(1)
        cube = rng.random((20_000, 2))
        log_weight = -0.5 * np.sum(((cube - [0.3, 0.8]) / 0.05) ** 2, axis=1)
        drawn = propose(cube, log_weight, rng).draw(20_000, rng)
        np.testing.assert_allclose(drawn.mean(axis=0), [0.3, 0.8], atol=0.02)
        assert (drawn.std(axis=0) < 0.12).all()

    def test_one_point_with_all_the_weight_is_lived_with(self):
        rng = np.random.default_rng(1)
        cube, log_weight = rng.random((5000, 3)), np.full(5000, -1e4)
        log_weight[17] = 0.0
        kernels = propose(cube, log_weight, rng)
        assert np.isfinite(kernels.log_ratio(cube)).all()

    def test_impossible_points_are_no_centres(self):
        rng = np.random.default_rng(1)
        cube = rng.random((5000, 2))
        log_weight = np.where(cube[:, 0] < 0.5, 0.0, -np.inf)
        assert propose(cube, log_weight, rng).centres[:, 0].max() < 0.0

    def test_the_same_seed_the_same_kernels(self):
        cube = np.random.default_rng(1).random((500, 2))
        first, again = (
            propose(cube, -cube.sum(axis=1), np.random.default_rng(5)) for _ in range(2)
        )
        np.testing.assert_array_equal(first.centres, again.centres)

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
