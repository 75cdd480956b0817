"""A population of galaxies made of particles, drawn from scaling relations."""

from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

import numpy as np

from dustest.data.checks.numbers import (
    check_fraction,
    check_number,
    check_positive,
    check_whole,
    is_number,
)
from dustest.data.checks.records import expect
from dustest.data.errors import InputError
from dustest.data.identity.seeds import as_generator
from dustest.simulate.emission.conditions import Conditions, DustConditions, NebularConditions
from dustest.simulate.galaxies.bodies import Bodies
from dustest.simulate.galaxies.histories import BurstyHistory
from dustest.simulate.galaxies.particle_galaxy import GasParticles, ParticleGalaxy, StarParticles
from dustest.simulate.galaxies.scaling_relations import (
    GasContent,
    MainSequence,
    MassFunction,
    MassMetallicity,
    SizeMass,
    draw_scattered,
    metal_fraction,
)

__all__ = ["REDSHIFTS", "GalaxyPopulation"]

REDSHIFTS = (4.0, 14.0)
"""Redshifts of the relations, some of them extrapolated by up to six units."""
_YOUNG = 3e7
"""Age in yr below which stars are still at their birthplace."""
_MOST_METALS = 0.05
"""Largest mass fraction of metals, that of the richest stars of the spectra."""
_DENSE_PARTICLES = 0.8
"""Fraction of the gas particles in the dense gas, where the dust needs resolution."""
_STAR_KERNEL, _YOUNG_KERNEL, _GAS_KERNEL, _DENSE_KERNEL = 0.25, 0.12, 0.4, 0.15
"""Radii of kernels over the half-mass radius of the smoothed component."""


_SEQUENCE = {"rate": 0.5, "scatter": 0.4}
_BURSTS = {"scatter": 0.8}
"""Chosen to match the colours of galaxies of JADES between redshifts 6 and 9: rates are higher by
0.22 dex than those of the references, and scatter more."""

_METHODS = {"mass_function": "draw", "history": "draw"}
_METHODS |= dict.fromkeys(("main_sequence", "size_mass", "mass_metallicity"), "median")
_METHODS |= {"gas_content": "median"}
"""Method of each relation."""


@dataclass(frozen=True)
class GalaxyPopulation:
    """Population of star-forming galaxies at redshifts 4 to 14.

    A galaxy is drawn in this order: mass, star-formation rate, history, size, metallicity, gas.
    Stars and gas are then placed in a disc, a spheroid, star-forming regions and clumps, in one
    body or in two that merge, with a random orientation. Stars younger than 30 Myr and the dense
    gas, which contains the dust, share a thin disc and its regions and clumps.

    Each relation is a record whose fields, including its ``scatter``, can be changed. Parameters
    without a reference are our own choice.

    Parameters
    ----------
    log_mass : tuple of float, optional
        Range of log10 of the surviving stellar mass in solar masses at the time of observation.
    n_stars, n_gas : int, optional
        Particles of a galaxy; at least two of gas.
    mass_function : MassFunction, optional
        Number density over mass.
    main_sequence : MainSequence, optional
        Star-formation rate over 100 Myr by mass and redshift. The default is higher and wider
        than the published relation (0.5 per Gyr and 0.4 dex, not 0.3 and 0.2), and its history
        is more bursty (0.8 dex). The galaxies are then as blue and have as strong lines as those
        found by JADES.
    size_mass : SizeMass, optional
        Half-mass radius by mass and redshift: of the stars, seen face-on.
    mass_metallicity : MassMetallicity, optional
        Oxygen abundance by mass.
    gas_content : GasContent, optional
        Mass of gas by star-formation rate.
    history : BurstyHistory, optional
        Star formation before the time of observation.
    merger_fraction : float, optional
        Fraction of galaxies that are two in a merger [1]_.
    merger_ratio : tuple of float, optional
        Range of the mass of the smaller galaxy over that of the larger.
    merger_separation : tuple of float, optional
        Range of the distance between them in kpc.
    clumpy_fraction : float, optional
        Fraction of galaxies with one to four clumps of 50 to 300 pc [2]_.
    clump_share : float, optional
        Fraction of their young stars and dense gas that is in clumps [2]_.
    region_share : float, optional
        Fraction of the young stars and of the dense gas that is in small star-forming regions.
    spheroid_share : tuple of float, optional
        Range of the fraction of the older stars that is in a spheroid.
    thickness : float, optional
        Scale height over scale length of the disc of older stars.
    young_thickness : float, optional
        The same for young stars and dense gas.
    dense_share : float, optional
        Fraction of the gas that is dense and cold and contains dust.
    dense_extent : float, optional
        Half-mass radius of the dense gas over that of the stars.
    gas_extent : float, optional
        Half-mass radius of the diffuse gas over that of the stars [3]_.
    dust : DustConditions, optional
        Grains, birth clouds and clumps of the dust, and the fraction of metals in it.
    nebulae : NebularConditions, optional
        Ionisation parameter, and fraction of ionising photons that escapes.
    enrichment : float, optional
        Difference between the metallicities of the gas and of the oldest stars, in dex.

    Raises
    ------
    InputError
        If a parameter is out of range.

    References
    ----------
    .. [1] Westcott et al. 2025, arXiv:2412.14970v1 (0.12 +- 0.07 at 6.5 < z < 12.5).
    .. [2] arXiv:2508.14972v1 (some 20 % of galaxies above 1e9 Msun at z > 6.5, clumps with 15 to
       20 % of their near-ultraviolet light).
    .. [3] Fujimoto et al. 2020, ApJ 900, 1 ([C II] 2 to 3 times as extended as the ultraviolet
       light at 4 < z < 6).

    Examples
    --------
    >>> from dustest.simulate.galaxies.population import GalaxyPopulation
    >>> population = GalaxyPopulation(log_mass=(9.0, 10.0))
    >>> galaxy = population.draw(redshift=7.0, random_state=1, group="one")
    >>> len(galaxy.stars), len(galaxy.gas), galaxy.redshift
    (2500, 2500, 7.0)
    """

    references: ClassVar[tuple] = (
        *("Aravena2024", "Asplund2009", "Behroozi2013", "Bevins2026", "Caplar2019", "Curti2024"),
        *("Fujimoto2020", "Hernquist1990", "Morishita2024", "NavarroCarrera2024", "Planck2016"),
        *("Simmonds2025", "Tacconi2018", "Westcott2025", "vanderKruit1981"),
    )
    log_mass: tuple = (7.0, 11.0)
    n_stars: int = 2500
    n_gas: int = 2500
    mass_function: MassFunction = field(default_factory=MassFunction)
    main_sequence: MainSequence = field(default_factory=partial(MainSequence, **_SEQUENCE))
    size_mass: SizeMass = field(default_factory=SizeMass)
    mass_metallicity: MassMetallicity = field(default_factory=MassMetallicity)
    gas_content: GasContent = field(default_factory=GasContent)
    history: BurstyHistory = field(default_factory=partial(BurstyHistory, **_BURSTS))
    dust: DustConditions = field(default_factory=DustConditions)
    nebulae: NebularConditions = field(default_factory=NebularConditions)
    merger_fraction: float = 0.12
    merger_ratio: tuple = (0.25, 1.0)
    merger_separation: tuple = (1.0, 6.0)
    clumpy_fraction: float = 0.2
    clump_share: float = 0.2
    region_share: float = 0.5
    spheroid_share: tuple = (0.0, 0.6)
    thickness: float = 0.25
    young_thickness: float = 0.1
    dense_share: float = 0.06
    dense_extent: float = 1.3
    gas_extent: float = 2.0
    enrichment: float = 0.3

    def __post_init__(self):
        check_whole(self.n_stars, "n_stars")
        check_whole(self.n_gas, "n_gas", minimum=2)
        _check_range(self.log_mass, "log_mass", (4.0, 13.0))
        _check_range(self.merger_ratio, "merger_ratio", (0.0, 1.0))
        _check_range(self.merger_separation, "merger_separation", (0.0, np.inf))
        _check_range(self.spheroid_share, "spheroid_share", (0.0, 1.0))
        check_number(self.enrichment, "enrichment")
        for name in ("thickness", "young_thickness", "dense_extent", "gas_extent"):
            check_positive(getattr(self, name), name)
        for name in (
            "merger_fraction",
            "clumpy_fraction",
            "clump_share",
            "region_share",
            "dense_share",
        ):
            check_fraction(getattr(self, name), name)
        for name, method in _METHODS.items():
            value = getattr(self, name)
            wanted = f"a record with the method {method}"
            expect(callable(getattr(value, method, None)), name, wanted, value)
        for name, kind in (("dust", DustConditions), ("nebulae", NebularConditions)):
            value = getattr(self, name)
            expect(isinstance(value, kind), name, f"a {kind.__name__}", value)

    def draw(self, redshift, random_state=None, group=""):
        """Draw one galaxy.

        Parameters
        ----------
        redshift : float
            Redshift of the galaxy, 4 to 14.
        random_state : None, int or numpy.random.Generator, optional
            Source of random numbers; the same integer gives the same galaxy.
        group : str, optional
            Name of the galaxy.

        Returns
        -------
        ParticleGalaxy
            The galaxy. Positions are relative to the centre of mass of the stars. Star particles
            are sorted by age, youngest first.

        Raises
        ------
        InputError
            If the redshift is out of range, or ``random_state`` is none.
        """
        _check_redshift(redshift)
        rng = as_generator(random_state)
        log_mass = self.mass_function.draw(redshift, self.log_mass, rng)
        above_sequence = self.main_sequence.scatter * rng.standard_normal()
        log_sfr = self.main_sequence.median(log_mass, redshift) + above_sequence
        log_gas = draw_scattered(self.gas_content, rng, log_sfr, above_sequence)
        metals = metal_fraction(draw_scattered(self.mass_metallicity, rng, log_mass))
        metals = min(metals, _MOST_METALS)
        history = self.history.draw(10.0**log_mass, 10.0**log_sfr, redshift, rng)
        bodies = Bodies.draw(self, log_mass, redshift, rng)
        stars = self._stars(bodies, history, metals, rng)
        gas = self._gas(bodies, 10.0**log_gas, metals, rng)
        conditions = Conditions(**self.dust.draw(rng), **self.nebulae.draw(rng))
        return _centre(stars, gas, redshift, group, conditions)

    def _stars(self, bodies, history, metals, rng):
        """Columns of the stars."""
        age, mass = history.draw_stars(self.n_stars, rng)
        poorer = self.enrichment * age / (1e6 * history.rate.size)
        position, is_fine = bodies.place_stars(age < _YOUNG, rng)
        fine, coarse = bodies.kernel(_YOUNG_KERNEL), bodies.kernel(_STAR_KERNEL)
        return {
            "position": position,
            "mass": mass,
            "age": age,
            "metallicity": metals * 10.0**-poorer,
            "smoothing": np.where(is_fine, fine, coarse),
        }

    def _gas(self, bodies, mass, metals, rng):
        """Columns of the gas."""
        n_dense = min(max(round(_DENSE_PARTICLES * self.n_gas), 1), self.n_gas - 1)
        dusty = np.arange(self.n_gas) < n_dense
        share = np.where(dusty, self.dense_share / n_dense, 0.0)
        share[n_dense:] = (1.0 - self.dense_share) / (self.n_gas - n_dense)
        position, is_fine = bodies.place_gas(dusty, rng)
        kernels = [
            bodies.kernel(_DENSE_KERNEL),
            bodies.kernel(_GAS_KERNEL * self.dense_extent),
            bodies.kernel(_GAS_KERNEL * self.gas_extent),
        ]
        return {
            "position": position,
            "mass": mass * share,
            "metallicity": np.full(self.n_gas, metals),
            "smoothing": np.select([is_fine, dusty], kernels[:2], kernels[2]),
            "dusty": dusty,
        }


def _centre(stars, gas, redshift, group, conditions):
    """Galaxy with the centre of mass of its stars at the origin."""
    centre = stars["mass"] @ stars["position"] / stars["mass"].sum()
    stars["position"] -= centre
    gas["position"] -= centre
    return ParticleGalaxy(StarParticles(**stars), GasParticles(**gas), redshift, group, conditions)


def _check_range(values, name, limits):
    """Raise an error for anything but an ascending pair within limits."""
    pair = isinstance(values, tuple | list) and len(values) == 2
    if not (pair and all(is_number(value) for value in values)) or not (
        limits[0] <= values[0] <= values[1] <= limits[1]
    ):
        msg = (
            f"{name} must be two numbers in ascending order from {limits[0]:g} to "
            f"{limits[1]:g}, got {values!r}"
        )
        raise InputError(msg)


def _check_redshift(value):
    """Raise an error for redshifts outside the range of the relations."""
    low, high = REDSHIFTS
    if not (is_number(value) and low <= value <= high):
        msg = (
            f"redshift must be a number from {low:g} to {high:g}, the range of the scaling "
            f"relations, got {value if is_number(value) else repr(value)}"
        )
        raise InputError(msg)
