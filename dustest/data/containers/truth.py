"""Truth values for training and testing of estimators."""

import numpy as np

from dustest.data.checks.tables import as_table, is_table_like
from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError
from dustest.data.messages import did_you_mean, shown
from dustest.data.quantities import QUANTITIES, quantity_column

__all__ = ["as_truth"]


def as_truth(y, targets):
    """Convert truth values to an array, one column per target.

    Parameters
    ----------
    y : Table, data frame, dict, Column, Quantity or array_like of shape (n,) or (n, n_targets)
        A truth table with a column for each target, identified by name or alias; or values in the
        order of ``targets``. Values without a unit are in those of `~dustest.data.QUANTITIES`.
    targets : sequence of str
        Names of quantities.

    Returns
    -------
    values : ndarray of shape (n, n_targets)
        Truth.

    Raises
    ------
    InputError
        If a target is missing, values are not finite numbers or outside the bounds of their
        quantity, a unit does not convert, or the shape does not match. Sentinels such as -99 count
        as missing, and so as not finite.

    Examples
    --------
    >>> from dustest.data import as_truth
    >>> as_truth([0.1, 0.4], ["A_V"])
    array([[0.1],
           [0.4]])
    >>> as_truth({"E_BV": [0.02], "A_V": [0.1]}, ["A_V", "E_BV"])
    array([[0.1 , 0.02]])
    """
    targets = tuple(targets)
    if is_table_like(y):
        return _from_table(as_table(y, "y"), targets)
    values = _column_of(y, "y", targets)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] != len(targets):
        shape = f"(n, {len(targets)})"
        msg = f"y must have shape {shape} for targets {targets}, got {values.shape}"
        raise InputError(msg)
    return values


def _from_table(table, targets):
    """Columns of a truth table, by name."""
    columns = {name: quantity_column(name, table.colnames) for name in targets}
    missing = [name for name, column in columns.items() if column is None]
    if missing:
        msg = (
            f"y must have the columns {targets}, missing {missing}: "
            f"{did_you_mean(missing[0], table.colnames)}it has {shown(table.colnames)}"
        )
        raise InputError(msg)
    return np.stack(
        [_column_of(table[column], f"y[{column!r}]", (name,)) for name, column in columns.items()],
        axis=1,
    )


def _column_of(column, name, targets):
    """Finite floats of truth, in the unit of the targets."""
    units = {_unit_of(name) for name in targets}
    if len(units) > 1 and getattr(column, "unit", None) is not None:
        msg = (
            f"y must be a table with a column for each target where it has a unit, since "
            f"{targets} have different ones"
        )
        raise InputError(msg)
    try:
        values = to_floats(column, name, unit=units.pop() if len(units) == 1 else None)
    except InputError as error:
        if "numbers" not in str(error):
            raise
        msg = f"{error} (Unknown label type)"
        raise InputError(msg) from error
    if not np.all(np.isfinite(values)):
        msg = f"y must be finite, but {name} contains NaN, infinity or -99; drop these rows"
        raise InputError(msg)
    _check_bounds(values, name, targets)
    return values


def _check_bounds(values, name, targets):
    """Raise an error for impossible values, such as a mass in place of its logarithm."""
    columns = values.T if values.ndim == 2 and values.shape[1] == len(targets) else [values]
    for target, column in zip(targets, columns, strict=False):
        quantity = QUANTITIES.get(target)
        low, high = (-np.inf, np.inf) if quantity is None else quantity.bounds
        outside = column[(column < low) | (column > high)]
        if outside.size:
            msg = (
                f"y must have {target} from {low:g} to {high:g} ({quantity.description}), but "
                f"{name} contains {outside.flat[0]:g}"
            )
            raise InputError(msg)


def _unit_of(name):
    """Unit of a quantity, None for a plain number."""
    quantity = QUANTITIES.get(name)
    return None if quantity is None else quantity.unit
