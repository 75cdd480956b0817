"""Contribution of a rest-frame spectrum to the flux in a band."""

from dataclasses import dataclass

import numpy as np
from astropy import constants
from astropy import units as u

from dustest.data.bands import get_band
from dustest.data.errors import InputError
from dustest.physics.igm import igm_transmission

__all__ = ["BandResponse", "band_response"]


@dataclass(frozen=True, eq=False)
class BandResponse:
    """Weights that convert a rest-frame spectrum to the mean f_nu in a band.

    Parameters
    ----------
    window : slice
        Wavelengths of the spectrum that the band covers.
    continuum : ndarray of shape (n_window,)
        nJy per Lsun/Angstrom at each of them.
    lines : ndarray of shape (n_lines,)
        nJy per Lsun in each line.
    """

    window: slice
    continuum: np.ndarray
    lines: np.ndarray


def band_response(band, wavelength, line_wavelength, redshift, distance, igm):
    """Weights of a band for a source at a redshift.

    The spectrum is taken as linear between its points and integrated over all points of both
    spectrum and band; lines are infinitely narrow.

    Parameters
    ----------
    band : str or Band
        The band.
    wavelength : ndarray of shape (n_wave,)
        Rest-frame wavelengths of the spectrum in Angstrom.
    line_wavelength : ndarray of shape (n_lines,)
        Rest-frame wavelengths of the lines in Angstrom.
    redshift : float
        Redshift of the source.
    distance : `~astropy.units.Quantity`
        Its luminosity distance.
    igm : bool
        Whether to include the intergalactic medium.

    Returns
    -------
    BandResponse
        The weights.

    Raises
    ------
    InputError
        If the spectrum does not cover the band at that redshift.
    """
    curve = get_band(band)
    observed = wavelength * (1.0 + redshift)
    _check_coverage(curve, observed, redshift)
    window = _window(observed, curve)
    points = observed[window]
    grid = np.union1d(points, curve.wavelength)
    grid = grid[(grid >= points[0]) & (grid <= points[-1])]
    step = np.gradient(grid)
    step[[0, -1]] *= 0.5
    # T f_nu dnu / nu = T f_nu dlambda / lambda, and f_nu = f_lambda lambda^2 / c.
    response = np.interp(grid, curve.wavelength, curve.transmission, left=0.0, right=0.0)
    total = np.sum(response / grid * step)
    line = line_wavelength * (1.0 + redshift)
    at_line = np.interp(line, curve.wavelength, curve.transmission, left=0.0, right=0.0)
    if igm:
        response = response * igm_transmission(grid, redshift)
        # A line of the series is on the absorbed side of its own step.
        at_line = at_line * igm_transmission(line * (1.0 - 1e-6), redshift)
    unit = _light_to_flux(distance) / total
    weights = _onto_points(response * grid * step, grid, points)
    return BandResponse(window, unit / (1.0 + redshift) * weights, unit * at_line * line)


def _check_coverage(curve, observed, redshift):
    """Raise an error for a band beyond the ends of the spectrum."""
    blue, red = curve.edges(0.01)
    if observed[0] > blue or observed[-1] < red:
        msg = (
            f"the grid of stellar populations covers {observed[0]:.0f} to {observed[-1]:.0f} "
            f"Angstrom at redshift {redshift:g}, and band {curve.name!r} reaches from "
            f"{blue:.0f} to {red:.0f} Angstrom: leave the band out or give another grid"
        )
        raise InputError(msg)


def _window(observed, curve):
    """Points of a spectrum that a band covers, with one more at either end."""
    first = np.searchsorted(observed, curve.wavelength[0], side="right") - 1
    last = np.searchsorted(observed, curve.wavelength[-1])
    return slice(max(first, 0), min(last + 1, observed.size))


def _light_to_flux(distance):
    """1 Lsun/Angstrom as flux density times wavelength squared over c, in nJy per Angstrom."""
    flux = constants.L_sun / (4.0 * np.pi * distance**2) * u.AA / constants.c
    return flux.to_value(u.nJy)


def _onto_points(weights, grid, points):
    """Distribute weights of a fine grid to the two points around each of its wavelengths."""
    right = np.clip(np.searchsorted(points, grid), 1, points.size - 1)
    share = (grid - points[right - 1]) / (points[right] - points[right - 1])
    total = np.bincount(right, weights * share, points.size)
    return total + np.bincount(right - 1, weights * (1.0 - share), points.size)
