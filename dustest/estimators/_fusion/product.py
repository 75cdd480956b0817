"""Product of the likelihoods of methods: posteriors over their priors, times one prior.

Posteriors are described as Gaussians in normal scores of their priors: the Gaussian deviates of
ranks among draws from the prior. The likelihood of a method is then a Gaussian, too. Methods that
use the same light err in the same direction; the correlation of their errors is measured on
galaxies with known truth, and the likelihoods are combined by generalised least squares.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from dustest.data.errors import InputError
from dustest.data.quantities import QUANTITIES

__all__ = ["Correlation", "Likelihood", "combine", "scores_of", "values_of"]

_LEAST_PRECISION = 1e-3
"""Least precision of a likelihood in units of that of the prior: what a method does not know."""

_FEWEST = 100
"""Galaxies from which a correlation is measured."""

_LARGEST = 0.98
"""Largest correlation of errors that is believed."""


def scores_of(values, prior):
    """Normal scores of values among draws from the prior of the same galaxy.

    Parameters
    ----------
    values : ndarray of shape (n, m)
        Values.
    prior : ndarray of shape (n, n_prior)
        Draws from the prior.

    Returns
    -------
    scores : ndarray of shape (n, m)
        Gaussian deviates of their ranks, interpolated between draws.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators._fusion.product import scores_of
    >>> scores_of(np.array([[2.0]]), np.arange(5.0)[None])
    array([[0.]])
    """
    n_prior = prior.shape[1]
    levels = (np.arange(n_prior) + 0.5) / n_prior
    found = np.empty(values.shape)
    for row, ordered in enumerate(np.sort(prior, axis=1)):
        found[row] = np.interp(values[row], ordered, levels)
    return ndtri(found)


def values_of(scores, prior):
    """Undo `scores_of`.

    Parameters
    ----------
    scores : ndarray of shape (n, m)
        Normal scores.
    prior : ndarray of shape (n, n_prior)
        Draws from the prior.

    Returns
    -------
    values : ndarray of shape (n, m)
        Values within the range of the draws.
    """
    n_prior = prior.shape[1]
    levels = (np.arange(n_prior) + 0.5) / n_prior
    found = np.empty(scores.shape)
    for row, ordered in enumerate(np.sort(prior, axis=1)):
        found[row] = np.interp(ndtr(scores[row]), levels, ordered)
    return found


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Gaussian likelihoods of a method in normal scores.

    Parameters
    ----------
    centre : ndarray of shape (n, k)
        Scores at which they are highest, of k quantities; 0 without an estimate.
    root : ndarray of shape (n, k, k)
        Lower triangular root of their covariance.
    known : ndarray of bool of shape (n,)
        Galaxies with an estimate.
    """

    centre: np.ndarray
    root: np.ndarray
    known: np.ndarray

    @classmethod
    def of(cls, draws, prior, names):
        """Divide posteriors by their priors.

        Parameters
        ----------
        draws, prior : dict of str to ndarray of shape (n, n_draws)
            Draws from posteriors and priors by quantity.
        names : sequence of str
            Quantities.

        Returns
        -------
        Likelihood
            The likelihoods.
        """
        latent = [
            [QUANTITIES[name].latent.latent(one[name]) for name in names] for one in (draws, prior)
        ]
        known = np.all([np.isfinite(part).all(axis=1) for part in latent[0]], axis=0)
        posterior, before = (
            np.stack(
                [
                    scores_of(np.nan_to_num(one), reference)
                    for one, reference in zip(part, latent[1], strict=True)
                ],
                axis=-1,
            )
            for part in latent
        )
        mean, covariance = _moments(posterior)
        _, prior_covariance = _moments(before)
        inverse = np.linalg.inv(covariance)
        precision = _positive(inverse - np.linalg.inv(prior_covariance))
        information = np.einsum("nij,nj->ni", inverse, mean)
        centre = np.linalg.solve(precision, information[..., None])[..., 0]
        root = np.linalg.cholesky(np.linalg.inv(precision))
        return cls(np.where(known[:, None], centre, 0.0), root, known)

    def errors(self, truth):
        """Errors in units of their standard deviations, uncorrelated if these are right.

        Parameters
        ----------
        truth : ndarray of shape (n, k)
            Scores of the truth.

        Returns
        -------
        errors : ndarray of shape (n, k)
            NaN without an estimate.
        """
        apart = np.linalg.solve(self.root, (self.centre - truth)[..., None])[..., 0]
        return np.where(self.known[:, None], apart, np.nan)


@dataclass(frozen=True, eq=False)
class Correlation:
    """Correlation of the errors of methods.

    Parameters
    ----------
    matrix : ndarray of shape (m, m, k, k)
        By pair of methods and of quantities; of a method with itself the identity.
    """

    matrix: np.ndarray

    @classmethod
    def of(cls, errors):
        """Measure the correlation.

        Parameters
        ----------
        errors : list of ndarray of shape (n, k)
            Errors of each method from `Likelihood.errors`.

        Returns
        -------
        Correlation
            The correlation; for methods that are known to be more precise than they are, errors
            count with their signs only as far as 3 standard deviations.

        Raises
        ------
        InputError
            If fewer than 100 galaxies have estimates of two methods.
        """
        m, k = len(errors), errors[0].shape[1]
        matrix = np.zeros((m, m, k, k))
        for i in range(m):
            matrix[i, i] = np.eye(k)
            for j in range(i):
                both = np.isfinite(errors[i]).all(axis=1) & np.isfinite(errors[j]).all(axis=1)
                if both.sum() < _FEWEST:
                    msg = (
                        f"X must have {_FEWEST} galaxies or more with estimates of every two "
                        f"members, got {both.sum()}"
                    )
                    raise InputError(msg)
                pair = [np.clip(one[both], -3.0, 3.0) for one in (errors[i], errors[j])]
                pair = [one / one.std(axis=0) for one in pair]
                matrix[i, j] = np.clip(pair[0].T @ pair[1] / both.sum(), -_LARGEST, _LARGEST)
                matrix[j, i] = matrix[i, j].T
        return cls(matrix)


def combine(likelihoods, correlation, prior_covariance):
    """Multiply likelihoods whose errors are correlated, and a prior.

    Parameters
    ----------
    likelihoods : list of Likelihood
        Likelihoods of m methods.
    correlation : Correlation
        Correlation of their errors.
    prior_covariance : ndarray of shape (n, k, k)
        Covariance of the normal scores of the prior.

    Returns
    -------
    mean : ndarray of shape (n, k)
        Means of the posteriors in normal scores.
    covariance : ndarray of shape (n, k, k)
        Their covariances.
    """
    m, (n, k) = len(likelihoods), likelihoods[0].centre.shape
    known = np.stack([one.known for one in likelihoods], axis=1)
    covariance = np.zeros((n, m, k, m, k))
    for i, one in enumerate(likelihoods):
        for j, other in enumerate(likelihoods):
            block = one.root @ correlation.matrix[i, j] @ other.root.swapaxes(1, 2)
            # A method without an estimate has no correlation, and no weight.
            both = (known[:, i] & known[:, j])[:, None, None]
            alone = np.eye(k) / _LEAST_PRECISION**2 if i == j else np.zeros((k, k))
            covariance[:, i, :, j] = np.where(both, block, alone)
    flat = covariance.reshape(n, m * k, m * k)
    flat = _positive(0.5 * (flat + flat.swapaxes(1, 2)))
    design = np.tile(np.eye(k), (m, 1))
    weighted = np.linalg.solve(flat, np.broadcast_to(design, (n, m * k, k)))
    centres = np.concatenate([one.centre for one in likelihoods], axis=1)
    precision = _positive(design.T @ weighted)
    information = np.einsum("nij,ni->nj", weighted, centres)
    posterior = np.linalg.inv(precision + np.linalg.inv(prior_covariance))
    return np.einsum("nij,nj->ni", posterior, information), posterior


def _moments(scores):
    """Means and covariances of draws of scores of shape (n, n_draws, k)."""
    mean = scores.mean(axis=1)
    apart = scores - mean[:, None]
    covariance = np.einsum("nki,nkj->nij", apart, apart) / scores.shape[1]
    return mean, covariance + 1e-3 * np.eye(scores.shape[2])


def _positive(matrices):
    """Symmetric matrices with eigenvalues of at least the least precision."""
    values, vectors = np.linalg.eigh(matrices)
    values = np.maximum(values, _LEAST_PRECISION)
    return np.einsum("nij,nj,nkj->nik", vectors, values, vectors)
