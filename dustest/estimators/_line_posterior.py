"""Posteriors of the attenuation of gas, from fluxes of lines with known intrinsic ratios."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expi, log_ndtr, logsumexp

__all__ = ["LEVELS", "Gas", "LineData", "NebularPosterior", "Prior", "nebular_posterior"]

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
_SMALL_SHARE = 0.4
"""Share of a grid with all of the probability, below which the grid is refined."""
_LEAST_ERROR = 1e-3
"""Relative error of a flux: no calibration is better."""
_FAINT = 6.0
"""Significance of all lines together below which fluxes might be negative."""
_N_FLUXES = 16
_SMALL = 1e-6
"""Exponents whose exponential integral is replaced by its series."""
_ROUNDING = 1e-9
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
        """The same with a largest flux of 1, against underflow, and with a least error."""
        scale = np.nanmax(np.abs(self.flux), axis=1, keepdims=True)
        scale = np.where(scale > 0.0, scale, np.nanmax(self.error, axis=1, keepdims=True))
        flux, error, limit, limit_error = (part / scale for part in self.parts)
        return LineData(flux, np.maximum(error, _LEAST_ERROR * np.abs(flux)), limit, limit_error)


@dataclass(frozen=True)
class Prior:
    """Prior of A_V within limits, whose density falls exponentially.

    Parameters
    ----------
    low, high : float
        Limits of A_V.
    rate : float
        Rate per mag of the fall; 0 for a flat prior.
    f_low, f_high : float, optional
        Limits of a factor with a flat distribution, for the density of a product.
    """

    low: float
    high: float
    rate: float
    f_low: float = 1.0
    f_high: float = 1.0

    @property
    def _log_norm(self):
        """Logarithm of the integral of exp(-rate (A_V - low))."""
        span = self.high - self.low
        return np.log(span if self.rate == 0.0 else -np.expm1(-self.rate * span) / self.rate)

    def quantile(self, probability):
        """Values of A_V below which the prior has a probability (ndarray)."""
        span = self.high - self.low
        if self.rate == 0.0:
            return self.low + span * probability
        return self.low - np.log1p(probability * np.expm1(-self.rate * span)) / self.rate

    def log_density(self, values):
        """Logarithm of the density of the product of A_V and the factor (ndarray)."""
        least, most = self._inverse_factors(values)
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.f_low == self.f_high:
                inside = (least <= most) | np.isnan(values)
                exponent = -self.rate * (values / self.f_low - self.low) - np.log(self.f_low)
                return np.where(inside, exponent - self._log_norm, -np.inf)
            # With u = 1 / f, the integral of exp(-rate values u) / u over the possible u.
            scaled = self.rate * values
            integral = np.where(
                np.abs(scaled) * self._largest < _SMALL,
                np.log(most / least) - scaled * (most - least),
                expi(-scaled * most) - expi(-scaled * least),
            )
            log_integral = np.log(np.where(least < most, integral, 0.0))
        spread = np.log(self.f_high - self.f_low)
        log_integral = np.where(np.isnan(values), np.nan, log_integral)
        return log_integral + self.rate * self.low - self._log_norm - spread

    @property
    def _largest(self):
        """Largest inverse of the factor."""
        return 1.0 / self.f_low

    def _inverse_factors(self, values):
        """Smallest and largest 1 / f for which A_V is within its limits; NaN for NaN."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = np.sort([self.low / values, self.high / values], axis=0)
        at_zero = (-np.inf, np.inf) if self.low <= 0.0 <= self.high else (np.inf, -np.inf)
        least, most = (np.where(values == 0.0, a, b) for a, b in zip(at_zero, ends, strict=True))
        # The limits of an attenuation are possible in spite of rounding.
        low, high = 1.0 / self.f_high, 1.0 / self.f_low
        margin = _ROUNDING * (self.f_low == self.f_high)
        return np.maximum(least - margin, low), np.minimum(most + margin, high)


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
    prior : Prior
        Prior of A_V.
    """

    ratios: np.ndarray
    weights: np.ndarray
    attenuation: np.ndarray
    prior: object

    @property
    def coarse(self):
        """The same with few nodes, the first and the last among them."""
        n_states = len(self.weights)
        nodes = np.unique(np.linspace(0, n_states - 1, _N_COARSE_STATES).astype(int))
        weights = np.full(len(nodes), 1.0 / len(nodes))
        return Gas(self.ratios[:, nodes], weights, self.attenuation, self.prior)


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
    first, last = _windows(data, gas)
    density, chi2 = _posterior(data, gas, _grids(first, last))
    inside_first, inside_last = _ends(density, _grids(first, last))
    small = np.flatnonzero(inside_last - inside_first < _SMALL_SHARE * (last - first))
    if small.size:
        first[small], last[small] = inside_first[small], inside_last[small]
        density[small], _ = _posterior(data[small], gas, _grids(first[small], last[small]))
    a_v = _grids(first, last)
    step = (last - first)[:, None] / (_N_FINE - 1)
    area = 0.5 * (density[:, 1:] + density[:, :-1]) * step
    cumulative = np.concatenate([np.zeros((len(area), 1)), np.cumsum(area, axis=1)], axis=1)
    total = cumulative[:, -1:]
    quantiles = [
        np.interp(LEVELS, probability, values)
        for probability, values in zip(cumulative / total, a_v, strict=True)
    ]
    density /= total
    ratio = density / np.exp(gas.prior.log_density(a_v))
    logarithm = np.log2(ratio, out=np.zeros_like(density), where=density > 0)
    bits = np.trapezoid(density * logarithm, dx=1.0, axis=1) * step[:, 0]
    return np.reshape(quantiles, (-1, LEVELS.size)), chi2, np.maximum(bits, 0.0)


def _windows(data, gas):
    """Ends of the ranges of A_V, one for each galaxy, with all of the probability."""
    grid = np.linspace(gas.prior.low, gas.prior.high, _N_COARSE)
    blurred = np.hypot(data.error, _COARSE_ERROR * np.abs(data.flux))
    loose = LineData(data.flux, blurred, data.limit, data.limit_error)
    a_v = np.broadcast_to(grid, (len(data.flux), _N_COARSE))
    density, _ = _posterior(loose, gas.coarse, a_v)
    return _ends(density, a_v)


def _grids(first, last):
    """Values of A_V between ends, (n, n_fine)."""
    return first[:, None] + (last - first)[:, None] * np.linspace(0.0, 1.0, _N_FINE)


def _ends(density, a_v):
    """Ends of the range of A_V with all of the probability."""
    inside = density >= _LEAST * density.max(axis=1, keepdims=True)
    first = np.maximum(np.argmax(inside, axis=1) - 1, 0)
    last = np.maximum(np.argmax(inside[:, ::-1], axis=1) - 1, 0)
    rows, n_values = np.arange(len(a_v)), a_v.shape[1]
    return a_v[rows, first], a_v[rows, n_values - 1 - last]


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
    density *= np.exp(gas.prior.log_density(a_v))
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
