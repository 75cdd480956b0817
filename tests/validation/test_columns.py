import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, QTable, Table

from dustest.data import InputError
from dustest.validation.columns import numeric_columns, unit_of


class TestNumericColumns:
    def test_units_are_converted_and_masked_is_nan(self):
        table = QTable({"size": [0.5, 1.0] * u.kpc})
        table["z"] = MaskedColumn([7.0, 8.0], mask=[False, True])
        columns = numeric_columns(table, ["size", "z"], units={"size": u.pc})
        np.testing.assert_array_equal(columns["size"], [500.0, 1000.0])
        np.testing.assert_array_equal(columns["z"], [7.0, np.nan])

    def test_magnitudes_of_a_plain_table(self):
        table = Table({"m": [27.0, 28.0]})
        table["m"].unit = "mag"
        np.testing.assert_array_equal(numeric_columns(table, ["m"])["m"], [27.0, 28.0])

    def test_ab_magnitudes(self):
        table = QTable({"m": [8.9, 31.4] * u.ABmag})
        columns = numeric_columns(table, ["m"], units={"m": u.nJy})
        np.testing.assert_allclose(columns["m"], [1e9, 1.0], rtol=1e-3)

    def test_integers_become_floats(self):
        assert numeric_columns(Table({"n": [1, 2]}), ["n"])["n"].dtype == float

    def test_a_column_without_a_unit_is_taken_as_it_is(self):
        columns = numeric_columns(Table({"x": [1.0]}), ["x"], units={"x": u.mag})
        assert columns["x"] == 1.0

    def test_names_all_missing_columns(self):
        message = "truth must have the columns a, b, c, but it lacks b, c; it has a"
        with pytest.raises(InputError, match=message):
            numeric_columns(Table({"a": [1.0]}), ["a", "b", "c"], argument="truth")

    @pytest.mark.parametrize("column", [["x", "y"], np.zeros((2, 3)), np.array([1j, 2j])])
    def test_refuses_what_is_no_number_a_row(self, column):
        with pytest.raises(InputError, match="must hold one number a row"):
            numeric_columns(Table({"a": column}), ["a"])

    def test_refuses_another_unit(self):
        with pytest.raises(InputError, match="column a of table must be in mag, got kpc"):
            numeric_columns(QTable({"a": [1.0] * u.kpc}), ["a"], units={"a": u.mag})

    def test_refuses_what_is_no_table(self):
        with pytest.raises(InputError, match="truth must be a table, got dict"):
            numeric_columns({"a": [1.0]}, ["a"], argument="truth")


def test_unit_of():
    assert unit_of([1.0] * u.mag) == u.mag
    assert unit_of(np.ones(2)) is None
