"""Features of stamps, against sources of known width, place and noise."""

import numpy as np
import pytest

from dustest.estimators._cnn.corruptions.pixels import correlated_noise, point_source, resample
from dustest.estimators._cnn.shift.features import (
    N_PLAIN,
    _centred,
    _finest,
    _peaks,
    _repeated,
    measure,
)


def parts_of(stamps):
    """Measurements about the peaks of stamps in units of the noise."""
    return _centred(_peaks(stamps.astype(np.float32))[0])


def test_extent_of_a_gaussian():
    """The product of Gaussians of 2 and 3.5 pixels has the inverse sum of their 1 / sigma^2."""
    found = parts_of(1e3 * point_source(33, np.full((1, 1), 2.0))[..., :32, :32])
    expected = 2.0 / (2.0**-2 + 3.5**-2) / 3.5**2
    assert np.allclose(found.extent[0, 0, 2], expected, rtol=2e-3)


@pytest.mark.parametrize("shift", [0.4, 1.0, 2.0])
def test_phases_show_the_distance_between_bands(shift):
    source = 1e3 * point_source(32, np.full((1, 2), 2.0))
    moved = resample(source, 1.0, (np.zeros((1, 2)), np.array([[0.0, shift]])))
    pairs = parts_of(moved).between([0], [1])
    coherence, distance = pairs[0, 0, 6:10], pairs[0, 0, 10]
    # The envelope of 4 pixels draws a source of 2 pixels towards the peak.
    assert np.allclose(distance, shift * 4.0**2 / (4.0**2 + 2.0**2), rtol=0.01)
    assert np.all((coherence > -1.01) & (coherence < 1.01))


def test_peak_is_found_where_it_is():
    source = point_source(33, np.full((1, 2), 2.0))[..., :32, :32]
    moved = resample(source, 1.0, (np.full((1, 2), 3.0), np.full((1, 2), -4.0)))
    _, offset = _peaks(moved.astype(np.float32))
    assert np.allclose(offset, np.hypot(3.5, 3.5), atol=0.01)


def test_light_of_a_galaxy_is_not_in_the_finest_differences():
    """The differences are those of noise alone, also under a source of 60 times its rms."""
    rng = np.random.default_rng(170461)
    noise = correlated_noise((50, 1, 32, 32), 1.0, 0.6, rng)
    source = 2e3 * point_source(32, np.full((50, 1), 2.2))
    alone, under = (_finest(one.astype(np.float32)).mean() for one in (noise, noise + source))
    assert abs(under - alone) < 0.35


def test_plain_features_come_first():
    rng = np.random.default_rng(170462)
    stamps = rng.normal(0.0, 0.1, (30, 2, 32, 32)).astype(np.float32)
    stamps[:, 1, 15:17, 15:17] = 0.0
    ones = np.ones((30, 2))
    table = measure(stamps, 0.1 * ones, ones, ones > 0, np.full(30, 7.0), np.full(30, 0.03))
    plain = table[:, : 2 * N_PLAIN].reshape(30, 2, N_PLAIN)
    assert np.allclose(plain[..., 0], -1.0, atol=0.12)
    assert np.all(plain[:, 0, 2] == 0.0)
    assert np.all(plain[:, 1, 2] == 4.0)
    assert np.allclose(table[:, -2:], [np.log10(0.03), 7.0])


def test_equal_pixels_count_where_they_form_a_square():
    pixels = np.zeros((2, 3, 6, 6), bool)
    pixels[0, 1, 1:4, 1:4] = True
    pixels[0, 1, 5, 5] = True
    pixels[1, 0, ::2] = True
    pixels[1, 2, 4:, 4:] = True
    assert _repeated(pixels).tolist() == [[0.0, 10.0, 0.0], [0.0, 0.0, 4.0]]


@pytest.mark.parametrize("scale", [0.0, 1e-38, 1e-3, 1e30])
def test_junk_gives_finite_features(scale):
    stamps = np.float32(scale) * np.random.default_rng(170463).normal(size=(4, 2, 32, 32))
    noise = np.full((4, 2), scale)
    table = measure(
        stamps.astype(np.float32), noise, noise + 1.0, noise >= 0.0, np.full(4, 7.0), np.ones(4)
    )
    assert np.isfinite(table).all()


def test_missing_band_has_no_features():
    stamps = np.zeros((3, 2, 32, 32), np.float32)
    present = np.array([[True, False]] * 3)
    ones = np.ones((3, 2))
    table = measure(stamps, ones, ones, present, np.full(3, 7.0), np.full(3, 0.03))
    assert np.isnan(table).any()
    assert np.isfinite(table.reshape(3, -1)[:, :N_PLAIN]).all()
