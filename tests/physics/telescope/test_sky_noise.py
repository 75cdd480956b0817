"""Correlation of measured noise, against the noise that was drawn."""

import numpy as np
import pytest
from photutils.aperture import CircularAperture
from scipy import ndimage

from dustest.data import InputError
from dustest.physics import NoiseCorrelation, measure_noise_correlation
from dustest.simulate import CorrelatedNoise, aperture_rms

LAGS = (0.66, 0.21, 0.06)
APERTURE = CircularAperture((0.0, 0.0), 5.3).to_mask(method="exact").data


@pytest.fixture(scope="module")
def drawn():
    """Noise and stamps of it."""
    noise = CorrelatedNoise(0.02, LAGS, 0.03)
    return noise, noise.draw(60, 120, random_state=210401)


@pytest.fixture(scope="module")
def measured(drawn):
    """Correlation measured on the stamps."""
    return measure_noise_correlation(drawn[1], n_lags=20)


class TestMeasureNoiseCorrelation:
    def test_lags(self, measured):
        found = [measured.correlation(lag) for lag in (1, 2, 3)]
        np.testing.assert_allclose(found, LAGS, atol=0.02)
        assert measured.rms == pytest.approx(0.02, rel=0.01)

    def test_aperture(self, drawn, measured):
        expected = aperture_rms(drawn[0], 10.6 * 0.03)
        assert np.sqrt(measured.variance(APERTURE)) == pytest.approx(expected, rel=0.03)

    def test_kernel_and_aperture(self, drawn, measured):
        kernel = np.exp(-0.5 * np.hypot(*(np.mgrid[:9, :9] - 4)) ** 2 / 1.5**2)
        weights = ndimage.convolve(np.pad(APERTURE, 8), kernel, mode="constant")
        sums = np.array(
            [
                np.sum(stamp[y : y + weights.shape[0], x : x + weights.shape[1]] * weights)
                for stamp in drawn[1]
                for y in range(0, 90, 29)
                for x in range(0, 90, 29)
            ]
        )
        assert np.sqrt(measured.variance(weights)) == pytest.approx(sums.std(), rel=0.06)

    def test_sources_do_not_count(self, drawn, measured):
        stamps = drawn[1] + 0.003
        sky = np.ones(stamps.shape, dtype=bool)
        stamps[:, 40:60, 40:60] += 1.0
        sky[:, 40:60, 40:60] = False
        stamps[:, 10, 10] = np.nan
        stamps[:, 100, 100] += 3.0
        found = measure_noise_correlation(stamps, sky=sky, n_lags=20)
        assert found.rms == pytest.approx(measured.rms, rel=0.01)
        assert found.variance(APERTURE) == pytest.approx(measured.variance(APERTURE), rel=0.05)

    def test_one_small_image(self):
        found = measure_noise_correlation(np.random.default_rng(210402).normal(size=(40, 40)))
        assert found.n_lags == 30
        assert found.correlation(40) == 0.0

    def test_too_little_sky(self):
        with pytest.raises(InputError, match="at least 1000 pixels of sky, got 100"):
            measure_noise_correlation(np.zeros((10, 10)))

    def test_shape_of_the_sky(self):
        with pytest.raises(InputError, match="sky must have the shape of images"):
            measure_noise_correlation(np.zeros((50, 50)), sky=np.ones((10, 10)))


class TestNoiseCorrelation:
    def test_covariances_are_those_of_the_matrix(self, measured):
        weights = np.random.default_rng(210403).normal(size=(2, 3, 7, 9)) + 2.0
        rows, columns = (axis.ravel() for axis in np.indices((7, 9)))
        middle = measured.n_lags
        matrix = measured.covariance[
            middle + rows[:, np.newaxis] - rows, middle + columns[:, np.newaxis] - columns
        ]
        flat = weights.reshape(2, 3, -1)
        expected = flat @ matrix @ np.swapaxes(flat, 1, 2)
        np.testing.assert_allclose(measured.covariances(weights), expected, rtol=1e-9)
        diagonal = np.diagonal(expected, axis1=1, axis2=2)
        np.testing.assert_allclose(measured.variance(weights), diagonal, rtol=1e-9)

    def test_no_negative_variance(self):
        noise = NoiseCorrelation([[0.0] * 3, [0.9, 1.0, 0.9], [0.0] * 3])
        weights = np.array([[1.0, -1.0] * 10])
        assert noise.variance(weights) == pytest.approx(20.0)

    @pytest.mark.parametrize("covariance", [np.eye(2), np.zeros((3, 3)), [1.0]])
    def test_what_is_no_covariance(self, covariance):
        with pytest.raises(InputError, match="covariance must be"):
            NoiseCorrelation(covariance)
