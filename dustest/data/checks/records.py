"""Checks of the fields of records."""

from reprlib import repr as short

from astropy import units as u

from dustest.data.checks.numbers import is_number
from dustest.data.checks.units import as_unit
from dustest.data.errors import InputError

__all__ = ["check_ascending", "check_texts", "expect", "is_text", "unit_of"]


def expect(met, what, expected, value):
    """Raise an error unless a condition is met.

    Parameters
    ----------
    met : bool
        The condition.
    what : str
        Name of the field and its record.
    expected : str
        Expectation, such as ``"a tuple of str"``.
    value : object
        The given value.

    Raises
    ------
    InputError
        If the condition is not met.
    """
    if not met:
        msg = f"{what} must be {expected}, got {short(value)}"
        raise InputError(msg)


def is_text(value):
    """Whether a value is a str with more than blanks.

    Parameters
    ----------
    value : object
        Any value.

    Returns
    -------
    answer : bool
        Whether it is.
    """
    return isinstance(value, str) and bool(value.strip())


def check_texts(value, what):
    """Raise an error for what is no tuple of str, such as a single str.

    Parameters
    ----------
    value : object
        Value of a field.
    what : str
        Name of the field and its record.

    Raises
    ------
    InputError
        If it is no tuple of str that are not empty.

    Examples
    --------
    >>> from dustest.data.checks.records import check_texts
    >>> check_texts(("Fe",), "aliases of metal 'iron'")
    """
    fits = isinstance(value, tuple) and all(map(is_text, value))
    expect(fits, what, "a tuple of str that are not empty, such as ('a',)", value)


def check_ascending(value, what):
    """Raise an error for what is no range of numbers.

    Parameters
    ----------
    value : object
        Value of a field; its numbers may be infinite.
    what : str
        Name of the field and its record.

    Raises
    ------
    InputError
        If it is no pair of numbers of which the second is larger.

    Examples
    --------
    >>> from dustest.data.checks.records import check_ascending
    >>> check_ascending((0, float("inf")), "bounds of quantity 'age'")
    """
    pair = value if isinstance(value, tuple) and len(value) == 2 else (None, None)
    numbers = all(is_number(one) or one in (-float("inf"), float("inf")) for one in pair)
    expect(numbers and pair[0] < pair[1], what, "two ascending numbers in a tuple", value)


def unit_of(given, what):
    """Parse the unit of a record.

    Parameters
    ----------
    given : Unit, str or None
        The unit.
    what : str
        Name of the field and its record.

    Returns
    -------
    unit : Unit or None
        None for plain numbers, without a unit or dimensionless.

    Raises
    ------
    InputError
        If it is not a unit.

    Examples
    --------
    >>> from dustest.data.checks.records import unit_of
    >>> unit_of("mag", "unit of quantity 'A_B'"), unit_of("", "unit of quantity 'R_B'")
    (Unit("mag"), None)
    """
    return None if given == u.dimensionless_unscaled else as_unit(given, what)
