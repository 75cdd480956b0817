"""A population of galaxies made of particles, drawn from scaling relations."""

from dataclasses import dataclass, field
from numbers import Real

import numpy as np

from dustest.data.errors import InputError
from dustest.simulate._arguments import check_positive, check_whole
from dustest.simulate.galaxies import GasParticles, ParticleGalaxy, StarParticles
from dustest.simulate.histories import BurstyHistory
from dustest.simulate.scaling_relations import (
    GasContent,
    MainSequence,
    MassFunction,
    MassMetallicity,
    SizeMass,
    metal_fraction,
)
from dustest.simulate.shapes import disc, gather, random_rotation, spheroid

__all__ = ["GalaxyPopulation"]

_REDSHIFTS = (4.0, 12.0)
"""Where the relations hold, some of them extrapolated by one or two units of redshift."""
_YOUNG = 3e7
"""Age in yr below which stars are where they were born."""
_DENSE_PARTICLES = 0.8
"""Share of the gas particles that stand for the dense gas: the dust needs the resolution."""
_DIFFUSE_THICKNESS = 0.5
_N_REGIONS = 20
_REGION_RADIUS = 0.06
_CLUMP_COUNT, _CLUMP_RADIUS = (1, 4), (0.05, 0.3)
"""Number of clumps in a clumpy galaxy, and their radii in kpc."""
_AXIS_RATIOS = (0.5, 1.0)
_STAR_KERNEL, _YOUNG_KERNEL, _GAS_KERNEL, _DENSE_KERNEL = 0.25, 0.12, 0.4, 0.15
"""Radii of kernels over the half-mass radius of what they smooth."""
_LEAST_KERNEL = 0.02
"""Radius in kpc below which no kernel goes."""


@dataclass(frozen=True)
class GalaxyPopulation:
    """Star-forming galaxies at redshifts 4 to 12, as a survey would find them, and beyond.

    A galaxy is drawn from the top down: mass, star-formation rate, history, size, metallicity,
    gas; then stars and gas are laid out in a disc, a spheroid, star-forming regions and clumps,
    in one body or in two that merge, turned to any orientation. Stars younger than 30 Myr and the
    dense gas, which carries the dust, share a thin disc and its regions and clumps.

    Each relation is a record whose fields, its ``scatter`` among them, can be changed. Parameters
    without a reference are our own choice.

    Parameters
    ----------
    log_mass : tuple of float, optional
        Range of log10 of the stellar mass in solar masses that is left at the time of
        observation.
    n_stars, n_gas : int, optional
        Particles of a galaxy; two of gas at least.
    mass_function : MassFunction, optional
        Number density over mass.
    main_sequence : MainSequence, optional
        Star-formation rate over 100 Myr by mass and redshift.
    size_mass : SizeMass, optional
        Half-mass radius by mass and redshift: of the stars, seen face-on.
    mass_metallicity : MassMetallicity, optional
        Oxygen abundance by mass.
    gas_content : GasContent, optional
        Mass of gas by star-formation rate.
    history : BurstyHistory, optional
        Star formation before the time of observation.
    merger_fraction : float, optional
        Share of galaxies that are two in a merger [1]_.
    merger_ratio : tuple of float, optional
        Range of the mass of the smaller one over that of the larger.
    merger_separation : tuple of float, optional
        Range of the distance between them in kpc.
    clumpy_fraction : float, optional
        Share of galaxies with one to four clumps of 50 to 300 pc [2]_.
    clump_share : float, optional
        Share of the young stars and of the dense gas of these that is in clumps [2]_.
    region_share : float, optional
        Share of the young stars and of the dense gas that is in small star-forming regions.
    spheroid_share : tuple of float, optional
        Range of the share of the older stars that is in a spheroid.
    thickness : float, optional
        Scale height over scale length of the disc of older stars.
    young_thickness : float, optional
        The same for young stars and dense gas.
    dense_share : float, optional
        Share of the gas that is dense and cold and carries dust.
    dense_extent : float, optional
        Half-mass radius of the dense gas over that of the stars.
    gas_extent : float, optional
        Half-mass radius of the diffuse gas over that of the stars [3]_.
    enrichment : float, optional
        How much poorer in metals than the gas the oldest stars are, in dex.

    Raises
    ------
    InputError
        If a parameter is out of range.

    References
    ----------
    .. [1] Westcott et al. 2025, ApJ 983, 121 (0.12 +- 0.07 at 6.5 < z < 12.5).
    .. [2] arXiv:2508.14972v1 (some 20 % of galaxies above 1e9 Msun at z > 6.5, clumps with 15 to
       20 % of their near-ultraviolet light).
    .. [3] Fujimoto et al. 2020, ApJ 900, 1 ([C II] 2 to 3 times as extended as the ultraviolet
       light at 4 < z < 6).

    Examples
    --------
    >>> from dustest.simulate.population import GalaxyPopulation
    >>> population = GalaxyPopulation(log_mass=(9.0, 10.0))
    >>> galaxy = population.draw(redshift=7.0, random_state=1, group="one")
    >>> len(galaxy.stars), len(galaxy.gas), galaxy.redshift
    (2500, 2500, 7.0)
    """

    log_mass: tuple[float, float] = (8.0, 11.0)
    n_stars: int = 2500
    n_gas: int = 2500
    mass_function: MassFunction = field(default_factory=MassFunction)
    main_sequence: MainSequence = field(default_factory=MainSequence)
    size_mass: SizeMass = field(default_factory=SizeMass)
    mass_metallicity: MassMetallicity = field(default_factory=MassMetallicity)
    gas_content: GasContent = field(default_factory=GasContent)
    history: BurstyHistory = field(default_factory=BurstyHistory)
    merger_fraction: float = 0.12
    merger_ratio: tuple[float, float] = (0.25, 1.0)
    merger_separation: tuple[float, float] = (1.0, 6.0)
    clumpy_fraction: float = 0.2
    clump_share: float = 0.2
    region_share: float = 0.5
    spheroid_share: tuple[float, float] = (0.0, 0.6)
    thickness: float = 0.25
    young_thickness: float = 0.1
    dense_share: float = 0.2
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
        for name in ("thickness", "young_thickness", "dense_extent", "gas_extent"):
            check_positive(getattr(self, name), name)
        for name in (
            "merger_fraction",
            "clumpy_fraction",
            "clump_share",
            "region_share",
            "dense_share",
        ):
            _check_share(getattr(self, name), name)

    def draw(self, redshift, random_state=None, group=""):
        """One galaxy.

        Parameters
        ----------
        redshift : float
            Redshift of the galaxy, 4 to 12.
        random_state : None, int or numpy.random.Generator, optional
            Source of random numbers; the same integer gives the same galaxy.
        group : str, optional
            Name of the galaxy.

        Returns
        -------
        ParticleGalaxy
            The galaxy. Positions are about the centre of mass of the stars, whose particles are
            sorted by age, youngest first.

        Raises
        ------
        InputError
            If the redshift is out of range.
        """
        _check_redshift(redshift)
        rng = np.random.default_rng(random_state)
        log_mass = self.mass_function.draw(redshift, self.log_mass, rng)
        above_sequence = self.main_sequence.scatter * rng.standard_normal()
        log_sfr = self.main_sequence.median(log_mass, redshift) + above_sequence
        log_gas = _scattered(self.gas_content, rng, log_sfr, above_sequence)
        metals = metal_fraction(_scattered(self.mass_metallicity, rng, log_mass))
        history = self.history.draw(10.0**log_mass, 10.0**log_sfr, redshift, rng)
        bodies = _Bodies.draw(self, log_mass, redshift, rng)
        stars = self._stars(bodies, history, metals, rng)
        gas = self._gas(bodies, 10.0**log_gas, metals, rng)
        return _centred(stars, gas, redshift, group)

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


@dataclass(frozen=True, eq=False)
class _Body:
    """One disc galaxy: its measures, its sites of star formation, and where it lies."""

    population: GalaxyPopulation
    radius: float
    spheroid_share: float
    axis_ratios: tuple
    sites: tuple
    matrix: np.ndarray
    offset: np.ndarray

    @classmethod
    def draw(cls, population, radius, offset, rng):
        """Body of a half-mass radius."""
        thin = (radius * population.dense_extent, population.young_thickness)
        regions = disc(_N_REGIONS, *thin, rng), np.full(_N_REGIONS, _REGION_RADIUS * radius)
        sites = [(*regions, population.region_share)]
        if rng.random() < population.clumpy_fraction:
            n = rng.integers(_CLUMP_COUNT[0], _CLUMP_COUNT[1] + 1)
            size = np.exp(rng.uniform(*np.log(_CLUMP_RADIUS), n))
            sites.append((disc(n, *thin, rng), size, population.clump_share))
        axis_ratios = tuple(np.sort(rng.uniform(*_AXIS_RATIOS, 2))[::-1])
        share = rng.uniform(*population.spheroid_share)
        return cls(
            population, radius, share, axis_ratios, tuple(sites), random_rotation(rng), offset
        )

    def place_stars(self, n_young, n_old, rng):
        """Positions of young and older stars, and which are gathered in regions and clumps."""
        young, gathered = self._place_thin(n_young, self.radius, rng)
        old = disc(n_old, self.radius, self.population.thickness, rng)
        in_spheroid = rng.random(n_old) < self.spheroid_share
        n = np.count_nonzero(in_spheroid)
        old[in_spheroid] = spheroid(n, self.radius, self.axis_ratios, rng)
        return self._turned(young, old), np.concatenate([gathered, np.zeros(n_old, bool)])

    def place_gas(self, n_dense, n_diffuse, rng):
        """Positions of dense and diffuse gas, and which are gathered in regions and clumps."""
        extent = self.radius * self.population.dense_extent
        dense, gathered = self._place_thin(n_dense, extent, rng)
        wide = self.radius * self.population.gas_extent
        diffuse = disc(n_diffuse, wide, _DIFFUSE_THICKNESS, rng)
        return self._turned(dense, diffuse), np.concatenate([gathered, np.zeros(n_diffuse, bool)])

    def _place_thin(self, n, radius, rng):
        """Positions in the thin disc and its sites of star formation."""
        position = disc(n, radius, self.population.young_thickness, rng)
        gathered = np.zeros(n, dtype=bool)
        for centre, size, share in self.sites:
            gathered |= gather(position, centre, size, share, rng)
        return position, gathered

    def _turned(self, *positions):
        """Positions in the frame of the pair."""
        return np.concatenate(positions) @ self.matrix.T + self.offset


@dataclass(frozen=True, eq=False)
class _Bodies:
    """One body, or two in a merger, and the share of the particles in the second."""

    bodies: tuple
    share: float

    @classmethod
    def draw(cls, population, log_mass, redshift, rng):
        """Body or bodies of a galaxy."""
        if rng.random() >= population.merger_fraction:
            radius = 10.0 ** _scattered(population.size_mass, rng, log_mass, redshift)
            return cls((_Body.draw(population, radius, np.zeros(3), rng),), 0.0)
        ratio = rng.uniform(*population.merger_ratio)
        share = ratio / (1.0 + ratio)
        log_masses = log_mass + np.log10([1.0 - share, share])
        direction = rng.standard_normal(3)
        distance = rng.uniform(*population.merger_separation)
        apart = direction * (distance / np.linalg.norm(direction))
        bodies = []
        for log_part, offset in zip(log_masses, (np.zeros(3), apart), strict=True):
            radius = 10.0 ** _scattered(population.size_mass, rng, log_part, redshift)
            bodies.append(_Body.draw(population, radius, offset, rng))
        return cls(tuple(bodies), share)

    def kernel(self, share):
        """Radius of kernels, over the half-mass radius of the first body."""
        return max(share * self.bodies[0].radius, _LEAST_KERNEL)

    def place_stars(self, is_young, rng):
        """Positions of stars, and which are gathered."""
        return self._place("place_stars", is_young, rng)

    def place_gas(self, is_dense, rng):
        """Positions of gas, and which are gathered."""
        return self._place("place_gas", is_dense, rng)

    def _place(self, method, is_first, rng):
        """Share particles of two kinds, the first kind first, among the bodies."""
        in_second = rng.random(is_first.size) < self.share
        position = np.empty((is_first.size, 3))
        gathered = np.empty(is_first.size, dtype=bool)
        for body, rows in zip(self.bodies, (~in_second, in_second), strict=False):
            n_first = np.count_nonzero(is_first & rows)
            n_rest = np.count_nonzero(rows) - n_first
            position[rows], gathered[rows] = getattr(body, method)(n_first, n_rest, rng)
        return position, gathered


def _scattered(relation, rng, *arguments):
    """Value of a relation with its scatter."""
    return relation.median(*arguments) + relation.scatter * rng.standard_normal()


def _centred(stars, gas, redshift, group):
    """Galaxy with the centre of mass of its stars in the origin."""
    centre = stars["mass"] @ stars["position"] / stars["mass"].sum()
    stars["position"] -= centre
    gas["position"] -= centre
    return ParticleGalaxy(StarParticles(**stars), GasParticles(**gas), redshift, group)


def _check_range(values, name, limits):
    """Refuse what is no ascending pair within limits."""
    pair = isinstance(values, tuple | list) and len(values) == 2
    if not (pair and all(isinstance(value, Real) for value in values)) or not (
        limits[0] <= values[0] <= values[1] <= limits[1]
    ):
        msg = (
            f"{name} must be two numbers in ascending order from {limits[0]:g} to "
            f"{limits[1]:g}, got {values!r}"
        )
        raise InputError(msg)


def _check_share(value, name):
    """Refuse what is no number from 0 to 1."""
    if not (isinstance(value, Real) and 0.0 <= value <= 1.0):
        msg = f"{name} must be a number from 0 to 1, got {value!r}"
        raise InputError(msg)


def _check_redshift(value):
    """Refuse redshifts for which the relations do not hold."""
    low, high = _REDSHIFTS
    if not (isinstance(value, Real) and low <= value <= high):
        msg = (
            f"redshift must be a number from {low:g} to {high:g}, where the scaling relations "
            f"hold, got {value!r}"
        )
        raise InputError(msg)
