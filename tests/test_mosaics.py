"""From positions and redshifts on mosaics to attenuation, by every kind of method."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.table import QTable
from astropy.wcs import WCS
from scipy.signal import fftconvolve

from dustest import BagpipesEstimator, CNNEstimator, FusionEstimator, MeurerEstimator
from dustest.cli import main
from dustest.data import DustestWarning, DustTable, InputError
from dustest.io import add_cutouts, add_photometry, load_demo, read_catalog
from dustest.physics import PSF

SCALE, STAMP, N = 0.03, 91, 4
GALAXY, NOISE = 2.5, 0.02
WIDTHS = {"F115W": 1.6, "F150W": 1.6, "F200W": 1.7, "F277W": 2.0, "F356W": 2.3, "F444W": 2.7}


def make_psf(width):
    """A Gaussian."""
    y, x = np.mgrid[-50:51, -50:51]
    return PSF(np.exp(-0.5 * (x**2 + y**2) / width**2), SCALE)


@pytest.fixture(scope="module")
def psfs():
    """Point-spread functions by band."""
    return {band: make_psf(width) for band, width in WIDTHS.items()}


@pytest.fixture(scope="module")
def field(psfs):
    """Simulated photometry, and mosaics with round galaxies of these fluxes in a row."""
    demo, _ = load_demo()
    bright = np.argsort(-np.asarray(demo["snr_F444W"]))[: 3 * N : 3]
    known = demo[np.sort(bright)]
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [53.1, -27.8]
    wcs.wcs.crpix, wcs.wcs.cdelt = [100.0, 46.0], [-SCALE / 3600, SCALE / 3600]
    rng = np.random.default_rng(210420)
    mosaics = {}
    for band, psf in psfs.items():
        galaxy = fftconvolve(psf.image, make_psf(GALAXY).image, mode="same")[5:-5, 5:-5]
        pixels = np.concatenate([flux * galaxy for flux in known[f"flux_{band}"].value], axis=1)
        pixels += rng.normal(0.0, NOISE, pixels.shape)
        error = StdDevUncertainty(np.full(pixels.shape, NOISE))
        mosaics[band] = CCDData(pixels, unit=u.nJy, wcs=wcs, uncertainty=error)
    sky = wcs.pixel_to_world(STAMP // 2 + STAMP * np.arange(N), np.full(N, STAMP // 2))
    positions = QTable({"id": known["id"], "ra": sky.ra, "dec": sky.dec})
    positions["redshift"] = known["redshift"]
    return known, mosaics, positions


@pytest.fixture(scope="module")
def sample(field, psfs):
    """Positions and redshifts, to which everything else was added."""
    _, mosaics, positions = field
    with_stamps = add_cutouts(positions, mosaics, size=32)
    return add_photometry(with_stamps, mosaics, psf=psfs)


def agree(found, expected):
    """Whether attenuations agree within their uncertainties."""
    width = [0.5 * (table["A_V_p84"] - table["A_V_p16"]).value for table in (found, expected)]
    return np.abs(found["A_V"] - expected["A_V"]).value < 2.0 * np.hypot(*width)


def test_fluxes(field, sample):
    for band in WIDTHS:
        pull = (sample[f"flux_{band}"] - field[0][f"flux_{band}"]) / sample[f"flux_err_{band}"]
        assert np.all(np.abs(pull) < 4.0)


def test_slopes(field, sample):
    slope = MeurerEstimator(method="photometry")
    assert np.all(agree(slope.estimate(sample), slope.estimate(field[0])))


def test_networks(sample):
    table = CNNEstimator.from_pretrained("nircam-3band").estimate(sample)
    assert np.all(np.isfinite(table["A_V"]))


@pytest.mark.slow
def test_sed_fits(field, sample):
    sed = BagpipesEstimator(random_state=1)
    assert np.all(agree(sed.estimate(sample), sed.estimate(field[0])))


@pytest.mark.slow
def test_fusion(sample):
    fused = FusionEstimator.from_pretrained("nircam-3band+photometry")
    assert np.all(np.isfinite(fused.estimate(sample)["A_V"]))


class TestCommandLine:
    @pytest.fixture
    def words(self, field, psfs, tmp_path):
        """Catalogue of positions and redshifts, mosaics and point-spread functions, as files."""
        _, mosaics, positions = field
        positions.write(tmp_path / "positions.ecsv")
        words = [str(tmp_path / "positions.ecsv"), "--output", str(tmp_path / "slopes.ecsv")]
        for band, image in mosaics.items():
            image.write(tmp_path / f"{band}.fits")
            fits.writeto(
                tmp_path / f"psf_{band}.fits", psfs[band].image, fits.Header({"PIXSCL": SCALE})
            )
            words += ["--image", f"{band}={tmp_path / band}.fits"]
            words += ["--psf", f"{band}={tmp_path / 'psf_'}{band}.fits"]
        return words

    def test_photometry(self, words, sample):
        assert main(["estimate", *words, "--photometry", "0.5"]) == 0
        table = DustTable.read(words[2])
        expected = MeurerEstimator().estimate(sample)
        np.testing.assert_allclose(table["A_V"].value, expected["A_V"].value, atol=0.02)

    def test_named_positions(self, words, capsys):
        named = [*words, "--column", "ra=dec", "--column", "dec=dec"]
        with pytest.warns(DustestWarning, match="none of the 4 galaxies is on the image"):
            assert main(["estimate", *named, "--photometry"]) == 0
        assert "4 galaxies have no result, with the flags " in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (["--photometry", "-1"], "argument --photometry: must be a diameter above 0 arcsec"),
            (["--photometry", "x.ecsv"], "'x.ecsv': without a number, put the option after"),
        ],
    )
    def test_wrong_diameters(self, words, given, message, capsys):
        with pytest.raises(SystemExit):
            main(["estimate", *words, *given])
        assert message in capsys.readouterr().err

    def test_apertures_of_less_than_a_pixel(self, words, capsys):
        assert main(["estimate", *words, "--photometry", "0.01"]) == 1
        assert "dustest: --photometry must be at least a pixel of" in capsys.readouterr().err

    def test_positions_are_a_catalogue(self, words):
        with pytest.raises(InputError, match=r"without fluxes needs columns=\{'ra': 'ra', 'dec'"):
            read_catalog(words[0])
        sample = read_catalog(words[0], columns={"ra": "ra", "dec": "dec"})
        assert sample.bands == ()
        assert {"id", "ra", "dec", "redshift"} <= set(sample.colnames)

    def test_psf_without_photometry(self, words, capsys):
        assert main(["estimate", *words]) == 1
        assert "--psf is for --photometry: add that option" in capsys.readouterr().err

    def test_photometry_without_mosaics(self, words, capsys):
        assert main(["estimate", *words[:3], "--photometry"]) == 1
        assert "--photometry needs mosaics" in capsys.readouterr().err
