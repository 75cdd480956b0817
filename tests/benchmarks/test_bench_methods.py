"""The command that makes the table of methods of the user guide."""

from dataclasses import dataclass

import numpy as np
import pytest
from astropy.table import QTable
from scripts import import_script
from toy_backends import Fitted, Linear
from toy_benchmark import ToySet

from dustest.estimators.network_tools import CORRUPTIONS
from dustest.studies import BENCHMARKS


@pytest.fixture
def bench(monkeypatch):
    found = import_script("benchmarks/bench_methods.py")
    methods = {"one": Fitted(random_state=1), "two": Linear(0.3, random_state=1)}
    monkeypatch.setattr(found, "ready_methods", lambda _survey: dict(methods))
    monkeypatch.setattr(found, "record_of", lambda name: Toy(name, "A toy."))
    return found


@dataclass(frozen=True)
class Toy(ToySet):
    """A toy with the attributes of simulated sets."""

    survey: str = "JADES-deep"


def read(folder, kind):
    return QTable.read(folder / f"benchmark_{kind}.csv", format="ascii.csv")


def test_sets_are_replaced_and_kept(bench, tmp_path):
    words = ["--output", str(tmp_path), "--folder", str(tmp_path / "f")]
    bench.main(["--sets", "heavy", "default", *words])
    first = read(tmp_path, "scores")
    assert list(dict.fromkeys(first["set"])) == ["default", "heavy"]
    assert set(first["method"]) == {"baseline", "one", "two"}
    bench.main(["--sets", "heavy", "--methods", "two", *words])
    again = read(tmp_path, "scores")
    assert len(again) == len(first)
    np.testing.assert_allclose(np.sort(again["mae"]), np.sort(first["mae"]))
    runs = read(tmp_path, "runs")
    assert sorted(zip(runs["set"], runs["method"], strict=True)) == [
        *(("default", name) for name in ("one", "two")),
        *(("heavy", name) for name in ("one", "two")),
    ]


def test_methods_without_images_do_not_see_changes_of_images():
    bench = import_script("benchmarks/bench_methods.py")
    seen = bench.methods_for(BENCHMARKS["offset"])
    assert "nircam-3band" in seen
    assert "meurer" not in seen
    both = bench.methods_for(BENCHMARKS["star"])
    assert {"meurer", "bagpipes", "nircam-3band"} <= set(both)
    assert "bagpipes, calibrated" not in both
    assert CORRUPTIONS["star"].is_photometric


def test_the_clean_galaxies_are_those_of_the_corruptions():
    bench = import_script("benchmarks/bench_methods.py")
    clean, star = bench.record_of(bench.FIRST), BENCHMARKS["star"]
    assert (clean.seed, clean.n_drawn, clean.most) == (star.seed, star.n_drawn, star.most)
    assert clean.corruption is None
