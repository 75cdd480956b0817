"""What dustest does with the records of an installed package, run in an interpreter of its own."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable, Table

import dustest
from dustest import BagpipesEstimator, MeurerEstimator, cite, compare
from dustest.cli import main
from dustest.data import DustTable, InputError, as_sample, get_band
from dustest.doctor import diagnose
from dustest.io import read_catalog
from dustest.physics import get_dust_law, list_dust_laws
from dustest.simulate import GalaxySimulator
from dustest.studies import Benchmark, BenchmarkGalaxies, benchmark
from dustest.testing import check_estimator

BANDS = ("F115W", "F150W", "F200W", "F277W")


@pytest.fixture
def file(tmp_path):
    """A catalogue in the layout of the plugin, with one galaxy that was not measured."""
    rng = np.random.default_rng(1)
    table = Table({"id": np.arange(1, 31), "z": rng.uniform(6, 8, 30)})
    table["f_pol1"], table["e_pol1"] = rng.uniform(20, 40, 30), np.ones(30)
    table["poldeg"] = rng.uniform(0.0, 0.02, 30)
    table["e_poldeg"] = np.full(30, 0.001)
    table["poldeg"][3] = -99.0
    path = tmp_path / "polarimetry.fits"
    table.write(path)
    return str(path)


@pytest.fixture
def sample(file):
    return read_catalog(file)


def test_the_layout_fills_the_kind(sample):
    assert sample["polarisation"].shape == (30,)
    assert np.flatnonzero(np.isnan(sample["polarisation"])).tolist() == [3]
    assert sample.bands == ("POL1",)
    assert sample["flux_POL1"].unit == u.nJy
    assert sample.meta["layout"] == "polarimetry"


def test_the_band_has_a_curve():
    assert get_band("POL1").pivot == pytest.approx(2e4, rel=0.01)


def test_out_of_range_is_missing():
    columns = {"id": [1, 2], "polarisation": [0.01, 1.5], "polarisation_err": [0.001, 0.001]}
    with pytest.warns(dustest.data.DustestWarning, match="polarisation"):
        checked = as_sample(QTable(columns))
    assert np.isnan(checked["polarisation"]).tolist() == [False, True]


def test_estimates_with_store_resume_and_workers(sample, tmp_path):
    estimator = dustest.get_estimator("polarimetry", random_state=1, extra=("alignment",))
    table = estimator.estimate(sample)
    good = np.isfinite(sample["polarisation"])
    expected = sample["polarisation"] / (0.09 * 0.5)
    np.testing.assert_allclose(table["E_BV"].value[good], expected[good], atol=0.005)
    np.testing.assert_allclose(table["R_V"][good], get_dust_law("aligned").r_v)
    np.testing.assert_allclose(table["alignment"][good], 0.5)
    assert "NO_DATA" in dustest.data.decode_flags(int(table["flags"][3]))
    path = tmp_path / "result.ecsv"
    two = estimator.estimate(sample, output=path, n_jobs=2)
    again = estimator.estimate(sample, output=path, resume=True)
    for other in (two, again, DustTable.read(path)):
        np.testing.assert_array_equal(other["A_V"], table["A_V"])
        np.testing.assert_array_equal(other["alignment_p84"], table["alignment_p84"])


def test_joint_draws_and_targets(sample):
    estimator = dustest.get_estimator("polarimetry", random_state=1, extra=("alignment",))
    draws = estimator.sample_posterior(sample[:2], 50)
    assert draws["alignment"].shape == (2, 50)


def test_comparison_and_report(sample, tmp_path):
    estimators = {
        name: dustest.get_estimator("polarimetry", alignment=value, extra=("alignment",))
        for name, value in (("half", 0.5), ("third", 1.0 / 3.0))
    }
    result = compare(estimators, sample, reference="half", random_state=1)
    assert "alignment" in set(result.metrics["quantity"])
    result.to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "alignment" in page
    assert "fraction of the strongest polarisation" in page


@dataclass(frozen=True)
class Polarised(Benchmark):
    """A set of galaxies with polarisation."""

    sample: object = None

    def galaxies(self, folder, catalogs=None, *, n_jobs=None, progress=None):
        truth = QTable(
            {"id": self.sample["id"], "A_V": 60.0 * self.sample["polarisation"] * u.mag}
        )
        about = {"name": self.name, "description": self.description, "n": len(truth)}
        return BenchmarkGalaxies(self.sample, truth, about)


def test_the_benchmark(sample, tmp_path):
    estimator = dustest.get_estimator("polarimetry", random_state=1)
    card = benchmark(estimator, Polarised("mine", "Mine.", sample), against={}, folder=tmp_path)
    scores = card.table("A_V")
    assert scores["method"].tolist() == ["PolarimetryEstimator", "baseline"]
    assert np.isfinite(scores["crps"]).all()
    assert card.flags["NO_DATA"][0] == pytest.approx(1 / 30, abs=1e-6)


def test_the_contract():
    check_estimator(dustest.get_estimator("polarimetry"))


def test_references(sample):
    table = dustest.get_estimator("polarimetry").estimate(sample[:2])
    assert "@article{Serkowski1975" in cite(table)
    law = MeurerEstimator(dust_law="aligned")
    assert "Serkowski1975" in cite(law.estimate(dustest.io.load_demo()[0][:2]))


def test_the_law_serves_everyone():
    assert "aligned" in list_dust_laws()
    galaxies, _ = dustest.io.load_demo()
    slopes = MeurerEstimator(dust_law="aligned").estimate(galaxies[:5])
    assert np.isfinite(slopes["A_V"]).all()
    pytest.importorskip("bagpipes")
    fits = BagpipesEstimator(preset="Fu", dust_law="aligned", random_state=1).estimate(
        galaxies[:2]
    )
    assert np.isfinite(fits["A_V"]).all()
    assert json.loads(fits.meta["params"])["dust_law"]
    with pytest.raises(InputError, match="aligned"):
        BagpipesEstimator(preset="Fu", dust_law="aligned", engine="bagpipes").estimate(
            galaxies[:1]
        )
    truth = GalaxySimulator(["F444W"], redshift=7.0, dust_law="aligned").draw(2, random_state=1)[1]
    assert np.isfinite(truth["A_V"]).all()


def test_doctor():
    findings = {finding.subject: finding for finding in diagnose()}
    assert findings["estimator polarimetry"].state == "works"
    assert findings["plugin polarimetry"].state == "works"


def test_command_line(file, tmp_path, capsys):
    output = str(tmp_path / "result.ecsv")
    words = ["estimate", file, "-e", "polarimetry", "--output", output, "--n-jobs", "2"]
    assert main([*words, "--set", "polarimetry.dust_law=SMC"]) == 0
    np.testing.assert_allclose(
        DustTable.read(output)["R_V"][:3], get_dust_law("SMC").r_v, rtol=1e-6
    )
    assert main(["cite", output]) == 0
    assert "Serkowski1975" in capsys.readouterr().out
    report = str(tmp_path / "report.html")
    assert main(["compare", file, "-e", "polarimetry", "--output", report]) == 0
