"""Files that commands write: checks before hours of computation, tables and figures."""

from importlib.util import find_spec
from pathlib import Path

from dustest.cli._words import say

__all__ = [
    "check_figure",
    "check_new",
    "check_table",
    "remove_result",
    "save_figure",
    "write_table",
]

_TABLES = {".ecsv": None, ".fits": None, ".parquet": "pyarrow", ".h5": "h5py", ".hdf5": "h5py"}
"""Suffixes of tables, and the package that writes them."""


def check_new(path, overwrite=False):
    """Raise an error for an existing file or missing folder, before hours of computation."""
    from dustest.data import InputError

    path = Path(path)
    is_kept = path.exists() and not (overwrite and path.is_file())
    if is_kept or not path.parent.is_dir():
        remedy = "" if path.is_dir() else ": add --overwrite to replace it"
        problem = f"is there already{remedy}" if is_kept else "is in a folder that does not exist"
        msg = f"{str(path)!r} must be a new file in a folder that exists, and it {problem}"
        raise InputError(msg)


def check_figure(path):
    """Raise an error for a figure that cannot be written, before hours of computation."""
    from dustest.data.files.paths import check_writable

    if path is not None:
        check_writable(path, "figure")


def check_table(path):
    """Raise an error for a table that cannot be written, before hours of computation."""
    from dustest.data import InputError, MissingDependencyError

    ending = Path(path).suffix.lower()
    if ending not in _TABLES:
        msg = f"--output must end in {', '.join(_TABLES)}, got {path!r}"
        raise InputError(msg)
    package = _TABLES[ending]
    if package is not None and find_spec(package) is None:
        msg = f"writing {path} needs the package {package}: pip install 'dustest[scale]'"
        raise MissingDependencyError(msg)


def remove_result(path):
    """Remove the result of an earlier run, for ``--overwrite``.

    Files that no run wrote are kept, with an error, and a run that is writing it is waited for.
    """
    from dustest.estimators.run.store import open_store, store_path

    path = Path(path)
    store = store_path(path)
    if path.exists() or store.exists():
        with open_store(path, resume=True):
            path.unlink(missing_ok=True)
        store.unlink(missing_ok=True)


def write_table(table, path):
    """Write a table in the format of its suffix, atomically."""
    from astropy.io.registry import IORegistryError

    from dustest.data import InputError
    from dustest.data.files.paths import replacing

    try:
        with replacing(path) as part:
            table.write(part)
    except (OSError, ValueError, TypeError, IORegistryError) as error:
        msg = f"--output must end in .ecsv, .fits, .parquet or .h5, got {path!r}: {error}"
        raise InputError(msg) from error


def save_figure(axes, path):
    """Write the figure of some axes."""
    from dustest.report import figures

    for written in figures.save_figure(axes, path):
        say(f"figure: {written}")
