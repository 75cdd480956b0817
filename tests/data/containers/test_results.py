import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from dustest.data import DustTable, InputError
from dustest.data.checks.identifiers import has_ids, row_numbers


@pytest.fixture
def table():
    return DustTable.from_quantities(
        ["a", "bb", "ccc"],
        {"A_V": [0.1, np.nan, 0.3], "A_V_p16": [0.05, np.nan, 0.2], "R_V": 4.05},
        flags=[0, 4096, 1],
        extra={"chi2": np.array([1.5, np.nan, 2.5]), "n_bands": np.array([9, 0, 8])},
        meta={
            "estimator": "Example",
            "params": '{"a": ' + "1" * 300 + "}",
            "random_seed": 2**62,
            "model_hash": None,
        },
    )


class TestColumns:
    def test_all_columns_are_there_with_their_units(self, table):
        for name in ("A_V", "E_BV"):
            for column in (name, f"{name}_p16", f"{name}_p84"):
                assert table[column].unit == u.mag
        for name in ("R_V", "log_sSFR"):
            assert getattr(table[name], "unit", None) is None
        assert np.isnan(table["log_sSFR"]).all()
        assert table["flags"].dtype == np.int32

    def test_unknown_columns_are_refused(self):
        with pytest.raises(InputError, match="named after QUANTITIES"):
            DustTable.from_quantities([1], {"A_v": [0.1]})

    @pytest.mark.parametrize("ids", [[1.5, 2.0], [[1], [2]], "ab"])
    def test_other_ids_are_refused(self, ids):
        with pytest.raises(InputError, match="ids must hold one integer or string a row"):
            DustTable.from_quantities(ids, {"A_V": 0.1})

    def test_huge_ids_become_text(self):
        assert DustTable.from_quantities([2**64, 1], {})["id"].tolist() == [str(2**64), "1"]

    @pytest.mark.parametrize("flags", [[1 << 20, 0], [0.5, 1.0], [-1, 0]])
    def test_other_flags_are_refused(self, flags):
        with pytest.raises(InputError, match="flags must be integers made of the bits"):
            DustTable.from_quantities([1, 2], {}, flags=flags)

    @pytest.mark.parametrize("given", [{"flags": [0]}, {"extra": {"chi2": [1.0, 2.0, 3.0]}}])
    def test_columns_of_other_lengths_are_refused(self, given):
        with pytest.raises(InputError, match="must have one value for each of 2 ids"):
            DustTable.from_quantities([1, 2], {}, **given)

    def test_further_columns_and_meta_may_be_left_out(self):
        table = DustTable.from_quantities([1, 2], {"A_V": [0.1, 0.2]})
        assert len(table.colnames) == 14
        assert table.meta == {}
        assert table["flags"].tolist() == [0, 0]

    def test_further_columns_follow_and_meta_is_kept(self):
        table = DustTable.from_quantities([1], {}, extra={"chi2": [1.5]}, meta={"a": 1})
        assert table.colnames[-2:] == ["flags", "chi2"]
        assert table["chi2"].tolist() == [1.5]
        assert table.meta == {"a": 1}

    @pytest.mark.parametrize("name", ["id", "flags", "A_V", "log_sSFR_p84"])
    def test_further_columns_do_not_replace_others(self, name):
        with pytest.raises(InputError, match=f"extra must not hold .* got \\['{name}'\\]"):
            DustTable.from_quantities([1], {}, extra={name: [1]})

    def test_one_value_serves_all_rows(self):
        table = DustTable.from_quantities([1, 2], {"R_V": 4.05})
        assert table["R_V"].tolist() == [4.05, 4.05]

    @pytest.mark.parametrize("values", [[0.1], [0.1, 0.2, 0.3], [[0.1, 0.2]]])
    def test_other_lengths_are_refused(self, values):
        with pytest.raises(InputError, match="column A_V must have one value for each of 2 ids"):
            DustTable.from_quantities([1, 2], {"A_V": values})

    def test_row_numbers_stay_no_identifiers(self):
        assert not has_ids(DustTable.from_quantities(row_numbers(2), {}))
        assert has_ids(DustTable.from_quantities([0, 1], {}))

    def test_flag_names(self, table):
        assert table.flag_names == [(), ("FAILED",), ("NO_DATA",)]

    def test_slices_keep_class_and_meta(self, table):
        assert type(table[:2]) is DustTable
        assert table[:2].meta == table.meta


class TestFiles:
    @pytest.mark.parametrize("suffix", ["fits", "ecsv", "parquet", "h5"])
    def test_round_trip_keeps_everything(self, table, tmp_path, suffix):
        path = tmp_path / f"table.{suffix}"
        table.write(path)
        back = DustTable.read(path)
        assert type(back) is DustTable
        assert back.meta == table.meta
        assert back.colnames == table.colnames
        for name in table.colnames:
            assert back[name].dtype == table[name].dtype
            assert getattr(back[name], "unit", None) == getattr(table[name], "unit", None)
            is_float = table[name].dtype.kind == "f"
            np.testing.assert_array_equal(np.asarray(back[name]), np.asarray(table[name]))
            assert is_float or list(back[name]) == list(table[name])

    def test_other_programs_can_read_the_fits_file(self, table, tmp_path):
        table.write(tmp_path / "table.fits")
        plain = Table.read(tmp_path / "table.fits")
        assert plain["A_V"].unit == u.mag
        assert plain["flags"][1] == 4096

    def test_a_plain_fits_table_reads_as_dust_table(self, tmp_path):
        Table({"id": [1], "A_V": [0.2] * u.mag}).write(tmp_path / "plain.fits")
        assert DustTable.read(tmp_path / "plain.fits")["A_V"][0] == 0.2 * u.mag

    def test_existing_files_are_kept_unless_asked(self, table, tmp_path):
        table.write(tmp_path / "table.fits")
        with pytest.raises(OSError, match="already exists"):
            table.write(tmp_path / "table.fits")
        table.write(tmp_path / "table.fits", overwrite=True)
