import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dustest.report.numbers import decimals_for, format_number, format_with_error


class TestWithError:
    # The three examples of the Particle Data Group: 0.827 ± 0.119, 0.367 and 0.952.
    @pytest.mark.parametrize(
        ("error", "expected"),
        [(0.119, "0.83 ± 0.12"), (0.367, "0.8 ± 0.4"), (0.0952, "0.83 ± 0.10")],
    )
    def test_as_the_particle_data_group_rounds(self, error, expected):
        assert format_with_error(0.827, error) == expected

    def test_large_numbers(self):
        assert format_with_error(1234.5, 56.7) == "1234 ± 57"

    @pytest.mark.parametrize("error", [math.nan, 0.0])
    def test_no_error(self, error):
        assert format_with_error(0.1234, error) == "0.12"

    def test_no_value(self):
        assert format_with_error(math.nan, 0.1) == "–"

    @given(st.floats(-1e4, 1e4), st.floats(1e-6, 1e3))
    def test_rounding_stays_within_the_error(self, value, error):
        number, spread = format_with_error(value, error).replace("−", "-").split(" ± ")
        assert abs(float(number) - value) <= 0.51 * error
        assert float(spread) == pytest.approx(error, rel=0.15)


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
