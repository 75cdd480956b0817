"""Proposals around the models that fit a galaxy, for adaptive importance sampling.

A mixture of Student-t distributions is learned from weighted models by expectation maximisation,
in coordinates in which the prior is a standard normal distribution and has no edge. All points,
including those of the prior, are weighted by the mixture of all densities from which they were
drawn (Veach & Guibas 1995; Cappe et al. 2004, J. Comput. Graph. Stat. 13, 907).
"""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from scipy.special import gammaln, ndtri

__all__ = ["Proposal", "normal", "propose"]

_N_PARTS = 6
_N_POINTS = 256
_N_STEPS = 4
_LEAST = 60.0
"""Effective number of the weights from which a mixture is learned."""
_DEGREES = 5
_LEAST_SPREAD = 1e-3
_SHARE = 1e-3
"""Least share of a part of a mixture."""
_EDGE = 1e-12
_CHUNK = 2048  # points whose terms fit in the cache of a core


def normal(cube):
    """Coordinates in which the prior is standard normal.

    Parameters
    ----------
    cube : ndarray
        Coordinates of the unit cube.

    Returns
    -------
    ndarray
        The same shape.
    """
    return ndtri(np.clip(cube, _EDGE, 1.0 - _EDGE))


@dataclass(frozen=True, eq=False)
class Proposal:
    """A mixture of Student-t distributions along some axes, and the prior along the others.

    Parameters
    ----------
    axes : ndarray of int of shape (n_axes,)
        The axes of the mixture.
    share : ndarray of shape (n_parts,)
        Shares of the parts, which add up to one.
    centre : ndarray of shape (n_parts, n_axes)
        Their centres, in coordinates in which the prior is standard normal.
    root : ndarray of shape (n_parts, n_axes, n_axes)
        Lower Cholesky factors of their scale matrices.
    n : int
        Number of points drawn.
    """

    axes: np.ndarray
    share: np.ndarray
    centre: np.ndarray
    root: np.ndarray
    n: int

    @property
    def _degrees(self):
        """Degrees of freedom, 5 or 6, so that densities are powers with a whole exponent."""
        return _DEGREES + (_DEGREES + len(self.axes)) % 2

    def draw(self, n_axes, rng):
        """Points (n, n_axes) in coordinates in which the prior is standard normal."""
        place = rng.standard_normal((self.n, n_axes))
        part = _even_draw(self.share, self.n, rng)
        kick = np.einsum("nij,nj->ni", self.root[part], place[:, self.axes])
        stretch = np.sqrt(self._degrees / rng.chisquare(self._degrees, self.n))
        place[:, self.axes] = self.centre[part] + kick * stretch[:, np.newaxis]
        return place

    def joined(self, other):
        """The mixture of this one and another along the same axes."""
        n = self.n + other.n
        share = np.concatenate([self.share * (self.n / n), other.share * (other.n / n)])
        pairs = ((self.centre, other.centre), (self.root, other.root))
        return Proposal(self.axes, share, *map(np.concatenate, pairs), n)

    def log_density(self, place):
        """Logarithm of the number of points drawn over the density of the prior, (n,)."""
        parts = (place[start : start + _CHUNK] for start in range(0, len(place), _CHUNK))
        return np.concatenate([np.zeros(0), *map(self._log_density, parts)])

    def _log_density(self, place):
        """The same, of few points."""
        # Points are columns here, so that loops run along them.
        place = place.T[self.axes]
        base = _distance(_terms(place), *self._coefficients)
        base /= self._degrees
        base += 1.0
        # The power has a whole exponent of at least 3.
        kernel = base * base
        for _ in range((self._degrees + len(place)) // 2 - 2):
            kernel *= base
        log_density = np.log(self._heights @ np.reciprocal(kernel, out=kernel))
        return log_density + 0.5 * np.einsum("in,in->n", place, place)

    @cached_property
    def _coefficients(self):
        """Polynomials of the squared distances from the parts."""
        return _coefficients(self.centre, self.root)

    @cached_property
    def _heights(self):
        """Numbers of points of the parts over their volumes, and over that of the prior."""
        # The prior is standard normal; factors of 2 pi are in both.
        degrees, d = self._degrees, len(self.axes)
        norm = gammaln(0.5 * (degrees + d)) - gammaln(0.5 * degrees)
        norm -= 0.5 * d * np.log(0.5 * degrees)
        return np.exp(norm + np.log(self.n * self.share) - _log_volume(self.root))


@cache
def _pairs(d):
    """Numbers of the first and of the second of all pairs of d coordinates."""
    return np.triu_indices(d)


def _terms(place):
    """Products of all pairs of coordinates (d, n), and the coordinates, (n_terms, n)."""
    first, second = _pairs(len(place))
    terms = np.empty((len(first) + len(place), place.shape[1]))
    np.multiply(place[first], place[second], out=terms[: len(first)])
    terms[len(first) :] = place
    return terms


def _coefficients(centre, root):
    """Squared distances in units of scale matrices: coefficients of `_terms`, and constants."""
    inverse = np.linalg.inv(root)
    precision = inverse.swapaxes(1, 2) @ inverse
    linear = np.einsum("kij,kj->ki", precision, centre)
    first, second = _pairs(centre.shape[1])
    twice = np.where(first == second, 1.0, 2.0)
    coefficients = np.hstack([precision[:, first, second] * twice, -2.0 * linear])
    return coefficients, np.einsum("ki,ki->k", linear, centre)


def _distance(terms, coefficients, constant):
    """Squared distances (n_parts, n), one product of matrices for all parts."""
    distance = coefficients @ terms
    distance += constant[:, np.newaxis]
    return np.maximum(distance, 0.0, out=distance)


def _log_volume(root):
    """Logarithms of the determinants of Cholesky factors, (n_parts,)."""
    return np.sum(np.log(np.diagonal(root, axis1=1, axis2=2)), axis=1)


def propose(place, log_weight, axes, n, rng, spread=1.0):
    """Learn a mixture from models and their weights.

    If few models have all the weight, weights are raised to a power below one until the effective
    number is sufficient.

    Parameters
    ----------
    place : ndarray of shape (m, n_parameters)
        Points in coordinates in which the prior is standard normal.
    log_weight : ndarray of shape (m,)
        Logarithms of their weights.
    axes : ndarray of int of shape (n_axes,)
        Parameters of the mixture; the others keep their prior.
    n : int
        Number of points to draw from it.
    rng : numpy.random.Generator
        Source of random numbers.
    spread : float, optional
        Factor by which parts are wider than the models from which they are learned.

    Returns
    -------
    Proposal
        The mixture.
    """
    weight = _levelled(log_weight, min(_LEAST, 0.1 * len(log_weight)))
    points = place[_even_draw(weight, _N_POINTS, rng)][:, axes]
    d = len(axes)
    # The rule of Silverman for parts that together are as wide as the posterior.
    width = (4.0 / (d + 2.0) / _N_PARTS) ** (1.0 / (d + 4.0))
    common = width**2 * np.cov(points, rowvar=False) + _LEAST_SPREAD**2 * np.eye(d)
    centre = points[rng.choice(_N_POINTS, _N_PARTS, replace=False)]
    share, scale = np.full(_N_PARTS, 1.0 / _N_PARTS), np.repeat(common[None], _N_PARTS, axis=0)
    terms = _terms(points.T)
    for _ in range(_N_STEPS):
        share, centre, scale = _improved(terms, share, centre, scale, common)
    keep = share > _SHARE
    root = spread * np.linalg.cholesky(scale[keep])
    return Proposal(axes, share[keep] / share[keep].sum(), centre[keep], root, n)


def _improved(terms, share, centre, scale, common):
    """One step of expectation maximisation; parts with few points keep the common scale matrix."""
    root, d = np.linalg.cholesky(scale), centre.shape[1]
    distance = _distance(terms, *_coefficients(centre, root))
    log_part = (np.log(share) - _log_volume(root))[:, np.newaxis] - 0.5 * distance
    part = np.exp(log_part - log_part.max(axis=0))
    part /= part.sum(axis=0)
    number = part.sum(axis=1) + 1e-9
    means = part @ terms.T / number[:, np.newaxis]
    centre, (first, second) = means[:, -d:], _pairs(d)
    own = np.empty_like(scale)
    own[:, first, second] = own[:, second, first] = means[:, :-d]
    own -= centre[:, :, np.newaxis] * centre[:, np.newaxis]
    few = ((d + 2.0) / (number + d + 2.0))[:, np.newaxis, np.newaxis]
    return number / number.sum(), centre, (1.0 - few) * own + few * common


def _even_draw(weight, n, rng):
    """Indices drawn in proportion to weights that sum to one, with minimal noise."""
    places = (rng.random() + np.arange(n)) / n
    return np.searchsorted(np.cumsum(weight), places).clip(max=len(weight) - 1)


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
