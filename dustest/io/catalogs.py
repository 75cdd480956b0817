"""Catalogues of photometry, read into a checked sample."""

import warnings
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Column, Table

from dustest.data.coerce import as_sample
from dustest.data.errors import DustestWarning, InputError
from dustest.data.identifiers import ID_COLUMNS
from dustest.data.messages import shown
from dustest.data.positions import DEC_COLUMNS, RA_COLUMNS
from dustest.data.tables import first_named
from dustest.data.units import FLUX_UNIT, as_unit, parse_unit
from dustest.io._tables import read_table
from dustest.io.layouts import (
    LAYOUTS,
    REDSHIFT_COLUMNS,
    RedshiftColumn,
    find_layout,
    get_layout,
)

__all__ = ["read_catalog"]

_OWN_PREFIXES = ("cutout_", "spectrum_")
_OWN_COLUMNS = ("group", "pixel_scale", "flags", "features")


def read_catalog(
    path_or_table,
    *,
    columns=None,
    unit=None,
    error_floor=0.0,
    redshift=None,
    layout=None,
    format=None,  # noqa: A002 (the name that astropy's readers give it)
    hdu=None,
):
    """Read a catalogue of photometry.

    The names of the columns tell the layout (`~dustest.io.layouts.LAYOUTS`): the one that finds
    most bands is taken, on a tie the earlier one. What was taken stands in ``meta`` of the
    sample: ``layout``, ``flux_columns``, ``redshift_column``. Columns that are not part of a
    `~dustest.data.GalaxySample` are left out, unless ``columns`` asks for them.

    Parameters
    ----------
    path_or_table : str, path-like or `~astropy.table.Table`
        FITS, ECSV, CSV, Parquet, HDF5 or VOTable file, or a table. Where a FITS file holds
        several tables, the one with most bands is read, and positions and redshifts are joined
        from the others that list the same identifiers.
    columns : dict of str to str, optional
        Columns of the catalogue by their name in the sample, such as
        ``{"redshift": "z_eazy", "flux_F277W": "f3", "flux_err_F277W": "e3"}``. Where it names
        fluxes, only these are read. Other names are kept as they are.
    unit : `~astropy.units.Unit` or str, optional
        Unit of flux columns that declare none; ``astropy.units.ABmag`` for magnitudes, their
        errors then being in magnitudes. It may not contradict a unit that a column declares or
        a layout implies.
    error_floor : float, optional
        Fraction of the flux that is added to its error in quadrature, from 0 to 1.
    redshift : str or sequence of str, optional
        Column of redshifts; of several, the first one with a positive value counts in each
        row. By default the known column with most positive values, spectroscopic before
        photometric on a tie.
    layout : str, optional
        Name of a layout, where the names alone would lead to another.
    format : str, optional
        Format as `astropy.table.Table.read` calls it; by default the ending of the name tells.
    hdu : int or str, optional
        Extension of a FITS file, or path inside an HDF5 file.

    Returns
    -------
    sample : GalaxySample
        Fluxes in nJy. ``redshift_err`` is half the distance between the 16th and the 84th
        percentile where the catalogue gives them.

    Raises
    ------
    InputError
        If no layout fits, a column is missing, has no unit or one that contradicts ``unit``,
        the table is empty, or an argument is out of range.
    ReadError
        If the file is missing or cannot be read.
    MissingDependencyError
        If the format needs a package that is not installed.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from dustest.io import read_catalog
    >>> table = Table({"ID": [7], "z_spec": [6.4], "F277W_KRON": [12.0], "F277W_KRON_e": [0.5]})
    >>> sample = read_catalog(table, error_floor=0.05)
    >>> print(sample["flux_F277W"], sample["flux_err_F277W"].round(3))
    [12.] nJy [0.781] nJy
    >>> sample.meta["layout"], sample.meta["redshift_column"]
    ('jades-kron', 'z_spec')
    """
    _check_floor(error_floor)
    unit = as_unit(unit)
    request = _make_request(columns, redshift, layout)
    table = _load(path_or_table, request, format, hdu)
    _check_present(table, request)
    output = _collect(table, request, unit)
    if not isinstance(path_or_table, Table):
        output.meta["source"] = Path(path_or_table).name
        output.meta |= {key: table.meta[key] for key in ("hdu",) if key in table.meta}
    sample = as_sample(output)
    _add_floor(sample, error_floor)
    return sample


@dataclass(frozen=True)
class _Request:
    """What the user wants of a catalogue."""

    columns: dict
    redshifts: tuple
    layouts: tuple

    @property
    def names_fluxes(self):
        """Whether the user names the fluxes."""
        return any(name.startswith("flux_") for name in self.columns)

    @property
    def wanted(self):
        """Columns that may have to come from another extension of the file."""
        known = [*RA_COLUMNS, *DEC_COLUMNS, *self.columns.values()]
        for item in self.redshifts or REDSHIFT_COLUMNS:
            known.extend(filter(None, (item.name, item.low, item.high, item.error)))
        return known

    def layout_of(self, names):
        """Layout of a catalogue with these columns, or None."""
        return None if self.names_fluxes else find_layout(names, self.layouts)

    def select(self, names):
        """Columns of a catalogue that may be needed."""
        layout = self.layout_of(names)
        if layout is None and not self.columns:
            return names
        fluxes = (
            [] if layout is None else [n for pair in layout.pairs(names).values() for n in pair]
        )
        orphans = [] if layout is None else layout.orphans(names)
        wanted = [first_named(names, [name]) for name in (*self.wanted, *ID_COLUMNS)]
        keep = {*fluxes, *orphans, *filter(None, wanted), *_own_columns(names, layout)}
        return [name for name in names if name in keep]


def _make_request(columns, redshift, layout):
    """The request that the arguments make."""
    columns = dict(columns or {})
    if not all(isinstance(name, str) for pair in columns.items() for name in pair):
        msg = f"columns must map names of the sample to names of the catalogue, got {columns!r}"
        raise InputError(msg)
    if redshift is not None and "redshift" in columns:
        msg = "redshift and columns['redshift'] say the same: pass one of them"
        raise InputError(msg)
    redshift = columns.pop("redshift", redshift)
    names = [] if redshift is None else redshift
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        msg = f"redshift must be the name of a column, or several, got {redshift!r}"
        raise InputError(msg)
    layouts = LAYOUTS if layout is None else (get_layout(layout),)
    return _Request(columns, tuple(map(_redshift_column, names)), layouts)


def _redshift_column(name):
    """Record of a redshift column, with its errors where the column is a known one."""
    for known in REDSHIFT_COLUMNS:
        if known.name.lower() == name.lower():
            return RedshiftColumn(name, known.low, known.high, known.error)
    return RedshiftColumn(name)


def _check_floor(floor):
    """Raise where the error floor is not a fraction."""
    if not isinstance(floor, Real) or not 0.0 <= floor <= 1.0:
        msg = f"error_floor must be a fraction of the flux from 0 to 1, got {floor!r}"
        raise InputError(msg)


def _load(path_or_table, request, file_format, hdu):
    """The table, read where it is not one already."""
    if isinstance(path_or_table, Table):
        return path_or_table
    if not isinstance(path_or_table, str | Path):
        kind = type(path_or_table).__name__
        msg = f"path_or_table must be the path of a file or an astropy Table, got {kind}"
        raise InputError(msg)
    return read_table(
        path_or_table,
        file_format=file_format,
        hdu=hdu,
        layouts=request.layouts,
        wanted=request.wanted,
        select=request.select,
    )


def _check_present(table, request):
    """Raise where a column that the user names is not there."""
    asked = [*request.columns.values(), *(item.name for item in request.redshifts)]
    missing = [name for name in asked if name not in table.colnames]
    if missing:
        msg = (
            f"columns and redshift must name columns of the catalogue, which has no "
            f"{shown(missing)}; it has {shown(table.colnames)}"
        )
        raise InputError(msg)


def _collect(table, request, unit):
    """Table with the columns of a sample, in the units of the catalogue."""
    layout = request.layout_of(table.colnames)
    sources = _sources(table.colnames, request, layout)
    fluxes = {name: source for name, source in sources.items() if name.startswith("flux_")}
    output = Table(meta=table.meta if _is_own(table.colnames, layout) else None)
    for name, source in sources.items():
        output[name] = _native(table[source])
    _set_units(output, fluxes, unit, layout)
    redshift_column = _add_redshift(output, table, request)
    output.meta |= {
        "layout": "columns" if layout is None else layout.name,
        "flux_columns": ", ".join(fluxes.values()),
        "redshift_column": redshift_column,
    }
    return output


def _sources(names, request, layout):
    """Column of the catalogue by its name in the sample."""
    places = {"id": ID_COLUMNS, "ra": RA_COLUMNS, "dec": DEC_COLUMNS}
    sources = {place: first_named(names, candidates) for place, candidates in places.items()}
    sources = {place: found for place, found in sources.items() if found is not None}
    sources |= {name: name for name in _own_columns(names, layout)}
    if layout is not None:
        _warn_of_orphans(names, layout)
        for band, (flux, error) in layout.pairs(names).items():
            sources |= {f"flux_{band}": flux, f"flux_err_{band}": error}
    sources |= request.columns
    if not request.columns and set(sources) <= set(places):
        raise InputError(_unknown_layout_message(names, request))
    return sources


def _unknown_layout_message(names, request):
    """The sentence that tells of a catalogue without recognised fluxes."""
    which = "no layout knows" if len(request.layouts) > 1 else "the layout does not know"
    return (
        f"{which} fluxes with errors among the columns {shown(names)}; pass columns="
        "{'flux_F277W': 'name of flux', 'flux_err_F277W': 'name of error', ...}"
    )


def _warn_of_orphans(names, layout):
    """Tell of flux columns without errors, which are left out."""
    orphans = layout.orphans(names)
    if orphans:
        msg = (
            f"the flux columns {shown(orphans)} have no error column "
            f"{layout.error.format(band='<band>')} and are left out"
        )
        warnings.warn(msg, DustestWarning, stacklevel=4)


def _is_own(names, layout):
    """Whether a table was written by dustest."""
    named = layout is not None and layout.name == "dustest"
    return named or (layout is None and any(name.startswith(_OWN_PREFIXES) for name in names))


def _own_columns(names, layout):
    """Columns of the contract beyond photometry in a table that dustest wrote."""
    if not _is_own(names, layout):
        return []
    return [n for n in names if n.startswith(_OWN_PREFIXES) or n in _OWN_COLUMNS]


def _native(column):
    """Column in this machine's byte order and as text, without the axes of length one."""
    unit = parse_unit(getattr(column, "unit", None))
    values = column.value if isinstance(column, u.Quantity) else column
    values = np.ma.asarray(values)
    if values.dtype.kind == "S":
        values = np.char.decode(np.ma.filled(values, b""), "utf-8", "replace")
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    return _column(values, unit)


def _column(values, unit):
    """Column with a unit; masked numbers become NaN."""
    if np.ma.is_masked(values) and values.dtype.kind in "iuf":
        values = np.ma.filled(values.astype(float), np.nan)
    return Column(np.asarray(values), unit=unit)


def _set_units(output, fluxes, unit, layout):
    """Give every flux column a unit: its own, else that of the layout, else the user's."""
    default = _default_unit(unit, layout)
    bare = [fluxes[name] for name in fluxes if output[name].unit is None]
    if bare and default is None:
        msg = (
            f"unit must be given, such as unit=astropy.units.nJy: columns {shown(bare)} have none"
        )
        raise InputError(msg)
    for name, source in fluxes.items():
        is_error = name.startswith("flux_err_")
        own, wanted = output[name].unit, _error_unit(unit) if is_error else unit
        if own is not None and wanted is not None and not _agree(own, wanted):
            msg = f"unit is {unit}, but column {source} declares {own}; leave unit out"
            raise InputError(msg)
        if wanted is None:
            wanted = own or (_error_unit(default) if is_error else default)
        output[name].unit = wanted


def _default_unit(unit, layout):
    """Unit of columns that declare none."""
    fixed = None if layout is None else layout.unit
    if fixed is not None and unit is not None and not _agree(fixed, unit):
        msg = (
            f"unit is {unit}, but the layout {layout.name} is in {fixed}; leave unit out, or set "
            "the units of the columns of a table"
        )
        raise InputError(msg)
    return unit if fixed is None else fixed


def _error_unit(unit):
    """Unit of the error of a flux: magnitudes for AB magnitudes."""
    return u.mag if unit == u.ABmag else unit


def _agree(own, given):
    """Whether two units are the same; a magnitude without a system is the one that is given."""
    if own == u.mag or given == u.mag:
        return own in (u.mag, u.ABmag) and given in (u.mag, u.ABmag)
    return own == given


def _add_redshift(output, table, request):
    """Add redshifts and their errors; the names of the columns that they come from."""
    chosen = request.redshifts or _fullest(table)
    if not chosen:
        return ""
    redshift = np.full(len(table), np.nan)
    error = np.full(len(table), np.nan)
    for item in reversed(chosen):
        values = _numbers(table, item.name)
        use = values > 0 if len(chosen) > 1 else np.ones(len(table), dtype=bool)
        redshift = np.where(use, values, redshift)
        error = np.where(use, _redshift_error(table, item), error)
    output["redshift"] = redshift
    if np.any(np.isfinite(error)):
        output["redshift_err"] = error
    return ", ".join(item.name for item in chosen)


def _fullest(table):
    """Known redshift column with most positive values, in a tuple, or an empty one."""
    names = ((first_named(table.colnames, [item.name]), item) for item in REDSHIFT_COLUMNS)
    found = [_redshift_column(name) for name, item in names if name is not None]
    found = [item for item in found if table[item.name].dtype.kind in "iuf"]
    counts = [np.count_nonzero(_numbers(table, item.name) > 0) for item in found]
    return (found[int(np.argmax(counts))],) if found else ()


def _redshift_error(table, item):
    """Standard error of a redshift, NaN where the catalogue gives none."""
    low, high, error = (
        None if name is None else first_named(table.colnames, [name])
        for name in (item.low, item.high, item.error)
    )
    if error is not None:
        return _numbers(table, error)
    if low is not None and high is not None:
        return (_numbers(table, high) - _numbers(table, low)) / 2.0
    return np.full(len(table), np.nan)


def _numbers(table, name):
    """Floats of a column, NaN where masked."""
    column = _native(table[name])
    if column.dtype.kind not in "iuf" or column.ndim != 1:
        msg = f"column {name} must hold one number a row, got {column.dtype} of {column.shape}"
        raise InputError(msg)
    return np.asarray(column, dtype=float)


def _add_floor(sample, floor):
    """Add a fraction of the flux to its error, in quadrature."""
    if floor == 0.0:
        return
    for band in sample.bands:
        flux = np.abs(sample[f"flux_{band}"].to_value(FLUX_UNIT))
        error = sample[f"flux_err_{band}"].to_value(FLUX_UNIT)
        sample[f"flux_err_{band}"] = np.hypot(error, floor * flux) << FLUX_UNIT
    sample.meta["error_floor"] = float(floor)
