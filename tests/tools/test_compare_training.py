"""The tool that compares trainings: parts of a set, and its table."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.table import Table
from scripts import import_script


@pytest.fixture(scope="module")
def tool():
    return import_script("tools/compare_training.py")


class Chunks(list):
    """Chunks of a simulation, as pairs of sample and truth."""

    def __len__(self):
        return sum(len(sample) for sample, _ in self)

    def truth(self):
        return np.concatenate([truth for _, truth in self])


@pytest.fixture
def simulation():
    return Chunks((np.arange(k, k + 4), np.arange(k, k + 4)) for k in (0, 4, 8))


class TestBeginning:
    @pytest.mark.parametrize("n", [1, 3, 4, 6, 12])
    def test_it_has_the_first_rows(self, tool, simulation, n):
        part = tool.Beginning(simulation, n / 12)
        for column in zip(*part, strict=True):
            assert np.concatenate(column).tolist() == list(range(n))
        assert part.truth().tolist() == list(range(n))

    def test_a_part_is_never_empty(self, tool, simulation):
        assert tool.Beginning(simulation, 0.01).n_rows == 1


def test_smaller_sets_are_seen_more_often(tool, monkeypatch):
    seen = []

    class Recorder:
        def __init__(self, *, epochs, **_):
            self.epochs = epochs

        def fit(self, part, **_):
            seen.append(self.epochs * part[0].share)

    monkeypatch.setattr(tool, "CNNEstimator", Recorder)
    options = SimpleNamespace(halvings=3, epochs=6, architectures=(), start=None, folder=Path())
    for _, _, train in tool.trainings([None], options):
        train()
    assert seen == [6.0] * 4


def test_errors_are_those_over_the_median(tool):
    truth = Table({name: np.arange(5.0) for name in tool.TARGETS})
    cnn = SimpleNamespace(
        estimate=lambda _: Table({n: np.arange(5.0) + 0.3 for n in tool.TARGETS})
    )
    for row in tool.judge(cnn, None, truth):
        assert (row["mae"], row["ratio"]) == (0.3, 0.25)
        assert row["ratio_err"] > 0.0
