"""Rows and columns of result tables, brought to one order and unit."""

import warnings

import numpy as np
from astropy.table import QTable

from dustest.data.checks.identifiers import as_ids, has_ids, id_column, match_ids, row_numbers
from dustest.data.checks.tables import as_table, is_table_like
from dustest.data.checks.values import bare_values, to_floats
from dustest.data.errors import DustestWarning, InputError
from dustest.data.quantities import QUANTITIES, quantity_column

__all__ = [
    "TRUTH",
    "aligned_column",
    "aligned_values",
    "all_ids",
    "check_overlap",
    "checked_truth",
    "draws_of",
    "gives",
    "identified",
    "match_rows",
    "truth_table",
    "values_of",
]

TRUTH = "truth"
"""Name of the truth among the names of estimators."""

# A dust law with fixed R_V causes only rounding, here in single precision.
_FIXED = 1e-6


def match_rows(ids, other_ids, *, names=("the first", "the second")):
    """Pair the rows of two tables by identifier.

    Parameters
    ----------
    ids, other_ids : array_like of int or str of shape (n,) and (m,)
        Identifiers; a number and its text are equal.
    names : tuple of str, optional
        Names of the tables, for messages.

    Returns
    -------
    rows, other_rows : ndarray of int of shape (k,)
        Row numbers in the two tables, in the order of the first. Rows without a partner are left
        out.

    Raises
    ------
    InputError
        If no identifier is in both tables.

    Warns
    -----
    DustestWarning
        If identifiers occur more than once. Such rows are not paired, unless both tables have the
        same identifiers in the same order.

    Examples
    --------
    >>> from dustest.validation.matching import match_rows
    >>> match_rows(["a", "b", "c"], ["c", "a", "d"])
    (array([0, 2]), array([1, 0]))
    """
    rows, other_rows = match_ids(ids, other_ids)
    if len(rows) == min(len(ids), len(other_ids)):
        return rows, other_rows
    for name, column in zip(names, (ids, other_ids), strict=True):
        _warn_of_duplicates(name, as_ids(column))
    if len(rows) == 0:
        raise InputError(_no_overlap_message(ids, other_ids, names))
    return rows, other_rows


def check_overlap(tables, pairs):
    """Check that pairs of tables have galaxies in common, before hours of computation.

    Parameters
    ----------
    tables : dict of str to Table
        Tables from `identified`; those without rows are not checked.
    pairs : list of (str, str)
        Names of two tables each.

    Raises
    ------
    InputError
        If the tables of a pair have no identifier in common.
    """
    for names in pairs:
        ids, other_ids = (tables[name]["id"] for name in names)
        if len(ids) and len(other_ids) and len(match_ids(ids, other_ids)[0]) == 0:
            raise InputError(_no_overlap_message(ids, other_ids, names))


def _no_overlap_message(ids, other_ids, names):
    """Message for two tables without a common galaxy."""
    return (
        f"{names[0]} and {names[1]} must have identifiers in common, got {_first(ids)} and "
        f"{_first(other_ids)}: no galaxy is in both"
    )


def _first(ids):
    """First identifiers of a table, for a message."""
    return ", ".join(repr(item) for item in np.asarray(ids)[:3].tolist())


def _warn_of_duplicates(name, ids):
    """Warn of rows that share an identifier."""
    values, counts = np.unique(ids, return_counts=True)
    repeated = counts > 1
    if np.any(repeated):
        msg = (
            f"{counts[repeated].sum()} rows of {name} share an identifier with another, such as "
            f"{values[repeated][0].item()!r}, and are not paired"
        )
        warnings.warn(msg, DustestWarning, stacklevel=4)


def identified(tables):
    """Add a column ``id`` to tables, by which their rows are paired.

    The column contains the identifiers of the tables, whatever the name of their column. If no
    table has identifiers, the rows must be the same galaxies in the same order.

    Parameters
    ----------
    tables : dict of str to Table, data frame or dict of columns
        Tables by name.

    Returns
    -------
    tables : dict of str to Table
        The same columns with ``id``.

    Raises
    ------
    InputError
        If only some have identifiers, or none has and they differ in length.

    Warns
    -----
    DustestWarning
        If rows are paired by position.

    Examples
    --------
    >>> from dustest.validation.matching import identified
    >>> tables = identified({"cnn": {"ID": [7, 8]}, "truth": {"source_id": ["8", "7"]}})
    >>> tables["truth"].colnames
    ['id']
    """
    tables = {name: as_table(table, name) for name, table in tables.items()}
    own = {name: has_ids(table) for name, table in tables.items()}
    if any(own.values()) and not all(own.values()):
        raise InputError(_missing_ids_message(own))
    nameless = [name for name, table in tables.items() if id_column(table) is None]
    if nameless:
        _check_lengths(tables)
        if len(tables) > 1:
            msg = f"{_join(tables)} have no identifiers, so their rows are paired by position"
            warnings.warn(msg, DustestWarning, stacklevel=3)
    lent = next((table for name, table in tables.items() if name not in nameless), None)
    return {
        name: _number_rows(table, lent) if name in nameless else _add_ids(table)
        for name, table in tables.items()
    }


def _missing_ids_message(own):
    """Message for tables of which only some have identifiers."""
    having = next(name for name, answer in own.items() if answer)
    lacking = next(name for name, answer in own.items() if not answer)
    code = f'{_code(lacking)}["id"] = {_code(having)}["id"]'
    return (
        f"{lacking} must have identifiers, as {having} has, since rows are paired by them; add a "
        f"column id, in Python {code} where both list the same galaxies in the same order"
    )


def _code(name):
    """Python code for a table."""
    plain = name.removeprefix("the ")
    return plain if plain in ("sample", TRUTH) else f'tables["{name}"]'


def _check_lengths(tables):
    """Raise an error for tables of different lengths that would be paired by position."""
    lengths = {name: len(table) for name, table in tables.items()}
    if len(set(lengths.values())) > 1:
        msg = (
            f"{_join(tables)} must have as many rows as each other where they have no "
            f"identifiers, got {lengths}; add a column id to each"
        )
        raise InputError(msg)


def _join(names):
    """Names as text."""
    return " and ".join(names)


def _number_rows(table, lent):
    """A table without identifiers, with those of another or with row numbers."""
    numbered = QTable({"id": row_numbers(len(table)) if lent is None else _add_ids(lent)["id"]})
    for name in table.colnames:
        numbered[name] = table[name]
    numbered.meta.update(table.meta)
    return numbered


def _add_ids(table):
    """A table with identifiers in the column id, as integers or text."""
    name = id_column(table)
    values, missing = bare_values(table[name])
    if name == "id" and missing is None and values.dtype.kind in "iuU":
        return table
    named = table.copy(copy_data=False)
    named.rename_column(name, "id")
    if missing is not None or values.dtype.kind not in "iuU":
        named["id"] = as_ids(table[name], f"column {name}")
    return named


def all_ids(tables):
    """Identifiers of several tables, each once.

    Parameters
    ----------
    tables : dict of str to Table
        Tables by name, from `identified`.

    Returns
    -------
    ids : ndarray of int or str of shape (n,)
        Those of the longest table in its order, then those of the others.

    Raises
    ------
    InputError
        If a table has no galaxy in common with any other.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from dustest.validation.matching import all_ids
    >>> all_ids({"one": Table({"id": [7, 8, 9]}), "two": Table({"id": [8, 5]})})
    array([7, 8, 9, 5])
    """
    by_length = sorted(tables, key=lambda name: -len(tables[name]))
    ids = as_ids(tables[by_length[0]]["id"])
    for name in by_length[1:]:
        other = as_ids(tables[name]["id"])
        alone = np.ones(len(other), dtype=bool)
        alone[match_ids(other, ids)[0]] = False
        if alone.any():
            _check_partner(name, tables)
            ids = _concatenate(ids, other[alone])
    return ids


def _check_partner(name, tables):
    """Raise an error if a table has no galaxy in common with any other."""
    others = [table for other, table in tables.items() if other != name]
    if not any(len(match_ids(tables[name]["id"], other["id"])[0]) for other in others):
        longest = max((other for other in tables if other != name), key=lambda o: len(tables[o]))
        names = name, longest
        raise InputError(_no_overlap_message(*(tables[one]["id"] for one in names), names))


def _concatenate(ids, others):
    """Concatenate identifiers of two tables; integers of mixed signs become text, not floats."""
    joined = np.concatenate([ids, others])
    if joined.dtype.kind != "f":
        return joined
    return np.concatenate([ids.astype(str), others.astype(str)])


def aligned_values(values, ids, other_ids, *, names=("the first", "the second")):
    """Reorder values of a table to the rows of another.

    Parameters
    ----------
    values : ndarray of float of shape (n,)
        A column of the table.
    ids, other_ids : array_like of int or str of shape (n,) and (m,)
        Identifiers of the table and of the other one.
    names : tuple of str, optional
        Names of the tables, for messages.

    Returns
    -------
    aligned : ndarray of float of shape (m,)
        Values, NaN if the table does not have the galaxy.

    Raises
    ------
    InputError
        If no identifier is in both tables.

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


def aligned_column(table, column, ids):
    """Numbers of a column of results or truth, in the order of other identifiers.

    Parameters
    ----------
    table : Table
        Results or truth with ``id``.
    column : str
        As in `values_of`.
    ids : array_like of int or str of shape (m,)
        The identifiers.

    Returns
    -------
    aligned : ndarray of shape (m,)
        Values in the quantity's unit, NaN if the table does not have the galaxy.

    Examples
    --------
    >>> from dustest.data import DustTable
    >>> from dustest.validation.matching import aligned_column
    >>> aligned_column(DustTable.from_quantities([1, 2], {"A_V": [0.2, 0.5]}), "A_V", [3, 2])
    array([nan, 0.5])
    """
    return aligned_values(values_of(table, column), table["id"], ids)


def truth_table(truth, tables):
    """Convert the truth to a table with ids.

    Parameters
    ----------
    truth : Table, data frame or dict of columns
        Columns named after quantities, and a column of identifiers.
    tables : dict of str to Table
        Tables that it is paired with, by name.

    Returns
    -------
    truth : Table
        The same columns with ``id``.

    Raises
    ------
    InputError
        If the truth has no columns or no quantity; or see `identified`.

    Warns
    -----
    DustestWarning
        If neither has identifiers, so that rows are paired by position.

    Examples
    --------
    >>> from dustest.data import DustTable
    >>> from dustest.validation.matching import truth_table
    >>> table = DustTable.from_quantities(["a", "b"], {"A_V": [0.2, 0.5]})
    >>> truth_table({"ID": ["b", "a"], "A_V": [0.3, 0.4]}, {"one": table}).colnames
    ['id', 'A_V']
    """
    return identified({**tables, TRUTH: checked_truth(truth)})[TRUTH]


def checked_truth(truth):
    """Convert the truth to a table with at least one quantity.

    Parameters
    ----------
    truth : Table, data frame or dict of columns
        The argument.

    Returns
    -------
    truth : Table
        The same columns.

    Raises
    ------
    InputError
        If it has no columns, or none of a quantity.
    """
    table = as_table(truth, TRUTH) if is_table_like(truth) else None
    if table is None or not any(quantity_column(name, table.colnames) for name in QUANTITIES):
        got = type(truth).__name__ if table is None else table.colnames
        msg = f"truth must be a table with a column among {tuple(QUANTITIES)}, got {got}"
        raise InputError(msg)
    return table


def values_of(table, column):
    """Convert a column of results or truth to plain numbers in the quantity's unit.

    Parameters
    ----------
    table : Table
        Results or truth.
    column : str
        A key of `~dustest.data.QUANTITIES` or one of its percentile columns.

    Returns
    -------
    values : ndarray of shape (n,)
        Floats, NaN if missing or if the table has no such column.

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
    found = quantity_column(column, table.colnames)
    if found is None:
        return np.full(len(table), np.nan)
    quantity = QUANTITIES[column.removesuffix("_p16").removesuffix("_p84")]
    return to_floats(table[found], f"column {found}", unit=quantity.unit, ndim=1)


def draws_of(table, quantity):
    """Convert the draws of a quantity to plain numbers in its unit.

    Parameters
    ----------
    table : Table
        Results.
    quantity : str
        A key of `~dustest.data.QUANTITIES`.

    Returns
    -------
    draws : ndarray of shape (n, n_draws) or None
        Floats, NaN if missing; None if the table has no column of draws.

    Raises
    ------
    InputError
        If the column has a unit that does not convert.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> from dustest.validation.matching import draws_of
    >>> draws_of(QTable({"id": [1], "A_V_draws": [[0.2, 0.3]]}), "A_V")
    array([[0.2, 0.3]])
    """
    name = f"{quantity}_draws"
    if name not in table.colnames:
        return None
    unit = QUANTITIES[quantity].unit
    return to_floats(table[name], f"column {name}", unit=unit, ndim=2)


def gives(table, quantity):
    """Whether a table has a quantity for at least one galaxy.

    Parameters
    ----------
    table : Table
        Results or truth.
    quantity : str
        A key of `~dustest.data.QUANTITIES`.

    Returns
    -------
    answer : bool
        False if the column is absent or all NaN; also if R_V is the same for all galaxies, since
        it is then a constant of the dust law.

    Examples
    --------
    >>> from dustest.data import DustTable
    >>> from dustest.validation.matching import gives
    >>> table = DustTable.from_quantities([1, 2], {"A_V": [0.2, 0.4], "R_V": [4.05, 4.05]})
    >>> gives(table, "A_V"), gives(table, "E_BV"), gives(table, "R_V")
    (True, False, False)
    """
    values = values_of(table, quantity)
    known = values[np.isfinite(values)]
    if QUANTITIES[quantity].fixed_by_law and known.size > 1:
        return bool(np.ptp(known) > _FIXED * np.abs(known).max())
    return known.size > 0
