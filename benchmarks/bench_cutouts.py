"""Time and memory that `add_cutouts` and `add_photometry` take, against loading the mosaic.

Writes a mosaic with SCI and ERR into a temporary folder, measures galaxies on it and reports the
time and the peak of the private memory of the process, which includes pages of mapped files.
Linux only.

Run ``python benchmarks/bench_cutouts.py --side 14142 --galaxies 5000``.
"""

import argparse
import re
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import QTable
from astropy.wcs import WCS

from dustest.io import add_cutouts, add_photometry

PIXEL_SCALE = 0.03 / 3600.0
ROWS_AT_ONCE = 500


class PeakMemory:
    """Largest private memory of this process, in MB."""

    def __enter__(self):
        self.peak = private_memory()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._stop.set()
        self._thread.join()
        self.peak = max(self.peak, private_memory())

    def _watch(self):
        while not self._stop.wait(0.02):
            self.peak = max(self.peak, private_memory())


def private_memory():
    """Resident memory that no other process shares, in MB."""
    rollup = Path("/proc/self/smaps_rollup").read_text()
    found = re.findall(r"Private_(?:Clean|Dirty):\s+(\d+) kB", rollup)
    return sum(map(int, found)) / 1024.0


def make_wcs(side):
    """Coordinates of a square mosaic."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [53.1, -27.8]
    wcs.wcs.crpix = [side / 2, side / 2]
    wcs.wcs.cdelt = [-PIXEL_SCALE, PIXEL_SCALE]
    return wcs


def write_mosaic(path, side, rng):
    """Write a mosaic of noise, some rows at a time."""
    coordinates = make_wcs(side).to_header()
    for name, draw in (("SCI", rng.standard_normal), ("ERR", np.ones)):
        header = fits.ImageHDU(np.zeros((1, 1), dtype=np.float32), coordinates, name=name).header
        header["NAXIS1"] = header["NAXIS2"] = side
        header["BUNIT"] = "nJy"
        stream = fits.StreamingHDU(str(path), header)
        for first in range(0, side, ROWS_AT_ONCE):
            rows = min(ROWS_AT_ONCE, side - first)
            stream.write(draw((rows, side)).astype(np.float32))
        stream.close()


def draw_positions(side, n, rng):
    """Galaxies all over the mosaic, some of them at its edge."""
    x, y = rng.uniform(0, side - 1, size=(2, n))
    sky = make_wcs(side).pixel_to_world(x, y)
    return QTable({"ra": sky.ra, "dec": sky.dec})


def load_whole(path):
    """What a naive reader does: both images in memory, in double precision."""
    with fits.open(path, memmap=False) as hdus:
        return [hdu.data.astype(float) for hdu in hdus[1:]]


def measure(label, action):
    """Print seconds, CPU seconds and the peak of private memory of a call."""
    before = private_memory()
    with PeakMemory() as memory:
        start, cpu = time.perf_counter(), time.process_time()
        action()
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(
        f"{label}: {seconds:.2f} s ({cpu:.2f} s of CPU), {memory.peak:.0f} MB of private memory "
        f"({before:.0f} MB before)"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=14_142, help="rows and columns of the mosaic")
    parser.add_argument("--galaxies", type=int, default=5_000)
    parser.add_argument("--skip-naive", action="store_true", help="do not load the mosaic whole")
    parser.add_argument("--mosaic", type=Path, help="file to keep the mosaic in, or to find it")
    arguments = parser.parse_args()
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.mosaic or Path(folder) / "mosaic.fits"
        if not path.exists():
            write_mosaic(path, arguments.side, rng)
        table = draw_positions(arguments.side, arguments.galaxies, rng)
        add_cutouts(table[:10], {"F277W": path})
        print(f"mosaic: SCI + ERR, {path.stat().st_size / 1e6:.0f} MB")
        for label in ("first", "again"):
            measure(f"add_cutouts, {label}", lambda: add_cutouts(table, {"F277W": path}))
        measure("add_photometry", lambda: add_photometry(table, {"F277W": path}))
        if not arguments.skip_naive:
            measure("loading all of it", lambda: load_whole(path))


if __name__ == "__main__":
    main()
