"""Ages at which star-formation histories are sampled, and sums over them."""

from functools import cache

import numpy as np
from astropy import units as u
from scipy.linalg import eigh_tridiagonal

from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError
from dustest.physics.cosmology import BAGPIPES_COSMOLOGY

__all__ = ["N_NODES", "AgeGrid", "default_grid"]

N_NODES = 4
"""Ages per segment at which a smooth history is evaluated."""
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
    n_segments : int
        Number of segments: runs of sampled ages without an edge of a bin or timescale inside.
    low, high : ndarray of shape (n_segments,)
        First and last age of the segments.
    segment_ages, segment_widths : ndarray of shape (n_segments, n_longest)
        Ages and spans of the segments; short ones are padded with ages of zero span.
    nodes : ndarray of shape (n_segments * N_NODES,)
        Ages at which a smooth history is evaluated.
    node_sums : ndarray of shape (n_segments * N_NODES, n_segments)
        Factors that convert rates at the nodes to the masses formed in the segments.
    node_moments : ndarray of shape (n_segments * N_NODES,)
        Factors that convert them to the sum of mass times age.

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
        # Segments end at edges of bins and timescales, and are short enough for few nodes.
        inner = [*self.edges[:-1], *self.timescales, *_default_edges()]
        last = np.searchsorted(self.ages, self.edges[-1], side="right")
        self._bounds = np.unique([*np.searchsorted(self.ages, inner), last, self.ages.size])
        self.n_segments = self._bounds.size - 1
        self._set_segments()
        self._set_counts()

    def _check(self):
        """Raise an error for invalid edges and timescales."""
        if self.edges.ndim != 1 or self.edges.size < 2 or not np.all(np.diff(self.edges) > 0):
            msg = f"edges must be two or more increasing ages in yr, got {self.edges!r}"
            raise InputError(msg)
        if not all(timescale > self.ages[0] for timescale in self.timescales):
            msg = f"timescales must be above 1e6 yr, got {self.timescales!r}"
            raise InputError(msg)

    def _set_segments(self):
        """Ages, nodes and places of the segments, each padded with empty ages to one length."""
        longest = np.diff(self._bounds).max()
        members = self._bounds[:-1, np.newaxis] + np.arange(longest)
        inside = members < self._bounds[1:, np.newaxis]
        members = np.where(inside, members, self._bounds[:-1, np.newaxis])
        self.segment_ages = self.ages[members]
        self.segment_widths = np.where(inside, self.widths[members], 0.0)
        self.low = self.segment_ages.min(axis=1)
        self.high = self.segment_ages.max(axis=1)
        pairs = [
            _gauss_nodes(self.ages[start:stop], self.widths[start:stop])
            for start, stop in zip(self._bounds[:-1], self._bounds[1:], strict=True)
        ]
        nodes, widths = (np.array(column) for column in zip(*pairs, strict=True))
        self.nodes = nodes.ravel()
        # Sums of rates at all nodes over segments, and of their first moments, as products.
        self.node_sums = np.zeros((*nodes.shape, self.n_segments))
        self.node_sums[np.arange(self.n_segments), :, np.arange(self.n_segments)] = widths
        self.node_sums = self.node_sums.reshape(nodes.size, self.n_segments)
        self.node_moments = widths.ravel() * self.nodes

    def _set_counts(self):
        """Matrices that convert masses of segments to masses of bins and to mean rates."""
        first = self._bounds[:-1, np.newaxis]
        starts = np.searchsorted(self.ages, self.edges[:-1])
        stops = np.append(starts[1:], np.searchsorted(self.ages, self.edges[-1], side="right"))
        self._of_bin = ((first >= starts) & (first < stops)).astype(float)
        ends = np.searchsorted(self.ages, self.timescales)
        self._recent = (first < ends) / np.cumsum(self.widths)[ends - 1]

    def count(self, mass):
        """Sum over segments within bins, and mean rates.

        Parameters
        ----------
        mass : ndarray of shape (n, n_segments)
            Mass formed in the segments.

        Returns
        -------
        weights : ndarray of shape (n, n_bins)
            Mass formed in the bins.
        rates : ndarray of shape (n, n_timescales)
            Mean rates over the timescales.
        """
        return mass @ self._of_bin, mass @ self._recent

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


def _gauss_nodes(ages, widths):
    """Nodes and their spans whose sums of polynomials of degree 7 are those of all the ages.

    Golub & Welsch (1969, Math. Comp. 23, 221): the nodes are the eigenvalues of the recurrence
    of the polynomials that are orthogonal under the sum.
    """
    n = N_NODES
    if ages.size <= n:
        padding = (0, n - ages.size)
        return np.pad(ages, padding, mode="edge"), np.pad(widths, padding)
    middle, half = 0.5 * (ages[-1] + ages[0]), 0.5 * (ages[-1] - ages[0])
    x = (ages - middle) / half
    before, polynomial = np.zeros_like(x), np.full_like(x, widths.sum() ** -0.5)
    diagonal, beside = np.zeros(n), np.zeros(n)
    for k in range(n):
        diagonal[k] = np.sum(widths * x * polynomial**2)
        following = (x - diagonal[k]) * polynomial - beside[k - 1] * before
        beside[k] = np.sqrt(np.sum(widths * following**2))
        before, polynomial = polynomial, following / beside[k]
    places, vectors = eigh_tridiagonal(diagonal, beside[:-1])
    return middle + half * places, widths.sum() * vectors[0] ** 2
