"""Positions on the sky: their columns, in any spelling and unit."""

import re

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from dustest.data.checks.missing_values import without_sentinels
from dustest.data.checks.tables import first_named
from dustest.data.checks.units import declared_unit
from dustest.data.checks.values import bare_values, to_floats
from dustest.data.errors import InputError
from dustest.data.messages import shown

__all__ = [
    "DEC_COLUMNS",
    "POSITION_RANGES",
    "RA_COLUMNS",
    "on_the_sky",
    "position_columns",
    "sky_positions",
    "to_degrees",
]

RA_COLUMNS = (
    *("ra", "alpha_j2000", "raj2000", "_raj2000", "ra_j2000", "alphawin_j2000", "ra_icrs"),
    *("radeg", "ra_deg", "ra_degrees", "right_ascension", "ra_targ", "targ_ra", "srcra"),
)
"""Names of right ascensions in any letter case, the preferred one first."""

DEC_COLUMNS = (
    *("dec", "delta_j2000", "dej2000", "_dej2000", "decj2000", "dec_j2000", "deltawin_j2000"),
    *("de_icrs", "dec_icrs", "dedeg", "decdeg", "dec_deg", "dec_degrees", "declination", "decl"),
    *("de", "dec_targ", "targ_dec", "srcdec"),
)
"""Names of declinations in any letter case, the preferred one first."""

POSITION_RANGES = {"ra": (-180.0, 360.0), "dec": (-90.0, 90.0)}
"""Valid degrees of a position on the sky."""

_HOUR = 15.0
_SEXAGESIMAL = re.compile(
    r"(?P<sign>[+\-−]?)\s*(?P<whole>\d{1,3})\s*(?P<mark>[:hd°\s])\s*(?P<minutes>\d{1,2}(?:\.\d*)?)"
    r"\s*(?:[:m'′\s]\s*(?P<seconds>\d{1,2}(?:\.\d*)?)?\s*(?:s|\"|″|'')?)?"
)


def position_columns(table):
    """Find the columns of right ascension and declination.

    Parameters
    ----------
    table : Table
        Any table.

    Returns
    -------
    ra, dec : str or None
        Names in the table; None if there are none.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from dustest.data.checks.positions import position_columns
    >>> position_columns(Table({"ALPHA_J2000": [53.1], "DELTA_J2000": [-27.8]}))
    ('ALPHA_J2000', 'DELTA_J2000')
    """
    return tuple(first_named(table.colnames, names) for names in (RA_COLUMNS, DEC_COLUMNS))


def sky_positions(table, name="table"):
    """Read the positions of the rows of a table.

    Parameters
    ----------
    table : Table
        With columns such as ``ra`` and ``dec`` or ``RAJ2000`` and ``DEJ2000``, as numbers in any
        unit of angle or as text such as ``"03:32:30.1"``; or with a column of
        `~astropy.coordinates.SkyCoord`. Numbers without a unit are degrees; right ascensions in
        text are hours if they have minutes.
    name : str, optional
        Name of the table, for messages.

    Returns
    -------
    ra, dec : ndarray of float of shape (n,)
        Degrees, right ascensions from 0 to 360; both are NaN if one is missing or is not on
        the sky.

    Raises
    ------
    InputError
        If there are no such columns, or they are not angles.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from dustest.data.checks.positions import sky_positions
    >>> table = Table({"RAJ2000": ["03 32 30.0", ""], "DEJ2000": ["-27 48 00", "-27 48 00"]})
    >>> sky_positions(table)
    (array([53.125,    nan]), array([-27.8,   nan]))
    """
    ra, dec = position_columns(table)
    if ra is not None and dec is not None:
        columns = {"ra": ra, "dec": dec}
        angles = [to_degrees(table[c], f"column {c} of {name}", a) for a, c in columns.items()]
        return on_the_sky(*angles)
    for column in table.itercols():
        if isinstance(column, SkyCoord):
            return _of_coordinates(column)
    msg = (
        f"{name} must have columns of positions, such as ra and dec, got {shown(table.colnames)}; "
        "rename its columns of right ascension and declination to ra and dec"
    )
    raise InputError(msg)


def to_degrees(column, name, axis):
    """Convert one of the two angles of positions to degrees.

    Parameters
    ----------
    column : array_like, Column, Quantity, or series of a data frame of shape (n,)
        Numbers, in degrees if they have no unit, or text, decimal or sexagesimal.
    name : str
        Name for messages, such as ``"column RAJ2000"``.
    axis : {"ra", "dec"}
        Sexagesimal text of right ascensions is in hours, unless its unit or its symbols state
        degrees.

    Returns
    -------
    degrees : ndarray of float of shape (n,)
        Degrees; NaN if missing, or if text is not an angle.

    Raises
    ------
    InputError
        If they are neither text nor numbers in a unit of angle.

    Examples
    --------
    >>> from dustest.data.checks.positions import to_degrees
    >>> to_degrees(["03:32:30", "120d30m00s", "53.1"], "column RAJ2000", "ra")
    array([ 53.125, 120.5  ,  53.1  ])
    """
    values, missing = bare_values(column)
    if values.dtype.kind in "USO" and values.ndim == 1:
        degrees = _of_text(values, str(getattr(column, "unit", None) or "").lower(), axis)
        return degrees if missing is None else np.where(missing, np.nan, degrees)
    if declared_unit(column, name) == u.hour:
        return to_floats(column, name, unit=u.hour, ndim=1) * _HOUR
    return to_floats(column, name, unit=u.deg, ndim=1)


def _of_text(values, unit, axis):
    """Degrees of text, NaN if it is not an angle."""
    in_hours = "h" in unit or (axis == "ra" and "d" not in unit)
    sexagesimal, decimal = _HOUR if in_hours else 1.0, _HOUR if "h" in unit else 1.0
    texts = (item.decode() if isinstance(item, bytes) else str(item) for item in values)
    return np.array([_angle(text.strip(), sexagesimal, decimal) for text in texts])


def _angle(text, per_unit, decimal):
    """Degrees of one text, whether sexagesimal or a decimal number."""
    match = _SEXAGESIMAL.fullmatch(text.lower())
    if match is None:
        return _number(text) * decimal
    minutes, seconds = float(match["minutes"]), float(match["seconds"] or 0.0)
    if minutes >= 60.0 or seconds > 60.0:
        return np.nan
    per_unit = {"h": _HOUR, "d": 1.0, "°": 1.0}.get(match["mark"], per_unit)
    sign = -1.0 if match["sign"] in ("-", "−") else 1.0
    return sign * per_unit * (float(match["whole"]) + minutes / 60.0 + seconds / 3600.0)


def _number(text):
    """A decimal number, NaN for anything else and for sentinels."""
    try:
        return float(without_sentinels(np.array(float(text))))
    except ValueError:
        return np.nan


def _of_coordinates(column):
    """Degrees of coordinates of any frame."""
    icrs = column.icrs
    return on_the_sky(*(to_floats(axis, "positions", unit=u.deg) for axis in (icrs.ra, icrs.dec)))


def on_the_sky(ra, dec):
    """Replace positions with a missing or invalid angle by NaN.

    Parameters
    ----------
    ra, dec : ndarray of float of shape (n,)
        Degrees.

    Returns
    -------
    ra, dec : ndarray of float of shape (n,)
        Right ascensions from 0 to 360; both angles are NaN if one is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.data.checks.positions import on_the_sky
    >>> on_the_sky(np.array([-10.0, 20.0]), np.array([5.0, 95.0]))
    (array([350.,  nan]), array([ 5., nan]))
    """
    known = np.isfinite(ra) & np.isfinite(dec)
    for name, values in (("ra", ra), ("dec", dec)):
        low, high = POSITION_RANGES[name]
        known &= (values >= low) & (values <= high)
    return np.where(known, np.mod(ra, 360.0), np.nan), np.where(known, dec, np.nan)
