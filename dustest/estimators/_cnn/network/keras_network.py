"""Networks in Keras: built from their configuration, with first output and weights.

Keras is imported inside functions; only operations that agree on all its backends are used.
"""

import os
import sys
import warnings
from contextlib import contextmanager
from importlib.util import find_spec

import numpy as np

from dustest.data.errors import MissingDependencyError
from dustest.estimators._cnn.network.layers import EPSILON, OUTPUT, check_weights, list_layers
from dustest.estimators._cnn.network.quiet_import import quiet_tensorflow

__all__ = [
    "build",
    "import_keras",
    "keras_devices",
    "set_prior",
    "weights_from_dict",
    "weights_to_dict",
]

_BACKENDS = ("tensorflow", "jax", "torch")
"""Backends of Keras, in order of preference."""


# ---- networks -------------------------------------------------------------------------------


def build(config, n_bands, n_context, n_targets, *, size=32, seed=0):
    """Build the network of a configuration.

    Parameters
    ----------
    config, n_bands, n_context, n_targets, size
        As of `list_layers`.
    seed : int, optional
        Seed of the initial weights and of dropout.

    Returns
    -------
    keras.Model
        From a dict of inputs to an output of shape (n, n_outputs). Not compiled.

    Raises
    ------
    InputError
        If `check_sizes` refuses.
    MissingDependencyError
        If Keras or its backend is not installed.
    """
    layers = list_layers(config, n_bands, n_context, n_targets, size=size)
    maker, tensors = _Maker(import_keras(), np.random.default_rng(seed)), {}
    for layer in layers:
        given = [tensors[name] for name in layer.inputs]
        tensors[layer.name] = getattr(maker, layer.kind)(layer, *given)
    return maker.keras.Model(maker.inputs, tensors[OUTPUT], name=config.kind)


def import_keras():
    """Keras, with the backend that the user has chosen, or with one that is installed.

    Returns
    -------
    module
        ``keras``.

    Raises
    ------
    MissingDependencyError
        If Keras or its backend is not installed.
    """
    try:
        with _chosen_backend(), quiet_tensorflow(), warnings.catch_warnings():
            # Where all warnings are errors, those of other packages must not end their import.
            warnings.simplefilter("default")
            import keras
    except (ImportError, ValueError) as error:
        chosen = os.environ.get("KERAS_BACKEND")
        backend = f"its backend {chosen!r} (KERAS_BACKEND)" if chosen else "a backend of it"
        msg = (
            f"training networks needs the package keras and {backend}: "
            "pip install 'dustest[cnn]' has TensorFlow"
        )
        raise MissingDependencyError(msg) from error
    return keras


def keras_devices():
    """Backend of Keras, and the devices on which it computes.

    Returns
    -------
    backend : str
        Such as ``"tensorflow"``.
    devices : tuple of str
        Such as ``"cpu:0"``, ``"gpu:0"``; empty if the backend cannot list them.

    Raises
    ------
    MissingDependencyError
        If Keras or its backend is not installed.
    """
    keras = import_keras()
    try:
        devices = tuple(keras.distribution.list_devices())
    except (AttributeError, NotImplementedError):
        devices = ()
    return keras.backend.backend(), devices


@contextmanager
def _chosen_backend():
    """Set the backend during the first import of Keras, unless the user has chosen one."""
    installed = [name for name in _BACKENDS if find_spec(name) is not None]
    # For TensorFlow, the default of Keras, its own configuration file applies.
    is_chosen = "keras" in sys.modules or "KERAS_BACKEND" in os.environ
    if is_chosen or not installed or "tensorflow" in installed:
        yield
        return
    os.environ["KERAS_BACKEND"] = installed[0]
    try:
        yield
    finally:
        del os.environ["KERAS_BACKEND"]


class _Maker:
    """Makes tensors of Keras, by a method for each kind of layer.

    Each layer has a name, and a seed if it needs one. Layout and precision are always given, since
    Keras lets users change both defaults.
    """

    def __init__(self, keras, rng):
        self.keras = keras
        self.inputs = {}
        self._rng = rng

    def input(self, layer):
        """Input of the network, or some channels of it."""
        if layer.name not in self.inputs:
            shape = layer.options["shape"]
            self.inputs[layer.name] = self.keras.Input(shape, name=layer.name, dtype="float32")
        whole = self.inputs[layer.name]
        first, last = layer.options.get("columns", (0, layer.units))
        return whole if last - first == whole.shape[-1] else whole[..., first:last]

    def crop(self, layer, image):
        """Central part of images."""
        border = layer.options["border"]
        return self.keras.layers.Cropping2D((border, border), **_maps(layer))(image)

    def convolution(self, layer, image):
        """Convolution and activation."""
        options = {"padding": "same", "kernel_initializer": self._initializer("he_normal")}
        size = layer.shapes["kernel"][0]
        maps = self.keras.layers.Conv2D(layer.units, size, **options, **_maps(layer))(image)
        name = layer.name.removesuffix("conv") + "active"
        activation = layer.options["activation"]
        return self.keras.layers.Activation(activation, name=name, dtype="float32")(maps)

    def normalization(self, layer, maps):
        """Maps after a normalisation."""
        layers, options = self.keras.layers, layer.options
        given = {"name": layer.name, "axis": -1, "epsilon": EPSILON, "dtype": "float32"}
        if options["method"] == "batch":
            return layers.BatchNormalization(momentum=options["momentum"], **given)(maps)
        if options["method"] == "group":
            return layers.GroupNormalization(options["groups"], **given)(maps)
        return layers.LayerNormalization(**given)(maps)

    def pooling(self, layer, maps):
        """Maps of half the size."""
        layers = self.keras.layers
        kinds = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}
        return kinds[layer.options["method"]](2, **_maps(layer))(maps)

    def flatten(self, layer, maps):
        """Maps as plain numbers."""
        return self.keras.layers.Flatten(**_maps(layer))(maps)

    def concatenation(self, layer, *features):
        """Features side by side."""
        return self.keras.layers.Concatenate(axis=-1, name=layer.name, dtype="float32")(features)

    def dense(self, layer, numbers, initializer="he_normal"):
        """Dense layer and activation."""
        options = {"name": layer.name, "activation": layer.options.get("activation")}
        options |= {"kernel_initializer": self._initializer(initializer), "dtype": "float32"}
        return self.keras.layers.Dense(layer.units, **options)(numbers)

    def dropout(self, layer, numbers):
        """Dropout, in training."""
        options = {"name": layer.name, "seed": self._seed(), "dtype": "float32"}
        return self.keras.layers.Dropout(layer.options["rate"], **options)(numbers)

    def output(self, layer, numbers):
        """Last layer, without activation."""
        return self.dense(layer, numbers, "glorot_uniform")

    def _initializer(self, name):
        """An initialiser that always gives the same weights."""
        options = {"class_name": name, "config": {"seed": self._seed()}}
        return self.keras.initializers.get(options)

    def _seed(self):
        """The next seed."""
        return int(self._rng.integers(2**31 - 1))


def _maps(layer):
    """Arguments of all layers of maps."""
    return {"name": layer.name, "data_format": "channels_last", "dtype": "float32"}


def set_prior(model, config, labels):
    """Set the output of an untrained network to the distribution of the labels for any input.

    Training then begins at the constant baseline instead of far away: log sSFR is near -8.

    Parameters
    ----------
    model : keras.Model
        Result of `build`; its output layer is overwritten.
    config : CNNConfig
        Its configuration.
    labels : ndarray of shape (n, n_targets)
        Labels of the training set, as in the loss; NaN if unknown.
    """
    layer = model.get_layer(OUTPUT)
    kernel = np.zeros(layer.kernel.shape, dtype=np.float32)
    filled = _filled(np.asarray(labels, dtype=float))
    bias = config.head.prior_output(config, filled)
    layer.set_weights([kernel, bias.astype(np.float32)])


def _filled(labels):
    """Labels with the mean of their column, or 0, in place of NaN."""
    known = np.isfinite(labels)
    mean = np.where(known, labels, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(known, labels, mean)


# ---- weights --------------------------------------------------------------------------------


def weights_to_dict(model):
    """Weights of a network as arrays.

    Parameters
    ----------
    model : keras.Model
        From `build`.

    Returns
    -------
    dict of str to ndarray
        By name of layer and weight, as in ``"block0_conv/kernel"``: the same on all backends.
    """
    return {name: np.array(variable.numpy()) for name, variable in _variables(model).items()}


def weights_from_dict(model, weights):
    """Set the weights of a network; nothing is changed unless all of them match.

    Parameters
    ----------
    model : keras.Model
        From `build`.
    weights : dict of str to ndarray
        As from `weights_to_dict`.

    Raises
    ------
    InputError
        If names, shapes or types are not those of the network, or a weight is not finite.
    """
    variables = _variables(model)
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    check_weights(shapes, weights)
    for name, variable in variables.items():
        variable.assign(weights[name])


def _variables(model):
    """Weights of a network by name, without the states of random generators."""
    return {
        f"{layer.name}/{variable.name}": variable
        for layer in model.layers
        for variable in layer.weights
    }
