import numpy as np
import pytest
from scipy import stats

from dustest.estimators._sed.priors.redshift_density import RedshiftDensity

GRID = np.linspace(4.0, 10.0, 601)


class TestDensity:
    def test_quantiles_of_a_gaussian(self):
        found = RedshiftDensity.of_grid(GRID, 7.0 * stats.norm.pdf(GRID, 7.0, 0.3))
        shares = np.array([0.01, 0.16, 0.5, 0.84, 0.99])
        quantiles = np.interp(shares, found.below, found.redshift)
        np.testing.assert_allclose(quantiles, stats.norm.ppf(shares, 7.0, 0.3), atol=0.002)

    def test_draws_have_their_own_quantiles(self):
        samples = np.random.default_rng(1).normal(7.0, 0.3, 4000)
        found = RedshiftDensity.of_samples([np.nan, -99.0, *samples])
        shares = np.array([0.16, 0.5, 0.84])
        quantiles = np.interp(shares, found.below, found.redshift)
        np.testing.assert_allclose(quantiles, np.quantile(samples, shares), atol=1e-3)

    def test_limits_are_those_of_what_is_not_zero(self):
        density = np.where((GRID > 6.0) & (GRID < 6.5), 1.0, 0.0)
        low, high = RedshiftDensity.of_grid(GRID, density).limits
        assert low == pytest.approx(6.0, abs=0.011)
        assert high == pytest.approx(6.5, abs=0.011)

    def test_cut(self):
        found = RedshiftDensity.of_grid(GRID, np.ones(GRID.size)).within(5.0, 6.0)
        assert found.limits == pytest.approx((5.0, 6.0), abs=1e-4)
        assert np.interp(0.25, found.below, found.redshift) == pytest.approx(5.25)

    def test_a_cut_that_leaves_all_or_nothing(self):
        found = RedshiftDensity.of_samples([5.0, 6.0])
        assert found.within(1.0, 20.0) is found
        assert found.within(7.0, 20.0) is None

    @pytest.mark.parametrize(
        ("grid", "density"),
        [
            (GRID, np.zeros(GRID.size)),
            (GRID, np.full(GRID.size, np.nan)),
            (np.full(3, np.nan), np.ones(3)),
            (np.array([7.0]), np.array([1.0])),
        ],
    )
    def test_no_density(self, grid, density):
        assert RedshiftDensity.of_grid(grid, density) is None

    @pytest.mark.parametrize("samples", [[], [7.0], [7.0, 7.0], [np.nan, 7.0], [-99.0, 7.0]])
    def test_too_few_samples(self, samples):
        assert RedshiftDensity.of_samples(samples) is None
