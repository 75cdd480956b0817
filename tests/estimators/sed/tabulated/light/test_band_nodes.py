"""Integrals over bands by few nodes against sums over all wavelengths."""

import numpy as np
import pytest

from dustest.estimators._sed.tabulated.light.band_nodes import NARROW_NODES, BandNodes

WAVELENGTH = np.geomspace(2000.0, 60_000.0, 4000)
LIMITS = [(4000.0, 4800.0), (9000.0, 14_000.0), (30_000.0, 30_100.0)]


def curves(wavelength=WAVELENGTH):
    """Triangles between the limits."""
    return np.stack(
        [
            np.interp(wavelength, [low, np.sqrt(low * high), high], [0.0, 1.0, 0.0])
            for low, high in LIMITS
        ],
        axis=1,
    )


def transmission(wavelength):
    """That of dust of 2 mag with a steep curve."""
    return 10.0 ** (-0.8 * (wavelength / 5500.0) ** -1.3)


def spectra(wavelength=WAVELENGTH):
    """A red, a blue and a line spectrum."""
    line = np.exp(-0.5 * ((wavelength - 11_000.0) / 30.0) ** 2)
    return np.stack([wavelength**0.5, wavelength**-2.0, line])


def sums(nodes, spectra, wavelength, response, stretch=1.0):
    """Light of spectra (n_spectra, n_bands) behind dust by the nodes."""
    through = transmission(nodes.wavelength / stretch)
    light = np.zeros((len(spectra), response.shape[1]))
    for seen, of_nodes, matrix in nodes.shares(wavelength * stretch, response):
        for k, band in enumerate(nodes.band[of_nodes]):
            light[:, band] += spectra[:, seen] @ matrix[:, k] * through[of_nodes][k]
    return light


class TestBandNodes:
    def test_nodes_are_few_and_within_the_bands(self):
        nodes = BandNodes(WAVELENGTH, curves(), 1e-5)
        for band, (low, high) in enumerate(LIMITS):
            own = nodes.wavelength[nodes.band == band]
            assert 2 <= own.size <= 16
            assert low <= own.min() <= own.max() <= high

    @pytest.mark.parametrize("redshift", [0.0, 0.7])
    def test_integrals(self, redshift):
        nodes, stretch = BandNodes(WAVELENGTH, curves(), 1e-5), 1.0 + redshift
        response = curves(WAVELENGTH * stretch)
        found = sums(nodes, spectra(), WAVELENGTH, response, stretch)
        expected = (spectra() * transmission(WAVELENGTH)) @ response
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-12)

    def test_order_of_wavelengths_does_not_matter(self):
        order = np.random.default_rng(1).permutation(WAVELENGTH.size)
        nodes = BandNodes(WAVELENGTH, curves(), 1e-5)
        other = BandNodes(WAVELENGTH[order], curves()[order], 1e-5)
        np.testing.assert_array_equal(nodes.wavelength, other.wavelength)
        np.testing.assert_allclose(
            sums(other, spectra()[:, order], WAVELENGTH[order], curves()[order]),
            sums(nodes, spectra(), WAVELENGTH, curves()),
            rtol=1e-5,
        )

    def test_a_band_of_one_wavelength_has_one_node(self):
        curve = np.zeros((WAVELENGTH.size, 2))
        curve[700, 0] = curve[2000:2100, 1] = 1.0
        nodes = BandNodes(WAVELENGTH, curve, 0.0)
        np.testing.assert_allclose(nodes.wavelength[nodes.band == 0], WAVELENGTH[700])
        found = sums(nodes, spectra(), WAVELENGTH, curve)[:, 0]
        np.testing.assert_allclose(
            found, spectra()[:, 700] * transmission(WAVELENGTH[700]), rtol=1e-6
        )

    def test_no_light_is_lost_in_the_tails(self):
        nodes = BandNodes(WAVELENGTH, curves(), 0.1)
        total = [np.sum(matrix) for *_, matrix in nodes.shares(WAVELENGTH, curves())]
        assert np.sum(total) == pytest.approx(curves().sum(), rel=1e-5)


class TestNarrowBands:
    """Gaussians of the widest elements of resolution of the prism, at a distance of a width."""

    CENTRES = np.log([6000.0, 9000.0, 14_000.0, 30_000.0])
    CURVES = np.exp(-0.5 * ((np.log(WAVELENGTH)[:, np.newaxis] - CENTRES) / 0.014) ** 2)
    CURVES[CURVES < 1e-4] = 0.0

    def test_two_nodes_have_the_mean_and_the_width(self):
        nodes = BandNodes(WAVELENGTH, self.CURVES, 1e-3, narrow=True)
        places = np.log(nodes.wavelength).reshape(-1, NARROW_NODES)
        np.testing.assert_allclose(places.mean(axis=1), self.CENTRES, atol=1e-4)
        np.testing.assert_allclose(0.5 * np.ptp(places, axis=1), 0.014, rtol=0.01)

    def test_integrals_of_smooth_spectra(self):
        nodes = BandNodes(WAVELENGTH, self.CURVES, 1e-3, narrow=True)
        smooth = spectra()[:2]
        found = sums(nodes, smooth, WAVELENGTH, self.CURVES)
        expected = (smooth * transmission(WAVELENGTH)) @ self.CURVES
        np.testing.assert_allclose(found, expected, rtol=3e-5)

    @pytest.mark.parametrize("offset", [-0.014, 0.0, 0.007, 0.014])
    def test_lines_within_the_band(self, offset):
        nodes = BandNodes(WAVELENGTH, self.CURVES, 1e-3, narrow=True)
        lines = np.zeros((len(self.CENTRES), WAVELENGTH.size))
        places = np.searchsorted(np.log(WAVELENGTH), self.CENTRES + offset)
        lines[np.arange(len(places)), places] = 1.0
        found = np.diagonal(sums(nodes, lines, WAVELENGTH, self.CURVES))
        expected = np.diagonal((lines * transmission(WAVELENGTH)) @ self.CURVES)
        np.testing.assert_allclose(found, expected, rtol=1e-3)

    def test_a_band_without_light_has_nodes_and_no_shares(self):
        curves = np.column_stack([np.zeros(WAVELENGTH.size), self.CURVES[:, 0]])
        nodes = BandNodes(WAVELENGTH, curves, 1e-3, narrow=True)
        found = sums(nodes, spectra(), WAVELENGTH, curves)
        assert nodes.wavelength.size == 2 * NARROW_NODES
        np.testing.assert_array_equal(found[:, 0], 0.0)
        assert np.all(found[:2, 1] > 0.0)
