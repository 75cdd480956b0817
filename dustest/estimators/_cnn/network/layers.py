"""Layers of a network as plain records, derived from its configuration.

They are the only description of a network: `keras_network` builds them for training, `forward`
computes them for prediction, and ``CNNEstimator.layers`` lists them.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from dustest.data.errors import InputError

__all__ = [
    "EPSILON",
    "OUTPUT",
    "Layer",
    "check_sizes",
    "check_weights",
    "count_weights",
    "list_layers",
    "seen",
    "weight_shapes",
]

OUTPUT = "output"
"""Name of the last layer."""

EPSILON = 1e-3
"""Constant that normalisations add to variances."""

_STATISTICS = {
    "batch": ("gamma", "beta", "moving_mean", "moving_variance"),
    "group": ("gamma", "beta"),
    "layer": ("gamma", "beta"),
    "none": (),
}
"""Weights of a normalisation, each with a number for every channel."""

_MOST_GROUPS = 8


@dataclass(frozen=True)
class Layer:
    """One layer: its inputs, its operation, and the shapes of its output and weights.

    Parameters
    ----------
    branch : str
        Part of the network: a band, ``"all bands"``, ``"context"``, or ``"head"``.
    name : str
        Name, that of the layer of Keras.
    kind : str
        Its operation.
    side : int
        Side of its maps in pixels; 0 for plain numbers.
    units : int
        Number of maps or of plain numbers.
    inputs : tuple of str
        Names of the layers whose outputs it takes.
    setting : str
        Further settings, as text.
    options : dict
        Further settings, by name, such as ``"activation"``.
    shapes : dict of str to tuple of int
        Shapes of its weights, including the statistics of a normalisation, by name.
    """

    branch: str
    name: str
    kind: str
    side: int
    units: int
    inputs: tuple = ()
    setting: str = ""
    options: dict = field(default_factory=dict)
    shapes: dict = field(default_factory=dict)

    @property
    def weights(self):
        """Number of its weights (int)."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def to_row(self):
        """Row of the table of ``CNNEstimator.layers`` (dict)."""
        names = ("branch", "name", "kind", "side", "units", "setting", "weights")
        return {name: getattr(self, name) for name in names}


def seen(config, size):
    """Side of the central part of images that is used.

    Parameters
    ----------
    config : CNNConfig
        The plan.
    size : int
        Side of the images in pixels.

    Returns
    -------
    int
        In pixels.
    """
    return min(config.window or size, size)


def check_sizes(config, n_bands, n_context, n_targets, size):
    """Raise an error for sizes that a configuration does not support.

    Parameters
    ----------
    config, n_bands, n_context, n_targets, size
        As of `list_layers`.

    Raises
    ------
    InputError
        If the images are too small for so many blocks, there is neither image nor context, or a
        network whose head takes one target has several.
    """
    least = 2 ** len(config.filters)
    if n_bands and seen(config, size) < least:
        msg = (
            f"size and window must be at least {least} pixels for {len(config.filters)} "
            f"convolutional blocks, each of which halves the image, got {seen(config, size)}"
        )
        raise InputError(msg)
    if not n_bands and not n_context:
        msg = "n_bands or n_context must be at least 1, got 0 for both"
        raise InputError(msg)
    if config.head.is_separate and n_targets != 1:
        msg = f"n_targets must be 1 for a network of the kind {config.kind!r}, got {n_targets}"
        raise InputError(msg)


def list_layers(config, n_bands, n_context, n_targets, *, size=32, bands=None):
    """List the layers of the network of a configuration.

    Activations are options of other layers.

    Parameters
    ----------
    config : CNNConfig
        The plan.
    n_bands : int
        Number of bands of the input ``image``, of shape (n, size, size, n_bands). Without any,
        the network has dense layers alone, on the context.
    n_context : int
        Length of the input ``context``, of shape (n, n_context). A network of images whose head
        does not read the context has no such input.
    n_targets : int
        Number of labels; 1 for heads with a network for each target.
    size : int, optional
        Side of the images in pixels.
    bands : sequence of str, optional
        Names of the bands.

    Returns
    -------
    list of Layer
        Branch by branch, each layer after its inputs.

    Raises
    ------
    InputError
        If `check_sizes` refuses.

    Examples
    --------
    >>> from dustest.estimators._cnn.network.config import PAPER
    >>> from dustest.estimators._cnn.network.layers import list_layers
    >>> [layer.units for layer in list_layers(PAPER, 1, 0, 1) if layer.kind == "convolution"]
    [36, 48, 64]
    """
    check_sizes(config, n_bands, n_context, n_targets, size)
    bands = [f"band {i}" for i in range(n_bands)] if bands is None else list(bands)
    layers = [layer for trunk in _trunks(config, bands, size) for layer in trunk]
    features = [layer for layer in layers if layer.kind == "flatten"]
    if len(features) > 1:
        features = [_concatenation("all_bands", features)]
        layers += features
    if n_context and (config.head.reads_context or not n_bands):
        context = list(_context(config, n_context))
        layers += context
        features += [context[0], context[-1]][: len(context)]
    if len(features) > 1:
        features = [_concatenation("with_context", features)]
        layers += features
    return layers + list(_head(config, features[0], config.head.n_outputs(config, n_targets)))


def count_weights(config, n_bands, n_context, n_targets, *, size=32):
    """Count the weights of the network of a configuration, without building it.

    Parameters
    ----------
    config, n_bands, n_context, n_targets, size
        As of `list_layers`.

    Returns
    -------
    int
        Number of all weights, including the statistics of normalisations.

    Examples
    --------
    >>> from dustest.estimators._cnn.network.config import CNNConfig
    >>> from dustest.estimators._cnn.network.layers import count_weights
    >>> config = CNNConfig(context_dense=(), dense=(10,), components=1)
    >>> count_weights(config, n_bands=0, n_context=3, n_targets=3)
    117
    """
    layers = list_layers(config, n_bands, n_context, n_targets, size=size)
    return sum(layer.weights for layer in layers)


def weight_shapes(layers):
    """Shapes of all weights of a network.

    Parameters
    ----------
    layers : list of Layer
        Its layers.

    Returns
    -------
    dict of str to tuple of int
        By name of layer and weight, as in ``"block0_conv/kernel"``.
    """
    return {f"{layer.name}/{name}": s for layer in layers for name, s in layer.shapes.items()}


def check_weights(shapes, weights):
    """Raise an error for weights that do not match a network.

    Parameters
    ----------
    shapes : dict of str to tuple of int
        Shapes of its weights by name.
    weights : dict of str to ndarray
        Weights by name.

    Raises
    ------
    InputError
        If names, shapes or types are not those of the network, or a weight is not finite.
    """
    if weights.keys() != shapes.keys():
        wrong = ", ".join(sorted(map(str, weights.keys() ^ shapes.keys())))
        msg = f"weights must be those of the network, but these are missing or unknown: {wrong}"
        raise InputError(msg)
    for name, shape in shapes.items():
        value = np.asarray(weights[name])
        if value.shape != shape or value.dtype.kind != "f" or not np.isfinite(value).all():
            msg = (
                f"weight {name} must be finite floats of shape {shape}, got {value.dtype} of "
                f"shape {value.shape}"
            )
            raise InputError(msg)


def _trunks(config, bands, size):
    """Layers for images: of each band separately, or of all together."""
    if not config.branches:
        name = bands[0] if len(bands) == 1 else "all bands"
        columns = (0, len(bands))
        return [_trunk(config, name, "", columns, (size, len(bands)))] if bands else []
    return [
        _trunk(config, band, f"band{i}_", (i, i + 1), (size, len(bands)))
        for i, band in enumerate(bands)
    ]


def _trunk(config, branch, prefix, columns, shape):
    """Layers of one branch, from channels of the image to features."""
    size, n_bands = shape
    side, channels = seen(config, size), columns[1] - columns[0]
    options = {"shape": (size, size, n_bands), "columns": columns}
    yield Layer(branch, "image", "input", size, channels, options=options)
    last = "image"
    if side != size:
        border = ((size - side) // 2, size - side - (size - side) // 2)
        last = f"{prefix}centre"
        yield Layer(branch, last, "crop", side, channels, ("image",), options={"border": border})
    for i, filters in enumerate(config.filters):
        name = f"{prefix}block{i}"
        yield from _block(config, branch, (last, name), side, (channels, filters))
        last, channels, side = f"{name}_pool", filters, side // 2
    yield Layer(branch, f"{prefix}features", "flatten", 0, channels * side**2, (last,))


def _block(config, branch, names, side, channels):
    """Layers of one block, with numbers of input and output channels."""
    (last, name), (before, after) = names, channels
    kernel = config.kernel_size
    yield Layer(
        *(branch, f"{name}_conv", "convolution", side, after, (last,)),
        setting=f"{kernel} x {kernel}, {config.activation}",
        # Pooling drops an odd last row and column, which statistics of whole maps include.
        options={
            "activation": config.activation,
            "used": side if config.normalization == "group" else side // 2 * 2,
        },
        shapes={"kernel": (kernel, kernel, before, after), "bias": (after,)},
    )
    last = f"{name}_conv"
    if config.normalization != "none":
        yield Layer(
            *(branch, f"{name}_norm", "normalization", side, after, (last,)),
            setting=config.normalization,
            options={
                "method": config.normalization,
                "groups": math.gcd(_MOST_GROUPS, after),
                "momentum": config.head.momentum,
            },
            shapes=dict.fromkeys(_STATISTICS[config.normalization], (after,)),
        )
        last = f"{name}_norm"
    yield Layer(
        *(branch, f"{name}_pool", "pooling", side // 2, after, (last,)),
        setting=f"{config.pooling}, 2 x 2",
        options={"method": config.pooling},
    )


def _context(config, n_context):
    """Layers for the context, from its input."""
    last = Layer("context", "context", "input", 0, n_context, options={"shape": (n_context,)})
    yield last
    for i, units in enumerate(config.context_dense):
        last = _dense("context", f"context_dense{i}", last, units, config.activation)
        yield last


def _head(config, features, n_outputs):
    """Layers from all features to the output."""
    last = features
    for i, units in enumerate(config.dense):
        last = _dense("head", f"dense{i}", last, units, config.activation)
        yield last
    rate = config.dropout
    yield Layer(
        *("head", "dropout", "dropout", 0, last.units, (last.name,)),
        setting=f"{rate:g}",
        options={"rate": rate},
    )
    shapes = _dense_shapes(last.units, n_outputs)
    setting = config.head.describe(config)
    yield Layer(*("head", OUTPUT, "output", 0, n_outputs, ("dropout",), setting), shapes=shapes)


def _dense(branch, name, last, units, activation):
    """One dense layer after another layer."""
    options, shapes = {"activation": activation}, _dense_shapes(last.units, units)
    return Layer(branch, name, "dense", 0, units, (last.name,), activation, options, shapes)


def _dense_shapes(before, units):
    """Shapes of the weights of a dense layer."""
    return {"kernel": (before, units), "bias": (units,)}


def _concatenation(name, features):
    """Features side by side."""
    units, names = sum(layer.units for layer in features), tuple(x.name for x in features)
    return Layer("head", name, "concatenation", 0, units, names, ", ".join(names))
