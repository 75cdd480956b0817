"""Layers of a network as plain records, worked out from its plan without Keras."""

from dataclasses import dataclass

from dustest.data.errors import InputError
from dustest.estimators._cnn.network.mixture import n_outputs

__all__ = ["Layer", "check_sizes", "count_weights", "list_layers", "seen"]

_NORMALIZERS = {"batch": 4, "group": 2, "layer": 2, "none": 0}
"""Weights of a normalisation for each channel."""


@dataclass(frozen=True)
class Layer:
    """One layer: where it stands, what comes out of it, and what it learns.

    Parameters
    ----------
    branch : str
        Part of the network: a band, ``"all bands"``, ``"context"``, or ``"head"``.
    name : str
        Name, that of the layer of Keras.
    kind : str
        What it does.
    side : int
        Side of its maps in pixels; 0 for plain numbers.
    units : int
        Number of maps or of plain numbers.
    setting : str
        What else defines it; of a concatenation, the layers that it joins.
    weights : int
        Number of its weights, with the statistics of a normalisation.
    """

    branch: str
    name: str
    kind: str
    side: int
    units: int
    setting: str = ""
    weights: int = 0


def seen(config, size):
    """Side of the central part of images that is looked at.

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
    """Refuse what a plan has no room for.

    Parameters
    ----------
    config, n_bands, n_context, n_targets, size
        As of `list_layers`.

    Raises
    ------
    InputError
        If the images are too small for so many blocks, there is neither image nor context, or a
        network of the kind ``"paper"`` has several targets.
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
    if config.kind == "paper" and n_targets != 1:
        msg = f"n_targets must be 1 for a network of the kind 'paper', got {n_targets}"
        raise InputError(msg)


def list_layers(config, n_bands, n_context, n_targets, *, size=32, bands=None):
    """List the layers of the network of a plan.

    Layers that change neither the shape nor learn, as activations, are settings of others.

    Parameters
    ----------
    config : CNNConfig
        The plan.
    n_bands : int
        Number of bands of the images; 0 for a network of the context alone.
    n_context : int
        Length of the context.
    n_targets : int
        Number of targets; 1 for the kind ``"paper"``.
    size : int, optional
        Side of the images in pixels.
    bands : sequence of str, optional
        What the bands are called.

    Returns
    -------
    list of Layer
        Branch by branch, in the order in which numbers pass.

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
    if n_context and not (n_bands and config.kind == "paper"):
        context = list(_context(config, n_context))
        layers += context
        features += [context[0], context[-1]][: len(context)]
    if len(features) > 1:
        features = [_concatenation("with_context", features)]
        layers += features
    last = n_outputs(config.components, n_targets) or n_targets
    return layers + list(_head(config, features[0].units, last))


def count_weights(config, n_bands, n_context, n_targets, *, size=32):
    """Count the weights of the network of a plan, without building it.

    Parameters
    ----------
    config, n_bands, n_context, n_targets, size
        As of `list_layers`.

    Returns
    -------
    int
        Number of all weights, with the statistics of normalisations.

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


def _trunks(config, bands, size):
    """Layers on images: of each band on its own, or of all at once."""
    if config.branches and len(bands) > 1:
        prefixes = [f"band{i}_" for i in range(len(bands))]
        return [_trunk(config, *names, 1, size) for names in zip(bands, prefixes, strict=True)]
    name = bands[0] if len(bands) == 1 else "all bands"
    prefix = "band0_" if config.branches else ""
    return [_trunk(config, name, prefix, len(bands), size)] if bands else []


def _trunk(config, branch, prefix, channels, size):
    """Layers of one branch, from the image to its features."""
    side = seen(config, size)
    yield Layer(branch, "image", "input", size, channels)
    if side != size:
        yield Layer(branch, "centre", "crop", side, channels)
    for i, filters in enumerate(config.filters):
        yield from _block(config, branch, f"{prefix}block{i}", side, (channels, filters))
        channels, side = filters, side // 2
    yield Layer(branch, f"{prefix}features", "flatten", 0, channels * side**2)


def _block(config, branch, name, side, channels):
    """Layers of one block, from so many channels to so many."""
    before, after = channels
    kernel = config.kernel_size
    weights = after * (kernel**2 * before + 1)
    setting = f"{kernel} x {kernel}, {config.activation}"
    yield Layer(branch, f"{name}_conv", "convolution", side, after, setting, weights)
    each = _NORMALIZERS[config.normalization]
    if each:
        norm = (config.normalization, each * after)
        yield Layer(branch, f"{name}_norm", "normalization", side, after, *norm)
    yield Layer(branch, f"{name}_pool", "pooling", side // 2, after, f"{config.pooling}, 2 x 2")


def _context(config, n_context):
    """Layers on the context, from its input."""
    yield Layer("context", "context", "input", 0, n_context)
    widths = zip((n_context, *config.context_dense), config.context_dense, strict=False)
    for i, (before, units) in enumerate(widths):
        yield _dense("context", f"context_dense{i}", before, units, config.activation)


def _head(config, width, last):
    """Layers from all features to the output."""
    for i, (before, units) in enumerate(zip((width, *config.dense), config.dense, strict=False)):
        yield _dense("head", f"dense{i}", before, units, config.activation)
    width = config.dense[-1]
    yield Layer("head", "dropout", "dropout", 0, width, f"{config.dropout:g}")
    components = f"mixture of {config.components} Gaussians" if config.components else ""
    yield Layer("head", "output", "output", 0, last, components, (width + 1) * last)


def _dense(branch, name, before, units, activation):
    """One dense layer behind so many numbers."""
    return Layer(branch, name, "dense", 0, units, activation, (before + 1) * units)


def _concatenation(name, features):
    """Features side by side."""
    units = sum(layer.units for layer in features)
    return Layer("head", name, "concatenation", 0, units, ", ".join(x.name for x in features))
