"""Scaling relations of galaxies at redshifts 4 to 14, with reference and scatter."""

from dataclasses import dataclass, fields

import numpy as np

from dustest.data.checks.numbers import check_not_negative, check_number, check_positive, is_number
from dustest.data.checks.records import expect
from dustest.simulate.emission.conditions import SOLAR_METALS

__all__ = [
    "GasContent",
    "MainSequence",
    "MassFunction",
    "MassMetallicity",
    "SizeMass",
    "draw_scattered",
    "metal_fraction",
]

_SOLAR_OXYGEN = 8.69
_N_NODES = 256


def metal_fraction(log_oxygen):
    """Mass fraction of metals of gas with an oxygen abundance.

    All metals scale with oxygen: 0.014 at the solar abundance, 8.69.

    Parameters
    ----------
    log_oxygen : float or ndarray
        Oxygen abundance, 12 + log10(O/H).

    Returns
    -------
    float or ndarray
        Mass fraction of metals.

    References
    ----------
    Asplund et al. 2009, ARA&A 47, 481.

    Examples
    --------
    >>> print(round(metal_fraction(7.69), 4))
    0.0014
    """
    return SOLAR_METALS * 10.0 ** (np.asarray(log_oxygen, dtype=float)[()] - _SOLAR_OXYGEN)


def draw_scattered(relation, rng, *arguments):
    """Draw a value of a relation: its median plus a normal deviate times its scatter.

    Parameters
    ----------
    relation : MainSequence, SizeMass, MassMetallicity or GasContent
        The relation.
    rng : numpy.random.Generator
        Source of random numbers.
    *arguments : float
        Arguments of the median.

    Returns
    -------
    float
        The value, on the logarithmic scale of the relation.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.simulate.galaxies.scaling_relations import SizeMass, draw_scattered
    >>> print(round(draw_scattered(SizeMass(scatter=0.0), np.random.default_rng(1), 9.0, 7.0), 3))
    -0.276
    """
    return relation.median(*arguments) + relation.scatter * rng.standard_normal()


@dataclass(frozen=True)
class MassFunction:
    """Number density of galaxies over stellar mass: Schechter functions at some redshifts.

    The parameters are linear in redshift between the nodes, and constant outside.

    Parameters
    ----------
    redshift : tuple of float, optional
        The nodes, ascending.
    slope : tuple of float, optional
        Slopes at low mass, alpha.
    log_knee : tuple of float, optional
        log10 of the mass at the knee in solar masses.
    tilt : float, optional
        The density is multiplied by the mass to this power. Zero draws the observed distribution;
        about one draws many massive, dusty galaxies for training.

    References
    ----------
    Navarro-Carrera et al. 2024, ApJ 961, 207 (the defaults, 3.5 < z < 8.5).

    Examples
    --------
    >>> from dustest.simulate.galaxies.scaling_relations import MassFunction
    >>> density = MassFunction().density([9.0, 10.0], redshift=7.0)
    >>> print(round(density[0] / density[1], 1))
    11.5
    """

    redshift: tuple = (4.0, 5.0, 6.0, 7.0, 8.0)
    slope: tuple = (-1.61, -1.69, -1.88, -1.98, -1.93)
    log_knee: tuple = (10.48, 10.45, 10.33, 10.68, 10.70)
    tilt: float = 0.0

    def __post_init__(self):
        nodes = self.redshift
        wanted = "a tuple of finite numbers in ascending order"
        expect(_are_numbers(nodes) and (np.diff(nodes) > 0.0).all(), "redshift", wanted, nodes)
        for name in ("slope", "log_knee"):
            values = getattr(self, name)
            wanted = f"a tuple of {len(nodes)} finite numbers, one for each redshift"
            expect(_are_numbers(values) and len(values) == len(nodes), name, wanted, values)
        check_number(self.tilt, "tilt")

    def density(self, log_mass, redshift):
        """Galaxies per dex of mass, on an arbitrary scale.

        Parameters
        ----------
        log_mass : array_like
            log10 of the stellar mass in solar masses.
        redshift : float
            Redshift.

        Returns
        -------
        ndarray
            Relative number density, the tilt included.
        """
        slope = np.interp(redshift, self.redshift, self.slope)
        knee = np.interp(redshift, self.redshift, self.log_knee)
        over = np.asarray(log_mass, dtype=float) - knee
        return 10.0 ** (over * (slope + 1.0 + self.tilt)) * np.exp(-(10.0**over))

    def draw(self, redshift, limits, rng):
        """Draw one mass.

        Parameters
        ----------
        redshift : float
            Redshift.
        limits : tuple of float
            Smallest and largest log10 of the mass.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        float
            log10 of the stellar mass in solar masses.
        """
        nodes = np.linspace(*limits, _N_NODES)
        density = self.density(nodes, redshift)
        below = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
        return float(np.interp(rng.random() * below[-1], below, nodes))


@dataclass(frozen=True)
class MainSequence:
    """Star-formation rate over 100 Myr of galaxies by stellar mass.

    The specific rate is ``rate`` x (M / 1e10 Msun)**``slope`` x (1 + z)**``evolution``.

    Parameters
    ----------
    rate : float, optional
        Specific rate at 1e10 Msun and z = 0 in 1/Gyr.
    slope : float, optional
        Power of the mass.
    evolution : float, optional
        Power of 1 + z.
    scatter : float, optional
        Standard deviation around the median in dex.

    References
    ----------
    Simmonds et al. 2025, MNRAS 544, 4551 (the defaults: their fit for rates over 100 Myr at
    3 < z < 9; its intrinsic scatter is about 0.2 dex, that of rates over 10 Myr 0.4 to 0.5).

    Examples
    --------
    >>> from dustest.simulate.galaxies.scaling_relations import MainSequence
    >>> print(round(MainSequence().median(10.0, redshift=7.0), 2))
    1.43
    """

    rate: float = 0.30
    slope: float = 0.0
    evolution: float = 1.06
    scatter: float = 0.2

    def __post_init__(self):
        _check_fields(self, positive=("rate",))

    def median(self, log_mass, redshift):
        """Median star-formation rate.

        Parameters
        ----------
        log_mass : float or ndarray
            log10 of the stellar mass in solar masses.
        redshift : float or ndarray
            Redshift.

        Returns
        -------
        float or ndarray
            log10 of the rate in solar masses per yr.
        """
        specific = np.log10(self.rate) + self.evolution * np.log10(1.0 + redshift)
        return log_mass - 9.0 + specific + self.slope * (log_mass - 10.0)


@dataclass(frozen=True)
class SizeMass:
    """Projected half-mass radius of galaxies by stellar mass.

    Parameters
    ----------
    radius : float, optional
        Radius of a galaxy of 1e9 Msun at z = 0 in kpc.
    slope : float, optional
        Power of the mass.
    evolution : float, optional
        Power of 1 + z.
    scatter : float, optional
        Standard deviation around the median in dex; the default is our own choice.

    References
    ----------
    Westcott et al. 2025, arXiv:2412.14970v1 (2.74 (1 + z)**-0.79 kpc at 6.5 < z < 12.5 in the
    rest-frame optical; the normalisation at 1e9 Msun is our own choice). Morishita et al.
    2024, ApJ 963, 9 (the slope, 0.19 at 5 < z < 14).

    Examples
    --------
    >>> from dustest.simulate.galaxies.scaling_relations import SizeMass
    >>> print(round(10 ** SizeMass().median(9.0, redshift=7.0), 2))
    0.53
    """

    radius: float = 2.74
    slope: float = 0.19
    evolution: float = -0.79
    scatter: float = 0.2

    def __post_init__(self):
        _check_fields(self, positive=("radius",))

    def median(self, log_mass, redshift):
        """Median size.

        Parameters
        ----------
        log_mass : float or ndarray
            log10 of the stellar mass in solar masses.
        redshift : float or ndarray
            Redshift.

        Returns
        -------
        float or ndarray
            log10 of the radius in kpc (physical).
        """
        at_pivot = np.log10(self.radius) + self.evolution * np.log10(1.0 + redshift)
        return at_pivot + self.slope * (log_mass - 9.0)


@dataclass(frozen=True)
class MassMetallicity:
    """Oxygen abundance of the gas of galaxies by stellar mass.

    Parameters
    ----------
    abundance : float, optional
        12 + log10(O/H) at 1e8 Msun.
    slope : float, optional
        Power of the mass.
    scatter : float, optional
        Standard deviation around the median in dex; the default is our own choice.

    References
    ----------
    Curti et al. 2024, A&A 684, A75 (the defaults, 3 < z < 10).

    Examples
    --------
    >>> from dustest.simulate.galaxies.scaling_relations import MassMetallicity, metal_fraction
    >>> abundance = MassMetallicity().median(10.0)
    >>> print(round(abundance, 2), round(metal_fraction(abundance), 4))
    8.06 0.0033
    """

    abundance: float = 7.72
    slope: float = 0.17
    scatter: float = 0.2

    def __post_init__(self):
        _check_fields(self)

    def median(self, log_mass):
        """Median abundance; it changes little between redshifts 3 and 10.

        Parameters
        ----------
        log_mass : float or ndarray
            log10 of the stellar mass in solar masses.

        Returns
        -------
        float or ndarray
            12 + log10(O/H).
        """
        return self.abundance + self.slope * (log_mass - 8.0)


@dataclass(frozen=True)
class GasContent:
    """Mass of the gas, from the depletion time.

    Parameters
    ----------
    depletion_time : float, optional
        Mass of gas over star-formation rate on the main sequence in yr.
    slope : float, optional
        Power of the rate over that of the main sequence, by which the time changes.
    scatter : float, optional
        Standard deviation around the median in dex; the default is our own choice.

    References
    ----------
    Aravena et al. 2024, A&A 682, A24 (median depletion time of 0.5 Gyr at z = 6.5 to 7.5);
    Tacconi et al. 2018, ApJ 853, 179 (the slope).

    Examples
    --------
    >>> from dustest.simulate.galaxies.scaling_relations import GasContent
    >>> print(round(GasContent().median(1.0, above_sequence=0.0), 2))
    9.7
    """

    depletion_time: float = 5e8
    slope: float = -0.44
    scatter: float = 0.2

    def __post_init__(self):
        _check_fields(self, positive=("depletion_time",))

    def median(self, log_sfr, above_sequence):
        """Median mass of gas.

        Parameters
        ----------
        log_sfr : float or ndarray
            log10 of the star-formation rate in solar masses per yr.
        above_sequence : float or ndarray
            Distance of the rate from the main sequence in dex.

        Returns
        -------
        float or ndarray
            log10 of the mass in solar masses.
        """
        return log_sfr + np.log10(self.depletion_time) + self.slope * above_sequence


def _are_numbers(values):
    """Whether values are a list or tuple of finite numbers, at least one."""
    listed = isinstance(values, tuple | list) and len(values) > 0
    return listed and all(is_number(value) for value in values)


def _check_fields(relation, positive=()):
    """Raise an error unless all fields of a relation are finite numbers in their range."""
    for field in fields(relation):
        check = check_positive if field.name in positive else check_number
        check = check_not_negative if field.name == "scatter" else check
        check(getattr(relation, field.name), field.name)
