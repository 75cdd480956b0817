"""Cells of galaxies with about equally many members."""

from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral

import numpy as np

from dustest.data.checks.numbers import check_number
from dustest.data.checks.tables import is_table_like
from dustest.data.errors import InputError
from dustest.data.quantities import QUANTITIES, quantity_column
from dustest.validation.columns import numeric_columns
from dustest.validation.matching import values_of
from dustest.validation.posteriors.pairing import listed

__all__ = ["ALL", "Cell", "check_n_cells", "split_into_cells"]

ALL = "all"
"""Name of the cell of all galaxies."""

# Fewer equal values can be coincidence.
_FEWEST_VALUES = 3


@dataclass(frozen=True)
class Cell:
    """Galaxies with values of a column between two edges.

    Parameters
    ----------
    by : str
        The column.
    low, high : float
        Edges, in the unit of the column.
    members : ndarray of bool of shape (n,)
        Whether each galaxy is in the cell.
    """

    by: str
    low: float
    high: float
    members: np.ndarray


def check_n_cells(n_cells):
    """Raise an error for anything but a number of cells.

    Parameters
    ----------
    n_cells : int
        The argument.

    Raises
    ------
    InputError
        If it is not a positive integer.
    """
    check_number(n_cells, "n_cells", 1, kind=Integral, expected="a positive integer")


def split_into_cells(judged, by=None, n_cells=10):
    """Make the cell of all galaxies, and those of some columns.

    Parameters
    ----------
    judged : Judged
        Posteriors beside the truth.
    by : str, sequence of str, or dict of str to array_like of shape (n,), optional
        Columns of the results, or other columns in the order of the results.
    n_cells : int, optional
        Number of cells of each column.

    Returns
    -------
    cells : list of Cell
        Cells with equal edges are merged. Galaxies without a value are in no cell.

    Raises
    ------
    InputError
        If a column is missing, is not numeric, has another length, or has the values of a true
        quantity.
    """
    cells = [Cell(ALL, -np.inf, np.inf, np.ones(len(judged), dtype=bool))]
    for name, values in _columns(judged, by).items():
        _check_not_true(name, values, judged)
        cells += _split(name, values, n_cells)
    return cells


def _columns(judged, by):
    """The columns that define cells, by name."""
    if not is_table_like(by):
        return numeric_columns(judged.posterior, listed(by, "by"), argument="posterior")
    columns = numeric_columns(by, list(by), argument="by")
    for name, values in columns.items():
        if len(values) != len(judged):
            msg = (
                f"by must have one value for each of {len(judged)} galaxies, got {len(values)} "
                f"for {name}: add the column to posterior if not all galaxies have a truth"
            )
            raise InputError(msg)
    return columns


def _check_not_true(name, values, judged):
    """Raise an error for a column that is a true quantity."""
    known = np.isfinite(values)
    if np.unique(values[known]).size < _FEWEST_VALUES:
        return
    for true_name, true in _true_values(judged).items():
        if np.array_equal(values[known], true[known]):
            msg = (
                f"by must be known without the truth, but {name} has the values of the true "
                f"{true_name}: intervals that are right do not have their level in such cells; "
                f"use the prediction, a signal-to-noise ratio, a magnitude or a redshift"
            )
            raise InputError(msg)


def _true_values(judged):
    """True quantities by name."""
    names = [name for name in QUANTITIES if quantity_column(name, judged.truth.colnames)]
    return {name: values_of(judged.truth, name) for name in names} | {
        name: one.truth for name, one in judged.quantities.items()
    }


def _split(name, values, n_cells):
    """Cells of a column with about equally many values."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return []
    edges = np.unique(np.quantile(known, np.linspace(0.0, 1.0, n_cells + 1)))
    edges = edges if edges.size > 1 else np.repeat(edges, 2)
    number = np.digitize(values, edges[1:-1])
    return [
        Cell(name, low, high, np.isfinite(values) & (number == i))
        for i, (low, high) in enumerate(pairwise(edges))
    ]
