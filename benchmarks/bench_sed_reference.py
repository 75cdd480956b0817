"""Posteriors of the tabulated engine against Bagpipes under its sampler, galaxy by galaxy.

Mocks of the default prior (lognormal history, Calzetti dust, nine bands, redshifts from 6 to 9,
signal to noise of 5, 10 and 20 in turn) and, with ``--catalog``, real galaxies are fitted by both
engines. Bagpipes fits each of them once for every seed: the scatter between those fits is what the
difference between the engines is held against. A fit takes minutes, so each is kept as a file in
``--output`` and not repeated. Run ``python benchmarks/bench_sed_reference.py --output fits``.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import QTable
from bench_sed_engine import BANDS, draw_mocks

from dustest import BagpipesEstimator
from dustest.data.containers.sample import GalaxySample
from dustest.io import read_catalog

COLUMNS = ("A_V_p16", "A_V", "A_V_p84", "log_sSFR_p16", "log_sSFR", "log_sSFR_p84", "log_mass")
LIMITS = {"A_V": 0.05, "log_sSFR": 0.1, "log_mass": 0.05}
REDSHIFTS = (6.0, 9.0)


def mocks(n):
    """Mocks with signal to noise of 5, 10 and 20 in turn."""
    redshift = np.random.default_rng(1).uniform(*REDSHIFTS, n).round(2)
    galaxies = [
        draw_mocks(1, float(z), (5.0, 10.0, 20.0)[i % 3], seed=100 + i)[0]
        for i, z in enumerate(redshift)
    ]
    sample = GalaxySample({"id": [f"mock{i:02d}" for i in range(n)], "redshift": redshift})
    for k, band in enumerate(BANDS):
        sample[f"flux_{band}"] = [galaxy.flux[k] for galaxy in galaxies] * u.nJy
        sample[f"flux_err_{band}"] = [galaxy.flux_err[k] for galaxy in galaxies] * u.nJy
    return sample


def real(path, n):
    """The first galaxies of a catalogue within the redshifts."""
    sample = read_catalog(path)
    redshift = np.asarray(sample["redshift"])
    return sample[np.flatnonzero((redshift > REDSHIFTS[0]) & (redshift < REDSHIFTS[1]))[:n]]


def processor_seconds():
    """Seconds of this process and of those of its children that have ended."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in usage)


def fitted(sample, engine, seed, n_live, folder):
    """Estimates of one galaxy, from the folder if they are there."""
    path = folder / f"{sample['id'][0]}-{engine}-{seed}.ecsv"
    if not path.exists():
        # Tables then end with as many as Bagpipes does at 1,000 live points, some 6,000.
        n_effective = 12_000 if engine == "tabulated" else 1000
        estimator = BagpipesEstimator(
            engine=engine,
            preset="Fu",
            random_state=seed,
            n_live=n_live,
            n_effective=n_effective,
        )
        start = processor_seconds()
        table = QTable(estimator.estimate(sample))
        table["seconds"] = processor_seconds() - start
        table.write(path.with_suffix(".part"), format="ascii.ecsv", overwrite=True)
        path.with_suffix(".part").rename(path)
        print(f"{time.strftime('%H:%M')} {path.name}: {table['seconds'][0]:.0f} s", flush=True)
    return QTable.read(path, format="ascii.ecsv")


def values(tables):
    """Values (n_galaxies, n_columns), and processor seconds of all."""
    columns = [[float(u.Quantity(table[name][0]).value) for name in COLUMNS] for table in tables]
    return np.array(columns), sum(float(table["seconds"][0]) for table in tables)


def show(label, galaxies, arguments):
    """Fit the galaxies of a sample and print how the engines differ."""
    folder = Path(arguments.output)
    slow = {seed: [] for seed in arguments.seeds}
    for seed in arguments.seeds:
        for i in range(len(galaxies)):
            row = galaxies[i : i + 1]
            slow[seed].append(fitted(row, "bagpipes", seed, arguments.n_live, folder))
    fast, _ = values(
        [
            fitted(galaxies[i : i + 1], "tabulated", 1, arguments.n_live, folder)
            for i in range(len(galaxies))
        ]
    )
    reference, seconds = zip(*(values(tables) for tables in slow.values()), strict=True)
    mean = np.mean(reference, axis=0)
    each = sum(seconds) / len(galaxies) / len(slow)
    print(f"{label}: {len(galaxies)} galaxies, {each:.0f} s a fit")
    for k, name in enumerate(COLUMNS):
        limit = LIMITS[name.split("_p")[0]]
        signed = fast[:, k] - mean[:, k]
        difference = np.abs(signed)
        scatter = np.ptp(np.array(reference)[:, :, k], axis=0)
        kept = np.sum(difference <= np.maximum(scatter, limit))
        print(
            f"    {name:13s} difference: median {np.median(signed):+.3f}, largest "
            f"{difference.max():.3f}; seeds differ by {np.median(scatter):.3f}, at most "
            f"{scatter.max():.3f}; within the larger of that and {limit:g}: {kept}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True, help="folder of the fits")
    parser.add_argument("--mocks", type=int, default=20)
    parser.add_argument("--catalog", help="catalogue of real galaxies")
    parser.add_argument("--real", type=int, default=10, help="galaxies of it")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--n-live", type=int, default=1000)
    arguments = parser.parse_args()
    Path(arguments.output).mkdir(parents=True, exist_ok=True)
    show("mocks", mocks(arguments.mocks), arguments)
    if arguments.catalog:
        show("real", real(arguments.catalog, arguments.real), arguments)


if __name__ == "__main__":
    main()
