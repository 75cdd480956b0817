"""Bins of pixels with a signal-to-noise ratio, by repeated division in two."""

import numpy as np

__all__ = ["bounding_box", "divide_pixels"]


def bounding_box(member):
    """Rows and columns that contain all pixels of a set.

    Parameters
    ----------
    member : ndarray of bool of shape (ny, nx)
        The pixels, at least one.

    Returns
    -------
    box : tuple of slice
        Rows and columns.
    """
    ends = (np.flatnonzero(member.any(axis=axis))[[0, -1]] for axis in (1, 0))
    return tuple(slice(int(first), int(last) + 1) for first, last in ends)


def divide_pixels(member, flux, error, noise, signal_to_noise, min_pixels=1):
    """Divide a set of pixels into bins that reach a signal-to-noise ratio.

    A set is cut in two along a row or column where the lower ratio of both parts is highest, as
    long as both reach the ratio. In contrast to the leaves of a quadtree, which is cut at fixed
    places, bins at the edge of the galaxy reach it too, unless the whole galaxy does not.

    Parameters
    ----------
    member : ndarray of bool of shape (ny, nx)
        The pixels, at least one.
    flux, error : ndarray of shape (ny, nx)
        Image and local standard deviations.
    noise : NoiseCorrelation
        Covariance of the pixels in units of ``error``.
    signal_to_noise : float
        Ratio of a bin.
    min_pixels : int, optional
        Smallest number of pixels of a bin.

    Returns
    -------
    bins : ndarray of int of shape (ny, nx)
        Number of the bin of each pixel, from 1 on, brightest first; 0 outside the set.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.physics import NoiseCorrelation
    >>> from dustest.resolved.binary_tree import divide_pixels
    >>> ones, white = np.ones((4, 4)), NoiseCorrelation([[1.0]])
    >>> divide_pixels(ones > 0, 5.0 * ones, ones, white, 10.0)
    array([[1, 1, 2, 2],
           [1, 1, 2, 2],
           [3, 3, 4, 4],
           [3, 3, 4, 4]], dtype=int32)
    """

    def ratio(part):
        box = bounding_box(part)
        weights = np.where(part[box], error[box], 0.0)
        return flux[part].sum() / np.sqrt(noise.variance(weights))

    def is_large_enough(part):
        return part.sum() >= min_pixels and ratio(part) >= signal_to_noise

    done, to_do = [], [member]
    while to_do:
        part = to_do.pop()
        halves = _divide(part, flux, error, is_large_enough)
        if halves is None:
            done.append(part)
        else:
            to_do.extend(halves)
    done.sort(key=lambda part: (-flux[part].mean(), np.flatnonzero(part)[0]))
    bins = np.zeros(member.shape, dtype=np.int32)
    for number, part in enumerate(done, start=1):
        bins[part] = number
    return bins


def _divide(part, flux, error, is_large_enough):
    """Two parts of a set that are large enough; None if there are none."""
    extents = [part.any(axis=1 - axis).sum() for axis in (0, 1)]
    for axis in (0, 1) if extents[0] >= extents[1] else (1, 0):
        halves = _cut(part, flux, error, axis)
        if halves is not None and all(is_large_enough(half) for half in halves):
            return halves
    return None


def _cut(part, flux, error, axis):
    """Both parts of a set, cut along an axis where their lower ratio is highest."""
    box = bounding_box(part)
    signal, variance = (
        np.cumsum(np.where(part[box], one[box], 0.0).sum(axis=1 - axis))
        for one in (flux, error**2)
    )
    if len(signal) < 2:
        return None
    # As if pixels were independent, which finds the place well.
    first = signal[:-1] / np.sqrt(variance[:-1])
    second = (signal[-1] - signal[:-1]) / np.sqrt(variance[-1] - variance[:-1])
    place = box[axis].start + 1 + int(np.argmax(np.minimum(first, second)))
    before = np.arange(part.shape[axis]) < place
    before = before[:, np.newaxis] if axis == 0 else before
    return part & before, part & ~before
