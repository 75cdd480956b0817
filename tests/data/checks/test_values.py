import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.utils.masked import Masked
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dustest.data.checks.missing_values import without_sentinels
from dustest.data.checks.values import bare_values, to_floats
from dustest.data.errors import InputError
from dustest.io import read_catalog

MISSING_NUMBERS = (-99.0, -99.9, -99.99, -999.0, -999.9, -9999.0, -99999.0)

few = settings(max_examples=30, deadline=None)
values = arrays(float, 5, elements=st.floats(0.5, 80))
masks = arrays(bool, 5)


def holders(numbers, mask, unit):
    """The same values in all that can hold them."""
    bare = np.where(mask, np.nan, numbers)
    return {
        "Column": Column(bare, unit=unit),
        "MaskedColumn": MaskedColumn(numbers, mask=mask, unit=unit),
        "Quantity": bare << unit,
        "Masked Quantity": Masked(numbers << unit, mask=mask),
        "QTable": QTable({"a": MaskedColumn(numbers, mask=mask, unit=unit)})["a"],
    }


class TestFloats:
    @few
    @given(numbers=values, mask=masks, unit=st.sampled_from([u.mag, u.mmag]))
    def test_units_and_masks_whatever_holds_them(self, numbers, mask, unit):
        expected = np.where(mask, np.nan, (numbers * unit).to_value(u.mag))
        for held in holders(numbers, mask, unit).values():
            np.testing.assert_allclose(to_floats(held, "a", unit=u.mag), expected)

    @few
    @given(numbers=values, mask=masks)
    def test_bare_numbers_are_in_the_unit(self, numbers, mask):
        expected = np.where(mask, np.nan, numbers)
        series = pd.Series(pd.array(numbers, dtype="Float64"))
        series[mask] = pd.NA
        listed = [None if skip else item for item, skip in zip(numbers, mask, strict=True)]
        for held in (np.ma.array(numbers, mask=mask), series, listed, expected):
            np.testing.assert_array_equal(to_floats(held, "a", unit=u.mag), expected)

    def test_polars(self):
        polars = pytest.importorskip("polars")
        series = polars.Series([1.0, None, -99.0])
        np.testing.assert_array_equal(to_floats(series, "a"), [1.0, np.nan, np.nan])

    @pytest.mark.parametrize("unit", [u.nJy, u.uJy, u.ABmag, None])
    def test_the_result_can_be_changed(self, unit):
        given = np.array([20.0, 21.0])
        found = to_floats(given if unit is None else given * unit, "a", unit=u.nJy)
        found[0] = np.nan
        assert given.tolist() == [20.0, 21.0]

    def test_an_assumed_unit(self):
        np.testing.assert_allclose(to_floats([1.0], "a", unit=u.nJy, assumed=u.uJy), [1000.0])

    @pytest.mark.parametrize("unit", [u.nJy, u.km / u.s, u.mag])
    def test_plain_numbers_have_no_unit(self, unit):
        with pytest.raises(InputError, match="a must be plain numbers, got"):
            to_floats([1.0] * unit, "a")

    def test_plain_numbers_may_be_dimensionless(self):
        np.testing.assert_allclose(to_floats([50.0] * u.percent, "a"), [0.5])

    def test_redshifts_of_astropy_are_plain_numbers(self):
        from astropy.cosmology import units as cu

        np.testing.assert_array_equal(to_floats([7.0] * cu.redshift, "a"), [7.0])

    def test_a_unit_that_does_not_convert_is_refused(self):
        with pytest.raises(InputError, match="a must have a unit that converts to mag, got nJy"):
            to_floats(Column([1.0], unit="nJy"), "a", unit=u.mag)

    @pytest.mark.parametrize(
        "held", [["7.1", "n/a"], [1j], [[1.0], [2.0]], np.array([b"x"]), [True]]
    )
    def test_what_is_no_column_of_numbers_is_refused(self, held):
        with pytest.raises(InputError, match="a must hold numbers, one a row, got"):
            to_floats(held, "a", ndim=1)

    def test_text_is_shown(self):
        with pytest.raises(InputError, match="a must hold numbers, got text such as '--'"):
            to_floats(["6.5", "--"], "a")

    def test_infinities_are_missing(self):
        np.testing.assert_array_equal(to_floats([np.inf, -np.inf, 1.0], "a"), [np.nan, np.nan, 1])

    def test_the_input_is_left_alone(self):
        given = np.array([-99.0, 1.0])
        to_floats(given, "a")
        np.testing.assert_array_equal(given, [-99.0, 1.0])


class TestSentinels:
    @pytest.mark.parametrize("sentinel", MISSING_NUMBERS)
    @pytest.mark.parametrize("dtype", ["f4", "f8", ">f4"])
    def test_numbers(self, sentinel, dtype):
        given = np.array([sentinel, 1.0], dtype=dtype)
        np.testing.assert_array_equal(to_floats(given, "a"), [np.nan, 1.0])

    @few
    @given(st.floats(-1e6, 1e6))
    def test_others_are_numbers(self, value):
        near = min(abs(value - sentinel) for sentinel in MISSING_NUMBERS)
        if near > 1e-2:
            assert without_sentinels(np.array([value]))[0] == value

    @pytest.mark.parametrize("sentinel", [99.0, 99.9, 99.99, 999.0, 9999.0, -99.0])
    def test_magnitudes(self, sentinel):
        given = np.array([sentinel, 25.0, 98.0, -98.0])
        expected = [np.nan, 25.0, 98.0, -98.0]
        np.testing.assert_array_equal(without_sentinels(given, magnitudes=True), expected)
        np.testing.assert_array_equal(to_floats(given * u.mag, "a", unit=u.mag), expected)

    def test_the_unit_of_the_sentinel_is_that_of_the_column(self):
        np.testing.assert_array_equal(to_floats([-99.0] * u.uJy, "a", unit=u.nJy), [np.nan])

    def test_the_assumed_unit_decides_without_a_declared_one(self):
        assert np.isnan(to_floats([99.0], "a", unit=u.nJy, assumed=u.ABmag)[0])
        assert to_floats([99.0] * u.nJy, "a", unit=u.nJy, assumed=u.ABmag)[0] == 99.0
        assert np.isnan(to_floats([99.0], "a", unit=u.mag)[0])

    def test_not_where_told(self):
        np.testing.assert_array_equal(to_floats([-99.0], "a", sentinels=False), [-99.0])


class TestWords:
    @pytest.mark.parametrize(
        "word",
        [
            *("", "-", "--", "---", "...", "nan", "na", "n/a", "null", "none", "masked", "indef"),
            *("NaN", "NA", "N/A", "NULL", "None", "INDEF", "\\N", '""', "inf", "-inf", "Inf"),
        ],
    )
    def test_stand_for_a_missing_number(self, word):
        table = Table({"id": [1, 2], "F277W": ["7.5", word], "F277W_err": ["0.5", "0.5"]})
        found = read_catalog(table, unit="nJy")["flux_F277W"].value
        np.testing.assert_array_equal(found, [7.5, np.nan])


class TestBare:
    def test_nothing_masked_is_none(self):
        bare, missing = bare_values(MaskedColumn([1, 2], mask=[False, False]))
        np.testing.assert_array_equal(bare, [1, 2])
        assert missing is None

    def test_text_of_a_frame(self):
        bare, missing = bare_values(pd.Series(["a", None]))
        assert bare.tolist() == ["a", ""]
        assert missing.tolist() == [False, True]

    @pytest.mark.parametrize(
        ("items", "expected"),
        [
            ([2**60 + 1, None], [2**60 + 1, 0]),
            ([None, 0.5], [np.nan, 0.5]),
            ([None, None], [np.nan, np.nan]),
            ([b"a", None], [b"a", None]),
        ],
    )
    def test_nulls_of_a_frame(self, items, expected):
        bare, missing = bare_values(pd.Series(items, dtype=object))
        assert missing.tolist() == [item is None for item in items]
        np.testing.assert_array_equal(bare[~missing], np.array(expected)[~missing])
        assert bare.tolist() == pytest.approx(expected, nan_ok=True)

    def test_objects_may_hold_none_and_be_masked(self):
        listed = np.array([1.5, None, 2.5], dtype=object)
        assert bare_values(listed)[1].tolist() == [False, True, False]
        masked = np.ma.array(listed, mask=[True, False, False])
        assert bare_values(masked)[1].tolist() == [True, True, False]
        assert bare_values(np.array([1.5, 2.5], dtype=object))[1] is None

    def test_text_of_a_frame_without_nulls(self):
        bare, missing = bare_values(pd.Series(["a", "bc"], dtype=object))
        assert bare.dtype.kind == "U"
        assert missing is None

    def test_a_scalar_mask_is_one_of_all(self):
        bare, missing = bare_values(Masked([1.0, 2.0] * u.nJy, mask=True))
        assert missing.tolist() == [True, True]
        np.testing.assert_array_equal(bare, [1.0, 2.0])

    def test_categories_of_a_frame(self):
        bare, missing = bare_values(pd.Series(pd.Categorical(["a", "b", "a"])))
        assert bare.tolist() == ["a", "b", "a"]
        assert missing is None


class TestLists:
    def test_each_item_has_its_own_unit(self):
        numbers = to_floats([1 * u.um, 2000 * u.nm], "a", unit=u.AA)
        np.testing.assert_allclose(numbers, [10_000.0, 20_000.0])

    @pytest.mark.parametrize("kind", [Column, MaskedColumn])
    def test_rows_of_columns(self, kind):
        rows = [kind([1.0, 2.0], unit="uJy"), [3.0, 4.0] * u.nJy]
        np.testing.assert_allclose(to_floats(rows, "a", unit=u.nJy, ndim=2), [[1e3, 2e3], [3, 4]])

    def test_equivalencies_along_the_last_axis(self):
        density = u.spectral_density([1.0, 2.0] * u.um)
        flux = [[1.0, 1.0], [2.0, 2.0]] * u.uJy
        unit = u.erg / u.s / u.cm**2 / u.AA
        rows = to_floats(list(flux), "a", unit=unit, equivalencies=density)
        np.testing.assert_allclose(rows, flux.to_value(unit, density))

    @pytest.mark.parametrize("ragged", [[[1.0], [2.0, 3.0]], [[1.0] * u.um, [1.0, 2.0] * u.um]])
    def test_ragged(self, ragged):
        with pytest.raises(InputError, match="a must hold"):
            to_floats(ragged, "a", unit=u.um)

    def test_unit_where_none_fits(self):
        with pytest.raises(InputError, match="a must be plain numbers, got um"):
            to_floats([1 * u.um], "a")

    def test_flux_of_zero_magnitude_is_no_magnitude(self):
        assert to_floats(1.0 * u.AB, "a", unit=u.Jy) == pytest.approx(3630.78, rel=1e-5)
