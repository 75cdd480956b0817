import numpy as np
import pytest

from dustest.estimators.run.information import gained_bits, jointly_gained_bits


def bits(place, weight, ess):
    return gained_bits(place[None], weight[None], ess)[0]


class TestGainedBits:
    def test_the_prior_alone_has_nobits(self):
        rng = np.random.default_rng(1)
        values = [bits(rng.random(2000), np.full(2000, 1 / 2000), 2000.0)]
        assert max(values) < 0.01

    @pytest.mark.parametrize("halvings", [1, 2, 3])
    def test_a_posterior_that_fills_a_part_of_the_prior(self, halvings):
        coordinate = np.random.default_rng(halvings).random(20_000) / 2**halvings
        weight = np.full(20_000, 1 / 20_000)
        assert bits(coordinate, weight, 20_000.0) == pytest.approx(halvings, abs=0.02)

    def test_weights_count_as_much_as_points(self):
        rng = np.random.default_rng(2)
        coordinate = rng.random(20_000)
        weight = np.where(coordinate < 0.46875, 1.0, 0.0)
        value = bits(coordinate, weight / weight.sum(), weight.sum())
        assert value == pytest.approx(np.log2(1 / 0.46875), abs=0.01)

    def test_small_samples_are_not_taken_forbits(self):
        rng = np.random.default_rng(3)
        values = [bits(rng.random(300), np.full(300, 1 / 300), 300.0) for _ in range(50)]
        assert np.mean(values) < 0.03

    def test_every_row_is_its_own(self):
        place = np.array([np.linspace(0.0, 0.999, 64), np.full(64, 0.3)])
        assert gained_bits(place) == pytest.approx([0.0, 5.0])


CORRELATED = np.array([[1.0, 0.9, 0.2], [0.9, 1.0, 0.1], [0.2, 0.1, 1.0]])


def gaussian_bits(mean, covariance, prior):
    """Kullback-Leibler divergence of a Gaussian from one of mean zero."""
    inverse = np.linalg.inv(prior)
    trace = np.trace(inverse @ covariance) + mean @ inverse @ mean - len(mean)
    nats = 0.5 * (trace + np.log(np.linalg.det(prior) / np.linalg.det(covariance)))
    return nats / np.log(2.0)


class TestJointlyGainedBits:
    @pytest.mark.parametrize(
        ("mean", "covariance"),
        [
            ([0.3, 0.2, 0.0], np.diag([0.6, 0.7, 1.0]) @ CORRELATED @ np.diag([0.6, 0.7, 1.0])),
            ([1.0, 0.8, 0.5], 0.25 * CORRELATED),
            ([0.0, 0.0, 1.0], np.diag([0.5, 0.5, 0.1])),
            (
                [1.0, 0.8, -0.5],
                np.array([[0.09, -0.05, 0.0], [-0.05, 0.09, 0.0], [0.0, 0.0, 0.5]]),
            ),
        ],
    )
    def test_gaussians(self, mean, covariance):
        rng = np.random.default_rng(170390)
        mean = np.array(mean)
        prior = rng.multivariate_normal(np.zeros(3), CORRELATED, size=20_000)
        draws = rng.multivariate_normal(mean, covariance, size=(1, 20_000))
        expected = gaussian_bits(mean, covariance, CORRELATED)
        assert jointly_gained_bits(draws, prior)[0] == pytest.approx(expected, rel=0.03, abs=0.03)

    def test_the_mean_is_the_mutual_information(self):
        rng = np.random.default_rng(170391)
        prior = rng.multivariate_normal(np.zeros(3), CORRELATED, size=8000)
        covariance = np.linalg.inv(np.linalg.inv(CORRELATED) + np.eye(3))
        measured = prior[:300] + rng.normal(size=(300, 3))
        spread = rng.multivariate_normal(np.zeros(3), covariance, size=(300, 2000))
        bits = jointly_gained_bits((measured @ covariance)[:, None] + spread, prior)
        expected = 0.5 * np.log2(np.linalg.det(np.eye(3) + CORRELATED))
        assert bits.mean() == pytest.approx(expected, abs=3.0 * bits.std() / np.sqrt(300))

    @pytest.mark.parametrize("function", [np.sinh, np.cbrt, lambda x: -np.exp(-x)])
    def test_monotonic_functions_do_not_matter(self, function):
        rng = np.random.default_rng(170392)
        prior, draws = rng.normal(size=(256, 2)), 0.5 * rng.normal(size=(4, 128, 2))
        expected = jointly_gained_bits(draws, prior)
        assert np.array_equal(jointly_gained_bits(function(draws), function(prior)), expected)

    def test_its_bias_with_the_draws_of_networks(self):
        rng = np.random.default_rng(170393)
        chol = np.linalg.cholesky(CORRELATED).T
        bits = [
            jointly_gained_bits(
                rng.normal(size=(10, 128, 3)) @ chol, rng.normal(size=(256, 3)) @ chol
            )
            for _ in range(40)
        ]
        expected = 18.0 / (4.0 * np.log(2.0)) * (1.0 / 128.0 + 1.0 / 256.0)
        assert np.mean(bits) == pytest.approx(expected, rel=0.15)

    def test_correlations_count(self):
        rng = np.random.default_rng(170394)
        prior = rng.normal(size=(8000, 2))
        draws = rng.multivariate_normal([0.0, 0.0], [[1.0, 0.9], [0.9, 1.0]], size=(1, 8000))
        expected = -0.5 * np.log2(1.0 - 0.9**2)
        assert jointly_gained_bits(draws, prior)[0] == pytest.approx(expected, abs=0.03)

    def test_a_constant_adds_nothing(self):
        rng = np.random.default_rng(170395)
        prior, draws = rng.normal(size=(256, 1)), 0.5 * rng.normal(size=(4, 128, 1))
        alone = jointly_gained_bits(draws, prior)
        both = [np.concatenate([part, np.zeros_like(part)], axis=-1) for part in (draws, prior)]
        assert jointly_gained_bits(*both) == pytest.approx(alone)

    def test_draws_outside_the_prior_have_bits_without_end(self):
        prior = np.random.default_rng(170396).normal(size=(256, 2))
        bits = jointly_gained_bits(np.full((1, 128, 2), 9.0), prior)
        assert 5.0 < bits[0] < np.inf
