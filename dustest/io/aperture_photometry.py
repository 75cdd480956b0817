"""Total fluxes of galaxies from mosaics."""

import json
import warnings
from contextlib import ExitStack

import numpy as np
from astropy import units as u

from dustest.data.checks.records import expect
from dustest.data.checks.units import FLUX_UNIT
from dustest.data.containers.conversion import as_sample
from dustest.data.errors import DustestWarning, InputError
from dustest.data.kinds import KINDS
from dustest.data.progress import progress_bar
from dustest.data.signal_to_noise import SNR_MIN, check_snr_min, is_faint
from dustest.io._foreground import FOREGROUND_KEY, foreground_record, refuse_corrected
from dustest.io._image.arguments import (
    as_diameter,
    foreground_factors,
    images_by_band,
    known_positions,
    merge_flags,
    pixel_positions,
    units_by_band,
)
from dustest.io._image.matched_apertures import MatchedApertures
from dustest.io._image.matched_photometry import Measured, MosaicBand, measure_galaxies
from dustest.io._image.pixels import open_image
from dustest.io._image.psf_of_bands import describe_psf, psf_of_bands
from dustest.io._image.sky_tiles import measure_noise
from dustest.io._image.stamps import warn_of_another_field
from dustest.io._image.total_fluxes import GrowthModels, point_factor
from dustest.physics import broadest_psf

__all__ = ["PHOTOMETRY_KEY", "add_photometry"]

PHOTOMETRY_KEY = "photometry"
"""Key of the record in ``meta``."""

_DIAMETER = 0.5
_GROWTH = (0.6, 1.0, 1.6, 2.4)
"""Radii of the curve of growth in units of that of the aperture."""
_OWN_APERTURE = 1
_AT_ONCE = 32
_LARGEST_FACTOR = 2.0
_SQUARE = 0.01
_CORRECTIONS = ("extended", "point", "none")


def add_photometry(
    sample,
    mosaics,
    *,
    aperture=_DIAMETER * u.arcsec,
    psf=None,
    correction="extended",
    background=False,
    unit=None,
    snr_min=SNR_MIN,
    foreground_ebv=None,
    progress=None,
):
    r"""Measure total fluxes of galaxies on mosaics.

    All bands are measured in the same circular aperture after they are matched to the broadest
    point-spread function, with neighbours removed, and corrected by the same factor to total
    fluxes, so that colours are those of the aperture. Only pixels around the galaxies are read.

    Parameters
    ----------
    sample : GalaxySample or Table
        Galaxies with positions, ``ra`` and ``dec``.
    mosaics : dict of str to image
        A mosaic for each band, as of `add_cutouts`. Pixels must be square, but may differ in size
        and orientation between bands. A background must be subtracted, see ``background``.
    aperture : `~astropy.units.Quantity`, optional
        Diameter of the circular aperture.
    psf : PSF, ndarray, path or None, or dict of str to these, optional
        Point-spread function of each band, or of all: a `~dustest.physics.PSF`, an image on the
        pixels of the mosaic, the path of a FITS file, or None for that of
        `~dustest.physics.make_psf`, which is computed from the pupil of JWST and not rotated to
        the position angle of the observation.
    correction : {"extended", "point", "none"}, optional
        Correction for light outside the aperture: by the curve of growth of each galaxy, measured
        on the mean of all bands (see the notes); by the encircled energy of a point source; or
        none.
    background : bool, optional
        Whether the mean of the sky around each galaxy is subtracted.
    unit : Unit or str, or dict of str to Unit or str, optional
        Unit of images without BUNIT, as of `add_cutouts`.
    snr_min : float, optional
        Signal-to-noise ratio below which galaxies get the flag LOW_SNR.
    foreground_ebv : str, float, or array_like of shape (n,), optional
        E(B-V) of the Milky Way in mag, or the name of a column of the sample. Fluxes and errors
        are corrected for its dust (law G23 with R_V = 3.1), and ``meta`` records it.
    progress : bool, optional
        Whether to show a progress bar; by default on terminals and in notebooks, for runs of
        more than two seconds.

    Returns
    -------
    sample : GalaxySample
        A new table. ``flux_<BAND>`` and ``flux_err_<BAND>`` in nJy replace existing ones.
        ``aperture_correction`` and ``aperture_correction_err`` are the factor to total fluxes and
        its error, which is contained in the errors of the fluxes and common to all bands;
        ``replaced_fraction`` is the largest fraction of the aperture in any band that was
        replaced because of neighbours or bad pixels; ``flags``, added to existing ones.
        ``meta["photometry"]`` records in JSON how fluxes were measured, with origin, width,
        pixel scale and digest of the point-spread functions.

    Raises
    ------
    InputError
        If positions, coordinates or units are missing, a unit is not understood, several images
        match, pixels are not square, the image is already corrected for foreground dust, no
        point-spread function is known for a band, or an argument is out of range. All images are
        checked before the first flux is measured.
    ReadError
        If a file is missing or cannot be read.
    MissingDependencyError
        If a point-spread function must be computed and poppy is not installed.

    Warns
    -----
    DustestWarning
        If no galaxy is on an image, the noise of a band cannot be measured, galaxies are too
        large for the aperture, an image has no error map, a band is unknown but similar to a
        known one, extensions that look like errors or a mask are not used, a given point-spread
        function is off centre or has an improbable width for its band of JWST, or other bands
        keep the fluxes of an earlier call.

    See Also
    --------
    add_cutouts : Cut out images of galaxies from the same mosaics.

    Notes
    -----
    **Matching.** The sum in an aperture on an image convolved with a kernel is a weighted sum of
    the original pixels. The kernel is that of `~dustest.physics.matching_kernel`, cut off at 0.6
    arcsec, and weights are normalised so that a point source has the encircled energy of the
    broadest band. Apertures are centred on the positions of the sample.

    **Neighbours** are found on the mean signal-to-noise ratio of all bands, smoothed by the
    broadest point-spread function: at least five connected pixels above four standard
    deviations, deblended. Their pixels, and bad ones, are replaced by those on the opposite side
    of the galaxy. Pixels in the aperture whose opposite is unusable as well, such as that of the
    centre, are estimated from the pixels around them, with the slope of a point source; the
    difference from an estimate without a slope is added to the error. Further out they count as
    empty. A band has no flux where more than a tenth of the light of a point source is lost in
    this way.

    **Errors** follow from the covariance of the pixels in units of their errors, measured on the
    sky of up to 64 parts of 128 pixels around the galaxies
    (`~dustest.physics.measure_noise_correlation`). So they contain the correlation of drizzled
    images, wrong scales of error maps, undetected sources, and variations of the depth as far as
    the error map has them. Without an error map, the scatter of the sky around each galaxy
    replaces it; photon noise of the galaxy is then not contained. There is no flux without sky.

    **Extended sources.** Fluxes in apertures of 0.6, 1, 1.6 and 2.4 times the diameter, summed
    over all bands with weights of the inverse variance, are compared with those of round
    galaxies of five profiles (`~dustest.physics.growth_curves`, mostly exponential discs), with
    half-light radii of 0.12 arcsec within 0.3 dex as the prior. The mean and the standard
    deviation of the correction over all of them are used, plus an error of a
    tenth of the part that goes beyond the correction of a point source, for galaxies of other
    shapes. Colour gradients are ignored. Galaxies with more than half of their light outside the
    aperture need a larger one.

    Flags: EDGE if the aperture of any band extends beyond its image; BAD_PIXELS if it contains
    bad pixels in any band; MISSING_BAND if some of the bands have no flux, NO_DATA if none has
    any (or the position is NaN); LOW_SNR if no flux of this call reaches ``snr_min``.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from astropy.nddata import CCDData, StdDevUncertainty
    >>> from astropy.table import QTable
    >>> from astropy.wcs import WCS
    >>> from dustest.io import add_photometry
    >>> from dustest.physics import PSF
    >>> y, x = np.mgrid[-100:101, -100:101]
    >>> star = np.exp(-0.5 * (x**2 + y**2) / 2.0**2)
    >>> pixels = 80.0 * star / star.sum() + np.random.default_rng(1).normal(0.0, 0.1, star.shape)
    >>> wcs = WCS(naxis=2)
    >>> wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [53.1, -27.8]
    >>> wcs.wcs.crpix, wcs.wcs.cdelt = [101, 101], [-0.03 / 3600, 0.03 / 3600]
    >>> error = StdDevUncertainty(np.full(star.shape, 0.1))
    >>> mosaic = CCDData(pixels, unit=u.nJy, wcs=wcs, uncertainty=error)
    >>> positions = QTable({"ra": [53.1] * u.deg, "dec": [-27.8] * u.deg})
    >>> sample = add_photometry(
    ...     positions, {"F277W": mosaic}, psf=PSF(star, 0.03), correction="point"
    ... )
    >>> print(sample["flux_F277W"].round(), sample["flux_err_F277W"].round())
    [80.] nJy [1.] nJy
    """
    sample = as_sample(sample)
    known, sky = known_positions(sample)
    mosaics = images_by_band(mosaics, "mosaics")
    check_snr_min(snr_min)
    expect(
        correction in _CORRECTIONS, "correction", f"one of {', '.join(_CORRECTIONS)}", correction
    )
    expect(isinstance(background, bool), "background", "True or False", background)
    units = units_by_band(unit, mosaics)
    diameter = as_diameter(aperture, f"{_DIAMETER}")
    radii = 0.5 * diameter * np.array(_GROWTH)
    foreground = foreground_factors(foreground_ebv, sample, mosaics)
    earlier = _earlier(sample, mosaics)
    with ExitStack() as stack:
        images = {
            band: stack.enter_context(open_image(source, band, **units.get(band, {})))
            for band, source in mosaics.items()
        }
        for image in images.values():
            _check_image(image, foreground_ebv)
        psfs = psf_of_bands(psf, images)
        broadest = broadest_psf(psfs)
        _check_diameter(diameter, psfs[broadest], radii, images)
        bands = {
            band: _prepare(
                image,
                pixel_positions(image, known, sky),
                psfs[band],
                psfs[broadest],
                radii,
                background=background,
            )
            for band, image in images.items()
        }
        measured = _measure_all(bands, broadest, len(sample), background, progress)
    factor, error = _factors(correction, measured, psfs[broadest], radii)
    for band, result in measured.items():
        _store(sample, band, result, factor, error, foreground.get(band, 1.0))
        _record_foreground(sample, images[band], foreground_ebv)
    sample["aperture_correction"], sample["aperture_correction_err"] = factor, error
    sample["replaced_fraction"] = np.max([each.replaced for each in measured.values()], axis=0)
    _add_flags(sample, measured, known, snr_min)
    record = {
        "aperture_arcsec": diameter,
        "correction": correction,
        "background": background,
        "target_psf": broadest,
        "psf": {band: describe_psf(psf, band, each) for band, each in psfs.items()},
        "noise": {band: _describe_noise(each.noise) for band, each in bands.items()},
    }
    sample.meta[PHOTOMETRY_KEY] = json.dumps(record | earlier)
    return sample


def _earlier(sample, bands):
    """Record of an earlier call whose fluxes remain, with a warning; empty without any."""
    try:
        record = json.loads(sample.meta.get(PHOTOMETRY_KEY, "{}"))
        kept = [band for band in record.get("psf", {}) if band not in bands]
    except (AttributeError, TypeError, ValueError):
        # A user's own entry.
        return {}
    kept = [band for band in kept if band in sample.bands]
    if not kept:
        return {}
    msg = (
        f"the fluxes of {', '.join(kept)} are of an earlier call and have another aperture, "
        f"point-spread function or correction than those of {', '.join(bands)}: colours between "
        "them are biased; measure all bands in one call"
    )
    warnings.warn(msg, DustestWarning, stacklevel=3)
    return {"earlier": record}


def _check_image(image, foreground_ebv):
    """Refuse images that cannot be measured, and warn of those without errors."""
    stretches = np.linalg.svd(image.pixel_matrix, compute_uv=False)
    if stretches[0] > (1.0 + _SQUARE) * stretches[1]:
        msg = (
            f"mosaics must have square pixels, but those of band {image.band} measure "
            f"{stretches[0]:.4f} by {stretches[1]:.4f} arcsec; resample the mosaic"
        )
        raise InputError(msg)
    if image.error is None:
        msg = (
            f"the mosaic of band {image.band} has no error map: its noise is the scatter of the "
            "sky around each galaxy, without photon noise; give errors where there are any, as an "
            'extension ERR or as {"sci": ..., "err": ...}'
        )
        warnings.warn(msg, DustestWarning, stacklevel=3)
    if foreground_ebv is not None:
        refuse_corrected(image.corrected, f"the mosaic of band {image.band}")


def _check_diameter(diameter, target, radii, images):
    """Refuse apertures that the point-spread function does not cover, and those below a pixel."""
    band = max(images, key=lambda name: images[name].pixel_scale)
    side = images[band].pixel_scale
    if diameter < side:
        msg = (
            f"aperture must be at least a pixel of band {band}, {side:.3f} arcsec, got "
            f"{diameter:g} arcsec; take one of the width of the point-spread function, "
            f"{target.fwhm:.2f} arcsec, or more"
        )
        raise InputError(msg)
    largest = 0.5 * target.size * target.pixel_scale
    if radii.max() > largest:
        msg = (
            f"aperture must be at most {largest * diameter / radii.max():.2f} arcsec for a "
            f"point-spread function of {2.0 * largest:.2f} arcsec, whose image must contain the "
            f"curve of growth, got {diameter:g}; give a larger image as psf"
        )
        raise InputError(msg)


def _prepare(image, position, psf, target, radii, *, background):
    """Weights and noise of a mosaic."""
    on_image = np.all((position > -0.5) & (np.array(image.shape[::-1]) - 0.5 > position.T).T, 0)
    if not np.any(on_image):
        warn_of_another_field(image.band, position.shape[1], stacklevel=4)
    width = target.fwhm
    return MosaicBand(
        image,
        position,
        MatchedApertures(psf, target, radii),
        measure_noise(image, position, width, background=background),
        width / image.pixel_scale,
        _to_njy(image),
    )


def _to_njy(image):
    """Factor from pixel values to nJy."""
    if image.unit.is_equivalent(FLUX_UNIT):
        return float(image.unit.to(u.nJy))
    area = (image.pixel_scale * u.arcsec) ** 2
    return float((1.0 * image.unit * area).to_value(u.nJy))


def _measure_all(bands, reference, n, background, progress):
    """Measure all galaxies in parts."""
    parts = [np.arange(first, min(first + _AT_ONCE, n)) for first in range(0, n, _AT_ONCE)]
    found = []
    with progress_bar(None, progress, total=n, desc="photometry", unit="galaxy") as bar:
        for rows in parts:
            found.append(
                measure_galaxies(bands, reference, rows, _OWN_APERTURE, background=background)
            )
            bar.update(len(rows))
    names = ("flux", "covariance", "replaced", "at_edge", "has_bad_pixels")
    return {
        band: Measured(
            *(np.concatenate([getattr(part[band], name) for part in found]) for name in names)
        )
        for band in bands
    }


def _factors(correction, measured, target, radii):
    """Factors from fluxes in the aperture to total ones, and their errors."""
    if correction == "extended":
        factor, error = _growth_factors(measured, target, radii)
        _warn_of_large(factor - error, 2.0 * radii[_OWN_APERTURE])
        return factor, error
    n = len(next(iter(measured.values())).flux)
    factor = 1.0 if correction == "none" else point_factor(target, radii[_OWN_APERTURE])
    return np.full(n, factor), np.zeros(n)


def _growth_factors(measured, target, radii):
    """Factors to total fluxes and their errors, from the mean of all bands."""
    flux = np.array([each.flux for each in measured.values()])
    covariance = np.array([each.covariance for each in measured.values()])
    with np.errstate(divide="ignore"):
        weight = 1.0 / covariance[:, :, _OWN_APERTURE, _OWN_APERTURE]
    usable = np.isfinite(weight) & np.all(np.isfinite(flux), axis=2)
    weight = np.where(usable, weight, 0.0)
    total = np.sum(np.where(usable[..., None], flux, 0.0) * weight[..., None], axis=0)
    square = weight[..., None, None] ** 2
    spread = np.sum(np.where(usable[..., None, None], covariance, 0.0) * square, axis=0)
    total[~np.any(usable, axis=0)] = np.nan
    return GrowthModels(target, radii).factor(total, spread, _OWN_APERTURE)


def _warn_of_large(least, diameter):
    """Warn of galaxies whose total fluxes depend mostly on the model of the curve of growth."""
    n_large = np.count_nonzero(least > _LARGEST_FACTOR)
    if n_large:
        msg = (
            f"{n_large} of {len(least)} galaxies have more than half of their light outside the "
            f"aperture of {diameter:g} arcsec: their total fluxes depend on the model of their "
            "profile; give a larger aperture"
        )
        warnings.warn(msg, DustestWarning, stacklevel=4)


def _store(sample, band, result, factor, error, foreground):
    """Store the total fluxes of a band in the sample, in place of existing ones."""
    flux = result.flux[:, _OWN_APERTURE]
    variance = result.covariance[:, _OWN_APERTURE, _OWN_APERTURE] * factor**2
    flux_err = np.sqrt(variance + (flux * error) ** 2)
    sample.remove_columns(KINDS["flux"].columns_of(band, sample))
    sample[f"flux_{band}"] = flux * factor * foreground << u.nJy
    sample[f"flux_err_{band}"] = flux_err * foreground << u.nJy


def _record_foreground(sample, image, foreground_ebv):
    """Record a correction for the dust of the Milky Way, by this call or of the image."""
    key = f"{FOREGROUND_KEY}_flux_{image.band}"
    record = image.corrected if foreground_ebv is None else foreground_record(foreground_ebv)
    sample.meta.pop(key, None)
    if record:
        sample.meta[key] = record


def _add_flags(sample, measured, known, snr_min):
    """Add flags of the photometry to those of the sample."""
    flux = np.array([each.flux[:, _OWN_APERTURE] for each in measured.values()])
    variance = np.array(
        [each.covariance[:, _OWN_APERTURE, _OWN_APERTURE] for each in measured.values()]
    )
    has_data = np.isfinite(flux)
    any_data = np.any(has_data, axis=0)
    merge_flags(
        sample,
        {
            "EDGE": known & np.any([each.at_edge for each in measured.values()], axis=0),
            "BAD_PIXELS": np.any([each.has_bad_pixels for each in measured.values()], axis=0),
            "MISSING_BAND": any_data & ~np.all(has_data, axis=0),
            "NO_DATA": ~any_data,
            "LOW_SNR": any_data & is_faint(flux / np.sqrt(variance), snr_min),
        },
    )


def _describe_noise(noise):
    """Properties of the noise of a band, for ``meta``."""
    lags = [round(noise.correlation(lag), 3) for lag in (1, 2, 3)]
    return {"error_scale": round(noise.rms, 3), "autocorrelation": lags}
