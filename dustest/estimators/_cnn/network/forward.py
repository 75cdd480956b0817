"""Forward pass of a network in NumPy, from the same layers that Keras builds for training.

Networks predict in blocks of a fixed number of galaxies, the last of which is padded, and each
block in groups of 8 galaxies that are beside each other in memory. The order in which BLAS adds
up a column of a product depends on the place of the column, but is the same for 8 columns in a
row. With one thread for each block, a prediction is therefore equal to the last bit however
galaxies are batched.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache, partial
from itertools import pairwise
from threading import Lock

import numpy as np
from joblib import cpu_count
from scipy import special
from threadpoolctl import ThreadpoolController

from dustest.estimators._cnn.network.layers import EPSILON, OUTPUT, check_weights, weight_shapes

__all__ = ["ForwardNetwork"]

_LANES, _GROUPS = 8, 4
_BLOCK = _LANES * _GROUPS
"""Galaxies computed together; smaller blocks spend more time in Python, larger ones leave the
cache."""

_COLUMN_BYTES = 2**19
"""Most memory of the columns of a convolution at once."""

_LOCK = Lock()

_FEWEST_CHANNELS, _LARGEST_SIDE = 16, 64
"""Bounds within which convolutions by pairs of rows are faster, and take no more memory."""

_ACTIVATIONS = {
    "elu": lambda x: np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0))),
    "gelu": lambda x: 0.5 * x * (1.0 + special.erf(x * np.float32(np.sqrt(0.5)))),
    "relu": lambda x: np.maximum(x, np.float32(0.0), out=x),
    "silu": lambda x: x * special.expit(x),
}


class ForwardNetwork:
    """A trained network that predicts without Keras.

    Parameters
    ----------
    layers : list of Layer
        From `~.layers.list_layers`.
    weights : dict of str to ndarray
        By name of layer and weight, as in ``"block0_conv/kernel"``.

    Raises
    ------
    InputError
        If the weights are not those of the layers.
    """

    def __init__(self, layers, weights):
        check_weights(weight_shapes(layers), weights)
        self._n_outputs = layers[-1].units
        pairs = [(layer, _of_layer(layer, weights)) for layer in layers]
        self._steps = [
            (layer, _STEPS[layer.kind](layer, *arrays)) for layer, arrays in _pooled_first(pairs)
        ]

    def __call__(self, inputs):
        """Predict galaxies.

        Parameters
        ----------
        inputs : dict of str to ndarray of float32
            ``image`` of shape (n, side, side, n_bands) and ``context`` of shape (n, n_context).

        Returns
        -------
        raw : ndarray of float32 of shape (n, n_outputs)
            Outputs.
        """
        raw = np.empty((len(inputs["context"]), self._n_outputs), dtype=np.float32)
        starts = range(0, len(raw), _BLOCK)
        n_threads = max(min(len(starts), cpu_count()), 1)
        # Threads take one block after the other, so that none waits long for the last.
        run, queue = partial(self._fill, raw, inputs), iter(starts)
        # Only one thread may set the number of threads of BLAS, and holds it until it is done.
        with _LOCK, _controller().limit(limits=1, user_api="blas"):
            if n_threads == 1:
                run(queue)
            else:
                with ThreadPoolExecutor(n_threads) as threads:
                    list(threads.map(run, [queue] * n_threads))
        return raw

    def _fill(self, raw, inputs, starts):
        """Write the outputs of blocks, as long as there are some to begin with."""
        memory = _Memory()
        with _controller().limit(limits=1, user_api="blas"):
            for start in starts:
                rows = slice(start, start + _BLOCK)
                block = {name: _grouped(values[rows]) for name, values in inputs.items()}
                raw[rows] = self._block(block, memory)[: len(raw[rows])]

    def _block(self, inputs, memory):
        """Outputs of one block, shape (_BLOCK, n_outputs)."""
        values = {}
        for layer, step in self._steps:
            given = [values[name] for name in layer.inputs] or [inputs[layer.name]]
            values[layer.name] = step(memory, *given)
        return values[OUTPUT].swapaxes(1, 2).reshape(_BLOCK, -1)


class _Memory:
    """Arrays that the blocks of a thread share: new ones would take longer than to fill them."""

    def __init__(self):
        self._arrays = {}

    def __call__(self, *key_and_shape):
        """Array of a layer, by its name and use, with the values that it had; zeros at first."""
        if key_and_shape not in self._arrays:
            self._arrays[key_and_shape] = np.zeros(key_and_shape[2:], dtype=np.float32)
        return self._arrays[key_and_shape]


def _of_layer(layer, weights):
    """Weights of a layer, in the order of its record."""
    return [weights[f"{layer.name}/{name}"] for name in layer.shapes]


def _pooled_first(pairs):
    """Layers and their weights, with averages before normalisations by stored statistics.

    They commute, and there are four times fewer pixels afterwards.
    """
    pairs = list(pairs)
    for i, ((norm, arrays), (pool, _)) in enumerate(pairwise(pairs)):
        methods = [layer.options.get("method") for layer in (norm, pool)]
        if methods == ["batch", "average"]:
            pairs[i] = replace(pool, name=norm.name, inputs=norm.inputs), []
            pairs[i + 1] = replace(norm, name=pool.name, inputs=(norm.name,)), arrays
    return pairs


def _grouped(values):
    """Values of galaxies as (groups, channels, ..., lanes), padded with zeros."""
    n, *shape = values.shape
    padded = np.zeros((_BLOCK, *shape), dtype=np.float32)
    padded[:n] = values
    grouped = np.moveaxis(padded.reshape(_GROUPS, _LANES, *shape), (1, -1), (-1, 1))
    return np.ascontiguousarray(grouped)


@cache
def _controller():
    """Control of the threads of BLAS; each thread has its own where BLAS uses OpenMP."""
    return ThreadpoolController()


# ---- layers: each maker takes a layer and its weights, and returns its function ---------------


def _input(layer):
    """Input of the network, or some channels of it."""
    first, last = layer.options.get("columns", (0, layer.units))
    return lambda _, values: values[:, first:last]


def _crop(layer):
    """Central part of images."""
    first, side = layer.options["border"][0], layer.side
    return lambda _, image: image[:, :, first : first + side, first : first + side]


def _convolution(layer, kernel, bias):
    """Convolution and activation."""
    size, _, channels, _ = kernel.shape
    used = layer.options["used"]
    is_paired = size == 3 and used % 2 == 0 and used <= _LARGEST_SIDE
    if is_paired and channels >= _FEWEST_CHANNELS:
        return _convolution_by_pairs(layer, kernel, bias)
    return _plain_convolution(layer, kernel, bias)


def _plain_convolution(layer, kernel, bias):
    """Convolution, as a product with columns of all pixels below the kernel, and activation."""
    size, _, channels, filters = kernel.shape
    # The bias is a weight of a last row of ones.
    matrix = np.concatenate([kernel.reshape(-1, filters), bias[None]]).T.copy()
    activation = _ACTIVATIONS[layer.options["activation"]]
    side, used, before = layer.side, layer.options["used"], (size - 1) // 2
    inside, wide = slice(before, before + side), side + size - 1
    n_rows = max(_COLUMN_BYTES // (4 * _BLOCK * matrix.shape[1] * used), 1)

    def step(memory, maps):
        padded = memory(layer.name, "padded", _GROUPS, channels, wide, wide, _LANES)
        padded[:, :, inside, inside] = maps
        result = memory(layer.name, "result", _GROUPS, filters, used, used, _LANES)
        for top in range(0, used, n_rows):
            height = min(n_rows, used - top)
            shape = (_GROUPS, matrix.shape[1], height * used * _LANES)
            columns = memory(layer.name, "columns", *shape)
            columns[:, -1] = 1.0
            pixels = columns[:, :-1].reshape(_GROUPS, size, size, channels, height, used, _LANES)
            for dy, dx in np.ndindex(size, size):
                rows = slice(top + dy, top + dy + height)
                pixels[:, dy, dx] = padded[:, :, rows, dx : dx + used]
            part = result[:, :, top : top + height].reshape(_GROUPS, filters, -1)
            np.matmul(matrix, columns, out=part)
        return activation(result)

    return step


def _convolution_by_pairs(layer, kernel, bias):
    """Convolution with 3 x 3 pixels, two rows at a time, which takes two thirds of the products.

    It is the algorithm F(2, 3) of Winograd along the rows (Lavin & Gray 2016, CVPR, equation 5).
    """
    first, second, third = kernel
    mean = 0.5 * (first + third)
    kernels = (first, mean + 0.5 * second, mean - 0.5 * second, third)
    matrices = [part.reshape(-1, len(bias)).T.copy() for part in kernels]
    bias, activation = bias[:, None, None, None], _ACTIVATIONS[layer.options["activation"]]
    channels, used, wide = kernel.shape[2], layer.options["used"], layer.side + 2

    def product(memory, number, pair):
        """Product of one kernel with the sums or differences of rows."""
        combine, one, two = pair
        rows = memory(layer.name, "rows", _GROUPS, channels, used // 2, wide, _LANES)
        columns = memory(layer.name, "columns", _GROUPS, 3, channels, used // 2, used, _LANES)
        result = memory(layer.name, number, _GROUPS, len(bias), used // 2, used, _LANES)
        combine(one, two, out=rows)
        for dx in range(3):
            columns[:, dx] = rows[..., dx : dx + used, :]
        flat = result.reshape(_GROUPS, len(bias), -1)
        np.matmul(matrices[number], columns.reshape(_GROUPS, 3 * channels, -1), out=flat)
        return result

    def step(memory, maps):
        padded = memory(layer.name, "padded", _GROUPS, channels, wide, wide, _LANES)
        padded[:, :, 1:-1, 1:-1] = maps
        even, odd = padded[:, :, 0 : used + 2 : 2], padded[:, :, 1 : used + 2 : 2]
        rows = even[:, :, :-1], odd[:, :, :-1], even[:, :, 1:], odd[:, :, 1:]
        pairs = (
            (np.subtract, rows[0], rows[2]),
            (np.add, rows[1], rows[2]),
            (np.subtract, rows[2], rows[1]),
            (np.subtract, rows[1], rows[3]),
        )
        parts = [product(memory, number, pair) for number, pair in enumerate(pairs)]
        parts[1] += bias
        result = memory(layer.name, "result", _GROUPS, len(bias), used, used, _LANES)
        upper, lower = result[:, :, 0::2], result[:, :, 1::2]
        np.add(parts[0], parts[1], out=upper)
        upper += parts[2]
        np.subtract(parts[1], parts[2], out=lower)
        lower -= parts[3]
        return activation(result)

    return step


def _normalization(layer, gamma, beta, *statistics):
    """Normalisation by stored statistics, or by those of the galaxy."""
    gamma, beta = (values[:, None, None, None] for values in (gamma, beta))
    if statistics:
        mean, variance = (values[:, None, None, None] for values in statistics)
        scale = gamma / np.sqrt(variance + np.float32(EPSILON))
        return lambda _, maps: _scaled(maps, scale, beta - mean * scale)
    by_pixel = layer.options["method"] == "layer"
    n_groups, axes = (1, (2,)) if by_pixel else (layer.options["groups"], (2, 3, 4))

    def step(_, maps):
        split = maps.reshape(_GROUPS, n_groups, -1, *maps.shape[2:])
        split = split - split.mean(axis=axes, keepdims=True)
        split /= np.sqrt(np.square(split).mean(axis=axes, keepdims=True) + np.float32(EPSILON))
        return _scaled(split.reshape(maps.shape), gamma, beta)

    return step


def _scaled(maps, scale, shift):
    """Maps, changed in place."""
    maps *= scale
    maps += shift
    return maps


def _pooling(layer):
    """Maps of half the size."""
    combine = np.maximum if layer.options["method"] == "max" else np.add
    factor = np.float32(1.0 if combine is np.maximum else 0.25)
    side, last = layer.side, 2 * layer.side

    def step(memory, maps):
        shape = (_GROUPS, layer.units, side)
        rows = memory(layer.name, "rows", *shape, maps.shape[3], _LANES)
        combine(maps[:, :, 0:last:2], maps[:, :, 1:last:2], out=rows)
        pooled = memory(layer.name, "pooled", *shape, side, _LANES)
        combine(rows[:, :, :, 0:last:2], rows[:, :, :, 1:last:2], out=pooled)
        pooled *= factor
        return pooled

    return step


def _flatten(layer):
    """Maps as plain numbers, channels last."""
    return lambda _, maps: maps.transpose(0, 2, 3, 1, 4).reshape(_GROUPS, layer.units, _LANES)


def _concatenation(layer):  # noqa: ARG001
    """Features side by side."""
    return lambda _, *features: np.concatenate(features, axis=1)


def _dense(layer, kernel, bias):
    """Dense layer and activation."""
    matrix, bias = np.ascontiguousarray(kernel.T), bias[:, None]
    activation = _ACTIVATIONS.get(layer.options.get("activation"), lambda x: x)
    return lambda _, numbers: activation(matrix @ numbers + bias)


def _dropout(layer):  # noqa: ARG001
    """Numbers as they are."""
    return lambda _, numbers: numbers


_STEPS = {
    "input": _input,
    "crop": _crop,
    "convolution": _convolution,
    "normalization": _normalization,
    "pooling": _pooling,
    "flatten": _flatten,
    "concatenation": _concatenation,
    "dense": _dense,
    "dropout": _dropout,
    "output": _dense,
}
