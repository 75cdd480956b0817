"""Correlated noise of real images, measured on their sky."""

from dataclasses import dataclass, field

import numpy as np
from scipy import fft

from dustest.data.checks.numbers import check_whole
from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError

__all__ = ["NoiseCorrelation", "measure_noise_correlation"]

_OUTLIER = 5.0
_FEWEST_PIXELS = 1000
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True, eq=False)
class NoiseCorrelation:
    """Covariance of the pixels of an image, by the rows and columns between them.

    Parameters
    ----------
    covariance : ndarray of shape (2 n_lags + 1, 2 n_lags + 1)
        Covariance of two pixels, the variance in the middle. For pixels divided by their errors
        it is in units of the errors. Pixels farther apart count as independent.

    Raises
    ------
    InputError
        If the array is not square and odd-sized, or its middle is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.physics import NoiseCorrelation
    >>> noise = NoiseCorrelation([[0.0, 0.5, 0.0], [0.5, 1.0, 0.5], [0.0, 0.5, 0.0]])
    >>> float(noise.variance(np.array([[1.0, 1.0]])).round(6))
    3.0
    """

    covariance: np.ndarray = field(repr=False)

    def __post_init__(self):
        covariance = np.array(self.covariance, dtype=float)
        square = covariance.ndim == 2 and covariance.shape[0] == covariance.shape[1]
        if not square or covariance.shape[0] % 2 == 0:
            msg = f"covariance must be square with an odd side, got shape {covariance.shape}"
            raise InputError(msg)
        middle = covariance[covariance.shape[0] // 2, covariance.shape[0] // 2]
        if not (np.all(np.isfinite(covariance)) and middle > 0.0):
            msg = "covariance must be finite, with the positive variance in the middle"
            raise InputError(msg)
        covariance.setflags(write=False)
        object.__setattr__(self, "covariance", covariance)

    @property
    def n_lags(self):
        """Largest distance of correlated pixels along an axis."""
        return self.covariance.shape[0] // 2

    @property
    def rms(self):
        """Standard deviation of a pixel."""
        return float(np.sqrt(self.covariance[self.n_lags, self.n_lags]))

    def correlation(self, lag):
        """Correlation of pixels along an axis, the mean of rows and columns.

        Parameters
        ----------
        lag : int
            Distance of the pixels.

        Returns
        -------
        float
            The correlation; 0 beyond ``n_lags``.
        """
        if abs(lag) > self.n_lags:
            return 0.0
        middle = self.n_lags
        pair = self.covariance[middle + lag, middle] + self.covariance[middle, middle + lag]
        return float(0.5 * pair / self.covariance[middle, middle])

    def variance(self, weights):
        """Variance of a weighted sum of pixels.

        Parameters
        ----------
        weights : array_like of shape (..., ny, nx)
            Weight of each pixel; for a covariance in units of the errors, multiplied by the
            error of the pixel.

        Returns
        -------
        ndarray of shape (...)
            Variances.
        """
        return np.moveaxis(self.covariances(np.expand_dims(weights, -3)), (-2, -1), (0, 1))[0, 0]

    def covariances(self, weights):
        """Covariance matrix of several weighted sums of pixels.

        Parameters
        ----------
        weights : array_like of shape (..., n_sums, ny, nx)
            Weight of each pixel in each sum, see `variance`.

        Returns
        -------
        ndarray of shape (..., n_sums, n_sums)
            Covariances; negative variances, which a measured covariance may give for unusual
            weights, are set to those of independent pixels.
        """
        weights = to_floats(weights, "weights", sentinels=False)
        # Wide enough that correlations do not reach around the periodic grid.
        reach = [min(self.n_lags, side - 1) for side in weights.shape[-2:]]
        sides = [
            fft.next_fast_len(side + lag, real=True)
            for side, lag in zip(weights.shape[-2:], reach, strict=True)
        ]
        transform = fft.rfft2(weights, sides)
        power = self._power(sides, reach)
        # Waves of all but the first and the last column stand for their mirror images as well.
        power[:, 1 : (sides[1] + 1) // 2] *= 2.0
        flat = transform.reshape(*transform.shape[:-2], -1)
        total = ((flat * power.ravel()) @ np.conj(np.swapaxes(flat, -1, -2))).real
        total /= sides[0] * sides[1]
        alone = self.rms**2 * np.sum(weights**2, axis=(-2, -1))
        diagonal = np.arange(total.shape[-1])
        variance = total[..., diagonal, diagonal]
        total[..., diagonal, diagonal] = np.where(variance > 0.0, variance, alone)
        return total

    def _power(self, sides, reach):
        """Power spectrum on half the Fourier plane."""
        grid = np.zeros(sides)
        lags = [np.arange(-n, n + 1) for n in reach]
        middle = self.n_lags
        grid[np.ix_(*lags)] = self.covariance[np.ix_(lags[0] + middle, lags[1] + middle)]
        return fft.rfft2(grid).real


def measure_noise_correlation(images, *, sky=None, n_lags=30):
    """Measure the correlation of the noise of an image on its sky.

    Parameters
    ----------
    images : array_like of shape (n, ny, nx) or (ny, nx)
        Parts of the image without background, best divided by their errors. Pixels that are not
        finite are left out.
    sky : array_like of bool of shape (n, ny, nx) or (ny, nx), optional
        Pixels without sources; by default all.
    n_lags : int, optional
        Largest distance along an axis at which pixels are correlated; at most a pixel less than
        the smaller side.

    Returns
    -------
    NoiseCorrelation
        The covariance of the pixels.

    Raises
    ------
    InputError
        If the shapes differ, ``n_lags`` is not positive, or fewer than 1,000 pixels remain.

    Notes
    -----
    Pixels beyond five standard deviations (from the median absolute deviation) are left out, and
    the median of all others is subtracted. The covariance at each lag is the mean product over
    all pairs of pixels with this distance that are both sky. Convolution, kernels and apertures
    are linear, so that this covariance gives the errors of all sums of pixels, also in images
    with another point-spread function.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.physics import measure_noise_correlation
    >>> from dustest.simulate import CorrelatedNoise
    >>> stamps = CorrelatedNoise(0.02, (0.66, 0.21, 0.06)).draw(50, 100, random_state=1)
    >>> noise = measure_noise_correlation(stamps, n_lags=10)
    >>> round(noise.rms, 3), round(noise.correlation(1), 2)
    (0.02, 0.66)
    """
    images, use = _sky_pixels(images, sky)
    n_lags = min(check_whole(n_lags, "n_lags"), min(images.shape[1:]) - 1)
    middle = np.median(images[use])
    scatter = _MAD_TO_SIGMA * np.median(np.abs(images[use] - middle))
    use &= np.abs(images - middle) <= _OUTLIER * scatter
    images = np.where(use, images - np.median(images[use]), 0.0)
    sides = [fft.next_fast_len(side + n_lags, real=True) for side in images.shape[1:]]
    lags = np.arange(-n_lags, n_lags + 1)
    products, pairs = (
        fft.irfft2(np.sum(np.abs(fft.rfft2(each, sides)) ** 2, axis=0), sides)[np.ix_(lags, lags)]
        for each in (images, use.astype(float))
    )
    # Transforms of whole numbers are exact to rounding.
    return NoiseCorrelation(np.where(pairs > 0.5, products / np.maximum(pairs, 1.0), 0.0))


def _sky_pixels(images, sky):
    """Images of shape (n, ny, nx), zero where unknown, and which of their pixels are sky."""
    images = np.array(to_floats(images, "images", sentinels=False))
    if images.ndim == 2:
        images = images[np.newaxis]
    use = np.isfinite(images)
    if sky is not None:
        sky = np.asarray(sky, dtype=bool)
        if sky.shape not in (images.shape, images.shape[1:]):
            msg = f"sky must have the shape of images, {images.shape}, got {sky.shape}"
            raise InputError(msg)
        use &= sky
    if images.ndim != 3 or np.count_nonzero(use) < _FEWEST_PIXELS:
        msg = (
            f"images must have at least {_FEWEST_PIXELS} pixels of sky, got "
            f"{np.count_nonzero(use)} in the shape {images.shape}; give larger parts of the image"
        )
        raise InputError(msg)
    images[~use] = 0.0
    return images, use
