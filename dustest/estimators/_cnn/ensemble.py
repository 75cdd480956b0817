"""Ensembles of trained networks: predictions and arrays."""

import numpy as np

from dustest.data.errors import InputError
from dustest.estimators._calibration.levels import Calibration
from dustest.estimators._calibration.mean_posterior import MeanPosterior
from dustest.estimators._cnn.network.forward import ForwardNetwork
from dustest.estimators._cnn.network.layers import count_weights, list_layers
from dustest.estimators._cnn.training.datasets import Scaler

__all__ = ["MOST_AT_ONCE", "Ensemble"]

MOST_AT_ONCE = 512
"""Largest number of galaxies of one call of the networks, so that threads share the work."""

_CALIBRATION, _MEAN_POSTERIOR = "calibration", "mean_posterior"


class Ensemble:
    """Networks of one architecture that were trained on the same galaxies.

    The networks are built when they first predict, so that an ensemble is sent to other processes
    as arrays.

    Parameters
    ----------
    task : Task
        Task of the networks.
    scaler : Scaler
        Scaler of the context.
    weights : list of dict of str to ndarray
        Weights of each network.
    calibration : Calibration, optional
        Correction of draws.
    mean_posterior : MeanPosterior, optional
        Prior of the predictions.
    """

    def __init__(self, task, scaler, weights, calibration=None, mean_posterior=None):
        self.task = task
        self.scaler = scaler
        self.weights = weights
        self.calibration = calibration
        self.mean_posterior = mean_posterior
        self.__setstate__({})

    def __len__(self):
        return len(self.weights)

    @property
    def n_members(self):
        """Number of networks of the ensemble; those of all targets count as one."""
        return len(self) // len(self.task.head.columns(self.task.targets))

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def __setstate__(self, state):
        vars(self).update(state)
        self._networks = None

    def networks(self):
        """The networks (list of ForwardNetwork), built once.

        Raises
        ------
        InputError
            If the weights do not match the architecture.
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
            Images from `Task.inputs`.
        context : ndarray of float32 of shape (n, n_context)
            Context of the images.

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
            Outputs of `predict`.
        usable : ndarray of bool of shape (n,)
            Galaxies with an estimate.
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
        """All arrays by name, for a file (dict of str to ndarray)."""
        arrays = {"context/mean": self.scaler.mean, "context/std": self.scaler.std}
        records = {_CALIBRATION: self.calibration, _MEAN_POSTERIOR: self.mean_posterior}
        for kind, record in records.items():
            known = {} if record is None else record.to_arrays()
            arrays |= {f"{kind}/{name}": value for name, value in known.items()}
        for number, weights in enumerate(self.weights):
            arrays |= {f"{number}/{name}": value for name, value in weights.items()}
        return arrays

    @classmethod
    def from_arrays(cls, task, arrays):
        """Read the result of `to_arrays`.

        Parameters
        ----------
        task : Task
            Task of the networks.
        arrays : dict of str to ndarray
            All arrays by name.

        Returns
        -------
        Ensemble
            With weights that match the architecture.

        Raises
        ------
        InputError
            If the arrays do not match such networks.
        """
        members = {}
        for name, value in arrays.items():
            member, _, rest = name.partition("/")
            members.setdefault(member, {})[rest] = value
        scaler = _scaler(members.pop("context", {}), task.shape["n_context"])
        calibration = _record(Calibration, members.pop(_CALIBRATION, None), task)
        mean_posterior = _record(MeanPosterior, members.pop(_MEAN_POSTERIOR, None), task)
        numbers = [str(number) for number in range(len(members))]
        if set(numbers) != set(members) or not numbers:
            msg = f"arrays must be those of networks 0, 1, ..., got {sorted(members)}"
            raise InputError(msg)
        # Before the networks are built, since a configuration may need more than the memory.
        n_weights = count_weights(task.config, **task.shape)
        for number in numbers:
            found = sum(value.size for value in members[number].values())
            if found != n_weights:
                msg = f"network {number} must have {n_weights} weights by its plan, got {found}"
                raise InputError(msg)
        weights = [members[number] for number in numbers]
        ensemble = cls(task, scaler, weights, calibration, mean_posterior)
        ensemble.networks()
        return ensemble


def _scaler(arrays, n_context):
    """Scaler from its arrays."""
    shapes = {name: value.shape for name, value in arrays.items()}
    if shapes != {"mean": (n_context,), "std": (n_context,)} or not np.all(arrays["std"] > 0):
        msg = f"context must have a mean and a positive std of {n_context} numbers, got {shapes}"
        raise InputError(msg)
    return Scaler(arrays["mean"], arrays["std"])


def _record(kind, arrays, task):
    """Record of distributions from its arrays, if there are any."""
    if arrays is None:
        return None
    if task.head.uncertainty == "none":
        msg = f"networks of the kind {task.head.name!r} have no distribution, and no calibration"
        raise InputError(msg)
    return kind.from_arrays(task.targets, arrays)
