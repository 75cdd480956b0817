"""Features of stamps that show how they differ from those of the training set."""

import numpy as np

from dustest.estimators._cnn.corruptions.pixels import distance_from_centre
from dustest.estimators._cnn.shift.windows import measure_windows

__all__ = ["border_noise", "measure"]

_RADII = (1.5, 2.5, 4.0, 6.0, 9.0, 12.0)
_BORDER = 14.0
_MAD_TO_SIGMA = 1.4826
_KNEE = 3.0


def border_noise(stamps):
    """Measure the noise of a pixel in the border of stamps.

    Parameters
    ----------
    stamps : ndarray of shape (n, n_bands, size, size)
        Stamps in nJy per pixel.

    Returns
    -------
    rms : ndarray of shape (n, n_bands)
        Scaled median absolute deviation beyond 14 pixels from the centre; at least 1e-12.
    """
    border = stamps[..., distance_from_centre(stamps.shape[-1]) > _BORDER]
    middle = np.median(border, axis=-1, keepdims=True)
    rms = _MAD_TO_SIGMA * np.median(np.abs(border - middle), axis=-1)
    return np.maximum(rms, 1e-12)


def measure(stamps, redshift, pixel_scale):
    """Measure the features of galaxies.

    Parameters
    ----------
    stamps : ndarray of shape (n, n_bands, size, size)
        Linear stamps in nJy per pixel.
    redshift : ndarray of shape (n,)
        Redshift; NaN if unknown.
    pixel_scale : ndarray of shape (n,)
        Side of a pixel in arcsec; NaN if unknown.

    Returns
    -------
    features : ndarray of shape (n, n_features)
        Finite numbers: profiles, moments, colours, noise and its correlation, background,
        centroids, extreme pixels and those of `measure_windows`.
    """
    rms = border_noise(stamps)
    size = stamps.shape[-1]
    distance = distance_from_centre(size)
    border = stamps[..., distance > _BORDER]
    total = [stamps[..., distance < radius].sum(axis=-1) for radius in _RADII]
    reference = np.maximum(total[3], 3.0 * rms)
    rings = [np.clip(value / reference, -2.0, 4.0) for value in total]
    inner = np.where(distance < _RADII[4], stamps - border.mean(axis=-1)[..., None, None], 0.0)
    centre = [np.clip(value / reference, -9.0, 9.0) for value in _first_moments(inner)]
    width = np.clip((inner * distance**2).sum(axis=(2, 3)) / reference, -50.0, 100.0)
    lags = [
        np.mean(stamps[..., :-lag] * stamps[..., lag:], axis=(2, 3), where=_pairs(size, lag))
        for lag in (1, 2)
    ]
    columns = [
        *rings,
        *centre,
        width,
        np.log10(reference / rms),
        np.log10(rms),
        np.arcsinh(np.median(border, axis=-1) / rms / 0.3),
        *(np.clip(lag / rms**2, -2.0, 4.0) for lag in lags),
        np.arcsinh(border.max(axis=-1) / rms / _KNEE),
        np.arcsinh(np.where(distance < _RADII[5], 0.0, stamps).max(axis=(2, 3)) / rms / _KNEE),
        np.clip(stamps.max(axis=(2, 3)) / reference, 0.0, 2.0),
        np.mean(stamps[..., distance < _RADII[3]] == 0.0, axis=-1),
        _plateau(stamps, distance),
        np.diff(np.log10(reference), axis=1),
        *(np.diff(value, axis=1) for value in (*centre, width, np.log10(rms))),
        *measure_windows(stamps - np.median(border, axis=-1)[..., None, None], rms),
        _known(redshift, 7.0),
        _known(np.log10(pixel_scale), np.log10(0.03)),
    ]
    return np.concatenate([np.reshape(c, (len(stamps), -1)) for c in columns], axis=1)


def _pairs(size, lag):
    """Pairs of pixels in the border that are a lag apart."""
    outer = distance_from_centre(size) > _BORDER
    return outer[:, :-lag] & outer[:, lag:]


def _first_moments(stamps):
    """Sums of light times position along rows and columns."""
    offset = np.arange(stamps.shape[-1]) - 0.5 * (stamps.shape[-1] - 1)
    return stamps.sum(axis=3) @ offset, stamps.sum(axis=2) @ offset


def _plateau(stamps, distance):
    """Share of the central pixels that are equal to the brightest."""
    centre = stamps[..., distance < _RADII[3]]
    return np.mean(centre == centre.max(axis=-1, keepdims=True), axis=-1)


def _known(values, usual):
    """Values with the usual one in place of unknown ones."""
    return np.where(np.isfinite(values), values, usual)
