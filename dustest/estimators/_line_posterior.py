"""Posteriors of the attenuation of gas, from fluxes of lines with known intrinsic ratios."""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, logsumexp

__all__ = ["LEVELS", "Gas", "LineData", "NebularPosterior", "nebular_posterior"]

LEVELS = np.clip(np.arange(201) / 200.0, 1 / 400, 399 / 400)
"""Probabilities of the draws: the ends represent the tails."""

_ROWS = 128
"""Galaxies at once, whose arrays fit in the cache."""
_N_COARSE, _N_FINE = 101, 113
_N_COARSE_STATES = 6
_COARSE_ERROR = 0.05
"""Relative error that is added on the coarse grid, so that no maximum is between its points."""
_LEAST = 1e-6
"""Density over that at the maximum that the fine grid covers."""
_FAINT = 6.0
"""Significance of all lines together below which fluxes might be negative."""
_N_FLUXES = 16
_LN_TENTH = -0.4 * np.log(10.0)


@dataclass(frozen=True, eq=False)
class LineData:
    """Fluxes of n galaxies, which may have any common scale in a row.

    Parameters
    ----------
    flux, error : ndarray of shape (n, n_lines)
        Fluxes and standard errors; NaN without a measurement.
    limit, limit_error : ndarray of shape (n, n_lines)
        Upper limits, and the standard errors of the fluxes that they stand for; NaN without a
        limit, or if there is a flux.
    """

    flux: np.ndarray
    error: np.ndarray
    limit: np.ndarray
    limit_error: np.ndarray

    def __getitem__(self, rows):
        return LineData(*(part[rows] for part in self.parts))

    @property
    def parts(self):
        """All arrays."""
        return self.flux, self.error, self.limit, self.limit_error

    @property
    def n_fluxes(self):
        """Number of measured fluxes of each galaxy (n,)."""
        return np.isfinite(self.flux).sum(axis=1)

    @property
    def n_limits(self):
        """Number of limits of each galaxy (n,)."""
        return np.isfinite(self.limit).sum(axis=1)

    def scaled(self):
        """The same with a largest flux of 1, against underflow."""
        scale = np.nanmax(np.abs(self.flux), axis=1, keepdims=True)
        return LineData(*(part / scale for part in self.parts))


@dataclass(frozen=True, eq=False)
class Gas:
    """Lines of hot gas behind dust.

    Parameters
    ----------
    ratios : ndarray of shape (n_lines, n_states)
        Intrinsic fluxes, up to a factor, at nodes of temperature and density.
    weights : ndarray of shape (n_states,)
        Prior probabilities of the nodes.
    attenuation : ndarray of shape (n_lines,)
        A_lambda / A_V.
    a_v_range : tuple of float
        Ends of the flat prior of A_V.
    """

    ratios: np.ndarray
    weights: np.ndarray
    attenuation: np.ndarray
    a_v_range: tuple

    @property
    def coarse(self):
        """The same with few nodes, the first and the last among them."""
        n_states = len(self.weights)
        nodes = np.unique(np.linspace(0, n_states - 1, _N_COARSE_STATES).astype(int))
        weights = np.full(len(nodes), 1.0 / len(nodes))
        return Gas(self.ratios[:, nodes], weights, self.attenuation, self.a_v_range)


@dataclass(frozen=True, eq=False)
class NebularPosterior:
    """Posteriors of n galaxies.

    Parameters
    ----------
    a_v : ndarray of shape (n, n_levels)
        Quantiles of A_V at `LEVELS`.
    chi2 : ndarray of shape (n,)
        Smallest chi-squared of any model. A limit adds -2 ln of its probability.
    bits : ndarray of shape (n,)
        Kullback-Leibler divergence from the prior of A_V.
    """

    a_v: np.ndarray
    chi2: np.ndarray
    bits: np.ndarray


def nebular_posterior(data, gas):
    """Compute posteriors of A_V.

    Parameters
    ----------
    data : LineData
        Galaxies with a measured flux each.
    gas : Gas
        The model.

    Returns
    -------
    posterior : NebularPosterior
        The posteriors, in which fluxes, temperature and density are integrated out.
    """
    n = len(data.flux)
    starts = range(0, n, _ROWS)
    parts = [_posterior_of(data[start : start + _ROWS].scaled(), gas) for start in starts]
    if not parts:
        empty = np.empty(0)
        return NebularPosterior(np.empty((0, LEVELS.size)), empty, empty)
    return NebularPosterior(*(np.concatenate(one) for one in zip(*parts, strict=True)))


def _posterior_of(data, gas):
    """Quantiles, chi-squared and bits of some galaxies."""
    low, high = gas.a_v_range
    first, last = _windows(data, gas)
    a_v = first[:, None] + (last - first)[:, None] * np.linspace(0.0, 1.0, _N_FINE)
    density, chi2 = _posterior(data, gas, a_v)
    step = (last - first)[:, None] / (_N_FINE - 1)
    area = 0.5 * (density[:, 1:] + density[:, :-1]) * step
    cumulative = np.concatenate([np.zeros((len(area), 1)), np.cumsum(area, axis=1)], axis=1)
    total = cumulative[:, -1:]
    quantiles = [
        np.interp(LEVELS, probability, values)
        for probability, values in zip(cumulative / total, a_v, strict=True)
    ]
    density /= total
    logarithm = np.log2(density * (high - low), out=np.zeros_like(density), where=density > 0)
    bits = np.trapezoid(density * logarithm, dx=1.0, axis=1) * step[:, 0]
    return np.reshape(quantiles, (-1, LEVELS.size)), chi2, np.maximum(bits, 0.0)


def _windows(data, gas):
    """Ends of the ranges of A_V, one for each galaxy, with all of the probability."""
    low, high = gas.a_v_range
    grid = np.linspace(low, high, _N_COARSE)
    blurred = np.hypot(data.error, _COARSE_ERROR * np.abs(data.flux))
    loose = LineData(data.flux, blurred, data.limit, data.limit_error)
    a_v = np.broadcast_to(grid, (len(data.flux), _N_COARSE))
    density, _ = _posterior(loose, gas.coarse, a_v)
    inside = density >= _LEAST * density.max(axis=1, keepdims=True)
    first = np.maximum(np.argmax(inside, axis=1) - 1, 0)
    last = _N_COARSE - 1 - np.maximum(np.argmax(inside[:, ::-1], axis=1) - 1, 0)
    return grid[first], grid[last]


def _posterior(data, gas, a_v):
    """Density at A_V of shape (n, n_a), up to a factor, and the smallest chi-squared (n,)."""
    measured = np.isfinite(data.flux)
    weight = np.where(measured, 1.0 / np.square(data.error), 0.0)
    flux = np.where(measured, data.flux, 0.0)
    dimming = np.exp(_LN_TENTH * a_v[:, :, None] * gas.attenuation)
    overlap = (dimming * (weight * flux)[:, None]) @ gas.ratios
    norm = (np.square(dimming) * weight[:, None]) @ np.square(gas.ratios)
    # The fluxes of a model are F times those of gas; F has its best value and a Gaussian error.
    significance = overlap / np.sqrt(norm)
    log_likelihood = 0.5 * np.square(significance)
    total = np.sum(weight * np.square(flux), axis=1)
    faint = np.flatnonzero(significance.min(axis=(1, 2)) < _FAINT)
    log_likelihood[faint] += log_ndtr(significance[faint])
    limited = np.flatnonzero(np.isfinite(data.limit).any(axis=1))
    if limited.size:
        log_likelihood[limited] += _log_of_limits(
            data[limited], gas, dimming[limited], overlap[limited], norm[limited]
        )
    top = log_likelihood.max(axis=(1, 2))
    log_likelihood -= top[:, None, None]
    density = np.exp(log_likelihood, out=log_likelihood) @ gas.weights
    return density, np.maximum(total - 2.0 * top, 0.0)


def _log_of_limits(data, gas, dimming, overlap, norm):
    """Logarithm of the probability that fluxes are below limits, (n, n_a, n_states)."""
    nodes, shares = np.polynomial.hermite_e.hermegauss(_N_FLUXES)
    best, error = overlap / norm, 1.0 / np.sqrt(norm)
    terms = []
    for node, share in zip(nodes, shares / shares.sum(), strict=True):
        strength = best + node * error
        term = np.where(strength > 0.0, np.log(share), -np.inf)
        for line in np.flatnonzero(np.isfinite(data.limit).any(axis=0)):
            limit, scale = data.limit[:, line, None, None], data.limit_error[:, line, None, None]
            model = strength * dimming[:, :, line, None] * gas.ratios[line]
            term = term + np.where(np.isfinite(limit), log_ndtr((limit - model) / scale), 0.0)
        terms.append(term)
    return logsumexp(terms, axis=0) - log_ndtr(best / error)
