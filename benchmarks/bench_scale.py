"""Memory and time of `DustEstimator.estimate` against the number of galaxies, read in parts.

For each number of rows and format, one process writes a catalogue of eleven bands, and another
opens it and runs `MeurerEstimator`. Prints, and appends to a CSV file if one is named, the peak
memory of the second process and its time.

Run ``python benchmarks/bench_scale.py --rows 10000 100000 1000000 --output scale.csv``.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SEED = 230410
BANDS = ("F606W", "F814W", "F090W", "F115W", "F150W", "F200W", "F277W", "F335M", "F356W", "F410M")
BANDS = (*BANDS, "F444W")
PART = 20_000
"""Rows of the catalogue that are made at once."""


def write_catalog(path, n_rows):
    """Write galaxies with power-law spectra and noise, part by part."""
    from astropy import units as u

    from dustest.data import RowTable, get_band
    from dustest.data.containers.result_files import ResultWriter

    wave = np.array([get_band(band).pivot for band in BANDS])
    rng = np.random.default_rng(SEED)
    with ResultWriter(path) as writer:
        for start in range(0, n_rows, PART):
            n = min(PART, n_rows - start)
            table = RowTable({"id": np.arange(start, start + n)})
            table["redshift"] = rng.uniform(5.0, 9.0, n)
            slope = rng.normal(-2.0, 0.4, (n, 1))
            flux = 10 ** rng.uniform(0.5, 2.0, (n, 1)) * (wave / 2e4) ** (slope + 2)
            flux = np.where(
                wave < 1216.0 * (1.0 + np.asarray(table["redshift"])[:, np.newaxis]), 0.0, flux
            )
            flux = flux + rng.normal(0.0, 1.0, flux.shape)
            for number, band in enumerate(BANDS):
                table[f"flux_{band}"] = flux[:, number] * u.nJy
                table[f"flux_err_{band}"] = np.ones(n) * u.nJy
            writer.append(table)


def estimate(path, output):
    """Run the estimator on a catalogue; prints seconds and peak memory in MB."""
    from dustest import MeurerEstimator
    from dustest.io import open_catalog

    start = time.perf_counter(), time.process_time()
    catalog = open_catalog(path)
    opened = time.perf_counter()
    result = MeurerEstimator().estimate(catalog, output=output, progress=False)
    seconds, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(result)},{opened - start[0]:.2f},{seconds:.2f},{cpu:.2f},{peak:.1f}")


def measure(ending, n_rows, folder):
    """Measure one size in processes of its own."""
    path, output = folder / f"catalog.{ending}", folder / f"result.{ending}"
    call([__file__, "--write", str(path), "--rows", str(n_rows)])
    line = call([__file__, "--estimate", str(path), str(output)]).strip()
    for file in folder.iterdir():
        file.unlink()
    return f"{ending},{line}"


def call(words):
    """Standard output of a Python process."""
    return subprocess.run(
        [sys.executable, *words], check=True, capture_output=True, text=True
    ).stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--format", nargs="+", default=["parquet", "fits"])
    parser.add_argument("--output", type=Path)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--estimate", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write_catalog(options.write, options.rows[0])
        return
    if options.estimate:
        estimate(*options.estimate)
        return
    print("format,rows,seconds_to_open,seconds,cpu_seconds,peak_mb")
    for ending in options.format:
        for n_rows in options.rows:
            with tempfile.TemporaryDirectory() as folder:
                line = measure(ending, n_rows, Path(folder))
            print(line, flush=True)
            if options.output:
                with options.output.open("a") as file:
                    file.write(line + "\n")


if __name__ == "__main__":
    main()
