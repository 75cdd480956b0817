"""Single columns of a sample: their kind, type, shape and unit."""

import warnings
from collections.abc import Mapping

import numpy as np
from astropy import units as u
from astropy.table import Column

from dustest.data.bands import Band, canonical_name
from dustest.data.checks.kind_readers import GivenColumn
from dustest.data.checks.numbers import is_number
from dustest.data.checks.units import declared_unit, is_flux, is_magnitude
from dustest.data.errors import InputError, RowsWarning
from dustest.data.kinds import find_column
from dustest.data.messages import did_you_mean, shown

__all__ = [
    "band_column_name",
    "by_band",
    "canonical_column",
    "column_name",
    "fits_record",
    "is_sample_column",
    "limit_sigma",
]


def column_name(name):
    """Column name with the band or line in its short form.

    Parameters
    ----------
    name : str
        Column name as given by the user.

    Returns
    -------
    canonical : str
        Such as ``flux_F277W`` for ``flux_JWST/NIRCam.F277W``.
    """
    found = find_column(name)
    return name if found is None else found.name


def band_column_name(band):
    """Short name of a band; names of unknown cameras are unchanged.

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
    """Replace the keys of a dictionary by band by the short names of the bands.

    Parameters
    ----------
    given : dict of str to object
        The argument; its keys are bands in any spelling, or `~dustest.data.bands.Band`.
    bands : sequence of str or None
        Short names of the allowed bands; None for any.
    name : str
        Name of the argument, for messages.

    Returns
    -------
    entries : dict of str to object
        In the order in which they are given.

    Raises
    ------
    InputError
        If it is not a dictionary, a key is not a band or not one of the allowed bands, or two
        keys name the same band.

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
    """Whether a column belongs to a sample, and is not one of the user's own.

    Parameters
    ----------
    name : str
        Canonical name.
    table : dict of str to column
        All columns by canonical name.

    Returns
    -------
    answer : bool
        True for all columns of known bands and lines. Those of unknown bands (a camera of the
        user's) need everything that their kind requires, in the shape and unit of the kind: a flux
        and its error in units of flux, or images of shape (n, ny, nx). ``flux_radius`` and
        ``cutout_size`` are the user's own columns. True for names of no kind.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.data.checks.sample_columns import is_sample_column
    >>> table = {"cutout_size": np.array([64]), "cutout_X": np.zeros((1, 4, 4))}
    >>> [is_sample_column(name, table) for name in ("flux_F277W", "cutout_size", "cutout_X")]
    [True, False, True]
    """
    found = find_column(name)
    if found is None or found.is_known:
        return True
    kind = found.kind
    pairs = ((one, table.get(kind.column_name(one, found.item))) for one in kind.required)
    return all(column is not None and fits_record(one, column, name) for one, column in pairs)


def fits_record(record, column, name):
    """Whether a column has the axes and a unit of a record.

    Parameters
    ----------
    record : KindColumn
        The record.
    column : Column, Quantity or ndarray of shape (n, ...)
        Values as given by the user.
    name : str
        Name of the column, for messages.

    Returns
    -------
    answer : bool
        Whether it does.
    """
    if np.ndim(column) != record.axes:
        return False
    unit = declared_unit(column, f"column {name}")
    if unit is None:
        return not record.needs_unit
    is_density = is_flux(record.unit) and (is_flux(unit) or is_magnitude(unit))
    return is_density or record.unit is None or unit.is_equivalent(record.unit)


def canonical_column(name, column, table):
    """Check one column and convert it to its canonical unit, with NaN for missing values.

    Parameters
    ----------
    name : str
        Canonical name.
    column : Column, Quantity or ndarray of shape (n, ...)
        Values as given by the user.
    table : dict of str to column
        All columns by canonical name: magnitudes need their partner, spectra their
        wavelength.

    Returns
    -------
    values : ndarray or Quantity of shape (n, ...)
        Values in canonical units; columns of no kind are unchanged.

    Raises
    ------
    InputError
        If the column has the wrong unit, shape or type.

    Warns
    -----
    DustestWarning
        If numbers are outside their range, such as positions on the sky.
    """
    found = find_column(name)
    if found is None or not is_sample_column(name, table):
        return column
    record = found.column
    values = record.read(GivenColumn(record, name, column, table, found.item))
    if np.isfinite(record.valid).any():
        values = _in_range(name, values, record.valid)
    if record.role == "limit":
        values = values if hasattr(values, "info") else Column(values)
        values.info.meta = {"sigma": limit_sigma(column, name)}
    return values


def _in_range(name, values, valid):
    """Numbers, NaN with a warning if they are outside a range."""
    low, high = valid
    bare = u.Quantity(values, copy=False).value
    outside = (bare < low) | (bare > high)
    if np.any(outside):
        limits = f"below {low:g}" if high == np.inf else f"outside {low:g} to {high:g}"
        unit = f" {values.unit}" if hasattr(values, "unit") else ""
        check = ", and check the unit" if unit else ""
        msg = (
            f"{name} of {{count}} of {{n_rows}} rows lies {limits}{unit} and counts as missing: "
            f"correct or mask these rows{check}"
        )
        warning = RowsWarning(msg, np.count_nonzero(outside), len(values))
        warnings.warn(warning, stacklevel=4)
        values[outside] = np.nan
    return values


def limit_sigma(column, name):
    """Significance of the upper limits of a column.

    Parameters
    ----------
    column : Column or Quantity
        Upper limits; their meta has ``sigma``.
    name : str
        Name of the column, for messages.

    Returns
    -------
    sigma : float
        Number of standard deviations.

    Raises
    ------
    InputError
        If the meta has none, or it is not a positive number.

    Examples
    --------
    >>> from astropy.table import Column
    >>> from dustest.data.checks.sample_columns import limit_sigma
    >>> limit_sigma(Column([2.5], meta={"sigma": 3}), "line_limit_Hb")
    3.0
    """
    meta = getattr(getattr(column, "info", None), "meta", None) or {}
    sigma = meta.get("sigma")
    if is_number(sigma) and 0 < sigma < np.inf:
        return float(sigma)
    got = "none" if sigma is None else repr(sigma)
    msg = (
        f"column {name} must say at how many standard deviations its upper limits are, got {got}: "
        f'set table[{name!r}].info.meta = {{"sigma": 3}}'
    )
    raise InputError(msg)
