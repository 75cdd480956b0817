"""Rows and columns of result tables, brought to one order and unit."""

import numpy as np
from astropy import units as u
from astropy.table import QTable, Table

from dustest.data.errors import InputError
from dustest.data.quantities import QUANTITIES

__all__ = ["aligned_values", "gives", "match_rows", "truth_table", "values_of"]


def match_rows(ids, other_ids, *, names=("the first", "the second")):
    """Rows of two tables that belong to the same galaxy.

    Parameters
    ----------
    ids, other_ids : array_like of int or str of shape (n,) and (m,)
        Identifiers.
    names : tuple of str, optional
        What the tables are called in an error.

    Returns
    -------
    rows, other_rows : ndarray of int of shape (min(n, m),)
        Row numbers in the two tables, in the order of the first.

    Raises
    ------
    InputError
        If the ids differ and are duplicated, or the shorter table has ids that the longer
        lacks.

    Examples
    --------
    >>> from dustest.validation.matching import match_rows
    >>> match_rows(["a", "b", "c"], ["c", "a"])
    (array([0, 2]), array([1, 0]))
    """
    ids, other_ids = _comparable(ids, other_ids)
    if np.array_equal(ids, other_ids):
        return np.arange(len(ids)), np.arange(len(ids))
    for name, column in zip(names, (ids, other_ids), strict=True):
        _refuse_duplicates(name, column)
    common, rows, other_rows = np.intersect1d(
        ids, other_ids, assume_unique=True, return_indices=True
    )
    n_missing = min(len(ids), len(other_ids)) - len(common)
    if n_missing:
        msg = (
            f"the ids of one table must contain those of the other, but {names[0]} and {names[1]} "
            f"each have ids that the other lacks ({n_missing} of the shorter one's); keep the "
            "rows that both have"
        )
        raise InputError(msg)
    order = np.argsort(rows)
    return rows[order], other_rows[order]


def aligned_values(values, ids, other_ids, *, names=("the first", "the second")):
    """Values of a table at the rows of a longer one.

    Parameters
    ----------
    values : ndarray of float of shape (n,)
        A column of the table.
    ids, other_ids : array_like of int or str of shape (n,) and (m,)
        Identifiers of the table and of the longer one.
    names : tuple of str, optional
        What the tables are called in an error.

    Returns
    -------
    aligned : ndarray of float of shape (m,)
        NaN where the table has no such galaxy.

    Raises
    ------
    InputError
        If `match_rows` cannot pair the rows.

    Examples
    --------
    >>> from dustest.validation.matching import aligned_values
    >>> aligned_values([0.2, 0.5], ["c", "a"], ["a", "b", "c"])
    array([0.5, nan, 0.2])
    """
    rows, positions = match_rows(ids, other_ids, names=names)
    aligned = np.full(len(other_ids), np.nan)
    aligned[positions] = np.asarray(values, dtype=float)[rows]
    return aligned


def _comparable(ids, other_ids):
    """Both id columns as arrays of one kind; numbers and their text are the same."""
    arrays = [np.asarray(column) for column in (ids, other_ids)]
    if all(array.dtype.kind in "iu" for array in arrays):
        return arrays
    return [
        np.char.decode(array, "utf-8", "replace") if array.dtype.kind == "S" else array.astype(str)
        for array in arrays
    ]


def _refuse_duplicates(name, ids):
    """Raise where an id occurs twice, since rows cannot be paired then."""
    values, counts = np.unique(ids, return_counts=True)
    if np.any(counts > 1):
        msg = (
            "ids must be unique to pair rows by id, but "
            f"{name} has {values[counts > 1][0].item()!r} {counts[counts > 1][0]} times; "
            "give tables with the same ids in the same order instead"
        )
        raise InputError(msg)


def truth_table(truth, tables):
    """The truth as a table with ids.

    Parameters
    ----------
    truth : Table
        Columns named after quantities, and possibly ``id``.
    tables : dict of str to DustTable
        Results by name, which lend their ids to a truth without.

    Returns
    -------
    truth : QTable
        The same columns with ``id``.

    Raises
    ------
    InputError
        If the truth is no table, knows no quantity, or has no ids and not the length of every
        table.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> from dustest.data import DustTable
    >>> from dustest.validation.matching import truth_table
    >>> table = DustTable.from_quantities(["a", "b"], {"A_V": [0.2, 0.5]})
    >>> truth_table(QTable({"A_V": [0.3, 0.4]}), {"one": table}).colnames
    ['id', 'A_V']
    """
    if not isinstance(truth, Table) or not set(QUANTITIES) & set(truth.colnames):
        got = truth.colnames if isinstance(truth, Table) else type(truth).__name__
        msg = f"truth must be a table with a column among {tuple(QUANTITIES)}, got {got}"
        raise InputError(msg)
    if "id" in truth.colnames:
        return QTable(truth, copy=False)
    lengths = {name: len(table) for name, table in tables.items()}
    if set(lengths.values()) != {len(truth)}:
        msg = (
            f"truth without a column id must have as many rows as every table, got {len(truth)} "
            f"rows for tables of {lengths}; add the ids to the truth"
        )
        raise InputError(msg)
    named = QTable({"id": next(iter(tables.values()))["id"]})
    for name in truth.colnames:
        named[name] = truth[name]
    return named


def values_of(table, column):
    """A column of a result or truth table as plain numbers in the quantity's unit.

    Parameters
    ----------
    table : Table
        Results or truth.
    column : str
        A key of `~dustest.data.QUANTITIES` or one of its percentile columns.

    Returns
    -------
    values : ndarray of shape (n,)
        Floats, NaN where masked or where the table has no such column.

    Raises
    ------
    InputError
        If the column has a unit that does not convert.

    Examples
    --------
    >>> from dustest.data import DustTable
    >>> from dustest.validation.matching import values_of
    >>> values_of(DustTable.from_quantities([1], {"A_V": [0.2]}), "A_V")
    array([0.2])
    """
    if column not in table.colnames:
        return np.full(len(table), np.nan)
    values = table[column]
    quantity = QUANTITIES[column.removesuffix("_p16").removesuffix("_p84")]
    if getattr(values, "unit", None) is not None:
        try:
            values = u.Quantity(values).to_value(quantity.unit or u.dimensionless_unscaled)
        except u.UnitsError as error:
            msg = (
                f"column {column} must be in {quantity.unit or 'plain numbers'}, got {values.unit}"
            )
            raise InputError(msg) from error
    return np.ma.filled(np.ma.asarray(values).astype(float), np.nan)


def gives(table, quantity):
    """Whether a table holds a quantity for at least one galaxy.

    Parameters
    ----------
    table : Table
        Results or truth.
    quantity : str
        A key of `~dustest.data.QUANTITIES`.

    Returns
    -------
    answer : bool
        False where the column is absent or all NaN.

    Examples
    --------
    >>> from dustest.data import DustTable
    >>> from dustest.validation.matching import gives
    >>> table = DustTable.from_quantities([1], {"A_V": [0.2]})
    >>> gives(table, "A_V"), gives(table, "R_V")
    (True, False)
    """
    return bool(np.any(np.isfinite(values_of(table, quantity))))
