"""Import of Bagpipes, safe for several processes that import it for the first time at once.

The first import writes a table of the intergalactic medium into the package's own folder.  Two
processes that do so together read each other's partial file, and an interrupted one leaves it
truncated, so only one process at a time handles the table.
"""

import hashlib
import importlib
import os
import sys
import tempfile
import warnings
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path

from astropy.io import fits

from dustest.data.errors import MissingDependencyError

__all__ = ["load_bagpipes"]

_TABLE = Path("models", "grids", "d_igm_grid_inoue14.fits")
_TABLE_HDUS = 4


def load_bagpipes():
    """Import Bagpipes without output.

    Returns
    -------
    bagpipes : module
        The package.

    Raises
    ------
    MissingDependencyError
        If it is not installed, or needs a table that it cannot write.
    """
    if "bagpipes" in sys.modules:
        return sys.modules["bagpipes"]
    spec = find_spec("bagpipes")
    if spec is None:
        msg = 'bagpipes is not installed; pip install "dustest[sed]"'
        raise MissingDependencyError(msg)
    folder = Path(spec.origin).parent
    with _locked(folder):
        if not _is_complete(folder / _TABLE):
            return _import_first(folder / _TABLE)
    return _import_quietly()


def _import_first(table):
    """The package, whose import writes its table."""
    try:
        table.unlink(missing_ok=True)
        return _import_quietly()
    except OSError as error:
        msg = (
            f"bagpipes writes a table of 10 MB when it is first imported, and cannot ({error}): "
            "run python -c 'import bagpipes' once as a user who may write there"
        )
        raise MissingDependencyError(msg) from error


def _import_quietly():
    """The package, with its output and warnings suppressed."""
    with warnings.catch_warnings(), open(os.devnull, "w") as null, redirect_stdout(null):
        warnings.simplefilter("ignore")
        return importlib.import_module("bagpipes")


@contextmanager
def _locked(folder):
    """Hold the lock of one installation; the system releases it when its holder ends."""
    try:
        import fcntl
    except ModuleNotFoundError:  # no such lock on Windows
        yield
        return
    with open(_lock_path(folder), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _lock_path(folder):
    """Path of the lock, one for each installation and user."""
    name = hashlib.sha256(f"{os.getuid()}:{folder}".encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"dustest-bagpipes-{name}.lock"


def _is_complete(path):
    """Whether the table exists and is complete."""
    if not path.exists():
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy warns of the truncation that is tested
        try:
            with fits.open(path) as hdus:
                last = hdus[-1].fileinfo()
                whole = len(hdus) == _TABLE_HDUS
        except OSError:
            return False
    return whole and path.stat().st_size >= last["datLoc"] + last["datSpan"]
