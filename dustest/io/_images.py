"""Images from files and memory, opened so that only the pixels asked for are ever read."""

import warnings
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import NDData, StdDevUncertainty
from astropy.wcs import WCS, FITSFixedWarning
from astropy.wcs.utils import proj_plane_pixel_scales, wcs_to_celestial_frame

from dustest.data.columns import band_column_name
from dustest.data.errors import DustestError, DustestWarning, InputError, ReadError
from dustest.data.messages import shown
from dustest.data.units import FLUX_UNIT, parse_unit
from dustest.io._files import PARSER_ERRORS, check_file, reason

__all__ = ["Image", "open_image"]

_EXTENSIONS = {
    "sci": ("SCI", "DATA"),
    "err": ("ERR", "ERROR", "RMS"),
    "wht": ("WHT", "WEIGHT", "IVM"),
    "mask": ("MASK",),
    "dq": ("DQ",),
}
_DO_NOT_USE = 1
_ROTATION_TOLERANCE = 0.01
_IMAGE_HDUS = fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU


@dataclass(frozen=True)
class Image:
    """An image with what tells the error and the quality of its pixels.

    Parameters
    ----------
    sci : sliceable of shape (ny, nx)
        Pixel values.
    wcs : `~astropy.wcs.WCS`
        Celestial coordinates.
    unit : `~astropy.units.UnitBase`
        Unit of ``sci``.
    err, wht, mask, dq : sliceable of shape (ny, nx), optional
        Standard deviation, inverse variance, mask (not 0 = bad) and data-quality bits.
    err_scale : float, optional
        What turns ``err`` into ``unit``.
    """

    sci: object
    wcs: object
    unit: object
    err: object = None
    wht: object = None
    mask: object = None
    dq: object = None
    err_scale: float = 1.0

    @property
    def shape(self):
        """Number of rows and columns."""
        return tuple(self.sci.shape)

    @cached_property
    def dtype(self):
        """Type of floats that hold the pixel values without loss."""
        stored = _take(self.sci, (slice(0, 1), slice(0, 1))).dtype
        return np.result_type(stored, np.float32).newbyteorder("=")

    @property
    def pixel_scale(self):
        """Side of a pixel in arcsec."""
        degrees = np.mean(proj_plane_pixel_scales(self.wcs))
        return float(degrees * u.deg.to(u.arcsec))

    @property
    def has_error(self):
        """Whether there is anything that tells the error."""
        return self.err is not None or self.wht is not None

    def read(self, slices):
        """Pixels of a rectangle.

        Parameters
        ----------
        slices : tuple of slice
            Rows and columns, inside the image.

        Returns
        -------
        values, errors : ndarray of shape (ny, nx)
            Pixel values and standard deviations, NaN where unknown.
        bad : ndarray of bool of shape (ny, nx)
            Pixels that are masked, not finite or without a positive error.

        Raises
        ------
        ReadError
            If the file breaks off or is damaged there.
        """
        values = _take(self.sci, slices).astype(self.dtype)
        bad = ~np.isfinite(values)
        errors = np.full(values.shape, np.nan, dtype=values.dtype)
        if self.err is not None:
            errors = _take(self.err, slices).astype(values.dtype) * self.err_scale
        elif self.wht is not None:
            weight = _take(self.wht, slices).astype(float)
            errors[weight > 0] = weight[weight > 0] ** -0.5
        if self.has_error:
            bad |= ~(np.isfinite(errors) & (errors > 0))
        if self.mask is not None:
            bad |= _take(self.mask, slices) != 0
        if self.dq is not None:
            bad |= _take(self.dq, slices).astype(np.int64) & _DO_NOT_USE != 0
        return values, errors, bad


def _take(array, slices):
    """Pixels of a rectangle, out of the file where they are not in memory."""
    try:
        return np.asarray(array[slices])
    except PARSER_ERRORS as error:
        rows, columns = slices
        msg = f"the image is damaged at rows {rows}, columns {columns}: {reason(error)}"
        raise ReadError(msg) from error


@contextmanager
def open_image(source, band, unit=None):
    """Open the image of a band.

    Parameters
    ----------
    source : str, path-like, HDUList, NDData or dict
        See `dustest.io.add_cutouts`.
    band : str
        Short name of the band.
    unit : `~astropy.units.UnitBase`, optional
        Unit of an image that declares none.

    Yields
    ------
    image : Image
        The image; files are closed afterwards.

    Raises
    ------
    InputError
        If the source is of an unknown kind, or lacks the image, its coordinates or its unit.
    ReadError
        If a file is missing or cannot be read.
    """
    if isinstance(source, NDData):
        yield _from_nddata(source, band, unit)
        return
    with ExitStack() as stack:
        try:
            hdus = _find_hdus(source, band, stack)
            image = _from_hdus(hdus, band, unit, stack)
        except DustestError:
            raise
        except PARSER_ERRORS as error:
            msg = f"the image of band {band} cannot be read: {reason(error)}"
            raise ReadError(msg) from error
        yield image


def _from_nddata(source, band, unit):
    """Image from an object in memory."""
    if source.data.ndim != 2:
        msg = f"the image of band {band} must have 2 axes, got shape {source.data.shape}"
        raise InputError(msg)
    own = _pixel_unit(source.unit, unit, band)
    err, scale = None, 1.0
    if source.uncertainty is not None:
        # Taken through the variance, as represent_as does, a negative deviation would lose its
        # sign, which marks bad pixels.
        deviation = source.uncertainty
        if not isinstance(deviation, StdDevUncertainty):
            deviation = deviation.represent_as(StdDevUncertainty)
        err = deviation.array
        scale = 1.0 if deviation.unit is None else deviation.unit.to(source.unit or own)
    wcs = _celestial(source.wcs, band)
    return Image(source.data, wcs, own, err=err, mask=source.mask, err_scale=scale)


def _find_hdus(source, band, stack):
    """Header-data units by what they hold."""
    if isinstance(source, dict):
        unknown = sorted(set(source) - set(_EXTENSIONS))
        if unknown or "sci" not in source:
            msg = (
                f"images[{band!r}] must have the key 'sci' and may have {shown(list(_EXTENSIONS))}"
                f", got {shown(list(source))}"
            )
            raise InputError(msg)
        opened = {kind: _open(item, band, stack) for kind, item in source.items()}
        return {kind: _find(hdus, kind, band, lone=True) for kind, hdus in opened.items()}
    hdus = _open(source, band, stack)
    return {kind: _find(hdus, kind, band, lone=kind == "sci") for kind in _EXTENSIONS}


def _open(source, band, stack):
    """List of header-data units, closed with the stack where it was opened here."""
    if isinstance(source, fits.HDUList):
        return source
    if isinstance(source, str | Path):
        return stack.enter_context(fits.open(check_file(source), memmap=True))
    msg = (
        f"images[{band!r}] must be a path, an HDUList, an NDData, or a dict of paths with the "
        f"keys sci, err, wht, mask, got {type(source).__name__}"
    )
    raise InputError(msg)


def _find(hdus, kind, band, lone):
    """Unit of a kind: by the band's own name, by the plain name, or the lone image."""
    images = [hdu for hdu in hdus if isinstance(hdu, _IMAGE_HDUS) and len(hdu.shape) == 2]
    names = _EXTENSIONS[kind]
    for hdu in images:
        prefix, _, name = hdu.name.rpartition("_")
        if name in names and prefix and band_column_name(prefix) == band:
            return hdu
        if kind == "sci" and hdu.name and band_column_name(hdu.name) == band:
            return hdu
    for hdu in images:
        if hdu.name in names:
            return hdu
    if lone and images and images[0].name in ("", "PRIMARY"):
        return images[0]
    if not lone:
        return None
    msg = (
        f"images[{band!r}] must hold a 2-D image named {names[0]} or {band}_{names[0]}, found "
        f"{shown([hdu.name for hdu in hdus])}"
    )
    raise InputError(msg)


def _from_hdus(hdus, band, unit, stack):
    """Image from header-data units."""
    header = hdus["sci"].header
    own = _pixel_unit(header.get("BUNIT"), unit, band)
    arrays = {kind: _pixels(hdu, stack) for kind, hdu in hdus.items() if hdu is not None}
    for kind, array in arrays.items():
        if tuple(array.shape) != tuple(arrays["sci"].shape):
            msg = f"{kind} of band {band} must have the shape {arrays['sci'].shape} of sci, got "
            raise InputError(msg + f"{array.shape}")
    scale = 1.0
    if "err" in arrays:
        err_unit = parse_unit(hdus["err"].header.get("BUNIT"))
        scale = 1.0 if err_unit is None else _per_pixel(err_unit).to(own)
    return Image(wcs=_celestial(_wcs(header), band), unit=own, err_scale=scale, **arrays)


def _pixels(hdu, stack):
    """Pixels of a unit as something to slice.

    An array that is stored as it is used is mapped into memory. Compressed and scaled ones
    would be unpacked as a whole, so they are read section by section; astropy does that for
    scaled ones only where the file is not mapped.
    """
    if isinstance(hdu, fits.CompImageHDU):
        return hdu.section
    place = hdu.fileinfo()
    if place is None:
        return hdu.data
    if not any(key in hdu.header for key in ("BSCALE", "BZERO", "BLANK")):
        return hdu.data
    again = stack.enter_context(fits.open(place["file"].name, memmap=False))
    twin = next(item for item in again if item.fileinfo()["hdrLoc"] == place["hdrLoc"])
    return twin.section


def _wcs(header):
    """Coordinates that a header tells; the dates that astropy puts right do not matter here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        return WCS(header)


def _celestial(wcs, band):
    """Celestial part of the coordinates."""
    try:
        wcs = wcs.celestial
        wcs_to_celestial_frame(wcs)
    except (AttributeError, ValueError) as error:
        msg = f"the image of band {band} must have celestial coordinates (WCS) of a known frame"
        raise InputError(msg) from error
    norms = np.linalg.norm(wcs.wcs.get_pc(), axis=1)
    if np.all(wcs.wcs.get_cdelt() != 1.0) and np.any(np.abs(norms - 1.0) > _ROTATION_TOLERANCE):
        scales = np.abs(wcs.wcs.get_cdelt()) * 3600.0
        msg = (
            f"the rotation (PC) of the image of band {band} is not one, as if part of it were "
            f"lost: CDELT says pixels of {scales[0]:.4f} arcsec, its coordinates "
            f"{scales[0] * norms[0]:.4f}; check the header"
        )
        warnings.warn(msg, DustestWarning, stacklevel=6)
    return wcs


def _pixel_unit(declared, given, band):
    """Unit of the pixels: the declared one, else the given one."""
    own = parse_unit(declared)
    own = None if own is None else _per_pixel(own)
    if own is not None and given is not None and own != given:
        msg = f"unit is {given}, but the image of band {band} declares {own}; leave unit out"
        raise InputError(msg)
    own = given if own is None else own
    if own is None:
        msg = f"unit must be given, such as unit=astropy.units.nJy: band {band} declares none"
        raise InputError(msg)
    if not (own.is_equivalent(FLUX_UNIT) or own.is_equivalent(FLUX_UNIT / u.sr)):
        msg = (
            f"the image of band {band} must be in a flux density per pixel or a surface "
            f"brightness, got {own}; convert it first"
        )
        raise InputError(msg)
    return own


def _per_pixel(unit):
    """Unit without the word pixel: fluxes are per pixel anyway."""
    return unit * u.pix if (unit * u.pix).is_equivalent(FLUX_UNIT) else unit
