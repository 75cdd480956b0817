"""Point-spread functions, against closed forms and drizzled ones of real mosaics."""

import sys

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Column
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import erf

from dustest.data import (
    Band,
    DustestWarning,
    InputError,
    MissingDependencyError,
    ReadError,
    get_band,
)
from dustest.physics import PSF, encircled_energy, make_psf, read_psf, resample_psf
from dustest.physics.telescope.jwst_optics import drizzled_width
from dustest.physics.telescope.psf import warn_of_unlikely

RADII = [0.1, 0.2, 0.4]
CEERS = {
    **dict.fromkeys(("F090W", "F115W", "F150W", "F200W"), "nrca3"),
    **dict.fromkeys(("F277W", "F356W", "F410M", "F444W"), "nrca5"),
}
FWHM_OF_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))


def pixel_gaussian(sigma, shape, center, width=1.0):
    """A round Gaussian integrated over pixels; sigma, center (row, column), width in pixels."""
    sides = []
    for n, middle in zip(shape, center, strict=True):
        edges = (np.arange(n + 1) - 0.5) * width - middle
        sides.append(np.diff(erf(edges / (np.sqrt(2.0) * sigma))) / 2.0)
    return np.outer(*sides)


def gaussian_psf(sigma=3.0, size=61, pixel_scale=0.03):
    """A Gaussian, integrated over pixels."""
    return PSF(pixel_gaussian(sigma, (size, size), (size // 2, size // 2)), pixel_scale)


def write_psf(path, image=None, **keywords):
    """A file with a Gaussian that is not centred."""
    if image is None:
        image = 0.95 * pixel_gaussian(2.5, (50, 50), (24.3, 25.2))
    fits.writeto(path, image, fits.Header(keywords))
    return path


def at_phase(fine, pixel_scale, shift):
    """Put a finely sampled PSF onto mosaic pixels, the source off their centre."""
    factor = round(pixel_scale / fine.pixel_scale)
    moved = np.roll(fine.image, np.round(np.multiply(shift, factor)).astype(int), axis=(0, 1))
    n = fine.size // factor | 1
    n -= 2 * (n * factor > fine.size)
    start = (fine.size - n * factor) // 2
    part = moved[start : start + n * factor, start : start + n * factor]
    return PSF(part.reshape(n, factor, n, factor).sum(axis=(1, 3)), pixel_scale)


@pytest.fixture(scope="module")
def f277w():
    """A computed PSF."""
    return make_psf("F277W")


class TestRecord:
    def test_is_normalised(self):
        psf = PSF(np.full((5, 5), 3.0), 0.03 * u.arcsec)
        assert psf.image.sum() == pytest.approx(1.0)
        assert psf.pixel_scale == pytest.approx(0.03)

    def test_image_cannot_be_changed(self):
        with pytest.raises(ValueError, match="read-only"):
            gaussian_psf().image[0, 0] = 1.0

    @pytest.mark.parametrize("sigma", [1.5, 3.0, 6.0])
    def test_width_of_a_gaussian(self, sigma):
        psf = gaussian_psf(sigma)
        # The pixel widens a Gaussian by its own variance of a twelfth.
        expected = FWHM_OF_SIGMA * np.sqrt(sigma**2 + 1.0 / 12.0) * psf.pixel_scale
        assert psf.fwhm == pytest.approx(expected, rel=0.01)

    @pytest.mark.parametrize("shape", [(4, 4), (5, 7), (5,)])
    def test_shape(self, shape):
        with pytest.raises(InputError, match="odd number of pixels"):
            PSF(np.ones(shape), 0.03)

    @pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0])
    def test_values(self, value):
        with pytest.raises(InputError, match="finite with a positive sum"):
            PSF(np.full((5, 5), value), 0.03)

    @pytest.mark.parametrize("scale", [0.0, -0.03, np.nan, "0.03", True, 1.0 * u.m])
    def test_pixel_scale(self, scale):
        with pytest.raises(InputError, match="pixel_scale must be a positive angle"):
            PSF(np.ones((5, 5)), scale)


class TestEncircledEnergy:
    def test_closed_form(self):
        psf = gaussian_psf(6.0, size=101)
        radius = np.array([0.1, 0.2, 0.4])
        sigma = np.sqrt(6.0**2 + 1.0 / 12.0) * psf.pixel_scale
        expected = 1.0 - np.exp(-0.5 * (radius / sigma) ** 2)
        np.testing.assert_allclose(encircled_energy(psf, radius), expected, atol=2e-3)

    @pytest.mark.parametrize("radius", [[100.0, 200.0] * u.mas, Column([0.1, 0.2], unit="arcsec")])
    def test_units_of_radii(self, radius):
        y, x = np.mgrid[-15:16, -15:16]
        psf = PSF(np.exp(-0.5 * (x**2 + y**2) / 2.0**2), pixel_scale=0.03)
        expected = encircled_energy(psf, [0.1, 0.2])
        np.testing.assert_allclose(encircled_energy(psf, radius), expected)
        with pytest.raises(InputError, match="radius must have a unit"):
            encircled_energy(psf, [0.1] * u.um)

    def test_shape_and_units(self):
        psf = gaussian_psf()
        assert encircled_energy(psf, 0.1).shape == ()
        assert encircled_energy(psf, [[100.0, 200.0]] * u.mas).shape == (1, 2)

    @given(st.lists(st.floats(0.005, 0.9), min_size=2, max_size=8))
    def test_grows_with_radius(self, radii):
        energies = encircled_energy(gaussian_psf(), np.sort(radii))
        assert np.all(np.diff(energies) >= -1e-12)
        assert np.all((energies > 0) & (energies <= 1 + 1e-12))

    @pytest.mark.parametrize("radius", [0.0, -0.1, np.nan, 1.0])
    def test_radius(self, radius):
        with pytest.raises(InputError, match="radius must be positive and within"):
            encircled_energy(gaussian_psf(), radius)


class TestMakePSF:
    @pytest.mark.parametrize("band", CEERS)
    def test_light_of_drizzled_psfs(self, shared_data, band):
        real = read_psf(shared_data / "psf" / f"psf-ceers-{CEERS[band]}-{band.lower()}.fits")
        psf = make_psf(band, pixel_scale=real.pixel_scale, size=real.size)
        off = encircled_energy(psf, RADII) - encircled_energy(real, RADII)
        assert np.all(np.abs(off) < 0.015)

    @pytest.mark.parametrize("band", ["F090W", "F200W", "F277W", "F356W", "F444W"])
    def test_width_of_drizzled_psfs(self, shared_data, band):
        path = shared_data / "psf" / f"psf-ceers-{CEERS[band]}-{band.lower()}.fits"
        real = PSF(fits.getdata(path), 0.04)
        y, x = np.mgrid[-8:9, -8:9]
        core = real.image[42:59, 42:59]
        shift = [np.average(axis, weights=core) for axis in (y, x)]
        # With 1.5 pixels across the core, the width hangs on where in a pixel the source lies.
        psf = at_phase(make_psf(band, pixel_scale=0.008, size=505), 0.04, shift)
        assert psf.fwhm == pytest.approx(real.fwhm, rel=0.05)

    @pytest.mark.parametrize("field", ["smacs0723", "glass"])
    @pytest.mark.parametrize("band", ["F277W", "F356W", "F444W"])
    def test_other_fields(self, shared_data, field, band):
        (path,) = (shared_data / "psf").glob(f"*psf-{field}*{band.lower()}.fits")
        real = read_psf(path)
        psf = make_psf(band, pixel_scale=real.pixel_scale, size=real.size)
        off = encircled_energy(psf, RADII) - encircled_energy(real, RADII)
        assert np.all(np.abs(off) < 0.05)
        assert psf.fwhm == pytest.approx(real.fwhm, rel=0.12)

    def test_record(self, f277w):
        assert f277w.image.shape == (101, 101)
        assert (f277w.band, f277w.pixel_scale) == ("F277W", 0.03)
        assert f277w.image.sum() == pytest.approx(1.0)
        assert f277w.image.min() > -1e-6

    def test_is_centred_and_symmetric(self, f277w):
        np.testing.assert_allclose(f277w.image, f277w.image[::-1, ::-1], atol=1e-7)
        assert f277w.image.argmax() == f277w.image.size // 2

    def test_has_six_spikes(self, f277w):
        y, x = np.mgrid[-50:51, -50:51]
        ring = (np.hypot(x, y) > 12) & (np.hypot(x, y) < 30)
        angle = np.arctan2(y, x)[ring]
        light = f277w.image[ring]
        waves = [np.abs(np.average(np.exp(1j * m * angle), weights=light)) for m in (2, 4, 6, 8)]
        assert waves[2] > 3.0 * max(waves[0], waves[1], waves[3])

    def test_size_does_not_change_the_core(self, f277w):
        small = make_psf("F277W", size=41).image
        core = f277w.image[30:71, 30:71]
        np.testing.assert_allclose(small, core / core.sum(), rtol=1e-6, atol=1e-10)

    def test_oversampling_has_converged(self, f277w):
        fine = make_psf("F277W", oversampling=6)
        np.testing.assert_allclose(
            encircled_energy(fine, RADII), encircled_energy(f277w, RADII), atol=2e-3
        )

    def test_width_grows_with_wavelength(self, f277w):
        widths = [make_psf(band, size=61).fwhm for band in ("F115W", "F444W", "F1500W")]
        assert np.all(np.diff([widths[0], f277w.fwhm, *widths[1:]]) > 0)

    @pytest.mark.parametrize(
        ("band", "width"),
        [("F560W", 0.207), ("F770W", 0.269), ("F1000W", 0.328), ("F1500W", 0.488)],
    )
    def test_width_of_miri(self, band, width):
        """Table 1 of MIRI Point Spread Functions, JWST User Documentation; ours is drizzled."""
        assert make_psf(band, pixel_scale=0.06).fwhm == pytest.approx(width, rel=0.1)

    def test_niriss_is_near_nircam(self):
        assert make_psf("NIRISS_F277W").fwhm == pytest.approx(make_psf("F277W").fwhm, rel=0.05)

    @pytest.mark.parametrize("band", ["F814W", "WFC3_IR_F160W", "Paranal/VISTA.Ks", "F999W"])
    def test_other_telescopes(self, band):
        with pytest.raises(InputError, match="from a FITS file with read_psf"):
            make_psf(band)

    def test_own_band_of_another_telescope(self):
        band = Band("X", "Mine/Camera.X", [10_000.0, 11_000.0], [1.0, 1.0])
        with pytest.raises(InputError, match="band must be one of JWST"):
            make_psf(band)

    @pytest.mark.parametrize("size", [100, 0, -3, 3.0, True])
    def test_size(self, size):
        with pytest.raises(InputError, match="size must be"):
            make_psf("F277W", size=size)

    def test_too_many_points(self):
        with pytest.raises(InputError, match="make size or oversampling smaller"):
            make_psf("F277W", pixel_scale=0.5, size=101)

    def test_without_poppy(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "poppy", None)
        with pytest.raises(MissingDependencyError, match=r"dustest\[simulate\]"):
            make_psf("F277W", pixel_scale=0.0301)


class TestResample:
    @pytest.mark.parametrize("scale", [0.02, 0.03, 0.04, 0.07])
    def test_light_stays_where_it_is(self, scale):
        psf = gaussian_psf(4.0, size=81)
        radii = [0.1, 0.2, 0.4]
        new = resample_psf(psf, scale)
        # Pixels widen the Gaussian; smaller new ones keep the width of the old. The aperture, to
        # which light is even within a pixel, widens it once more.
        variance = (4.0 * 0.03) ** 2 + (max(scale, 0.03) ** 2 + scale**2) / 12.0
        expected = 1.0 - np.exp(-0.5 * np.square(radii) / variance)
        np.testing.assert_allclose(encircled_energy(new, radii), expected, atol=3e-3)

    def test_coarse_pixels_are_integrated(self):
        psf = gaussian_psf(2.0, size=81, pixel_scale=0.02)
        expected = pixel_gaussian(2.0, (21, 21), (30.0, 30.0), width=3.0)
        np.testing.assert_allclose(resample_psf(psf, 0.06, size=21).image, expected, atol=1e-3)

    def test_same_scale_is_the_same(self):
        psf = gaussian_psf()
        np.testing.assert_allclose(resample_psf(psf, 0.03).image, psf.image, atol=1e-12)

    def test_keeps_band_and_size_asked_for(self):
        psf = PSF(gaussian_psf().image, 0.03, "F814W")
        new = resample_psf(psf, 0.04 * u.arcsec, size=31)
        assert (new.band, new.size, new.pixel_scale) == ("F814W", 31, 0.04)

    def test_larger_than_the_original(self):
        with pytest.raises(InputError, match="size must be at most 45"):
            resample_psf(gaussian_psf(), 0.04, size=47)


class TestReadPSF:
    def test_centres_and_normalises(self, tmp_path):
        psf = read_psf(write_psf(tmp_path / "psf.fits", PIXSCL=0.04, FILTER="NRCA5-F277W-CEERS"))
        assert psf.band == "F277W"
        assert psf.image.sum() == pytest.approx(1.0)
        expected = pixel_gaussian(2.5, psf.image.shape, (psf.size // 2,) * 2)
        np.testing.assert_allclose(psf.image, expected, atol=2e-4)

    def test_resamples(self, tmp_path):
        psf = read_psf(write_psf(tmp_path / "psf.fits", PIXELSCL=0.04), 0.03, "hst_f606w")
        assert (psf.band, psf.pixel_scale) == ("F606W", 0.03)
        sigma = np.sqrt(2.5**2 + 1.0 / 12.0) * 0.04
        assert psf.fwhm == pytest.approx(FWHM_OF_SIGMA * sigma, rel=0.01)

    def test_scale_from_coordinates(self, tmp_path):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [-0.04 / 3600, 0.04 / 3600]
        path = write_psf(tmp_path / "psf.fits", **wcs.to_header())
        assert read_psf(path).pixel_scale == pytest.approx(0.04)

    def test_scale_given(self, tmp_path):
        path = write_psf(tmp_path / "psf.fits", FILTER="unheard of")
        psf = read_psf(path, file_pixel_scale=40 * u.mas)
        assert psf.band is None
        assert psf.pixel_scale == pytest.approx(0.04)

    def test_scale_unknown(self, tmp_path):
        with pytest.raises(InputError, match="file_pixel_scale must be given"):
            read_psf(write_psf(tmp_path / "psf.fits"))

    def test_damaged_scale(self, tmp_path):
        path = write_psf(tmp_path / "psf.fits", PIXELSCL=0.04)
        path.write_bytes(path.read_bytes().replace(b"0.04", b"0.*4"))
        with pytest.raises(ReadError, match="the header of the file"):
            read_psf(path)

    def test_no_light_around_the_brightest_pixel(self, tmp_path):
        image = np.full((51, 51), 0.1)
        image[20:31, 20:31] = -1.0
        image[25, 25] = 2.0
        fits.PrimaryHDU(image, fits.Header({"PIXELSCL": 0.04})).writeto(tmp_path / "psf.fits")
        with pytest.raises(InputError, match="must have positive light"):
            read_psf(tmp_path / "psf.fits")

    def test_image_in_an_extension(self, tmp_path):
        path = tmp_path / "psf.fits"
        image = pixel_gaussian(2.5, (51, 51), (25, 25))
        header = fits.Header({"PIXSCALE": 0.04})
        fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(image, header)]).writeto(path)
        assert read_psf(path).size == 51

    def test_missing_pixels_count_as_dark(self, tmp_path):
        image = pixel_gaussian(2.5, (51, 51), (25, 25))
        image[:3] = np.nan
        assert read_psf(write_psf(tmp_path / "psf.fits", image, PIXSCL=0.04)).size == 51

    def test_no_file(self, tmp_path):
        with pytest.raises(ReadError, match="does not exist"):
            read_psf(tmp_path / "none.fits")

    def test_no_fits(self, tmp_path):
        path = tmp_path / "psf.fits"
        path.write_text("light")
        with pytest.raises(ReadError, match="cannot be read as FITS"):
            read_psf(path)

    @pytest.mark.parametrize("shape", [(3, 5, 5), (25,)])
    def test_no_image(self, tmp_path, shape):
        path = write_psf(tmp_path / "psf.fits", np.ones(shape), PIXSCL=0.04)
        with pytest.raises(ReadError, match="no image of two dimensions"):
            read_psf(path)

    def test_no_light(self, tmp_path):
        path = write_psf(tmp_path / "psf.fits", np.zeros((9, 9)), PIXSCL=0.04)
        with pytest.raises(ReadError, match="no positive sum"):
            read_psf(path)


class TestWidths:
    @pytest.mark.parametrize("band", ["F115W", "F277W", "F444W", "F1500W", "NIRISS_F150W"])
    def test_estimate_agrees_with_the_computed_one(self, band):
        expected = make_psf(band).fwhm
        assert drizzled_width(get_band(band), 0.03) == pytest.approx(expected, rel=0.05)

    def test_matched_images_have_a_broad_one(self):
        psf = make_psf("F444W")
        warn_of_unlikely({"F115W": psf, "F444W": psf}, ["F115W", "F444W"])
        with pytest.warns(DustestWarning, match="the psf of band F115W has a width"):
            warn_of_unlikely({"F115W": psf}, ["F115W"])

    def test_bands_of_unknown_width(self):
        warn_of_unlikely({"F814W": gaussian_psf(9.0)}, ["F814W"])
