"""What all readers share: files that are there, errors of parsers, meanings of unit strings."""

import struct
import warnings
import zlib
from importlib import import_module
from pathlib import Path

from astropy import units as u
from astropy.io.fits.verify import VerifyError

from dustest.data.errors import InputError, MissingDependencyError, ReadError

__all__ = [
    "PARSER_ERRORS",
    "as_unit",
    "check_file",
    "known_unit",
    "reason",
    "require",
    "shown",
]

PARSER_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    VerifyError,
    struct.error,
    zlib.error,
)
"""What the parsers of astropy and of the libraries below it raise on damaged files."""

_SHOWN = 20


def check_file(path):
    """Path of a file that is there.

    Parameters
    ----------
    path : str or path-like
        File name.

    Returns
    -------
    path : pathlib.Path
        The same.

    Raises
    ------
    ReadError
        If nothing is there, or a directory is.
    """
    path = Path(path)
    if path.is_file():
        return path
    problem = "is a directory, not a file" if path.is_dir() else "does not exist"
    msg = f"the file {path} {problem}; check the path"
    raise ReadError(msg)


def reason(error):
    """First line of what a parser says, without the page that may follow.

    Parameters
    ----------
    error : Exception
        What was raised.

    Returns
    -------
    text : str
        One line; the kind of error where it says nothing.
    """
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def require(package, purpose):
    """Raise where an optional package is missing.

    Parameters
    ----------
    package : str
        Import name.
    purpose : str
        What it is needed for, for the sentence.

    Raises
    ------
    MissingDependencyError
        If the package cannot be imported.
    """
    try:
        import_module(package)
    except ImportError as error:
        msg = f"{purpose} needs the package {package}: pip install 'dustest[scale]'"
        raise MissingDependencyError(msg) from error


def known_unit(unit):
    """Unit that a file declares, where astropy understands it.

    The FITS standard knows neither "degree" nor "10 nJy", which files nevertheless say, so
    what the strict parser left over is read once more by the lenient one.

    Parameters
    ----------
    unit : Unit, str or None
        As it stands in the file.

    Returns
    -------
    unit : `~astropy.units.UnitBase`, `~astropy.units.FunctionUnitBase` or None
        None where there is none, or none that is understood.
    """
    if unit is None or not str(unit).strip():
        return None
    with warnings.catch_warnings():
        # "erg/s/cm2/AA" is discouraged by the FITS standard, but says clearly what it means.
        warnings.simplefilter("ignore", u.UnitsWarning)
        parsed = u.Unit(str(unit), parse_strict="silent")
    if isinstance(parsed, u.UnrecognizedUnit) or parsed == u.dimensionless_unscaled:
        return u.ABmag if str(unit).strip() == "ABmag" else None
    return parsed


def as_unit(unit, name="unit"):
    """Unit that a user gave.

    Parameters
    ----------
    unit : Unit, str or None
        The argument.
    name : str, optional
        Name of the argument, for the sentence.

    Returns
    -------
    unit : `~astropy.units.UnitBase`, `~astropy.units.FunctionUnitBase` or None
        None for None.

    Raises
    ------
    InputError
        If it is not a unit.
    """
    if unit is None:
        return None
    is_unit = isinstance(unit, u.UnitBase | u.FunctionUnitBase)
    parsed = unit if is_unit else known_unit(unit)
    if parsed is None:
        msg = f"{name} must be a unit such as astropy.units.nJy, got {unit!r}"
        raise InputError(msg)
    return parsed


def shown(names):
    """First names of a list, for a sentence.

    Parameters
    ----------
    names : sequence of str
        Names.

    Returns
    -------
    text : str
        Up to 20 of them, and how many more there are.
    """
    rest = len(names) - _SHOWN
    return ", ".join(map(str, names[:_SHOWN])) + (f" and {rest} more" if rest > 0 else "")
