import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from dustest.data.errors import InputError, MissingDependencyError
from dustest.estimators._cnn_config import DUSTEST, NORMALIZATIONS, PAPER, CNNConfig
from dustest.estimators._cnn_network import (
    LATENTS,
    Mixture,
    build,
    from_latent,
    get_loss,
    mixture_loss,
    set_prior,
    to_latent,
    weights_from_dict,
    weights_to_dict,
)

keras = pytest.importorskip("keras")

N_BANDS, N_CONTEXT = 3, 12
TINY = CNNConfig(filters=(4, 6), dense=(16,), components=3, dropout=0.0)
TINY_PAPER = replace(PAPER, filters=(4, 6), dense=(8, 8))
SCRIPT = """
import sys
import numpy as np
from dustest.estimators._cnn_config import get_config
from dustest.estimators._cnn_network import build, weights_from_dict
archive = dict(np.load(sys.argv[1]))
inputs = {name: archive.pop(name) for name in ("image", "context")}
model = build(get_config("dustest"), 3, 12, 3, seed=int(sys.argv[3]))
weights_from_dict(model, archive)
np.save(sys.argv[2], np.array(model.predict_on_batch(inputs)))
"""


def tiny(seed=0, config=TINY):
    """A small mixture network over three targets."""
    return build(config, N_BANDS, N_CONTEXT, len(LATENTS), size=16, seed=seed)


def inputs_of(n, size=16, seed=0):
    """Random inputs of a network."""
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(n, size, size, N_BANDS))
    context = rng.normal(size=(n, N_CONTEXT))
    return {"image": image.astype("float32"), "context": context.astype("float32")}


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


class TestBuild:
    def test_dustest_is_compact(self):
        model = build(DUSTEST, 3, N_CONTEXT, 3)
        assert model.count_params() < 150_000
        assert model.output_shape == (None, DUSTEST.components * 7)
        assert set(model.input) == {"image", "context"}

    def test_colours_are_mixed_first(self):
        model = build(DUSTEST, 3, N_CONTEXT, 3)
        assert model.get_layer("block0_conv").kernel.shape == (3, 3, 3, DUSTEST.filters[0])

    def test_paper_has_a_branch_for_each_band(self):
        model = build(PAPER, 3, 0, 1)
        names = [layer.name for layer in model.layers]
        kinds = [type(layer).__name__ for layer in model.layers]
        assert kinds.count("Conv2D") == kinds.count("BatchNormalization") == 9
        assert kinds.count("MaxPooling2D") == 9
        assert kinds.count("Dense") == 5
        assert names[-2:] == ["dropout", "output"]
        assert model.get_layer("dropout").rate == 0.5
        assert model.get_layer("band2_block0_conv").kernel.shape == (3, 3, 1, 36)
        assert model.output_shape == (None, 1)

    def test_order_in_a_block_of_the_paper(self):
        names = [layer.name for layer in build(PAPER, 1, 0, 1).layers]
        start = names.index("band0_block0_conv")
        parts = ["conv", "active", "norm", "pool"]
        assert names[start : start + 4] == [f"band0_block0_{part}" for part in parts]

    def test_paper_takes_no_context(self):
        assert set(build(TINY_PAPER, 2, N_CONTEXT, 1).input) == {"image"}

    def test_mixture_without_context(self):
        assert set(build(TINY, 2, 0, 3).input) == {"image"}

    @pytest.mark.parametrize("config", [DUSTEST, PAPER])
    def test_no_lambda(self, config):
        model = build(config, 3, N_CONTEXT, 3 if config is DUSTEST else 1)
        assert not any("Lambda" in type(layer).__name__ for layer in model.layers)

    @pytest.mark.parametrize("normalization", NORMALIZATIONS)
    @pytest.mark.parametrize("branches", [False, True])
    def test_every_option(self, normalization, branches):
        config = replace(TINY, normalization=normalization, branches=branches, pooling="max")
        output = tiny(config=config).predict_on_batch(inputs_of(5))
        assert output.shape == (5, 21)
        assert np.isfinite(output).all()

    def test_too_small_images(self):
        with pytest.raises(InputError, match=r"^size must be at least 16 pixels for 4 conv"):
            build(DUSTEST, 3, N_CONTEXT, 3, size=15)

    def test_paper_has_one_target(self):
        with pytest.raises(InputError, match=r"^n_targets must be 1 for a network of the kind"):
            build(PAPER, 3, 0, 3)

    def test_without_keras(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "keras", None)
        with pytest.raises(MissingDependencyError, match="needs the package keras"):
            tiny()

    def test_layout_and_precision_are_its_own(self):
        expected = tiny().predict_on_batch(inputs_of(4))
        before = keras.config.image_data_format(), keras.config.floatx()
        try:
            keras.config.set_image_data_format("channels_first")
            keras.config.set_floatx("float16")
            model = tiny()
        finally:
            keras.config.set_image_data_format(before[0])
            keras.config.set_floatx(before[1])
        np.testing.assert_array_equal(model.predict_on_batch(inputs_of(4)), expected)


class TestSeed:
    def test_same_seed_same_network(self):
        first, second = (weights_to_dict(tiny(seed=3)) for _ in range(2))
        assert all(np.array_equal(first[name], second[name]) for name in first)

    def test_other_seed_other_network(self):
        first, second = (weights_to_dict(tiny(seed=seed)) for seed in (3, 4))
        assert not np.array_equal(first["block0_conv/kernel"], second["block0_conv/kernel"])

    def test_layers_differ(self):
        config = replace(TINY, branches=True)
        weights = weights_to_dict(tiny(config=config))
        kernels = [weights[f"band{i}_block0_conv/kernel"] for i in range(2)]
        assert not np.array_equal(*kernels)

    def test_training_is_repeatable(self):
        config = replace(TINY, dropout=0.3)
        results = []
        for _ in range(2):
            model = tiny(config=config)
            model.compile("adam", mixture_loss)
            model.fit(inputs_of(32), raw_of(32)[:, :3], epochs=2, verbose=0, shuffle=False)
            results.append(model.predict_on_batch(inputs_of(8)))
        np.testing.assert_array_equal(*results)


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
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(28)])
        kernel, _ = model.layers[0].get_weights()
        model.layers[0].set_weights([kernel * 0, (size * rng.choice([-1, 1], 28)).astype("f4")])
        model.compile(keras.optimizers.SGD(1e-12), mixture_loss)
        labels = np.array([[1e3, np.nan, -9.0], [0.0, 1.0, np.nan]], dtype="float32")
        loss = model.train_on_batch(np.ones((2, 1), "float32"), labels)
        assert np.isfinite(loss)
        assert all(np.isfinite(weight).all() for weight in model.layers[0].get_weights())

    def test_masked_targets_move_nothing(self):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(7)])
        model.compile(keras.optimizers.SGD(0.1), mixture_loss)
        labels = np.array([[1.0, np.nan, -1.0]], dtype="float32")
        model.train_on_batch(np.ones((1, 1), "float32"), labels)
        moved = model.layers[0].get_weights()[1] != 0
        np.testing.assert_array_equal(moved, [False, True, False, True, True, False, True])

    def test_names(self):
        assert get_loss(DUSTEST) is mixture_loss
        assert get_loss(PAPER) == get_loss(PAPER, "absolute") == "mean_absolute_error"
        assert get_loss(PAPER, "percentage") == "mean_absolute_percentage_error"
        with pytest.raises(InputError, match=r"^loss must be None for a network of the kind 'mix"):
            get_loss(DUSTEST, "percentage")
        with pytest.raises(InputError, match=r"^loss must be 'absolute' or 'percentage' for"):
            get_loss(PAPER, "squared")


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


class TestLatents:
    @given(
        arrays(float, 5, elements=st.floats(1e-5, 20.0)),
        arrays(float, 5, elements=st.floats(0.5, 50.0)),
    )
    def test_round_trip(self, A_V, R_V):
        back = from_latent(to_latent(A_V, A_V / R_V, np.full(5, -8.5)))
        np.testing.assert_allclose(back["A_V"], A_V)
        np.testing.assert_allclose(back["E_BV"], A_V / R_V)
        assert np.all(back["log_sSFR"] == -8.5)

    def test_no_dust_has_no_ratio(self):
        latent = to_latent([0.0, 0.5, 0.0], [0.0, 0.0, 0.1], [-8.0, -8.0, -8.0])
        assert np.isnan(latent[:, 1]).all()
        np.testing.assert_allclose(latent[:, 0], np.arcsinh([0.0, 5.0, 0.0]))

    def test_no_dust_keeps_the_ratio_of_the_answer(self):
        quantities = from_latent(np.array([[-3.0, np.log(4.0), -8.0]]))
        assert quantities["A_V"] == pytest.approx(1e-6)
        assert quantities["A_V"] / quantities["E_BV"] == pytest.approx(4.0)

    def test_what_is_not_given_is_unknown(self):
        latent = to_latent(A_V=[0.1, 0.2])
        assert np.isfinite(latent[:, 0]).all()
        assert np.isnan(latent[:, 1:]).all()
        assert np.isnan(to_latent(log_sSFR=[-8.0])[0, :2]).all()

    def test_excess_alone(self):
        excess = np.array([0.05, 0.2])
        np.testing.assert_allclose(from_latent(to_latent(E_BV=excess))["E_BV"], excess)

    def test_nothing_overflows(self):
        quantities = from_latent(np.array([[1e6, -1e6, 1e6], [-1e6, 1e6, -1e6]]))
        assert all(np.isfinite(value).all() for value in quantities.values())

    def test_shape_of_draws(self):
        quantities = from_latent(Mixture.from_raw(raw_of(6)).draw(7, np.random.default_rng(0)))
        assert {value.shape for value in quantities.values()} == {(6, 7)}


class TestPrior:
    def labels(self, n=400):
        rng = np.random.default_rng(11)
        A_V = rng.exponential(0.4, n) * (rng.random(n) > 0.1)
        return to_latent(A_V, A_V / rng.normal(5.0, 0.5, n), rng.normal(-8.4, 0.4, n))

    def test_predicts_the_distribution(self):
        model, labels = tiny(), self.labels()
        set_prior(model, TINY, labels)
        mixture = Mixture.from_raw(model.predict_on_batch(inputs_of(len(labels))))
        np.testing.assert_allclose(mixture.mean[0], np.nanmean(labels, axis=0), atol=1e-3)
        assert np.all(mixture.mean == mixture.mean[0])
        pit = mixture.cdf(labels)
        assert abs(np.mean((pit > 0.16) & (pit < 0.84)) - 0.68) < 0.1

    def test_components_differ(self):
        model = tiny()
        set_prior(model, TINY, self.labels())
        mixture = Mixture.from_raw(model.predict_on_batch(inputs_of(1)))
        assert np.all(np.diff(mixture.means[0, :, 0]) > 0.1)

    def test_paper_starts_at_the_median(self):
        model = build(TINY_PAPER, N_BANDS, 0, 1, size=16)
        set_prior(model, TINY_PAPER, np.array([[-8.0], [-8.5], [-9.9]]))
        image = inputs_of(2)["image"]
        np.testing.assert_allclose(model.predict_on_batch({"image": image}), -8.5)

    @pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
    def test_few_labels(self, n):
        labels = self.labels(n)
        labels[:, 1] = np.nan
        model = tiny()
        set_prior(model, TINY, labels)
        mixture = Mixture.from_raw(model.predict_on_batch(inputs_of(1)))
        assert np.isfinite(mixture.log_prob(labels)).all()


class TestLearning:
    def test_learns_a_relation(self):
        rng = np.random.default_rng(0)
        inputs = inputs_of(1500, size=8, seed=1)
        A_V, R_V = rng.uniform(0.05, 2.0, 1500), rng.uniform(3.0, 8.0, 1500)
        inputs["image"] *= 0.1
        inputs["image"] += np.arcsinh(A_V / 0.1)[:, None, None, None]
        inputs["context"][:, 0] = R_V
        labels = to_latent(A_V, A_V / R_V, np.full(1500, -8.5) + rng.normal(0, 0.1, 1500))
        labels[::5, 1] = np.nan
        model = build(TINY, N_BANDS, N_CONTEXT, 3, size=8, seed=0)
        set_prior(model, TINY, labels[:1000])
        model.compile(keras.optimizers.Adam(5e-3), mixture_loss)
        train = {name: value[:1000] for name, value in inputs.items()}
        test = {name: value[1000:] for name, value in inputs.items()}
        before = model.evaluate(test, labels[1000:], verbose=0)
        model.fit(train, labels[:1000], batch_size=50, epochs=15, verbose=0)
        assert model.evaluate(test, labels[1000:], verbose=0) < before - 1.5
        predicted = from_latent(Mixture.from_raw(model.predict_on_batch(test)).mean)
        assert np.corrcoef(predicted["A_V"], A_V[1000:])[0, 1] > 0.95
        ratio = predicted["A_V"] / predicted["E_BV"]
        assert np.corrcoef(ratio, R_V[1000:])[0, 1] > 0.8

    @pytest.mark.parametrize("name", ["absolute", "percentage"])
    def test_paper_trains(self, name):
        model = build(TINY_PAPER, N_BANDS, 0, 1, size=16)
        model.compile(keras.optimizers.Adam(1e-3), get_loss(TINY_PAPER, name))
        image, labels = inputs_of(64)["image"], np.linspace(0.1, 2.0, 64)[:, None]
        history = model.fit({"image": image}, labels, epochs=4, verbose=0).history
        assert history["loss"][-1] < history["loss"][0]


class TestWeights:
    @pytest.mark.parametrize("config", [TINY, replace(TINY, branches=True, normalization="batch")])
    def test_round_trip_to_a_fresh_network(self, config):
        first, second = tiny(seed=1, config=config), tiny(seed=2, config=config)
        first.compile("adam", mixture_loss)
        first.fit(inputs_of(16), raw_of(16)[:, :3], epochs=1, verbose=0)
        weights_from_dict(second, weights_to_dict(first))
        expected = first.predict_on_batch(inputs_of(4))
        np.testing.assert_array_equal(second.predict_on_batch(inputs_of(4)), expected)

    def test_names(self):
        layers = ["block0_conv", "block1_conv", "dense0", "output"]
        expected = [f"{layer}/{kind}" for layer in layers for kind in ("kernel", "bias")]
        assert list(weights_to_dict(tiny())) == expected

    def test_moving_averages_belong_to_them(self):
        weights = weights_to_dict(build(TINY_PAPER, 2, 0, 1))
        assert "band1_block0_norm/moving_variance" in weights

    def test_names_do_not_depend_on_the_session(self):
        assert list(weights_to_dict(tiny())) == list(weights_to_dict(tiny()))

    def test_arrays_are_copies(self):
        model = tiny()
        weights = weights_to_dict(model)
        weights["output/bias"] += 1.0
        assert not weights_to_dict(model)["output/bias"].any()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"output/bias": None}, "missing or unknown: output/bias$"),
            ({"extra/kernel": np.zeros(3)}, "missing or unknown: extra/kernel$"),
            ({"output/bias": np.zeros(20)}, r"weight output/bias must be .* shape \(21,\), got"),
            ({"output/bias": np.full(21, np.nan)}, "weight output/bias must be finite floats"),
            ({"output/bias": np.zeros(21, int)}, "weight output/bias must be finite floats"),
            ({"output/bias": np.full(21, "a")}, "weight output/bias must be finite floats"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, change, message):
        model = tiny(seed=1)
        before = weights_to_dict(model)
        changed = weights_to_dict(tiny(seed=2)) | change
        changed = {name: value for name, value in changed.items() if value is not None}
        with pytest.raises(InputError, match=message):
            weights_from_dict(model, changed)
        after = weights_to_dict(model)
        assert all(np.array_equal(after[name], before[name]) for name in before)


@pytest.mark.slow
class TestBackends:
    @pytest.mark.parametrize("backend", ["jax", "tensorflow", "torch"])
    def test_prediction_agrees(self, backend, tmp_path):
        if find_spec(backend) is None:
            pytest.skip(f"{backend} is not installed")
        model = build(DUSTEST, 3, 12, 3, seed=1)
        inputs = inputs_of(16, size=32)
        np.savez(tmp_path / "model.npz", **weights_to_dict(model), **inputs)
        subprocess.run(
            [sys.executable, "-c", SCRIPT, tmp_path / "model.npz", tmp_path / "out.npy", "2"],
            env=os.environ | {"KERAS_BACKEND": backend},
            check=True,
        )
        expected = model.predict_on_batch(inputs)
        np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=0, atol=1e-4)
