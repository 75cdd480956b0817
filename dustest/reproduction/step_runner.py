"""The steps of a reproduction, in their order."""

from dataclasses import dataclass, field

import numpy as np

from dustest.data.containers.rows import RowTable
from dustest.data.containers.sample import GalaxySample
from dustest.reproduction.paper_galaxies import (
    BANDS,
    SNR_MIN,
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
    """Observed galaxies, and what all methods say of them.

    Parameters
    ----------
    sample : GalaxySample
        n galaxies.
    truth : RowTable or None
        What is true of them, where they are simulated.
    results : dict of str to DustTable
        By the name of a star-formation history of the SED fits, by ``"Meurer A_V"`` and
        ``"Meurer A_1600"``, and, where there are images, by the name of a network with
        ``", 1 band"`` or ``", 3 bands"``.
    """

    sample: GalaxySample = field(repr=False)
    truth: RowTable | None = field(repr=False)
    results: dict = field(repr=False)


@dataclass(frozen=True, eq=False)
class Findings:
    """All that tables and figures are made of.

    Parameters
    ----------
    simulation : SimulatedSet
        Galaxies that were simulated for the networks.
    truth : RowTable
        Their truth.
    stamps : tuple of (GalaxySample, RowTable)
        Some galaxies in more bands, and their truth.
    tests : dict of (str, int) to (DustTable, RowTable)
        Predictions of networks and of controls for galaxies that were held back, and their
        truth, by name and number of bands.
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
    """The steps, in their order.

    Parameters
    ----------
    steps : Steps
        Where they are kept.
    profile : Profile
        How much to do.
    seeds : dict of str to int
        A seed for each purpose.
    **options : dict
        ``n_jobs`` and ``progress``, as everywhere.
    """

    def __init__(self, steps, profile, seeds, **options):
        self.steps = steps
        self.profile = profile
        self.seeds = seeds
        self.options = options

    def findings(self, sky_sample=None):
        """Make all that tables and figures are made of.

        Parameters
        ----------
        sky_sample : GalaxySample, optional
            Observed galaxies; simulated ones by default.

        Returns
        -------
        Findings
            All of it.
        """
        simulation = self.simulated("galaxies", dust_simulator(), self.profile.n_rows)
        stamps = self.simulated("stamps", stamp_simulator(), _N_STAMP_ROWS).read()
        sample, truth = simulation.read()
        splits = self.splits(*bright(sample, truth))
        networks = self.networks(splits)
        tests = self.tests(networks, splits)
        trials = self.trials(splits["honest"])
        sky = self.sky(networks, sky_sample)
        return Findings(simulation, truth, stamps, tests, trials, sky)

    def simulated(self, name, simulator, n_rows):
        """Galaxies simulated onto disc."""
        folder = self.steps.path(name)
        if not self.steps.is_made(name, folder):
            with self.steps.timed(name, folder):
                simulator.stream(n_rows, folder, self.seeds[name], **self.options)
        return read_simulation(folder)

    def splits(self, sample, truth):
        """Galaxies split in both ways."""
        ways = {"paper": paper_split, "honest": honest_split}
        copies, seed = self.profile.copies, self.seeds["split"]
        return {name: split(sample, truth, copies, seed) for name, split in ways.items()}

    def networks(self, splits):
        """Trained networks by kind and number of bands."""
        return {
            (network.name, n_bands): self.network(network, n_bands, splits[network.split])
            for network in NETWORKS
            for n_bands in N_BANDS
        }

    def network(self, network, n_bands, split):
        """Networks of one kind."""

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

    def tests(self, networks, splits):
        """Predictions for galaxies that were held back, and their truth."""
        tests = {}
        for network in NETWORKS:
            split = splits[network.split]
            for n_bands in N_BANDS:
                key = network.name, n_bands
                label = f"test {full_name(*key)}"
                result = self.results(label, networks[key], split.test)
                tests[key] = result, split.test_truth
        # Tested are enlarged images under the one split, galaxies as simulated under the other.
        known = {"paper": splits["paper"].train_truth, "honest": splits["honest"].originals_truth}
        for split, truth in known.items():
            tested = splits[split].test_truth
            result = control_of(truth).estimate(np.zeros((len(tested), 1)))
            tests |= {(CONTROLS[split], n_bands): (result, tested) for n_bands in N_BANDS}
        return tests

    def trials(self, split):
        """The search for hyperparameters."""

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

    def sky(self, networks, sample):
        """What all methods say of observed galaxies."""
        truth = None
        if sample is None:
            sample, truth = self.simulated("sky", sky_simulator(), self.profile.n_observed).read()
        results = {}
        if set(BANDS) <= set(sample.cutout_bands):
            for key, trained in networks.items():
                name = full_name(*key)
                observer = trained.set_params(snr_min=SNR_MIN)
                results[name] = self.results(f"observe {name}", observer, sample)
        photometry = photometry_of(sample)
        for history in HISTORIES:
            fitter = sed_fitter(history, self.seeds["fits"])
            results[history] = self.results(f"fit {history}", fitter, photometry)
        for reference in ("A_V", "A_1600"):
            name = f"Meurer {reference}"
            results[name] = self.results(name, meurer(reference), sample)
        return Sky(sample, truth, results)

    def results(self, name, estimator, sample):
        """What an estimator says of a sample, kept by the content of both."""
        return self.steps.results(
            name, estimator, sample, digest_of(*_contents(sample)), **self.options
        )


def _contents(sample):
    """Bytes of all columns of numbers and names of a sample."""
    for name in sample.colnames:
        yield name.encode()
        values = np.asarray(sample[name])
        yield values.tobytes() if values.dtype != object else b""
