"""Tables from files, whatever is wrong with them."""

import socket
import warnings
from contextlib import suppress

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from dustest.data import DustestError, DustestWarning, InputError, ReadError
from dustest.io import read_catalog, read_table


def write(folder, name, *lines):
    """A file of text."""
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


class TestText:
    @pytest.mark.parametrize(
        ("name", "lines"),
        [
            ("t.csv", ["id,a,b", "7,1.5,x", "9,--,y"]),
            ("t.csv", ["# made by us", "id,a,b", "7,1.5,x", "9,n/a,y"]),
            ("t.csv", ["#id,a,b", "7,1.5,x", "9,,y"]),
            ("t.csv", ["id;a;b", "7;1.5;x", "9;NaN;y"]),
            ("t.txt", ["id a b", "7 1.5 x", "9 -- y"]),
            ("t.cat", ["# id a b", "# by hand, 2014", "7 1.5 x", "9 nan y"]),
            ("t.cat", ["#(1)id (2)a (4)b", "7 1.5 x", "9 null y"]),
            ("t.cat", ["#  1 id  Running number", "#  2 a", "#  3 b", "7 1.5 x", "9 INDEF y"]),
            ("t.dat", ["id\ta\tb", "7\t1.5\tx", "9\t\ty"]),
            ("t.dat", ["", "id a b", "7 1.5 x", "", "9 -- y"]),
        ],
    )
    def test_headers(self, tmp_path, name, lines):
        table = read_table(write(tmp_path, name, *lines))
        assert table.colnames == ["id", "a", "b"]
        assert list(table["id"]) == [7, 9]
        assert table["a"][0] == 1.5
        assert np.ma.getmaskarray(table["a"]).tolist() == [False, True]
        assert list(table["b"]) == ["x", "y"]

    def test_text_is_kept(self, tmp_path):
        lines = ["id,b", '007," a"', '012,"x,y"', "100,"]
        table = read_table(write(tmp_path, "t.csv", *lines))
        assert list(table["id"]) == ["007", "012", "100"]
        assert list(table["b"]) == [" a", "x,y", ""]

    def test_two_numbered_columns(self, tmp_path):
        lines = ["#  1 id  Running number", "#  2 a [uJy]", "7 1.5", "9 2.5"]
        assert read_table(write(tmp_path, "t.cat", *lines)).colnames[0] == "id"

    def test_numbers_that_are_left_out_are_columns_of_a_vector(self, tmp_path):
        lines = [
            "#  1 id",
            "#  2 a  apertures [uJy]",
            "#  5 b  best [nJy]",
            "7 1 2 3 4",
            "9 5 6 7 8",
        ]
        table = read_table(write(tmp_path, "t.cat", *lines))
        assert table.colnames == ["id", "a", "a_1", "a_2", "b"]
        assert [table[name].unit for name in ("id", "a", "b")] == [None, u.uJy, u.nJy]
        assert list(table["a_2"]) == [3, 7]

    def test_quotes_between_blanks(self, tmp_path):
        lines = ["id a b", '7 "x y" 1.5', '9 "say ""so""" 2.5', '11 "" 3.5']
        table = read_table(write(tmp_path, "t.txt", *lines))
        assert list(table["a"])[:2] == ["x y", 'say "so"']
        assert list(table["b"]) == [1.5, 2.5, 3.5]

    def test_commas_that_are_missing(self, tmp_path):
        with pytest.raises(ReadError, match="line 2 has 2 and line 1 has 3"):
            read_table(write(tmp_path, "t.csv", "id,a,b", "7,1.5", "9,2.5,y"))

    def test_identifiers_may_look_like_comments(self, tmp_path):
        lines = ["# made by us", "id,a", "#7,1.5", "# a comment", "#8,2.5"]
        table = read_table(write(tmp_path, "t.csv", *lines))
        assert list(table["id"]) == ["#7", "#8"]
        assert list(table["a"]) == [1.5, 2.5]

    def test_large_numbers_are_kept(self, tmp_path):
        numbers = [2**60 + 1, 2**64 - 1]
        table = read_table(write(tmp_path, "t.csv", "id", *map(str, numbers), "1"))
        assert list(table["id"]) == [*numbers, 1]

    def test_units_after_names(self, tmp_path):
        table = read_table(write(tmp_path, "t.csv", "id,F277W (uJy),x (best)", "1,2.0,3.0"))
        assert table.colnames == ["id", "F277W", "x (best)"]
        assert table["F277W"].unit == u.uJy

    @pytest.mark.parametrize(
        ("lines", "reason"),
        [
            (["# 1 id", "# 2 a", "1 2 3"], "names 2 columns, and its lines have 3 cells"),
            (["id a", "1 2", "1 2 3"], "line 3 has 3 and line 1 has 2"),
            (["1 2 3", "4 5 6"], "has no names, and its lines have 3 cells"),
            (["# a b"], "holds no table"),
        ],
    )
    def test_what_would_shift_columns(self, tmp_path, lines, reason):
        with pytest.raises(ReadError, match=reason):
            read_table(write(tmp_path, "t.cat", *lines))

    def test_ecsv_by_another_name(self, tmp_path):
        table = Table({"id": [1], "F277W": [2.0] * u.uJy})
        table.write(tmp_path / "t.ecsv")
        (tmp_path / "t.ecsv").rename(tmp_path / "t.csv")
        assert read_table(tmp_path / "t.csv")["F277W"].unit == u.uJy


class TestBadCells:
    ROWS = ("1,60.0,3.0,7", "2,61.0,3.0,7", "3,62.0,3.0,7", "4,63.0,3.0,7")
    HEADER = "id,F200W,F200W_err,z_phot"

    @pytest.mark.parametrize("cell", ["<60", "******", "60,0".replace(",", ";"), "sat"])
    def test_one_costs_one_cell(self, tmp_path, cell):
        path = write(tmp_path, "t.csv", self.HEADER, *self.ROWS, f"5,{cell},3.0,7")
        with pytest.warns(DustestWarning, match=r"column F200W has text .* 1 of 5 rows") as caught:
            sample = read_catalog(path, unit="nJy")
        assert repr(cell) in str(caught[0].message)
        expected = [60.0, 61.0, 62.0, 63.0, np.nan]
        np.testing.assert_array_equal(sample["flux_F200W"].value, expected)
        np.testing.assert_array_equal(sample["flux_err_F200W"].value, np.full(5, 3.0))

    @pytest.mark.parametrize("cell", ["null", "NULL", "NaN", "N/A", ""])
    def test_missing_ones_are_not_told(self, tmp_path, cell):
        path = write(tmp_path, "t.csv", self.HEADER, *self.ROWS, f"5,{cell},3.0,7")
        assert np.isnan(read_catalog(path, unit="nJy")["flux_F200W"].value[-1])

    def test_most_cells_are_text(self, tmp_path):
        rows = ("1,60.0,3.0,7", "2,null,3.0,7", "3,<60,3.0,7", "4,<61,3.0,7")
        path = write(tmp_path, "t.csv", self.HEADER, *rows)
        with pytest.raises(
            InputError, match="column F200W must hold numbers, got text such as '<60'"
        ):
            read_catalog(path, unit="nJy")

    def test_a_row_of_units(self, tmp_path):
        path = write(tmp_path, "t.csv", self.HEADER, ",uJy,uJy,", *self.ROWS)
        with pytest.raises(InputError, match=r"got the unit 'uJy' .*unit=.*F200W.*uJy"):
            read_catalog(path, unit="nJy")

    @pytest.mark.parametrize(
        "lines",
        [
            ["id,F200W,F200W_err,F200W", "1,2.0,0.1,3.0"],
            ["# made by our team", "id,F200W,F200W_err,F200W", "1,2.0,0.1,3.0"],
            ["F200W,F200W_err,F200W", "2.0,0.1,3.0"],
            ["id,F200W (nJy),F200W_err,F200W (uJy)", "1,2.0,0.1,3.0"],
            ["#(1)id (2)F200W (3)F200W_err (4)F200W", "1,2.0,0.1,3.0"],
        ],
    )
    def test_doubled_names(self, tmp_path, lines):
        with pytest.raises(ReadError, match="names twice F200W"):
            read_table(write(tmp_path, "t.csv", *lines))


class TestUnitsInComments:
    LINES = ("id f_f200w e_f200w", "1 2.0 0.1")

    @pytest.mark.parametrize(
        ("comment", "expected"),
        [
            ("# fluxes in units of uJy", 2000.0),
            ("# All flux densities are in units of erg/s/cm^2/Hz.", 2e32),
            ("# AB zero point 23.9", 2000.0),
            ("# ZP = 25.0", 726.2),
            ("# All fluxes and errors in units of uJy", 2000.0),
            ("# fluxes in units of 10 nJy (AB zero point of 28.9)", 20.0),
            ("# units: 10 nJy", 20.0),
        ],
    )
    def test_are_declarations(self, tmp_path, comment, expected):
        sample = read_catalog(write(tmp_path, "t.cat", comment, *self.LINES))
        assert sample["flux_F200W"].value == pytest.approx([expected], rel=1e-3)

    def test_one_line_among_others(self, tmp_path):
        comments = ["# made by us", "# fluxes in units of uJy", "# AB zero point 23.9", "# end"]
        sample = read_catalog(write(tmp_path, "t.cat", *comments, *self.LINES))
        assert sample["flux_F200W"].value == pytest.approx([2000.0])

    def test_several_tell_nothing(self, tmp_path):
        comments = ["# aperture fluxes in units of nJy", "# total fluxes in units of uJy"]
        with pytest.warns(DustestWarning, match="taken to be in 10 nJy"):
            read_catalog(write(tmp_path, "t.cat", *comments, *self.LINES))

    @pytest.mark.parametrize(
        "comment",
        [
            *("# errors in units of nJy", "# flux errors in units of nJy", "# units of rms: nJy"),
            *("# All fluxes in units of uJy; F444W in nJy", "# ZP of F200W = 25.0"),
            *("# fluxes in units of uJy except HST", "# ZP F200W 23.9\n# ZP F444W 25.0"),
            *("# fluxes in units of uJy\n# F444W: nJy", "# fluxes in units of uJy, errors in nJy"),
            *("# fluxes in units of uJy, total ones in nJy", "# ZP 250 counts"),
        ],
    )
    def test_other_wordings_tell_nothing(self, tmp_path, comment):
        with pytest.warns(DustestWarning, match="taken to be in 10 nJy"):
            read_catalog(write(tmp_path, "t.cat", comment, *self.LINES))

    @pytest.mark.parametrize(
        "comment",
        [
            *("# ZP = 25.0 (Vega system)", "# Vega zero point 25.0", "# ZP (STmag) = 21.1"),
            *("# magnitudes in VEGAMAG", "# ST zero point 21.1"),
        ],
    )
    def test_other_systems_are_refused(self, tmp_path, comment):
        path = write(tmp_path, "t.cat", comment, *self.LINES)
        with pytest.raises(InputError, match=r"a comment says .*convert the fluxes.*unit="):
            read_catalog(path)
        assert read_catalog(path, unit="nJy")["flux_F200W"].value == pytest.approx([2.0])

    def test_an_input_of_eazy_has_any_zero_point(self, tmp_path):
        lines = ["# id f_f200w e_f200w z_spec", "# id F366 E366 z_spec", "1 2.0 0.1 7.0"]
        path = write(tmp_path, "t.cat", *lines)
        with pytest.raises(InputError, match=r'unit="0.3631 uJy" for 25'):
            read_catalog(path)
        assert read_catalog(path, unit="0.3631 uJy")["flux_F200W"].value == pytest.approx([726.2])


class TestContainers:
    @staticmethod
    def tables():
        photometry = Table({"id": [1], "F277W": [2.0] * u.uJy, "F277W_err": [0.1] * u.uJy})
        return {"info": Table({"id": [1], "seeing": [0.1]}), "phot/main": photometry}

    def test_the_table_with_bands_of_an_hdf5_file(self, tmp_path):
        pytest.importorskip("h5py")
        path = tmp_path / "t.h5"
        for name, table in self.tables().items():
            table.write(path, path=name, serialize_meta=True, append=True)
        assert read_catalog(path)["flux_F277W"].value == pytest.approx([2000.0])
        assert read_table(path, hdu="info").colnames == ["id", "seeing"]
        with pytest.raises(InputError, match="did you mean 'phot/main'"):
            read_table(path, hdu="phot/mian")

    def test_a_group_of_columns(self, tmp_path):
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "t.h5", "w") as file:
            group = file.create_group("cat/phot")
            group["id"] = np.array([b"a", b"b"])
            for name in ("F277W", "F277W_err"):
                group[name] = [1.0, 2.0]
                group[name].attrs["unit"] = "uJy"
        sample = read_catalog(tmp_path / "t.h5")
        assert list(sample["id"]) == ["a", "b"]
        assert sample["flux_F277W"].value == pytest.approx([1000.0, 2000.0])

    def test_text_and_numbers_of_a_group(self, tmp_path):
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "t.h5", "w") as file:
            file["name"] = ["a", "\N{GREEK SMALL LETTER BETA}"]
            file["number"] = np.array([2**60 + 1, 3])
            file["number"].attrs["units"] = np.bytes_("nJy")
        table = read_table(tmp_path / "t.h5")
        assert table["name"].dtype.kind == "U"
        assert list(table["name"]) == ["a", "\N{GREEK SMALL LETTER BETA}"]
        assert table["number"].tolist() == [2**60 + 1, 3]
        assert table["number"].unit == u.nJy
        assert table["name"].unit is None

    def test_several_tables_of_a_votable(self, tmp_path):
        from astropy.io.votable import from_table, writeto

        file = from_table(self.tables()["info"])
        file.resources.append(from_table(self.tables()["phot/main"]).resources[0])
        writeto(file, str(tmp_path / "t.vot"))
        assert read_catalog(tmp_path / "t.vot")["flux_F277W"].value == pytest.approx([2000.0])

    def test_parquet_of_others(self, tmp_path):
        pandas, _ = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
        frame = pandas.DataFrame({"id": pandas.Categorical(["a", "b"]), "what": [[1, 2], [3]]})
        frame["number"] = pandas.array([2**60 + 1, None], dtype="Int64")
        frame["F277W"], frame["F277W_err"] = [1.0, None], [0.1, 0.1]
        frame.to_parquet(tmp_path / "t.parquet")
        sample = read_catalog(tmp_path / "t.parquet", unit="nJy", columns={"n": "number"})
        assert list(sample["id"]) == ["a", "b"]
        np.testing.assert_array_equal(sample["flux_F277W"].value, [1.0, np.nan])
        ids = read_table(tmp_path / "t.parquet")["number"]
        assert ids[0] == 2**60 + 1


class TestRealLayouts:
    """Catalogues as people of the field keep them: read right, or refused with a remedy."""

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("1807.02523-schreiber.vot", "no layout knows fluxes"),
            ("Kocevski24.Table3.dat", "names 12 columns, and its lines have 13 cells"),
            (
                "ceers_sdr3sim_eazy_input_crop1.cat",
                "the redshift column z_spec has no positive value",
            ),
            ("hdfn_fs99_eazy.cat", "unit must be given"),
            ("cigale_input_Sings_KINGFISH.txt", "galex.FUV with galex.FUV_err"),
            ("cigale_observations.txt", "line 2 has 47 and line 1 has 61"),
            ("lephare_COSMOS_first100specz.fits", "no layout knows fluxes"),
            ("mophongo_photometry.cat", "no layout knows fluxes"),
            ("roman_mbcat_cat.parquet", "no layout knows fluxes"),
        ],
    )
    @pytest.mark.filterwarnings("ignore:the flux columns f_irimj")
    def test_refused(self, shared_data, name, reason):
        with pytest.raises(DustestError, match=reason):
            read_catalog(shared_data / "layouts" / name)

    def test_two_forms_of_the_same_catalogue_agree(self, shared_data):
        folder = shared_data / "layouts"
        first = read_catalog(folder / "ceers_sdr3sim_crop1_photo_pz_flam.cat")
        second = read_catalog(
            folder / "ceers_sdr3sim_eazy_input_crop1.cat", unit="uJy", redshift=[]
        )
        np.testing.assert_array_equal(first["id"], second["id"])
        # Wavelengths of the converted filters differ a little from the pivots.
        ratio = first["flux_F277W"].value / second["flux_F277W"].value
        assert np.nanmedian(ratio) == pytest.approx(1.0, abs=0.03)
        assert first.meta["redshift_column"] == "photo-z"

    def test_3dhst(self, shared_data):
        with pytest.warns(DustestWarning, match="f_u38_goodss"):
            sample = read_catalog(shared_data / "layouts" / "3dhst_GOODSS_td_shivaei.cat")
        assert list(sample["id"][:2]) == [42811, 40218]
        assert sample["flux_F160W"][0].value == pytest.approx(3.475747 * 363.08, rel=1e-3)
        assert np.all(sample["flux_err_F160W"].value > 0)
        assert sample.meta["layout"] == "3dhst"


def test_damaged_text_is_read_or_refused(tmp_path):
    rng = np.random.default_rng(3)
    original = b"# a comment\nid,F277W,F277W_err\n" + b"".join(
        b"%d,1.5,0.1\n" % i for i in range(9)
    )
    for _ in range(100):
        data = bytearray(original)
        for position in rng.integers(0, len(data), 5):
            data[position] = rng.integers(0, 256)
        (tmp_path / "t.csv").write_bytes(bytes(data))
        with warnings.catch_warnings(), suppress(DustestError):
            warnings.simplefilter("ignore")
            read_catalog(tmp_path / "t.csv", unit="nJy")


class TestOneLineOfText:
    """Astropy takes a text of one line for the name of a file or an address."""

    @pytest.mark.parametrize("text", ["{path}", "|{path}|", "# %ECSV {path}"])
    def test_no_other_file_is_read(self, tmp_path, text):
        secret = tmp_path / "Byte-by-byte Description.txt"
        secret.write_text("id secret\n1 2\n")
        path = tmp_path / "a.csv"
        path.write_text(text.format(path=secret))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with suppress(ReadError):
                assert "secret" not in read_table(path).colnames

    def test_no_connection_is_opened(self, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setblocking(False)
            port = server.getsockname()[1]
            text = f"http://127.0.0.1:{port}/Byte-by-byte Description"
            (tmp_path / "a.csv").write_text(text)
            with pytest.raises(ReadError):
                read_table(tmp_path / "a.csv")
            with pytest.raises(BlockingIOError):
                server.accept()


def test_numbers_of_columns_are_not_expanded_without_limit(tmp_path):
    (tmp_path / "a.cat").write_text("# 1 id\n# 2 flux\n# 100000000000 err\n1 2.0 0.1\n")
    with pytest.raises(ReadError, match="correct the header"):
        read_table(tmp_path / "a.cat")


def test_one_long_cell(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n" + "1,x\n" * 1000 + f"2,{'x' * 10**5}\n")
    with pytest.raises(ReadError, match=r"a column of the file .* MiB of memory"):
        read_table(tmp_path / "a.csv")


@pytest.mark.parametrize("ending", ["h5", "parquet"])
def test_damaged_description_of_columns(tmp_path, ending):
    damaged = b"{{{{: @"
    if ending == "h5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["dust"] = np.zeros(1, dtype=[("id", "i8"), ("flux", "f8")])
            file["dust.__table_column_meta__"] = [damaged]
    else:
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        table = pa.table({"id": [1]}).replace_schema_metadata({"table_meta_yaml": damaged})
        parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(ReadError, match="is not a readable"):
        read_table(tmp_path / f"a.{ending}")
