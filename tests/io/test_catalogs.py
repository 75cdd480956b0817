"""Catalogues of photometry."""

import builtins
import re
import warnings
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import MaskedColumn, QTable, Table
from astropy.utils.masked import Masked
from dust_extinction.parameter_averages import G23
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dustest.data import (
    DustestError,
    DustestWarning,
    GalaxySample,
    InputError,
    MissingDependencyError,
    ReadError,
)
from dustest.io import layouts, open_catalog, read_catalog

FORMATS = ["fits", "ecsv", "csv", "parquet", "hdf5", "vot"]
WRITERS = {"ecsv": "ascii.ecsv", "csv": "ascii.csv", "vot": "votable"}


def make_table(n=4, **columns):
    """A small catalogue in dustest's own names and nJy."""
    table = Table({"id": np.arange(10, 10 + n), "redshift": np.linspace(6.0, 9.0, n)})
    for i, band in enumerate(("F277W", "F356W")):
        table[f"flux_{band}"] = np.linspace(5.0, 50.0 + i, n) * u.nJy
        table[f"flux_err_{band}"] = np.full(n, 0.5 + i) * u.nJy
    table.update(columns)
    return table


def write(table, path):
    """Write a table in the format that the ending names."""
    kind = path.suffix[1:]
    options = {"path": "data", "serialize_meta": True} if kind == "hdf5" else {}
    table.write(path, format=WRITERS.get(kind, kind), **options)


class TestFormats:
    @pytest.mark.parametrize("ending", FORMATS)
    def test_every_format_gives_the_same_sample(self, tmp_path, ending):
        table = make_table()
        path = tmp_path / f"catalog.{ending}"
        write(table, path)
        # CSV has no units.
        sample = read_catalog(path, unit=u.nJy)
        assert isinstance(sample, GalaxySample)
        assert list(sample["id"]) == [10, 11, 12, 13]
        np.testing.assert_array_equal(sample["redshift"], table["redshift"])
        for name in ("flux_F277W", "flux_err_F277W", "flux_F356W", "flux_err_F356W"):
            np.testing.assert_array_equal(sample[name].to_value(u.nJy), table[name])

    @pytest.mark.parametrize("ending", FORMATS)
    def test_missing_values_become_nan_in_every_format(self, tmp_path, ending):
        table = make_table()
        table["flux_F277W"] = MaskedColumn(table["flux_F277W"], mask=[0, 1, 0, 0], unit=u.nJy)
        path = tmp_path / f"catalog.{ending}"
        write(table, path)
        sample = read_catalog(path, unit=u.nJy)
        np.testing.assert_array_equal(np.isnan(sample["flux_F277W"]), [False, True, False, False])

    @pytest.mark.parametrize("ending", ["fits", "ecsv", "parquet", "hdf5"])
    def test_a_sample_survives_writing_and_reading(self, tmp_path, ending):
        table = make_table(
            redshift_err=np.full(4, 0.1),
            flags=np.array([0, 8, 0, 2], dtype=np.int32),
            group=np.array([1, 1, 2, 3]),
        )
        if ending != "parquet":  # where astropy flattens images
            table["cutout_F277W"] = np.random.default_rng(1).normal(size=(4, 5, 5)) * u.uJy
        first = read_catalog(table)
        path = tmp_path / f"sample.{ending}"
        plain = QTable(first)
        plain.meta.clear()
        write(plain, path)
        second = read_catalog(path)
        assert set(second.colnames) == set(first.colnames)
        for name in first.colnames:
            np.testing.assert_array_equal(second[name], first[name])
            assert getattr(second[name], "unit", None) == getattr(first[name], "unit", None)

    def test_masked_quantities(self):
        table = QTable(make_table())
        table["flux_F277W"] = Masked([1.0, 2.0, 3.0, 4.0] * u.nJy, mask=[0, 1, 0, 0])
        table["redshift"] = Masked(np.array([6.0, 7.0, 8.0, 9.0]), mask=[0, 0, 0, 1])
        sample = read_catalog(table)
        np.testing.assert_array_equal(sample["flux_F277W"].value, [1.0, np.nan, 3.0, 4.0])
        np.testing.assert_array_equal(sample["redshift"], [6.0, 7.0, 8.0, np.nan])

    def test_compressed_fits(self, tmp_path):
        write(make_table(), tmp_path / "catalog.fits")
        with fits.open(tmp_path / "catalog.fits") as hdus:
            hdus.writeto(tmp_path / "catalog.fits.gz")
        assert len(read_catalog(tmp_path / "catalog.fits.gz")) == 4

    def test_strings_stay_strings(self, tmp_path):
        table = make_table()
        table["id"] = ["a", "b;rm -rf", "ü", "../d"]
        write(table, tmp_path / "catalog.ecsv")
        assert list(read_catalog(tmp_path / "catalog.ecsv")["id"]) == list(table["id"])

    def test_byte_strings_become_text(self, tmp_path):
        table = make_table()
        table["id"] = ["a", "b", "c", "d"]
        table["field"] = ["GOODS-S", "GOODS-N", "EGS", "COSMOS"]
        write(table, tmp_path / "catalog.fits")
        sample = read_catalog(tmp_path / "catalog.fits", columns={"field": "field"})
        assert list(sample["id"]) == ["a", "b", "c", "d"]
        assert list(sample["field"]) == ["GOODS-S", "GOODS-N", "EGS", "COSMOS"]

    def test_numbers_have_native_byte_order(self, tmp_path):
        write(make_table(my=np.arange(4)), tmp_path / "catalog.fits")
        sample = read_catalog(tmp_path / "catalog.fits", columns={"my": "my"})
        assert all(sample[name].dtype.isnative for name in sample.colnames)

    @pytest.mark.parametrize(("ending", "package"), [("hdf5", "h5py"), ("parquet", "pyarrow")])
    def test_missing_package(self, tmp_path, monkeypatch, ending, package):
        write(make_table(), tmp_path / f"catalog.{ending}")
        original = builtins.__import__

        def refuse(name, *args, **kwargs):
            if name.split(".")[0] == package:
                raise ImportError(name)
            return original(name, *args, **kwargs)

        monkeypatch.setattr("dustest.data.files.parsing.import_module", refuse)
        with pytest.raises(
            MissingDependencyError, match=rf"{package}: pip install 'dustest\[scale\]'"
        ):
            read_catalog(tmp_path / f"catalog.{ending}")


class TestSeveralExtensions:
    """JADES releases: apertures and redshifts in extensions of their own."""

    @staticmethod
    def write_jades(path, photoz_ids=(1, 2, 3)):
        ids = np.array([1, 2, 3])
        filters = Table({"FILTER": ["F277W", "F356W", "F444W"], "WAVE": [2.8, 3.6, 4.4]})
        extensions = {"FILTERS": filters}
        for name, value in (("CIRC", 1.0), ("KRON", 2.0), ("KRON_CONV", 3.0)):
            table = Table({"ID": ids, "RA": [53.1] * 3 * u.deg, "DEC": [-27.8] * 3 * u.deg})
            column = name.removesuffix("_CONV") + ("1" if name == "CIRC" else "")
            for band in ("F277W", "F444W"):
                table[f"{band}_{column}"] = np.full(3, value) * u.nJy
                table[f"{band}_{column}_e"] = np.full(3, 0.1) * u.nJy
            extensions[name] = table
        photoz = Table({"ID": np.array(photoz_ids), "EAZY_z_a": [6.0, 7.0, 8.0]})
        photoz["EAZY_l68"], photoz["EAZY_u68"] = [5.9, 6.7, 7.5], [6.1, 7.1, 8.1]
        photoz["z_spec"] = [np.nan, 7.1, -1.0]
        extensions["PHOTOZ"] = photoz
        hdus = [fits.table_to_hdu(table) for table in extensions.values()]
        for hdu, name in zip(hdus, extensions, strict=True):
            hdu.name = name
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)

    def test_the_convolved_kron_fluxes_come_with_the_redshifts(self, tmp_path):
        self.write_jades(tmp_path / "jades.fits")
        sample = read_catalog(tmp_path / "jades.fits")
        assert (sample.meta["layout"], sample.meta["hdu"]) == ("jades-kron", "KRON_CONV")
        np.testing.assert_array_equal(sample["flux_F277W"].value, 3.0)
        assert sample.meta["redshift_column"] == "EAZY_z_a"
        np.testing.assert_allclose(sample["redshift_err"], [0.1, 0.2, 0.3])

    def test_an_extension_of_ones_own_choice(self, tmp_path):
        self.write_jades(tmp_path / "jades.fits")
        sample = read_catalog(tmp_path / "jades.fits", hdu="KRON")
        np.testing.assert_array_equal(sample["flux_F277W"].value, 2.0)

    def test_a_layout_of_ones_own_choice(self, tmp_path):
        self.write_jades(tmp_path / "jades.fits")
        sample = read_catalog(tmp_path / "jades.fits", layout="jades-circ1")
        np.testing.assert_array_equal(sample["flux_F277W"].value, 1.0)

    def test_several_redshift_columns_fill_each_other(self, tmp_path):
        self.write_jades(tmp_path / "jades.fits")
        sample = read_catalog(tmp_path / "jades.fits", redshift=["z_spec", "EAZY_z_a"])
        np.testing.assert_array_equal(sample["redshift"], [6.0, 7.1, 8.0])
        np.testing.assert_allclose(sample["redshift_err"], [0.1, np.nan, 0.3])
        assert sample.meta["redshift_column"] == "z_spec, EAZY_z_a"

    def test_rows_are_joined_by_identifier(self, tmp_path):
        self.write_jades(tmp_path / "jades.fits", photoz_ids=(3, 7, 1))
        sample = read_catalog(tmp_path / "jades.fits")
        np.testing.assert_array_equal(sample["redshift"], [8.0, np.nan, 6.0])
        np.testing.assert_allclose(sample["redshift_err"], [0.3, np.nan, 0.1])

    def test_other_galaxies_are_not_joined(self, tmp_path):
        self.write_jades(tmp_path / "jades.fits", photoz_ids=(7, 8, 9))
        assert "redshift" not in read_catalog(tmp_path / "jades.fits").colnames

    def test_tables_without_identifiers_are_not_joined(self, tmp_path):
        self.write_jades(tmp_path / "jades.fits")
        with fits.open(tmp_path / "jades.fits", mode="update") as hdus:
            hdus["PHOTOZ"].columns.change_name("ID", "row")
        assert "redshift" not in read_catalog(tmp_path / "jades.fits").colnames

    @pytest.mark.parametrize("hdu", [7, 0, "KRON"])
    def test_extensions_without_a_name_are_listed_by_number(self, tmp_path, hdu):
        path = tmp_path / "plain.fits"
        named = fits.table_to_hdu(make_table())
        named.name = "PHOT"
        plain = fits.table_to_hdu(make_table())
        fits.HDUList([fits.PrimaryHDU(), plain, fits.ImageHDU(), named]).writeto(path)
        with pytest.raises(InputError, match=r"hdu must be one of the tables 1, PHOT in .*, got"):
            read_catalog(path, hdu=hdu)
        assert len(read_catalog(path, hdu=1)) == len(make_table())

    @pytest.mark.parametrize("hdu", ["KRONN", 99, 0])
    def test_an_extension_that_is_no_table(self, tmp_path, hdu):
        self.write_jades(tmp_path / "jades.fits")
        with pytest.raises(InputError, match="hdu must be"):
            read_catalog(tmp_path / "jades.fits", hdu=hdu)


class TestRedshift:
    def test_the_fullest_column_is_taken(self):
        table = make_table(z_spec=[7.0, np.nan, -99.0, 0.0], z_phot=[7.2, 6.1, 6.5, 8.0])
        del table["redshift"]
        sample = read_catalog(table)
        assert sample.meta["redshift_column"] == "z_phot"
        np.testing.assert_array_equal(sample["redshift"], table["z_phot"])

    def test_spectroscopy_wins_a_tie(self):
        table = make_table(z_phot=np.full(4, 7.0), z_spec=np.full(4, 7.1))
        del table["redshift"]
        assert read_catalog(table).meta["redshift_column"] == "z_spec"

    @pytest.mark.parametrize("argument", [{"redshift": "zz"}, {"columns": {"redshift": "zz"}}])
    def test_by_name(self, argument):
        sample = read_catalog(make_table(zz=[1.0, 2.0, 3.0, 4.0]), **argument)
        np.testing.assert_array_equal(sample["redshift"], [1.0, 2.0, 3.0, 4.0])

    def test_both_ways_at_once(self):
        with pytest.raises(InputError, match="pass one of them"):
            read_catalog(make_table(), redshift="redshift", columns={"redshift": "redshift"})

    def test_absent_column(self):
        with pytest.raises(InputError, match="has no z_eazy: it has id, redshift"):
            read_catalog(make_table(), redshift="z_eazy")

    def test_text_is_refused(self):
        with pytest.raises(
            InputError, match=r"column zz must hold numbers.* got text such as 'a'"
        ):
            read_catalog(make_table(zz=["a", "b", "c", "d"]), redshift="zz")

    def test_truth_values_are_not_called_text(self):
        table = make_table(z_spec=[True, False, True, True])
        with pytest.warns(DustestWarning, match="column z_spec holds truth values and is left"):
            assert read_catalog(table).meta["redshift_column"] == "redshift"

    @pytest.mark.parametrize("floor", [True, False])
    def test_a_truth_value_is_no_error_floor(self, floor):
        with pytest.raises(InputError, match="error_floor must be a fraction"):
            read_catalog(make_table(), error_floor=floor)

    def test_text_is_passed_over_where_no_column_is_asked_for(self):
        table = make_table(z_spec=["a", "b", "c", "d"])
        with pytest.warns(DustestWarning, match="the redshift column z_spec holds text"):
            assert read_catalog(table).meta["redshift_column"] == "redshift"

    @pytest.mark.parametrize("redshift", [7.0, [7.0]])
    def test_no_name(self, redshift):
        with pytest.raises(InputError, match="redshift must be the name of a column"):
            read_catalog(make_table(), redshift=redshift)

    def test_none_at_all(self):
        table = make_table()
        del table["redshift"]
        sample = read_catalog(table)
        assert "redshift" not in sample.colnames
        assert sample.meta["redshift_column"] == ""


class TestColumns:
    def test_named_fluxes_are_the_only_ones(self):
        table = make_table(f3=[1.0, 2.0, 3.0, 4.0], e3=[0.1] * 4)
        columns = {"flux_JWST/NIRCam.F444W": "f3", "flux_err_F444W": "e3"}
        sample = read_catalog(table, columns=columns, unit=u.uJy)
        assert sample.bands == ("F444W",)
        np.testing.assert_allclose(sample["flux_F444W"].to_value(u.nJy), [1e3, 2e3, 3e3, 4e3])
        assert sample.meta["layout"] == "columns"

    def test_other_names_are_kept(self):
        sample = read_catalog(make_table(size=np.arange(4) * u.arcsec), columns={"my": "size"})
        assert sample["my"].unit == u.arcsec
        assert sample.bands == ("F277W", "F356W")

    def test_unnamed_columns_are_left_out(self):
        assert "size" not in read_catalog(make_table(size=np.arange(4))).colnames

    def test_absent_column(self):
        with pytest.raises(InputError, match="no nope: it has id, redshift"):
            read_catalog(make_table(), columns={"my": "nope"})

    def test_flux_without_error(self):
        with pytest.raises(InputError, match="flux_err_F444W"):
            read_catalog(make_table(), columns={"flux_F444W": "flux_F277W"})

    @pytest.mark.parametrize("columns", [{"a": 1}, {1: "a"}])
    def test_no_names(self, columns):
        with pytest.raises(InputError, match="columns must map names"):
            read_catalog(make_table(), columns=columns)

    def test_positions_alone_when_asked_for(self):
        table = Table({"number": [1, 2], "a": [53.1, 53.2], "d": [-27.8, -27.9]})
        sample = read_catalog(table, columns={"ra": "a", "dec": "d"})
        assert sample.colnames[0] == "id"
        assert sample["ra"].unit == u.deg

    def test_unknown_layout_lists_the_columns(self):
        table = Table({f"c{i}": [1.0] for i in range(25)})
        with pytest.raises(InputError, match=r"c0, c1, .*, c19 and 5 more; .* columns="):
            read_catalog(table)

    def test_unknown_layout_of_a_file(self, tmp_path):
        Table({"a": [1.0], "b": [2.0]}).write(tmp_path / "t.fits")
        with pytest.raises(InputError, match=r"among the columns a, b; .* columns="):
            read_catalog(tmp_path / "t.fits")

    def test_a_flux_without_error_is_left_out_with_a_warning(self):
        table = Table({"F277W_uJy": [1.0], "F277W_err_uJy": [0.1], "F356W_uJy": [1.0]})
        with pytest.warns(DustestWarning, match="F356W_uJy have no error column"):
            sample = read_catalog(table)
        assert sample.bands == ("F277W",)

    def test_foreign_flags_are_not_ours(self):
        table = Table({"F277W_uJy": [1.0], "F277W_err_uJy": [0.1], "flags": [4]})
        assert "flags" not in read_catalog(table).colnames

    def test_the_input_stays_as_it_is(self):
        table = make_table()
        before = table.copy()
        read_catalog(table, error_floor=0.1)
        assert all(np.array_equal(table[name], before[name]) for name in before.colnames)
        assert table.meta == before.meta


BARE = {
    "id": [1],
    "z_phot": [7.0],
    "F150W": [60.0],
    "F150W_err": [3.0],
    "F200W": [65.0],
    "F200W_err": [3.0],
}


@pytest.mark.parametrize("unit", ["mmag", "%"])
def test_errors_in_a_unit_that_no_argument_mends(unit):
    table = Table(BARE)
    table["F150W_err"].unit = unit
    with pytest.raises(InputError, match=r"column F150W_err declares .*: convert them") as caught:
        read_catalog(table, unit="nJy")
    assert "unit=" not in str(caught.value)


class TestTwoNamesForOneThing:
    def test_two_keys_for_one_column(self):
        unit = {"f150w": "uJy", "nircam_f150w": "nJy", "*": "nJy"}
        with pytest.raises(InputError, match="'f150w' and 'nircam_f150w' both name F150W"):
            read_catalog(Table(BARE), unit=unit)

    def test_an_error_has_the_unit_of_its_flux(self):
        sample = read_catalog(Table(BARE), unit={"F150W": "10 nJy", "*": "nJy"})
        assert sample["flux_F150W"].value == pytest.approx([600.0])
        assert sample["flux_err_F150W"].value == pytest.approx([30.0])
        assert sample["flux_err_F200W"].value == pytest.approx([3.0])

    def test_an_error_may_have_its_own(self):
        for keys in (("F150W", "F150W_err"), ("F150W_err", "F150W")):
            unit = {**dict.fromkeys(keys, "10 nJy"), "F150W_err": "nJy", "*": "nJy"}
            sample = read_catalog(Table(BARE), unit=unit)
            assert sample["flux_F150W"].value == pytest.approx([600.0])
            assert sample["flux_err_F150W"].value == pytest.approx([3.0])

    @pytest.mark.parametrize(
        ("flux", "error"),
        [
            ("NRC_F150W", "NRC_F150W_err"),
            ("nircam_f150w", "nircam_f150w_err"),
            ("f150w", "f150w_err"),
        ],
    )
    @pytest.mark.parametrize("ending", ["", "fits"])
    def test_two_columns_for_one_band(self, tmp_path, flux, error, ending):
        if ending and flux == "f150w":
            pytest.skip("FITS ignores the letter case of names")
        table = Table({**BARE, flux: [9.0], error: [1.0]})
        if ending:
            table.write(tmp_path / "t.fits")
            table = tmp_path / "t.fits"
        with pytest.raises(InputError, match=rf"F150W and {flux} .* same band F150W.*columns="):
            read_catalog(table, unit="nJy")

    def test_two_columns_of_dustest_for_one_band(self):
        table = make_table(flux_f277w=[1.0] * 4 * u.uJy, flux_err_f277w=[1.0] * 4 * u.uJy)
        with pytest.raises(InputError, match=r"flux_F277W and flux_f277w .* same band F277W"):
            read_catalog(table)

    def test_the_user_chooses(self):
        table = Table({**BARE, "NRC_F150W": [9.0], "NRC_F150W_err": [1.0]})
        columns = {"flux_F150W": "NRC_F150W", "flux_err_F150W": "NRC_F150W_err"}
        sample = read_catalog(table, columns=columns, unit="nJy")
        assert sample["flux_F150W"].value == pytest.approx([9.0])

    def test_the_one_with_errors_is_read(self):
        table = Table({"id": [1], "F150W": [60.0], "NRC_F150W": [9.0], "NRC_F150W_err": [1.0]})
        assert read_catalog(table, unit="nJy")["flux_F150W"].value == pytest.approx([9.0])

    @pytest.mark.parametrize(
        ("given", "missing"), [("flux_", "flux_err_"), ("flux_err_", "flux_")]
    )
    def test_flux_and_error_are_named_together(self, given, missing):
        with pytest.raises(InputError, match=f"columns must name {missing}F150W too"):
            read_catalog(Table(BARE), columns={f"{given}F150W": "F150W"}, unit="nJy")

    def test_a_radius_needs_no_error(self):
        table = Table({**BARE, "R50": [3.0]})
        sample = read_catalog(table, columns={"flux_radius": "R50"}, unit="nJy")
        assert sample["flux_radius"].tolist() == [3.0]


class TestUnits:
    def test_unit_of_the_layout(self):
        table = Table({"f_f277w": [3.0], "e_f277w": [0.2]})
        with pytest.warns(DustestWarning, match=r"taken to be in 10 nJy.*unit=\"uJy\""):
            sample = read_catalog(table)
        assert sample["flux_F277W"].to_value(u.nJy) == pytest.approx([30.0])

    @pytest.mark.parametrize("unit", ["uJy", {"f_f277w": "uJy"}, {"F277W": "uJy"}, {"*": u.uJy}])
    def test_an_assumed_unit_can_be_overridden(self, unit):
        table = Table({"f_f277w": [0.0436], "e_f277w": [0.002]})
        sample = read_catalog(table, unit=unit)
        assert sample["flux_F277W"].to_value(u.nJy) == pytest.approx([43.6])
        assert sample["flux_err_F277W"].to_value(u.nJy) == pytest.approx([2.0])

    def test_the_unit_of_a_survey_can_be_overridden(self):
        table = Table({"F277W_KRON": [12.0], "F277W_KRON_e": [0.5]})
        assert read_catalog(table, unit="uJy")["flux_F277W"].value == pytest.approx([12e3])

    @pytest.mark.parametrize("unit", ["ujy", "ct", "log(nJy)", "erg/s/cm2/A", "maggies"])
    def test_a_declared_unit_that_does_not_serve(self, tmp_path, unit):
        columns = [fits.Column("ID", "K", array=[1])]
        columns += [
            fits.Column(name, "D", array=[12.0], unit=unit)
            for name in ("F200W_KRON", "F200W_KRON_e")
        ]
        fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "c.fits")
        with pytest.raises(InputError, match=r'F200W_KRON.*unit=\{"F200W_KRON": "nJy"\}'):
            read_catalog(tmp_path / "c.fits")
        with pytest.raises(InputError, match="F200W_KRON declares"):
            read_catalog(tmp_path / "c.fits", unit="nJy")
        by_column = {"F200W_KRON": "uJy", "f200w_kron_e": "nJy"}
        sample = read_catalog(tmp_path / "c.fits", unit=by_column)
        assert sample["flux_F200W"].value == pytest.approx([12e3])
        assert sample["flux_err_F200W"].value == pytest.approx([12.0])

    def test_units_of_columns_that_are_not_read_do_not_matter(self):
        table = make_table(other=np.arange(4.0))
        table["other"].unit = u.Unit("ujy", parse_strict="silent")
        assert len(read_catalog(table)) == 4

    def test_a_key_that_names_no_column(self):
        with pytest.raises(InputError, match="'flux_F277' is none: did you mean 'flux_F277W'"):
            read_catalog(make_table(), unit={"flux_F277": "nJy"})

    def test_an_error_without_unit_has_that_of_its_flux(self):
        table = Table({"F277W_KRON": [1.0] * u.uJy, "F277W_KRON_e": [0.1]})
        assert read_catalog(table)["flux_err_F277W"].value == pytest.approx([100.0])

    def test_a_flux_without_unit_has_that_of_its_error(self):
        table = Table({"F277W_KRON": [1.0], "F277W_KRON_e": [0.1] * u.uJy})
        assert read_catalog(table)["flux_F277W"].value == pytest.approx([1000.0])

    def test_units_may_be_mixed(self):
        table = Table({"F150W": [0.04] * u.uJy, "F150W_err": [2.0] * u.nJy})
        table["F277W"], table["F277W_err"] = [26.4], [0.1]
        sample = read_catalog(table, unit={"F277W": u.ABmag})
        assert sample["flux_F150W"].value == pytest.approx([40.0])
        assert sample["flux_err_F150W"].value == pytest.approx([2.0])
        assert sample["flux_F277W"].value == pytest.approx([100.0], rel=1e-3)

    def test_some_declared_and_some_assumed_units_are_refused(self):
        table = Table({"F150W_KRON": [0.04] * u.uJy, "F150W_KRON_e": [0.002] * u.uJy})
        table["F277W_KRON"], table["F277W_KRON_e"] = [40.0], [2.0]
        with pytest.raises(InputError, match=r'declares uJy.*unit=\{"F277W_KRON": "nJy"\}'):
            read_catalog(table)
        sample = read_catalog(table, unit={"F277W_KRON": "nJy"})
        np.testing.assert_allclose(sample["flux_F150W"], sample["flux_F277W"])

    @pytest.mark.parametrize("declared", [None, "mag"])
    @pytest.mark.parametrize("given", [None, u.ABmag, "mag"])
    @pytest.mark.filterwarnings("ignore:the columns mag_f200w declare no unit")
    def test_magnitudes_of_a_layout_are_ab(self, declared, given):
        table = Table({"mag_f200w": [26.0, 99.9], "mag_err_f200w": [0.1, -99.0]})
        table["mag_f200w"].unit = table["mag_err_f200w"].unit = declared
        flux = read_catalog(table, unit=given)["flux_F200W"].value
        np.testing.assert_allclose(flux, [144.544, np.nan], rtol=1e-5)

    def test_the_system_of_magnitudes_can_be_told_by_column(self):
        table = Table({"F277W": [26.4] * u.mag, "F277W_err": [0.1] * u.mag})
        with pytest.raises(InputError, match=r'unit=\{"F277W": "ABmag"\}'):
            read_catalog(table)
        sample = read_catalog(table, unit={"F277W": "ABmag"})
        assert sample["flux_F277W"].value == pytest.approx([100.0], rel=1e-3)

    def test_flux_per_wavelength_needs_a_curve(self):
        unit = u.erg / u.s / u.cm**2 / u.AA
        table = Table({"F200W": [4e-21] * unit, "F200W_err": [1e-22] * unit})
        table["F999W"] = table["F999W_err"] = [1e-21] * unit
        with pytest.warns(DustestWarning, match="F999W is left out"):
            sample = read_catalog(table)
        assert sample.bands == ("F200W",)
        # f_nu = f_lambda * pivot**2 / c at the pivot of 19,886 Angstrom
        assert sample["flux_F200W"].value == pytest.approx([52.76], rel=0.01)

    def test_positions_have_their_unit(self):
        table = make_table(ra=np.full(4, 0.9) * u.rad, dec=np.full(4, -0.4) * u.rad)
        sample = read_catalog(table)
        assert sample["ra"].to_value(u.deg) == pytest.approx(np.full(4, np.degrees(0.9)))
        table["ra"].unit = u.m
        with pytest.raises(InputError, match=r'column ra declares.*unit=\{"ra": "deg"\}'):
            read_catalog(table)

    def test_a_declared_unit_comes_before_that_of_the_layout(self):
        table = Table({"f277w_tot_1": [3.0] * u.nJy, "f277w_etot_1": [0.2] * u.nJy})
        assert read_catalog(table)["flux_F277W"].to_value(u.nJy) == pytest.approx([3.0])

    def test_missing_unit(self):
        table = Table({"nircam_f277w_flux": [3.0], "nircam_f277w_fluxerr": [0.2]})
        with pytest.raises(InputError, match=r"unit must be given.*nircam_f277w_flux"):
            read_catalog(table)

    def test_contradiction_with_a_declared_unit(self):
        with pytest.raises(
            InputError, match="column flux_F277W is given as uJy, but nJy is declared"
        ):
            read_catalog(make_table(), unit=u.uJy)

    def test_contradiction_with_the_layout(self):
        table = Table({"F277W_uJy": [1.0], "F277W_err_uJy": [0.1]})
        with pytest.raises(
            InputError, match="column F277W_uJy is given as nJy, but uJy is declared"
        ):
            read_catalog(table, unit=u.nJy)

    def test_the_same_unit_twice_is_no_contradiction(self):
        assert len(read_catalog(make_table(), unit="nJy")) == 4

    @pytest.mark.parametrize("unit", ["furlongs per fortnight", 3, u.m])
    def test_what_is_no_flux(self, unit):
        table = Table({"F277W": [1.0], "F277W_err": [0.1]})
        with pytest.raises(InputError, match="unit"):
            read_catalog(table, unit=unit)

    def test_a_unit_that_the_fits_standard_lacks(self, tmp_path):
        table = Table({"f_f277w": [3.0], "e_f277w": [0.2]})
        hdu = fits.table_to_hdu(table)
        hdu.header["TUNIT1"] = hdu.header["TUNIT2"] = "10 nJy"
        hdu.writeto(tmp_path / "uncover.fits")
        sample = read_catalog(tmp_path / "uncover.fits")
        assert sample["flux_F277W"].to_value(u.nJy) == pytest.approx([30.0])

    @pytest.mark.parametrize("unit", [u.mag, u.ABmag])
    def test_fluxes_are_no_magnitudes(self, unit):
        with pytest.raises(InputError, match="nJy is declared"):
            read_catalog(make_table(), unit=unit)

    @pytest.mark.parametrize("declared", [None, u.mag, u.ABmag])
    def test_magnitudes(self, declared):
        table = Table({"F277W": [26.4, 99.0, -99.0], "F277W_err": [0.1, 99.0, 99.0]})
        if declared is not None:
            table["F277W"].unit, table["F277W_err"].unit = declared, u.mag
        sample = read_catalog(table, unit=u.ABmag)
        flux = 10 ** ((31.4 - 26.4) / 2.5)
        np.testing.assert_allclose(sample["flux_F277W"].value, [flux, np.nan, np.nan], rtol=1e-4)
        error = flux * 0.1 * 0.4 * np.log(10)
        np.testing.assert_allclose(sample["flux_err_F277W"].value[0], error, rtol=1e-4)

    def test_magnitudes_of_no_known_system(self):
        table = Table({"F277W": [26.4] * u.mag, "F277W_err": [0.1] * u.mag})
        with pytest.raises(InputError, match="mag"):
            read_catalog(table)


PHOTOMETRY = {"F277W_KRON": [12.0, 13.0], "F277W_KRON_e": [0.5, 0.5]}


class TestRedshiftValues:
    @pytest.mark.parametrize("unit", ["mag", "km/s", "kpc", "nonsense"])
    def test_a_column_in_another_unit_is_no_redshift(self, unit):
        table = Table({"z": [25.1, 26.2], "zphot": [7.1, -99.0], **PHOTOMETRY})
        table["z"].unit = u.Unit(unit, parse_strict="silent")
        sample = read_catalog(table)
        np.testing.assert_array_equal(sample["redshift"], [7.1, np.nan])
        with pytest.raises(InputError, match="column z must hold redshifts"):
            read_catalog(table, redshift="z")

    @pytest.mark.parametrize("unit", ["redshift", "", "1"])
    def test_units_of_redshifts(self, unit):
        table = Table({"z": [7.1, 7.2], **PHOTOMETRY})
        table["z"].unit = u.Unit(unit, parse_strict="silent")
        np.testing.assert_array_equal(read_catalog(table)["redshift"], [7.1, 7.2])

    @pytest.mark.parametrize("missing", [-99.0, 99.0, -1.0, -999.0, np.nan, np.inf, -np.inf])
    def test_the_next_column_that_has_values_is_taken(self, missing):
        table = Table({"z_spec": [missing] * 2, "z_50": [7.0, 7.2], **PHOTOMETRY})
        table["z_16"], table["z_84"] = [6.9, 7.1], [7.3, 6.0]
        with pytest.warns(DustestWarning, match="z_16 and z_84 do not enclose .* in 1 of 2 rows"):
            sample = read_catalog(table)
        assert sample.meta["redshift_column"] == "z_50"
        np.testing.assert_allclose(sample["redshift_err"], [0.2, np.nan])

    @pytest.mark.parametrize("missing", [-99.0, -1.0, 0.0, np.nan])
    def test_no_value_at_all(self, missing):
        table = Table({"z_spec": [missing] * 2, "mine": [7.0, 7.1], **PHOTOMETRY})
        with pytest.raises(InputError, match=r"z_spec has no positive value.*redshift=.*mine"):
            read_catalog(table)
        with pytest.raises(InputError, match="z_spec has no positive value"):
            read_catalog(table, redshift="z_spec")
        with pytest.raises(InputError, match='one that has with redshift="COLUMN"'):
            read_catalog(Table({"z_spec": [missing] * 2, **PHOTOMETRY}))
        assert "redshift" not in read_catalog(table, redshift=[]).colnames
        np.testing.assert_array_equal(read_catalog(table, redshift="MINE")["redshift"], [7.0, 7.1])

    @pytest.mark.parametrize("unit", ["mag", "km/s", "%", "nonsense"])
    def test_a_column_that_is_left_out_for_its_unit_is_named(self, unit):
        table = Table({"z": [7.1, 7.2], **PHOTOMETRY})
        table["z"].unit = u.Unit(unit, parse_strict="silent")
        with pytest.warns(DustestWarning, match=r"without redshifts: the column z .in"):
            assert "redshift" not in read_catalog(table).colnames
        assert "redshift" not in read_catalog(table, redshift=[]).colnames
        table["z_phot"] = [-1.0, -1.0]
        with pytest.raises(InputError, match=r"z_phot has no positive.*z .in .* has a unit"):
            read_catalog(table)

    def test_99_in_the_first_of_several_is_passed_over(self):
        table = Table({"z_spec": [99.0, 6.4], "z_phot": [7.0, 7.2], **PHOTOMETRY})
        sample = read_catalog(table, redshift=["z_spec", "z_phot"])
        np.testing.assert_array_equal(sample["redshift"], [7.0, 6.4])

    def test_offsets_are_no_percentiles(self):
        table = Table({"z_phot": [7.0, 7.2], "z160": [0.5, 7.0], "z840": [0.5, 7.3], **PHOTOMETRY})
        with pytest.warns(DustestWarning, match="z160 and z840 do not enclose"):
            sample = read_catalog(table)
        np.testing.assert_allclose(sample["redshift_err"], [np.nan, 0.15])

    @pytest.mark.parametrize(
        ("low", "high"),
        [("_16", "_84"), ("_p16", "_p84"), ("_l68", "_u68"), ("_l16", "_u84"), ("_P16", "_P84")],
    )
    @pytest.mark.parametrize("name", ["mine", "z_phot"])
    def test_names_of_percentiles(self, name, low, high):
        table = Table({name: [7.0, 8.0], **PHOTOMETRY})
        table[f"{name}{low}"], table[f"{name}{high}"] = [6.9, 7.6], [7.2, 8.4]
        sample = read_catalog(table, redshift=name)
        np.testing.assert_allclose(sample["redshift_err"], [0.15, 0.4])

    @pytest.mark.parametrize(
        ("values", "what"),
        [([7 + 1j, 8], "complex numbers"), ([True, False], "truth values"), (["a", "b"], "text")],
    )
    def test_columns_that_hold_no_numbers(self, values, what):
        table = Table({"z_phot": values, **PHOTOMETRY})
        with pytest.warns(DustestWarning, match=f"column z_phot holds {what} and is left out"):
            assert "redshift" not in read_catalog(table).colnames

    @pytest.mark.parametrize("end", ["_err", "_error"])
    def test_names_of_errors(self, end):
        table = Table({"mine": [7.0, 8.0], f"mine{end}": [0.1, 0.2], **PHOTOMETRY})
        assert read_catalog(table, redshift="mine")["redshift_err"].tolist() == [0.1, 0.2]

    @pytest.mark.parametrize(
        ("items", "mask", "expected"),
        [
            ([7.0, 8.0], None, [7.0, 8.0]),
            ([7.0, None], None, [7.0, np.nan]),
            ([7.0, "none"], [False, True], [7.0, np.nan]),
        ],
    )
    def test_numbers_that_are_objects(self, items, mask, expected):
        column = MaskedColumn(np.array(items, dtype=object), mask=mask)
        sample = read_catalog(Table({"z_phot": column, **PHOTOMETRY}))
        np.testing.assert_array_equal(sample["redshift"], expected)

    def test_errors_make_sense_or_are_missing(self):
        table = Table({"z_phot": [7.0, 7.1], "z_phot_err": [0.1, -1.0], **PHOTOMETRY})
        np.testing.assert_array_equal(read_catalog(table)["redshift_err"], [0.1, np.nan])


class TestIdentifiers:
    @pytest.mark.parametrize("name", ["ID", "id", "source_id", "NUMBER", "Galaxy_ID"])
    def test_names(self, name):
        assert list(read_catalog(Table({name: [7, 9], **PHOTOMETRY}))["id"]) == [7, 9]

    @pytest.mark.parametrize(
        "ids",
        [
            np.array([1, -2], dtype="i1"),
            np.array([2**64 - 1, 3], dtype="u8"),
            np.array([2**60 + 1, 3]),
            np.array(["#7", "ü"]),
            np.array(["", "b c"]),
        ],
        ids=["int8", "uint64", "int64", "marks", "empty"],
    )
    @pytest.mark.parametrize("ending", ["fits", "ecsv", "parquet", "h5"])
    def test_survive_files(self, tmp_path, ids, ending):
        sample = read_catalog(Table({"id": ids, **PHOTOMETRY}))
        sample.write(tmp_path / f"catalog.{ending}")
        again = read_catalog(tmp_path / f"catalog.{ending}")["id"]
        assert list(again) == list(ids)
        assert np.asarray(again).dtype.kind in ("U" if ids.dtype.kind == "U" else "iu")

    @pytest.mark.parametrize(
        "ids", [["007", "012"], ["#7", "a,b"], [str(2**64 - 1), "3"], ["", "b"]]
    )
    def test_survive_csv(self, tmp_path, ids):
        rows = [f'"{name}",12.0,0.5' for name in ids]
        path = tmp_path / "catalog.csv"
        path.write_text("\n".join(["id,F277W_KRON,F277W_KRON_e", *rows]))
        assert [str(name) for name in read_catalog(path)["id"]] == ids

    def test_a_row_without_number_is_left_out(self):
        table = Table({"ID": MaskedColumn([1, 2], mask=[False, True]), **PHOTOMETRY})
        with pytest.warns(DustestWarning, match="ID is missing in 1 row, which is left out"):
            sample = read_catalog(table)
        assert list(sample["id"]) == [1]
        assert sample["id"].dtype.kind == "i"

    def test_a_row_without_name_is_kept(self):
        table = Table({"ID": MaskedColumn(["a", "b"], mask=[False, True]), **PHOTOMETRY})
        sample = read_catalog(table)
        assert sample["id"].tolist() == ["a", ""]
        assert sample["flux_F277W"].value.tolist() == [12.0, 13.0]

    @pytest.mark.parametrize("mask", [None, [[False, True], [False, False]]])
    def test_several_a_row_are_refused(self, mask):
        table = Table({"ID": MaskedColumn([[1, 2], [3, 4]], mask=mask), **PHOTOMETRY})
        with pytest.raises(InputError, match="column id must hold one integer or string a row"):
            read_catalog(table)

    def test_rows_are_numbered_where_no_identifier_is_known(self):
        table = Table({"ID": MaskedColumn([1, 2], mask=[True, True]), **PHOTOMETRY})
        with pytest.warns(DustestWarning, match="ID is missing in all rows"):
            assert list(read_catalog(table)["id"]) == [0, 1]

    def test_data_frames_and_dicts(self):
        pandas = pytest.importorskip("pandas")
        columns = {"NUMBER": [7, 9], "z_phot": [6.5, 7.5], **PHOTOMETRY}
        frames = [columns, pandas.DataFrame(columns).sample(frac=1.0, random_state=1)]
        polars = pytest.importorskip("polars")
        frames.append(polars.DataFrame(columns))
        for frame in frames:
            sample = read_catalog(frame)
            order = np.argsort(sample["id"])
            assert list(sample["id"][order]) == [7, 9]
            np.testing.assert_array_equal(sample["flux_F277W"].value[order], [12.0, 13.0])


@pytest.mark.parametrize(("name", "example"), [("depth", "UNIT"), ("ra", "deg")])
def test_a_remedy_for_other_columns(name, example):
    table = Table({"id": [1, 2], name: [1.0, 2.0], **PHOTOMETRY})
    table[name].unit = u.Unit("ujy", parse_strict="silent")
    with pytest.raises(
        InputError, match=f'column {name} declares .*unit={{"{name}": "{example}"}}'
    ):
        read_catalog(table, columns={name: name})


def test_plain_columns_of_any_name():
    table = Table({"a": [53.1, 53.2], "b": [-27.8, -27.9], "c": ["x", "y"], **PHOTOMETRY})
    sample = read_catalog(table, columns={"RA": "a", "Dec": "b", "Group": "c"})
    for name, column in (("ra", "a"), ("dec", "b"), ("group", "c")):
        assert np.asarray(sample[name]).tolist() == table[column].tolist()


@pytest.mark.parametrize(
    ("comment", "expected"),
    [("AB zero point 23.9", 2000.0), ("ZP = 28.9", 20.0), ("fluxes in units of uJy", 2000.0)],
)
def test_comments_that_come_with_a_table(comment, expected):
    table = Table({"id": [1], "f_f200w": [2.0], "e_f200w": [0.1]}, meta={"comments": [comment]})
    sample = read_catalog(table)
    assert sample["flux_F200W"].value == pytest.approx([expected], rel=1e-3)


class TestText:
    """Columns of text that hold numbers."""

    @staticmethod
    def read(cells):
        table = Table({"id": np.arange(len(cells)), "F277W": cells})
        table["F277W_err"] = np.full(len(cells), "0.5")
        return read_catalog(table, unit="nJy")["flux_F277W"].value

    def test_fewer_than_half_are_none(self):
        with pytest.warns(DustestWarning, match="column F277W has text .* in 2 of 5 rows"):
            found = self.read(["<60", "61", "sat", "63", "64"])
        np.testing.assert_array_equal(found, [np.nan, 61.0, np.nan, 63.0, 64.0])

    @pytest.mark.parametrize(
        "cells", [["60", "<60"], ["60", "<60", "sat"], ["<60", "1", "2", "x"]]
    )
    def test_half_of_them_are_none(self, cells):
        with pytest.raises(InputError, match="F277W must hold numbers, got text such as '<60'"):
            self.read(cells)


class TestNames:
    def test_bytes_are_text(self):
        table = Table({"id": [1, 2], "field": np.array([b"UDS", b"COSMOS"]), **PHOTOMETRY})
        field = read_catalog(table, columns={"field": "field"})["field"]
        assert field.dtype.kind == "U"
        assert field.tolist() == ["UDS", "COSMOS"]

    def test_columns_of_the_user_stay_out(self):
        table = make_table(
            flux_radius=np.ones(4), flux_err_radius=np.ones(4), cutout_size=np.ones(4)
        )
        assert read_catalog(table, unit="nJy").bands == ("F277W", "F356W")
        columns = {"flux_f200w": "A", "flux_err_JWST/NIRCam.F200W": "b", "half": "cutout_size"}
        table["a"], table["b"] = np.ones(4) * u.nJy, np.ones(4) * u.nJy
        sample = read_catalog(table, columns=columns)
        assert sample.bands == ("F200W",)
        assert "cutout_size" not in sample.colnames

    @pytest.mark.parametrize(
        ("key", "reason"),
        [
            ("flux_F27W", "did you mean 'F277W'"),
            ("flux_err_F277", "did you mean 'F277W'"),
            ("redshfit", "did you mean 'redshift'"),
        ],
    )
    def test_keys_that_match_nothing(self, key, reason):
        with pytest.raises(InputError, match=reason):
            read_catalog(make_table(), columns={key: "flux_F277W"})

    def test_a_near_miss_of_a_column(self):
        with pytest.raises(InputError, match="no redshfit: did you mean 'redshift'"):
            read_catalog(make_table(), redshift="redshfit")

    @pytest.mark.parametrize("kind", ["auto", "model"])
    def test_cosmos2025(self, kind):
        table = Table({"id": [1], f"flux_{kind}_f150w": [0.06], f"flux_err_{kind}_f150w": [0.003]})
        sample = read_catalog(table, unit="uJy")
        assert sample.meta["layout"] == f"cosmos2025-{kind}"
        assert sample["flux_F150W"].value == pytest.approx([60.0])

    def test_one_aperture_of_several(self):
        table = Table({"flux_aper_f150w": np.arange(10.0).reshape(2, 5)})
        table["flux_err_aper_f150w"] = np.ones((2, 5))
        sample = read_catalog(table, unit="nJy", layout="cosmos2025-aper3")
        np.testing.assert_array_equal(sample["flux_F150W"].value, [2.0, 7.0])
        columns = {"flux_F150W": "flux_aper_f150w", "flux_err_F150W": "flux_err_aper_f150w"}
        with pytest.raises(InputError, match="flux_aper_f150w must hold one number a row, got 5"):
            read_catalog(table, unit="nJy", columns=columns)

    def test_bands_that_are_not_known(self):
        table = Table({"f_f200w": [1.0], "e_f200w": [0.1], "f_irac1": [1.0], "e_irac1": [0.1]})
        with pytest.warns(DustestWarning, match="f_irac1 are of bands that are no filters"):
            assert read_catalog(table, unit="uJy").bands == ("F200W",)

    def test_what_a_catalogue_of_other_bands_can_be_read_with(self):
        table = Table({"id": [1], "galex.FUV": [1.0], "galex.FUV_err": [0.1]})
        with pytest.raises(InputError, match=r"galex\.FUV with galex\.FUV_err is of no band"):
            read_catalog(table)


class TestForegroundDust:
    def test_is_taken_off_once(self, tmp_path):
        table = make_table(ebv=[0.0, 0.02, 0.05, 0.1] * u.mag)
        plain, corrected = read_catalog(table), read_catalog(table, foreground_ebv="EBV")
        ratio = (corrected["flux_F277W"] / plain["flux_F277W"]).value
        attenuation = 3.1 * table["ebv"].value * G23(Rv=3.1)(2.776 * u.um)
        np.testing.assert_allclose(2.5 * np.log10(ratio), attenuation, rtol=0.02)
        np.testing.assert_allclose(corrected["flux_err_F277W"] / plain["flux_err_F277W"], ratio)
        assert corrected.meta["foreground_dust"] == "G23, E(B-V) of column ebv"
        for ending in ("fits", "ecsv", "parquet", "h5"):
            corrected.write(tmp_path / f"sample.{ending}")
            with pytest.raises(InputError, match="already corrected for foreground dust"):
                read_catalog(tmp_path / f"sample.{ending}", foreground_ebv=0.02)

    def test_a_number_for_all(self):
        one = read_catalog(make_table(), foreground_ebv=0.1)
        other = read_catalog(make_table(ebv=np.full(4, 100.0) * u.mmag), foreground_ebv="ebv")
        np.testing.assert_allclose(one["flux_F356W"], other["flux_F356W"])

    def test_the_values_are_kept(self):
        sample = read_catalog(make_table(ebv=np.full(4, 100.0) * u.mmag), foreground_ebv="ebv")
        np.testing.assert_allclose(sample["foreground_ebv"].to_value(u.mag), 0.1)

    def test_a_layout_that_is_corrected(self):
        own = layouts.get_layout("dustest")
        layouts.register_layout(replace(own, name="toy-corrected", foreground="in the release"))
        with pytest.raises(InputError, match="layout toy-corrected is already corrected"):
            read_catalog(make_table(), layout="toy-corrected", foreground_ebv=0.02)

    def test_missing_values_and_bands_without_curve(self):
        table = make_table(ebv=[0.01, np.nan, -99.0, 0.02])
        table["flux_MYCAM"] = table["flux_err_MYCAM"] = np.ones(4) * u.nJy
        with (
            pytest.warns(DustestWarning, match="missing in 2 of 4 rows"),
            pytest.warns(DustestWarning, match="MYCAM are left out"),
        ):
            sample = read_catalog(table, foreground_ebv="ebv")
        np.testing.assert_array_equal(np.isnan(sample["flux_F277W"]), [0, 1, 1, 0])

    @pytest.mark.parametrize("ebv", [-0.1, "nope", [0.1, 0.2]])
    def test_what_is_refused(self, ebv):
        with pytest.raises(InputError, match="foreground_ebv"):
            read_catalog(make_table(), foreground_ebv=ebv)


class TestErrorFloor:
    def test_is_added_in_quadrature(self):
        table = make_table()
        sample = read_catalog(table, error_floor=0.05)
        expected = np.sqrt(table["flux_err_F277W"] ** 2 + (0.05 * table["flux_F277W"]) ** 2)
        np.testing.assert_allclose(sample["flux_err_F277W"].value, expected)
        assert sample.meta["error_floor"] == 0.05

    def test_negative_fluxes_count_by_their_size(self):
        table = make_table()
        table["flux_F277W"] *= -1
        error = read_catalog(table, error_floor=0.5)["flux_err_F277W"].value
        assert np.all(error > 0.5 * np.abs(table["flux_F277W"].value))

    def test_missing_errors_stay_missing(self):
        table = make_table()
        table["flux_err_F277W"][1] = np.nan
        assert np.isnan(read_catalog(table, error_floor=0.1)["flux_err_F277W"][1])

    def test_a_floor_is_not_added_twice(self, tmp_path):
        table = make_table()
        once = read_catalog(table, error_floor=0.1)
        read_catalog(table, error_floor=0.05).write(tmp_path / "sample.fits")
        twice = read_catalog(tmp_path / "sample.fits", error_floor=0.1)
        np.testing.assert_allclose(twice["flux_err_F277W"], once["flux_err_F277W"])
        again = read_catalog(once, error_floor=0.05)
        np.testing.assert_array_equal(again["flux_err_F277W"], once["flux_err_F277W"])

    def test_negative_errors_are_missing(self):
        table = make_table()
        table["flux_err_F277W"][1] = -98.6
        np.testing.assert_array_equal(np.isnan(read_catalog(table)["flux_F277W"]), [0, 1, 0, 0])

    @pytest.mark.parametrize("floor", [-0.1, 1.1, np.nan, "5%", None])
    def test_out_of_range(self, floor):
        with pytest.raises(InputError, match="error_floor must be a fraction"):
            read_catalog(make_table(), error_floor=floor)


class TestBadFiles:
    @pytest.mark.parametrize("name", ["absent.fits", "", "catalog"])
    def test_what_is_not_a_table_file(self, tmp_path, name):
        (tmp_path / "catalog").write_text("id\n1\n")
        with pytest.raises(ReadError, match=r"does not exist|is a directory|no ending"):
            read_catalog(tmp_path / name)

    @pytest.mark.parametrize("ending", [e for e in FORMATS if e != "csv"])
    def test_wrong_content(self, tmp_path, ending):
        path = tmp_path / f"catalog.{ending}"
        path.write_bytes(b"this is no table \x00\xff")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(ReadError, match="not a readable"):
                read_catalog(path)

    def test_images_only(self, tmp_path):
        fits.PrimaryHDU(np.ones((3, 3))).writeto(tmp_path / "image.fits")
        with pytest.raises(ReadError, match="holds no table"):
            read_catalog(tmp_path / "image.fits")

    @pytest.mark.parametrize("ending", ["fits", "ecsv", "hdf5", "parquet"])
    def test_empty_table(self, tmp_path, ending):
        path = tmp_path / f"catalog.{ending}"
        write(make_table()[:0], path)
        with pytest.raises(InputError, match="at least one galaxy"):
            read_catalog(path)

    def test_another_format_by_name(self, tmp_path):
        make_table().write(tmp_path / "catalog.tbl", format="ascii.ecsv")
        assert len(read_catalog(tmp_path / "catalog.tbl", format="ascii.ecsv")) == 4

    def test_unknown_format(self, tmp_path):
        write(make_table(), tmp_path / "catalog.ecsv")
        with pytest.raises(InputError, match=r"format must be one that .* got 'nonsense'"):
            read_catalog(tmp_path / "catalog.ecsv", format="nonsense")

    @pytest.mark.parametrize("source", [None, 5, [1, 2]])
    def test_neither_path_nor_table(self, source):
        with pytest.raises(InputError, match="path_or_table must be"):
            read_catalog(source)

    def test_mutated_files_are_read_or_refused(self, tmp_path):
        write(make_table(n=30), tmp_path / "catalog.fits")
        original = (tmp_path / "catalog.fits").read_bytes()
        rng = np.random.default_rng(7)
        refused = 0
        for i in range(300):
            data = bytearray(original)
            for position in rng.integers(0, len(data), size=rng.integers(1, 30)):
                data[position] = rng.integers(0, 256)
            if i % 3 == 0:
                data = data[: rng.integers(0, len(data))]
            path = tmp_path / "mutated.fits"
            path.write_bytes(bytes(data))
            with warnings.catch_warnings():
                # Damaged headers make astropy warn; here only exceptions count.
                warnings.simplefilter("ignore")
                try:
                    sample = read_catalog(path)
                except DustestError:
                    refused += 1
                else:
                    assert isinstance(sample, GalaxySample)
        assert 0 < refused < 300


FLUXES = hnp.arrays(float, st.integers(1, 8), elements=st.floats(1e-3, 1e6))
FLUX_UNITS = ("nJy", "uJy", "mJy", "erg / (s cm2 Hz)")
UNITS = st.sampled_from([u.nJy, u.uJy, u.mJy, u.erg / u.s / u.cm**2 / u.Hz, u.ABmag])


class TestProperties:
    @settings(max_examples=50)
    @given(flux=FLUXES, unit=UNITS, fraction=st.floats(0.001, 0.5))
    def test_the_unit_of_the_file_changes_nothing(self, flux, unit, fraction):
        error = fraction * flux
        if unit == u.ABmag:
            columns = (flux * u.nJy).to_value(u.ABmag), 2.5 / np.log(10) * fraction
            columns = columns[0], np.full(len(flux), columns[1])
        else:
            columns = (flux * u.nJy).to_value(unit), (error * u.nJy).to_value(unit)
        table = Table({"F277W": columns[0], "F277W_err": columns[1]})
        sample = read_catalog(table, unit=unit)
        np.testing.assert_allclose(sample["flux_F277W"].to_value(u.nJy), flux, rtol=1e-6)
        np.testing.assert_allclose(sample["flux_err_F277W"].to_value(u.nJy), error, rtol=1e-6)

    @settings(max_examples=30)
    @given(order=st.permutations(range(6)))
    def test_the_order_of_the_rows_is_kept(self, order):
        table = make_table(n=6)
        whole = read_catalog(table, error_floor=0.05)
        shuffled = read_catalog(table[list(order)], error_floor=0.05)
        for name in whole.colnames:
            np.testing.assert_array_equal(shuffled[name], whole[name][list(order)])

    @settings(max_examples=30)
    @given(missing=hnp.arrays(bool, 5), sentinel=st.sampled_from([99.0, -99.0, 99.9, np.nan]))
    def test_sentinels_of_magnitudes_are_missing(self, missing, sentinel):
        magnitudes = np.where(missing, sentinel, 27.0)
        table = Table({"F277W": magnitudes, "F277W_err": np.where(missing, sentinel, 0.1)})
        sample = read_catalog(table, unit=u.ABmag)
        np.testing.assert_array_equal(np.isnan(sample["flux_F277W"].value), missing)
        np.testing.assert_array_equal(np.isnan(sample["flux_err_F277W"].value), missing)


class TestInputProperties:
    """What a user has, as table, file or data frame, gives the same sample."""

    @settings(max_examples=25)
    @given(
        flux=hnp.arrays(float, 3, elements=st.floats(50.0, 1e4)),
        units=st.tuples(st.sampled_from(FLUX_UNITS), st.sampled_from(FLUX_UNITS)),
        name=st.sampled_from(["ID", "source_id", "NUMBER", "Id"]),
        band=st.sampled_from(["f200w", "F200W", "nircam_f200w", "NRC_F200W"]),
        missing=st.sampled_from([-99.0, -999.0, np.nan, np.inf]),
        how=st.sampled_from(["table", "quantities", "frame", "fits"]),
    )
    def test_any_input(self, tmp_path_factory, flux, units, name, band, missing, how):
        flux_unit, error_unit = map(u.Unit, units)
        values = np.append((flux * u.nJy).to_value(flux_unit), missing)
        errors = np.full(4, (0.1 * u.nJy).to_value(error_unit))
        table = Table({name: [3, 1, 2**60 + 1, 7], band: values, f"{band}_err": errors})
        table[band].unit, table[f"{band}_err"].unit = flux_unit, error_unit
        sample = read_catalog(**_as_given(table, how, tmp_path_factory))
        assert list(sample["id"]) == [3, 1, 2**60 + 1, 7]
        np.testing.assert_allclose(sample["flux_F200W"].value, [*flux, np.nan], rtol=1e-6)
        np.testing.assert_allclose(sample["flux_err_F200W"].value, 0.1, rtol=1e-6)


def _as_given(table, how, tmp_path_factory):
    """Arguments of `read_catalog` for the same catalogue in another form."""
    if how == "table":
        return {"path_or_table": table}
    if how == "quantities":
        return {"path_or_table": QTable(table)}
    if how == "frame":
        pandas = pytest.importorskip("pandas")
        units = {name: table[name].unit for name in table.colnames[1:]}
        columns = {name: np.asarray(table[name]) for name in table.colnames}
        return {"path_or_table": pandas.DataFrame(columns), "unit": units}
    path = tmp_path_factory.mktemp("given") / "catalog.fits"
    table.write(path)
    return {"path_or_table": path}


class TestRealCatalogs:
    def test_jof(self, shared_data):
        path = shared_data / "catalogs" / "jof_bagpipes.ecsv"
        sample = read_catalog(path, error_floor=0.05)
        raw = Table.read(path)
        assert len(sample) == 92
        assert len(sample.bands) == 19
        assert sample.meta["layout"] == "expanse"
        assert sample.meta["redshift_column"] == "z_eazy"
        np.testing.assert_allclose(sample["flux_F277W"].to_value(u.uJy), raw["F277W_uJy"])
        width = np.squeeze(raw["z_eazy_84"] - raw["z_eazy_16"])
        # One galaxy has percentiles of about 2 for a redshift of 7.
        known = np.isfinite(sample["redshift_err"])
        assert np.count_nonzero(~known) == 1
        np.testing.assert_allclose(sample["redshift_err"][known], width[known] / 2)

    def test_beagle(self, shared_data):
        sample = read_catalog(shared_data / "catalogs" / "jades_z6to9_beagle.fits")
        assert len(sample) == 314
        assert sample.meta["redshift_column"] == "zphot"
        assert sample["ra"].unit == u.deg
        assert sample.bands[:2] == ("F435W", "F606W")
        assert sample["id"][0].endswith("_GOODSS")
        # The columns l16 and u84 hold percentiles, not errors.
        with fits.open(shared_data / "catalogs" / "jades_z6to9_beagle.fits") as hdus:
            raw = hdus[1].data
            assert np.all(raw["zphot_l16"] < raw["zphot_u84"])
            expected = (raw["zphot_u84"].astype(float) - raw["zphot_l16"]) / 2
        np.testing.assert_allclose(sample["redshift_err"], expected, rtol=1e-6)

    def test_ceers_needs_a_unit(self, shared_data):
        path = shared_data / "cutouts" / "ceers_table.csv"
        with pytest.raises(InputError, match="unit must be given"):
            read_catalog(path)
        sample = read_catalog(path, unit=u.mJy)
        assert sample.meta["redshift_column"] == "z_used"
        assert list(sample["id"]) == [10735, 13374, 40, 6414]

    def test_slopes_are_no_photometry(self, shared_data):
        with pytest.raises(InputError, match="source, url, z, beta"):
            read_catalog(shared_data / "catalogs" / "published_uv_slopes.csv")


class TestPatterns:
    COLUMNS = {"{band}": "NRC_{band}_tot", "{band}_err": "NRC_{band}_e"}  # noqa: RUF012

    @pytest.fixture
    def table(self):
        table = Table({"id": [1, 2], "NRC_x_tot": [0.0, 0.0], "HST_F606W": [9.0, 9.0]})
        for band, flux in {"f277w": 270.0, "F356W": 26.0}.items():
            table[f"NRC_{band}_tot"], table[f"NRC_{band}_e"] = [flux, flux], [0.1, 0.1]
        return table

    def test_short_names_of_one_band(self, table):
        table["HST_e"] = [0.2, 0.3]
        short = self.COLUMNS | {"F606W": "HST_F606W", "F606W_err": "HST_e"}
        sample = read_catalog(table, columns=short, unit=u.nJy)
        assert set(sample.bands) == {"F277W", "F356W", "F606W"}
        np.testing.assert_allclose(sample["flux_err_F606W"].value, [0.2, 0.3])

    def test_columns_of_every_band(self, table, tmp_path):
        table.write(tmp_path / "a.fits")
        for source in (table, tmp_path / "a.fits"):
            sample = read_catalog(source, columns=self.COLUMNS, unit=u.nJy)
            assert sample.bands == ("F277W", "F356W")
            np.testing.assert_array_equal(sample["flux_F277W"].value, [270.0, 270.0])
            np.testing.assert_array_equal(sample["flux_err_F356W"].value, [0.1, 0.1])

    def test_parts_have_the_same_columns(self, table, tmp_path):
        table.write(tmp_path / "a.fits")
        options = {"columns": self.COLUMNS, "unit": u.nJy}
        (part,) = open_catalog(tmp_path / "a.fits", **options).samples()
        assert part.bands == ("F277W", "F356W")

    def test_a_column_that_is_named_takes_precedence(self, table):
        own = {"flux_F277W": "HST_F606W", "flux_err_F277W": "NRC_f277w_e"}
        sample = read_catalog(table, columns=self.COLUMNS | own, unit=u.nJy)
        np.testing.assert_array_equal(sample["flux_F277W"].value, [9.0, 9.0])

    def test_units_of_columns_with_a_star(self, table):
        units = {"nrc_*": u.uJy, "F356W": u.ABmag}
        sample = read_catalog(table, columns=self.COLUMNS, unit=units)
        np.testing.assert_allclose(sample["flux_F277W"].to_value(u.nJy), 270_000.0)
        np.testing.assert_allclose(sample["flux_F356W"].to_value(u.nJy), 144.54, rtol=1e-4)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"columns": {"{band}": "NRC_tot"}}, "must have {band} once in both names"),
            ({"columns": {"flux": "NRC_{band}"}}, "must have {band} once in both names"),
            ({"columns": COLUMNS | {"{band}": "NIC_{band}"}}, "has no column like NIC_{band}"),
            ({"columns": {"{band}": "NRC_{band}_tot"}}, "must name flux_err_F277W too"),
            ({"columns": COLUMNS, "unit": {"HST_*": u.nJy}}, "none is like 'HST_*': NRC_f277w"),
            (
                {"columns": COLUMNS, "unit": {"NRC_*": u.nJy, "*_tot": u.uJy}},
                "unit must name each column once",
            ),
        ],
    )
    def test_mistakes(self, table, options, message):
        with pytest.raises(InputError, match=re.escape(message)):
            read_catalog(table, **({"unit": u.nJy} | options))
