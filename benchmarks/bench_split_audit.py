"""Copies that ``audit_split`` finds, by signal-to-noise ratio, and what it takes for copies.

Run with ``python benchmarks/bench_split_audit.py --folder FOLDER``. FOLDER keeps the galaxies of
the default population in one view each, in three bands with the depth of JADES; an interrupted run
resumes. One half of the galaxies is the training set. The test set is the other half, in which
each galaxy of the training set has a twin with the probability ``--share``: its image in a
random orientation, with more noise of the survey whose standard deviation is drawn between 0 and
``--noise`` times the original's.

The table has precision and recall in bins of the highest S/N of the original in a band. Precision
is the share of the pairs found, by the S/N of their row of the test set, that are twins.
"""

import argparse
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from dustest.data import as_sample
from dustest.simulate import GalaxySimulator, noise_preset
from dustest.validation import audit_split
from dustest.validation.split_audit.twins import orientations

SEED = 191010
BANDS = ("F277W", "F356W", "F444W")
SURVEY = "JADES-deep"
EDGES = (0.0, 2.0, 5.0, 10.0, 15.0, 30.0, np.inf)


def read_galaxies(folder, n, n_jobs):
    """Stamps of galaxies and their highest S/N."""
    simulator = GalaxySimulator(
        BANDS, SURVEY, views=["xy"], photometry_bands=(), spectrograph=None
    )
    stamps, snr = [], []
    for sample, _ in simulator.stream(n, folder, random_state=SEED, n_jobs=n_jobs):
        columns = [np.asarray(sample[f"cutout_{band}"].value, dtype="f4") for band in BANDS]
        stamps.append(np.stack(columns, axis=1))
        ratios = [np.asarray(sample[f"snr_{band}"]) for band in BANDS]
        snr.append(np.max(ratios, axis=0))
    return np.concatenate(stamps)[:n], np.concatenate(snr)[:n]


def add_twins(train, test, share, most_noise, rng):
    """Replace some rows of a test set by twins of rows of the training set."""
    n = min(len(train), len(test))
    rows = rng.permutation(n)[: int(share * n)]
    places = rng.permutation(len(test))[: len(rows)]
    size = train.shape[-1]
    amplitude = rng.uniform(0.0, most_noise, (len(rows), 1, 1))
    noise = [noise_preset(SURVEY, band).draw(len(rows), (size, size), rng) for band in BANDS]
    turn = rng.integers(8, size=len(rows))
    twins = np.stack(
        [orientations(train[row])[which] for row, which in zip(rows, turn, strict=True)]
    )
    test = test.copy()
    test[places] = twins + amplitude[:, None] * np.stack(noise, axis=1)
    original = np.full(len(test), -1)
    original[places] = rows
    return test, original


def judge(copies, original, snr, test_snr):
    """Lines of the table: precision and recall in bins of S/N."""
    twins = copies[copies["reason"] == "twin"]
    rows, places = np.asarray(twins["row"]), np.asarray(twins["test_row"])
    right = original[places] == rows
    is_twin = original >= 0
    found = np.zeros(len(original), dtype=bool)
    found[places[right]] = True
    ratio = np.where(is_twin, snr[original], test_snr)
    for low, high in [(0.0, np.inf), *pairwise(EDGES)]:
        inside = (ratio >= low) & (ratio < high)
        n_twins, n_found = np.sum(inside & is_twin), np.sum(inside & found)
        n_pairs = np.sum(inside[places])
        recall = n_found / n_twins if n_twins else np.nan
        precision = np.sum(right & inside[places]) / n_pairs if n_pairs else np.nan
        yield (
            f"S/N {low:4g} to {high:4g}: {n_twins:5d} twins, recall {recall:.4f}; "
            f"{n_pairs:5d} pairs, precision {precision:.4f}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--noise", type=float, default=1.0)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    stamps, snr = read_galaxies(options.folder, options.rows, options.jobs)
    half = len(stamps) // 2
    rng = np.random.default_rng(SEED)
    test, original = add_twins(stamps[:half], stamps[half:], options.share, options.noise, rng)
    samples = [as_sample(part, bands=BANDS) for part in (stamps[:half], test)]
    start, used = time.perf_counter(), time.process_time()
    copies = audit_split(*samples)
    elapsed, used = time.perf_counter() - start, time.process_time() - used
    for line in judge(copies, original, snr[:half], snr[half:]):
        print(line)
    print(
        f"{half} x {len(test)} stamps in {elapsed:.0f} s, {used:.0f} CPU seconds; noise added up "
        f"to {options.noise:g} of the original's"
    )


if __name__ == "__main__":
    main()
