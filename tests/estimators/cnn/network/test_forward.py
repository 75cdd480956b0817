"""The forward pass in NumPy, against Keras with the same weights."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from dustest.data import InputError
from dustest.estimators._cnn.network import forward
from dustest.estimators._cnn.network.config import (
    ACTIVATIONS,
    NORMALIZATIONS,
    POOLINGS,
    CNNConfig,
)
from dustest.estimators._cnn.network.forward import _BLOCK, ForwardNetwork
from dustest.estimators._cnn.network.layers import list_layers, weight_shapes

SIZE = 19
PLANS = st.builds(
    CNNConfig,
    window=st.sampled_from([0, 8, 11, 16]),
    filters=st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
    kernel_size=st.integers(1, 5),
    activation=st.sampled_from(ACTIVATIONS),
    normalization=st.sampled_from(NORMALIZATIONS),
    pooling=st.sampled_from(POOLINGS),
    branches=st.booleans(),
    context_dense=st.lists(st.integers(1, 9), max_size=2).map(tuple),
    dense=st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
    components=st.integers(1, 4),
)


def made(config, n_bands, n_context, size=SIZE, seed=0):
    """Layers of a network and random weights; deviations and variances are positive."""
    layers = list_layers(config, n_bands, n_context, 3, size=size)
    rng = np.random.default_rng(seed)
    weights = {
        name: (rng.uniform(0.5, 1.5, shape) if "variance" in name else rng.normal(size=shape))
        for name, shape in weight_shapes(layers).items()
    }
    for name in weights:
        if name.endswith("kernel"):
            weights[name] /= np.sqrt(weights[name][..., 0].size)
    return layers, {name: values.astype("f4") for name, values in weights.items()}


def inputs_of(n, n_bands, n_context, size=SIZE):
    """Random galaxies."""
    rng = np.random.default_rng(1)
    image = rng.normal(size=(n, size, size, n_bands)).astype("f4")
    return {"image": image, "context": rng.normal(size=(n, n_context)).astype("f4")}


class TestAgainstKeras:
    @settings(max_examples=25)
    @given(config=PLANS, n_bands=st.integers(0, 3), n_context=st.integers(1, 6))
    def test_any_plan(self, config, n_bands, n_context):
        pytest.importorskip("keras")
        from dustest.estimators._cnn.network.keras_network import build, weights_from_dict

        layers, weights = made(config, n_bands, n_context)
        model = build(config, n_bands, n_context, 3, size=SIZE)
        weights_from_dict(model, weights)
        inputs = inputs_of(5, n_bands, n_context)
        expected = model.predict_on_batch({name: inputs[name] for name in model.input})
        found = ForwardNetwork(layers, weights)(inputs)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


N = 3 * _BLOCK + 5
SMALL = CNNConfig(filters=(8, 16), dense=(24,), components=2)


@pytest.fixture(scope="module")
def network():
    """A small network."""
    return ForwardNetwork(*made(SMALL, 2, 11, size=32))


@pytest.fixture(scope="module")
def inputs():
    """Galaxies for it, in several blocks of which the last is not full."""
    return inputs_of(N, 2, 11, size=32)


class TestBlocks:
    @pytest.mark.parametrize("threads", [1, 2])
    @pytest.mark.parametrize("seed", range(3))
    def test_neither_order_nor_neighbours_matter(self, network, inputs, threads, seed):
        expected = network(inputs)
        rows = np.random.default_rng(seed).permutation(N)[: N - 7 * seed]
        with threadpool_limits(threads):
            found = network({name: values[rows] for name, values in inputs.items()})
        np.testing.assert_array_equal(found, expected[rows])

    def test_one_by_one(self, network, inputs):
        expected = network(inputs)
        for i in range(0, N, 17):
            row = network({name: values[i : i + 1] for name, values in inputs.items()})
            np.testing.assert_array_equal(row[0], expected[i])

    def test_strips_of_large_images_join(self, inputs, network, monkeypatch):
        monkeypatch.setattr("dustest.estimators._cnn.network.forward._COLUMN_BYTES", 2**16)
        narrow = ForwardNetwork(*made(SMALL, 2, 11, size=32))
        np.testing.assert_allclose(narrow(inputs), network(inputs), rtol=1e-5, atol=1e-5)

    def test_no_galaxies(self, network, inputs):
        assert network({name: values[:0] for name, values in inputs.items()}).shape == (0, 14)


class TestPairsOfRows:
    @pytest.mark.parametrize("window", [13, 16, 19])
    @pytest.mark.parametrize("normalization", ["batch", "group"])
    @pytest.mark.parametrize("activation", ["relu", "gelu"])
    def test_are_plain_convolutions(self, monkeypatch, window, normalization, activation):
        config = CNNConfig(
            window=window,
            filters=(17, 20, 16),
            normalization=normalization,
            activation=activation,
            dense=(8,),
            components=1,
        )
        layers, weights = made(config, 2, 5)
        given = inputs_of(11, 2, 5)
        found = ForwardNetwork(layers, weights)(given)
        monkeypatch.setattr(forward, "_FEWEST_CHANNELS", 1000)
        expected = ForwardNetwork(layers, weights)(given)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
        assert not np.array_equal(found, expected)

    def test_neighbours_do_not_matter(self):
        config = CNNConfig(filters=(16, 24, 16), dense=(8,), components=1)
        layers, weights = made(config, 2, 5)
        network, given = ForwardNetwork(layers, weights), inputs_of(70, 2, 5)
        rows = np.random.default_rng(2).permutation(70)[:51]
        found = network({name: values[rows] for name, values in given.items()})
        np.testing.assert_array_equal(found, network(given)[rows])


class TestWeights:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"output/bias": None}, "missing or unknown: output/bias$"),
            ({"extra/kernel": np.zeros(3)}, "missing or unknown: extra/kernel$"),
            ({"output/bias": np.zeros(20)}, r"weight output/bias must be .* shape \(14,\), got"),
            ({"output/bias": np.full(14, np.nan)}, "weight output/bias must be finite floats"),
            ({"output/bias": np.zeros(14, int)}, "weight output/bias must be finite floats"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, change, message):
        layers, weights = made(CNNConfig(components=2), 2, 5, size=24)
        changed = {name: v for name, v in (weights | change).items() if v is not None}
        with pytest.raises(InputError, match=message):
            ForwardNetwork(layers, changed)


class TestThreads:
    def test_those_of_blas_are_given_back(self, network, inputs):
        with threadpool_limits(2, user_api="blas"):
            before = [library["num_threads"] for library in threadpool_info()]
            with ThreadPoolExecutor(3) as threads:
                list(threads.map(network, [inputs] * 6))
            assert [library["num_threads"] for library in threadpool_info()] == before

    def test_many_threads_at_once(self, network, inputs):
        expected = network(inputs)
        with ThreadPoolExecutor(3) as threads:
            for found in threads.map(network, [inputs] * 6):
                np.testing.assert_array_equal(found, expected)
