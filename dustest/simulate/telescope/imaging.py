"""Images of particles: smoothed, convolved with a point-spread function, and sampled on pixels."""

import numpy as np
from astropy import units as u
from scipy import fft
from scipy.sparse import csr_array

from dustest.data.bands import canonical_name
from dustest.data.checks.numbers import as_arcsec, check_whole
from dustest.data.checks.sample_columns import by_band
from dustest.data.checks.units import declared_unit
from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError
from dustest.physics.telescope.psf import resample_psf

__all__ = ["KERNEL_SIGMA", "Imager"]

KERNEL_SIGMA = 0.5 / 1.825742
"""Standard deviation along an axis of the cubic spline kernel, in units of the radius at which it
ends: Dehnen & Aly 2012, MNRAS 425, 1068, their Table 1 (H/h = 1.825742, h = 2 sigma)."""

_REACH = 1.0
"""Arcsec: sources farther outside a stamp do not contribute to it."""

_LEVEL_STEP = 1.3
_FINEST_LEVEL = 0.2
"""Pixels: particles smoothed by less look like points."""


class Imager:
    """Makes images of particles on stamps, with a point-spread function for each band.

    Every particle is smoothed by a Gaussian as wide as its kernel and convolved with the
    point-spread function of the band, which includes the pixel. Both steps use Fourier transforms
    on a grid that extends 1 arcsec beyond the stamp, so that light is scattered into the stamp and
    out of it.

    Parameters
    ----------
    psfs : mapping of str to PSF
        Point-spread function of each band; it is resampled if its pixels have another size.
    pixel_scale : float or `~astropy.units.Quantity`
        Side of a pixel, in arcsec.
    size : int, optional
        Side of a stamp in pixels.

    Attributes
    ----------
    bands : tuple of str
        Canonical names of the bands.
    pixel_scale : float
        Side of a pixel in arcsec.
    size : int
        Side of a stamp in pixels.

    Raises
    ------
    InputError
        If there is no band, or an argument is out of range.

    Notes
    -----
    Smoothing lengths are rounded to steps of 1.3; those below 0.2 pixels are combined. The flux
    of a particle is assigned to the nine pixels around it with a quadratic spline, whose blur is
    divided out in Fourier space (Hockney & Eastwood 1988, chapter 5). The image of a point source
    is accurate to 0.5 % of its peak at any position, if the point-spread function is four pixels
    (FWHM) wide or more. Images are in single precision.

    References
    ----------
    Dehnen & Aly 2012, MNRAS 425, 1068 (widths of kernels).

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.simulate import PSF, Imager
    >>> y, x = np.mgrid[-33:34, -33:34]
    >>> psf = PSF(np.exp(-0.5 * (x**2 + y**2) / 2.0**2), pixel_scale=0.03)
    >>> imager = Imager({"F277W": psf, "F444W": psf}, pixel_scale=0.03)
    >>> images = imager.images([[0.0, 0.0]], [0.05], [[10.0, 20.0]])
    >>> images.shape, images.sum(axis=(1, 2)).round(3)
    ((2, 32, 32), array([10., 20.], dtype=float32))
    """

    def __init__(self, psfs, pixel_scale, size=32):
        if not psfs:
            msg = "psfs must hold the point-spread function of at least one band"
            raise InputError(msg)
        psfs = by_band(psfs, None, "psfs")
        self.bands = tuple(canonical_name(band) for band in psfs)
        self.pixel_scale = as_arcsec(pixel_scale, "pixel_scale")
        self.size = check_whole(size, "size")
        self._side = _grid_side(self.size, int(np.ceil(_REACH / self.pixel_scale)))
        self._transfer = np.stack([self._psf_transfer(psf) for psf in psfs.values()])

    def __repr__(self):
        return f"Imager(bands={self.bands}, pixel_scale={self.pixel_scale:g}, size={self.size})"

    def images(self, position, smoothing, flux):
        """Make images of particles in all bands.

        Parameters
        ----------
        position : array_like or `~astropy.units.Quantity` of shape (n, 2)
            Positions of the particles from the centre of the stamp, in arcsec if they have no
            unit: to the right, along rows, and upwards, along columns.
        smoothing : array_like or `~astropy.units.Quantity` of shape (n,)
            Radii at which the kernels of the particles end, in arcsec if they have no unit.
        flux : array_like of shape (n, n_bands)
            Flux of the particles in each band.

        Returns
        -------
        ndarray of shape (n_bands, size, size)
            Flux per pixel, in the unit of ``flux``.

        Raises
        ------
        InputError
            If the shapes do not match.
        """
        position = to_floats(position, "position", unit=u.arcsec, sentinels=False)
        smoothing = to_floats(smoothing, "smoothing", unit=u.arcsec, sentinels=False)
        flux = to_floats(flux, "flux", unit=declared_unit(flux, "flux"), sentinels=False)
        n = len(position)
        if (position.shape, smoothing.shape, flux.shape) != ((n, 2), (n,), (n, len(self.bands))):
            msg = (
                f"position, smoothing and flux must have the shapes (n, 2), (n,) and "
                f"(n, {len(self.bands)}), got {position.shape}, {smoothing.shape}, {flux.shape}"
            )
            raise InputError(msg)
        # One row per axis: reductions and gathers are fast along rows.
        place = np.ascontiguousarray(position.T) / self.pixel_scale + 0.5 * (self._side - 1)
        inside = np.flatnonzero(np.all((place >= 0.5) & (place < self._side - 1.5), axis=0))
        if not inside.size:
            return np.zeros((len(self.bands), self.size, self.size))
        widths, level = _levels(KERNEL_SIGMA * smoothing[inside] / self.pixel_scale)
        light = self._lay_out(place[:, inside], level, len(widths), flux[inside])
        return self._crop(self._smooth(light, widths))

    def convolve(self, images):
        """Convolve noiseless images with the point-spread functions.

        Parameters
        ----------
        images : array_like of shape (n_bands, ny, nx)
            Flux per pixel in each band, on pixels of this size; flux farther than 1 arcsec
            outside the stamp is cut off.

        Returns
        -------
        ndarray of shape (n_bands, size, size)
            Flux per pixel, with the centre of the images at that of the stamps.

        Raises
        ------
        InputError
            If there is not one image per band.
        """
        images = to_floats(images, "images", unit=declared_unit(images, "images"), sentinels=False)
        if images.ndim != 3 or len(images) != len(self.bands):
            msg = f"images must have the shape ({len(self.bands)}, ny, nx), got {images.shape}"
            raise InputError(msg)
        y, x = (np.arange(side) - 0.5 * (side - 1) for side in images.shape[1:])
        y, x = (axis.ravel() for axis in np.meshgrid(y, x, indexing="ij"))
        position = self.pixel_scale * np.stack([x, y], axis=1)
        return self.images(position, np.zeros(len(position)), images.reshape(len(images), -1).T)

    def _psf_transfer(self, psf):
        """Transform of a point-spread function, divided by that of the assignment to pixels."""
        if not np.isclose(psf.pixel_scale, self.pixel_scale, rtol=1e-4):
            psf = resample_psf(psf, self.pixel_scale)
        # Light outside the grid is lost to the stamp, as in real images.
        cut = max((psf.size - self._side + 1) // 2, 0)
        image = psf.image[cut : psf.size - cut, cut : psf.size - cut]
        grid = np.zeros((self._side, self._side))
        grid[: len(image), : len(image)] = image
        grid = np.roll(grid, (-(len(image) // 2),) * 2, axis=(0, 1))
        across, along = self._frequencies()
        return (fft.rfft2(grid) / (np.sinc(across)[:, np.newaxis] * np.sinc(along)) ** 3).astype(
            np.complex64
        )

    def _frequencies(self):
        """Frequencies along columns and along rows, in cycles per pixel."""
        return fft.fftfreq(self._side), fft.rfftfreq(self._side)

    def _lay_out(self, place, level, n_levels, flux):
        """Flux on the grid by level of smoothing, (n_bands, n_levels, side, side)."""
        centre = (place + 0.5).astype(np.intp)
        offset = place - centre
        # Quadratic B-spline over three pixels along each axis.
        share = np.stack([0.5 * (0.5 - offset) ** 2, 0.75 - offset**2, 0.5 * (0.5 + offset) ** 2])
        weights = share[:, np.newaxis, 1] * share[:, 0]
        step = np.arange(-1, 2)
        first = (level * self._side + centre[1]) * self._side + centre[0]
        pixels = (step[:, np.newaxis] * self._side + step)[..., np.newaxis] + first
        n_pixels, n = n_levels * self._side**2, len(first)
        starts = np.arange(0, 9 * n + 1, 9)
        entries = (weights.reshape(9, n).T.ravel(), pixels.reshape(9, n).T.ravel(), starts)
        light = csr_array(entries, (n, n_pixels)).T @ flux
        return np.ascontiguousarray(light.T, dtype=np.float32).reshape(
            len(self.bands), n_levels, self._side, self._side
        )

    def _smooth(self, light, widths):
        """Transform of the smoothed flux, (n_bands, side, side // 2 + 1)."""
        across, along = self._frequencies()
        transform = fft.rfft2(light)
        total = 0.0
        for layer, width in zip(np.moveaxis(transform, 1, 0), widths, strict=True):
            spread = -2.0 * (np.pi * width) ** 2
            kernel = np.exp(spread * across**2)[:, np.newaxis] * np.exp(spread * along**2)
            total = total + layer * kernel.astype(np.float32)
        return total

    def _crop(self, transform):
        """Stamps, convolved with the point-spread functions."""
        image = fft.irfft2(transform * self._transfer, s=(self._side, self._side))
        start = (self._side - self.size) // 2
        return image[:, start : start + self.size, start : start + self.size]


def _grid_side(size, reach):
    """Side of a grid for fast transforms, with a margin on either side of the stamp."""
    side = fft.next_fast_len(size + 2 * reach, real=True)
    while (side - size) % 2:
        side = fft.next_fast_len(side + 1, real=True)
    return side


def _levels(sigma):
    """Widths in pixels of the levels of smoothing, and the level of each particle."""
    steps = np.log(np.maximum(sigma, _FINEST_LEVEL) / _FINEST_LEVEL) / np.log(_LEVEL_STEP)
    steps = np.ceil(steps).astype(np.intp)
    in_use = np.bincount(steps) > 0
    level = (np.cumsum(in_use) - 1)[steps]
    return np.sqrt(np.bincount(level, sigma**2) / np.bincount(level)), level
