"""A small network of conditional quantiles, trained and evaluated with NumPy."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import ndtr
from threadpoolctl import threadpool_limits

__all__ = ["DEVIATES", "QuantileNetwork"]

DEVIATES = np.linspace(-2.4, 2.4, 17)
"""Gaussian deviates of the levels of the quantiles, 0.008 to 0.992."""

_HIDDEN = (64, 64)
_BATCH = 256
_STEPS = (600, 4000)
"""Smallest and largest number of steps."""
_STEPS_PER_GALAXY = 0.25
_LEARNING_RATE = 3e-3
_DECAYS = (0.9, 0.999)
_WEIGHT_DECAY = 1e-4
_N_CHECKS = 40


@dataclass(frozen=True, eq=False)
class QuantileNetwork:
    """Quantiles of several labels given inputs.

    A network with two hidden layers is trained on the pinball loss [1]_ by Adam [2]_. The weights
    with the smallest loss on a validation set are kept.

    Parameters
    ----------
    weights : tuple of ndarray
        Weights and biases of the layers, in turn.
    n_labels : int
        Number of labels.

    References
    ----------
    .. [1] Koenker & Bassett 1978, Econometrica 46, 33.
    .. [2] Kingma & Ba 2015, ICLR, arXiv:1412.6980.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators._calibration.quantile_network import QuantileNetwork
    >>> rng = np.random.default_rng(1)
    >>> inputs = rng.normal(size=(2000, 1))
    >>> labels = inputs + 0.5 * rng.normal(size=(2000, 1))
    >>> rows = np.arange(2000)
    >>> network = QuantileNetwork.learn(inputs, labels, rows[:1500], rows[1500:], rng)
    >>> network(np.array([[1.0]]))[0, 0, [5, 8, 11]].round(1).astype(float)
    array([0.5, 1. , 1.5])
    """

    weights: tuple
    n_labels: int

    @classmethod
    def learn(cls, inputs, labels, rows, validation, rng):
        """Train a network.

        Parameters
        ----------
        inputs : ndarray of shape (n, n_inputs)
            Inputs of about unit variance.
        labels : ndarray of shape (n, n_labels)
            Labels of about unit variance; NaN if unknown.
        rows, validation : ndarray of int
            Rows to learn from, and rows that decide when to stop.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        QuantileNetwork
            The trained network.
        """
        inputs, labels = inputs.astype(np.float32), labels.astype(np.float32)
        network = cls(_first_weights(inputs.shape[1], labels.shape[1], rng), labels.shape[1])
        moments = [[np.zeros_like(one) for one in network.weights] for _ in range(2)]
        best, least = network.weights, np.inf
        n_steps = int(np.clip(_STEPS_PER_GALAXY * len(rows), *_STEPS))
        # Matrices are so small that threads cost more time than they save.
        with threadpool_limits(1):
            for step in range(1, n_steps + 1):
                batch = rng.choice(rows, min(_BATCH, len(rows)))
                gradients = network._gradients(inputs[batch], labels[batch])
                rate = 0.5 * _LEARNING_RATE * (1.0 + np.cos(np.pi * step / n_steps))
                weights = _adam(network.weights, gradients, moments, step, rate)
                network = cls(weights, network.n_labels)
                if step % (n_steps // _N_CHECKS) == 0:
                    loss = network.loss(inputs[validation], labels[validation])
                    if loss < least:
                        best, least = network.weights, loss
        return cls(best, network.n_labels)

    def __call__(self, inputs):
        """Quantiles at the levels of `DEVIATES`.

        Parameters
        ----------
        inputs : ndarray of shape (n, n_inputs)
            Inputs.

        Returns
        -------
        quantiles : ndarray of float32 of shape (n, n_labels, n_levels)
            In ascending order.
        """
        return np.sort(self._layers(inputs.astype(np.float32))[-1], axis=-1)

    def loss(self, inputs, labels):
        """Mean pinball loss of galaxies with known labels.

        Parameters
        ----------
        inputs : ndarray of shape (n, n_inputs)
            Inputs.
        labels : ndarray of shape (n, n_labels)
            Labels; NaN if unknown.

        Returns
        -------
        loss : float
            The mean over labels and levels.
        """
        excess = labels[..., None] - self._layers(inputs)[-1]
        return float(np.nanmean(np.maximum(_LEVELS * excess, (_LEVELS - 1.0) * excess)))

    def _layers(self, inputs):
        """Inputs, hidden layers and quantiles."""
        layers = [inputs]
        pairs = list(zip(self.weights[::2], self.weights[1::2], strict=True))
        for matrix, bias in pairs[:-1]:
            layers.append(np.maximum(layers[-1] @ matrix + bias, 0.0))
        matrix, bias = pairs[-1]
        quantiles = layers[-1] @ matrix + bias
        return [*layers, quantiles.reshape(len(inputs), self.n_labels, -1)]

    def _gradients(self, inputs, labels):
        """Gradients of the loss by the weights."""
        *layers, quantiles = self._layers(inputs)
        excess = labels[..., None] - quantiles
        slope = np.where(np.isnan(excess), 0.0, (excess < 0.0) - _LEVELS) / excess.size
        slope = slope.reshape(len(inputs), -1).astype(np.float32)
        gradients = []
        for number in range(len(layers) - 1, -1, -1):
            gradients[:0] = layers[number].T @ slope, slope.sum(axis=0)
            slope = (slope @ self.weights[2 * number].T) * (layers[number] > 0.0)
        return gradients


_LEVELS = ndtr(DEVIATES).astype(np.float32)


def _first_weights(n_inputs, n_labels, rng):
    """Weights at the start (He et al. 2015), and quantiles of a standard normal distribution."""
    sizes = (n_inputs, *_HIDDEN, n_labels * DEVIATES.size)
    weights = []
    for before, after in pairwise(sizes):
        weights += [rng.normal(size=(before, after)) * np.sqrt(2.0 / before), np.zeros(after)]
    weights[-2] *= 0.1
    weights[-1] = np.tile(DEVIATES, n_labels)
    return tuple(one.astype(np.float32) for one in weights)


def _adam(weights, gradients, moments, step, rate):
    """Weights after one step."""
    moved = []
    for weight, gradient, *both in zip(weights, gradients, *moments, strict=True):
        both[0][...] = _DECAYS[0] * both[0] + (1.0 - _DECAYS[0]) * gradient
        both[1][...] = _DECAYS[1] * both[1] + (1.0 - _DECAYS[1]) * gradient**2
        mean, power = (m / (1.0 - d**step) for m, d in zip(both, _DECAYS, strict=True))
        moved.append(weight - rate * (mean / (np.sqrt(power) + 1e-8) + _WEIGHT_DECAY * weight))
    return tuple(one.astype(np.float32) for one in moved)
