import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dustest.data.formatting import (
    NOTHING,
    decimals_for,
    format_estimate,
    format_measurement,
    format_number,
    format_value,
    without_controls,
)


class TestNumber:
    def test_no_negative_zero(self):
        assert format_number(-0.001, decimals=2) == "0.00"

    def test_sign(self):
        assert format_number(0.5, sign=True) == "+0.50"

    @pytest.mark.parametrize("scale", [0.0, math.nan, math.inf])
    def test_scales_that_say_nothing(self, scale):
        assert decimals_for(scale) == 2

    def test_decimals_are_bounded(self):
        assert decimals_for(1e-30) == 8
        assert decimals_for(1e30) == 0


class TestValue:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (0.0, "0.00"),
            (9.999, "10.0"),
            (0.99951, "1.00"),
            (-7.1, "−7.10"),
            (31456.7, "31457"),
            (123456.0, "1.23e+05"),
            (-2.5e-18, "−2.50e−18"),
            (math.nan, NOTHING),
            (math.inf, NOTHING),
        ],
    )
    def test_three_significant_digits(self, value, expected):
        assert format_value(value) == expected

    @given(st.floats(-1e30, 1e30))
    def test_is_near_the_number(self, value):
        shown = float(format_value(value).replace("−", "-"))
        assert shown == pytest.approx(value, rel=6e-3, abs=1e-300)


class TestEstimate:
    @pytest.mark.parametrize(
        ("estimate", "expected"),
        [
            ((0.41, 0.10, 0.72), "0.41 +0.31 −0.31"),
            ((-8.104, -8.45, -7.9), "−8.10 +0.20 −0.35"),
            ((0.0123, 0.0025, 0.0463), "0.012 +0.034 −0.010"),
            ((9.123, 9.03, 9.2), "9.12 +0.08 −0.09"),
            ((123.4, 89.0, 179.0), "123 +56 −34"),
            ((2e-18, 1e-18, 4e-18), "2.00e−18 +2.00e−18 −1.00e−18"),
            ((0.0, 0.0, 0.0), "0.00"),
            ((2.74, 2.74, 2.74 - 4e-16), "2.74"),
            ((0.4, 0.1, 0.4 - 1e-16), "0.40 +0.00 −0.30"),
        ],
    )
    def test_percentiles_are_shown_as_distances(self, estimate, expected):
        assert format_estimate(*estimate) == expected

    def test_a_median_outside_its_percentiles_shows(self):
        assert format_estimate(0.4, 0.5, 0.7) == "0.40 +0.30 +0.10"
        assert format_estimate(0.8, 0.5, 0.7) == "0.80 −0.10 −0.30"

    @pytest.mark.parametrize("estimate", [(0.4, math.nan, 0.5), (0.4, 0.3, math.nan)])
    def test_without_a_percentile_the_median_is_shown(self, estimate):
        assert format_estimate(*estimate) == "0.400"

    def test_nothing(self):
        assert format_estimate(math.nan, math.nan, math.nan) == NOTHING


class TestMeasurement:
    def test_small_numbers_have_powers_of_ten(self):
        assert format_measurement(2.5e-18, 3e-19) == "2.50e−18 ± 3.00e−19"

    @pytest.mark.parametrize("error", [0.0, -1.0, math.nan])
    def test_without_an_error_the_number_is_shown(self, error):
        assert format_measurement(0.4, error) == "0.400"


class TestWithoutControls:
    def test_replaces_what_changes_a_terminal_or_a_direction(self):
        assert without_controls("a\x1b[31m\u202eb\r") == "a\ufffd[31m\ufffdb\ufffd"

    def test_keeps_other_text(self):
        text = "id <12> α\tβ\n"
        assert without_controls(text) == text
