"""Shared by all readers: existence of files, and errors of parsers."""

import struct
import warnings
import zlib
from contextlib import contextmanager
from importlib import import_module

from astropy.io import fits

# Astropy exports this error only here.
from astropy.io.fits.hdu.compressed._compression import CfitsioException
from astropy.io.fits.verify import VerifyError
from astropy.io.registry import IORegistryError
from astropy.utils.exceptions import AstropyUserWarning

from dustest.data.errors import DustestError, MissingDependencyError, ReadError
from dustest.data.files.paths import as_path

__all__ = [
    "PARSER_ERRORS",
    "check_file",
    "open_fits",
    "reason",
    "refuse_damaged",
    "require",
]

PARSER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    CfitsioException,
    EOFError,
    IORegistryError,
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
    InputError
        If it is no path.
    ReadError
        If there is no such file, or it is a directory.
    """
    path = as_path(path, "path", "file")
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


@contextmanager
def refuse_damaged(what):
    """Convert errors of a parser for a damaged file to a `ReadError`, in a ``with`` block.

    Parameters
    ----------
    what : str
        Beginning of the message, such as ``"the file a.fits is not a readable spectrum"``.

    Raises
    ------
    ReadError
        With the message of the parser.

    Examples
    --------
    >>> from dustest.data.files.parsing import refuse_damaged
    >>> with refuse_damaged("the file a.txt is not a number"):
    ...     float("5,1")
    Traceback (most recent call last):
    ...
    dustest.data.errors.ReadError: the file a.txt is not a number: could not convert string to ...
    """
    try:
        yield
    except DustestError:
        raise
    except PARSER_ERRORS as error:
        msg = f"{what}: {reason(error)}"
        raise ReadError(msg) from error


@contextmanager
def open_fits(path):
    """Open a FITS file, inside a ``with`` block.

    Parameters
    ----------
    path : str or path-like
        File name.

    Yields
    ------
    hdus : `~astropy.io.fits.HDUList`
        Its extensions, not mapped into memory.

    Raises
    ------
    ReadError
        If the file is missing, damaged or no FITS file.
    """
    path = check_file(path)
    what = f"the file {path} cannot be read as FITS, it may be truncated or damaged"
    with refuse_damaged(what), warnings.catch_warnings():
        # Astropy warns of a truncated file, and fails on its pixels later.
        warnings.simplefilter("ignore", AstropyUserWarning)
        with fits.open(path, memmap=False) as hdus:
            yield hdus


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
