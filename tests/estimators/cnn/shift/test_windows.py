"""Features in Gaussian windows, against sources of known width and place."""

import numpy as np

from dustest.estimators._cnn.corruptions.pixels import point_source, resample
from dustest.estimators._cnn.shift.windows import _between_bands, _Window, measure_windows

CENTRE = np.zeros((2, 1, 1))


def test_moments_of_a_gaussian():
    """The product of Gaussians of 2 and 3.5 pixels has the inverse sum of their 1 / sigma^2."""
    window = _Window(point_source(48, np.full((1, 1), 2.0)), CENTRE, 3.5)
    expected = 2.0 / (2.0**-2 + 3.5**-2)
    assert np.allclose(window.second_moment / window.flux, expected, rtol=1e-4)


def test_distance_between_bands():
    """A window as wide as the source halves offsets, which `offset` corrects."""
    source = 1e3 * point_source(48, np.full((1, 2), 2.0))
    moved = resample(source, 1.0, (np.array([[0.0, 0.3]]), np.array([[0.0, 0.4]])))
    window = _Window(moved, CENTRE, 2.0)
    pixels, _ = _between_bands(window, window.flux, np.ones((1, 2)))
    assert np.allclose(pixels, 0.5, rtol=0.03)


def test_error_of_distances():
    """The median of |offset| / error is that of a Rayleigh distribution, for white noise."""
    rng = np.random.default_rng(170436)
    stamps = 3e2 * point_source(48, np.full((2000, 2), 2.0)) + rng.normal(size=(2000, 2, 48, 48))
    window = _Window(stamps, CENTRE, 2.0)
    _, ratio = _between_bands(window, window.flux, np.ones((2000, 2)))
    assert abs(np.median(np.sinh(ratio)) - np.sqrt(2.0 * np.log(2.0))) < 0.06


def test_empty_stamps_give_finite_numbers():
    columns = measure_windows(np.zeros((2, 3, 32, 32)), np.full((2, 3), 1e-12))
    assert all(np.isfinite(one).all() for one in columns)
