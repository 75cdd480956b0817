"""Likelihood of a spectrum whose calibration, slit loss or noise is not known.

The spectrum of a model is multiplied by a polynomial whose coefficients have Gaussian priors, so
that the integral over them has a closed form for each mass. Integrals over the mass and over the
factor of the errors are quadratures.
"""

from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from scipy.special import log_ndtr, logsumexp

from dustest.estimators._sed.tabulated.likelihoods.data_likelihood import Residuals
from dustest.estimators._sed.tabulated.likelihoods.gaussian import (
    Likelihood,
    draw_on_grid,
    log_integral,
    span,
)

__all__ = ["CALIBRATION", "NOISE", "CalibratedSpectrum", "spectral_parameters"]

CALIBRATION = "spectrum:calibration_{}"
"""Coefficient of the polynomial of one order; that of order 0 is the slit loss."""
NOISE = "spectrum:noise_scale"
"""Factor of the errors of the spectrum."""
_NEAR = 60.0
"""Difference in log likelihood at the best mass above which models are negligible."""
_N_STEPS = 3
"""Steps to the best mass, each with the prior of the calibration at the mass of the last one."""
_N_MASSES, _N_FINE = 64, 65
_PLACES, _SHARES = np.polynomial.legendre.leggauss(10)
_REACH = 5.0
"""Standard deviations of the factor of the errors within which it is integrated over."""


def spectral_parameters(flux_scale, noise_scale):
    """Names of the parameters of a spectrum that have draws.

    Parameters
    ----------
    flux_scale : tuple of float
        Standard deviations of the coefficients of the polynomial, by order.
    noise_scale : tuple of float or None
        Limits of the factor of the errors.

    Returns
    -------
    list of str
        Their names.

    Examples
    --------
    >>> from dustest.estimators._sed.tabulated.likelihoods.calibrated_spectrum import (
    ...     spectral_parameters,
    ... )
    >>> spectral_parameters((0.0, 0.1), None)
    ['spectrum:calibration_1']
    """
    names = [CALIBRATION.format(order) for order, scale in enumerate(flux_scale) if scale]
    return names + ([NOISE] if noise_scale else [])


class CalibratedSpectrum:
    r"""Likelihood of fluxes and of a spectrum with a free calibration.

    A pixel of a model of mass M has the flux :math:`M f_p (1 + \sum_k a_k T_k(x_p))`, with
    Chebyshev polynomials of the wavelength, which is -1 and 1 at the ends of the spectrum, and
    Gaussian priors of zero mean of the coefficients.

    Parameters
    ----------
    data : Photometry
        Fluxes of bands, pixels and lines.
    pixels : slice
        Positions of the pixels.
    wavelength : ndarray of shape (n_pixels,)
        Their wavelengths.
    settings : Settings
        Settings of the fit.
    """

    def __init__(self, data, pixels, wavelength, settings):
        self._data, self._pixels = data, pixels
        low, high = wavelength[[0, -1]]
        scale = np.array(settings.flux_scale)
        self._orders = np.flatnonzero(scale)
        place = 2.0 * (wavelength - low) / (high - low) - 1.0
        modes = chebvander(place, max(len(scale) - 1, 0))[:, self._orders]
        self._scale = scale[self._orders]
        self._modes = modes * self._scale
        self._noise_scale = settings.noise_scale
        weight = 1.0 / data.error**2
        self._others = weight.copy()
        self._others[pixels] = 0.0
        self._weight = weight[pixels]
        self._n_pixels = int(np.count_nonzero(self._weight))
        # Sums over the pixels that are linear and quadratic in the flux of a model.
        with_one = np.column_stack([np.ones(len(wavelength)), self._modes])
        self._linear = with_one * (self._weight * data.flux[pixels])[:, np.newaxis]
        n = with_one.shape[1]
        self._pairs = np.triu_indices(n)
        products = with_one[:, self._pairs[0]] * with_one[:, self._pairs[1]]
        self._quadratic = products * self._weight[:, np.newaxis]
        limited = data.limited
        self._limited, self._limit_error = limited, data.limit_error[limited]
        self._number = data.limit[limited] / self._limit_error

    def of(self, models):
        """Compute the likelihood of models; see `ClosedForm.of`."""
        lowest, highest = models.masses
        every = self._exact(models.flux, self._sums(models))
        mass = np.clip(every.best, lowest, highest)
        log_weight, chi2 = every.at_best(mass), every.chi2(mass)
        lost = np.isnan(log_weight)
        log_weight[lost], chi2[lost] = -np.inf, np.inf
        near = np.flatnonzero(log_weight > np.max(log_weight, initial=-np.inf) - _NEAR)
        if near.size:
            exact = every.take(near)
            first, last = self._ends(exact, lowest[near], highest[near])
            log_weight[near] = exact.log_integral(np.log(first), np.log(last))
            log_weight[near] -= np.log((models.high - models.low)[near] * np.log(10.0))
            log_weight[np.isnan(log_weight)] = -np.inf
        return Likelihood(log_weight, chi2, every.best, every.error)

    def draw_masses(self, models, likelihood, rng):  # noqa: ARG002 - computed anew
        """Draw masses of models from their posterior; see `ClosedForm.draw_masses`."""
        exact = self._exact(models.flux, self._sums(models))
        first, last = self._ends(exact, *models.masses)
        grid = np.linspace(np.log(first), np.log(last), _N_MASSES)
        log_density = exact.marginal(np.exp(grid).T).T
        return np.clip(
            draw_on_grid(grid, log_density, rng) / np.log(10.0), models.low, models.high
        )

    def residuals(self, models, log_mass, rng):
        """Compare models with the data, for draws of the calibration and of the noise."""
        exact = self._exact(models.flux, self._sums(models))
        mass = 10.0**log_mass
        noise = exact.draw_noise(mass, rng)
        coefficients = exact.draw_coefficients(mass, noise, rng)
        flux = models.flux * mass[:, np.newaxis]
        calibration = 1.0 + coefficients @ self._modes.T
        flux[:, self._pixels] *= calibration
        square = np.square((flux - self._data.flux) / self._data.error)
        square[:, self._pixels] /= noise[:, np.newaxis] ** 2
        values = zip(self._orders, (coefficients * self._scale).T, strict=True)
        drawn = {CALIBRATION.format(order): value for order, value in values}
        if self._noise_scale:
            drawn[NOISE] = noise
        return Residuals(square.sum(axis=1), spectral=drawn, calibration=calibration)

    def _sums(self, models):
        """Sums over the data of models."""
        flux, squared_flux, data = models.flux, models.squared_flux, self._data
        linear = flux[:, self._pixels] @ self._linear
        quadratic = squared_flux[:, self._pixels] @ self._quadratic
        n = linear.shape[1]
        matrix = np.empty((len(flux), n, n))
        matrix[:, self._pairs[0], self._pairs[1]] = quadratic
        matrix[:, self._pairs[1], self._pairs[0]] = quadratic
        others = flux @ (self._others * data.flux), squared_flux @ self._others
        return _Sums(
            linear[:, 0],
            linear[:, 1:],
            matrix[:, 0, 0],
            matrix[:, 0, 1:],
            matrix[:, 1:, 1:],
            *others,
        )

    @property
    def _squares(self):
        """Sums of squares of the data in their errors, of the spectrum and of the others."""
        data = self._data
        spectrum = np.sum(self._weight * data.flux[self._pixels] ** 2)
        return spectrum, np.sum(self._others * data.flux**2)

    def _exact(self, flux, sums):
        """Likelihoods of models by mass."""
        rate = flux[:, self._limited] / self._limit_error
        return _Exact(sums, self._squares, self._n_pixels, self._noise_scale, rate, self._number)

    @staticmethod
    def _ends(exact, lowest, highest):
        """Masses between which the likelihoods of models are not negligible."""
        error = exact.widest
        ends = span(exact.best / error, lowest / error, highest / error)
        return tuple(end * error for end in ends)


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over the data of models, each divided by the squares of the errors.

    With f the model, d the data and b the modes of the polynomial times their standard deviations.

    Parameters
    ----------
    product, products : ndarray of shape (n,), (n, n_modes)
        Of f d, and of f d b, over the pixels.
    square, crossed, matrix : ndarray of shape (n,), (n, n_modes), (n, n_modes, n_modes)
        Of f f, f f b, and f f b b, over the pixels.
    other_product, other_square : ndarray of shape (n,)
        Of f d and f f over bands and lines.
    """

    product: np.ndarray
    products: np.ndarray
    square: np.ndarray
    crossed: np.ndarray
    matrix: np.ndarray
    other_product: np.ndarray
    other_square: np.ndarray

    def take(self, index):
        """Select models."""
        return _Sums(*(getattr(self, name)[index] for name in self.__dataclass_fields__))


class _Exact:
    """Likelihoods of models by mass, integrated over the coefficients of the polynomial."""

    def __init__(self, sums, squares, n_pixels, noise_scale, rate, number):
        self._sums, self._squares, self._n = sums, squares, n_pixels
        self._noise_scale, self._rate, self._number = noise_scale, rate, number
        self._depth, self._axes = np.linalg.eigh(sums.matrix)
        self._depth = np.maximum(self._depth, 0.0)
        self._linear = np.einsum("nkj,nk->nj", self._axes, sums.products)
        self._crossed = np.einsum("nkj,nk->nj", self._axes, sums.crossed)
        one = np.ones(len(sums.product))
        self._nodes = self._log_shares = None
        self._noise = 1.0
        self.best, self.error = self._best_mass(one)
        self.widest = self.error
        if noise_scale:
            self._set_nodes(noise_scale)

    def _set_nodes(self, limits):
        """Factors (n_nodes, n) of the errors, and logarithms of their shares of the prior."""
        low, high = np.log(limits)
        for _ in range(2):
            chi2 = self._of_spectrum(self.best[:, np.newaxis], 1.0)[0][:, 0]
            middle = 0.5 * np.log(np.maximum(chi2, 1e-3) / self._n)
            noise = np.exp(np.clip(middle, low, high))
            self.best, self.error = self._best_mass(noise)
        spread = _REACH / np.sqrt(2.0 * self._n)
        # Beyond its limits, the factor is at the nearest one.
        first = np.clip(middle - spread, low, high - 1e-3 * (high - low))
        last = np.clip(middle + spread, low + 1e-3 * (high - low), high)
        half = 0.5 * (last - first)
        self._nodes = np.exp(first + half * (1.0 + _PLACES[:, np.newaxis]))
        self._log_shares = np.log(_SHARES[:, np.newaxis] * half / (high - low))
        self._noise = noise[:, np.newaxis]
        self.widest = self._best_mass(self._nodes[-1])[1]

    def take(self, index):
        """Select models."""
        part = copy(self)
        part._sums, part._rate = self._sums.take(index), self._rate[index]
        for name in ("_depth", "_axes", "_linear", "_crossed", "best", "error", "widest"):
            setattr(part, name, getattr(self, name)[index])
        if self._nodes is not None:
            part._noise = self._noise[index]
            part._nodes, part._log_shares = self._nodes[:, index], self._log_shares[:, index]
        return part

    def at_best(self, mass):
        """Logarithm of the likelihood (n,) at masses and the best factors of the errors."""
        return self.log_likelihood(mass[:, np.newaxis], self._noise)[:, 0]

    def _best_mass(self, noise):
        """Best mass (n,) and its error, of factors of the errors."""
        sums, variance = self._sums, noise[:, np.newaxis] ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            square = sums.square / noise**2 + sums.other_square
            product = sums.product / noise**2 + sums.other_product
            mass = product / square
            for _ in range(_N_STEPS):
                # The prior of the coefficients times the mass, at the mass of the last step.
                held = np.maximum(mass, 0.1 / np.sqrt(square))[:, np.newaxis]
                divisor = self._depth / variance + held**-2
                own = square - np.sum((self._crossed / variance) ** 2 / divisor, axis=1)
                crossed = self._crossed * self._linear / variance**2
                mass = (product - np.sum(crossed / divisor, axis=1)) / own
            return mass, 1.0 / np.sqrt(own)

    def _of_spectrum(self, mass, noise):
        """Chi-squared of the spectrum (n, k) at masses, and logarithms of the volume."""
        sums = self._sums
        plain = self._squares[0] - 2.0 * mass * sums.product[:, np.newaxis]
        plain = plain + mass**2 * sums.square[:, np.newaxis]
        gained, volume = 0.0, 0.0
        for depth, linear, crossed in zip(
            self._depth.T, self._linear.T, self._crossed.T, strict=True
        ):
            away = mass * (linear[:, np.newaxis] - mass * crossed[:, np.newaxis])
            width = mass**2 * depth[:, np.newaxis] / noise**2
            gained = gained + away**2 / noise**2 / (1.0 + width)
            volume = volume + np.log1p(width)
        return (plain - gained) / noise**2, volume

    def _of_others(self, mass):
        """Chi-squared of bands and lines (n, k), less twice the logarithm of the limits."""
        sums = self._sums
        value = self._squares[1] - 2.0 * mass * sums.other_product[:, np.newaxis]
        value = value + mass**2 * sums.other_square[:, np.newaxis]
        for number, rate in zip(self._number, self._rate.T, strict=True):
            value = value - 2.0 * log_ndtr(number - mass * rate[:, np.newaxis])
        return value

    def log_likelihood(self, mass, noise=1.0):
        """Logarithm of the likelihood at masses (n, k), for a factor of the errors."""
        chi2, volume = self._of_spectrum(mass, noise)
        return -0.5 * (chi2 + volume + self._of_others(mass)) - self._n * np.log(noise)

    def marginal(self, mass):
        """The same, integrated over the factor of the errors."""
        if self._nodes is None:
            return self.log_likelihood(mass)
        parts = [
            self.log_likelihood(mass, noise[:, np.newaxis]) + share[:, np.newaxis]
            for noise, share in zip(self._nodes, self._log_shares, strict=True)
        ]
        return logsumexp(parts, axis=0)

    def log_integral(self, first, last):
        """Logarithm of the likelihood (n,), integrated over the logarithm of the mass."""
        return log_integral(self.marginal, first, last)

    def chi2(self, mass):
        """Chi-squared (n,) at masses, with the best coefficients and factors of the errors."""
        mass = mass[:, np.newaxis]
        data = self._squares[1] - 2.0 * mass * self._sums.other_product[:, np.newaxis]
        data = data + mass**2 * self._sums.other_square[:, np.newaxis]
        return (self._of_spectrum(mass, self._noise)[0] + data)[:, 0]

    def draw_noise(self, mass, rng):
        """Draw factors of the errors at masses, 1 if they are not free."""
        if self._nodes is None:
            return np.ones(len(mass))
        grid = np.linspace(np.log(self._nodes[0]), np.log(self._nodes[-1]), _N_FINE)
        log_density = [
            self.log_likelihood(mass[:, np.newaxis], np.exp(one)[:, np.newaxis])[:, 0]
            for one in grid
        ]
        return np.exp(draw_on_grid(grid, np.array(log_density), rng))

    def draw_coefficients(self, mass, noise, rng):
        """Draw coefficients (n, n_modes), in units of their standard deviations."""
        mass, variance = mass[:, np.newaxis], noise[:, np.newaxis] ** 2
        divisor = 1.0 + mass**2 * self._depth / variance
        mean = mass * (self._linear - mass * self._crossed) / variance / divisor
        drawn = mean + rng.standard_normal(mean.shape) / np.sqrt(divisor)
        return np.einsum("nkj,nj->nk", self._axes, drawn)
