"""Cutouts of one band: pixels around positions, and fluxes in their apertures."""

import warnings
from dataclasses import dataclass, replace

import numpy as np
from astropy.nddata import NoOverlapError, overlap_slices
from astropy.stats import mad_std

from dustest.data.errors import DustestWarning
from dustest.data.progress import progress_bar

__all__ = ["Cutouts", "cut_out", "read_stamps", "warn_of_another_field"]


@dataclass(frozen=True)
class Cutouts:
    """Cutouts of one band.

    Parameters
    ----------
    values, errors : ndarray of shape (n, ny, nx)
        Pixel values and standard deviations, NaN outside the image.
    bad : ndarray of bool of shape (n, ny, nx)
        Pixels that are bad or outside the image.
    inside : ndarray of bool of shape (n, ny, nx)
        Pixels on the image.
    position : ndarray of shape (n, 2)
        Column and row of the galaxy in its cutout.
    has_error : bool
        Whether the image has errors.
    """

    values: np.ndarray
    errors: np.ndarray
    bad: np.ndarray
    inside: np.ndarray
    position: np.ndarray
    has_error: bool

    @property
    def has_data(self):
        """Whether any pixel of a cutout is good."""
        return np.any(~self.bad, axis=(1, 2))

    @property
    def at_edge(self):
        """Whether a cutout extends beyond the image."""
        return ~np.all(self.inside, axis=(1, 2))

    @property
    def has_bad_pixels(self):
        """Whether any pixel on the image is bad."""
        return np.any(self.bad & self.inside, axis=(1, 2))

    def multiply(self, factor):
        """Cutouts multiplied by a factor per galaxy; bad if the factor is NaN.

        Parameters
        ----------
        factor : ndarray of shape (n,)
            The factors.

        Returns
        -------
        cutouts : Cutouts
            New cutouts.
        """
        factor = factor[:, np.newaxis, np.newaxis].astype(self.values.dtype)
        return replace(
            self,
            values=self.values * factor,
            errors=self.errors * factor,
            bad=self.bad | np.isnan(factor),
        )

    def signal_to_noise(self, aperture):
        """Signal-to-noise ratios in an aperture.

        Parameters
        ----------
        aperture : tuple of float
            Semi-axes of an ellipse in pixels and its angle in radian.

        Returns
        -------
        snr : ndarray of shape (n,)
            Ratios, NaN without good pixels.
        """
        from photutils.aperture import aperture_photometry

        n, ny, nx = self.values.shape
        snr = np.full(n, np.nan)
        rows = np.flatnonzero(self.has_data)
        if rows.size == 0:
            return snr
        # All cutouts, stacked, are one image, whose apertures photutils sums in one call.
        offset = np.stack([np.zeros(rows.size), ny * np.arange(rows.size)], axis=1)
        apertures = _apertures(self.position[rows] + offset, *aperture)
        errors = (
            self.errors[rows] if self.has_error else _scatter(self.values[rows], self.bad[rows])
        )
        values, errors, bad = (
            array.reshape(-1, nx) for array in (self.values[rows], errors, self.bad[rows])
        )
        table = aperture_photometry(values, apertures, error=errors, mask=bad)
        total, noise = np.array(table["aperture_sum"]), np.array(table["aperture_sum_err"])
        np.divide(total, noise, out=total, where=noise > 0)
        snr[rows] = np.where(noise > 0, total, np.nan)
        return snr


def cut_out(image, x, y, size, progress):
    """Cut images around pixel positions.

    Parameters
    ----------
    image : Image
        The image.
    x, y : ndarray of shape (n,)
        Columns and rows; NaN if unknown.
    size : int
        Side in pixels.
    progress : bool or None
        Whether to show a bar.

    Returns
    -------
    cutouts : Cutouts
        The cutouts.

    Warns
    -----
    DustestWarning
        If no position is on the image.
    """
    cuts = read_stamps(image, x, y, size, progress)
    if not np.any(cuts.inside):
        warn_of_another_field(image.band, len(x), stacklevel=4)
    return cuts


def warn_of_another_field(band, n_galaxies, stacklevel):
    """Warn that no galaxy is on an image.

    Parameters
    ----------
    band : str
        Band of the image.
    n_galaxies : int
        Number of galaxies.
    stacklevel : int
        Level of the caller, as of `warnings.warn`.
    """
    msg = (
        f"none of the {n_galaxies} galaxies is on the image of band {band}: check that ra "
        "and dec of the sample and the coordinates of the image are of one field"
    )
    warnings.warn(msg, DustestWarning, stacklevel=stacklevel)


def read_stamps(image, x, y, size, progress=False):
    """Read the pixels around positions.

    Parameters
    ----------
    image : Image
        The image.
    x, y : ndarray of shape (n,)
        Columns and rows; NaN if unknown.
    size : int
        Side in pixels.
    progress : bool or None, optional
        Whether to show a bar.

    Returns
    -------
    cutouts : Cutouts
        The cutouts.
    """
    shape = (len(x), size, size)
    values = np.full(shape, np.nan, dtype=image.dtype)
    errors = np.full(shape, np.nan, dtype=image.dtype)
    bad = np.ones(shape, dtype=bool)
    inside = np.zeros(shape, dtype=bool)
    rows = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    image_shape = image.shape
    # Errors beyond single precision are infinite, and their pixels are bad.
    with np.errstate(over="ignore"):
        for row in progress_bar(rows, progress, desc=f"cutouts {image.band}", unit="galaxy"):
            position = (y[row], x[row])
            try:
                there, here = overlap_slices(image_shape, (size, size), position, "partial")
            except NoOverlapError:
                continue
            values[row][here], errors[row][here], bad[row][here] = image.read(there)
            inside[row][here] = True
    pixel = np.stack([x, y], axis=1)
    # overlap_slices places the corner of a cutout at this pixel of the mosaic.
    position = pixel - np.ceil(pixel - size / 2.0)
    return Cutouts(values, errors, bad, inside, position, image.error is not None)


def _apertures(position, long, short, angle):
    """Apertures of photutils."""
    from photutils.aperture import CircularAperture, EllipticalAperture

    if long == short:
        return CircularAperture(position, long)
    return EllipticalAperture(position, long, short, theta=angle)


def _scatter(values, bad):
    """Pixel noise of each cutout from the scatter of its good pixels."""
    scatter = mad_std(np.where(bad, np.nan, values), axis=(1, 2), ignore_nan=True)
    return np.broadcast_to(scatter[:, None, None], values.shape)
