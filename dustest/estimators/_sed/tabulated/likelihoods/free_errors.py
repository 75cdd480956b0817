"""Likelihoods with a fractional error of each instrument that is integrated over."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.special import logsumexp, softmax

from dustest.data.bands import get_band
from dustest.estimators._sed.tabulated.likelihoods.data_likelihood import (
    Residuals,
    refine_near,
)
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
        every = _Some(models.flux, models.low, models.high, models.masses)
        excess = self._excess(every)
        # The greatest fractions give an upper bound.
        bound = self._part(self._errors(excess, self._by_band.max(axis=0))).of(every)
        found = Likelihood(*(part.copy() for part in bound.parts))

        def integrate(index):
            if not len(index):
                return
            _, parts, log_weight = self._each(every.take(index), excess[index])
            found.log_weight[index] = logsumexp(log_weight, axis=0)
            most, own = np.argmax(log_weight, axis=0), np.arange(len(index))
            for name in ("chi2", "best", "error"):
                values = np.stack([getattr(one, name) for one in parts])
                getattr(found, name)[index] = values[most, own]

        refine_near(found.log_weight, integrate)
        return found

    def draw_masses(self, models, likelihood, rng):  # noqa: ARG002 - of one fraction
        """Draw masses of models from their posterior; see `ClosedForm.draw_masses`."""
        errors, found, log_weight = self._each(models, self._excess(models))
        below = np.cumsum(softmax(log_weight, axis=0), axis=0)
        chosen = np.sum(below[:-1] < rng.random(below.shape[1]), axis=0)
        log_mass = np.empty(len(chosen))
        for number, (error, one) in enumerate(zip(errors, found, strict=True)):
            rows = np.flatnonzero(chosen == number)
            if len(rows):
                part = self._part(error[rows])
                log_mass[rows] = part.draw_masses(models.take(rows), one[rows], rng)
        return log_mass

    def residuals(self, models, log_mass, rng):
        """Compare models with the photometry, averaged over the fractions of each model."""
        errors, _, log_weight = self._each(models, self._excess(models))
        weight = softmax(log_weight, axis=0)
        found = [self._part(error).residuals(models, log_mass, rng) for error in errors]
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

    def _errors(self, excess, fractions):
        """Errors (n, n_bands) of models, with fractions (n_bands,)."""
        return self._data.error * np.sqrt(1.0 + fractions**2 * excess)

    def _each(self, models, excess):
        """Errors and likelihoods by set of fractions, and their logarithms with the prior."""
        errors, found, log_weight = [], [], []
        for by_band, log_prior in zip(self._by_band, self._log_prior, strict=True):
            error = self._errors(excess, by_band)
            one = self._part(error).of(models)
            wider = error[:, self._measured] / self._data.error[self._measured]
            errors.append(error)
            found.append(one)
            log_weight.append(one.log_weight + log_prior - np.log(wider).sum(axis=1))
        return errors, found, np.stack(log_weight)

    def _excess(self, models):
        """Squares (n, n_bands) of fluxes of the models in standard errors.

        The fluxes are those at their best masses, with a middling fraction.
        """
        rate = models.flux / self._data.error
        number = self._data.flux / self._data.error
        excess = np.zeros(rate.shape)
        for _ in range(_N_STEPS):
            weight = rate / (1.0 + self._middle**2 * excess)
            with np.errstate(divide="ignore", invalid="ignore"):
                best = (weight @ number) / np.einsum("mb,mb->m", weight, rate)
            best[~np.isfinite(best)] = 0.0  # models without light
            mass = np.clip(best, *models.masses)
            excess = np.square(rate * mass[:, np.newaxis])
        return excess


@dataclass(frozen=True, eq=False)
class _Some:
    """What a likelihood needs of models: see `Models`."""

    flux: np.ndarray
    low: np.ndarray
    high: np.ndarray
    masses: tuple

    @property
    def squared_flux(self):
        """Squares of the fluxes."""
        return np.square(self.flux)

    def take(self, index):
        """Select models."""
        masses = tuple(limit[index] for limit in self.masses)
        return _Some(self.flux[index], self.low[index], self.high[index], masses)
