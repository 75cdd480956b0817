"""Time and memory that `add_cutouts` takes, against loading the mosaic as a whole.

Writes a mosaic with SCI and ERR into a temporary folder, cuts galaxies out of it and reports
the time and the peak of the memory that belongs to the process alone. Pages of a mapped file do
not count there: the system takes them back when it needs them. Linux only.

Run ``python benchmarks/bench_cutouts.py --side 10000 --galaxies 5000``.
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

from dustest.io import add_cutouts

PIXEL_SCALE = 0.03 / 3600.0
ROWS_AT_ONCE = 500


class PeakMemory:
    """Peak growth of the anonymous memory of this process, in MB."""

    def __enter__(self):
        self._start = self._peak = anonymous_memory()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._stop.set()
        self._thread.join()

    def _watch(self):
        while not self._stop.wait(0.002):
            self._peak = max(self._peak, anonymous_memory())

    @property
    def growth(self):
        return self._peak - self._start


def anonymous_memory():
    """Anonymous resident memory in MB."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+) kB", status)[1]) / 1024.0


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


def measure(action):
    """Seconds and growth of memory in MB of a call."""
    with PeakMemory() as memory:
        start = time.perf_counter()
        result = action()
        seconds = time.perf_counter() - start
    del result
    return seconds, memory.growth


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=10_000, help="rows and columns of the mosaic")
    parser.add_argument("--galaxies", type=int, default=5_000)
    parser.add_argument("--skip-naive", action="store_true", help="do not load the mosaic whole")
    arguments = parser.parse_args()
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mosaic.fits"
        write_mosaic(path, arguments.side, rng)
        table = draw_positions(arguments.side, arguments.galaxies, rng)
        add_cutouts(table[:10], {"F277W": path})
        print(f"mosaic: SCI + ERR, {path.stat().st_size / 1e6:.0f} MB")
        for label in ("first", "again"):
            seconds, growth = measure(lambda: add_cutouts(table, {"F277W": path}))
            print(f"add_cutouts, {label}: {seconds:.2f} s, {growth:.0f} MB of its own")
        if not arguments.skip_naive:
            seconds, growth = measure(lambda: load_whole(path))
            print(f"loading all of it: {seconds:.2f} s, {growth:.0f} MB of its own")


if __name__ == "__main__":
    main()
