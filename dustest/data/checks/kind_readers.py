"""Readers of columns of kinds that need more than a unit and a number of axes.

Each takes a `GivenColumn` and returns the values in canonical units.
"""

from dataclasses import dataclass, replace

import numpy as np
from astropy import units as u

from dustest.data.bands import get_band
from dustest.data.checks.missing_values import FAINTEST_MAGNITUDE
from dustest.data.checks.positions import to_degrees
from dustest.data.checks.units import (
    FLUX_UNIT,
    SPECTRAL_UNIT,
    declared_unit,
    is_magnitude,
)
from dustest.data.checks.values import bare_values, to_floats, to_flux_densities
from dustest.data.errors import InputError
from dustest.data.flags import as_flags

__all__ = ["READERS", "GivenColumn", "bare_stamps", "read_numbers"]


@dataclass(frozen=True)
class GivenColumn:
    """A column of a kind as given by the user.

    Parameters
    ----------
    record : KindColumn
        What it should be.
    name : str
        Canonical name.
    values : Column, Quantity or ndarray of shape (n, ...)
        Values as given.
    table : dict of str to column
        All columns by canonical name.
    item : str
        Band or line at the end of the name; empty if there is none.
    """

    record: object
    name: str
    values: object
    table: dict
    item: str = ""

    @property
    def label(self):
        """Name of the column in messages (str)."""
        return f"column {self.name}"

    @property
    def unit(self):
        """Unit that the values declare (Unit or None)."""
        return declared_unit(self.values, self.label)

    def partner(self, name):
        """Get another column of the table that this one needs.

        Parameters
        ----------
        name : str
            Canonical name of the other column.

        Returns
        -------
        given : GivenColumn
            The other column.

        Raises
        ------
        InputError
            If the table does not have it.
        """
        if name not in self.table:
            msg = f"{self.label} needs column {name}, which is missing"
            raise InputError(msg)
        return replace(self, name=name, values=self.table[name])


def read_numbers(given, equivalencies=()):
    """Read numbers in the unit of the record.

    Parameters
    ----------
    given : GivenColumn
        Column as given by the user.
    equivalencies : list, optional
        Of `astropy.units`, for the conversion.

    Returns
    -------
    values : ndarray or Quantity of float of shape (n, ...)
        In the unit of the record.

    Raises
    ------
    InputError
        If they are not such numbers, or have no unit and must have one.
    """
    record = given.record
    _check_unit(given)
    values = to_floats(
        given.values,
        given.label,
        unit=record.unit,
        equivalencies=equivalencies,
        ndim=record.axes,
        sentinels=record.sentinels,
    )
    return values if record.unit is None else values << record.unit


def _check_unit(given):
    """Raise an error for a column without a unit that must have one."""
    if given.record.needs_unit and given.unit is None:
        msg = (
            f"{given.label} must have a unit such as {given.record.unit}, got none; set "
            f"table[{given.name!r}].unit"
        )
        raise InputError(msg)


def _read_anything(given):
    """Keep a column unchanged."""
    return given.values


def _read_angle(given):
    """Read an angle of a position in degrees, also from text."""
    return to_degrees(given.values, given.label, given.record.name) << given.record.unit


def _read_flag_bits(given):
    """Read flag bits, one integer a row."""
    remedy = f"{given.label} (rename the column if it is your own)"
    values = as_flags(given.values, remedy)
    if values.ndim != given.record.axes:
        msg = f"{remedy} must hold one integer a row, got the shape {values.shape}"
        raise InputError(msg)
    return values


def _read_flux(given):
    """Read a flux density in nJy from a flux density or AB magnitudes."""
    if given.unit == u.ABmag:
        values = to_floats(given.values, given.label, unit=u.ABmag, ndim=given.record.axes)
        values = np.where(np.abs(values) < FAINTEST_MAGNITUDE, values, np.nan)
        return (values * u.ABmag).to(FLUX_UNIT)
    return read_numbers(given, _at_pivot(given))


def _read_flux_error(given):
    """Read a flux error in nJy; an error in magnitudes is converted with the flux."""
    flux = given.partner(f"flux_{given.item}")
    if not is_magnitude(given.unit):
        return read_numbers(given, _at_pivot(given))
    if flux.unit != u.ABmag:
        msg = (
            f"{given.label} is in mag, so its flux must be in AB magnitudes, got "
            f"{flux.values.unit}"
        )
        raise InputError(msg)
    # A difference of magnitudes has no zero point.
    error = to_floats(_in_magnitudes(given.values), given.label, unit=u.mag, ndim=1)
    return _read_flux(flux) * error * (0.4 * np.log(10.0))


def _in_magnitudes(column):
    """The same values in plain magnitudes, for any zero point of their unit."""
    values, missing = bare_values(column)
    return np.ma.array(values, mask=False if missing is None else missing)


def _at_pivot(given):
    """Equivalency of flux densities per wavelength and per frequency: the band's pivot."""
    if given.unit is None or not given.unit.is_equivalent(SPECTRAL_UNIT):
        return ()
    return u.spectral_density(get_band(given.item).pivot * u.AA)


def _read_stamps(given):
    """Read cutouts in their unit: a flux per pixel, a surface brightness, or none."""
    values, missing = bare_values(given.values)
    is_cube = values.ndim == given.record.axes and 0 not in values.shape
    if not is_cube or values.dtype.kind not in "iuf":
        msg = (
            f"{given.label} must hold one 2-D image a row, shape (n, ny, nx) of numbers, "
            f"got {values.dtype} of shape {values.shape}"
        )
        raise InputError(msg)
    unit = given.unit
    filled = values if missing is None else np.where(missing, np.nan, values)
    if unit is None:
        return filled
    # Magnitudes convert to fluxes, but are no unit of an image.
    is_linear = isinstance(unit, u.UnitBase)
    if not (is_linear and any(map(unit.is_equivalent, (FLUX_UNIT, FLUX_UNIT / u.sr)))):
        msg = (
            f"{given.label} must be in a flux density per pixel or surface brightness, got {unit}"
        )
        raise InputError(msg)
    return u.Quantity(filled, unit, copy=False, dtype=filled.dtype)


def bare_stamps(sample, name):
    """Convert images of one band to nJy per pixel, in single precision if they were.

    Parameters
    ----------
    sample : GalaxySample
        Checked sample.
    name : str
        Column.

    Returns
    -------
    values : ndarray of shape (n, ny, nx)
        Without a unit.

    Raises
    ------
    InputError
        If they are a surface brightness, and the sample has no pixel scale.
    """
    column = sample[name]
    unit = getattr(column, "unit", None)
    values = np.asarray(column)
    values = values.astype(np.result_type(values.dtype, np.float32), copy=False)
    if unit is None:
        return values
    if unit.is_equivalent(FLUX_UNIT):
        factor = unit.to(FLUX_UNIT)
    else:
        factor = _pixel_area(sample, name, unit).astype(values.dtype)[:, None, None]
    return values if np.all(factor == 1.0) else values * factor


def _pixel_area(sample, name, unit):
    """Factor of each row from a surface brightness to nJy per pixel."""
    if "pixel_scale" not in sample.colnames:
        msg = (
            f"column {name} is a surface brightness ({unit}), so the sample needs a column "
            "pixel_scale in arcsec to turn it into a flux per pixel"
        )
        raise InputError(msg)
    return (sample["pixel_scale"] ** 2 * unit).to_value(FLUX_UNIT)


def _read_mask(given):
    """Read a boolean pixel mask; True is bad."""
    mask = np.asarray(given.values)
    if mask.ndim != given.record.axes or mask.dtype.kind not in "biu":
        msg = (
            f"{given.label} must hold one boolean image a row, shape (n, ny, nx), "
            f"got {mask.dtype} of shape {mask.shape}"
        )
        raise InputError(msg)
    return mask.astype(bool)


def _read_wavelength(given):
    """Read the wavelengths of spectra, also from frequencies or energies."""
    return read_numbers(given, u.spectral())


def _read_spectral_flux(given):
    """Read spectral flux densities per unit wavelength, also from those per unit frequency."""
    observed = given.partner("spectrum_wavelength")
    wavelength = to_floats(
        observed.values, observed.label, unit=u.AA, equivalencies=u.spectral(), ndim=2
    )
    _check_unit(given)
    if np.ndim(given.values) == 2 and np.shape(given.values) != wavelength.shape:
        msg = (
            f"{given.label} must have the shape of {observed.label}, {wavelength.shape}, got "
            f"{np.shape(given.values)}: fill shorter spectra with NaN"
        )
        raise InputError(msg)
    unit = given.record.unit
    return (
        to_flux_densities(given.values, given.label, wavelength << u.AA, unit=unit, ndim=2) << unit
    )


def _read_grid(given):
    """Read the redshifts of probability densities: ascending in each row, or all missing."""
    grid = read_numbers(given)
    ascends = np.all(np.diff(grid, axis=1) > 0, axis=1)
    _refuse_rows(~(ascends | np.all(np.isnan(grid), axis=1)), given, "ascend")
    return grid


def _read_density(given):
    """Read probability densities: none is negative."""
    density = read_numbers(given)
    _refuse_rows(np.any(density < 0, axis=1), given, "not be negative")
    return density


def _refuse_rows(wrong, given, what):
    """Raise an error if a row of a two-dimensional column is invalid."""
    if np.any(wrong):
        row = int(np.flatnonzero(wrong)[0])
        msg = f"{given.label} must {what} in every row, got row {row}: correct it or mask it whole"
        raise InputError(msg)


READERS = {
    "angle": _read_angle,
    "anything": _read_anything,
    "density": _read_density,
    "flag_bits": _read_flag_bits,
    "flux": _read_flux,
    "flux_error": _read_flux_error,
    "grid": _read_grid,
    "mask": _read_mask,
    "spectral_flux": _read_spectral_flux,
    "stamps": _read_stamps,
    "wavelength": _read_wavelength,
}
"""Functions that read a `GivenColumn`, by what it holds."""
