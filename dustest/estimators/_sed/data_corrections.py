"""Corrections of the photometry of a sample before a fit: zero points and relative errors."""

from collections.abc import Callable, Mapping

import numpy as np
from astropy import units as u
from astropy.table import Table

from dustest.data.bands import get_band
from dustest.data.checks.numbers import check_number, is_number
from dustest.data.errors import InputError

__all__ = [
    "check_template_error",
    "correct",
    "floors_by_band",
    "relative_errors",
    "values_by_band",
    "zero_point_factors",
]

DEFAULT_FLOOR = 0.05
_MAX_FACTOR = 10.0


def zero_point_factors(zero_points):
    """Factors by which fluxes of bands are multiplied.

    Parameters
    ----------
    zero_points : mapping of str to float or Quantity, Table, or None
        Factors, or offsets in mag that are added to magnitudes, by band; or a table with the
        columns ``band`` and ``zero_point``.

    Returns
    -------
    dict of str to float
        Factors by canonical name of the band.

    Raises
    ------
    InputError
        If a band is unknown or named twice, or a factor is not from 0.1 to 10.

    Examples
    --------
    >>> from dustest.estimators._sed.data_corrections import zero_point_factors
    >>> zero_point_factors({"JWST/NIRCam.F277W": 1.03})
    {'F277W': 1.03}
    """
    if isinstance(zero_points, Table) and {"band", "zero_point"} <= set(zero_points.colnames):
        columns = (zero_points["band"].tolist(), np.array(zero_points["zero_point"]).tolist())
        zero_points = dict(zip(*columns, strict=True))
    given = values_by_band("zero_points", zero_points, '{"F277W": 1.03}')
    return {band: _factor(band, value) for band, value in given.items()}


def _factor(band, value):
    """One factor, checked."""
    if isinstance(value, u.Quantity) and value.isscalar and value.unit == u.mag:
        value = float(10.0 ** (-0.4 * value.value))
    if not is_number(value) or not 1.0 / _MAX_FACTOR <= value <= _MAX_FACTOR:
        msg = (
            f"zero_points[{band!r}] must be a factor of the flux from {1 / _MAX_FACTOR:g} to "
            f"{_MAX_FACTOR:g}, or an offset of magnitudes such as -0.03 * u.mag, got {value!r}"
        )
        raise InputError(msg)
    return float(value)


def floors_by_band(error_floor, bands):
    """Relative errors that are added to bands.

    Parameters
    ----------
    error_floor : float or mapping of str to float
        For all bands, or by band.
    bands : sequence of str
        Names of bands.

    Returns
    -------
    ndarray of shape (n_bands,)
        0.05 for bands that a mapping does not name.

    Raises
    ------
    InputError
        If a band is unknown or named twice, or an error is not from 0 to 1.

    Examples
    --------
    >>> from dustest.estimators._sed.data_corrections import floors_by_band
    >>> floors_by_band({"F606W": 0.1}, ("F606W", "F277W")).tolist()
    [0.1, 0.05]
    """
    if not isinstance(error_floor, Mapping):
        check_number(error_floor, "error_floor", 0.0, 1.0)
        return np.full(len(bands), float(error_floor))
    given = values_by_band("error_floor", error_floor, '{"F606W": 0.1}')
    for band, value in given.items():
        check_number(value, f"error_floor[{band!r}]", 0.0, 1.0)
    return np.array([float(given.get(band, DEFAULT_FLOOR)) for band in bands])


def values_by_band(name, values, example=""):
    """Values by canonical name of the band.

    Parameters
    ----------
    name : str
        Name of the parameter, as the caller writes it.
    values : mapping of str to object, or None
        Values by any name of the bands.
    example : str, optional
        A valid value, for the message.

    Returns
    -------
    dict of str to object
        The values.

    Raises
    ------
    InputError
        If it is no mapping, or a band is unknown or named twice.

    Examples
    --------
    >>> from dustest.estimators._sed.data_corrections import values_by_band
    >>> values_by_band("error_floor", {"JWST/NIRCam.F277W": 0.1})
    {'F277W': 0.1}
    """
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        msg = f"{name} must be a mapping of bands to values, such as {example}, got {values!r}"
        raise InputError(msg)
    found = {}
    for given, value in values.items():
        band = get_band(given).name
        if band in found:
            msg = f"{name} must name each band once, got {band} twice: leave {given!r} out"
            raise InputError(msg)
        found[band] = value
    return found


def check_template_error(template_error):
    """Make a function of rest wavelengths of a template error.

    Parameters
    ----------
    template_error : callable, Table, array_like of shape (n, 2), or None
        Function of rest wavelengths in Angstrom that returns relative errors, or wavelengths in
        Angstrom, ascending, and relative errors.

    Returns
    -------
    callable or None
        Function of an array of wavelengths in Angstrom; a table is interpolated linearly, and
        constant beyond its ends.

    Raises
    ------
    InputError
        If it is none of these, or its values are not from 0 to 1.

    Examples
    --------
    >>> from dustest.estimators._sed.data_corrections import check_template_error
    >>> error = check_template_error([(1000.0, 0.1), (3000.0, 0.02)])
    >>> error([2000.0, 9000.0]).round(2).tolist()
    [0.06, 0.02]
    """
    if template_error is None:
        return None
    if isinstance(template_error, Callable):
        _checked_errors(template_error(np.array([1500.0, 5000.0])), (2,), template_error)
        return lambda wavelength: _checked_errors(
            template_error(wavelength), np.shape(wavelength), template_error
        )
    wavelength, error = _columns(template_error)
    return lambda at: np.interp(at, wavelength, error)


def _columns(table):
    """Wavelengths in Angstrom and relative errors of a table."""
    try:
        if isinstance(table, Table):
            wavelength, error = (u.Quantity(table[name]) for name in table.colnames)
            if wavelength.unit != u.dimensionless_unscaled:
                wavelength = wavelength.to(u.AA)
            columns = np.array([wavelength.value, error.to_value(u.one)])
        else:
            columns = u.Quantity(table, dtype=float).to_value(u.one).T
        wavelength, error = columns
    except (TypeError, ValueError, u.UnitConversionError):
        columns = np.zeros((2, 0))
        wavelength, error = columns
    good = columns.ndim == 2 and len(wavelength) > 0 and np.all(np.diff(wavelength) > 0)
    # No band has a rest wavelength below 100 Angstrom: such a table is in micron.
    good = good and wavelength[0] > 0 and (len(wavelength) == 1 or wavelength[-1] >= 100)
    if not (good and np.all((error >= 0) & (error <= 1))):
        msg = (
            "template_error must be a function of the rest wavelength in Angstrom, or pairs of "
            "ascending wavelengths in Angstrom and relative errors from 0 to 1, such as "
            f"[(1000, 0.1), (3000, 0.02)], got {table!r}"
        )
        raise InputError(msg)
    return wavelength, error


def _checked_errors(errors, shape, function):
    """Relative errors that a function of the user returned."""
    try:
        errors = np.asarray(errors, dtype=float)
    except (TypeError, ValueError):
        errors = np.full(1, np.nan)
    if errors.shape != shape or not np.all((errors >= 0) & (errors <= 1)):
        msg = (
            "template_error must return a relative error from 0 to 1 for each wavelength of an "
            f"array, got {errors!r} from {function!r}"
        )
        raise InputError(msg)
    return errors


def relative_errors(bands, redshift, error_floor, template_error, has_floor=0.0):
    """Relative errors that fits add to photometry.

    Parameters
    ----------
    bands : sequence of str
        Names of bands.
    redshift : ndarray of shape (n,)
        Redshifts.
    error_floor, template_error
        As in `floors_by_band` and `check_template_error`.
    has_floor : float, optional
        Floor that the errors have already.

    Returns
    -------
    ndarray of shape (n, n_bands)
        The errors.
    """
    lacking = np.maximum(floors_by_band(error_floor, bands) ** 2 - has_floor**2, 0.0)
    extra = np.tile(lacking, (len(redshift), 1))
    template = check_template_error(template_error)
    if template is not None and len(bands):
        pivot = np.array([get_band(band).pivot for band in bands])
        known = np.nan_to_num(redshift, nan=0.0)
        extra += template(pivot / (1.0 + known[:, np.newaxis])) ** 2
    return np.sqrt(extra)


def correct(batch, zero_points, error_floor, template_error):
    """Apply zero points, and add relative errors in quadrature.

    Parameters
    ----------
    batch : Batch
        Galaxies.
    zero_points, error_floor, template_error
        As in `zero_point_factors`, `floors_by_band` and `check_template_error`.

    Returns
    -------
    Batch
        With other fluxes, errors and limits. Of the floor, only what errors of the catalogue lack
        is added.
    """
    given = zero_point_factors(zero_points)
    factor = np.array([given.get(band, 1.0) for band in batch.bands])
    flux = batch.flux * factor
    extra = relative_errors(
        batch.bands, batch.redshift, error_floor, template_error, batch.error_floor
    )
    error = np.hypot(batch.flux_err * factor, extra * flux)
    return batch.changed(flux=flux, flux_err=error, flux_limit=batch.flux_limit * factor)
