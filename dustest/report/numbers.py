"""Formatting of metrics and of numbers of columns."""

import math

from dustest.data.formatting import format_number
from dustest.data.quantities import QUANTITIES

__all__ = ["format_column", "format_with_error"]


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
