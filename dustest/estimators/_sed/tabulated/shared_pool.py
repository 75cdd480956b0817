"""Models that galaxies at one redshift share, such as the bins of one galaxy.

Models that were drawn where one galaxy fits serve the others too. All of them are weighted by the
mixture of the pool and of all densities from which they were drawn.
"""

import numpy as np

from dustest.estimators._sed.tabulated.chain import Chain, relevant
from dustest.estimators._sed.tabulated.likelihoods.gaussian import spectral_shape
from dustest.estimators._sed.tabulated.refinement import normal

__all__ = ["SharedPool"]

_DEPTH, _POOL_DEPTH = 12.0, 20.0
"""Differences in log weight above which a model is negligible: for a galaxy, and for all."""


class SharedPool:
    """Models of a pool that some galaxies need, and those that are drawn for them.

    Parameters
    ----------
    pool : Pool
        Models of the prior at one redshift.
    every : sequence of ClosedForm
        Likelihoods of the galaxies.

    Attributes
    ----------
    models : Models
        All models.
    place : ndarray of shape (n, n_parameters)
        Their coordinates, in which the prior is standard normal.
    log_density : ndarray of shape (n,)
        Logarithm of the number of models drawn over the density of the prior.
    unit : ndarray of int of shape (n,)
        Number of the stars of each model.
    proposal : Proposal or None
        Density from which the others were drawn.
    """

    def __init__(self, pool, every):
        self.pool, self.maker, self.prior, self.axes = pool, pool.maker, pool.prior, pool.axes
        shape, needed = spectral_shape(pool.flux), np.zeros(len(pool.flux), dtype=bool)
        for data in every:
            needed[relevant(data.bound(*shape) - pool.log_density, _POOL_DEPTH)] = True
        keep = np.flatnonzero(needed)
        self._shape = tuple(part[keep] for part in shape)
        self.models = pool.take(keep)
        self.place = normal(self.models.cube)
        self.log_density = pool.log_density[keep]
        self.unit = keep // pool.n_columns
        self.proposal = None

    def __len__(self):
        return len(self.models)

    def chain(self, data):
        """Begin with the models that are not negligible for a galaxy.

        Parameters
        ----------
        data : ClosedForm
            Likelihood of the galaxy.

        Returns
        -------
        Chain
            Of these models.
        """
        keep = relevant(data.bound(*self._shape) - self.log_density, _DEPTH)
        models = self.models.take(keep)
        return Chain(
            models,
            data.of(models),
            self.place[keep],
            self.log_density[keep],
            self.unit[keep],
            self,
        )

    def log_density_at(self, cube):
        """Logarithm of the number of models drawn at points over the density of the prior.

        Parameters
        ----------
        cube : ndarray of shape (n, n_parameters)
            Points of the unit cube.

        Returns
        -------
        ndarray of shape (n,)
            The logarithm.
        """
        total = self.pool.log_density_at(cube)
        if self.proposal is None:
            return total
        return np.logaddexp(total, self.proposal.log_density(normal(cube)))

    def add(self, proposal, models):
        """Add models that were drawn for a galaxy.

        Parameters
        ----------
        proposal : Proposal
            Density from which they were drawn.
        models : Models
            All models that were drawn from it.
        """
        place = normal(models.cube)
        known = np.logaddexp(self.log_density, proposal.log_density(self.place))
        fresh = np.logaddexp(self.log_density_at(models.cube), proposal.log_density(place))
        self.models = self.models.joined(models)
        self.place = np.concatenate([self.place, place])
        self.log_density = np.concatenate([known, fresh])
        self.unit = np.concatenate([self.unit, self.unit[-1] + 1 + np.arange(len(models))])
        self.proposal = proposal if self.proposal is None else self.proposal.joined(proposal)
        shape = zip(self._shape, spectral_shape(models.flux), strict=True)
        self._shape = tuple(np.concatenate(pair) for pair in shape)
