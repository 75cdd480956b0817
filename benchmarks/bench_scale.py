"""Time and memory of long runs against the number of galaxies, the workers and their backend.

Each run is a process of its own. Its memory and processor time are read from ``/proc`` with those
of all its workers (Linux only). A run reads galaxies in parts from disc and writes its result:

- ``meurer``: `MeurerEstimator` on photometry in eleven bands;
- ``network``: the network for one band that comes with dustest, on a simulation on disc: 2,048
  simulated galaxies, repeated with more noise;
- ``sed`` and ``sed-Fu``: `BagpipesEstimator` with the preset ``"default"`` or ``"Fu"``, on
  galaxies at redshifts from 6 to 9 drawn from the models of ``"Fu"``. Bands are missing at random,
  and many fluxes are no detections;
- ``simulate``: images in three bands with photometry and spectra, written to disc.

Results that must be the same, of any number of workers and any backend, have the same ``digest``.
A row of the CSV file is a run, or as much of it as ``--seconds`` allows: called again, the
benchmark resumes it. Runs that the file has are left out.

Run ``python benchmarks/bench_scale.py meurer --rows 10000 100000 --jobs 1 2 --backend loky dask
--output scale.csv --folder runs``.
"""

import argparse
import csv
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import psutil

SEED = 240200
BANDS = ("F606W", "F814W", "F090W", "F115W", "F150W", "F200W", "F277W", "F335M", "F356W", "F410M")
BANDS = (*BANDS, "F444W")
PART = 20_000
"""Rows of a catalogue that are made at once."""
TILE = 2048
"""Galaxies that are simulated for the network."""
REDSHIFTS = np.round(np.arange(6.0, 9.0 + 1e-9, 0.01), 2)
MODELS = 64
"""Models at each of these redshifts."""
MAGNITUDES, COUNTS = (25.0, 30.0), 0.3
"""Range in F444W, and slope of log10 of the number of galaxies."""
GAPS = 0.1
"""Fraction of the fluxes that are missing."""
POLL = 0.2
"""Seconds between two readings of memory."""

SED = {"sed": "default", "sed-Fu": "Fu"}
METHODS = ("meurer", "network", *SED, "simulate")
COLUMNS = (
    *("method", "format", "rows", "n_jobs", "backend", "kept", "done", "seconds_to_open"),
    *("seconds", "cpu_seconds", "parent_cpu_seconds", "parent_mb", "worker_mb", "processes"),
    *("result_bytes", "store_bytes", "load", "started", "digest"),
)


def write_parts(path, n_rows, make):
    """Write a catalogue part by part."""
    from dustest.data.containers.result_files import ResultWriter

    with ResultWriter(path) as writer:
        for start in range(0, n_rows, PART):
            n = min(PART, n_rows - start)
            # Parts have seeds of their own: a larger catalogue begins with a smaller one.
            writer.append(make(start, n, np.random.default_rng([SEED, start])))


def make_power_laws(start, n, rng):
    """Galaxies with power-law spectra and noise."""
    from dustest.data import get_band

    wave = np.array([get_band(band).pivot for band in BANDS])
    redshift = rng.uniform(5.0, 9.0, n)
    slope = rng.normal(-2.0, 0.4, (n, 1))
    flux = 10 ** rng.uniform(0.5, 2.0, (n, 1)) * (wave / 2e4) ** (slope + 2)
    flux[wave < 1216.0 * (1.0 + redshift[:, np.newaxis])] = 0.0
    return photometry(start, redshift, flux, np.ones(len(BANDS)), rng)


def photometry(start, redshift, flux, errors, rng):
    """Table of galaxies, whose fluxes in nJy get noise."""
    from astropy import units as u

    from dustest.data import RowTable

    table = RowTable({"id": start + np.arange(len(redshift)), "redshift": redshift})
    noisy = flux + errors * rng.standard_normal(flux.shape)
    for band, values, error in zip(BANDS, noisy.T, errors, strict=True):
        table[f"flux_{band}"] = values.copy() * u.nJy
        table[f"flux_err_{band}"] = np.where(np.isnan(values), np.nan, error) * u.nJy
    return table


class ModelGalaxies:
    """Galaxies with the colours of models and the magnitudes of a survey."""

    def __init__(self):
        from dustest import BagpipesEstimator
        from dustest.simulate import get_survey

        sed = BagpipesEstimator(preset="Fu", random_state=SEED)
        drawn = sed.draw_models(MODELS, BANDS, REDSHIFTS)
        self._redshift = np.asarray(drawn["redshift"])
        flux = np.column_stack([drawn[f"flux_{band}"].to_value("nJy") for band in BANDS])
        self._colours = flux / flux[:, [BANDS.index("F444W")]]
        self._errors = np.array([get_survey("JADES-deep").flux_error(band) for band in BANDS])

    def __call__(self, start, n, rng):
        row = rng.integers(len(self._redshift), size=n)
        low, high = (10.0 ** (COUNTS * limit) for limit in MAGNITUDES)
        magnitude = np.log10(rng.uniform(low, high, (n, 1))) / COUNTS
        flux = self._colours[row] * 10.0 ** (0.4 * (31.4 - magnitude))
        flux[rng.random(flux.shape) < GAPS] = np.nan
        return photometry(start, self._redshift[row], flux, self._errors, rng)


class Tiles:
    """Rows of simulated galaxies, repeated with more noise; made in workers."""

    def __init__(self, sample, truth):
        self._sample, self._truth = sample, truth

    def __call__(self, start, stop):
        from dustest.data import GalaxySample

        row = np.arange(start, stop) % len(self._sample)
        sample, truth = GalaxySample(self._sample[row], copy=True), self._truth[row]
        sample["id"] = np.arange(start, stop)
        rng = np.random.default_rng([SEED, start])
        stamps = sample["cutout_F277W"]
        noise = rng.standard_normal(stamps.shape, dtype=np.float32)
        sample["cutout_F277W"] = stamps + 0.1 * np.median(np.abs(stamps)) * noise
        return sample, truth


def write_tiles(folder, n_rows, n_jobs):
    """Write simulated galaxies to a folder."""
    from dustest.simulate import GalaxySimulator
    from dustest.simulate.stream import write_chunks

    options = {"photometry_bands": [], "spectrograph": None}
    base = GalaxySimulator(["F277W"], **options).stream(
        TILE, folder.with_name("tile"), random_state=SEED, n_jobs=n_jobs
    )
    write_chunks(Tiles(*base.read()), n_rows, folder, manifest={"seed": SEED}, n_jobs=n_jobs)


def make_input(method, path, n_rows):
    """Write the galaxies of a run, unless they exist."""
    if method == "simulate" or path.with_name(path.name + ".done").exists():
        return
    if method == "network":
        write_tiles(path, n_rows, n_jobs=2)
    else:
        path.unlink(missing_ok=True)
        write_parts(path, n_rows, make_power_laws if method == "meurer" else ModelGalaxies())
    path.with_name(path.name + ".done").touch()


def simulator():
    """The simulator that is measured."""
    from dustest.simulate import GalaxySimulator

    return GalaxySimulator(["F277W", "F356W", "F444W"])


def estimator(method):
    """The estimator that is measured."""
    from dustest import BagpipesEstimator, CNNEstimator, MeurerEstimator

    if method == "meurer":
        return MeurerEstimator()
    if method == "network":
        return CNNEstimator.from_pretrained("nircam-1band")
    return BagpipesEstimator(preset=SED[method], random_state=SEED)


def open_input(method, path):
    """Galaxies of a run, which are read in parts."""
    from dustest.io import open_catalog
    from dustest.simulate import read_simulation

    return read_simulation(path) if method == "network" else open_catalog(path)


def run(method, n_rows, n_jobs, backend, source, output):
    """Run a method in this process; prints the seconds, and the start of the workers of dask."""
    import joblib

    with ExitStack() as stack:
        if backend == "dask":
            from distributed import Client, LocalCluster

            options = {"threads_per_worker": 1, "dashboard_address": ":0"}
            cluster = stack.enter_context(LocalCluster(n_workers=n_jobs, **options))
            stack.enter_context(Client(cluster))
            stack.enter_context(joblib.parallel_config("dask"))
        start = time.perf_counter()
        if method == "simulate":
            report(0.0)
            simulator().stream(n_rows, output, random_state=SEED, n_jobs=n_jobs, progress=False)
        else:
            galaxies, model = open_input(method, source), estimator(method)
            report(time.perf_counter() - start)
            options = {"resume": True, "n_jobs": n_jobs, "progress": False}
            model.estimate(galaxies, output=output, **options)
        report(time.perf_counter() - start)


def report(seconds):
    """Print a number for the process that measures."""
    print(json.dumps(round(seconds, 3)), flush=True)


class Watch:
    """Largest memory and processor time of a process and of all that it starts."""

    def __init__(self, process):
        self._process = process
        self._memory, self._cpu = {}, {}
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self):
        while self._process.poll() is None:
            self._read()
            time.sleep(POLL)

    def _read(self):
        try:
            parent = psutil.Process(self._process.pid)
            for process in (parent, *parent.children(recursive=True)):
                self._read_one(process)
        except psutil.Error:
            return

    def _read_one(self, process):
        try:
            text = Path(f"/proc/{process.pid}/status").read_text()
            used = process.cpu_times()
        except (OSError, psutil.Error):
            return
        peak = next((line.split()[1] for line in text.splitlines() if "VmHWM" in line), None)
        if peak is not None:
            self._memory[process.pid] = int(peak) / 1024
            self._cpu[process.pid] = used.user + used.system

    @property
    def result(self):
        """Columns of a run."""
        self._thread.join()
        parent = self._memory.pop(self._process.pid, np.nan)
        return {
            "cpu_seconds": round(sum(self._cpu.values()), 2),
            "parent_cpu_seconds": round(self._cpu.get(self._process.pid, np.nan), 2),
            "parent_mb": round(parent, 1),
            "worker_mb": round(max(self._memory.values(), default=0.0), 1),
            "processes": 1 + len(self._memory),
        }


def measure(case, folder, limit):
    """Measure one run; returns a row of the CSV file."""
    method, ending, n_rows = case["method"], case["format"], case["rows"]
    name = f"{method}-{n_rows}"
    source = folder / (f"{name}.{ending}" if ending else name)
    place = folder / f"{name}-{case['n_jobs']}-{case['backend']}"
    output = place if method == "simulate" else place.with_suffix(f".{ending or 'parquet'}")
    make_input(method, source, n_rows)
    kept = finished(method, output, n_rows)
    started, load = time.strftime("%Y-%m-%dT%H:%M:%S"), os.getloadavg()[0]
    words = ["--run", method, str(n_rows), str(case["n_jobs"]), case["backend"], source, output]
    begin = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, __file__, *map(str, words)], stdout=subprocess.PIPE, text=True
    ) as process:
        watch, is_complete = Watch(process), True
        try:
            lines = process.communicate(timeout=limit)[0].split()
        except subprocess.TimeoutExpired:
            is_complete = False
            process.send_signal(signal.SIGINT)
            lines = process.communicate()[0].split()
        if is_complete and process.returncode:
            sys.exit(process.returncode)
    times = [float(line) for line in lines]
    done = finished(method, output, n_rows)
    seconds = times[1] if is_complete else time.perf_counter() - begin
    return case | {
        "kept": kept,
        "done": done,
        "seconds_to_open": times[0] if times else np.nan,
        "seconds": round(seconds, 2),
        **watch.result,
        **sizes(output),
        "load": round(load, 1),
        "started": started,
        "digest": digest(output)[:16] if is_complete else "",
    }


def store_of(output):
    """The store of finished rows."""
    return output.with_name(output.name + ".sqlite")


def finished(method, output, n_rows):
    """Number of rows that are on disc."""
    if method == "simulate":
        marked = len([*output.glob("chunk_*.json")]) if output.exists() else 0
        return min(256 * marked, n_rows)
    if not store_of(output).exists():
        return 0
    from dustest.estimators.run.files.row_records import RowLayout

    with closing(sqlite3.connect(f"file:{store_of(output)}?mode=ro", uri=True)) as connection:
        found = connection.execute(
            "SELECT layout, sum(length(records)) FROM batch GROUP BY layout"
        )
        return sum(size // RowLayout.read(layout).dtype.itemsize for layout, size in found)


def sizes(output):
    """Bytes of a result and of its store."""
    files = [*output.iterdir()] if output.is_dir() else [output]
    store = store_of(output)
    return {
        "result_bytes": sum(file.stat().st_size for file in files if file.exists()),
        "store_bytes": store.stat().st_size if store.exists() else 0,
    }


def digest(output):
    """Digest of a file, or of all files of a folder."""
    whole = hashlib.sha256()
    for file in sorted(output.iterdir()) if output.is_dir() else [output]:
        with file.open("rb") as content:
            whole.update(hashlib.file_digest(content, "sha256").digest())
    return whole.hexdigest()


def known_runs(path):
    """Complete runs of a CSV file."""
    if not path.exists():
        return set()
    with path.open(newline="") as file:
        return {key(row) for row in csv.DictReader(file) if row["digest"]}


def key(row):
    """Identify a run by its settings."""
    return tuple(str(row[name]) for name in ("method", "format", "rows", "n_jobs", "backend"))


def append(path, row):
    """Add a row to a CSV file."""
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def cases(options):
    """Runs that are asked for."""
    is_table = options.method not in ("network", "simulate")
    for ending in options.format if is_table else [""]:
        for n_rows in options.rows:
            for n_jobs in options.jobs:
                for backend in options.backend:
                    if n_jobs > 1 or backend == options.backend[0]:
                        yield {
                            "method": options.method,
                            "format": ending,
                            "rows": n_rows,
                            "n_jobs": n_jobs,
                            "backend": backend,
                        }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1], help="numbers of workers")
    parser.add_argument("--backend", nargs="+", default=["loky"], choices=["loky", "dask"])
    parser.add_argument("--format", nargs="+", default=["parquet"], choices=["parquet", "fits"])
    parser.add_argument("--seconds", type=float, help="end each run after this time, to resume")
    parser.add_argument("--output", type=Path, default=Path("scale.csv"))
    parser.add_argument("--folder", type=Path, required=True, help="for galaxies and results")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for case in cases(options):
        if key(case) in known_runs(options.output):
            continue
        row = measure(case, options.folder, options.seconds)
        append(options.output, row)
        print(row, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        method, n_rows, n_jobs, backend, source, output = sys.argv[2:]
        run(method, int(n_rows), int(n_jobs), backend, Path(source), Path(output))
    else:
        main()
