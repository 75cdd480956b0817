"""Emission lines measured from spectra, in a sample."""

import numpy as np
from astropy.table import Table

from dustest.data.checks.units import SPECTRAL_UNIT, declared_unit
from dustest.data.checks.values import to_floats
from dustest.data.containers.conversion import as_sample
from dustest.data.errors import InputError
from dustest.data.kinds import LINE_UNIT
from dustest.data.messages import shown

__all__ = ["add_lines"]

_COLUMNS = {
    "line": ("flux", LINE_UNIT),
    "line_err": ("flux_err", LINE_UNIT),
    "line_continuum": ("continuum", SPECTRAL_UNIT),
}
"""Column of a table of lines and unit, by the prefix of the columns of samples."""


def add_lines(sample, tables):
    """Add emission lines to a sample.

    Parameters
    ----------
    sample : GalaxySample or Table
        Galaxies.
    tables : sequence of Table or None
        Results of `dustest.physics.fit_lines`, one per row, in the order of the rows; None for a
        galaxy without lines.

    Returns
    -------
    sample : GalaxySample
        A new table with ``line_<LINE>``, ``line_err_<LINE>`` and ``line_continuum_<LINE>`` for
        all lines that are measured in any galaxy; NaN where there is none. Lines of low
        significance enter as measured, with negative fluxes too. Lines that have their flux from
        another one (``tied_to``) are left out, as they are no further data.

    Raises
    ------
    InputError
        If the number of tables differs from the number of rows, or one has other columns, no
        units, or a line twice.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import QTable, Table
    >>> from dustest.io import add_lines
    >>> line, density = u.Unit("erg / (s cm2)"), u.Unit("erg / (s cm2 AA)")
    >>> measured = QTable({"line": ["Hb"], "flux": [3e-18] * line, "flux_err": [2e-19] * line,
    ...                    "continuum": [1e-20] * density})
    >>> sample = add_lines(Table({"redshift": [5.0, 6.0]}), [measured, None])
    >>> sample.lines, sample["line_Hb"].value
    (('Hb',), array([3.e-18,    nan]))
    """
    sample = as_sample(sample)
    if not isinstance(tables, list | tuple) or len(tables) != len(sample):
        got = len(tables) if isinstance(tables, list | tuple) else type(tables).__name__
        msg = f"tables must be a list of one table a row ({len(sample)}), got {got}"
        raise InputError(msg)
    values = {}
    for row, table in enumerate(tables):
        measured = {} if table is None else _measured(table, row)
        for prefix, (name, unit) in _COLUMNS.items():
            for line, value in measured.get(name, {}).items():
                column = f"{prefix}_{line}"
                values.setdefault(column, np.full(len(sample), np.nan) << unit)[row] = value
    for name, column in values.items():
        sample[name] = column
    return as_sample(sample)


def _measured(table, row):
    """Values of the lines with a flux, by column of a table of lines and name of the line."""
    wanted = ("line", *(name for name, _ in _COLUMNS.values()))
    names = table.colnames if isinstance(table, Table) else type(table).__name__
    if not set(wanted) <= set(names if isinstance(names, list) else ()):
        msg = (
            f"tables must hold tables with the columns {', '.join(wanted)}, as of fit_lines, or "
            f"None, got for row {row}: {shown(names) if isinstance(names, list) else names}"
        )
        raise InputError(msg)
    lines = [str(name) for name in table["line"]]
    twice = sorted({name for name in lines if lines.count(name) > 1})
    if twice:
        msg = f"tables must have each line once, got {shown(twice)} twice for row {row}"
        raise InputError(msg)
    found = {name: _with_unit(table[name], name, unit) for name, unit in _COLUMNS.values()}
    known = np.isfinite(found["flux"])
    if "tied_to" in table.colnames:
        known &= np.array([name not in lines for name in table["tied_to"]])
    return {
        name: {line: value for line, value, use in zip(lines, column, known, strict=True) if use}
        for name, column in found.items()
    }


def _with_unit(column, name, unit):
    """A column in a unit, which it must declare."""
    what = f"column {name} of tables"
    if declared_unit(column, what) is None:
        msg = f"{what} must have a unit that converts to {unit}, got none"
        raise InputError(msg)
    return to_floats(column, what, unit=unit) << unit
