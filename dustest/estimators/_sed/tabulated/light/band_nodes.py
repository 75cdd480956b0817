"""Few wavelengths between which the transmission of dust is interpolated.

A band is divided into panels of equal width in the logarithm of the wavelength. In each of them,
the transmission of dust is the polynomial through a few Chebyshev nodes. The nodes of a band do
not depend on the redshift, as they are observed wavelengths.
"""

import itertools

import numpy as np

__all__ = ["BandNodes"]

_STEP, _PANEL = 0.05, 0.3
"""Mean distance of nodes, and greatest width of one polynomial, in ln wavelength."""
_ROUNDING = 1e-18


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
    n_nodes : int, optional
        Number of nodes of every band, in one panel; by default as its width needs.

    Attributes
    ----------
    wavelength : ndarray of shape (n_nodes,)
        Wavelengths of the nodes in Angstrom, band by band.
    band : ndarray of int of shape (n_nodes,)
        Their bands.
    n_bands : int
        Number of the bands.
    """

    def __init__(self, wavelength, curves, tail, n_nodes=None):
        order = np.argsort(wavelength, kind="stable")
        self.n_bands = curves.shape[1]
        panels = [
            (band, *panel)
            for band, curve in enumerate(curves[order].T)
            for panel in _panels(np.log(wavelength[order]), curve, tail, n_nodes)
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


def _panels(x, curve, tail, n_nodes):
    """Ends of the panels of a band, limits of places within them, and places of their nodes."""
    seen = np.flatnonzero(curve)
    if not seen.size and n_nodes is None:
        return []
    if not seen.size:
        # Without light: nodes anywhere.
        return [(x[[0, 0]], x[[0, 0]], np.repeat(x[0], n_nodes))]
    share = np.cumsum(curve[seen]) / curve.sum()
    limits = x[seen[np.searchsorted(share, (tail, 1.0 - tail)).clip(max=seen.size - 1)]]
    low, high = limits
    n_panels = max(int(np.ceil((high - low) / _PANEL)), 1) if n_nodes is None else 1
    width = (high - low) / n_panels
    n = int(np.ceil(width / _STEP)) + 2 if width > 0.0 else 1
    n = n if n_nodes is None else n_nodes
    edges = low + width * np.arange(n_panels + 1)
    nodes = 0.5 + 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n)
    # A curve vanishes at the wavelengths next to those seen; there, the transmission of dust is
    # that at the limits.
    first, last = x[[max(seen[0] - 1, 0), min(seen[-1] + 1, x.size - 1)]]
    ends = itertools.pairwise([first, *edges[1:-1], np.nextafter(last, np.inf)])
    return [(end, limits, edge + width * nodes) for end, edge in zip(ends, edges, strict=False)]
