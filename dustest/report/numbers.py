"""Numbers as people read them."""

import math

__all__ = ["decimals_for", "format_number", "format_with_error"]

_MAX_DECIMALS = 8
_TWO_DIGIT_LIMIT = 3.55


def decimals_for(scale):
    """Decimals at which a number of this size shows two significant digits.

    Parameters
    ----------
    scale : float
        Size of the number, usually an error.

    Returns
    -------
    decimals : int
        From 0 to 8; 2 where the scale says nothing (zero or not finite).

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
    """A number with a true minus sign, or a dash where there is none.

    Parameters
    ----------
    value : float
        The number.
    decimals : int, optional
        Digits after the point; by default enough for two significant ones.
    sign : bool, optional
        Whether to show a plus.

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
        return "–"
    decimals = decimals_for(value) if decimals is None else decimals
    # Rounding first, then adding zero, so that no "-0.00" comes out.
    rounded = round(float(value), decimals) + 0.0
    return f"{rounded:{'+' if sign else ''}.{decimals}f}".replace("-", "−")


def format_with_error(value, error):
    """A number and its error, rounded as the Particle Data Group rounds.

    Parameters
    ----------
    value, error : float
        The number and its standard error, which keeps two significant digits if they are 35
        or less and one otherwise.

    Returns
    -------
    text : str
        Such as ``0.123 ± 0.031``; without an error the bare number, and a dash for NaN.

    References
    ----------
    Navas et al. 2024, Phys. Rev. D 110, 030001, section 5.3 of the introduction.

    Examples
    --------
    >>> from dustest.report.numbers import format_with_error
    >>> format_with_error(0.1234, 0.0311), format_with_error(0.1234, 0.0571)
    ('0.123 ± 0.031', '0.12 ± 0.06')
    """
    if not (math.isfinite(value) and math.isfinite(error) and error > 0):
        return format_number(value)
    decimals = decimals_for(error)
    leading = error / 10.0 ** math.floor(math.log10(error))
    if leading >= _TWO_DIGIT_LIMIT:
        decimals = max(decimals - 1, 0)
    return f"{format_number(value, decimals=decimals)} ± {format_number(error, decimals=decimals)}"
