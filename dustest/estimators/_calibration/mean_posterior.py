"""The prior of learned posteriors: their mean over a population, by redshift and S/N."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dustest.data.errors import InputError
from dustest.estimators.run.information import jointly_gained_bits
from dustest.estimators.run.prior_density import log_density

__all__ = ["MeanPosterior"]

_MOST_CELLS = 8
"""Largest number of slices in redshift, and of cells in each."""
_MOST_DRAWS = 256
_ARRAYS = ("redshift", "log_snr", "draws", "truth")


@dataclass(frozen=True, eq=False)
class MeanPosterior:
    """Draws from the mean posterior over a population, and the truth of the same galaxies.

    A posterior is that of a prior: the mean over all galaxies, where posteriors are right. The
    signal-to-noise ratio of a galaxy is the highest of its bands.

    Parameters
    ----------
    targets : tuple of str
        Quantities.
    redshift : ndarray of shape (n_slices,)
        Ascending redshifts at which slices begin.
    log_snr : ndarray of shape (n_slices + 1, n_cells)
        Ascending log10 of the signal-to-noise ratio at which the cells of each slice begin. The
        last slice is that of galaxies of unknown redshift, and has all galaxies.
    draws, truth : ndarray of shape (n_slices + 1, n_cells, n_draws, n_targets)
        One draw from the posterior of each of ``n_draws`` galaxies, and what is true of them.
    """

    targets: tuple
    redshift: np.ndarray
    log_snr: np.ndarray
    draws: np.ndarray
    truth: np.ndarray

    @classmethod
    def of(cls, redshift, log_snr, draws, truth):
        """Collect the mean posterior of a population.

        Parameters
        ----------
        redshift, log_snr : ndarray of shape (n,)
            Redshift, NaN if unknown, and log10 of the highest signal-to-noise ratio.
        draws : dict of str to ndarray of shape (n, n_draws)
            Draws from their posteriors by target.
        truth : dict of str to ndarray of shape (n,)
            What is true of them; NaN if unknown.

        Returns
        -------
        MeanPosterior or None
            With up to 8 slices in redshift of up to 8 cells, each with 256 galaxies or more as
            far as there are as many; None without a galaxy of known truth.
        """
        true = np.stack(list(truth.values()), axis=-1)
        one = np.stack([_diagonal(drawn) for drawn in draws.values()], axis=-1)
        known = np.flatnonzero(np.isfinite(true).all(axis=1) & np.isfinite(one).all(axis=1))
        if not known.size:
            return None
        redshift, log_snr = redshift[known], log_snr[known]
        n_cells = int(np.clip(np.sqrt(len(known) / _MOST_DRAWS), 1, _MOST_CELLS))
        edges = _edges(redshift[np.isfinite(redshift)], n_cells)
        slices = [np.flatnonzero(_place(redshift, edges) == i) for i in range(n_cells)]
        members = [part if part.size else np.arange(len(known)) for part in slices]
        members.append(np.arange(len(known)))
        snr_edges = np.array([_edges(log_snr[part], n_cells) for part in members])
        cells = [
            _spread(part[np.argsort(log_snr[part], kind="stable")], n_cells) for part in members
        ]
        rows = known[np.array(cells)]
        values = (np.ascontiguousarray(part[rows], dtype=np.float32) for part in (one, true))
        return cls(tuple(truth), edges, snr_edges, *values)

    def cells(self, redshift, log_snr):
        """Slice and cell of galaxies (two ndarray of int of shape (n,))."""
        known, unknown = _place(redshift, self.redshift), len(self.draws) - 1
        place = np.where(np.isfinite(redshift), known, unknown)
        return place, np.sum(log_snr[:, None] >= self.log_snr[place, 1:], axis=1)

    def sample(self, redshift, log_snr, n_samples, seeds, *, truth=False):
        """Draw from the mean posterior, or from the true values, for galaxies like given ones.

        Parameters
        ----------
        redshift, log_snr : ndarray of shape (n,)
            As of the population.
        n_samples : int
            Number of draws.
        seeds : ndarray of uint64 of shape (n,)
            Seed of each galaxy.
        truth : bool, optional
            Whether to draw true values.

        Returns
        -------
        dict of str to ndarray of shape (n, n_samples)
            By target; draws with the same number belong together.
        """
        of_cell = (self.truth if truth else self.draws)[self.cells(redshift, log_snr)]
        n_draws = of_cell.shape[1]
        chosen = [np.random.default_rng(seed).integers(n_draws, size=n_samples) for seed in seeds]
        drawn = np.take_along_axis(of_cell, np.array(chosen)[..., None], axis=1)
        return {name: drawn[..., i] for i, name in enumerate(self.targets)}

    def log_density(self, draws, redshift, log_snr):
        """Logarithms of the densities of the mean posterior, quantity by quantity.

        Parameters
        ----------
        draws : dict of str to ndarray of shape (n, n_draws)
            Where the densities are wanted, by quantity.
        redshift, log_snr : ndarray of shape (n,)
            As of the population.

        Returns
        -------
        log_density : dict of str to ndarray of shape (n, n_draws)
            See `~dustest.estimators.run.prior_density.log_density`.
        """
        place, cell = self.cells(redshift, log_snr)
        number = place * self.draws.shape[1] + cell
        found = {name: np.full(np.shape(values), np.nan) for name, values in draws.items()}
        for one in np.unique(number):
            rows = number == one
            of_cell = self.draws.reshape(-1, *self.draws.shape[2:])[one]
            for name, densities in found.items():
                column = of_cell[:, self.targets.index(name)]
                densities[rows] = log_density(column, draws[name][rows])
        return found

    def information(self, draws, redshift, log_snr):
        """Bits that posteriors add to the mean posterior, in all targets together.

        Parameters
        ----------
        draws : dict of str to ndarray of shape (n, n_draws)
            Draws from the posteriors by target.
        redshift, log_snr : ndarray of shape (n,)
            As of the population.

        Returns
        -------
        bits : ndarray of shape (n,)
            See `jointly_gained_bits`; 0 for galaxies without draws.
        """
        joint = np.stack([draws[name] for name in self.targets], axis=-1)
        place, cell = self.cells(redshift, log_snr)
        number = place * self.draws.shape[1] + cell
        bits = np.zeros(len(joint))
        known = np.isfinite(joint).all(axis=(1, 2))
        for one in np.unique(number[known]):
            rows = np.flatnonzero((number == one) & known)
            of_cell = self.draws.reshape(-1, *self.draws.shape[2:])[one]
            bits[rows] = jointly_gained_bits(joint[rows], of_cell)
        return bits

    def to_arrays(self):
        """All arrays by name, for a file (dict of str to ndarray)."""
        return {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def from_arrays(cls, targets, arrays):
        """Read the result of `to_arrays`.

        Parameters
        ----------
        targets : tuple of str
            Targets.
        arrays : dict of str to ndarray
            All arrays by name.

        Returns
        -------
        MeanPosterior
            Mean posterior of these targets.

        Raises
        ------
        InputError
            If the arrays are not those of such a record.
        """
        shape = arrays["draws"].shape if set(arrays) == set(_ARRAYS) else ()
        expected = {}
        if len(shape) == 4 and min(shape) > 0:
            expected = {"redshift": (shape[0] - 1,), "log_snr": shape[:2]}
            expected |= {name: (*shape[:3], len(targets)) for name in ("draws", "truth")}
        if not expected or {name: arrays[name].shape for name in _ARRAYS} != expected:
            msg = (
                f"a mean posterior must have the arrays {', '.join(_ARRAYS)} of "
                f"{len(targets)} targets, got {', '.join(arrays)} of shapes that do not match"
            )
            raise InputError(msg)
        return cls(targets, **arrays)


def _edges(values, n):
    """Values at which n parts of equal size begin."""
    if not values.size:
        return np.zeros(n)
    return np.quantile(values, np.arange(n) / n)


def _place(values, edges):
    """Number of the part of each value."""
    return np.searchsorted(edges[1:], values, side="right")


def _spread(rows, n):
    """Rows in order as n cells of as many galaxies, evenly chosen, with repetitions if needed."""
    n_draws = min(_MOST_DRAWS, len(rows))
    ends = np.linspace(0, len(rows), n + 1)
    share = (np.arange(n_draws) + 0.5) / n_draws
    return [rows[(low + share * (high - low)).astype(int)] for low, high in pairwise(ends)]


def _diagonal(draws):
    """One draw of each galaxy, with another number for the next."""
    rows = np.arange(len(draws))
    return draws[rows, rows % draws.shape[1]]
