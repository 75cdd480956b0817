"""Formatting of numbers."""

import math

from dustest.data.quantities import QUANTITIES

__all__ = [
    "NOTHING",
    "decimals_for",
    "format_column",
    "format_interval",
    "format_number",
    "format_with_error",
]

NOTHING = "–"
"""Text for a missing number."""

_MAX_DECIMALS = 8


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
    >>> from dustest.report.numbers import decimals_for
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
    >>> from dustest.report.numbers import format_number
    >>> format_number(-0.1234), format_number(float("nan")), format_number(2.0, decimals=1)
    ('−0.12', '–', '2.0')
    """
    if not math.isfinite(value):
        return NOTHING
    decimals = decimals_for(value) if decimals is None else decimals
    # Rounding first, then adding zero, avoids "-0.00".
    rounded = round(float(value), decimals) + 0.0
    return f"{rounded:{'+' if sign else ''}.{decimals}f}".replace("-", "−")


def format_with_error(value, error, *, decimals):
    """Format a number and its error with the same decimals.

    Parameters
    ----------
    value, error : float
        The number and its standard error.
    decimals : int
        Decimals of both.

    Returns
    -------
    text : str
        Such as ``0.123 ± 0.031``; without an error the number only, and a dash for NaN.

    Examples
    --------
    >>> from dustest.report.numbers import format_with_error
    >>> format_with_error(0.1234, 0.0311, decimals=3), format_with_error(0.1, 2e-5, decimals=3)
    ('0.123 ± 0.031', '0.100 ± <0.001')
    """
    text = format_number(value, decimals=decimals)
    if not (math.isfinite(value) and math.isfinite(error) and error > 0):
        return text
    least = 10.0**-decimals
    shown = format_number(max(error, least), decimals=decimals)
    return f"{text} ± {'<' if error < least / 2 else ''}{shown}"


def format_interval(value, low, high, *, decimals=2):
    """Format a median and its percentiles.

    Parameters
    ----------
    value, low, high : float
        The median, and the percentiles below and above.
    decimals : int, optional
        Decimals of all three.

    Returns
    -------
    text : str
        Such as ``0.41 +0.31 −0.31``; the median alone if there are no percentiles.

    Examples
    --------
    >>> from dustest.report.numbers import format_interval
    >>> format_interval(0.41, 0.1, 0.72), format_interval(0.4, float("nan"), float("nan"))
    ('0.41 +0.31 −0.31', '0.40')
    """
    text = format_number(value, decimals=decimals)
    if not (math.isfinite(low) and math.isfinite(high) and math.isfinite(value)):
        return text
    parts = (format_number(end - value, decimals=decimals, sign=True) for end in (high, low))
    return " ".join([text, *parts])


def format_column(value, name):
    """Format a number of a table's column, with the decimals of its quantity.

    Parameters
    ----------
    value : float
        The number.
    name : str
        Name of the column: a quantity, or a name that begins with one, such as ``A_V_p16``.

    Returns
    -------
    text : str
        The number as text.

    Examples
    --------
    >>> from dustest.report.numbers import format_column
    >>> format_column(0.1234, "A_V"), format_column(-8.1, "log_sSFR_10"), format_column(1.5, "x")
    ('0.12', '−8.10', '1.5')
    """
    found = [q for q in QUANTITIES.values() if name == q.name or name.startswith(f"{q.name}_")]
    return format_number(value, decimals=found[0].digits if found else None)
