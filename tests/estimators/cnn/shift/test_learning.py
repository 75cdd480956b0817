"""How the detector learns: the noise of its training set, and limits."""

import numpy as np
import pytest

from dustest.estimators._cnn.corruptions.pixels import NoiseSource, correlated_noise, point_source
from dustest.estimators._cnn.shift.learning import Galaxies, _limits, noise_correlation


def lag(stamps, rows, columns):
    """Correlation of pixels some rows and columns apart."""
    moved = np.roll(stamps, (rows, columns), axis=(2, 3))
    return np.mean(stamps * moved) / np.mean(stamps**2)


def test_noise_is_drawn_as_it_was_measured():
    """Noise smoothed by 1.3 pixels under galaxies; pixels 1 and 2 apart."""
    rng = np.random.default_rng(170472)
    shape = (300, 2, 48, 48)
    noise = correlated_noise(shape, 0.5, 1.3, rng)
    stamps = np.float32(noise + 20.0 * point_source(48, np.full(shape[:2], 3.0)))
    n = len(stamps)
    galaxies = Galaxies(
        stamps,
        np.full((n, 2), np.float32(0.5)),
        *np.full((2, n), 0.03),
        np.ones((n, 2), bool),
        *np.zeros((2, n), int),
    )
    found = NoiseSource(rng, noise_correlation(galaxies)).draw((400, 2, 64, 64), 0.5)
    assert abs(found.std() / 0.5 - 1.0) < 0.01
    for place in ((0, 1), (1, 1), (2, 0)):
        assert abs(lag(found, *place) - lag(noise, *place)) < 0.09


def test_limits_keep_galaxies_inside_the_range():
    """One galaxy in five with a change inside the range looks like one with a fault."""
    rng = np.random.default_rng(170473)
    clean, changed = rng.normal(-3.0, 1.0, (2, 4000, 2))
    alone = _limits([clean], 0.03)
    assert np.mean(clean[:, 1] > alone[1]) == pytest.approx(0.03, abs=0.001)
    changed[:800, 1] += 4.0
    limits = _limits([clean, changed], 0.03)
    assert np.mean(changed[:, 1] > limits[1]) == pytest.approx(0.045, abs=0.001)
    assert limits[1] > alone[1] + 1.0
    assert np.mean(clean[:, 0] > 0.5 * limits[0]) == pytest.approx(0.005, abs=0.002)
