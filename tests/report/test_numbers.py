import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dustest.data import QUANTITIES
from dustest.report.numbers import format_column, format_with_error


class TestWithError:
    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (0.119, "0.827 ± 0.119"),
            (0.367, "0.827 ± 0.367"),
            (0.00096, "0.827 ± 0.001"),
            (0.0004, "0.827 ± <0.001"),
            (12.0, "0.827 ± 12.000"),
        ],
    )
    def test_same_digits(self, error, expected):
        assert format_with_error(0.827, error, decimals=3) == expected

    @pytest.mark.parametrize("error", [math.nan, 0.0])
    def test_no_error(self, error):
        assert format_with_error(0.1234, error, decimals=2) == "0.12"

    def test_no_value(self):
        assert format_with_error(math.nan, 0.1, decimals=2) == "–"

    @given(st.floats(-1e4, 1e4), st.floats(6e-4, 1e3))
    def test_rounding(self, value, error):
        text = format_with_error(value, error, decimals=3)
        number, spread = text.replace("−", "-").split(" ± ")
        assert abs(float(number) - value) <= 0.000501
        assert abs(float(spread) - error) <= 0.000501


class TestColumn:
    @pytest.mark.parametrize("quantity", QUANTITIES.values())
    def test_digits_of_the_quantity(self, quantity):
        for name in (quantity.name, f"{quantity.name}_p16", f"{quantity.name}_100"):
            _, _, decimals = format_column(1.23456, name).partition(".")
            assert len(decimals) == quantity.digits

    def test_other_columns(self):
        assert format_column(0.12345, "A_Volume") == "0.12"
