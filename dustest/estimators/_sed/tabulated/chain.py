"""Weighted models, and the densities from which they were drawn."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from dustest.estimators._sed.posterior import A_V

__all__ = ["N_NEW", "Chain", "Drawn", "effective_number"]

N_NEW = 4096
"""Models drawn from every density besides the prior."""
_NEGLIGIBLE = 25.0
"""Difference in log likelihood above which a model is negligible."""
_LEAST_KEPT = 1000


@dataclass(frozen=True, eq=False)
class Drawn:
    """Models drawn from the prior and, fewer, from others of A_V.

    Parameters
    ----------
    models : Models
        The models.
    prior : SEDPrior
        The prior.
    n_own : int
        Models drawn from it.
    others : tuple of str
        Shapes of the other priors of A_V, from each of which `N_NEW` models were drawn.
    """

    models: object
    prior: object
    n_own: int
    others: tuple

    @property
    def n_drawn(self):
        """Number of models drawn in total."""
        return self.n_own + N_NEW * len(self.others)

    @cached_property
    def _log_density(self):
        """That of the models themselves."""
        return self.log_density(self.models.cube)

    def log_density(self, cube):
        """Logarithm of the number of models drawn at points over the density of the prior."""
        density = np.full(len(cube), float(self.n_own))
        for shape in self.others:
            density += N_NEW * np.exp(self.prior.log_ratio_to(shape, A_V, cube))
        return np.log(density)

    def chain(self, likelihood):
        """The models with their likelihoods for a galaxy."""
        return Chain(self.models, likelihood, self._log_density, (), self)


@dataclass(frozen=True, eq=False)
class Chain:
    """Models, their likelihoods for one galaxy, and the densities from which they were drawn.

    Parameters
    ----------
    models : Models
        The models.
    likelihood : Likelihood
        Likelihood of each of them.
    log_density : ndarray of shape (n,)
        Logarithm of the number of models drawn over the density of the prior: the sum over
        the pool and all proposals.
    proposals : tuple of Proposal
        Densities besides the pool, from each of which `N_NEW` models were drawn.
    pool : Drawn
        The pool, including negligible models.
    """

    models: object
    likelihood: object
    log_density: np.ndarray
    proposals: tuple
    pool: Drawn

    @cached_property
    def log_importance(self):
        """Logarithm of the likelihood over the density that models were drawn from."""
        return self.likelihood.log_weight - self.log_density + np.log(self.n_drawn)

    @property
    def n_drawn(self):
        """Number of models drawn in total."""
        return self.pool.n_drawn + N_NEW * len(self.proposals)

    @cached_property
    def weight(self):
        """Weights that sum to one."""
        weight = np.exp(self.log_importance - self.log_importance.max())
        return weight / weight.sum()

    @cached_property
    def ess(self):
        """Effective number of models."""
        return effective_number(self.log_importance)

    def active(self):
        """The models that are not negligible."""
        keep = np.flatnonzero(self.log_importance > self.log_importance.max() - _NEGLIGIBLE)
        if len(keep) < _LEAST_KEPT:
            keep = np.argsort(self.log_importance)[-_LEAST_KEPT:]
        return replace(
            self,
            models=self.models.take(keep),
            likelihood=self.likelihood[keep],
            log_density=self.log_density[keep],
        )

    def with_drawn(self, models, likelihood, proposal):
        """Add models that were drawn from a proposal."""
        log_density = _mixed(self.log_density, proposal, self.models.cube)
        fresh = self.pool.log_density(models.cube)
        for each in (*self.proposals, proposal):
            fresh = _mixed(fresh, each, models.cube)
        return Chain(
            self.models.joined(models),
            self.likelihood.joined(likelihood),
            np.concatenate([log_density, fresh]),
            (*self.proposals, proposal),
            self.pool,
        )


def _mixed(log_density, proposal, cube):
    """Logarithm of a density of models including those drawn from a proposal."""
    return np.logaddexp(log_density, proposal.log_ratio(cube) + np.log(N_NEW))


def effective_number(log_weight):
    """Effective number of weights (Kish 1965)."""
    highest = log_weight.max()
    if highest == -np.inf:
        return 0.0
    weight = np.exp(log_weight - highest)
    return float(weight.sum() ** 2 / np.sum(weight**2))
