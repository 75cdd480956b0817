"""Files of trained estimators: their manifest, and how it is read."""

from functools import partial

import numpy as np

from dustest.data.containers.rows import RowTable
from dustest.data.errors import InputError
from dustest.data.files.paths import installed_version
from dustest.data.model_card import as_card
from dustest.estimators._cnn.domain import Domain
from dustest.estimators._cnn.ensemble import Ensemble
from dustest.estimators._cnn.network.config import CNNConfig
from dustest.estimators._cnn.settings import make_task
from dustest.estimators._cnn.shift.detection import Detection
from dustest.estimators.photometry import order_bands
from dustest.estimators.run.files.model_file import rebuild, write_model

__all__ = ["DETECTOR", "detector_of", "load_estimator", "save_estimator"]

DETECTOR = "detector"
"""Name of a detector of shifts in manifests, and of the group of its arrays."""

_PACKAGES = ("keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "numpy")
_HISTORY = ("network", "epoch", "loss", "val_loss", "learning_rate")
_MOST_FEATURES = 100_000
_MOST_FLUX_BANDS = 256
_PLAIN = (bool, float, int, list, str, type(None))


def save_estimator(estimator, path, card):
    """Write a trained estimator into one file.

    Parameters
    ----------
    estimator : CNNEstimator
        Trained.
    path : path-like
        File, in a folder that exists.
    card : dict
        What is to be known of the model, in plain JSON.

    Returns
    -------
    sha256 : str
        Digest of the file.

    Raises
    ------
    InputError
        If the file cannot be written there, or ``card`` is no plain JSON.
    """
    manifest, arrays = _describe(estimator, card), estimator.networks_.to_arrays()
    if estimator.detector_ is not None:
        names, found = estimator.detector_.to_file()
        manifest["parameters"][DETECTOR] = names
        arrays |= {f"{DETECTOR}/{name}": value for name, value in found.items()}
    return write_model(path, manifest, arrays)


def detector_of(manifest, arrays):
    """Read the detector of a file.

    Parameters
    ----------
    manifest : dict
        Manifest.
    arrays : dict of str to ndarray
        All arrays.

    Returns
    -------
    detection : Detection or None
        The detector; None if there is none.
    others : dict of str to ndarray
        The other arrays.

    Raises
    ------
    InputError
        If its parts do not fit together.
    """
    names = manifest["parameters"].get(DETECTOR)
    prefix = f"{DETECTOR}/"
    own = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
    others = {name: value for name, value in arrays.items() if not name.startswith(prefix)}
    return None if names is None else Detection.from_file(names, own), others


def load_estimator(kind, path, sha256=None):
    """Read a trained estimator.

    Parameters
    ----------
    kind : type
        The class.
    path : path-like
        The file.
    sha256 : str, optional
        Digest that the file must have.

    Returns
    -------
    CNNEstimator
        Ready to estimate.

    Raises
    ------
    ReadError
        If there is no file, or it is refused.
    """
    build = partial(_rebuilt, kind)
    return rebuild(path, build, kind=kind.__name__, sha256=sha256)


def _describe(estimator, card):
    """Manifest of a trained estimator."""
    task = estimator.networks_.task
    versions = {name: installed_version(name) for name in _PACKAGES}
    return {
        "kind": "CNNEstimator",
        "parameters": {
            "estimator": _plain_parameters(estimator),
            "config": task.config.to_dict(),
            "n_features": task.n_features,
            "flux_bands": list(task.flux_bands),
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


def _rebuilt(kind, manifest, arrays):
    """Trained estimator from a manifest and its weights."""
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
    task = make_task(estimator, n_features, _flux_bands(known)).with_config(config)
    _check_latents(task, manifest)
    estimator.detector_, arrays = detector_of(manifest, arrays)
    estimator.networks_ = Ensemble.from_arrays(task, arrays)
    estimator.domain_ = Domain.from_dict(known["domain"])
    columns = {name: _numbers(created["history"][name]) for name in _HISTORY}
    estimator.history_ = RowTable(columns)
    estimator.n_train_, estimator.n_validation_ = created["n_train"], created["n_validation"]
    estimator.card_ = as_card(created["card"])
    if n_features:
        estimator.n_features_in_ = n_features
    return estimator


def _flux_bands(known):
    """Bands of total fluxes; files of networks without them may not name any."""
    bands = known.get("flux_bands", [])
    if not isinstance(bands, list) or len(bands) > _MOST_FLUX_BANDS:
        msg = f"flux_bands must be a list of up to {_MOST_FLUX_BANDS} names, got {bands!r:.100}"
        raise InputError(msg)
    return order_bands(bands)


def _check_latents(task, manifest):
    """Refuse weights of other labels; files of version 0.1 do not record theirs."""
    expected = list(task.head.latents(task.targets))
    if manifest["schema"] > 1 and manifest["parameters"]["latents"] != expected:
        msg = f"latents must be {expected}, got {manifest['parameters']['latents']!r:.120}"
        raise InputError(msg)


def _numbers(values):
    """Column of the history; NaN for None."""
    return np.array([np.nan if value is None else value for value in values])
