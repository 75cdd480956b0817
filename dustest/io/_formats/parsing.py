"""What all readers share: files that are there, and errors of parsers."""

import struct
import zlib
from importlib import import_module
from pathlib import Path

# Astropy exports this error nowhere else.
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
"""What the parsers of astropy and of the libraries below it raise on damaged files."""


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
