"""Columns of redshifts and of their errors."""

import warnings
from dataclasses import dataclass, field

import numpy as np

from dustest.data.checks.tables import first_named
from dustest.data.checks.units import parse_unit
from dustest.data.checks.values import bare_values, to_floats
from dustest.data.errors import DustestWarning, InputError
from dustest.data.messages import argument, shown
from dustest.io._catalog.lookup import plain_column
from dustest.io.layouts import REDSHIFT_COLUMNS, RedshiftColumn

__all__ = [
    "Redshifts",
    "choose_redshifts",
    "count_redshifts",
    "merge_redshifts",
    "redshift_candidates",
    "redshift_columns",
    "warn_of_outside",
]

_PERCENTILES = (("_16", "_84"), ("_p16", "_p84"), ("_l68", "_u68"), ("_l16", "_u84"))
_ERRORS = ("_err", "_error")
_LARGEST = 30.0
"""Larger numbers, such as 99, are not redshifts of galaxies."""
_ROUNDING = 0.01
"""Distance by which a redshift may be outside its percentiles, since either may be rounded."""
_FEW = 0.1
"""Fraction of peaks that are outside their percentiles in distributions with several peaks."""


@dataclass(frozen=True)
class Redshifts:
    """Redshifts of a catalogue, or of a part of it.

    Parameters
    ----------
    values, errors : ndarray of shape (n,)
        Values, NaN if missing.
    columns : tuple of str
        Names of their columns.
    outside : dict of tuple of str to list of int
        By columns of percentiles: rows whose redshift is outside, rows with all three, all rows.
    """

    values: np.ndarray
    errors: np.ndarray
    columns: tuple
    outside: dict = field(default_factory=dict)


def redshift_columns(wanted):
    """List all columns that may contain redshifts and their errors.

    Parameters
    ----------
    wanted : sequence of str
        Columns named by the user; the known ones if empty.

    Returns
    -------
    names : list of str
        Column names, in any letter case.
    """
    items = [_record(name) for name in wanted] or REDSHIFT_COLUMNS
    return [name for item in items for name in (item.name, *_companions(item))]


def redshift_candidates(table, wanted):
    """List the columns of redshifts to choose from.

    Parameters
    ----------
    table : Table
        Catalogue.
    wanted : sequence of str
        Columns named by the user, as in the catalogue; the known ones if empty.

    Returns
    -------
    items : list of RedshiftColumn
        The columns.

    Warns
    -----
    DustestWarning
        If a known column is not numeric.
    """
    known = _known(table)
    return [_record(name) for name in wanted] if wanted else known


def count_redshifts(table, items):
    """Count the redshifts above 0 and up to 30 of columns.

    Parameters
    ----------
    table : Table
        Catalogue.
    items : sequence of RedshiftColumn
        The columns.

    Returns
    -------
    counts : ndarray of int of shape (n_items,)
        Number of rows.

    Raises
    ------
    InputError
        If a column has no redshifts.
    """
    counts = [np.count_nonzero(_values(table, item.name) > 0) for item in items]
    return np.array(counts, dtype=np.int64)


def choose_redshifts(parts, items, counts, *, are_named):
    """Choose the columns of redshifts to use.

    Parameters
    ----------
    parts : sequence of Table
        The catalogue, in one or more parts.
    items : sequence of RedshiftColumn
        Columns to choose from.
    counts : ndarray of int of shape (n_items,)
        Number of redshifts of each, in all parts.
    are_named : bool
        Whether the user names the columns: all are used then, else the one with most redshifts.

    Returns
    -------
    chosen : tuple of RedshiftColumn
        Empty if there are none.

    Raises
    ------
    InputError
        If no column has a redshift.

    Warns
    -----
    DustestWarning
        If known columns are left out because of their unit, and there are no others.
    """
    if len(items) == 0:
        _warn_of_units(_with_units(next(iter(parts))))
        return ()
    if np.max(counts) == 0:
        raise InputError(_none_message(parts, [item.name for item in items]))
    return tuple(items) if are_named else (items[int(np.argmax(counts))],)


def merge_redshifts(table, chosen):
    """Read redshifts and their errors.

    Parameters
    ----------
    table : Table
        Catalogue, or a part of it.
    chosen : sequence of RedshiftColumn
        One column, or several, of which each row has the first value above 0 and up to 30.

    Returns
    -------
    redshifts : Redshifts
        The redshifts.
    """
    columns = {item: _values(table, item.name) for item in chosen}
    return _merge(table, columns)


def warn_of_outside(outside):
    """Warn of percentiles that do not enclose their redshift.

    Parameters
    ----------
    outside : dict of tuple of str to list of int
        As in `Redshifts`, for all rows.

    Warns
    -----
    DustestWarning
        If it is so in more than a tenth of the rows.
    """
    for names, (count, n_known, n_rows) in outside.items():
        if count > _FEW * n_known:
            msg = (
                f"the columns {' and '.join(names)} do not enclose the redshift in {count} of "
                f"{n_rows} rows, where they are left out: check that they are percentiles"
            )
            warnings.warn(msg, DustestWarning, stacklevel=5)


def _record(name):
    """Record of a redshift column, with its error columns if the column is known."""
    for known in REDSHIFT_COLUMNS:
        if known.name.lower() == name.lower():
            return RedshiftColumn(name, known.low, known.high, known.error)
    return RedshiftColumn(name)


def _known(table):
    """Known redshift columns of a catalogue with numbers and without another unit."""
    names = [name for name in _candidates(table) if _is_redshift(_unit(table, name))]
    others = [name for name in names if not _holds_numbers(table[name])]
    if others:
        what = " and ".join(sorted({_content(table[name]) for name in others}))
        msg = (
            f"the redshift column {shown(others)} holds {what} and is left out: turn it into "
            "numbers, with NaN for what is missing"
        )
        warnings.warn(msg, DustestWarning, stacklevel=5)
    return [_record(name) for name in names if name not in others]


def _candidates(table):
    """Columns of a catalogue with a known name of redshifts."""
    found = dict.fromkeys(first_named(table.colnames, [item.name]) for item in REDSHIFT_COLUMNS)
    return [name for name in found if name is not None]


def _with_units(table):
    """Columns with a known name of redshifts but with a unit, for a message."""
    units = {name: _unit(table, name) for name in _candidates(table)}
    return [f"{name} (in {unit})" for name, unit in units.items() if not _is_redshift(unit)]


def _warn_of_units(columns):
    """Warn of columns that are left out because of their unit, if there are no others."""
    if columns:
        msg = (
            f"the catalogue is read without redshifts: the column {shown(columns)} has a unit, "
            "and redshifts have none; if these are redshifts, remove the unit, or name another "
            f"column, such as {argument('redshift', 'COLUMN')}"
        )
        warnings.warn(msg, DustestWarning, stacklevel=5)


def _unit(table, name):
    """Unit that a column declares."""
    return getattr(table[name], "unit", None)


def _is_redshift(unit):
    """Whether there is no unit, or astropy's unit of redshift."""
    return parse_unit(unit) is None or str(unit).strip().lower() == "redshift"


def _content(column):
    """Content of a column that is not numeric, as text."""
    kind = bare_values(column)[0].dtype
    words = {"b": "truth values", "c": "complex numbers"}
    return words.get(kind.kind, "text" if kind.kind in "USO" else str(kind))


def _holds_numbers(column):
    """Whether a column is numeric."""
    values, missing = bare_values(column)
    if values.dtype.kind != "O":
        return values.dtype.kind in "iuf"
    known = values if missing is None else values[~missing]
    return not any(isinstance(item, str | bytes) for item in known.flat)


def _values(table, name):
    """Redshifts of a column, NaN if missing, negative, or too large for any galaxy."""
    column = plain_column(table[name], name)
    if not _is_redshift(column.unit):
        msg = (
            f"column {name} must hold redshifts, which have no unit, got {column.unit}: name "
            f"another one, such as {argument('redshift', 'z_phot')}"
        )
        raise InputError(msg)
    column.unit = None
    values = to_floats(column, f"column {name}", ndim=1)
    return np.where((values < 0) | (values > _LARGEST), np.nan, values)


def _none_message(parts, names):
    """Message for columns without a single redshift."""
    table = next(iter(parts))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DustestWarning)  # given before
        known = _known(table)
    counts = sum((count_redshifts(part, known) for part in parts), np.zeros(len(known), int))
    others = [item.name for item, count in zip(known, counts, strict=True) if count]
    # An unknown column may contain redshifts too.
    candidate = others[0] if others else "COLUMN"
    foreign = _with_units(table)
    left_out = f"{shown(foreign)} has a unit, and redshifts have none; " if foreign else ""
    return (
        f"the redshift column {shown(names)} has no positive value up to {_LARGEST:g}: {left_out}"
        "name one that has with "
        f"{argument('redshift', candidate)}, or read the catalogue without redshifts with "
        f"{argument('redshift', [])}; it has the columns {shown(table.colnames)}"
    )


def _merge(table, columns):
    """Redshifts of one column, or the first positive one of several in each row."""
    redshift = np.full(len(table), np.nan)
    error = np.full(len(table), np.nan)
    outside = {}
    for item, values in reversed(columns.items()):
        use = values > 0 if len(columns) > 1 else np.ones(len(table), dtype=bool)
        redshift = np.where(use, values, redshift)
        error = np.where(use, _error(table, item, values, outside), error)
    error[np.isnan(redshift)] = np.nan
    return Redshifts(redshift, error, tuple(item.name for item in columns), outside)


def _companions(item):
    """Columns that may contain the error of a redshift, in order: errors, then percentiles."""
    errors = [item.error] if item.error else [f"{item.name}{end}" for end in _ERRORS]
    pairs = [(item.low, item.high)] if item.low else []
    pairs += [(f"{item.name}{low}", f"{item.name}{high}") for low, high in _PERCENTILES]
    return [*errors, *(name for pair in pairs for name in pair)]


def _error(table, item, redshift, outside):
    """Standard error of a redshift, NaN if the catalogue has no valid one."""
    names = _companions(item)
    n_errors = 1 if item.error else len(_ERRORS)
    for name in names[:n_errors]:
        found = first_named(table.colnames, [name])
        if found is not None:
            return _values(table, found)
    for low, high in zip(names[n_errors::2], names[n_errors + 1 :: 2], strict=True):
        ends = [first_named(table.colnames, [name]) for name in (low, high)]
        if None not in ends:
            percentiles = (_values(table, end) for end in ends)
            return _half_range(redshift, *percentiles, outside.setdefault(tuple(ends), []))
    return np.full(len(table), np.nan)


def _half_range(redshift, low, high, counts):
    """Half the distance of two percentiles, NaN if they do not enclose the redshift; counts."""
    is_outside = (redshift < low - _ROUNDING) | (redshift > high + _ROUNDING)
    n_known = np.count_nonzero(np.isfinite(redshift + low + high))
    counts[:] = [np.count_nonzero(is_outside), n_known, len(redshift)]
    return np.where(is_outside | (high < low), np.nan, (high - low) / 2.0)
