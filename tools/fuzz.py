"""Read damaged and forged files and call functions with random arguments, and list what fails.

Run with ``python tools/fuzz.py --number 1000 --seed 1``. For every kind of file, and for arguments
of public functions, it makes ``--number`` cases. Each case depends only on the kind, the seed and
its number, and runs in a worker process with limits of time and memory. A case fails if it

- raises an exception that is not dustest's own (``escape``),
- takes more than ``--seconds`` (``hang``), ends its process (``died``), or takes more than
  ``--megabytes`` of further memory (``growth``),
- returns other values than the undamaged file, without a warning, although the file has checksums
  (``wrong``).

The failures are printed and written to ``--output`` as JSON, one a line. ``--only KIND/CASE``
repeats one case in this process, with its traceback.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import numpy as np
from fuzz_arguments import describe_call, make_call
from fuzz_damage import damage_bytes, forge_text
from fuzz_files import KINDS, make_originals, read_original

from dustest.data import DustestError

__all__ = ["Case", "Outcome", "fuzz", "run_case"]

ARGUMENTS = "arguments"
ALL_KINDS = (*KINDS, ARGUMENTS)
_FORGED_SHARE = 0.4
_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_BAD = ("escape", "hang", "died", "growth", "wrong")


@dataclass(frozen=True)
class Case:
    """One damaged file or call.

    Parameters
    ----------
    kind : str
        One of `ALL_KINDS`.
    seed, number : int
        What it is drawn from.
    """

    kind: str
    seed: int
    number: int

    @property
    def rng(self):
        """Source of randomness of the case."""
        return np.random.default_rng([self.seed, ALL_KINDS.index(self.kind), self.number])


@dataclass(frozen=True)
class Outcome:
    """What a case gave.

    Parameters
    ----------
    kind : str
        Kind of the case.
    number : int
        Its number.
    result : str
        ``"fine"``, ``"own"``, or one of the failures.
    what : str
        File or call.
    detail : str, optional
        The exception.
    """

    kind: str
    number: int
    result: str
    what: str
    detail: str = ""


class Bench:
    """Undamaged files of each kind in a folder, with the values that they hold.

    Parameters
    ----------
    folder : Path
        An existing folder.
    """

    def __init__(self, folder):
        self.folder = folder
        self.originals = {}

    def of(self, kind):
        """Originals of a kind with their values; made on first use."""
        if kind not in self.originals:
            place = self.folder / kind
            place.mkdir()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                originals = make_originals(kind, place)
                self.originals[kind] = [(one, self._values(one)) for one in originals]
        return self.originals[kind]

    def _values(self, original):
        return read_original(original, self.copy(original))

    def copy(self, original):
        """Fresh copy of an original."""
        target = self.folder / "copy" / original.path.name
        shutil.rmtree(target.parent, ignore_errors=True)
        target.parent.mkdir()
        (shutil.copytree if original.path.is_dir() else shutil.copy)(original.path, target)
        return target


def run_case(case, bench):
    """Run one case in this process.

    Parameters
    ----------
    case : Case
        The case.
    bench : Bench
        Undamaged files.

    Returns
    -------
    outcome : Outcome
        What it gave.

    Raises
    ------
    Exception
        If it is not dustest's own.
    """
    if case.kind == ARGUMENTS:
        call = make_call(case.rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _own_or_fine(case, describe_call(call), lambda: (call.run(), None)[1])
    originals = bench.of(case.kind)
    rng = case.rng
    original, values = originals[rng.integers(len(originals))]
    copy = bench.copy(original)
    names = [file.relative_to(original.path) for file in original.files]
    damaged = copy / names[rng.integers(len(names))]
    content = damaged.read_bytes()
    is_forged = rng.random() < _FORGED_SHARE
    changed = (forge_text if is_forged else damage_bytes)(content, rng)
    damaged.write_bytes(changed)
    what = f"{'forged' if is_forged else 'damaged'} {damaged.name}"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = []
        outcome = _own_or_fine(case, what, lambda: found.append(read_original(original, copy)))
    if outcome.result == "fine" and original.is_sealed and found[0] != values and not caught:
        names = [name for name in values if found[0].get(name) != values[name]]
        return Outcome(case.kind, case.number, "wrong", what, f"columns {names}")
    return outcome


def _own_or_fine(case, what, function):
    """Outcome of a function that may raise exceptions of dustest."""
    try:
        function()
    except DustestError as error:
        return Outcome(case.kind, case.number, "own", what, f"{type(error).__name__}: {error}")
    return Outcome(case.kind, case.number, "fine", what)


def _work(pipe, folder):
    """Run cases that come through a pipe (in a worker process)."""
    os.environ["OMP_NUM_THREADS"] = "1"
    bench = Bench(Path(folder))
    while (case := pipe.recv()) is not None:
        if case.kind in KINDS:
            bench.of(case.kind)
        else:
            make_call(case.rng)
        pipe.send(None)  # the time begins
        before = _memory("VmRSS")
        with suppress(OSError):
            _CLEAR.write_text("5")  # sets the highest value to the present one
        try:
            outcome = run_case(case, bench)
        except BaseException as error:  # noqa: BLE001 - it is what is looked for
            outcome = Outcome(case.kind, case.number, "escape", "", _short(error))
        pipe.send((outcome, _memory("VmHWM") - before))


def _memory(name):
    """Memory of this process in MB; 0 on systems that do not say."""
    with suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / 1024.0
    return 0.0


def _short(error):
    """Type, place and message of an exception."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(f.filename).name}:{f.lineno}" for f in frames if "dustest" in f.filename]
    return f"{type(error).__name__} at {places[-1] if places else '?'}: {str(error)[:200]}"


class Worker:
    """A process that runs cases, and is replaced if it hangs or ends.

    Parameters
    ----------
    seconds : float
        Time limit of a case.
    megabytes : float
        Limit of its further memory.
    """

    def __init__(self, seconds, megabytes):
        self.seconds, self.megabytes = seconds, megabytes
        self.process = None

    def run(self, case):
        """Run a case.

        Parameters
        ----------
        case : Case
            The case.

        Returns
        -------
        outcome : Outcome
            What it gave.
        """
        if self.process is None:
            self._start()
        try:
            self.pipe.send(case)
            self.pipe.recv()
            if not self.pipe.poll(self.seconds):
                self.close()
                return Outcome(case.kind, case.number, "hang", "", f"{self.seconds} s")
            outcome, growth = self.pipe.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            code = self.process.exitcode
            self.close()
            return Outcome(case.kind, case.number, "died", "", f"exit code {code}")
        if growth > self.megabytes and outcome.result not in _BAD:
            detail = f"{growth:.0f} MB; {outcome.detail}"
            outcome = Outcome(case.kind, case.number, "growth", outcome.what, detail)
        return outcome

    def _start(self):
        self.folder = tempfile.TemporaryDirectory()
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_work, args=(other, self.folder.name), daemon=True)
        self.process.start()
        other.close()

    def close(self):
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.pipe.close()
            self.folder.cleanup()
            self.process = None


def fuzz(kinds, number, seed, *, start=0, seconds=60.0, megabytes=300.0):
    """Run cases in a worker process.

    Parameters
    ----------
    kinds : sequence of str
        Some of `ALL_KINDS`.
    number : int
        Cases of each kind.
    seed : int
        What they are drawn from.
    start : int, optional
        First number.
    seconds, megabytes : float, optional
        Limits of a case.

    Yields
    ------
    outcome : Outcome
        What each case gave.
    """
    worker = Worker(seconds, megabytes)
    try:
        for kind in kinds:
            for i in range(start, start + number):
                yield worker.run(Case(kind, seed, i))
    finally:
        worker.close()


def _repeat(word, seed):
    """Run one case in this process, with its traceback."""
    kind, _, number = word.partition("/")
    with tempfile.TemporaryDirectory() as folder:
        print(run_case(Case(kind, seed, int(number)), Bench(Path(folder))))  # noqa: T201


def main():
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kind", action="append", choices=ALL_KINDS, help="default: all")
    parser.add_argument("--number", type=int, default=1000, help="cases of each kind")
    parser.add_argument("--start", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--megabytes", type=float, default=300.0)
    parser.add_argument("--output", type=Path, default=Path("build/fuzz.jsonl"))
    parser.add_argument("--only", metavar="KIND/CASE", help="repeat one case in this process")
    options = parser.parse_args()
    if options.only:
        _repeat(options.only, options.seed)
        return
    options.output.parent.mkdir(parents=True, exist_ok=True)
    counts, began = Counter(), time.monotonic()
    limits = {"seconds": options.seconds, "megabytes": options.megabytes, "start": options.start}
    with open(options.output, "a", encoding="utf-8") as file:
        for outcome in fuzz(options.kind or ALL_KINDS, options.number, options.seed, **limits):
            counts[outcome.kind, outcome.result] += 1
            if outcome.result in _BAD:
                file.write(json.dumps(asdict(outcome) | {"seed": options.seed}) + "\n")
                file.flush()
                print(outcome, flush=True)  # noqa: T201
    for (kind, result), count in sorted(counts.items()):
        print(f"{kind:13} {result:7} {count}")  # noqa: T201
    print(f"{sum(counts.values())} cases in {time.monotonic() - began:.0f} s")  # noqa: T201


if __name__ == "__main__":
    main()
