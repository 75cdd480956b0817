"""Arguments of a forecast: sets of bands, and the depths of their images."""

from collections.abc import Mapping

import numpy as np
from astropy import units as u

from dustest.data.bands import get_band
from dustest.data.checks.units import FLUX_UNIT, declared_unit, is_magnitude
from dustest.data.checks.values import to_floats, to_flux_densities
from dustest.data.errors import InputError
from dustest.data.messages import shown
from dustest.data.surveys import SURVEYS, Survey

__all__ = ["BASE", "check_band_sets", "flux_errors", "union"]

BASE = "base"
"""Name of the only set of bands to which candidates are added."""
_MIN_BANDS = 2
_N_SIGMA = 5.0
_MAGNITUDES = (15.0, 40.0)
"""Depths outside are in another unit."""


def check_band_sets(bands, candidates=()):
    """Name sets of bands.

    Parameters
    ----------
    bands : sequence of str, sequence of sequences, or dict of str to sequence
        One set of bands, or several.
    candidates : sequence of str, optional
        Bands that are added to the only set, one by one.

    Returns
    -------
    sets : dict of str to tuple of str
        Canonical names of bands by the name of the set.

    Raises
    ------
    InputError
        If a set has fewer than two bands or the same band twice, a band is unknown, or there are
        candidates for several sets.

    Examples
    --------
    >>> from dustest.studies.band_sets import check_band_sets
    >>> check_band_sets(["F115W", "F200W"], ["f444w"])
    {'base': ('F115W', 'F200W'), 'base + F444W': ('F115W', 'F200W', 'F444W')}
    """
    given = _as_named(bands)
    sets = {str(name): _known_bands(some, name) for name, some in given.items()}
    if isinstance(candidates, str):
        candidates = [candidates]
    if candidates and len(sets) > 1:
        msg = f"candidates must be left out if bands are several sets, got {shown(candidates)}"
        raise InputError(msg)
    for candidate in candidates:
        (name, base), *_ = sets.items()
        added = get_band(candidate).name
        if added in base:
            msg = f"candidates must not be among bands, got {added!r}: leave it out"
            raise InputError(msg)
        sets[f"{name} + {added}"] = (*base, added)
    return sets


def _as_named(bands):
    """Sets by name; those without a name are counted, or named by their number of bands."""
    if isinstance(bands, Mapping):
        if not bands:
            msg = "bands must hold at least one set, got an empty dict"
            raise InputError(msg)
        return bands
    listed = [bands] if isinstance(bands, str) else list(bands)
    if all(isinstance(one, str) for one in listed):
        return {BASE: listed}
    names = [f"{len(some)} bands" for some in listed]
    if len(set(names)) < len(names):
        names = [f"set {number}" for number in range(1, len(listed) + 1)]
    return dict(zip(names, listed, strict=True))


def _known_bands(bands, name):
    """Canonical names of the bands of one set."""
    listed = [bands] if isinstance(bands, str) else list(bands)
    known = tuple(get_band(band).name for band in listed)
    of_set = "bands" if name == BASE else f"bands of {name!r}"
    if len(known) < _MIN_BANDS:
        msg = f"{of_set} must be at least {_MIN_BANDS}, got {shown(known) or 'none'}"
        raise InputError(msg)
    twice = [band for band in dict.fromkeys(known) if known.count(band) > 1]
    if twice:
        msg = f"{of_set} must name each band once, got {twice[0]} twice"
        raise InputError(msg)
    return known


def union(sets):
    """List the bands of several sets.

    Parameters
    ----------
    sets : dict of str to tuple of str
        Sets of bands.

    Returns
    -------
    bands : tuple of str
        Every band once, in the order of its first mention.
    """
    return tuple(dict.fromkeys(band for bands in sets.values() for band in bands))


def flux_errors(depths, bands):
    """Convert depths to standard errors of fluxes.

    Parameters
    ----------
    depths : float, Quantity, dict of str to float or Quantity, sequence, str or Survey
        5-sigma depths in AB magnitudes, or standard errors with a unit of flux density: one for
        all bands, one for each, by the name of the band, or those of a survey.
    bands : tuple of str
        Canonical names.

    Returns
    -------
    errors : ndarray of shape (n_bands,)
        Standard errors in nJy.

    Raises
    ------
    InputError
        If a band has no depth, a number is no magnitude, or a unit is not one of flux densities.

    Examples
    --------
    >>> from astropy import units as u
    >>> from dustest.studies.band_sets import flux_errors
    >>> flux_errors({"f115w": 28.9, "F444W": 3 * u.nJy}, ("F115W", "F444W")).round(2)
    array([2., 3.])
    """
    if isinstance(depths, str | Survey):
        survey = depths if isinstance(depths, Survey) else SURVEYS.find(depths, "depths")
        return np.array([survey.flux_error(band) for band in bands])
    return np.array([_flux_error(value, band) for band, value in _by_band(depths, bands).items()])


def _by_band(depths, bands):
    """Depths by band."""
    if isinstance(depths, Mapping):
        known = {get_band(name).name: value for name, value in depths.items()}
        missing = [band for band in bands if band not in known]
        if missing:
            msg = f"depths must hold one for each band, it lacks {shown(missing)}"
            raise InputError(msg)
        return {band: known[band] for band in bands}
    if np.ndim(depths) == 0:
        return dict.fromkeys(bands, depths)
    if len(depths) != len(bands):
        msg = f"depths must be one, or one for each of {shown(bands)}, got {len(depths)}"
        raise InputError(msg)
    return dict(zip(bands, depths, strict=True))


def _flux_error(depth, band):
    """Standard error in nJy of one depth."""
    what = f"depths[{band!r}]"
    unit = declared_unit(depth, what)
    if unit is None or is_magnitude(unit):
        magnitude = float(to_floats(getattr(depth, "value", depth), what, ndim=0))
        low, high = _MAGNITUDES
        if not low <= magnitude <= high:
            msg = (
                f"{what} must be a 5-sigma depth in AB magnitudes from {low:g} to {high:g}, or an "
                f"error with a unit such as 2 * u.nJy, got {depth!r}"
            )
            raise InputError(msg)
        return float((magnitude * u.ABmag).to_value(FLUX_UNIT)) / _N_SIGMA
    wavelength = get_band(band).pivot * u.AA
    error = float(to_flux_densities(depth, what, wavelength, unit=FLUX_UNIT, ndim=0))
    if not error > 0.0:
        msg = f"{what} must be a positive error, got {depth!r}"
        raise InputError(msg)
    return error
