"""Formatting of numbers and of text from data, for people."""

import math
import re

__all__ = [
    "NOTHING",
    "decimals_for",
    "format_estimate",
    "format_measurement",
    "format_number",
    "format_value",
    "without_controls",
]

NOTHING = "–"
"""Text for a missing number."""

_MAX_DECIMALS = 8
_DIGITS = 3
"""Significant digits of numbers that are shown to people."""
_DIGITS_OF_ERROR = 2
# Other numbers are written with a power of ten.
_LEAST, _MOST = 1e-3, 1e5
_ROUNDING = 1e-9
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def without_controls(text):
    """Replace control characters, also those that change the direction of text, by U+FFFD.

    Parameters
    ----------
    text : str
        Text from data.

    Returns
    -------
    text : str
        Text of the same length. Tabulators and ends of lines are kept.

    Examples
    --------
    >>> from dustest.data.formatting import without_controls
    >>> without_controls("galaxy 1")
    'galaxy 1'
    """
    return _CONTROLS.sub("\ufffd", text)


def decimals_for(scale):
    """Decimals for two significant digits of a number of this size.

    Parameters
    ----------
    scale : float
        Size of the number, usually an error.

    Returns
    -------
    decimals : int
        From 0 to 8; 2 if the scale is zero or not finite.

    Examples
    --------
    >>> from dustest.data.formatting import decimals_for
    >>> decimals_for(0.034), decimals_for(12.0), decimals_for(0.0)
    (3, 0, 2)
    """
    if not math.isfinite(scale) or scale == 0:
        return 2
    return min(max(1 - math.floor(math.log10(abs(scale))), 0), _MAX_DECIMALS)


def format_number(value, *, decimals=None, sign=False):
    """Format a number with a true minus sign; a dash if it is missing.

    Parameters
    ----------
    value : float
        The number.
    decimals : int, optional
        Decimals; by default enough for two significant digits.
    sign : bool, optional
        Whether to write a plus sign.

    Returns
    -------
    text : str
        The number as text.

    Examples
    --------
    >>> from dustest.data.formatting import format_number
    >>> format_number(-0.1234), format_number(float("nan")), format_number(2.0, decimals=1)
    ('−0.12', '–', '2.0')
    """
    if not math.isfinite(value):
        return NOTHING
    decimals = decimals_for(value) if decimals is None else decimals
    # Rounding first, then adding zero, avoids "-0.00".
    rounded = round(float(value), decimals) + 0.0
    return f"{rounded:{'+' if sign else ''}.{decimals}f}".replace("-", "−")


def format_value(value):
    """Format a number with three significant digits.

    Parameters
    ----------
    value : float
        The number.

    Returns
    -------
    text : str
        The number as text; a dash if it is missing.

    Examples
    --------
    >>> from dustest.data.formatting import format_value
    >>> format_value(0.12345), format_value(7.1), format_value(-31456.7), format_value(2.5e-18)
    ('0.123', '7.10', '−31457', '2.50e−18')
    """
    if not math.isfinite(value):
        return NOTHING
    if value != 0 and not _LEAST <= abs(value) < _MOST:
        return f"{value:.{_DIGITS - 1}e}".replace("-", "−")
    return format_number(value, decimals=_decimals(value, _DIGITS))


def format_measurement(value, error):
    """Format a number with its standard error.

    Parameters
    ----------
    value, error : float
        The number and its error.

    Returns
    -------
    text : str
        With at most three significant digits, and two of the error; without an error the number
        only.

    Examples
    --------
    >>> from dustest.data.formatting import format_measurement
    >>> format_measurement(31.4159, 0.4321), format_measurement(31.4159, float("nan"))
    ('31.4 ± 0.4', '31.4')
    """
    if not (math.isfinite(value) and math.isfinite(error) and error > 0):
        return format_value(value)
    return " ± ".join(_with_same_decimals(value, error))


def format_estimate(median, p16, p84):
    """Format a median with the distances to its percentiles.

    Parameters
    ----------
    median, p16, p84 : float
        The median and the percentiles.

    Returns
    -------
    text : str
        With at most three significant digits, and two of the larger distance; the median only
        without percentiles or a distance to them.

    Examples
    --------
    >>> from dustest.data.formatting import format_estimate
    >>> format_estimate(0.4123, 0.1, 0.7234), format_estimate(0.4123, 0.1, float("nan"))
    ('0.41 +0.31 −0.31', '0.412')
    """
    above, below = p84 - median, p16 - median
    if not (math.isfinite(above) and math.isfinite(below)):
        return format_value(median)
    # Differences of equal numbers, but for rounding.
    least = _ROUNDING * max(abs(median), abs(above), abs(below))
    if max(abs(above), abs(below)) <= least:
        return format_value(median)
    text, up, down = _with_same_decimals(median, abs(above), abs(below))
    return f"{text} {'−' if above < -least else '+'}{up} {'+' if below > least else '−'}{down}"


def _decimals(value, n_digits):
    """Decimals for some significant digits of a number, which is rounded first."""
    exponent = int(f"{abs(value):.{n_digits - 1}e}".split("e")[1]) if value else 0
    return max(n_digits - 1 - exponent, 0)


def _with_same_decimals(value, *errors):
    """A number and its errors as text (list of str), with the same decimals if they are near 1."""
    error = max(errors)
    largest = max(abs(value), error)
    if largest and not _LEAST <= largest < _MOST:
        return [format_value(number) for number in (value, *errors)]
    decimals = _decimals(largest, _DIGITS)
    if error:
        decimals = min(decimals, _decimals(error, _DIGITS_OF_ERROR))
    return [format_number(number, decimals=decimals) for number in (value, *errors)]
