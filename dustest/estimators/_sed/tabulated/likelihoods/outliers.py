"""A likelihood under which any band may be an outlier.

Errors of each band are a mixture of its Gaussian and of a wide distribution. The share of the
latter is common to the bands of a galaxy, has a beta distribution as prior, and is integrated
over: as the likelihood is a polynomial in it, a Gauss quadrature is exact for up to eleven bands.
"""

from dataclasses import dataclass

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
        measured, limited = data.measured, data.limited
        self._bands, self._n_measured = np.append(measured, limited), len(measured)
        self._n_bands = len(data.flux)
        error = np.atleast_2d(data.error)[:, measured]
        limit_error = np.tile(data.limit_error[limited], (len(error), 1))
        self._error = np.concatenate([error, limit_error], axis=1).T
        self._flux = np.append(data.flux[measured], data.limit[limited])[:, np.newaxis]

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
        pulls, (low, high) = self._pulls(models.flux), models.masses
        best, error, value, chi2 = self._best(pulls, low, high)
        span_of_prior = (models.high - models.low) * np.log(10.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            width = np.sqrt(2.0 * np.pi) * error / np.clip(best, low, high)
            log_weight = value + np.log(np.minimum(width / span_of_prior, 1.0))
        log_weight[~np.isfinite(log_weight)] = -np.inf

        def integrate(index):
            inside = low[index], high[index]
            found = self._integral(pulls.some(index), best[index], error[index], *inside)
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
        pulls, (low, high) = self._pulls(models.flux), models.masses

        def value(grid):
            return self._log_likelihood(pulls, np.exp(grid).T).T

        coarse = np.linspace(*_ends(likelihood.best, likelihood.error, low, high), _N_MASSES)
        fine = np.linspace(*counting_ends(coarse, value(coarse)), _N_MASSES)
        log_mass = draw_on_grid(fine, value(fine), rng) / np.log(10.0)
        return np.clip(log_mass, models.low, models.high)

    def residuals(self, models, log_mass, rng):  # noqa: ARG002 - nothing is drawn
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
        pulls, mass = self._pulls(models.flux), 10.0**log_mass
        share = self._outliers(pulls, mass)
        outlier = np.full(self._n_bands, np.nan)
        outlier[self._bands] = share.mean(axis=1)
        return Residuals(self._chi2(pulls, mass, share), outlier)

    def _chi2(self, pulls, mass, share):
        """Chi-squared (n,) of the measured fluxes, by probabilities to be outliers."""
        own = slice(self._n_measured)
        pull = pulls.rate[own] * mass - pulls.number[own]
        return np.sum(_tightness(share[own], pull) * pull**2, axis=0)

    def _pulls(self, flux):
        """What pulls of models of some fluxes per mass follow from."""
        rate = np.ascontiguousarray(flux[:, self._bands].T / self._error)
        return _Pulls(rate, self._flux / self._error)

    def _best(self, pulls, low, high):
        """Best masses of models, their errors, log likelihood and chi-squared there."""
        rate, own = pulls.rate, slice(self._n_measured)
        best = _weighted_median(pulls.number[own], rate[own])
        value = self._log_likelihood(pulls, np.clip(best, low, high)[:, np.newaxis])[:, 0]
        value[~np.isfinite(best)] = -np.inf
        with np.errstate(divide="ignore"):
            error = 1.0 / np.sqrt(np.einsum("bm,bm->m", rate, rate))
        chi2 = np.full(len(best), np.inf)
        near = np.flatnonzero(value > value.max() - _FAR)
        if np.isfinite(value).any():
            some, low, high = pulls.some(near), low[near], high[near]
            best[near], error[near] = self._climbed(some, best[near])
            held = np.clip(best[near], low, high)
            value[near] = self._log_likelihood(some, held[:, np.newaxis])[:, 0]
            chi2[near] = self._chi2(some, held, self._outliers(some, held))
        return best, error, value, chi2

    def _climbed(self, pulls, mass):
        """Masses (n,) of the greatest likelihood nearby, and their errors.

        Each step weights the bands by their probability to be outliers, at the mean share.
        """
        for _ in range(_N_STEPS):
            slope, curvature = np.zeros((2, len(mass)))
            for k, each in enumerate(pulls.rate):
                pull = pulls.at(k, mass)
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

    def _log_likelihood(self, pulls, mass):
        """Logarithm of the likelihood (n, m) at several masses of each model."""
        result = np.empty(mass.shape)
        for start in range(0, len(mass), _CHUNK):
            part = slice(start, start + _CHUNK)
            top, factor = self._factors(pulls.some(part), mass[part])
            result[part] = top + np.log(np.tensordot(_SHARES, factor, axes=1))
        return result

    def _factors(self, pulls, mass):
        """Logarithm of a factor of the likelihood, and the other by share of outliers."""
        top, factor = np.zeros(mass.shape), np.ones((len(_PLACES), *mass.shape))
        places = _PLACES.reshape(-1, *(1,) * mass.ndim)
        for k in range(len(pulls.rate)):
            larger, good, bad = self._parts(k, pulls.at(k, mass))
            top += larger
            factor *= good + places * (bad - good)
        return top, factor

    def _outliers(self, pulls, mass):
        """Probabilities (n_data, n) that bands are outliers, at one mass of each model."""
        _, factor = self._factors(pulls, mass)
        weight = _SHARES[:, np.newaxis] * factor
        weight /= weight.sum(axis=0)
        places, share = _PLACES[:, np.newaxis], np.empty(pulls.rate.shape)
        for k in range(len(share)):
            _, good, bad = self._parts(k, pulls.at(k, mass))
            share[k] = np.sum(weight * places * bad / (good + places * (bad - good)), axis=0)
        return share

    def _integral(self, pulls, best, error, low, high):
        """Logarithm of the likelihood, integrated over the logarithm of the mass, (n,)."""
        ends = _ends(best, error, low, high)
        return log_integral(lambda mass: self._log_likelihood(pulls, mass), *ends)


@dataclass(frozen=True, eq=False)
class _Pulls:
    """Differences between models and data by mass, in standard errors.

    Parameters
    ----------
    rate : ndarray of shape (n_data, n)
        Numbers of standard errors by which fluxes of models rise with the mass.
    number : ndarray of shape (n_data, 1) or (n_data, n)
        The data in standard errors, the same for all models or not.
    """

    rate: np.ndarray
    number: np.ndarray

    def at(self, k, mass):
        """Pulls of one datum, at one mass of each model (n,) or at several (n, m)."""
        rate, number = self.rate[k], self.number[k]
        if mass.ndim > 1:
            rate, number = rate[:, np.newaxis], number[:, np.newaxis]
        return rate * mass - number

    def some(self, index):
        """Those of some of the models."""
        shared = self.number.shape[1] == 1
        return _Pulls(self.rate[:, index], self.number if shared else self.number[:, index])


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
        mass = number / rate
    mass[rate <= 0.0] = np.inf
    order = np.argsort(mass, axis=0)
    below = np.cumsum(np.take_along_axis(rate, order, axis=0), axis=0)
    middle = np.argmax(below >= 0.5 * below[-1], axis=0)
    every = np.arange(rate.shape[1])
    return mass[order[middle, every], every]
