"""Signal-to-noise ratios of galaxies in images: the aperture, and which galaxies are faint."""

import numpy as np

from dustest.data.checks.numbers import check_number

__all__ = ["SNR_DIAMETER", "SNR_MIN", "check_snr_min", "is_faint"]

SNR_DIAMETER = 0.32
"""Diameter in arcsec of the aperture in which the ratio of a stamp is measured."""

SNR_MIN = 5.0
"""Ratio below which a galaxy has the flag ``LOW_SNR``."""


def is_faint(snr, snr_min=SNR_MIN, *, axis=0):
    """Find galaxies whose signal-to-noise ratio is known and too low in every band.

    Parameters
    ----------
    snr : ndarray of shape (n_bands, n) or (n, n_bands)
        Ratios; NaN if unknown.
    snr_min : float, optional
        Sufficient ratio.
    axis : int, optional
        Axis of the bands.

    Returns
    -------
    faint : ndarray of bool of shape (n,)
        False if no ratio is known.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.data.signal_to_noise import is_faint
    >>> is_faint(np.array([[3.0, 3.0, np.nan], [4.0, 9.0, np.nan]]))
    array([ True, False, False])
    """
    return np.isfinite(snr).any(axis=axis) & ~np.any(snr >= snr_min, axis=axis)


def check_snr_min(snr_min):
    """Raise an error for a least signal-to-noise ratio that is no finite number.

    Parameters
    ----------
    snr_min : float
        The argument.

    Returns
    -------
    snr_min : float
        The number.

    Raises
    ------
    InputError
        If it is not a finite number.

    Examples
    --------
    >>> from dustest.data.signal_to_noise import check_snr_min
    >>> check_snr_min(5)
    5.0
    """
    return check_number(snr_min, "snr_min")
