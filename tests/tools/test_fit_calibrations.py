"""Pieces of tools/fit_calibrations.py."""

import json

import numpy as np
import pytest
from scripts import import_script

from dustest import MeurerEstimator
from dustest.estimators._calibration import quantile_network
from dustest.estimators._calibration.calibration_file import read_calibration
from dustest.testing import make_check_sample


@pytest.fixture(scope="module")
def tool():
    return import_script("tools/fit_calibrations.py")


def test_bands_are_dropped_from_half_of_the_galaxies(tool):
    sample, _ = make_check_sample(n=400)
    sample["flux_F115W"][:] = np.nan
    dropped = tool.drop_bands(sample, 1)
    assert dropped.bands == sample.bands[1:]
    has = np.isfinite([tool.plain(dropped[f"flux_{band}"]) for band in dropped.bands])
    # Of five bands only one may be missing, so that most galaxies keep all.
    assert 0.7 < np.mean(has.all(axis=0)) < 0.95
    assert has.sum(axis=0).min() == 4
    np.testing.assert_array_equal(
        tool.plain(tool.drop_bands(sample, 1)["flux_F444W"]), tool.plain(dropped["flux_F444W"])
    )


def test_a_calibration_is_written_and_listed(tool, tmp_path, monkeypatch):
    monkeypatch.setattr(quantile_network, "_STEPS", (60, 60))
    sample, truth = make_check_sample(n=600)
    sample["group"] = sample["id"]
    method = MeurerEstimator()
    parts = list(tool.estimates(method, sample, truth, tmp_path / "work"))
    assert [len(one["redshift"]) for one in parts] == [512, 88]
    again = list(tool.estimates(method, sample, truth, tmp_path / "work"))
    np.testing.assert_array_equal(again[1]["q_A_V"], parts[1]["q_A_V"])
    recalibration, n = tool.learn(parts)
    assert n == 600
    tool.write(tmp_path, "meurer-toy", recalibration, method, {"survey": "toy"})
    sha256 = json.loads((tmp_path / "calibrations.json").read_text())["meurer-toy"]
    found, settings, card = read_calibration(tmp_path / "meurer-toy.calibration", sha256)
    assert found.digest == recalibration.digest
    assert settings["parameters"]["relation"] == "Reddy18-SMC"
    assert card == {"survey": "toy"}
