"""A likelihood under which any band may be an outlier.

Errors of each band are a mixture of its Gaussian and of a wide distribution. The share of the
latter is common to the bands of a galaxy, has a beta distribution as prior, and is integrated
over: as the likelihood is a polynomial in it, a Gauss quadrature is exact for up to eleven bands.
"""

import numpy as np
from scipy.special import log_ndtr, roots_jacobi

from dustest.estimators._sed.tabulated.likelihoods.data_likelihood import (
    Residuals,
    counting_ends,
    inverse_mills,
    refine_near,
)
from dustest.estimators._sed.tabulated.likelihoods.gaussian import (
    Likelihood,
    draw_on_grid,
    log_integral,
    span,
)

__all__ = ["Robust"]

WIDTH = 6.0
"""Scale of the distribution of outliers in standard errors."""
RARITY = 19.0
"""Second parameter of the beta prior of the share of outliers; the first is one."""
_PLACES, _SHARES = roots_jacobi(6, RARITY - 1.0, 0.0)
_PLACES, _SHARES = 0.5 * (1.0 + _PLACES), _SHARES / _SHARES.sum()
_MEAN = 1.0 / (1.0 + RARITY)
_N_MASSES = 64
_N_STEPS = 6
_CHUNK = 256  # models whose values at all nodes fit in the cache of a core
_FAR = 60.0
"""Difference in log likelihood at good masses above which models are negligible."""
_SPREAD = 1.5
"""Factor on errors of masses, which are larger if it is open whether a band is an outlier."""
_HALF_LOG_2PI = 0.5 * np.log(2.0 * np.pi)
_LOG_HEIGHT = _HALF_LOG_2PI - np.log(np.pi * WIDTH)
"""Height of the distribution of outliers, over that of the Gaussian."""


class Robust:
    r"""Likelihood of photometry with outliers.

    The error of a measured flux is distributed as :math:`(1 - p) N(0, \sigma) + p C(0, 6
    \sigma)`, with a Cauchy distribution C, so that no outlier has a pull on the fit however
    far it is off. A flux below a limit has the corresponding probability. The share of outliers
    p has the prior Beta(1, 19), with a mean of 5 per cent [1]_ [2]_.

    Parameters
    ----------
    data : Photometry
        The photometry.

    References
    ----------
    .. [1] Hogg, Bovy & Lang 2010, arXiv:1008.4686, section 3
    .. [2] Johnson et al. 2021, ApJS 254, 22
    """

    def __init__(self, data):
        measured, limited = np.flatnonzero(np.isfinite(data.error)), data.limited
        self._bands, self._n_measured = np.append(measured, limited), len(measured)
        self._n_bands = len(data.flux)
        self._error = np.append(data.error[measured], data.limit_error[limited])
        self._number = np.append(data.flux[measured], data.limit[limited]) / self._error

    def of(self, models):
        """Compute the likelihood of models.

        Parameters
        ----------
        models : Models or Pool
            The models.

        Returns
        -------
        Likelihood
            Of each, with the best mass and its standard error; chi-squared has the weights of
            bands that are no outliers.
        """
        rate, (low, high) = self._rates(models.flux), models.masses
        best, error, value, chi2 = self._best(rate, low, high)
        span_of_prior = (models.high - models.low) * np.log(10.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            width = np.sqrt(2.0 * np.pi) * error / np.clip(best, low, high)
            log_weight = value + np.log(np.minimum(width / span_of_prior, 1.0))
        log_weight[~np.isfinite(log_weight)] = -np.inf

        def integrate(index):
            inside = low[index], high[index]
            found = self._integral(rate[:, index], best[index], error[index], *inside)
            log_weight[index] = found - np.log(span_of_prior[index])

        refine_near(log_weight, integrate)
        return Likelihood(log_weight, chi2, best, error)

    def draw_masses(self, models, likelihood, rng):
        """Draw masses of models from their posterior.

        Parameters
        ----------
        models : Models
            The models.
        likelihood : Likelihood
            Their likelihood.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        ndarray of shape (n,)
            log10 of the masses formed.
        """
        rate, (low, high) = self._rates(models.flux), models.masses

        def value(grid):
            return self._log_likelihood(rate, np.exp(grid).T).T

        coarse = np.linspace(*_ends(likelihood.best, likelihood.error, low, high), _N_MASSES)
        fine = np.linspace(*counting_ends(coarse, value(coarse)), _N_MASSES)
        log_mass = draw_on_grid(fine, value(fine), rng) / np.log(10.0)
        return np.clip(log_mass, models.low, models.high)

    def residuals(self, models, log_mass):
        """Compare models with the photometry.

        Parameters
        ----------
        models : Models
            The models.
        log_mass : ndarray of shape (n,)
            log10 of their masses formed.

        Returns
        -------
        Residuals
            Chi-squared has little of outliers.
        """
        rate, mass = self._rates(models.flux), 10.0**log_mass
        share = self._outliers(rate, mass)
        outlier = np.full(self._n_bands, np.nan)
        outlier[self._bands] = share.mean(axis=1)
        return Residuals(self._chi2(rate, mass, share), outlier)

    def _chi2(self, rate, mass, share):
        """Chi-squared (n,) of the measured fluxes, by probabilities to be outliers."""
        own = slice(self._n_measured)
        pull = rate[own] * mass - self._number[own, np.newaxis]
        return np.sum(_tightness(share[own], pull) * pull**2, axis=0)

    def _rates(self, flux):
        """Numbers (n_data, n) of standard errors by which fluxes rise with the mass."""
        return np.ascontiguousarray((flux[:, self._bands] / self._error).T)

    def _best(self, rate, low, high):
        """Best masses of models, their errors, log likelihood and chi-squared there."""
        best = _weighted_median(self._number[: self._n_measured], rate[: self._n_measured])
        value = self._log_likelihood(rate, np.clip(best, low, high)[:, np.newaxis])[:, 0]
        value[~np.isfinite(best)] = -np.inf
        with np.errstate(divide="ignore"):
            error = 1.0 / np.sqrt(np.einsum("bm,bm->m", rate, rate))
        chi2 = np.full(len(best), np.inf)
        near = np.flatnonzero(value > value.max() - _FAR)
        if np.isfinite(value).any():
            rate, low, high = rate[:, near], low[near], high[near]
            best[near], error[near] = self._climbed(rate, best[near])
            held = np.clip(best[near], low, high)
            value[near] = self._log_likelihood(rate, held[:, np.newaxis])[:, 0]
            chi2[near] = self._chi2(rate, held, self._outliers(rate, held))
        return best, error, value, chi2

    def _climbed(self, rate, mass):
        """Masses (n,) of the greatest likelihood nearby, and their errors.

        Each step weights the bands by their probability to be outliers, at the mean share.
        """
        for _ in range(_N_STEPS):
            slope, curvature = np.zeros((2, len(mass)))
            for k, each in enumerate(rate):
                pull = each * mass - self._number[k]
                _, good, bad = self._parts(k, pull)
                share = _MEAN * bad / ((1.0 - _MEAN) * good + _MEAN * bad)
                force, bend = self._force(k, pull, share)
                slope += each * force
                curvature += each**2 * bend
            mass = mass + slope / curvature
        return mass, 1.0 / np.sqrt(curvature)

    def _force(self, k, pull, share):
        """Slope of the log likelihood of a band in its pull, and its negative curvature."""
        if k < self._n_measured:
            tightness = _tightness(share, pull)
            return -tightness * pull, tightness
        mills = inverse_mills(-pull)
        return -(1.0 - share) * mills, (1.0 - share) * np.clip(mills * (mills - pull), 0.0, 1.0)

    def _parts(self, k, pull):
        """Larger log likelihood of the two distributions of a band, and both relative to it."""
        if k < self._n_measured:
            narrow, wide = -0.5 * pull**2, _LOG_HEIGHT - np.log1p((pull / WIDTH) ** 2)
        else:
            # The arctangent of the inverse is exact where the probability is small.
            angle = np.arctan2(WIDTH, pull)
            narrow, wide = log_ndtr(-pull), np.log(angle / np.pi)
        top = np.maximum(narrow, wide)
        return top, np.exp(narrow - top), np.exp(wide - top)

    def _log_likelihood(self, rate, mass):
        """Logarithm of the likelihood (n, m) at several masses of each model."""
        result = np.empty(mass.shape)
        for start in range(0, len(mass), _CHUNK):
            part = slice(start, start + _CHUNK)
            top, factor = self._factors(rate[:, part, np.newaxis], mass[part])
            result[part] = top + np.log(np.tensordot(_SHARES, factor, axes=1))
        return result

    def _factors(self, rate, mass):
        """Logarithm of a factor of the likelihood, and the other by share of outliers."""
        top, factor = np.zeros(mass.shape), np.ones((len(_PLACES), *mass.shape))
        places = _PLACES.reshape(-1, *(1,) * mass.ndim)
        for k, each in enumerate(rate):
            larger, good, bad = self._parts(k, each * mass - self._number[k])
            top += larger
            factor *= good + places * (bad - good)
        return top, factor

    def _outliers(self, rate, mass):
        """Probabilities (n_data, n) that bands are outliers, at one mass of each model."""
        _, factor = self._factors(rate, mass)
        weight = _SHARES[:, np.newaxis] * factor
        weight /= weight.sum(axis=0)
        places, share = _PLACES[:, np.newaxis], np.empty(rate.shape)
        for k, each in enumerate(rate):
            _, good, bad = self._parts(k, each * mass - self._number[k])
            share[k] = np.sum(weight * places * bad / (good + places * (bad - good)), axis=0)
        return share

    def _integral(self, rate, best, error, low, high):
        """Logarithm of the likelihood, integrated over the logarithm of the mass, (n,)."""
        ends = _ends(best, error, low, high)
        return log_integral(lambda mass: self._log_likelihood(rate, mass), *ends)


def _tightness(share, pull):
    """Weights of pulls relative to those of Gaussians, by probability to be an outlier."""
    return 1.0 - share + 2.0 * share / (WIDTH**2 + pull**2)


def _ends(best, error, low, high):
    """Logarithms of the first and last mass that are not negligible."""
    error = _SPREAD * error
    first, last = span(best / error, low / error, high / error)
    return np.log(first * error), np.log(last * error)


def _weighted_median(number, rate):
    """Medians (n,) of the best masses of the bands, weighted by their signal-to-noise ratio."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mass = number[:, np.newaxis] / rate
    mass[rate <= 0.0] = np.inf
    order = np.argsort(mass, axis=0)
    below = np.cumsum(np.take_along_axis(rate, order, axis=0), axis=0)
    middle = np.argmax(below >= 0.5 * below[-1], axis=0)
    every = np.arange(rate.shape[1])
    return mass[order[middle, every], every]
