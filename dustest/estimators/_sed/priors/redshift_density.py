"""Probability densities of redshift as priors of SED fits: on a grid, or as samples."""

from dataclasses import dataclass, field

import numpy as np

__all__ = ["RedshiftDensity", "usable_draws"]

_NEGLIGIBLE = 1e-6
"""Probability at either end of a density that is left out."""


@dataclass(frozen=True, eq=False)
class RedshiftDensity:
    """Probability of redshifts below some, between which it is linear.

    Parameters
    ----------
    redshift : ndarray of shape (k,)
        Redshifts, ascending.
    below : ndarray of shape (k,)
        Probabilities, from 0 to 1.

    Examples
    --------
    >>> from dustest.estimators._sed.priors.redshift_density import RedshiftDensity
    >>> density = RedshiftDensity.of_samples([2.0, 2.1, 2.3])
    >>> density.within(2.05, 8.0).limits
    (2.05, 2.3)
    """

    redshift: np.ndarray
    below: np.ndarray
    limits: tuple = field(init=False)

    def __post_init__(self):
        limits = np.interp([_NEGLIGIBLE, 1.0 - _NEGLIGIBLE], self.below, self.redshift)
        object.__setattr__(self, "limits", tuple(limits.round(6).tolist()))

    @classmethod
    def of_grid(cls, redshift, density):
        """Make one from values of the density, with any norm.

        Parameters
        ----------
        redshift, density : ndarray of shape (k,)
            Redshifts, ascending, and the density at them.

        Returns
        -------
        RedshiftDensity or None
            None for a density that is zero or not finite.
        """
        if len(redshift) < 2 or not np.all(np.isfinite(redshift) & np.isfinite(density)):
            return None
        parts = 0.5 * (density[1:] + density[:-1]) * np.diff(redshift)
        if parts.sum() <= 0.0:
            return None
        return cls(redshift, np.append(0.0, np.cumsum(parts)) / parts.sum())

    @classmethod
    def of_samples(cls, samples):
        """Make one from draws.

        Parameters
        ----------
        samples : array_like of shape (k,)
            Redshifts; those that are not above 0, and NaN, are left out.

        Returns
        -------
        RedshiftDensity or None
            None for fewer than two different redshifts.
        """
        samples = usable_draws(samples)
        samples = np.sort(samples[np.isfinite(samples)])
        if len(np.unique(samples)) < 2:
            return None
        return cls(samples, np.linspace(0.0, 1.0, len(samples)))

    def within(self, low, high):
        """Cut the density at limits.

        Parameters
        ----------
        low, high : float
            The limits.

        Returns
        -------
        RedshiftDensity or None
            None if there is nothing between them.
        """
        if low <= self.redshift[0] and self.redshift[-1] <= high:
            return self
        ends = np.interp([low, high], self.redshift, self.below)
        if ends[1] - ends[0] < _NEGLIGIBLE:
            return None
        inside = (self.redshift > low) & (self.redshift < high)
        redshift = np.concatenate([[low], self.redshift[inside], [high]])
        below = np.concatenate([ends[:1], self.below[inside], ends[1:]])
        return RedshiftDensity(redshift, (below - ends[0]) / (ends[1] - ends[0]))


def usable_draws(samples):
    """Remove draws of the redshift that are not above 0.

    Parameters
    ----------
    samples : array_like
        Redshifts.

    Returns
    -------
    ndarray
        NaN in place of those that are not used.

    Examples
    --------
    >>> from dustest.estimators._sed.priors.redshift_density import usable_draws
    >>> usable_draws([7.0, -1.0])
    array([ 7., nan])
    """
    samples = np.ma.filled(np.ma.asarray(samples, dtype=float), np.nan)
    return np.where(np.isfinite(samples) & (samples > 0.0), samples, np.nan)
