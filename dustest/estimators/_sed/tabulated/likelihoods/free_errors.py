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

    The error of a measured flux is its own, and a fraction of the flux in quadrature. Each
    instrument has a fraction, whose prior is uniform; the integral is a Gauss quadrature.

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
        measured = np.flatnonzero(np.isfinite(data.error))
        own = instruments_of([bands[k] for k in measured])
        self._names = tuple(own)
        low, high = limits
        n_nodes = _N_NODES[len(own) - 1] if len(own) <= len(_N_NODES) else 2
        places, shares = np.polynomial.legendre.leggauss(n_nodes)
        places = low + 0.5 * (high - low) * (1.0 + places)
        self._fractions = np.array(list(product(places, repeat=len(own))))
        log_prior = np.log(0.5 * np.array(list(product(shares, repeat=len(own))))).sum(axis=1)
        errors = np.tile(data.error, (len(self._fractions), 1))
        for fraction, numbers in zip(self._fractions.T, own.values(), strict=True):
            index = measured[numbers]
            errors[:, index] = np.hypot(data.error[index], np.outer(fraction, data.flux[index]))
        widening = np.log(errors[:, measured] / data.error[measured]).sum(axis=1)
        self._log_factor = log_prior - widening
        self._parts = [make(replace(data, error=error)) for error in errors]

    def of(self, models):
        """Compute the likelihood of models; see `ClosedForm.of`."""
        found, log_weight = self._each(models)
        most = np.argmax(log_weight, axis=0)
        every = np.arange(len(most))
        rest = (
            np.stack([getattr(one, name) for one in found]) for name in ("chi2", "best", "error")
        )
        return Likelihood(logsumexp(log_weight, axis=0), *(part[most, every] for part in rest))

    def draw_masses(self, models, likelihood, rng):  # noqa: ARG002 - of one fraction
        """Draw masses of models from their posterior; see `ClosedForm.draw_masses`."""
        found, log_weight = self._each(models)
        below = np.cumsum(softmax(log_weight, axis=0), axis=0)
        chosen = np.sum(below[:-1] < rng.random(below.shape[1]), axis=0)
        log_mass = np.empty(len(chosen))
        for number, (part, one) in enumerate(zip(self._parts, found, strict=True)):
            rows = np.flatnonzero(chosen == number)
            if len(rows):
                log_mass[rows] = part.draw_masses(models.take(rows), one[rows], rng)
        return log_mass

    def residuals(self, models, log_mass):
        """Compare models with the photometry, averaged over the fractions of each model."""
        weight = softmax(self._each(models)[1], axis=0)
        found = [part.residuals(models, log_mass) for part in self._parts]
        mean = weight.mean(axis=1)
        outlier = None
        if found[0].outlier is not None:
            outlier = mean @ np.stack([one.outlier for one in found])
        chi2 = np.einsum("kn,kn->n", weight, np.stack([one.chi2 for one in found]))
        fractions = dict(zip(self._names, (mean @ self._fractions).tolist(), strict=True))
        return Residuals(chi2, outlier, fractions)

    def _each(self, models):
        """Likelihoods under each set of fractions, and their logarithms with the prior."""
        found = [part.of(models) for part in self._parts]
        log_weight = np.stack([one.log_weight for one in found])
        return found, log_weight + self._log_factor[:, np.newaxis]
