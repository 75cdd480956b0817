"""Atomic writing of files, and versions of packages."""

import errno
import os
import re
import tempfile
import threading
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from dustest.data.errors import DustestError, InputError, MissingDependencyError, WriteError
from dustest.data.messages import did_you_mean

__all__ = [
    "as_path",
    "check_table_file",
    "check_temporary_folder",
    "check_writable",
    "installed_version",
    "remove_partial_files",
    "replacing",
    "writable_folder",
]


_PARTIAL = ".{0.stem}.{1}.{2}.partial{0.suffix}"
"""Name of the temporary file of a process and a thread."""


@contextmanager
def replacing(path):
    """Write to a temporary file and rename it, so that an interruption leaves no partial file.

    Parameters
    ----------
    path : str or path-like
        File to write or replace.

    Yields
    ------
    partial : `~pathlib.Path`
        Path to write to, with the same suffix; it replaces ``path`` at the end, and is removed if
        an exception leaves the block. Each thread has its own.

    Raises
    ------
    WriteError
        If the file cannot be written, as on a full disk; a file that was there is unchanged.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from dustest.data.files.paths import replacing
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder) / "note.txt") as partial:
    ...         _ = partial.write_text("done")
    ...     print((Path(folder) / "note.txt").read_text())
    done
    """
    path = Path(path)
    partial = path.with_name(_PARTIAL.format(path, os.getpid(), threading.get_ident()))
    try:
        yield partial
        partial.replace(path)
    except DustestError:
        raise
    except OSError as error:
        reason = str(error).partition("\n")[0]
        msg = (
            f"{str(path)!r} cannot be written ({reason}): make room on the disk, or choose "
            "another file"
        )
        raise WriteError(msg) from error
    finally:
        partial.unlink(missing_ok=True)


def remove_partial_files(path):
    """Remove temporary files of `replacing` that processes left when they were killed.

    Parameters
    ----------
    path : str or path-like
        The file that the killed process was writing. No other process may write it now.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from dustest.data.files.paths import remove_partial_files
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (Path(folder) / ".note.12.34.partial.txt").touch()
    ...     remove_partial_files(Path(folder) / "note.txt")
    ...     print(list(Path(folder).iterdir()))
    []
    """
    path = Path(path)
    before, _, after = _PARTIAL.format(path, "\0", "\0").partition("\0.\0")
    name = re.compile(rf"{re.escape(before)}\d+\.\d+{re.escape(after)}")
    # What cannot be removed does not matter.
    with suppress(OSError):
        for file in path.parent.iterdir():
            if name.fullmatch(file.name):
                file.unlink()


def installed_version(distribution):
    """Version of an installed distribution.

    Parameters
    ----------
    distribution : str
        Name of the distribution for pip.

    Returns
    -------
    version : str
        Empty if it is not installed.

    Examples
    --------
    >>> from dustest.data.files.paths import installed_version
    >>> installed_version("no-such-package")
    ''
    """
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def check_writable(path, name="output"):
    """Raise an error for a file that cannot be written, before what goes into it is computed.

    Parameters
    ----------
    path : str or path-like
        File to write.
    name : str, optional
        Name for messages.

    Returns
    -------
    path : `~pathlib.Path`
        The file.

    Raises
    ------
    InputError
        If it is not a path, its folder does not exist or cannot be written to, or it is a folder.

    Examples
    --------
    >>> from dustest.data.files.paths import check_writable
    >>> check_writable("report.html").suffix
    '.html'
    """
    path = as_path(path, name, "file")
    if not path.parent.is_dir():
        msg = f"{name} must be in a folder that exists, got {str(path)!r}: make {path.parent}"
        raise InputError(msg)
    if path.is_dir():
        msg = f"{name} must be a file, got the folder {str(path)!r}: add a name to it"
        raise InputError(msg)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        msg = f"{name} must be in a folder that can be written to, got {str(path)!r}"
        raise InputError(msg)
    return path


def writable_folder(path, name="output"):
    """Make a folder, if it does not exist, and make sure that it can be written to.

    Parameters
    ----------
    path : str or path-like
        Folder.
    name : str, optional
        Name for messages.

    Returns
    -------
    path : `~pathlib.Path`
        The folder.

    Raises
    ------
    InputError
        If it is not a path, is a file, or cannot be made or written to.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from dustest.data.files.paths import writable_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     writable_folder(Path(folder) / "new" / "run").is_dir()
    True
    """
    path = as_path(path, name, "folder")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{name} must be a folder that can be written to, got {str(path)!r}: {error}"
        raise InputError(msg) from error
    if not os.access(path, os.W_OK | os.X_OK):
        msg = f"{name} must be a folder that can be written to, got {str(path)!r}"
        raise InputError(msg)
    return path


def as_path(path, name, kind):
    """Convert an argument to a path.

    Parameters
    ----------
    path : str or path-like
        The argument.
    name : str
        Its name, for the message.
    kind : str
        ``"file"`` or ``"folder"``.

    Returns
    -------
    path : `~pathlib.Path`
        The path.

    Raises
    ------
    InputError
        If it is empty or not a path.
    """
    valid = isinstance(path, str | os.PathLike) and os.fspath(path)
    if not valid or "\0" in str(path):
        msg = f"{name} must be the path of a {kind}, got {path!r}"
        raise InputError(msg)
    path = Path(path)
    try:
        path.stat()
    except (OSError, ValueError) as error:
        if not isinstance(error, OSError) or error.errno == errno.ENAMETOOLONG:
            msg = f"{name} must be a path that the system allows, got {str(path)!r:.80}: {error}"
            raise InputError(msg) from error
    return path


_PAGE_ENDINGS = (".html", ".htm")


def check_page_file(path, name="output"):
    """Raise an error for a file that a page cannot be written to, before the page is made.

    Other suffixes are errors, so that no catalogue or result is replaced by a page.

    Parameters
    ----------
    path : str or path-like
        File to write: ``.html`` or ``.htm``.
    name : str, optional
        Name for messages.

    Returns
    -------
    path : `~pathlib.Path`
        The file.

    Raises
    ------
    InputError
        If the suffix is another one, or `check_writable` raises an error.

    Examples
    --------
    >>> from dustest.data.files.paths import check_page_file
    >>> check_page_file("report.html").name
    'report.html'
    """
    path = check_writable(path, name)
    if path.suffix.lower() not in _PAGE_ENDINGS:
        msg = (
            f"{name} must end in {' or '.join(_PAGE_ENDINGS)}, got {str(path)!r}: take "
            f"{path.with_suffix('.html').name}"
        )
        raise InputError(msg)
    return path


_TABLE_FORMATS = {".fits": "fits", ".ecsv": "ascii.ecsv", ".parquet": "parquet"}
_TABLE_FORMATS |= {".h5": "hdf5", ".hdf5": "hdf5"}
_NEEDED = {"parquet": "pyarrow", "hdf5": "h5py"}


def check_table_file(path, name="output"):
    """Raise an error for a file that no table can be written to, before the table is computed.

    Parameters
    ----------
    path : str or path-like
        File to write: ``.fits``, ``.ecsv``, ``.parquet``, ``.h5`` or ``.hdf5``.
    name : str, optional
        Name for messages.

    Returns
    -------
    file_format : str
        Name of the format for ``table.write``.

    Raises
    ------
    InputError
        If the suffix is unknown, or `check_writable` raises an error.
    MissingDependencyError
        If the package that writes such files is not installed.

    Examples
    --------
    >>> from dustest.data.files.paths import check_table_file
    >>> check_table_file("result.ecsv")
    'ascii.ecsv'
    """
    path = check_writable(path, name)
    suffix = path.suffix.lower()
    if suffix not in _TABLE_FORMATS:
        msg = (
            f"{name} must end in one of {', '.join(_TABLE_FORMATS)}, got {str(path)!r}: "
            f"{did_you_mean(suffix, _TABLE_FORMATS)}"
        )
        raise InputError(msg.rstrip(": "))
    file_format = _TABLE_FORMATS[suffix]
    package = _NEEDED.get(file_format)
    if package is not None and find_spec(package) is None:
        msg = (
            f"{name} {str(path)!r} needs the package {package}, which is not installed: "
            f"pip install {package}, or choose .fits or .ecsv"
        )
        raise MissingDependencyError(msg)
    return file_format


def check_temporary_folder():
    """Raise an error if there is no folder for temporary files.

    Raises
    ------
    DustestError
        If no folder can be written to.

    Examples
    --------
    >>> from dustest.data.files.paths import check_temporary_folder
    >>> check_temporary_folder()
    """
    try:
        with tempfile.TemporaryFile() as file:
            file.write(b"dustest")
    except OSError as error:
        msg = (
            f"temporary files cannot be written ({error}): set the variable TMPDIR to a folder "
            "that can be written to and has room"
        )
        raise DustestError(msg) from error
