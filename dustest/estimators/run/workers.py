"""Worker processes that can be killed, for methods that may hang, crash, print or change globals.

A worker is a new interpreter that exchanges length-prefixed pickles over its standard streams. It
imports nothing of the caller's script, so a script needs no ``if __name__ == "__main__"`` guard.
It runs in an empty temporary folder with one thread per process, so that the number of workers
cannot change a result. It ends with its parent, and is replaced if it dies.
"""

import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cloudpickle import dumps

from dustest.data.errors import DustestError, InputError
from dustest.data.files.paths import check_temporary_folder
from dustest.data.registry import pack, unpack
from dustest.data.worker_processes import WorkerLimits, end_with_parent

__all__ = ["Failure", "borrowed_worker", "run_in_workers", "try_worker"]

_HEADER = struct.Struct("<Q")
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_OF_CALLER = "PYTHONWARNINGS"
"""Variable that workers do not get. If it makes warnings errors, a package that warns cannot be
imported. The warnings of a worker are not shown in any case."""
_LAST_WORDS = 500
_PROGRAM = "from dustest.estimators.run.workers import _work; _work()"
"""Not ``-m``: this module is imported with its package, and the interpreter would warn."""
_STARTS = 3
"""How often a worker is started that dies before it is ready."""
_USE = Path("/proc/self/statm")
"""Memory of this process in pages (Linux): the second number is what it uses, the sixth are the
data that it has reserved."""
_UNLIMITED = WorkerLimits()


@dataclass(frozen=True)
class Failure:
    """Reason why some rows have no estimate.

    Parameters
    ----------
    flag : str
        Name of the flag to set.
    reason : str
        One line for the message.
    died : bool, optional
        Whether the worker process died, so that another may succeed.
    """

    flag: str
    reason: str
    died: bool = False


def run_in_workers(estimator, compute, tasks, *, n_workers, limits=_UNLIMITED):
    """Compute tasks in worker processes, in any order.

    Parameters
    ----------
    estimator : DustEstimator
        Sent to every worker once. Its ``_start_worker`` is called there before the first task,
        outside any time limit.
    compute : callable
        ``compute(estimator, batch)``, importable in the worker.
    tasks : iterable of (index, batch)
        Read one by one, as workers become free.
    n_workers : int
        Number of processes.
    limits : WorkerLimits, optional
        Limits of one process. A worker that exceeds the time limit in a task is killed and
        replaced.

    Yields
    ------
    index : object
        As in ``tasks``.
    batch : object
        As in ``tasks``.
    outcome : object or Failure
        Result of ``compute``, or the reason of its failure.

    Raises
    ------
    DustestError
        If there is no folder for temporary files, a worker dies whenever it starts, or uses more
        than the limit of memory before its first task.
    Exception
        Errors of a worker while it starts, and errors marked as fatal by ``compute``.
    """
    check_temporary_folder()
    outcomes = queue.SimpleQueue()
    source = _Tasks(tasks)
    setup = pack((estimator, compute))
    with tempfile.TemporaryDirectory(prefix="dustest-") as folder:
        slots = [_Slot(setup, folder, limits) for _ in range(n_workers)]
        arguments = [(slot, source, outcomes) for slot in slots]
        threads = [threading.Thread(target=_serve, args=each, daemon=True) for each in arguments]
        try:
            for thread in threads:
                thread.start()
            yield from _collect(outcomes, n_workers)
        finally:
            source.close()
            for slot, thread in zip(slots, threads, strict=True):
                slot.kill()
                thread.join()


def try_worker(estimator):
    """Start one worker and load the packages of the estimator there.

    Parameters
    ----------
    estimator : DustEstimator
        Any estimator.

    Raises
    ------
    Exception
        Any error of the worker.
    """
    for _ in run_in_workers(estimator, _nothing, [(0, None)], n_workers=1):
        pass


def _nothing(estimator, batch):
    """Computation of a worker that is only started."""


def _collect(outcomes, n_workers):
    """Outcomes until every slot has finished; an exception of a slot is raised here."""
    running = n_workers
    while running:
        answer = outcomes.get()
        if answer is _END:
            running -= 1
        elif isinstance(answer, BaseException):
            raise answer
        else:
            yield answer


_END = object()


class _Tasks:
    """An iterator that several threads can share."""

    def __init__(self, tasks):
        self._iterator = iter(tasks)
        self._lock = threading.Lock()
        self._open = True

    def take(self):
        """Next task, or None at the end."""
        with self._lock:
            return next(self._iterator, None) if self._open else None

    def close(self):
        """Return no further tasks."""
        self._open = False


def _serve(slot, source, outcomes):
    """Run the tasks of one slot (in a thread)."""
    try:
        while (task := source.take()) is not None:
            index, batch = task
            outcomes.put((index, batch, slot.compute(batch)))
    except BaseException as error:  # noqa: BLE001 - the main thread raises it
        outcomes.put(error)
    finally:
        slot.close()
        outcomes.put(_END)


class _Slot:
    """A place for one worker process, which is replaced if it dies."""

    def __init__(self, setup, folder, limits):
        self._setup = setup
        self._folder = folder
        self._limits = limits
        self._process = None
        self._stderr = None
        self._expired = False
        self._stopped = False

    def compute(self, batch):
        """Outcome of one task."""
        if self._process is None:
            self._start_alive()
        answer = self._ask_in_time(batch)
        if answer is None:
            return self._bury()
        if self._expired:
            # Killed after its answer: the next task is not to blame.
            self.close()
        kind, value = answer
        if kind == "fatal":
            raise value
        return value

    def _ask_in_time(self, batch):
        """Answer of the worker to a task, None if it died or was killed."""
        timeout = self._limits.timeout
        timer = threading.Timer(timeout or 0, self._expire)
        if timeout is not None:
            timer.start()
        try:
            return self._ask(batch)
        except (EOFError, OSError):
            return None
        finally:
            timer.cancel()
            if timeout is not None:
                timer.join()

    def _expire(self):
        """Kill the worker because its task exceeds the time limit (in the timer's thread)."""
        self._expired = True
        self._process.kill()

    def _ask(self, message):
        """Send a message and wait for the answer."""
        _send(self._process.stdin, message)
        return _receive(self._process.stdout)

    def _start_alive(self):
        """Start a worker, again if it dies before it is ready."""
        for _ in range(_STARTS):
            if self._stopped:
                raise EOFError
            if (failure := self._start()) is None:
                return
        msg = (
            f"a worker process died {_STARTS} times while it started, the last time because "
            f"{failure.reason}: free memory, or use fewer processes (n_jobs)"
        )
        raise DustestError(msg)

    def _start(self):
        """Start a worker and wait until it is ready; returns a Failure if it dies."""
        self._expired = False
        self._stderr = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 (close() ends it)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            cwd=self._folder,
            env=_worker_environment(),
        )
        try:
            kind, value = self._ask(dumps((self._setup, self._limits)))
        except (EOFError, OSError):
            return self._bury()
        if kind == "fatal":
            raise value
        return None

    def _bury(self):
        """Remove a dead worker and return the reason."""
        code = self._process.wait()
        last_words = self._last_words()
        self.close()
        if self._expired:
            return Failure("TIMED_OUT", f"stopped after {self._limits.timeout:g} s")
        reason = f"the worker process died (exit status {code}) {last_words}".rstrip()
        limit = self._limits.memory_limit
        if limit is not None:
            reason += f"; it may use memory_limit = {limit}"
        return Failure("FAILED", reason, died=True)

    def _last_words(self):
        """End of what the worker wrote to its standard error."""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - _LAST_WORDS))
        return self._stderr.read().decode(errors="replace").strip()

    def close(self):
        """End the worker, if there is one, and close its streams."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        with suppress(OSError):  # unsent data are dropped
            process.stdin.close()
        process.stdout.close()
        self._stderr.close()

    def kill(self):
        """Kill the worker (called from another thread, which must not close streams)."""
        self._stopped = True
        process = self._process
        if process is not None:
            process.kill()


class _Shed:
    """Workers that wait in this process for further tasks of one setup."""

    def __init__(self):
        self._lock = threading.Lock()
        self._setup = b""
        self._waiting = []
        self._folder = None

    def take(self, setup, limits):
        """A worker for a setup; those of another setup are ended."""
        with self._lock:
            if setup != self._setup:
                while self._waiting:
                    self._waiting.pop().close()
                self._setup = setup
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="dustest-")
            if self._waiting:
                return self._waiting.pop()
            return _Slot(setup, self._folder.name, limits)

    def give_back(self, setup, slot):
        """Keep a worker for the next task, unless the setup has changed."""
        with self._lock:
            if setup == self._setup:
                self._waiting.append(slot)
                return
        slot.close()


_SHED = _Shed()


@contextmanager
def borrowed_worker(setup, limits):
    """A worker that lives on in this process, for tasks that a cluster sends one by one.

    Parameters
    ----------
    setup : bytes
        The pair of estimator and computation, packed by `~dustest.data.registry.pack`.
    limits : WorkerLimits
        Limits of one process.

    Yields
    ------
    worker : object
        Its ``compute(batch)`` returns the result, or a `Failure`.
    """
    slot = _SHED.take(setup, limits)
    try:
        yield slot
    except BaseException:
        slot.close()
        raise
    _SHED.give_back(setup, slot)


def _worker_environment():
    """Environment of a worker: one thread, and the caller's import path."""
    threads = dict.fromkeys(_ONE_THREAD, "1")
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    inherited = {name: value for name, value in os.environ.items() if name != _OF_CALLER}
    return inherited | threads | {"PYTHONPATH": path, "MPLBACKEND": "agg"}


def _send(stream, message):
    """Write one message."""
    payload = message if isinstance(message, bytes) else dumps(message)
    stream.write(_HEADER.pack(len(payload)) + payload)
    stream.flush()


def _receive(stream):
    """Read one message."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise EOFError
    (size,) = _HEADER.unpack(header)
    payload = stream.read(size)
    if len(payload) < size:
        raise EOFError
    return pickle.loads(payload)  # from our own child process, never from a file


def _work():
    """Main loop of a worker process."""
    # The temporary folder, which a parent that was killed did not remove.
    tidy = partial(_remove_empty, Path.cwd())
    end_with_parent(os.getppid(), tidy)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller decides when to stop
    answers = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    questions = sys.stdin.buffer
    try:
        _send(answers, _answer(_prepare, state := {}, *_receive(questions)))
        while True:
            batch = _receive(questions)
            _send(answers, _answer(state["compute"], state["estimator"], batch))
    except (EOFError, OSError):  # the caller is gone
        tidy()


def _remove_empty(folder):
    """Remove a folder, unless it has content or is removed already."""
    with suppress(OSError):
        folder.rmdir()


def _prepare(state, setup, limits):
    """Unpickle the estimator, load its packages and limit the memory."""
    state["estimator"], state["compute"] = unpack(setup)
    state["estimator"]._start_worker()
    if limits.memory_limit is not None and _USE.exists():
        _limit_memory(limits)


def _limit_memory(limits):
    """Refuse further memory of this process beyond a limit, with a `MemoryError`."""
    import resource

    # The system limits the data that are reserved, and large tables on disc are among them that
    # are hardly read.
    page = resource.getpagesize()
    pages = [int(number) for number in _USE.read_text().split()]
    used, reserved = page * pages[1], page * pages[5]
    room = limits.memory_bytes - used
    if room <= 0:
        msg = (
            f"memory_limit must be more than the {used / 1e9:.2g} GB that a worker uses before "
            f"its first galaxy, got {limits.memory_limit}"
        )
        raise InputError(msg)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or hard > reserved + room:
        resource.setrlimit(resource.RLIMIT_DATA, (reserved + room, hard))


def _answer(function, *args):
    """Result of a call, or the exception that ends the whole run."""
    try:
        return "value", function(*args)
    except Exception as error:  # noqa: BLE001 - the caller raises it
        return "fatal", error
