"""What worker processes of all kinds share: they end with their parent, and some are lost."""

import os
import threading
import time
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from functools import lru_cache

from dustest.data.errors import DustestError

__all__ = ["end_with_parent", "lost_workers"]

_LOOK_SECONDS = 0.5
_OF_CLUSTERS = ("KilledWorker", "CommClosedError")
"""Exceptions of `distributed`, by name since it is optional."""


@lru_cache(maxsize=1)
def end_with_parent(parent):
    """End this process with its parent, however that ends: it would keep a core and memory.

    Parameters
    ----------
    parent : int
        Number of the parent process.

    Examples
    --------
    >>> import os
    >>> from dustest.data.worker_processes import end_with_parent
    >>> end_with_parent(os.getppid())
    """
    threading.Thread(target=_wait_for, args=(parent,), daemon=True).start()


def _wait_for(parent):
    """Wait for the parent to end, then end at once (runs in a thread)."""
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


@contextmanager
def lost_workers():
    """Turn the errors of joblib and of a cluster whose workers died into one of dustest.

    Yields
    ------
    None
        Nothing.

    Raises
    ------
    DustestError
        If workers died.

    Examples
    --------
    >>> from concurrent.futures import BrokenExecutor
    >>> from dustest.data.worker_processes import lost_workers
    >>> with lost_workers():
    ...     raise BrokenExecutor
    Traceback (most recent call last):
    dustest.data.errors.DustestError: a worker process died, perhaps from lack of memory ...
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, BrokenExecutor) and type(error).__name__ not in _OF_CLUSTERS:
            raise
        msg = (
            f"a worker process died, perhaps from lack of memory ({type(error).__name__}); what "
            "was finished is kept: run again, with fewer workers, to resume"
        )
        raise DustestError(msg) from error
