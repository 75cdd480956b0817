"""Units declared by tables, files and users.

A declared unit is always used: that of a Quantity, a Column, a header or a keyword. A unit that is
not understood, or that does not match, is an error; it is never ignored.
"""

import warnings
from functools import lru_cache

import numpy as np
from astropy import units as u

from dustest.data.errors import InputError
from dustest.data.messages import did_you_mean

__all__ = [
    "FLUX_UNIT",
    "SPECTRAL_UNIT",
    "agree",
    "as_unit",
    "declared_unit",
    "evident_unit",
    "explain_unit",
    "is_flux",
    "is_magnitude",
    "is_spectral_flux",
    "parse_unit",
    "resolve_unit",
]

FLUX_UNIT = u.nJy
"""Unit of photometry and of cutout pixels inside dustest."""

SPECTRAL_UNIT = u.erg / u.s / u.cm**2 / u.AA
"""Unit of spectra inside dustest."""

_PHOTON = u.photon / u.s / u.cm**2
_DENSITIES = (FLUX_UNIT, SPECTRAL_UNIT, _PHOTON / u.Hz, _PHOTON / u.AA)

_NO_UNIT = frozenset({"", "none", "null", "-", "--", "n/a", "unitless", "dimensionless"})
_AB_SPELLINGS = frozenset({"abmag", "ab mag", "mag(ab)", "mag (ab)", "mag ab", "mag_ab", "ab"})
_FORMATS = ("generic", "fits", "cds", "ogip")
_USUAL = (
    *("nJy", "uJy", "mJy", "Jy", "MJy/sr", "ABmag", "mag", "erg/s/cm2/AA", "erg/s/cm2/Hz"),
    *("AA", "nm", "um", "micron", "Angstrom", "deg", "arcsec"),
)
_SPELLINGS = {
    "njy": u.nJy,
    "nanojy": u.nJy,
    "ujy": u.uJy,
    "microjy": u.uJy,
    "micron": u.um,
    "microns": u.um,
    "um": u.um,
    "micrometer": u.um,
    "micrometers": u.um,
    "nanometers": u.nm,
    "angstrom": u.AA,
    "angstroms": u.AA,
    "aa": u.AA,
}
"""Meanings of unknown spellings, in lower case. ``MJY`` is not among them: it may be milli or
mega."""


def parse_unit(declared):
    """Parse a unit as written by files, tables and users.

    Parameters
    ----------
    declared : Unit, str or None
        The declaration.

    Returns
    -------
    unit : `~astropy.units.UnitBase`, `~astropy.units.FunctionUnitBase` or None
        None if nothing is declared, or for a plain number; an
        `~astropy.units.UnrecognizedUnit` if it is not understood.

    Examples
    --------
    >>> from dustest.data.checks.units import parse_unit
    >>> parse_unit("10 nJy"), parse_unit("mag(AB)"), parse_unit(" ")
    (Unit("10 nJy"), Unit("mag(AB)"), None)
    >>> parse_unit("ujy")
    UnrecognizedUnit(ujy)
    """
    try:
        return _parsed(declared)
    except TypeError:  # an object without hash is not a unit; its text is parsed
        return _parsed(str(declared))


@lru_cache(maxsize=1024)
def _parsed(declared):
    """Cached parsing of a declared unit, called for every column of a table."""
    text = "" if declared is None else str(declared).strip()
    if text.lower() in _NO_UNIT:
        return None
    if text.lower() in _AB_SPELLINGS:
        return u.ABmag
    if text.lower() == "redshift":  # astropy writes this unit, but cannot read it
        from astropy.cosmology.units import redshift  # takes half a second

        return redshift
    if isinstance(declared, u.FunctionUnitBase):
        return declared
    if isinstance(declared, u.UnitBase) and not isinstance(declared, u.UnrecognizedUnit):
        return None if declared == u.dimensionless_unscaled else _usable(declared)
    with warnings.catch_warnings():
        # "erg/s/cm2/AA" is discouraged by the FITS standard, but is unambiguous.
        warnings.simplefilter("ignore", u.UnitsWarning)
        for unit_format in _FORMATS:
            parsed = u.Unit(text, format=unit_format, parse_strict="silent")
            if not isinstance(parsed, u.UnrecognizedUnit):
                return None if parsed == u.dimensionless_unscaled else _usable(parsed)
    return parsed


def _usable(unit):
    """The unit; unrecognised if its scale is not a positive finite number in SI units."""
    try:
        scale = unit.decompose().scale if isinstance(unit, u.UnitBase) else 1.0
        valid = np.isfinite(scale) and scale != 0
    except (ArithmeticError, ValueError):
        valid = False
    return unit if valid else u.UnrecognizedUnit(str(unit))


def as_unit(given, name="unit"):
    """Parse a unit given by a user as an argument.

    Parameters
    ----------
    given : Unit, scalar Quantity, str or None
        The argument.
    name : str, optional
        Name of the argument, for the message.

    Returns
    -------
    unit : `~astropy.units.UnitBase`, `~astropy.units.FunctionUnitBase` or None
        None for None.

    Raises
    ------
    InputError
        If it is not a unit.

    Examples
    --------
    >>> from dustest.data.checks.units import as_unit
    >>> as_unit("uJy")
    Unit("uJy")
    """
    if given is None:
        return None
    given = u.Unit(given) if isinstance(given, u.Quantity) and given.isscalar else given
    is_unit = isinstance(given, str | u.UnitBase | u.FunctionUnitBase)
    parsed = parse_unit(given) if is_unit else None
    if parsed is None or isinstance(parsed, u.UnrecognizedUnit):
        msg = f"{name} must be a unit such as 'nJy', got {given!r}: {explain_unit(given)}"
        raise InputError(msg.rstrip(":; "))
    return parsed


def declared_unit(values, name):
    """Unit of a Quantity, a Column or any other object with a ``unit``.

    Parameters
    ----------
    values : object
        A column, a Quantity, a list of Quantities, an image, or bare numbers.
    name : str
        Name for messages, such as ``"column flux_F277W"``.

    Returns
    -------
    unit : Unit or None
        None if nothing is declared, or for a plain number.

    Raises
    ------
    InputError
        If the unit is not understood.

    Examples
    --------
    >>> from astropy.table import Column
    >>> from dustest.data.checks.units import declared_unit
    >>> declared_unit(Column([1.0], unit="uJy"), "column a"), declared_unit([1.0], "column b")
    (Unit("uJy"), None)
    """
    if isinstance(values, list | tuple):
        # Of a list of Quantities, that of the first; each is converted from its own unit.
        values = next((item for item in values if getattr(item, "unit", None) is not None), None)
    unit = getattr(values, "unit", None)
    # In files and tables AB means magnitudes; a Quantity may have astropy's flux unit AB.
    unit = u.AB if isinstance(values, u.Quantity) and unit == u.AB else parse_unit(unit)
    if isinstance(unit, u.UnrecognizedUnit):
        msg = (
            f"{name} declares the unit {str(unit)!r}, which is not understood: "
            f"{explain_unit(unit)}declare one that astropy knows"
        )
        raise InputError(msg)
    return unit


def resolve_unit(declared, given, fits, *, what, expected, remedy, explicit=False):
    """Determine the unit of values: the declared one, or the one given by the user.

    Parameters
    ----------
    declared : Unit, str or None
        Declaration of the file or the table.
    given : Unit or None
        Unit given by the user, from `as_unit`.
    fits : callable
        Function that checks whether a unit is valid for the values.
    what : str
        Name of the values, for the message, such as ``"column F277W"``.
    expected : str
        Expected unit, for the message, such as ``"a flux density"``.
    remedy : str
        Remedy, for the message, such as ``'unit={"F277W": "nJy"}'``.
    explicit : bool, optional
        Whether the user gives the unit for these values only. It then replaces a declared unit
        that is not understood or does not match.

    Returns
    -------
    unit : Unit or None
        None if it is neither declared nor given.

    Raises
    ------
    InputError
        If the declared unit is not understood or does not match, or contradicts the given one.

    Examples
    --------
    >>> from astropy import units as u
    >>> from dustest.data.checks.units import is_flux, resolve_unit
    >>> words = {"what": "column a", "expected": "a flux density", "remedy": 'unit="nJy"'}
    >>> resolve_unit("uJy", None, is_flux, **words), resolve_unit(None, u.nJy, is_flux, **words)
    (Unit("uJy"), Unit("nJy"))
    """
    parsed = parse_unit(declared)
    if given is not None and not fits(given):
        msg = f"the unit of {what} must be {expected}, got {given}"
        raise InputError(msg)
    if parsed is None:
        return given
    unknown = isinstance(parsed, u.UnrecognizedUnit)
    if unknown or not fits(parsed):
        if given is not None and (explicit or given == evident_unit(str(parsed))):
            return given
        problem = "which is not understood" if unknown else f"which is not {expected}"
        msg = (
            f"{what} declares the unit {str(declared)!r}, {problem}: {explain_unit(declared)}"
            f"if you know its unit, pass it, such as {remedy}"
        )
        raise InputError(msg)
    if given is None:
        return parsed
    if not agree(parsed, given):
        msg = (
            f"the unit of {what} is given as {given}, but {parsed} is declared: leave it out, or "
            "correct the declaration"
        )
        raise InputError(msg)
    # Magnitudes without a system get that of the given unit.
    return given if parsed == u.mag else parsed


def explain_unit(unit):
    """Guess the intended unit, for a message about an invalid one.

    Parameters
    ----------
    unit : Unit or str
        The unit.

    Returns
    -------
    hint : str
        With a trailing blank; empty if there is no guess.

    Examples
    --------
    >>> from dustest.data.checks.units import explain_unit
    >>> explain_unit("ujy"), explain_unit("erg/s/cm2/A")
    ("did you mean 'uJy'? ", 'A is ampere here, write Angstrom or AA; ')
    """
    parsed = parse_unit(unit)
    evident = evident_unit(str(unit))
    if evident is not None and parsed != evident:
        return f"did you mean {evident.to_string()!r}? "
    if isinstance(parsed, u.UnrecognizedUnit):
        if _is_other_system(str(unit)):
            return "these are no AB magnitudes, convert them first; "
        return did_you_mean(str(unit), _USUAL)
    if isinstance(parsed, u.FunctionUnitBase) and parsed != u.ABmag:
        return "these are no AB magnitudes, convert them first; "
    if isinstance(parsed, u.UnitBase) and u.A in parsed.decompose().bases:
        return "A is ampere here, write Angstrom or AA; "
    return ""


def _is_other_system(text):
    """Whether a text names ST or Vega magnitudes."""
    words = text.lower().replace("mag", " ").replace("(", " ").replace(")", " ").split()
    return "mag" in text.lower() and bool({"st", "vega"} & set(words))


def evident_unit(text):
    """Unit with an unknown but unambiguous spelling.

    Parameters
    ----------
    text : str
        A unit that `parse_unit` does not understand.

    Returns
    -------
    unit : `~astropy.units.UnitBase` or None
        None if it has several possible meanings.

    Examples
    --------
    >>> from dustest.data.checks.units import evident_unit
    >>> evident_unit("MICRON")
    Unit("um")
    """
    return _SPELLINGS.get(text.strip().lower())


def is_magnitude(unit):
    """Whether a unit is AB magnitudes, or magnitudes without a named system.

    Parameters
    ----------
    unit : Unit or None
        The unit.

    Returns
    -------
    answer : bool
        Whether it is.

    Examples
    --------
    >>> from astropy import units as u
    >>> from dustest.data.checks.units import is_magnitude
    >>> is_magnitude(u.ABmag), is_magnitude(u.mag), is_magnitude(u.nJy)
    (True, True, False)
    """
    return unit is not None and unit in (u.ABmag, u.mag)


def is_flux(unit):
    """Whether a unit is a spectral flux density or AB magnitudes.

    Parameters
    ----------
    unit : Unit or None
        The unit.

    Returns
    -------
    answer : bool
        Whether it is.

    Examples
    --------
    >>> from astropy import units as u
    >>> from dustest.data.checks.units import is_flux
    >>> is_flux(u.uJy), is_flux(u.ABmag), is_flux(u.ct)
    (True, True, False)
    """
    if unit is None or isinstance(unit, u.FunctionUnitBase):
        return unit == u.ABmag
    return unit.is_equivalent(FLUX_UNIT) or unit.is_equivalent(SPECTRAL_UNIT)


def is_spectral_flux(unit):
    """Whether a unit is a flux per unit wavelength or frequency, linear or in magnitudes.

    `~astropy.units.spectral_density` converts more: it takes a plain flux as lambda F_lambda and a
    luminosity as a flux, so that a missing ``/Angstrom`` would change the slope of a spectrum.

    Parameters
    ----------
    unit : Unit or None
        The unit.

    Returns
    -------
    answer : bool
        Whether it is.

    Examples
    --------
    >>> from astropy import units as u
    >>> from dustest.data.checks.units import is_spectral_flux
    >>> is_spectral_flux(u.uJy), is_spectral_flux(u.ABmag), is_spectral_flux(u.W / u.m**2)
    (True, True, False)
    """
    linear = getattr(unit, "physical_unit", unit)
    return linear is not None and any(linear.is_equivalent(density) for density in _DENSITIES)


def agree(own, given):
    """Whether two units are equal; a magnitude without a system equals the given one.

    Parameters
    ----------
    own, given : Unit
        The units.

    Returns
    -------
    answer : bool
        Whether they are.

    Examples
    --------
    >>> from astropy import units as u
    >>> from dustest.data.checks.units import agree
    >>> agree(u.mag, u.ABmag), agree(u.uJy, 1000 * u.nJy), agree(u.uJy, u.nJy)
    (True, True, False)
    """
    if is_magnitude(own) or is_magnitude(given):
        return is_magnitude(own) and is_magnitude(given)
    own, given = u.Unit(own), u.Unit(given)
    return own.is_equivalent(given) and bool(np.isclose(own.to(given), 1.0, rtol=1e-9))
