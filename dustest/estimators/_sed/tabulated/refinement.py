"""Adaptive importance sampling around the models that fit a galaxy.

Points are drawn from Student-t kernels around the best models so far, in coordinates in which the
prior is a standard normal distribution and has no edge. All points, including those of the prior,
are weighted by the mixture of all densities from which they were drawn (Veach & Guibas 1995;
Cappe et al. 2004, J. Comput. Graph. Stat. 13, 907).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import gammaln, ndtr, ndtri

__all__ = ["Proposal", "propose"]

_N_KERNELS = 100
_DEGREES = 5.0
_LEAST_SPREAD = 1e-3
_EDGE = 1e-12


@dataclass(frozen=True, eq=False)
class Proposal:
    """A mixture of equal Student-t kernels.

    Parameters
    ----------
    centres : ndarray of shape (n_kernels, n_parameters)
        Centres, in coordinates in which the prior is standard normal.
    root : ndarray of shape (n_parameters, n_parameters)
        Lower Cholesky factor of the common scale matrix.
    """

    centres: np.ndarray
    root: np.ndarray

    def draw(self, n, rng):
        """Points of the unit cube, (n, n_parameters)."""
        centre = self.centres[rng.integers(len(self.centres), size=n)]
        kick = rng.standard_normal(centre.shape) @ self.root.T
        stretch = np.sqrt(_DEGREES / rng.chisquare(_DEGREES, n))
        return ndtr(centre + kick * stretch[:, np.newaxis])

    def log_ratio(self, cube):
        """Logarithm of the density of points over that of the prior, (n,)."""
        place = _normal(cube)
        d = place.shape[1]
        # Single precision is sufficient for distances with an origin among the kernels.
        middle = self.centres.mean(axis=0)
        whitened = _whiten(self.root, place - middle).astype(np.float32)
        centres = _whiten(self.root, self.centres - middle).astype(np.float32)
        distance = whitened @ (-2.0 * centres.T)
        distance += np.sum(whitened**2, axis=1)[:, np.newaxis]
        distance += np.sum(centres**2, axis=1)
        kernel = np.log1p(np.maximum(distance, 0.0, out=distance) / _DEGREES, out=distance)
        kernel *= -0.5 * (_DEGREES + d)
        mixture = np.log(np.mean(np.exp(kernel, out=kernel), axis=1, dtype=float))
        norm = gammaln(0.5 * (_DEGREES + d)) - gammaln(0.5 * _DEGREES)
        norm -= 0.5 * d * np.log(0.5 * _DEGREES) + np.sum(np.log(np.diag(self.root)))
        # The prior is standard normal; factors of 2 pi are in both.
        return mixture + norm + 0.5 * np.sum(place**2, axis=1)


def _whiten(root, place):
    """Coordinates in which a scale matrix with this Cholesky factor is the identity."""
    return solve_triangular(root, place.T, lower=True).T


def propose(cube, log_weight, rng):
    """Kernels around the models that fit best.

    If few models have all the weight, weights are raised to a power below one until the effective
    number is that of the kernels.

    Parameters
    ----------
    cube : ndarray of shape (n, n_parameters)
        Points of the unit cube.
    log_weight : ndarray of shape (n,)
        Logarithms of their weights.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    Proposal
        The kernels.
    """
    weight = _levelled(log_weight, min(_N_KERNELS, 0.1 * len(log_weight)))
    place = _normal(cube)
    mean = weight @ place
    spread = (place - mean).T @ ((place - mean) * weight[:, np.newaxis])
    d = place.shape[1]
    # The rule of Silverman for kernels that together are as wide as the posterior.
    width = (4.0 / (d + 2.0) / _N_KERNELS) ** (1.0 / (d + 4.0))
    scale = width**2 * spread + _LEAST_SPREAD**2 * np.eye(d)
    centres = rng.choice(len(place), _N_KERNELS, p=weight)
    return Proposal(place[centres], np.linalg.cholesky(scale))


def _normal(cube):
    """Coordinates in which the prior is standard normal."""
    return ndtri(np.clip(cube, _EDGE, 1.0 - _EDGE))


def _levelled(log_weight, least):
    """Weights that sum to one, raised to a power that gives a minimum effective number."""
    log_weight = log_weight - log_weight.max()
    power = 1.0
    while True:
        weight = np.exp(power * log_weight)
        weight /= weight.sum()
        if 1.0 / np.sum(weight**2) >= least or power < 1e-3:
            return weight
        power *= 0.7
