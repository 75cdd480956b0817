"""Product of the likelihoods of methods: posteriors over their priors, times one prior.

Posteriors and priors are described as Gaussians in normal scores: the Gaussian deviates of ranks
among draws from the priors of all methods. The likelihood of a method, the ratio of both, is then
a Gaussian, too, and the prior of the product is the geometric mean of the priors. Methods that use
the same light err in the same direction, so that the likelihoods of several are raised to powers
below 1: those under which the truth of galaxies with known truth is most probable.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dustest.data.errors import InputError
from dustest.data.quantities import QUANTITIES
from dustest.estimators._calibration.levels import Calibration
from dustest.estimators._cnn.heads.mixture import Mixture
from dustest.estimators._fusion.density import general_columns, is_within, redshift_limits
from dustest.estimators._fusion.powers import Likelihoods, Powers, log_normal, subsets
from dustest.estimators._fusion.scores import scores_of, values_of
from dustest.estimators._fusion.shares import shapley_values
from dustest.estimators.run.runner import run
from dustest.estimators.run.summary import Summary

__all__ = [
    "FEWEST_GALAXIES",
    "PosteriorView",
    "Product",
    "product_columns",
]

FEWEST_GALAXIES = 500
"""Galaxies from which intervals are corrected."""

_LEAST_VARIANCE = 1e-2
"""Added to variances of normal scores, which 128 draws do not resolve."""

_N_PRIOR = 256
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
        return 1 + 2 * (k + k * k)

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
        draws : tuple of ndarray of float32 of shape (n, n_draws, k)
            Latent draws from posteriors, and from priors; NaN without an estimate.
        flags : ndarray of int32 of shape (n,)
            Flags of the method.

        Raises
        ------
        InputError
            If the method states no prior of a quantity, or the sample has no data for it.
        """
        prior = method.sample_prior(sample, _N_PRIOR, seed)
        missing = [name for name in self.names if name not in prior]
        if missing:
            msg = (
                f"members of a product must state a prior of {', '.join(missing)}, which "
                f"{type(method).__name__} does not: calibrate it with CalibratedEstimator"
            )
            raise InputError(msg)
        rows = run(
            method, method._ready(sample), Summary(n_draws=_N_DRAWS), seed=seed, n_jobs=n_jobs
        )
        return tuple(self._latent(found) for found in (rows.values, prior)), rows.flags

    def _latent(self, draws):
        """Latent draws of the quantities."""
        parts = [
            QUANTITIES[name].latent.latent(np.asarray(draws[name], float)) for name in self.names
        ]
        return np.stack(parts, axis=-1).astype(np.float32)

    def columns(self, posterior, prior, common):
        """Likelihoods of galaxies.

        Parameters
        ----------
        posterior, prior : ndarray of shape (n, n_draws, k)
            Latent draws of the method.
        common : ndarray of shape (n, n_prior, k)
            Latent draws from the priors of all methods, which define the scores.

        Returns
        -------
        columns : ndarray of shape (n, n_columns)
            Whether there is an estimate; precision times mean, and precision, of the posterior
            and of the prior.
        """
        known = np.isfinite(posterior).all(axis=(1, 2)) & np.isfinite(prior).all(axis=(1, 2))
        columns = np.zeros((len(known), len(self)))
        if known.any():
            columns[known, 0] = 1.0
            parts = [
                part.reshape(known.sum(), -1)
                for one in (posterior, prior)
                for part in natural(joint_scores(one[known], common[known]))
            ]
            columns[known, 1:] = np.concatenate(parts, axis=1)
        return columns

    def has_estimate(self, columns):
        """Whether galaxies have an estimate (ndarray of bool of shape (n,))."""
        return columns[:, 0] > 0

    def to_dict(self):
        """The quantities in JSON types (dict)."""
        return {"names": list(self.names)}


def product_columns(redshift, drawn, views):
    """Columns of a product.

    Parameters
    ----------
    redshift : ndarray of shape (n,)
        Redshifts; NaN if unknown.
    drawn : list of tuple of ndarray, or None
        Draws of each method from `PosteriorView`; None without data for it.
    views : list of PosteriorView
        Views of the methods.

    Returns
    -------
    columns : ndarray of shape (n, n_columns)
        General columns, draws from the prior of one quantity after the other, and the likelihoods
        of the methods.
    """
    n, k = len(redshift), len(views[0].names)
    common = _common([prior for _, prior in filter(None, drawn)], n, k)
    parts = [general_columns(redshift), common.swapaxes(1, 2).reshape(n, -1)]
    for found, view in zip(drawn, views, strict=True):
        parts.append(np.zeros((n, len(view))) if found is None else view.columns(*found, common))
    return np.concatenate(parts, axis=1)


def _common(priors, n, k):
    """Draws from the mean prior of methods, of those that have one of a galaxy (n, 256, k)."""
    if not priors:
        return np.zeros((n, _N_PRIOR, k))
    stacked = np.stack(priors)
    known = np.isfinite(stacked).all(axis=(2, 3))
    first = stacked[np.argmax(known, axis=0), np.arange(n)]
    stacked = np.where(known[:, :, None, None], stacked, np.nan_to_num(first))
    draw = np.arange(_N_PRIOR)
    return np.moveaxis(stacked[draw % len(stacked), :, draw], 0, 1).astype(float)


def joint_scores(draws, common):
    """Normal scores of joint draws of shape (n, m, k) among those of the prior."""
    return np.stack(
        [scores_of(draws[:, :, i], common[:, :, i]) for i in range(draws.shape[2])], axis=-1
    )


def natural(draws):
    """Gaussians of draws of shape (n, m, k): precision times mean, and precision."""
    mean = draws.mean(axis=1)
    apart = draws - mean[:, None]
    covariance = np.einsum("nmi,nmj->nij", apart, apart) / draws.shape[1]
    matrix = np.linalg.inv(covariance + _LEAST_VARIANCE * np.eye(draws.shape[2]))
    return np.einsum("nij,nj->ni", matrix, mean), matrix


class Product:
    """Likelihoods of methods times one prior.

    Parameters
    ----------
    targets : tuple of str
        Quantities of the result; those without a latent transform are not given.
    views : tuple of PosteriorView
        Views of the methods.
    powers : Powers
        Powers of the likelihoods.
    calibration : Calibration, optional
        Correction of draws.

    Notes
    -----
    Columns are those of `product_columns`.
    """

    history = ()
    redshift = None
    mean_posterior = None

    def __init__(self, targets, views, powers, calibration=None):
        self.targets = targets
        self.views = views
        self.powers = powers
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
        """Find the powers, and correct intervals where there are 500 galaxies.

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
        product = cls(targets, tuple(views), None)
        product.redshift = redshift_limits(columns)
        values = {name: truth[:, list(targets).index(name)] for name in product.names}
        latent = [QUANTITIES[name].latent.latent(one) for name, one in values.items()]
        true = joint_scores(np.stack(latent, axis=-1)[:, None], product._prior(columns))[:, 0]
        product.powers = Powers.learn(product._likelihoods(columns), true)
        if len(columns) >= FEWEST_GALAXIES:
            product.calibrate(columns, values)
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
        m = len(self.views)
        found = {kept: self.powers.posterior(likelihoods, kept) for kept in subsets(m)}
        mean, covariance = found[tuple(range(m))]
        n, k = mean.shape
        unit = Mixture(np.zeros((n, 1)), np.zeros((n, 1, k)), np.ones((n, 1, k)))
        normal = unit.draw(_N_DRAWS, seeds).astype(float)
        drawn = mean[:, None] + normal @ np.linalg.cholesky(covariance).swapaxes(1, 2)
        gains = {
            kept: log_normal(drawn, *one).mean(axis=1) / np.log(2.0) for kept, one in found.items()
        }
        draws = {
            name: QUANTITIES[name].latent.values(values_of(drawn[:, :, i], prior[:, :, i]))
            for i, name in enumerate(self.names)
        }
        if self.calibration is not None:
            draws = self.calibration.corrected(draws)
        return draws, shapley_values(gains, m)

    def _likelihoods(self, columns):
        """Likelihoods of all methods (Likelihoods)."""
        k = len(self.names)
        parts = np.stack([columns[:, first:last] for first, last in self.places], axis=1)
        ends = np.cumsum([1, k, k * k, k, k * k])
        vector, matrix, prior_vector, prior = (
            parts[:, :, first:last].reshape(*parts.shape[:2], *shape)
            for (first, last), shape in zip(pairwise(ends), ((k,), (k, k)) * 2, strict=True)
        )
        known = parts[:, :, 0] > 0.0
        n_known = np.maximum(known.sum(axis=1), 1)[:, None]
        common = prior.sum(axis=1) / n_known[..., None]
        common[~known.any(axis=1)] = np.eye(k)
        return Likelihoods(
            *(known, vector - prior_vector, matrix - prior),
            *(prior_vector.sum(axis=1) / n_known, common),
        )

    def _prior(self, columns):
        """Latent draws from the prior, of shape (n, n_prior, k)."""
        k = len(self.names)
        part = columns[:, _N_GENERAL : _N_GENERAL + _N_PRIOR * k]
        return part.reshape(len(columns), k, _N_PRIOR).swapaxes(1, 2)
