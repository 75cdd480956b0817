"""Simulated galaxies of the benchmark, drawn from a record and kept on disc."""

from dataclasses import dataclass, field
from zlib import crc32

import numpy as np

from dustest.data.checks.numbers import check_whole
from dustest.data.checks.records import expect, is_text
from dustest.data.errors import InputError
from dustest.data.identity.describe import describe
from dustest.data.messages import not_one_of
from dustest.data.signal_to_noise import SNR_MIN
from dustest.data.surveys import SURVEYS
from dustest.estimators.network_tools import CORRUPTIONS
from dustest.estimators.shift_detector import ShiftDetector
from dustest.simulate import GalaxySimulator, PrismSpectrograph, get_population
from dustest.simulate.galaxies.named_populations import change_settings
from dustest.studies.benchmarks.benchmark_record import Benchmark, BenchmarkGalaxies
from dustest.studies.benchmarks.cache import digest_of, package_versions

__all__ = ["BenchmarkSet"]

_IMAGES = ("F277W", "F356W", "F444W")
_REDSHIFTS = (4.6, 5.4, 6.2, 7.0, 7.8, 8.6, 9.4, 10.2)
_OFFSET, _NEIGHBOURS = 0.5, 0.1


@dataclass(frozen=True)
class BenchmarkSet(Benchmark):
    """Simulated galaxies, which follow from the record and the version of dustest.

    Parameters
    ----------
    name : str
        Its name.
    description : str
        One sentence for cards and documentation.
    seed : int
        Seed of the galaxies, which no training, tuning or calibration may use.
    n_drawn : int
        Number of galaxies that are drawn, bright or not.
    snr_min : float, optional
        Smallest S/N that galaxies must have in at least one image.
    snr_max : float, optional
        S/N that they do not reach in any; by default there is no such limit.
    settings : dict, optional
        Changes of parameters of the population, and of the fields of its relations.
    survey : str, optional
        Survey that sets bands of the photometry and noise.
    bands : tuple of str, optional
        Bands of the images.
    redshifts : tuple of float, optional
        Redshifts of the galaxies, at least three.
    spectra : bool, optional
        Whether galaxies have spectra of the NIRSpec prism.
    corruption : str, optional
        Corruption of the data, one of those that `~dustest.ShiftDetector` learns; strengths are
        outside the range that networks are trained on.
    most : int, optional
        Number of galaxies that are used at most; all by default.
    population : str, optional
        Name of the population.
    version : int, optional
        Increased when the definition changes.

    Raises
    ------
    InputError
        If the corruption or the survey is unknown, or a number is invalid.

    Examples
    --------
    >>> from dustest.studies import BENCHMARKS, BenchmarkSet
    >>> BENCHMARKS["default"].seed
    201001
    >>> BenchmarkSet("nearby", "Galaxies near.", 1, 300, redshifts=(4.6, 4.7, 4.8)).snr_min
    5.0
    """

    seed: int
    n_drawn: int
    snr_min: float = SNR_MIN
    snr_max: float | None = None
    settings: dict = field(default_factory=dict)
    survey: str = "JADES-deep"
    bands: tuple = _IMAGES
    redshifts: tuple = _REDSHIFTS
    spectra: bool = False
    corruption: str | None = None
    most: int | None = None
    population: str = "0.2"
    version: int = 1

    def __post_init__(self):
        expect(is_text(self.name), "name of a benchmark", "a str that is not empty", self.name)
        what = f"of benchmark {self.name!r}"
        check_whole(self.seed, f"seed {what}", minimum=0)
        check_whole(self.n_drawn, f"n_drawn {what}")
        low, high = self._limits
        expect(low < high, f"snr_max {what}", f"above snr_min, {low:g}", self.snr_max)
        SURVEYS.find(self.survey, "survey")
        if self.corruption is not None and self.corruption not in CORRUPTIONS:
            raise InputError(not_one_of("corruption", self.corruption, list(CORRUPTIONS)))

    def galaxies(self, folder, catalogs=None, *, n_jobs=None, progress=None):  # noqa: ARG002
        """Draw the galaxies, or read those that were drawn.

        Parameters
        ----------
        folder : path-like
            Folder of the simulations. An interrupted one resumes, and damaged files are made
            again.
        catalogs : path-like, optional
            Not used.
        n_jobs : int, optional
            Number of processes.
        progress : bool, optional
            Whether to show progress.

        Returns
        -------
        BenchmarkGalaxies
            Those within the limits of S/N.

        Raises
        ------
        InputError
            If no galaxy is within the limits, or the folder cannot be used.
        """
        path = folder / f"galaxies-{digest_of(self._simulation(), package_versions())}"
        options = {"n_jobs": n_jobs, "progress": progress}
        simulated = self._simulator().stream(self.n_drawn, path, self.seed, **options)
        sample, truth = self._within(*simulated.read())
        if self.corruption is not None:
            sample = self._corrupted(sample)
        about = describe(self) | {"n": len(sample), "kind": "simulated"}
        is_scored = self.corruption is None or CORRUPTIONS[self.corruption].is_galaxy
        return BenchmarkGalaxies(sample, truth, about, is_scored=is_scored)

    @property
    def _limits(self):
        """Limits of the S/N."""
        return self.snr_min, np.inf if self.snr_max is None else self.snr_max

    def _simulation(self):
        """What the simulated galaxies depend on."""
        ignored = (
            "name",
            "description",
            "snr_min",
            "snr_max",
            "corruption",
            "most",
            "version",
            "class",
        )
        return {name: value for name, value in describe(self).items() if name not in ignored}

    def _simulator(self):
        """Simulator of the galaxies: one view of each."""
        return GalaxySimulator(
            self.bands,
            self.survey,
            np.array(self.redshifts),
            population=change_settings(get_population(self.population), self.settings),
            views=("xy",),
            spectrograph=PrismSpectrograph() if self.spectra else None,
            offset=_OFFSET,
            neighbours=_NEIGHBOURS,
        )

    def _within(self, sample, truth):
        """Galaxies within the limits of S/N, not more than wanted."""
        snr = np.max([np.asarray(sample[f"snr_{band}"], float) for band in self.bands], axis=0)
        low, high = self._limits
        rows = np.flatnonzero((snr >= low) & (snr < high))[: self.most]
        if not rows.size:
            msg = (
                f"n_drawn of benchmark {self.name!r} must be enough for a galaxy with S/N from "
                f"{low:g} to {high:g}, got {self.n_drawn}: draw more"
            )
            raise InputError(msg)
        return sample[rows], truth[rows]

    def _corrupted(self, sample):
        """Galaxies with corrupted images, and photometry if it shows the corruption."""
        record = CORRUPTIONS[self.corruption]
        kinds = ("cutout", "flux") if record.is_photometric else ("cutout",)
        for kind in kinds:
            rng = np.random.default_rng((self.seed, crc32(record.name.encode())))
            detector = ShiftDetector(kind=kind)
            sample = detector.corrupt(sample, record.name, random_state=rng)
        return sample
