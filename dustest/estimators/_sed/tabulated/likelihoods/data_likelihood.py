"""Likelihoods of the photometry of one galaxy: measured fluxes and upper limits.

Without limits, the integral over the mass has a closed form. Otherwise it is a quadrature over the
logarithm of the mass, for the models that may matter: the closed form without limits is an upper
bound.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import erfcx, log_ndtr

from dustest.estimators._sed.tabulated.light.emission import LIGHT_SPEED, NANOJANSKY
from dustest.estimators._sed.tabulated.likelihoods.gaussian import (
    Likelihood,
    compute_likelihood,
    draw_masses,
    draw_on_grid,
    log_bound,
    log_integral,
)

__all__ = [
    "ClosedForm",
    "Photometry",
    "Residuals",
    "WithLimits",
    "counting_ends",
    "inverse_mills",
    "nanojansky",
    "refine_near",
]

_N_MASSES = 64
_N_STEPS = 8
"""Steps of Newton's method to the best mass."""
_DEPTH = 25.0
"""Exponent below its maximum at which the integrand ends."""
_RARE = 10.0
"""Exponent below its maximum at which masses are never drawn."""
_FIRST = 64
_NEGLIGIBLE = 30.0
"""Difference in log weight above which a bound on it is sufficient."""
_MILLS = np.sqrt(2.0 / np.pi)


@dataclass(frozen=True, eq=False)
class Photometry:
    """Fluxes of one galaxy in the channels of the models: bands, pixels and lines.

    Parameters
    ----------
    flux : ndarray of shape (n_bands,)
        Fluxes in nJy, 0 without a measurement.
    error : ndarray of shape (n_bands,) or (n_models, n_bands)
        Their standard errors, infinite without a measurement. They may differ between models,
        which are then those that a likelihood is computed of.
    limit, limit_error : ndarray of shape (n_bands,)
        Upper limits in nJy and the standard errors of the fluxes that they stand for, infinite
        without a limit.
    """

    flux: np.ndarray
    error: np.ndarray
    limit: np.ndarray
    limit_error: np.ndarray

    @classmethod
    def of(cls, galaxy, channels):
        """Fluxes of a galaxy in some channels.

        Parameters
        ----------
        galaxy : Galaxy
            The galaxy.
        channels : Channels
            Channels, among them all of the galaxy.

        Returns
        -------
        Photometry
            In these channels; those of pixels in nJy, those of lines in erg / (s cm2).
        """
        n = len(channels)
        flux, (error, limit, limit_error) = np.zeros(n), np.full((3, n), np.inf)

        def enter(positions, names, values, limits):
            own = [positions[name] for name in names]
            flux[own], error[own] = values
            own = [positions[name] for name in limits.bands]
            limit[own], limit_error[own] = limits.flux, limits.error

        enter(channels.positions, galaxy.bands, (galaxy.flux, galaxy.flux_err), galaxy.limits)
        lines, places = galaxy.lines, range(n)[channels.of_lines]
        own = dict(zip(channels.lines, places, strict=True))
        enter(own, lines.names, (lines.flux, lines.error), lines.limits)
        if galaxy.spectrum is not None:
            use, pixels = galaxy.usable_pixels, channels.of_pixels
            per_frequency = nanojansky(galaxy.spectrum[:, 0])
            flux[pixels] = np.where(use, galaxy.spectrum[:, 1] * per_frequency, 0.0)
            error[pixels] = np.where(use, galaxy.spectrum[:, 2] * per_frequency, np.inf)
        return cls(flux, error, limit, limit_error)

    @property
    def measured(self):
        """Numbers of the bands with a measurement."""
        return np.flatnonzero(np.isfinite(np.atleast_2d(self.error)[0]))

    @property
    def limited(self):
        """Numbers of the bands with an upper limit."""
        return np.flatnonzero(np.isfinite(self.limit))


@dataclass(frozen=True, eq=False)
class Residuals:
    """How models of some masses differ from the photometry.

    Parameters
    ----------
    chi2 : ndarray of shape (n,)
        Chi-squared of the measured fluxes.
    outlier : ndarray of shape (n_bands,), optional
        Mean probability of each band to be an outlier; NaN without data.
    fractional_error : dict of str to float, optional
        Mean fractional error of each instrument, if it is free.
    spectral : dict of str to ndarray of shape (n,), optional
        Draws of the calibration and of the noise of the spectrum, if they are free.
    calibration : ndarray of shape (n, n_pixels) or float, optional
        Factors of the pixels of the spectrum by these draws.
    """

    chi2: np.ndarray
    outlier: np.ndarray | None = None
    fractional_error: dict | None = None
    spectral: dict = field(default_factory=dict)
    calibration: np.ndarray | float = 1.0


class ClosedForm:
    """Likelihood of measured fluxes with Gaussian errors.

    Parameters
    ----------
    data : Photometry
        The photometry.
    integral : MassIntegral
        The integral over the mass.
    """

    def __init__(self, data, integral):
        self._data, self._integral = data, integral

    def of(self, models):
        """Compute the likelihood of models.

        Parameters
        ----------
        models : Models or Pool
            The models.

        Returns
        -------
        Likelihood
            Of each.
        """
        return compute_likelihood(models, self._data.flux, self._data.error, self._integral)

    def bound(self, shape, squared_shape):
        """Compute upper bounds of the likelihood, up to a common constant.

        Parameters
        ----------
        shape, squared_shape : ndarray of shape (n_bands, n_models)
            Result of `spectral_shape`.

        Returns
        -------
        ndarray of shape (n_models,)
            Logarithms.
        """
        return log_bound(shape, squared_shape, self._data.flux, self._data.error)

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
        return draw_masses(likelihood.best, likelihood.error, models.low, models.high, rng)

    def residuals(self, models, log_mass, rng):  # noqa: ARG002 - nothing is drawn
        """Compare models with the photometry.

        Parameters
        ----------
        models : Models
            The models.
        log_mass : ndarray of shape (n,)
            log10 of their masses formed.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        Residuals
            Of the measured fluxes.
        """
        pull = models.flux * 10.0 ** log_mass[:, np.newaxis]
        pull -= self._data.flux
        pull /= self._data.error
        return Residuals(np.einsum("nb,nb->n", pull, pull))


class WithLimits(ClosedForm):
    r"""Likelihood of measured fluxes, and of fluxes known to be below a limit.

    A band with a limit :math:`l`, at some number of its standard errors :math:`\sigma`, has the
    probability of a flux below it, :math:`\Phi((l - f) / \sigma)` for a model of flux
    :math:`f`.

    Parameters
    ----------
    data : Photometry
        The photometry.
    integral : MassIntegral
        The integral over the mass of measured fluxes alone.
    """

    def __init__(self, data, integral):
        super().__init__(data, integral)
        self._bands = data.limited
        self._error = data.limit_error[self._bands]
        self._number = data.limit[self._bands] / self._error

    def of(self, models):
        """Compute the likelihood of models; see `ClosedForm.of`."""
        bound = super().of(models)
        found = Likelihood(*(each.copy() for each in bound.parts))
        refine_near(found.log_weight, lambda index: self._limit(models, found, index))
        return found

    def _limit(self, models, found, index):
        """Replace the likelihoods of some models, which are those without limits."""
        masses = (limit[index] for limit in models.masses)
        scale = _Scale(models.flux[index], found[index], masses, self)
        found.log_weight[index] = scale.log_integral()
        found.log_weight[index] -= np.log((models.high - models.low)[index] * np.log(10.0))
        found.chi2[index] = scale.chi2
        found.best[index] = scale.best * found.error[index]

    def draw_masses(self, models, likelihood, rng):  # noqa: ARG002 - of the measured fluxes
        """Draw masses of models from their posterior; see `ClosedForm.draw_masses`."""
        bound = super().of(models)
        scale = _Scale(models.flux, bound, models.masses, self)
        log_scale, exponent = scale.on_grid(_N_MASSES)
        log_mass = (draw_on_grid(log_scale, exponent, rng) + np.log(bound.error)) / np.log(10.0)
        return np.clip(log_mass, models.low, models.high)

    def exponent(self, scale, rate):
        """Logarithm of the probability of the limits, its slope and its curvature.

        Parameters
        ----------
        scale : ndarray of shape (n, ...)
            Masses in units of their error from the measured fluxes.
        rate : ndarray of shape (n, n_limits)
            Numbers of standard errors by which the flux in a band rises with the scale.

        Returns
        -------
        value, slope, curvature : ndarray of shape (n, ...)
            All three by scale.
        """
        value, slope, curvature = np.zeros((3, *scale.shape))
        rates = np.expand_dims(rate.T, tuple(range(2, scale.ndim + 1)))
        for number, each in zip(self._number, rates, strict=True):
            free = number - scale * each
            mills = inverse_mills(free)
            value += log_ndtr(free)
            slope -= each * mills
            curvature -= each**2 * np.clip(mills * (mills + free), 0.0, 1.0)
        return value, slope, curvature

    def rate(self, flux, error):
        """Numbers (n, n_limits) of standard errors by which fluxes rise with the scale."""
        return flux[:, self._bands] * error[:, np.newaxis] / self._error


class _Scale:
    """Masses of models in units of their error, under measured fluxes and limits.

    The logarithm of the likelihood is concave in the mass. Its slope is concave too, so that
    Newton's method from the best mass without limits approaches the maximum from above.
    """

    def __init__(self, flux, bound, masses, limits):
        self._limits, self._rate = limits, limits.rate(flux, bound.error)
        self._t = bound.best / bound.error
        self._lowest, self._highest = (limit / bound.error for limit in masses)
        held = np.clip(self._t, self._lowest, self._highest)
        self._chi2 = bound.chi2 - np.square(held - self._t)
        # Beyond the limits, masses may be so large that the limits' logarithms overflow.
        best = held.copy()
        for _ in range(_N_STEPS):
            _, slope, curvature = self._exponent(best)
            best -= slope / curvature
        self.best = np.clip(best, self._lowest, self._highest)

    def _exponent(self, scale):
        """Logarithm of the likelihood, except for a constant, with its slope and curvature."""
        value, slope, curvature = self._limits.exponent(scale, self._rate)
        away = scale - (self._t if scale.ndim == 1 else self._t[:, np.newaxis])
        return value - 0.5 * away**2, slope - away, curvature - 1.0

    @property
    def chi2(self):
        """Chi-squared (n,) of the measured fluxes at the best masses."""
        return self._chi2 + np.square(self.best - self._t)

    def _ends(self):
        """Logarithms of the first and last scale that are not negligible."""
        _, slope, curvature = self._exponent(self.best)
        # The curvature is at least one below the best scale, and increases above it.
        last = self.best + _reach(np.maximum(-slope, 0.0), -curvature)
        first = self.best - _reach(np.maximum(slope, 0.0), 1.0)
        return np.log(np.maximum(first, self._lowest)), np.log(np.minimum(last, self._highest))

    def log_integral(self):
        """Logarithm of the likelihood, integrated over the logarithm of the mass, (n,)."""
        value = log_integral(lambda scale: self._exponent(scale)[0], *self._ends())
        return value - 0.5 * self._chi2

    def on_grid(self, n):
        """Logarithms of scales (n, n_models) and of their likelihoods."""

        def values(log_scale):
            return self._exponent(np.exp(log_scale).T)[0].T

        coarse = np.linspace(*self._ends(), n)
        fine = np.linspace(*counting_ends(coarse, values(coarse)), n)
        return fine, values(fine)


def nanojansky(wavelength):
    """Flux densities in nJy of one erg / (s cm2 Angstrom) at wavelengths.

    Parameters
    ----------
    wavelength : ndarray
        In Angstrom.

    Returns
    -------
    ndarray
        In nJy, with the speed of light of Bagpipes.
    """
    return wavelength**2 / (LIGHT_SPEED * NANOJANSKY)


def refine_near(log_weight, integrate):
    """Replace approximate weights by integrals, for the models that may matter.

    Parameters
    ----------
    log_weight : ndarray of shape (n,)
        Logarithms of approximate weights, which are changed.
    integrate : Callable
        Function of positions that replaces the weights there.
    """
    first = np.argsort(log_weight)[-_FIRST:]
    first = first[np.isfinite(log_weight[first])]
    if len(first):
        integrate(first)
        near = log_weight > log_weight[first].max() - _NEGLIGIBLE
        near[first] = False
        integrate(np.flatnonzero(near))


def inverse_mills(x):
    """Slope of the logarithm of the normal distribution function, without cancellation.

    Parameters
    ----------
    x : ndarray
        Places in standard errors.

    Returns
    -------
    ndarray
        The density over the distribution function.
    """
    return _MILLS / erfcx(-np.sqrt(0.5) * x)


def counting_ends(grid, exponent):
    """Ends of the parts of grids that hold all that is not negligible.

    Parameters
    ----------
    grid : ndarray of shape (n_grid, n)
        Places, in order along the first axis.
    exponent : ndarray of shape (n_grid, n)
        Logarithms of a density there.

    Returns
    -------
    first, last : ndarray of shape (n,)
        Places.
    """
    counts = exponent > exponent.max(axis=0) - _RARE
    first, last = counts.argmax(axis=0), len(grid) - 1 - counts[::-1].argmax(axis=0)
    every = np.arange(grid.shape[1])
    return grid[np.maximum(first - 1, 0), every], grid[np.minimum(last + 1, len(grid) - 1), every]


def _reach(slope, curvature):
    """Distance at which an exponent that falls with this slope and curvature is negligible."""
    return 2.0 * _DEPTH / (slope + np.sqrt(slope**2 + 2.0 * _DEPTH * curvature))
