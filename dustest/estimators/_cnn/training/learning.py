"""Training and calibration of networks on a training set."""

import hashlib
import json
from dataclasses import dataclass
from importlib import import_module

import numpy as np

from dustest.data.files.paths import installed_version
from dustest.data.identity.describe import describe
from dustest.data.identity.source import source_digest
from dustest.data.splits import group_split
from dustest.estimators._calibration.levels import Calibration
from dustest.estimators._calibration.mean_posterior import MeanPosterior
from dustest.estimators._cnn.context import conditions
from dustest.estimators._cnn.ensemble import Ensemble
from dustest.estimators._cnn.network.keras_network import (
    build,
    import_keras,
    set_prior,
    weights_from_dict,
    weights_to_dict,
)
from dustest.estimators._cnn.training.augmentation import ANY_BANDS, balance_weights
from dustest.estimators._cnn.training.datasets import Scaler
from dustest.estimators._cnn.training.epochs import Checkpoint, Training
from dustest.estimators._cnn.training.gathering import ROWS_AT_ONCE

__all__ = [
    "Learned",
    "calibrated",
    "describe_software",
    "learn",
    "mean_posterior_of",
]

_MOST_PREDICTED = 20_000
"""Galaxies of the training set from which the mean posterior is made."""


@dataclass(frozen=True)
class Learned:
    """What came out of a training.

    Parameters
    ----------
    networks : Ensemble
        The networks.
    history : list of dict
        A record for each epoch of each network.
    n_train, n_validation : int
        Galaxies that were learned from and that decided when to stop.
    """

    networks: Ensemble
    history: list
    n_train: int
    n_validation: int


def learn(
    task,
    data,
    options,
    *,
    n_networks=1,
    validation_fraction=0.1,
    balance=0.0,
    seed=0,
    start=None,
    checkpoint=None,
    progress=None,
):
    """Train networks.

    Parameters
    ----------
    task : Task
        What is to be learned.
    data : TrainingSet
        Galaxies.
    options : TrainingOptions
        How to train each network.
    n_networks : int, optional
        Networks of an ensemble, which differ in their first weights and in the order of what
        they see.
    validation_fraction : float, optional
        Share of the groups that decides when to stop.
    balance : float, optional
        How far galaxies count by the rarity of their first label, see `balance_weights`.
    seed : int, optional
        Decides about all that is random.
    start : Ensemble, optional
        Networks to begin with, and their scaler.
    checkpoint : path-like, optional
        Folder in which every epoch is kept.
    progress : bool, optional
        Whether to show bars; by default on terminals and in notebooks.

    Returns
    -------
    Learned
        Networks and their history.
    """
    rows, validation = group_split(data.group, validation_fraction, seed)
    if balance:
        data = data.weighted(_rarity(data.labels, balance))
    scaler = Scaler.of(data.context[rows]) if start is None else start.scaler
    key = "" if checkpoint is None else _key(task, data, options, validation_fraction, seed, start)
    weights, history = [], []
    plan = list(_plan(task, n_networks, seed))
    for number, (column, numbers) in enumerate(plan):
        model = build(task.config, **task.shape, seed=numbers[0])
        if start is None:
            set_prior(model, task.config, data.labels[rows, column])
        else:
            weights_from_dict(model, start.weights[number])
        part = data.labelled(column)
        loss = task.head.get_loss(options.loss)
        training = Training(model, loss, scaler, part, rows, validation, options, numbers[1])
        label = "training" + f" {number + 1} of {len(plan)}" * (len(plan) > 1)
        records = training.run(Checkpoint(checkpoint, f"{key}/{number}"), progress, label)
        history += [{"network": number, **record} for record in records]
        weights.append(weights_to_dict(model))
    networks = Ensemble(task, scaler, weights, None if start is None else start.calibration)
    if task.head.uncertainty != "none":
        networks.mean_posterior = mean_posterior_of(networks, data, _some(rows))
    return Learned(networks, history, len(rows), len(validation))


def calibrated(networks, data):
    """Correct the draws of networks by galaxies that they have not learned from.

    Parameters
    ----------
    networks : Ensemble
        Whose head gives distributions.
    data : TrainingSet
        Galaxies, and what is true of them.

    Returns
    -------
    Ensemble
        The same networks, whose draws are corrected, and whose prior is that of these galaxies.

    Raises
    ------
    InputError
        If the networks give no distributions, or there are fewer than 500 galaxies.
    """
    task = networks.task
    bare = Ensemble(task, networks.scaler, networks.weights)
    draws, truth, context = _predicted(bare, data, np.arange(len(data)))
    calibration = Calibration.learn(task.targets[0], draws, truth)
    draws = calibration.corrected(draws)
    mean_posterior = MeanPosterior.of(*conditions(context, task.layout), draws, truth)
    return Ensemble(task, networks.scaler, networks.weights, calibration, mean_posterior)


def describe_software(others=()):
    """Describe the code that a training depends on.

    Parameters
    ----------
    others : iterable of str, optional
        Names of further packages.

    Returns
    -------
    dict of str to str
        Versions of packages by name, that of the backend of Keras included, and a digest of the
        modules of dustest, whose version does not change with every edit.
    """
    backend = import_keras().backend.backend()
    versions = {name: installed_version(name) for name in ("dustest", "numpy", "keras", *others)}
    # Distributions of backends have several names, such as tensorflow-cpu.
    versions[backend] = getattr(import_module(backend), "__version__", "")
    return {"source": source_digest(), **versions}


def mean_posterior_of(networks, data, rows):
    """Make the prior of networks from their predictions.

    Parameters
    ----------
    networks : Ensemble
        Whose head gives distributions.
    data : TrainingSet
        Galaxies, and what is true of them.
    rows : ndarray of int
        Rows of the galaxies that count.

    Returns
    -------
    MeanPosterior or None
        Mean posterior over these galaxies; None without a galaxy of known truth.
    """
    draws, truth, context = _predicted(networks, data, rows)
    return MeanPosterior.of(*conditions(context, networks.task.layout), draws, truth)


def _some(rows):
    """At most as many rows as the mean posterior needs, evenly chosen."""
    return rows[:: -(-len(rows) // _MOST_PREDICTED)]


def _predicted(networks, data, rows):
    """Draws and truth by target of some galaxies, and their context."""
    task = networks.task
    portions = np.array_split(rows, -(-len(rows) // ROWS_AT_ONCE))
    drawn, contexts = zip(*(_drawn(networks, data, part) for part in portions), strict=True)
    draws = {name: np.concatenate([part[name] for part in drawn]) for name in task.targets}
    truth = task.head.truth(data.labels[rows], task.targets)
    truth = {name: truth[name] for name in task.targets}
    return draws, truth, np.concatenate(contexts)


def _drawn(networks, data, rows):
    """Draws of the targets of some galaxies, and their context."""
    image, context = data.image[rows], data.context[rows]
    if networks.task.any_bands and networks.task.bands:
        image, context = ANY_BANDS(image, context, np.random.default_rng(rows[0]))
    border = (image.shape[1] - networks.task.seen_shape["size"]) // 2 if image.ndim > 2 else 0
    if border:
        image = image[:, border:-border, border:-border]
    usable = np.ones(len(rows), dtype=bool)
    return networks.samples(image, context, usable, rows.astype(np.uint64)), context


def _rarity(labels, power):
    """Weights of galaxies by their first label that is known of all."""
    known = np.isfinite(labels).all(axis=0)
    return balance_weights(labels[:, np.argmax(known)], power=power)


def _plan(task, n_networks, seed):
    """Labels of each network, and two seeds: of its first weights and of its training."""
    columns = task.head.columns(task.targets) * n_networks
    seeds = np.random.SeedSequence(seed).generate_state(2 * len(columns)).reshape(-1, 2)
    return zip(columns, seeds.tolist(), strict=True)


def _key(task, data, options, validation_fraction, seed, start):
    """What tells one training from another: all that it depends on, the code included."""
    settings = {"task": describe(task), "options": describe(options), "seed": seed}
    settings |= {"validation_fraction": validation_fraction, "data": data.digest()}
    settings |= describe_software()
    digest = hashlib.blake2b(digest_size=16)
    for name, value in sorted({} if start is None else start.to_arrays().items()):
        digest.update(name.encode() + np.ascontiguousarray(value).tobytes())
    return json.dumps(settings | {"start": digest.hexdigest()}, sort_keys=True)
