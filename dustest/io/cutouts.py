"""Cutouts of galaxies from mosaics."""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.nddata import NoOverlapError, overlap_slices
from astropy.stats import mad_std
from astropy.wcs.utils import skycoord_to_pixel

from dustest.data.coerce import as_sample
from dustest.data.columns import band_column_name
from dustest.data.errors import InputError
from dustest.data.flags import FLAGS
from dustest.data.messages import shown
from dustest.data.progress import progress_bar
from dustest.data.units import as_unit
from dustest.io._images import open_image

__all__ = ["add_cutouts"]

_SCALE_TOLERANCE = 0.01


def add_cutouts(
    sample,
    images,
    *,
    size=32,
    unit=None,
    aperture=0.32 * u.arcsec,
    min_snr=5.0,
    noise_factor=1.0,
    progress=None,
):
    """Cut every galaxy of a sample out of mosaics.

    Files are mapped into memory, so that a mosaic may be larger than the memory. Cutouts have
    the pixels of the mosaic, neither resampled nor with a background taken off, and a fixed
    shape: what lies beyond the edge is NaN and masked.

    Parameters
    ----------
    sample : GalaxySample or Table
        Galaxies with ``ra`` and ``dec``.
    images : dict of str to image
        A mosaic for each band: a path or `~astropy.io.fits.HDUList` with the extensions SCI
        and, as far as they are there, ERR, WHT (an inverse variance), MASK (not 0 = bad) and DQ
        (odd = bad, the DO_NOT_USE of JWST), or the same with the band before it
        (``F277W_SCI``); a dictionary of ``sci``, ``err``, ``wht``, ``mask`` and ``dq`` to
        files that hold one image each; or an `~astropy.nddata.NDData` or
        `~astropy.nddata.CCDData` with ``wcs``. All must have pixels of one size.
    size : int, optional
        Side of the cutouts in pixels.
    unit : `~astropy.units.Unit` or str, optional
        Unit of images that declare none in BUNIT. It may not contradict a declared one.
    aperture : `~astropy.units.Quantity`, optional
        Diameter of the circular aperture in which the signal-to-noise ratio is measured.
    min_snr : float, optional
        Signal-to-noise ratio below which galaxies get the flag LOW_SNR.
    noise_factor : float or dict of str to float, optional
        True noise in the aperture over that of uncorrelated pixels, for all bands or each.
    progress : bool, optional
        Whether to show a bar; by default on terminals, where it takes longer than two seconds.

    Returns
    -------
    sample : GalaxySample
        A new table. ``cutout_<BAND>``, ``cutout_err_<BAND>`` (where ERR or WHT is there) and
        ``cutout_mask_<BAND>`` of shape (n, size, size) in the unit of the image, replacing
        those that were there; ``snr_<BAND>``; ``pixel_scale`` in arcsec; ``flags``, added to
        those that were there.

    Raises
    ------
    InputError
        If positions, coordinates or units are missing, pixels differ in size, or an argument
        is out of range.
    ReadError
        If a file is missing or cannot be read.

    Notes
    -----
    Flags: EDGE where a cutout of any band reaches beyond its image; BAD_PIXELS where any has
    pixels that are masked, not finite or without a positive error; MISSING_BAND where some of
    the bands have no good pixel, NO_DATA where none has any (or the position is NaN); LOW_SNR
    where the signal-to-noise ratio reaches ``min_snr`` in none of the bands of this call.

    The signal-to-noise ratio is the sum over the good pixels of the aperture, divided by
    ``noise_factor`` and the root of the sum of their squared errors. Where there is no error,
    the pixel noise is the scaled median absolute deviation of the cutout, which counts the
    light of the galaxy itself and so errs on the faint side. Drizzling correlates the noise of
    neighbouring pixels, so that error maps understate it in apertures: in deep NIRCam mosaics at
    0.03 arcsec by 1.2 in the short and up to 3 in the long channel, for this aperture.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from astropy.nddata import CCDData, StdDevUncertainty
    >>> from astropy.table import QTable
    >>> from astropy.wcs import WCS
    >>> from dustest.io import add_cutouts
    >>> wcs = WCS(naxis=2)
    >>> wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [53.1, -27.8]
    >>> wcs.wcs.crpix, wcs.wcs.cdelt = [50, 50], [-0.03 / 3600, 0.03 / 3600]
    >>> error = StdDevUncertainty(np.full((100, 100), 0.1))
    >>> mosaic = CCDData(np.ones((100, 100)), unit=u.nJy, wcs=wcs, uncertainty=error)
    >>> positions = QTable({"ra": [53.1] * u.deg, "dec": [-27.8] * u.deg})
    >>> sample = add_cutouts(positions, {"F277W": mosaic})
    >>> sample["cutout_F277W"].shape, int(sample["flags"][0])
    ((1, 32, 32), 0)
    """
    sample = as_sample(sample)
    unit = as_unit(unit)
    _check_arguments(sample, images, size, min_snr)
    diameter = _diameter(aperture)
    known = np.isfinite(sample["ra"]) & np.isfinite(sample["dec"])
    sky = SkyCoord(sample["ra"][known], sample["dec"][known])
    cuts = []
    for name, source in images.items():
        band = band_column_name(name)
        factor = _factor(noise_factor, name)
        with open_image(source, band, unit) as image:
            _set_pixel_scale(sample, band, image.pixel_scale)
            position = np.full((2, len(sample)), np.nan)
            position[:, known] = skycoord_to_pixel(sky, image.wcs)
            cuts.append(_cut(image, *position, size, band, progress))
            _store(sample, band, cuts[-1], image)
        radius = diameter / image.pixel_scale / 2.0
        sample[f"snr_{band}"] = _signal_to_noise(cuts[-1], radius, image.has_error) / factor
    snr = np.array([sample[f"snr_{band_column_name(name)}"] for name in images])
    _add_flags(sample, cuts, snr, known, min_snr)
    return sample


@dataclass(frozen=True)
class _Cutouts:
    """Cutouts of one band.

    Parameters
    ----------
    values, errors : ndarray of shape (n, ny, nx)
        Pixel values and standard deviations, NaN beyond the image.
    bad : ndarray of bool of shape (n, ny, nx)
        Pixels that are bad or beyond the image.
    inside : ndarray of bool of shape (n, ny, nx)
        Pixels on the image.
    position : ndarray of shape (n, 2)
        Column and row of the galaxy in its cutout.
    """

    values: np.ndarray
    errors: np.ndarray
    bad: np.ndarray
    inside: np.ndarray
    position: np.ndarray

    @property
    def has_data(self):
        """Whether any pixel of a cutout is good."""
        return np.any(~self.bad, axis=(1, 2))

    @property
    def at_edge(self):
        """Whether a cutout reaches beyond the image."""
        return ~np.all(self.inside, axis=(1, 2))

    @property
    def has_bad_pixels(self):
        """Whether any pixel on the image is bad."""
        return np.any(self.bad & self.inside, axis=(1, 2))


def _check_arguments(sample, images, size, min_snr):
    """Raise where an argument cannot be worked with."""
    missing = [name for name in ("ra", "dec") if name not in sample.colnames]
    if missing:
        msg = f"sample must have the columns ra and dec, missing {shown(missing)}"
        raise InputError(msg)
    if not isinstance(images, dict) or not images:
        msg = f"images must be a dict of band to image, got {type(images).__name__} {images!r:.50}"
        raise InputError(msg)
    bands = [band_column_name(name) for name in images]
    if len(set(bands)) < len(bands):
        msg = f"images must name every band once, got {shown(list(images))}"
        raise InputError(msg)
    if not isinstance(size, Integral) or isinstance(size, bool) or size < 1:
        msg = f"size must be a whole number of pixels from 1, got {size!r}"
        raise InputError(msg)
    if not isinstance(min_snr, Real) or not np.isfinite(min_snr):
        msg = f"min_snr must be a finite number, got {min_snr!r}"
        raise InputError(msg)


def _diameter(aperture):
    """Diameter of the aperture in arcsec."""
    try:
        diameter = float(u.Quantity(aperture).to_value(u.arcsec))
    except (TypeError, ValueError) as error:
        msg = f"aperture must be an angle such as 0.32 * astropy.units.arcsec, got {aperture!r}"
        raise InputError(msg) from error
    if not 0.0 < diameter < np.inf:
        msg = f"aperture must be above 0 arcsec, got {aperture!r}"
        raise InputError(msg)
    return diameter


def _factor(noise_factor, name):
    """Noise factor of a band."""
    factor = noise_factor.get(name, 1.0) if isinstance(noise_factor, dict) else noise_factor
    if not isinstance(factor, Real) or not 0.0 < factor < np.inf:
        msg = f"noise_factor must be a positive number, for all bands or each, got {factor!r}"
        raise InputError(msg)
    return float(factor)


def _set_pixel_scale(sample, band, scale):
    """Note the size of the pixels, which all bands share."""
    if "pixel_scale" in sample.colnames and sample.cutout_bands:
        others = sample["pixel_scale"].to_value(u.arcsec)
        if np.any(np.abs(others - scale) > _SCALE_TOLERANCE * scale):
            msg = (
                f"all images must have pixels of one size, but those of band {band} measure "
                f"{scale:.4f} arcsec and others {others[0]:.4f}; resample the mosaics to one grid"
            )
            raise InputError(msg)
    sample["pixel_scale"] = np.full(len(sample), scale) << u.arcsec


def _cut(image, x, y, size, band, progress):
    """Cutouts around pixel positions."""
    shape = (len(x), size, size)
    values = np.full(shape, np.nan, dtype=image.dtype)
    errors = np.full(shape, np.nan, dtype=image.dtype)
    bad = np.ones(shape, dtype=bool)
    inside = np.zeros(shape, dtype=bool)
    rows = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    for row in progress_bar(rows, progress, desc=f"cutouts {band}", unit="galaxy"):
        try:
            there, here = overlap_slices(image.shape, (size, size), (y[row], x[row]), "partial")
        except NoOverlapError:
            continue
        values[row][here], errors[row][here], bad[row][here] = image.read(there)
        inside[row][here] = True
    pixel = np.stack([x, y], axis=1)
    # overlap_slices puts the corner of a cutout at this pixel of the mosaic.
    return _Cutouts(values, errors, bad, inside, pixel - np.ceil(pixel - size / 2.0))


def _store(sample, band, cut, image):
    """Put the cutouts of a band into the sample, in place of those that were there."""
    for kind in ("cutout", "cutout_err", "cutout_mask", "cutout_meta", "cutout_wcs"):
        if f"{kind}_{band}" in sample.colnames:
            del sample[f"{kind}_{band}"]
    sample.meta.pop(f"uncertainty_{band}", None)
    sample[f"cutout_{band}"] = u.Quantity(cut.values, image.unit, copy=False)
    if image.has_error:
        sample[f"cutout_err_{band}"] = u.Quantity(cut.errors, image.unit, copy=False)
    sample[f"cutout_mask_{band}"] = cut.bad


def _signal_to_noise(cut, radius, has_error):
    """Signal-to-noise ratio in an aperture of a radius in pixels, NaN without good pixels."""
    from photutils.aperture import CircularAperture, aperture_photometry

    n, ny, nx = cut.values.shape
    if radius > (nx - 1) / 2.0:
        msg = (
            f"aperture must fit into the cutouts of {nx} pixels, got a diameter of "
            f"{2.0 * radius:.1f} pixels; make size larger or aperture smaller"
        )
        raise InputError(msg)
    snr = np.full(n, np.nan)
    rows = np.flatnonzero(cut.has_data)
    if rows.size == 0:
        return snr
    # One below the other, all cutouts make one image, whose apertures photutils sums at once.
    offset = np.stack([np.zeros(rows.size), ny * np.arange(rows.size)], axis=1)
    apertures = CircularAperture(cut.position[rows] + offset, radius)
    errors = cut.errors[rows] if has_error else _scatter(cut.values[rows], cut.bad[rows])
    values, errors, bad = (
        array.reshape(-1, nx) for array in (cut.values[rows], errors, cut.bad[rows])
    )
    table = aperture_photometry(values, apertures, error=errors, mask=bad)
    total, noise = np.array(table["aperture_sum"]), np.array(table["aperture_sum_err"])
    np.divide(total, noise, out=total, where=noise > 0)
    snr[rows] = np.where(noise > 0, total, np.nan)
    return snr


def _scatter(values, bad):
    """Pixel noise of each cutout from the scatter of its good pixels."""
    scatter = mad_std(np.where(bad, np.nan, values), axis=(1, 2), ignore_nan=True)
    return np.broadcast_to(scatter[:, None, None], values.shape)


def _add_flags(sample, cuts, snr, known, min_snr):
    """Add what the cutouts tell to the flags of the sample."""
    has_data = np.array([cut.has_data for cut in cuts])
    any_data = np.any(has_data, axis=0)
    bits = {
        "EDGE": known & np.any([cut.at_edge for cut in cuts], axis=0),
        "BAD_PIXELS": np.any([cut.has_bad_pixels for cut in cuts], axis=0),
        "MISSING_BAND": any_data & ~np.all(has_data, axis=0),
        "NO_DATA": ~any_data,
        "LOW_SNR": any_data & ~np.any(snr >= min_snr, axis=0),
    }
    flags = np.zeros(len(sample), dtype=np.int32)
    if "flags" in sample.colnames:
        flags |= np.asarray(sample["flags"])
    for name, rows in bits.items():
        flags[rows] |= FLAGS[name].value
    sample["flags"] = flags
