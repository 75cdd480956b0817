"""Workers of a cluster, for the commands that compute."""

from contextlib import contextmanager
from pathlib import Path

__all__ = ["add_scheduler", "on_scheduler"]

_CONNECT_SECONDS = 20


def add_scheduler(parser):
    """Option of the commands that may run on a cluster."""
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="compute on the workers of a dask scheduler, such as tcp://node1:8786 or the file "
        "that it wrote (--scheduler-file)",
    )


@contextmanager
def on_scheduler(address):
    """Compute on the workers of a dask scheduler; None means on this machine.

    Parameters
    ----------
    address : str or None
        Address, or a scheduler file, whose name ends in ``.json``.

    Yields
    ------
    None
        Nothing.

    Raises
    ------
    InputError
        If no scheduler answers, or it has no workers.
    MissingDependencyError
        If dask is not installed.
    """
    if address is None:
        yield
        return
    from dustest.data.files.parsing import require

    require("distributed", "--scheduler")
    import joblib

    with _connect(address), joblib.parallel_config("dask"):
        yield


def _connect(address):
    """A client of a scheduler that has workers."""
    from distributed import Client

    from dustest.data import InputError

    of_file = address.endswith(".json")
    if of_file and not Path(address).is_file():
        msg = f"--scheduler must be an existing file, got {address!r}: start dask scheduler first"
        raise InputError(msg)
    where = {"scheduler_file" if of_file else "address": address}
    try:
        client = Client(**where, timeout=_CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        msg = (
            "--scheduler must be the address of a dask scheduler or the file that it wrote, got "
            f"{address!r}, where none answers ({type(error).__name__}): start one with dask "
            "scheduler"
        )
        raise InputError(msg) from error
    if not client.nthreads():
        client.close()
        msg = f"--scheduler {address} has no workers: start some with dask worker {address}"
        raise InputError(msg)
    return client
