"""Results that are written and read in parts."""

import numpy as np
import pytest
from astropy import units as u

from dustest.data import DustTable, InputError, ReadError, open_result
from dustest.data.containers.result_files import ResultWriter

ENDINGS = ["fits", "parquet"]


def make_table(ids, **extra):
    """A result with draws and further columns."""
    rng = np.random.default_rng(230420)
    n = len(ids)
    columns = {"A_V": rng.uniform(0.0, 1.0, n), "A_V_p16": np.full(n, np.nan)}
    extra = {"A_V_draws": rng.normal(size=(n, 5)) << u.mag, **extra}
    return DustTable.from_quantities(ids, columns, extra=extra, meta={"estimator": "Test", "n": 1})


def write(path, tables):
    """Write tables one after the other."""
    with ResultWriter(path) as writer:
        for table in tables:
            writer.append(table)


def check_equal(table, expected):
    """Tables are equal in every value, type and unit."""
    assert table.colnames == expected.colnames
    assert table.meta == expected.meta
    for name in expected.colnames:
        assert table[name].dtype == expected[name].dtype
        assert getattr(table[name], "unit", None) == getattr(expected[name], "unit", None)
        np.testing.assert_array_equal(np.asarray(table[name]), np.asarray(expected[name]))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("ids", [list(range(10)), [f"é{10**i}" for i in range(10)]])
class TestParts:
    def test_are_equal_to_the_whole(self, tmp_path, ending, ids):
        whole, path = make_table(ids), tmp_path / f"parts.{ending}"
        write(path, [whole[:3], whole[3:9], whole[9:]])
        result = open_result(path)
        assert len(result) == 10
        assert result.colnames == whole.colnames
        check_equal(result.read(), whole)
        check_equal(DustTable.read(path), whole)
        assert [path.name for path in tmp_path.iterdir()] == [path.name]

    def test_of_fits_have_the_same_bytes(self, tmp_path, ending, ids):
        if ending != "fits":
            pytest.skip("groups of rows differ")
        whole = make_table(ids)
        write(tmp_path / "parts.fits", [whole[:3], whole[3:]])
        whole.write(tmp_path / "whole.fits")
        assert (tmp_path / "parts.fits").read_bytes() == (tmp_path / "whole.fits").read_bytes()

    def test_are_read_in_any_number(self, tmp_path, ending, ids):
        whole, path = make_table(ids), tmp_path / f"parts.{ending}"
        write(path, [whole])
        parts = list(open_result(path).parts(4))
        assert [len(part) for part in parts] == [4, 4, 2]
        assert all(isinstance(part, DustTable) for part in parts)
        check_equal(parts[2], whole[8:])


@pytest.mark.parametrize("ending", ENDINGS)
class TestWriter:
    def test_widens_types_and_adds_columns(self, tmp_path, ending):
        one = make_table([1, 2], note=np.array(["a", "b"]))
        two = make_table(["long", "longer"], note=np.array(["cc", "ddd"]), chi2=[1.0, 2.0])
        write(tmp_path / f"r.{ending}", [one, two])
        table = open_result(tmp_path / f"r.{ending}").read()
        assert table["id"].tolist() == ["1", "2", "long", "longer"]
        assert table["note"].tolist() == ["a", "b", "cc", "ddd"]
        np.testing.assert_array_equal(table["chi2"], [np.nan, np.nan, 1.0, 2.0])
        np.testing.assert_array_equal(table["A_V"][:2], one["A_V"])

    def test_refuses_rows_of_another_shape(self, tmp_path, ending):
        one, two = make_table([1], sed=np.ones((1, 3))), make_table([2], sed=np.ones((1, 4)))
        with pytest.raises(InputError, match="column sed must have rows of one shape"):
            write(tmp_path / f"r.{ending}", [one, two])

    def test_columns_are_read_by_name(self, tmp_path, ending):
        table = make_table([1, 2, 3])
        write(tmp_path / f"r.{ending}", [table])
        some = open_result(tmp_path / f"r.{ending}").read(["id", "A_V"])
        assert some.colnames == ["id", "A_V"]
        with pytest.raises(InputError, match="did you mean 'A_V'"):
            open_result(tmp_path / f"r.{ending}").read(["A_v"])

    def test_damage_is_an_error(self, tmp_path, ending):
        path = tmp_path / f"r.{ending}"
        write(path, [make_table(list(range(2000)))])
        content = path.read_bytes()
        path.write_bytes(content[: int(0.7 * len(content))])
        with pytest.raises(ReadError, match=r"r\."):
            list(open_result(path))


def test_blanks_at_the_end_of_text_are_refused_by_fits(tmp_path):
    with pytest.raises(InputError, match=r"write a \.parquet file"):
        write(tmp_path / "r.fits", [make_table(["a ", "b"])])


def test_other_formats_are_read_as_a_whole(tmp_path):
    make_table([1]).write(tmp_path / "r.ecsv")
    with pytest.raises(InputError, match=r"DustTable\.read"):
        open_result(tmp_path / "r.ecsv")
