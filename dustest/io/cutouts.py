"""Cutouts of galaxies from mosaics."""

import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from numbers import Integral

import numpy as np
from astropy import units as u

from dustest.data.checks.numbers import check_number
from dustest.data.checks.sample_columns import by_band
from dustest.data.containers.conversion import as_sample
from dustest.data.errors import DustestWarning, InputError
from dustest.data.kinds import KINDS
from dustest.data.signal_to_noise import SNR_DIAMETER, SNR_MIN, check_snr_min, is_faint
from dustest.io._foreground import (
    FOREGROUND_KEY,
    foreground_record,
    refuse_corrected,
)
from dustest.io._image.arguments import (
    as_diameter,
    foreground_factors,
    images_by_band,
    known_positions,
    merge_flags,
    pixel_positions,
    units_by_band,
)
from dustest.io._image.pixels import open_image
from dustest.io._image.stamps import cut_out

__all__ = ["add_cutouts"]

_SCALE_TOLERANCE = 0.01


def add_cutouts(
    sample,
    images,
    *,
    size=32,
    unit=None,
    aperture=SNR_DIAMETER * u.arcsec,
    snr_min=SNR_MIN,
    noise_factor=1.0,
    foreground_ebv=None,
    progress=None,
):
    """Cut every galaxy of a sample from mosaics.

    Only the pixels around the galaxies are read, so that a mosaic may be larger than the memory,
    unless its file is compressed as a whole (``.fits.gz``). Cutouts have the pixels of the mosaic,
    without resampling or subtraction of a background, and a fixed shape: pixels beyond the edge
    are NaN and masked.

    Parameters
    ----------
    sample : GalaxySample or Table
        Galaxies with positions, ``ra`` and ``dec``.
    images : dict of str to image
        A mosaic for each band, whose name may be written in any way: a path or
        `~astropy.io.fits.HDUList`, whose extensions are found by name (see the notes); one of its
        images; a dictionary of ``sci``, ``err``, ``var``, ``wht``, ``mask`` and ``dq`` to these,
        each with one image; or an `~astropy.nddata.NDData` or `~astropy.nddata.CCDData` with
        ``wcs``. All must have pixels of one size.
    size : int, optional
        Side of the cutouts in pixels.
    unit : Unit or str, or dict of str to Unit or str, optional
        Unit of images without BUNIT. It may not contradict a declared one. Given by band, it
        also replaces a unit that is not understood or not one of fluxes.
    aperture : `~astropy.units.Quantity`, optional
        Diameter of the circular aperture in which the signal-to-noise ratio is measured.
    snr_min : float, optional
        Signal-to-noise ratio below which galaxies get the flag LOW_SNR.
    noise_factor : float or dict of str to float, optional
        True noise in the aperture over that of uncorrelated pixels, for all bands or each.
    foreground_ebv : str, float, or array_like of shape (n,), optional
        E(B-V) of the Milky Way in mag, or the name of a column of the sample. Pixels and errors
        are corrected for its dust (law G23 with R_V = 3.1), and ``meta`` records it.
    progress : bool, optional
        Whether to show a progress bar; by default on terminals and in notebooks, for runs of
        more than two seconds.

    Returns
    -------
    sample : GalaxySample
        A new table. ``cutout_<BAND>``, ``cutout_err_<BAND>`` (if there are errors) and
        ``cutout_mask_<BAND>`` of shape (n, size, size) in the unit of the image replace existing
        ones; ``snr_<BAND>``; ``pixel_scale`` in arcsec, the side of a square with the area of a
        pixel; ``flags``, added to existing ones.

    Raises
    ------
    InputError
        If positions, coordinates or units are missing, a unit is not understood, several images
        match, pixels differ in size, the image is already corrected for foreground dust, or an
        argument is out of range. All images are checked before the first cutout.
    ReadError
        If a file is missing or cannot be read.

    Warns
    -----
    DustestWarning
        If no galaxy is on an image, its pixels are not square, it has no error map, a band is
        unknown but similar to a known one, or extensions that look like errors or a mask are not
        used.

    See Also
    --------
    add_photometry : Measure total fluxes of galaxies on the same mosaics.

    Notes
    -----
    Extensions: the image is SCI or DATA, or the only one with another name. Errors are ERR (or
    ERROR, RMS, SIGMA, ...), else VAR (a variance, or VARIANCE), else WHT (an inverse variance, or
    IVM, WEIGHT); UTYPE states the kind of UNCERT. Their BUNIT is used. Without one, and if it
    equals that of the image, they are in the unit of the image to the power 1, 2 or -2. In MASK
    bad pixels are not 0, in DQ they have the bit DO_NOT_USE (1) of JWST. The band may be part of
    each name (``F277W_SCI``, ``ERR_F277W``), or the name of the image.

    Flags: EDGE if a cutout of any band extends beyond its image; BAD_PIXELS if any band has
    pixels that are masked, not finite or without a positive error; MISSING_BAND if some of the
    bands have no good pixel, NO_DATA if none has any (or the position is NaN); LOW_SNR if none of
    the bands of this call with a known signal-to-noise ratio reaches ``snr_min``.

    The signal-to-noise ratio is the sum over the good pixels of the aperture, divided by
    ``noise_factor`` and the root of the sum of their squared errors. Without errors, the pixel
    noise is the scaled median absolute deviation of the cutout, which includes the light of the
    galaxy and therefore overestimates the noise. Drizzling correlates the noise of neighbouring
    pixels, so that error maps underestimate it in apertures: in deep NIRCam mosaics at 0.03 arcsec
    by 1.2 in the short and up to 3 in the long channel, for this aperture.

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
    known, sky = known_positions(sample)
    images = _check_arguments(images, size, snr_min)
    units = units_by_band(unit, images)
    factors = _factors(noise_factor, images)
    diameter = as_diameter(aperture)
    corrections = foreground_factors(foreground_ebv, sample, images)
    with ExitStack() as stack:
        opened = {
            band: stack.enter_context(open_image(source, band, **units.get(band, {})))
            for band, source in images.items()
        }
        apertures = _check_images(sample, opened, diameter, size, foreground_ebv)
        cuts = {}
        for band in images:
            with opened.pop(band) as image:
                position = pixel_positions(image, known, sky)
                cuts[band] = cut_out(image, *position, size, progress)
                if foreground_ebv is not None:
                    cuts[band] = cuts[band].multiply(corrections[band])
                _store(sample, cuts[band], image, foreground_ebv)
            sample[f"snr_{band}"] = cuts[band].signal_to_noise(apertures[band]) / factors[band]
    snr = np.array([sample[f"snr_{band}"] for band in cuts])
    _add_flags(sample, list(cuts.values()), snr, known, snr_min)
    return sample


def _check_arguments(images, size, snr_min):
    """Images by band, after a check of all arguments."""
    check_number(size, "size", 1, kind=Integral, expected="a whole number of pixels from 1")
    check_snr_min(snr_min)
    return images_by_band(images, "images")


def _factors(noise_factor, bands):
    """Noise factor of each band."""
    if isinstance(noise_factor, Mapping):
        given = by_band(noise_factor, bands, "noise_factor")
    else:
        given = dict.fromkeys(bands, noise_factor)
    for factor in given.values():
        expected = "a positive number, for all bands or each"
        check_number(factor, "noise_factor", 0.0, above=True, expected=expected)
    return {band: float(given.get(band, 1.0)) for band in bands}


def _check_images(sample, images, diameter, size, foreground_ebv):
    """Apertures in pixels by band, after a check that all images are consistent."""
    apertures = {}
    for band, image in images.items():
        _set_pixel_scale(sample, band, image, images)
        apertures[band] = _aperture(image, diameter, size)
        if image.error is None:
            _warn_of_no_errors(band)
        if foreground_ebv is not None:
            refuse_corrected(image.corrected, f"the image of band {band}")
    return apertures


def _set_pixel_scale(sample, band, image, images):
    """Store the pixel size, which all bands share."""
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


def _warn_of_no_errors(band):
    """Warn that the noise is an estimate."""
    msg = (
        f"the image of band {band} has no error map: its noise is estimated from the scatter of "
        "each cutout, which counts the light of the galaxy, so that LOW_SNR may be wrong; give "
        'errors where there are any, as an extension ERR or as {"sci": ..., "err": ...}'
    )
    warnings.warn(msg, DustestWarning, stacklevel=4)


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


def _store(sample, cut, image, foreground_ebv):
    """Store the cutouts of a band in the sample, in place of existing ones."""
    band = image.band
    sample.remove_columns(KINDS["cutout"].columns_of(band, sample))
    sample.meta.pop(f"uncertainty_{band}", None)
    sample[f"cutout_{band}"] = u.Quantity(cut.values, image.unit, copy=False)
    if cut.has_error:
        sample[f"cutout_err_{band}"] = u.Quantity(cut.errors, image.unit, copy=False)
    sample[f"cutout_mask_{band}"] = cut.bad
    record = image.corrected if foreground_ebv is None else foreground_record(foreground_ebv)
    sample.meta.pop(f"{FOREGROUND_KEY}_cutout_{band}", None)
    if record:
        sample.meta[f"{FOREGROUND_KEY}_cutout_{band}"] = record


def _add_flags(sample, cuts, snr, known, snr_min):
    """Add flags of the cutouts to those of the sample."""
    has_data = np.array([cut.has_data for cut in cuts])
    any_data = np.any(has_data, axis=0)
    bits = {
        "EDGE": known & np.any([cut.at_edge for cut in cuts], axis=0),
        "BAD_PIXELS": np.any([cut.has_bad_pixels for cut in cuts], axis=0),
        "MISSING_BAND": any_data & ~np.all(has_data, axis=0),
        "NO_DATA": ~any_data,
        # An unknown ratio is not low.
        "LOW_SNR": any_data & is_faint(snr, snr_min),
    }
    merge_flags(sample, bits)
