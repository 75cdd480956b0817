"""The likelihood of models whose mass is free: a Gaussian in the mass, integrated over its prior.

Flux is proportional to the mass, so that the best mass of a model, its error, and the integral of
the likelihood over a prior that is flat in log mass follow from two sums over the bands.
"""

from dataclasses import dataclass, fields

import numpy as np
from scipy.integrate import quad

__all__ = [
    "Likelihood",
    "MassIntegral",
    "compute_likelihood",
    "draw_masses",
    "draw_on_grid",
    "log_bound",
    "log_integral",
    "span",
    "spectral_shape",
]

_LARGE = 6.0
"""Signal-to-noise of the scale above which the asymptotic series of the integral is used."""
_SMALL = 1e-3
_LOWEST = -30.0
_N_NODES = 721
_REACH = 6.0
_FEW = 0.01
"""Lower limits above this fraction of where the integrand begins to fall change its shape."""
_DEPTH = 50.0
"""Twice the exponent below its maximum at which the integrand ends."""
_QUADRATURE = np.polynomial.legendre.leggauss(48)
_NODES, _SHARES = np.polynomial.legendre.leggauss(32)
_N_MASSES = 64
_NARROW, _WIDEST = 15.0, 6.0
"""Signal-to-noise of the scale from which its draws are nearly normal, and their farthest."""
_MOST_EXCESS = -_WIDEST / _NARROW - np.log1p(-_WIDEST / _NARROW)
_DARK = np.float32(1e-30)
"""Least sum of squares of a spectrum, so that it is not zero without light."""
_FAR = 100.0
"""Difference in chi-squared above which a bound on the weight of a model is sufficient."""


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Likelihoods of models for one galaxy; an index selects some of the models.

    Parameters
    ----------
    log_weight : ndarray of shape (n_models,)
        Logarithm of the likelihood, integrated over the prior of the mass, without the factor
        that depends on the errors only; an upper bound if it is negligible.
    chi2 : ndarray of shape (n_models,)
        Chi-squared at the best mass that the prior allows.
    best, error : ndarray of shape (n_models,)
        Best mass formed in solar masses, ignoring the prior, and its standard error.
    """

    log_weight: np.ndarray
    chi2: np.ndarray
    best: np.ndarray
    error: np.ndarray

    @property
    def parts(self):
        """All arrays, in order."""
        return tuple(getattr(self, item.name) for item in fields(self))

    def __getitem__(self, index):
        return Likelihood(*(part[index] for part in self.parts))

    def joined(self, other):
        """These models and others."""
        pairs = zip(self.parts, other.parts, strict=True)
        return Likelihood(*(np.concatenate(pair) for pair in pairs))


class MassIntegral:
    r"""Integral of a Gaussian over a prior that is flat in the logarithm.

    .. math:: J(t, x_0, x_1) = \int_{x_0}^{x_1} e^{-(x - t)^2 / 2} dx / x

    for a positive scale x in units of its error, whose best value is t. If no limit is near, it is
    the asymptotic series above t = 6; below, a table with the lower limit :math:`10^{-3}` and,
    below that, the logarithm by which the integral grows there. Otherwise it is a Gauss
    quadrature.
    """

    def __init__(self):
        self._t = np.linspace(_LOWEST, _LARGE, _N_NODES)
        self._log = np.array([self._numerical(t) for t in self._t])

    def log(self, t, lowest, highest=np.inf):
        """Logarithm of the integral.

        Parameters
        ----------
        t : ndarray
            Best value over its error.
        lowest, highest : ndarray
            Limits, in the same unit.

        Returns
        -------
        ndarray
            ln J, floats.
        """
        result = self._unlimited(t, lowest)
        begins = np.maximum(t - _REACH, _FEW / np.maximum(-t, 1.0))
        near = (lowest > begins) | (highest < np.maximum(t, 0.0) + _REACH) | (t < _LOWEST)
        if np.any(near):
            limits = (np.broadcast_to(limit, t.shape)[near] for limit in (lowest, highest))
            result[near] = _log_between(t[near], *limits)
        return result

    def _unlimited(self, t, lowest):
        """Logarithm of the integral if the limits are far."""
        large = np.maximum(t, _LARGE)
        inverse = 1.0 / large**2
        series = 1.0 + inverse * (1.0 + 3.0 * inverse * (1.0 + 5.0 * inverse))
        result = 0.5 * np.log(2.0 * np.pi) - np.log(large) + np.log(series)
        low = np.flatnonzero(np.ravel(t) < _LARGE)
        if low.size:
            held = np.clip(np.ravel(t)[low], _LOWEST, _LARGE)
            table = np.interp(held, self._t, self._log)
            # Contribution between the table's lower limit and that of the prior.
            limit = np.broadcast_to(lowest, np.shape(t)).ravel()[low]
            beyond = np.log(_SMALL / np.maximum(limit, 1e-30))
            share = np.exp(np.minimum(-0.5 * held**2 - table, 50.0)) * beyond
            result.ravel()[low] = table + np.log(np.maximum(1.0 + share, 1e-12))
        return result

    @staticmethod
    def _numerical(t):
        """Logarithm of the integral from the table's lower limit on."""
        # The integrand is smooth in the logarithm of x.
        peak = 0.5 * (t + np.sqrt(t * t + 4.0))

        def integrand(log_x):
            x = np.exp(log_x)
            return np.exp(-0.5 * (x - t) ** 2 + 0.5 * min(t, 0.0) ** 2)

        value, _ = quad(
            integrand, np.log(_SMALL), np.log(peak + 12.0), limit=200, points=[np.log(peak)]
        )
        return np.log(value) - 0.5 * min(t, 0.0) ** 2


def compute_likelihood(models, flux, flux_err, integral):
    """Compute the likelihood of models for the data of a galaxy.

    Parameters
    ----------
    models : Models or Pool
        The models.
    flux : ndarray of shape (n_bands,)
        Fluxes in nJy.
    flux_err : ndarray of shape (n_bands,) or (n_models, n_bands)
        Their standard errors, infinite without a measurement, which may differ between models.
    integral : MassIntegral
        The integral over the mass.

    Returns
    -------
    Likelihood
        Of each model; zero for models that are not possible.
    """
    weight = 1.0 / flux_err**2
    with np.errstate(divide="ignore", invalid="ignore"):
        error = 1.0 / np.sqrt(_products(models.squared_flux, weight))
        t = _products(models.flux, flux * weight) * error
        # The prior of the mass can only increase chi-squared.
        chi2 = np.sum(flux**2 * weight, axis=-1) - t**2
    chi2[np.isnan(chi2)] = np.inf
    log_weight, bound = -0.5 * chi2, chi2.min()
    near = np.flatnonzero(chi2 < bound + _FAR)
    limits = _limits(models, error, near)
    shift = _shift(t[near], *limits)
    if near.size and (least := np.min(chi2[near] + shift)) > bound + 1.0:
        near = np.flatnonzero(chi2 < least + _FAR)
        limits = _limits(models, error, near)
        shift = _shift(t[near], *limits)
    chi2[near] += shift
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = integral.log(t[near], *limits)
        exact -= np.log((models.high[near] - models.low[near]) * np.log(10.0))
    # Limits at 1e8 times the error are beyond double precision; such models are no answer.
    exact[np.isnan(exact)] = -np.inf
    log_weight[near] += exact
    return Likelihood(log_weight, chi2, t * error, error)


def spectral_shape(flux):
    """Divide spectra by their norm, and square them, for `log_bound`.

    Parameters
    ----------
    flux : ndarray of shape (n_models, n_bands)
        Fluxes of models.

    Returns
    -------
    shape, squared_shape : ndarray of shape (n_bands, n_models)
        In single precision; zero for models without light.
    """
    norm = np.sqrt(np.einsum("mb,mb->m", flux, flux))
    shape = flux / np.where(norm > 0.0, norm, 1.0)[:, np.newaxis]
    shape = shape.T.astype(np.float32, order="C")
    return shape, np.square(shape)


def log_bound(shape, squared_shape, flux, flux_err):
    """Compute upper bounds of the likelihood of models of any mass.

    Parameters
    ----------
    shape, squared_shape : ndarray of shape (n_bands, n_models)
        Result of `spectral_shape`.
    flux, flux_err : ndarray of shape (n_bands,)
        As in `compute_likelihood`.

    Returns
    -------
    ndarray of shape (n_models,)
        Logarithms of the likelihood at the best mass, in single precision.
    """
    weight = 1.0 / flux_err**2
    unit = np.sqrt(weight.max())
    gain = (flux * weight / unit).astype(np.float32) @ shape
    power = (weight / unit**2).astype(np.float32) @ squared_shape
    np.square(gain, out=gain)
    power += _DARK
    gain /= power
    gain *= np.float32(0.5)
    return gain


def _limits(models, error, index):
    """Limits of the masses of some models, in units of their errors."""
    return 10.0 ** models.low[index] / error[index], 10.0 ** models.high[index] / error[index]


def _shift(t, lowest, highest):
    """By how much the limits of the mass increase chi-squared."""
    return np.square(np.clip(t, lowest, highest) - t)


def _products(flux, weight):
    """Sums over the bands of fluxes (n, n_bands) by weights, the same for all models or not."""
    return flux @ weight if weight.ndim == 1 else np.einsum("mb,mb->m", flux, weight)


def span(t, lowest, highest):
    """Scales of a Gaussian that are not negligible, within the limits.

    Parameters
    ----------
    t : ndarray of shape (n,)
        Best value over its error.
    lowest, highest : ndarray of shape (n,)
        Limits, in the same unit.

    Returns
    -------
    first, last : ndarray of shape (n,)
        The ends.
    """

    def reach(distance):
        distance = np.maximum(distance, 0.0)
        return _DEPTH / (distance + np.sqrt(distance**2 + _DEPTH))

    first = np.maximum(lowest, np.minimum(t, highest) - reach(t - highest))
    last = np.minimum(highest, np.maximum(t, lowest) + reach(lowest - t))
    return first, last


def _log_between(t, lowest, highest):
    """Logarithm of the integral by quadrature in the logarithm of the scale."""
    first, last = np.log(span(t, lowest, highest))
    half = 0.5 * (last - first)
    peak = -0.5 * (np.clip(t, lowest, highest) - t) ** 2
    total = np.zeros_like(t)
    for place, share in zip(*_QUADRATURE, strict=True):
        x = np.exp(first + (1.0 + place) * half)
        total += share * np.exp(-0.5 * (x - t) ** 2 - peak)
    return np.log(total * half) + peak


def log_integral(log_density, first, last):
    """Logarithm of integrals over the logarithm of a mass, by Gauss quadratures.

    Parameters
    ----------
    log_density : Callable
        Function of masses (n, n_nodes) that returns logarithms of densities, of the same shape.
    first, last : ndarray of shape (n,)
        Logarithms of the masses between which a density is not negligible.

    Returns
    -------
    ndarray of shape (n,)
        Minus infinity for densities of zero.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators._sed.tabulated.likelihoods.gaussian import log_integral
    >>> log_integral(lambda mass: 2.0 * np.log(mass), np.zeros(1), np.ones(1)).round(4)
    array([1.1614])
    """
    half = 0.5 * (last - first)[:, np.newaxis]
    value = log_density(np.exp(first[:, np.newaxis] + (1.0 + _NODES) * half))
    highest = value.max(axis=1)
    total = np.exp(value - highest[:, np.newaxis]) @ _SHARES * half[:, 0]
    with np.errstate(divide="ignore"):  # fluxes may be beyond a limit by 1e9 errors and more
        return np.log(total) + highest


def draw_masses(best, error, low, high, rng):
    """Draw masses of models from their posterior.

    Parameters
    ----------
    best, error : ndarray of shape (n,)
        Best mass of each, and its standard error.
    low, high : ndarray of shape (n,)
        Limits of the log10 of the mass.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    ndarray of shape (n,)
        log10 of the masses.
    """
    t, lowest, highest = best / error, 10.0**low / error, 10.0**high / error
    scale = np.empty_like(t)
    far = (t > _NARROW) & (lowest < t - _WIDEST) & (highest > t + _WIDEST)
    scale[far] = _draw_far(t[far], rng)
    near = ~far
    if near.any():
        first, last = np.log(span(t[near], lowest[near], highest[near]))
        grid = np.linspace(first, last, _N_MASSES)
        # Flat in the logarithm: the density there is the Gaussian itself.
        scale[near] = np.exp(draw_on_grid(grid, -0.5 * (np.exp(grid) - t[near]) ** 2, rng))
    return np.clip(np.log10(scale * error), low, high)


def _draw_far(t, rng):
    """Draws of scales of a Gaussian over a flat logarithm, far from zero and from all limits.

    With e = x / t - 1, a normal distribution about t - 1 / t has the density of the target over
    exp(e - ln(1 + e)), by which draws are rejected.
    """
    scale, left = np.empty_like(t), np.arange(t.size)
    while left.size:
        centre = t[left]
        offset = rng.standard_normal(left.size) - 1.0 / centre
        excess = offset / centre
        accepted = np.abs(offset) < _WIDEST
        log_ratio = excess[accepted] - np.log1p(excess[accepted])
        accepted[accepted] = rng.random(log_ratio.size) < np.exp(log_ratio - _MOST_EXCESS)
        scale[left[accepted]] = (centre + offset)[accepted]
        left = left[~accepted]
    return scale


def draw_on_grid(grid, log_density, rng):
    """Draw from densities on even grids, one each.

    Parameters
    ----------
    grid : ndarray of shape (n_grid, n)
        Places, even along the first axis.
    log_density : ndarray of shape (n_grid, n)
        Logarithms of the densities, with any norm.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    ndarray of shape (n,)
        A draw of each.
    """
    density = np.exp(log_density - log_density.max(axis=0))
    below = np.zeros_like(density)
    np.cumsum(density[1:] + density[:-1], axis=0, out=below[1:])
    every = np.arange(grid.shape[1])
    target = rng.random(grid.shape[1]) * below[-1]
    cell = np.sum(below[1:-1] <= target, axis=0)
    start, end = (below[cell + i, every] for i in (0, 1))
    step = grid[1] - grid[0]
    return grid[cell, every] + (target - start) / (end - start) * step
