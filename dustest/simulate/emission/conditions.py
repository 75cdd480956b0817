"""Conditions of dust and ionised gas: what differs between galaxies, and how it is distributed."""

from dataclasses import dataclass

import numpy as np

from dustest.data.checks.numbers import (
    check_fraction,
    check_not_negative,
    check_number,
    check_positive,
    check_range,
    is_number,
)
from dustest.data.checks.records import expect
from dustest.physics.dust_laws.lookup import DUST_LAWS

__all__ = ["SOLAR_METALS", "Conditions", "DustConditions", "NebularConditions"]

_BIRTH_AGE = 1e7
"""Age in yr at which stars leave their birth clouds."""
SOLAR_METALS = 0.014
"""Mass fraction of metals of the Sun (Asplund et al. 2009, ARA&A 47, 481)."""
_LOG_U = (-4.0, -1.0)
"""Range of log10 of the ionisation parameter."""
_MOST_SCATTER = 3.0
"""Largest scatter between galaxies, in dex."""


@dataclass(frozen=True)
class Conditions:
    """Dust and ionised gas of one galaxy.

    The defaults are those of version 0.1: a screen of SMC grains in front of each star.

    Parameters
    ----------
    grains : str, optional
        Name of the extinction law, see `~dustest.physics.get_dust_law`.
    birth_depth : float, optional
        Optical depth at V of the birth clouds of stars younger than 10 Myr, over the mean of the
        interstellar dust in front of those stars.
    clump_depth : float, optional
        Optical depth at V of one clump; zero for smooth dust.
    log_u : float, optional
        log10 of the ionisation parameter of the nebulae.
    escape_fraction : float, optional
        Fraction of the ionising photons that escapes from them.
    scattering : bool, optional
        Whether light that the dust scatters is seen, see `~dustest.physics.Scattered`, where the
        optics of the grains are known; without it all extinction dims.
    metallicity_power : float, optional
        Power of the metallicity of the gas by which the dust-to-metal ratio rises; see
        `dust_to_metal`.

    Raises
    ------
    InputError
        If a parameter is out of range.

    Examples
    --------
    >>> from dustest.simulate.emission.conditions import Conditions
    >>> Conditions(birth_depth=1.0).grains
    'SMC'
    """

    grains: str = "SMC"
    birth_depth: float = 0.0
    clump_depth: float = 0.0
    log_u: float = -2.0
    escape_fraction: float = 0.0
    scattering: bool = False
    metallicity_power: float = 0.0

    def __post_init__(self):
        DUST_LAWS.find(self.grains, "grains")
        _check_dust(self)
        check_number(self.log_u, "log_u", *_LOG_U)
        check_fraction(self.escape_fraction, "escape_fraction")

    def dust_to_metal(self, ratio, gas):
        """Lower a dust-to-metal ratio where the gas is poor in metals.

        Dust grows in gas that is rich in metals: the ratio falls with the metallicity below that
        of the Sun [1]_.

        Parameters
        ----------
        ratio : float
            Fraction of the metals that is in dust at solar metallicity, 0 to 1.
        gas : GasParticles
            The gas.

        Returns
        -------
        float
            The fraction at the metallicity of the dusty gas.

        References
        ----------
        .. [1] Remy-Ruyer et al. 2014, A&A 563, A31 (the mass of gas over that of dust rises
           faster than the metallicity falls below 12 + log(O/H) = 8).

        Examples
        --------
        >>> from dustest.simulate import GasParticles
        >>> from dustest.simulate.emission.conditions import Conditions
        >>> gas = GasParticles([[0.0, 0.0, 0.0]], [1e7], [0.0035], [0.2])
        >>> Conditions(metallicity_power=1.0).dust_to_metal(0.4, gas)
        0.1
        """
        if not (self.metallicity_power and gas.dusty.any()):
            return ratio
        metals = np.average(gas.metallicity[gas.dusty], weights=gas.mass[gas.dusty])
        return float(ratio * min(metals / SOLAR_METALS, 1.0) ** self.metallicity_power)

    def add_depth(self, tau_v, age, rng):
        """Add birth clouds to optical depths, and gather the dust in clumps.

        Young stars lie in clouds of their own, beyond the interstellar dust [1]_. The number of
        clumps in front of a star is drawn from a Poisson distribution, whose mean keeps the mean
        optical depth. Light leaks between few thick clumps, so that attenuation is weaker and
        flatter over wavelength than that of smooth dust of the same mass [2]_.

        Parameters
        ----------
        tau_v : ndarray of shape (n_stars,)
            Optical depths at V of smooth interstellar dust.
        age : ndarray of shape (n_stars,)
            Ages of the stars in yr.
        rng : numpy.random.Generator
            Source of random numbers; untouched if the dust is smooth.

        Returns
        -------
        ndarray of shape (n_stars,)
            Optical depths at V.

        References
        ----------
        .. [1] Charlot & Fall 2000, ApJ 539, 718 (in their model, clouds that live for 10 Myr have
           about twice the optical depth of the interstellar medium).
        .. [2] Natta & Panagia 1984, ApJ 287, 228, equation 12 (the mean over the Poisson
           distribution).

        Examples
        --------
        >>> import numpy as np
        >>> from dustest.simulate.emission.conditions import Conditions
        >>> depth, age = np.array([0.2, 0.4, 0.1]), np.array([1e6, 5e6, 1e8])
        >>> Conditions(birth_depth=2.0).add_depth(depth, age, np.random.default_rng(1)).round(2)
        array([0.8, 1. , 0.1])
        """
        young = age < _BIRTH_AGE
        if self.birth_depth and young.any():
            tau_v = np.where(young, tau_v + self.birth_depth * tau_v[young].mean(), tau_v)
        if self.clump_depth:
            tau_v = self.clump_depth * rng.poisson(tau_v / self.clump_depth)
        return tau_v


@dataclass(frozen=True)
class DustConditions:
    """Distribution of the dust's properties over galaxies.

    Parameters
    ----------
    grains : tuple of (str, float), optional
        Names of extinction laws and their relative weights.
    birth_depth, birth_scatter : float, optional
        Median of the optical depth of birth clouds over that of the interstellar dust, and its
        scatter between galaxies in dex.
    clump_depth, clump_scatter : float, optional
        Median optical depth at V of one clump, and its scatter between galaxies in dex.
    dust_to_metal : tuple of float, optional
        Range of the fraction of the metals of the dense gas that is in dust.
    scattering : bool, optional
        Whether light that the dust scatters is seen, see `~dustest.physics.Scattered`, where the
        optics of the grains are known.
    metallicity_power : float, optional
        Power of the metallicity, below that of the Sun, by which the fraction of the metals in
        dust rises; zero if it does not depend on it.

    Raises
    ------
    InputError
        If a parameter is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.simulate.emission.conditions import DustConditions
    >>> dust = DustConditions(grains=(("LMC", 1.0),), clump_depth=0.5)
    >>> drawn = dust.draw(np.random.default_rng(1))
    >>> drawn["grains"], drawn["clump_depth"]
    ('LMC', 0.5)
    """

    grains: tuple = (("SMC", 1.0),)
    birth_depth: float = 0.0
    birth_scatter: float = 0.0
    clump_depth: float = 0.0
    clump_scatter: float = 0.0
    dust_to_metal: tuple = (0.0, 1.0)
    scattering: bool = False
    metallicity_power: float = 0.0

    def __post_init__(self):
        wanted = 'pairs of a dust law and its weight, such as (("SMC", 2.0), ("LMC", 1.0))'
        expect(_are_weighted_names(self.grains), "grains", wanted, self.grains)
        for law, _ in self.grains:
            DUST_LAWS.find(law, "grains")
        _check_dust(self)
        for name in ("birth_scatter", "clump_scatter"):
            check_number(getattr(self, name), name, 0.0, _MOST_SCATTER)
        check_range(self.dust_to_metal, "dust_to_metal", 0.0, 1.0)

    def draw(self, rng):
        """Draw the dust of one galaxy: fields of `Conditions`.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of random numbers; untouched if nothing varies.

        Returns
        -------
        dict
            ``grains``, ``birth_depth``, ``clump_depth``, ``scattering`` and
            ``metallicity_power``.
        """
        names, weights = zip(*self.grains, strict=True)
        chosen = 0
        if len(names) > 1:
            chosen = rng.choice(len(names), p=np.divide(weights, sum(weights)))
        return {
            "grains": names[chosen],
            "birth_depth": _scattered(self.birth_depth, self.birth_scatter, rng),
            "clump_depth": _scattered(self.clump_depth, self.clump_scatter, rng),
            "scattering": self.scattering,
            "metallicity_power": self.metallicity_power,
        }


@dataclass(frozen=True)
class NebularConditions:
    """Distribution of the properties of ionised gas over galaxies.

    Parameters
    ----------
    log_u, log_u_scatter : float, optional
        Mean of log10 of the ionisation parameter, from -4 to -1, and its scatter between galaxies
        in dex.
    step : float, optional
        Values are rounded to multiples of this many dex, so that galaxies share tables.
    escape_fraction : float, optional
        Fraction of the ionising photons that escapes; dims nebular light by as much.
    leaking_share : float, optional
        Share of the galaxies from which they escape; in the others all ionise gas.

    Raises
    ------
    InputError
        If a parameter is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.simulate.emission.conditions import NebularConditions
    >>> NebularConditions(log_u=-2.3).draw(np.random.default_rng(1))
    {'log_u': -2.5, 'escape_fraction': 0.0}
    """

    log_u: float = -2.0
    log_u_scatter: float = 0.0
    step: float = 0.5
    escape_fraction: float = 0.0
    leaking_share: float = 1.0

    def __post_init__(self):
        check_number(self.log_u, "log_u", *_LOG_U)
        check_number(self.log_u_scatter, "log_u_scatter", 0.0, _MOST_SCATTER)
        check_positive(self.step, "step")
        check_fraction(self.escape_fraction, "escape_fraction")
        check_fraction(self.leaking_share, "leaking_share")

    @property
    def differ(self):
        """Whether the gas differs between galaxies."""
        some_leak = self.escape_fraction > 0.0 and 0.0 < self.leaking_share < 1.0
        return self.log_u_scatter > 0.0 or some_leak

    def draw(self, rng):
        """Draw the ionised gas of one galaxy: fields of `Conditions`.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of random numbers; untouched if nothing varies.

        Returns
        -------
        dict
            ``log_u``, from -4 to -1, and ``escape_fraction``.
        """
        value = self.log_u
        if self.log_u_scatter:
            value += self.log_u_scatter * rng.standard_normal()
        log_u = float(np.clip(self.step * np.round(value / self.step), *_LOG_U))
        escaping = self.escape_fraction
        if self.leaking_share < 1.0 and rng.random() >= self.leaking_share:
            escaping = 0.0
        return {"log_u": log_u, "escape_fraction": escaping}


def _check_dust(conditions):
    """Raise an error for parameters of the dust that are out of range."""
    for name in ("birth_depth", "clump_depth", "metallicity_power"):
        check_not_negative(getattr(conditions, name), name)
    scattering = conditions.scattering
    expect(isinstance(scattering, bool), "scattering", "True or False", scattering)


def _are_weighted_names(grains):
    """Whether grains are pairs of a text and a weight, not all of which are zero."""
    if not isinstance(grains, tuple | list) or not grains:
        return False
    if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in grains):
        return False
    names, weights = zip(*grains, strict=True)
    valid = all(is_number(weight) and weight >= 0.0 for weight in weights)
    return valid and sum(weights) > 0.0 and all(isinstance(name, str) for name in names)


def _scattered(median, scatter, rng):
    """Log-normal draw about a median; no random number if nothing varies."""
    return median * 10.0 ** (scatter * rng.standard_normal()) if median and scatter else median
