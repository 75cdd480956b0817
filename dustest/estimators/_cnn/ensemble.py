"""Trained networks together: what they predict, and how they travel."""

from contextlib import nullcontext
from threading import Lock

import numpy as np

from dustest.data.errors import InputError
from dustest.estimators._cnn.calibration import Calibration
from dustest.estimators._cnn.network.keras_network import build, threads_share, weights_from_dict
from dustest.estimators._cnn.network.layers import count_weights
from dustest.estimators._cnn.training.datasets import Scaler

__all__ = ["MOST_AT_ONCE", "Ensemble"]

MOST_AT_ONCE = 512
"""Most galaxies of one call of a network."""

_CALIBRATION = "calibration"
_SIZES = (1, 32, MOST_AT_ONCE)
"""Numbers of galaxies that a network is called with: every other one would be compiled anew."""


class Ensemble:
    """Networks of one plan that were trained on the same galaxies.

    They are built when they first predict, so that an ensemble travels to other processes as
    what it is: numbers.

    Parameters
    ----------
    task : Task
        What they were asked.
    scaler : Scaler
        For the context.
    weights : list of dict of str to ndarray
        Of each network.
    calibration : Calibration, optional
        How draws are corrected.
    """

    def __init__(self, task, scaler, weights, calibration=None):
        self.task = task
        self.scaler = scaler
        self.weights = weights
        self.calibration = calibration
        self.__setstate__({})

    def __len__(self):
        return len(self.weights)

    @property
    def n_members(self):
        """Networks of the ensemble, those of all targets counted as one."""
        return len(self) // (len(self.task.targets) if self.task.is_paper else 1)

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def __setstate__(self, state):
        vars(self).update(state)
        self._models = []
        self._building, self._running = Lock(), Lock()
        self._compiled = set()

    def models(self):
        """The networks (list of keras.Model), built once.

        Raises
        ------
        InputError
            If the weights are not those of the plan.
        """
        with self._building:
            if not self._models:
                models = [build(self.task.config, **self.task.seen_shape) for _ in self.weights]
                for model, weights in zip(models, self.weights, strict=True):
                    weights_from_dict(model, weights)
                self._models.extend(models)
        return self._models

    def predict(self, image, context):
        """Run all networks.

        Parameters
        ----------
        image : ndarray of float32 of shape (n, side, side, n_bands)
            What the networks see of the images, from `Task.inputs`.
        context : ndarray of float32 of shape (n, n_context)
            Numbers that go with them.

        Returns
        -------
        raw : ndarray of float32 of shape (n_networks, n, n_outputs)
            Outputs.
        """
        inputs = {"image": image, "context": self.scaler(context)}
        models = self.models()
        size = _call_size(len(context))
        # The first call of a size compiles it, which several threads would do at once.
        is_free = size in self._compiled and threads_share()
        with nullcontext() if is_free else self._running:
            raw = [
                _predict(model, {name: inputs[name] for name in model.input}, size)
                for model in models
            ]
        self._compiled.add(size)
        return np.stack(raw)

    def samples(self, image, context, usable, seeds):
        """Predict quantities.

        Parameters
        ----------
        image, context : ndarray of float32
            As `predict` takes them.
        usable : ndarray of bool of shape (n,)
            Which galaxies have an answer.
        seeds : ndarray of uint64 of shape (n,)
            Seeds of the draws.

        Returns
        -------
        dict of str to ndarray of shape (n,) or (n, n_draws)
            By target.
        """
        samples = self.task.samples(self.predict(image, context), usable, seeds)
        return samples if self.calibration is None else self.calibration.corrected(samples)

    def to_arrays(self):
        """All numbers by name, for a file (dict of str to ndarray)."""
        arrays = {"context/mean": self.scaler.mean, "context/std": self.scaler.std}
        known = {} if self.calibration is None else self.calibration.to_arrays()
        arrays |= {f"{_CALIBRATION}/{name}": value for name, value in known.items()}
        for number, weights in enumerate(self.weights):
            arrays |= {f"{number}/{name}": value for name, value in weights.items()}
        return arrays

    @classmethod
    def from_arrays(cls, task, arrays):
        """Read what `to_arrays` gave.

        Parameters
        ----------
        task : Task
            What the networks were asked.
        arrays : dict of str to ndarray
            All numbers by name.

        Returns
        -------
        Ensemble
            With weights that have been held against the plan.

        Raises
        ------
        InputError
            If the arrays are not those of such networks.
        """
        members = {}
        for name, value in arrays.items():
            member, _, rest = name.partition("/")
            members.setdefault(member, {})[rest] = value
        scaler = _scaler(members.pop("context", {}), task.shape["n_context"])
        calibration = _calibration(members.pop(_CALIBRATION, None), task)
        numbers = [str(number) for number in range(len(members))]
        if set(numbers) != set(members) or not numbers:
            msg = f"arrays must be those of networks 0, 1, ..., got {sorted(members)}"
            raise InputError(msg)
        # Before they are built, since a plan can ask for more than there is memory.
        n_weights = count_weights(task.config, **task.shape)
        for number in numbers:
            found = sum(value.size for value in members[number].values())
            if found != n_weights:
                msg = f"network {number} must have {n_weights} weights by its plan, got {found}"
                raise InputError(msg)
        ensemble = cls(task, scaler, [members[number] for number in numbers], calibration)
        ensemble.models()
        return ensemble


def _scaler(arrays, n_context):
    """Scaler from its arrays."""
    shapes = {name: value.shape for name, value in arrays.items()}
    if shapes != {"mean": (n_context,), "std": (n_context,)} or not np.all(arrays["std"] > 0):
        msg = f"context must have a mean and a positive std of {n_context} numbers, got {shapes}"
        raise InputError(msg)
    return Scaler(arrays["mean"], arrays["std"])


def _calibration(arrays, task):
    """Calibration from its arrays, if there are any."""
    if arrays is None:
        return None
    if task.is_paper:
        msg = "networks of the kind 'paper' have no distribution, and no calibration"
        raise InputError(msg)
    return Calibration.from_arrays(task.targets, arrays)


def _call_size(n):
    """Number of galaxies that a network is called with, again and again, to predict so many."""
    return next((size for size in _SIZES if n <= size), _SIZES[-1])


def _predict(model, inputs, size):
    """Output for any number of galaxies, through calls of one size."""
    n = len(next(iter(inputs.values())))
    parts = [
        model.predict_on_batch(
            {name: _filled_up(value[start : start + size], size) for name, value in inputs.items()}
        )
        for start in range(0, n, size)
    ]
    return np.concatenate([np.asarray(part) for part in parts])[:n]


def _filled_up(values, size):
    """Rows, and zeros behind them."""
    missing = size - len(values)
    if not missing:
        return values
    return np.concatenate([values, np.zeros((missing, *values.shape[1:]), values.dtype)])
