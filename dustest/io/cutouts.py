"""Cutouts of galaxies from mosaics."""

import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.nddata import NoOverlapError, overlap_slices
from astropy.stats import mad_std

from dustest.data.coerce import as_sample
from dustest.data.columns import by_band
from dustest.data.errors import DustestWarning, InputError
from dustest.data.flags import FLAGS
from dustest.data.messages import argument, shown
from dustest.data.progress import progress_bar
from dustest.data.units import as_unit
from dustest.io._foreground import (
    FOREGROUND_KEY,
    band_correction,
    foreground_of,
    foreground_record,
    refuse_corrected,
)
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
    foreground_ebv=None,
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
    images = _check_arguments(sample, images, size, min_snr)
    units = _units(unit, images)
    factors = _factors(noise_factor, images)
    diameter = _diameter(aperture)
    corrections = _corrections(foreground_ebv, sample, images)
    with ExitStack() as stack:
        opened = {
            band: stack.enter_context(open_image(source, band, **units.get(band, {})))
            for band, source in images.items()
        }
        apertures = _check_images(sample, opened, diameter, size, foreground_ebv)
        cuts = {}
        for band in images:
            with opened.pop(band) as image:
                cuts[band] = _cut(image, sample, size, corrections.get(band), progress)
                _store(sample, cuts[band], image, foreground_ebv)
            sample[f"snr_{band}"] = _signal_to_noise(cuts[band], apertures[band]) / factors[band]
    snr = np.array([sample[f"snr_{band}"] for band in cuts])
    _add_flags(sample, list(cuts.values()), snr, min_snr)
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
    known : ndarray of bool of shape (n,)
        Galaxies whose position on the sky is known.
    has_error : bool
        Whether the image has errors.
    """

    values: np.ndarray
    errors: np.ndarray
    bad: np.ndarray
    inside: np.ndarray
    position: np.ndarray
    known: np.ndarray
    has_error: bool

    @property
    def has_data(self):
        """Whether any pixel of a cutout is good."""
        return np.any(~self.bad, axis=(1, 2))

    @property
    def at_edge(self):
        """Whether a cutout reaches beyond the image, of galaxies with a position."""
        return self.known & ~np.all(self.inside, axis=(1, 2))

    @property
    def has_bad_pixels(self):
        """Whether any pixel on the image is bad."""
        return np.any(self.bad & self.inside, axis=(1, 2))


def _check_arguments(sample, images, size, min_snr):
    """Images by band, where no argument is one that cannot be worked with."""
    missing = [name for name in ("ra", "dec") if name not in sample.colnames]
    if missing:
        msg = (
            f"sample must have the columns ra and dec, missing {shown(missing)}: name them as "
            f"{argument('columns', 'RA_COLUMN', key=missing[0])} of read_catalog; it has "
            f"{shown(sample.colnames)}"
        )
        raise InputError(msg)
    if not isinstance(images, Mapping) or not images:
        msg = f"images must be a dict of band to image, got {type(images).__name__} {images!r:.50}"
        raise InputError(msg)
    if not isinstance(size, Integral) or isinstance(size, bool) or size < 1:
        msg = f"size must be a whole number of pixels from 1, got {size!r}"
        raise InputError(msg)
    if not isinstance(min_snr, Real) or not np.isfinite(min_snr):
        msg = f"min_snr must be a finite number, got {min_snr!r}"
        raise InputError(msg)
    return by_band(images, None, "images")


def _units(unit, bands):
    """What the user says of the units of the images, by band."""
    if not isinstance(unit, Mapping):
        given = as_unit(unit)
        return {band: {"unit": given} for band in bands}
    return {
        band: {"unit": as_unit(given, f"unit[{band!r}]"), "explicit": True}
        for band, given in by_band(unit, bands, "unit").items()
    }


def _factors(noise_factor, bands):
    """Noise factor of each band."""
    if isinstance(noise_factor, Mapping):
        given = by_band(noise_factor, bands, "noise_factor")
    else:
        given = dict.fromkeys(bands, noise_factor)
    for factor in given.values():
        number = isinstance(factor, Real) and not isinstance(factor, bool)
        if not number or not 0.0 < factor < np.inf:
            msg = f"noise_factor must be a positive number, for all bands or each, got {factor!r}"
            raise InputError(msg)
    return {band: float(given.get(band, 1.0)) for band in bands}


def _corrections(foreground_ebv, sample, bands):
    """Factors that take foreground dust off the images, by band; none where it is not asked."""
    if foreground_ebv is None:
        return {}
    ebv = foreground_of(sample, foreground_ebv)
    return {band: band_correction(ebv, band) for band in bands}


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


def _check_images(sample, images, diameter, size, foreground_ebv):
    """Apertures in pixels by band, once all images are found to fit together."""
    apertures = {}
    for band, image in images.items():
        _set_pixel_scale(sample, band, image, images)
        apertures[band] = _aperture(image, diameter, size)
        if foreground_ebv is not None:
            refuse_corrected(image.corrected, f"the image of band {band}")
    return apertures


def _set_pixel_scale(sample, band, image, images):
    """Note the size of the pixels, which all bands share."""
    scale = image.pixel_scale
    kept = [other for other in sample.cutout_bands if other not in images]
    others = next((item.pixel_scale for item in images.values()), scale)
    if kept and "pixel_scale" in sample.colnames:
        others = sample["pixel_scale"].to_value(u.arcsec)
    if np.any(np.abs(others - scale) > _SCALE_TOLERANCE * scale):
        msg = (
            f"all images must have pixels of one size, but those of band {band} measure "
            f"{scale:.4f} arcsec and others {np.ravel(others)[0]:.4f}; resample the mosaics to "
            "one grid"
        )
        raise InputError(msg)
    sample["pixel_scale"] = np.full(len(sample), scale) << u.arcsec


def _aperture(image, diameter, size):
    """Semi-axes in pixels and angle in radian of the ellipse that is a circle on the sky."""
    _, stretches, directions = np.linalg.svd(image.pixel_matrix, full_matrices=False)
    if stretches[0] > (1.0 + _SCALE_TOLERANCE) * stretches[1]:
        msg = (
            f"the pixels of band {image.band} are not square ({stretches[0]:.4f} by "
            f"{stretches[1]:.4f} arcsec): fluxes are right, but its cutouts show galaxies "
            "stretched, which networks do not expect; resample the mosaic to square pixels"
        )
        warnings.warn(msg, DustestWarning, stacklevel=4)
    else:
        stretches = np.full(2, image.pixel_scale)
    short, long = diameter / stretches / 2.0
    if long > (size - 1) / 2.0:
        msg = (
            f"aperture must fit into the cutouts of {size} pixels, got a diameter of "
            f"{2.0 * long:.1f} pixels; make size larger or aperture smaller"
        )
        raise InputError(msg)
    return long, short, float(np.arctan2(directions[1, 1], directions[1, 0]))


def _cut(image, sample, size, correction, progress):
    """Cutouts of the galaxies out of an image."""
    known = np.isfinite(sample["ra"]) & np.isfinite(sample["dec"])
    x, y = np.full((2, len(sample)), np.nan)
    x[known], y[known] = image.pixel_positions(SkyCoord(sample["ra"][known], sample["dec"][known]))
    shape = (len(x), size, size)
    values = np.full(shape, np.nan, dtype=image.dtype)
    errors = np.full(shape, np.nan, dtype=image.dtype)
    bad = np.ones(shape, dtype=bool)
    inside = np.zeros(shape, dtype=bool)
    rows = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    for row in progress_bar(rows, progress, desc=f"cutouts {image.band}", unit="galaxy"):
        try:
            there, here = overlap_slices(image.shape, (size, size), (y[row], x[row]), "partial")
        except NoOverlapError:
            continue
        values[row][here], errors[row][here], bad[row][here] = image.read(there)
        inside[row][here] = True
    if not np.any(inside):
        msg = (
            f"none of the {len(x)} galaxies is on the image of band {image.band}: check that ra "
            "and dec of the sample and the coordinates of the image are of one field"
        )
        warnings.warn(msg, DustestWarning, stacklevel=3)
    if correction is not None:
        factor = correction[:, np.newaxis, np.newaxis].astype(values.dtype)
        values, errors, bad = values * factor, errors * factor, bad | np.isnan(factor)
    pixel = np.stack([x, y], axis=1)
    # overlap_slices puts the corner of a cutout at this pixel of the mosaic.
    position = pixel - np.ceil(pixel - size / 2.0)
    return _Cutouts(values, errors, bad, inside, position, known, image.error is not None)


def _store(sample, cut, image, foreground_ebv):
    """Put the cutouts of a band into the sample, in place of those that were there."""
    band = image.band
    for kind in ("cutout", "cutout_err", "cutout_mask", "cutout_meta", "cutout_wcs"):
        if f"{kind}_{band}" in sample.colnames:
            del sample[f"{kind}_{band}"]
    sample.meta.pop(f"uncertainty_{band}", None)
    sample[f"cutout_{band}"] = u.Quantity(cut.values, image.unit, copy=False)
    if cut.has_error:
        sample[f"cutout_err_{band}"] = u.Quantity(cut.errors, image.unit, copy=False)
    sample[f"cutout_mask_{band}"] = cut.bad
    record = image.corrected if foreground_ebv is None else foreground_record(foreground_ebv)
    sample.meta.pop(f"{FOREGROUND_KEY}_cutout_{band}", None)
    if record:
        sample.meta[f"{FOREGROUND_KEY}_cutout_{band}"] = record


def _signal_to_noise(cut, aperture):
    """Signal-to-noise ratio in an aperture of `_aperture`, NaN without good pixels."""
    from photutils.aperture import aperture_photometry

    n, ny, nx = cut.values.shape
    snr = np.full(n, np.nan)
    rows = np.flatnonzero(cut.has_data)
    if rows.size == 0:
        return snr
    # One below the other, all cutouts make one image, whose apertures photutils sums at once.
    offset = np.stack([np.zeros(rows.size), ny * np.arange(rows.size)], axis=1)
    apertures = _apertures(cut.position[rows] + offset, *aperture)
    errors = cut.errors[rows] if cut.has_error else _scatter(cut.values[rows], cut.bad[rows])
    values, errors, bad = (
        array.reshape(-1, nx) for array in (cut.values[rows], errors, cut.bad[rows])
    )
    table = aperture_photometry(values, apertures, error=errors, mask=bad)
    total, noise = np.array(table["aperture_sum"]), np.array(table["aperture_sum_err"])
    np.divide(total, noise, out=total, where=noise > 0)
    snr[rows] = np.where(noise > 0, total, np.nan)
    return snr


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


def _add_flags(sample, cuts, snr, min_snr):
    """Add what the cutouts tell to the flags of the sample."""
    has_data = np.array([cut.has_data for cut in cuts])
    any_data = np.any(has_data, axis=0)
    bits = {
        "EDGE": np.any([cut.at_edge for cut in cuts], axis=0),
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
