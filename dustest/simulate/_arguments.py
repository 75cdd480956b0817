"""Checks of arguments that the rooms of the simulator share."""

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
    """Positive angle in arcsec.

    Parameters
    ----------
    value : float or `~astropy.units.Quantity`
        The argument; a bare number is in arcsec.
    name : str
        Name of the argument, for the sentence.

    Returns
    -------
    float
        The angle.

    Raises
    ------
    InputError
        If it is no positive finite angle.
    """
    try:
        angle = to_floats(value, name, unit=u.arcsec)[()]
        return check_positive(angle, name)
    except InputError as error:
        msg = f"{name} must be a positive angle in arcsec, got {value!r}"
        raise InputError(msg) from error


def check_positive(value, name):
    """Positive finite number as a float.

    Parameters
    ----------
    value : float
        The argument.
    name : str
        Name of the argument, for the sentence.

    Returns
    -------
    float
        The same.

    Raises
    ------
    InputError
        If it is not one positive finite number.
    """
    scalar = isinstance(value, Real | np.ndarray) and np.ndim(value) == 0
    scalar = scalar and declared_unit(value, name) is None
    if isinstance(value, bool) or not scalar or not 0.0 < value < np.inf:
        msg = f"{name} must be a positive finite number, got {value!r}"
        raise InputError(msg)
    return float(value)


def check_whole(value, name, *, minimum=1):
    """Whole number from a minimum up.

    Parameters
    ----------
    value : int
        The argument.
    name : str
        Name of the argument, for the sentence.
    minimum : int, optional
        Smallest value that will do.

    Returns
    -------
    int
        The same.

    Raises
    ------
    InputError
        If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < minimum:
        msg = f"{name} must be a whole number from {minimum}, got {value!r}"
        raise InputError(msg)
    return int(value)


def check_odd(value, name):
    """Odd number of pixels, so that one pixel is the central one.

    Parameters
    ----------
    value : int
        The argument.
    name : str
        Name of the argument, for the sentence.

    Returns
    -------
    int
        The same.

    Raises
    ------
    InputError
        If it is not.
    """
    if check_whole(value, name) % 2 == 0:
        msg = f"{name} must be an odd number of pixels, so that one is central, got {value!r}"
        raise InputError(msg)
    return int(value)


def check_not_negative(value, name):
    """Finite number of zero or more as a float.

    Parameters
    ----------
    value : float
        The argument.
    name : str
        Name of the argument, for the sentence.

    Returns
    -------
    float
        The same.

    Raises
    ------
    InputError
        If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0.0 <= value < np.inf:
        msg = f"{name} must be a finite number that is not negative, got {value!r}"
        raise InputError(msg)
    return float(value)


def check_range(value, name, lowest, highest):
    """One number, or the two ends of a range.

    Parameters
    ----------
    value : float or tuple of float
        The argument.
    name : str
        Name of the argument, for the sentence.
    lowest, highest : float
        Limits of both ends; infinity itself is never one.

    Returns
    -------
    low, high : float
        The ends, equal for one number.

    Raises
    ------
    InputError
        If it is neither, bears a unit, or the ends are in the wrong order or beyond the limits.
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
    """Canonical names of different bands.

    Parameters
    ----------
    bands : sequence of str
        The argument.
    name : str
        Name of the argument, for the sentence.

    Returns
    -------
    tuple of str
        The names.

    Raises
    ------
    InputError
        If it is one string, a name is not known, or two stand for one band.
    """
    if isinstance(bands, str):
        msg = f"{name} must be a sequence of names such as [{bands!r}], got one string"
        raise InputError(msg)
    names = tuple(canonical_name(band) for band in bands)
    if len(set(names)) < len(names):
        msg = f"{name} must name each band once, got {', '.join(names)}"
        raise InputError(msg)
    return names
