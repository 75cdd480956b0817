"""Writing files that are whole or not there, and naming what wrote them."""

import os
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dustest.data.errors import InputError

__all__ = ["installed_version", "replacing", "writable_file", "writable_folder"]


def writable_file(path, name="path"):
    """Make sure that a file can be written, before the work that gives its content.

    Parameters
    ----------
    path : str or path-like
        File to write or replace.
    name : str, optional
        What it is called in an error.

    Returns
    -------
    path : `~pathlib.Path`
        The same.

    Raises
    ------
    InputError
        If its folder is missing or cannot be written to, or the path is a folder.

    Examples
    --------
    >>> from dustest.data.files import writable_file
    >>> writable_file("report.html").name
    'report.html'
    """
    path = _as_path(path, name)
    if path.is_dir():
        msg = f"{name} must be a file, got the folder {str(path)!r}"
        raise InputError(msg)
    if not path.parent.is_dir():
        msg = (
            f"{name} must be in a folder that exists, got {str(path)!r}; make the folder "
            f"{str(path.parent)!r} first"
        )
        raise InputError(msg)
    _check_access(path.parent, name)
    return path


def writable_folder(path, name="output"):
    """Make a folder, if it does not exist, and make sure that it can be written to.

    Parameters
    ----------
    path : str or path-like
        Folder.
    name : str, optional
        What it is called in an error.

    Returns
    -------
    path : `~pathlib.Path`
        The same.

    Raises
    ------
    InputError
        If it cannot be made or written to, or the path is a file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from dustest.data.files import writable_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     writable_folder(Path(folder) / "new" / "run").is_dir()
    True
    """
    path = _as_path(path, name)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{name} must be a folder that can be written to, got {str(path)!r}: {error}"
        raise InputError(msg) from error
    _check_access(path, name)
    return path


def _as_path(path, name):
    """A path out of text or a path."""
    if not isinstance(path, str | os.PathLike) or not str(path) or "\0" in str(path):
        msg = f"{name} must be the path of a file or folder, got {path!r}"
        raise InputError(msg)
    return Path(path)


def _check_access(folder, name):
    """Raise where no file can be made in a folder."""
    if not os.access(folder, os.W_OK | os.X_OK):
        msg = f"{name} must be in a folder that can be written to, got {str(folder)!r}"
        raise InputError(msg)


@contextmanager
def replacing(path):
    """Write beside a file and move into place, so that a kill leaves no half file.

    Parameters
    ----------
    path : str or path-like
        File to write or replace.

    Yields
    ------
    partial : `~pathlib.Path`
        Where to write, with the same suffix; it takes the place of ``path`` at the end, and
        is removed if an exception leaves the block.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from dustest.data.files import replacing
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder) / "note.txt") as partial:
    ...         _ = partial.write_text("done")
    ...     print((Path(folder) / "note.txt").read_text())
    done
    """
    path = Path(path)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def installed_version(distribution):
    """Version of an installed distribution.

    Parameters
    ----------
    distribution : str
        Name that pip knows.

    Returns
    -------
    version : str
        Empty where it is not installed.

    Examples
    --------
    >>> from dustest.data.files import installed_version
    >>> installed_version("no-such-package")
    ''
    """
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
