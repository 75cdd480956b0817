"""What the file of a `CNNEstimator` says besides its weights."""

import numpy as np

from dustest.data.containers.rows import RowTable
from dustest.data.errors import InputError
from dustest.data.files.paths import installed_version
from dustest.estimators._cnn.domain import Domain
from dustest.estimators._cnn.ensemble import Ensemble
from dustest.estimators._cnn.network.config import CNNConfig
from dustest.estimators._cnn.settings import make_task

__all__ = ["describe_estimator", "rebuild_estimator"]

_PACKAGES = ("keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "numpy")
_HISTORY = ("network", "epoch", "loss", "val_loss", "learning_rate")
_MOST_FEATURES = 100_000
_PLAIN = (bool, float, int, list, str, type(None))


def describe_estimator(estimator, card):
    """Manifest of a trained estimator.

    Parameters
    ----------
    estimator : CNNEstimator
        Trained.
    card : dict
        What is to be known of the model.

    Returns
    -------
    dict
        As `write_model` takes it.
    """
    task = estimator.networks_.task
    versions = {name: installed_version(name) for name in _PACKAGES}
    return {
        "kind": "CNNEstimator",
        "parameters": {
            "estimator": _plain_parameters(estimator),
            "config": task.config.to_dict(),
            "n_features": task.n_features,
            "latents": list(task.head.latents(task.targets)),
            "domain": estimator.domain_.to_dict(),
        },
        "created": {
            "card": card,
            "history": {name: _plain(estimator.history_[name]) for name in _HISTORY},
            "n_train": estimator.n_train_,
            "n_validation": estimator.n_validation_,
            "packages": {name: found for name, found in versions.items() if found},
        },
    }


def _plain_parameters(estimator):
    """Parameters as JSON knows them; a plan stands elsewhere, and a generator nowhere."""
    parameters = estimator.get_params(deep=False).items()
    plain = {name: _plain_value(value) for name, value in parameters}
    return {name: value for name, value in plain.items() if isinstance(value, _PLAIN)}


def _plain_value(value):
    """A tuple as a list, and a number of numpy as one of Python."""
    if isinstance(value, tuple):
        return list(value)
    return value.item() if isinstance(value, np.generic) else value


def _plain(column):
    """Values of a column of the history; None for NaN."""
    return [value if np.isfinite(value) else None for value in np.asarray(column).tolist()]


def rebuild_estimator(kind, manifest, arrays):
    """Trained estimator from a manifest and its weights.

    Parameters
    ----------
    kind : type
        The class.
    manifest : dict
        From `read_model`.
    arrays : dict of str to ndarray
        From `read_model`.

    Returns
    -------
    CNNEstimator
        Ready to estimate.

    Raises
    ------
    InputError, KeyError, TypeError, ValueError
        If something is missing or does not fit.
    """
    known, created = manifest["parameters"], manifest["created"]
    parameters = dict(known["estimator"])
    for name in ("bands", "targets"):
        if isinstance(parameters[name], list):
            parameters[name] = tuple(parameters[name])
    config = CNNConfig.from_dict(known["config"])
    estimator = kind(**{"architecture": config} | parameters)
    n_features = known["n_features"]
    if type(n_features) is not int or not 0 <= n_features <= _MOST_FEATURES:
        msg = f"n_features must be an integer from 0 to {_MOST_FEATURES}, got {n_features!r}"
        raise InputError(msg)
    task = make_task(estimator, n_features).with_config(config)
    _check_latents(task, manifest)
    estimator.networks_ = Ensemble.from_arrays(task, arrays)
    estimator.domain_ = Domain.from_dict(known["domain"])
    columns = {name: _numbers(created["history"][name]) for name in _HISTORY}
    estimator.history_ = RowTable(columns)
    estimator.n_train_, estimator.n_validation_ = created["n_train"], created["n_validation"]
    estimator.card_ = created["card"]
    if n_features:
        estimator.n_features_in_ = n_features
    return estimator


def _check_latents(task, manifest):
    """Refuse weights of other labels; files of version 0.1 do not record theirs."""
    expected = list(task.head.latents(task.targets))
    if manifest["schema"] > 1 and manifest["parameters"]["latents"] != expected:
        msg = f"latents must be {expected}, got {manifest['parameters']['latents']!r:.120}"
        raise InputError(msg)


def _numbers(values):
    """Column of the history; NaN for None."""
    return np.array([np.nan if value is None else value for value in values])
