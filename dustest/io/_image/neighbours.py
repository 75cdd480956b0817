"""Neighbours of galaxies, found on the stack of all bands, and sky without sources."""

import numpy as np
from astropy.stats import mad_std
from scipy import ndimage

__all__ = ["Grid", "find_neighbours", "find_sky", "smooth"]

_N_SIGMA = 4.0
_FEWEST_PIXELS = 5
_LEVELS = 16
_CONTRAST = 0.02
_ROUNDS = 3


class Grid:
    """Pixels of the stamps of a band, relative to those of another band.

    Parameters
    ----------
    matrix, reference : ndarray of shape (3, 2)
        Steps on the sky of a pixel of the band and of the reference.
    """

    def __init__(self, matrix, reference):
        # From steps (column, row) of the reference to those (row, column) of the band.
        self._matrix = (np.linalg.pinv(matrix) @ reference)[::-1, ::-1]

    def to_reference(self, stamp, position, shape, at):
        """Interpolate a stamp of the band at the pixels of a reference stamp.

        Parameters
        ----------
        stamp : ndarray of shape (ny, nx)
            Stamp of the band.
        position, at : ndarray of shape (2,)
            Column and row of the source in the stamp of the band and of the reference.
        shape : tuple of int
            Shape of the reference stamp.

        Returns
        -------
        stamp : ndarray of the given shape
            Interpolated linearly, 0 outside.
        """
        return _resample(stamp, self._matrix, position, shape, at)

    def from_reference(self, stamp, position, shape, at):
        """Interpolate a reference stamp at the pixels of a stamp of the band.

        Parameters
        ----------
        stamp : ndarray of shape (ny, nx)
            Reference stamp.
        position, at : ndarray of shape (2,)
            Column and row of the source in the stamp of the band and of the reference.
        shape : tuple of int
            Shape of the stamp of the band.

        Returns
        -------
        stamp : ndarray of the given shape
            Interpolated linearly, 0 outside.
        """
        return _resample(stamp, np.linalg.inv(self._matrix), at, shape, position)


def _resample(stamp, matrix, position, shape, at):
    """Stamp with a source at ``position`` on pixels where the source is ``at``."""
    offset = position[::-1] - matrix @ at[::-1]
    return ndimage.affine_transform(stamp, matrix, offset, output_shape=shape, order=1)


def smooth(stamps, width):
    """Smooth stamps by a Gaussian.

    Parameters
    ----------
    stamps : ndarray of shape (n, ny, nx)
        Signal-to-noise ratios of pixels, 0 where unknown.
    width : float
        Width (FWHM) in pixels.

    Returns
    -------
    stamps : ndarray of shape (n, ny, nx)
        Smoothed.
    """
    sigma = width / 2.3548
    return ndimage.gaussian_filter(stamps, (0.0, sigma, sigma), mode="constant")


def find_neighbours(stack, position, width):
    """Find sources in a stamp, and which of them are neighbours of the galaxy.

    Parameters
    ----------
    stack : ndarray of shape (ny, nx)
        Smoothed signal-to-noise ratio, of which the noise has a standard deviation of 1.
    position : ndarray of shape (2,)
        Column and row of the galaxy.
    width : float
        Width (FWHM) of the point-spread function in pixels.

    Returns
    -------
    neighbours : ndarray of bool of shape (ny, nx)
        Pixels of other sources, a third of the width farther than where they are significant,
        except those that are significant parts of the galaxy.
    sources : ndarray of bool of shape (ny, nx)
        Pixels of all sources.
    """
    from photutils.segmentation import deblend_sources, detect_sources

    none = np.zeros(stack.shape, dtype=bool)
    if np.count_nonzero(stack > _N_SIGMA) < _FEWEST_PIXELS:
        return none, none
    labels, _ = ndimage.label(stack > _N_SIGMA, np.ones((3, 3)))
    if np.bincount(labels.ravel())[1:].max() < _FEWEST_PIXELS:
        return none, none
    found = detect_sources(stack, _N_SIGMA, _FEWEST_PIXELS)
    found = deblend_sources(
        stack, found, _FEWEST_PIXELS, n_levels=_LEVELS, contrast=_CONTRAST, progress_bar=False
    )
    labels = found.data
    own = labels == _own_label(labels, position, 0.5 * width)
    own &= labels > 0
    grow = max(int(np.round(width / 3.0)), 1)
    sources = ndimage.binary_dilation(labels > 0, iterations=grow)
    others = (labels > 0) & ~own
    if not np.any(others):
        return none, sources
    return ndimage.binary_dilation(others, iterations=grow) & ~own, sources


def _own_label(labels, position, reach):
    """Label of the galaxy: that at its position, else the closest within reach; 0 for none."""
    rows, columns = np.nonzero(labels)
    distance = np.hypot(columns - position[0], rows - position[1])
    closest = np.argmin(distance)
    return labels[rows[closest], columns[closest]] if distance[closest] <= max(reach, 1.0) else 0


def find_sky(stamps, usable, width):
    """Find pixels without sources by the scatter of each stamp.

    Parameters
    ----------
    stamps : ndarray of shape (n, ny, nx)
        Signal-to-noise ratios of pixels.
    usable : ndarray of bool of shape (n, ny, nx)
        Good pixels.
    width : float
        Width (FWHM) of the point-spread function in pixels.

    Returns
    -------
    sky : ndarray of bool of shape (n, ny, nx)
        Good pixels farther than the width from significant ones.
    """
    filled = np.where(usable, stamps, 0.0)
    smoothed = smooth(filled, width)
    sky = usable.copy()
    for _ in range(_ROUNDS):
        values = np.where(sky, smoothed, np.nan)
        if not np.any(sky):
            break
        middle = np.nanmedian(values)
        scatter = mad_std(values, ignore_nan=True)
        bright = usable & (smoothed - middle > _N_SIGMA * scatter)
        reach = np.ones((1, *(2 * int(np.ceil(0.7 * width)) + 1,) * 2))
        sky = usable & ~ndimage.binary_dilation(bright, reach)
    return sky
