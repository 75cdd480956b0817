"""Runs that are killed at random moments: what is lost, what is left, and whether results change.

For each method, one run is not disturbed. Every trial starts the same run, kills it or one of its
workers at a random moment, resumes it, and compares the results byte by byte. A line of JSON is
appended to a file for each trial, so that the benchmark itself can be stopped and continued:

    python benchmarks/bench_kills.py --folder kills --output kills.jsonl
    python benchmarks/bench_kills.py --output kills.jsonl --report

Methods: `BagpipesEstimator` of the preset "Fu" on simulated galaxies, with two workers; the
network of one band on images of exponential discs; `MeurerEstimator` on a catalogue that is read
in parts. The last two run in one process, without workers. For the trials in which a worker is
killed, slopes of a sample in memory are computed by two workers of dustest, and the network runs
on two workers of dask, although such short runs are not worth their start.

Kinds: ``parent`` and ``worker`` are ``kill -9``, ``terminate`` is SIGTERM of the parent, and
``interrupt`` is SIGINT of all processes, as by Ctrl-C in a terminal. One moment in five is before
the first row is kept. Moments before the computation or after the end test nothing: they are
listed, and further trials take their place.

Linux only: processes are found in ``/proc``.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import nullcontext, suppress
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np

from dustest import BagpipesEstimator, CNNEstimator, MeurerEstimator
from dustest.data.identity.source import source_digest
from dustest.estimators.run.store import ResultStore

SEED = 240101
N_GALAXIES = {"sed": 256, "network": 8_192, "meurer": 49_152}
KINDS = {"parent": 20, "worker": 20, "terminate": 10, "interrupt": 10}
FORMATS = ("fits", "parquet")
N_WORKERS = 2
EARLY = 0.2
"""Share of the moments before the first row is kept."""
PATIENCE = 5.0
"""Seconds after which no process may be left."""
LONGEST = 600.0
"""Seconds after which a run hangs."""
MOST = 5
"""Largest number of trials for each that is wanted: some moments test nothing."""
PAUSE = 0.01
PRELOADED = ("astropy.table", "dustest.io", "pyarrow.parquet")
"""Modules that runs use, besides those of the estimators."""
MARKS = "DUSTEST_BENCH_KILLS"
"""Environment variable with the file of events, by which all processes of a run are found too."""
SIGNALS = {"terminate": signal.SIGTERM, "interrupt": signal.SIGINT}


def mark(event, number=0):
    """Append an event with its time and a number of rows to the file of events."""
    with open(os.environ[MARKS], "a") as file:
        file.write(f"{time.monotonic():.4f} {event} {number}\n")


class Marked:
    """Marks the rows that are computed."""

    def _estimate(self, batch):
        mark("computing", len(batch))
        return super()._estimate(batch)


class MarkedSED(Marked, BagpipesEstimator):
    """Fits of spectral energy distributions."""


class MarkedNetwork(Marked, CNNEstimator):
    """The network."""


class MarkedSlope(Marked, MeurerEstimator):
    """The UV slope."""


class MarkedStore(ResultStore):
    """Marks the rows that are kept."""

    def put(self, keys, rows):
        super().put(keys, rows)
        mark("kept", len(keys))


def make_estimator(method):
    """The estimator of a method."""
    if method == "sed":
        return MarkedSED(preset="Fu", random_state=SEED)
    if method == "meurer":
        return MarkedSlope()
    network = CNNEstimator.from_pretrained("nircam-1band").set_params(random_state=SEED)
    network.__class__ = MarkedNetwork
    return network


def make_data(method, path):
    """Write the galaxies of a method."""
    n_rows = N_GALAXIES[method]
    if method == "sed":
        from dustest.simulate import GalaxySimulator

        simulator = GalaxySimulator(["F277W"], redshift=(6, 9), spectrograph=None)
        sample, _ = simulator.draw(n_rows, random_state=SEED)
        sample[["id", "redshift", *_photometry(sample)]].write(path)
    elif method == "meurer":
        write_photometry(path, n_rows)
    else:
        write_stamps(path, n_rows)


def _photometry(sample):
    """Names of the columns of fluxes and errors."""
    return [name for name in sample.colnames if name.startswith("flux_")]


def write_photometry(path, n_rows):
    """Write power laws with white noise in six bands."""
    from astropy import units as u
    from astropy.table import QTable

    from dustest.data import get_band

    rng = np.random.default_rng(SEED)
    table = QTable({"id": np.arange(n_rows), "redshift": rng.uniform(6.0, 8.0, n_rows)})
    slope, level = rng.normal(-2.0, 0.4, n_rows), 10 ** rng.uniform(0.5, 2.0, n_rows)
    for band in ("F115W", "F150W", "F200W", "F277W", "F356W", "F444W"):
        flux = level * (get_band(band).pivot / 2e4) ** (slope + 2.0)
        table[f"flux_{band}"] = (flux + rng.normal(size=n_rows)) * u.nJy
        table[f"flux_err_{band}"] = np.ones(n_rows) * u.nJy
    table.write(path)


def write_stamps(path, n_rows):
    """Write images of exponential discs with white noise."""
    from astropy import units as u
    from astropy.table import QTable

    rng = np.random.default_rng(SEED)
    y, x = np.mgrid[:32, :32] - 15.5
    scale = rng.uniform(1.0, 3.0, (n_rows, 1, 1))
    peak = 10 ** rng.uniform(0.0, 1.0, (n_rows, 1, 1))
    stamps = peak * np.exp(-np.hypot(x, y) / scale) + rng.normal(0.0, 0.1, (n_rows, 32, 32))
    table = QTable({"id": np.arange(n_rows), "redshift": rng.uniform(6.0, 9.0, n_rows)})
    table["cutout_F277W"] = u.Quantity(stamps.astype(np.float32), u.nJy, dtype=np.float32)
    table.write(path)


def read_data(method, path, in_memory):
    """The galaxies of a method."""
    from astropy.table import QTable

    from dustest.io import open_catalog

    return open_catalog(path) if method == "meurer" and not in_memory else QTable.read(path)


def run(method, path, output, resume, in_workers):
    """One run, in a process of its own."""
    from dustest.estimators.run import runner, store

    store.ResultStore = MarkedStore
    if in_workers:
        runner._WORTH_WORKERS = runner._WORTH_SENDING = 0.0
    estimator, galaxies = make_estimator(method), read_data(method, path, in_workers)
    options = {"output": output, "resume": resume, "progress": False}
    with _cluster() if in_workers and method == "network" else nullcontext():
        mark("started")
        estimator.estimate(galaxies, n_jobs=N_WORKERS, **options)
        mark("done")


def _cluster():
    """Two worker processes of dask on this machine, as the backend of joblib."""
    from contextlib import ExitStack

    import joblib
    from distributed import Client, LocalCluster

    stack = ExitStack()
    options = {"n_workers": N_WORKERS, "threads_per_worker": 1, "dashboard_address": None}
    cluster = stack.enter_context(LocalCluster(**options))
    stack.enter_context(Client(cluster))
    stack.enter_context(joblib.parallel_config("dask"))
    return stack


@cache
def limit(method, in_workers):
    """Largest number of rows that may be computed twice: one chunk of each worker."""
    from dustest.estimators.run.runner import _THREADS

    estimator = make_estimator(method)
    if in_workers or method == "sed":
        n_workers = N_WORKERS
    else:
        n_workers = _THREADS if estimator.threaded else 1
    return n_workers * estimator.rows_at_once


class Run:
    """A run that was started, in a session of its own.

    It is a fork of this process, which has imported what the parent of a run needs. Workers are
    new interpreters, as always.

    Parameters
    ----------
    method : str
        Name of the method.
    data : Path
        Its galaxies.
    folder : Path
        Folder of the trial.
    output : Path
        File of the result.
    name : str
        Name of the run, for the files with its events and messages.
    resume, in_workers : bool
        As of `run`.
    """

    def __init__(self, method, data, folder, output, name, *, resume=False, in_workers=False):
        self.marks, self._errors = folder / f"{name}.marks", folder / f"{name}.errors"
        self.marks.touch()
        temporary = folder / "temporary"
        temporary.mkdir(exist_ok=True)
        self._status = None
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            errors = os.open(self._errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(errors, 1)
            os.dup2(errors, 2)
            os.environ.update({MARKS: str(self.marks), "TMPDIR": str(temporary)})
            tempfile.tempdir = None
            run(method, data, output, resume, in_workers)
            # Errors leave by the same way, so that the interpreter ends as it always does.
            sys.exit()

    def events(self, event=None):
        """Times and numbers of rows of all events, or those of one kind, by time."""
        lines = [line.split() for line in self.marks.read_text().splitlines() if line[-1:]]
        found = [(float(when), what, int(number)) for when, what, number in lines]
        return [one for one in found if event in (None, one[1])]

    def count(self, event):
        """Sum of the numbers of rows of an event."""
        return sum(number for _, _, number in self.events(event))

    def poll(self):
        """Exit status, None while it runs."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status

    def wait(self, seconds=LONGEST):
        """Wait for the end; returns whether it has ended."""
        until = time.monotonic() + seconds
        while self.poll() is None and time.monotonic() < until:
            time.sleep(PAUSE)
        return self.poll() is not None

    def finish(self):
        """Exit status at the end; a run that hangs is ended."""
        if self.wait():
            return self.poll()
        self.end_processes()
        return "hangs"

    def wait_for(self, number, delay):
        """Wait until a number of batches is kept, and then for some time."""
        event, number = ("kept", number) if number else ("started", 1)
        while self.poll() is None and len(self.events(event)) < number:
            time.sleep(PAUSE)
        self.wait(delay)

    def processes(self):
        """Numbers of the processes of the run that are no zombies, by what finds them."""
        own, found = f"{MARKS}={self.marks}".encode(), []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            with suppress(OSError):
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                state, session = fields[0], int(fields[3])
                is_own = session == self.pid or own in (folder / "environ").read_bytes()
                if is_own and state != "Z":
                    found.append(int(folder.name))
        return found

    def workers(self):
        """Numbers of the worker processes."""
        names = (b"dustest.estimators.run.workers", b"spawn_main")
        found = []
        for number in self.processes():
            with suppress(OSError):
                command = Path(f"/proc/{number}/cmdline").read_bytes()
                if any(name in command for name in names):
                    found.append(number)
        return sorted(found)

    def wait_for_all(self):
        """Seconds until no process is left, and the commands of those that do not end."""
        began = time.monotonic()
        while left := self.processes():
            self.poll()
            if time.monotonic() - began > PATIENCE:
                commands = [_command(number) for number in left]
                self.end_processes()
                return PATIENCE, commands
            time.sleep(PAUSE)
        return time.monotonic() - began, []

    def end_processes(self):
        """End everything that the run started."""
        for number in self.processes():
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self.wait()

    def last_words(self):
        """The last line that was printed."""
        lines = self._errors.read_text(errors="replace").strip().splitlines()
        return lines[-1][-300:] if lines else ""


def _command(number):
    """Command of a process."""
    with suppress(OSError):
        return Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode()[:200]
    return ""


def data_path(folder, method):
    """File with the galaxies of a method."""
    return folder / (f"{method}.parquet" if method == "meurer" else f"{method}.fits")


def reference(folder, method, ending, in_workers):
    """Result and events of a run that is not disturbed, made once for a state of the code."""
    place = folder / f"reference-{method}-{ending}{'-workers' * in_workers}"
    output, known = place / f"result.{ending}", place / "events.json"
    if not known.exists() or json.loads(known.read_text())["source"] != source_digest():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        data = data_path(folder, method)
        if not data.exists():
            partial = data.with_name(f"partial-{data.name}")
            partial.unlink(missing_ok=True)
            make_data(method, partial)
            partial.rename(data)
        whole = Run(method, data, place, output, "whole", in_workers=in_workers)
        if whole.finish() != 0:
            raise RuntimeError(whole.last_words())
        known.write_text(json.dumps({"source": source_digest(), "events": whole.events()}))
    return output, json.loads(known.read_text())["events"]


def draw_moment(rng, events):
    """Number of kept batches to wait for, and seconds to wait after that."""
    times = [when for when, what, _ in events if what in ("started", "kept", "done")]
    number = 0 if rng.random() < EARLY else int(rng.integers(1, len(times) - 1))
    return number, rng.uniform(0.0, times[number + 1] - times[number])


def try_kill(folder, method, kind, number):
    """One trial."""
    ending, in_workers = FORMATS[number % 2], kind == "worker" and method != "sed"
    expected, events = reference(folder, method, ending, in_workers)
    rng = np.random.default_rng(
        [SEED, list(N_GALAXIES).index(method), list(KINDS).index(kind), number]
    )
    n_kept, delay = draw_moment(rng, events)
    place = folder / "trial"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    output = place / f"result.{ending}"
    data = data_path(folder, method)
    killed = Run(method, data, place, output, "killed", in_workers=in_workers)
    killed.wait_for(n_kept, delay)
    found = {"method": method, "kind": kind, "number": number, "format": ending}
    found |= {"seed": SEED, "after_batches": n_kept, "delay": round(delay, 3)}
    found["phase"] = _kill(killed, kind, rng)
    if kind == "worker":
        killed.wait()
    seconds, left = killed.wait_for_all()
    status = killed.finish()
    found |= {"status": status, "seconds_to_end": round(seconds, 2), "left": left}
    found |= {"kept": killed.count("kept"), "said": killed.last_words()}
    found["output"] = _compare(output, expected)
    found["temporary"] = len(list((place / "temporary").iterdir()))
    computed = killed.count("computing")
    if kind != "worker" or status != 0:
        resumed = Run(method, data, place, output, "resumed", resume=True, in_workers=in_workers)
        found["resumed_status"] = resumed.finish()
        again = resumed.count("computing")
        if found["resumed_status"] != 0:
            found["resumed_said"] = resumed.last_words()
        found["lost"] = max(0, again + killed.count("kept") - _n_computed(events))
        computed += again
    found["result"] = _compare(output, expected)
    found["repeated"] = computed - _n_computed(events)
    found["limit"] = limit(method, in_workers) + _n_failed(events)
    found["litter"] = _litter(place, output)
    return found


def _n_computed(events):
    """Number of rows that a run computes."""
    return sum(number for _, what, number in events if what == "computing")


def _n_failed(events):
    """Number of rows that a run computes and does not keep: they failed, and are tried again."""
    return _n_computed(events) - sum(number for _, what, number in events if what == "kept")


def _kill(killed, kind, rng):
    """Send the signal; returns the phase in which it was sent."""
    phase = _phase(killed)
    if kind == "worker":
        workers = killed.workers()
        if not workers:
            return phase if phase == "ended" else "no worker"
        os.kill(workers[rng.integers(len(workers))], signal.SIGKILL)
    else:
        with suppress(ProcessLookupError):
            if kind == "interrupt":
                os.killpg(killed.pid, SIGNALS[kind])
            else:
                os.kill(killed.pid, SIGNALS.get(kind, signal.SIGKILL))
    return phase


def _phase(killed):
    """What the run does: all moments but those before "started" and after "done" count."""
    events = killed.events()
    happened = {what for _, what, _ in events}
    if "done" in happened or killed.poll() is not None:
        return "ended"
    if "started" not in happened:
        return "import"
    if "kept" not in happened:
        return "no row kept"
    return "rows kept"


def _compare(output, expected):
    """Whether a file is that of the run that was not killed."""
    if not output.exists():
        return "absent"
    return "equal" if output.read_bytes() == expected.read_bytes() else "different"


def _litter(place, output):
    """Names of files beside the result that should not be there."""
    known = {output.name, f"{output.name}.sqlite", "temporary"}
    endings = (".marks", ".errors")
    return sorted(
        one.name for one in place.iterdir() if one.name not in known and one.suffix not in endings
    )


def is_test(found):
    """Whether the moment was within the computation."""
    return found["phase"] in ("no row kept", "rows kept")


def is_good(found):
    """Whether nothing failed."""
    return (
        found["result"] == "equal"
        and not found["left"]
        and not found.get("lost")
        and found["repeated"] <= found["limit"]
        and found.get("resumed_status", 0) == 0
        and (found["kind"] != "worker" or found["status"] == 0)
        and found["output"] != "different"
    )


def read_trials(path):
    """Trials so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def measure(options):
    """Run all trials that are missing."""
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    for method in options.methods:
        for kind in options.kinds:
            done = [
                one
                for one in read_trials(options.output)
                if (one["method"], one["kind"]) == (method, kind)
            ]
            number = len(done)
            n_tests = sum(map(is_test, done))
            wanted = min(options.trials or KINDS[kind], KINDS[kind])
            while n_tests < wanted and number < MOST * wanted:
                if options.seconds and time.monotonic() - began > options.seconds:
                    return
                found = try_kill(folder, method, kind, number)
                with options.output.open("a") as file:
                    file.write(json.dumps(found) + "\n")
                number += 1
                n_tests += is_test(found)


def report(path):
    """Print a line for each method and kind, and every failure."""
    trials = read_trials(path)
    print(
        "method    kind       tests  good  no row kept  most repeated/limit  slowest end  others"
    )
    for method in N_GALAXIES:
        for kind in KINDS:
            own = [one for one in trials if (one["method"], one["kind"]) == (method, kind)]
            tests = [one for one in own if is_test(one)]
            if not tests:
                continue
            print(
                f"{method:9} {kind:10} {len(tests):5} {sum(map(is_good, tests)):5}"
                f"{sum(one['phase'] == 'no row kept' for one in tests):13}"
                f"{max(one['repeated'] for one in tests):13}/{tests[0]['limit']:<7}"
                f"{max(one['seconds_to_end'] for one in tests):11.1f} s  "
                f"{dict(Counter(one['phase'] for one in own if not is_test(one)))}"
            )
    for one in trials:
        if is_test(one) and not is_good(one):
            print(json.dumps(one))
    print("litter:", Counter(name for one in trials for name in map(_kind_of_file, one["litter"])))


def _kind_of_file(name):
    """Name of a file without the number of its process."""
    return "".join("0" if letter.isdigit() else letter for letter in name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("kills"), help="data and trials")
    parser.add_argument(
        "--output", type=Path, default=Path("kills.jsonl"), help="one line a trial"
    )
    parser.add_argument("--methods", nargs="+", choices=N_GALAXIES, default=list(N_GALAXIES))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--trials", type=int, help="at most, of each method and kind")
    parser.add_argument("--seconds", type=float, help="start no trial after this time")
    parser.add_argument("--report", action="store_true", help="print what was measured so far")
    options = parser.parse_args()
    if options.report:
        report(options.output)
    else:
        # A program in the background may ignore it, and so would its processes.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for name in PRELOADED:
            import_module(name)
        measure(options)


if __name__ == "__main__":
    # Workers import the classes by the name of this module.
    import bench_kills

    bench_kills.main()
