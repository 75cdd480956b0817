"""Cost of everything around a network: `DustEstimator.estimate` with a backend that does nothing.

Prints how many galaxies, of three stamps of 32 x 32 pixels each, go in a second of processor time,
and by how much the memory of the process has grown.

Run ``python benchmarks/bench_run.py 20000``.
"""

import resource
import sys
import time
from typing import ClassVar

import numpy as np
from astropy import units as u
from astropy.table import QTable

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


def make_sample(n):
    """Galaxies of noise, with redshifts."""
    rng = np.random.default_rng(1)
    table = QTable({"redshift": rng.uniform(6.0, 9.0, n)})
    for band in BANDS:
        stamps = rng.standard_normal((n, 32, 32), dtype=np.float32)
        table[f"cutout_{band}"] = u.Quantity(stamps, u.nJy, dtype=np.float32)
    return as_sample(table)


def main(n):
    sample = make_sample(n)
    estimator = Nothing()
    estimator.estimate(sample[:1000], progress=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, wall = time.process_time(), time.perf_counter()
    estimator.estimate(sample, progress=False)
    seconds, wall = time.process_time() - start, time.perf_counter() - wall
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"{n / seconds:9.0f} galaxies/s of processor time, {n / wall:9.0f} of wall time")
    print(f"{1e6 * seconds / n:9.1f} us a galaxy; {grown / 1024:.0f} MB more memory")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
