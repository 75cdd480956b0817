"""Correlation of the noise of a mosaic, from parts of its sky around the galaxies."""

import warnings

import numpy as np
from astropy.stats import mad_std

from dustest.data.errors import DustestWarning, InputError
from dustest.io._image.neighbours import find_sky
from dustest.physics import NoiseCorrelation, measure_noise_correlation

__all__ = ["measure_noise"]

_TILE = 128
_N_TILES = 64
_MOST_TILES = 400
_LEAST_BOX = 1024
_GOOD_FRACTION = 0.5
_LAG = 1.2
"""Arcsec."""
_GOLDEN = 0.6180339887498949


def measure_noise(image, position, width, *, background):
    """Measure the covariance of the pixels of an image in units of their errors.

    Parameters
    ----------
    image : Image
        The image.
    position : ndarray of shape (2, n)
        Columns and rows of the galaxies; NaN if unknown.
    width : float
        Width (FWHM) of the point-spread function in arcsec.
    background : bool
        Whether the mean of the sky of each part is subtracted.

    Returns
    -------
    noise : NoiseCorrelation
        The covariance.

    Warns
    -----
    DustestWarning
        If there is too little sky; pixels count as independent then.
    """
    scale = image.pixel_scale
    tiles = _tiles(image, position)
    try:
        values, usable = _stack(tiles, image)
        sky = find_sky(values, usable, width / scale)
        if background:
            values = values - _means(values, sky)
        return measure_noise_correlation(values, sky=sky, n_lags=int(np.ceil(_LAG / scale)))
    except InputError as error:
        msg = (
            f"the correlation of the noise of band {image.band} cannot be measured ({error}): its "
            "flux errors are those of independent pixels, and too small for drizzled images; use "
            "a larger part of the mosaic"
        )
        warnings.warn(msg, DustestWarning, stacklevel=2)
        return NoiseCorrelation([[1.0]])


def _tiles(image, position):
    """Signal-to-noise ratios and good pixels of parts of the image, evenly around galaxies."""
    side = min(_TILE, *image.shape)
    corners = _corners(image.shape, position, side)
    found = []
    for row, column in corners[:_MOST_TILES]:
        slices = (slice(row, row + side), slice(column, column + side))
        with np.errstate(over="ignore"):
            values, errors, bad = image.read(slices)
        if np.mean(~bad) < _GOOD_FRACTION:
            continue
        if image.error is None:
            errors = mad_std(np.where(bad, np.nan, values), ignore_nan=True)
        ratio = np.divide(values, errors, out=np.zeros(values.shape), where=~bad & (errors > 0))
        found.append((ratio, ~bad))
        if len(found) == _N_TILES:
            break
    return found


def _stack(tiles, image):
    """Ratios and good pixels of all tiles, one array each."""
    if not tiles:
        msg = f"no part of its {image.shape[0]} by {image.shape[1]} pixels is mostly good"
        raise InputError(msg)
    return (np.array(each) for each in zip(*tiles, strict=True))


def _corners(shape, position, side):
    """First rows and columns of tiles, in an order that is even over the area."""
    known = np.all(np.isfinite(position), axis=0)
    axes = []
    for length, values in zip(shape, position[::-1, known], strict=True):
        inside = values[(values > -0.5) & (values < length - 0.5)]
        low, high = (inside.min(), inside.max()) if inside.size else (0.0, length)
        margin = max(0.5 * (_LEAST_BOX - (high - low)), side)
        first = int(np.clip(low - margin, 0, length - side))
        last = int(np.clip(high + margin, first + side, length))
        axes.append(first + side * np.arange((last - first) // side))
    corners = np.array([(row, column) for row in axes[0] for column in axes[1]])
    return corners[np.argsort(np.arange(len(corners)) * _GOLDEN % 1.0)]


def _means(values, sky):
    """Mean of the sky of each tile."""
    n_sky = np.maximum(sky.sum(axis=(1, 2), keepdims=True), 1)
    return np.sum(np.where(sky, values, 0.0), axis=(1, 2), keepdims=True) / n_sky
