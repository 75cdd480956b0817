"""Product of the likelihoods of methods: posteriors over their priors, times one prior.

Posteriors are described as Gaussians in normal scores of their priors: the Gaussian deviates of
ranks among draws from the prior. The likelihood of a method is then a Gaussian, too. Methods that
use the same light err in the same direction; the correlation of their errors is measured on
galaxies with known truth, and the likelihoods are combined by generalised least squares.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import ndtr, ndtri

from dustest.data.errors import InputError
from dustest.data.quantities import QUANTITIES
from dustest.estimators._calibration.levels import Calibration
from dustest.estimators._cnn.heads.mixture import Mixture
from dustest.estimators._fusion.density import is_within, redshift_limits
from dustest.estimators._fusion.shares import shapley_values
from dustest.estimators.run.runner import run
from dustest.estimators.run.summary import Summary

__all__ = [
    "FEWEST_GALAXIES",
    "FEWEST_PAIRS",
    "Correlation",
    "Likelihood",
    "PosteriorView",
    "Product",
    "combine",
    "prior_columns",
    "scores_of",
    "values_of",
]

FEWEST_GALAXIES = 500
"""Galaxies from which intervals are corrected."""

_LEAST_PRECISION = 1e-3
"""Least precision of a likelihood in units of that of the prior: what a method does not know."""

FEWEST_PAIRS = 100
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
                if both.sum() < FEWEST_PAIRS:
                    msg = (
                        f"X must have {FEWEST_PAIRS} galaxies or more with estimates of every two "
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


_N_PRIOR = 128
_N_DRAWS = 128
_N_GENERAL = 2


@dataclass(frozen=True)
class PosteriorView:
    """Columns of a method: its likelihood in normal scores.

    Parameters
    ----------
    names : tuple of str
        Quantities.
    """

    names: tuple

    def __len__(self):
        k = len(self.names)
        return 1 + k + k * k

    def __call__(self, method, sample, seed, n_jobs=None):
        """Run a method.

        Parameters
        ----------
        method : DustEstimator
            Fitted method that states its prior.
        sample : GalaxySample
            n galaxies.
        seed : int
            Seed of the draws.
        n_jobs : int, optional
            Number of workers.

        Returns
        -------
        columns : ndarray of shape (n, n_columns)
            Whether there is an estimate, centre and root of the likelihood.
        flags : ndarray of int32 of shape (n,)
            Flags of the method.
        """
        summary, ready = Summary(n_draws=_N_DRAWS), method._ready(sample)
        rows = run(method, ready, summary, seed=seed, n_jobs=n_jobs)
        one = Likelihood.of(rows.values, prior_of(method, sample, self.names, seed), self.names)
        n = len(sample)
        return np.column_stack([one.known, one.centre, one.root.reshape(n, -1)]), rows.flags

    def has_estimate(self, columns):
        """Whether galaxies have an estimate (ndarray of bool of shape (n,))."""
        return columns[:, 0] > 0

    def likelihood(self, columns):
        """The likelihood from columns (Likelihood)."""
        k = len(self.names)
        root = columns[:, 1 + k :].reshape(-1, k, k)
        known = self.has_estimate(columns)
        return Likelihood(
            columns[:, 1 : 1 + k], np.where(known[:, None, None], root, np.eye(k)), known
        )

    def to_dict(self):
        """The quantities in JSON types (dict)."""
        return {"names": list(self.names)}


def prior_of(method, sample, names, seed):
    """Draws from the prior of a method by quantity.

    Parameters
    ----------
    method : DustEstimator
        Fitted method.
    sample : GalaxySample
        n galaxies.
    names : sequence of str
        Quantities.
    seed : int
        Seed of the draws.

    Returns
    -------
    draws : dict of str to ndarray of shape (n, 128)
        Draws.

    Raises
    ------
    InputError
        If the method states no prior of a quantity.
    """
    prior = method.sample_prior(sample, _N_PRIOR, seed)
    missing = [name for name in names if name not in prior]
    if missing:
        msg = (
            f"members of a product must state a prior of {', '.join(missing)}, which "
            f"{type(method).__name__} does not: calibrate it with CalibratedEstimator"
        )
        raise InputError(msg)
    return {name: np.asarray(prior[name], dtype=float) for name in names}


class Product:
    """Likelihoods of methods times one prior.

    Parameters
    ----------
    targets : tuple of str
        Quantities of the result; those without a latent transform are not given.
    views : tuple of PosteriorView
        Views of the methods.
    correlation : Correlation
        Correlation of their errors.
    calibration : Calibration, optional
        Correction of draws.

    Notes
    -----
    Columns are the general ones, draws from the prior of each quantity, and those of the views.
    """

    history = ()
    redshift = None

    def __init__(self, targets, views, correlation, calibration=None):
        self.targets = targets
        self.views = views
        self.correlation = correlation
        self.calibration = calibration

    def is_near(self, columns):
        """Galaxies within the redshifts of `learn` (ndarray of bool of shape (n,))."""
        return is_within(columns, self.redshift)

    @property
    def names(self):
        """Quantities of the likelihoods (tuple of str)."""
        return self.views[0].names

    @property
    def places(self):
        """First column of each method, and the one after its last (tuple of tuple of int)."""
        first = _N_GENERAL + _N_PRIOR * len(self.names)
        ends = first + np.cumsum([0, *map(len, self.views)])
        return tuple(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))

    @classmethod
    def learn(cls, targets, views, columns, truth):
        """Measure the correlation of errors, and correct intervals where there are 500 galaxies.

        Parameters
        ----------
        targets : tuple of str
            Quantities.
        views : sequence of PosteriorView
            Views of the methods.
        columns : ndarray of shape (n, n_columns)
            Columns of galaxies that no method has learned from.
        truth : ndarray of shape (n, n_targets)
            Their truth.

        Returns
        -------
        Product
            The product.
        """
        views = tuple(views)
        product = cls(targets, views, Correlation(np.zeros((len(views),) * 2)))
        product.redshift = redshift_limits(columns)
        values = [truth[:, list(targets).index(name)] for name in product.names]
        prior = product._prior(columns)
        scores = np.stack(
            [
                scores_of(QUANTITIES[name].latent.latent(one)[:, None], prior[:, :, i])[:, 0]
                for i, (name, one) in enumerate(zip(product.names, values, strict=True))
            ],
            axis=-1,
        )
        errors = [one.errors(scores) for one in product._likelihoods(columns)]
        product.correlation = Correlation.of(errors)
        if len(columns) >= FEWEST_GALAXIES:
            product.calibrate(columns, dict(zip(product.names, values, strict=True)))
        return product

    def calibrate(self, columns, truth):
        """Correct draws by galaxies with known truth.

        Parameters
        ----------
        columns : ndarray of shape (n, n_columns)
            Columns of the galaxies.
        truth : dict of str to ndarray of shape (n,)
            True values by quantity.
        """
        self.calibration = None
        seeds = np.arange(len(columns), dtype=np.uint64)
        draws, _ = self.estimate(columns, seeds)
        truth = {name: truth[name] for name in self.names}
        self.calibration = Calibration.learn(self.names[0], draws, truth)

    def estimate(self, columns, seeds):
        """Draw from the posteriors, and share what they gain among the methods.

        Parameters
        ----------
        columns : ndarray of shape (n, n_columns)
            Columns of n galaxies.
        seeds : ndarray of uint64 of shape (n,)
            Seeds of the draws.

        Returns
        -------
        draws : dict of str to ndarray of shape (n, n_draws)
            Joint draws by quantity.
        shares : ndarray of shape (n, n_methods)
            Shapley values in bits.
        """
        likelihoods, prior = self._likelihoods(columns), self._prior(columns)
        before = _moments(self._prior_scores(prior))[1]
        everyone = tuple(range(len(likelihoods)))
        found = {
            kept: self._combined([likelihoods[i] for i in kept], kept, before)
            for size in range(1, len(everyone) + 1)
            for kept in combinations(everyone, size)
        }
        found[()] = np.zeros((len(columns), len(self.names))), before
        mean, covariance = found[everyone]
        n, k = mean.shape
        unit = Mixture(np.zeros((n, 1)), np.zeros((n, 1, k)), np.ones((n, 1, k)))
        normal = unit.draw(_N_DRAWS, seeds).astype(float)
        scores = mean[:, None] + normal @ np.linalg.cholesky(covariance).swapaxes(1, 2)
        gains = {kept: _mean_log_normal(scores, *one) / np.log(2.0) for kept, one in found.items()}
        draws = {
            name: QUANTITIES[name].latent.values(values_of(scores[:, :, i], prior[:, :, i]))
            for i, name in enumerate(self.names)
        }
        if self.calibration is not None:
            draws = self.calibration.corrected(draws)
        return draws, shapley_values(gains, len(everyone))

    def prior(self, columns, n_draws, rng):
        """Draw from the prior.

        Parameters
        ----------
        columns : ndarray of shape (n, n_columns)
            Columns of n galaxies.
        n_draws : int
            Number of draws.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        dict of str to ndarray of shape (n, n_draws)
            By quantity.
        """
        chosen = self._prior(columns)[:, rng.integers(_N_PRIOR, size=n_draws)]
        return {
            name: QUANTITIES[name].latent.values(chosen[:, :, i])
            for i, name in enumerate(self.names)
        }

    def _combined(self, likelihoods, kept, before):
        """Posterior of some methods."""
        part = Correlation(self.correlation.matrix[np.ix_(kept, kept)])
        return combine(likelihoods, part, before)

    def _likelihoods(self, columns):
        """Likelihoods of all methods."""
        return [
            view.likelihood(columns[:, first:last])
            for view, (first, last) in zip(self.views, self.places, strict=True)
        ]

    def _prior(self, columns):
        """Latent draws from the prior, of shape (n, n_prior, k)."""
        k = len(self.names)
        part = columns[:, _N_GENERAL : _N_GENERAL + _N_PRIOR * k]
        return part.reshape(len(columns), k, _N_PRIOR).swapaxes(1, 2)

    def _prior_scores(self, prior):
        """Normal scores of the draws from the prior themselves."""
        return np.stack(
            [scores_of(prior[:, :, i], prior[:, :, i]) for i in range(prior.shape[2])], axis=-1
        )


def prior_columns(method, sample, names, seed):
    """Latent draws from the prior of a method as columns.

    Parameters
    ----------
    method : DustEstimator
        Fitted method.
    sample : GalaxySample
        n galaxies.
    names : sequence of str
        k quantities.
    seed : int
        Seed of the draws.

    Returns
    -------
    columns : ndarray of shape (n, 128 k)
        Those of one quantity after the other.
    """
    prior = prior_of(method, sample, names, seed)
    parts = [QUANTITIES[name].latent.latent(prior[name]) for name in names]
    return np.concatenate(parts, axis=1)


def _mean_log_normal(scores, mean, covariance):
    """Mean logarithm of Gaussian densities at draws of shape (n, n_draws, k), without 2 pi."""
    root = np.linalg.cholesky(covariance)
    apart = np.linalg.solve(root, (scores - mean[:, None]).swapaxes(1, 2))
    log_root = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    return -0.5 * np.square(apart).sum(axis=1).mean(axis=1) - log_root
