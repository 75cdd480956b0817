"""Correction of fluxes for the foreground dust of the Milky Way."""

import numpy as np
from astropy import units as u

from dustest.data.bands import get_band
from dustest.data.checks.tables import first_named
from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError
from dustest.data.lines import LINES
from dustest.data.messages import argument, did_you_mean, shown
from dustest.physics import a_lambda, band_attenuation_ratio, get_dust_law

__all__ = [
    "FOREGROUND_KEY",
    "FOREGROUND_LAW",
    "band_correction",
    "foreground_of",
    "foreground_record",
    "refuse_corrected",
    "spectrum_correction",
    "to_ebv",
]

FOREGROUND_LAW = "G23"
"""Average curve of the Milky Way at R_V = 3.1 (Gordon et al. 2023, ApJ 950, 86)."""

FOREGROUND_KEY = "foreground_dust"
"""Key of the record in ``meta``."""


def to_ebv(values, n_rows):
    """Convert colour excesses of the Milky Way.

    Parameters
    ----------
    values : float, Quantity, Column or array_like of shape (n_rows,)
        E(B-V), in mag if it has no unit.
    n_rows : int
        Number of galaxies.

    Returns
    -------
    ebv : ndarray of shape (n_rows,)
        E(B-V) in mag; NaN if missing.

    Raises
    ------
    InputError
        If a value is negative, the number of values is neither one nor that of the galaxies, or a
        single value is missing.
    """
    ebv = to_floats(values, "foreground_ebv", unit=u.mag)
    is_missing = ebv.shape == () and np.isnan(ebv)
    if ebv.shape not in ((), (n_rows,)) or is_missing or np.any(ebv < 0):
        msg = (
            f"foreground_ebv must be E(B-V) in mag from 0 on, one number or one for each of "
            f"{n_rows} galaxies, got {values!r:.80}"
        )
        raise InputError(msg)
    return np.broadcast_to(ebv, (n_rows,))


def foreground_of(sample, given):
    """Colour excess of each galaxy of a sample.

    Parameters
    ----------
    sample : Table
        Galaxies.
    given : str, float, Quantity, Column or array_like of shape (n,)
        Name of a column, or values for `to_ebv`.

    Returns
    -------
    ebv : ndarray of shape (n,)
        E(B-V) in mag; NaN if missing.

    Raises
    ------
    InputError
        If the column does not exist, or a value is negative.
    """
    if not isinstance(given, str):
        return to_ebv(given, len(sample))
    name = first_named(sample.colnames, [given])
    if name is None:
        msg = (
            f"foreground_ebv must be a number, values, or a column of the sample, which has no "
            f"{given!r}: {did_you_mean(given, sample.colnames)}it has {shown(sample.colnames)}"
        )
        raise InputError(msg)
    return to_ebv(sample[name], len(sample))


def foreground_record(given):
    """Record of a correction for ``meta``.

    Parameters
    ----------
    given : str, float or array_like
        The argument ``foreground_ebv``.

    Returns
    -------
    record : str
        Law and colour excess.
    """
    if isinstance(given, str):
        return f"{FOREGROUND_LAW}, E(B-V) of column {given}"
    if np.ndim(given) == 0:
        return f"{FOREGROUND_LAW}, E(B-V) = {given}"
    return f"{FOREGROUND_LAW}, E(B-V) of each galaxy"


def band_correction(ebv, band):
    """Factor that corrects the fluxes of a band for foreground dust.

    Parameters
    ----------
    ebv : ndarray of shape (n,)
        E(B-V) in mag.
    band : str or Band
        The band.

    Returns
    -------
    factor : ndarray of shape (n,)
        Factor for fluxes and their errors.
    """
    law = get_dust_law(FOREGROUND_LAW)
    a_band = law.r_v * ebv * band_attenuation_ratio(get_band(band), law)
    return 10.0 ** (0.4 * a_band)


def line_correction(ebv, line, redshift):
    """Factor that corrects an emission line for foreground dust.

    Parameters
    ----------
    ebv : ndarray of shape (n,)
        E(B-V) in mag.
    line : str
        Name of the line.
    redshift : ndarray of shape (n,)
        Redshifts, for the observed wavelength of the line.

    Returns
    -------
    factor : ndarray of shape (n,)
        Factor for fluxes and their errors; NaN where the redshift is missing.
    """
    law = get_dust_law(FOREGROUND_LAW)
    factor = np.full(len(ebv), np.nan)
    known = np.isfinite(redshift)
    observed = LINES[line].wavelength * (1.0 + redshift[known])
    factor[known] = 10.0 ** (0.4 * ebv[known] * a_lambda(law.r_v, observed, law))
    return factor


def spectrum_correction(ebv, wavelength):
    """Factor that corrects a spectrum for foreground dust.

    Parameters
    ----------
    ebv : float
        E(B-V) in mag.
    wavelength : ndarray of shape (n_wave,)
        Observed wavelengths in Angstrom.

    Returns
    -------
    factor : ndarray of shape (n_wave,)
        Factor for fluxes and their errors.
    """
    law = get_dust_law(FOREGROUND_LAW)
    return 10.0 ** (0.4 * a_lambda(law.r_v * ebv, wavelength, law))


def refuse_corrected(record, what):
    """Raise an error if fluxes are already corrected.

    Parameters
    ----------
    record : str
        Record in ``meta`` or the layout; empty if not corrected.
    what : str
        Subject of the record, for the message.

    Raises
    ------
    InputError
        If they are corrected.
    """
    if record:
        msg = (
            f"{what} is already corrected for foreground dust ({record}): leave "
            f"{argument('foreground_ebv', 'COLUMN')} out"
        )
        raise InputError(msg)
