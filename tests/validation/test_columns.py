import numpy as np
import pytest
from astropy import units as u
from astropy.table import Column, MaskedColumn, QTable, Table
from frames import KINDS, as_frame

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
        with pytest.raises(InputError, match="must hold numbers, one a row"):
            numeric_columns(Table({"a": column}), ["a"])

    def test_refuses_another_unit(self):
        with pytest.raises(InputError, match=r"column a .* converts to mag, got kpc"):
            numeric_columns(QTable({"a": [1.0] * u.kpc}), ["a"], units={"a": u.mag})

    def test_refuses_what_is_no_table(self):
        with pytest.raises(InputError, match=r"truth must be an astropy table, .* got list"):
            numeric_columns([1.0], ["a"], argument="truth")

    @pytest.mark.parametrize("kind", KINDS)
    def test_data_frames(self, kind):
        columns = numeric_columns(as_frame(kind, {"x": [1.0, -99.0, np.inf]}), ["x"])
        np.testing.assert_array_equal(columns["x"], [1.0, np.nan, np.nan])

    def test_booleans_count(self):
        assert numeric_columns(Table({"x": [True, False]}), ["x"])["x"].tolist() == [1.0, 0.0]

    def test_near_misses(self):
        with pytest.raises(InputError, match=r"it lacks a_v; did you mean 'A_V'\? it has A_V"):
            numeric_columns(Table({"A_V": [1.0]}), ["a_v"])

    def test_unknown_units_of_columns_that_are_read(self):
        column = Column([1.0], unit=u.Unit("mags", parse_strict="silent"))
        table = Table({"x": column, "y": [1.0]})
        assert numeric_columns(table, ["y"])["y"] == [1.0]
        with pytest.raises(InputError, match="column x of table declares the unit 'mags'"):
            numeric_columns(table, ["x"])


def test_unit_of():
    assert unit_of([1.0] * u.mag) == u.mag
    assert unit_of(np.ones(2)) is None
