"""Emission lines measured from spectra, in a sample."""

import numpy as np
from astropy import units as u
from astropy.table import Table

from dustest.data.checks.units import SPECTRAL_UNIT
from dustest.data.containers.conversion import as_sample
from dustest.data.errors import InputError
from dustest.data.kinds import LINE_UNIT

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
        significance enter as measured, with negative fluxes too.

    Raises
    ------
    InputError
        If the number of tables differs from the number of rows, or one has other columns.

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
    wanted = {"line", *(name for name, _ in _COLUMNS.values())}
    for table in tables:
        if table is not None and not (isinstance(table, Table) and wanted <= set(table.colnames)):
            msg = f"tables must hold results of fit_lines or None, got {table!r}"
            raise InputError(msg)
    values = {}
    for row, table in enumerate(tables):
        for one in () if table is None else table[np.isfinite(table["flux"])]:
            for prefix, (name, unit) in _COLUMNS.items():
                column = values.setdefault(f"{prefix}_{one['line']}", np.full(len(sample), np.nan))
                column[row] = u.Quantity(one[name], unit, copy=False).to_value(unit)
    for name, column in values.items():
        prefix = name.rpartition("_")[0]
        sample[name] = column << _COLUMNS[prefix][1]
    return as_sample(sample)
