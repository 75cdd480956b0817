"""Matching of point-spread functions, against the target and closed forms."""

import numpy as np
import pytest
from scipy.signal import fftconvolve

from dustest.data import InputError
from dustest.physics import (
    PSF,
    broadest_psf,
    encircled_energy,
    make_psf,
    matching_kernel,
    read_psf,
    resample_psf,
)

RADII = [0.06, 0.1, 0.16, 0.25, 0.5]


def gaussian(sigma, size=61, pixel_scale=0.03):
    """A Gaussian sampled at the centres of pixels."""
    y, x = np.mgrid[:size, :size] - size // 2
    return PSF(np.exp(-0.5 * (x**2 + y**2) / sigma**2), pixel_scale)


def convolved(psf, kernel):
    """A point-spread function after convolution with a kernel."""
    return PSF(fftconvolve(psf.image, kernel, mode="same"), psf.pixel_scale)


class TestMatchingKernel:
    def test_gaussians_differ_by_a_gaussian(self):
        kernel = matching_kernel(gaussian(2.0), gaussian(3.0))
        expected = gaussian(np.sqrt(5.0)).image
        np.testing.assert_allclose(kernel, expected, atol=0.01 * expected.max())

    @pytest.mark.parametrize("band", ["F115W", "F200W", "F277W", "F356W", "F410M"])
    def test_nircam_gets_the_encircled_energy_of_f444w(self, band):
        psf, target = make_psf(band), make_psf("F444W")
        before = np.abs(encircled_energy(psf, RADII) - encircled_energy(target, RADII))
        after = encircled_energy(convolved(psf, matching_kernel(psf, target)), RADII)
        difference = np.abs(after - encircled_energy(target, RADII))
        assert difference.max() < 0.002
        assert before.max() > 10.0 * difference.max()

    def test_drizzled_functions_of_a_survey(self, shared_data):
        folder = shared_data / "psf"
        target = read_psf(folder / "psf-ceers-nrca5-f444w.fits")
        for name in ("nrca3-f115w", "nrca5-f277w", "f814w"):
            psf = read_psf(folder / f"psf-ceers-{name}.fits")
            matched = convolved(psf, matching_kernel(psf, target))
            difference = encircled_energy(matched, RADII) - encircled_energy(target, RADII)
            assert np.abs(difference).max() < 0.003

    def test_the_same_function_is_left_alone(self):
        psf = make_psf("F444W")
        kernel = matching_kernel(psf, psf)
        assert kernel[psf.size // 2, psf.size // 2] == 1.0
        assert np.count_nonzero(kernel) == 1

    def test_pixels_of_the_target_may_differ(self):
        target = gaussian(3.0)
        kernel = matching_kernel(gaussian(3.0, pixel_scale=0.02), target)
        matched = convolved(gaussian(3.0, pixel_scale=0.02), kernel)
        assert matched.fwhm == pytest.approx(resample_psf(target, 0.02).fwhm, rel=0.01)

    def test_a_narrower_target_is_refused(self):
        with pytest.raises(InputError, match="target must be broader than psf"):
            matching_kernel(gaussian(3.0), gaussian(2.0))

    @pytest.mark.parametrize("position", [0, 1])
    def test_an_array_is_no_function(self, position):
        pair = [gaussian(2.0), gaussian(3.0)]
        pair[position] = pair[position].image
        with pytest.raises(InputError, match="must be a PSF, got ndarray"):
            matching_kernel(*pair)


class TestBroadestPsf:
    def test_is_the_one_with_the_largest_width(self):
        psfs = {band: make_psf(band) for band in ("F115W", "F444W", "F356W")}
        assert broadest_psf(psfs) == "F444W"

    def test_none_is_refused(self):
        with pytest.raises(InputError, match="at least one band"):
            broadest_psf({})
