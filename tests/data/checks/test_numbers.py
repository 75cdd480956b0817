"""Single numbers among arguments."""

from fractions import Fraction
from numbers import Integral

import numpy as np
import pytest
from astropy import units as u

from dustest.data.checks.numbers import (
    as_bytes,
    check_fraction,
    check_not_negative,
    check_number,
    check_odd,
    check_positive,
    check_range,
    check_whole,
    is_number,
)
from dustest.data.errors import InputError

NONE = [None, "1", True, np.bool_(True), np.nan, np.inf, 1 * u.mag, [1.0], 1 + 0j, np.ones(1)]


class TestIsNumber:
    @pytest.mark.parametrize(
        "value", [1, 0.5, np.float32(0.5), np.int64(3), Fraction(1, 3), 10**400]
    )
    def test_numbers(self, value):
        assert is_number(value)
        assert is_number(value, Integral) == (value == int(value))

    @pytest.mark.parametrize("value", NONE, ids=repr)
    def test_none(self, value):
        assert not is_number(value)


class TestChecks:
    @pytest.mark.parametrize(
        "check", [check_number, check_positive, check_not_negative, check_fraction, check_whole]
    )
    @pytest.mark.parametrize("value", NONE, ids=repr)
    def test_what_is_none(self, check, value):
        with pytest.raises(InputError, match="width must be a"):
            check(value, "width")

    @pytest.mark.parametrize(
        ("check", "value"),
        [
            (check_number, np.array(0.5)),
            (check_positive, np.float32(0.5)),
            (check_not_negative, 0),
            (check_fraction, 1),
        ],
    )
    def test_floats(self, check, value):
        assert check(value, "width") == float(value)
        assert type(check(value, "width")) is float

    @pytest.mark.parametrize("value", [np.float64(-1.5), np.float32(-1.5), np.array(-1.5)])
    def test_numbers_of_numpy_are_shown_as_numbers(self, value):
        with pytest.raises(InputError, match=r"^width must be .*, got -1.5$"):
            check_positive(value, "width")

    def test_integers(self):
        assert type(check_whole(np.int32(3), "n")) is int
        assert check_odd(np.int64(5), "n") == 5

    def test_the_sign_of_zero_goes(self):
        assert str(check_number(-0.0, "x")) == "0.0"

    @pytest.mark.parametrize(
        ("check", "message"),
        [
            (lambda: check_number(2, "x", 0, 1), "x must be a finite number from 0 to 1, got 2"),
            (
                lambda: check_number(0, "x", 0, above=True),
                "x must be a finite number above 0, got 0",
            ),
            (
                lambda: check_number(1.0, "n", 2, kind=Integral),
                "n must be an integer from 2, got 1.0",
            ),
            (
                lambda: check_number(1, "x", 2, expected="two or more"),
                "x must be two or more, got 1",
            ),
            (lambda: check_positive(0.0, "x"), "x must be a positive finite number, got 0.0"),
            (lambda: check_not_negative(-1, "x"), "a finite number that is not negative, got -1"),
            (lambda: check_fraction(1.5, "x"), "x must be a number from 0 to 1, got 1.5"),
            (lambda: check_whole(1, "n", minimum=2), "n must be a whole number from 2, got 1"),
            (lambda: check_odd(4, "n"), "n must be an odd number of pixels"),
            (
                lambda: check_range((2, 1), "z", 0, 9),
                r"a number from 0 to 9, or two .* got \(2, 1\)",
            ),
            (lambda: check_range((1, np.inf), "z", 0, np.inf), "a number from 0, or two such"),
        ],
    )
    def test_messages(self, check, message):
        with pytest.raises(InputError, match=message):
            check()

    def test_ranges(self):
        assert check_range(7, "z", 0.0, 9.0) == (7.0, 7.0)
        assert check_range([6, 9], "z", 0.0, 9.0) == (6.0, 9.0)


class TestAsBytes:
    @pytest.mark.parametrize(
        ("value", "n_bytes"),
        [("2 GB", 2 * 10**9), ("1.5MiB", 1572864), (16 * u.bit, 2), (np.float32(3) * u.kB, 3000)],
    )
    def test_amounts(self, value, n_bytes):
        assert as_bytes(value, "memory_limit") == n_bytes

    @pytest.mark.parametrize(
        "value",
        [
            *(None, 2e9, "2e9", "much", "2 mag", "-1 GB", True, b"2 GB"),
            *(0 * u.byte, np.nan * u.byte, np.inf * u.byte, [1, 2] * u.byte),
        ],
    )
    def test_none(self, value):
        with pytest.raises(InputError, match="memory_limit must be an amount of memory with a"):
            as_bytes(value, "memory_limit")
