"""Files of calibrations: arrays and a manifest, without code."""

import numpy as np

from dustest.estimators._calibration.levels import Calibration
from dustest.estimators._calibration.mean_posterior import MeanPosterior
from dustest.estimators._calibration.normal_scores import NormalScores
from dustest.estimators._calibration.quantile_network import QuantileNetwork
from dustest.estimators._calibration.recalibration import Recalibration
from dustest.estimators.run.files.model_file import rebuild, write_model

__all__ = ["read_calibration", "write_calibration"]

_KIND = "Calibration"


def write_calibration(path, recalibration, settings, card):
    """Write a calibration into one file.

    Parameters
    ----------
    path : path-like
        File, in a folder that exists.
    recalibration : Recalibration
        The learned correction.
    settings : dict
        Result of `settings_of` for the estimator.
    card : dict
        What is to be known of the calibration, such as its population, in plain JSON.

    Returns
    -------
    sha256 : str
        Digest of the file.

    Raises
    ------
    InputError
        If the file cannot be written there, or ``card`` is no plain JSON.
    """
    parameters = {
        "settings": settings,
        "quantities": list(recalibration.quantities),
        "inputs": list(recalibration.inputs),
        "bands": list(recalibration.bands),
        "n_networks": len(recalibration.networks),
        "largest": [recalibration.input_scores.largest, recalibration.truth_scores.largest],
    }
    manifest = {"kind": _KIND, "parameters": parameters, "created": {"card": card}}
    return write_model(path, manifest, recalibration.to_arrays())


def read_calibration(path, sha256=None):
    """Read a calibration that `write_calibration` wrote.

    Parameters
    ----------
    path : path-like
        The file.
    sha256 : str, optional
        Digest that the file must have.

    Returns
    -------
    recalibration : Recalibration
        The correction.
    settings, card : dict
        As they were written.

    Raises
    ------
    ReadError
        If there is no file, or it is refused.
    """
    return rebuild(path, _parts, kind=_KIND, sha256=sha256, called="a calibration")


def _parts(manifest, arrays):
    """Calibration, settings and card of a file."""
    parameters = manifest["parameters"]
    settings, card = dict(parameters["settings"]), manifest["created"]["card"]
    return _rebuilt(parameters, arrays), settings, card


def _rebuilt(parameters, arrays):
    """A calibration from its parameters and arrays."""
    quantities, inputs = tuple(parameters["quantities"]), tuple(parameters["inputs"])
    scores = [
        NormalScores(arrays[f"{name}/knots"], float(largest))
        for name, largest in zip(("inputs", "truth"), parameters["largest"], strict=True)
    ]
    networks = tuple(
        _network(_group(arrays, f"network/{number}/"), scores, quantities)
        for number in range(parameters["n_networks"])
    )
    levels = {
        name: Calibration.from_arrays((name,), _group(arrays, f"levels/{name}/"))
        for name in quantities
    }
    prior = MeanPosterior.from_arrays(quantities, _group(arrays, "prior/"))
    bands = tuple(parameters["bands"])
    return Recalibration(quantities, inputs, bands, *scores, networks, levels, prior)


def _group(arrays, start):
    """Arrays whose names begin in the same way, without this beginning."""
    return {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}


def _network(arrays, scores, quantities):
    """A network from its weights in order."""
    weights = tuple(arrays[str(i)] for i in range(len(arrays)))
    network = QuantileNetwork(weights, len(quantities))
    # A network of other inputs or outputs fails here.
    network(np.zeros((1, len(scores[0].knots))))
    return network
