"""Shared by all readers: existence of files, and errors of parsers."""

from contextlib import contextmanager
from importlib import import_module
from traceback import walk_tb

from dustest.data.errors import DustestError, MissingDependencyError, ReadError
from dustest.data.files.paths import as_path

__all__ = [
    "check_file",
    "reason",
    "refuse_damaged",
    "refuse_damaged_items",
    "require",
]

_LIBRARIES = {
    *("_csv", "_lzma", "astropy", "bz2", "codecs", "csv", "gzip", "h5py", "json", "lzma"),
    *("pyarrow", "pyexpat", "safetensors", "sqlite3", "struct", "xml", "yaml", "zipfile", "zlib"),
}
"""Modules that parse files; whatever they raise is the fault of a file."""

_OF_FILES = (EOFError, MemoryError, OSError, UnicodeError)
"""Errors of files, whoever raises them."""


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
    line = lines[0].rstrip(".") if lines else type(error).__name__
    return "".join(character if character.isprintable() else "?" for character in line)


@contextmanager
def refuse_damaged(what):
    """Convert errors of parsers for a damaged file to a `ReadError`, in a ``with`` block.

    Errors of every type are converted if a library that parses files raises them, directly or in
    what it calls; other errors are faults of dustest and are not hidden.

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
    >>> import json
    >>> from dustest.data.files.parsing import refuse_damaged
    >>> with refuse_damaged("the file a.json is no JSON"):
    ...     json.loads("5,1")
    Traceback (most recent call last):
    ...
    dustest.data.errors.ReadError: the file a.json is no JSON: Extra data: line 1 column 2 (char 1)
    """
    try:
        yield
    except DustestError:
        raise
    except Exception as error:
        if not (isinstance(error, _OF_FILES) or _is_of_parser(error)):
            raise
        msg = f"{what}: {reason(error)}"
        raise ReadError(msg) from error


def refuse_damaged_items(what, items):
    """Iterate over what a parser yields, with its errors converted as by `refuse_damaged`.

    Parameters
    ----------
    what : str
        Beginning of the message.
    items : iterator
        Parts of a file.

    Yields
    ------
    item : object
        The same.

    Raises
    ------
    ReadError
        With the message of the parser. Errors of the code that uses the items are not converted.
    """
    while True:
        with refuse_damaged(what):
            item = next(items, None)
        if item is None:
            return
        yield item


def _is_of_parser(error):
    """Whether an error is of a type of a parser, or was raised inside of one."""
    frames = walk_tb(error.__traceback__)
    names = [type(error).__module__, *(frame.f_globals.get("__name__", "") for frame, _ in frames)]
    return any(name.partition(".")[0] in _LIBRARIES for name in names)


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
