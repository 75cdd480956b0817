from dataclasses import replace

import numpy as np
import pytest
from likelihood_models import FewModels
from scipy.special import logsumexp

from dustest.estimators._sed.tabulated.likelihoods.data_likelihood import (
    ClosedForm,
    Photometry,
    WithLimits,
)
from dustest.estimators._sed.tabulated.likelihoods.free_errors import FreeErrors, instruments_of
from dustest.estimators._sed.tabulated.likelihoods.gaussian import MassIntegral
from dustest.estimators._sed.tabulated.likelihoods.outliers import Robust

BANDS = ("F606W", "F814W", "F150W", "F200W", "F277W", "F356W")
LIMITS = (0.0, 0.3)


@pytest.fixture(scope="module")
def integral():
    return MassIntegral()


def photometry(scatter, seed=1, error=0.01):
    """Fluxes that scatter by a fraction, of the first of twenty models, and these."""
    rng = np.random.default_rng(seed)
    models = FewModels(1e-8 * rng.lognormal(0.0, 0.4, (20, len(BANDS))))
    truth = 10.0**9 * models.flux[0]
    flux = truth * (1.0 + np.asarray(scatter) * rng.standard_normal(len(BANDS)))
    none = np.full(len(BANDS), np.inf)
    return Photometry(flux, error * truth, none, none), models


class TestFreeErrors:
    def test_instruments(self):
        assert instruments_of(BANDS) == {"ACS_WFC": [0, 1], "NIRCam": [2, 3, 4, 5]}

    @pytest.mark.parametrize(("scatter", "error"), [(0.08, 0.01), (0.2, 0.01), (0.08, 0.05)])
    def test_integral_over_fractions_and_masses(self, integral, scatter, error):
        """Against fine grids, where errors follow the mass."""
        data, models = photometry(scatter, error=error)
        found = FreeErrors(data, BANDS, LIMITS, lambda one: ClosedForm(one, integral)).of(models)
        exact = np.array([self.exact(data, flux) for flux in models.flux])
        near = exact > exact.max() - 2.0
        assert near.sum() > 1
        np.testing.assert_allclose(found.log_weight[near], exact[near], atol=0.2)

    @staticmethod
    def exact(data, flux, n=20):
        """Logarithm of the likelihood of a model, without the norm of its errors."""
        grid = (np.arange(n) + 0.5) / n * LIMITS[1]
        fractions = np.repeat(np.stack(np.meshgrid(grid, grid), axis=-1), [2, 4], axis=2)
        log_mass = np.log(np.median(data.flux / flux)) + np.linspace(-2.0, 2.0, 401)
        expected = np.exp(log_mass)[:, np.newaxis, np.newaxis, np.newaxis] * flux
        error = np.hypot(data.error, fractions * expected)
        pull = (data.flux - expected) / error
        value = np.sum(-0.5 * pull**2 - np.log(error / data.error), axis=-1)
        return logsumexp(value) + np.log(0.01 / (7.0 * np.log(10.0)) / n**2)

    def test_fluxes_that_scatter_down_count_as_those_that_scatter_up(self, integral):
        """With fractions of measured fluxes, masses would be too low by twice their variance."""
        models, none = FewModels(np.full((1, 6), 1e-8)), np.full(6, np.inf)
        rng, best = np.random.default_rng(180752), []
        for _ in range(200):
            flux = 10.0 * (1.0 + 0.2 * rng.standard_normal(6))
            data = Photometry(flux, np.full(6, 0.01), none, none)
            free = FreeErrors(data, BANDS, LIMITS, lambda one: ClosedForm(one, integral))
            best.append(free.of(models).best[0] / 1e9)
        assert np.mean(best) == pytest.approx(1.0, abs=4.0 * np.std(best) / np.sqrt(200.0))
        assert np.std(best) == pytest.approx(0.2 / np.sqrt(6.0), rel=0.2)

    @pytest.mark.parametrize("robust", [False, True])
    def test_the_instrument_with_scatter_is_found(self, integral, robust):
        bands = tuple(f"F{k}W" for k in (115, 150, 200, 277, 356, 444))
        data, models = photometry([0.0] * 6, error=0.02)
        make = Robust if robust else lambda one: ClosedForm(one, integral)
        free = FreeErrors(data, bands, LIMITS, make)
        found = free.residuals(models.take([0]), np.array([9.0]), None)
        assert found.fractional_error["NIRCam"] < 0.06
        assert (found.outlier is None) != robust
        loud, models = photometry([0.15] * 6, error=0.02, seed=2)
        found = FreeErrors(loud, bands, LIMITS, make).residuals(
            models.take([0]), np.array([9.0]), None
        )
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
        found = free.residuals(models, np.full(20, 9.0), None)
        assert found.fractional_error.keys() == {"NIRCam"}

    @pytest.mark.parametrize("kind", [ClosedForm, WithLimits, Robust])
    def test_likelihoods_take_errors_of_each_model(self, integral, kind):
        """The same for all models, and those of one model at a time."""
        data, models = photometry(0.1, error=0.1)
        data.error[0], data.flux[0], data.limit_error[0] = np.inf, 0.0, data.flux[1]
        data.limit[0] = 3.0 * data.limit_error[0]

        def make(error):
            one = replace(data, error=error)
            return kind(one) if kind is Robust else kind(one, integral)

        plain, equal = make(data.error), make(np.tile(data.error, (20, 1)))
        np.testing.assert_allclose(
            equal.of(models).log_weight, plain.of(models).log_weight, rtol=1e-12
        )
        drawn = [
            each.draw_masses(models, each.of(models), np.random.default_rng(1))
            for each in (plain, equal)
        ]
        np.testing.assert_allclose(drawn[0], drawn[1], rtol=1e-12)
        errors = data.error * np.random.default_rng(2).uniform(1.0, 2.0, (20, 6))
        errors[:, 0] = np.inf
        found = make(errors).of(models)
        best = int(np.argmax(found.log_weight))
        alone = make(errors[best]).of(models.take([best]))
        np.testing.assert_allclose(found.log_weight[best], alone.log_weight[0], rtol=1e-9)
        chi2 = [
            each.residuals(some, np.full(len(some.flux), 9.0), None).chi2[0]
            for each, some in (
                (make(errors[[best]]), models.take([best])),
                (make(errors[best]), models.take([best])),
            )
        ]
        assert chi2[0] == pytest.approx(chi2[1], rel=1e-12)
