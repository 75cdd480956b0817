"""Percentiles of one column in bins of another."""

import numpy as np
from astropy.table import QTable

from dustest.data.checks.tables import as_table
from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError
from dustest.validation.columns import numeric_columns, unit_of

__all__ = ["binned_statistics"]


def binned_statistics(table, quantity, *, by, edges):
    """Median and 16th and 84th percentile of a column in bins of another.

    Parameters
    ----------
    table : Table, data frame or dict of columns
        Truth, results or any other table.
    quantity : str
        Column to describe.
    by : str
        Column that defines the bins.
    edges : array_like or `~astropy.units.Quantity` of shape (n_bins + 1,)
        Edges of the bins, rising; without a unit, in that of the column ``by``. A bin includes
        its lower edge, and the last bin its upper edge as well.

    Returns
    -------
    statistics : QTable
        One row per bin: ``low``, ``high``, number ``n`` of rows, ``median``, ``p16`` and ``p84``.
        Rows that are not finite in either column are left out, and a bin without rows has NaN.

    Raises
    ------
    InputError
        If a column is missing or not numeric, or the edges do not rise.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> from dustest.validation import binned_statistics
    >>> truth = QTable({"dust_to_metal": [0.1, 0.1, 0.1, 0.9], "R_V": [3.8, 4.0, 4.6, 7.5]})
    >>> table = binned_statistics(truth, "R_V", by="dust_to_metal", edges=[0.0, 0.5, 1.0])
    >>> print(table["low", "high", "n", "median"])
    low high  n  median
    --- ---- --- ------
    0.0  0.5   3    4.0
    0.5  1.0   1    7.5
    """
    table = as_table(table)
    columns = numeric_columns(table, [quantity, by])
    edges = _checked_edges(edges, unit_of(table[by]))
    used = np.isfinite(columns[quantity]) & np.isfinite(columns[by])
    values, bins = columns[quantity][used], _bin_numbers(columns[by][used], edges)
    members = [values[bins == i] for i in range(len(edges) - 1)]
    median, p16, p84 = np.array([_percentiles(member) for member in members]).T
    statistics = QTable(
        {
            "low": _like(table[by], edges[:-1]),
            "high": _like(table[by], edges[1:]),
            "n": [len(member) for member in members],
            "median": _like(table[quantity], median),
            "p16": _like(table[quantity], p16),
            "p84": _like(table[quantity], p84),
        }
    )
    statistics.meta |= {"quantity": quantity, "by": by}
    return statistics


def _checked_edges(edges, unit):
    """Edges of bins as floats in a unit."""
    values = to_floats(edges, "edges", unit=unit, ndim=1, sentinels=False)
    # An open end is infinite, which means missing elsewhere.
    ends = np.array([float(getattr(edge, "value", edge)) for edge in edges])
    values = np.where(np.isinf(ends), ends, values)
    if values.size < 2 or not np.all(np.diff(values) > 0):
        msg = f"edges must be at least two numbers that rise, got {edges!r}"
        raise InputError(msg)
    return values


def _bin_numbers(values, edges):
    """Number of the bin of every value; -1 or the number of bins outside."""
    bins = np.searchsorted(edges, values, side="right") - 1
    return np.where(values == edges[-1], len(edges) - 2, bins)


def _percentiles(values):
    """Median, 16th and 84th percentile; NaN without values."""
    return np.percentile(values, [50, 16, 84]) if values.size else np.full(3, np.nan)


def _like(column, values):
    """Values in the unit of a column, if it has one."""
    unit = unit_of(column)
    return values if unit is None else values << unit
