"""Rotated, flipped and re-noised copies of images, found by their pixels."""

from dataclasses import dataclass

import numpy as np
from astropy.stats import mad_std

__all__ = ["Stamps", "find_twins", "orientations"]

SIMILAR = 0.5
"""Similarity from which two images are taken for copies."""

# The sums over rotated and flipped pixels have fewer degrees of freedom than the pixels, so that
# their similarity scatters more.
_SIMILAR_SUMS = 0.25
_BORDER = 4
# Relative to the brightest pixel: noise below which images count as free of noise.
_LEAST_NOISE = 1e-4
# Numbers of rows and pairs that are compared at once, to bound the memory.
_ROWS_AT_ONCE = 512
_PAIRS_AT_ONCE = 1024


@dataclass(frozen=True, eq=False)
class Stamps:
    """Square images of galaxies in units of a common noise of each band.

    Parameters
    ----------
    pixels : ndarray of float32 of shape (n, n_bands, size, size)
        Images minus the level of their borders; zero where a pixel or band is missing.
    variance : ndarray of shape (n, n_bands)
        Of the noise of a pixel; zero where a band is missing.
    """

    pixels: np.ndarray
    variance: np.ndarray

    @classmethod
    def measure(cls, images, scale):
        """Measure level and noise in the borders of images.

        Parameters
        ----------
        images : ndarray of shape (n, n_bands, size, size)
            Images; bad pixels are NaN.
        scale : ndarray of shape (n_bands,)
            Common noise of each band.

        Returns
        -------
        stamps : Stamps
            In units of the common noise.
        """
        level, noise = _borders(images)
        brightest = np.nanmax(np.abs(images), axis=(2, 3), initial=0.0, where=~np.isnan(images))
        noise = np.maximum(noise, _LEAST_NOISE * brightest)
        pixels = (images - level[..., None, None]) / scale[:, None, None]
        variance = np.square(noise / scale)
        missing = ~(variance > 0) | ~np.isfinite(level)
        pixels[missing] = 0.0
        return cls(np.nan_to_num(pixels).astype("f4"), np.where(missing, 0.0, variance))

    @property
    def present(self):
        """Whether each galaxy has each band, shape (n, n_bands)."""
        return self.variance > 0


def common_noise(images):
    """Typical noise of each band, for `Stamps.measure`.

    Parameters
    ----------
    images : ndarray of shape (n, n_bands, size, size)
        Images; bad pixels are NaN.

    Returns
    -------
    noise : ndarray of shape (n_bands,)
        Median over the images with noise; without any, the median brightest pixel.
    """
    noise = _borders(images)[1]
    brightest = np.nanmax(np.abs(images), axis=(2, 3), initial=0.0, where=~np.isnan(images))
    found = np.ones(noise.shape[1])
    for values in (brightest, noise):
        for band, column in enumerate(values.T):
            known = column[column > 0]
            found[band] = np.median(known) if known.size else found[band]
    return found


def orientations(images):
    """The eight rotations and reflections of square images.

    Parameters
    ----------
    images : ndarray of shape (..., size, size)
        Images.

    Returns
    -------
    oriented : list of ndarray of shape (..., size, size)
        Views of the images.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.validation.split_audit.twins import orientations
    >>> len({one.tobytes() for one in orientations(np.array([[1, 2], [3, 4]]))})
    8
    """
    return [
        np.rot90(one, turns, axes=(-2, -1))
        for one in (images, np.swapaxes(images, -2, -1))
        for turns in range(4)
    ]


def find_twins(stamps, others):
    """Find the most similar image among others for each image.

    Parameters
    ----------
    stamps, others : Stamps
        Images of the same bands and size.

    Returns
    -------
    rows, other_rows : ndarray of int of shape (k,)
        Row numbers of images that are taken for copies, one pair for each of ``others``.
    similarity : ndarray of shape (k,)
        One minus the mean squared difference of the pixels in the best orientation, over the sum
        of both variances.
    """
    rows, other_rows = _candidates(stamps, others)
    similarity = np.full(len(rows), -np.inf)
    for start in range(0, len(rows), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        similarity[part] = _similarity(stamps, others, rows[part], other_rows[part])
    best = np.lexsort((-similarity, other_rows))
    first = np.unique(other_rows[best], return_index=True)[1]
    best = best[first]
    best = best[similarity[best] >= SIMILAR]
    return rows[best], other_rows[best], similarity[best]


def _borders(images):
    """Level and noise in the outermost pixels, each of shape (n, n_bands); NaN without pixels."""
    size = images.shape[-1]
    axis = np.minimum(np.arange(size), np.arange(size)[::-1])
    border = np.minimum(axis[:, None], axis) < min(_BORDER, size // 2)
    values = np.ma.masked_invalid(images[..., border])
    level = np.ma.filled(np.ma.median(values, axis=-1), np.nan)
    return level, np.nan_to_num(np.ma.filled(mad_std(values, axis=-1), np.nan))


def _candidates(stamps, others):
    """Pairs whose sums over rotated and flipped pixels are similar."""
    sums, counts = _invariant_sums(stamps.pixels)
    other_sums, _ = _invariant_sums(others.pixels)
    found = []
    for start in range(0, len(other_sums), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        difference, expected = 0.0, 0.0
        for band in range(sums.shape[1]):
            one, other = sums[:, band], other_sums[part, band]
            here, there = stamps.present[:, band], others.present[part, band]
            both = np.multiply.outer(here, there)
            squares = np.add.outer(np.square(one).sum(axis=1), np.square(other).sum(axis=1))
            difference = difference + both * (squares - 2.0 * (one @ other.T))
            variance = np.add.outer(stamps.variance[:, band], others.variance[part, band])
            expected = expected + both * variance * len(counts)
        similar = difference < (1.0 - _SIMILAR_SUMS) * expected
        rows, other_rows = np.nonzero(similar)
        found.append((rows, other_rows + start))
    return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))


def _invariant_sums(pixels):
    """Sums over the pixels that rotations and reflections exchange, with the noise of one pixel.

    They are of shape (n, n_bands, n_sums), in double precision since their squares are
    subtracted, and come with the numbers of pixels.
    """
    size = pixels.shape[-1]
    number = np.min(orientations(np.arange(size * size).reshape(size, size)), axis=0).ravel()
    _, number, counts = np.unique(number, return_inverse=True, return_counts=True)
    matrix = np.zeros((size * size, len(counts)), dtype="f4")
    matrix[np.arange(size * size), number] = 1.0 / np.sqrt(counts[number])
    flat = pixels.reshape(*pixels.shape[:2], -1)
    return (flat @ matrix).astype(float), counts


def _similarity(stamps, others, rows, other_rows):
    """Similarity of some pairs of images in their best orientation."""
    one, other = stamps.pixels[rows], others.pixels[other_rows]
    variance = stamps.variance[rows] + others.variance[other_rows]
    both = stamps.present[rows] & others.present[other_rows]
    weight = np.where(both, 1.0 / np.where(both, variance, 1.0), 0.0).astype("f4")
    squares = np.square(one).sum(axis=(2, 3)) + np.square(other).sum(axis=(2, 3))
    other = other * weight[..., None, None]
    flat = other.reshape(len(other), -1)
    products = [
        np.einsum("ij,ij->i", turned.reshape(len(one), -1), flat) for turned in orientations(one)
    ]
    difference = (weight * squares).sum(axis=1) - 2.0 * np.max(products, axis=0)
    n_pixels = both.sum(axis=1) * one.shape[-1] ** 2
    return np.where(n_pixels > 0, 1.0 - difference / np.maximum(n_pixels, 1), -np.inf)
