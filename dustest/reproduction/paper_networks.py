"""Networks of a reproduction: those of the paper with either split, and ``dustest`` networks."""

from dataclasses import dataclass

import numpy as np

from dustest.estimators.cnn import CNNEstimator
from dustest.estimators.constant import ConstantEstimator
from dustest.reproduction.paper_galaxies import BANDS

__all__ = [
    "CONTROLS",
    "NETWORKS",
    "N_BANDS",
    "TARGETS",
    "Network",
    "bands_in_words",
    "control_of",
    "full_name",
    "train",
    "tune",
]

TARGETS = ("A_V", "E_BV", "log_sSFR")
N_BANDS = (1, 3)
CONTROLS = {split: f"control, {split} split" for split in ("paper", "honest")}
"""Baselines that predict the median of galaxies like those of the test, by split."""
_TUNED = "E_BV"
_NO_CUT = -1e5
"""Smallest signal-to-noise ratio of copies, whose galaxies have passed the cut."""


@dataclass(frozen=True)
class Network:
    """A kind of network and how it is trained.

    Parameters
    ----------
    name : str
        Name of the kind.
    architecture : str
        Name of its architecture.
    split : str
        ``"paper"`` or ``"honest"``.
    """

    name: str
    architecture: str
    split: str


NETWORKS = (
    Network("paper network, paper split", "paper", "paper"),
    Network("paper network, honest split", "paper", "honest"),
    Network("dustest network, honest split", "dustest", "honest"),
)


def bands_in_words(n_bands):
    """Number of bands as text.

    Parameters
    ----------
    n_bands : int
        1 or more.

    Returns
    -------
    str
        Such as ``"3 bands"``.
    """
    return "1 band" if n_bands == 1 else f"{n_bands} bands"


def full_name(name, n_bands):
    """Name of networks of one kind, for a number of bands.

    Parameters
    ----------
    name : str
        Name of the kind.
    n_bands : int
        1 or more.

    Returns
    -------
    str
        Such as ``"paper network, honest split, 3 bands"``.
    """
    return f"{name}, {bands_in_words(n_bands)}"


def train(network, n_bands, split, profile, *, seed, checkpoint, progress=None):
    """Train the networks of one kind with images in one band or in three.

    Parameters
    ----------
    network : Network
        Kind. The paper has one network per target, trained on existing copies; a ``dustest``
        network has all targets, and is trained with augmentation on the fly.
    n_bands : int
        1 or 3.
    split : Split
        Galaxies.
    profile : Profile
        Number of epochs.
    seed : int
        Seed of all random numbers.
    checkpoint : path-like
        Folder for every epoch.
    progress : bool, optional
        Whether to show progress bars.

    Returns
    -------
    CNNEstimator
        The networks.
    """
    is_paper = network.architecture == "paper"
    options = {"epochs": profile.epochs, "augment": False}
    if not is_paper:
        # Their learning rate falls to the end; the best weights are still the ones kept.
        epochs = profile.dustest_epochs
        options = {"epochs": epochs, "patience": epochs, "augment": True}
    cnn = CNNEstimator(
        BANDS[:n_bands],
        targets=TARGETS,
        architecture=network.architecture,
        batch_size=64,
        snr_min=_NO_CUT,
        random_state=seed,
        **options,
    )
    sample = split.train if is_paper else split.originals
    truth = split.train_truth if is_paper else split.originals_truth
    return cnn.fit(sample, truth[list(TARGETS)], checkpoint=checkpoint, progress=progress)


def control_of(truth):
    """Fit a baseline that predicts the median.

    Parameters
    ----------
    truth : RowTable
        Truth of the training set.

    Returns
    -------
    ConstantEstimator
        The fitted baseline.
    """
    return ConstantEstimator(TARGETS).fit(np.zeros((len(truth), 1)), truth[list(TARGETS)])


def tune(split, profile, *, seed, folder, progress=None):
    """Search the hyperparameters of Table 1 for the one-band network of E(B-V).

    Parameters
    ----------
    split : Split
        Galaxies.
    profile : Profile
        Number of trials and galaxies.
    seed : int
        Seed of all random numbers.
    folder : path-like
        Folder for every trial.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    TuningResult
        All trials, and the best one.
    """
    cnn = CNNEstimator(
        BANDS[:1],
        targets=(_TUNED,),
        architecture="paper",
        epochs=profile.trial_epochs,
        random_state=seed,
    )
    sample, truth = split.originals, split.originals_truth
    rows = slice(profile.trial_rows)
    return cnn.tune(
        sample[rows],
        truth[[_TUNED]][rows],
        preset="paper",
        n_trials=profile.n_trials,
        folder=folder,
        progress=progress,
    )
