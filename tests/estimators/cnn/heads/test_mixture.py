import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dustest.data.errors import InputError
from dustest.estimators._cnn.heads import HEADS
from dustest.estimators._cnn.heads.mixture import Mixture, mixture_loss

keras = pytest.importorskip("keras")


def raw_of(n, n_components=4, n_targets=3, seed=0):
    """Random output of a mixture network."""
    rng = np.random.default_rng(seed)
    return rng.normal(scale=1.5, size=(n, n_components * (1 + 2 * n_targets)))


def loss_of(labels, raw):
    """The loss of each galaxy as an array."""
    labels, raw = (np.asarray(value, dtype="float32") for value in (labels, raw))
    ops = keras.ops
    tensors = (ops.convert_to_tensor(value) for value in (labels, raw))
    return ops.convert_to_numpy(mixture_loss(*tensors))


def layer_of_zeros(n):
    """A dense layer that draws no numbers from the generator of Python to begin with."""
    return keras.layers.Dense(n, kernel_initializer="zeros")


def scipy_log_prob(values, mixture):
    """Density by scipy, galaxy by galaxy and component by component."""
    density = np.zeros(len(values))
    for i, value in enumerate(values):
        known = ~np.isnan(value)
        for weight, mean, sigma in zip(
            mixture.weights[i], mixture.means[i], mixture.sigmas[i], strict=True
        ):
            parts = stats.norm.pdf(value[known], mean[known], sigma[known])
            density[i] += weight * np.prod(parts)
    return np.log(density)


class TestLoss:
    def test_against_scipy(self):
        raw = raw_of(20)
        labels = np.random.default_rng(1).normal(size=(20, 3))
        expected = -scipy_log_prob(labels, Mixture.from_raw(raw))
        np.testing.assert_allclose(loss_of(labels, raw), expected, rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("column", range(3))
    def test_masked_target_is_integrated_over(self, column):
        raw, n = raw_of(1, n_components=2), 4001
        values = np.tile([[0.4, 0.3, -0.2]], (n, 1))
        grid = np.linspace(-60.0, 60.0, n)
        values[:, column] = grid
        mixture = Mixture.from_raw(np.repeat(raw, n, axis=0))
        integral = np.trapezoid(np.exp(mixture.log_prob(values)), grid)
        values[0, column] = np.nan
        assert loss_of(values[:1], raw)[0] == pytest.approx(-np.log(integral), rel=1e-4)

    def test_all_masked_is_no_loss(self):
        assert loss_of(np.full((3, 3), np.nan), raw_of(3)) == pytest.approx(0.0, abs=1e-6)

    def test_agrees_with_the_mixture(self):
        raw, labels = raw_of(30), raw_of(30, seed=2)[:, :3]
        labels[::3, 1] = np.nan
        expected = -Mixture.from_raw(raw).log_prob(labels)
        np.testing.assert_allclose(loss_of(labels, raw), expected, rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("size", [1e2, 1e6, 1e20, 3e38])
    def test_gradients_are_finite(self, size):
        rng = np.random.default_rng(0)
        raw = (size * rng.choice([-1, 1], 28)).astype("f4")
        model = keras.Sequential([keras.Input((1,)), layer_of_zeros(28)])
        model.layers[0].set_weights([np.zeros((1, 28), "f4"), raw])
        model.compile(keras.optimizers.SGD(1e-12), mixture_loss)
        labels = np.array([[1e3, np.nan, -9.0], [0.0, 1.0, np.nan]], dtype="float32")
        loss = model.train_on_batch(np.ones((2, 1), "float32"), labels)
        assert np.isfinite(loss)
        assert all(np.isfinite(weight).all() for weight in model.layers[0].get_weights())

    def test_masked_targets_move_nothing(self):
        model = keras.Sequential([keras.Input((1,)), layer_of_zeros(7)])
        model.compile(keras.optimizers.SGD(0.1), mixture_loss)
        labels = np.array([[1.0, np.nan, -1.0]], dtype="float32")
        model.train_on_batch(np.ones((1, 1), "float32"), labels)
        moved = model.layers[0].get_weights()[1] != 0
        np.testing.assert_array_equal(moved, [False, True, False, True, True, False, True])

    def test_names(self):
        assert HEADS["mixture"].get_loss() is mixture_loss
        assert HEADS["paper"].get_loss() == "mean_absolute_error"
        assert HEADS["paper"].get_loss("absolute") == "mean_absolute_error"
        assert HEADS["paper"].get_loss("percentage") == "mean_absolute_percentage_error"
        with pytest.raises(InputError, match=r"^loss must be None for a network of the kind 'mix"):
            HEADS["mixture"].get_loss("percentage")
        with pytest.raises(InputError, match=r"^loss must be 'absolute' or 'percentage' for"):
            HEADS["paper"].get_loss("squared")


class TestMixture:
    mixture = Mixture.from_raw(raw_of(6))

    def test_bounded_deviations(self):
        extreme = Mixture.from_raw(np.array([[0.0, 5.0, 1e30], [0.0, 5.0, -1e30]]), n_targets=1)
        np.testing.assert_allclose(extreme.sigmas.ravel(), [np.exp(2), np.exp(-4)])

    def test_weights_sum_up_to_one(self):
        np.testing.assert_allclose(self.mixture.weights.sum(axis=1), 1.0)

    def test_log_prob_against_scipy(self):
        values = np.random.default_rng(4).normal(size=(6, 3))
        values[2, 1] = np.nan
        expected = scipy_log_prob(values, self.mixture)
        np.testing.assert_allclose(self.mixture.log_prob(values), expected)

    @given(st.lists(st.floats(1e-6, 1 - 1e-6), min_size=1, max_size=4))
    def test_quantiles_invert_the_cdf(self, levels):
        quantiles = self.mixture.quantile(levels)
        assert quantiles.shape == (6, 3, len(levels))
        for level, values in zip(levels, np.moveaxis(quantiles, -1, 0), strict=True):
            np.testing.assert_allclose(self.mixture.cdf(values), level, rtol=1e-9, atol=1e-12)

    def test_quantiles_of_one_gaussian(self):
        single = Mixture.from_raw(raw_of(5, n_components=1))
        expected = stats.norm.ppf(0.16, single.means[:, 0], single.sigmas[:, 0])
        np.testing.assert_allclose(single.quantile([0.16])[..., 0], expected)

    def test_ends_of_the_distribution(self):
        ends = self.mixture.quantile([0.0, 1.0])
        assert np.all(ends[..., 0] == -np.inf)
        assert np.all(ends[..., 1] == np.inf)

    def test_draws_agree_with_quantiles(self):
        draws = self.mixture.draw(4096, np.random.default_rng(0))
        levels = [0.05, 0.16, 0.5, 0.84, 0.95]
        below = [
            (draws < q[:, None, :]).mean(axis=1)
            for q in np.moveaxis(self.mixture.quantile(levels), -1, 0)
        ]
        expected = np.broadcast_to(np.array(levels)[:, None, None], (5, 6, 3))
        np.testing.assert_allclose(below, expected, atol=0.01)

    def test_draws_have_moments(self):
        draws = self.mixture.draw(20_000, np.random.default_rng(1))
        np.testing.assert_allclose(draws.mean(axis=1), self.mixture.mean, atol=0.02)
        np.testing.assert_allclose(draws.std(axis=1), self.mixture.std, rtol=0.02)

    def test_draws_are_joint(self):
        mixture = Mixture(
            np.log([[0.5, 0.5]]),
            np.array([[[-5.0, -5.0], [5.0, 5.0]]]),
            np.full((1, 2, 2), 0.1),
        )
        draws = mixture.draw(1000, np.random.default_rng(2))[0]
        np.testing.assert_array_equal(draws[:, 0] > 0, draws[:, 1] > 0)
        assert abs(np.mean(draws[:, 0] > 0) - 0.5) < 0.01

    @pytest.mark.parametrize("n_draws", [1, 3])
    @pytest.mark.parametrize("by_row", [False, True])
    def test_each_draw_is_distributed_as_the_mixture(self, n_draws, by_row):
        n, rng = 4000, np.random.default_rng(5)
        mixture = Mixture.from_raw(np.repeat(raw_of(1), n, axis=0))
        state = rng.integers(2**63, size=n).astype("uint64") if by_row else rng
        draws = mixture.draw(n_draws, state)[:, -1]
        pit = mixture.cdf(draws)
        for column in pit.T:
            assert stats.kstest(column, "uniform").pvalue > 1e-4
        assert abs(stats.spearmanr(draws[1:, 0], draws[:-1, 0]).statistic) < 0.06

    def test_draws_beat_independent_ones(self):
        mixture = Mixture.from_raw(raw_of(300, seed=7))
        found = np.median(mixture.draw(256, np.random.default_rng(6)), axis=1)
        error = np.abs(mixture.cdf(found) - 0.5).mean()
        independent = np.sqrt(2.0 / np.pi) * 0.5 / np.sqrt(256)
        assert error < 0.5 * independent

    @pytest.mark.parametrize(("n_components", "error"), [(8, 0.012), (16, 0.008)])
    def test_percentiles_of_draws(self, n_components, error):
        mixture = Mixture.from_raw(raw_of(300, n_components=n_components, seed=3))
        draws = mixture.draw(16 * n_components, np.random.default_rng(8))
        for level in (0.16, 0.5, 0.84):
            found = mixture.cdf(np.quantile(draws, level, axis=1, method="hazen"))
            assert np.sqrt(np.mean((found - level) ** 2)) < error

    def test_components_without_weight_are_not_drawn(self):
        log_weights = np.log([[1e-300, 0.5, 1e-300, 0.5, 1e-300]])
        means = np.array([[[1e6], [-1.0], [1e6], [1.0], [1e6]]])
        mixture = Mixture(log_weights, means, np.full(means.shape, 0.1))
        draws = mixture.draw(2**17, np.random.default_rng(4))
        assert np.abs(draws).max() < 2.0
        assert draws.mean() == pytest.approx(0.0, abs=1e-3)

    def test_draws_are_even_in_two_targets(self):
        single = Mixture(np.zeros((1, 1)), np.zeros((1, 1, 3)), np.ones((1, 1, 3)))
        unit = stats.norm.cdf(single.draw(1024, np.random.default_rng(3))[0])
        for first, second in ((0, 1), (0, 2), (1, 2)):
            counts, _, _ = np.histogram2d(unit[:, first], unit[:, second], 4, [[0, 1]] * 2)
            np.testing.assert_allclose(counts, 64, atol=16)

    def test_row_seeds_make_draws_independent_of_order(self):
        seeds = np.array([3, 2**64 - 1, 17, 0, 5, 6], dtype=np.uint64)
        draws = self.mixture.draw(16, seeds)
        rows = [4, 1]
        part = Mixture(
            self.mixture.log_weights[rows], self.mixture.means[rows], self.mixture.sigmas[rows]
        )
        np.testing.assert_array_equal(part.draw(16, seeds[rows]), draws[rows])

    def test_pooled(self):
        other = Mixture.from_raw(raw_of(6, n_components=2, seed=9))
        values = np.random.default_rng(8).normal(size=(6, 3))
        mean = 0.5 * (np.exp(self.mixture.log_prob(values)) + np.exp(other.log_prob(values)))
        pooled = Mixture.pooled([self.mixture, other])
        np.testing.assert_allclose(pooled.log_prob(values), np.log(mean))
