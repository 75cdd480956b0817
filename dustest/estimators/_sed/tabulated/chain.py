"""Weighted models, and the densities from which they were drawn."""

from dataclasses import dataclass, replace
from functools import cached_property, reduce

import numpy as np
from scipy.special import ndtr

from dustest.estimators._sed.tabulated.refinement import Proposal, normal, propose

__all__ = ["Chain", "relevant"]

_NEGLIGIBLE = 25.0
"""Difference in log weight above which a model is negligible."""
_LEAST_KEPT = 1000
_POWERS = 0.85 ** np.arange(80)
"""Powers of a likelihood that are tried."""


@dataclass(frozen=True, eq=False)
class Chain:
    """Models, their likelihoods for one galaxy, and the densities from which they were drawn.

    Parameters
    ----------
    models : Models
        The models that are not negligible.
    likelihood : Likelihood
        Likelihood of each of them.
    place : ndarray of shape (n, n_parameters)
        Their coordinates, in which the prior is standard normal.
    log_density : ndarray of shape (n,)
        Logarithm of the number of models drawn over the density of the prior: the sum over
        the pool and all proposals.
    unit : ndarray of int of shape (n,)
        Number of the stars of each model. Models of the same stars behind different dust are no
        independent draws.
    pool : Pool
        The pool, including negligible models.
    proposals : tuple of Proposal, optional
        Densities besides the pool.
    spread : float, optional
        Factor by which proposals are wider than the models from which they are learned.
    """

    models: object
    likelihood: object
    place: np.ndarray
    log_density: np.ndarray
    unit: np.ndarray
    pool: object
    proposals: tuple = ()
    spread: float = 1.0

    @classmethod
    def of_pool(cls, pool, likelihood, spread=1.0):
        """Begin with the models of a pool.

        Parameters
        ----------
        pool : Pool
            The pool.
        likelihood : Likelihood
            Likelihood of each of its models.
        spread : float, optional
            Factor by which proposals are wider than the models from which they are learned.

        Returns
        -------
        Chain
            Without the negligible ones.
        """
        keep = relevant(likelihood.log_weight - pool.log_density)
        models = pool.take(keep)
        return cls(
            models,
            likelihood[keep],
            normal(models.cube),
            pool.log_density[keep],
            keep // pool.n_columns,
            pool,
            spread=spread,
        )

    @cached_property
    def log_sum(self):
        """Logarithm of the sum of the likelihoods over the densities (float)."""
        highest = self.log_importance.max()
        return float(np.log(np.sum(np.exp(self.log_importance - highest))) + highest)

    @cached_property
    def log_importance(self):
        """Logarithm of the likelihood over the density that models were drawn from."""
        return self.likelihood.log_weight - self.log_density

    @cached_property
    def weight(self):
        """Weights that sum to one."""
        weight = np.exp(self.log_importance - self.log_importance.max())
        return weight / weight.sum()

    @cached_property
    def ess(self):
        """Effective number of independent models."""
        return self.effective_number(self.log_importance)

    def effective_number(self, log_weight):
        """Effective number of weights of independent models (Kish 1965).

        Parameters
        ----------
        log_weight : ndarray of shape (n,)
            Logarithms of weights of the models.

        Returns
        -------
        float
            The number.
        """
        highest = log_weight.max()
        if highest == -np.inf:
            return 0.0
        weight = np.bincount(self.unit, np.exp(log_weight - highest))
        return float(weight.sum() ** 2 / np.sum(weight**2))

    def annealed(self, log_weight, least):
        """Weights of the posterior under a power of the likelihood, the highest that is known.

        Parameters
        ----------
        log_weight : ndarray of shape (n_models,)
            Logarithms of the weights of the posterior.
        least : float
            Effective number of models that is enough.

        Returns
        -------
        log_weight : ndarray of shape (n_models,)
            Logarithms of weights under the likelihood to a power from 0 to 1.
        power : float
            The highest power for which enough models count.
        """
        likelihood = self.likelihood.log_weight
        likelihood = np.where(np.isfinite(likelihood), likelihood - likelihood.max(), -1e300)
        # The number of models that count may rise and fall again towards the prior.
        most = 0.0
        for power in _POWERS:
            tilted = log_weight - (1.0 - power) * likelihood
            number = self.effective_number(tilted)
            if number > most:
                most, found = number, (tilted, power)
            if number >= least:
                break
        return found

    def proposal(self, log_weight, n, rng):
        """Learn where models fit.

        Parameters
        ----------
        log_weight : ndarray of shape (n_models,)
            Logarithms of the weights to be followed.
        n : int
            Number of models to draw.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        Proposal
            A density around the models of these weights.
        """
        return propose(self.place, log_weight, self.pool.axes, n, rng, self.spread)

    def take(self, keep):
        """Leave out models, which were drawn from the same densities.

        Parameters
        ----------
        keep : ndarray of int
            Positions of the models to keep.

        Returns
        -------
        Chain
            Of these.
        """
        return replace(
            self,
            models=self.models.take(keep),
            likelihood=self.likelihood[keep],
            place=self.place[keep],
            log_density=self.log_density[keep],
            unit=self.unit[keep],
        )

    def extended(self, proposal, draw, rng):
        """Add models drawn from a proposal.

        Parameters
        ----------
        proposal : Proposal
            The density.
        draw : Callable
            Function of points of the unit cube that returns models and their likelihoods.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        Chain
            Without negligible models.
        """
        place = proposal.draw(self.place.shape[1], rng)
        models, likelihood = draw(ndtr(place))
        fresh = self.pool.log_density_at(models.cube)
        mixture = reduce(Proposal.joined, (*self.proposals, proposal))
        fresh = np.logaddexp(fresh, mixture.log_density(place))
        known = np.logaddexp(self.log_density, proposal.log_density(self.place))
        log_density = np.concatenate([known, fresh])
        likelihood = self.likelihood.joined(likelihood)
        keep = relevant(likelihood.log_weight - log_density)
        first = self.unit.max(initial=-1) + 1
        unit = np.concatenate([self.unit, first + np.arange(proposal.n)])
        return Chain(
            self.models.joined(models).take(keep),
            likelihood[keep],
            np.concatenate([self.place, place])[keep],
            log_density[keep],
            unit[keep],
            self.pool,
            (*self.proposals, proposal),
            self.spread,
        )


def relevant(log_weight, depth=_NEGLIGIBLE):
    """Find the weights that are not negligible.

    Parameters
    ----------
    log_weight : ndarray of shape (n,)
        Logarithms of weights.
    depth : float, optional
        Difference from the greatest above which one is negligible.

    Returns
    -------
    ndarray of int
        Their positions, at least 1000 if there are as many.
    """
    keep = np.flatnonzero(log_weight > log_weight.max() - depth)
    if len(keep) < _LEAST_KEPT:
        if len(log_weight) <= _LEAST_KEPT:
            return np.arange(len(log_weight))
        keep = np.sort(np.argpartition(log_weight, -_LEAST_KEPT)[-_LEAST_KEPT:])
    return keep
