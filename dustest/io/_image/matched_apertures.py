"""Apertures on images that are convolved to a common point-spread function.

The sum in an aperture on a convolved image is a weighted sum of the original pixels, whose weights
are the aperture convolved with the mirrored kernel. No image is convolved, and the error of the
sum follows from the noise of the original pixels.
"""

import numpy as np
from scipy import fft, ndimage

from dustest.physics import encircled_energy, matching_kernel, resample_psf

__all__ = ["MatchedApertures", "fill_lost", "fold_onto_mirror"]

_KERNEL_REACH = 0.6
"""Arcsec from the centre at which kernels are cut off; weights are normalised thereafter."""
_FAINTEST = 1e-6
"""Light of a pixel over that of the brightest, below which it counts as this."""
_FILLING = 1.0
"""Standard deviation in pixels of the Gaussian that weights pixels around a lost one."""
_FILLING_REACH = 4.0
"""Pixels beyond which they have no weight."""


class MatchedApertures:
    """Weights of pixels for circular apertures in one band.

    Parameters
    ----------
    psf : PSF
        Point-spread function of the band, on the pixels of its image.
    target : PSF
        Broadest function, to which all bands are matched.
    radii : ndarray of shape (n_radii,)
        Radii in arcsec.
    """

    def __init__(self, psf, target, radii):
        scale = psf.pixel_scale
        reach = int(np.ceil(_KERNEL_REACH / scale))
        self.radii = np.asarray(radii) / scale
        self.side = 2 * (int(np.ceil(self.radii.max())) + reach + 1) + 1
        kernel = _central(matching_kernel(psf, target), 2 * reach + 1)
        self._sides = (fft.next_fast_len(self.side, real=True),) * 2
        grid = np.zeros(self._sides)
        grid[: len(kernel), : len(kernel)] = kernel
        grid = np.roll(grid, (-(len(kernel) // 2),) * 2, axis=(0, 1))
        self._transfer = np.conj(fft.rfft2(grid))
        self.light = _embed(_central(psf.image, self.side), self.side)
        if not np.isclose(target.pixel_scale, scale, rtol=1e-3):
            target = resample_psf(target, scale)
        self._norm = np.ones(len(self.radii))
        centre = np.full((1, 2), self.side // 2)
        response = np.tensordot(self.weights(centre)[0], self.light, axes=2)
        # Also corrects for what the cut of the kernel, and its regularisation, lose.
        self._norm = encircled_energy(target, self.radii * scale) / response

    def weights(self, position):
        """Weights of the pixels of stamps.

        Parameters
        ----------
        position : ndarray of shape (n, 2)
            Column and row of the source in its stamp, within a pixel of the centre.

        Returns
        -------
        weights : ndarray of shape (n, n_radii, side, side)
            Weights that sum a point source to the encircled energy of the target.
        """
        masks = [self._mask(each, radius) for each in position for radius in self.radii]
        masks = np.reshape(masks, (len(position), len(self.radii), self.side, self.side))
        weights = fft.irfft2(fft.rfft2(masks, self._sides) * self._transfer, self._sides)
        return weights[..., : self.side, : self.side] * self._norm[:, np.newaxis, np.newaxis]

    def point_source(self, position):
        """Image of a point source.

        Parameters
        ----------
        position : ndarray of shape (2,)
            Column and row of the source in its stamp, within a pixel of the centre.

        Returns
        -------
        light : ndarray of shape (side, side)
            Light of each pixel, above zero.
        """
        shift = np.asarray(position)[::-1] - self.side // 2
        moved = ndimage.shift(self.light, shift, order=3, mode="nearest")
        return np.maximum(moved, _FAINTEST * self.light.max())

    def near(self, position, radius):
        """Pixels of stamps that a circle touches.

        Parameters
        ----------
        position : ndarray of shape (n, 2)
            Column and row of the source in its stamp.
        radius : float
            Radius in pixels.

        Returns
        -------
        near : ndarray of bool of shape (n, side, side)
            Whether a pixel is closer than the radius and half a pixel.
        """
        x, y = (position[:, axis, np.newaxis, np.newaxis] for axis in (0, 1))
        pixels = np.arange(self.side)
        return np.hypot(pixels - x, pixels[:, np.newaxis] - y) <= radius + 0.5

    def _mask(self, position, radius):
        """Fractions of the pixels of a stamp within a circle."""
        from photutils.aperture import CircularAperture

        circle = CircularAperture(position, radius).to_mask(method="exact")
        return circle.to_image((self.side, self.side))


def fold_onto_mirror(weights, usable, position):
    """Move weights of pixels that cannot be used to their mirror images about the source.

    Parameters
    ----------
    weights : ndarray of shape (n_radii, side, side)
        Weights of a stamp.
    usable : ndarray of bool of shape (side, side)
        Pixels that are good, on the image and without neighbours.
    position : ndarray of shape (2,)
        Column and row of the source.

    Returns
    -------
    weights : ndarray of shape (n_radii, side, side)
        Weights, 0 where a pixel cannot be used.
    lost : ndarray of bool of shape (side, side)
        Pixels that cannot be used and whose mirror image cannot be used either.
    """
    columns, rows = (int(np.round(2.0 * value)) - np.arange(len(usable)) for value in position)
    inside = np.ix_((rows >= 0) & (rows < len(rows)), (columns >= 0) & (columns < len(columns)))
    mirror = np.zeros_like(usable)
    mirrored = np.zeros_like(weights)
    source = np.ix_(rows[inside[0].ravel()], columns[inside[1].ravel()])
    mirror[inside] = usable[source]
    mirrored[(slice(None), *inside)] = weights[(slice(None), *source)]
    missing_mirror = np.zeros_like(usable)
    missing_mirror[inside] = ~usable[source]
    return np.where(usable, weights + missing_mirror * mirrored, 0.0), ~usable & ~mirror


def fill_lost(weights, lost, usable, light):
    """Estimate lost pixels by those around them, with the slope of a point source.

    The value of a lost pixel is the mean of the usable pixels around it, with weights of a
    Gaussian, times the ratio of the same pixels in the image of a point source.

    Parameters
    ----------
    weights : ndarray of shape (n_radii, side, side)
        Weights of a stamp, before pixels were removed.
    lost : ndarray of bool of shape (side, side)
        Pixels to estimate.
    usable : ndarray of bool of shape (side, side)
        Pixels that may be used.
    light : ndarray of shape (side, side)
        Image of a point source at the position of the galaxy; of a uniform source, ones.

    Returns
    -------
    added : ndarray of shape (n_radii, side, side)
        Weights to add to those of the usable pixels; 0 for lost pixels that are too far from any.
    """
    added = np.zeros_like(weights)
    rows, columns = np.nonzero(usable)
    for row, column in np.argwhere(lost):
        squared = (rows - row) ** 2 + (columns - column) ** 2
        near = squared <= _FILLING_REACH**2
        share = np.exp(-0.5 * squared[near] / _FILLING**2)
        places = rows[near], columns[near]
        total = share @ light[places]
        if total > 0.0:
            part = weights[:, row, column, np.newaxis] * light[row, column] * share / total
            added[(slice(None), *places)] += part
    return added


def _central(image, size):
    """Central square of an odd-sized image, or all of it."""
    start = max((image.shape[0] - size) // 2, 0)
    return image[start : image.shape[0] - start, start : image.shape[1] - start]


def _embed(image, size):
    """Odd-sized image in the middle of zeros."""
    start = (size - image.shape[0]) // 2
    return np.pad(image, start)
