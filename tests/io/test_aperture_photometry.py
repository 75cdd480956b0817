"""Photometry of mosaics, against simulated ones with known total fluxes and explicit sums."""

import json
import re

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.table import QTable, Table
from astropy.wcs import WCS
from photutils.aperture import CircularAperture, aperture_photometry
from scipy.signal import fftconvolve

from dustest.data import (
    DustestWarning,
    GalaxySample,
    InputError,
    MissingDependencyError,
    ReadError,
    as_sample,
    decode_flags,
)
from dustest.io import add_cutouts, add_photometry
from dustest.io._foreground import band_correction
from dustest.physics import PSF, encircled_energy, make_psf, matching_kernel
from dustest.simulate import CorrelatedNoise

SCALE = 0.03
SIDE = 241
WIDTHS = {"F115W": 1.5, "F277W": 2.2, "F444W": 2.9}
FLUXES = {"F115W": 40.0, "F277W": 60.0, "F444W": 100.0}


def make_wcs(scale=SCALE, side=SIDE, angle=0.0):
    """A tangential projection, north up or rotated by degrees."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = (53.1, -27.8)
    wcs.wcs.crpix = [(side + 1) / 2] * 2
    wcs.wcs.cdelt = [-scale / 3600, scale / 3600]
    sine, cosine = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    wcs.wcs.pc = [[cosine, -sine], [sine, cosine]]
    return wcs


def gaussian(width, side=SIDE, center=None, scale=SCALE):
    """A Gaussian with a sum of 1; its width in pixels of 0.03 arcsec."""
    x0, y0 = (side // 2, side // 2) if center is None else center
    y, x = np.mgrid[:side, :side]
    image = np.exp(-0.5 * ((x - x0) ** 2 + (y - y0) ** 2) / (width * SCALE / scale) ** 2)
    return image / image.sum()


def make_psfs(scale=SCALE):
    """Gaussian point-spread functions by band."""
    return {band: PSF(gaussian(width, 101, scale=scale), scale) for band, width in WIDTHS.items()}


def make_mosaic(pixels, error=0.02, wcs=None, unit=u.nJy, **kwargs):
    """An image in memory."""
    uncertainty = None if error is None else StdDevUncertainty(np.full(pixels.shape, error))
    wcs = wcs or make_wcs(side=len(pixels))
    return CCDData(np.array(pixels), uncertainty=uncertainty, wcs=wcs, unit=unit, **kwargs)


def make_positions(x, y, wcs=None):
    """Galaxies at pixel positions."""
    sky = (wcs or make_wcs()).pixel_to_world(np.atleast_1d(x), np.atleast_1d(y))
    return QTable({"ra": sky.ra.deg * u.deg, "dec": sky.dec.deg * u.deg})


def white(seed, side=SIDE, rms=0.02):
    """Noise without correlation."""
    return np.random.default_rng(seed).normal(0.0, rms, (side, side))


def star_mosaics(center=(120, 120), noise=True, **kwargs):
    """A point source in three bands."""
    return {
        band: make_mosaic(
            FLUXES[band] * gaussian(width, center=center) + noise * white(210404), **kwargs
        )
        for band, width in WIDTHS.items()
    }


def values(sample, band):
    """Flux and error of the first galaxy."""
    return float(sample[f"flux_{band}"][0].value), float(sample[f"flux_err_{band}"][0].value)


def flags_of(sample):
    """Names of the flags of each row, as sets."""
    return [set(names) for names in decode_flags(np.asarray(sample["flags"]))]


class TestFluxes:
    @pytest.mark.parametrize("center", [(120, 120), (119.6, 120.5), (120.3, 119.75)])
    @pytest.mark.parametrize("correction", ["extended", "point"])
    def test_point_source(self, center, correction):
        mosaics = star_mosaics(center)
        sample = add_photometry(
            make_positions(*center), mosaics, psf=make_psfs(), correction=correction
        )
        assert isinstance(sample, GalaxySample)
        assert sample.bands == tuple(WIDTHS)
        for band, true in FLUXES.items():
            flux, error = values(sample, band)
            assert sample[f"flux_{band}"].unit == u.nJy
            assert abs(flux - true) < 3.0 * error
            assert error < 0.02 * true
        assert flags_of(sample) == [set()]

    def test_matching_is_that_of_convolved_images(self):
        center, radius = (119.7, 120.2), 0.25 / SCALE
        mosaics = star_mosaics(center)
        psfs = make_psfs()
        sample = add_photometry(make_positions(*center), mosaics, psf=psfs, correction="none")
        for band, psf in psfs.items():
            kernel = matching_kernel(psf, psfs["F444W"])
            image = fftconvolve(mosaics[band].data, kernel, mode="same")
            expected = aperture_photometry(image, CircularAperture(center, radius))
            assert values(sample, band)[0] == pytest.approx(expected["aperture_sum"][0], rel=2e-3)

    def test_sums_agree_with_stamps(self):
        center = (118.3, 121.9)
        mosaics, positions = star_mosaics(center), make_positions(center[0], center[1])
        psf = PSF(gaussian(2.0, 101), SCALE)
        sample = add_cutouts(positions, mosaics, size=40)
        sample = add_photometry(sample, mosaics, psf=psf, correction="none")
        # add_cutouts places the first pixel at the ceiling of the position less half the size.
        place = np.array(center) - np.ceil(np.array(center) - 20)
        for band in WIDTHS:
            stamp = sample[f"cutout_{band}"][0].value
            expected = aperture_photometry(stamp, CircularAperture(place, 0.25 / SCALE))
            assert values(sample, band)[0] == pytest.approx(expected["aperture_sum"][0], rel=1e-6)

    def test_exponential_discs(self):
        size, psf = 0.15, PSF(gaussian(WIDTHS["F444W"], 151), SCALE)
        factor = 5
        y, x = ((np.mgrid[: 151 * factor, : 151 * factor] + 0.5) / factor - 75.5) * SCALE
        light = np.exp(-1.6783469900166605 * np.hypot(x, y / 0.8) / size)
        light = light.reshape(151, factor, 151, factor).sum(axis=(1, 3))
        image = fftconvolve(light / light.sum(), psf.image, mode="same")
        mosaic = make_mosaic(np.pad(200.0 * image, 45) + white(210405))
        positions = make_positions(120, 120)
        point = add_photometry(positions, {"F444W": mosaic}, psf=psf, correction="point")
        total = add_photometry(positions, {"F444W": mosaic}, psf=psf)
        assert values(point, "F444W")[0] < 180.0
        assert values(total, "F444W")[0] == pytest.approx(200.0, rel=0.02)
        assert total["aperture_correction_err"][0] > 0.0
        assert values(total, "F444W")[1] > values(point, "F444W")[1]

    def test_pixels_of_other_size_and_orientation(self):
        center, psfs = (120, 120), make_psfs()
        mosaics = star_mosaics(center)
        positions = make_positions(*center)
        same = add_photometry(positions, mosaics, psf=psfs)
        fine = gaussian(WIDTHS["F115W"], 361, scale=0.02) * FLUXES["F115W"] + white(210406, 361)
        mosaics["F115W"] = make_mosaic(fine, wcs=make_wcs(0.02, 361, angle=30.0))
        psfs["F115W"] = PSF(gaussian(WIDTHS["F115W"], 151, scale=0.02), 0.02)
        other = add_photometry(positions, mosaics, psf=psfs)
        for band in WIDTHS:
            flux, error = values(other, band)
            assert abs(flux - values(same, band)[0]) < 4.0 * error

    def test_neighbour_is_removed_on_rotated_pixels(self):
        # North of the galaxy by 0.6 arcsec.
        wcs = {"F277W": make_wcs(), "F444W": make_wcs(angle=90.0)}
        sky = wcs["F277W"].pixel_to_world(120, 140)
        mosaics = {}
        for band, each in wcs.items():
            place = [float(axis) for axis in each.world_to_pixel(sky)]
            pixels = FLUXES[band] * gaussian(WIDTHS[band])
            pixels += 2.0 * FLUXES[band] * gaussian(WIDTHS[band], center=place)
            mosaics[band] = make_mosaic(pixels + white(210407), wcs=each)
        psfs = {band: make_psfs()[band] for band in wcs}
        sample = add_photometry(make_positions(120, 120), mosaics, psf=psfs)
        for band in wcs:
            assert values(sample, band)[0] == pytest.approx(FLUXES[band], rel=0.03)

    def test_surface_brightness(self):
        psfs = make_psfs()
        area = ((SCALE * u.arcsec) ** 2).to(u.sr)
        positions = make_positions(120, 120)
        expected = add_photometry(positions, star_mosaics(), psf=psfs)
        scale = (1.0 * u.nJy / area).to_value(u.MJy / u.sr)
        mosaics = {
            band: make_mosaic(image.data * scale, 0.02 * scale, unit=u.MJy / u.sr)
            for band, image in star_mosaics().items()
        }
        found = add_photometry(positions, mosaics, psf=psfs)
        for band in WIDTHS:
            np.testing.assert_allclose(values(found, band), values(expected, band), rtol=1e-4)

    def test_background(self):
        pedestal = {band: make_mosaic(image.data + 0.02) for band, image in star_mosaics().items()}
        positions = make_positions(120, 120)
        with_it = add_photometry(positions, pedestal, psf=make_psfs(), correction="point")
        without = add_photometry(
            positions, pedestal, psf=make_psfs(), correction="point", background=True
        )
        for band, true in FLUXES.items():
            assert values(with_it, band)[0] > true + 3.0
            flux, error = values(without, band)
            assert abs(flux - true) < 3.0 * error

    def test_foreground(self):
        positions = make_positions(120, 120)
        plain = add_photometry(positions, star_mosaics(), psf=make_psfs())
        sample = add_photometry(positions, star_mosaics(), psf=make_psfs(), foreground_ebv=0.1)
        for band in WIDTHS:
            factor = band_correction(np.array([0.1]), band)[0]
            ratio = np.divide(values(sample, band), values(plain, band))
            np.testing.assert_allclose(ratio, factor)
            assert "G23" in sample.meta[f"foreground_dust_flux_{band}"]

    def test_existing_columns_are_replaced(self):
        sample = as_sample(make_positions(120, 120))
        sample["flux_F277W"] = [1.0] * u.uJy
        sample["flux_err_F277W"] = [1.0] * u.uJy
        sample["flags"] = np.array([4], dtype=np.int32)
        found = add_photometry(sample, star_mosaics(), psf=make_psfs())
        assert sample["flux_F277W"][0].unit == u.uJy
        assert values(found, "F277W")[0] == pytest.approx(60.0, rel=0.05)
        assert flags_of(found) == [{"LOW_SNR"}]

    def test_record(self):
        sample = add_photometry(
            make_positions(120, 120), star_mosaics(), psf=make_psfs(), aperture=0.4 * u.arcsec
        )
        record = json.loads(sample.meta["photometry"])
        assert record["aperture_arcsec"] == 0.4
        assert record["target_psf"] == "F444W"
        assert {one["origin"] for one in record["psf"].values()} == {"given"}
        # The width of a Gaussian that is sampled at the centres of the pixels.
        assert record["psf"]["F277W"]["fwhm"] == pytest.approx(2.3548 * 2.2 * SCALE, rel=0.01)
        assert record["psf"]["F277W"]["pixel_scale"] == SCALE
        assert record["psf"]["F277W"]["size"] == 101
        digests = {one["digest"] for one in record["psf"].values()}
        assert len(digests) == 3
        again = add_photometry(make_positions(120, 120), star_mosaics(), psf=make_psfs())
        assert {one["digest"] for one in json.loads(again.meta["photometry"])["psf"].values()} == (
            digests
        )

    def test_bands_of_two_calls(self):
        mosaics, psfs = star_mosaics(), make_psfs()
        first = add_photometry(make_positions(120, 120), mosaics, psf=psfs)
        with pytest.warns(DustestWarning, match="the fluxes of F115W, F444W are of an earlier"):
            second = add_photometry(first, {"F277W": mosaics["F277W"]}, psf=psfs["F277W"])
        record = json.loads(second.meta["photometry"])
        assert list(record["psf"]) == ["F277W"]
        assert record["earlier"] == json.loads(first.meta["photometry"])
        # All bands anew, and notes of the user, are no reason for a warning.
        second.meta["photometry"] = "see the paper"
        third = add_photometry(second, mosaics, psf=psfs)
        add_photometry(third, mosaics, psf=psfs)
        assert record["noise"]["F277W"]["error_scale"] == pytest.approx(1.0, abs=0.02)


@pytest.fixture(scope="module")
def pulls():
    """Fluxes over errors at empty positions, in two bands with correlated noise."""
    side, lags = 900, {"F277W": (0.75, 0.35, 0.14), "F444W": (0.66, 0.21, 0.06)}
    depth = np.where(np.arange(side) < side // 2, 1.0, 1.5)[:, np.newaxis]
    mosaics = {}
    for number, band in enumerate(lags):
        noise = CorrelatedNoise(0.02, lags[band])
        pixels = noise.draw(1, side, random_state=210416 + number)[0] * depth
        error = StdDevUncertainty(0.6 * 0.02 * np.broadcast_to(depth, pixels.shape))
        wcs = make_wcs(side=side)
        mosaics[band] = CCDData(pixels, uncertainty=error, wcs=wcs, unit=u.nJy)
    places = np.arange(60, side - 60, 40) + 0.3
    x, y = (axis.ravel() for axis in np.meshgrid(places, places))
    psfs = {band: make_psfs()[band] for band in lags}
    sample = add_photometry(
        make_positions(x, y, make_wcs(side=side)), mosaics, psf=psfs, correction="point"
    )
    return sample, {band: sample[f"flux_{band}"] / sample[f"flux_err_{band}"] for band in lags}


class TestErrors:
    @pytest.mark.slow
    def test_pulls(self, pulls):
        for pull in pulls[1].values():
            assert len(pull) == 400
            assert abs(np.mean(pull.value)) < 0.15
            assert np.std(pull.value) == pytest.approx(1.0, abs=0.1)

    def test_record_of_the_noise(self, pulls):
        noise = json.loads(pulls[0].meta["photometry"])["noise"]["F277W"]
        assert noise["error_scale"] == pytest.approx(1.0 / 0.6, rel=0.03)
        np.testing.assert_allclose(noise["autocorrelation"], (0.75, 0.35, 0.14), atol=0.04)

    def test_low_snr(self, pulls):
        assert np.mean(["LOW_SNR" in names for names in flags_of(pulls[0])]) > 0.99

    def test_without_error_map(self):
        positions = make_positions(120, 120)
        expected = add_photometry(positions, star_mosaics(), psf=make_psfs())
        with pytest.warns(DustestWarning, match="has no error map"):
            found = add_photometry(positions, star_mosaics(error=None), psf=make_psfs())
        for band in WIDTHS:
            np.testing.assert_allclose(values(found, band), values(expected, band), rtol=0.05)

    @pytest.mark.parametrize("side", [1, 31])
    def test_without_an_error_there_is_no_flux(self, side):
        mosaics = {"F277W": make_mosaic(np.ones((side, side)), error=None)}
        positions = make_positions(side // 2, side // 2, make_wcs(side=side))
        with (
            pytest.warns(DustestWarning, match="has no error map"),
            pytest.warns(DustestWarning, match="the correlation of the noise of band F277W"),
        ):
            sample = add_photometry(positions, mosaics, psf=make_psfs()["F277W"])
        assert np.isnan(values(sample, "F277W")).all()
        assert "NO_DATA" in flags_of(sample)[0]

    def test_little_sky(self):
        mosaics = {"F277W": make_mosaic(60.0 * gaussian(2.2, 31) + white(210409, 31), 0.02)}
        psf = make_psfs()["F277W"]
        positions = make_positions(15, 15, make_wcs(side=31))
        with pytest.warns(DustestWarning, match="the correlation of the noise of band F277W"):
            sample = add_photometry(
                positions, mosaics, psf=psf, correction="point", aperture=0.3 * u.arcsec
            )
        assert values(sample, "F277W")[0] == pytest.approx(60.0, rel=0.02)


class TestBadPixels:
    def test_bad_pixels_are_replaced(self):
        mosaics = star_mosaics()
        mosaics["F277W"].mask = np.zeros((SIDE, SIDE), dtype=bool)
        mosaics["F277W"].mask[116:125, 122:125] = True
        mosaics["F277W"].data[116:125, 122:125] = 1e4
        sample = add_photometry(make_positions(120, 120), mosaics, psf=make_psfs())
        flux, error = values(sample, "F277W")
        assert abs(flux - 60.0) < 3.0 * error
        assert flags_of(sample) == [{"BAD_PIXELS"}]
        assert 0.05 < sample["replaced_fraction"][0] < 0.2

    @pytest.mark.parametrize("how", ["value", "error"])
    @pytest.mark.parametrize("size", [0.0, 4.0, 8.0])
    def test_lost_light_is_estimated(self, size, how):
        """The centre has no mirror image; a point source has 5 % of its light there."""
        positions = make_positions(120, 120)
        fluxes = []
        for bad in (False, True):
            mosaics = {
                band: make_mosaic(FLUXES[band] * gaussian(np.hypot(width, size)) + white(210404))
                for band, width in WIDTHS.items()
            }
            if bad and how == "value":
                mosaics["F277W"].data[120, 120] = np.nan
            elif bad:
                mosaics["F277W"].uncertainty.array[120, 120] = 0.0
            fluxes.append(add_photometry(positions, mosaics, psf=make_psfs(), correction="none"))
        (clean, before), (flux, error) = (values(one, "F277W") for one in fluxes)
        assert flux == pytest.approx(clean, rel=0.004)
        assert abs(flux - clean) < error
        # The error has the difference of the slopes of a point source and of none.
        assert error > before
        assert flags_of(fluxes[1]) == [{"BAD_PIXELS"}]

    def test_lost_light_of_unknown_slope_has_an_error(self):
        mosaics = star_mosaics((120, 120))
        mosaics["F277W"].data[120, 119:122] = np.nan
        sample = add_photometry(make_positions(120, 120), mosaics, psf=make_psfs())
        flux, error = values(sample, "F277W")
        assert flux == pytest.approx(60.0, rel=0.01)
        assert 0.015 < error / flux < 0.03

    def test_no_flux_without_the_centre(self):
        mosaics = star_mosaics()
        mosaics["F277W"].data[118:123, 118:123] = np.nan
        sample = add_photometry(make_positions(120, 120), mosaics, psf=make_psfs())
        assert np.isnan(values(sample, "F277W")).all()
        assert values(sample, "F444W")[0] == pytest.approx(100.0, rel=0.02)
        assert flags_of(sample) == [{"BAD_PIXELS", "MISSING_BAND"}]

    def test_an_empty_band(self):
        mosaics = star_mosaics()
        mosaics["F277W"].data[:] = np.nan
        with pytest.warns(DustestWarning, match="no part of its 241 by 241 pixels is mostly good"):
            sample = add_photometry(make_positions(120, 120), mosaics, psf=make_psfs())
        assert np.isnan(values(sample, "F277W")).all()
        assert values(sample, "F444W")[0] == pytest.approx(100.0, rel=0.02)

    def test_neighbour_is_replaced(self):
        psfs = make_psfs()
        mosaics = star_mosaics()
        for band, image in mosaics.items():
            image.data += 3.0 * FLUXES[band] * gaussian(WIDTHS[band], center=(136, 120))
        sample = add_photometry(make_positions(120, 120), mosaics, psf=psfs)
        for band, true in FLUXES.items():
            assert values(sample, band)[0] == pytest.approx(true, rel=0.04)

    def test_rows_are_independent(self):
        positions = make_positions([120, 1, 500, 120], [120, 120, 120, 122])
        positions["dec"][3] = np.nan * u.deg
        sample = add_photometry(positions, star_mosaics(), psf=make_psfs())
        alone = add_photometry(positions[:1], star_mosaics(), psf=make_psfs())
        for band in WIDTHS:
            np.testing.assert_allclose(values(sample, band), values(alone, band), rtol=0.02)
        assert flags_of(sample)[0] == set()
        assert "EDGE" in flags_of(sample)[1]
        assert flags_of(sample)[2] == {"EDGE", "NO_DATA"}
        assert flags_of(sample)[3] == {"NO_DATA"}

    def test_another_field(self):
        positions = make_positions(120, 120)
        positions["dec"] += 1.0 * u.deg
        with pytest.warns(DustestWarning, match="none of the 1 galaxies is on the image"):
            sample = add_photometry(positions, {"F277W": star_mosaics()["F277W"]},
                                    psf=make_psfs()["F277W"])  # fmt: skip
        assert flags_of(sample) == [{"EDGE", "NO_DATA"}]

    def test_large_galaxies(self):
        pixels = 2000.0 * gaussian(15.0) + white(210411)
        with pytest.warns(DustestWarning, match="1 of 1 galaxies have more than half"):
            add_photometry(
                make_positions(120, 120), {"F277W": make_mosaic(pixels)}, psf=make_psfs()["F277W"]
            )


class TestPsf:
    def test_forms(self, tmp_path):
        psfs = make_psfs()
        path = tmp_path / "f277w.fits"
        fits.writeto(path, psfs["F277W"].image, fits.Header({"PIXSCL": SCALE}))
        forms = {"F115W": psfs["F115W"].image, "f277w": path, "JWST/NIRCam.F444W": psfs["F444W"]}
        positions = make_positions(120, 120)
        expected = add_photometry(positions, star_mosaics(), psf=psfs)
        found = add_photometry(positions, star_mosaics(), psf=forms)
        for band in WIDTHS:
            np.testing.assert_allclose(values(found, band), values(expected, band), rtol=1e-3)
        assert json.loads(found.meta["photometry"])["psf"]["F277W"]["origin"] == "f277w.fits"

    def test_computed_by_default(self):
        image = 80.0 * np.pad(make_psf("F277W", size=201).image, 20) + white(210412)
        sample = add_photometry(make_positions(120, 120), {"F277W": make_mosaic(image)})
        assert values(sample, "F277W")[0] == pytest.approx(80.0, rel=0.02)
        record = json.loads(sample.meta["photometry"])["psf"]["F277W"]
        assert record["origin"] == "computed"
        assert record["fwhm"] == pytest.approx(make_psf("F277W").fwhm, abs=1e-3)

    def test_without_poppy(self, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "poppy", None)
        with pytest.raises(MissingDependencyError, match="poppy"):
            add_photometry(make_positions(120, 120), {"F182M": make_mosaic(white(210413))})

    @pytest.mark.parametrize(
        ("psf", "error", "message"),
        [
            (3.0, InputError, "psf of band F814W must be a PSF, an array on the pixels"),
            (None, InputError, "psf must be given for band F814W: band must be one of JWST"),
            (np.ones((4, 4)), InputError, "psf of band F814W: image must be square with an odd"),
            ({"F444W": None}, InputError, "psf names the band 'F444W', which is not one of"),
            ("nowhere.fits", ReadError, "nowhere.fits"),
            ("matched", InputError, "psf must be the one of all images if they are matched"),
        ],
    )
    def test_wrong(self, psf, error, message):
        mosaics = {"F814W": star_mosaics()["F277W"]}
        with pytest.raises(error, match=re.escape(message)):
            add_photometry(make_positions(120, 120), mosaics, psf=psf)

    def test_a_file_without_pixel_scale(self, tmp_path):
        path = tmp_path / "psf.fits"
        fits.writeto(path, make_psfs()["F277W"].image)
        message = r"psf of band F277W: file_pixel_scale must be given to read_psf .* and pass its"
        with pytest.raises(InputError, match=message):
            add_photometry(
                make_positions(120, 120), {"F277W": star_mosaics()["F277W"]}, psf=str(path)
            )

    @pytest.mark.parametrize(
        ("psf", "message"),
        [
            (np.roll(gaussian(2.2, 101), 3, axis=1), "has its source 3.0 pixels from the central"),
            (PSF(gaussian(2.2, 101), 2 * SCALE), r"has a width \(FWHM\) of 0.3"),
            (PSF(gaussian(2.2, 201), 0.5 * SCALE), r"has a width \(FWHM\) of 0.0"),
        ],
        ids=["shifted", "wide", "narrow"],
    )
    def test_improbable(self, psf, message):
        mosaics = {"F277W": star_mosaics()["F277W"]}
        with pytest.warns(DustestWarning, match=f"the psf of band F277W {message}"):
            add_photometry(make_positions(120, 120), mosaics, psf=psf)


class TestArguments:
    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"aperture": 0.5}, "aperture must be an angle such as 0.5 * astropy.units.arcsec"),
            ({"aperture": -0.5 * u.arcsec}, "aperture must be above 0 arcsec"),
            ({"aperture": 5.0 * u.arcsec}, "aperture must be at most 1.26 arcsec"),
            ({"aperture": 10.0 * u.mas}, "aperture must be at least a pixel of band F115W, 0.030"),
            ({"correction": "kron"}, "correction must be one of extended, point, none"),
            ({"background": "yes"}, "background must be True or False"),
            ({"snr_min": "five"}, "snr_min must be"),
            ({"unit": {"F090W": "nJy"}}, "unit names the band 'F090W'"),
        ],
    )
    def test_wrong(self, given, message):
        with pytest.raises(InputError, match=re.escape(message)):
            add_photometry(make_positions(120, 120), star_mosaics(), psf=make_psfs(), **given)

    def test_mosaics(self):
        with pytest.raises(InputError, match=r"mosaics must be a dict of .* got list$"):
            add_photometry(make_positions(120, 120), [star_mosaics()["F277W"]])

    def test_pixels_that_are_not_square(self):
        wcs = make_wcs()
        wcs.wcs.cdelt = [-SCALE / 3600, 1.2 * SCALE / 3600]
        mosaics = {"F277W": make_mosaic(white(210414), wcs=wcs)}
        with pytest.raises(InputError, match="mosaics must have square pixels"):
            add_photometry(make_positions(120, 120), mosaics)

    def test_corrected_mosaics(self):
        mosaics = {"F277W": make_mosaic(white(210415), meta={"foreground_dust": "SFD"})}
        with pytest.raises(InputError, match="the mosaic of band F277W is already corrected"):
            add_photometry(make_positions(120, 120), mosaics, foreground_ebv=0.01)


class TestRealData:
    def test_jof_478(self, shared_data):
        """The catalogue has one factor for all bands that the images do not show: 1.33."""
        path = shared_data / "cutouts" / "jof_478_zphot5.84.fits"
        catalog = Table.read(shared_data / "catalogs" / "jof_bagpipes.ecsv")
        row = catalog[catalog["id"] == 478][0]
        bands = ("F150W", "F277W", "F335M", "F444W")
        positions = QTable({"ra": [row["ra"]] * u.deg, "dec": [row["dec"]] * u.deg})
        psfs = {band: make_psf(band, size=101) for band in bands}
        mosaics = dict.fromkeys(bands, path)
        sample = add_photometry(positions, mosaics, psf=psfs, aperture=0.32 * u.arcsec)
        found = np.array([values(sample, band) for band in bands])
        known = np.array([(row[f"{band}_uJy"], row[f"{band}_err_uJy"]) for band in bands]) * 1e3
        ratio = found[:, 0] / known[:, 0]
        assert np.median(ratio) == pytest.approx(0.76, abs=0.06)
        error = ratio * np.hypot(found[:, 1] / found[:, 0], known[:, 1] / known[:, 0])
        assert np.all(np.abs(ratio - np.median(ratio)) < 2.0 * error)
        # The light within 0.25 arcsec of the centre, corrected for a point source only.
        pixels, segments = fits.getdata(path, "F335M_SCI") * 1e3, fits.getdata(path, "SEG")
        others = (segments != 0) & (segments != segments[32, 32])
        circle = CircularAperture((32, 32), 0.25 / SCALE)
        inside = aperture_photometry(pixels, circle, mask=others)["aperture_sum"][0]
        total = inside / encircled_energy(psfs["F335M"], 0.25)
        assert values(sample, "F335M")[0] == pytest.approx(total, rel=0.1)
        assert known[2, 0] > 1.2 * total

    @pytest.mark.parametrize("number", [10735, 13374, 40, 6414])
    def test_ceers(self, shared_data, number):
        """Galaxies of the table, in an aperture of 1.5 arcsec; errors of the table are 10 %."""
        folder = shared_data / "cutouts"
        table = Table.read(folder / "ceers_table.csv")
        row = table[table["id_"] == number][0]
        mosaics, psfs = {}, {}
        for band in ("F277W", "F356W", "F444W"):
            pixels, error = (
                fits.getdata(folder / f"ceers_{number}" / f"{band.lower()}{kind}.fits")
                for kind in ("", "_err")
            )
            # The files have lost the rotation of their coordinates.
            wcs = make_wcs(0.04, len(pixels))
            error = StdDevUncertainty(error.astype(float))
            mosaics[band] = CCDData(
                pixels.astype(float), unit="MJy/sr", wcs=wcs, uncertainty=error
            )
            psfs[band] = shared_data / "psf" / f"psf-ceers-nrca5-{band.lower()}.fits"
        sample = add_photometry(
            make_positions(len(pixels) // 2, len(pixels) // 2, wcs),
            mosaics,
            psf=psfs,
            aperture=1.5 * u.arcsec,
        )
        for band in mosaics:
            known = row[f"nircam_{band.lower()}_flux"] * 1e6
            assert values(sample, band)[0] == pytest.approx(known, rel=0.08)
