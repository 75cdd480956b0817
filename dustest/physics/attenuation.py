"""Conversions between A_V, E(B-V) and A_lambda, and attenuation in bands, for a dust law."""

import numpy as np

from dustest.data.bands import get_band
from dustest.data.errors import InputError
from dustest.physics._values import as_magnitudes, as_redshifts
from dustest.physics.dust_laws.lookup import get_dust_law

__all__ = [
    "a_lambda",
    "a_v_to_e_bv",
    "attenuation_ratio",
    "band_attenuation_ratio",
    "e_bv_to_a_v",
]


def attenuation_ratio(wavelength, law):
    """Evaluate A_lambda / A_V of a law.

    Parameters
    ----------
    wavelength : float, array_like, Column or `~astropy.units.Quantity`
        Rest-frame wavelengths; Angstrom if they have no unit.
    law : str, DustLaw or model of dust_extinction
        The law, see `get_dust_law`.

    Returns
    -------
    float or ndarray
        A_lambda / A_V, of the shape of ``wavelength``.

    Raises
    ------
    InputError
        If the law is unknown, or does not cover a wavelength.

    Examples
    --------
    >>> from astropy import units as u
    >>> from dustest.physics import attenuation_ratio
    >>> float(attenuation_ratio(0.16 * u.um, "SMC").round(3))
    4.381
    """
    return get_dust_law(law).a_over_av(wavelength)


def a_v_to_e_bv(a_v, law):
    """Convert A_V into E(B-V) = A_V / R_V.

    Parameters
    ----------
    a_v : float, array_like, Column or `~astropy.units.Quantity`
        Attenuation in V, in mag.
    law : str, DustLaw or model of dust_extinction
        The law, see `get_dust_law`.

    Returns
    -------
    float, ndarray or `~astropy.units.Quantity`
        E(B-V) in mag, NaN if missing; with a unit where ``a_v`` has one.

    Raises
    ------
    InputError
        If the law is unknown, or ``a_v`` has a unit other than mag.

    Examples
    --------
    >>> from dustest.physics import a_v_to_e_bv
    >>> float(a_v_to_e_bv(0.81, "Calzetti"))
    0.2
    """
    return as_magnitudes(a_v, "a_v") / get_dust_law(law).r_v


def e_bv_to_a_v(e_bv, law):
    """Convert E(B-V) into A_V = R_V E(B-V).

    Parameters
    ----------
    e_bv : float, array_like, Column or `~astropy.units.Quantity`
        Colour excess, in mag.
    law : str, DustLaw or model of dust_extinction
        The law, see `get_dust_law`.

    Returns
    -------
    float, ndarray or `~astropy.units.Quantity`
        A_V in mag, NaN if missing; with a unit where ``e_bv`` has one.

    Raises
    ------
    InputError
        If the law is unknown, or ``e_bv`` has a unit other than mag.

    Examples
    --------
    >>> from astropy import units as u
    >>> from dustest.physics import e_bv_to_a_v
    >>> e_bv_to_a_v(0.2 * u.mag, "Calzetti")
    <Quantity 0.81 mag>
    """
    return as_magnitudes(e_bv, "e_bv") * get_dust_law(law).r_v


def a_lambda(a_v, wavelength, law):
    """Attenuation at a wavelength, for a given A_V.

    Parameters
    ----------
    a_v : float, array_like, Column or `~astropy.units.Quantity`
        Attenuation in V, in mag; broadcasts with ``wavelength``.
    wavelength : float, array_like, Column or `~astropy.units.Quantity`
        Rest-frame wavelengths; Angstrom if they have no unit.
    law : str, DustLaw or model of dust_extinction
        The law, see `get_dust_law`.

    Returns
    -------
    float, ndarray or `~astropy.units.Quantity`
        A_lambda in mag, NaN if missing; with a unit where ``a_v`` has one.

    Raises
    ------
    InputError
        If the law is unknown, does not cover a wavelength, ``a_v`` has a unit other than mag,
        or the shapes do not broadcast.

    Examples
    --------
    >>> from dustest.physics import a_lambda
    >>> float(a_lambda(0.5, 1600.0, "Calzetti").round(3))
    1.231
    """
    attenuation, ratio = as_magnitudes(a_v, "a_v"), attenuation_ratio(wavelength, law)
    try:
        return attenuation * ratio
    except ValueError as error:
        msg = (
            f"a_v and wavelength must have shapes that broadcast, got {np.shape(attenuation)} and "
            f"{np.shape(ratio)}"
        )
        raise InputError(msg) from error


def band_attenuation_ratio(band, law, redshift=0.0):
    """Attenuation in a band over A_V, for a source at a redshift.

    The mean of A_lambda / A_V over the band, weighted as photon-counting photometry weights a
    spectrum flat in f_nu: the limit of little dust. Transmission below one per cent of the peak
    is left out.

    Parameters
    ----------
    band : str or Band
        The band, see `dustest.data.bands.get_band`.
    law : str, DustLaw or model of dust_extinction
        The law, see `get_dust_law`.
    redshift : float or array_like of shape (n,), optional
        Redshift of the source; the law applies in its rest frame.

    Returns
    -------
    float or ndarray of shape (n,)
        A_band / A_V.

    Raises
    ------
    InputError
        If the band or law is unknown, the law does not cover the band, or a redshift is
        negative or not finite, or has a unit.

    Examples
    --------
    >>> from dustest.physics import band_attenuation_ratio
    >>> float(band_attenuation_ratio("F606W", "Calzetti").round(2))
    0.94
    >>> float(band_attenuation_ratio("F115W", "Calzetti", redshift=6.2).round(2))
    2.47
    """
    redshift = as_redshifts(redshift)
    if not np.all(redshift >= 0):
        msg = "redshift must be finite and not negative, without missing values"
        raise InputError(msg)
    curve = get_band(band)
    inside = curve.transmission >= 0.01 * curve.transmission.max()
    wavelength = curve.wavelength[inside]
    # Flat f_nu through a photon counter: T dnu / nu = T dlambda / lambda.
    weight = curve.transmission[inside] / wavelength
    ratio = attenuation_ratio(wavelength / (1.0 + redshift[..., np.newaxis]), law)
    total = np.trapezoid(weight, wavelength)
    return (np.trapezoid(weight * ratio, wavelength, axis=-1) / total)[()]
