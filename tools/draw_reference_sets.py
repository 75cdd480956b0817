"""Draw the reference sets of version 0.1, by which networks of later versions are compared.

Run with ``PYTHONPATH=CHECKOUT python tools/draw_reference_sets.py FOLDER``, where CHECKOUT is a
checkout of commit fa98541: the sets are what that version simulates. Both populations of version
0.1, the default and the heavy one (that of the training), are drawn with both surveys and the
settings of ``tools/train_pretrained.py``, one view of each galaxy. A set is the first galaxies
with S/N >= 5 in at least one band. Each is written to ``FOLDER/POPULATION/SURVEY-sample.fits``
and ``SURVEY-truth.fits``, and seeds, numbers of rows and SHA-256 of the columns to
``FOLDER/reference_sets.json``, whose copy is ``benchmarks/data/reference_sets-0.1.json``.
"""

import argparse
import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack

from dustest.simulate import GalaxyPopulation, GalaxySimulator, MassFunction

BANDS = ("F277W", "F356W", "F444W")
POPULATIONS = {
    "default": GalaxyPopulation(),
    "heavy": GalaxyPopulation(log_mass=(8.0, 11.0), mass_function=MassFunction(tilt=0.5)),
}
SEEDS = {
    ("default", "JADES-deep"): 170501,
    ("default", "CEERS"): 170502,
    ("heavy", "JADES-deep"): 170503,
    ("heavy", "CEERS"): 170504,
}
SNR_MIN = 5.0
FIRST_ROWS = 512


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=2500, help="galaxies of a population and survey")
    parser.add_argument("--n-jobs", type=int, default=1)
    options = parser.parse_args(arguments)
    records = []
    for (population, survey), seed in SEEDS.items():
        drawn = draw(population, survey, seed, options.n, options.n_jobs)
        records.append(write(options.folder / population, population, survey, *drawn))
        text = json.dumps(records, indent=1) + "\n"
        (options.folder / "reference_sets.json").write_text(text)


def draw(population, survey, seed, n, n_jobs):
    """Sample and truth of the first n galaxies that are bright enough, and rows looked at."""
    simulator = GalaxySimulator(
        BANDS,
        survey,
        spectrograph=None,
        offset=0.5,
        neighbours=0.1,
        population=POPULATIONS[population],
        views=("xy",),
    )
    rows, count = FIRST_ROWS, 0
    with tempfile.TemporaryDirectory() as folder:
        while count < n:
            simulation = simulator.stream(rows, folder, random_state=seed, n_jobs=n_jobs)
            kept = [bright(*part) for part in simulation]
            count = sum(len(sample) for sample, _ in kept)
            rows = max(rows + FIRST_ROWS, int(1.02 * rows * n / max(count, 1)))
    sample, truth = (
        vstack(part, metadata_conflicts="silent")[:n] for part in zip(*kept, strict=True)
    )
    return sample, truth, seed, len(simulation)


def bright(sample, truth):
    """The galaxies with S/N >= 5 in at least one band, as plain tables."""
    kept = np.max([sample[f"snr_{band}"] for band in BANDS], axis=0) >= SNR_MIN
    return Table(sample)[kept], Table(truth)[kept]


def write(folder, population, survey, sample, truth, seed, n_rows):
    """Write a set, and return its record."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {"population": population, "survey": survey, "seed": seed, "rows_drawn": n_rows}
    record["n"] = len(sample)
    for name, table in {"sample": sample, "truth": truth}.items():
        table.meta.clear()
        path = folder / f"{survey}-{name}.fits"
        table.write(path, overwrite=True)
        record[f"{name}_sha256"] = digest(Table.read(path))
    return record


def digest(table):
    """SHA-256 of names, types and values of the columns."""
    sha = hashlib.sha256()
    for name in sorted(table.colnames):
        values = np.asarray(table[name])
        values = values.astype(values.dtype.newbyteorder("<"), order="C")
        sha.update(f"{name} {values.dtype.str} {values.shape}".encode())
        sha.update(values.tobytes())
    return sha.hexdigest()


if __name__ == "__main__":
    main()
