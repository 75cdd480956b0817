"""Conversion of text to numbers."""

import warnings

import numpy as np
from astropy import units as u

from dustest.data.checks.missing_values import MISSING_CELLS
from dustest.data.checks.units import is_flux, is_magnitude, parse_unit
from dustest.data.errors import DustestWarning, InputError
from dustest.data.messages import argument

__all__ = ["parse_numbers", "refuse_units"]


def parse_numbers(cells, name):
    """Convert text to numbers, with NaN for cells that are not numbers.

    Parameters
    ----------
    cells : ndarray of str of shape (n,)
        Cells of a column.
    name : str
        Name of the column, for messages.

    Returns
    -------
    values : ndarray of float of shape (n,)
        Numbers.

    Raises
    ------
    InputError
        If at most half of the cells are numbers or missing.

    Warns
    -----
    DustestWarning
        If a cell contains other text.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.io._catalog.cells import parse_numbers
    >>> parse_numbers(np.array(["60.0", "N/A", "-3e1"]), "F200W")
    array([ 60.,  nan, -30.])
    """
    stripped = np.char.strip(cells)
    missing = np.isin(np.char.lower(stripped), MISSING_CELLS)
    values = np.array([_number(cell) for cell in np.where(missing, "nan", stripped)], dtype=float)
    bad = np.isnan(values) & ~missing & (np.char.lower(stripped) != "nan")
    if np.any(bad):
        _report_text(stripped[bad], len(cells), name)
    return values


def _number(cell):
    """Number in a cell, NaN if there is none."""
    try:
        return float(cell)
    except ValueError:
        return np.nan


def refuse_units(cells, name):
    """Raise an error if the first cell is a unit, as in a second line of the header.

    Parameters
    ----------
    cells : ndarray of str of shape (n, ...)
        Cells of a column.
    name : str
        Name of the column, for the message.

    Raises
    ------
    InputError
        If it is a unit.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.io._catalog.cells import refuse_units
    >>> refuse_units(np.array(["60.0", "N/A"]), "F200W")
    """
    cell = str(cells.flat[0]).strip() if cells.size else ""
    unit = parse_unit(cell.strip("[]()"))
    if not isinstance(unit, u.UnrecognizedUnit) and (is_flux(unit) or is_magnitude(unit)):
        msg = (
            f"column {name} must hold numbers, got the unit {cell!r} in the first row: delete the "
            f"row of units, and pass {argument('unit', cell, key=name)}"
        )
        raise InputError(msg)


def _report_text(bad, n_rows, name):
    """Warn of cells that are not numbers, or raise an error if they are many."""
    if 2 * len(bad) >= n_rows:
        msg = f"column {name} must hold numbers, got text such as {str(bad[0])!r}"
        raise InputError(msg)
    msg = (
        f"column {name} has text instead of a number in {len(bad)} of {n_rows} rows, such as "
        f"{str(bad[0])!r}, which count as missing"
    )
    warnings.warn(msg, DustestWarning, stacklevel=5)
