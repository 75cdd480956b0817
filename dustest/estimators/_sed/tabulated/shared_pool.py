"""Models that galaxies at one redshift share, such as the bins of one galaxy.

Models that were drawn where one galaxy fits serve the others too. All of them are weighted by the
mixture of the pool and of all densities from which they were drawn. For each galaxy, models of low
weight are thinned at random.
"""

import itertools

import numpy as np
from scipy.special import ndtr

from dustest.estimators._sed.posterior import A_V
from dustest.estimators._sed.tabulated.chain import Chain, relevant
from dustest.estimators._sed.tabulated.likelihoods.gaussian import spectral_shape
from dustest.estimators._sed.tabulated.model_pool import Models
from dustest.estimators._sed.tabulated.refinement import normal

__all__ = ["SharedPool"]

_DEPTH, _POOL_DEPTH = 10.0, 20.0
"""Differences in log weight above which a model is negligible: for a galaxy, and for all."""
_THIN, _FEWEST = 2.5, 500
"""Difference in log weight above which models are thinned, and number of models that are kept."""


class SharedPool:
    """Models of a pool that some galaxies need, and those that are drawn for them.

    Parameters
    ----------
    pool : Pool
        Models of the prior at one redshift.
    every : sequence of ClosedForm
        Likelihoods of the galaxies.
    others : tuple of str
        Shapes of other priors of A_V that need enough models.

    Attributes
    ----------
    log_density : ndarray of shape (n,)
        Logarithm of the number of models drawn over the density of the prior.
    unit : ndarray of int of shape (n,)
        Number of the stars of each model.
    proposal : Proposal or None
        Density from which the others were drawn.
    """

    def __init__(self, pool, every, others=()):
        self.pool, self.maker, self.prior, self.axes = pool, pool.maker, pool.prior, pool.axes
        shape, needed = spectral_shape(pool.flux), np.zeros(len(pool.flux), dtype=bool)
        log_density = pool.log_density.astype(np.float32)
        for data in every:
            needed[relevant(data.bound(*shape) - log_density, _POOL_DEPTH)] = True
        keep = np.flatnonzero(needed)
        self._shape = [_Growing(part[:, keep], axis=1) for part in shape]
        self._others = others
        models = pool.take(keep)
        self._names = tuple(models.quantities)
        self._rows = _Growing(self._packed(models, normal(models.cube)))
        self.log_density = pool.log_density[keep]
        self.unit = keep // pool.n_columns
        self.proposal = None
        self._set_favour()

    def __len__(self):
        return len(self.log_density)

    def _packed(self, models, place):
        """Rows of all numbers of each model, which are taken faster than single columns."""
        parts = {"cube": models.cube, "place": place, "flux": models.flux}
        ends = np.cumsum([0, *(part.shape[1] for part in parts.values())]).tolist()
        columns = itertools.starmap(slice, itertools.pairwise(ends))
        self._columns = dict(zip(parts, columns, strict=True))
        quantities = (models.quantities[name] for name in self._names)
        others = (models.low, models.high, *quantities)
        return np.column_stack([*parts.values(), *others])

    def _unpacked(self, rows):
        """Models of rows."""
        low, high, *quantities = rows[:, self._columns["flux"].stop :].T
        quantities = dict(zip(self._names, quantities, strict=True))
        cube, flux = (rows[:, self._columns[name]] for name in ("cube", "flux"))
        return Models(cube, flux, low, high, quantities)

    def _set_favour(self):
        """Logarithm of the highest prior, of several, over the density, in single precision."""
        highest, cube = np.zeros(len(self)), self._rows.values[:, self._columns["cube"]]
        for shape in self._others:
            highest = np.maximum(highest, self.prior.log_ratio_to(shape, A_V, cube))
        self._favour = (highest - self.log_density).astype(np.float32)

    def chain(self, data, rng):
        """Models for a galaxy, of which those of low weight are thinned at random.

        Parameters
        ----------
        data : ClosedForm
            Likelihood of the galaxy.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        Chain
            Of these models, each of which counts for the number of its kind.
        """
        excess = data.bound(*(part.values for part in self._shape))
        excess += self._favour
        excess -= excess.max()
        depth, fewest = _THIN, min(_FEWEST, len(excess))
        if np.count_nonzero(excess > -depth) < fewest:
            depth = -np.partition(excess, -fewest)[-fewest]
        near = np.flatnonzero(excess >= -max(depth, _DEPTH))
        log_share = np.minimum(excess[near] + depth, 0.0)
        chosen = rng.random(len(near)) < np.exp(log_share)
        keep = near[chosen]
        rows = self._rows.values[keep]
        models = self._unpacked(rows)
        return Chain(
            models,
            data.of(models),
            rows[:, self._columns["place"]],
            self.log_density[keep] + log_share[chosen],
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

    def extend(self, proposal, rng):
        """Add models drawn from a density.

        Parameters
        ----------
        proposal : Proposal
            The density.
        rng : numpy.random.Generator
            Source of random numbers.
        """
        place = proposal.draw(len(self.prior.free), rng)
        models = self.maker.at(ndtr(place))
        known = proposal.log_density(self._rows.values[:, self._columns["place"]])
        known = np.logaddexp(self.log_density, known)
        fresh = np.logaddexp(self.log_density_at(models.cube), proposal.log_density(place))
        self._rows.add(self._packed(models, place))
        self.log_density = np.concatenate([known, fresh])
        self.unit = np.concatenate([self.unit, self.unit[-1] + 1 + np.arange(len(models))])
        self.proposal = proposal if self.proposal is None else self.proposal.joined(proposal)
        for part, values in zip(self._shape, spectral_shape(models.flux), strict=True):
            part.add(values)
        self._set_favour()


class _Growing:
    """An array to which values are added, most often without a copy of all others."""

    def __init__(self, values, axis=0):
        self._all, self._axis, self._n = values, axis, values.shape[axis]

    def _part(self, *ends):
        return (slice(None),) * self._axis + (slice(*ends),)

    @property
    def values(self):
        """All values."""
        return self._all[self._part(self._n)]

    def add(self, values):
        """Add values along the axis."""
        n = self._n + values.shape[self._axis]
        if n > self._all.shape[self._axis]:
            shape = list(self._all.shape)
            shape[self._axis] = 2 * n
            grown = np.empty(shape, self._all.dtype)
            grown[self._part(self._n)] = self.values
            self._all = grown
        self._all[self._part(self._n, n)] = values
        self._n = n
