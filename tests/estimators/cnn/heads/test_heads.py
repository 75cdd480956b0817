"""Heads of networks: those of dustest, and one that is a single new file."""

import numpy as np
import pytest
from cnn_galaxies import TINY, dusty, tiny
from gaussian_head import HEAD

from dustest import CNNEstimator, cite
from dustest.data import InputError
from dustest.estimators._cnn.heads import HEADS
from dustest.estimators._cnn.network.config import CONFIGS, CNNConfig


@pytest.fixture
def gaussian(monkeypatch):
    """A plan with the new head, which is registered meanwhile."""
    monkeypatch.setattr(HEADS, "_records", dict(HEADS._records))
    monkeypatch.setattr(HEADS, "_by_key", dict(HEADS._by_key))
    HEADS.register(HEAD)
    return CNNConfig.from_dict(TINY.to_dict() | {"kind": "gaussian", "components": 0})


class TestOwnHeads:
    def test_every_plan_has_one(self):
        assert {config.head.name for config in CONFIGS.values()} == set(HEADS)

    def test_distributions_are_declared(self):
        assert HEADS["mixture"].uncertainty == "posterior"
        assert HEADS["paper"].uncertainty == "none"

    def test_networks_of_each_target(self):
        assert HEADS["paper"].columns(("A_V", "E_BV")) == [slice(0, 1), slice(1, 2)]
        assert HEADS["mixture"].columns(("A_V", "E_BV")) == [slice(None)]


class TestNewHead:
    def test_unknown_before(self):
        with pytest.raises(
            InputError, match="kind of CNNConfig must be one of 'mixture', 'paper'"
        ):
            CNNConfig(kind="gaussian", components=0)

    def test_components_are_refused(self, gaussian):
        with pytest.raises(InputError, match="components of CNNConfig must be 0 for the kind 'ga"):
            CNNConfig(kind="gaussian")

    def test_layers(self, gaussian):
        assert CNNEstimator(architecture=gaussian).layers()["units"][-1] == 6

    @pytest.mark.slow
    def test_trains_estimates_and_travels(self, gaussian, tmp_path):
        pytest.importorskip("keras")
        sample, truth = dusty(96)
        cnn = tiny(architecture=gaussian, epochs=12, n_networks=2).fit(sample, truth)
        table = cnn.estimate(sample)
        assert np.corrcoef(table["A_V"].value, truth["A_V"].value)[0, 1] > 0.8
        assert np.all(table["A_V_p84"] > table["A_V_p16"])
        cnn.save(tmp_path / "new.model")
        copy = CNNEstimator.load(tmp_path / "new.model")
        np.testing.assert_array_equal(copy.predict(sample), cnn.predict(sample))
        assert "Bishop1994" in cite(table)
