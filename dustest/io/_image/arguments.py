"""Arguments that cutouts and photometry of images share, and the flags of both."""

import warnings
from collections.abc import Mapping

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from dustest.data.bands import canonical_name, list_bands
from dustest.data.checks.positions import sky_positions
from dustest.data.checks.sample_columns import by_band
from dustest.data.checks.units import as_unit
from dustest.data.errors import DustestWarning, InputError
from dustest.data.flags import FLAGS
from dustest.data.messages import did_you_mean
from dustest.io._foreground import band_correction, foreground_of

__all__ = [
    "as_diameter",
    "foreground_factors",
    "images_by_band",
    "known_positions",
    "merge_flags",
    "pixel_positions",
    "units_by_band",
]


def images_by_band(images, name):
    """Images by the short name of their band, with a warning of names with a spelling mistake.

    Parameters
    ----------
    images : object
        The argument of the user.
    name : str
        Its name, for messages.

    Returns
    -------
    images : dict of str to object
        The images, whose type is not checked.

    Raises
    ------
    InputError
        If it is no dictionary, empty, or a key is no name of a band.

    Warns
    -----
    DustestWarning
        If a band is unknown but similar to a known one; users may have bands of their own.
    """
    if not isinstance(images, Mapping) or not images:
        got = "an empty dict" if isinstance(images, Mapping) else type(images).__name__
        msg = f'{name} must be a dict of band to image, such as {{"F277W": image}}, got {got}'
        raise InputError(msg)
    images = by_band(images, None, name)
    for band in images:
        try:
            canonical_name(band)
        except InputError:
            hint = did_you_mean(band, list_bands())
            if hint:
                msg = (
                    f"{name} names the band {band!r}, which is not known: {hint}It keeps its name"
                )
                warnings.warn(msg, DustestWarning, stacklevel=4)
    return images


def units_by_band(unit, bands):
    """Units given by the user as arguments of `open_image`.

    Parameters
    ----------
    unit : Unit or str, or dict of str to Unit or str, or None
        The argument.
    bands : sequence of str
        Bands of the images.

    Returns
    -------
    arguments : dict of str to dict
        By band; bands without a unit may be absent.

    Raises
    ------
    InputError
        If a unit is not understood or a band has no image.
    """
    if not isinstance(unit, Mapping):
        given = as_unit(unit)
        return {band: {"unit": given} for band in bands}
    return {
        band: {"unit": as_unit(given, f"unit[{band!r}]"), "explicit": True}
        for band, given in by_band(unit, bands, "unit").items()
    }


def foreground_factors(foreground_ebv, sample, bands):
    """Factors that correct fluxes for the dust of the Milky Way, by band.

    Parameters
    ----------
    foreground_ebv : str, float, array_like of shape (n,) or None
        Colour excess or name of its column.
    sample : GalaxySample
        The galaxies.
    bands : sequence of str
        The bands.

    Returns
    -------
    factors : dict of str to ndarray of shape (n,)
        Empty without a correction.

    Raises
    ------
    InputError
        If the column does not exist, or a value is negative.
    """
    if foreground_ebv is None:
        return {}
    ebv = foreground_of(sample, foreground_ebv)
    return {band: band_correction(ebv, band) for band in bands}


def as_diameter(aperture, example="0.32"):
    """Diameter of an aperture in arcsec.

    Parameters
    ----------
    aperture : `~astropy.units.Quantity`
        The argument.
    example : str, optional
        Number of arcsec in the message.

    Returns
    -------
    diameter : float
        In arcsec.

    Raises
    ------
    InputError
        If it is not a positive angle.
    """
    try:
        diameter = float(u.Quantity(aperture).to_value(u.arcsec))
    except (TypeError, ValueError) as error:
        msg = (
            f"aperture must be an angle such as {example} * astropy.units.arcsec, got {aperture!r}"
        )
        raise InputError(msg) from error
    if not 0.0 < diameter < np.inf:
        msg = f"aperture must be above 0 arcsec, got {aperture}"
        raise InputError(msg)
    return diameter


def known_positions(sample):
    """Positions of the galaxies whose position is known.

    Parameters
    ----------
    sample : GalaxySample
        The galaxies.

    Returns
    -------
    known : ndarray of bool of shape (n,)
        Whether a position is known.
    sky : `~astropy.coordinates.SkyCoord`
        Positions of these.

    Raises
    ------
    InputError
        If the sample has no positions, or they are out of range.
    """
    ra, dec = sky_positions(sample, "sample")
    known = np.isfinite(ra)
    return known, SkyCoord(ra[known], dec[known], unit=u.deg)


def pixel_positions(image, known, sky):
    """Columns and rows of all galaxies on an image.

    Parameters
    ----------
    image : Image
        The image.
    known : ndarray of bool of shape (n,)
        Whether the position of a galaxy is known.
    sky : `~astropy.coordinates.SkyCoord`
        Known positions.

    Returns
    -------
    position : ndarray of shape (2, n)
        NaN if unknown.
    """
    position = np.full((2, len(known)), np.nan)
    position[:, known] = image.pixel_positions(sky)
    return position


def merge_flags(sample, bits):
    """Add flags to those that a sample has.

    Parameters
    ----------
    sample : GalaxySample
        The galaxies; its column ``flags`` is set.
    bits : dict of str to ndarray of bool of shape (n,)
        Rows with each flag.
    """
    flags = np.zeros(len(sample), dtype=np.int32)
    if "flags" in sample.colnames:
        flags |= np.asarray(sample["flags"])
    for name, rows in bits.items():
        flags[rows] |= FLAGS[name].value
    sample["flags"] = flags
