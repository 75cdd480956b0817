"""Noise of drizzled mosaics, in which neighbouring pixels are correlated."""

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from astropy import units as u
from scipy import fft
from scipy.signal import fftconvolve

from dustest.data.checks.numbers import as_arcsec, check_positive, check_whole
from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError
from dustest.data.identity.seeds import as_generator
from dustest.simulate.telescope.autocorrelation import (
    block_correlations,
    fit_lags,
    fit_lags_and_aperture,
)

__all__ = [
    "BlankSkyNoise",
    "CorrelatedNoise",
    "aperture_depth",
    "aperture_rms",
    "noise_from_blank_sky",
    "poisson_noise",
]

_PADDING = 24
_CHUNK = 512


@dataclass(frozen=True)
class CorrelatedNoise:
    r"""Gaussian noise with the autocorrelation of a drizzled mosaic.

    Parameters
    ----------
    rms : float or `~astropy.units.Quantity`
        Standard deviation of the pixels, in nJy.
    autocorrelation : sequence of float
        Correlation of pixels 1, 2, 3, ... apart along rows or columns.
    pixel_scale : float or `~astropy.units.Quantity`, optional
        Side of a pixel, in arcsec.
    depth : float, optional
        Measured 5-sigma depth of the mosaic in a circular aperture, in AB magnitudes. It sets the
        correlation over longer distances. Without it there is no correlation beyond about four
        pixels, unless the lags require it.
    depth_diameter : float or `~astropy.units.Quantity`, optional
        Diameter in arcsec of the aperture of ``depth``.

    Raises
    ------
    InputError
        If an argument is out of range, or no noise matches the correlations (5 per cent or 0.02)
        and the depth (5 per cent in flux).

    See Also
    --------
    dustest.simulate.noise_preset : The noise of named surveys.

    Notes
    -----
    The autocorrelation is a sum of Gaussians :math:`\exp(-r^2 / 4 s^2)` and of pyramids
    :math:`\max(0, 1 - |x| / a) \max(0, 1 - |y| / a)`, each with a weight that is not negative,
    found by non-negative least squares. Each term is the autocorrelation of white noise smoothed
    by a Gaussian or a square, so every sum of them has a positive power spectrum. Noise with a
    correlation below -0.02 at some lag cannot be represented.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.simulate import CorrelatedNoise
    >>> noise = CorrelatedNoise(rms=0.02, autocorrelation=(0.66, 0.21, 0.06))
    >>> stamps = noise.draw(1000, (32, 32), random_state=1)
    >>> stamps.shape, round(float(stamps.std()), 3)
    ((1000, 32, 32), 0.02)
    >>> pairs = stamps[:, :, 1:] * stamps[:, :, :-1]
    >>> round(float(pairs.mean() / stamps.var()), 2)
    0.66
    """

    rms: float
    autocorrelation: tuple
    pixel_scale: float = 0.03
    depth: float | None = None
    depth_diameter: float = 0.32
    _weights: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        rms = _as_njy(self.rms, "rms")[()]
        for name, value in (
            ("rms", check_positive(rms, "rms")),
            ("autocorrelation", _as_lags(self.autocorrelation)),
            ("pixel_scale", as_arcsec(self.pixel_scale, "pixel_scale")),
            ("depth_diameter", as_arcsec(self.depth_diameter, "depth_diameter")),
        ):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_weights", self._fit_weights())

    def draw(self, n, shape, random_state=None):
        """Draw stamps of noise.

        Parameters
        ----------
        n : int
            Number of stamps.
        shape : int or tuple of int
            Number of rows and columns of a stamp; one number for square stamps.
        random_state : None, int or numpy.random.Generator, optional
            Source of random numbers.

        Returns
        -------
        ndarray of shape (n, ny, nx)
            Noise in nJy; the stamps are independent.

        Raises
        ------
        InputError
            If ``n`` or ``shape`` is out of range.
        """
        n, (ny, nx) = check_whole(n, "n", minimum=0), _as_shape(shape)
        amplitude, sides = _amplitude(self, ny, nx)
        rng = as_generator(random_state)
        stamps = np.empty((n, ny, nx))
        for start in range(0, n, _CHUNK):
            rows = stamps[start : start + _CHUNK]
            white = rng.standard_normal((len(rows), *amplitude.shape, 2)).view(complex)[..., 0]
            rows[:] = fft.irfft2(amplitude * white, sides, norm="forward")[:, :ny, :nx]
        return stamps

    def at_depth(self, depth, diameter=0.32):
        """Noise with this autocorrelation at another depth.

        Parameters
        ----------
        depth : float
            5-sigma depth in a circular aperture, in AB magnitudes.
        diameter : float or `~astropy.units.Quantity`, optional
            Diameter in arcsec of the aperture.

        Returns
        -------
        CorrelatedNoise
            Noise with the ``rms`` that gives this depth.

        Raises
        ------
        InputError
            If an argument is out of range.

        Examples
        --------
        >>> from dustest.simulate import CorrelatedNoise, aperture_depth
        >>> noise = CorrelatedNoise(1.0, (0.66, 0.21, 0.06)).at_depth(29.8)
        >>> round(noise.rms, 3), round(aperture_depth(noise, 0.32), 2)
        (0.034, 29.8)
        """
        shift = _as_magnitude(depth) - aperture_depth(self, diameter)
        own = None if self.depth is None else self.depth + shift
        return replace(self, rms=self.rms * 10.0 ** (-0.4 * shift), depth=own)

    def correlation(self, dy, dx):
        """Correlation of two pixels.

        Parameters
        ----------
        dy, dx : array_like of int
            Rows and columns between the pixels.

        Returns
        -------
        ndarray
            The correlation, 1 where both are 0.
        """
        return np.tensordot(self._weights, block_correlations(dy, dx), axes=1)

    def _fit_weights(self):
        """Weights of the blocks that match the known properties of the noise."""
        if self.depth is None:
            return fit_lags(self.autocorrelation)
        variance = (_depth_to_rms(_as_magnitude(self.depth)) / self.rms) ** 2
        pairs, *lags = _aperture_pairs(self.depth_diameter, self.pixel_scale)
        sums = np.sum(block_correlations(*lags) * pairs, axis=(1, 2))
        return fit_lags_and_aperture(self.autocorrelation, sums / variance)


@dataclass(frozen=True, eq=False)
class BlankSkyNoise:
    """Noise from stamps of blank sky, see `noise_from_blank_sky`.

    Parameters
    ----------
    stamps : ndarray of shape (n_stamps, ny, nx)
        Blank sky, in nJy.
    """

    stamps: np.ndarray = field(repr=False)

    @property
    def rms(self):
        """Standard deviation of all pixels, in nJy."""
        return float(self.stamps.std())

    def draw(self, n, shape, random_state=None):
        """Draw stamps: a random stamp each, cropped at a random position and flipped at random.

        Parameters
        ----------
        n : int
            Number of stamps.
        shape : int or tuple of int
            Number of rows and columns of a stamp; one number for square stamps.
        random_state : None, int or numpy.random.Generator, optional
            Source of random numbers.

        Returns
        -------
        ndarray of shape (n, ny, nx)
            Noise in nJy. Stamps may overlap on the sky and are then not independent.

        Raises
        ------
        InputError
            If ``n`` or ``shape`` is out of range, or larger than the blank-sky stamps.
        """
        n, (ny, nx) = check_whole(n, "n", minimum=0), _as_shape(shape)
        spare = np.array(self.stamps.shape[1:]) - (ny, nx)
        if np.any(spare < 0):
            msg = (
                f"shape must fit into the blank-sky stamps of {self.stamps.shape[1:]} pixels, got "
                f"{(ny, nx)}; give larger stamps"
            )
            raise InputError(msg)
        rng = as_generator(random_state)
        chosen = rng.integers(len(self.stamps), size=n)
        corner = rng.integers(spare + 1, size=(n, 2))
        flip = rng.random((n, 2)) < 0.5
        rows, columns = (
            corner[:, [axis]] + np.where(flip[:, [axis]], np.arange(side)[::-1], np.arange(side))
            for axis, side in enumerate((ny, nx))
        )
        return self.stamps[
            chosen[:, np.newaxis, np.newaxis], rows[:, :, np.newaxis], columns[:, np.newaxis, :]
        ]


def noise_from_blank_sky(stamps):
    """Make noise from stamps of blank sky.

    Parameters
    ----------
    stamps : array_like or `~astropy.units.Quantity` of shape (n_stamps, ny, nx)
        Blank sky without background, in nJy per pixel. Stamps larger than the drawn ones give
        more variety.

    Returns
    -------
    BlankSkyNoise
        Draws from the stamps.

    Raises
    ------
    InputError
        If the stamps are not finite, have another shape, or are constant.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.simulate import noise_from_blank_sky
    >>> sky = np.random.default_rng(1).normal(0.0, 0.02, (5, 64, 64))
    >>> noise = noise_from_blank_sky(sky)
    >>> noise.draw(100, 32, random_state=2).shape, round(noise.rms, 3)
    ((100, 32, 32), 0.02)
    """
    stamps = _as_njy(stamps, "stamps")
    if stamps.ndim != 3 or stamps.size == 0:
        msg = f"stamps must have shape (n_stamps, ny, nx), got {stamps.shape}"
        raise InputError(msg)
    if not np.all(np.isfinite(stamps)) or stamps.std() == 0.0:
        msg = "stamps must be finite and not all the same; leave out those with missing pixels"
        raise InputError(msg)
    stamps.setflags(write=False)
    return BlankSkyNoise(stamps)


def aperture_rms(noise, diameter):
    """Standard deviation of the noise in a circular aperture, from the covariance of the pixels.

    Parameters
    ----------
    noise : CorrelatedNoise
        The noise.
    diameter : float or `~astropy.units.Quantity`
        Diameter of the aperture, in arcsec.

    Returns
    -------
    float
        Standard deviation in nJy, for an aperture centred on a pixel.

    Raises
    ------
    InputError
        If the diameter is not a positive angle.

    Examples
    --------
    >>> from dustest.simulate import CorrelatedNoise, aperture_rms
    >>> white = CorrelatedNoise(0.02, (0.0, 0.0, 0.0))
    >>> drizzled = CorrelatedNoise(0.02, (0.66, 0.21, 0.06))
    >>> round(aperture_rms(drizzled, 0.32) / aperture_rms(white, 0.32), 1)
    2.8
    """
    diameter = as_arcsec(diameter, "diameter")
    pairs, *lags = _aperture_pairs(diameter, noise.pixel_scale)
    return float(noise.rms * np.sqrt(np.sum(noise.correlation(*lags) * pairs)))


def aperture_depth(noise, diameter, *, n_sigma=5.0):
    """Depth of noise in a circular aperture.

    Parameters
    ----------
    noise : CorrelatedNoise
        The noise.
    diameter : float or `~astropy.units.Quantity`
        Diameter of the aperture, in arcsec.
    n_sigma : float, optional
        Number of standard deviations of the depth.

    Returns
    -------
    float
        AB magnitude, without a correction for the light outside the aperture.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> from dustest.simulate import CorrelatedNoise, aperture_depth
    >>> round(aperture_depth(CorrelatedNoise(0.02, (0.0, 0.0, 0.0)), 0.32), 2)
    31.5
    """
    flux = check_positive(n_sigma, "n_sigma") * aperture_rms(noise, diameter)
    return float((flux * u.nJy).to_value(u.ABmag))


def poisson_noise(images, electrons_per_njy, random_state=None):
    """Draw the photon noise of the sources.

    Parameters
    ----------
    images : array_like or `~astropy.units.Quantity` of shape (n, ny, nx)
        Noiseless images in nJy per pixel; negative pixels count as zero.
    electrons_per_njy : float
        Electrons detected per nJy over the whole exposure.
    random_state : None, int or numpy.random.Generator, optional
        Source of random numbers.

    Returns
    -------
    ndarray of shape (n, ny, nx)
        Noise of mean zero in nJy, to be added to the images. It is not correlated between
        pixels, unlike that of a drizzled mosaic.

    Raises
    ------
    InputError
        If the images are not finite, or ``electrons_per_njy`` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.simulate import poisson_noise
    >>> noise = poisson_noise(np.full((10, 32, 32), 2.0), 50.0, random_state=1)
    >>> round(float(noise.std()), 1)
    0.2
    """
    electrons = check_positive(electrons_per_njy, "electrons_per_njy")
    images = _as_njy(images, "images")
    if not np.all(np.isfinite(images)):
        msg = "images must be finite; fill missing pixels before noise is drawn"
        raise InputError(msg)
    expected = np.maximum(images, 0.0) * electrons
    return (as_generator(random_state).poisson(expected) - expected) / electrons


@lru_cache(maxsize=64)
def _amplitude(noise, ny, nx):
    """Amplitudes of half the Fourier plane, and the sides of the periodic grid.

    The grid is larger than a stamp. Half the plane suffices for real noise.
    """
    sides = [fft.next_fast_len(side + _PADDING, real=True) for side in (ny, nx)]
    lags = [np.minimum(np.arange(side), side - np.arange(side)) for side in sides]
    power = fft.rfft2(noise.correlation(lags[0][:, np.newaxis], lags[1])).real
    # A wave has two Gaussian numbers, and represents its mirror image as well; waves of the first
    # and the last column are their own mirror images, of which half is taken.
    power[:, 1 : (sides[1] + 1) // 2] *= 0.5
    # Truncating the longest correlations to the finite grid makes some powers negative.
    return noise.rms * np.sqrt(np.maximum(power, 0.0) / np.prod(sides)), sides


def _aperture_pairs(diameter, pixel_scale):
    """Number of pairs of pixels in an aperture, by the rows and columns between them."""
    from photutils.aperture import CircularAperture

    aperture = CircularAperture((0.0, 0.0), 0.5 * diameter / pixel_scale)
    overlap = aperture.to_mask(method="exact").data
    pairs = fftconvolve(overlap, overlap[::-1, ::-1])
    lags = np.arange(pairs.shape[0]) - pairs.shape[0] // 2
    return pairs, lags[:, np.newaxis], lags


def _depth_to_rms(depth):
    """Standard deviation in nJy at a 5-sigma depth."""
    return (depth * u.ABmag).to_value(u.nJy) / 5.0


def _as_magnitude(depth):
    """Convert a depth to a finite number."""
    magnitude = to_floats(depth, "depth", unit=u.ABmag)
    if magnitude.ndim or not np.isfinite(magnitude):
        msg = f"depth must be a finite AB magnitude, got {depth!r}"
        raise InputError(msg)
    return float(magnitude)


def _as_njy(values, name):
    """Copy of numbers or of flux densities, in nJy."""
    return to_floats(values, name, unit=u.nJy, sentinels=False)


def _as_lags(autocorrelation):
    """Correlations at lag 1, 2, ... as a tuple."""
    lags = np.asarray(autocorrelation)
    if lags.ndim != 1 or lags.size == 0 or lags.dtype.kind not in "iuf":
        msg = (
            "autocorrelation must be a sequence of the correlations at lag 1, 2, 3, got "
            f"{autocorrelation!r}"
        )
        raise InputError(msg)
    if not np.all(np.abs(lags) < 1.0):
        msg = f"autocorrelation must lie between -1 and 1, got {lags.tolist()}"
        raise InputError(msg)
    return tuple(lags.astype(float).tolist())


def _as_shape(shape):
    """Rows and columns of a stamp."""
    sides = tuple(np.atleast_1d(shape).tolist())
    if len(sides) == 1:
        sides *= 2
    if len(sides) != 2:
        msg = f"shape must be one number of pixels or (ny, nx), got {shape!r}"
        raise InputError(msg)
    return tuple(check_whole(side, "shape") for side in sides)
