"""What worker processes of all kinds share: tasks, limits, the end with their parent, losses."""

import asyncio
import os
import threading
import time
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import islice

import joblib
import numpy as np

from dustest.data.checks.numbers import as_bytes
from dustest.data.errors import DustestError
from dustest.data.registry import unpack

__all__ = [
    "WORKER_LIMITS",
    "LostWorkersError",
    "WorkerLimits",
    "compute_unordered",
    "count_workers",
    "end_with_parent",
    "lost_workers",
    "unpack_once",
]

_LOOK_SECONDS = 0.5
_RESTART_SECONDS = 300.0
"""Longest time to wait for the first worker of a cluster that is replaced."""
_OF_CLUSTERS = ("KilledWorker", "CommClosedError", "FutureCancelledError", "FuturesCancelledError")
"""Exceptions of `distributed`, by name since it is optional."""
_OF_DASK = "joblib._dask"
"""Module of the backend of joblib for dask."""
_SIZE_WARNING = "distributed.admin.large-graph-warning-threshold"
"""Setting of dask: size of tasks of which it warns. Those of images can be larger."""


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


def count_workers(n_jobs):
    """Number of workers of joblib, or of a dask cluster as soon as it has any.

    Parameters
    ----------
    n_jobs : int or None
        Number of processes, as in joblib.

    Returns
    -------
    n_workers : int
        The number.

    Raises
    ------
    LostWorkersError
        If a cluster has no worker for five minutes; joblib waits for ten seconds.

    Examples
    --------
    >>> from dustest.data.worker_processes import count_workers
    >>> count_workers(2)
    2
    """
    backend, _ = joblib.parallel.get_active_backend()
    if type(backend).__module__ == _OF_DASK:
        last_seen = time.monotonic()
        while not backend.client.ncores():
            _check_wait(last_seen)
            time.sleep(_LOOK_SECONDS)
    return joblib.effective_n_jobs(n_jobs)


def compute_unordered(function, tasks, n_workers, shared):
    """Compute tasks in the workers of joblib or of a dask cluster, one by one and in any order.

    Parameters
    ----------
    function : callable
        Importable in the workers.
    tasks : iterable of tuple
        Further arguments of each call, read as workers become free.
    n_workers : int
        Number of workers.
    shared : bytes
        First argument of all calls. Each worker of a cluster receives it once.

    Yields
    ------
    result : object
        That of a call.

    Raises
    ------
    LostWorkersError
        If workers died: on this machine one, of a cluster all, or one after the other by the same
        task. Tasks of other workers of a cluster that died are computed again.
    Exception
        Any error of a call.

    Notes
    -----
    The backend of joblib for dask is not used. Tasks whose sending fails, or which kill their
    worker, are lost there without notice, and the caller waits for them without end.
    """
    backend, _ = joblib.parallel.get_active_backend()
    with lost_workers():
        if type(backend).__module__ == _OF_DASK:
            with backend.retrieval_context():
                yield from _on_dask(backend.client, function, tasks, n_workers, shared)
        else:
            parallel = joblib.Parallel(n_workers, batch_size=1, return_as="generator_unordered")
            yield from parallel(joblib.delayed(function)(shared, *task) for task in tasks)


def _on_dask(client, function, tasks, n_workers, shared):
    """Results of tasks in the workers of a dask cluster."""
    sent = _submit(client, bytes, shared)

    def send(task):
        future = _submit(client, function, sent, *task)
        # In the thread of the client, at once: a worker that dies takes its results with it.
        fetch = client.gather(future, asynchronous=True)
        return asyncio.run_coroutine_threadsafe(fetch, client.loop.asyncio_loop), future

    tasks = iter(tasks)
    # A worker has its next task before it finishes one.
    running = dict(map(send, islice(tasks, 2 * n_workers)))
    try:
        while running:
            for fetched in _wait_for_any(client, running):
                del running[fetched]
                result = fetched.result()
                running.update(map(send, islice(tasks, 1)))
                yield result
    finally:
        if running:
            client.cancel([*running.values()])


def _submit(client, *call):
    """Future of a call. The scheduler sends it again if its worker dies."""
    import dask

    with dask.config.set({_SIZE_WARNING: np.iinfo(np.int64).max}):
        return client.submit(*call, pure=False)


def _wait_for_any(client, running):
    """Those of some futures that are done, as soon as there are any."""
    last_seen = time.monotonic()
    while True:
        done, _ = wait(running, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
        if done:
            return done
        if client.ncores():
            last_seen = time.monotonic()
        else:
            _check_wait(last_seen)


def _check_wait(last_seen):
    """Raise an error if a cluster has had no worker for too long."""
    if time.monotonic() - last_seen > _RESTART_SECONDS:
        msg = (
            f"the cluster has had no worker for {_RESTART_SECONDS:g} s; what was finished is "
            "kept: start workers, and run again to resume"
        )
        raise LostWorkersError(msg)


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
