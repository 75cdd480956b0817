"""Conversion of any input to a checked `GalaxySample`.

Units, shapes and ranges are checked here and nowhere else; afterwards, columns have the units that
`GalaxySample` lists, and missing values are NaN.
"""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike

import numpy as np
from astropy import units as u
from astropy.nddata import NDData
from astropy.table import Table

from dustest.data.checks.identifiers import as_ids, has_ids, id_column, row_numbers
from dustest.data.checks.images import full_mask, standard_deviation
from dustest.data.checks.sample_columns import (
    band_column_name,
    canonical_column,
    column_name,
    is_sample_column,
)
from dustest.data.checks.tables import as_table, is_table_like
from dustest.data.containers.sample import UNCERTAINTY_KINDS, GalaxySample
from dustest.data.errors import DustestWarning, InputError, InputTypeError
from dustest.data.far_infrared_bands import explain_far_infrared
from dustest.data.kinds import find_column
from dustest.data.messages import shown

__all__ = ["as_sample", "is_source"]

_FLUXES = ("flux", "value")
"""Kind and role of the columns of fluxes."""


def as_sample(X, *, bands=None):
    """Convert any supported input to a checked sample.

    Parameters
    ----------
    X : GalaxySample, Table, data frame, dict, list of NDData, or ndarray
        A table with the columns of `GalaxySample`, as an astropy table, a data frame of pandas or
        polars, or a dict of columns; cutouts of one band as a list of `~astropy.nddata.NDData`, or
        of several as a dictionary by band; an array of cutouts of shape (n, ny, nx) or
        (n, n_bands, ny, nx); or plain features of shape (n, p), also as a data frame with none of
        the columns of a sample.
    bands : sequence of str, optional
        Names for the bands of a list or an array of cutouts; ``BAND1``, ``BAND2``, ... by
        default.

    Returns
    -------
    sample : GalaxySample
        A new table. Photometry is in nJy, spectra in erg/s/cm2/Angstrom over Angstrom, and
        masked, infinite or sentinel values (-99, -999, -9999; magnitudes of 90 and beyond) are
        NaN. ``id`` is taken from the first column named as in
        `~dustest.data.checks.identifiers.ID_COLUMNS`, else rows are numbered. Duplicated ids are
        kept: rows are distinguished by their position.

    Raises
    ------
    InputError
        If the input is empty, of an unknown kind, or has a column of the wrong unit, shape
        or type, a flux without its error, or two columns for the same band.

    Warns
    -----
    DustestWarning
        If identifiers are missing, positions are not on the sky, fluxes of a data frame, which
        declares no units, are taken to be in nJy, or the name of a band of ALMA is not understood.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.data import as_sample
    >>> sample = as_sample(np.zeros((5, 1, 32, 32)), bands=["F277W"])
    >>> sample.cutout_bands, sample.shape
    (('F277W',), (5,))
    """
    table = _as_table(X, bands)
    if len(table) == 0:
        msg = "the sample must have at least one galaxy, got 0 rows"
        raise InputError(msg)
    named = _named_columns(table)
    if not isinstance(X, Table):
        named = _with_assumed_units(named)
    columns = {"id": _ids(table)}
    columns |= {name: canonical_column(name, column, named) for name, column in named.items()}
    sample = GalaxySample(columns, copy=False, meta=dict(table.meta))
    _check_companions(sample, named)
    _warn_of_far_infrared(sample)
    return sample


def is_source(X):
    """Whether an object yields samples, so that its galaxies need not fit into memory.

    Parameters
    ----------
    X : object
        Any object.

    Returns
    -------
    answer : bool
        True if it has a length and a method ``samples``, or is a list of such objects.

    Examples
    --------
    >>> from dustest.data.containers.conversion import is_source
    >>> is_source({"redshift": [6.1]})
    False
    """
    every = X if isinstance(X, list | tuple) else [X]
    return bool(every) and all(map(_yields_samples, every))


def _yields_samples(X):
    """Whether an object has a length and a method ``samples``."""
    return hasattr(X, "__len__") and callable(getattr(X, "samples", None))


def _as_table(X, bands):
    """The input as an unchecked table."""
    if isinstance(X, Table):
        return X
    if hasattr(X, "toarray"):
        msg = "X must be dense, got a sparse matrix; pass X.toarray()"
        raise InputTypeError(msg)
    if isinstance(X, str | PathLike):
        msg = (
            "X must hold the galaxies themselves, got the name of a file: pass "
            f"dustest.io.read_catalog({str(X)!r})"
        )
        raise InputTypeError(msg)
    if is_source(X):
        msg = (
            f"X must hold the galaxies themselves, got {X!r}: pass it to estimate with an output, "
            "or one of its samples"
        )
        raise InputTypeError(msg)
    if isinstance(X, list | tuple):
        _check_items(X)
    if isinstance(X, NDData):
        msg = "X must hold one image a galaxy: pass a list, [image], instead of a single NDData"
        raise InputError(msg)
    if isinstance(X, Mapping) and _holds_images(X):
        return _from_nddata(X)
    if is_table_like(X):
        return _from_columns(as_table(X, "X"), X)
    if isinstance(X, list | tuple) and X and all(isinstance(item, NDData) for item in X):
        return _from_nddata({_band_names(bands, 1)[0]: X})
    return _from_array(_numbers(X), bands)


def _check_items(X):
    """Raise an error for a list that was meant to be one of sources."""
    if not X:
        msg = "X must have at least one galaxy, or one source of galaxies, got an empty list"
        raise InputError(msg)
    names = [item for item in X if isinstance(item, str | PathLike)]
    if names:
        msg = (
            "X must hold the galaxies themselves, or sources of them, got names of files: open "
            f"each with dustest.io.open_catalog, such as open_catalog({str(names[0])!r})"
        )
        raise InputTypeError(msg)
    if any(map(is_source, X)):
        msg = (
            "X must be a list of sources alone, such as catalogues of open_catalog, got other "
            "items too: make it one list without others inside"
        )
        raise InputTypeError(msg)


def _holds_images(X):
    """Whether a dictionary contains lists of images by band."""
    return any(
        isinstance(item, NDData)
        for values in X.values()
        if isinstance(values, list | tuple)
        for item in values
    )


def _from_columns(table, X):
    """Columns by name; a data frame without any column of a sample is one of features."""
    names = [column_name(name) for name in table.colnames]
    columns = dict(zip(names, table.itercols(), strict=True))
    if isinstance(X, Mapping) or any(_is_contract(name, columns) for name in names):
        return table
    return _from_array(_numbers(X.to_numpy()), None)


def _is_contract(name, columns):
    """Whether a column identifies a table as a sample."""
    found = find_column(name)
    return found is not None and found.column.role == "value" and is_sample_column(name, columns)


def _with_assumed_units(columns):
    """Columns with a unit: that of their kind if data frames and dicts declare none."""
    bare = {name: unit for name in columns if (unit := _assumed_unit(name, columns)) is not None}
    if not bare:
        return columns
    for unit in dict.fromkeys(bare.values()):
        names = [name for name, one in bare.items() if one == unit]
        msg = (
            f"the columns {shown(names)} declare no unit and are taken to be in {unit}; for "
            "another unit pass dustest.io.read_catalog(X, unit=...)"
        )
        warnings.warn(msg, DustestWarning, stacklevel=3)
    return columns | {name: _with_declared(columns[name], unit) for name, unit in bare.items()}


def _assumed_unit(name, columns):
    """Unit of a column that must have one and declares none, else None."""
    found = find_column(name)
    if found is None or not found.column.needs_unit or found.column.axes > 1:
        return None
    is_bare = getattr(columns[name], "unit", None) is None
    return found.column.unit if is_bare and is_sample_column(name, columns) else None


def _with_declared(column, unit):
    """A copy of a column that declares its unit."""
    column = column.copy()
    column.unit = unit
    return column


def _numbers(X):
    """The input as an array of floats."""
    try:
        array = X if isinstance(X, u.Quantity) else np.ma.asarray(X)
    except ValueError as error:
        msg = (
            "X must hold arrays of one shape, got a list of several shapes: cut or pad them to one"
        )
        raise InputError(msg) from error
    if array.dtype.kind == "c":
        msg = "X must hold real numbers. Complex data not supported: pass X.real"
        raise InputError(msg)
    try:
        return array.astype(float)
    except (TypeError, ValueError) as error:
        msg = (
            "X must be a table, a list of NDData, a dict of band to list of NDData or a numeric "
            f"array, got {type(X).__name__}: {error}"
        )
        raise InputTypeError(msg) from error


def _from_array(array, bands):
    """Table of features (n, p) or of cutouts (n, ny, nx) or (n, n_bands, ny, nx)."""
    if array.ndim == 2:
        return _features(array)
    if array.ndim == 3:
        array = array[:, None]
    if array.ndim != 4:
        msg = (
            "an array X must have shape (n, p), (n, ny, nx) or (n, n_bands, ny, nx), got "
            f"{array.shape}. Reshape your data: X.reshape(-1, 1) if it is a single feature"
        )
        raise InputError(msg)
    names = _band_names(bands, array.shape[1])
    return Table({f"cutout_{name}": array[:, i] for i, name in enumerate(names)})


def _features(array):
    """Table of plain features."""
    if array.shape[1] == 0:
        msg = f"X has 0 feature(s) (shape={array.shape}) while a minimum of 1 is required."
        raise InputError(msg)
    return Table({"features": array})


def _band_names(bands, n_bands):
    """Names for the bands of an array."""
    if bands is None:
        return [f"BAND{i + 1}" for i in range(n_bands)]
    if len(bands) != n_bands:
        msg = f"X must have one image for each of bands={tuple(bands)}, got {n_bands} bands"
        raise InputError(msg)
    return list(bands)


def _from_nddata(images):
    """Table from a dictionary of band to list of NDData."""
    table = Table()
    for band, cutouts in images.items():
        name = band_column_name(band)
        if not all(isinstance(cutout, NDData) for cutout in cutouts):
            msg = f"X[{band!r}] must be a list of NDData, got {type(cutouts).__name__}"
            raise InputError(msg)
        if table.colnames and len(cutouts) != len(table):
            msg = (
                f"X[{band!r}] must have {len(table)} images as the other bands, got {len(cutouts)}"
            )
            raise InputError(msg)
        _add_images(table, name, list(cutouts))
    return table


def _add_images(table, band, cutouts):
    """Columns of data, uncertainty, mask, meta and wcs of one band."""
    shapes = {cutout.data.shape for cutout in cutouts}
    units = {cutout.unit for cutout in cutouts}
    if len(shapes) > 1 or len(units) > 1:
        what = f"shape, got {shapes}" if len(shapes) > 1 else f"unit, got {units}"
        msg = f"all cutouts of band {band} must have the same {what}"
        raise InputError(msg)
    unit = next(iter(units), None)
    table[f"cutout_{band}"] = _with_unit(np.array([cutout.data for cutout in cutouts]), unit)
    if any(cutout.uncertainty is not None for cutout in cutouts):
        deviations = [standard_deviation(cutout, band) for cutout in cutouts]
        table[f"cutout_err_{band}"] = _with_unit(np.array(deviations), unit)
        kinds = {c.uncertainty.uncertainty_type for c in cutouts if c.uncertainty is not None}
        if len(kinds) == 1 and kinds != {"std"} and kinds <= set(UNCERTAINTY_KINDS):
            table.meta[f"uncertainty_{band}"] = kinds.pop()
    if any(cutout.mask is not None for cutout in cutouts):
        table[f"cutout_mask_{band}"] = np.array([full_mask(cutout, band) for cutout in cutouts])
    for kind in ("meta", "wcs"):
        values = [getattr(cutout, kind) for cutout in cutouts]
        if any(value is not None and value != {} for value in values):
            table[f"cutout_{kind}_{band}"] = _objects(values)


def _objects(values):
    """Object array of arbitrary objects, one per row."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _with_unit(values, unit):
    """Values as a Quantity, or plain if there is no unit."""
    return values if unit is None else u.Quantity(values, unit, copy=False, dtype=values.dtype)


def _ids(table):
    """Identifiers, row numbers by default."""
    name = id_column(table)
    if name is None or not has_ids(table):
        return row_numbers(len(table))
    return as_ids(table[name], f"column {name}")


def _named_columns(table):
    """Columns by their canonical name, with band names in short form."""
    columns = {}
    for name in table.colnames:
        canonical = column_name(name)
        if canonical in columns:
            msg = f"columns of the sample must differ, got two for {canonical}"
            raise InputError(msg)
        if canonical != "id":
            columns[canonical] = table[name]
    return columns


def _check_companions(sample, named):
    """Raise an error for columns without those that they need, or of another shape."""
    for name in sample.colnames:
        found = find_column(name)
        if found is None or found.column.role == "note" or not is_sample_column(name, named):
            continue
        value = replace(found, column=found.kind.values[0]).name
        needed = {replace(found, column=one).name for one in found.kind.columns if one.required}
        for partner in needed if found.column.role == "value" else (value,):
            _need(sample, name, partner)
        if found.column.axes > 1 and sample[name].shape != sample[value].shape:
            msg = f"column {name} must have the shape of {value}, got {sample[name].shape}"
            raise InputError(msg)


def _warn_of_far_infrared(sample):
    """Warn of bands of far-infrared telescopes that no estimator can use."""
    for found in map(find_column, sample.colnames):
        if found is None or found.is_known or (found.kind.name, found.column.role) != _FLUXES:
            continue
        problem = explain_far_infrared(found.item)
        if problem:
            msg = f"the band of column {found.name}, {problem}: it is unknown; rename the column"
            warnings.warn(msg, DustestWarning, stacklevel=3)


def _need(sample, name, partner):
    """Raise an error if a column's partner is missing."""
    if partner not in sample.colnames:
        msg = (
            f"column {name} needs column {partner}, which is missing: add it, with NaN where it "
            "has no value"
        )
        raise InputError(msg)
