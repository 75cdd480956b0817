import json
from dataclasses import FrozenInstanceError, fields, replace

import pytest
from fresh_imports import loaded_by_each
from fresh_process import call
from hypothesis import given
from hypothesis import strategies as st
from without_keras import FRAMEWORKS

from dustest.data.errors import InputError
from dustest.estimators._cnn.network.config import (
    ACTIVATIONS,
    DUSTEST,
    NORMALIZATIONS,
    PAPER,
    POOLINGS,
    CNNConfig,
    get_config,
)

SIZES = st.lists(st.integers(1, 1024), min_size=1, max_size=8).map(tuple)
MIXTURES = st.builds(
    CNNConfig,
    filters=SIZES,
    kernel_size=st.integers(1, 15),
    activation=st.sampled_from(ACTIVATIONS),
    normalization=st.sampled_from(NORMALIZATIONS),
    pooling=st.sampled_from(POOLINGS),
    branches=st.booleans(),
    dense=SIZES,
    dropout=st.floats(0.0, 1.0, exclude_max=True),
    components=st.integers(1, 64),
)
ILL_TYPED = [
    ("kind", "resnet"),
    ("kind", None),
    ("filters", 36),
    ("filters", ()),
    ("filters", (16, 0)),
    ("filters", (16, 2.0)),
    ("filters", (16, True)),
    ("filters", (16, 10**9)),
    ("filters", (16,) * 9),
    ("filters", "16"),
    ("kernel_size", 0),
    ("kernel_size", 3.0),
    ("kernel_size", True),
    ("activation", ["relu"]),
    ("activation", "lambda x: x"),
    ("normalization", None),
    ("pooling", "sum"),
    ("branches", 1),
    ("dense", ("64",)),
    ("dropout", 1.0),
    ("dropout", -0.1),
    ("dropout", float("nan")),
    ("dropout", False),
    ("dropout", "0.5"),
    ("components", -1),
    ("components", 10**6),
    ("components", None),
]


class TestFields:
    def test_defaults_are_dustest(self):
        assert CNNConfig() == DUSTEST

    def test_frozen_and_hashable(self):
        assert len({DUSTEST, CNNConfig(), PAPER}) == 2
        with pytest.raises(FrozenInstanceError):
            DUSTEST.dropout = 0.5

    @pytest.mark.parametrize(("name", "value"), ILL_TYPED)
    def test_ill_typed_is_refused(self, name, value):
        with pytest.raises(InputError, match=f"^{name} of CNNConfig must be "):
            CNNConfig(**{name: value})

    def test_components_belong_to_the_kind(self):
        with pytest.raises(InputError, match="components of CNNConfig must be 0 for the kind"):
            CNNConfig(kind="paper")
        with pytest.raises(InputError, match="must be at least 1 for the kind 'mixture', got 0"):
            CNNConfig(components=0)


class TestNamed:
    def test_by_name(self):
        assert get_config("paper") is PAPER
        assert get_config("dustest") is DUSTEST

    def test_a_plan_is_itself(self):
        config = replace(DUSTEST, dropout=0.2)
        assert get_config(config) is config

    @pytest.mark.parametrize("architecture", ["resnet", None, 3, ["paper"], {"kind": "paper"}])
    def test_unknown_is_refused(self, architecture):
        with pytest.raises(InputError, match=r"^architecture must be one of 'dustest', 'paper'"):
            get_config(architecture)

    def test_paper_is_what_was_published(self):
        assert PAPER.branches
        assert PAPER.filters[0] == 36
        assert len(PAPER.filters) == 3
        assert len(PAPER.dense) == 4
        assert 64 in PAPER.dense
        assert PAPER.kernel_size == 3
        assert PAPER.dropout == 0.5
        assert (PAPER.activation, PAPER.normalization, PAPER.pooling) == ("relu", "batch", "max")
        assert all(4 <= filters <= 64 for filters in PAPER.filters)
        assert all(8 <= units <= 64 for units in PAPER.dense)


class TestDictionaries:
    @given(MIXTURES)
    def test_round_trip_through_json(self, config):
        assert CNNConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config

    def test_round_trip_of_paper(self):
        assert CNNConfig.from_dict(PAPER.to_dict()) == PAPER

    @pytest.mark.parametrize("name", [item.name for item in fields(CNNConfig)])
    def test_missing_field_is_refused(self, name):
        values = DUSTEST.to_dict()
        del values[name]
        with pytest.raises(InputError, match=f"got '{name}' missing$"):
            CNNConfig.from_dict(values)

    def test_unknown_field_is_refused(self):
        with pytest.raises(InputError, match=r"got 'layers' unknown$"):
            CNNConfig.from_dict(DUSTEST.to_dict() | {"layers": 3})

    def test_unknown_and_missing(self):
        values = DUSTEST.to_dict()
        values["layers"] = values.pop("dense")
        with pytest.raises(InputError, match=r"got 'layers' unknown and 'dense' missing$"):
            CNNConfig.from_dict(values)

    @pytest.mark.parametrize("values", [None, [], "paper", 3])
    def test_no_dict_is_refused(self, values):
        with pytest.raises(InputError, match=f"got {type(values).__name__}$"):
            CNNConfig.from_dict(values)

    @pytest.mark.parametrize(("name", "value"), ILL_TYPED)
    def test_ill_typed_is_refused(self, name, value):
        with pytest.raises(InputError, match="CNNConfig"):
            CNNConfig.from_dict(DUSTEST.to_dict() | {name: value})


class TestImport:
    def test_loads_no_keras(self):
        names = ("_cnn.network.config", "_cnn.network.forward", "cnn")
        modules = [f"dustest.estimators.{name}" for name in names]
        assert call(loaded_by_each, modules, FRAMEWORKS) == {name: [] for name in modules}
