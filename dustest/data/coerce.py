"""The door: whatever a user has becomes a checked `GalaxySample`, once.

Units, shapes and ranges are checked here and nowhere else; behind it columns have the units
that `GalaxySample` lists, and what is missing is NaN.
"""

import numpy as np
from astropy import units as u
from astropy.nddata import NDData, StdDevUncertainty
from astropy.table import Table

from dustest.data.columns import band_column_name, canonical_column, column_name
from dustest.data.errors import InputError, InputTypeError
from dustest.data.sample import UNCERTAINTY_KINDS, GalaxySample

__all__ = ["as_sample"]


def as_sample(X, *, bands=None):
    """Turn any supported input into a checked sample.

    Parameters
    ----------
    X : GalaxySample, Table, list of NDData, dict of str to list of NDData, or ndarray
        A table with the columns of `GalaxySample`; cutouts of one band as a list of
        `~astropy.nddata.NDData`, or of several as a dictionary by band; an array of cutouts
        of shape (n, ny, nx) or (n, n_bands, ny, nx); or plain features of shape (n, p).
    bands : sequence of str, optional
        Names for the bands of a list or an array of cutouts; ``BAND1``, ``BAND2``, ... by
        default.

    Returns
    -------
    sample : GalaxySample
        A new table. Photometry is in nJy, spectra in erg/s/cm2/Angstrom over Angstrom, and
        masked or sentinel values (-99, -999, -9999; magnitudes of 90 and beyond) are NaN.
        Duplicated ids are kept: rows are told apart by their position.

    Raises
    ------
    InputError
        If the input is empty, of an unknown kind, or has a column of the wrong unit, shape
        or type, a flux without its error, or two columns for the same band.

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
    columns = {"id": _ids(table)}
    columns |= {name: canonical_column(name, column, named) for name, column in named.items()}
    sample = GalaxySample(columns, copy=False, meta=dict(table.meta))
    _check_companions(sample)
    return sample


def _as_table(X, bands):
    """The input as a table whose columns are not checked yet."""
    if isinstance(X, Table):
        return X
    if hasattr(X, "toarray"):
        msg = "X must be dense, got a sparse matrix; pass X.toarray()"
        raise InputTypeError(msg)
    if isinstance(X, dict):
        return _from_nddata(X)
    if isinstance(X, NDData):
        msg = "X must hold one image a galaxy: pass a list, [image], instead of a single NDData"
        raise InputError(msg)
    if isinstance(X, list | tuple) and X and all(isinstance(item, NDData) for item in X):
        return _from_nddata({_band_names(bands, 1)[0]: X})
    return _from_array(_numbers(X), bands)


def _numbers(X):
    """The input as an array of floats."""
    array = X if isinstance(X, u.Quantity) else np.ma.asarray(X)
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
    """Columns for data, uncertainty, mask, meta and wcs of one band."""
    shapes = {cutout.data.shape for cutout in cutouts}
    units = {cutout.unit for cutout in cutouts}
    if len(shapes) > 1 or len(units) > 1:
        what = f"shape, got {shapes}" if len(shapes) > 1 else f"unit, got {units}"
        msg = f"all cutouts of band {band} must have the same {what}"
        raise InputError(msg)
    unit = next(iter(units), None)
    table[f"cutout_{band}"] = _with_unit(np.array([cutout.data for cutout in cutouts]), unit)
    if any(cutout.uncertainty is not None for cutout in cutouts):
        table[f"cutout_err_{band}"] = _with_unit(np.array([_deviation(c) for c in cutouts]), unit)
        kinds = {c.uncertainty.uncertainty_type for c in cutouts if c.uncertainty is not None}
        if len(kinds) == 1 and kinds != {"std"} and kinds <= set(UNCERTAINTY_KINDS):
            table.meta[f"uncertainty_{band}"] = kinds.pop()
    if any(cutout.mask is not None for cutout in cutouts):
        masks = [np.zeros(c.data.shape, bool) if c.mask is None else c.mask for c in cutouts]
        table[f"cutout_mask_{band}"] = np.array(masks, dtype=bool)
    for kind in ("meta", "wcs"):
        values = [getattr(cutout, kind) for cutout in cutouts]
        if any(value is not None and value != {} for value in values):
            table[f"cutout_{kind}_{band}"] = _objects(values)


def _objects(values):
    """Object array of arbitrary things, one a row."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _deviation(cutout):
    """Standard deviation of each pixel in the unit of the data; NaN where unknown."""
    if cutout.uncertainty is None:
        return np.full(cutout.data.shape, np.nan)
    deviation = cutout.uncertainty.represent_as(StdDevUncertainty)
    if deviation.unit is not None and cutout.unit is not None and deviation.unit != cutout.unit:
        return deviation.quantity.to_value(cutout.unit)
    return deviation.array


def _with_unit(values, unit):
    """Values as a Quantity, or bare where there is no unit."""
    return values if unit is None else u.Quantity(values, unit, copy=False, dtype=values.dtype)


def _ids(table):
    """Identifiers, row numbers by default."""
    if "id" not in table.colnames:
        return np.arange(len(table))
    ids = np.asarray(table["id"])
    if ids.ndim != 1 or ids.dtype.kind not in "iuUSO":
        got = f"{ids.dtype} of shape {ids.shape}"
        msg = f"column id must hold one integer or string a row, got {got}"
        raise InputError(msg)
    if ids.dtype.kind == "O":
        return ids.astype(str)
    return np.char.decode(ids, "utf-8", "replace") if ids.dtype.kind == "S" else ids


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


def _check_companions(sample):
    """Refuse columns that miss the partner they need."""
    for band in sample.bands:
        _need(sample, f"flux_{band}", f"flux_err_{band}")
    for name in sample.colnames:
        if name.startswith(("cutout_err_", "cutout_mask_")):
            image = "cutout_" + name.split("_", 2)[2]
            _need(sample, name, image)
            if sample[name].shape != sample[image].shape:
                msg = f"column {name} must have the shape of {image}, got {sample[name].shape}"
                raise InputError(msg)
    if "spectrum_flux" in sample.colnames:
        _need(sample, "spectrum_flux", "spectrum_flux_err")


def _need(sample, name, partner):
    """Raise where a column's partner is missing."""
    if partner not in sample.colnames:
        msg = f"column {name} needs column {partner}, which is missing"
        raise InputError(msg)
