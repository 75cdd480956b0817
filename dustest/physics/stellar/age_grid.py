"""Ages at which star-formation histories are sampled, and sums over them."""

from functools import cache

import numpy as np
from astropy import units as u

from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError
from dustest.physics.cosmology import BAGPIPES_COSMOLOGY

__all__ = ["AgeGrid", "default_grid"]

_FIRST = 6.0  # log10 yr
_FINE, _COARSE = 0.0025, 0.1  # dex


class AgeGrid:
    """Ages at which histories are sampled, and bins of age in which stars are counted.

    Parameters
    ----------
    edges : array_like, Column or `~astropy.units.Quantity` of shape (n_bins + 1,), optional
        Edges of the bins of age, increasing; yr if they have no unit. The default is 0.1 dex
        wide about ages from 1 Myr on, with the first edge at zero and the last at the age of the
        Universe today: the bins of Bagpipes.
    timescales : sequence of float or `~astropy.units.Quantity`, optional
        Times before the observation over which rates are averaged; yr if they have no unit.

    Attributes
    ----------
    edges : ndarray of shape (n_bins + 1,)
        Edges of the bins.
    timescales : tuple of float
        Times over which rates are averaged.
    ages, widths : ndarray of shape (n_ages,)
        Sampled ages and the spans of age that they represent, in yr.
    bounds : ndarray of shape (n_bounds,)
        Ages between which stars are counted: ends of spans, near the edges and timescales.
    places : ndarray of int of shape (n_bounds,)
        Number of sampled ages below each of them.

    Raises
    ------
    InputError
        If the edges do not increase, a timescale is below the least age, 1 Myr, or a unit is none
        of time.

    Examples
    --------
    >>> from dustest.physics.star_formation import AgeGrid
    >>> grid = AgeGrid()
    >>> grid.edges[:4].round(-3)
    array([      0., 1122000., 1413000., 1778000.])
    """

    def __init__(self, edges=None, timescales=(1e7, 1e8)):
        self.ages, self.widths = _sampled_ages()
        self.edges = _default_edges() if edges is None else to_floats(edges, "edges", unit=u.yr)
        self.timescales = tuple(to_floats(timescales, "timescales", unit=u.yr, ndim=1).tolist())
        self._check()
        inner = np.searchsorted(self.ages, [*self.edges[:-1], *self.timescales])
        last = np.searchsorted(self.ages, self.edges[-1], side="right")
        self.places = np.unique([0, *inner, last, self.ages.size])
        spans = np.append(0.0, np.cumsum(self.widths))
        self.bounds = spans[self.places]
        self._bins = np.searchsorted(self.places, [*inner[: self.edges.size - 1], last])
        recent = inner[self.edges.size - 1 :]
        self._recent, self._spans = np.searchsorted(self.places, recent), spans[recent]

    def _check(self):
        """Raise an error for invalid edges and timescales."""
        if self.edges.ndim != 1 or self.edges.size < 2 or not np.all(np.diff(self.edges) > 0):
            msg = f"edges must be two or more increasing ages in yr, got {self.edges!r}"
            raise InputError(msg)
        if not all(timescale > self.ages[0] for timescale in self.timescales):
            msg = f"timescales must be above 1e6 yr, got {self.timescales!r}"
            raise InputError(msg)

    def until(self, age_of_universe):
        """Bounds below which stars may be, with the last of all bounds in place of others.

        Parameters
        ----------
        age_of_universe : float
            In yr.

        Returns
        -------
        bounds : ndarray of shape (n,)
            Ages in yr.
        places : ndarray of int of shape (n,)
            Number of sampled ages below each of them.
        """
        first = np.append(self.ages, np.inf)[self.places[:-1]]
        use = np.append(np.flatnonzero(first < age_of_universe), self.places.size - 1)
        return self.bounds[use], self.places[use]

    def count(self, formed):
        """Masses in bins, and mean rates.

        Parameters
        ----------
        formed : ndarray of shape (n, n)
            Mass in stars younger than the first bounds; no star is older than the last of them.

        Returns
        -------
        weights : ndarray of shape (n, n_bins)
            Mass formed in the bins.
        rates : ndarray of shape (n, n_timescales)
            Mean rates over the timescales.
        """
        last = formed.shape[1] - 1
        used = np.count_nonzero(self._bins < last)
        weights = np.zeros((len(formed), self._bins.size - 1))
        ends = np.take(formed, np.minimum(self._bins[: used + 1], last), axis=1)
        here = weights[:, : ends.shape[1] - 1]
        np.subtract(ends[:, 1:], ends[:, :-1], out=here)
        np.maximum(here, 0.0, out=here)
        recent = np.take(formed, np.minimum(self._recent, last), axis=1) - formed[:, :1]
        return weights, recent / self._spans

    def first_beyond(self, age):
        """Find the youngest sampled ages above ages.

        Parameters
        ----------
        age : ndarray of shape (n,)
            Ages in yr.

        Returns
        -------
        ndarray of shape (n,)
            Sampled ages in yr; infinite above the last.
        """
        return np.append(self.ages, np.inf)[np.searchsorted(self.ages, age, side="right")]

    def nearest(self, age):
        """Find the sampled ages nearest to ages.

        Parameters
        ----------
        age : ndarray of shape (n,)
            Ages in yr.

        Returns
        -------
        ndarray of shape (n,)
            Sampled ages in yr.
        """
        middles = 0.5 * (self.ages[1:] + self.ages[:-1])
        return self.ages[np.searchsorted(middles, age)]


@cache
def _sampled_ages():
    """Sampled ages and their spans [yr]."""
    today = 1e9 * float(BAGPIPES_COSMOLOGY.age(0.0).value)
    log_ages = np.arange(_FIRST, np.log10(today) + 2.0 * _FINE, _FINE)
    return 10.0**log_ages, np.diff(_edges(log_ages, today))


@cache
def _default_edges():
    """Edges of the bins of Bagpipes [yr]."""
    today = 1e9 * float(BAGPIPES_COSMOLOGY.age(0.0).value)
    return _edges(np.arange(_FIRST, np.log10(today), _COARSE), today)


def _edges(log_ages, last):
    """Edges midway between logarithms of ages, from 0 to the last [yr]."""
    return np.concatenate([[0.0], 10.0 ** ((log_ages[1:] + log_ages[:-1]) / 2.0), [last]])


@cache
def default_grid():
    """Make the grid that is used where none is given.

    Returns
    -------
    AgeGrid
        The bins of Bagpipes, and timescales of 10 and 100 Myr; made once.
    """
    return AgeGrid()
