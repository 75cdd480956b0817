"""The likelihood of models whose mass is free: a Gaussian in the mass, integrated over its prior.

Flux is proportional to the mass, so that the best mass of a model, its error, and the integral of
the likelihood over a prior that is flat in log mass follow from two sums over the bands.
"""

from dataclasses import dataclass, fields

import numpy as np
from scipy.integrate import quad

__all__ = ["Likelihood", "MassIntegral", "draw_masses", "weigh"]

_LARGE = 6.0
"""Signal over noise of the scale from which on the integral is its asymptotic series."""
_SMALL = 1e-3
_LOWEST = -30.0
_N_NODES = 721
_REACH = 6.0
_N_MASSES = 100


@dataclass(frozen=True, eq=False)
class Likelihood:
    """What the data of galaxies say of models: arrays of shape (n_galaxies, n_models).

    An index takes one galaxy, or some of the models of one.

    Parameters
    ----------
    log_weight : ndarray of shape (n_galaxies, n_models)
        Logarithm of the likelihood, integrated over the prior of the mass, without the factor
        that depends on the errors alone.
    chi2 : ndarray of shape (n_galaxies, n_models)
        Chi-squared at the best mass.
    best, error : ndarray of shape (n_galaxies, n_models)
        Best mass formed in solar masses, and its standard error.
    """

    log_weight: np.ndarray
    chi2: np.ndarray
    best: np.ndarray
    error: np.ndarray

    def __getitem__(self, index):
        return Likelihood(*(getattr(self, item.name)[index] for item in fields(self)))

    def joined(self, other):
        """These models of one galaxy and others."""
        return Likelihood(
            *(
                np.concatenate([getattr(part, item.name) for part in (self, other)])
                for item in fields(self)
            )
        )


class MassIntegral:
    r"""Integral of a Gaussian over a prior that is flat in the logarithm.

    .. math:: J(t, x_0) = \int_{x_0}^\infty e^{-(x - t)^2 / 2} dx / x

    for a positive scale x in units of its error, whose best value is t. Above t = 6 it is the
    asymptotic series; below, a table with the lower limit :math:`10^{-3}` and, beyond that, the
    logarithm with which the integral grows there.
    """

    def __init__(self):
        self._t = np.linspace(_LOWEST, _LARGE, _N_NODES)
        self._log = np.array([self._numerical(t) for t in self._t])

    def log(self, t, lowest):
        """Logarithm of the integral.

        Parameters
        ----------
        t : ndarray
            Best value over its error.
        lowest : ndarray
            Lower limit, in the same unit.

        Returns
        -------
        ndarray
            ln J, floats.
        """
        large = np.maximum(t, _LARGE)
        inverse = 1.0 / large**2
        series = 1.0 + inverse * (1.0 + 3.0 * inverse * (1.0 + 5.0 * inverse))
        result = 0.5 * np.log(2.0 * np.pi) - np.log(large) + np.log(series)
        low = np.flatnonzero(np.ravel(t) < _LARGE)
        if low.size:
            held = np.clip(np.ravel(t)[low], _LOWEST, _LARGE)
            table = np.interp(held, self._t, self._log)
            # What lies between the table's lower limit and that of the prior.
            limit = np.broadcast_to(lowest, np.shape(t)).ravel()[low]
            beyond = np.log(_SMALL / np.maximum(limit, 1e-30))
            share = np.exp(np.minimum(-0.5 * held**2 - table, 50.0)) * beyond
            result.ravel()[low] = table + np.log(np.maximum(1.0 + share, 1e-12))
        return result

    @staticmethod
    def _numerical(t):
        """Logarithm of the integral from the table's lower limit on."""
        # In the logarithm of x the integrand is smooth.
        peak = 0.5 * (t + np.sqrt(t * t + 4.0))

        def integrand(log_x):
            x = np.exp(log_x)
            return np.exp(-0.5 * (x - t) ** 2 + 0.5 * min(t, 0.0) ** 2)

        value, _ = quad(
            integrand, np.log(_SMALL), np.log(peak + 12.0), limit=200, points=[np.log(peak)]
        )
        return np.log(value) - 0.5 * min(t, 0.0) ** 2


def weigh(models, flux, flux_err, integral):
    """Weigh models by the data of galaxies.

    Parameters
    ----------
    models : Models
        The models.
    flux, flux_err : ndarray of shape (n_galaxies, n_bands)
        Fluxes in nJy and their standard errors, infinite where there is no measurement.
    integral : MassIntegral
        The integral over the mass.

    Returns
    -------
    Likelihood
        Of each model for each galaxy; models that are not possible have none.
    """
    weight = 1.0 / flux_err**2
    with np.errstate(divide="ignore", invalid="ignore"):
        error = 1.0 / np.sqrt(weight @ np.square(models.flux).T)
        t = ((flux * weight) @ models.flux.T) * error
        chi2 = np.sum(flux**2 * weight, axis=1)[:, np.newaxis] - t**2
        log_weight = integral.log(t, 10.0**models.low / error) - 0.5 * chi2
    log_weight -= np.log((models.high - models.low) * np.log(10.0))
    too_heavy = t * error > 10.0**models.high
    log_weight[too_heavy | ~np.isfinite(log_weight)] = -np.inf
    return Likelihood(log_weight, chi2, t * error, error)


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
    ends = [
        np.log(np.maximum(best - _REACH * error, 10.0**low)),
        np.log(np.minimum(np.maximum(best, 0.0) + _REACH * error, 10.0**high)),
    ]
    grid = ends[0] + np.linspace(0.0, 1.0, _N_MASSES)[:, np.newaxis] * (ends[1] - ends[0])
    # Flat in the logarithm: the density there is the Gaussian itself.
    density = np.exp(-0.5 * ((np.exp(grid) - best) / error) ** 2)
    below = np.cumsum(density, axis=0)
    place = np.sum(below < rng.random(len(best)) * below[-1], axis=0)
    step = (ends[1] - ends[0]) / (_N_MASSES - 1)
    return (grid[place, np.arange(len(best))] + (rng.random(len(best)) - 0.5) * step) / np.log(
        10.0
    )
