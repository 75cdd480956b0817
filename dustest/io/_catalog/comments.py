"""Unit of the fluxes in the comments of a text file."""

import re

from astropy import units as u

from dustest.data.checks.units import agree, is_flux, parse_unit
from dustest.data.errors import InputError
from dustest.data.messages import argument

__all__ = ["unit_in_comments"]

_UNITS_OF = re.compile(r"\bunits?\b\s*(?:of|is|are|in|:|=)?\s*(.+?)[\s.;,)\]]*$", re.IGNORECASE)
_ZERO_POINT = re.compile(
    r"\b(?:zero[ -]?points?|zpt|zp|\w*abzp)\b\D{0,20}?(?<!\w)(\d\d(?:\.\d+)?)(?!\w)",
    re.IGNORECASE,
)
_OTHER_SYSTEM = re.compile(
    r"\bvega(?:[ _-]?mags?)?\b|\bst[ _-]?mags?\b|\bST (?:system|zero)|\(ST\)", re.IGNORECASE
)
_AB = re.compile(r"\bAB(?:mags?)?\b", re.IGNORECASE)
_ERRORS = re.compile(
    r"\b(?:errs?|errors?|uncertaint\w+|sigmas?|rms|noise|weights?)\b", re.IGNORECASE
)
_FLUXES_TOO = re.compile(
    r"\bflux\w*(?: densit\w+)?\s*(?:,|/|&|\+|and|with)\s*(?:the\w* )?(?:flux )?(?:err|unc|sigma)"
    r"|\b(?:err\w*|unc\w*)\s*(?:,|/|&|\+|and)\s*(?:the )?flux",
    re.IGNORECASE,
)
_EXCEPTION = re.compile(
    r"\b(?:except|but|unless|other than|apart from)\b"
    r"|(?:\b|_)f\d{3,4}(?:lp|w2|[wmnx])[nu]?\b",
    re.IGNORECASE,
)


def unit_in_comments(comments):
    """Find the unit or zero point of all fluxes in the comments of a file.

    Parameters
    ----------
    comments : sequence of str or None
        Lines of comment.

    Returns
    -------
    unit : Unit or None
        None if they state none, several, that of the errors only, or exceptions.

    Raises
    ------
    InputError
        If they state magnitudes or a zero point of a system other than AB.

    Examples
    --------
    >>> from dustest.io._catalog.comments import unit_in_comments
    >>> unit_in_comments(["made by us", "All fluxes in units of uJy."])
    Unit("uJy")
    >>> unit_in_comments(["All fluxes in units of uJy; F444W in nJy"])
    """
    lines = [str(line) for line in comments or ()]
    for line in lines:
        _check_system(line)
    if any(_EXCEPTION.search(line) and _states_unit(line) for line in lines):
        return None
    found = []
    for line in lines:
        for unit in _units_of(line):
            if not any(agree(unit, other) for other in found):
                found.append(unit)
    return found[0] if len(found) == 1 else None


def _check_system(line):
    """Raise an error if a line names a system other than AB."""
    if _OTHER_SYSTEM.search(line) and not _AB.search(line):
        msg = (
            f"the unit of the fluxes is not clear, since a comment says {line!r}: convert the "
            f"fluxes to a flux density or AB magnitudes, and pass {argument('unit', 'uJy')}, or "
            "what they are in"
        )
        raise InputError(msg)


def _states_unit(line):
    """Whether any word of a line is a unit of flux, or a line has a zero point."""
    return bool(_ZERO_POINT.search(line)) or any(map(_as_flux_unit, line.split()))


def _units_of(line):
    """Units of the fluxes in a line."""
    if _OTHER_SYSTEM.search(line) or (_ERRORS.search(line) and not _FLUXES_TOO.search(line)):
        return []
    zero_point = _ZERO_POINT.search(line)
    if zero_point:
        return [u.Unit(10 ** (-0.4 * (float(zero_point[1]) - 8.9)) * u.Jy)]
    match = _UNITS_OF.search(line)
    if match is None:
        return []
    words = match[1].split()
    first = _first_unit(words)
    if first is None:
        return []
    # "10 nJy" is one unit; a second one after it, as in "uJy, errors nJy", is that of another
    # quantity.
    others = [_as_flux_unit(word) for word in words[1:]]
    return [first, *(unit for unit in others if unit is not None and not _is_part(unit, first))]


def _is_part(unit, whole):
    """Whether a unit is that of a multiple such as 10 nJy, or the name of the system."""
    return unit == u.ABmag or (isinstance(whole, u.UnitBase) and unit in whole.bases)


def _first_unit(words):
    """Flux density or AB magnitudes at the beginning of a text, or None."""
    for stop in range(len(words), 0, -1):
        unit = _as_flux_unit(" ".join(words[:stop]))
        if unit is not None:
            return unit
    return None


def _as_flux_unit(text):
    """Unit of flux in a text, or None."""
    unit = parse_unit(text.strip("[]().,;"))
    return None if isinstance(unit, u.UnrecognizedUnit) or not is_flux(unit) else unit
