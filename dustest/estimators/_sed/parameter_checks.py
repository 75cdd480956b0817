"""Checks of the parameters of an SED fit, with the remedy in the caller's terms."""

import numpy as np
from astropy import units as u

from dustest.data.errors import InputError
from dustest.data.messages import did_you_mean

__all__ = ["check_choice", "years"]

_TIMES = ("yr", "kyr", "Myr", "Gyr", "s")
_LEAST_TIMESCALE = 1e6  # yr, the youngest age of stars in the models


def check_choice(name, value, allowed):
    """Raise an error for a value outside a list.

    Parameters
    ----------
    name : str
        Name of the parameter, as the caller writes it.
    value : object
        Its value.
    allowed : iterable of str
        Allowed values.

    Raises
    ------
    InputError
        If it is none of them.
    """
    if not isinstance(value, str) or value not in allowed:
        hint = did_you_mean(value, allowed)
        msg = f"{name} must be one of {', '.join(allowed)}, got {value!r}: {hint}"
        raise InputError(msg.rstrip(": "))


def years(name, timescale):
    """Convert a time to years.

    Parameters
    ----------
    name : str
        Name of the parameter, as the caller writes it.
    timescale : `~astropy.units.Quantity`, Column, str or float
        The time, of at least 1 Myr; a number is in Myr.

    Returns
    -------
    float
        In years.

    Raises
    ------
    InputError
        If it is not a time, or too short.

    Examples
    --------
    >>> from astropy import units as u
    >>> from dustest.estimators._sed.parameter_checks import years
    >>> years("sfr_timescale", 10), years("sfr_timescale", 0.1 * u.Gyr)
    (10000000.0, 100000000.0)
    """
    try:
        value = _quantity(timescale).to_value(u.yr)
    except (TypeError, ValueError, u.UnitConversionError):
        value = np.nan
    if np.size(value) != 1 or not _LEAST_TIMESCALE <= np.squeeze(value) < np.inf:
        msg = (
            f"{name} must be one time of at least 1 Myr, such as 100 * u.Myr (a number is in "
            f"Myr), got {timescale!r}: {_unit_hint(timescale)}"
        )
        raise InputError(msg.rstrip(": "))
    return float(np.squeeze(value))


def _quantity(timescale):
    """A time as a quantity, from any object with a unit."""
    if isinstance(timescale, bool) or np.ma.is_masked(timescale):
        raise TypeError
    if isinstance(timescale, str):
        return u.Quantity(timescale)
    unit = getattr(timescale, "unit", None)
    return u.Quantity(timescale, u.Myr if unit is None else None)


def _unit_hint(timescale):
    """Suggestion for the unit of a time; empty if it is one."""
    declared = getattr(timescale, "unit", None)
    if isinstance(timescale, str):
        declared = timescale.lstrip("0123456789.eE+- ").rstrip()
    text = str(declared or "")
    return "" if text in _TIMES else did_you_mean(text, _TIMES)
