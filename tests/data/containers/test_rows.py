import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, QTable, Table
from hypothesis import given, settings
from hypothesis import strategies as st

from dustest.data import DustTable, GalaxySample, InputError, ReadError, RowTable
from dustest.data.checks.identifiers import has_ids, row_numbers

SUFFIXES = ["fits", "ecsv", "parquet", "h5"]
TEXTS = {
    "hash": ["#7", "8"],
    "accents": ["Gal \u00e91", "\u03b2 2"],
    "blanks": [" a", "b "],
    "nothing but blanks": ["  ", " "],
    "other blanks": ["a\u00a0", "b\t "],
    "empty": ["", "b"],
    "all empty": ["", ""],
    "quotes": ['"a"', "c'd"],
    "JSON": ['"x"', "{}"],
    "lines": ["a\nb", "c\r\nd"],
    "commas": ["a,b", "c;d"],
    "words for missing": ["--", "nan"],
    "backslashes": ["a\\", "\\n"],
    "long": ["x" * 500, "y"],
}
NUMBERS = {
    "int8": np.array([-128, 127], dtype=np.int8),
    "uint8": np.array([0, 255], dtype=np.uint8),
    "int16": np.array([-(2**15), 7], dtype=np.int16),
    "uint32": np.array([0, 2**32 - 1], dtype=np.uint32),
    "beyond floats": np.array([2**60 + 1, -1]),
    "uint64": np.array([2**64 - 1, 5], dtype=np.uint64),
}
IDS = TEXTS | NUMBERS
letters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])


def there_and_back(table, path):
    table.write(path)
    return type(table).read(path)


def assert_same(found, expected):
    assert found.dtype == np.asarray(expected).dtype
    assert found.tolist() == np.asarray(expected).tolist()


class TestIdentifiers:
    @pytest.mark.parametrize("suffix", SUFFIXES)
    @pytest.mark.parametrize("kind", IDS)
    @pytest.mark.parametrize("table_class", [RowTable, DustTable, GalaxySample])
    def test_come_back_unchanged(self, tmp_path, kind, suffix, table_class):
        table = table_class({"id": IDS[kind], "x": [1.0, 2.0] * u.nJy, "note": IDS[kind]})
        back = there_and_back(table, tmp_path / f"table.{suffix}")
        assert type(back) is table_class
        assert_same(back["id"], IDS[kind])
        assert_same(back["note"], IDS[kind])

    @settings(max_examples=60)
    @given(
        st.lists(st.text(letters, max_size=6), min_size=1, max_size=5), st.sampled_from(SUFFIXES)
    )
    def test_any_text_comes_back(self, tmp_path_factory, texts, suffix):
        path = tmp_path_factory.mktemp("texts") / f"table.{suffix}"
        assert there_and_back(RowTable({"id": texts}), path)["id"].tolist() == texts

    @pytest.mark.parametrize("suffix", SUFFIXES)
    @pytest.mark.parametrize("values", [["a ", "\u00e9"], [b"a ", "\u00e9".encode()]])
    def test_objects_and_bytes_come_back_as_text(self, tmp_path, suffix, values):
        table = RowTable({"id": np.array(values, dtype=object)})
        if isinstance(values[0], bytes):
            table = RowTable({"id": np.array(values)})
        back = there_and_back(table, tmp_path / f"table.{suffix}")
        assert back["id"].tolist() == ["a ", "\u00e9"]

    @pytest.mark.parametrize("kind", ["hash", "accents", "empty", "quotes", "lines", "blanks"])
    def test_plain_readers_of_ecsv_see_them(self, tmp_path, kind):
        RowTable({"id": TEXTS[kind], "x": [1, 2]}).write(tmp_path / "table.ecsv")
        assert Table.read(tmp_path / "table.ecsv")["id"].tolist() == TEXTS[kind]

    @pytest.mark.parametrize("kind", ["hash", "accents", "quotes", "beyond floats", "int8"])
    def test_plain_readers_of_fits_see_them(self, tmp_path, kind):
        RowTable({"id": IDS[kind]}).write(tmp_path / "table.fits")
        found = Table.read(tmp_path / "table.fits", character_as_bytes=True)["id"]
        assert list(found) == np.asarray(IDS[kind]).tolist()

    def test_plain_text_stays_readable_in_ecsv(self, tmp_path):
        RowTable({"id": ["a 1", "b#2"]}).write(tmp_path / "table.ecsv")
        lines = (tmp_path / "table.ecsv").read_text().splitlines()
        assert lines[-2:] == ['"a 1"', "b#2"]

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_row_numbers_stay_no_identifiers(self, tmp_path, suffix):
        table = RowTable({"id": row_numbers(2), "A_V": [0.1, 0.2]})
        assert not has_ids(there_and_back(table, tmp_path / f"table.{suffix}"))

    def test_blanks_are_not_given_to_other_rows(self, tmp_path):
        RowTable({"id": ["a ", "b", "c"]}).write(tmp_path / "table.fits")
        turned = Table.read(tmp_path / "table.fits")[::-1]
        turned.write(tmp_path / "turned.fits")
        assert RowTable.read(tmp_path / "turned.fits")["id"].tolist() == ["c", "b", "a"]


class TestOtherColumns:
    @pytest.mark.parametrize("suffix", ["ecsv", "parquet", "h5"])
    def test_masked_text_stays_masked(self, tmp_path, suffix):
        table = RowTable({"note": MaskedColumn(["a", "#b"], mask=[True, False])})
        back = there_and_back(table, tmp_path / f"table.{suffix}")
        assert back["note"].mask.tolist() == [True, False]
        assert back["note"][1] == "#b"

    def test_blanks_beside_masked_text_survive_fits(self, tmp_path):
        table = RowTable({"note": MaskedColumn(["a ", "b"], mask=[False, True])})
        assert there_and_back(table, tmp_path / "table.fits")["note"][0] == "a "

    @pytest.mark.parametrize("suffix", ["fits", "parquet", "h5"])
    def test_objects_are_refused_by_name(self, tmp_path, suffix):
        table = RowTable({"id": [1], "settings": np.array([{"a": 1}], dtype=object)})
        with pytest.raises(InputError, match="column settings of object cannot be written"):
            table.write(tmp_path / f"table.{suffix}")

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_half_precision_comes_back(self, tmp_path, suffix):
        half = np.array([0.1, np.nan], dtype=np.float16)
        back = there_and_back(RowTable({"x": half}), tmp_path / f"table.{suffix}")
        assert back["x"].dtype == np.float16
        np.testing.assert_array_equal(back["x"], half)

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_numbers_of_numpy_in_meta_stay_numbers(self, tmp_path, suffix):
        meta = {"n": np.int64(5), "x": np.float32(0.5)}
        back = there_and_back(RowTable({"x": [1]}, meta=meta), tmp_path / f"table.{suffix}")
        assert back.meta == {"n": 5, "x": 0.5}


@pytest.fixture
def table():
    rows = RowTable({"a": [1.0, np.nan, 3.0] * u.nJy, "name": ["x", "y", "z"]})
    rows.meta["Mixed Case"] = {"nested": [1, None], "text": "é"}
    return rows


class TestRows:
    def test_shape_counts_rows(self, table):
        assert table.shape == (3,)
        assert table[:2].shape == (2,)

    def test_take(self, table):
        assert type(table.take([2, 0])) is RowTable
        assert table.take([2, 0])["name"].tolist() == ["z", "x"]
        assert table.take([False, False, True])["name"].tolist() == ["z"]
        assert table.take([0], axis=0)["name"].tolist() == ["x"]
        with pytest.raises(InputError, match="axis must be 0, the rows, got 1"):
            table.take([0], axis=1)


class TestFormats:
    @pytest.mark.parametrize("suffix", ["fits", "h5", "ecsv"])
    def test_meta_units_and_missing_values_survive(self, table, tmp_path, suffix):
        before = dict(table.meta)
        table.write(tmp_path / f"rows.{suffix}")
        back = RowTable.read(tmp_path / f"rows.{suffix}")
        assert dict(table.meta) == dict(back.meta) == before
        assert back["a"].unit == u.nJy
        np.testing.assert_array_equal(back["a"].value, [1.0, np.nan, 3.0])
        assert not hasattr(back["a"], "mask")
        assert back["name"].tolist() == ["x", "y", "z"]
        assert back["a"].dtype.isnative

    def test_the_place_in_an_hdf5_file(self, table, tmp_path):
        h5py = pytest.importorskip("h5py")
        table.write(tmp_path / "rows.h5")
        with h5py.File(tmp_path / "rows.h5") as file:
            assert "dust" in file
        table.write(tmp_path / "other.h5", path="elsewhere")
        assert RowTable.read(tmp_path / "other.h5", path="elsewhere")["name"][0] == "x"

    def test_the_card_of_the_meta(self, table, tmp_path):
        table.write(tmp_path / "rows.fits")
        plain = Table.read(tmp_path / "rows.fits")
        assert '"Mixed Case"' in plain.meta["DUSTMETA"]
        assert "DUSTMETA" not in RowTable.read(tmp_path / "rows.fits").meta

    def test_columns_of_other_programs_become_native(self, tmp_path):
        QTable({"a": np.array([1, 2], dtype=">i4"), "b": np.array([b"x", b"y"])}).write(
            tmp_path / "plain.fits"
        )
        back = RowTable.read(tmp_path / "plain.fits")
        assert type(back) is RowTable
        assert back["a"].dtype == np.dtype("=i4")
        assert back["a"].tolist() == [1, 2]
        assert back["b"].dtype.kind == "U"


class TestUntrustedFiles:
    @pytest.mark.parametrize("ending", ["fits", "ecsv", "h5", "parquet"])
    def test_damaged(self, tmp_path, ending):
        path = tmp_path / f"rows.{ending}"
        path.write_bytes(b"no table \x00\xff")
        with pytest.raises(ReadError, match="is not a readable table"):
            RowTable.read(path)

    def test_missing(self, tmp_path):
        with pytest.raises(ReadError, match="does not exist"):
            RowTable.read(tmp_path / "rows.fits")

    def test_references_to_other_files(self, tmp_path):
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "rows.h5", "w") as file:
            file["dust"] = h5py.ExternalLink("/etc/passwd", "/x")
        with pytest.raises(ReadError, match="a link 'dust' to the file"):
            RowTable.read(tmp_path / "rows.h5")

    def test_record_of_columns_of_any_size(self, tmp_path):
        """Counts of a damaged record are not expanded before they are compared."""
        RowTable({"a": ["x ", "y"]}).write(tmp_path / "rows.fits")
        content = (tmp_path / "rows.fits").read_bytes()
        assert b"[[1, " in content
        (tmp_path / "rows.fits").write_bytes(content.replace(b"[[1, ", b"[[9e9", 1))
        with pytest.raises(ReadError):
            RowTable.read(tmp_path / "rows.fits")


class TestCSV:
    def written(self, tmp_path, table):
        table.write(tmp_path / "rows.csv")
        return (tmp_path / "rows.csv").read_text().splitlines()

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\uff1d"])
    def test_formulas_are_escaped(self, tmp_path, start):
        lines = self.written(tmp_path, RowTable({"id": [f"{start}cmd|' /C calc'!A0", "b"]}))
        assert lines[1].strip('"').startswith(f"'{start}cmd")
        assert lines[2] == "b"

    def test_names_are_escaped(self, tmp_path):
        assert self.written(tmp_path, RowTable({"=1+1": [1.0]}))[0] == "'=1+1"

    @pytest.mark.parametrize("text", ["-1", "-99.5", "+3e-5", "-.5"])
    def test_numbers_are_not_changed(self, tmp_path, text):
        lines = self.written(tmp_path, RowTable({"id": [text], "value": [-1.5]}))
        assert lines[1] == f"{text},-1.5"

    def test_objects_and_missing_cells(self, tmp_path):
        values = MaskedColumn(["=a", "b"], mask=[False, True])
        lines = self.written(tmp_path, RowTable({"id": values, "x": np.array(["=b", 1], object)}))
        assert lines[1:] == ["'=a,'=b", ",1"]

    def test_table_is_unchanged(self, tmp_path):
        table = RowTable({"id": ["=a"]})
        self.written(tmp_path, table)
        assert table["id"][0] == "=a"
