"""Checks of single columns: type, shape, unit, and what counts as missing."""

import numpy as np
from astropy import units as u

from dustest.data.bands import canonical_name, get_band
from dustest.data.errors import InputError

__all__ = ["FLUX_UNIT", "SPECTRAL_UNIT", "band_column_name", "canonical_column", "column_name"]

FLUX_UNIT = u.nJy
"""Unit of photometry and of cutout pixels inside dustest."""

SPECTRAL_UNIT = u.erg / u.s / u.cm**2 / u.AA
"""Unit of spectra inside dustest."""

_MISSING_VALUES = (-99.0, -999.0, -9999.0)
_FAINTEST_MAGNITUDE = 90.0
_PLAIN_COLUMNS = {
    "redshift": None,
    "redshift_err": None,
    "ra": u.deg,
    "dec": u.deg,
    "pixel_scale": u.arcsec,
}

_BAND_PREFIXES = (
    "flux_err_",
    "flux_",
    "cutout_err_",
    "cutout_mask_",
    "cutout_meta_",
    "cutout_wcs_",
    "cutout_",
)


def column_name(name):
    """Column name with the band in its short form.

    Parameters
    ----------
    name : str
        Column name as the user has it.

    Returns
    -------
    canonical : str
        Such as ``flux_F277W`` for ``flux_JWST/NIRCam.F277W``.
    """
    for prefix in _BAND_PREFIXES:
        if name.startswith(prefix):
            return prefix + band_column_name(name.removeprefix(prefix))
    return name


def band_column_name(band):
    """Short name of a band; names of unknown cameras stay as they are.

    Parameters
    ----------
    band : str
        Short name, SVO identifier or any spelling that `canonical_name` knows.

    Returns
    -------
    name : str
        Name to use in columns.
    """
    try:
        return canonical_name(band)
    except InputError:
        return band


def canonical_column(name, column, table):
    """One column checked, in the unit of the inside, with NaN for missing.

    Parameters
    ----------
    name : str
        Canonical name.
    column : Column, Quantity or ndarray of shape (n, ...)
        Values as the user has them.
    table : dict of str to column
        All columns by canonical name: magnitudes need their partner, spectra their
        wavelength.

    Returns
    -------
    values : ndarray or Quantity of shape (n, ...)
        Values inside dustest; columns that dustest does not know come back as they are.

    Raises
    ------
    InputError
        If the column has the wrong unit, shape or type.
    """
    if name.startswith(("flux_", "cutout_")):
        return _band_column(name, column, table)
    if name in _PLAIN_COLUMNS:
        return _vector(name, column, _PLAIN_COLUMNS[name])
    if name == "spectrum_wavelength":
        return _quantity(name, column, u.AA, u.spectral(), ndim=2)
    if name in ("spectrum_flux", "spectrum_flux_err"):
        observed = _partner(name, "spectrum_wavelength", table)
        wavelength = _quantity("spectrum_wavelength", observed, u.AA, u.spectral(), ndim=2)
        return _quantity(name, column, SPECTRAL_UNIT, u.spectral_density(wavelength), ndim=2)
    if name == "flags":
        return _integers(name, column)
    if name == "features":
        return _floats(name, column, ndim=2)
    return column


def _band_column(name, column, table):
    """A photometry or cutout column."""
    if name.startswith("flux_err_"):
        return _flux_error(name, column, _partner(name, name.replace("_err", ""), table))
    if name.startswith("flux_"):
        return _flux(name, column)
    if name.startswith("cutout_mask_"):
        return _mask(name, column)
    if name.startswith(("cutout_meta_", "cutout_wcs_")):
        return column
    return _cutout(name, column)


def _partner(name, other, table):
    """The column that this one needs."""
    if other not in table:
        msg = f"column {name} needs column {other}, which is missing"
        raise InputError(msg)
    return table[other]


def _is_magnitude(column):
    """Whether a column holds AB magnitudes."""
    return str(getattr(column, "unit", None) or "") in ("mag(AB)", "ABmag", "AB")


def _flux(name, column):
    """Flux density in nJy from a flux density or AB magnitudes."""
    values = _floats(name, column, ndim=1)
    if _is_magnitude(column):
        values = np.where(np.abs(values) < _FAINTEST_MAGNITUDE, values, np.nan)
        return (values * u.ABmag).to(FLUX_UNIT)
    return _quantity(name, column, FLUX_UNIT, _at_pivot(name, column), ndim=1)


def _at_pivot(name, column):
    """What turns a flux density per wavelength into one per frequency: the band's pivot."""
    unit = getattr(column, "unit", None)
    if unit is None or not _convertible(unit, SPECTRAL_UNIT):
        return ()
    band = name.removeprefix("flux_").removeprefix("err_")
    return u.spectral_density(get_band(band).pivot * u.AA)


def _flux_error(name, column, flux):
    """Flux error in nJy; an error in magnitudes is turned with the flux."""
    in_magnitudes = _is_magnitude(column) or getattr(column, "unit", None) == u.mag
    if not in_magnitudes:
        return _quantity(name, column, FLUX_UNIT, _at_pivot(name, column), ndim=1)
    if not _is_magnitude(flux):
        msg = f"column {name} is in mag, so its flux must be in AB magnitudes, got {flux.unit}"
        raise InputError(msg)
    error = _floats(name, column, ndim=1)
    error = np.where(np.abs(error) < _FAINTEST_MAGNITUDE, error, np.nan)
    return _flux(name, flux) * error * (0.4 * np.log(10.0))


def _cutout(name, column):
    """Cutouts as they came: in a unit of flux per pixel or surface brightness, or without."""
    values = np.asarray(column)
    if values.ndim != 3 or values.dtype.kind not in "iuf" or 0 in values.shape:
        msg = (
            f"column {name} must hold one 2-D image a row, shape (n, ny, nx) of numbers, "
            f"got {values.dtype} of shape {values.shape}"
        )
        raise InputError(msg)
    unit = getattr(column, "unit", None)
    filled = _filled(column, values)
    if unit is None or unit == u.dimensionless_unscaled:
        return filled
    if not (_convertible(unit, FLUX_UNIT) or _convertible(unit, FLUX_UNIT / u.sr)):
        msg = (
            f"column {name} must be in a flux density per pixel or surface brightness, got {unit}"
        )
        raise InputError(msg)
    return u.Quantity(filled, unit, copy=False, dtype=filled.dtype)


def _convertible(unit, target):
    """Whether a unit converts without equivalencies."""
    return u.Unit(unit).is_equivalent(target)


def _filled(column, values):
    """Values with masked entries as NaN."""
    mask = getattr(column, "mask", None)
    if mask is None or not np.any(mask):
        return values
    return np.where(mask, np.nan, values)


def _mask(name, column):
    """Boolean pixel mask; True is bad."""
    mask = np.asarray(column)
    if mask.ndim != 3 or mask.dtype.kind not in "biu":
        msg = (
            f"column {name} must hold one boolean image a row, shape (n, ny, nx), "
            f"got {mask.dtype} of shape {mask.shape}"
        )
        raise InputError(msg)
    return mask.astype(bool)


def _vector(name, column, unit):
    """One number a row, in a unit or without."""
    if unit is None or getattr(column, "unit", None) is None:
        values = _floats(name, column, ndim=1)
        return values if unit is None else values << unit
    return _quantity(name, column, unit, ndim=1)


def _quantity(name, column, unit, equivalencies=(), ndim=1):
    """A column with a unit, converted; missing is NaN."""
    given = getattr(column, "unit", None)
    if given is None:
        msg = f"column {name} must have a unit such as {unit}, got none; set table[{name!r}].unit"
        raise InputError(msg)
    values = _floats(name, column, ndim)
    try:
        return u.Quantity(values, given).to(unit, equivalencies)
    except u.UnitsError as error:
        msg = f"column {name} must have a unit that converts to {unit}, got {given}"
        raise InputError(msg) from error


def _floats(name, column, ndim):
    """Floats of a column with NaN where masked or set to a sentinel."""
    values = np.asarray(column)
    if values.dtype.kind not in "iuf" or values.ndim != ndim:
        msg = (
            f"column {name} must hold numbers with {ndim} axes, "
            f"got {values.dtype} of shape {values.shape}"
        )
        raise InputError(msg)
    values = _filled(column, values).astype(float)
    if name in ("ra", "dec", "features"):
        return values
    return np.where(np.isin(values, _MISSING_VALUES), np.nan, values)


def _integers(name, column):
    """A column of integers."""
    values = np.asarray(column)
    if values.ndim != 1 or values.dtype.kind not in "iu":
        msg = f"column {name} must hold integers, got {values.dtype} of shape {values.shape}"
        raise InputError(msg)
    return values.astype(np.int32)
