"""Images of one galaxy in several bands."""

import os
from collections.abc import Mapping
from contextlib import ExitStack

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import NDData, StdDevUncertainty

from dustest.data.checks.sample_columns import by_band
from dustest.data.checks.units import as_unit
from dustest.data.errors import InputError
from dustest.data.files.contents import open_fits
from dustest.io._image.extensions import find_bands
from dustest.io._image.pixels import open_image

__all__ = ["read_images"]


def read_images(source, bands=None, *, unit=None):
    """Read images of several bands with their errors and masks.

    Parameters
    ----------
    source : str, path-like, HDUList, or dict of str to image
        A file whose extensions are named by band and content, such as ``F277W_SCI`` and
        ``F277W_ERR``; or an image for each band, as for `add_cutouts`.
    bands : sequence of str, optional
        Bands to read; all by default.
    unit : Unit or str, optional
        Unit of images without BUNIT.

    Returns
    -------
    images : dict of str to `~astropy.nddata.NDData`
        By the short name of the band: pixels with unit and ``wcs``, standard deviations if there
        are errors, and a mask that is True where a pixel is bad.

    Raises
    ------
    InputError
        If there is no image of a band, or it has no unit or coordinates.
    ReadError
        If a file is missing or cannot be read.

    See Also
    --------
    add_cutouts : Cut galaxies from mosaics.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from dustest.io import read_images
    >>> header = fits.Header({"BUNIT": "nJy", "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN",
    ...                       "CDELT1": -1e-5, "CDELT2": 1e-5})
    >>> pixels = [fits.ImageHDU(np.ones((9, 9)), header, name) for name in ("F277W", "F444W")]
    >>> images = read_images(fits.HDUList([fits.PrimaryHDU(), *pixels]))
    >>> list(images), images["F444W"].data.shape
    (['F277W', 'F444W'], (9, 9))
    """
    unit = as_unit(unit)
    with ExitStack() as stack:
        images = _by_band(source, stack)
        chosen = images if bands is None else by_band(_named(bands), None, "bands")
        missing = [band for band in chosen if band not in images]
        if missing or not chosen:
            msg = (
                f"bands must be some of those with an image, {', '.join(images) or 'none'}, got "
                f"{', '.join(missing) or 'none'}"
            )
            raise InputError(msg)
        return {band: _read(images[band], band, unit) for band in chosen}


def _named(bands):
    """Names of bands as keys."""
    if not isinstance(bands, list | tuple) or not all(isinstance(band, str) for band in bands):
        msg = f"bands must be a list of names of bands, such as ['F277W'], got {bands!r:.80}"
        raise InputError(msg)
    return dict.fromkeys(bands)


def _by_band(source, stack):
    """Source of the image of each band."""
    if isinstance(source, Mapping):
        return by_band(source, None, "source")
    if isinstance(source, str | os.PathLike):
        source = stack.enter_context(open_fits(source))
    if not isinstance(source, fits.HDUList):
        msg = (
            "source must be a file or HDUList with images of several bands, or a dict of band to "
            f"image, got {type(source).__name__}"
        )
        raise InputError(msg)
    return dict.fromkeys(find_bands(source), source)


def _read(source, band, unit):
    """All pixels of an image."""
    with open_image(source, band, unit) as image:
        rows, columns = image.shape
        values, errors, bad = image.read((slice(0, rows), slice(0, columns)))
        uncertainty = None if image.error is None else StdDevUncertainty(errors)
        return NDData(
            np.array(values), uncertainty, mask=bad, wcs=image.wcs, unit=u.Unit(image.unit)
        )
