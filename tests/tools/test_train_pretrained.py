"""The tool that trains the networks: networks of more bands, and where its galaxies are."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from dustest import CNNEstimator
from dustest.estimators import make_batch
from dustest.io import load_demo

PATH = Path(__file__).parents[2] / "tools" / "train_pretrained.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("train_pretrained", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_networks_of_more_bands_begin_as_those_of_some(tool):
    some = CNNEstimator.from_pretrained("nircam-3band")
    more = tool.widened(some, CNNEstimator(**tool.MODELS["nircam-wide"]))
    batch = make_batch(load_demo()[0])
    outputs = []
    for cnn in (some, more):
        inputs = cnn.networks_.task.inputs(batch)
        outputs.append(cnn.networks_.predict(inputs.image, inputs.context))
    # Bands that the sample lacks count as missing; the others and their scale are the same.
    assert np.abs(outputs[1] - outputs[0]).max() < 1e-4


def test_parts_have_different_redshifts(tool):
    parts = [tool.redshifts(number, 7) for number in range(7)]
    every = np.sort(np.concatenate(parts))
    assert len(set(every)) == 7 * tool.N_REDSHIFTS
    assert 4.0 < every[0] < 4.2
    assert 13.8 < every[-1] < 14.0
    assert np.diff(every).max() < 0.3


def test_shares_add_up(tool):
    for parts in tool.PARTS.values():
        assert sum(part.share for part in parts) == pytest.approx(1.0)
        assert len({part.name for part in parts}) == len(parts)
