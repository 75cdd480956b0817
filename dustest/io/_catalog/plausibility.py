"""Warnings about improbable photometry."""

import warnings
from itertools import pairwise

import numpy as np

from dustest.data.bands import get_band, list_bands
from dustest.data.checks.missing_values import FAINTEST_MAGNITUDE
from dustest.data.checks.units import FLUX_UNIT
from dustest.data.errors import DustestWarning
from dustest.data.messages import argument, shown

__all__ = ["looks_like_magnitudes", "warn_of_implausible", "warn_of_magnitudes"]

_ROWS = 1000
"""Number of rows checked, spread over the catalogue: medians need no more."""

_RANGE_OF_MAGNITUDES = (15.0, 35.0)
_LARGEST_RATIO = 2.0
_LARGEST_MAGNITUDE_ERROR = 0.5
_LEAST_ROWS = 10
_LEAST_VALUES = 4
_LARGEST_COLOUR = 3.0
_LEAST_SNR = 3.0
_LARGEST_ERROR = 100.0
_LYMAN_ALPHA = 1215.67


def looks_like_magnitudes(values, errors):
    """Whether numbers declared as fluxes look like magnitudes.

    Parameters
    ----------
    values, errors : ndarray of shape (n,)
        Fluxes and their errors, as in the catalogue.

    Returns
    -------
    answer : bool
        True if all are between 15 and 35, differ by less than a factor of two, and have errors
        below 0.5 in the median. Fluxes of real galaxies differ by more.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.io._catalog.plausibility import looks_like_magnitudes
    >>> looks_like_magnitudes(np.array([26.1, 28.0]), np.array([0.1, 0.3]))
    True
    >>> looks_like_magnitudes(np.array([6.1, 48.0]), np.array([0.1, 0.3]))
    False
    """
    low, high = _RANGE_OF_MAGNITUDES
    errors = errors[np.isfinite(errors) & (errors > 0)]
    values = values[np.isfinite(values) & (np.abs(values) < FAINTEST_MAGNITUDE)]
    if values.size == 0 or errors.size == 0:
        return False
    inside = low < values.min() and values.max() < high
    close = values.max() < _LARGEST_RATIO * values.min()
    return bool(inside and close and np.median(errors) < _LARGEST_MAGNITUDE_ERROR)


def warn_of_magnitudes(columns):
    """Warn if columns read as fluxes look like magnitudes.

    Parameters
    ----------
    columns : dict of str to tuple of ndarray of shape (n,)
        Numbers of flux and error, as in the catalogue, by flux column.

    Warns
    -----
    DustestWarning
        If all do, with at least four values, or one with at least ten rows does.
    """
    found = [name for name, pair in columns.items() if looks_like_magnitudes(*map(_some, pair))]
    enough = [name for name in found if len(columns[name][0]) >= _LEAST_ROWS]
    n_values = sum(len(columns[name][0]) for name in found)
    if not enough and (len(found) < len(columns) or n_values < _LEAST_VALUES):
        return
    found = enough or found
    msg = (
        f"the columns {shown(found)} are read as fluxes, but look like magnitudes: if they are, "
        f"pass {argument('unit', 'ABmag')}, or declare them in the catalogue"
    )
    warnings.warn(msg, DustestWarning, stacklevel=4)


def _some(values):
    """Values of some rows, spread over all."""
    return np.asarray(values, dtype=float)[:: max(1, len(values) // _ROWS)]


def warn_of_implausible(sample):
    """Warn if errors or colours of a sample are improbable.

    Parameters
    ----------
    sample : GalaxySample
        Photometry as read.

    Warns
    -----
    DustestWarning
        If errors are all missing, zero or negative, or in the median more than 100 times the
        median absolute flux, or if the median colour of neighbouring bands redward of the Lyman
        break exceeds 3 mag.
    """
    photometry = {
        band: tuple(
            _some(sample[f"{kind}_{band}"].to_value(FLUX_UNIT)) for kind in ("flux", "flux_err")
        )
        for band in sample.bands
    }
    _warn_of_errors(photometry)
    if "redshift" in sample.colnames:
        _warn_of_colours(photometry, _some(sample["redshift"]))


def _warn_of_errors(photometry):
    """Warn of errors that are not positive, or that exceed all fluxes."""
    for reason, is_wrong in (
        ("missing where fluxes are not", _are_missing),
        ("all zero or negative", _are_not_positive),
        (f"in the median more than {_LARGEST_ERROR:g} times the flux", _are_too_large),
    ):
        found = [f"flux_err_{band}" for band, pair in photometry.items() if is_wrong(*pair)]
        if found:
            msg = f"the errors {shown(found)} are {reason}: check their columns and units"
            warnings.warn(msg, DustestWarning, stacklevel=5)


def _are_missing(flux, error):
    """Whether there are fluxes but no errors, as when each error is -99."""
    return bool(np.any(np.isfinite(flux)) and not np.any(np.isfinite(error)))


def _are_not_positive(flux, error):  # noqa: ARG001 - as the other check
    """Whether no error is positive."""
    known = error[np.isfinite(error)]
    return known.size > 0 and bool(np.all(known <= 0))


def _are_too_large(flux, error):
    """Whether errors exceed the absolute flux; pure noise makes both equally large."""
    known = np.isfinite(flux) & np.isfinite(error)
    if not np.any(known):
        return False
    return bool(np.median(error[known]) > _LARGEST_ERROR * np.median(np.abs(flux[known])) > 0)


def _warn_of_colours(photometry, redshift):
    """Warn of neighbouring bands with impossible median colours."""
    magnitudes = {band: _magnitudes(*pair) for band, pair in photometry.items()}
    # Loading the curves, which determine neighbouring bands, takes half a second: most catalogues
    # have no two bands with an improbable colour.
    if len(magnitudes) < 2 or not _has_large_colour(np.array(list(magnitudes.values()))):
        return
    offline = set(list_bands())
    bands = sorted((b for b in photometry if b in offline), key=lambda b: get_band(b).pivot)
    for blue, red in pairwise(bands):
        colours = np.where(_is_redward(blue, redshift), magnitudes[blue] - magnitudes[red], np.nan)
        colour = _median(colours[np.newaxis])[0]
        if abs(colour) > _LARGEST_COLOUR:
            msg = (
                f"the median colour {blue} - {red} is {colour:.1f} mag: check the units of both, "
                "which may differ"
            )
            warnings.warn(msg, DustestWarning, stacklevel=5)


def _magnitudes(flux, error):
    """Magnitudes with an arbitrary zero point, NaN if a galaxy is not detected."""
    with np.errstate(invalid="ignore", divide="ignore"):
        detected = (flux > 0) & ~(flux < _LEAST_SNR * error)
        return np.where(detected, -2.5 * np.log10(flux), np.nan)


def _has_large_colour(magnitudes):
    """Whether the median colour of any two bands, neighbours or not, is too large."""
    colours = magnitudes[:, np.newaxis] - magnitudes
    return bool(np.any(np.abs(_median(colours.reshape(-1, colours.shape[-1]))) > _LARGEST_COLOUR))


def _median(values):
    """Median of the known values of each row, 0 without any."""
    ordered = np.sort(values, axis=-1)  # NaN come last
    middle = np.maximum(np.count_nonzero(np.isfinite(values), axis=-1) - 1, 0) // 2
    medians = np.take_along_axis(ordered, middle[:, np.newaxis], axis=-1)[:, 0]
    return np.nan_to_num(medians)


def _is_redward(band, redshift):
    """Whether a band is redward of the Lyman break."""
    return get_band(band).edges()[0] > _LYMAN_ALPHA * (1.0 + redshift)
