"""The steps of a reproduction, in their order."""

from dataclasses import dataclass, field

import numpy as np

from dustest.data.containers.rows import RowTable
from dustest.data.containers.sample import GalaxySample
from dustest.data.signal_to_noise import SNR_MIN
from dustest.reproduction.paper_galaxies import (
    BANDS,
    bright,
    dust_simulator,
    honest_split,
    paper_split,
    sky_simulator,
    stamp_simulator,
)
from dustest.reproduction.paper_networks import (
    CONTROLS,
    N_BANDS,
    NETWORKS,
    control_of,
    full_name,
    train,
    tune,
)
from dustest.reproduction.sed_fits import HISTORIES, meurer, photometry_of, sed_fitter
from dustest.reproduction.steps import digest_of
from dustest.simulate import SimulatedSet, read_simulation

__all__ = ["Findings", "Run", "Sky"]

_N_STAMP_ROWS = 64


@dataclass(frozen=True, eq=False)
class Sky:
    """Observed galaxies, and the results of all methods for them.

    Parameters
    ----------
    sample : GalaxySample
        n galaxies.
    truth : RowTable or None
        Their true values, if they are simulated.
    results : dict of str to DustTable
        Keys are the name of a star-formation history of the SED fits, ``"Meurer A_V"`` and
        ``"Meurer A_1600"``, and, if there are images, the name of a network with ``", 1 band"``
        or ``", 3 bands"``.
    """

    sample: GalaxySample = field(repr=False)
    truth: RowTable | None = field(repr=False)
    results: dict = field(repr=False)


@dataclass(frozen=True, eq=False)
class Findings:
    """Input of all tables and figures.

    Parameters
    ----------
    simulation : SimulatedSet
        Simulated galaxies for the networks.
    truth : RowTable
        Their truth.
    stamps : tuple of (GalaxySample, RowTable)
        Some galaxies in more bands, and their truth.
    tests : dict of (str, int) to (DustTable, RowTable)
        Predictions of networks and baselines for the test set, and its truth, by name and number
        of bands.
    trials : RowTable
        Trials of the search for hyperparameters.
    sky : Sky
        Observed galaxies.
    """

    simulation: SimulatedSet
    truth: RowTable = field(repr=False)
    stamps: tuple = field(repr=False)
    tests: dict = field(repr=False)
    trials: RowTable = field(repr=False)
    sky: Sky = field(repr=False)


class Run:
    """Runs the steps in their order.

    Parameters
    ----------
    steps : Steps
        Store of their results.
    profile : Profile
        Size of the run.
    seeds : dict of str to int
        A seed for each purpose.
    **options : dict
        ``n_jobs`` and ``progress``, as in `reproduce`.
    """

    def __init__(self, steps, profile, seeds, **options):
        self.steps = steps
        self.profile = profile
        self.seeds = seeds
        self.options = options

    def findings(self, sky_sample=None):
        """Run all steps.

        Parameters
        ----------
        sky_sample : GalaxySample, optional
            Observed galaxies; simulated ones by default.

        Returns
        -------
        Findings
            Input of all tables and figures.
        """
        simulation = self._simulate("galaxies", dust_simulator(), self.profile.n_rows)
        stamps = self._simulate("stamps", stamp_simulator(), _N_STAMP_ROWS).read()
        sample, truth = simulation.read()
        splits = self._split(*bright(sample, truth))
        networks = self._train_all(splits)
        tests = self._test_all(networks, splits)
        trials = self._search(splits["honest"])
        sky = self._observe(networks, sky_sample)
        return Findings(simulation, truth, stamps, tests, trials, sky)

    def _simulate(self, name, simulator, n_rows):
        """Simulate galaxies and write them to disc."""
        folder = self.steps.path(name)
        if not self.steps.is_made(name, folder):
            with self.steps.timed(name, folder):
                simulator.stream(n_rows, folder, self.seeds[name], **self.options)
        return read_simulation(folder)

    def _split(self, sample, truth):
        """Split galaxies in both ways."""
        ways = {"paper": paper_split, "honest": honest_split}
        copies, seed = self.profile.copies, self.seeds["split"]
        return {name: split(sample, truth, copies, seed) for name, split in ways.items()}

    def _train_all(self, splits):
        """Train networks by kind and number of bands."""
        return {
            (network.name, n_bands): self._train(network, n_bands, splits[network.split])
            for network in NETWORKS
            for n_bands in N_BANDS
        }

    def _train(self, network, n_bands, split):
        """Train networks of one kind."""

        def make(folder):
            return train(
                network,
                n_bands,
                split,
                self.profile,
                seed=self.seeds["networks"],
                checkpoint=folder,
                progress=self.options["progress"],
            )

        return self.steps.model(f"train {full_name(network.name, n_bands)}", make)

    def _test_all(self, networks, splits):
        """Predict the test sets; returns predictions and truth."""
        tests = {}
        for network in NETWORKS:
            split = splits[network.split]
            for n_bands in N_BANDS:
                key = network.name, n_bands
                label = f"test {full_name(*key)}"
                result = self.estimate(label, networks[key], split.test)
                tests[key] = result, split.test_truth
        # The test set has augmented images in one split, galaxies as simulated in the other.
        known = {"paper": splits["paper"].train_truth, "honest": splits["honest"].originals_truth}
        for split, truth in known.items():
            tested = splits[split].test_truth
            result = control_of(truth).estimate(np.zeros((len(tested), 1)))
            tests |= {(CONTROLS[split], n_bands): (result, tested) for n_bands in N_BANDS}
        return tests

    def _search(self, split):
        """Search for hyperparameters."""

        def make(path):
            folder = path.with_suffix("")
            folder.mkdir(exist_ok=True)
            result = tune(
                split,
                self.profile,
                seed=self.seeds["tuning"],
                folder=folder,
                progress=self.options["progress"],
            )
            return result.trials

        return self.steps.table("tune", make)

    def _observe(self, networks, sample):
        """Run all methods on observed galaxies."""
        truth = None
        if sample is None:
            sample, truth = self._simulate("sky", sky_simulator(), self.profile.n_observed).read()
        results = {}
        if set(BANDS) <= set(sample.cutout_bands):
            for key, trained in networks.items():
                name = full_name(*key)
                observer = trained.set_params(snr_min=SNR_MIN)
                results[name] = self.estimate(f"observe {name}", observer, sample)
        photometry = photometry_of(sample)
        for history in HISTORIES:
            fitter = sed_fitter(history, self.seeds["fits"])
            results[history] = self.estimate(f"fit {history}", fitter, photometry)
        for reference in ("A_V", "A_1600"):
            name = f"Meurer {reference}"
            results[name] = self.estimate(name, meurer(reference), sample)
        return Sky(sample, truth, results)

    def estimate(self, name, estimator, sample):
        """Run an estimator on a sample; the result is saved by the content of both.

        Parameters
        ----------
        name : str
            Name of the step.
        estimator : DustEstimator
            The estimator.
        sample : GalaxySample
            n galaxies.

        Returns
        -------
        DustTable
            Result with n rows.
        """
        return self.steps.results(
            name, estimator, sample, digest_of(*_contents(sample)), **self.options
        )


def _contents(sample):
    """Bytes of all columns of numbers and text of a sample."""
    for name in sample.colnames:
        yield name.encode()
        values = np.asarray(sample[name])
        yield values.tobytes() if values.dtype != object else b""
