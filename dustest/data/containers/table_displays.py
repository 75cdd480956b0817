"""How samples and results are shown: few rows, with numbers and their errors together."""

import numpy as np

from dustest.data.checks.values import bare_values
from dustest.data.displays import Display, Heading, rows_to_show, with_gap
from dustest.data.errors import InputError
from dustest.data.flags import decode_flags
from dustest.data.formatting import NOTHING, format_estimate, format_measurement, format_value
from dustest.data.kinds import find_column
from dustest.data.messages import shown
from dustest.data.quantities import QUANTITIES, percentile_columns

__all__ = ["display_of"]

_MOST_COLUMNS = 12
_FLAGS = "flags"
_JOINED = ("limit", "mask", "context")
"""Roles of columns that are not shown by themselves."""


def display_of(table, rows_are=("row", "rows")):
    """Show a table: its first and last rows, numbers with their errors, and names of flags.

    Parameters
    ----------
    table : RowTable
        Table with any columns. Only the rows that are shown are formatted.
    rows_are : tuple of str, optional
        What a row is, and what rows are.

    Returns
    -------
    display : Display
        Estimates are medians with the distances to their percentiles, measurements have their
        errors. Arrays, columns without a value, and columns beyond the twelfth are named below.
    """
    rows, gap = rows_to_show(len(table))
    names = _names_alone(table)
    arrays = [name for name in names if _axes(table[name])]
    numbers = [name for name in names if name not in arrays]
    empty = [name for name in numbers if len(table) and _is_empty(table[name])]
    filled = [name for name in numbers if name not in empty]
    first, more = filled[:_MOST_COLUMNS], filled[_MOST_COLUMNS:]
    notes = {
        "without a value": empty,
        "arrays": [f"{name} ({' × '.join(map(str, _axes(table[name])))})" for name in arrays],
    }
    made = table.meta.get("estimator")
    return Display(
        f"{type(table).__name__} of {len(table):,} {rows_are[len(table) != 1]}"
        + (f" by {made}" if made else ""),
        [_heading(table, name) for name in first],
        with_gap([_cells(table, name, rows) for name in first], gap),
        [f"{label}: {shown(found)}" for label, found in notes.items() if found],
        [_heading(table, name) for name in more],
    )


def _heading(table, name):
    """Name and unit of a column."""
    return Heading(name, getattr(table[name], "unit", None))


def _axes(column):
    """Length of the axes of each row (tuple of int)."""
    return np.shape(column)[1:]


def _is_empty(column):
    """Whether no number of a column is known."""
    values, missing = bare_values(column)
    if values.dtype.kind != "f":
        return missing is not None and bool(missing.all())
    return not np.any(np.isfinite(values) if missing is None else np.isfinite(values) & ~missing)


def _names_alone(table):
    """Columns that are not part of what is shown for another one."""
    joined = {
        other
        for name in table.colnames
        for other in (*_percentiles(name, table), *_companions(name, table))
    }
    return [name for name in table.colnames if name not in joined]


def _percentiles(name, table):
    """Columns of the percentiles of a quantity, empty unless both are there."""
    columns = percentile_columns(name) if name in QUANTITIES else ()
    return columns if all(column in table.colnames for column in columns) else ()


def _companions(name, table):
    """Columns with the errors, limits and masks of the values of a column."""
    found, others = find_column(name), [_error(name, table)]
    if found is not None and found.column.role == "value":
        columns = [column for column in found.kind.columns if column.role in _JOINED]
        others += [found.kind.column_name(column, found.item) for column in columns]
    return {other for other in others if other in table.colnames}


def _error(name, table):
    """Column with the errors of a column, such as ``beta_err`` or ``flux_err_F277W``, or None."""
    parts = name.split("_")
    names = ("_".join([*parts[:i], "err", *parts[i:]]) for i in range(1, len(parts) + 1))
    return next((other for other in names if other in table.colnames), None)


def _cells(table, name, rows):
    """Text of some rows of a column."""
    if name == _FLAGS:
        return _flag_cells(table[name][rows])
    if others := _percentiles(name, table):
        columns = [_numbers(table[column][rows]) for column in (name, *others)]
        if all(column is not None for column in columns):
            return [format_estimate(*numbers) for numbers in zip(*columns, strict=True)]
    values, error = _numbers(table[name][rows]), _error(name, table)
    if values is None:
        return [_text(value) for value in table[name][rows]]
    errors = None if error is None else _numbers(table[error][rows])
    if errors is None:
        return [format_value(value) for value in values]
    return [format_measurement(*pair) for pair in zip(values, errors, strict=True)]


def _numbers(column):
    """Floats with NaN for missing ones (list); None for a column of anything else."""
    values, missing = bare_values(column)
    if values.dtype.kind != "f":
        return None
    return (values if missing is None else np.where(missing, np.nan, values)).tolist()


def _text(value):
    """An integer, a truth value, text or any object as text."""
    return NOTHING if value is np.ma.masked or value is None else str(value)


def _flag_cells(column):
    """Names of flags; numbers if they are no flags of dustest."""
    try:
        return [", ".join(names) for names in decode_flags(column)]
    except InputError:
        return [_text(value) for value in column]
