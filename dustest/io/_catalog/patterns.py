"""Columns by pattern: names of all bands, and names with a star."""

from fnmatch import fnmatchcase

from dustest.data.bands import canonical_name
from dustest.data.errors import InputError
from dustest.data.messages import shown

__all__ = ["BAND", "band_columns", "check_patterns", "columns_like"]

BAND = "{band}"
"""Place of the name of a band in a pattern."""


def check_patterns(columns):
    """Raise an error for a pattern without a band in the sample or in the catalogue.

    Parameters
    ----------
    columns : dict of str to str
        Columns of the catalogue by their name in the sample.

    Raises
    ------
    InputError
        If one has the place of a band, and the other not, or one has it twice.
    """
    for key, name in columns.items():
        if {key.count(BAND), name.count(BAND)} not in ({0}, {1}):
            msg = f"columns must have {BAND} once in both names, got {key!r} and {name!r}"
            raise InputError(msg)


def band_columns(columns, names):
    """Expand patterns to the columns of every band that a catalogue has.

    Parameters
    ----------
    columns : dict of str to str
        Columns of the catalogue by their name in the sample, some with ``{band}`` in both.
    names : sequence of str
        Columns of the catalogue.

    Returns
    -------
    columns : dict of str to str
        Without patterns; columns that are named take precedence.

    Examples
    --------
    >>> from dustest.io._catalog.patterns import band_columns
    >>> band_columns({"flux_{band}": "NRC_{band}_tot"}, ["NRC_f277w_tot", "NRC_x_tot", "id"])
    {'flux_F277W': 'NRC_f277w_tot'}
    """
    found = {}
    for key, pattern in columns.items():
        if BAND in key:
            for name in names:
                band = _band_in(name, pattern)
                if band is not None:
                    found[key.replace(BAND, band)] = name
    return found | {key: name for key, name in columns.items() if BAND not in key}


def _band_in(name, pattern):
    """Short name of the band in a column like a pattern; None for other columns."""
    before, after = pattern.lower().split(BAND)
    lower = name.lower()
    if not (lower.startswith(before) and lower.endswith(after)):
        return None
    middle = name[len(before) : len(name) - len(after)]
    try:
        return canonical_name(middle) if middle else None
    except InputError:
        return None


def columns_like(pattern, pairs):
    """Find columns of fluxes by a name with stars.

    Parameters
    ----------
    pattern : str
        Name of a column or band, in any letter case, with a ``*`` for any characters.
    pairs : dict of str to tuple of str
        Columns of flux and error by band.

    Returns
    -------
    names : list of str
        Columns of fluxes.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> from dustest.io._catalog.patterns import columns_like
    >>> columns_like("HST_*", {"F606W": ("HST_F606W", "e1"), "F277W": ("NRC_F277W", "e2")})
    ['HST_F606W']
    """
    wanted = pattern.lower()
    found = [
        flux
        for band, (flux, _) in pairs.items()
        if any(fnmatchcase(name.lower(), wanted) for name in (flux, band))
    ]
    if not found:
        fluxes = [flux for flux, _ in pairs.values()]
        msg = f"unit must name fluxes that are read, and none is like {pattern!r}: {shown(fluxes)}"
        raise InputError(msg)
    return found
