"""Spectra at the resolution of a spectrograph."""

import numpy as np
import pytest

from dustest.estimators._sed.tabulated.light.channels import Pixels
from dustest.estimators._sed.tabulated.light.line_spread import spread_matrix

WAVELENGTH = np.geomspace(9e3, 3e4, 20_000)
PIXELS = np.linspace(1.2e4, 2.4e4, 120)


def resolution(power):
    """A constant resolving power."""
    return np.column_stack([PIXELS, np.full(PIXELS.size, power)])


class TestSpreadMatrix:
    @pytest.mark.parametrize("power", [None, 60.0, 400.0])
    def test_a_linear_spectrum_stays(self, power):
        curve = None if power is None else resolution(power)
        found = (2.0 + 1e-4 * WAVELENGTH) @ spread_matrix(WAVELENGTH, Pixels(PIXELS, curve))
        np.testing.assert_allclose(found, 2.0 + 1e-4 * PIXELS, rtol=2e-3)

    def test_a_line_has_the_width_of_the_resolution(self):
        line = np.exp(-0.5 * ((WAVELENGTH - 1.8e4) / 5.0) ** 2)
        found = line @ spread_matrix(WAVELENGTH, Pixels(PIXELS, resolution(50.0)))
        mean = np.average(PIXELS, weights=found)
        width = np.sqrt(np.average((PIXELS - mean) ** 2, weights=found))
        assert mean == pytest.approx(1.8e4, abs=40.0)
        # With the pixels of 100 Angstrom and the samples of a quarter of the resolution.
        assert width == pytest.approx(np.sqrt((360.0 / 2.355) ** 2 + 100.0**2 / 12), rel=0.05)

    def test_flux_is_conserved(self):
        line = np.exp(-0.5 * ((WAVELENGTH - 1.8e4) / 20.0) ** 2)
        found = line @ spread_matrix(WAVELENGTH, Pixels(PIXELS, resolution(80.0)))
        total = np.trapezoid(line, WAVELENGTH)
        assert np.trapezoid(found, PIXELS) == pytest.approx(total, rel=0.01)

    def test_as_the_resampling_of_bagpipes(self):
        spectres = pytest.importorskip("spectres")
        spectrum = np.random.default_rng(210160).random(WAVELENGTH.size)
        found = spectrum @ spread_matrix(WAVELENGTH, Pixels(PIXELS, None))
        np.testing.assert_allclose(found, spectres.spectres(PIXELS, WAVELENGTH, spectrum))

    def test_first_pixels_have_light_at_low_resolution(self):
        matrix = spread_matrix(WAVELENGTH, Pixels(PIXELS, resolution(30.0)))
        np.testing.assert_allclose(matrix.sum(axis=0), 1.0, rtol=1e-3)

    def test_pixels_beyond_the_wavelengths_have_none(self):
        pixels = Pixels(np.linspace(2.8e4, 3.2e4, 40), None)
        matrix = spread_matrix(WAVELENGTH, pixels)
        assert np.all(matrix[:, pixels.wavelength > 3.01e4] == 0.0)
