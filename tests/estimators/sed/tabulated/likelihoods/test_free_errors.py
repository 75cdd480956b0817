from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import logsumexp

from dustest.estimators._sed.tabulated.likelihoods.data_likelihood import ClosedForm, Photometry
from dustest.estimators._sed.tabulated.likelihoods.free_errors import FreeErrors, instruments_of
from dustest.estimators._sed.tabulated.likelihoods.gaussian import MassIntegral
from dustest.estimators._sed.tabulated.likelihoods.outliers import Robust

BANDS = ("F606W", "F814W", "F150W", "F200W", "F277W", "F356W")
LIMITS = (0.0, 0.3)


@pytest.fixture(scope="module")
def integral():
    return MassIntegral()


@dataclass
class Few:
    """Models of fluxes per solar mass, as the likelihood needs them."""

    flux: np.ndarray
    low: object = 5.0
    high: object = 12.0

    def __post_init__(self):
        self.low, self.high = (np.full(len(self.flux), limit) for limit in (5.0, 12.0))

    @property
    def masses(self):
        return 10.0**self.low, 10.0**self.high

    def take(self, rows):
        return Few(self.flux[rows])


def photometry(scatter, seed=1, error=0.01):
    """Fluxes that scatter by a fraction, of the first of twenty models, and these."""
    rng = np.random.default_rng(seed)
    models = Few(1e-8 * rng.lognormal(0.0, 0.4, (20, len(BANDS))))
    truth = 10.0**9 * models.flux[0]
    flux = truth * (1.0 + np.asarray(scatter) * rng.standard_normal(len(BANDS)))
    none = np.full(len(BANDS), np.inf)
    return Photometry(flux, error * truth, none, none), models


class TestFreeErrors:
    def test_instruments(self):
        assert instruments_of(BANDS) == {"ACS_WFC": [0, 1], "NIRCam": [2, 3, 4, 5]}

    def test_average_over_fractions(self, integral):
        """Against a fine grid of both fractions."""
        data, models = photometry(0.08)
        found = FreeErrors(data, BANDS, LIMITS, lambda one: ClosedForm(one, integral)).of(models)
        grid = (np.arange(40) + 0.5) / 40 * LIMITS[1]
        every = []
        for first in grid:
            for second in grid:
                error = np.hypot(data.error, data.flux * ([first] * 2 + [second] * 4))
                one = ClosedForm(Photometry(data.flux, error, data.limit, data.limit), integral)
                every.append(one.of(models).log_weight - np.log(error / data.error).sum())
        exact = logsumexp(every, axis=0) - 2.0 * np.log(len(grid))
        near = exact > exact.max() - 6.0
        np.testing.assert_allclose(found.log_weight[near], exact[near], atol=0.2)

    @pytest.mark.parametrize("robust", [False, True])
    def test_the_instrument_with_scatter_is_found(self, integral, robust):
        bands = tuple(f"F{k}W" for k in (115, 150, 200, 277, 356, 444))
        data, models = photometry([0.0] * 6, error=0.02)
        make = Robust if robust else lambda one: ClosedForm(one, integral)
        free = FreeErrors(data, bands, LIMITS, make)
        found = free.residuals(models.take([0]), np.array([9.0]))
        assert found.fractional_error["NIRCam"] < 0.06
        assert (found.outlier is None) != robust
        loud, models = photometry([0.15] * 6, error=0.02, seed=2)
        found = FreeErrors(loud, bands, LIMITS, make).residuals(models.take([0]), np.array([9.0]))
        if not robust:
            assert found.fractional_error["NIRCam"] > 0.08

    def test_masses_have_the_wider_error(self, integral):
        data, models = photometry(0.1)
        free = FreeErrors(data, BANDS, LIMITS, lambda one: ClosedForm(one, integral))
        many = models.take(np.zeros(4000, dtype=int))
        likelihood = free.of(many)
        drawn = free.draw_masses(many, likelihood, np.random.default_rng(1))
        plain = ClosedForm(data, integral)
        narrow = plain.draw_masses(many, plain.of(many), np.random.default_rng(1))
        assert drawn.std() > 3.0 * narrow.std()
        assert drawn.mean() == pytest.approx(9.0, abs=0.1)

    def test_bands_without_data(self, integral):
        data, models = photometry(0.1)
        data.error[:2] = np.inf
        data.flux[:2] = 0.0
        free = FreeErrors(data, BANDS, LIMITS, lambda one: ClosedForm(one, integral))
        assert np.isfinite(free.of(models).log_weight).all()
        found = free.residuals(models, np.full(20, 9.0))
        assert found.fractional_error.keys() == {"NIRCam"}
