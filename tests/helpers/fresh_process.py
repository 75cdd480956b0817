"""Functions of importable modules, called in a fresh interpreter.

The function is pickled by its name and the answer into a file, so that what the function prints
stays apart. Bagpipes changes the process that imports it, hence most of these calls.
"""

import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

HELPERS = str(Path(__file__).parent)


def environment():
    """Environment of an interpreter that finds the helpers and all that this one finds."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([HELPERS, *filter(None, sys.path)])}


def start(function, *args, cwd=None, output=subprocess.PIPE, answer=os.devnull, **kwargs):
    """Start a fresh interpreter that calls the function; the answer goes to a file."""
    with tempfile.TemporaryFile() as task:
        pickle.dump((function, args, kwargs), task)
        task.seek(0)
        return subprocess.Popen(
            [sys.executable, __file__, answer],
            stdin=task,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=cwd,
            env=environment(),
        )


def call_with_output(function, *args, **kwargs):
    """Answer of the function in a fresh interpreter, and what was printed."""
    with tempfile.TemporaryDirectory() as folder:
        answer, printed = Path(folder) / "answer.pickle", Path(folder) / "printed.txt"
        # Not a pipe, which processes that outlive the interpreter would hold open.
        with (
            printed.open("w") as output,
            start(function, *args, output=output, answer=answer, **kwargs) as process,
        ):
            try:
                process.wait()
            finally:
                process.kill()
        if process.returncode:
            raise RuntimeError(printed.read_text())
        return pickle.loads(answer.read_bytes()), printed.read_text()


def call(function, *args, **kwargs):
    """Answer of the function in a fresh interpreter."""
    return call_with_output(function, *args, **kwargs)[0]


if __name__ == "__main__":
    function, args, kwargs = pickle.load(sys.stdin.buffer)
    Path(sys.argv[1]).write_bytes(pickle.dumps(function(*args, **kwargs)))
