"""Identifiers: their column, and pairing of the rows of two tables."""

import warnings

import numpy as np
from astropy.table import Column

from dustest.data.checks.tables import first_named
from dustest.data.checks.values import bare_values
from dustest.data.errors import DustestWarning, InputError

__all__ = ["ID_COLUMNS", "as_ids", "has_ids", "id_column", "match_ids", "row_numbers"]

ID_COLUMNS = (
    *("id", "id_", "jades_id", "source_id", "sourceid", "object_id", "objectid", "obj_id"),
    *("objid", "galaxy_id", "galaxyid", "gal_id", "cat_id", "catalog_id", "number", "label"),
)
"""Names of identifiers in any letter case, the preferred one first."""

_GENERATED = "row numbers"


def id_column(table):
    """Find the column of identifiers.

    Parameters
    ----------
    table : Table
        Any table.

    Returns
    -------
    name : str or None
        Name in the table; None if there is none.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from dustest.data.checks.identifiers import id_column
    >>> id_column(Table({"RA": [53.1], "NUMBER": [7]}))
    'NUMBER'
    """
    return first_named(table.colnames, ID_COLUMNS)


def row_numbers(n_rows, first=0):
    """Make identifiers for rows without any.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    first : int, optional
        Number of the first row, of a part of a table.

    Returns
    -------
    ids : `~astropy.table.Column` of int of shape (n_rows,)
        Numbers, marked so that `has_ids` does not count them as identifiers.
    """
    return Column(np.arange(first, first + n_rows), meta={"origin": _GENERATED})


def has_ids(table):
    """Whether a table has its own identifiers, rather than those of `row_numbers`.

    Parameters
    ----------
    table : Table
        Any table.

    Returns
    -------
    answer : bool
        Whether it has.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.data import as_sample
    >>> from dustest.data.checks.identifiers import has_ids
    >>> has_ids(as_sample(np.zeros((5, 8, 8)))), has_ids(as_sample({"id": [7], "redshift": [6.1]}))
    (False, True)
    """
    name = id_column(table)
    if name is None:
        return False
    return getattr(table[name].info, "meta", None) != {"origin": _GENERATED}


def as_ids(column, name="column id"):
    """Convert identifiers without changing them.

    Parameters
    ----------
    column : Column, series or array_like of int or str of shape (n,)
        Identifiers.
    name : str, optional
        Name of the column, for messages.

    Returns
    -------
    ids : ndarray of int or str of shape (n,)
        Bytes are decoded. Integers stored as floats become integers. If some are missing, all are
        text, and the missing ones are empty.

    Raises
    ------
    InputError
        If they are not one integer or text per row, or are floats too large to be exact (from
        2**53 on, from 2**24 in single precision).

    Warns
    -----
    DustestWarning
        If some are missing.

    Examples
    --------
    >>> from dustest.data.checks.identifiers import as_ids
    >>> as_ids([1.0, 2.0])
    array([1, 2])
    """
    values, missing = bare_values(column)
    if values.dtype.kind == "f" and values.ndim == 1:
        values, missing = _whole_numbers(values, missing, name)
    if values.ndim != 1 or values.dtype.kind not in "iuUSO":
        got = f"{values.dtype} of shape {values.shape}"
        msg = f"{name} must hold one integer or string a row, got {got}"
        raise InputError(msg)
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    if values.dtype.kind == "O":
        values = _of_objects(values)
    if missing is None or not missing.any():
        return values
    msg = f"{name.removeprefix('column ')} is missing in {_rows(missing.sum())}"
    warnings.warn(msg, DustestWarning, stacklevel=3)
    return np.where(missing, "", values.astype(str))


def _rows(count):
    """A number of rows, as text."""
    return f"{count} row" + ("s" if count != 1 else "")


def _whole_numbers(values, missing, name):
    """Convert floats of a data frame with nulls to integers if they are; keep others."""
    known = np.isfinite(values) if missing is None else np.isfinite(values) & ~missing
    if np.all(values[known] == np.round(values[known])):
        _check_exact(values[known], name)
        return np.where(known, values, 0.0).astype(np.int64), ~known
    return values, missing


def _check_exact(values, name):
    """Raise an error for floats so large that another identifier may have been rounded to them."""
    limit = 2 ** min(np.finfo(values.dtype).nmant + 1, 63)
    rounded = values[np.abs(values) >= limit]
    if rounded.size:
        msg = (
            f"{name} must hold integers or text: {values.dtype} is exact below {limit} only, got "
            f"{rounded[0]!s}; keep identifiers as integers or text"
        )
        raise InputError(msg)


def _of_objects(values):
    """Objects as integers if all are, else as text."""
    if all(isinstance(item, int | np.integer) for item in values):
        numbers = np.array(list(values))
        if numbers.dtype.kind in "iu":  # and not beyond 64 bits
            return numbers
    return np.array(["" if item is None else _text(item) for item in values], dtype=str)


def _text(item):
    """One identifier as text."""
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)


def match_ids(ids, other_ids):
    """Pair rows by identifier; a number and its text are equal.

    Parameters
    ----------
    ids, other_ids : array_like of int or str of shape (n,) and (m,)
        Identifiers.

    Returns
    -------
    rows, other_rows : ndarray of int of shape (k,)
        Row numbers in the two tables, in the order of the first. Identifiers that occur more than
        once in a table are not paired, unless both tables are the same.

    Examples
    --------
    >>> from dustest.data.checks.identifiers import match_ids
    >>> match_ids([11, 12, 13], ["13", "11"])
    (array([0, 2]), array([1, 0]))
    """
    ids, other_ids = _comparable(as_ids(ids), as_ids(other_ids))
    if np.array_equal(ids, other_ids):
        return np.arange(len(ids)), np.arange(len(ids))
    values, first = _unique(ids)
    other_values, other_first = _unique(other_ids)
    _, places, other_places = np.intersect1d(
        values, other_values, assume_unique=True, return_indices=True
    )
    rows, other_rows = first[places], other_first[other_places]
    order = np.argsort(rows)
    return rows[order], other_rows[order]


def _comparable(ids, other_ids):
    """Convert both to one type: integers of one sign, else text."""
    kinds = {ids.dtype.kind, other_ids.dtype.kind}
    if kinds in ({"i"}, {"u"}):
        return ids, other_ids
    # Signed and unsigned 64-bit integers together would become floats.
    return ids.astype(str), other_ids.astype(str)


def _unique(ids):
    """Identifiers that occur once and are not empty, and their rows."""
    values, first, counts = np.unique(ids, return_index=True, return_counts=True)
    once = counts == 1
    if values.dtype.kind == "U":
        once &= values != ""
    return values[once], first[once]
