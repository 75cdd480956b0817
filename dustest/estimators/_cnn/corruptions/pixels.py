"""Operations on linear stamps: resampling, blur, correlated noise and point sources."""

from functools import lru_cache

import numpy as np
from scipy import fft

__all__ = [
    "NoiseSource",
    "blur",
    "correlated_noise",
    "distance_from_centre",
    "flux_within",
    "point_source",
    "psf_widths",
    "resample",
]

_SMOOTHING = 0.8
"""Standard deviation in pixels of the Gaussian that correlates noise, as drizzling does."""
_LEAST_POWER = 1e-3
"""Least power of noise at a frequency, relative to white noise."""
_BORDER = 8
"""Pixels by which stamps are mirrored at their border before a Fourier transform."""
_WIDTHS, _SHARES = np.array([0.35, 1.4, 6.6]), np.array([0.7, 0.21, 0.09])
"""Standard deviations over wavelength / diameter, and shares, of the Gaussians of a point source.
With the blur they were fitted to the drizzled point-spread functions of the simulator from F090W
to F444W at 0.03 to 0.06 arcsec. From F277W on, energies within 1.5 to 9 pixels agree to 0.05."""
_DIAMETER, _BLUR = 31.5, 0.65
"""Diameter of JWST, 6.5 m, in micron per arcsec, and blur in detector pixels."""
_DETECTOR, _SHORT_DETECTOR, _LONGEST = 0.063, 0.031, 2.4
"""Sides of detector pixels in arcsec, and the longest wavelength in micron of the finer ones."""
_USUAL = (2.78, 4.42), 0.03
"""Wavelengths of the first and last band in micron, and pixel scale in arcsec, if unknown."""
_OFFSET = 0.5
"""Standard deviation in pixels of the offsets of point sources, along each axis."""


def resample(stamps, factor=1.0, shift=(0.0, 0.0)):
    """Resample stamps by Keys' cubic convolution.

    Parameters
    ----------
    stamps : ndarray of shape (n, n_bands, size, size)
        Stamps in nJy per pixel.
    factor : float or ndarray of shape (n, 1) or (n, n_bands), optional
        Side of the new pixels in old ones. The total flux stays.
    shift : tuple of float or ndarray, optional
        Shifts of the content along rows and columns in old pixels, of the same shape.

    Returns
    -------
    stamps : ndarray of the same shape
        New stamps; pixels beyond the border mirror those inside.

    References
    ----------
    Keys 1981, IEEE Trans. Acoust. Speech Signal Process. 29, 1153 (equation 4, a = -1/2).
    """
    shape = stamps.shape[:2]
    factor, *shift = (np.broadcast_to(value, shape) for value in (factor, *shift))
    rows, columns = (
        _matrix(stamps.shape[-1], factor, value).astype(stamps.dtype) for value in shift
    )
    rows *= (factor**2)[..., None, None]
    return rows @ stamps @ np.swapaxes(columns, -1, -2)


def _matrix(size, factor, shift):
    """Weights of the old pixels in the new ones along an axis, (n, n_bands, size, size)."""
    middle = 0.5 * (size - 1)
    place = factor[..., None] * (np.arange(size) - middle) + middle - shift[..., None]
    first = np.floor(place).astype(int)
    weights = np.zeros((*place.shape, size))
    for step in (-1, 0, 1, 2):
        old = first + step
        mirrored = np.abs((old + size - 1) % (2 * size - 2) - (size - 1))
        mirrored = np.where((old >= 0) & (old < size), old, mirrored)
        here = np.take_along_axis(weights, mirrored[..., None], axis=-1)
        new = here + _keys(place - old)[..., None]
        np.put_along_axis(weights, mirrored[..., None], new, axis=-1)
    return weights


def _keys(distance):
    """Kernel of cubic convolution."""
    x = np.abs(distance)
    near = 1.0 + x**2 * (1.5 * x - 2.5)
    far = 2.0 + x * (-4.0 + x * (2.5 - 0.5 * x))
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def correlated_noise(shape, rms, smoothing, rng, transfer=1.0):
    """Draw noise that is correlated as if white noise was smoothed by a Gaussian.

    Parameters
    ----------
    shape : tuple of int
        Shape (n, n_bands, size, size).
    rms : float or ndarray of shape (n, n_bands)
        Standard deviation of a pixel, before the transfer function.
    smoothing : float
        Standard deviation of the Gaussian in pixels.
    rng : numpy.random.Generator
        Source of random numbers.
    transfer : float or ndarray, optional
        Transfer function by which the noise is filtered in addition.

    Returns
    -------
    noise : ndarray of the given shape
        Periodic noise.
    """
    size = shape[-1]
    gaussian = np.exp(-0.5 * smoothing**2 * _squared_frequency(size))
    power = np.mean(np.exp(-(smoothing**2) * _squared_frequency(size, full=True)))
    noise = _filtered_noise(shape, rng, gaussian, transfer)
    noise *= _per_stamp(rms) / np.sqrt(power)
    return noise


def _filtered_noise(shape, rng, *transfers):
    """White noise of variance 1, filtered by transfer functions."""
    spectrum = fft.rfft2(rng.standard_normal(shape, dtype=np.float32))
    for transfer in transfers:
        spectrum *= transfer
    return fft.irfft2(spectrum, s=shape[-2:], overwrite_x=True)


class NoiseSource:
    """Source of random numbers, of noise with a known correlation, and of point sources.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of random numbers.
    autocorrelation : ndarray of shape (n_bands, n_lags, n_lags), optional
        Correlation of pixels by their distance along rows and columns, 1 in the middle; that of
        white noise smoothed by a Gaussian of 0.8 pixels by default.
    widths : ndarray of shape (n_bands, 3), optional
        Result of `psf_widths` for the bands; by default those of bands from F277W to F444W with
        pixels of 0.03 arcsec.
    """

    def __init__(self, rng, autocorrelation=None, widths=None):
        self.rng = rng
        self.autocorrelation = autocorrelation
        self.widths = widths

    def points(self, n, n_bands, size):
        """Draw point sources of flux 1 near the centre.

        Parameters
        ----------
        n, n_bands, size : int
            Shape (n, n_bands, size, size).

        Returns
        -------
        stamps : ndarray of float32 of the given shape
            Stamps.
        """
        widths = self.widths
        if widths is None:
            wavelength, scale = _USUAL
            widths = psf_widths(np.linspace(*wavelength, n_bands), scale)
        image = np.tensordot(_SHARES, point_source(size, widths), axes=(0, 1))
        stamps = np.broadcast_to(np.float32(image), (n, *image.shape))
        if size == 1:
            return stamps
        return resample(stamps, 1.0, self.rng.normal(0.0, _OFFSET, (2, n, 1)))

    def draw(self, shape, rms, transfer=1.0):
        """Draw noise.

        Parameters
        ----------
        shape : tuple of int
            Shape (n, n_bands, size, size).
        rms : float or ndarray of shape (n, n_bands)
            Standard deviation of a pixel, before the transfer function.
        transfer : float or ndarray, optional
            Transfer function by which the noise is filtered in addition.

        Returns
        -------
        noise : ndarray of the given shape
            Periodic noise.
        """
        if self.autocorrelation is None or shape[-1] < self.autocorrelation.shape[-1]:
            return correlated_noise(shape, rms, _SMOOTHING, self.rng, transfer)
        amplitude = _amplitude(self.autocorrelation, shape[-1])
        noise = _filtered_noise(shape, self.rng, amplitude, transfer)
        noise *= _per_stamp(rms)
        return noise


def _amplitude(autocorrelation, size):
    """Square root of the power of noise of variance 1, on periodic stamps."""
    n_lags = autocorrelation.shape[-1]
    wide = np.zeros((*autocorrelation.shape[:-2], size, size), np.float32)
    wide[..., :n_lags, :n_lags] = autocorrelation
    wide = np.roll(wide, (-(n_lags // 2), -(n_lags // 2)), axis=(-2, -1))
    power = np.maximum(fft.fft2(wide).real, _LEAST_POWER)
    power /= power.mean(axis=(-2, -1), keepdims=True)
    return np.float32(np.sqrt(power[..., : size // 2 + 1]))


def blur(stamps, sigma, rms, source):
    """Widen the point-spread function of stamps without a change of their noise.

    Parameters
    ----------
    stamps : ndarray of shape (n, n_bands, size, size)
        Stamps.
    sigma : float or ndarray of shape (n, 1) or (n, n_bands)
        Standard deviation in pixels of the Gaussian with which they are convolved.
    rms : ndarray of shape (n, n_bands)
        Standard deviation of the noise of a pixel.
    source : NoiseSource
        Source of the noise that replaces what the convolution removes.

    Returns
    -------
    stamps : ndarray of the same shape
        Blurred stamps.
    """
    pad = ((0, 0), (0, 0), (_BORDER, _BORDER), (_BORDER, _BORDER))
    wide = np.pad(stamps, pad, mode="symmetric")
    squared = _per_stamp(np.float32(np.square(sigma))) * _squared_frequency(wide.shape[-1])
    transfer = np.exp(-0.5 * squared)
    smooth = fft.irfft2(fft.rfft2(wide) * transfer, s=wide.shape[-2:])
    lost = np.sqrt(1.0 - transfer**2)
    smooth += source.draw(wide.shape, rms, lost)
    return smooth[..., _BORDER:-_BORDER, _BORDER:-_BORDER]


def _squared_frequency(size, *, full=False):
    """Squared angular frequency of each Fourier mode, in 1 / pixel."""
    rows = 2.0 * np.pi * np.fft.fftfreq(size)
    columns = rows if full else 2.0 * np.pi * np.fft.rfftfreq(size)
    return np.float32(rows[:, None] ** 2 + columns**2)


def _per_stamp(values):
    """Values of stamps with axes of pixels."""
    values = np.asarray(values)
    return values[..., None, None] if values.ndim else values


@lru_cache
def distance_from_centre(size):
    """Compute the distance of each pixel from the centre of stamps.

    Parameters
    ----------
    size : int
        Side of the stamps in pixels.

    Returns
    -------
    distance : ndarray of shape (size, size)
        Distances in pixels.
    """
    offset = np.arange(size) - 0.5 * (size - 1)
    distance = np.hypot(offset[:, None], offset)
    distance.setflags(write=False)
    return distance


def flux_within(stamps, radius):
    """Measure fluxes within a circle about the centre.

    Parameters
    ----------
    stamps : ndarray of shape (n, n_bands, size, size)
        Stamps in nJy per pixel.
    radius : float
        Radius in pixels.

    Returns
    -------
    flux : ndarray of shape (n, n_bands)
        Sums of the pixels whose centre is inside.
    """
    inside = distance_from_centre(stamps.shape[-1]) < radius
    return np.sum(stamps, axis=(2, 3), where=inside)


def point_source(size, sigma):
    """Make Gaussian point sources of flux 1 in the centre of stamps.

    Parameters
    ----------
    size : int
        Side of the stamps in pixels.
    sigma : ndarray of shape (n, n_bands)
        Standard deviations in pixels.

    Returns
    -------
    stamps : ndarray of shape (n, n_bands, size, size)
        Stamps whose sum is 1.
    """
    offset = np.arange(size) - 0.5 * (size - 1)
    line = np.exp(-0.5 * (offset / np.asarray(sigma)[..., None]) ** 2)
    line /= line.sum(axis=-1, keepdims=True)
    return line[..., :, None] * line[..., None, :]


def psf_widths(wavelength, pixel_scale):
    """Compute widths of the Gaussians that make up point sources of JWST.

    Parameters
    ----------
    wavelength : ndarray of shape (n_bands,)
        Wavelengths in micron.
    pixel_scale : float
        Side of the pixels of the mosaic in arcsec.

    Returns
    -------
    widths : ndarray of shape (n_bands, 3)
        Standard deviations in pixels.
    """
    wavelength = np.asarray(wavelength, float)[:, None]
    blur = _BLUR * np.where(wavelength < _LONGEST, _SHORT_DETECTOR, _DETECTOR)
    return np.hypot(_WIDTHS * wavelength / _DIAMETER, blur) / pixel_scale
