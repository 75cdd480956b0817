"""Particles on stamps, against closed forms and direct convolution."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import fftconvolve
from scipy.special import erf

from dustest.data.errors import InputError
from dustest.physics.telescope.psf import PSF, make_psf
from dustest.simulate.telescope.imaging import KERNEL_SIGMA, Imager

SCALE = 0.03
SIGMA = 1.7


def pixel_gaussian(size, sigma, x=0.0, y=0.0):
    """Gaussian of unit flux integrated over pixels; the place in pixels from the centre."""
    edges = np.arange(size + 1) - 0.5 * size
    along, across = (np.diff(0.5 * erf((edges - at) / (np.sqrt(2.0) * sigma))) for at in (x, y))
    return across[:, np.newaxis] * along


@pytest.fixture(scope="module")
def psf():
    """Gaussian point-spread function."""
    return PSF(pixel_gaussian(81, SIGMA), SCALE)


@pytest.fixture(scope="module")
def imager(psf):
    """Stamps in one band."""
    return Imager({"F277W": psf}, SCALE)


class TestPoints:
    @pytest.mark.parametrize("size", [32, 33, 64])
    def test_the_centre_is_that_of_the_stamp(self, psf, size):
        image = Imager({"F277W": psf}, SCALE, size=size).images([[0.0, 0.0]], [0.0], [[1.0]])[0]
        np.testing.assert_allclose(image, image[::-1, ::-1], atol=1e-5)

    @pytest.mark.parametrize("place", [(0.0, 0.0), (0.015, 0.015), (0.101, -0.073), (0.3, 0.2)])
    def test_a_point_is_the_shifted_psf(self, imager, place):
        image = imager.images([place], [0.0], [[2.0]])[0]
        x, y = np.array(place) / SCALE
        expected = 2.0 * pixel_gaussian(32, SIGMA, x, y)
        np.testing.assert_allclose(image, expected, atol=0.005 * expected.max())

    @given(
        st.floats(-0.2, 0.2),
        st.floats(-0.2, 0.2),
        st.floats(0.0, 0.3),
    )
    @settings(max_examples=40, deadline=None)
    def test_any_kernel_widens_by_its_variance(self, x, y, smoothing):
        imager = Imager({"F277W": PSF(pixel_gaussian(81, SIGMA), SCALE)}, SCALE, size=64)
        image = imager.images([[x, y]], [smoothing], [[1.0]])[0]
        sigma = np.hypot(SIGMA, KERNEL_SIGMA * smoothing / SCALE)
        expected = pixel_gaussian(64, sigma, x / SCALE, y / SCALE)
        np.testing.assert_allclose(image, expected, atol=0.006 * expected.max())

    def test_light_of_a_thousand_particles_is_conserved(self):
        rng = np.random.default_rng(1)
        bands = ("F277W", "F356W", "F444W")
        psfs = {band: make_psf(band, size=201) for band in bands}
        imager = Imager(psfs, SCALE, size=160)
        flux = rng.random((1000, 3))
        position, smoothing = rng.normal(0.0, 0.1, (1000, 2)), rng.uniform(0.0, 0.2, 1000)
        images = imager.images(position, smoothing, flux)
        np.testing.assert_allclose(images.sum(axis=(1, 2)), flux.sum(axis=0), rtol=0.01)

    def test_levels_of_smoothing_hardly_change_the_image(self, psf):
        rng = np.random.default_rng(2)
        imager = Imager({"F277W": psf}, SCALE)
        position, smoothing = rng.normal(0.0, 0.1, (200, 2)), rng.uniform(0.02, 0.4, 200)
        together = imager.images(position, smoothing, np.ones((200, 1)))
        one_by_one = sum(
            imager.images(position[[i]], smoothing[[i]], np.ones((1, 1))) for i in range(200)
        )
        np.testing.assert_allclose(together, one_by_one, atol=0.01 * one_by_one.max())


class TestEdges:
    def test_light_beyond_the_stamp_scatters_into_it(self, psf):
        wide = PSF(np.ones((41, 41)), SCALE)
        imager = Imager({"F277W": wide}, SCALE)
        # 18 pixels right of the centre, 2 beyond the edge: 20 - 2 columns are lit.
        image = imager.images([[18.5 * SCALE, 0.0]], [0.0], [[41.0**2]])[0]
        assert image[16, -1] == pytest.approx(1.0, abs=0.1)
        assert image[16, :13] == pytest.approx(0.0, abs=0.1)

    def test_nothing_comes_back_at_the_other_side(self, psf):
        imager = Imager({"F277W": psf}, SCALE)
        far = imager.images([[1.4, 0.0], [-9.0, 0.0]], [0.0, 0.0], [[1.0], [1.0]])
        assert np.abs(far).max() < 1e-5

    def test_no_particle_in_sight_is_a_dark_stamp(self, imager):
        assert not imager.images([[50.0, 0.0]], [0.1], [[1.0]]).any()


class TestConvolve:
    def test_equals_direct_convolution(self, psf):
        image = np.random.default_rng(3).random((1, 24, 24))
        seen = Imager({"F277W": psf}, SCALE, size=32).convolve(image)
        expected = fftconvolve(np.pad(image[0], 40), psf.image, mode="same")[36:-36, 36:-36]
        np.testing.assert_allclose(seen[0], expected, atol=1e-3 * expected.max())


class TestPSFOfAnotherScale:
    def test_is_resampled(self):
        fine = PSF(pixel_gaussian(161, 2 * SIGMA), SCALE / 2)
        image = Imager({"F277W": fine}, SCALE).images([[0.0, 0.0]], [0.0], [[1.0]])[0]
        # Interpolated pixels of half the side keep their own blur, and get that of the new ones.
        expected = pixel_gaussian(32, SIGMA)
        np.testing.assert_allclose(image, expected, atol=0.02 * expected.max())


class TestBadInput:
    def test_no_band(self):
        with pytest.raises(InputError, match="at least one band"):
            Imager({}, SCALE)

    def test_shapes(self, imager):
        with pytest.raises(InputError, match=r"shapes \(n, 2\), \(n,\) and \(n, 1\)"):
            imager.images([[0.0, 0.0]], [0.1], [[1.0, 2.0]])

    def test_images_without_a_plane_for_each_band(self, imager):
        with pytest.raises(InputError, match=r"shape \(1, ny, nx\)"):
            imager.convolve(np.ones((2, 8, 8)))
