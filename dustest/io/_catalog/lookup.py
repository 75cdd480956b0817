"""Single columns of a catalogue: found by name, converted to plain types."""

import numpy as np
from astropy.table import Column

from dustest.data.checks.tables import first_named
from dustest.data.checks.values import bare_values
from dustest.data.errors import InputError
from dustest.data.messages import did_you_mean, shown

__all__ = ["find_column", "plain_column"]


def find_column(names, wanted, argument):
    """Find a column by its name, in any letter case.

    Parameters
    ----------
    names : sequence of str
        Columns of the catalogue.
    wanted : str
        Name given by the user.
    argument : str
        Argument with the name, for the message.

    Returns
    -------
    name : str
        Name in the catalogue.

    Raises
    ------
    InputError
        If there is no such column.
    """
    found = first_named(names, [wanted])
    if found is None:
        msg = (
            f"{argument} must name a column of the catalogue, which has no {wanted}: "
            f"{did_you_mean(wanted, names)}it has {shown(names)}"
        )
        raise InputError(msg)
    return found


def plain_column(column, name, element=None, *, native=True):
    """Convert a column of a catalogue to plain values.

    Parameters
    ----------
    column : Column, Quantity or other column of shape (n, ...)
        Column of a catalogue.
    name : str
        Name of the column, for messages.
    element : int, optional
        Index of the value to use, for rows with several.
    native : bool, optional
        Whether numbers must be in the byte order of this machine.

    Returns
    -------
    plain : `~astropy.table.Column` of shape (n, ...)
        Without axes of length one, and with text as str. Masked numbers are NaN, masked text is
        empty. The unit is that of the column, understood or not.

    Raises
    ------
    InputError
        If the rows have fewer values than ``element`` needs.
    """
    values, missing = bare_values(column)
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    if native and not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    if missing is not None and values.dtype.kind in "iufUO":
        fill = "" if values.dtype.kind == "U" else None if values.dtype.kind == "O" else np.nan
        values = np.where(missing, fill, values)
    if values.ndim == 2 and (values.shape[1] == 1 or element is not None):
        if values.shape[1] <= (element or 0):
            msg = f"column {name} has {values.shape[1]} values a row, and no number {element + 1}"
            raise InputError(msg)
        values = values[:, element or 0]
    return Column(values, unit=getattr(column, "unit", None), copy=False)
