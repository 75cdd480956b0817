"""Few wavelengths between which the transmission of dust is interpolated.

A band is divided into panels of equal width in the logarithm of the wavelength. In each of them,
the transmission of dust is the polynomial through a few Chebyshev nodes. In a narrow band, such as
a pixel of a spectrum, it is a line through two nodes, one standard deviation from the mean
wavelength: it then has the same integral as a parabola if the spectrum is smooth. The nodes of a
band do not depend on the redshift, as they are observed wavelengths.
"""

import itertools

import numpy as np

__all__ = ["NARROW_NODES", "BandNodes"]

NARROW_NODES = 2
"""Number of nodes of a narrow band."""

_STEP, _PANEL = 0.05, 0.3
"""Mean distance of nodes, and greatest width of one polynomial, in ln wavelength."""
_ROUNDING = 1e-18
_LEAST_WIDTH = 1e-5
"""Least standard deviation of a narrow band, in ln wavelength."""


class BandNodes:
    """Nodes of some bands, and shares of their wavelengths in them.

    Parameters
    ----------
    wavelength : ndarray of shape (n_wave,)
        Wavelengths in Angstrom, in any order.
    curves : ndarray of shape (n_wave, n_bands)
        Weights of the wavelengths in each band, not negative.
    tail : float
        Share of a band at either end without nodes of its own: the transmission of dust there is
        that of the last node but this share.
    narrow : bool, optional
        Whether bands are narrow, and have `NARROW_NODES` nodes each.

    Attributes
    ----------
    wavelength : ndarray of shape (n_nodes,)
        Wavelengths of the nodes in Angstrom, band by band.
    band : ndarray of int of shape (n_nodes,)
        Their bands.
    n_bands : int
        Number of the bands.
    """

    def __init__(self, wavelength, curves, tail, *, narrow=False):
        order = np.argsort(wavelength, kind="stable")
        self.n_bands = curves.shape[1]
        panels = [
            (band, *panel)
            for band, curve in enumerate(curves[order].T)
            for panel in _panels(np.log(wavelength[order]), curve, tail, narrow=narrow)
        ]
        self._panel_band, self._ends, self._limits, places = zip(*panels, strict=True)
        self.wavelength = np.exp(np.concatenate(places))
        self._sizes = sizes = [len(each) for each in places]
        self.band = np.repeat(self._panel_band, sizes)
        self._rows = [*itertools.pairwise(np.cumsum([0, *sizes]).tolist())]
        self._places, self._weights = np.zeros((2, len(panels), max(sizes)))
        for k, (own, n) in enumerate(zip(places, sizes, strict=True)):
            angle = np.pi * (np.arange(n) + 0.5) / n
            self._places[k, :n] = own
            # Of the barycentric form of the polynomial through Chebyshev nodes; zero beyond them.
            self._weights[k, :n] = np.sin(angle) * (-1.0) ** np.arange(n)

    def shares(self, wavelength, response):
        """Contributions of wavelengths to the nodes.

        Parameters
        ----------
        wavelength : ndarray of shape (n_wave,)
            Wavelengths in Angstrom, in any order.
        response : ndarray of shape (n_wave, n_bands)
            Weights of the wavelengths in the bands.

        Returns
        -------
        list of (slice or ndarray of int, slice, ndarray)
            Wavelengths, nodes and matrix (n_wavelengths, n_nodes) of each panel.
        """
        order = np.argsort(wavelength, kind="stable")
        x = np.log(wavelength[order])
        bounds = np.searchsorted(x, self._ends)
        sizes = bounds[:, 1] - bounds[:, 0]
        ends = np.cumsum(sizes)
        panel = np.repeat(np.arange(len(sizes)), sizes)
        index = np.arange(len(panel)) - np.repeat(ends - sizes - bounds[:, 0], sizes)
        place = np.clip(x[index], *np.transpose(self._limits)[:, panel])
        step = place[:, np.newaxis] - self._places[panel]
        term = self._weights[panel] / np.where(step == 0.0, _ROUNDING, step)
        weight = response[order[index], np.array(self._panel_band)[panel]] / term.sum(axis=1)
        term = (term * weight[:, np.newaxis]).astype(np.float32)
        return [
            (_slice(order[index[end - size : end]]), slice(*rows), term[end - size : end, :n])
            for rows, n, end, size in zip(self._rows, self._sizes, ends, sizes, strict=True)
        ]


def _slice(index):
    """A slice in place of consecutive numbers, which needs no copy."""
    if index.size and np.array_equal(index, np.arange(index[0], index[0] + index.size)):
        return slice(index[0], index[-1] + 1)
    return index


def _panels(x, curve, tail, *, narrow):
    """Ends of the panels of a band, limits of places within them, and places of their nodes."""
    seen = np.flatnonzero(curve)
    if not seen.size:
        # Without light: nodes anywhere.
        return [(x[[0, 0]], x[[0, 0]], np.repeat(x[0], NARROW_NODES))] if narrow else []
    share = np.cumsum(curve[seen]) / curve.sum()
    limits = x[seen[np.searchsorted(share, (tail, 1.0 - tail)).clip(max=seen.size - 1)]]
    # A curve vanishes at the wavelengths next to those seen; there, the transmission of dust is
    # that at the limits.
    first, last = x[[max(seen[0] - 1, 0), min(seen[-1] + 1, x.size - 1)]]
    last = np.nextafter(last, np.inf)
    if narrow:
        return [((first, last), limits, _about_mean(x[seen], curve[seen]))]
    low, high = limits
    n_panels = max(int(np.ceil((high - low) / _PANEL)), 1)
    width = (high - low) / n_panels
    n = int(np.ceil(width / _STEP)) + 2 if width > 0.0 else 1
    edges = low + width * np.arange(n_panels + 1)
    nodes = 0.5 + 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n)
    ends = itertools.pairwise([first, *edges[1:-1], last])
    return [(end, limits, edge + width * nodes) for end, edge in zip(ends, edges, strict=False)]


def _about_mean(x, curve):
    """Places one standard deviation above and below the mean of a curve."""
    mean = np.average(x, weights=curve)
    spread = np.sqrt(np.average(np.square(x - mean), weights=curve))
    return mean + max(spread, _LEAST_WIDTH) * np.array([1.0, -1.0])
