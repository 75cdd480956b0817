"""Settings of an estimator on which its calibration depends."""

import inspect
import json

from dustest.data.errors import InputError
from dustest.data.identity.describe import class_path, describe

__all__ = ["check_settings", "settings_of"]


def settings_of(estimator):
    """Describe what a calibration of an estimator depends on.

    Parameters
    ----------
    estimator : DustEstimator
        The estimator, fitted if it learns.

    Returns
    -------
    settings : dict
        Its class, its parameters without those that change no distribution, and the digest of
        what it has learned, in JSON types.
    """
    parameters = estimator._calibrated_parameters()
    described = {name: describe(value, name) for name, value in parameters.items()}
    settings = {
        "estimator": class_path(type(estimator)),
        "parameters": described,
        "model_hash": estimator._model_hash(),
    }
    return json.loads(json.dumps(settings))


def check_settings(known, estimator, name):
    """Raise an error if a calibration is of another estimator or of other settings.

    Parameters that are newer than a calibration had their default value.

    Parameters
    ----------
    known : dict
        Result of `settings_of` for the estimator that was calibrated.
    estimator : DustEstimator
        The estimator.
    name : str
        The calibration, for the message.

    Raises
    ------
    InputError
        If any setting differs.
    """
    found = settings_of(estimator)
    known = known | {"parameters": _defaults(estimator, found) | known["parameters"]}
    if found == known:
        return
    changed = differences(known, found)
    msg = (
        f"{name} is of an estimator with {_listed(known, changed)}, got {_listed(found, changed)}:"
        " calibrate the estimator with its own settings, see CalibratedEstimator"
    )
    raise InputError(msg)


def _defaults(estimator, found):
    """Default values of parameters, which calibrations from before these have."""
    signature = inspect.signature(type(estimator).__init__).parameters
    defaults = {name: signature[name].default for name in found["parameters"] if name in signature}
    described = {
        name: describe(value, name)
        for name, value in defaults.items()
        if value is not inspect.Parameter.empty
    }
    return json.loads(json.dumps(described))


def differences(known, found):
    """Names of the settings that differ.

    Parameters
    ----------
    known, found : dict
        Results of `settings_of`.

    Returns
    -------
    names : list of str
        Parameters, ``"estimator"`` or ``"model_hash"``.
    """
    if known["estimator"] != found["estimator"]:
        return ["estimator"]
    ours, theirs = known["parameters"], found["parameters"]
    changed = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    return changed or ["model_hash"]


def _listed(settings, names):
    """Values of settings as text."""
    values = settings["parameters"] | {k: settings[k] for k in ("estimator", "model_hash")}
    return ", ".join(f"{name}={_short(values.get(name))}" for name in names)


def _short(value):
    """A description as text of readable length."""
    if isinstance(value, dict) and set(value) == {"float"}:
        value = value["float"]
    return f"{value!r:.80}"
