"""Single columns of a catalogue: found by name, plain in type, one value a row."""

import numpy as np
from astropy.table import Column

from dustest.data.checks.tables import first_named
from dustest.data.checks.values import bare_values
from dustest.data.errors import InputError
from dustest.data.messages import did_you_mean, shown

__all__ = ["find_column", "plain_column"]


def find_column(names, wanted, argument):
    """Find a column that the user names, whatever the letter case.

    Parameters
    ----------
    names : sequence of str
        Columns of the catalogue.
    wanted : str
        What the user calls it.
    argument : str
        Argument that names it, for the error.

    Returns
    -------
    name : str
        As the catalogue spells it.

    Raises
    ------
    InputError
        If there is none.
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
    """Take values out of a column, without what only its file needs.

    Parameters
    ----------
    column : Column, Quantity or other column of shape (n, ...)
        Column of a catalogue.
    name : str
        Its name, for errors.
    element : int, optional
        Which value to take of each row that has several.
    native : bool, optional
        Whether numbers must be in the byte order of this machine.

    Returns
    -------
    plain : `~astropy.table.Column` of shape (n, ...)
        Without axes of length one, and with text as text. Masked numbers are NaN,
        masked text is empty. The unit is that of the column, understood or not.

    Raises
    ------
    InputError
        If the rows have fewer values than ``element`` asks for.
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
