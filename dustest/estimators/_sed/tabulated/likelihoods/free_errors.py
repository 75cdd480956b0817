"""Likelihoods with a fractional error of each instrument that is integrated over."""

from dataclasses import replace
from itertools import product

import numpy as np
from scipy.special import logsumexp, softmax

from dustest.data.bands import get_band
from dustest.estimators._sed.tabulated.likelihoods.data_likelihood import Residuals
from dustest.estimators._sed.tabulated.likelihoods.gaussian import Likelihood

__all__ = ["FreeErrors", "instruments_of"]

_N_NODES = (6, 4, 3)
"""Values of the fraction of each instrument, by the number of instruments; two for more."""
_OTHER = "other"
_N_STEPS = 3
"""Times that the best mass of a model is computed, each with errors by the one before."""


def instruments_of(bands):
    """Instruments of bands, by the identifiers of the SVO.

    Parameters
    ----------
    bands : sequence of str
        Names of bands.

    Returns
    -------
    dict of str to list of int
        Numbers of the bands by name of the instrument, in order of appearance.

    Examples
    --------
    >>> from dustest.estimators._sed.tabulated.likelihoods.free_errors import instruments_of
    >>> instruments_of(("F606W", "F277W", "F814W"))
    {'ACS_WFC': [0, 2], 'NIRCam': [1]}
    """
    found = {}
    for number, band in enumerate(bands):
        name = get_band(band).svo_id.rpartition(".")[0].rpartition("/")[2] or _OTHER
        found.setdefault(name, []).append(number)
    return found


class FreeErrors:
    """A likelihood, integrated over fractional errors of instruments.

    The error of a measured flux is its own, and in quadrature a fraction of the flux of the model
    at its best mass: with a fraction of the measured flux, fluxes that scatter down would count
    more than those that scatter up. Each instrument has a fraction, whose prior is uniform; the
    integral is a Gauss quadrature.

    Parameters
    ----------
    data : Photometry
        The photometry.
    bands : tuple of str
        Its bands.
    limits : tuple of float
        Limits of the prior of the fractions.
    make : Callable
        Function of a `Photometry` that returns its likelihood.
    """

    def __init__(self, data, bands, limits, make):
        self._data, self._make = data, make
        self._measured = measured = data.measured
        own = instruments_of([bands[k] for k in measured])
        self._names = tuple(own)
        low, high = limits
        self._middle = 0.5 * (low + high)
        n_nodes = _N_NODES[len(own) - 1] if len(own) <= len(_N_NODES) else 2
        places, shares = np.polynomial.legendre.leggauss(n_nodes)
        places = low + 0.5 * (high - low) * (1.0 + places)
        self._fractions = np.array(list(product(places, repeat=len(own))))
        self._log_prior = np.log(0.5 * np.array(list(product(shares, repeat=len(own)))))
        self._log_prior = self._log_prior.sum(axis=1)
        self._by_band = np.zeros((len(self._fractions), len(bands)))
        for fraction, numbers in zip(self._fractions.T, own.values(), strict=True):
            self._by_band[:, measured[numbers]] = fraction[:, np.newaxis]

    def of(self, models):
        """Compute the likelihood of models; see `ClosedForm.of`."""
        _, found, log_weight = self._each(models)
        most = np.argmax(log_weight, axis=0)
        every = np.arange(len(most))
        rest = (
            np.stack([getattr(one, name) for one in found]) for name in ("chi2", "best", "error")
        )
        return Likelihood(logsumexp(log_weight, axis=0), *(part[most, every] for part in rest))

    def draw_masses(self, models, likelihood, rng):  # noqa: ARG002 - of one fraction
        """Draw masses of models from their posterior; see `ClosedForm.draw_masses`."""
        errors, found, log_weight = self._each(models)
        below = np.cumsum(softmax(log_weight, axis=0), axis=0)
        chosen = np.sum(below[:-1] < rng.random(below.shape[1]), axis=0)
        log_mass = np.empty(len(chosen))
        for number, (error, one) in enumerate(zip(errors, found, strict=True)):
            rows = np.flatnonzero(chosen == number)
            if len(rows):
                part = self._part(error[rows])
                log_mass[rows] = part.draw_masses(models.take(rows), one[rows], rng)
        return log_mass

    def residuals(self, models, log_mass):
        """Compare models with the photometry, averaged over the fractions of each model."""
        errors, _, log_weight = self._each(models)
        weight = softmax(log_weight, axis=0)
        found = [self._part(error).residuals(models, log_mass) for error in errors]
        mean = weight.mean(axis=1)
        outlier = None
        if found[0].outlier is not None:
            outlier = mean @ np.stack([one.outlier for one in found])
        chi2 = np.einsum("kn,kn->n", weight, np.stack([one.chi2 for one in found]))
        fractions = dict(zip(self._names, (mean @ self._fractions).tolist(), strict=True))
        return Residuals(chi2, outlier, fractions)

    def _part(self, error):
        """Likelihood with some errors of each model."""
        return self._make(replace(self._data, error=error))

    def _each(self, models):
        """Errors and likelihoods by set of fractions, and their logarithms with the prior."""
        expected, measured = self._expected(models), self._measured
        errors, found, log_weight = [], [], []
        for by_band, log_prior in zip(self._by_band, self._log_prior, strict=True):
            error = np.sqrt(self._data.error**2 + np.square(by_band * expected))
            one = self._part(error).of(models)
            widening = np.sum(np.log(error[:, measured] / self._data.error[measured]), axis=1)
            errors.append(error)
            found.append(one)
            log_weight.append(one.log_weight + log_prior - widening)
        return errors, found, np.stack(log_weight)

    def _expected(self, models):
        """Fluxes (n, n_bands) of the models at their best masses, with a middling fraction."""
        flux, variance = models.flux, self._data.error**2
        expected = np.zeros(flux.shape)
        for _ in range(_N_STEPS):
            weight = 1.0 / (variance + np.square(self._middle * expected))
            with np.errstate(divide="ignore", invalid="ignore"):
                best = np.einsum("mb,mb,b->m", flux, weight, self._data.flux)
                best /= np.einsum("mb,mb,mb->m", flux, flux, weight)
            mass = np.clip(np.nan_to_num(best), *models.masses)
            expected = flux * mass[:, np.newaxis]
        return expected
