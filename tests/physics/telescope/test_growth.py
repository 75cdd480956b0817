"""Curves of growth, against closed forms and images."""

import numpy as np
import pytest
from astropy import units as u
from photutils.aperture import CircularAperture, aperture_photometry
from scipy.signal import fftconvolve

from dustest.data import InputError
from dustest.physics import PSF, encircled_energy, growth_curves, make_psf
from dustest.physics.telescope.growth import PROFILES

RADII = np.array([0.1, 0.25, 0.5])


def gaussian(sigma, size=151):
    """A Gaussian in pixels of 0.03 arcsec."""
    y, x = np.mgrid[:size, :size] - size // 2
    return PSF(np.exp(-0.5 * (x**2 + y**2) / sigma**2), 0.03)


class TestGrowthCurves:
    def test_point_source_has_the_encircled_energy(self):
        psf = make_psf("F356W", size=151)
        found = growth_curves(psf, RADII, [0.0])[0]
        np.testing.assert_allclose(found, encircled_energy(psf, RADII), atol=0.003)

    def test_gaussians(self):
        size = 0.12
        sigma = np.hypot(2.0 * 0.03, size / np.sqrt(2.0 * np.log(2.0)))
        # The pixel of the aperture adds a twelfth to the variance.
        sigma = np.hypot(sigma, 0.03 / np.sqrt(12.0))
        found = growth_curves(gaussian(2.0), RADII, size * u.arcsec, profile="gaussian")[0]
        np.testing.assert_allclose(found, 1.0 - np.exp(-0.5 * (RADII / sigma) ** 2), atol=1e-4)

    def test_half_light_radii(self):
        for profile in PROFILES:
            found = growth_curves(gaussian(0.6), [0.6], [0.6], profile=profile)
            assert found[0, 0] == pytest.approx(0.5, abs=0.015)

    def test_exponential_image(self):
        psf = make_psf("F444W", size=151)
        factor, size = 9, 0.15
        y, x = ((np.mgrid[: 151 * factor, : 151 * factor] + 0.5) / factor - 75.5) * 0.03
        light = np.exp(-1.6783469900166605 * np.hypot(x, y) / size)
        light = light.reshape(151, factor, 151, factor).sum(axis=(1, 3))
        image = fftconvolve(light / light.sum(), psf.image, mode="same")
        apertures = [CircularAperture((75, 75), radius / 0.03) for radius in RADII]
        sums = [aperture_photometry(image, each)["aperture_sum"][0] for each in apertures]
        np.testing.assert_allclose(growth_curves(psf, RADII, [size])[0], sums, atol=0.003)

    def test_unknown_profile(self):
        with pytest.raises(InputError, match="profile must be one of gaussian, exp"):
            growth_curves(gaussian(2.0), RADII, [0.1], profile="sersic")

    @pytest.mark.parametrize("radii", [[-0.1], [np.nan], [[0.1]]])
    def test_radii(self, radii):
        with pytest.raises(InputError, match="half_light_radii must be radii in arcsec"):
            growth_curves(gaussian(2.0), RADII, radii)
