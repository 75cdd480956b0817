import numpy as np
import pytest
from scipy.stats import norm

from dustest.studies.quantile_information import LEVELS, quantile_bits


def gaussian_bits(mean, sigma):
    """Divergence of a Gaussian from the standard one, in bits."""
    return (0.5 * (sigma**2 + mean**2 - 1.0) - np.log(sigma)) / np.log(2.0)


class TestQuantileBits:
    @pytest.mark.parametrize(("mean", "sigma"), [(0.0, 1.0), (0.0, 0.1), (1.5, 0.5), (-1.0, 0.02)])
    def test_gaussians(self, mean, sigma):
        prior = norm.ppf((np.arange(2**15) + 0.5) / 2**15)
        draws = norm.ppf((np.arange(1000) + 0.5) / 1000, mean, sigma)
        (bits,) = quantile_bits(np.quantile(draws, LEVELS)[np.newaxis], prior)
        assert bits == pytest.approx(gaussian_bits(mean, sigma), abs=0.03)

    def test_any_monotonic_function_of_the_quantity_has_the_same(self):
        prior = np.linspace(0.1, 3.0, 5001)
        quantiles = 0.5 + 0.4 * np.array([LEVELS])
        same = quantile_bits(np.exp(quantiles), np.exp(prior))
        assert same == pytest.approx(quantile_bits(quantiles, prior), abs=1e-3)

    def test_values_that_many_draws_share(self):
        # A quarter of the prior has the smallest value, and all of one posterior, half of another.
        prior = np.concatenate([np.full(1000, -14.0), np.linspace(-12.0, -6.0, 3000)])
        whole = np.full(len(LEVELS), -14.0)
        half = np.where(np.array(LEVELS) <= 0.5, -14.0, -18.0 + 12.0 * np.array(LEVELS))
        bits = quantile_bits(np.stack([whole, half]), prior)
        expected = [2.0, 0.5 * np.log2(0.5 / 0.25) + 0.5 * np.log2(0.5 / 0.75)]
        assert bits == pytest.approx(expected, abs=0.06)

    def test_rows_without_an_estimate(self):
        assert np.isnan(quantile_bits(np.full((1, len(LEVELS)), np.nan), np.arange(9.0))).all()
