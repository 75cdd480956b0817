import os
import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from cnn_backends import outputs_of
from fresh_process import call

from dustest.data.errors import InputError, MissingDependencyError
from dustest.estimators._cnn.heads.mixture import Mixture, mixture_loss
from dustest.estimators._cnn.network import keras_network
from dustest.estimators._cnn.network.config import DUSTEST, NORMALIZATIONS, PAPER, CNNConfig
from dustest.estimators._cnn.network.keras_network import (
    build,
    set_prior,
    weights_from_dict,
    weights_to_dict,
)
from dustest.estimators._cnn.targets import LATENTS, from_latent, to_latent

keras = pytest.importorskip("keras")

N_BANDS, N_CONTEXT = 3, 12
TINY = CNNConfig(context_dense=(), filters=(4, 6), dense=(16,), components=3, dropout=0.0)
TINY_PAPER = replace(PAPER, filters=(4, 6), dense=(8, 8))


def tiny(seed=0, config=TINY):
    """A small mixture network over three targets."""
    return build(config, N_BANDS, N_CONTEXT, len(LATENTS), size=16, seed=seed)


def inputs_of(n, size=16, seed=0):
    """Random inputs of a network."""
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(n, size, size, N_BANDS))
    context = rng.normal(size=(n, N_CONTEXT))
    return {"image": image.astype("float32"), "context": context.astype("float32")}


def labels_of(n):
    """Random labels."""
    return np.random.default_rng(0).normal(size=(n, len(LATENTS)))


class TestBuild:
    def test_dustest_is_compact(self):
        model = build(DUSTEST, 3, N_CONTEXT, 3)
        assert model.count_params() < 300_000
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

    @pytest.mark.parametrize(("config", "n_targets"), [(TINY, 3), (TINY_PAPER, 1)])
    def test_without_images(self, config, n_targets):
        model = build(config, 0, N_CONTEXT, n_targets, size=1)
        assert set(model.input) == {"context"}
        kinds = [type(layer).__name__ for layer in model.layers]
        assert kinds == ["InputLayer", *["Dense"] * len(config.dense), "Dropout", "Dense"]
        set_prior(model, config, labels_of(9)[:, :n_targets])
        output = model.predict_on_batch({"context": inputs_of(5)["context"]})
        assert output.shape == (5, 21 if config is TINY else 1)
        assert np.isfinite(output).all()

    def test_without_any_input(self):
        with pytest.raises(InputError, match=r"^n_bands or n_context must be at least 1, got 0"):
            build(TINY, 0, 0, 3)

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

    def test_border_is_not_looked_at(self):
        model = build(replace(TINY, window=8), 3, N_CONTEXT, 3, size=16)
        inputs = inputs_of(3)
        changed = {name: values.copy() for name, values in inputs.items()}
        changed["image"][:, :4] = changed["image"][:, :, 12:] = 99.0
        expected = model.predict_on_batch(inputs)
        np.testing.assert_array_equal(model.predict_on_batch(changed), expected)
        changed["image"][:, 4:12, 4:12] += 1.0
        assert not np.array_equal(model.predict_on_batch(changed), expected)

    def test_context_has_layers_beside_itself(self):
        model = build(replace(TINY, context_dense=(7, 5)), 2, N_CONTEXT, 3)
        joined = model.get_layer("with_context")
        widths = [tensor.shape[-1] for tensor in joined.input]
        assert widths[1:] == [N_CONTEXT, 5]

    def test_too_small_images(self):
        with pytest.raises(InputError, match=r"^size and window must be at least 16 pixels"):
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
            model.fit(inputs_of(32), labels_of(32), epochs=2, verbose=0, shuffle=False)
            results.append(model.predict_on_batch(inputs_of(8)))
        np.testing.assert_array_equal(*results)


class TestPrior:
    def labels(self, n=400):
        rng = np.random.default_rng(11)
        A_V = rng.exponential(0.4, n) * (rng.random(n) > 0.1)
        return to_latent(
            {
                "A_V": A_V,
                "E_BV": A_V / rng.normal(5.0, 0.5, n),
                "log_sSFR": rng.normal(-8.4, 0.4, n),
            }
        )

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
        labels = to_latent(
            {
                "A_V": A_V,
                "E_BV": A_V / R_V,
                "log_sSFR": np.full(1500, -8.5) + rng.normal(0, 0.1, 1500),
            }
        )
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
        model.compile(keras.optimizers.Adam(1e-2), TINY_PAPER.head.get_loss(name))
        # Far from where it starts, so that dropout and the order of images have no say.
        image, labels = inputs_of(64)["image"], np.linspace(10.0, 11.0, 64)[:, None]
        history = model.fit({"image": image}, labels, epochs=10, verbose=0).history
        assert history["loss"][-1] < 0.8 * history["loss"][0]


class TestWeights:
    @pytest.mark.parametrize("config", [TINY, replace(TINY, branches=True, normalization="batch")])
    def test_round_trip_to_a_fresh_network(self, config):
        first, second = tiny(seed=1, config=config), tiny(seed=2, config=config)
        first.compile("adam", mixture_loss)
        first.fit(inputs_of(16), labels_of(16), epochs=1, verbose=0)
        weights_from_dict(second, weights_to_dict(first))
        expected = first.predict_on_batch(inputs_of(4))
        np.testing.assert_array_equal(second.predict_on_batch(inputs_of(4)), expected)

    def test_names(self):
        layers = ["block0_conv", "block1_conv", "dense0", "output"]
        expected = [f"{layer}/{kind}" for layer in layers for kind in ("kernel", "bias")]
        bare = tiny(config=replace(TINY, normalization="none"))
        assert list(weights_to_dict(bare)) == expected

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


class TestChoiceOfBackend:
    @pytest.mark.parametrize(
        ("installed", "expected"),
        [
            (("tensorflow", "jax", "torch"), None),
            (("jax", "torch"), "jax"),
            (("torch",), "torch"),
            ((), None),
        ],
    )
    def test_what_is_installed_is_used(self, monkeypatch, installed, expected):
        monkeypatch.delitem(sys.modules, "keras")
        monkeypatch.delenv("KERAS_BACKEND", raising=False)
        monkeypatch.setattr(keras_network, "find_spec", lambda name: name in installed or None)
        with keras_network._chosen_backend():
            assert os.environ.get("KERAS_BACKEND") == expected
        assert "KERAS_BACKEND" not in os.environ

    def test_the_user_has_the_say(self, monkeypatch):
        monkeypatch.delitem(sys.modules, "keras")
        monkeypatch.setattr(keras_network, "find_spec", lambda name: name == "jax" or None)
        monkeypatch.setenv("KERAS_BACKEND", "torch")
        with keras_network._chosen_backend():
            assert os.environ["KERAS_BACKEND"] == "torch"
        assert os.environ["KERAS_BACKEND"] == "torch"


@pytest.mark.slow
class TestBackends:
    @pytest.mark.parametrize("backend", ["jax", "tensorflow", "torch"])
    def test_prediction_agrees(self, backend):
        if find_spec(backend) is None:
            pytest.skip(f"{backend} is not installed")
        model = build(DUSTEST, 3, 12, 3, seed=1)
        inputs = inputs_of(16, size=32)
        found = call(outputs_of, backend, weights_to_dict(model), inputs)
        np.testing.assert_allclose(found, model.predict_on_batch(inputs), rtol=0, atol=1e-4)
