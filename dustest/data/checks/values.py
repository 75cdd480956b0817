"""Conversion of columns to numbers: unit, mask and missing values.

`to_floats` converts every table, column, Quantity, data frame or list whose numbers dustest reads.
"""

import numpy as np
from astropy import units as u

from dustest.data.checks.missing_values import without_sentinels
from dustest.data.checks.units import declared_unit, explain_unit, is_magnitude, is_spectral_flux
from dustest.data.errors import InputError

__all__ = [
    "bare_values",
    "to_floats",
    "to_flux_densities",
]

_SHAPES = {None: "numbers", 0: "one number", 1: "numbers, one a row"}


def bare_values(column):
    """Split a column into an array and the mask of its entries.

    Parameters
    ----------
    column : array_like, Column, Quantity, or series of a data frame
        Values.

    Returns
    -------
    values : ndarray
        Without mask or unit.
    missing : ndarray of bool or None
        Masked or null entries; None if there are none.

    Examples
    --------
    >>> from astropy.table import MaskedColumn
    >>> from dustest.data.checks.values import bare_values
    >>> bare_values(MaskedColumn([1, 2], mask=[False, True]))
    (array([1, 2]), array([False,  True]))
    """
    null = _null_entries(column)
    if null is not None:
        return _series_values(column, null), null if null.any() else None
    mask = getattr(column, "mask", None)
    values = getattr(column, "unmasked", column)
    if isinstance(values, u.Quantity | u.FunctionQuantity):
        values = values.value
    values = np.asarray(np.ma.getdata(values) if isinstance(values, np.ma.MaskedArray) else values)
    if values.dtype.kind == "O":
        none = np.array([item is None or item is np.ma.masked for item in values.flat], dtype=bool)
        mask = none.reshape(values.shape) | (False if mask is None else np.asarray(mask))
    if mask is None or not np.any(mask):
        return values, None
    return values, np.broadcast_to(np.asarray(mask, dtype=bool), values.shape)


def _null_entries(column):
    """Null entries of a series of pandas or polars, None for any other object."""
    for method in ("isna", "is_null"):
        if hasattr(column, method) and hasattr(column, "to_numpy"):
            return np.asarray(getattr(column, method)(), dtype=bool)
    return None


def _series_values(series, null):
    """Values of a series; nulls of text are empty, those of integers 0, of other numbers NaN."""
    if not null.any():
        values = np.asarray(series.to_numpy())
        return values.astype(str) if _is_text(values) else values
    items = series.to_list()
    known = np.array(
        [item for item, skip in zip(items, null, strict=True) if not skip], dtype=object
    )
    if known.size and _is_text(known):
        return _filled(known.astype(str), null, "")
    if known.size and all(isinstance(item, int) for item in known):
        return _filled(np.array(known.tolist()), null, 0)
    try:
        return _filled(known.astype(float), null, np.nan)
    except (TypeError, ValueError):
        return _filled(known, null, None)


def _filled(known, null, blank):
    """An array with the known values, and arbitrary ones for nulls."""
    values = np.full(null.shape, blank, dtype=known.dtype)
    values[~null] = known
    return values


def _is_text(values):
    """Whether objects are all text."""
    return values.dtype.kind == "O" and all(isinstance(item, str) for item in values)


def to_floats(
    column, name, *, unit=None, equivalencies=(), ndim=None, assumed=None, sentinels=True
):
    """Convert a column to floats in a unit, with NaN for missing values.

    Parameters
    ----------
    column : array_like, Column, Quantity, or series of a data frame
        Values as given by the user.
    name : str
        Name for messages, such as ``"column redshift"``.
    unit : Unit, optional
        Unit to convert to; None for plain numbers, which may have no other unit.
    equivalencies : list, optional
        Of `astropy.units`, for the conversion.
    ndim : int, optional
        Required number of axes.
    assumed : Unit, optional
        Unit of values without a declared unit; ``unit`` by default.
    sentinels : bool, optional
        Whether numbers such as -99 are missing values.

    Returns
    -------
    values : ndarray of float
        Infinite, masked and sentinel values are NaN.

    Raises
    ------
    InputError
        If they are not numbers, have another number of axes, or a unit that is not understood or
        does not convert.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import MaskedColumn
    >>> from dustest.data.checks.values import to_floats
    >>> to_floats(MaskedColumn([100.0, 5.0], mask=[False, True], unit="mmag"), "A_V", unit=u.mag)
    array([0.1, nan])
    """
    if _holds_units(column):
        own = declared_unit(column, name)
        rows = [to_floats(item, name, unit=own, sentinels=sentinels) for item in column]
        values = _as_floats(_stacked(rows, name), None, name, ndim)
        return _converted(values, own, unit, equivalencies, name)
    values, missing = _bare_numbers(column, name)
    values = _as_floats(values, missing, name, ndim)
    own = declared_unit(column, name)
    if missing is not None or not np.all(np.isfinite(values)):
        keep = np.isfinite(values)
        values = np.where(keep if missing is None else keep & ~missing, values, np.nan)
    if sentinels:
        values = without_sentinels(values, magnitudes=is_magnitude(own or assumed or unit))
    return _converted(values, own or assumed, unit, equivalencies, name)


def to_flux_densities(column, name, wavelength, *, unit, ndim=None):
    """Convert spectral flux densities to floats in a unit, with NaN for missing values.

    Parameters
    ----------
    column : array_like, Column or Quantity of shape (..., n_wave)
        Values as given by the user.
    name : str
        Name for messages.
    wavelength : Quantity of shape (..., n_wave)
        Their wavelengths, to convert between per unit wavelength and per unit frequency.
    unit : Unit
        Unit to convert to, and unit of values without a declared unit.
    ndim : int, optional
        Required number of axes.

    Returns
    -------
    values : ndarray of float
        As returned by `to_floats`.

    Raises
    ------
    InputError
        If they are not such numbers, or their unit is not one per unit wavelength or frequency.

    Examples
    --------
    >>> from astropy import units as u
    >>> from dustest.data.checks.values import to_flux_densities
    >>> to_flux_densities([1.0] * u.uJy, "flux", 2.0 * u.um, unit=u.nJy)
    array([1000.])
    """
    own = declared_unit(column, name)
    if own is not None and not is_spectral_flux(own):
        msg = (
            f"{name} must be a flux density per unit wavelength or frequency, such as "
            f"erg/s/cm2/AA or uJy, got {own}: {explain_unit(own)}declare the unit that it has"
        )
        raise InputError(msg)
    # Making the equivalencies takes a millisecond, which simulations spend on every row.
    plain = own is None and isinstance(column, np.ndarray)
    equivalencies = () if plain else u.spectral_density(wavelength)
    return to_floats(column, name, unit=unit, equivalencies=equivalencies, ndim=ndim)


def _holds_units(column):
    """Whether values are a list of Quantities or columns, whose units numpy would drop."""
    return isinstance(column, list | tuple) and any(
        getattr(item, "unit", None) is not None for item in column
    )


def _stacked(rows, name):
    """One array of several of equal shape."""
    try:
        return np.stack(rows)
    except ValueError as error:
        msg = f"{name} must hold arrays of one shape, got {', '.join(str(x.shape) for x in rows)}"
        raise InputError(msg) from error


def _bare_numbers(column, name):
    """Split a column into an array and the mask of its entries."""
    try:
        return bare_values(column)
    except (AttributeError, TypeError, ValueError) as error:
        msg = f"{name} must hold numbers in an array, got {type(column).__name__}: {error}"
        raise InputError(msg) from error


def _as_floats(values, missing, name, ndim):
    """Floats of an array of numbers."""
    if values.dtype.kind == "O":
        values = _numbers_of_objects(values, missing)
    if values.dtype.kind not in "iuf" or (ndim is not None and values.ndim != ndim):
        wanted = _SHAPES.get(ndim, f"numbers with {ndim} axes")
        msg = f"{name} must hold {wanted}, got {_got(values)}"
        raise InputError(msg)
    return values.astype(float)


def _numbers_of_objects(values, missing):
    """Floats of an array of objects if all are numbers, else the array."""
    try:
        filled = values if missing is None else np.where(missing, np.nan, values)
        if any(isinstance(item, str) for item in filled.flat):
            return values
        return filled.astype(float)
    except (TypeError, ValueError):
        return values


def _got(values):
    """Description of values that are not numbers, for a message."""
    if values.dtype.kind in "USO" and values.size:
        text = next((item for item in values.flat if not _is_number(item)), values.flat[0])
        return f"text such as {str(text)!r}" if isinstance(text, str | bytes) else repr(text)
    return f"{values.dtype} of shape {values.shape}"


def _is_number(text):
    """Whether a text can be read as a number."""
    try:
        float(text)
    except (TypeError, ValueError):
        return False
    return True


def _converted(values, own, unit, equivalencies, name):
    """Convert floats from their unit to another."""
    if own is None or own == unit:
        return values
    target = u.dimensionless_unscaled if unit is None else unit
    try:
        given = (
            values * own
            if isinstance(own, u.FunctionUnitBase)
            else u.Quantity(values, own, copy=False)
        )
        converted = given.to_value(target, equivalencies)
    except (u.UnitsError, TypeError) as error:
        wanted = "be plain numbers" if unit is None else f"have a unit that converts to {unit}"
        msg = f"{name} must {wanted}, got {own}"
        raise InputError(msg) from error
    except ValueError as error:
        # A conversion that differs along an axis, such as from per wavelength to per frequency.
        msg = f"{name} must have a shape that goes with its unit, got {values.shape}: {error}"
        raise InputError(msg) from error
    if converted.shape != values.shape:
        msg = (
            f"{name} must have a shape that goes with its unit, got {values.shape} for a "
            f"conversion of shape {converted.shape}"
        )
        raise InputError(msg)
    return converted
