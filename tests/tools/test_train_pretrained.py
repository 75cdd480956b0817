"""The tool that trains the networks: networks of more bands, and where its galaxies are."""

from types import SimpleNamespace

import numpy as np
import pytest
from scripts import import_script

from dustest import CNNEstimator
from dustest.estimators import make_batch
from dustest.io import load_demo


@pytest.fixture(scope="module")
def tool():
    return import_script("tools/train_pretrained.py")


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
    for kind in tool.KINDS.values():
        assert sum(part.share for part in kind.parts) == pytest.approx(1.0)
        assert len({part.name for part in kind.parts}) == len(kind.parts)


def test_no_two_sets_have_seeds_in_common(tool):
    seeds = [
        tool.N_SEEDS * (kind.seed + number) + step
        for kind in tool.KINDS.values()
        for number in range(len(kind.parts))
        for step in range(tool.N_REDSHIFTS)
    ]
    assert len(set(seeds)) == len(seeds)


@pytest.fixture
def options(tool):
    """Arguments of a run that mixes two populations."""
    return SimpleNamespace(
        mix="0.1-heavy", population="0.1", rows=4000, mix_rows=None, judged=None, start=None
    )


class TestMix:
    def test_a_second_population_has_its_own_sets(self, tool, options):
        assert {"mixed-training", "mixed-test"} < set(tool.kinds(options))
        options.mix = None
        assert set(tool.kinds(options)) == {"training", "calibration", "test"}

    def test_rows_are_those_asked_for(self, tool, options):
        totals = {
            name: tool.N_REDSHIFTS * sum(tool.drawn_rows(name, options).values())
            for name in tool.KINDS
        }
        assert totals["training"] == pytest.approx(4000, rel=0.02)
        for name in ("calibration", "mixed-training", "mixed-test"):
            assert totals[name] == pytest.approx(tool.KINDS[name].rows, rel=0.02)

    def test_galaxies_of_each_set_are_of_its_population(
        self, tool, options, tmp_path, monkeypatch
    ):
        drawn = []

        class Recorder:
            def __init__(self, *_, population, **__):
                self.population = population

            def stream(self, _, path, **__):
                drawn.append((path.parts[-3], path.parts[-2].endswith("heavy"), self.population))

        monkeypatch.setattr(tool, "GalaxySimulator", Recorder)
        options.folder, options.n_jobs = tmp_path, 1
        for name in tool.kinds(options):
            tool.simulate(name, options)
        heavy, usual = tool.get_population("0.1-heavy"), tool.get_population("0.1")
        for name, is_heavy, population in drawn:
            is_heavy_one = is_heavy or name.startswith("mixed")
            assert population == (heavy if is_heavy_one else usual)
