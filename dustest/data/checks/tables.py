"""Conversion to tables: from astropy tables, data frames and dictionaries."""

from collections.abc import Mapping

import numpy as np
from astropy.table import Column, Table

from dustest.data.checks.values import bare_values
from dustest.data.errors import InputError

__all__ = ["as_table", "first_named", "is_table_like"]


def is_table_like(given):
    """Whether an object has columns with names.

    Parameters
    ----------
    given : object
        Any object.

    Returns
    -------
    answer : bool
        True for astropy tables, data frames of pandas and polars, and dictionaries.

    Examples
    --------
    >>> from dustest.data.checks.tables import is_table_like
    >>> is_table_like({"A_V": [0.1]}), is_table_like([0.1])
    (True, False)
    """
    return isinstance(given, Table | Mapping) or _is_frame(given)


def _is_frame(given):
    """Whether an object is a data frame of pandas or polars."""
    return hasattr(given, "columns") and hasattr(given, "to_numpy") and hasattr(given, "dtypes")


def as_table(given, name="table"):
    """Convert any object with named columns to a table.

    Parameters
    ----------
    given : Table, data frame of pandas or polars, or dict of str to array_like
        Columns by name.
    name : str, optional
        Name for messages.

    Returns
    -------
    table : `~astropy.table.Table`
        An astropy table is returned unchanged. Null entries of a data frame are masked.

    Raises
    ------
    InputError
        If it has no named columns, or columns of different lengths.

    Examples
    --------
    >>> from dustest.data.checks.tables import as_table
    >>> as_table({"id": ["a", "b"], "A_V": [0.1, 0.2]}).colnames
    ['id', 'A_V']
    """
    if isinstance(given, Table):
        return given
    if not is_table_like(given):
        msg = (
            f"{name} must be an astropy table, a data frame or a dict of columns, got "
            f"{type(given).__name__}"
        )
        raise InputError(msg)
    columns = given if isinstance(given, Mapping) else {key: given[key] for key in given.columns}
    lengths = {str(key): _length(values) for key, values in columns.items()}
    if len(set(lengths.values())) > 1 or None in lengths.values():
        msg = f"the columns of {name} must have one length, got {lengths}"
        raise InputError(msg)
    table = Table()
    for key, values in columns.items():
        table[str(key)] = _column(values)
    return table


def _length(values):
    """Number of rows of a column, None if it has none."""
    return len(values) if hasattr(values, "__len__") and not isinstance(values, str) else None


def _column(values):
    """Column of a table; Quantities and columns are unchanged."""
    if hasattr(values, "unit"):
        return values
    bare, missing = bare_values(values)
    if missing is None:
        return bare
    return np.ma.array(bare, mask=missing) if bare.dtype.kind != "O" else Column(bare)


def first_named(names, candidates):
    """Find the first candidate among column names, in any letter case.

    Parameters
    ----------
    names : sequence of str
        Column names.
    candidates : sequence of str
        Names to look for, the preferred one first.

    Returns
    -------
    name : str or None
        Name in the table.

    Examples
    --------
    >>> from dustest.data.checks.tables import first_named
    >>> first_named(["RA", "DEC", "NUMBER"], ["id", "number"])
    'NUMBER'
    """
    by_lower_case = {name.lower(): name for name in reversed(names)}
    for candidate in candidates:
        found = candidate if candidate in names else by_lower_case.get(candidate.lower())
        if found is not None:
            return found
    return None
