"""Light of an active galactic nucleus (AGN): an accretion disc behind dust, and a black body."""

from functools import lru_cache

import numpy as np

from dustest.estimators._sed.components import AGN_FRACTION
from dustest.estimators._sed.tabulated.light.emission import REFERENCE
from dustest.physics.dust_laws.lookup import get_dust_law

__all__ = ["agn_spectra"]

_LAW = "SMC"
"""Dust law of the screen in front of the disc, that of reddened quasars."""
_SECOND_RADIATION = 1.438776877e8  # h c / k in Angstrom K
_LARGEST = 500.0
"""Exponent of a black body from which on it has no light."""


def agn_spectra(wavelength, parameters):
    r"""Spectra of AGN, over the continuum of stars at 5100 Angstrom behind their dust.

    .. math::
        \frac{L_\lambda}{L_{*}(5100)} = \frac{f}{1 - f} \left[ (1 - b)\, d_\lambda + b\,
        \frac{B_\lambda(T)}{B_{5100}(T)} \right], \quad
        d_\lambda = \left( \frac{\lambda}{5100} \right)^s 10^{-0.4 (A_\lambda - A_{5100})}

    Parameters
    ----------
    wavelength : ndarray of shape (n_wave,)
        Rest-frame wavelengths in Angstrom.
    parameters : dict of str to ndarray of shape (n,)
        The share f in the observed light at 5100 Angstrom, ``agn:fraction``, the slope s of the
        disc, ``agn:slope``, and its attenuation, ``agn:Av``; for little red dots also the share b
        of the black body in the light of the AGN at 5100 Angstrom, ``agn:black_body``, and its
        ``agn:temperature`` in K.

    Returns
    -------
    ndarray of shape (n, n_wave)
        The ratio.
    """
    values = {
        name: np.asarray(value, dtype=float)[:, np.newaxis] for name, value in parameters.items()
    }
    fraction = values[AGN_FRACTION]
    log_stretch = np.log(wavelength / REFERENCE)
    reddening = 0.4 * np.log(10.0) * _relative_curve(tuple(wavelength.tolist()))
    light = np.exp(values["agn:slope"] * log_stretch - values["agn:Av"] * reddening)
    if "agn:black_body" in values:
        temperature = values["agn:temperature"]
        body = np.exp(-5.0 * log_stretch) * _planck(REFERENCE, temperature)
        light += values["agn:black_body"] * (body / _planck(wavelength, temperature) - light)
    return fraction / (1.0 - fraction) * light


def _planck(wavelength, temperature):
    """The exponential factor in the denominator of the law of Planck."""
    return np.expm1(np.minimum(_SECOND_RADIATION / (wavelength * temperature), _LARGEST))


@lru_cache(maxsize=64)
def _relative_curve(wavelength):
    """A / A_V of the law of the screen, less that at the reference."""
    law = get_dust_law(_LAW)
    return law.extended(np.array(wavelength)) - law.extended(np.array([REFERENCE]))
