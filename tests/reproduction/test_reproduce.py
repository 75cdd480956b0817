"""A whole reproduction in small: from nothing to the page, again, and on real galaxies."""

import json
import re
import warnings
from collections import Counter

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning

from dustest import reproduce
from dustest.data import DustTable, as_sample
from dustest.data.containers.rows import RowTable
from dustest.io import read_catalog
from dustest.reproduction import Profile, pipeline, sed_fits, step_runner
from dustest.reproduction.paper_figures import FIGURES
from dustest.reproduction.sed_fits import sed_fitter

pytestmark = pytest.mark.slow

TINY = Profile(
    "tiny",
    n_rows=96,
    copies=1.5,
    epochs=1,
    dustest_epochs=1,
    n_trials=1,
    trial_epochs=1,
    trial_rows=40,
    n_observed=2,
)
TABLES = ("table_1", "table_2", "statements", "histories", "trials")
BANDS = ("F277W", "F356W", "F444W")
HISTORIES = ("lognormal", "continuity")
"""Those of the figures; each of the others would take as long as these."""
STAMPS = {478: "jof_478_zphot5.84.fits", 36: "jof_36_zphot4.13.fits"}
Z_36 = 4.13


@pytest.fixture(scope="module")
def hasty():
    """Few stamps, and few fits that do not explore: what is tested is that all comes together."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (step_runner, pipeline):
            patch.setattr(module, "HISTORIES", HISTORIES)
        # Of two galaxies none may have a good slope.
        patch.setattr(sed_fits, "WORST_SLOPE", np.inf)
        patch.setattr(step_runner, "_N_STAMP_ROWS", 12)
        patch.setattr(
            step_runner, "sed_fitter", lambda *args: sed_fitter(*args).set_params(n_live=50)
        )
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("reproduction") / "out"


def run(folder, **options):
    """Reproduce, and collect what is told."""
    told = []
    result = reproduce(folder, TINY, n_jobs=1, tell=told.append, progress=False, **options)
    return result, told


@pytest.fixture(scope="module")
def first(hasty, folder):
    return run(folder)


def contents(folder):
    """Bytes of all files by name, but for those that are kept between the steps."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "cache" not in path.relative_to(folder).parts
    }


def steps_told(told):
    """Names of the steps that were made, and of those that were kept."""
    made = [line.removesuffix(" ...") for line in told if line.endswith(" ...")]
    kept = [line.removesuffix(": kept from before") for line in told if "kept from" in line]
    return made, kept


class TestFirstRun:
    def test_all_files_are_there(self, first, folder):
        tables = {f"tables/{name}.ecsv" for name in TABLES} | {"tables/table_2.tex"}
        figures = {
            f"figures/figure-{int(plan.number.split(',')[0]):02d}-{plan.name}.{suffix}"
            for plan in FIGURES
            for suffix in ("pdf", "png")
        }
        others = {"report.html", "reproduction.json", "references.bib"}
        assert set(contents(folder)) == tables | figures | others
        assert all(contents(folder).values())
        assert first[0].folder == folder

    def test_tables_are_those_of_the_result(self, first, folder):
        assert set(first[0].tables) == set(TABLES)
        for name, table in first[0].tables.items():
            read = RowTable.read(folder / "tables" / f"{name}.ecsv")
            assert read.colnames == table.colnames
            assert len(read) == len(table) > 0

    def test_every_quantity_of_every_network_is_scored(self, first):
        scored = first[0].tables["table_2"]
        counts = Counter(str(name) for name in scored["network"])
        # Four quantities, one band and three.
        assert counts == {
            "printed": 8,
            "paper network, paper split": 8,
            "paper network, honest split": 8,
            "dustest network, honest split": 8,
            "control, paper split": 8,
            "control, honest split": 8,
        }
        measured = scored[scored["network"] != "printed"]
        assert np.all(measured["n"] >= 3)
        assert np.all(np.isfinite(measured["mae"]))

    def test_every_history_is_fitted(self, first):
        found = first[0].tables["histories"]
        assert tuple(found["history"]) == HISTORIES
        assert np.all(found["n"] == TINY.n_observed)

    def test_page_holds_every_figure(self, first, folder):
        page = (folder / "report.html").read_text()
        assert page.count("data:image/png;base64,") == len(FIGURES)
        assert "the observed galaxies are simulated" in page
        assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)

    def test_what_to_cite(self, first, folder):
        references = (folder / "references.bib").read_text()
        # Networks, fits and slopes.
        assert all(name in references for name in ("Fu", "Carnall", "Meurer"))

    def test_record(self, first, folder):
        meta = json.loads((folder / "reproduction.json").read_text())
        assert meta == first[0].meta
        made, kept = steps_told(first[1])
        assert kept == []
        assert list(meta["seconds"]) == made
        assert meta["profile"]["n_rows"] == TINY.n_rows
        assert meta["sky"] == "simulated"
        assert {"keras", "bagpipes", "numpy", "python"} <= set(meta["packages"])


class TestSecondRun:
    def test_nothing_is_made_anew(self, first, folder):
        before, cache = contents(folder), sorted((folder / "cache").iterdir())
        result, told = run(folder)
        made, kept = steps_told(told)
        assert made == []
        assert kept == list(first[0].meta["seconds"])
        assert contents(folder) == before
        assert sorted((folder / "cache").iterdir()) == cache
        assert result.meta == first[0].meta


class TestRealGalaxies:
    def test_networks_are_used_again(self, first, folder, jof, monkeypatch):
        sample, images = jof
        monkeypatch.setattr(pipeline, "FIGURES", [plan for plan in FIGURES if plan.number == "4"])
        before = set((folder / "cache").iterdir())
        result, told = run(folder, catalog=sample, images=images)
        made, kept = steps_told(told)
        assert {name for name in kept if name.startswith("train")} == {
            name for name in result.meta["seconds"] if name.startswith("train")
        }
        assert all(name.startswith(("observe", "fit", "Meurer")) for name in made)
        assert result.meta["sky"] == "observed"
        assert list(result.figures) == ["observed-stamps"]
        assert "is simulated, and no network" not in (folder / "report.html").read_text()
        new = set((folder / "cache").iterdir()) - before
        for path in new:
            if path.name.startswith("observe") and path.suffix == ".ecsv":
                self.check_networks(DustTable.read(path))
        assert sum(path.name.startswith("observe") for path in new) == 3 * 6

    def check_networks(self, table):
        """Both galaxies with a stamp have A_V, the third has no image."""
        assert [str(name) for name in table["id"]] == ["478", "other", "36"]
        np.testing.assert_array_equal(np.isfinite(table["A_V"].value), [True, False, True])
        flags = table.flag_names
        # Networks have learned from redshifts of 6 to 8.
        assert "REDSHIFT_OUT_OF_RANGE" in flags[2]
        assert "NO_DATA" in flags[1]
        assert "NO_DATA" not in flags[0] + flags[2]


@pytest.fixture(scope="module")
def jof(shared_data):
    """JOF 478, a galaxy without a stamp, and JOF 36, which the catalogue lacks."""
    paths = {name: shared_data / "cutouts" / stamp for name, stamp in STAMPS.items()}
    sample = read_catalog(shared_data / "catalogs" / "jof_bagpipes.ecsv", error_floor=0.05)
    known = np.flatnonzero(np.asarray(sample["id"]) == 478)[0]
    rows = sample[[known, (known + 1) % len(sample), known]]
    rows["id"] = ["478", "other", "36"]
    measured = measure(paths[36], sample.bands)
    for name, value in measured.items():
        rows[name][2] = value
    images = {band: [str(path) for path in paths.values()] for band in BANDS}
    return as_sample(rows), images


def measure(path, bands):
    """Position, redshift and fluxes of the galaxy in the middle of a stamp."""
    with fits.open(path) as hdus:
        segments = hdus["SEG"].data
        own = segments == segments[32, 32]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            position = WCS(hdus["F277W_SCI"].header).pixel_to_world(32, 32)
        found = {"ra": position.ra, "dec": position.dec, "redshift": Z_36, "redshift_err": 0.1}
        for band in bands:
            flux = np.sum(hdus[f"{band}_SCI"].data[own], dtype=float)
            error = np.sqrt(np.sum(hdus[f"{band}_ERR"].data[own] ** 2.0) + (0.05 * flux) ** 2)
            found[f"flux_{band}"] = flux * u.uJy
            found[f"flux_err_{band}"] = error * u.uJy
    return found
