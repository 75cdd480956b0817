from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.table import Column, QTable, Table

from dustest.data.checks.tables import as_table, first_named, is_table_like
from dustest.data.errors import InputError


class TestTables:
    def test_tables_stay_what_they_are(self):
        table = QTable({"a": [1.0] * u.mag})
        assert as_table(table) is table

    @pytest.mark.parametrize("name", ["pandas", "polars"])
    def test_frames(self, name):
        frames = pytest.importorskip(name)
        table = as_table(frames.DataFrame({"id": ["x", "y"], "A_V": [0.1, None], "n": [1, 2]}))
        assert table.colnames == ["id", "A_V", "n"]
        assert list(table["id"]) == ["x", "y"]
        assert table["A_V"].mask.tolist() == [False, True]
        assert table["n"].dtype.kind == "i"

    def test_what_it_is_called(self):
        with pytest.raises(InputError, match="table must be an astropy table"):
            as_table([0.1])

    def test_names_that_are_not_text(self):
        assert as_table(pd.DataFrame([[1, 2]])).colnames == ["0", "1"]

    def test_dicts_keep_units(self):
        table = as_table({"a": [1.0] * u.mag, "b": Column([2.0], unit="nJy"), "c": [3]})
        assert (table["a"].unit, table["b"].unit, table["c"].unit) == (u.mag, u.nJy, None)

    def test_columns_of_two_lengths_are_refused(self):
        with pytest.raises(InputError, match="columns of truth must have one length"):
            as_table({"a": [1], "b": [1, 2]}, "truth")

    @pytest.mark.parametrize("given", [{"a": 1.0}, {"a": "text"}])
    def test_what_has_no_rows_is_refused(self, given):
        with pytest.raises(InputError, match="must have one length"):
            as_table(given)

    @pytest.mark.parametrize("lacking", ["columns", "to_numpy", "dtypes"])
    def test_what_lacks_a_part_of_a_frame_is_none(self, lacking):
        parts = {"columns": [], "to_numpy": None, "dtypes": []}
        assert is_table_like(SimpleNamespace(**parts))
        del parts[lacking]
        assert not is_table_like(SimpleNamespace(**parts))

    @pytest.mark.parametrize("given", [[1, 2], 3.0, None, "text", np.zeros(3)])
    def test_other_things_are_refused(self, given):
        assert not is_table_like(given)
        with pytest.raises(InputError, match="truth must be an astropy table, a data frame"):
            as_table(given, "truth")


class TestNames:
    def test_the_exact_spelling_comes_first(self):
        assert first_named(["ID", "id"], ["id"]) == "id"
        assert first_named(["ID", "Id"], ["id"]) == "ID"

    def test_the_preferred_candidate_comes_first(self):
        assert first_named(["NUMBER", "Source_ID"], ["source_id", "number"]) == "Source_ID"

    def test_none(self):
        assert first_named(Table({"a": [1]}).colnames, ["b"]) is None
