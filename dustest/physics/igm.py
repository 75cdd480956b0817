"""Absorption by the intergalactic hydrogen."""

import numpy as np

from dustest.data.errors import InputError
from dustest.physics._inoue14 import LYMAN_SERIES
from dustest.physics._values import as_angstrom, as_redshift

__all__ = ["igm_transmission"]

LYMAN_LIMIT = 911.8
"""Angstrom, as in Inoue et al."""


def igm_transmission(wavelength, redshift):
    """Mean transmission of the intergalactic medium towards a source.

    Lyman alpha forest and damped systems, in the lines of the Lyman series and in the Lyman
    continuum.

    Parameters
    ----------
    wavelength : array_like, Column or `~astropy.units.Quantity` of shape (n_wave,)
        Observed-frame wavelengths; Angstrom if they have no unit. Below 911.8 Angstrom, beyond
        the published formulae, the continuum keeps the depth that it has there.
    redshift : float
        Redshift of the source.

    Returns
    -------
    ndarray of shape (n_wave,)
        Fraction of the light that is transmitted, between 0 and 1.

    Raises
    ------
    InputError
        If a wavelength is not positive and finite or has no spectral unit, or the redshift is
        negative or not finite, or has a unit.

    References
    ----------
    Inoue et al. 2014, MNRAS 442, 1805, equations 21, 22 and 25 to 29, and table 2.

    Examples
    --------
    >>> from dustest.physics import igm_transmission
    >>> igm_transmission([4000.0, 5800.0, 6100.0], 4.0).round(2)
    array([0.04, 0.46, 1.  ])
    """
    wavelength, redshift = as_angstrom(wavelength), as_redshift(redshift)
    if wavelength.ndim != 1:
        msg = f"wavelength must be one-dimensional, got shape {wavelength.shape}"
        raise InputError(msg)
    transmission = np.ones_like(wavelength)
    blue = wavelength < LYMAN_SERIES[0, 0] * (1.0 + redshift)
    depth = _series_depth(wavelength[blue], redshift)
    continuum = wavelength[blue] < LYMAN_LIMIT * (1.0 + redshift)
    ratio = np.maximum(wavelength[blue][continuum] / LYMAN_LIMIT, 1.0)
    depth[continuum] += _forest_continuum(ratio, 1.0 + redshift)
    depth[continuum] += _damped_continuum(ratio, 1.0 + redshift)
    transmission[blue] = np.exp(-depth)
    return transmission


def _series_depth(wavelength, redshift):
    """Optical depth of the lines of the Lyman series (equations 21 and 22)."""
    line, *amplitudes = LYMAN_SERIES.T
    ratio = wavelength[:, np.newaxis] / line
    forest = np.select(
        [ratio < 2.2, ratio < 5.7],
        [amplitudes[0] * ratio**1.2, amplitudes[1] * ratio**3.7],
        amplitudes[2] * ratio**5.5,
    )
    damped = np.where(ratio < 3.0, amplitudes[3] * ratio**2, amplitudes[4] * ratio**3)
    on_the_way = (ratio > 1.0) & (ratio < 1.0 + redshift)
    return np.sum((forest + damped) * on_the_way, axis=1)


def _forest_continuum(ratio, source):
    """Depth of the forest in the Lyman continuum (equations 25 to 27); ``source`` is 1 + z."""
    if source < 2.2:
        return 0.325 * (ratio**1.2 - source**-0.9 * ratio**2.1)
    if source < 5.7:
        far = 2.55e-2 * source**1.6 * ratio**2.1
        near = 0.325 * ratio**1.2 - 0.250 * ratio**2.1
        return far + np.where(ratio < 2.2, near, -2.55e-2 * ratio**3.7)
    far = 5.22e-4 * source**3.4 * ratio**2.1
    near = 0.325 * ratio**1.2 - 3.14e-2 * ratio**2.1
    middle = 0.218 * ratio**2.1 - 2.55e-2 * ratio**3.7
    return far + np.select([ratio < 2.2, ratio < 5.7], [near, middle], -5.22e-4 * ratio**5.5)


def _damped_continuum(ratio, source):
    """Depth of damped systems in the Lyman continuum (equations 28, 29); ``source`` is 1 + z."""
    if source < 3.0:
        far = 0.211 * source**2
        return far - 7.66e-2 * source**2.3 * ratio**-0.3 - 0.135 * ratio**2
    far = 4.70e-2 * source**3 - 1.78e-2 * source**3.3 * ratio**-0.3
    near = 0.634 - 0.135 * ratio**2 - 0.291 * ratio**-0.3
    return far + np.where(ratio < 3.0, near, -2.92e-2 * ratio**3)
