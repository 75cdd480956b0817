"""Powers to which likelihoods are raised when they are multiplied.

Likelihoods are Gaussians in normal scores of the prior. The powers of every subset of methods are
those under which the truth of galaxies with known truth is most probable, so that methods whose
errors are correlated count less than independent ones.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import minimize

from dustest.data.errors import InputError

__all__ = ["FEWEST_TOGETHER", "Likelihoods", "Powers", "log_normal", "subsets"]

FEWEST_TOGETHER = 100
"""Galaxies from which powers are measured."""

_LEAST_PRECISION = 0.05
"""Least precision of a posterior; that of the prior is about 1."""

_OUTLIERS, _OUTLIER_WIDTH = 0.01, 2.0
"""Share of galaxies, and width of the distribution of their scores, for which a posterior need not
hold: without them a few would decide the powers."""

_MOST_POWER, _MOST_WIDTH = 1.5, 1.0
"""Largest power, and largest logarithm of the factor of a width."""


@dataclass(frozen=True, eq=False)
class Likelihoods:
    """Gaussian likelihoods of m methods in normal scores, and their prior.

    Parameters
    ----------
    known : ndarray of bool of shape (n, m)
        Galaxies with an estimate.
    vector : ndarray of shape (n, m, k)
        Precision times mean, of k quantities; 0 without an estimate.
    matrix : ndarray of shape (n, m, k, k)
        Precision; negative where a posterior is wider than the prior.
    prior_vector : ndarray of shape (n, k)
        Precision times mean of the prior.
    prior : ndarray of shape (n, k, k)
        Precision of the prior.
    """

    known: np.ndarray
    vector: np.ndarray
    matrix: np.ndarray
    prior_vector: np.ndarray
    prior: np.ndarray

    def __getitem__(self, rows):
        """Select galaxies."""
        return Likelihoods(*(one[rows] for one in vars(self).values()))

    def posterior(self, powers):
        """Multiply likelihoods, raised to powers, and the prior.

        Parameters
        ----------
        powers : array_like of shape (m,)
            One for each method.

        Returns
        -------
        mean : ndarray of shape (n, k)
            Means of the posteriors.
        covariance : ndarray of shape (n, k, k)
            Their covariances.
        """
        precision = self.prior + np.einsum("m,nmij->nij", powers, self.matrix)
        values, vectors = np.linalg.eigh(precision)
        values = np.maximum(values, _LEAST_PRECISION)
        covariance = np.einsum("nij,nj,nkj->nik", vectors, 1.0 / values, vectors)
        vector = self.prior_vector + np.einsum("m,nmj->nj", powers, self.vector)
        return np.einsum("nij,nj->ni", covariance, vector), covariance


@dataclass(frozen=True, eq=False)
class Powers:
    """Powers to which likelihoods are raised, for every subset of the methods.

    Parameters
    ----------
    by_subset : dict of tuple of int to tuple of ndarray
        Powers of all m methods, 0 for those that are not in the subset, and factors by which the
        widths of the k quantities are multiplied.
    """

    by_subset: dict

    @classmethod
    def learn(cls, likelihoods, truth):
        """Find the powers under which the truth is most probable.

        Parameters
        ----------
        likelihoods : Likelihoods
            Likelihoods of n galaxies.
        truth : ndarray of shape (n, k)
            Scores of their truth.

        Returns
        -------
        Powers
            The powers; equal methods share a power of 1.

        Raises
        ------
        InputError
            If fewer than 100 galaxies have estimates of all methods.
        """
        m, k = likelihoods.vector.shape[1:]
        found = {(): (np.zeros(m), np.ones(k))}
        for subset in subsets(m)[1:]:
            rows = likelihoods.known[:, subset].all(axis=1) & np.isfinite(truth).all(axis=1)
            if rows.sum() < FEWEST_TOGETHER:
                msg = (
                    f"X must have {FEWEST_TOGETHER} galaxies or more with a truth and estimates "
                    f"of all members, got {rows.sum()}"
                )
                raise InputError(msg)
            found[subset] = _most_probable(likelihoods[rows], truth[rows], subset)
        return cls(found)

    def posterior(self, likelihoods, subset):
        """Posteriors from some of the methods.

        Parameters
        ----------
        likelihoods : Likelihoods
            Likelihoods of n galaxies.
        subset : tuple of int
            Methods that are used, where they have an estimate.

        Returns
        -------
        mean : ndarray of shape (n, k)
            Means in normal scores.
        covariance : ndarray of shape (n, k, k)
            Covariances.
        """
        n, k = likelihoods.vector[:, 0].shape
        mean, covariance = np.empty((n, k)), np.empty((n, k, k))
        patterns, number = np.unique(likelihoods.known[:, subset], axis=0, return_inverse=True)
        for i, pattern in enumerate(patterns):
            rows = number.ravel() == i
            kept = tuple(np.array(subset, dtype=int)[pattern].tolist())
            powers, width = self.by_subset[kept]
            mean[rows], found = likelihoods[rows].posterior(powers)
            covariance[rows] = found * width[:, None] * width
        return mean, covariance


def subsets(m):
    """List all subsets of m methods, the empty one first.

    Parameters
    ----------
    m : int
        Number of methods.

    Returns
    -------
    subsets : list of tuple of int
        Ascending numbers of the methods.
    """
    return [kept for size in range(m + 1) for kept in combinations(range(m), size)]


def _most_probable(likelihoods, truth, subset):
    """Powers of all methods and factors of widths that make the truth most probable."""
    m, k = likelihoods.vector.shape[1:]
    far = log_normal(truth[:, None], np.zeros_like(truth), _OUTLIER_WIDTH**2 * np.eye(k))

    def split(parameters):
        powers = np.zeros(m)
        powers[list(subset)] = parameters[: len(subset)]
        return powers, np.exp(parameters[len(subset) :])

    def loss(parameters):
        powers, width = split(parameters)
        mean, covariance = likelihoods.posterior(powers)
        near = log_normal(truth[:, None], mean, covariance * width[:, None] * width)
        both = np.logaddexp(np.log(1.0 - _OUTLIERS) + near, np.log(_OUTLIERS) + far)
        return -both.mean()

    start = np.r_[np.full(len(subset), 1.0 / np.sqrt(len(subset))), np.zeros(k)]
    bounds = [(0.0, _MOST_POWER)] * len(subset) + [(-_MOST_WIDTH, _MOST_WIDTH)] * k
    return split(minimize(loss, start, method="L-BFGS-B", bounds=bounds).x)


def log_normal(values, mean, covariance):
    """Logarithms of Gaussian densities, without 2 pi.

    Parameters
    ----------
    values : ndarray of shape (n, m, k)
        Where they are wanted.
    mean : ndarray of shape (n, k)
        Means.
    covariance : ndarray of shape (n, k, k) or (k, k)
        Covariances.

    Returns
    -------
    log_density : ndarray of shape (n, m)
        Logarithms.
    """
    root = np.linalg.cholesky(covariance)
    apart = np.linalg.solve(root, (values - mean[:, None]).swapaxes(1, 2))
    log_root = np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum(axis=-1)
    return -0.5 * np.square(apart).sum(axis=1) - np.reshape(log_root, (-1, 1))
