"""Single columns of a sample: whose they are, their type, shape and unit."""

import warnings
from collections.abc import Mapping

import numpy as np
from astropy import units as u

from dustest.data.bands import Band, canonical_name, get_band
from dustest.data.checks.positions import POSITION_RANGES, to_degrees
from dustest.data.checks.units import (
    FLUX_UNIT,
    SPECTRAL_UNIT,
    declared_unit,
    is_flux,
    is_magnitude,
)
from dustest.data.checks.values import (
    FAINTEST_MAGNITUDE,
    bare_values,
    to_floats,
    to_flux_densities,
)
from dustest.data.errors import DustestWarning, InputError
from dustest.data.flags import as_flags
from dustest.data.messages import did_you_mean, shown

__all__ = ["band_column_name", "by_band", "canonical_column", "column_name", "is_sample_column"]

_PLAIN_COLUMNS = {
    "redshift": None,
    "redshift_err": None,
    "ra": u.deg,
    "dec": u.deg,
    "pixel_scale": u.arcsec,
    "foreground_ebv": u.mag,
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


def _split(name):
    """Prefix and band of a column name; no prefix where it is none of a band."""
    prefix = next((prefix for prefix in _BAND_PREFIXES if name.startswith(prefix)), "")
    return prefix, name.removeprefix(prefix)


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
    prefix, band = _split(name)
    return prefix + band_column_name(band) if prefix else name


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


def by_band(given, bands, name):
    """Entries of an argument that is a dictionary by band, by the short names of the bands.

    Parameters
    ----------
    given : dict of str to object
        The argument; its keys are bands in any spelling, or `~dustest.data.bands.Band`.
    bands : sequence of str or None
        Short names of the bands that the keys may name; `None` for any.
    name : str
        Name of the argument, for an error.

    Returns
    -------
    entries : dict of str to object
        In the order in which they are given.

    Raises
    ------
    InputError
        If it is no dictionary, or a key is no band, names none of the bands, or one that another
        key names too.

    Examples
    --------
    >>> from dustest.data.checks.sample_columns import by_band
    >>> by_band({"jwst/nircam.f277w": 2.6}, ["F277W", "F444W"], "noise_factor")
    {'F277W': 2.6}
    """
    if not isinstance(given, Mapping):
        msg = f"{name} must be a dict by band, got {type(given).__name__} {given!r:.50}"
        raise InputError(msg)
    entries = {}
    for key, value in given.items():
        band = _band_of_key(key, name)
        if bands is not None and band not in bands:
            msg = (
                f"{name} names the band {key!r}, which is not one of {shown(list(bands))}: "
                f"{did_you_mean(band, bands)}correct the key or leave it out"
            )
            raise InputError(msg)
        if band in entries:
            msg = f"{name} must name every band once, got {shown(list(given))}: {band} is twice"
            raise InputError(msg)
        entries[band] = value
    return entries


def _band_of_key(key, name):
    """Short name of the band that a key of a dictionary names."""
    key = key.name if isinstance(key, Band) else key
    if not isinstance(key, str) or not key.strip():
        msg = f"{name} must have names of bands such as 'F277W' as keys, got {key!r}"
        raise InputError(msg)
    return band_column_name(key.strip())


def is_sample_column(name, table):
    """Whether a column with the prefix of a band is one of a sample, and not the user's own.

    Parameters
    ----------
    name : str
        Canonical name.
    table : dict of str to column
        All columns by canonical name.

    Returns
    -------
    answer : bool
        True for all columns of known bands. A band that is not known (a camera of the user's)
        needs a flux and its error in units of flux, or images of shape (n, ny, nx):
        ``flux_radius`` and ``cutout_size`` are the user's. True for names without such a prefix.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.data.checks.sample_columns import is_sample_column
    >>> table = {"cutout_size": np.array([64]), "cutout_X": np.zeros((1, 4, 4))}
    >>> [is_sample_column(name, table) for name in ("flux_F277W", "cutout_size", "cutout_X")]
    [True, False, True]
    """
    prefix, band = _split(name)
    if not prefix or _is_known(band):
        return True
    if prefix.startswith("flux_"):
        pair = [table.get(f"{kind}{band}") for kind in ("flux_", "flux_err_")]
        return all(column is not None and _is_flux_column(column, name) for column in pair)
    image = table.get(f"cutout_{band}")
    return image is not None and np.ndim(image) == 3


def _is_known(band):
    """Whether a band is a known one."""
    try:
        canonical_name(band)
    except InputError:
        return False
    return True


def _is_flux_column(column, name):
    """Whether a column declares a unit of flux, or magnitudes."""
    unit = declared_unit(column, f"column {name}")
    return is_flux(unit) or is_magnitude(unit)


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

    Warns
    -----
    DustestWarning
        If positions are not on the sky.
    """
    if name.startswith(("flux_", "cutout_")):
        return _band_column(name, column, table) if is_sample_column(name, table) else column
    if name in _PLAIN_COLUMNS:
        return _vector(name, column, _PLAIN_COLUMNS[name])
    if name == "spectrum_wavelength":
        return _quantity(name, column, u.AA, u.spectral(), ndim=2)
    if name in ("spectrum_flux", "spectrum_flux_err"):
        observed = _partner(name, "spectrum_wavelength", table)
        wavelength = _quantity("spectrum_wavelength", observed, u.AA, u.spectral(), ndim=2)
        _check_unit(name, column, SPECTRAL_UNIT)
        return (
            to_flux_densities(column, f"column {name}", wavelength, unit=SPECTRAL_UNIT, ndim=2)
            << SPECTRAL_UNIT
        )
    if name == "flags":
        return _flags(name, column)
    if name == "features":
        return to_floats(column, f"column {name}", ndim=2, sentinels=False)
    return column


def _band_column(name, column, table):
    """A photometry or cutout column."""
    prefix, band = _split(name)
    if prefix == "flux_err_":
        return _flux_error(name, column, _partner(name, f"flux_{band}", table))
    if prefix == "flux_":
        return _flux(name, column)
    if prefix == "cutout_mask_":
        return _mask(name, column)
    if prefix in ("cutout_meta_", "cutout_wcs_"):
        return column
    return _cutout(name, column)


def _partner(name, other, table):
    """The column that this one needs."""
    if other not in table:
        msg = f"column {name} needs column {other}, which is missing"
        raise InputError(msg)
    return table[other]


def _flux(name, column):
    """Flux density in nJy from a flux density or AB magnitudes."""
    if declared_unit(column, f"column {name}") == u.ABmag:
        values = to_floats(column, f"column {name}", unit=u.ABmag, ndim=1)
        values = np.where(np.abs(values) < FAINTEST_MAGNITUDE, values, np.nan)
        return (values * u.ABmag).to(FLUX_UNIT)
    return _quantity(name, column, FLUX_UNIT, _at_pivot(name, column), ndim=1)


def _at_pivot(name, column):
    """What turns a flux density per wavelength into one per frequency: the band's pivot."""
    unit = declared_unit(column, f"column {name}")
    if unit is None or not unit.is_equivalent(SPECTRAL_UNIT):
        return ()
    return u.spectral_density(get_band(_split(name)[1]).pivot * u.AA)


def _flux_error(name, column, flux):
    """Flux error in nJy; an error in magnitudes is turned with the flux."""
    if not is_magnitude(declared_unit(column, f"column {name}")):
        return _quantity(name, column, FLUX_UNIT, _at_pivot(name, column), ndim=1)
    if declared_unit(flux, f"column {name.replace('_err', '', 1)}") != u.ABmag:
        msg = f"column {name} is in mag, so its flux must be in AB magnitudes, got {flux.unit}"
        raise InputError(msg)
    # A difference of magnitudes has no zero point.
    error = to_floats(_in_magnitudes(column), f"column {name}", unit=u.mag, ndim=1)
    return _flux(name, flux) * error * (0.4 * np.log(10.0))


def _in_magnitudes(column):
    """The same values in plain magnitudes, whatever zero point their unit has."""
    values, missing = bare_values(column)
    return np.ma.array(values, mask=False if missing is None else missing)


def _cutout(name, column):
    """Cutouts as they came: in a unit of flux per pixel or surface brightness, or without."""
    values, missing = bare_values(column)
    if values.ndim != 3 or values.dtype.kind not in "iuf" or 0 in values.shape:
        msg = (
            f"column {name} must hold one 2-D image a row, shape (n, ny, nx) of numbers, "
            f"got {values.dtype} of shape {values.shape}"
        )
        raise InputError(msg)
    unit = declared_unit(column, f"column {name}")
    filled = values if missing is None else np.where(missing, np.nan, values)
    if unit is None:
        return filled
    if not (unit.is_equivalent(FLUX_UNIT) or unit.is_equivalent(FLUX_UNIT / u.sr)):
        msg = (
            f"column {name} must be in a flux density per pixel or surface brightness, got {unit}"
        )
        raise InputError(msg)
    return u.Quantity(filled, unit, copy=False, dtype=filled.dtype)


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
    if name in POSITION_RANGES:
        return _on_the_sky(name, to_degrees(column, f"column {name}", name)) << unit
    values = to_floats(column, f"column {name}", unit=unit, ndim=1)
    return values if unit is None else values << unit


def _on_the_sky(name, values):
    """Angles in degrees, NaN with a warning where they are none of the sky."""
    low, high = POSITION_RANGES[name]
    outside = (values < low) | (values > high)
    if np.any(outside):
        msg = (
            f"{name} of {np.count_nonzero(outside)} of {len(values)} rows lies outside {low:g} to "
            f"{high:g} deg and counts as missing"
        )
        warnings.warn(msg, DustestWarning, stacklevel=4)
    return np.where(outside, np.nan, values)


def _quantity(name, column, unit, equivalencies=(), ndim=1):
    """A column with a unit, converted; missing is NaN."""
    _check_unit(name, column, unit)
    return (
        to_floats(column, f"column {name}", unit=unit, equivalencies=equivalencies, ndim=ndim)
        << unit
    )


def _check_unit(name, column, unit):
    """Refuse a column without a unit."""
    if declared_unit(column, f"column {name}") is None:
        msg = f"column {name} must have a unit such as {unit}, got none; set table[{name!r}].unit"
        raise InputError(msg)


def _flags(name, column):
    """Flag bits, one integer a row."""
    remedy = f"column {name} (rename the column if it is your own)"
    values = as_flags(column, remedy)
    if values.ndim != 1:
        msg = f"{remedy} must hold one integer a row, got the shape {values.shape}"
        raise InputError(msg)
    return values
