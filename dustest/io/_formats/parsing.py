"""Shared by all readers: existence of files, and errors of parsers."""

import struct
import zlib
from importlib import import_module
from pathlib import Path

# Astropy exports this error only here.
from astropy.io.fits.hdu.compressed._compression import CfitsioException
from astropy.io.fits.verify import VerifyError

from dustest.data.errors import MissingDependencyError, ReadError

__all__ = [
    "PARSER_ERRORS",
    "check_file",
    "reason",
    "require",
]

PARSER_ERRORS = (
    ArithmeticError,
    AttributeError,
    CfitsioException,
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
"""Errors that the parsers of astropy and of lower libraries raise for damaged files."""


def check_file(path):
    """Check that a file exists.

    Parameters
    ----------
    path : str or path-like
        File name.

    Returns
    -------
    path : pathlib.Path
        The path.

    Raises
    ------
    ReadError
        If there is no such file, or it is a directory.
    """
    path = Path(path)
    if path.is_file():
        return path
    problem = "is a directory, not a file" if path.is_dir() else "does not exist"
    msg = f"the file {path} {problem}; check the path"
    raise ReadError(msg)


def reason(error):
    """First line of the message of a parser, which may be a page long.

    Parameters
    ----------
    error : Exception
        The error.

    Returns
    -------
    text : str
        One line; the type of the error if it has no message.
    """
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def require(package, purpose):
    """Raise an error if an optional package is missing.

    Parameters
    ----------
    package : str
        Import name.
    purpose : str
        Purpose of the package, for the message.

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
