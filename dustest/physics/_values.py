"""Conversion of arguments of physics functions to floats: units, masks and missing values."""

import numpy as np
from astropy import units as u

from dustest.data.bands import Band, get_band
from dustest.data.checks.units import declared_unit
from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError

__all__ = [
    "as_angstrom",
    "as_curves",
    "as_magnitudes",
    "as_redshift",
    "as_redshifts",
]


def as_angstrom(wavelength, name="wavelength"):
    """Convert wavelengths to Angstrom.

    Parameters
    ----------
    wavelength : array_like, Column or Quantity
        Positive and finite; in any spectral unit, Angstrom without one.
    name : str, optional
        Name of the argument, for the message.

    Returns
    -------
    values : ndarray
        In Angstrom.

    Raises
    ------
    InputError
        If they are not such numbers, or have another unit.
    """
    values = to_floats(wavelength, name, unit=u.AA, equivalencies=u.spectral(), sentinels=False)
    # False for NaN too.
    if not np.all(values > 0):
        msg = f"{name} must be positive and finite, without missing values"
        raise InputError(msg)
    return values


def as_curves(bands):
    """Look up bands by a sequence of names.

    Parameters
    ----------
    bands : sequence of str or Band
        The argument.

    Returns
    -------
    curves : list of Band
        The bands.

    Raises
    ------
    InputError
        If it is one name, or contains an unknown one.
    """
    if isinstance(bands, str | Band):
        msg = f"bands must be a sequence of names such as ['F150W', 'F200W'], got {bands!r}"
        raise InputError(msg)
    return [get_band(band) for band in bands]


def as_magnitudes(value, name):
    """Convert values to mag, with a unit if they have one.

    Parameters
    ----------
    value : array_like, Column or Quantity
        In mag without a unit.
    name : str
        Name of the argument, for the message.

    Returns
    -------
    values : float, ndarray or Quantity
        In mag, NaN if missing; a Quantity where ``value`` declares a unit.

    Raises
    ------
    InputError
        If they are not numbers, or have a unit other than mag.
    """
    unit = declared_unit(value, name)
    # Decades and decibels convert too, but with the other sign.
    if unit is not None and (not unit.is_equivalent(u.mag) or unit.to(u.mag) < 0):
        msg = f"{name} must be in mag, got {unit}"
        raise InputError(msg)
    values = to_floats(value, name, unit=u.mag)[()]
    return values if unit is None else values << u.mag


def as_redshifts(redshift, ndim=None):
    """Convert redshifts, which have no unit.

    Parameters
    ----------
    redshift : array_like, Column or Quantity
        Redshifts.
    ndim : int, optional
        Number of axes that they must have.

    Returns
    -------
    values : ndarray
        NaN if missing.

    Raises
    ------
    InputError
        If they are not numbers, have other axes, or a unit.
    """
    return to_floats(redshift, "redshift", ndim=ndim)


def as_redshift(redshift, *, above_zero=False):
    """Convert one redshift.

    Parameters
    ----------
    redshift : float
        Redshift, without a unit.
    above_zero : bool, optional
        Whether zero is an error too, as it has no distance.

    Returns
    -------
    value : float
        The same.

    Raises
    ------
    InputError
        If it is not one finite number, or negative.
    """
    value = as_redshifts(redshift)
    good = value.ndim == 0 and (value > 0 if above_zero else value >= 0)
    if not good:
        sign = "above zero" if above_zero else "not negative"
        msg = f"redshift must be one finite number, {sign}, got {redshift!r}"
        raise InputError(msg)
    return float(value)
