"""Images of one galaxy with one point-spread function, and their correlated noise."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import fft, ndimage
from scipy.signal import fftconvolve

from dustest.data.bands import get_band
from dustest.data.checks.sample_columns import by_band
from dustest.data.errors import InputError
from dustest.physics import (
    PSF,
    NoiseCorrelation,
    make_psf,
    matching_kernel,
    measure_noise_correlation,
    resample_psf,
)
from dustest.physics.telescope.psf import warn_of_unlikely
from dustest.resolved.image_stack import ImageStack

__all__ = ["MATCHED", "MatchedImages", "find_psfs", "match_images", "measure_noise"]

MATCHED = "matched"
"""Value of ``psf`` for images that have one point-spread function already."""
_PSF_FIELD = 3.0
"""Arcsec: side of the point-spread functions that are computed."""
_NOISE_LAGS, _MATCHED_LAGS = 8, 30
"""Pixels over which noise is correlated before and after the matching."""
_FILLING = 1.5
"""Standard deviation in pixels of the Gaussian by which bad pixels are interpolated."""
_LEAST_WEIGHT = 0.01
"""Weight of good pixels under this Gaussian below which nothing is known."""
_MOST_BAD = 0.1
"""Weight of bad pixels above which a matched pixel is bad."""


@dataclass(frozen=True, eq=False)
class MatchedImages:
    """Images with one point-spread function.

    Parameters
    ----------
    stack : ImageStack
        The images; ``error`` are local standard deviations, in units of which ``noise`` is.
    noise : tuple of NoiseCorrelation
        Correlated noise of each image.
    """

    stack: ImageStack
    noise: tuple = field(repr=False)

    def rms(self):
        """Median noise of a pixel of each image (ndarray of shape (n,))."""
        scale = [noise.rms for noise in self.noise]
        return np.nanmedian(self.stack.error, axis=(1, 2)) * scale


def find_psfs(psf, stack):
    """Point-spread functions of images.

    Parameters
    ----------
    psf : mapping of str to PSF or ndarray, None, or "matched"
        Given ones; those of JWST are computed for all other bands.
    stack : ImageStack
        The images.

    Returns
    -------
    psfs : dict of str to PSF
        By band; empty if the images are matched.

    Raises
    ------
    InputError
        If one is needed and neither given nor known.

    Warns
    -----
    DustestWarning
        If a given one is off centre, or has an improbable width.
    """
    if isinstance(psf, str) and psf == MATCHED:
        return {}
    if psf is not None and not isinstance(psf, Mapping):
        msg = (
            'psf must be a dict of band to PSF, None for those of make_psf, or "matched" for '
            f"images with one point-spread function, got {psf!r:.60}"
        )
        raise InputError(msg)
    given = by_band(psf or {}, None, "psf")
    found = {band: _find_psf(band, given.get(band), stack.pixel_scale) for band in stack.names}
    warn_of_unlikely(found, [band for band in found if given.get(band) is not None])
    return found


def _find_psf(band, given, pixel_scale):
    """Point-spread function of a band on the pixels of the images."""
    if given is None:
        return _computed_psf(band, pixel_scale)
    try:
        psf = given if isinstance(given, PSF) else PSF(given, pixel_scale)
    except (InputError, TypeError, ValueError) as error:
        msg = f"psf[{band!r}] must be a PSF or an array on the pixels of the cutouts: {error}"
        raise InputError(msg) from error
    if np.isclose(psf.pixel_scale, pixel_scale, rtol=1e-3):
        return replace(psf, pixel_scale=pixel_scale)
    return resample_psf(psf, pixel_scale)


def _computed_psf(band, pixel_scale):
    """Point-spread function of a band of JWST."""
    try:
        get_band(band)
        return make_psf(band, pixel_scale=pixel_scale, size=int(_PSF_FIELD / pixel_scale) | 1)
    except InputError as error:
        msg = (
            f"psf must have the point-spread function of {band}, which is none of JWST: pass "
            f'{{"{band}": PSF(image, pixel_scale)}}, or "matched" for images with the same one'
        )
        raise InputError(msg) from error


def match_images(stack, psfs, noise, target):
    """Convolve images to one point-spread function.

    Parameters
    ----------
    stack : ImageStack
        The images.
    psfs : dict of str to PSF
        Point-spread functions; images without one are not convolved.
    noise : dict of str to NoiseCorrelation
        Noise of each image.
    target : PSF or None
        The common one; None for images that have it.

    Returns
    -------
    MatchedImages
        Convolved images. Bad pixels are interpolated. A pixel is NaN if bad pixels have more than
        10 % of the weight of its convolution.
    """
    kernels = [
        matching_kernel(psfs[name], target) if name in psfs else _NO_CHANGE for name in stack.names
    ]
    pairs = zip(stack.flux, kernels, strict=True)
    flux = np.array([_convolve(image, kernel) for image, kernel in pairs])
    error = np.array(
        [_smooth(one, kernel) for one, kernel in zip(stack.error, kernels, strict=True)]
    )
    found = tuple(
        _convolved_noise(noise[name], kernel)
        for name, kernel in zip(stack.names, kernels, strict=True)
    )
    return MatchedImages(replace(stack, flux=flux, error=error), found)


_NO_CHANGE = np.ones((1, 1))


def _convolve(image, kernel):
    """Convolve an image with bad pixels."""
    bad = ~np.isfinite(image)
    if bad.all():
        return image
    if bad.any():
        image = _filled(image, bad)
    if kernel.size == 1:
        return np.where(bad, np.nan, image)
    weight = np.abs(kernel) / np.abs(kernel).sum()
    shares = fftconvolve(bad.astype(float), weight, mode="same") if bad.any() else bad
    return np.where(shares > _MOST_BAD, np.nan, fftconvolve(image, kernel, mode="same"))


def _filled(image, bad):
    """Image whose bad pixels are the mean of good ones around them, zero in large holes."""
    light, weight = (
        ndimage.gaussian_filter(one, _FILLING, mode="constant")
        for one in (np.where(bad, 0.0, image), (~bad).astype(float))
    )
    known = weight > _LEAST_WEIGHT
    mean = np.divide(light, weight, out=np.zeros_like(light), where=known)
    return np.where(bad, mean, image)


def _smooth(error, kernel):
    """Local standard deviations: mean variances under a kernel, one if they are unknown."""
    known = np.isfinite(error)
    if not known.any():
        return np.ones_like(error)
    weight = np.abs(kernel) / np.abs(kernel).sum()
    variance, number = (
        fftconvolve(part, weight, mode="same") if kernel.size > 1 else part
        for part in (np.where(known, error, 0.0) ** 2, known.astype(float))
    )
    seen = number > _MOST_BAD
    mean = np.divide(np.maximum(variance, 0.0), number, out=np.zeros_like(variance), where=seen)
    return np.sqrt(np.where(mean > 0.0, mean, np.median(error[known]) ** 2))


def _convolved_noise(noise, kernel):
    """Noise of an image that is convolved with a kernel."""
    if kernel.size == 1:
        return noise
    side = 2 * (noise.n_lags + len(kernel)) + 1
    side = fft.next_fast_len(max(side, 2 * _MATCHED_LAGS + 1), real=True)
    lags = np.arange(-noise.n_lags, noise.n_lags + 1)
    grid = np.zeros((side, side))
    grid[np.ix_(lags, lags)] = noise.covariance
    power = np.abs(fft.rfft2(kernel, (side, side))) ** 2
    spread = fft.irfft2(fft.rfft2(grid) * power, (side, side))
    lags = np.arange(-_MATCHED_LAGS, _MATCHED_LAGS + 1)
    return NoiseCorrelation(spread[np.ix_(lags, lags)])


def measure_noise(stack, sky, given=None):
    """Noise of images, where it is not given.

    Parameters
    ----------
    stack : ImageStack
        The images.
    sky : ndarray of bool of shape (n, ny, nx)
        Pixels without sources.
    given : mapping of str to NoiseCorrelation, optional
        Known noise by band.

    Returns
    -------
    noise : dict of str to NoiseCorrelation
        In units of the errors, or of fluxes if there are none.

    Raises
    ------
    InputError
        If a stamp has too little sky, or what is given is no noise.
    """
    given = dict(given or {})
    for name, one in given.items():
        if not isinstance(one, NoiseCorrelation):
            msg = f"noise[{name!r}] must be a NoiseCorrelation, got {type(one).__name__}"
            raise InputError(msg)
    return {
        name: given[name] if name in given else _measure(name, image, error, use)
        for name, image, error, use in zip(stack.names, stack.flux, stack.error, sky, strict=True)
    }


def _measure(name, image, error, sky):
    """Noise of an image from its sky."""
    if not sky.any():
        return NoiseCorrelation([[1.0]])
    unit = error if np.isfinite(error).any() else 1.0
    try:
        found = measure_noise_correlation(image / unit, sky=sky, n_lags=_NOISE_LAGS)
    except InputError as cause:
        msg = (
            f"the noise of {name} must be known to combine pixels, but its cutout has only "
            f"{np.count_nonzero(sky)} pixels of sky: pass larger cutouts, or noise, a "
            "dict of the results of dustest.physics.measure_noise_correlation on the mosaics"
        )
        raise InputError(msg) from cause
    return _averaged(found, np.count_nonzero(sky))


def _averaged(noise, n_pixels):
    """Noise measured on few pixels, with less scatter and bias.

    The eight orientations of a square are averaged. Covariances about the mean of the sky are too
    low by the variance of this mean, the sum of all covariances over the number of pixels.
    """
    turns = [np.rot90(noise.covariance, k) for k in range(4)]
    mean = np.mean([one for turn in turns for one in (turn, turn.T)], axis=0)
    return NoiseCorrelation(mean + max(mean.sum(), 0.0) / n_pixels)
