"""Conversion of the columns of a spectrum."""

from fractions import Fraction

import numpy as np
from astropy import units as u

from dustest.data.checks.images import ERROR_POWERS, to_deviation
from dustest.data.checks.units import (
    agree,
    evident_unit,
    explain_unit,
    is_spectral_flux,
    parse_unit,
    resolve_unit,
)
from dustest.data.checks.values import bare_values, to_floats
from dustest.data.errors import InputError
from dustest.data.messages import argument

__all__ = ["flux_and_error", "is_positive", "is_spectral", "wavelength_of"]


def is_positive(values):
    """Whether numbers are positive and finite.

    Parameters
    ----------
    values : ndarray
        Numbers.

    Returns
    -------
    answer : ndarray of bool
        Whether each is.
    """
    return np.isfinite(values) & (values > 0)


def wavelength_of(columns, given):
    """Wavelengths of a spectrum in a file.

    Parameters
    ----------
    columns : SpectrumColumns
        Its columns.
    given : Unit or None
        Unit given by the user.

    Returns
    -------
    wavelength : ndarray of shape (n,)
        Wavelengths in Angstrom; NaN if not a positive number.

    Raises
    ------
    InputError
        If the unit is missing, not understood, contradictory, or not one of wavelengths.
    """
    column = columns.wavelength
    declared = parse_unit(column.unit)
    is_log = columns.is_log or isinstance(declared, u.DexUnit)
    if isinstance(declared, u.DexUnit):
        declared = declared.physical_unit
    unit = _unit(
        column,
        declared if is_log else column.unit,
        given,
        "wavelength_unit",
        columns.assumed.get(column.name),
    )
    values = to_floats(_without_unit(column), f"column {column.name}")
    with np.errstate(over="ignore", under="ignore"):
        values = np.power(10.0, values) if is_log else values
    values = np.where(is_positive(values), values, np.nan)
    return u.Quantity(values, unit).to_value(u.AA, u.spectral())


def flux_and_error(columns, given):
    """Fluxes of a spectrum in a file, and their errors.

    Parameters
    ----------
    columns : SpectrumColumns
        Its columns.
    given : Unit or None
        Unit given by the user.

    Returns
    -------
    flux, error : `~astropy.units.Quantity` of shape (n,)
        Flux densities and their standard deviations, NaN if missing.

    Raises
    ------
    InputError
        If the unit is missing, not understood, contradictory, or not one of flux densities.
    """
    flux, error = columns.flux, columns.error
    unit = _unit(flux, flux.unit, given, "flux_unit", columns.assumed.get(flux.name))
    values = to_floats(_without_unit(flux), f"column {flux.name}")
    deviation = to_deviation(
        to_floats(_without_unit(error), f"column {error.name}"), columns.error_kind
    )
    own = _error_unit(error, ERROR_POWERS[columns.error_kind], flux.unit, unit, given)
    return u.Quantity(values, unit), u.Quantity(deviation, own)


def _error_unit(error, power, declared_flux, unit, given):
    """Unit of standard deviations; that of the flux if the errors declare none or the same."""
    declared = parse_unit(error.unit)
    if declared is None or str(error.unit) == str(declared_flux):
        return unit
    if isinstance(declared, u.UnrecognizedUnit):
        if given is not None and (evident_unit(str(declared)) or unit) == unit:
            return unit
    elif isinstance(declared, u.UnitBase):
        root = declared if agree(declared, unit) else declared ** Fraction(1, power)
        if _is_flux(root):
            return root
    msg = (
        f"column {error.name} declares the unit {str(error.unit)!r}, which does not convert to "
        f"{unit**power}: {explain_unit(error.unit)}correct it in the file, or remove it where its "
        f"values are in {unit**power}"
    )
    raise InputError(msg)


def _unit(column, declared, given, argument_name, assumed):
    """Unit of a column: the declared one, the given one, or that of the layout."""
    is_flux = argument_name == "flux_unit"
    expected = (
        "a flux density per unit wavelength or frequency"
        if is_flux
        else "a wavelength, frequency, wavenumber or energy"
    )
    evident = evident_unit(str(declared))
    unit = resolve_unit(
        declared,
        given,
        _is_flux if is_flux else is_spectral,
        what=f"column {column.name}",
        expected=expected,
        remedy=argument(argument_name, "uJy" if is_flux else "um"),
        # Another spelling of a unit with a unique meaning is not replaced by the given unit.
        explicit=evident is None,
    )
    if unit is None and assumed is None:
        msg = (
            f"column {column.name} declares no unit: pass {argument_name}, such as "
            f"{argument(argument_name, 'uJy' if is_flux else 'um')}"
        )
        raise InputError(msg)
    return u.Unit(assumed) if unit is None else unit


def is_spectral(unit):
    """Whether a unit is one of wavelength, frequency, wavenumber or photon energy.

    Parameters
    ----------
    unit : Unit or None
        The unit.

    Returns
    -------
    answer : bool
        Whether it is.
    """
    return isinstance(unit, u.UnitBase) and unit.is_equivalent(u.AA, u.spectral())


def _is_flux(unit):
    """Whether a unit is one of spectral flux density."""
    return isinstance(unit, u.UnitBase) and is_spectral_flux(unit)


def _without_unit(column):
    """The same values without unit, masked if missing."""
    values, missing = bare_values(column)
    return np.ma.array(values, mask=False if missing is None else missing)
