"""Pools of models drawn from a prior: stars of an even sequence, each behind several dusts."""

import itertools
from dataclasses import replace
from functools import cached_property, lru_cache

import numpy as np
from scipy.stats import qmc

from dustest.estimators._sed.posterior import A_V
from dustest.estimators._sed.tabulated.model_pool import DUST, Models

__all__ = ["N_PARTS", "Pool", "RedshiftPool", "even_points", "search_effort"]

N_STARS, N_GROUPS = 2**11, 64
"""Stars and groups of them, for few parameters."""
_N_EASY, _N_HARD = 5, 7
"""Numbers of parameters up to which the search is least, and from which on it is greatest."""
N_PARTS = 32
"""Parts of the sequence that pools of single redshifts take in turn, if the redshift is free."""
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


def search_effort(n_axes):
    """How many times as many models a search for likely ones draws as with few parameters.

    Parameters
    ----------
    n_axes : int
        Number of parameters on which the likelihood depends.

    Returns
    -------
    int
        A power of two: each further parameter doubles the number of models.
    """
    return 2 ** (min(max(n_axes, _N_EASY), _N_HARD) - _N_EASY)


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
    part : int, optional
        Number of the part of the sequence that is used, by default all.

    Attributes
    ----------
    n_columns : int
        Number of dusts of each star.
    n_stars : int
        Number of stars.
    axes : ndarray of int
        Free parameters on which the likelihood depends: all but a single mass.
    """

    def __init__(self, maker, others, part=None):
        self.maker, self.prior = maker, maker.prior
        self.axes = _axes(self.prior)
        free = self.prior.free
        self._dust = [k for k, name in enumerate(free) if name.startswith(DUST)]
        self._in_columns = A_V in free and maker.dust_is_separate
        self._others = others if self._in_columns else ()
        self.n_columns = N_COLUMNS + N_OTHER * len(self._others) if self._in_columns else 1
        effort = search_effort(len(self.axes) + (part is not None))
        n_stars = effort * N_STARS * (1 if self._in_columns else N_COLUMNS)
        n_groups = min(effort**2 * N_GROUPS, n_stars)
        self._points = _part_of(even_points(n_stars, len(free)), part)
        self._shifts = _part_of(even_points(n_groups, len(self._dust), _SEED + 1), part)
        self.n_stars, self._n_groups = len(self._points), len(self._shifts)

    @cached_property
    def _columns(self):
        """Points (n_groups * n_columns, n_dust) of the dusts of the groups."""
        place = self._dust.index(self.prior.free.index(A_V))
        points = self._shifts
        columns = np.repeat(points[:, np.newaxis], self.n_columns, axis=1)
        columns[:, :N_COLUMNS, place] += np.arange(N_COLUMNS)
        columns[:, :N_COLUMNS, place] /= N_COLUMNS
        for k, shape in enumerate(self._others):
            ours = slice(N_COLUMNS + k * N_OTHER, N_COLUMNS + (k + 1) * N_OTHER)
            even = np.full((self._n_groups * N_OTHER, len(self.prior.free)), 0.5)
            spread = points[:, [place]] + np.arange(N_OTHER)
            even[:, self._dust[place]] = spread.ravel() / N_OTHER
            moved = self.prior.moved_to(shape, A_V, even)[:, self._dust[place]]
            columns[:, ours, place] = moved.reshape(self._n_groups, N_OTHER)
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
        flux = self._stars.behind_columns(self._dusts[1], self._n_groups)
        return flux.reshape(-1, flux.shape[-1]).astype(float, copy=False)

    @cached_property
    def squared_flux(self):
        """Squares of the fluxes."""
        return np.square(self.flux)

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
            return np.full(len(self.flux), np.log(self.n_stars * self._n_own))
        columns = self.log_density_at(self._dusts[0]).reshape(self._n_groups, -1)
        return np.repeat(columns, self.n_stars // self._n_groups, axis=0).ravel()

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
        return np.log(self.n_stars * number)

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
        column = star // (self.n_stars // self._n_groups) * self.n_columns + index % self.n_columns
        cube = self._points[star]
        cube[:, self._dust] = self._columns[column]
        stars, dust = self._stars, self._dusts[1]
        quantities = {name: values[star] for name, values in stars.quantities.items()}
        quantities |= {name: values[column] for name, values in dust.quantities.items()}
        return Models(cube, self.flux[index], stars.low[star], stars.high[star], quantities)


class RedshiftPool:
    """Models of a prior of the redshift: pools of tabulated redshifts, which other priors share.

    In the unit cube, the models of each redshift are even between the bounds of its bin.

    Parameters
    ----------
    maker : ModelMaker
        Makes models of the prior.
    bins : tuple of ndarray of shape (n,)
        Lower and upper bounds of the bins of the redshifts in the unit cube.
    pools : sequence of Pool
        A pool of each redshift, all of the same number of models.

    Attributes
    ----------
    n_columns : int
        Number of dusts of each star.
    axes : ndarray of int
        Free parameters on which the likelihood depends: all but a single mass.
    """

    def __init__(self, maker, bins, pools):
        self.maker, self.prior = maker, maker.prior
        self.axes = _axes(self.prior)
        self._low, self._high = bins
        self._pools = pools
        self._axis = self.prior.free.index("redshift")
        self.n_columns = pools[0].n_columns

    @cached_property
    def flux(self):
        """Fluxes (n_models, n_bands) in nJy per solar mass formed, redshift by redshift."""
        return np.concatenate([pool.flux for pool in self._pools])

    @cached_property
    def squared_flux(self):
        """Squares of the fluxes."""
        return np.square(self.flux)

    @cached_property
    def low(self):
        """Lower limit of the log10 of the mass formed of each model."""
        return np.concatenate([pool.low for pool in self._pools])

    @cached_property
    def high(self):
        """Upper limit of the log10 of the mass formed of each model."""
        return np.concatenate([pool.high for pool in self._pools])

    @cached_property
    def masses(self):
        """Limits of the mass formed of each model, in solar masses."""
        limits = zip(*(pool.masses for pool in self._pools), strict=True)
        return tuple(np.concatenate(parts) for parts in limits)

    @cached_property
    def log_density(self):
        """Logarithm of the number of models drawn over the density of the prior."""
        log_share = np.log(self._high - self._low)
        return np.concatenate(
            [pool.log_density - share for pool, share in zip(self._pools, log_share, strict=True)]
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
            The logarithm; minus infinity at improbable redshifts.
        """
        u = cube[:, self._axis]
        place = np.searchsorted(self._low, u, side="right") - 1
        here = self._pools[0].log_density_at(np.delete(cube, self._axis, axis=1))
        here -= np.log(self._high - self._low)[place]
        inside = (u >= self._low[place]) & (u < self._high[place])
        return np.where(inside, here, -np.inf)

    def take(self, index):
        """Select models.

        Parameters
        ----------
        index : ndarray of int of shape (n,)
            Their positions, ascending.

        Returns
        -------
        Models
            The models.
        """
        n = len(self._pools[0].flux)
        ends = np.searchsorted(index, n * np.arange(len(self._pools) + 1))
        parts = [
            self._take(k, index[start:stop] - k * n)
            for k, (start, stop) in enumerate(itertools.pairwise(ends))
            if stop > start
        ]
        return parts[0].joined(*parts[1:])

    def _take(self, k, index):
        """Select models of one redshift."""
        models, star = self._pools[k].take(index), index // self.n_columns
        u = self._low[k] + (self._high[k] - self._low[k]) * (star + 0.5) / self._pools[k].n_stars
        return replace(models, cube=np.insert(models.cube, self._axis, u, axis=1))


def _axes(prior):
    """Numbers of the free parameters on which the likelihood depends."""
    single = prior.masses if len(prior.masses) == 1 else ()
    return np.array([k for k, name in enumerate(prior.free) if name not in single])


def _part_of(points, part):
    """All points of a sequence, or one of its equal parts, taken in turn."""
    if part is None:
        return points
    return np.split(points, N_PARTS)[part % N_PARTS]
