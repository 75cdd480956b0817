"""Far-infrared light of dust: an optically thin modified black body in front of the CMB."""

import numpy as np
from scipy.special import gamma, zeta

from dustest.data.errors import InputError
from dustest.physics._values import as_angstrom

__all__ = ["CMB_TEMPERATURE", "dust_spectrum", "heated_temperature", "modified_black_body"]

CMB_TEMPERATURE = 2.725
"""Temperature of the cosmic microwave background today in K."""
_PLANCK, _BOLTZMANN = 6.62607015e-27, 1.380649e-16  # erg s, erg / K
_LIGHT_SPEED = 2.99792458e18  # Angstrom / s


def heated_temperature(temperature, redshift, emissivity=1.8):
    r"""Temperature of dust that the cosmic microwave background heats as well.

    .. math::
        T(z)^{4 + \beta} = T_0^{4 + \beta} + T_{\rm CMB}^{4 + \beta}
        \left[ (1 + z)^{4 + \beta} - 1 \right]

    Parameters
    ----------
    temperature : float or ndarray
        Temperature that dust heated by the same stars has at redshift zero, in K.
    redshift : float or ndarray
        Redshift.
    emissivity : float or ndarray, optional
        Emissivity index :math:`\beta`.

    Returns
    -------
    float or ndarray
        In K.

    References
    ----------
    da Cunha et al. 2013, ApJ 766, 13, arXiv:1302.0844, equation 12.

    Examples
    --------
    >>> from dustest.physics import heated_temperature
    >>> round(float(heated_temperature(25.0, 7.0)), 2)
    26.66
    """
    power = 4.0 + np.asarray(emissivity, dtype=float)
    heating = CMB_TEMPERATURE**power * ((1.0 + np.asarray(redshift)) ** power - 1.0)
    return (np.asarray(temperature, dtype=float) ** power + heating) ** (1.0 / power)


def modified_black_body(frequency, temperature, emissivity):
    r"""Spectrum of optically thin dust, of which the integral over frequency is one.

    .. math:: \phi_\nu \propto \nu^\beta B_\nu(T)

    Parameters
    ----------
    frequency : ndarray
        Frequency in Hz.
    temperature, emissivity : float or ndarray
        Temperature in K and emissivity index :math:`\beta`, which broadcast with it.

    Returns
    -------
    ndarray
        In 1 / Hz.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.physics import modified_black_body
    >>> nu = np.geomspace(1e9, 1e14, 2000)
    >>> round(float(np.trapezoid(modified_black_body(nu, 45.0, 1.8), nu)), 4)
    1.0
    """
    unit = _BOLTZMANN * np.asarray(temperature, dtype=float) / _PLANCK
    x = np.asarray(frequency, dtype=float) / unit
    power = 3.0 + np.asarray(emissivity, dtype=float)
    # Frequencies far above the peak have no light, and would overflow.
    bounded = np.minimum(x, 500.0)
    return bounded**power / np.expm1(bounded) / (gamma(power + 1.0) * zeta(power + 1.0) * unit)


def dust_spectrum(wavelength, temperature, emissivity, redshift, *, cmb=True):
    r"""Luminosity of dust that is seen, over the luminosity that it absorbs from stars.

    The emission of dust at :math:`T(z)` less what it absorbs of the cosmic microwave background
    has the energy of the starlight:

    .. math::
        \frac{L_\nu}{L} = \frac{\nu^\beta \left[ B_\nu(T(z)) - B_\nu(T_{\rm CMB}(z)) \right]}
        {\int \nu^\beta \left[ B_\nu(T(z)) - B_\nu(T_{\rm CMB}(z)) \right] d\nu}

    Parameters
    ----------
    wavelength : `~astropy.units.Quantity` or ndarray of shape (n_wave,)
        Rest-frame wavelength; numbers are in Angstrom.
    temperature : float or ndarray of shape (n, 1)
        Temperature that dust heated by the same stars has at redshift zero, in K.
    emissivity : float or ndarray of shape (n, 1)
        Emissivity index :math:`\beta`.
    redshift : float or ndarray of shape (n, 1)
        Redshift.
    cmb : bool, optional
        Whether the cosmic microwave background heats dust and is seen behind it.

    Returns
    -------
    ndarray of shape (n_wave,) or (n, n_wave)
        In 1 / Hz; its integral over frequency is one.

    Raises
    ------
    InputError
        If a temperature is not above that of the cosmic microwave background today.

    Notes
    -----
    This is the intrinsic spectrum of equation 12 of [1]_ times the contrast of their equation 18,
    :math:`1 - B_\nu(T_{\rm CMB}(z)) / B_\nu(T(z))`. Dust is optically thin and of one temperature.

    References
    ----------
    .. [1] da Cunha et al. 2013, ApJ 766, 13, arXiv:1302.0844.

    Examples
    --------
    >>> from astropy import units as u
    >>> from dustest.physics import dust_spectrum
    >>> seen = dust_spectrum([158.0] * u.um, 45.0, 1.8, 7.0)
    >>> bare = dust_spectrum([158.0] * u.um, 45.0, 1.8, 7.0, cmb=False)
    >>> round(float(seen[0] / bare[0]), 3)
    0.904
    """
    temperature, emissivity = (np.asarray(each, float) for each in (temperature, emissivity))
    if np.any(~(temperature > CMB_TEMPERATURE)):
        msg = (
            f"temperature of dust must be above {CMB_TEMPERATURE} K, that of the cosmic microwave "
            f"background today, got {np.min(temperature):g}"
        )
        raise InputError(msg)
    frequency = _LIGHT_SPEED / as_angstrom(wavelength)
    if not cmb:
        return modified_black_body(frequency, temperature, emissivity)
    power = 4.0 + emissivity
    hot = heated_temperature(temperature, redshift, emissivity)
    cold = CMB_TEMPERATURE * (1.0 + np.asarray(redshift, dtype=float))
    emitted = hot**power * modified_black_body(frequency, hot, emissivity)
    behind = cold**power * modified_black_body(frequency, cold, emissivity)
    return (emitted - behind) / (hot**power - cold**power)
