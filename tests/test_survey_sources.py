"""Surveys that do not fit into memory: tiles of mosaics and simulations, by several methods."""

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.table import QTable, vstack
from astropy.wcs import WCS

from dustest import CNNEstimator, MeurerEstimator
from dustest.data import GalaxySample, InputError, RowTable
from dustest.io import add_cutouts, open_catalog, read_catalog
from dustest.simulate.stream import write_chunks

SCALE, STAMP, COLUMNS, ROWS = 0.03, 40, 6, 4
N = COLUMNS * ROWS
BANDS = {"F115W": 20.0, "F150W": 22.0, "F200W": 25.0}
"""Fluxes in nJy."""


def write_tile(folder, number):
    """Write a mosaic of round galaxies, and their catalogue; the last one is beyond the edge."""
    rng = np.random.default_rng([240201, number])
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [53.1 + 0.01 * number, -27.8]
    wcs.wcs.crpix, wcs.wcs.cdelt = [1.0, 1.0], [-SCALE / 3600, SCALE / 3600]
    y, x = np.mgrid[:STAMP, :STAMP] - STAMP // 2
    galaxy = np.exp(-0.5 * (x**2 + y**2) / 2.5**2)
    pixels = np.tile(galaxy, (ROWS, COLUMNS)) + rng.normal(
        0.0, 0.02, (STAMP * ROWS, STAMP * COLUMNS)
    )
    error = StdDevUncertainty(np.full(pixels.shape, 0.02))
    CCDData(pixels, unit=u.nJy, wcs=wcs, uncertainty=error).write(folder / f"mosaic{number}.fits")
    row, column = np.divmod(np.arange(N), COLUMNS)
    sky = wcs.pixel_to_world(
        STAMP * column + STAMP // 2 + STAMP * (np.arange(N) == N - 1), STAMP * row + STAMP // 2
    )
    table = QTable({"id": number * N + np.arange(N), "ra": sky.ra, "dec": sky.dec})
    table["redshift"] = rng.uniform(6.0, 7.0, N)
    for band, flux in BANDS.items():
        table[f"flux_{band}"] = rng.normal(flux, 1.0, N) * u.nJy
        table[f"flux_err_{band}"] = np.ones(N) * u.nJy
    table.write(folder / f"catalog{number}.parquet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two tiles."""
    folder = tmp_path_factory.mktemp("tiles")
    for number in range(2):
        write_tile(folder, number)
    return folder


def cutouts(folder, number):
    """Function that adds the cutouts of a tile."""
    mosaics = {"F277W": folder / f"mosaic{number}.fits"}
    return lambda sample: add_cutouts(sample, mosaics, progress=False)


@pytest.fixture
def tiles(folder):
    """Sources, which are read in parts of ten galaxies."""
    return [
        open_catalog(folder / f"catalog{k}.parquet", rows_at_once=10).map(cutouts(folder, k))
        for k in range(2)
    ]


@pytest.fixture
def sample(folder):
    """All galaxies in memory."""
    parts = [cutouts(folder, k)(read_catalog(folder / f"catalog{k}.parquet")) for k in range(2)]
    return vstack(parts, metadata_conflicts="silent")


@pytest.fixture(scope="module")
def network():
    """The network for one band that comes with dustest."""
    return CNNEstimator.from_pretrained("nircam-1band")


@pytest.fixture(params=["slope", "network"])
def method(request, network):
    """Each method."""
    return {"slope": MeurerEstimator(method="photometry"), "network": network}[request.param]


def check_equal(result, whole):
    """Result on disc and table have the same bytes."""
    table = result.read()
    assert table.colnames == whole.colnames
    for name in whole.colnames:
        assert np.asarray(table[name]).tobytes() == np.asarray(whole[name]).tobytes(), name


def open_files():
    """Number of open files of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


class TestTiles:
    def test_are_estimated_as_one_sample(self, tiles, sample, method, tmp_path):
        result = method.estimate(tiles, output=tmp_path / "r.parquet")
        assert np.all(np.isfinite(result.read(["A_V"])["A_V"][: N - 1]))
        check_equal(result, method.estimate(sample))

    def test_galaxies_beyond_the_edge_are_flagged(self, tiles, network, tmp_path):
        flags = network.estimate(tiles, output=tmp_path / "r.fits").read().flag_names
        assert [k for k, names in enumerate(flags) if "NO_DATA" in names] == [N - 1, 2 * N - 1]

    def test_resume(self, tiles, method, tmp_path):
        method.estimate(tiles[:1], output=tmp_path / "r.fits")
        again = method.estimate(tiles, output=tmp_path / "r.fits", resume=True)
        method.estimate(tiles, output=tmp_path / "once.fits")
        assert again.path.read_bytes() == (tmp_path / "once.fits").read_bytes()

    def test_files_are_closed(self, tiles, network, tmp_path):
        before = open_files()
        network.estimate(tiles, output=tmp_path / "r.fits")
        assert open_files() == before

    def test_need_an_output(self, tiles, method):
        with pytest.raises(InputError, match="output must be given"):
            method.estimate(tiles)


class TestSimulations:
    def test_by_a_network(self, sample, network, tmp_path):
        known = np.flatnonzero(np.arange(len(sample)) % N != N - 1)
        stamps = GalaxySample(
            {
                name: sample[name][known]
                for name in ("id", "redshift", "cutout_F277W", "pixel_scale")
            }
        )

        def make(start, stop):
            truth = RowTable({"A_V": np.zeros(stop - start) * u.mag})
            return stamps[start:stop], truth

        simulated = write_chunks(make, len(stamps), tmp_path / "set", manifest={}, chunk_rows=7)
        result = network.estimate(simulated, output=tmp_path / "r.parquet")
        # Images on disc have single precision.
        check_equal(result, network.estimate(simulated.read()[0]))
