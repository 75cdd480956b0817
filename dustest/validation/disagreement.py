"""Galaxies for which estimators disagree most."""

from numbers import Integral

import numpy as np
from astropy.table import Column, QTable

from dustest.data.checks.numbers import check_number
from dustest.data.errors import InputError
from dustest.data.quantities import check_quantity
from dustest.validation.comparison import check_tables
from dustest.validation.matching import aligned_column, all_ids, gives, identified

__all__ = ["largest_disagreements", "spread_of"]


def largest_disagreements(tables, quantity, *, n_rows=10):
    """List the galaxies for which the estimates of a quantity differ most.

    Parameters
    ----------
    tables : dict of str to Table, data frame or dict of columns
        Results by name; those without the quantity are left out. Rows are paired as in
        `compare_tables`, and galaxies in only some of the tables are listed too.
    quantity : str
        A key of `~dustest.data.QUANTITIES`.
    n_rows : int, optional
        Largest number of galaxies.

    Returns
    -------
    table : QTable
        ``id``, the estimate of every table, and ``spread``, the largest estimate minus the
        smallest, in descending order. Galaxies with fewer than two estimates are left out.

    Raises
    ------
    InputError
        If the quantity is unknown, a table has the name of another column, ``n_rows`` is not a
        non-negative integer, or rows cannot be paired.

    Examples
    --------
    >>> from dustest.data import DustTable
    >>> from dustest.validation import largest_disagreements
    >>> one = DustTable.from_quantities([1, 2, 3], {"A_V": [0.2, 0.5, 0.9]})
    >>> two = DustTable.from_quantities([1, 2, 3], {"A_V": [0.3, 0.5, 0.4]})
    >>> table = largest_disagreements({"one": one, "two": two}, "A_V", n_rows=2)
    >>> table["id"].tolist(), table["spread"].round(1)
    ([3, 1], <Quantity [0.5, 0.1] mag>)
    """
    unit = check_quantity(quantity).unit
    check_number(n_rows, "n_rows", 0, kind=Integral)
    if {"id", "spread"} & set(check_tables(tables)):
        msg = f"no estimator may be named 'id' or 'spread', got {tuple(tables)}; rename it"
        raise InputError(msg)
    giving = {name: t for name, t in identified(tables).items() if gives(t, quantity)}
    if not giving:
        return QTable(names=["id", "spread"], dtype=[str, float])
    ids = all_ids(giving)
    columns = {name: aligned_column(table, quantity, ids) for name, table in giving.items()}
    spread = spread_of(np.stack(list(columns.values())))
    n_known = np.count_nonzero(np.isfinite(spread))
    # Sorting puts NaN last.
    order = np.argsort(-spread, kind="stable")[: min(n_rows, n_known)]
    result = QTable({"id": Column(ids[order])})
    for name, values in (columns | {"spread": spread}).items():
        result[name] = values[order] if unit is None else values[order] << unit
    return result


def spread_of(values):
    """Largest minus smallest of several estimates of each galaxy.

    Parameters
    ----------
    values : array_like of shape (n_tables, n)
        Estimates; NaN if a table has none.

    Returns
    -------
    spread : ndarray of shape (n,)
        Differences; NaN with fewer than two estimates.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.validation.disagreement import spread_of
    >>> spread_of([[0.2, 0.4], [0.5, np.nan]])
    array([0.3, nan])
    """
    finite = np.isfinite(values)
    highest = np.where(finite, values, -np.inf).max(axis=0)
    lowest = np.where(finite, values, np.inf).min(axis=0)
    return np.subtract(
        highest, lowest, out=np.full(highest.shape, np.nan), where=finite.sum(axis=0) > 1
    )
