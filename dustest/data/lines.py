"""Emission lines: their names in columns and their wavelengths in vacuum."""

from dataclasses import dataclass

from dustest.data.checks.numbers import check_positive
from dustest.data.registry import Registry

__all__ = ["LINES", "Line", "register_line"]


@dataclass(frozen=True)
class Line:
    """An emission line.

    Parameters
    ----------
    name : str
        Name in columns, such as ``"Ha"`` in ``line_Ha``.
    wavelength : float
        Wavelength in vacuum, in Angstrom.
    label : str
        Name in figures, in matplotlib's mathtext.
    aliases : tuple of str, optional
        Other names; catalogues name a line by its ion and wavelength, such as ``"HA6565"``.

    Raises
    ------
    InputError
        If ``wavelength`` is not a positive number.

    Examples
    --------
    >>> from dustest.data import LINES
    >>> LINES["halpha"].wavelength
    6564.61
    """

    name: str
    wavelength: float
    label: str
    aliases: tuple = ()

    def __post_init__(self):
        what = f"wavelength of emission line {self.name!r}"
        object.__setattr__(self, "wavelength", check_positive(self.wavelength, what))


_GREEK = {"a": "alpha", "b": "beta", "g": "gamma", "d": "delta"}


def _hydrogen(series, letter, wavelength, *aliases):
    """A line of hydrogen, by the letters of its series and its own, such as "Pa" or "Bra"."""
    greek = _GREEK[letter]
    label = {"P": "Pa"}.get(series, series)
    names = {f"{one}{link}{greek}" for one in (series, label) for link in ("", "_", "-")}
    names |= {f"{label}{letter}"} - {f"{series}{letter}"}
    return Line(f"{series}{letter}", wavelength, rf"{label}$\{greek}$", (*sorted(names), *aliases))


def _forbidden(element, stage, wavelength, *aliases):
    """A forbidden line, named by its ion and its rounded wavelength in vacuum.

    Aliases are names by the wavelength in air, with and without an underscore.
    """
    name = f"{element}{stage}{wavelength:.0f}"
    names = dict.fromkeys((*aliases, *(one.replace("_", "") for one in aliases)))
    return Line(name, wavelength, f"[{element} {stage}] {wavelength:.0f}", tuple(names))


LINES = Registry(
    "emission line",
    Line,
    [
        _hydrogen("Ly", "a", 1215.67, "HI1216"),
        _hydrogen("H", "d", 4102.89, "HD4103"),
        _hydrogen("H", "g", 4341.68, "HG4342"),
        _hydrogen("H", "b", 4862.68, "HB4863"),
        _hydrogen("H", "a", 6564.61, "HA6565"),
        _hydrogen("P", "d", 10052.1),
        _hydrogen("P", "g", 10941.1),
        _hydrogen("P", "b", 12821.6),
        _hydrogen("P", "a", 18756.1),
        _hydrogen("Br", "g", 21661.2),
        _hydrogen("Br", "b", 26258.7),
        _hydrogen("Br", "a", 40522.6),
        _forbidden("O", "II", 3727.09),
        _forbidden("O", "II", 3729.88),
        Line("OII3729", 3728.8, "[O II] 3727, 3730", ("OII",)),
        _forbidden("Ne", "III", 3869.86, "NeIII_3869"),
        _forbidden("O", "III", 4364.44, "OIII_4363"),
        _forbidden("O", "III", 4960.30, "OIII_4959"),
        _forbidden("O", "III", 5008.24, "OIII_5007"),
        _forbidden("N", "II", 6549.86, "NII_6548"),
        _forbidden("N", "II", 6585.27, "NII_6583"),
        _forbidden("S", "II", 6718.29, "SII_6716"),
        _forbidden("S", "II", 6732.67, "SII_6731"),
        _forbidden("S", "III", 9071.1, "SIII_9069"),
        _forbidden("S", "III", 9533.2, "SIII_9531"),
        Line("HeI10833", 10833.3, "He I 10833", ("HeI_10830", "HeI10830")),
    ],
)
"""Emission lines by name. Wavelengths are those of the NIST Atomic Spectra Database."""


def register_line(line):
    """Add an emission line, whose fluxes are then columns of samples.

    Parameters
    ----------
    line : Line
        The line.

    Returns
    -------
    line : Line
        The same line.

    Raises
    ------
    InputError
        If its name or an alias is taken.

    Examples
    --------
    >>> from dustest.data import LINES, Line, register_line
    >>> line = register_line(Line("CIII1909", 1908.73, "C III] 1909"))
    >>> LINES["ciii1909"] is line
    True
    """
    return LINES.register(line)
