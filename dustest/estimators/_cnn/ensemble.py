"""Trained networks together: what they predict, and how they travel."""

import numpy as np

from dustest.data.errors import InputError
from dustest.estimators._cnn.calibration import Calibration
from dustest.estimators._cnn.network.forward import ForwardNetwork
from dustest.estimators._cnn.network.layers import count_weights, list_layers
from dustest.estimators._cnn.training.datasets import Scaler

__all__ = ["MOST_AT_ONCE", "Ensemble"]

MOST_AT_ONCE = 512
"""Most galaxies of one call of the networks, so that threads share the work."""

_CALIBRATION = "calibration"


class Ensemble:
    """Networks of one plan that were trained on the same galaxies.

    The networks are set up when they first predict, so that an ensemble travels to other
    processes as numbers.

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
        return len(self) // len(self.task.head.columns(self.task.targets))

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def __setstate__(self, state):
        vars(self).update(state)
        self._networks = None

    def networks(self):
        """The networks (list of ForwardNetwork), set up once.

        Raises
        ------
        InputError
            If the weights are not those of the plan.
        """
        if self._networks is None:
            layers = list_layers(self.task.config, **self.task.seen_shape)
            self._networks = [ForwardNetwork(layers, weights) for weights in self.weights]
        return self._networks

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
        return np.stack([network(inputs) for network in self.networks()])

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
        ensemble.networks()
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
    if task.head.uncertainty == "none":
        msg = f"networks of the kind {task.head.name!r} have no distribution, and no calibration"
        raise InputError(msg)
    return Calibration.from_arrays(task.targets, arrays)
