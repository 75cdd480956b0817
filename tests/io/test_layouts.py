"""Layouts of public catalogues."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from dustest.data import DustestWarning, InputError
from dustest.data.registry import temporary_records
from dustest.io import Layout, LayoutColumn, read_catalog, register_layout
from dustest.io.layouts import LAYOUTS, UNIT_SOURCES, find_layout, get_layout

# Column names as the releases have them, with columns around them that must not be mistaken
# for fluxes or errors.
PUBLIC = {
    "dustest": (["flux_F277W", "flux_err_F277W", "flux_radius"], "F277W"),
    "jades-kron": (
        ["F277W_KRON", "F277W_KRON_e", "F277W_KRON_ei", "F277W_KRON_bkg", "F277W_KRON_S"],
        "F277W",
    ),
    "jades-circ1": (["F850LP_CIRC1", "F850LP_CIRC1_e", "F850LP_CIRC1_ei"], "F850LP"),
    "jades-highz": (["NRC_F115W_flux", "NRC_F115W_flux_err"], "F115W"),
    "dja-tot": (["f277w_tot_1", "f277w_etot_1", "f277w_tot_0", "flux_aper_1"], "F277W"),
    "dja-corr": (["f115wn-clear_corr_1", "f115wn-clear_ecorr_1"], "NIRISS_F115W"),
    "uncover": (["f_f410m", "e_f410m", "w_f410m", "z_phot"], "F410M"),
    "ceers": (["FLUX_410", "FLUXERR_410", "FLUX_277_APER"], "F410M"),
    "expanse": (["F606W_uJy", "F606W_err_uJy"], "F606W"),
    "fluxerr": (["nircam_f277w_flux", "nircam_f277w_fluxerr"], "F277W"),
    "band": (["ACS_F435W", "ACS_F435W_err", "NRC_F277W"], "F435W"),
    "3dhst": (["f_F160W", "e_F160W", "faper_F140W", "w_F160W"], "F160W"),
    "3dhst-aper": (["faper_F140W", "eaper_F140W"], "F140W"),
    "in-njy": (["F606W_nJy", "F606W_err_nJy"], "F606W"),
    "cosmos2025-auto": (["flux_auto_f150w", "flux_err_auto_f150w", "flux_radius_f150w"], "F150W"),
    "cosmos2025-aper1": (["flux_aper_f150w", "flux_err_aper_f150w"], "F150W"),
    "cigale": (["jwst.nircam.F277W", "jwst.nircam.F277W_err"], "F277W"),
    "lephare": (["f_jwst/F277W.dat", "ferr_jwst/F277W.dat"], "F277W"),
    "sextractor-auto": (["FLUX_AUTO_F277W", "FLUXERR_AUTO_F277W", "FLUX_RADIUS"], "F277W"),
    "sextractor-mag-auto": (["MAG_AUTO_F277W", "MAGERR_AUTO_F277W"], "F277W"),
    "magnitudes": (["mag_F150W2", "mag_err_F150W2"], "F150W2"),
}


class TestRecognition:
    @pytest.mark.parametrize(("name", "columns", "band"), [(n, *v) for n, v in PUBLIC.items()])
    def test_public_names(self, name, columns, band):
        layout = find_layout(["id", "ra", "dec", *columns])
        assert layout.name == name
        assert layout.pairs(columns) == {band: (columns[0], columns[1])}

    def test_letter_case_does_not_matter(self):
        assert find_layout(["F277W_TOT_1", "F277W_ETOT_1"]).name == "dja-tot"

    def test_the_layout_with_most_bands_wins(self):
        few = ["F277W_KRON", "F277W_KRON_e"]
        many = ["F277W_CIRC2", "F277W_CIRC2_e", "F356W_CIRC2", "F356W_CIRC2_e"]
        assert find_layout([*few, *many]).name == "jades-circ2"

    def test_on_a_tie_the_earlier_wins(self):
        columns = ["f277w_corr_1", "f277w_ecorr_1", "f277w_tot_1", "f277w_etot_1"]
        assert find_layout(columns).name == "dja-tot"

    @pytest.mark.parametrize(
        "columns", [[], ["id"], ["F277W_KRON"], ["F277W_KRON", "F277W_KRON_S"]]
    )
    def test_no_layout(self, columns):
        assert find_layout(columns) is None

    def test_fluxes_without_errors_are_told(self):
        columns = ["F277W_uJy", "F277W_err_uJy", "F356W_uJy"]
        assert find_layout(columns).orphans(columns) == ["F356W_uJy"]

    def test_a_radius_is_no_orphan_flux(self):
        columns = ["flux_F277W", "flux_err_F277W", "flux_radius"]
        assert find_layout(columns).orphans(columns) == []

    def test_the_field_of_3dhst_is_part_of_the_name(self):
        columns = ["f_f160w_uds", "e_f160w_uds", "f_u_uds", "e_u_uds"]
        layout = find_layout(columns)
        assert layout.name == "3dhst"
        assert layout.pairs(columns) == {"F160W": ("f_f160w_uds", "e_f160w_uds")}
        assert layout.strangers(columns) == {"f_u_uds": "e_u_uds"}

    def test_unknown_bands_do_not_decide(self):
        columns = ["flux_a", "flux_err_a", "flux_b", "flux_err_b", "F277W", "F277W_err"]
        assert find_layout(columns).name == "band"


class TestMarkers:
    """A plugin's layout with a marker, whose names of fluxes are also those of UNCOVER."""

    def register(self):
        return register_layout(
            Layout(
                name="micro",
                flux=r"f_(?P<band>f\d+w)",
                error="e_{band}",
                unit=u.uJy,
                description="",
                reference="",
                unit_source="survey",
                marker="micro_version",
            )
        )

    def test_comes_first(self):
        # UNCOVER has more bands here, and another unit: 10 nJy.
        table = Table({"f_f277w": [2.0], "e_f277w": [0.1], "f_f410m": [2.0], "e_f410m": [0.1]})
        table["micro_version"] = [1]
        with temporary_records():
            self.register()
            sample = read_catalog(table)
            table.remove_column("micro_version")
            with pytest.warns(DustestWarning, match="unit"):
                without = read_catalog(table)
        assert sample.meta["layout"] == "micro"
        assert sample["flux_F277W"].value == pytest.approx(2000.0)
        assert without.meta["layout"] == "uncover"
        assert without["flux_F277W"].value == pytest.approx(20.0)

    def test_a_marker_alone_is_no_layout(self):
        with temporary_records():
            self.register()
            names = ["F277W_KRON", "F277W_KRON_e", "micro_version"]
            assert find_layout(names).name == "jades-kron"


class TestRegistration:
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("magnificaton", "got 'magnificaton': did you mean 'magnification'"),
            ("lin_{line}", "got 'lin_{line}': did you mean 'line'"),
            ("surprise", "must be a column of a kind of input, got 'surprise'"),
        ],
    )
    def test_columns_of_no_kind(self, name, message):
        with pytest.raises(InputError, match=message):
            register_layout(
                Layout("typo", "", "", None, "", "", columns=(LayoutColumn(name, "x"),))
            )
        assert "typo" not in LAYOUTS

    @pytest.mark.parametrize("name", ["id", "magnification", "line_err_{line}", "line{e}_{line}"])
    def test_columns_of_kinds(self, name):
        with temporary_records():
            layout = Layout("fine", "", "", None, "", "", columns=(LayoutColumn(name, "x"),))
            assert register_layout(layout) is layout

    def test_those_of_dustest_are_of_kinds(self):
        for layout in LAYOUTS.own():
            with temporary_records():
                register_layout(replace(layout, name="other"))


class TestRecords:
    def test_names_are_unique(self):
        assert [layout.name for layout in LAYOUTS.values()] == list(LAYOUTS)

    @pytest.mark.parametrize(
        ("name", "zero_point"),
        [
            ("uncover", 28.9),
            ("3dhst", 25.0),
            ("ceers", 31.4),
            ("dja-tot", 23.9),
            ("jades-kron", 31.4),
        ],
    )
    def test_units_have_the_published_zero_points(self, name, zero_point):
        magnitude = (1.0 * get_layout(name).unit).to_value(u.ABmag)
        assert magnitude == pytest.approx(zero_point, abs=1e-3)

    def test_the_source_of_every_unit_is_known(self):
        for layout in LAYOUTS.values():
            assert layout.unit_source in UNIT_SOURCES
            assert (layout.unit is None) == (layout.unit_source == "columns")

    def test_unknown_name(self):
        with pytest.raises(InputError, match=r"layout must be one of dustest.*mean 'uncover'"):
            get_layout("uncove")


class TestRedshiftColumns:
    @pytest.mark.parametrize(
        ("name", "low", "high"),
        [
            *((name, None, None) for name in ("redshift", "z_spec", "zspec", "specz", "z_best")),
            *((name, None, None) for name in ("zbest", "z_used", "zfinal", "zphot", "photo-z")),
            *((name, None, None) for name in ("photoz", "photo_z", "z_eazy", "za", "z")),
            *(("z_phot", "z160", "z840"), ("EAZY_z_a", "EAZY_l68", "EAZY_u68")),
            *(("z_a", "l68", "u68"), ("z_peak", "l68", "u68"), ("z_50", "z_16", "z_84")),
            *(("z50", "z16", "z84"), ("z500", "z160", "z840")),
        ],
    )
    def test_found_by_name_with_half_the_range(self, name, low, high):
        table = Table({"id": [1, 2], "F277W": [1.0, 2.0] * u.uJy, "F277W_err": [0.1, 0.1] * u.uJy})
        table[name] = [6.0, 7.0]
        if low is not None:
            table[low], table[high] = [5.9, 6.6], [6.3, 7.2]
        sample = read_catalog(table)
        assert sample["redshift"].tolist() == [6.0, 7.0]
        if low is not None:
            np.testing.assert_allclose(sample["redshift_err"], [0.2, 0.3])
