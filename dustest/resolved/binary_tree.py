"""Bins of pixels with a signal-to-noise ratio, by repeated division in two."""

import numpy as np

__all__ = ["bounding_box", "divide_pixels"]


_LONG = 2.0
"""Ratio of the sides of a set that is only cut across its longer side."""


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

    A set is cut in two across its longer side, where the lower ratio of both parts is highest, as
    long as both reach the ratio; across the shorter side only if the set is not twice as long. In
    contrast to the leaves of a quadtree, which is cut at fixed places, bins at the edge of the
    galaxy reach the ratio too, unless the whole galaxy does not.

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
        Smallest number of pixels of a bin, whose sides are not shorter than the root of this.

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

    done, to_do = [], [member]
    while to_do:
        part = to_do.pop()
        for axis in _axes(part):
            halves = _cut(part, flux, error, axis, min_pixels)
            if halves is not None and all(ratio(half) >= signal_to_noise for half in halves):
                to_do.extend(halves)
                break
        else:
            done.append(part)
    done.sort(key=lambda part: (-flux[part].mean(), np.flatnonzero(part)[0]))
    bins = np.zeros(member.shape, dtype=np.int32)
    for number, part in enumerate(done, start=1):
        bins[part] = number
    return bins


def _axes(part):
    """Axes along which to cut a set: that of its longer side first."""
    sides = [side.stop - side.start for side in bounding_box(part)]
    longer = int(sides[1] > sides[0])
    return (longer,) if max(sides) >= _LONG * min(sides) else (longer, 1 - longer)


def _cut(part, flux, error, axis, min_pixels):
    """Both parts of a set, cut along an axis where their lower ratio is highest."""
    box = bounding_box(part)
    signal, variance, number = (
        np.cumsum(np.where(part[box], one, 0.0).sum(axis=1 - axis))
        for one in (flux[box], error[box] ** 2, 1.0)
    )
    # As if pixels were independent, which finds the place well.
    lower = np.minimum(
        signal[:-1] / np.sqrt(variance[:-1]),
        (signal[-1] - signal[:-1]) / np.sqrt(variance[-1] - variance[:-1]),
    )
    width = max(int(np.sqrt(min_pixels)), 1)
    length = np.arange(1, len(number))
    allowed = np.minimum(number[:-1], number[-1] - number[:-1]) >= min_pixels
    allowed &= np.minimum(length, len(number) - length) >= width
    if not allowed.any():
        return None
    place = box[axis].start + 1 + int(np.argmax(np.where(allowed, lower, -np.inf)))
    before = np.arange(part.shape[axis]) < place
    before = before[:, np.newaxis] if axis == 0 else before
    return part & before, part & ~before
