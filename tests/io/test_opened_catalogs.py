"""Catalogues that are read in parts."""

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import MaskedColumn, QTable, Table, vstack

from dustest.data import DustestWarning, InputError, ReadError, RowTable
from dustest.io import open_catalog, read_catalog, read_table

ENDINGS = ["fits", "parquet", "h5"]
N = 1500
ROWS = 400


def make_table(n=N, seed=230401):
    """Galaxies in the layout of JADES, with two columns of redshifts."""
    rng = np.random.default_rng(seed)
    few = np.where(np.arange(n) < n // 2, rng.uniform(5.0, 9.0, n), -99.0)
    table = Table({"ID": np.arange(n) + 7, "z_spec": few, "z_phot": rng.uniform(5.0, 9.0, n)})
    table["name"] = [f"galaxy {'x' * (i % 7)}{i}" for i in range(n)]
    for band in ("F277W", "F356W"):
        table[f"{band}_KRON"] = rng.normal(10.0, 5.0, n).astype(np.float32)
        table[f"{band}_KRON_e"] = rng.uniform(0.5, 1.0, n)
    return table


def write(table, folder, ending):
    """Write a table, and return its path."""
    path = folder / f"catalog.{ending}"
    table.write(path, **({"path": "data", "serialize_meta": True} if ending == "h5" else {}))
    return path


def check_equal(path, rows_at_once=ROWS, **options):
    """Parts and the whole are equal, with the same warnings, each given once."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        whole = read_catalog(path, **options)
    expected = [str(one.message) for one in given]
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        catalog = open_catalog(path, rows_at_once=rows_at_once, **options)
        parts = list(catalog)
    assert sorted(str(one.message) for one in given) == sorted(expected)
    assert len(catalog) == len(whole) == sum(map(len, parts))
    for part in parts:
        assert part.colnames == catalog.colnames == whole.colnames
        assert part.meta == catalog.meta == whole.meta
        for name in whole.colnames:
            assert part[name].dtype == whole[name].dtype, name
            assert part[name].info.meta == whole[name].info.meta, name
    joined = vstack(parts, metadata_conflicts="silent")
    for name in whole.colnames:
        assert getattr(joined[name], "unit", None) == getattr(whole[name], "unit", None)
        np.testing.assert_array_equal(np.asarray(joined[name]), np.asarray(whole[name]))
    return catalog, expected


class TestEqualToTheWhole:
    @pytest.mark.parametrize("ending", ENDINGS)
    def test_of_every_format(self, tmp_path, ending):
        path = write(make_table(), tmp_path, ending)
        catalog, _ = check_equal(path, columns={"name": "name"}, error_floor=0.05)
        assert catalog.bands == ("F277W", "F356W")
        assert catalog.meta["redshift_column"] == "z_phot"

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_for_named_redshifts_and_foreground_dust(self, tmp_path, ending):
        table = make_table()
        table["EBV"] = np.where(np.arange(N) % 500, 0.02, np.nan)
        path = write(table, tmp_path, ending)
        options = {"redshift": ["z_spec", "z_phot"], "foreground_ebv": "EBV"}
        _, given = check_equal(path, **options)
        assert any("missing in 3 of 1500 rows" in message for message in given)

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_if_identifiers_are_missing(self, tmp_path, ending):
        table = make_table()
        ids = np.arange(N) + 0.0
        ids[[3, 700, 701]] = np.nan
        table["ID"] = ids
        _, given = check_equal(write(table, tmp_path, ending))
        assert any("missing in 3 rows" in message for message in given)

    def test_if_all_identifiers_are_missing(self, tmp_path):
        table = make_table()
        table["ID"] = MaskedColumn(np.arange(N), mask=True)
        check_equal(write(table, tmp_path, "parquet"))

    def test_if_there_are_no_identifiers(self, tmp_path):
        table = make_table()
        table.remove_column("ID")
        check_equal(write(table, tmp_path, "fits"))

    def test_if_one_part_has_no_redshift(self, tmp_path):
        table = make_table()
        table.remove_column("z_phot")
        catalog, _ = check_equal(write(table, tmp_path, "fits"))
        assert catalog.meta["redshift_column"] == "z_spec"

    def test_if_errors_of_redshifts_are_in_one_part(self, tmp_path):
        table = make_table()
        table["z_phot_err"] = np.where(np.arange(N) == N - 1, 0.1, np.nan)
        catalog, _ = check_equal(write(table, tmp_path, "fits"))
        assert "redshift_err" in catalog.colnames

    @pytest.mark.parametrize("n_outside", [100, 400])
    def test_of_percentiles_that_do_not_enclose_the_redshift(self, tmp_path, n_outside):
        table = make_table()
        table["z_phot_16"] = table["z_phot"] - np.where(np.arange(N) < n_outside, -1.0, 0.1)
        table["z_phot_84"] = table["z_phot"] + 0.1
        _, given = check_equal(write(table, tmp_path, "fits"))
        assert any(f"in {n_outside} of 1500" in message for message in given) == (n_outside > 150)

    def test_of_values_outside_their_range(self, tmp_path):
        table = make_table()
        table["ra"], table["dec"] = np.arange(N) % 500 + 1.0, np.full(N, 5.0)
        options = {"columns": {"ra": "ra", "dec": "dec"}}
        _, given = check_equal(write(table, tmp_path, "fits"), **options)
        assert any("of 1500 rows lies outside" in message for message in given)

    def test_of_implausible_photometry(self, tmp_path):
        table = make_table()
        table["F277W_KRON"] = np.random.default_rng(230402).uniform(24.0, 29.0, N)
        table["F277W_KRON_e"] = 0.1
        table["F356W_KRON_e"] = -99.0
        _, given = check_equal(write(table, tmp_path, "fits"))
        assert any("look like magnitudes" in message for message in given)

    def test_of_redshifts_in_another_extension(self, tmp_path):
        table = make_table()
        rows = np.random.default_rng(230403).permutation(N)[:1200]
        others = table["ID", "z_phot"][rows]
        table.remove_columns(["z_spec", "z_phot", "name"])
        hdus = [fits.PrimaryHDU(), fits.table_to_hdu(table), fits.table_to_hdu(others)]
        hdus[1].name, hdus[2].name = "KRON", "PHOTOZ"
        fits.HDUList(hdus).writeto(tmp_path / "catalog.fits")
        catalog, _ = check_equal(tmp_path / "catalog.fits")
        assert catalog.meta["redshift_column"] == "z_phot"

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_of_tables_that_dustest_wrote(self, tmp_path, ending):
        rng = np.random.default_rng(230404)
        table = QTable({"id": [f"é{i}" for i in range(N)], "redshift": rng.uniform(5.0, 9.0, N)})
        table["flux_F277W"] = rng.normal(10.0, 1.0, N) * u.nJy
        table["flux_err_F277W"] = np.full(N, 1.0) * u.nJy
        if ending != "parquet":  # where astropy flattens images
            table["cutout_F277W"] = rng.normal(size=(N, 3, 3)).astype(np.float32) * u.nJy
        path = tmp_path / f"sample.{ending}"
        RowTable(table, meta={"error_floor": 0.05}).write(path)
        check_equal(path)

    def test_of_integers_with_nulls(self, tmp_path):
        table = make_table()
        table["number"] = MaskedColumn(np.arange(N), mask=np.arange(N) > 1300)
        path = write(table, tmp_path, "parquet")
        check_equal(path, columns={"number": "number"})

    def test_of_groups_of_columns(self, tmp_path):
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "catalog.h5", "w") as file:
            for name, column in make_table().items():
                values = column.astype("S") if column.dtype.kind == "U" else column
                file[f"photometry/{name}"] = np.asarray(values)
        check_equal(tmp_path / "catalog.h5", columns={"name": "name"})


class TestRealCatalogs:
    @pytest.mark.parametrize(
        "name", ["catalogs/jades_z6to9_beagle.fits", "lines/mosdef_lines.fits"]
    )
    def test_are_read_as_a_whole_and_in_parts(self, shared_data, name):
        check_equal(shared_data / name, rows_at_once=100)

    @pytest.mark.parametrize("ending", ["fits", "parquet"])
    def test_of_lines_with_limits(self, shared_data, tmp_path, ending):
        table = read_table(shared_data / "lines" / "ceers_balmer_paschen.txt")
        table.meta = {}
        catalog, _ = check_equal(write(table, tmp_path, ending), rows_at_once=20)
        assert catalog.meta["layout"] == "calabro23-lines"
        assert any(name.startswith("line_limit_") for name in catalog.colnames)


class TestDescription:
    def test_iteration_begins_again(self, tmp_path):
        catalog = open_catalog(write(make_table(), tmp_path, "fits"), rows_at_once=1000)
        assert [len(part) for part in catalog] == [len(part) for part in catalog] == [1000, 500]

    def test_text(self, tmp_path):
        catalog = open_catalog(write(make_table(), tmp_path, "fits"))
        expected = "catalog.fits: 1500 galaxies, layout jades-kron, bands F277W, F356W, redshifts"
        assert expected in repr(catalog)


class TestErrors:
    @pytest.mark.parametrize("ending", ["csv", "ecsv", "vot"])
    def test_other_formats_must_be_converted(self, tmp_path, ending):
        path = tmp_path / f"catalog.{ending}"
        path.write_text("ID,F277W_KRON\n1,2.0\n")
        with pytest.raises(InputError, match="convert it to Parquet"):
            open_catalog(path)

    def test_text_instead_of_fluxes(self, tmp_path):
        table = make_table()
        table["F277W_KRON"] = table["F277W_KRON"].astype(str)
        with pytest.raises(InputError, match=r"F277W_KRON.* must hold numbers"):
            open_catalog(write(table, tmp_path, "fits"))

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_damaged_files(self, tmp_path, ending):
        path = write(make_table(), tmp_path, ending)
        content = path.read_bytes()
        path.write_bytes(content[: int(0.6 * len(content))])
        with pytest.raises(ReadError, match=r"catalog\."):
            open_catalog(path)

    def test_files_that_change(self, tmp_path):
        path = write(make_table(), tmp_path, "fits")
        catalog = open_catalog(path)
        path.unlink()
        write(make_table(20), tmp_path, "fits")
        with pytest.raises(ReadError, match="has changed since it was opened"):
            list(catalog)

    def test_no_redshifts(self, tmp_path):
        path = write(make_table(), tmp_path, "fits")
        table = Table.read(path)
        table["z_phot"] = table["z_spec"] = -1.0
        path.unlink()
        with pytest.raises(InputError, match="has no positive value"):
            open_catalog(write(table, tmp_path, "fits"))

    def test_warnings_are_those_of_dustest(self, tmp_path):
        table = make_table()
        table["F444W_KRON"] = 1.0
        with pytest.warns(DustestWarning, match="no error column"):
            open_catalog(write(table, tmp_path, "fits"))
