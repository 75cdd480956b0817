"""Catalogues of kinds of input that are not photometry."""

from dataclasses import replace

import dust_extinction.parameter_averages
import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable, Table
from toy_kinds import PolarisationEstimator

from dustest.data import InputError, as_sample
from dustest.data.kinds import LINE_UNIT
from dustest.io import LAYOUTS, Layout, LayoutColumn, layouts, read_catalog, register_layout

POLARIMETER = register_layout(
    Layout(
        name="toy-polarimeter",
        flux="",
        error="",
        unit=None,
        description="degrees of polarisation (POL, E_POL)",
        reference="none: a toy",
        columns=(
            LayoutColumn("redshift", "Z_POL"),
            LayoutColumn("polarisation", "POL", unit="percent"),
            LayoutColumn("polarisation_err", "E_POL", unit="percent"),
        ),
    )
)


def catalogue(**changes):
    """A catalogue of three galaxies in this layout."""
    columns = {"NUMBER": [7, 8, 9], "Z_POL": [1.0, 2.0, -99.0], "pol": [2.0, -99.0, 1.0]}
    return Table(columns | {"E_POL": [0.1, 0.1, -1.0], "other": [1, 2, 3]} | changes)


class TestLayoutOfAPlugin:
    def test_fills_the_kind(self):
        sample = read_catalog(catalogue())
        assert sample.colnames == ["id", "polarisation", "polarisation_err", "redshift"]
        np.testing.assert_allclose(sample["polarisation"], [0.02, np.nan, np.nan])
        np.testing.assert_allclose(sample["redshift"], [1.0, 2.0, np.nan])
        assert sample.meta["layout"] == "toy-polarimeter"
        assert sample.meta["redshift_column"] == "Z_POL"

    def test_fits_with_an_estimator(self, tmp_path):
        catalogue().write(tmp_path / "polarimeter.fits")
        sample = read_catalog(tmp_path / "polarimeter.fits")
        table = PolarisationEstimator(random_state=1).estimate(sample)
        assert np.isfinite(table["A_V"]).tolist() == [True, False, False]

    def test_photometry_comes_first(self):
        table = catalogue(F277W_KRON=[1.0, 2.0, 3.0], F277W_KRON_e=[0.1, 0.1, 0.1])
        assert read_catalog(table, redshift=[]).meta["layout"] == "jades-kron"

    @pytest.mark.parametrize("suffix", ["fits", "ecsv", "parquet", "h5"])
    def test_what_dustest_wrote_is_read_again(self, tmp_path, suffix):
        sample = read_catalog(catalogue())
        sample.write(tmp_path / f"sample.{suffix}")
        again = read_catalog(tmp_path / f"sample.{suffix}")
        assert again.colnames == sample.colnames
        np.testing.assert_array_equal(again["polarisation"], sample["polarisation"])


class TestLayouts:
    def test_names_are_taken_once(self):
        assert register_layout(POLARIMETER) is POLARIMETER
        with pytest.raises(InputError, match="is registered already"):
            register_layout(Layout("uncover", "", "", None, "", ""))

    def test_the_marker_tells_them_apart(self):
        marked = replace(POLARIMETER, name="marked", marker="INSTRUMENT")
        candidates = [marked, POLARIMETER]
        assert layouts.find_layout(["POL", "E_POL"], candidates) is POLARIMETER
        assert layouts.find_layout(["POL", "E_POL", "instrument"], candidates) is marked

    def test_limits_get_their_sigma(self):
        columns = (
            LayoutColumn("line_{line}", r"(?P<line>\w+)_F", LINE_UNIT),
            LayoutColumn("line_err_{line}", r"(?P<line>\w+)_E", LINE_UNIT),
            LayoutColumn("line_limit_{line}", r"(?P<line>\w+)_UL", LINE_UNIT, sigma=2),
        )
        register_layout(Layout("toy-limits", "", "", None, "", "", columns=columns))
        table = {"HALPHA_F": [2e-17, -99.0], "HALPHA_E": [1e-18, -99.0]}
        sample = read_catalog(table | {"HALPHA_UL": [np.nan, 3e-18], "NUMBER_F": [1, 2]})
        assert sample.lines == ("Ha",)
        assert sample["line_limit_Ha"].info.meta == {"sigma": 2.0}


class TestOwnColumns:
    def sample(self):
        """Galaxies with lines, of which one has an upper limit, magnification and p(z)."""
        columns = {"id": ["a", "b"], "redshift": [1.5, 2.5], "magnification": [1.0, 3.0]}
        columns |= {"line_Hb": [2e-17, np.nan] * LINE_UNIT, "line_err_Hb": [1e-18] * 2 * LINE_UNIT}
        columns |= {"redshift_grid": np.tile([1.0, 2.0, 3.0], (2, 1))}
        columns |= {"redshift_density": np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]])}
        table = QTable(columns | {"line_limit_Hb": [np.nan, 3e-18] * LINE_UNIT})
        table["line_limit_Hb"].info.meta = {"sigma": 3}
        return as_sample(table)

    @pytest.mark.parametrize("suffix", ["fits", "ecsv", "h5"])
    def test_are_read_again(self, tmp_path, suffix):
        sample = self.sample()
        sample.write(tmp_path / f"sample.{suffix}")
        again = read_catalog(tmp_path / f"sample.{suffix}")
        assert sorted(again.colnames) == sorted(sample.colnames)
        for name in sample.colnames:
            np.testing.assert_array_equal(again[name], sample[name])
        assert again["line_limit_Hb"].info.meta == {"sigma": 3.0}

    def test_of_any_layout_by_name(self):
        table = Table({"F277W_KRON": [1.0], "F277W_KRON_e": [0.1], "mu": [2.0], "e_mu": [0.1]})
        names = {"magnification": "MU", "Magnification_err": "e_mu"}
        sample = read_catalog(table, columns=names)
        assert sample["magnification"].tolist() == [2.0]
        assert sample["magnification_err"].tolist() == [0.1]

    def test_among_those_of_another_layout(self):
        table = QTable({"F277W_KRON": [9.0] * u.nJy, "F277W_KRON_e": [1.0] * u.nJy})
        table["z_spec"], table["redshift_err"] = [2.0], [0.1]
        table["magnification"], table["magnification_err"] = [2.0], [0.3]
        table["line_Halpha"] = [2e-17] * LINE_UNIT
        table["line_err_Halpha"] = [1e-18] * LINE_UNIT
        table["foreground_ebv"] = [0.02] * u.mag
        # Others' columns: without a unit, of another shape, of an unknown line, notes.
        table["line_Hb"], table["features"], table["line_number"] = [1.0], [1.0], [3.0]
        table["flags"], table["group"] = [1], ["a"]
        sample = read_catalog(table)
        assert sample.meta["layout"] == "jades-kron"
        assert sample.lines == ("Ha",)
        row = {"magnification": 2.0, "magnification_err": 0.3, "redshift_err": 0.1}
        assert {name: float(sample[name][0]) for name in row} == row
        assert sample["line_err_Ha"][0] == 1e-18 * LINE_UNIT
        assert sample["foreground_ebv"][0] == 0.02 * u.mag
        others = {"line_Hb", "features", "line_number", "flags", "group"}
        assert not others & set(sample.colnames)

    def test_the_error_of_another_column_of_redshifts(self):
        table = Table({"F277W_KRON": [9.0], "F277W_KRON_e": [1.0], "redshift": [np.nan]})
        table["z_spec"], table["redshift_err"] = [2.0], [0.1]
        sample = read_catalog(table)
        assert sample["redshift"].tolist() == [2.0]
        assert "redshift_err" not in sample.colnames

    def test_limits_and_lines_by_name(self):
        table = QTable({"f": [1.0, np.nan] * u.nJy, "e": [0.1, np.nan] * u.nJy})
        table["ul"] = [np.nan, 3.0] * u.nJy
        table["ul"].info.meta = {"sigma": 3}
        table["ha"] = table["e_ha"] = [1.0, 2.0] * LINE_UNIT
        names = {"flux_f277w": "f", "Flux_err_F277W": "e", "flux_limit_JWST/NIRCam.F277W": "ul"}
        sample = read_catalog(table, columns=names | {"Line_Halpha": "ha", "line_err_ha": "e_ha"})
        assert (sample.bands, sample.lines) == (("F277W",), ("Ha",))
        assert sample["flux_limit_F277W"].value[1] == 3.0
        assert sample["flux_limit_F277W"].info.meta == {"sigma": 3.0}


class TestForeground:
    def test_lines_where_they_are_observed(self):
        names = ("HA6565_PREFERREDFLUX", "HA6565_PREFERREDFLUX_ERR")
        table = Table({name: [1e-17, 1e-17] for name in names} | {"Z_MOSFIRE": [1.0, -99.0]})
        factor = read_catalog(table, foreground_ebv=0.1)["line_Ha"].value / 1e-17
        law = dust_extinction.parameter_averages.G23(Rv=3.1)
        expected = 1.0 / law.extinguish(2 * 6564.61 * u.AA, Ebv=0.1)
        np.testing.assert_allclose(factor, [expected, np.nan])

    def test_limits_follow_and_keep_their_sigma(self):
        columns = {f"flux{kind}_F150W": [10.0] * u.nJy for kind in ("", "_err", "_limit")}
        table = QTable(columns)
        table["flux_limit_F150W"].info.meta = {"sigma": 3}
        sample = read_catalog(table, foreground_ebv=0.1)
        assert sample["flux_limit_F150W"] == sample["flux_F150W"] > 10.0 * u.nJy
        assert sample["flux_limit_F150W"].info.meta == {"sigma": 3.0}


class TestMosdef:
    def test_lines_in_its_names(self):
        table = Table({"V4ID": [5], "Z_MOSFIRE": [2.1], "HA6565_PREFERREDFLUX": [4e-17]})
        table["HA6565_PREFERREDFLUX_ERR"] = [1e-18]
        sample = read_catalog(table)
        assert (sample["id"][0], sample["redshift"][0], sample.lines) == (5, 2.1, ("Ha",))

    def test_declared_units_come_first(self):
        names = ("HA6565_PREFERREDFLUX", "HA6565_PREFERREDFLUX_ERR")
        sample = read_catalog(QTable({name: [1.0] * u.W / u.m**2 for name in names}))
        np.testing.assert_allclose(sample["line_Ha"].value, 1e3)

    def test_the_release(self, shared_data):
        sample = read_catalog(shared_data / "lines" / "mosdef_lines.fits")
        assert len(sample) == 457
        assert {"Ha", "Hb", "OIII5008", "NII6585"} <= set(sample.lines)
        known = np.isfinite(sample["line_Ha"]) & np.isfinite(sample["line_Hb"])
        ratio = (sample["line_Ha"] / sample["line_Hb"])[known]
        # Case B without dust is 2.86; galaxies at z = 2 are dusty (Reddy et al. 2015).
        assert known.sum() > 200
        assert 3.0 < np.median(ratio) < 6.0
        # Its columns of both lines of the doublet are the sum.
        assert "OII3729" in sample.lines
        assert not {"OII3727", "OII3730"} & set(sample.lines)


class TestCalabro:
    NAMES = ("Ha_z", "Ha_flux", "Ha_flux_err", "Ha_cont", "PaB_flux", "PaB_flux_err", "PaB_sigmaV")

    def read(self, *rows):
        """Rows of such a catalogue."""
        return read_catalog(Table(rows=list(rows), names=self.NAMES))

    def test_units_and_continuum(self):
        sample = self.read((2.1, 50.0, 2.0, 0.3, 8.0, 1.0, 100.0))
        assert sample.lines == ("Ha", "Pb")
        np.testing.assert_allclose(sample["line_Ha"].value, 50e-19)
        np.testing.assert_allclose(sample["line_continuum_Ha"].value, 0.3e-19)
        assert sample["redshift"][0] == 2.1

    def test_limits_are_marked_by_their_error(self):
        sample = self.read(
            (2.1, 50.0, 2.0, 0.3, 8.0, -1.0, 100.0), (2.2, 60.0, 2.0, 0.3, -9.0, -9.0, 100.0)
        )
        assert np.isnan(sample["line_Pb"]).all()
        assert np.isnan(sample["line_err_Pb"]).all()
        np.testing.assert_allclose(sample["line_limit_Pb"].value, [8e-19, np.nan])
        assert sample["line_limit_Pb"].info.meta == {"sigma": 2.0}
        assert "line_limit_Ha" not in sample.colnames

    def test_the_release(self, shared_data):
        sample = read_catalog(shared_data / "lines" / "ceers_balmer_paschen.txt")
        assert len(sample) == 90
        assert {"Ha", "Hb", "Pa", "Pb", "Pg"} <= set(sample.lines)
        measured = (sample["line_err_Ha"].value > 0) & (sample["line_err_Hb"].value > 0)
        ratio = (sample["line_Ha"] / sample["line_Hb"])[measured]
        assert (measured.sum(), np.sum(ratio < 2.86)) == (68, 10)
        assert np.isfinite(sample["line_limit_Hb"]).sum() == 16


def test_layouts_are_documented():
    for layout in LAYOUTS.values():
        assert layout.flux or layout.columns
