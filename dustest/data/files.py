"""Writing files that are whole or not there, and naming what wrote them."""

import os
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["installed_version", "replacing"]


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
