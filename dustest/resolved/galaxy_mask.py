"""Pixels of a galaxy and of blank sky, by segmentation."""

import warnings

import numpy as np
from astropy.nddata import NDData
from astropy.stats import mad_std
from photutils.segmentation import SegmentationImage, detect_sources
from photutils.utils.exceptions import NoDetectionsWarning
from scipy import ndimage

from dustest.data.errors import InputError

__all__ = ["blank_sky", "detection_image", "find_galaxy", "read_segmentation"]

_THRESHOLD = 2.0
_FEWEST_PIXELS = 9
_GROWTH = 4
"""Pixels around sources that are no blank sky either."""


def detection_image(flux, noise):
    """Combine images into one, in units of its noise.

    Parameters
    ----------
    flux : ndarray of shape (n, ny, nx)
        Images, NaN where a pixel is bad.
    noise : ndarray of shape (n,)
        Standard deviations of the noise of a pixel of blank sky.

    Returns
    -------
    image : ndarray of shape (ny, nx)
        Sum of the images over their noise, divided by the scatter of the sky.
    """
    image = np.nansum(flux / noise[:, np.newaxis, np.newaxis], axis=0)
    # Images without noise have no scatter: all pixels above zero are sources.
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = image / mad_std(_clipped(image))
    return np.where(np.isnan(ratio), 0.0, ratio)


def find_galaxy(image, threshold=_THRESHOLD):
    """Find the galaxy at the centre of an image, and all other sources.

    Parameters
    ----------
    image : ndarray of shape (ny, nx)
        Detection image in units of its noise.
    threshold : float, optional
        Ratio above which connected pixels are a source.

    Returns
    -------
    segments : ndarray of int of shape (ny, nx)
        1 for the galaxy that is closest to the centre, 2 for other sources, 0 for the sky.

    Raises
    ------
    InputError
        If there is no source.
    """
    found = _sources(image, threshold)
    if found is None:
        msg = (
            f"cutouts must show a source of {_FEWEST_PIXELS} pixels above {threshold:g} times the "
            "noise, got none: pass the pixels of the galaxy as segmentation"
        )
        raise InputError(msg)
    return _central_segment(found)


def _sources(image, threshold):
    """Numbers of sources above a threshold, None if there are none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        found = detect_sources(image, threshold, n_pixels=_FEWEST_PIXELS)
    return None if found is None else found.data


def read_segmentation(segmentation, shape):
    """Convert a given segmentation.

    Parameters
    ----------
    segmentation : ndarray of shape (ny, nx), NDData or SegmentationImage
        True for pixels of the galaxy, or numbers of sources, of which the galaxy is the one
        closest to the centre.
    shape : tuple of int
        Rows and columns of the cutouts.

    Returns
    -------
    segments : ndarray of int of shape (ny, nx)
        As of `find_galaxy`.

    Raises
    ------
    InputError
        If the shape differs, or no pixel belongs to a source.
    """
    data = segmentation.data if isinstance(segmentation, NDData | SegmentationImage) else None
    data = np.asarray(segmentation if data is None else data)
    if data.shape != shape or data.dtype.kind not in "biu":
        msg = (
            f"segmentation must have the {shape} pixels of the cutouts, with integers or True for "
            f"those of the galaxy, got {data.dtype} of shape {data.shape}"
        )
        raise InputError(msg)
    if not np.any(data):
        msg = (
            "segmentation must have pixels of the galaxy, got none that is set: pass True or the "
            "number of the source there"
        )
        raise InputError(msg)
    return _central_segment(data.astype(int))


def _central_segment(labels):
    """1 for the source closest to the centre, 2 for others."""
    rows, columns = np.indices(labels.shape)
    middle = 0.5 * (np.array(labels.shape) - 1.0)
    distance = np.hypot(rows - middle[0], columns - middle[1])
    closest = np.argmin(np.where(labels > 0, distance, np.inf))
    return np.where(labels == labels.flat[closest], 1, np.where(labels > 0, 2, 0))


def blank_sky(image, segments, bad):
    """Pixels without a source.

    Parameters
    ----------
    image : ndarray of shape (ny, nx)
        Detection image in units of its noise.
    segments : ndarray of int of shape (ny, nx)
        Known sources, 0 for the sky.
    bad : ndarray of bool of shape (..., ny, nx)
        Pixels that are no data.

    Returns
    -------
    sky : ndarray of bool of shape (..., ny, nx)
        Those further than four pixels from known sources and from all above twice the noise.
    """
    found = _sources(image, _THRESHOLD)
    light = segments > 0 if found is None else (segments > 0) | (found > 0)
    return ~ndimage.binary_dilation(light, iterations=_GROWTH) & ~bad


def _clipped(image):
    """Pixels without the brightest, which are sources."""
    values = image[np.isfinite(image)]
    for _ in range(5):
        values = values[values <= np.median(values) + 3.0 * mad_std(values)]
    return values
