"""Pairing of rows of two tables by their positions on the sky."""

from collections.abc import Sequence

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, angular_separation
from astropy.table import QTable
from scipy.spatial import KDTree

from dustest.data.checks.positions import (
    DEC_COLUMNS,
    RA_COLUMNS,
    on_the_sky,
    sky_positions,
    to_degrees,
)
from dustest.data.checks.tables import as_table, first_named, is_table_like
from dustest.data.errors import InputError

__all__ = ["match"]

_RADIUS = 0.3 * u.arcsec
# Distances in the tree are rounded, so that candidates near the limit are selected and checked.
_SLACK = 1e-12


def match(table, other, radius=_RADIUS):
    """Pair the rows of two tables by their positions on the sky.

    The two closest rows are paired first, then the two closest of the remaining ones, and so on,
    so that each row has at most one partner.

    Parameters
    ----------
    table, other : Table, data frame, dict of columns, SkyCoord, or sequence of spectra
        Rows with positions: catalogues, truth, line lists, with columns such as ``ra`` and
        ``dec``, ``RAJ2000`` and ``DEJ2000`` or ``ALPHA_J2000`` and ``DELTA_J2000``, in any unit
        of angle, as sexagesimal text, or as a column of `~astropy.coordinates.SkyCoord`. For
        spectra, ``meta`` contains the positions under the same names.
    radius : `~astropy.units.Quantity`, optional
        Largest separation of a pair.

    Returns
    -------
    pairs : QTable
        One row per pair, in the order of ``table``: ``row`` and ``other_row``, row numbers from
        0; ``separation`` in arcsec; ``ambiguous``, whether either of the two has another row
        within the radius. The meta contains the number of rows of either table without a partner,
        ``n_unmatched`` and ``n_other_unmatched``, the number of those without a position on the
        sky (missing, -99, beyond a pole), ``n_without_position`` and
        ``n_other_without_position``, and the ``radius`` in arcsec.

    Raises
    ------
    InputError
        If a table has no columns of positions, or no row with a position, or the radius is not a
        positive angle.

    See Also
    --------
    dustest.validation.match_rows : Pair rows by identifier.

    Notes
    -----
    Two tables of 100,000 rows with a partner each take 0.5 s on one core.

    Examples
    --------
    >>> from dustest.validation import match
    >>> catalogue = {"RA": [53.1, 53.2, 53.3], "DEC": [-27.8, -27.8, -27.8]}
    >>> lines = {"RAJ2000": ["03:32:48.01", "03:32:00"], "DEJ2000": ["-27:48:00", "-27:48:00"]}
    >>> print(match(catalogue, lines))
    row other_row separation ambiguous
                    arcsec
    --- --------- ---------- ---------
      1         0     0.1327     False
    """
    limit = _checked_radius(radius)
    places = _positions(table, "table"), _positions(other, "other")
    rows, other_rows = _candidates(*places, limit)
    separation = angular_separation(
        *np.radians(places[0][:, rows]), *np.radians(places[1][:, other_rows])
    )
    near = separation <= limit
    rows, other_rows, separation = rows[near], other_rows[near], separation[near]
    crowded = _repeated(rows) | _repeated(other_rows)
    chosen = _closest_first(rows, other_rows, separation)
    chosen = chosen[np.argsort(rows[chosen])]
    pairs = QTable(
        {
            "row": rows[chosen],
            "other_row": other_rows[chosen],
            "separation": (separation[chosen] * u.rad).to(u.arcsec),
            "ambiguous": crowded[chosen],
        }
    )
    pairs["separation"].info.format = ".4f"
    pairs.meta |= {"radius": float((limit * u.rad).to_value(u.arcsec))}
    for prefix, place in zip(("n_", "n_other_"), places, strict=True):
        n = place.shape[1]
        pairs.meta[f"{prefix}unmatched"] = n - len(pairs)
        pairs.meta[f"{prefix}without_position"] = int(np.isnan(place[0]).sum())
    return pairs


def _checked_radius(radius):
    """Radius in radians."""
    try:
        value = u.Quantity(radius).to_value(u.rad)
    except (TypeError, ValueError) as error:
        msg = f"radius must be an angle, such as 0.3 * u.arcsec, got {radius!r}"
        raise InputError(msg) from error
    if value.ndim != 0 or not 0 < value <= np.pi:
        msg = f"radius must be one angle above 0 and up to 180 deg, got {radius!r}"
        raise InputError(msg)
    return float(value)


def _positions(given, name):
    """Degrees of the rows, shape (2, n)."""
    if isinstance(given, SkyCoord):
        given = QTable({"position": given.reshape(-1)})
    if is_table_like(given):
        positions = np.stack(sky_positions(as_table(given, name), name))
    else:
        positions = _of_spectra(given, name)
    if positions.size and np.isnan(positions).all():
        msg = f"{name} must have positions on the sky, but all {positions.shape[1]} are missing"
        raise InputError(msg)
    return positions


def _of_spectra(given, name):
    """Degrees in the meta of single objects such as spectra, shape (2, n)."""
    items = [given] if hasattr(given, "meta") else given
    if not isinstance(items, Sequence) or not all(hasattr(item, "meta") for item in items):
        msg = (
            f"{name} must be a table, a data frame, a dict of columns or spectra with meta, got "
            f"{type(given).__name__}"
        )
        raise InputError(msg)
    angles = [[_angle(item, name, axis) for item in items] for axis in ("ra", "dec")]
    return np.stack(on_the_sky(*np.array(angles, dtype=float)))


def _angle(item, name, axis):
    """One angle of a spectrum in degrees, NaN if there is none."""
    meta = item.meta or {}
    key = first_named(list(meta), {"ra": RA_COLUMNS, "dec": DEC_COLUMNS}[axis])
    value = None if key is None else meta[key]
    if value is None:
        return np.nan
    column = value.reshape(1) if isinstance(value, u.Quantity) else [value]
    return to_degrees(column, f"{key} of {name}", axis)[0]


def _candidates(places, other_places, limit):
    """Row numbers of all pairs that may be within the radius."""
    known = [np.flatnonzero(np.isfinite(place[0])) for place in (places, other_places)]
    if not all(rows.size for rows in known):
        return np.zeros((2, 0), dtype=int)
    trees = [
        KDTree(_unit_vectors(*np.radians(place[:, rows])))
        for place, rows in zip((places, other_places), known, strict=True)
    ]
    chord = 2 * np.sin(limit / 2) + _SLACK
    found = trees[0].sparse_distance_matrix(trees[1], chord, output_type="ndarray")
    return known[0][found["i"]], known[1][found["j"]]


def _unit_vectors(longitude, latitude):
    """Points on the unit sphere, shape (n, 3)."""
    x, y = np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude)
    return np.stack([x, y, np.sin(latitude)], axis=1)


def _repeated(rows):
    """Whether a row number occurs more than once."""
    return np.bincount(rows)[rows] > 1 if rows.size else np.zeros(0, dtype=bool)


def _closest_first(rows, other_rows, separation):
    """Pairs that remain if the closest are taken first, and no row twice."""
    chosen, taken, other_taken = [], set(), set()
    for i in np.lexsort((other_rows, rows, separation)):
        row, other_row = rows[i], other_rows[i]
        if row not in taken and other_row not in other_taken:
            taken.add(row)
            other_taken.add(other_row)
            chosen.append(i)
    return np.array(chosen, dtype=int)
