"""Layers worked out from a plan: those that Keras builds, one by one."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dustest import CNNEstimator
from dustest.data import InputError
from dustest.estimators._cnn.network.config import DUSTEST, NORMALIZATIONS, PAPER, CNNConfig
from dustest.estimators._cnn.network.keras_network import build
from dustest.estimators._cnn.network.layers import count_weights, list_layers

BANDS = ["F277W", "F356W", "F444W"]


def of_keras(config, **shape):
    """Shape and number of weights of each layer of the network that Keras builds."""
    model = build(config, **shape)
    return {
        layer.name: (*_shape(layer.output), layer.count_params())
        for layer in model.layers
        if not layer.name.endswith("_active") and not layer.name.startswith("split")
    }


def _shape(output):
    """Side and number of maps, or 0 and number of plain numbers."""
    sizes = output.shape[1:]
    return (sizes[0], sizes[2]) if len(sizes) == 3 else (0, sizes[0])


def of_plan(config, **shape):
    """The same by the plan; the channels of an image that is split count together."""
    found = defaultdict(lambda: (0, 0, 0))
    for layer in list_layers(config, **shape):
        _, units, weights = found[layer.name]
        found[layer.name] = (layer.side, units + layer.units, weights + layer.weights)
    return dict(found)


class TestAgainstKeras:
    @settings(max_examples=12)
    @given(
        config=st.builds(
            CNNConfig,
            window=st.sampled_from([0, 8, 16, 30]),
            context_dense=st.lists(st.integers(1, 9), max_size=2).map(tuple),
            filters=st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
            kernel_size=st.integers(1, 5),
            normalization=st.sampled_from(NORMALIZATIONS),
            branches=st.booleans(),
            dense=st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
            components=st.integers(1, 4),
        ),
        n_bands=st.integers(0, 3),
        n_context=st.integers(1, 6),
    )
    def test_any_plan(self, config, n_bands, n_context):
        pytest.importorskip("keras")
        shape = {"n_bands": n_bands, "n_context": n_context, "n_targets": 3, "size": 24}
        assert of_plan(config, **shape) == of_keras(config, **shape)
        assert count_weights(config, **shape) == build(config, **shape).count_params()

    @pytest.mark.parametrize(("config", "n_targets"), [(DUSTEST, 3), (PAPER, 1)])
    @pytest.mark.parametrize("n_bands", [0, 1, 3])
    def test_named_plans(self, config, n_targets, n_bands):
        pytest.importorskip("keras")
        shape = {"n_bands": n_bands, "n_context": 12, "n_targets": n_targets}
        assert of_plan(config, **shape) == of_keras(config, **shape)


class TestOfAnEstimator:
    def test_networks_of_the_paper_have_a_branch_a_band(self):
        layers = CNNEstimator(BANDS, ["A_V"], "paper").layers()
        convolutions = layers[layers["kind"] == "convolution"]
        assert list(convolutions["branch"]) == np.repeat(BANDS, 3).tolist()
        assert list(convolutions["units"]) == [36, 48, 64] * 3
        assert "context" not in layers["branch"]
        assert layers["units"][-1] == 1

    def test_the_mixture_has_a_context(self):
        layers = CNNEstimator(BANDS).layers()
        assert list(dict.fromkeys(layers["branch"])) == ["all bands", "context", "head"]
        (joined,) = layers[layers["kind"] == "concatenation"]
        assert joined["setting"] == "features, context, context_dense1"
        assert joined["units"] == 128 + 14 + 32

    def test_more_targets_do_not_change_the_networks_of_the_paper(self):
        one, three = (CNNEstimator(BANDS, t, "paper").layers() for t in (["A_V"], ["A_V", "E_BV"]))
        assert list(one) == list(three)

    def test_parameters_are_checked(self):
        with pytest.raises(InputError, match="size of CNNEstimator must be a multiple of 8"):
            CNNEstimator(size=20).layers()

    def test_plans_that_do_not_fit_are_refused(self):
        config = CNNConfig(window=8)
        with pytest.raises(InputError, match="at least 16 pixels for 4 convolutional blocks"):
            CNNEstimator(architecture=config).layers()
