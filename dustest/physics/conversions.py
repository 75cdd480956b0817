"""Published quantities under another initial mass function or cosmology."""

from dataclasses import dataclass

import numpy as np

from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError
from dustest.data.messages import not_one_of
from dustest.data.quantities import check_quantity
from dustest.physics.cosmology import check_cosmology

__all__ = ["IMFS", "InitialMassFunction", "convert_quantity"]


@dataclass(frozen=True)
class InitialMassFunction:
    """An initial mass function, by what masses and rates are under it.

    Parameters
    ----------
    name : str
        Name to choose it by.
    mass, rate : float
        Stellar mass and star-formation rate over those under a Salpeter function from 0.1 to 100
        solar masses, for the same light.
    references : tuple of str
        BibTeX keys.
    """

    name: str
    mass: float
    rate: float
    references: tuple = ("Madau2014",)


IMFS = {
    imf.name: imf
    for imf in (
        InitialMassFunction("Salpeter", 1.0, 1.0),
        InitialMassFunction("Chabrier", 0.61, 0.63),
        InitialMassFunction("Kroupa", 0.66, 0.67),
    )
}
"""Initial mass functions by name."""


def convert_quantity(values, quantity, *, imf=None, cosmology=None, redshift=None):
    r"""Convert a published quantity to another initial mass function or cosmology.

    Masses and star-formation rates are multiplied by the constant factors between initial mass
    functions, and what scales with the luminosity by the square of the ratio of the luminosity
    distances. Ages of the Universe, which limit star-formation histories, are not accounted for.

    Parameters
    ----------
    values : array_like or `~astropy.units.Quantity` of shape (n,)
        Published values, in the unit of the quantity.
    quantity : str
        A key of `~dustest.data.QUANTITIES`.
    imf : tuple of str, optional
        Initial mass functions to convert from and to, names of ``IMFS``. Fits of
        `~dustest.BagpipesEstimator` have that of Kroupa.
    cosmology : tuple of `~astropy.cosmology.FLRW`, optional
        Cosmologies to convert from and to. Fits of `~dustest.BagpipesEstimator` have
        ``FlatLambdaCDM(H0=70, Om0=0.3)`` by default.
    redshift : array_like of shape (n,), optional
        Redshifts, for cosmologies.

    Returns
    -------
    values : ndarray of shape (n,)
        Converted values; those of a quantity that depends on neither as they were.

    Raises
    ------
    InputError
        If a name is unknown, there are not two of them, or the redshifts are missing.

    References
    ----------
    Madau & Dickinson 2014, ARA&A 52, 415, section 3.1 (factors between mass functions).

    Examples
    --------
    >>> from astropy.cosmology import FlatLambdaCDM, Planck18
    >>> from dustest.physics import convert_quantity
    >>> convert_quantity([9.0], "log_mass", imf=("Salpeter", "Kroupa")).round(2)
    array([8.82])
    >>> old = FlatLambdaCDM(H0=70.0, Om0=0.3)
    >>> convert_quantity([9.0], "log_mass", cosmology=(old, Planck18), redshift=[7.0]).round(3)
    array([9.018])
    """
    record = check_quantity(quantity)
    converted = to_floats(values, "values", unit=record.unit).astype(float)
    if imf is not None:
        first, last = (_checked_imf(name) for name in _pair("imf", imf))
        mass, rate = record.imf_powers
        converted = converted + mass * np.log10(last.mass / first.mass)
        converted = converted + rate * np.log10(last.rate / first.rate)
    if cosmology is not None and record.luminosity_power != 0.0:
        first, last = _distances(_pair("cosmology", cosmology), redshift)
        converted = converted + 2.0 * record.luminosity_power * np.log10(last / first)
    return converted


def _pair(name, values):
    """What to convert from and to."""
    if not isinstance(values, tuple | list) or len(values) != 2:
        msg = f"{name} must be a pair, what to convert from and to, got {values!r}"
        raise InputError(msg)
    return values


def _checked_imf(name):
    """Record of an initial mass function."""
    if name not in IMFS:
        raise InputError(not_one_of("imf", name, IMFS))
    return IMFS[name]


def _distances(cosmologies, redshift):
    """Luminosity distances in two cosmologies, in Mpc."""
    if redshift is None:
        msg = "redshift must be given to convert between cosmologies, got None"
        raise InputError(msg)
    pair = [check_cosmology(each) for each in cosmologies]
    redshift = to_floats(redshift, "redshift")
    return [each.luminosity_distance(redshift).to_value("Mpc") for each in pair]
