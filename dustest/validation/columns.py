"""Columns of tables as plain numbers in one unit."""

import numpy as np

from dustest.data.checks.tables import as_table
from dustest.data.checks.units import declared_unit
from dustest.data.checks.values import bare_values, to_floats
from dustest.data.errors import InputError
from dustest.data.messages import did_you_mean, shown
from dustest.data.quantities import quantity_column

__all__ = ["numeric_columns", "unit_of"]


def numeric_columns(table, names, *, argument="table", units=None):
    """Columns of a table as floats.

    Parameters
    ----------
    table : Table, data frame or dict of columns
        Any table.
    names : sequence of str
        Columns to convert; a missing column of a quantity may have an alias.
    argument : str, optional
        Name of the table, for messages.
    units : dict of str to `~astropy.units.UnitBase`, optional
        Unit of a column, by name. A column without a unit is taken to be in it; a column that is
        not named here keeps its own unit.

    Returns
    -------
    columns : dict of str to ndarray of shape (n,)
        Values by name, NaN if missing: masked, not finite or -99.

    Raises
    ------
    InputError
        If a column is missing, does not have one number per row, or has a unit that does not
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
    table = as_table(table, argument)
    found = {name: quantity_column(name, table.colnames) for name in names}
    missing = [name for name, column in found.items() if column is None]
    if missing:
        msg = (
            f"{argument} must have the columns {', '.join(names)}, but it lacks "
            f"{', '.join(missing)}; {did_you_mean(missing[0], table.colnames)}it has "
            f"{shown(table.colnames) or 'none'}"
        )
        raise InputError(msg)
    units = units or {}
    return {
        name: _floats(table[column], column, argument, units.get(name))
        for name, column in found.items()
    }


def unit_of(column):
    """Unit of a column.

    Parameters
    ----------
    column : Column, Quantity or ndarray
        The column.

    Returns
    -------
    unit : `~astropy.units.UnitBase` or None
        The unit; None if there is none.

    Examples
    --------
    >>> from astropy import units as u
    >>> from dustest.validation.columns import unit_of
    >>> unit_of([0.3] * u.mag), unit_of([0.3])
    (Unit("mag"), None)
    """
    return declared_unit(column, "column")


def _floats(column, name, argument, unit):
    """One column as floats in a unit, or in its own."""
    what = f"column {name} of {argument}"
    unit = declared_unit(column, what) if unit is None else unit
    values, _ = bare_values(column)
    if values.dtype.kind == "b":
        column = np.ma.asarray(column).astype(int)
    return to_floats(column, what, unit=unit, ndim=1)
