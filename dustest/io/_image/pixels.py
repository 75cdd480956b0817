"""Images from files and memory, of which only the requested pixels are read."""

import os
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import NDData
from astropy.wcs import WCS, FITSFixedWarning, NoConvergence
from astropy.wcs.utils import wcs_to_celestial_frame

from dustest.data.checks.images import ERROR_POWERS, full_mask, standard_deviation, to_deviation
from dustest.data.checks.units import FLUX_UNIT, agree, explain_unit, parse_unit, resolve_unit
from dustest.data.errors import DustestWarning, InputError, ReadError
from dustest.data.files.contents import check_contents
from dustest.data.files.parsing import check_file, refuse_damaged
from dustest.data.messages import argument
from dustest.io._foreground import FOREGROUND_KEY
from dustest.io._image.extensions import (
    ERROR_KINDS,
    IMAGE_HDUS,
    find_extension,
    find_extensions,
    kind_of_key,
    plane_shape,
    warn_of_unused,
)

__all__ = ["ErrorMap", "Image", "open_image"]

_DO_NOT_USE = 1
_ROTATION_TOLERANCE = 0.01
_STEP = 10.0
"""Pixels over which the pixel size is measured."""
_FLATTEST = 1e-4
"""Smallest ratio of the sides of a valid pixel."""
_SURFACE_BRIGHTNESS = FLUX_UNIT / u.sr
_PIXEL_UNIT = "a flux density per pixel or a surface brightness"


@dataclass(frozen=True)
class ErrorMap:
    """Errors of the pixels of an image.

    Parameters
    ----------
    pixels : sliceable of shape (..., ny, nx)
        The values; the axes before the last two have length one.
    kind : {"std", "var", "ivar"}
        Whether the values are standard deviations, variances or inverse variances.
    scale : float, optional
        Factor that converts the standard deviations to the unit of the image.
    """

    pixels: object
    kind: str = "std"
    scale: float = 1.0


@dataclass(frozen=True)
class Image:
    """An image with errors and masks of its pixels.

    It is a context manager that closes the files opened for it.

    Parameters
    ----------
    band : str
        Short name of its band.
    sci : sliceable of shape (..., ny, nx)
        Pixel values; the axes before the last two have length one.
    wcs : `~astropy.wcs.WCS`
        Celestial coordinates.
    unit : `~astropy.units.UnitBase`
        Unit of ``sci``.
    error : ErrorMap, optional
        Errors of the pixels.
    mask, dq : sliceable of shape (..., ny, nx), optional
        Mask (bad if not 0) and data-quality bits.
    corrected : str, optional
        Record of a correction for foreground dust; empty for none.
    files : ExitStack, optional
        Closes the files.
    """

    band: str
    sci: object
    wcs: object
    unit: object
    error: ErrorMap | None = None
    mask: object = None
    dq: object = None
    corrected: str = ""
    files: ExitStack = field(default_factory=ExitStack)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.files.close()

    @property
    def shape(self):
        """Number of rows and columns."""
        return plane_shape(self.sci.shape)

    @cached_property
    def dtype(self):
        """Float type that represents the pixel values without loss."""
        stored = self._take(self.sci, (slice(0, 1), slice(0, 1))).dtype
        return np.result_type(stored, np.float32).newbyteorder("=")

    @cached_property
    def pixel_matrix(self):
        """Steps on the sky along a row and along a column.

        Two columns of three Cartesian coordinates, in arcsec.
        """
        middle = np.array(self.shape[::-1]) // 2
        world = np.radians(self.wcs.all_pix2world(middle + _STEP * np.eye(3, 2, -1), 0))
        lon, lat = world[:, self.wcs.wcs.lng], world[:, self.wcs.wcs.lat]
        point = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        matrix = np.degrees(point[:, 1:] - point[:, :1]) * 3600.0 / _STEP
        if not np.all(np.isfinite(matrix)) or np.linalg.matrix_rank(matrix, rtol=_FLATTEST) < 2:
            msg = (
                f"the coordinates (WCS) of the image of band {self.band} must give its pixels an "
                "area on the sky; check its header"
            )
            raise InputError(msg)
        return matrix

    @property
    def pixel_scale(self):
        """Side in arcsec of a square of the area of a pixel."""
        return float(np.sqrt(np.prod(np.linalg.svd(self.pixel_matrix, compute_uv=False))))

    def pixel_positions(self, sky):
        """Positions of galaxies on the image.

        Parameters
        ----------
        sky : `~astropy.coordinates.SkyCoord` of shape (n,)
            Positions on the sky.

        Returns
        -------
        position : ndarray of shape (2, n)
            Columns and rows; NaN if the WCS cannot convert a position.
        """
        if sky.size == 0:
            return np.empty((2, 0))
        here = sky.transform_to(wcs_to_celestial_frame(self.wcs)).spherical
        # The latitude may be the first axis.
        world = np.empty((sky.size, 2))
        world[:, self.wcs.wcs.lng], world[:, self.wcs.wcs.lat] = here.lon.deg, here.lat.deg
        try:
            return self.wcs.all_world2pix(world, 0).T
        except NoConvergence as error:
            # Distortions are polynomials, which cannot be inverted far outside the image.
            position = np.array(error.best_solution, dtype=float).T
            for rows in (error.divergent, error.slow_conv):
                position[:, [] if rows is None else rows] = np.nan
            return position

    def read(self, slices):
        """Read the pixels of a rectangle.

        Parameters
        ----------
        slices : tuple of slice
            Rows and columns, inside the image.

        Returns
        -------
        values, errors : ndarray of shape (ny, nx)
            Pixel values and standard deviations, NaN if unknown.
        bad : ndarray of bool of shape (ny, nx)
            Pixels that are masked, not finite or without a positive error.

        Raises
        ------
        ReadError
            If the file is truncated or damaged there.
        """
        values = self._take(self.sci, slices).astype(self.dtype)
        bad = ~np.isfinite(values)
        if self.error is None:
            errors = np.full(values.shape, np.nan, dtype=values.dtype)
        else:
            deviation = to_deviation(self._take(self.error.pixels, slices), self.error.kind)
            errors = (deviation * self.error.scale).astype(values.dtype)
            bad |= ~(np.isfinite(errors) & (errors > 0))
        if self.mask is not None:
            bad |= self._take(self.mask, slices) != 0
        if self.dq is not None:
            bad |= _do_not_use(self._take(self.dq, slices))
        return values, errors, bad

    def _take(self, array, slices):
        """Pixels of a rectangle, read from the file if they are not in memory."""
        n_more = len(array.shape) - 2
        rows, columns = slices
        place = f"rows {rows.start} to {rows.stop}, columns {columns.start} to {columns.stop}"
        with refuse_damaged(f"the image of band {self.band} is damaged at {place}"):
            return np.asarray(array[(0,) * n_more + slices if n_more else slices])


def _do_not_use(quality):
    """Pixels with data-quality bits that forbid their use; NaN has no bits."""
    known = np.isfinite(quality)
    return ~known | (np.where(known, quality, 0).astype(np.int64) & _DO_NOT_USE != 0)


def open_image(source, band, unit=None, *, explicit=False):
    """Open the image of a band.

    Parameters
    ----------
    source : str, path-like, HDUList, HDU, NDData or dict
        See `dustest.io.add_cutouts`.
    band : str
        Short name of the band.
    unit : `~astropy.units.UnitBase`, optional
        Unit of an image without a declared unit.
    explicit : bool, optional
        Whether the unit is given for this band only.

    Returns
    -------
    image : Image
        The image, to be used in a ``with`` block.

    Raises
    ------
    InputError
        If the source is of an unknown type, or has no image, coordinates or unit.
    ReadError
        If a file is missing or cannot be read.
    """
    what = f"the image of band {band} cannot be read"
    with ExitStack() as stack:
        try:
            with refuse_damaged(what):
                image = _open(source, band, unit, explicit, stack)
        except ReadError as error:
            msg = str(error) if f"band {band}" in str(error) else f"{what}: {error}"
            raise ReadError(msg) from error
        return replace(image, files=stack.pop_all())


def _open(source, band, unit, explicit, stack):
    """Image of a source; the stack closes its files."""
    given = {"given": unit, "explicit": explicit, "band": band}
    if isinstance(source, NDData):
        return _from_nddata(source, given)
    name = f"images[{band!r}]"
    if isinstance(source, Mapping):
        files = {kind_of_key(key, name): item for key, item in source.items()}
        if "sci" not in files:
            msg = f"{name} must have the key 'sci', got {', '.join(map(repr, source)) or 'none'}"
            raise InputError(msg)
        opened = {kind: _hdus(item, f"{name}[{kind!r}]", stack) for kind, item in files.items()}
        found = {
            kind: hdus if isinstance(hdus, IMAGE_HDUS) else find_extension(hdus, kind, band)
            for kind, hdus in opened.items()
        }
        if isinstance(opened["sci"], fits.HDUList):
            warn_of_unused(opened["sci"], found, band)
        return _from_hdus(found, opened["sci"], given, stack)
    hdus = _hdus(source, name, stack)
    found = {"sci": hdus} if isinstance(hdus, IMAGE_HDUS) else find_extensions(hdus, band)
    return _from_hdus(found, hdus, given, stack)


def _hdus(source, name, stack):
    """Header-data units of a file, or the given one."""
    if isinstance(source, fits.HDUList | IMAGE_HDUS):
        return source
    if isinstance(source, str | os.PathLike):
        path = check_file(source)
        check_contents(path, "fits")
        return stack.enter_context(fits.open(path, memmap=True))
    msg = (
        f"{name} must be a path, an HDUList, one of its images, an NDData, or a dict of such with "
        f"the keys sci, err, var, wht, mask and dq, got {type(source).__name__}"
    )
    raise InputError(msg)


def _from_nddata(source, given):
    """Image from an object in memory."""
    band, shape = given["band"], plane_shape(source.data.shape)
    if shape is None or source.data.dtype.kind not in "iufb":
        msg = (
            f"the image of band {band} must have 2 axes and hold numbers, got "
            f"{source.data.dtype} of shape {source.data.shape}"
        )
        raise InputError(msg)
    unit = _pixel_unit(source.unit, **given)
    error = None
    if source.uncertainty is not None:
        error = ErrorMap(standard_deviation(source, band))
    mask = None if source.mask is None else full_mask(source, band)
    wcs = _celestial(source.wcs, band)
    corrected = str(source.meta.get(FOREGROUND_KEY, ""))
    return Image(band, source.data, wcs, unit, error, mask, corrected=corrected)


def _from_hdus(found, hdus, given, stack):
    """Image of header-data units."""
    band = given["band"]
    shape = plane_shape(found["sci"].shape)
    for kind, hdu in found.items():
        if shape is None or plane_shape(hdu.shape) != shape:
            wanted = "(ny, nx)" if shape is None else f"{shape} of sci"
            msg = f"{kind} of band {band} must have the shape {wanted}, got {tuple(hdu.shape)}"
            raise InputError(msg)
    header = found["sci"].header
    unit = _pixel_unit(_read_unit(header), **given)
    errors = [kind for kind in ERROR_KINDS if kind in found]
    error = _error_map(found[errors[0]], errors[0], found["sci"], unit, band) if errors else None
    pixels = {kind: _pixels(found[kind], stack) for kind in ("sci", "mask", "dq") if kind in found}
    if error is not None:
        error = ErrorMap(_pixels(error.pixels, stack), error.kind, error.scale)
    wcs = _celestial(_wcs(header, hdus if isinstance(hdus, fits.HDUList) else None), band)
    corrected = str(header.get(FOREGROUND_KEY, ""))
    return Image(band=band, wcs=wcs, unit=unit, error=error, corrected=corrected, **pixels)


def _error_map(hdu, kind, sci, unit, band):
    """Errors in a header-data unit, whose pixels are not opened yet."""
    kind = ERROR_KINDS[kind]
    declared, of_image = _read_unit(hdu.header), _read_unit(sci.header)
    # Tools copy the header of the image; its unit is then that from which the errors derive.
    if declared is None or declared == of_image:
        return ErrorMap(hdu, kind)
    power = ERROR_POWERS[kind]
    parsed = parse_unit(declared)
    if isinstance(parsed, u.UnitBase) and not isinstance(parsed, u.UnrecognizedUnit):
        copied = agree(_per_pixel(parsed), unit)
        root = _per_pixel(parsed if copied else parsed ** Fraction(1, power))
        if root.is_equivalent(unit):
            return ErrorMap(hdu, kind, float(root.to(unit)))
    msg = (
        f"{hdu.name or 'the error map'} of band {band} declares the unit {declared!r}, which does "
        f"not convert to {unit**power}: {explain_unit(declared)}correct its BUNIT, or remove it "
        f"where its values are in {unit**power}"
    )
    raise InputError(msg)


def _read_unit(header):
    """Unit declared in a header, or None."""
    declared = header.get("BUNIT")
    if declared is None or isinstance(declared, fits.card.Undefined):
        return None
    return str(declared).strip() or None


def _pixels(hdu, stack):
    """Sliceable pixels of a header-data unit.

    Arrays stored in native form are read row by row. Compressed and scaled arrays would be
    decompressed as a whole, so they are read by section; for scaled arrays astropy does so only if
    the file is not mapped. An array in memory may have been changed and is used as it is.
    """
    if "data" in vars(hdu):
        return hdu.data
    place = hdu.fileinfo()
    is_compressed = isinstance(hdu, fits.CompImageHDU)
    is_scaled = any(key in hdu.header for key in ("BSCALE", "BZERO", "BLANK"))
    path = None if place is None else place["file"].name
    is_file = path is not None and Path(path).is_file()
    if is_scaled and is_file:
        again = stack.enter_context(fits.open(path, memmap=False))
        hdu = next(item for item in again if item.fileinfo()["hdrLoc"] == place["hdrLoc"])
        return hdu.section
    if is_file and not is_compressed and not place["file"].compression:
        return _Stored(stack.enter_context(open(path, "rb", buffering=0)), hdu, place)
    # Old versions of astropy do not give the position of a compressed image in its file.
    if is_compressed and not (is_scaled and place is None):
        return hdu.section
    if is_compressed or (place is not None and place["file"].compression):
        return _Packed(hdu)
    return hdu.data


class _Stored:
    """Pixels of an image in native form, of which only those of a rectangle are read.

    A mapped file would be quicker for whole images, but all pages that were read count as memory
    of the process, up to the size of the mosaic.
    """

    def __init__(self, file, hdu, place):
        self.shape = hdu.shape[-2:]
        self._file, self._start = file, place["datLoc"]
        self._dtype = np.dtype(fits.BITPIX2DTYPE[hdu.header["BITPIX"]]).newbyteorder(">")

    def __getitem__(self, item):
        rows, columns = (range(n)[part] for part, n in zip(item, self.shape, strict=True))
        pixels = np.empty((len(rows), len(columns)), dtype=self._dtype)
        for row, values in zip(rows, pixels, strict=True):
            first = row * self.shape[1] + columns.start
            self._file.seek(self._start + first * self._dtype.itemsize)
            if self._file.readinto(values.view(np.uint8)) < values.nbytes:
                msg = f"the file ends in row {row}"
                raise EOFError(msg)
        return pixels


@dataclass(frozen=True)
class _Packed:
    """Pixels of a compressed file, which is decompressed as a whole on first access."""

    hdu: object

    @property
    def shape(self):
        """Shape of the array."""
        return self.hdu.shape

    def __getitem__(self, item):
        return self.hdu.data[item]


def _wcs(header, hdus):
    """WCS of a header; repairs of dates by astropy do not matter here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        return WCS(header, fobj=hdus)


def _celestial(wcs, band):
    """Celestial part of the WCS."""
    try:
        wcs = wcs.celestial
        wcs_to_celestial_frame(wcs)
    except (AttributeError, ValueError) as error:
        msg = f"the image of band {band} must have celestial coordinates (WCS) of a known frame"
        raise InputError(msg) from error
    # The determinant of a rotation is one, even if pixels are not square.
    stretch = np.sqrt(np.abs(np.linalg.det(wcs.wcs.get_pc())))
    if np.all(wcs.wcs.get_cdelt() != 1.0) and np.abs(stretch - 1.0) > _ROTATION_TOLERANCE:
        scale = np.sqrt(np.abs(np.prod(wcs.wcs.get_cdelt()))) * 3600.0
        msg = (
            f"the rotation (PC) of the image of band {band} is not one, as if part of it were "
            f"lost: CDELT says pixels of {scale:.4f} arcsec, its coordinates "
            f"{scale * stretch:.4f}; check the header"
        )
        warnings.warn(msg, DustestWarning, stacklevel=6)
    return wcs


def _pixel_unit(declared, *, given, explicit, band):
    """Unit of the pixels: the declared one, else the given one."""
    parsed = parse_unit(declared)
    known = isinstance(parsed, u.UnitBase) and not isinstance(parsed, u.UnrecognizedUnit)
    remedy = argument("unit", "nJy", key=band)
    unit = resolve_unit(
        _per_pixel(parsed) if known else declared,
        _per_pixel(given) if isinstance(given, u.UnitBase) else given,
        _is_of_pixels,
        what=f"the image of band {band}",
        expected=_PIXEL_UNIT,
        remedy=remedy,
        explicit=explicit,
    )
    if unit is None:
        msg = f"the image of band {band} declares no unit (BUNIT): pass it, such as {remedy}"
        raise InputError(msg)
    return unit


def _is_of_pixels(unit):
    """Whether a unit is valid for pixels."""
    return isinstance(unit, u.UnitBase) and (
        unit.is_equivalent(FLUX_UNIT) or unit.is_equivalent(_SURFACE_BRIGHTNESS)
    )


def _per_pixel(unit):
    """Unit without the word pixel: all fluxes are per pixel."""
    return unit * u.pix if (unit * u.pix).is_equivalent(FLUX_UNIT) else unit
