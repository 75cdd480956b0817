"""Training sets from what users give: samples with truth, or simulations on disc."""

from contextlib import contextmanager, nullcontext
from tempfile import TemporaryFile

import numpy as np

from dustest.data.checks.pairing import as_weights
from dustest.data.containers.conversion import as_sample
from dustest.data.errors import InputError
from dustest.estimators._cnn.settings import make_task
from dustest.estimators._cnn.training.datasets import TrainingSet, collect
from dustest.estimators.photometry import order_bands
from dustest.estimators.run.batch import make_batch

__all__ = ["ROWS_AT_ONCE", "gather", "sources"]

ROWS_AT_ONCE = 2048
"""Galaxies that are prepared together, so that no second copy of all images is needed."""


@contextmanager
def gather(estimator, X, y, sample_weight, networks=None):
    """Prepare a training set; images of simulations are on disc meanwhile.

    Parameters
    ----------
    estimator : CNNEstimator
        With its parameters.
    X, y, sample_weight
        As of ``CNNEstimator.fit``.
    networks : Ensemble, optional
        Networks that are to be trained further, or calibrated.

    Yields
    ------
    task : Task
        What is to be learned.
    data : TrainingSet
        Galaxies.

    Raises
    ------
    InputError
        If the input cannot be used, is not what the networks were trained for, or no galaxy is
        bright enough.
    """
    n_features, flux_bands, chunks = _chunks(estimator, X, y, sample_weight)
    task = make_task(estimator, n_features, order_bands(flux_bands))
    if networks is not None:
        task = networks.task.asked(task)
    # The system removes a file without a name when this process ends, also if it is killed.
    with TemporaryFile() if _is_simulation(X) else nullcontext() as file:
        yield task, collect((_prepared(task, *chunk) for chunk in chunks), file)


def sources(X):
    """Manifests of the simulations on disc that a training set is made of.

    Parameters
    ----------
    X
        As of ``CNNEstimator.fit``.

    Returns
    -------
    dict
        With the manifests as ``"simulations"``; empty for other input.
    """
    if not _is_simulation(X):
        return {}
    return {"simulations": [one.manifest for one in (X if isinstance(X, list | tuple) else [X])]}


def _is_simulation(X):
    """Whether something brings its truth chunk by chunk, or is a list of such."""
    many = X if isinstance(X, list | tuple) else [X]
    return all(callable(getattr(one, "truth", None)) for one in many) and len(many) > 0


def _chunks(estimator, X, y, sample_weight):
    """Number of plain features, bands of fluxes, and batches with truth, group and weight."""
    if _is_simulation(X):
        if y is not None or sample_weight is not None:
            msg = "y and sample_weight must be None for a simulation, which brings its truth"
            raise InputError(msg)
        return 0, _flux_bands(X), _simulated(estimator, X)
    sample = estimator._coerce(X)
    weight = as_weights(sample_weight, len(sample))
    rows, truth = estimator._with_truth(sample, y)
    sample, weight = sample[rows], weight[rows]
    is_plain = "features" in sample.colnames and not sample.cutout_bands
    n_features = sample["features"].shape[1] if is_plain else 0
    chunks = _in_chunks(sample, estimator._apparent(truth, sample), weight)
    return n_features, sample.bands, chunks


def _flux_bands(X):
    """Bands of the total fluxes of simulations on disc."""
    many = X if isinstance(X, list | tuple) else [X]
    return {band for one in many for band in as_sample(next(iter(one))[0]).bands}


def _simulated(estimator, X):
    """Chunks of simulations on disc."""
    for number, simulation in enumerate(X if isinstance(X, list | tuple) else [X]):
        for chunk, (part, part_truth) in enumerate(simulation):
            sample = estimator._coerce(part)
            rows, truth = estimator._with_truth(sample, part_truth)
            sample = sample[rows]
            chunks = _in_chunks(sample, truth, np.ones(len(sample)))
            for batch, values, group, weight in chunks:
                # Galaxies of two simulations may have the same names, and row numbers, which
                # replace names where there are none, begin anew in every chunk.
                place = f"{number}/" if "group" in sample.colnames else f"{number}.{chunk}/"
                yield batch, values, np.char.add(place, group.astype(str)), weight


def _in_chunks(sample, truth, weight):
    """Batches of a sample with truth, group and weight."""
    group = np.asarray(sample["group"] if "group" in sample.colnames else np.arange(len(sample)))
    for start in range(0, len(sample), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        yield make_batch(sample, rows), truth[rows], group[rows], weight[rows]


def _prepared(task, batch, truth, group, weight):
    """Galaxies of a batch that have a weight, and are bright enough in a band."""
    inputs = task.inputs(batch, whole=True)
    bright = inputs.usable & (inputs.snr.max(axis=1) >= task.snr_min)
    rows = np.flatnonzero(bright & (weight > 0))
    return TrainingSet(
        image=inputs.image[rows],
        context=inputs.context[rows],
        labels=task.labels(truth[rows]),
        weight=weight[rows].astype(np.float32),
        group=group[rows],
        pixel_scale=batch.pixel_scale[rows],
        redshift=batch.redshift[rows],
    )
