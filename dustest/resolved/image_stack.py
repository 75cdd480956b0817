"""Images of one galaxy in several bands or lines on one grid of pixels."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from astropy import units as u
from astropy.nddata import NDData
from astropy.table import Row, Table
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_area

from dustest.data.checks.images import full_mask, standard_deviation
from dustest.data.checks.numbers import as_arcsec
from dustest.data.checks.sample_columns import by_band
from dustest.data.checks.units import FLUX_UNIT, as_unit
from dustest.data.containers.conversion import as_sample
from dustest.data.errors import InputError
from dustest.data.kinds import LINE_UNIT
from dustest.data.lines import LINES
from dustest.data.messages import argument
from dustest.io import read_images

__all__ = ["ImageStack", "stack_bands", "stack_lines"]

_SHIFT = 0.2
"""Pixels by which the coordinates of two bands on one grid may differ."""
_SCALE_TOLERANCE = 0.02


@dataclass(frozen=True, eq=False)
class ImageStack:
    """Images of one galaxy on one grid of pixels.

    Parameters
    ----------
    names : tuple of str
        Bands or lines.
    flux : ndarray of shape (n, ny, nx)
        Flux per pixel in ``unit``, NaN where a pixel is bad.
    error : ndarray of shape (n, ny, nx)
        Standard deviations of the pixels, NaN if unknown.
    unit : Unit
        Unit of a flux.
    wcs : `~astropy.wcs.WCS` or None
        Celestial coordinates.
    pixel_scale : float
        Side of a pixel in arcsec.
    redshift : float or None
        Redshift, if the input has one.
    """

    names: tuple
    flux: np.ndarray = field(repr=False)
    error: np.ndarray = field(repr=False)
    unit: u.UnitBase
    wcs: object = field(repr=False)
    pixel_scale: float
    redshift: float | None = None

    @property
    def shape(self):
        """Number of rows and columns."""
        return self.flux.shape[1:]

    def only(self, names):
        """Images of some bands or lines.

        Parameters
        ----------
        names : iterable of str
            Which.

        Returns
        -------
        ImageStack
            A part of this.
        """
        rows = [self.names.index(name) for name in names]
        return replace(self, names=tuple(names), flux=self.flux[rows], error=self.error[rows])

    @property
    def bad(self):
        """Pixels without a flux (ndarray of bool of shape (n, ny, nx))."""
        return ~np.isfinite(self.flux)


def stack_bands(cutouts, pixel_scale=None, unit=None):
    """Convert cutouts of one galaxy.

    Parameters
    ----------
    cutouts : dict, str, path-like, HDUList, Row, Table
        Images by band, a file with all bands, or a galaxy of a sample with cutouts.
    pixel_scale : float or `~astropy.units.Quantity`, optional
        Side of a pixel in arcsec, in place of that of the coordinates.
    unit : Unit or str, optional
        Unit of images without one.

    Returns
    -------
    ImageStack
        Fluxes in nJy.

    Raises
    ------
    InputError
        If there is no image, one has no unit or one that does not convert, bands are on different
        grids, or there is not one galaxy.
    """
    scale = None if pixel_scale is None else as_arcsec(pixel_scale, "pixel_scale")
    if isinstance(cutouts, Row | Table):
        return _of_row(cutouts, scale, as_unit(unit))
    images = _as_images(cutouts, unit)
    return _stack(images, FLUX_UNIT, scale, "cutouts", as_unit(unit))


def stack_lines(lines, stack):
    """Convert maps of emission lines on the grid of cutouts.

    Parameters
    ----------
    lines : dict of str to `~astropy.nddata.NDData`
        Flux per pixel, or surface brightness, by line.
    stack : ImageStack
        The cutouts.

    Returns
    -------
    ImageStack
        Fluxes in erg/s/cm2.

    Raises
    ------
    InputError
        If a line is unknown, a map has no unit or one that does not convert, or is on another
        grid.
    """
    if not isinstance(lines, Mapping) or not lines:
        msg = f"lines must be a dict of line to NDData, got {lines!r:.60}"
        raise InputError(msg)
    images = {LINES.find(name, "lines").name: image for name, image in lines.items()}
    found = _stack(images, LINE_UNIT, stack.pixel_scale, "lines")
    if found.shape != stack.shape:
        msg = (
            f"lines must have the {stack.shape} pixels of the cutouts, got {found.shape}: "
            "resample them to one grid"
        )
        raise InputError(msg)
    return found


def _as_images(cutouts, unit):
    """Images by band as NDData."""
    if not isinstance(cutouts, Mapping):
        return read_images(cutouts, unit=unit)
    images = by_band(cutouts, None, "cutouts")
    others = {band: one for band, one in images.items() if not isinstance(one, NDData)}
    read = read_images(others, unit=unit) if others else {}
    return {band: read.get(band, one) for band, one in images.items()}


def _of_row(row, pixel_scale, unit):
    """Cutouts of a galaxy of a sample."""
    table = row.table[row.index : row.index + 1] if isinstance(row, Row) else row
    if len(table) != 1:
        msg = f"cutouts must be those of one galaxy, got a table of {len(table)} rows: pass one"
        raise InputError(msg)
    sample = as_sample(table)
    if pixel_scale is None and "pixel_scale" in sample.colnames:
        pixel_scale = as_arcsec(sample["pixel_scale"][0], "pixel_scale")
    images = {band: sample.to_nddata(band)[0] for band in sample.cutout_bands}
    found = _stack(images, FLUX_UNIT, pixel_scale, "cutouts", unit)
    redshift = float(sample["redshift"][0]) if "redshift" in sample.colnames else np.nan
    wcs = _wcs_of_row(sample, found) if found.wcs is None else found.wcs
    known = redshift if np.isfinite(redshift) else None
    return replace(found, wcs=wcs, redshift=known)


def _wcs_of_row(sample, stack):
    """Coordinates of a cutout around the position of a galaxy, north up; None without one."""
    if not {"ra", "dec"} <= set(sample.colnames):
        return None
    place = [u.Quantity(sample[name][0], u.deg).value for name in ("ra", "dec")]
    if not np.all(np.isfinite(place)):
        return None
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = place
    wcs.wcs.crpix = 0.5 * (np.array(stack.shape[::-1]) + 1.0)
    wcs.wcs.cdelt = np.array([-1.0, 1.0]) * stack.pixel_scale / 3600.0
    return wcs


def _stack(images, unit, pixel_scale, name, default=None):
    """Images on one grid in one unit, with a default for images that declare none."""
    if not images:
        msg = f"{name} must have an image of at least one band, got none"
        raise InputError(msg)
    for key, image in images.items():
        if not isinstance(image, NDData) or np.ndim(image.data) != 2:
            msg = f"{name}[{key!r}] must be an NDData of 2 axes, got {type(image).__name__}"
            raise InputError(msg)
    shapes = {key: image.data.shape for key, image in images.items()}
    first, *others = shapes
    odd = [key for key in others if shapes[key] != shapes[first]]
    wcs = {key: _celestial(image.wcs) for key, image in images.items()}
    odd = odd or [key for key in others if _is_shifted(wcs[first], wcs[key], shapes[first])]
    if odd:
        msg = (
            f"{name} must be on one grid of pixels, but {odd[0]} {shapes[odd[0]]} differs from "
            f"{first} {shapes[first]} in its shape or coordinates: resample them to one grid"
        )
        raise InputError(msg)
    known = next((one for one in wcs.values() if one is not None), None)
    scale = _pixel_scale(known, name) if pixel_scale is None else pixel_scale
    for key, image in images.items():
        if image.unit is None and default is None:
            remedy = f" or pass {argument('unit', 'nJy')}" if name == "cutouts" else ""
            msg = (
                f"{name}[{key!r}] must have a unit, such as {unit}, got none: give the NDData its "
                f"unit{remedy}"
            )
            raise InputError(msg)
    arrays = [_numbers(key, image, unit, scale, default) for key, image in images.items()]
    flux, error = (np.array(part) for part in zip(*arrays, strict=True))
    return ImageStack(tuple(images), flux, error, unit, known, scale)


def _celestial(wcs):
    """Celestial coordinates, None if there are none."""
    if wcs is None or not getattr(wcs, "has_celestial", False):
        return None
    return wcs.celestial


def _is_shifted(first, other, shape):
    """Whether the corners of two images are at different positions of the sky."""
    if first is None or other is None:
        return False
    corners = np.array([[0, 0], [shape[1] - 1, shape[0] - 1]], dtype=float)
    there = first.all_world2pix(other.all_pix2world(corners, 0), 0)
    return bool(np.any(np.abs(there - corners) > _SHIFT))


def _pixel_scale(wcs, name):
    """Side of a pixel in arcsec."""
    if wcs is None:
        msg = f"pixel_scale must be given for {name} without celestial coordinates (WCS), got None"
        raise InputError(msg)
    return float(np.sqrt(proj_plane_pixel_area(wcs)) * 3600.0)


def _numbers(key, image, unit, pixel_scale, default):
    """Flux and standard deviation per pixel, NaN where a pixel is bad."""
    declared = default if image.unit is None else image.unit
    factor = _factor(key, declared, unit, pixel_scale)
    flux = np.array(image.data, dtype=float) * factor
    error = np.array(standard_deviation(image, key), dtype=float) * factor
    bad = full_mask(image, key) | ~np.isfinite(flux)
    if image.uncertainty is not None:
        bad = bad | ~(np.isfinite(error) & (error > 0.0))
    flux[bad] = error[bad] = np.nan
    return flux, error


def _factor(key, declared, unit, pixel_scale):
    """Factor that converts pixels to a flux per pixel."""
    area = (pixel_scale * u.arcsec) ** 2
    for one in (declared, declared * u.pix, declared * area):
        given = u.Quantity(1.0, one) if isinstance(one, u.UnitBase) else one
        if given.unit.is_equivalent(unit):
            return float(given.to_value(unit))
    msg = (
        f"the image of {key} must be in a unit that converts to {unit} per pixel or per area of "
        f"the sky, got {declared}"
    )
    raise InputError(msg)
