"""A set of the benchmark without a simulator, and a simulator that is quick."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.table import QTable

from dustest.data import RowTable, as_sample
from dustest.simulate.stream import write_chunks
from dustest.studies import Benchmark, BenchmarkGalaxies

N = 60


@dataclass(frozen=True)
class ToySet(Benchmark):
    """A_V is the flux over 100, up to noise of 0.1 mag."""

    n: int = N
    is_scored: bool = True
    is_truth: bool = True

    def galaxies(self, folder, catalogs=None, *, n_jobs=None, progress=None):
        sample, truth = make(self.n)
        about = {"name": self.name, "description": self.description, "n": self.n}
        return BenchmarkGalaxies(sample, truth, about, self.is_truth, self.is_scored)


def make(n, seed=1):
    """Galaxies with photometry in one band, images of it, and their truth."""
    rng = np.random.default_rng(seed)
    a_v = rng.uniform(0.0, 2.0, n)
    flux = 100 * (a_v + rng.normal(0.0, 0.1, n))
    columns = {"id": np.arange(n), "redshift": np.full(n, 7.0), "flux_F277W": flux * u.nJy}
    columns |= {"flux_err_F277W": np.full(n, 5.0) * u.nJy}
    columns |= {"cutout_F277W": rng.normal(size=(n, 32, 32)) * u.nJy}
    columns |= {"pixel_scale": np.full(n, 0.03) * u.arcsec, "snr_F277W": rng.uniform(0, 20, n)}
    truth = RowTable({"id": np.arange(n), "A_V": a_v * u.mag, "log_sSFR": -8.0 - a_v})
    return as_sample(QTable(columns)), truth


class ToySimulator:
    """A replacement of `GalaxySimulator` that counts the rows that it makes in ``made``."""

    made = 0

    def __init__(self, bands, survey, redshifts, **settings):
        self.settings = settings

    def stream(self, n, path, seed, *, n_jobs=None, progress=None):
        return write_chunks(_Rows(seed), n, path, manifest={"seed": seed}, chunk_rows=20)


@dataclass(frozen=True)
class _Rows:
    """Makes rows, and counts them."""

    seed: int

    def __call__(self, start, stop):
        ToySimulator.made += stop - start
        sample, truth = make(stop, self.seed)
        return sample[start:], truth[start:]
