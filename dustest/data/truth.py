"""Truth values that estimators learn from and are judged by."""

import numpy as np
from astropy import units as u
from astropy.table import Table

from dustest.data.errors import InputError
from dustest.data.quantities import QUANTITIES

__all__ = ["as_truth"]


def as_truth(y, targets):
    """Turn truth values into an array, one column a target.

    Parameters
    ----------
    y : Table, Column, Quantity or array_like of shape (n,) or (n, n_targets)
        A truth table with a column for each target, or the values in the order of
        ``targets`` and the units of `~dustest.data.QUANTITIES`.
    targets : sequence of str
        Names of quantities.

    Returns
    -------
    values : ndarray of shape (n, n_targets)
        Truth.

    Raises
    ------
    InputError
        If a target is missing, values are not finite numbers, or the shape does not fit.

    Examples
    --------
    >>> from dustest.data import as_truth
    >>> as_truth([0.1, 0.4], ["A_V"])
    array([[0.1],
           [0.4]])
    """
    if isinstance(y, Table):
        missing = [name for name in targets if name not in y.colnames]
        if missing:
            msg = f"y must have the columns {tuple(targets)}, missing {missing}"
            raise InputError(msg)
        columns = [_truth_column(name, y[name]) for name in targets]
        return np.stack(columns, axis=1)
    values = np.asarray(_truth_column(targets[0] if len(targets) == 1 else "y", y))
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] != len(targets):
        shape = f"(n, {len(targets)})"
        msg = f"y must have shape {shape} for targets {tuple(targets)}, got {values.shape}"
        raise InputError(msg)
    return values


def _truth_column(name, column):
    """Finite floats of one truth column, in the quantity's unit."""
    values = _floats(_in_unit_of(name, column))
    if not np.all(np.isfinite(values)):
        msg = f"y must be finite, but {name} contains NaN or infinity; drop these rows"
        raise InputError(msg)
    return values


def _in_unit_of(name, column):
    """Values in the unit of the quantity where both have one."""
    quantity = QUANTITIES.get(name)
    unit = getattr(column, "unit", None)
    if unit is None or quantity is None or quantity.unit is None:
        return column
    return u.Quantity(column, unit).to_value(quantity.unit)


def _floats(column):
    """Floats, with NaN where masked."""
    try:
        return np.ma.filled(np.ma.asarray(column).astype(float), np.nan)
    except (TypeError, ValueError) as error:
        msg = f"y must hold numbers, got Unknown label type: {np.asarray(column).dtype}"
        raise InputError(msg) from error
