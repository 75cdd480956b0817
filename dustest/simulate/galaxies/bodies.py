"""Positions of stars and gas in a disc galaxy, or in two that merge."""

from dataclasses import dataclass

import numpy as np

from dustest.simulate.galaxies.scaling_relations import draw_scattered
from dustest.simulate.galaxies.shapes import draw_disc, draw_rotation, draw_spheroid, gather

__all__ = ["Bodies"]

_DIFFUSE_THICKNESS = 0.5
_N_REGIONS, _REGION_RADIUS = 40, 0.06
"""Number of star-forming regions, and their radii over the half-mass radius of the galaxy."""
_CLUMP_COUNT, _CLUMP_RADIUS = (1, 4), (0.05, 0.3)
"""Number of clumps in a clumpy galaxy, and their radii in kpc."""
_LARGEST_CLUMP = 0.3
"""Radius over the half-mass radius of the galaxy beyond which there are no clumps."""
_AXIS_RATIOS = (0.5, 1.0)
_LEAST_KERNEL = 0.02
"""Smallest radius of a kernel in kpc."""


@dataclass(frozen=True, eq=False)
class _Body:
    """One disc galaxy: its sizes, its sites of star formation, and its position."""

    population: object
    radius: float
    spheroid_share: float
    axis_ratios: tuple
    sites: tuple
    matrix: np.ndarray
    offset: np.ndarray

    @classmethod
    def draw(cls, population, radius, offset, rng):
        """Draw a body with a half-mass radius."""
        thin = (radius, population.young_thickness)
        size = np.full(_N_REGIONS, _REGION_RADIUS * radius)
        sites = [(draw_disc(_N_REGIONS, *thin, rng), size, population.region_share)]
        if rng.random() < population.clumpy_fraction:
            n = rng.integers(_CLUMP_COUNT[0], _CLUMP_COUNT[1] + 1)
            size = np.exp(rng.uniform(*np.log(_CLUMP_RADIUS), n))
            size = np.minimum(size, _LARGEST_CLUMP * radius)
            sites.append((draw_disc(n, *thin, rng), size, population.clump_share))
        axis_ratios = tuple(np.sort(rng.uniform(*_AXIS_RATIOS, 2))[::-1])
        share = rng.uniform(*population.spheroid_share)
        return cls(
            population, radius, share, axis_ratios, tuple(sites), draw_rotation(rng), offset
        )

    def place_stars(self, n_young, n_old, rng):
        """Positions of young and older stars, and whether they are in regions and clumps."""
        young, gathered = self._place_thin(n_young, self.radius, rng)
        old = draw_disc(n_old, self.radius, self.population.thickness, rng)
        in_spheroid = rng.random(n_old) < self.spheroid_share
        n = np.count_nonzero(in_spheroid)
        old[in_spheroid] = draw_spheroid(n, self.radius, self.axis_ratios, rng)
        return self._rotate(young, old), np.concatenate([gathered, np.zeros(n_old, bool)])

    def place_gas(self, n_dense, n_diffuse, rng):
        """Positions of dense and diffuse gas, and whether they are in regions and clumps."""
        extent = self.radius * self.population.dense_extent
        dense, gathered = self._place_thin(n_dense, extent, rng)
        wide = self.radius * self.population.gas_extent
        diffuse = draw_disc(n_diffuse, wide, _DIFFUSE_THICKNESS, rng)
        return self._rotate(dense, diffuse), np.concatenate([gathered, np.zeros(n_diffuse, bool)])

    def _place_thin(self, n, radius, rng):
        """Positions in the thin disc and its sites of star formation."""
        position = draw_disc(n, radius, self.population.young_thickness, rng)
        gathered = np.zeros(n, dtype=bool)
        for centre, size, share in self.sites:
            gathered |= gather(position, centre, size, share, rng)
        return position, gathered

    def _rotate(self, *positions):
        """Rotate and shift positions into the frame of the pair."""
        return np.concatenate(positions) @ self.matrix.T + self.offset


@dataclass(frozen=True, eq=False)
class Bodies:
    """One body, or two in a merger, and the fraction of the particles in the second."""

    bodies: tuple
    share: float

    @classmethod
    def draw(cls, population, log_mass, redshift, rng):
        """Draw the body or bodies of a galaxy.

        Parameters
        ----------
        population : GalaxyPopulation
            Parameters of the population.
        log_mass : float
            log10 of the stellar mass in solar masses.
        redshift : float
            Redshift of the galaxy.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        Bodies
            The body or bodies.
        """
        if rng.random() >= population.merger_fraction:
            radius = 10.0 ** draw_scattered(population.size_mass, rng, log_mass, redshift)
            return cls((_Body.draw(population, radius, np.zeros(3), rng),), 0.0)
        ratio = rng.uniform(*population.merger_ratio)
        share = ratio / (1.0 + ratio)
        log_masses = log_mass + np.log10([1.0 - share, share])
        direction = rng.standard_normal(3)
        distance = rng.uniform(*population.merger_separation)
        apart = direction * (distance / np.linalg.norm(direction))
        bodies = []
        for log_part, offset in zip(log_masses, (np.zeros(3), apart), strict=True):
            radius = 10.0 ** draw_scattered(population.size_mass, rng, log_part, redshift)
            bodies.append(_Body.draw(population, radius, offset, rng))
        return cls(tuple(bodies), share)

    def kernel(self, share):
        """Radius of kernels.

        Parameters
        ----------
        share : float
            Radius over the half-mass radius of the first body.

        Returns
        -------
        float
            Radius in kpc.
        """
        return max(share * self.bodies[0].radius, _LEAST_KERNEL)

    def place_stars(self, is_young, rng):
        """Draw positions of stars.

        Parameters
        ----------
        is_young : ndarray of bool of shape (n,)
            Whether a star is young.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        position : ndarray of shape (n, 3)
            Positions in kpc.
        gathered : ndarray of bool of shape (n,)
            Whether they are in regions and clumps.
        """
        return self._place(_Body.place_stars, is_young, rng)

    def place_gas(self, is_dense, rng):
        """Draw positions of gas.

        Parameters
        ----------
        is_dense : ndarray of bool of shape (n,)
            Whether a gas particle is dense.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        position : ndarray of shape (n, 3)
            Positions in kpc.
        gathered : ndarray of bool of shape (n,)
            Whether they are in regions and clumps.
        """
        return self._place(_Body.place_gas, is_dense, rng)

    def _place(self, place, is_first, rng):
        """Distribute particles of two kinds, the first kind first, over the bodies."""
        if len(self.bodies) == 1:
            n_first = np.count_nonzero(is_first)
            return place(self.bodies[0], n_first, is_first.size - n_first, rng)
        in_second = rng.random(is_first.size) < self.share
        position = np.empty((is_first.size, 3))
        gathered = np.empty(is_first.size, dtype=bool)
        for body, rows in zip(self.bodies, (~in_second, in_second), strict=True):
            n_first = np.count_nonzero(is_first & rows)
            n_rest = np.count_nonzero(rows) - n_first
            position[rows], gathered[rows] = place(body, n_first, n_rest, rng)
        return position, gathered
