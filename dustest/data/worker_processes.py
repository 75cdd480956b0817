"""What worker processes of all kinds share: tasks, limits, the end with their parent, losses."""

import os
import threading
import time
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import lru_cache

import joblib

from dustest.data.checks.numbers import as_bytes
from dustest.data.errors import DustestError
from dustest.data.registry import unpack

__all__ = [
    "WORKER_LIMITS",
    "LostWorkersError",
    "WorkerLimits",
    "compute_unordered",
    "end_with_parent",
    "lost_workers",
    "unpack_once",
]

_LOOK_SECONDS = 0.5
_OF_CLUSTERS = ("KilledWorker", "CommClosedError", "FutureCancelledError")
"""Exceptions of `distributed`, by name since it is optional."""


class LostWorkersError(DustestError):
    """Worker processes of joblib or of a cluster died."""


@dataclass(frozen=True)
class WorkerLimits:
    """Limits of one worker process, by the names of the parameters of estimators that set them.

    They do not change a result, so that they are no part of its identity.

    Parameters
    ----------
    timeout : float or None, optional
        Time limit in seconds of one task.
    memory_limit : `~astropy.units.Quantity`, str or None, optional
        Memory of the process.

    Examples
    --------
    >>> from dustest.data.worker_processes import WorkerLimits
    >>> WorkerLimits(memory_limit="2 GB").memory_bytes
    2000000000
    """

    timeout: float | None = None
    memory_limit: object = None

    @classmethod
    def of(cls, estimator):
        """Limits that an estimator sets.

        Parameters
        ----------
        estimator : DustEstimator
            The estimator.

        Returns
        -------
        limits : WorkerLimits
            Its limits.
        """
        return cls(*(getattr(estimator, name) for name in WORKER_LIMITS))

    @property
    def memory_bytes(self):
        """The memory in bytes (int), None without a limit."""
        limit = self.memory_limit
        return None if limit is None else as_bytes(limit, "memory_limit")


WORKER_LIMITS = tuple(field.name for field in fields(WorkerLimits))
"""Names of these parameters."""


@lru_cache(maxsize=1)
def end_with_parent(parent, tidy=None):
    """End this process with its parent, however that ends: it would keep a core and memory.

    Parameters
    ----------
    parent : int
        Number of the parent process.
    tidy : callable, optional
        Called without arguments at that end.

    Examples
    --------
    >>> import os
    >>> from dustest.data.worker_processes import end_with_parent
    >>> end_with_parent(os.getppid())
    """
    threading.Thread(target=_wait_for, args=(parent, tidy), daemon=True).start()


def _wait_for(parent, tidy):
    """Wait for the parent to end, then end at once (runs in a thread)."""
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    if tidy is not None:
        tidy()
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
    LostWorkersError
        If workers died.

    Examples
    --------
    >>> from concurrent.futures import BrokenExecutor
    >>> from dustest.data.worker_processes import lost_workers
    >>> with lost_workers():
    ...     raise BrokenExecutor
    Traceback (most recent call last):
    dustest.data.worker_processes.LostWorkersError: a worker process died, perhaps from lack ...
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
        raise LostWorkersError(msg) from error


def compute_unordered(function, tasks, n_workers):
    """Compute tasks in the workers of joblib, one by one and in any order.

    Parameters
    ----------
    function : callable
        Importable in the workers.
    tasks : iterable of tuple
        Arguments of each call, read as workers become free.
    n_workers : int
        Number of workers.

    Yields
    ------
    result : object
        That of a call.

    Raises
    ------
    LostWorkersError
        If workers died.
    """
    parallel = joblib.Parallel(n_workers, batch_size=1, return_as="generator_unordered")
    with lost_workers():
        yield from parallel(joblib.delayed(function)(*task) for task in tasks)


@lru_cache(maxsize=1)
def unpack_once(packed):
    """Unpack an object, and keep it with what it caches until another one is unpacked.

    Parameters
    ----------
    packed : bytes
        Result of `~dustest.data.registry.pack` in the process that sends the tasks.

    Returns
    -------
    payload : object
        The object.
    """
    return unpack(packed)
