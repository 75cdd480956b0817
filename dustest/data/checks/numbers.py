"""Checks of single numbers in arguments, and their messages."""

from math import isfinite
from numbers import Integral, Real

import numpy as np
from astropy import units as u

from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError

__all__ = [
    "as_arcsec",
    "as_bytes",
    "check_fraction",
    "check_limits",
    "check_n_jobs",
    "check_not_negative",
    "check_number",
    "check_odd",
    "check_positive",
    "check_range",
    "check_whole",
    "is_number",
]


def is_number(value, kind=Real):
    """Whether an argument is a finite number; True and False are not.

    Parameters
    ----------
    value : object
        Argument of a user.
    kind : type, optional
        `numbers.Real` or `numbers.Integral`.

    Returns
    -------
    answer : bool
        Whether it is.

    Examples
    --------
    >>> from dustest.data.checks.numbers import is_number
    >>> is_number(0.05), is_number(True), is_number(float("nan"))
    (True, False, False)
    """
    number = isinstance(value, kind) and not isinstance(value, bool)
    return number and (isinstance(value, Integral) or isfinite(value))


def check_number(value, name, low=-np.inf, high=np.inf, *, kind=Real, above=False, expected=None):
    """Convert to a finite number within limits.

    Parameters
    ----------
    value : float or ndarray of shape ()
        The argument.
    name : str
        Name of the argument, for the error.
    low, high : float, optional
        Smallest and largest number.
    kind : type, optional
        `numbers.Real` or `numbers.Integral`.
    above : bool, optional
        Whether the smallest number itself is not allowed.
    expected : str, optional
        Expectation, for the message; by default it follows from the limits.

    Returns
    -------
    number : float or int
        The number, without the sign of zero.

    Raises
    ------
    InputError
        If it is not such a number.

    Examples
    --------
    >>> from dustest.data.checks.numbers import check_number
    >>> check_number(0.05, "error_floor", 0.0, 1.0)
    0.05
    """
    is_numpy = isinstance(value, np.generic) or (type(value) is np.ndarray and value.ndim == 0)
    number = value.item() if is_numpy else value
    if not (is_number(number, kind) and low <= number <= high and not (above and number == low)):
        msg = f"{name} must be {expected or _wanted(low, high, kind, above)}, got {number!r}"
        raise InputError(msg)
    return int(number) if kind is Integral else float(number) + 0.0


def _wanted(low, high, kind, above):
    """Expectation for a number, as text."""
    text = "an integer" if kind is Integral else "a finite number"
    if low > -np.inf:
        text += f" {'above' if above else 'from'} {low:g}"
    return text if high == np.inf else f"{text} to {high:g}"


def check_positive(value, name):
    """Convert to a positive finite number.

    Parameters
    ----------
    value : float
        The argument.
    name : str
        Name of the argument, for the error.

    Returns
    -------
    number : float
        The number.

    Raises
    ------
    InputError
        If it is not such a number.
    """
    return check_number(value, name, 0.0, above=True, expected="a positive finite number")


def check_not_negative(value, name):
    """Convert to a finite number of zero or more.

    Parameters
    ----------
    value : float
        The argument.
    name : str
        Name of the argument, for the error.

    Returns
    -------
    number : float
        The number.

    Raises
    ------
    InputError
        If it is not such a number.
    """
    return check_number(value, name, 0.0, expected="a finite number that is not negative")


def check_fraction(value, name):
    """Convert to a number from 0 to 1.

    Parameters
    ----------
    value : float
        The argument.
    name : str
        Name of the argument, for the error.

    Returns
    -------
    number : float
        The number.

    Raises
    ------
    InputError
        If it is not such a number.
    """
    return check_number(value, name, 0.0, 1.0, expected="a number from 0 to 1")


def check_whole(value, name, *, minimum=1):
    """Convert to a whole number from a minimum on.

    Parameters
    ----------
    value : int
        The argument.
    name : str
        Name of the argument, for the error.
    minimum : int, optional
        Smallest number.

    Returns
    -------
    number : int
        The number.

    Raises
    ------
    InputError
        If it is not such a number.
    """
    expected = f"a whole number from {minimum}"
    return check_number(value, name, minimum, kind=Integral, expected=expected)


def check_n_jobs(value):
    """Raise an error for anything but a number of processes.

    Parameters
    ----------
    value : int or None
        The argument ``n_jobs``.

    Raises
    ------
    InputError
        If it is neither None nor a whole number other than zero.
    """
    if value is not None and (not is_number(value, Integral) or value == 0):
        msg = (
            "n_jobs must be a number of processes from 1 on, -1 for all cores, or None, got "
            f"{value!r}"
        )
        raise InputError(msg)


def check_odd(value, name):
    """Convert to an odd number of pixels, one of which is central.

    Parameters
    ----------
    value : int
        The argument.
    name : str
        Name of the argument, for the error.

    Returns
    -------
    number : int
        The number.

    Raises
    ------
    InputError
        If it is not odd.
    """
    number = check_whole(value, name)
    if number % 2 == 0:
        msg = f"{name} must be an odd number of pixels, so that one is central, got {value!r}"
        raise InputError(msg)
    return number


def check_range(value, name, lowest, highest):
    """Convert one number, or two limits, to a range.

    Parameters
    ----------
    value : float or tuple of float
        The argument.
    name : str
        Name of the argument, for the error.
    lowest, highest : float
        Limits of both ends; infinity is not allowed.

    Returns
    -------
    low, high : float
        The ends, equal for one number.

    Raises
    ------
    InputError
        If it is neither, has a unit, or the ends are in the wrong order or outside the limits.
    """
    ends = to_floats(value, name)
    low, high = np.broadcast_to(ends, (2,)) if ends.shape in {(), (1,), (2,)} else (np.nan,) * 2
    low, high = float(low), float(high)
    if not (lowest <= low <= high <= highest and high < np.inf):
        limits = f"from {lowest:g}" + (f" to {highest:g}" if highest < np.inf else "")
        msg = f"{name} must be a number {limits}, or two such (low, high), got {value!r}"
        raise InputError(msg)
    return low, high


def check_limits(limits, name, expected, *, low, high=np.inf, above=False):
    """Convert two ascending limits of a quantity; None means none.

    Parameters
    ----------
    limits : tuple of float or None
        The argument.
    name : str
        Name of the argument, for the error.
    expected : str
        Expectation, for the error.
    low, high : float
        Smallest and largest number.
    above : bool, optional
        Whether the smallest number itself is not allowed.

    Returns
    -------
    tuple of float or None
        The limits.

    Raises
    ------
    InputError
        If they are not two ascending numbers within the range.

    Examples
    --------
    >>> from dustest.data.checks.numbers import check_limits
    >>> check_limits((0, 0.2), "fractional_error", "two fractions", low=0.0, high=1.0)
    (0.0, 0.2)
    """
    if limits is None:
        return None
    pair = limits if isinstance(limits, tuple | list) and len(limits) == 2 else (np.nan, np.nan)
    inside = all(map(is_number, pair)) and low <= pair[0] < pair[1] <= high
    if not inside or (above and pair[0] == low):
        msg = f"{name} must be None or {expected}, got {limits!r}"
        raise InputError(msg)
    return float(pair[0]), float(pair[1])


def as_bytes(value, name):
    """Convert an amount of memory to bytes.

    Parameters
    ----------
    value : `~astropy.units.Quantity` or str
        The argument, such as ``"2 GB"`` or ``2 * u.Gbyte``.
    name : str
        Name of the argument, for the message.

    Returns
    -------
    n_bytes : int
        Number of bytes, rounded down.

    Raises
    ------
    InputError
        If it is not at least one byte.

    Examples
    --------
    >>> from dustest.data.checks.numbers import as_bytes
    >>> as_bytes("2 GB", "memory_limit"), as_bytes("1 MiB", "memory_limit")
    (2000000000, 1048576)
    """
    try:
        n_bytes = float(u.Quantity(value).to_value(u.byte))
    except (TypeError, ValueError, u.UnitsError):
        n_bytes = 0.0
    if not 1.0 <= n_bytes < np.inf:
        msg = f"{name} must be an amount of memory with a unit, such as '2 GB', got {value!r}"
        raise InputError(msg)
    return int(n_bytes)


def as_arcsec(value, name):
    """Convert to a positive angle in arcsec.

    Parameters
    ----------
    value : float or `~astropy.units.Quantity`
        The argument; a bare number is in arcsec.
    name : str
        Name of the argument, for the message.

    Returns
    -------
    float
        The angle.

    Raises
    ------
    InputError
        If it is not a positive finite angle.
    """
    try:
        angle = to_floats(value, name, unit=u.arcsec)
        return check_positive(angle, name)
    except InputError as error:
        msg = f"{name} must be a positive angle in arcsec, got {value!r}"
        raise InputError(msg) from error
