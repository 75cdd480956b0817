"""Spectra at the resolution of a spectrograph, in its pixels, as a product with a matrix.

The steps are those of Bagpipes: means over samples of a quarter of the resolution, a Gaussian of
this resolution, and means over the pixels. Each is linear in the spectrum.
"""

from functools import lru_cache

import numpy as np
from scipy import sparse

__all__ = ["spread_matrix"]

_PER_WIDTH = 4
"""Samples of a full width at half maximum of the resolution."""
_SIGMA = _PER_WIDTH / 2.35
"""Standard deviation of the Gaussian in samples, with the rounded factor of Bagpipes."""
_REACH = 4 * int(_SIGMA + 1)
_MARGIN = 0.05
"""Share of the wavelengths by which samples of Bagpipes extend beyond the pixels."""
_FURTHER = 2 * _REACH
"""Further samples at either end, so that the outermost pixels have light at low resolution."""


def spread_matrix(wavelength, pixels):
    """Contributions of wavelengths to the pixels of a spectrograph.

    Parameters
    ----------
    wavelength : ndarray of shape (n_wave,)
        Observed wavelengths in Angstrom, ascending, of flux densities per unit wavelength.
    pixels : Pixels
        Pixels and resolution.

    Returns
    -------
    matrix : ndarray of shape (n_wave, n_pixels)
        A spectrum times the matrix is its mean flux density in each pixel; zero for pixels that
        extend beyond the wavelengths.
    """
    if pixels.resolution is None:
        return _means(wavelength, pixels.wavelength).toarray()
    samples, spread = _spread_of_samples(pixels)
    return (_means(wavelength, samples) @ spread).toarray()


@lru_cache(maxsize=8)
def _spread_of_samples(pixels):
    """Samples of the resolution, and their contributions to the pixels."""
    samples = _samples(pixels)
    steps = np.arange(-_REACH, _REACH + 1)
    kernel = np.exp(-0.5 * (steps / _SIGMA) ** 2)
    kernel /= np.trapezoid(kernel)
    inner = samples[_REACH:-_REACH]
    rows = np.arange(inner.size) + np.arange(kernel.size)[:, np.newaxis]
    columns = np.broadcast_to(np.arange(inner.size), rows.shape)
    values = np.broadcast_to(kernel[:, np.newaxis], rows.shape)
    blur = sparse.csr_array(
        (values.ravel(), (rows.ravel(), columns.ravel())), shape=(samples.size, inner.size)
    )
    return samples, blur @ _means(inner, pixels.wavelength)


def _samples(pixels):
    """Wavelengths at even distances in units of the resolution, beyond both ends."""
    first, last = pixels.wavelength[[0, -1]] * (1.0 - _MARGIN, 1.0 + _MARGIN)
    samples, curve = [first], pixels.resolution.T
    while samples[-1] < last:
        power = np.interp(samples[-1], *curve)
        samples.append(samples[-1] * (1.0 + 1.0 / (power * _PER_WIDTH)))
    steps = np.arange(1, _FURTHER + 1)
    before, after = 1.0 + 1.0 / (_PER_WIDTH * curve[1, [0, -1]])
    more = samples[0] * before ** -steps[::-1], samples[-1] * after**steps
    return np.concatenate([more[0], samples, more[1]])


def _means(source, target):
    """Matrix (n_source, n_target) of means over bins whose middles are the wavelengths."""
    edges, ends = _edges(source), _edges(target)
    first = np.searchsorted(edges, ends[:-1], side="right") - 1
    last = np.searchsorted(edges, ends[1:], side="left")
    inside = (ends[:-1] >= edges[0]) & (ends[1:] <= edges[-1])
    counts = np.where(inside, last - first, 0)
    columns = np.repeat(np.arange(target.size), counts)
    starts = np.cumsum(counts) - counts
    rows = np.arange(counts.sum()) - np.repeat(starts - first, counts)
    low = np.maximum(edges[rows], ends[columns])
    high = np.minimum(edges[rows + 1], ends[columns + 1])
    share = (high - low) / (ends[columns + 1] - ends[columns])
    return sparse.csr_array((share, (rows, columns)), shape=(source.size, target.size))


def _edges(middles):
    """Edges of bins half-way between their middles."""
    inner = 0.5 * (middles[1:] + middles[:-1])
    first = middles[0] - 0.5 * (middles[1] - middles[0])
    last = middles[-1] + 0.5 * (middles[-1] - middles[-2])
    return np.concatenate([[first], inner, [last]])
