"""The bound on the memory of tables."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from dustest.physics import load_ssp_grid
from dustest.physics.telescope.psf import PSF
from dustest.simulate import DustConditions, GalaxyPopulation, GalaxySimulator, NebularConditions
from dustest.simulate.emission.recent_tables import RecentTables
from dustest.simulate.emission.snapshot import Snapshot

SECRET = b"of the test"


class TestRecentTables:
    def test_keeps_what_was_used_last(self):
        recent, made = RecentTables(most_bytes=250), []

        def make():
            made.append(len(made))
            return np.zeros(100, dtype=np.int8)

        for key in "abacab":
            recent.get(key, make)
        # b was dropped for c, and c for b; a was always in use.
        assert (list(recent), len(made)) == (["a", "b"], 4)

    def test_keeps_one_that_is_too_large(self):
        recent = RecentTables(most_bytes=10)
        table = recent.get("a", lambda: np.zeros(100))
        assert recent.get("a", None) is table

    def test_files_serve_all_processes(self, tmp_path):
        key = (np.float64(6.1), "SMC", -2.0)
        RecentTables(folder=tmp_path).get(key, lambda: np.arange(5.0))
        found = RecentTables(folder=tmp_path).get(key, None)
        np.testing.assert_array_equal(found, np.arange(5.0))

    def test_files_of_others_are_not_read(self, tmp_path):
        RecentTables(folder=tmp_path, secret=b"theirs").get("a", lambda: np.zeros(2))
        (path,) = tmp_path.iterdir()
        kept = path.read_bytes()
        ours = RecentTables(folder=tmp_path, secret=b"ours")
        assert ours.get("a", lambda: np.ones(2)).sum() == 2.0
        path.write_bytes(kept[:-1])
        theirs = RecentTables(folder=tmp_path, secret=b"theirs")
        assert theirs.get("a", lambda: np.ones(2)).sum() == 2.0

    def test_other_keys_have_other_files(self, tmp_path):
        recent = RecentTables(most_bytes=0, folder=tmp_path)
        for key in ("a", "b"):
            recent.get(key, lambda key=key: np.array([key]))
        assert [recent.get(key, None).item() for key in "ab"] == ["a", "b"]

    @pytest.mark.parametrize("free", [0, 1e12])
    def test_files_need_room(self, tmp_path, monkeypatch, free):
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
        table = RecentTables(folder=tmp_path).get("a", lambda: np.zeros(2))
        assert (len(table), len(list(tmp_path.iterdir()))) == (2, int(free > 0))

    def test_without_the_folder_tables_are_made(self, tmp_path):
        folder = tmp_path / "removed"
        assert RecentTables(folder=folder).get("a", lambda: np.zeros(2)).size == 2
        assert not folder.exists()


@pytest.fixture
def pipeline():
    """Pipeline of galaxies with many kinds of dust and gas, and what it draws."""
    y, x = np.mgrid[-20:21, -20:21]
    psf = PSF(np.exp(-(x**2 + y**2) / 8.0), 0.03)
    population = GalaxyPopulation(
        n_stars=20,
        n_gas=20,
        dust=DustConditions(grains=(("SMC", 1.0), ("SN", 1.0))),
        nebulae=NebularConditions(log_u_scatter=0.5),
    )
    simulator = GalaxySimulator(
        ["F444W"],
        redshift=(7, 7.1),
        views=["xy"],
        population=population,
        photometry_bands=["F277W"],
        psfs={"F444W": psf},
        grid=load_ssp_grid(),
    )
    return simulator._pipeline


def draw(pipeline):
    """Observed values of four galaxies."""
    rows = pipeline.draw(250210, 0, 4)
    return [getattr(row.observed, name) for row in rows for name in ("flux", "images", "spectrum")]


def test_neither_bound_nor_files_change_a_row(pipeline, tmp_path, monkeypatch):
    usual = draw(pipeline)
    assert len(list(pipeline._recent)) > 1
    bounded, files = replace(pipeline), pipeline.sharing(tmp_path, SECRET)
    bounded._recent._most_bytes = 0.0
    for each in (bounded, files):
        np.testing.assert_equal(draw(each), usual)
    assert len(list(bounded._recent)) == 1
    monkeypatch.setattr(Snapshot, "_make_tables", None)
    np.testing.assert_equal(draw(pipeline.sharing(tmp_path, SECRET)), usual)
