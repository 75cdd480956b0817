import numpy as np
import pytest
from toy_images import gaussian

from dustest.physics import NoiseCorrelation
from dustest.resolved.binary_tree import bounding_box, divide_pixels

WHITE = NoiseCorrelation([[1.0]])
SMOOTH = NoiseCorrelation(gaussian(2.0, 9) / gaussian(2.0, 9).max())


def ratios(bins, flux, error, noise):
    found = []
    for number in range(1, bins.max() + 1):
        weights = np.where(bins == number, error, 0.0)
        found.append(flux[bins == number].sum() / np.sqrt(noise.variance(weights)))
    return np.array(found)


class TestDividePixels:
    @pytest.mark.parametrize("noise", [WHITE, SMOOTH])
    def test_every_bin_reaches_the_ratio(self, noise):
        flux, error = 900.0 * gaussian(5.0, 41), np.full((41, 41), 0.3)
        member = flux > 0.5
        bins = divide_pixels(member, flux, error, noise, 10.0)
        assert np.array_equal(bins > 0, member)
        assert ratios(bins, flux, error, noise).min() >= 10.0
        assert bins.max() > 5

    def test_correlated_noise_gives_fewer_bins(self):
        flux, error = 900.0 * gaussian(5.0, 41), np.full((41, 41), 1.5)
        white, smooth = (
            divide_pixels(flux > 0.5, flux, error, noise, 10.0).max() for noise in (WHITE, SMOOTH)
        )
        assert smooth < white

    def test_a_faint_galaxy_is_one_bin(self):
        flux, error = gaussian(5.0, 41), np.ones((41, 41))
        assert divide_pixels(flux > 1e-3, flux, error, WHITE, 10.0).max() == 1

    def test_bins_are_as_large_and_wide_as_asked(self):
        flux, error = 9e5 * gaussian(5.0, 41), np.ones((41, 41))
        bins = divide_pixels(flux > 500, flux, error, WHITE, 10.0, min_pixels=16)
        assert np.bincount(bins.ravel())[1:].min() >= 16
        for number in range(1, bins.max() + 1):
            box = bounding_box(bins == number)
            assert min(side.stop - side.start for side in box) >= 4

    def test_the_brightest_is_first(self):
        flux, error = 900.0 * gaussian(5.0, 41), np.full((41, 41), 0.3)
        bins = divide_pixels(flux > 0.5, flux, error, WHITE, 10.0)
        means = [flux[bins == number].mean() for number in range(1, bins.max() + 1)]
        assert np.all(np.diff(means) <= 0.0)
