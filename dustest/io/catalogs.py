"""Reading of catalogues of photometry into a checked sample."""

import warnings
from dataclasses import replace
from numbers import Integral
from os import PathLike
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Column, Table

from dustest.data.bands import has_curve
from dustest.data.checks.numbers import check_number
from dustest.data.checks.tables import as_table, is_table_like
from dustest.data.checks.units import FLUX_UNIT, SPECTRAL_UNIT, as_unit, is_magnitude, resolve_unit
from dustest.data.checks.values import bare_values, to_floats
from dustest.data.containers.conversion import as_sample
from dustest.data.errors import DustestWarning, InputError
from dustest.data.kinds import KINDS
from dustest.data.messages import argument, shown
from dustest.io._catalog.cells import parse_numbers, refuse_units
from dustest.io._catalog.flux_units import flux_units, read_units
from dustest.io._catalog.lookup import plain_column
from dustest.io._catalog.plan import kind_columns, make_plan
from dustest.io._catalog.plausibility import warn_of_implausible, warn_of_magnitudes
from dustest.io._catalog.redshifts import read_redshifts
from dustest.io._catalog.request import make_request
from dustest.io._foreground import (
    FOREGROUND_KEY,
    band_correction,
    foreground_of,
    foreground_record,
    line_correction,
    refuse_corrected,
)
from dustest.io._formats.readers import read_table

__all__ = ["read_catalog"]

_POSITIONS = ("ra", "dec")


def read_catalog(
    path_or_table,
    *,
    columns=None,
    unit=None,
    error_floor=0.0,
    redshift=None,
    foreground_ebv=None,
    layout=None,
    format=None,  # noqa: A002 (the name in astropy's readers)
    hdu=None,
):
    """Read a catalogue of photometry.

    The layout is recognised by the names of the columns (`~dustest.io.layouts.LAYOUTS`): the one
    with most bands is used, for equal numbers the first. ``meta`` of the sample records which
    columns were used: ``layout``, ``flux_columns``, ``redshift_column``. Columns that are not part
    of a `~dustest.data.GalaxySample` are left out, unless ``columns`` names them.

    Parameters
    ----------
    path_or_table : str, path-like, Table, data frame or dict of str to array_like
        FITS, ECSV, CSV, Parquet, HDF5 or VOTable file, columns of text, or a table: of astropy,
        pandas, polars, or a dict of columns. If a file has several tables, the one with most bands
        is read. Positions and redshifts in other tables of a FITS file are joined by identifier.
    columns : dict of str to str, optional
        Columns of the catalogue by their name in the sample, such as
        ``{"redshift": "z_eazy", "flux_F277W": "f3", "flux_err_F277W": "e3"}``, in any letter case
        and spelling of the band. Where it names fluxes, only these are read. Other names are kept
        as they are.
    unit : `~astropy.units.Unit`, str or dict of str to unit, optional
        Unit of fluxes without a declared unit, in place of that of the layout;
        ``astropy.units.ABmag`` for magnitudes, whose errors are then in magnitudes. It may not
        contradict a declared unit. A dict gives units by column of the catalogue, or by band, and
        ``"*"`` for all others; these also replace a declared unit that is not understood.
    error_floor : float, optional
        Fraction of the flux that is added to its error in quadrature, from 0 to 1. If a sample
        already has a floor, only the difference is added.
    redshift : str or sequence of str, optional
        Column of redshifts; of several, each row has the first positive value. By default the
        known column with most positive values; for equal numbers, spectroscopic before
        photometric. An empty list reads no redshifts.
    foreground_ebv : str or float, optional
        Column of E(B-V) of the Milky Way, or its value in mag for all galaxies: fluxes and errors
        are corrected with the law G23, ``meta["foreground_dust"]`` records it, and the column
        ``foreground_ebv`` of the sample keeps the values.
    layout : str, optional
        Name of a layout, if the names of the columns would select another.
    format : str, optional
        Format as in `astropy.table.Table.read`; by default given by the suffix of the name.
    hdu : int or str, optional
        Extension of a FITS file, or path inside an HDF5 file.

    Returns
    -------
    sample : GalaxySample
        Fluxes in nJy. ``redshift_err`` is the error of the redshift column, or half the distance
        between its 16th and 84th percentile. Masked and infinite values, sentinels such as -99 (or
        99 for magnitudes) and values with a negative error are NaN.

    Raises
    ------
    InputError
        If no layout matches, a column is missing, has no unit, one that is not understood or one
        that contradicts ``unit``, the redshift column has no positive value, the table is empty,
        fluxes are already corrected for foreground dust, or an argument is out of range.
    ReadError
        If the file is missing or cannot be read.
    MissingDependencyError
        If the format needs a package that is not installed.

    Warns
    -----
    DustestWarning
        If the unit is an assumption, cells of fluxes are not numbers, fluxes without errors, of
        unknown bands or rows without an identifier are left out, or fluxes look like magnitudes,
        errors or colours are improbable.

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
    given = read_units(unit)
    request = make_request(columns, redshift, layout, foreground_ebv)
    table = _load(path_or_table, request, format, hdu)
    request = request.match_names(table.colnames)
    plan = make_plan(table, request)
    given = given.of(plan.columns, plan.pairs)
    _refuse_units(table, plan)
    table, plan = _with_identified_rows(table, plan)
    _check_rows(table)
    sample = as_sample(_collect(table, plan, request, given))
    warn_of_implausible(sample)
    _drop_negative_errors(sample)
    _correct_foreground(sample, request.ebv, table, plan.layout)
    _add_floor(sample, error_floor)
    return sample


def _check_floor(floor):
    """Raise an error if the error floor is not a fraction."""
    check_number(floor, "error_floor", 0, 1, expected="a fraction of the flux from 0 to 1")


def _load(path_or_table, request, file_format, hdu):
    """The table, which is read from a file if necessary."""
    if is_table_like(path_or_table):
        return as_table(path_or_table, "path_or_table")
    if not isinstance(path_or_table, str | PathLike):
        kind = type(path_or_table).__name__
        msg = (
            "path_or_table must be the path of a file, an astropy Table, a data frame or a dict "
            f"of columns, got {kind}"
        )
        raise InputError(msg)
    table = read_table(
        path_or_table,
        file_format=file_format,
        hdu=hdu,
        layouts=request.layouts,
        wanted=request.wanted,
        select=lambda table: request.select(table, kind_columns),
    )
    table.meta["source"] = Path(path_or_table).name
    return table


def _refuse_units(table, plan):
    """Raise an error for a row of units, before it is left out for its missing identifier."""
    for name in (name for pair in plan.pairs.values() for name in pair):
        if table[name].dtype.kind in "US":
            refuse_units(plain_column(table[name], name).value, name)


def _with_identified_rows(table, plan):
    """Rows with an identifier; text may be empty, numbers may not."""
    name = plan.others.get("id")
    missing = None if name is None else _missing_ids(table[name])
    if missing is None or not missing.any():
        return table, plan
    if missing.all():
        msg = f"{name} is missing in all rows, which are numbered instead"
        plan = replace(plan, others={k: v for k, v in plan.others.items() if k != "id"})
    else:
        count = np.count_nonzero(missing)
        rows = "1 row, which is" if count == 1 else f"{count} rows, which are"
        msg = f"{name} is missing in {rows} left out"
        table = table[~missing]
    warnings.warn(msg, DustestWarning, stacklevel=3)
    return table, plan


def _check_rows(table):
    """Raise an error if there is no galaxy."""
    if len(table) == 0:
        msg = "the catalogue must have at least one galaxy, got 0 rows"
        raise InputError(msg)


def _missing_ids(column):
    """Rows with missing numerical identifiers, or None."""
    values, missing = bare_values(column)
    missing = np.zeros(len(values), dtype=bool) if missing is None else missing.copy()
    if values.dtype.kind == "f" and values.ndim == 1:
        whole = np.isfinite(values) & (values == np.round(values))
        return missing | ~whole if np.any(whole) else None
    is_number = values.dtype.kind in "iu" or (
        values.dtype.kind == "O" and all(isinstance(v, Integral) for v in values[~missing])
    )
    return missing if is_number and values.ndim == 1 else None


def _collect(table, plan, request, given):
    """Table with the columns of a sample, in the units of the catalogue."""
    is_own = plan.is_own or (plan.layout is None and bool(kind_columns(table, None)))
    output = Table(meta=dict(table.meta) if is_own else None)
    output.meta.pop("comments", None)
    _add_others(output, table, plan, given)
    _separate_limits(output, plan)
    units = flux_units(table, plan.pairs, given, plan.layout)
    _add_fluxes(output, table, plan, units)
    _add_redshifts(output, table, plan, request)
    output.meta |= {
        "layout": "columns" if plan.layout is None else plan.layout.name,
        "flux_columns": ", ".join(name for pair in plan.pairs.values() for name in pair),
    }
    output.meta |= {key: table.meta[key] for key in ("source", "hdu") if key in table.meta}
    return output


def _add_others(output, table, plan, given):
    """Add identifiers, positions and other requested columns."""
    known = {} if plan.layout is None else plan.layout.others(table.colnames)
    for key, name in plan.others.items():
        if key == "redshift":
            continue
        column = plain_column(table[name], name)
        column.meta |= getattr(table[name].info, "meta", None) or {}
        # Positions as text state their own units.
        if key != "id" and not (key in _POSITIONS and column.dtype.kind in "UO"):
            column.unit = _other_unit(column, key, name, given)
        if key in known and known[key][0] == name:
            _declare(column, known[key][1])
        output[key] = column


def _separate_limits(output, plan):
    """Move values that their error marks as upper limits to columns of limits."""
    mark = None if plan.layout is None else plan.layout.limit_error
    if mark is None:
        return
    kind = KINDS["line"]
    (limit,) = kind.with_role("limit")
    for error, value in _line_pairs(kind, plan.others):
        is_limit = output[error] == mark
        if np.any(is_limit):
            limits = Column(np.where(is_limit, output[value], np.nan), unit=output[value].unit)
            limits.meta["sigma"] = plan.layout.limit_sigma
            output[kind.column_name(limit, value.removeprefix("line_"))] = limits
            output[value][is_limit] = output[error][is_limit] = np.nan


def _line_pairs(kind, names):
    """Columns of the error and of the value of each line."""
    (error,) = kind.with_role("error")
    start = f"{error.name}_"
    items = [name.removeprefix(start) for name in names if name.startswith(start)]
    pairs = [(f"{start}{item}", kind.column_name(kind.values[0], item)) for item in items]
    return [pair for pair in pairs if pair[1] in names]


def _declare(column, record):
    """Give a column the unit and the sigma of its layout if it has none."""
    column.unit = column.unit or as_unit(record.unit)
    if record.sigma is not None:
        column.meta.setdefault("sigma", record.sigma)


def _other_unit(column, key, name, given):
    """Unit of a column that is not a flux."""
    is_angle = key in _POSITIONS
    return resolve_unit(
        column.unit,
        given.by_column.get(name),
        _is_angle if is_angle else _is_anything,
        what=f"column {name}",
        expected="an angle" if is_angle else "a unit",
        remedy=argument("unit", "deg" if is_angle else "UNIT", key=name),
        explicit=True,
    )


def _is_angle(unit):
    """Whether a unit is one of angles."""
    return unit.is_equivalent(u.deg) or unit == u.hour


def _is_anything(unit):  # noqa: ARG001 - columns of the user's have any unit
    """Whether a unit is valid for an unknown column."""
    return True


def _add_fluxes(output, table, plan, units):
    """Add fluxes and errors with their units; bands that cannot be converted are left out."""
    numbers = {}
    for band, (flux, error) in plan.pairs.items():
        if not _is_convertible(band, units[flux], units[error]):
            continue
        columns = [_numbers(table[name], name, plan.element) for name in (flux, error)]
        if units[flux] != u.ABmag:
            numbers[flux] = tuple(column.value for column in columns)
        for kind, column, name in zip(("flux", "flux_err"), columns, (flux, error), strict=True):
            column.unit = units[name]
            # The sample contains copies.
            output.add_column(column, name=f"{kind}_{band}", copy=False)
    warn_of_magnitudes(numbers)


def _is_convertible(band, *units):
    """Whether the fluxes of a band can be converted to nJy; warns if not."""
    per_wavelength = any(
        not is_magnitude(unit) and unit.is_equivalent(SPECTRAL_UNIT) for unit in set(units)
    )
    if not per_wavelength or has_curve(band):
        return True
    msg = (
        f"the band {band} is left out: its flux per wavelength needs a filter curve, and none "
        "is available"
    )
    warnings.warn(msg, DustestWarning, stacklevel=5)
    return False


def _numbers(column, name, element):
    """One number per row."""
    # The sample contains floats in native order: converting once is sufficient.
    plain = plain_column(column, name, element, native=False)
    if plain.dtype.kind == "U" and plain.ndim == 1:
        plain = Column(parse_numbers(plain.value, name), unit=plain.unit)
    if plain.dtype.kind == "O":
        plain = Column(to_floats(plain.value, f"column {name}", sentinels=False))
    if plain.ndim == 2:
        msg = (
            f"column {name} must hold one number a row, got {plain.shape[1]}: pick one, such as "
            f"with {argument('layout', 'cosmos2025-aper1')}, or pass a table with a column for it"
        )
        raise InputError(msg)
    if plain.dtype.kind not in "iuf" or plain.ndim != 1:
        to_floats(plain.value, f"column {name}", ndim=1)
    return plain


def _add_redshifts(output, table, plan, request):
    """Add redshifts and their errors."""
    output.meta["redshift_column"] = ""
    if request.without_redshifts:
        return
    of_layout = (plan.others["redshift"],) if "redshift" in plan.others else ()
    found = read_redshifts(table, request.redshifts or of_layout)
    if found is None:
        return
    output["redshift"] = found.values
    if "redshift_err" not in output.colnames and np.any(np.isfinite(found.errors)):
        output["redshift_err"] = found.errors
    output.meta["redshift_column"] = ", ".join(found.columns)


def _drop_negative_errors(sample):
    """Replace values with a negative error by NaN: catalogues scale their -99."""
    for kind in KINDS.values():
        for error in kind.with_role("error"):
            if error.axes == 1:
                for pair in kind.names_in(sample, "error"):
                    negative = u.Quantity(sample[pair[0]]).value < 0
                    for name in pair if error.required else pair[:1]:
                        if np.any(negative):
                            sample[name][negative] = np.nan


def _correct_foreground(sample, ebv, table, layout):
    """Correct all fluxes for foreground dust, once; bands without a filter curve are left out."""
    if ebv is None:
        return
    refuse_corrected(
        "" if layout is None else layout.foreground, f"the layout {layout and layout.name}"
    )
    refuse_corrected(sample.meta.get(FOREGROUND_KEY, ""), "the catalogue")
    values = foreground_of(table, ebv)
    _warn_of_missing(values)
    unknown = [band for band in sample.bands if not has_curve(band)]
    if unknown:
        msg = (
            f"the bands {shown(unknown)} are left out: the correction for foreground dust needs "
            "filter curves, and none are available"
        )
        warnings.warn(msg, DustestWarning, stacklevel=3)
        for band in unknown:
            sample.remove_columns(KINDS["flux"].columns_of(band, sample))
    for band in sample.bands:
        _multiply(sample, KINDS["flux"].columns_of(band, sample), band_correction(values, band))
    redshift = (
        sample["redshift"] if "redshift" in sample.colnames else np.full(len(sample), np.nan)
    )
    for line in sample.lines:
        factor = line_correction(values, line, np.asarray(redshift))
        _multiply(sample, KINDS["line"].columns_of(line, sample), factor)
    sample["foreground_ebv"] = np.array(values) << u.mag
    sample.meta[FOREGROUND_KEY] = foreground_record(ebv)


def _multiply(sample, names, factor):
    """Multiply columns in place, which keeps their meta."""
    for name in names:
        sample[name][:] = sample[name] * factor


def _warn_of_missing(ebv):
    """Warn of galaxies without a colour excess."""
    count = np.count_nonzero(np.isnan(ebv))
    if count:
        msg = (
            f"foreground_ebv is missing in {count} of {len(ebv)} rows, whose fluxes become missing"
        )
        warnings.warn(msg, DustestWarning, stacklevel=4)


def _add_floor(sample, floor):
    """Add the rest of a fraction of the flux to its error, in quadrature."""
    already = float(sample.meta.get("error_floor", 0.0))
    if floor <= already:
        return
    missing = np.sqrt(floor**2 - already**2)
    for band in sample.bands:
        flux = np.abs(sample[f"flux_{band}"].to_value(FLUX_UNIT))
        error = sample[f"flux_err_{band}"].to_value(FLUX_UNIT)
        sample[f"flux_err_{band}"] = np.hypot(error, missing * flux) << FLUX_UNIT
    sample.meta["error_floor"] = float(floor)
