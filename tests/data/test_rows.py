import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, Table
from hypothesis import given, settings
from hypothesis import strategies as st

from dustest.data import DustTable, GalaxySample, InputError, RowTable
from dustest.data.identifiers import has_ids, row_numbers

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
