"""Checks of arguments, shared by the modules of the simulator."""

from numbers import Integral, Real

import numpy as np
from astropy import units as u

from dustest.data.bands import canonical_name
from dustest.data.checks.units import declared_unit
from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError

__all__ = [
    "as_arcsec",
    "check_band_names",
    "check_not_negative",
    "check_odd",
    "check_positive",
    "check_range",
    "check_whole",
]


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
        angle = to_floats(value, name, unit=u.arcsec)[()]
        return check_positive(angle, name)
    except InputError as error:
        msg = f"{name} must be a positive angle in arcsec, got {value!r}"
        raise InputError(msg) from error


def check_positive(value, name):
    """Convert to a positive finite float.

    Parameters
    ----------
    value : float
        The argument.
    name : str
        Name of the argument, for the message.

    Returns
    -------
    float
        The number.

    Raises
    ------
    InputError
        If it is not a positive finite number.
    """
    scalar = isinstance(value, Real | np.ndarray) and np.ndim(value) == 0
    scalar = scalar and declared_unit(value, name) is None
    if isinstance(value, bool) or not scalar or not 0.0 < value < np.inf:
        msg = f"{name} must be a positive finite number, got {value!r}"
        raise InputError(msg)
    return float(value)


def check_whole(value, name, *, minimum=1):
    """Convert to an integer of at least a minimum.

    Parameters
    ----------
    value : int
        The argument.
    name : str
        Name of the argument, for the message.
    minimum : int, optional
        Smallest allowed value.

    Returns
    -------
    int
        The number.

    Raises
    ------
    InputError
        If it is not such an integer.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < minimum:
        msg = f"{name} must be a whole number from {minimum}, got {value!r}"
        raise InputError(msg)
    return int(value)


def check_odd(value, name):
    """Convert to an odd number of pixels, so that one pixel is central.

    Parameters
    ----------
    value : int
        The argument.
    name : str
        Name of the argument, for the message.

    Returns
    -------
    int
        The number.

    Raises
    ------
    InputError
        If it is not odd.
    """
    if check_whole(value, name) % 2 == 0:
        msg = f"{name} must be an odd number of pixels, so that one is central, got {value!r}"
        raise InputError(msg)
    return int(value)


def check_not_negative(value, name):
    """Convert to a finite, non-negative float.

    Parameters
    ----------
    value : float
        The argument.
    name : str
        Name of the argument, for the message.

    Returns
    -------
    float
        The number.

    Raises
    ------
    InputError
        If it is not such a number.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0.0 <= value < np.inf:
        msg = f"{name} must be a finite number that is not negative, got {value!r}"
        raise InputError(msg)
    return float(value)


def check_range(value, name, lowest, highest):
    """Convert one number, or two limits, to a range.

    Parameters
    ----------
    value : float or tuple of float
        The argument.
    name : str
        Name of the argument, for the message.
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


def check_band_names(bands, name):
    """Convert to canonical names of different bands.

    Parameters
    ----------
    bands : sequence of str
        The argument.
    name : str
        Name of the argument, for the message.

    Returns
    -------
    tuple of str
        The names.

    Raises
    ------
    InputError
        If it is one string, a name is unknown, or two names mean one band.
    """
    if isinstance(bands, str):
        msg = f"{name} must be a sequence of names such as [{bands!r}], got one string"
        raise InputError(msg)
    names = tuple(canonical_name(band) for band in bands)
    if len(set(names)) < len(names):
        msg = f"{name} must name each band once, got {', '.join(names)}"
        raise InputError(msg)
    return names
