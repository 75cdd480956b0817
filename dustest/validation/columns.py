"""Columns of any table as plain numbers of one unit."""

import numpy as np
from astropy import units as u

from dustest.data.errors import InputError

__all__ = ["numeric_columns", "unit_of"]


def numeric_columns(table, names, *, argument="table", units=None):
    """Columns of a table as floats.

    Parameters
    ----------
    table : Table
        Any table.
    names : sequence of str
        Columns to take.
    argument : str, optional
        What the table is called in an error.
    units : dict of str to `~astropy.units.UnitBase`, optional
        Unit to convert a column to, by name. A column without a unit counts as being in it; a
        column that is not named here keeps its own.

    Returns
    -------
    columns : dict of str to ndarray of shape (n,)
        Values by name, NaN where masked.

    Raises
    ------
    InputError
        If a column is missing, does not hold one number a row, or has a unit that does not
        convert.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import QTable
    >>> from dustest.validation.columns import numeric_columns
    >>> table = QTable({"size": [0.5, 0.8] * u.kpc, "z": [7.0, 8.0]})
    >>> numeric_columns(table, ["size", "z"], units={"size": u.pc})
    {'size': array([500., 800.]), 'z': array([7., 8.])}
    """
    present = getattr(table, "colnames", None)
    if present is None:
        msg = f"{argument} must be a table, got {type(table).__name__}"
        raise InputError(msg)
    missing = [name for name in names if name not in present]
    if missing:
        msg = (
            f"{argument} must have the columns {', '.join(names)}, but it lacks "
            f"{', '.join(missing)}; it has {', '.join(present) or 'none'}"
        )
        raise InputError(msg)
    units = units or {}
    return {name: _floats(table[name], name, argument, units.get(name)) for name in names}


def unit_of(column):
    """Unit of a column.

    Parameters
    ----------
    column : Column, Quantity or ndarray
        The column.

    Returns
    -------
    unit : `~astropy.units.UnitBase` or None
        The unit; `None` where there is none.

    Examples
    --------
    >>> from astropy import units as u
    >>> from dustest.validation.columns import unit_of
    >>> unit_of([0.3] * u.mag), unit_of([0.3])
    (Unit("mag"), None)
    """
    return getattr(column, "unit", None)


def _floats(column, name, argument, unit):
    """One column as floats in a unit, NaN where masked."""
    values = np.asarray(column)
    if values.ndim != 1 or values.dtype.kind not in "biuf":
        msg = (
            f"column {name} of {argument} must hold one number a row, got {values.dtype} of "
            f"shape {values.shape}"
        )
        raise InputError(msg)
    values = values.astype(float)
    mask = getattr(column, "mask", None)
    if mask is not None:
        values = np.where(mask, np.nan, values)
    own = unit_of(column)
    if unit is None or own is None or own == unit:
        return values
    try:
        return (values << own).to_value(unit)
    except u.UnitsError as error:
        msg = f"column {name} of {argument} must be in {unit}, got {own}"
        raise InputError(msg) from error
