"""Cost of everything around a method in `DustEstimator.estimate`.

``python benchmarks/bench_run.py network 20000`` runs a backend that does nothing: galaxies, of
three stamps of 32 x 32 pixels each, in a second of processor time, and the growth of the memory.

``python benchmarks/bench_run.py store 100000 1000000`` runs `MeurerEstimator` on photometry in
three bands without a store, then writes the result; with a store; and again with all rows in the
store, each in a process of its own: processor time, its ratio to the first, and the memory used.
"""

import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
from astropy import units as u
from astropy.table import QTable

from dustest import MeurerEstimator
from dustest.data import as_sample
from dustest.estimators import DustEstimator, Estimates

BANDS = ("F277W", "F356W", "F444W")
N_DRAWS = 64


class Nothing(DustEstimator):
    """Draws that were there before."""

    requires: ClassVar[tuple] = ("cutout",)
    uncertainty: ClassVar[str] = "posterior"
    rows_at_once: ClassVar[int] = 512

    def _estimate(self, batch):
        return Estimates({name: draws[: len(batch)] for name, draws in DRAWS.items()})


DRAWS = {
    name: np.random.default_rng(0).normal(size=(Nothing.rows_at_once, N_DRAWS))
    for name in ("A_V", "E_BV", "log_sSFR")
}


def make_stamps(n):
    """Galaxies of noise, with redshifts."""
    rng = np.random.default_rng(1)
    table = QTable({"redshift": rng.uniform(6.0, 9.0, n)})
    for band in BANDS:
        stamps = rng.standard_normal((n, 32, 32), dtype=np.float32)
        table[f"cutout_{band}"] = u.Quantity(stamps, u.nJy, dtype=np.float32)
    return as_sample(table)


def make_photometry(n):
    """Galaxies with three bands in the rest-frame ultraviolet."""
    rng = np.random.default_rng(230201)
    table = QTable({"redshift": rng.uniform(6.0, 8.0, n)})
    for band in ("F115W", "F150W", "F200W"):
        table[f"flux_{band}"] = rng.uniform(5.0, 20.0, n) * u.nJy
        table[f"flux_err_{band}"] = np.ones(n) * u.nJy
    return as_sample(table)


def peak():
    """Largest memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def bench_network(n):
    """A backend that does nothing."""
    sample = make_stamps(n)
    estimator = Nothing()
    estimator.estimate(sample[:1000], progress=False)
    before = peak()
    start, wall = time.process_time(), time.perf_counter()
    estimator.estimate(sample, progress=False)
    seconds, wall = time.process_time() - start, time.perf_counter() - wall
    print(f"{n / seconds:9.0f} galaxies/s of processor time, {n / wall:9.0f} of wall time")
    print(f"{1e6 * seconds / n:9.1f} us a galaxy; {peak() - before:.0f} MB more memory")


def time_meurer(n, options, path=None):
    """Processor time of a run, s, and largest memory, MB; writes the result without a store."""
    sample = make_photometry(n)
    first = MeurerEstimator().estimate(sample[:100], progress=False)
    with tempfile.TemporaryDirectory() as folder:
        # Loads the package that writes such files.
        first.write(Path(folder) / path.name)
    start = time.process_time()
    table = MeurerEstimator().estimate(sample, progress=False, **options)
    if not options:
        table.write(path)
    return time.process_time() - start, peak()


def bench_store(n, suffix):
    """`MeurerEstimator` without a store, with one, and resumed."""
    with tempfile.TemporaryDirectory() as folder:
        stored = {"output": Path(folder) / f"stored{suffix}", "resume": True}
        runs = {"without a store": {}, "with a store": stored, "resumed": stored}
        first = None
        for name, options in runs.items():
            # A fresh process, for the memory.
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                path = Path(folder) / f"written{suffix}"
                seconds, memory = pool.apply(time_meurer, (n, options, path))
            first = seconds if first is None else first
            ratio = seconds / first
            print(
                f"{n:8d} {suffix:8} {name:16} {seconds:7.2f} s {ratio:6.2f} {memory:6.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    what, *numbers = sys.argv[1:] or ["network", "20000"]
    for number in map(int, numbers):
        if what == "network":
            bench_network(number)
        else:
            for suffix in (".fits", ".parquet"):
                bench_store(number, suffix)
