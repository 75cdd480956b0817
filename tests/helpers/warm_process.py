"""Interpreters that have imported dustest and Bagpipes, forked from one that waits.

A new interpreter needs seconds for these imports. A fork of one that has done nothing else has the
same modules in the same state, so that what a test says of a process of its own holds for it too.
"""

import atexit
import itertools
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from contextlib import contextmanager
from functools import cache
from multiprocessing.connection import wait
from pathlib import Path
from types import SimpleNamespace

import fresh_process

from dustest.estimators.run import workers

IS_POSSIBLE = hasattr(os, "pidfd_open")
"""Forks are waited for with file descriptors of processes, which only Linux has."""
PRELOADED = (
    "dustest.estimators.bagpipes",
    "dustest.estimators.calibrated",
    "dustest.data.bands",
    "sedpy.observate",
)


def call(function, *args, cwd=None, **kwargs):
    """Answer of the function in an interpreter that has imported Bagpipes."""
    if not IS_POSSIBLE:
        return fresh_process.call(function, *args, cwd=cwd, **kwargs)
    with tempfile.TemporaryDirectory() as name:
        answer, printed = Path(name) / "answer.pickle", Path(name) / "printed.txt"
        task = pickle.dumps((function, args, kwargs))
        with printed.open("w") as output, open(os.devnull) as nothing:
            streams = [one.fileno() for one in (nothing, output, output)]
            process = _server().start(_answer, (task, answer), streams, cwd, os.environ)
            try:
                code = process.wait()
            finally:
                process.kill()
        if code:
            raise RuntimeError(printed.read_text())
        return pickle.loads(answer.read_bytes())


@contextmanager
def warm_workers():
    """Workers of estimators are such interpreters within the context."""
    if not IS_POSSIBLE:
        yield
        return
    replaced = workers.subprocess
    workers.subprocess = SimpleNamespace(PIPE=subprocess.PIPE, Popen=_start_worker)
    try:
        yield
    finally:
        workers.subprocess = replaced


def _start_worker(command, *, stdin, stdout, stderr, cwd, env):
    """What `subprocess.Popen` gives for a worker."""
    if command != [sys.executable, "-c", workers._PROGRAM] or {stdin, stdout} != {subprocess.PIPE}:
        raise NotImplementedError(command)
    (read_question, write_question), (read_answer, write_answer) = os.pipe(), os.pipe()
    streams = [read_question, write_answer, stderr.fileno()]
    process = _server().start(workers._work, (), streams, cwd, env)
    os.close(read_question)
    os.close(write_answer)
    process.stdin, process.stdout = os.fdopen(write_question, "wb"), os.fdopen(read_answer, "rb")
    return process


class _Process:
    """A fork, with what is used of `subprocess.Popen`."""

    def __init__(self, server, pid):
        self._server, self.pid, self.returncode = server, pid, None
        self._handle = os.pidfd_open(pid)

    def kill(self):
        """End it, if it still runs."""
        if self.returncode is None:
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def wait(self):
        """Exit status, as of `subprocess.Popen`."""
        if self.returncode is None:
            wait([self._handle])
            self.returncode = self._server.ask(("status", self.pid))
        return self.returncode

    def __del__(self):
        os.close(self._handle)


@cache
def _server():
    """The interpreter that waits, one for each process of tests."""
    return _Server()


class _Server:
    """The caller's side of the interpreter that waits."""

    def __init__(self):
        self._lock = threading.Lock()
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._folder = tempfile.TemporaryDirectory()
        self._number = itertools.count()
        with other:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(other.fileno())],
                pass_fds=[other.fileno()],
                cwd=self._folder.name,
                env=fresh_process.environment() | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"},
            )
        atexit.register(self.close)

    def close(self):
        """End the interpreter."""
        self._socket.close()
        self._process.wait()
        self._folder.cleanup()

    def start(self, function, args, streams, cwd, env):
        """Fork that calls the function with these standard streams, folder and environment."""
        task = Path(self._folder.name) / str(next(self._number))
        task.write_bytes(pickle.dumps((function, args, cwd, dict(env))))
        return _Process(self, self.ask(("start", str(task)), streams))

    def ask(self, question, streams=()):
        """Answer of the interpreter."""
        with self._lock:
            socket.send_fds(self._socket, [pickle.dumps(question)], streams)
            return pickle.loads(self._socket.recv(4096))


def _serve(number):
    """Fork when asked, until the caller is gone."""
    connection = socket.socket(fileno=number)
    while True:
        message, streams, *_ = socket.recv_fds(connection, 4096, 3)
        if not message:
            return
        kind, value = pickle.loads(message)
        if kind == "status":
            answer = os.waitstatus_to_exitcode(os.waitpid(value, 0)[1])
        elif answer := os.fork():
            for one in streams:
                os.close(one)
        else:
            connection.close()
            _run(value, streams)
        connection.send(pickle.dumps(answer))


def _run(task, streams):
    """Call the function of a task in this fork, which ends with it."""
    code = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        function, args, cwd, env = pickle.loads(Path(task).read_bytes())
        os.environ.clear()
        os.environ.update(env)
        sys.path[:0] = env.get("PYTHONPATH", "").split(os.pathsep)
        if cwd is not None:
            os.chdir(cwd)
        function(*args)
        code = 0
    except BaseException:  # noqa: BLE001 - the caller shows it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _answer(task, path):
    """Call a pickled function and write its answer."""
    function, args, kwargs = pickle.loads(task)
    path.write_bytes(pickle.dumps(function(*args, **kwargs)))


if __name__ == "__main__":
    import importlib

    # Forks unpickle functions of this module by its name.
    import warm_process

    from dustest.estimators._sed.bagpipes.loading import load_bagpipes

    load_bagpipes()
    for name in PRELOADED:
        importlib.import_module(name)
    warm_process._serve(int(sys.argv[1]))
