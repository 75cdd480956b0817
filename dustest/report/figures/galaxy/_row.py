"""One galaxy of a result: its row, its data and its numbers as text."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from astropy import units as u
from astropy.table import Row

from dustest.data.bands import Band, get_band
from dustest.data.checks.identifiers import match_ids
from dustest.data.checks.units import FLUX_UNIT
from dustest.data.containers.fitted_data import FITTED_FLUXES, FITTED_REDSHIFT, FITTED_SPECTRUM
from dustest.data.errors import InputError
from dustest.data.formatting import format_estimate
from dustest.data.quantities import QUANTITIES, percentile_columns
from dustest.report.figures._drawing import plain_text

__all__ = [
    "Measured",
    "fitted_bands",
    "fitted_spectrum",
    "galaxy_row",
    "headline",
    "redshift_of",
    "row_values",
]


_LONGEST_ID = 32
"""Characters of an identifier in a title."""


@dataclass(frozen=True)
class Measured:
    """Photometry of one galaxy in the bands of a fit.

    Parameters
    ----------
    bands : tuple of Band
        The n bands, by wavelength.
    flux, error : ndarray of shape (n,)
        In nJy.
    """

    bands: tuple[Band, ...]
    flux: np.ndarray
    error: np.ndarray

    @property
    def pivot(self):
        """Pivot wavelengths (n,) [Angstrom]."""
        return np.array([band.pivot for band in self.bands])


def galaxy_row(table, galaxy, needs, what):
    """Find a galaxy in a result that has some columns.

    Parameters
    ----------
    table : DustTable
        The result.
    galaxy : int or str
        Identifier of the galaxy.
    needs : str
        A column without which there is nothing to draw.
    what : str
        What the column is, and who keeps it, for messages.

    Returns
    -------
    row : `~astropy.table.Row`
        The row.

    Raises
    ------
    InputError
        If the galaxy is not in the table exactly once, or the table does not have the column, or
        the galaxy no value in it.
    """
    if needs not in table.colnames:
        kind = table.meta.get("estimator", "another source")
        msg = (
            f"table must have {what} with estimate(..., draws=200), got a result of {kind} without"
        )
        raise InputError(msg)
    if isinstance(galaxy, bool) or not isinstance(galaxy, str | Integral) or galaxy == "":
        msg = f"id must be the integer or the text of one galaxy, got {galaxy!r}"
        raise InputError(msg)
    _, rows = match_ids([galaxy], table["id"])
    if len(rows) != 1:
        n = int(np.sum(np.asarray(table["id"]).astype(str) == str(galaxy)))
        first = ", ".join(map(str, table["id"][:3]))
        found = f"it is not there; the first are {first}" if n == 0 else f"it is there {n} times"
        msg = f"id must be that of one galaxy of the table, got {galaxy!r}: {found}"
        raise InputError(msg)
    row = table[int(rows[0])]
    if not np.isfinite(row_values(row, needs)).any():
        flags = ", ".join(table[int(rows[0]) : int(rows[0]) + 1].flag_names[0]) or "none"
        msg = f"galaxy {galaxy!r} must have an estimate to be drawn, got none; its flags: {flags}"
        raise InputError(msg)
    return row


def fitted_bands(row):
    """Photometry that was fitted.

    Parameters
    ----------
    row : `~astropy.table.Row`
        A galaxy.

    Returns
    -------
    measured : Measured
        Of the bands with a value.
    """
    flux, error = FITTED_FLUXES
    before, after = flux.split("{}")
    errors = error.format("")
    names = [
        name.removeprefix(before).removesuffix(after)
        for name in row.colnames
        if name.startswith(before) and not name.startswith(errors)
    ]
    found = {}
    for name in names:
        values = [float(row_values(row, one.format(name), FLUX_UNIT)) for one in (flux, error)]
        if np.isfinite(values).all():
            found[get_band(name)] = values
    bands = tuple(sorted(found, key=lambda band: band.pivot))
    values = np.array([found[band] for band in bands]).reshape(-1, 2)
    return Measured(bands, *values.T)


def fitted_spectrum(row):
    """Spectrum that was fitted.

    Parameters
    ----------
    row : `~astropy.table.Row`
        A galaxy.

    Returns
    -------
    wavelength, flux, error : ndarray of shape (n_pixels,)
        Observed wavelength [Angstrom], and erg/s/cm2/Angstrom, of pixels with a value.
    """
    if FITTED_SPECTRUM[0] not in row.colnames:
        return np.zeros((3, 0))
    values = np.array([row_values(row, name) for name in FITTED_SPECTRUM])
    return values[:, np.isfinite(values).all(axis=0)]


def redshift_of(row):
    """Redshift of a galaxy: the fitted one if it is free.

    Parameters
    ----------
    row : `~astropy.table.Row`
        A galaxy.

    Returns
    -------
    redshift : float
        NaN if it is unknown.
    """
    for name in ("redshift", FITTED_REDSHIFT):
        if name in row.colnames and np.isfinite(value := float(row[name])):
            return value
    return np.nan


def headline(row, quantities=("A_V",)):
    """Title of a figure of one galaxy.

    Parameters
    ----------
    row : `~astropy.table.Row`
        A galaxy.
    quantities : sequence of str, optional
        Quantities to write.

    Returns
    -------
    text : str
        Identifier, redshift and quantities with their intervals.
    """
    name = " ".join(str(row["id"]).split())
    short = name if len(name) <= _LONGEST_ID else f"{name[: _LONGEST_ID - 1]}…"
    parts = [plain_text(short)]
    if np.isfinite(redshift := redshift_of(row)):
        parts.append(f"$z = {redshift:.2f}$")
    for name in quantities:
        if name in row.colnames:
            values = [float(row_values(row, one)) for one in (name, *percentile_columns(name))]
            quantity = QUANTITIES[name]
            text = format_estimate(*values)
            unit = f" {quantity.unit}" if quantity.unit else ""
            parts.append(f"{quantity.symbol} = {text}{unit}")
    return "   ".join(parts)


def row_values(row: Row, name, unit=None):
    """Values of a column as floats.

    Parameters
    ----------
    row : `~astropy.table.Row`
        A galaxy.
    name : str
        The column.
    unit : `~astropy.units.UnitBase`, optional
        Unit to convert to, if the column has one.

    Returns
    -------
    values : ndarray
        NaN if masked.
    """
    value = row[name]
    if isinstance(value, u.Quantity):
        value = value.value if unit is None else value.to_value(unit)
    return np.asarray(np.ma.filled(value, np.nan), dtype=float)
