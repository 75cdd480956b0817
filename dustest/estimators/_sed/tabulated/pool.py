"""Pools of models drawn from a prior: stars of an even sequence, each behind several dusts."""

from functools import cached_property, lru_cache

import numpy as np
from scipy.stats import qmc

from dustest.estimators._sed.posterior import A_V
from dustest.estimators._sed.tabulated.model_pool import DUST, Models

__all__ = ["Pool", "even_points"]

N_STARS, N_GROUPS = 2**11, 64
N_COLUMNS, N_OTHER = 8, 4
"""Values of A_V per star, from its own prior and from each other one."""
_SEED = 1
"""Seed of the pools, independent of that of a run: a galaxy has the same pool in any batch."""


@lru_cache(maxsize=8)
def even_points(n, d, seed=_SEED):
    """Points of a low-discrepancy sequence in the unit cube, drawn once per process.

    Parameters
    ----------
    n, d : int
        Number of points and of axes.
    seed : int, optional
        Seed of the scrambling.

    Returns
    -------
    ndarray of shape (n, d)
        Points of a Sobol sequence, not to be changed.
    """
    points = qmc.Sobol(d, rng=np.random.default_rng(seed)).random(n)
    points.setflags(write=False)
    return points


class Pool:
    """Models of one prior at one redshift, in one set of bands.

    Stars of the sequence are divided into groups. Those of a group are behind the same dusts,
    whose A_V are even in its prior and differ between groups, so that the photometry of a group
    is one product of matrices. If the redshift is free, each star has one dust of its own.

    Parameters
    ----------
    maker : ModelMaker
        Makes the models.
    others : tuple of str
        Shapes of other priors of A_V, from which further columns are drawn: likely models under
        them may be rare under the prior of the fit.

    Attributes
    ----------
    n_columns : int
        Number of dusts of each star.
    axes : ndarray of int
        Free parameters on which the likelihood depends: all but a single mass.
    """

    def __init__(self, maker, others):
        self.maker, self.prior = maker, maker.prior
        free = self.prior.free
        single = self.prior.masses if len(self.prior.masses) == 1 else ()
        self.axes = np.array([k for k, name in enumerate(free) if name not in single])
        self._dust = [k for k, name in enumerate(free) if name.startswith(DUST)]
        self._in_columns = A_V in free and maker.dust_is_separate
        self._others = others if self._in_columns else ()
        self.n_columns = N_COLUMNS + N_OTHER * len(self._others) if self._in_columns else 1
        n_stars = N_STARS if self._in_columns else N_STARS * N_COLUMNS
        self._points = even_points(n_stars, len(free))

    @cached_property
    def _columns(self):
        """Points (n_groups * n_columns, n_dust) of the dusts of the groups."""
        place = self._dust.index(self.prior.free.index(A_V))
        points = even_points(N_GROUPS, len(self._dust), _SEED + 1)
        columns = np.repeat(points[:, np.newaxis], self.n_columns, axis=1)
        columns[:, :N_COLUMNS, place] += np.arange(N_COLUMNS)
        columns[:, :N_COLUMNS, place] /= N_COLUMNS
        for k, shape in enumerate(self._others):
            ours = slice(N_COLUMNS + k * N_OTHER, N_COLUMNS + (k + 1) * N_OTHER)
            even = np.full((N_GROUPS * N_OTHER, len(self.prior.free)), 0.5)
            spread = points[:, [place]] + np.arange(N_OTHER)
            even[:, self._dust[place]] = spread.ravel() / N_OTHER
            moved = self.prior.moved_to(shape, A_V, even)[:, self._dust[place]]
            columns[:, ours, place] = moved.reshape(N_GROUPS, N_OTHER)
        return columns.reshape(-1, len(self._dust))

    @cached_property
    def _dusts(self):
        """Models of the dusts of the groups, of which only their dust counts."""
        points = np.full((len(self._columns), len(self.prior.free)), 0.5)
        points[:, self._dust] = self._columns
        return points, self.maker.dust(self.prior.transform(points))

    @cached_property
    def _stars(self):
        """Stars of the sequence with their light, limits of their mass, and quantities."""
        return self.maker.stars(self.prior.transform(self._points))

    @cached_property
    def _whole(self):
        """All models, if each star has its own dust."""
        return self.maker.at(self._points)

    @cached_property
    def flux(self):
        """Fluxes (n_models, n_bands) in nJy per solar mass formed, star by star."""
        if not self._in_columns:
            return self._whole.flux
        flux = self._stars.behind_columns(self._dusts[1], N_GROUPS)
        return flux.reshape(-1, flux.shape[-1]).astype(float)

    @cached_property
    def low(self):
        """Lower limit of the log10 of the mass formed of each model."""
        return np.repeat(self._stars.low, self.n_columns) if self._in_columns else self._whole.low

    @cached_property
    def high(self):
        """Upper limit of the log10 of the mass formed of each model."""
        if not self._in_columns:
            return self._whole.high
        return np.repeat(self._stars.high, self.n_columns)

    @cached_property
    def masses(self):
        """Limits of the mass formed of each model, in solar masses."""
        return 10.0**self.low, 10.0**self.high

    @cached_property
    def log_density(self):
        """Logarithm of the number of models drawn over the density of the prior."""
        if not self._others:
            return np.full(len(self.flux), np.log(len(self._points) * self._n_own))
        columns = self.log_density_at(self._dusts[0]).reshape(N_GROUPS, -1)
        return np.repeat(columns, len(self._points) // N_GROUPS, axis=0).ravel()

    @property
    def _n_own(self):
        """Number of dusts of the prior itself for each star."""
        return N_COLUMNS if self._in_columns else 1

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
        number = np.full(len(cube), float(self._n_own))
        for shape in self._others:
            number += N_OTHER * np.exp(self.prior.log_ratio_to(shape, A_V, cube))
        return np.log(len(self._points) * number)

    def take(self, index):
        """Select models.

        Parameters
        ----------
        index : ndarray of int of shape (n,)
            Their positions.

        Returns
        -------
        Models
            The models.
        """
        if not self._in_columns:
            return self._whole.take(index)
        star = index // self.n_columns
        column = star // (len(self._points) // N_GROUPS) * self.n_columns + index % self.n_columns
        cube = self._points[star]
        cube[:, self._dust] = self._columns[column]
        stars, dust = self._stars, self._dusts[1]
        quantities = {name: values[star] for name, values in stars.quantities.items()}
        quantities |= {name: values[column] for name, values in dust.quantities.items()}
        return Models(cube, self.flux[index], stars.low[star], stars.high[star], quantities)
