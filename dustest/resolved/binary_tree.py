"""Bins of pixels with a signal-to-noise ratio, by repeated division in two."""

import numpy as np

from dustest.resolved.noise_sums import bounding_box, median_ratio

__all__ = ["divide_pixels"]


def divide_pixels(member, flux, sigma, correlation, signal_to_noise):
    """Divide a set of pixels into bins that reach a signal-to-noise ratio.

    A set is cut in two along a row or column where the lower ratio of both parts is highest, as
    long as both reach the ratio. In contrast to the leaves of a quadtree, which is cut at fixed
    places, bins at the edge of the galaxy reach it too, unless the whole galaxy does not.

    Parameters
    ----------
    member : ndarray of bool of shape (ny, nx)
        The pixels, at least one.
    flux, sigma : ndarray of shape (n, ny, nx)
        Images and standard deviations of their pixels.
    correlation : ndarray of shape (n, n_lags, n_lags)
        Correlations of the noise, see `dustest.resolved.noise_sums.variance_of_sum`.
    signal_to_noise : float
        Ratio of a bin: the median over the images.

    Returns
    -------
    bins : ndarray of int of shape (ny, nx)
        Number of the bin of each pixel, from 1 on, brightest first; 0 outside the set.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.resolved.binary_tree import divide_pixels
    >>> white, pixels = np.ones((1, 1, 1)), np.ones((4, 4))
    >>> divide_pixels(pixels > 0, 5.0 * pixels[None], pixels[None], white, 10.0)
    array([[1, 1, 2, 2],
           [1, 1, 2, 2],
           [3, 3, 4, 4],
           [3, 3, 4, 4]], dtype=int32)
    """

    def ratio(part):
        return median_ratio(part, flux, sigma, correlation)

    # Pixels weigh as in a detection image: by the sum of their ratios in all images.
    signal = np.sum(np.divide(flux, sigma, out=np.zeros_like(flux), where=sigma > 0.0), axis=0)
    done, to_do = [], [member]
    while to_do:
        part = to_do.pop()
        halves = _divide(part, signal, ratio, signal_to_noise)
        if halves is None:
            done.append(part)
        else:
            to_do.extend(halves)
    done.sort(key=lambda part: (-signal[part].mean(), np.flatnonzero(part)[0]))
    bins = np.zeros(member.shape, dtype=np.int32)
    for number, part in enumerate(done, start=1):
        bins[part] = number
    return bins


def _divide(part, signal, ratio, wanted):
    """Two parts of a set that reach a ratio; None if there are none."""
    extents = [part.any(axis=1 - axis).sum() for axis in (0, 1)]
    for axis in (0, 1) if extents[0] >= extents[1] else (1, 0):
        halves = _cut(part, signal, axis)
        if halves is not None and all(ratio(half) >= wanted for half in halves):
            return halves
    return None


def _cut(part, signal, axis):
    """Both parts of a set, cut along an axis where their lower ratio is highest."""
    box = bounding_box(part)
    inside = part[box]
    light = np.cumsum(np.where(inside, signal[box], 0.0).sum(axis=1 - axis))
    number = np.cumsum(inside.sum(axis=1 - axis))
    if len(number) < 2:
        return None
    # As if the noise of all pixels were equal and independent, which finds the place well.
    first = light[:-1] / np.sqrt(number[:-1])
    second = (light[-1] - light[:-1]) / np.sqrt(number[-1] - number[:-1])
    place = box[axis].start + 1 + int(np.argmax(np.minimum(first, second)))
    before = np.arange(part.shape[axis]) < place
    before = before[:, np.newaxis] if axis == 0 else before
    return part & before, part & ~before
