"""Likelihoods with a free calibration against normal distributions with its covariance."""

import numpy as np
import pytest
from numpy.polynomial.chebyshev import chebval
from scipy.special import logsumexp
from scipy.stats import kstest, multivariate_normal, norm

from dustest.estimators._sed.posterior import Settings
from dustest.estimators._sed.tabulated.likelihoods.calibrated_spectrum import CalibratedSpectrum
from dustest.estimators._sed.tabulated.likelihoods.data_likelihood import Photometry
from dustest.estimators._sed.tabulated.model_pool import Models

WAVELENGTH = np.linspace(1e4, 5e4, 40)
PLACE = np.linspace(-1.0, 1.0, 40)
PIXELS = slice(2, 42)
MASS = 1e9


def models(n, rng):
    """Models of two bands, 40 pixels and a line, of about one per 1e9 solar masses."""
    shape = 1.0 + 0.3 * rng.standard_normal((n, 1)) * np.linspace(-1.0, 1.0, 43)
    flux = np.clip(shape, 0.1, None) / MASS
    return Models(np.zeros((n, 1)), flux, np.full(n, 5.0), np.full(n, 12.0), {})


def data(flux, rng, *, error=0.1, limit=False):
    """Noisy data of a galaxy; one band may have a limit alone."""
    errors = np.full(43, error)
    values = flux + errors * rng.standard_normal(43)
    limits, limit_errors = np.full((2, 43), np.inf)
    if limit:
        limits[0], limit_errors[0] = 3.0 * 0.5, 0.5
        values[0], errors[0] = 0.0, np.inf
    return Photometry(values, errors, limits, limit_errors)


def settings(flux_scale=(0.1, 0.05), noise_scale=None):
    """Settings with a free calibration."""
    return Settings("lognormal", "Calzetti", flux_scale=flux_scale, noise_scale=noise_scale)


def direct(photometry, flux, scales, noise=None):
    """Logarithm of the likelihood over a mass flat in the logarithm, by a fine sum."""
    log_mass = np.linspace(8.5, 9.5, 301)
    use = np.isfinite(photometry.error)
    found = []
    for mass in 10.0**log_mass:
        model = flux * mass
        total = sum(
            norm.logcdf(photometry.limit[k], model[k], photometry.limit_error[k])
            for k in photometry.limited
        )
        errors = photometry.error.copy()
        errors[PIXELS] *= 1.0 if noise is None else noise
        modes = [np.zeros(43) for _ in scales]
        for order, (mode, scale) in enumerate(zip(modes, scales, strict=True)):
            mode[PIXELS] = scale * model[PIXELS] * chebval(PLACE, np.eye(len(scales))[order])
        modes = np.array(modes)[:, use]
        covariance = np.diag(errors[use] ** 2) + modes.T @ modes
        total += multivariate_normal.logpdf(photometry.flux[use], model[use], covariance)
        found.append(
            total + 0.5 * np.log(2.0 * np.pi) * use.sum() + np.sum(np.log(photometry.error[use]))
        )
    # The prior is flat from 5 to 12, and the sum covers 1 dex.
    return logsumexp(found) - np.log(300) + np.log(1.0 / 7.0)


class TestLikelihood:
    @pytest.mark.parametrize("scales", [(0.2,), (0.0, 0.1), (0.1, 0.05, 0.05)])
    @pytest.mark.parametrize("limit", [False, True])
    def test_as_a_normal_distribution(self, scales, limit):
        rng = np.random.default_rng(210161)
        some = models(3, rng)
        photometry = data(some.flux[0] * MASS, rng, limit=limit)
        found = CalibratedSpectrum(photometry, PIXELS, WAVELENGTH, settings(scales)).of(some)
        expected = [direct(photometry, flux, scales) for flux in some.flux]
        near = found.log_weight > found.log_weight.max() - 30.0
        np.testing.assert_allclose(found.log_weight[near], np.array(expected)[near], atol=0.01)

    def test_noise_scale(self):
        rng = np.random.default_rng(210162)
        some = models(1, rng)
        photometry = data(some.flux[0] * MASS, rng)
        likelihood = CalibratedSpectrum(
            photometry, PIXELS, WAVELENGTH, settings((0.1,), (0.5, 2.0))
        )
        noise = np.geomspace(0.5, 2.0, 31)
        each = [direct(photometry, some.flux[0], (0.1,), one) for one in noise]
        shares = np.full(31, 1.0 / 30.0)
        shares[[0, -1]] *= 0.5
        expected = logsumexp(each, b=shares)
        assert likelihood.of(some).log_weight[0] == pytest.approx(expected, abs=0.02)

    def test_a_model_without_light_is_impossible(self):
        rng = np.random.default_rng(210163)
        some = models(2, rng)
        some.flux[1] = 0.0
        photometry = data(some.flux[0] * MASS, rng)
        found = CalibratedSpectrum(photometry, PIXELS, WAVELENGTH, settings()).of(some)
        assert np.isfinite(found.log_weight[0])
        assert found.log_weight[1] == -np.inf

    def test_the_calibration_does_not_change_photometry_alone(self):
        """Pixels without values leave the likelihood of the bands."""
        rng = np.random.default_rng(210164)
        some = models(3, rng)
        photometry = data(some.flux[0] * MASS, rng)
        photometry.error[PIXELS] = np.inf
        found = [
            CalibratedSpectrum(photometry, PIXELS, WAVELENGTH, settings(scales))
            .of(some)
            .log_weight
            for scales in ((0.5, 0.5), (1e-3,))
        ]
        np.testing.assert_allclose(*found, atol=1e-3)


class TestDraws:
    def test_calibration_noise_and_mass_are_those_of_the_prior(self):
        """Ranks of the truth among draws are even over many data sets of one model."""
        rng = np.random.default_rng(210165)
        some = models(1, rng)
        ranks = {"mass": [], "noise": [], 0: [], 1: []}
        scales, limits = (0.1, 0.2), (0.5, 2.0)
        for _ in range(100):
            noise = np.exp(rng.uniform(*np.log(limits)))
            drawn = rng.standard_normal(2) * scales
            mass = 10.0 ** rng.uniform(8.9, 9.1)
            model = some.flux[0] * mass
            model[PIXELS] *= 1.0 + chebval(PLACE, drawn)
            photometry = data(model, rng)
            photometry.flux[PIXELS] += (
                rng.standard_normal(40) * 0.1 * np.sqrt(max(noise**2 - 1.0, 0.0))
            )
            if noise < 1.0:
                photometry.flux[PIXELS] = model[PIXELS] + 0.1 * noise * rng.standard_normal(40)
            likelihood = CalibratedSpectrum(
                photometry, PIXELS, WAVELENGTH, settings(scales, limits)
            )
            many = some.take(np.zeros(100, dtype=int))
            masses = likelihood.draw_masses(many, likelihood.of(many), rng)
            spectral = likelihood.residuals(many, masses, rng).spectral
            ranks["mass"].append(np.mean(masses < np.log10(mass)))
            ranks["noise"].append(np.mean(spectral["spectrum:noise_scale"] < noise))
            for order in (0, 1):
                name = f"spectrum:calibration_{order}"
                ranks[order].append(np.mean(spectral[name] < drawn[order]))
        assert all(kstest(rank, "uniform").pvalue > 0.01 / 4 for rank in ranks.values())

    def test_chi_squared_of_the_draws(self):
        rng = np.random.default_rng(210166)
        some = models(1, rng).take(np.zeros(300, dtype=int))
        photometry = data(some.flux[0] * MASS, rng)
        likelihood = CalibratedSpectrum(photometry, PIXELS, WAVELENGTH, settings())
        masses = likelihood.draw_masses(some, likelihood.of(some), rng)
        chi2 = likelihood.residuals(some, masses, rng).chi2
        # 43 data, of which the mass and two coefficients take up some.
        assert 25.0 < np.median(chi2) < 65.0
