"""Point-spread functions of the images of a call."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dustest.data.checks.sample_columns import by_band
from dustest.data.errors import InputError
from dustest.physics import PSF, make_psf, read_psf, resample_psf
from dustest.physics.telescope.psf import PSF_FIELD, warn_of_unlikely

__all__ = ["describe_psf", "psf_of_bands"]

_SAME_SCALE = 1e-3
_DIGITS = 6
"""Digits of the pixels over the brightest one of which the digest is made."""
_MATCHED = "matched"
"""What other functions take for images with one point-spread function."""


def psf_of_bands(given, images):
    """Point-spread function of each image, on its pixels.

    Parameters
    ----------
    given : PSF, ndarray, path or None, or dict of str to these
        The argument of the user; one for all bands, or by band.
    images : dict of str to Image
        The images.

    Returns
    -------
    psfs : dict of str to PSF
        By band.

    Raises
    ------
    InputError
        If it is of another type, or none is known for a band.
    ReadError
        If a file cannot be read.

    Warns
    -----
    DustestWarning
        If a given one is off centre, or has an improbable width.
    """
    if isinstance(given, str) and given == _MATCHED:
        msg = (
            f"psf must be the one of all images if they are matched, such as "
            f'psf="psf_f444w.fits", got {given!r}: fluxes need it for their aperture correction'
        )
        raise InputError(msg)
    if isinstance(given, Mapping):
        chosen = by_band(given, images, "psf")
    else:
        chosen = dict.fromkeys(images, given)
    psfs = {band: _psf(chosen.get(band), image) for band, image in images.items()}
    warn_of_unlikely(psfs, [band for band, one in chosen.items() if one is not None])
    return psfs


def describe_psf(given, band, psf):
    """Describe the point-spread function of a band, for ``meta``.

    Parameters
    ----------
    given : PSF, ndarray, path or None, or dict of str to these
        The argument of the user.
    band : str
        The band.
    psf : PSF
        The function, on the pixels of the mosaic.

    Returns
    -------
    record : dict
        Its ``origin``, which is ``"computed"``, ``"given"`` or the name of the file; ``fwhm`` and
        ``pixel_scale`` in arcsec; ``size`` in pixels; and ``digest``, of the pixels.
    """
    pixels = np.round(psf.image / psf.image.max() * 10.0**_DIGITS).astype("<i4")
    return {
        "origin": _origin(given, band),
        "fwhm": round(psf.fwhm, 4),
        "pixel_scale": round(psf.pixel_scale, 5),
        "size": psf.size,
        "digest": hashlib.sha256(pixels.tobytes()).hexdigest()[:16],
    }


def _origin(given, band):
    """Origin of a point-spread function: computed, given, or the name of a file."""
    if isinstance(given, Mapping):
        given = by_band(given, None, "psf").get(band)
    if given is None:
        return "computed"
    return Path(given).name if isinstance(given, str | os.PathLike) else "given"


def _psf(given, image):
    """Point-spread function of one image."""
    scale, name = image.pixel_scale, f"psf of band {image.band}"
    if given is None:
        return _computed(image)
    if isinstance(given, str | os.PathLike):
        return _read(given, scale, name)
    if isinstance(given, np.ndarray):
        try:
            return PSF(given, scale)
        except InputError as error:
            msg = f"{name}: {error}"
            raise InputError(msg) from error
    if not isinstance(given, PSF):
        msg = (
            f"{name} must be a PSF, an array on the pixels of the image, the path of a FITS file, "
            f"or None, got {type(given).__name__}"
        )
        raise InputError(msg)
    if np.isclose(given.pixel_scale, scale, rtol=_SAME_SCALE):
        return given
    return resample_psf(given, scale)


def _read(path, scale, name):
    """Point-spread function of a file."""
    try:
        return read_psf(path, pixel_scale=scale)
    except InputError as error:
        msg = f"{name}: {error}, and pass its result as psf"
        raise InputError(msg) from error


def _computed(image):
    """Point-spread function from the pupil of the telescope."""
    # Coordinates give a scale that differs by rounding from mosaic to mosaic.
    scale = round(image.pixel_scale, 5)
    try:
        return make_psf(image.band, pixel_scale=scale, size=int(PSF_FIELD / scale) | 1)
    except InputError as error:
        msg = f"psf must be given for band {image.band}: {error}"
        raise InputError(msg) from error
