"""Networks: built from their plan, with their first output and their weights.

Keras is imported inside functions, and only what runs alike on all its backends is used.
"""

from math import gcd

import numpy as np

from dustest.data.errors import InputError, MissingDependencyError
from dustest.estimators._cnn.network.layers import check_sizes, seen
from dustest.estimators._cnn.network.mixture import n_outputs, prior_output

__all__ = [
    "build",
    "import_keras",
    "set_prior",
    "threads_share",
    "weights_from_dict",
    "weights_to_dict",
]

_MOST_GROUPS = 8
_MOMENTUM = {"paper": 0.99, "mixture": 0.9}
"""Of the statistics that prediction normalises with. That of Keras takes hundreds of steps to
follow the weights, which small sets of galaxies do not have."""
_OUTPUT = "output"


# ---- networks -------------------------------------------------------------------------------


def build(config, n_bands, n_context, n_targets, *, size=32, seed=0):
    """Build the network of a plan.

    Parameters
    ----------
    config : CNNConfig
        The plan.
    n_bands : int
        Number of bands of the input ``image``, of shape (n, size, size, n_bands). Without any,
        there is no such input: the network then has dense layers alone, on the context.
    n_context : int
        Length of the input ``context``, of shape (n, n_context). A network without context has
        no such input, and neither has one of the kind ``"paper"`` that takes images.
    n_targets : int
        Number of targets; 1 for the kind ``"paper"``.
    size : int, optional
        Side of the images in pixels.
    seed : int, optional
        Seed of the initial weights and of dropout.

    Returns
    -------
    keras.Model
        From a dict of inputs to an output of shape (n, 1) or, for k components, of shape
        (n, k * (1 + 2 * n_targets)). Not compiled.

    Raises
    ------
    InputError
        If the images are too small for so many blocks, there is neither image nor context, or a
        network of the kind ``"paper"`` has several targets.
    MissingDependencyError
        If Keras or its backend is not installed.
    """
    check_sizes(config, n_bands, n_context, n_targets, size)
    parts = _Parts(import_keras(), config, np.random.default_rng(seed))
    inputs, features = {}, []
    if n_bands:
        inputs["image"] = parts.input("image", (size, size, n_bands))
        features.append(parts.trunk(parts.centre(inputs["image"])))
    if n_context and not (n_bands and config.kind == "paper"):
        inputs["context"] = parts.input("context", (n_context,))
        features += parts.context(inputs["context"])
    outputs = n_outputs(config.components, n_targets) or n_targets
    x = parts.head(parts.joined("with_context", features), outputs)
    return parts.keras.Model(inputs, x, name=config.kind)


def import_keras():
    """Keras, with the backend that the user has chosen.

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
        import keras
    except ImportError as error:
        msg = "a CNN needs the package keras and a backend of it: pip install 'dustest[cnn]'"
        raise MissingDependencyError(msg) from error
    return keras


def threads_share():
    """Whether several threads may use a network at once.

    Returns
    -------
    bool
        On TensorFlow they may, so that one of them has work for the cores that another leaves
        idle at the end of a layer. Other backends of Keras do not promise that.
    """
    return import_keras().backend.backend() == "tensorflow"


class _Parts:
    """The parts of one network; each layer has a name, and a seed where it needs one.

    Layout and precision are always given, since Keras lets users change both defaults.
    """

    def __init__(self, keras, config, rng):
        self.keras = keras
        self.config = config
        self._rng = rng

    def input(self, name, shape):
        """An input of the network."""
        return self.keras.Input(shape, name=name, dtype="float32")

    def centre(self, image):
        """Central part of images."""
        border = image.shape[1] - seen(self.config, image.shape[1])
        if not border:
            return image
        crop = (border // 2, border - border // 2)
        options = {"name": "centre", "data_format": "channels_last", "dtype": "float32"}
        return self.keras.layers.Cropping2D((crop, crop), **options)(image)

    def context(self, context):
        """Features of the context: itself, and what layers of its own make of it."""
        x = context
        for i, units in enumerate(self.config.context_dense):
            x = self.dense(x, units, f"context_dense{i}", "he_normal", self.config.activation)
        return [context] if x is context else [context, x]

    def trunk(self, image):
        """Features of images: all blocks, on all bands at once or on each on its own."""
        if not self.config.branches:
            return self.branch(image, "")
        bands = self.keras.ops.split(image, image.shape[-1], axis=-1)
        features = [self.branch(band, f"band{i}_") for i, band in enumerate(bands)]
        return self.joined("all_bands", features)

    def joined(self, name, features):
        """Features side by side; one is as good as its own company."""
        if len(features) == 1:
            return features[0]
        return self.keras.layers.Concatenate(axis=-1, name=name, dtype="float32")(features)

    def branch(self, x, prefix):
        """Features of some bands, after all blocks."""
        for i, filters in enumerate(self.config.filters):
            x = self.block(x, filters, f"{prefix}block{i}")
        layout = {"data_format": "channels_last", "dtype": "float32"}
        return self.keras.layers.Flatten(name=f"{prefix}features", **layout)(x)

    def block(self, x, filters, name):
        """Convolution, activation, normalisation, and pooling to half the size."""
        layers, config = self.keras.layers, self.config
        layout = {"data_format": "channels_last", "dtype": "float32"}
        options = {"padding": "same", "kernel_initializer": self.initializer("he_normal")}
        x = layers.Conv2D(filters, config.kernel_size, name=f"{name}_conv", **options, **layout)(x)
        x = layers.Activation(config.activation, name=f"{name}_active", dtype="float32")(x)
        x = self.normalized(x, f"{name}_norm")
        pooling = layers.MaxPooling2D if config.pooling == "max" else layers.AveragePooling2D
        return pooling(2, name=f"{name}_pool", **layout)(x)

    def normalized(self, x, name):
        """Maps after the normalisation of the plan."""
        layers, options = self.keras.layers, {"name": name, "axis": -1, "dtype": "float32"}
        if self.config.normalization == "batch":
            momentum = _MOMENTUM[self.config.kind]
            return layers.BatchNormalization(momentum=momentum, **options)(x)
        if self.config.normalization == "group":
            groups = gcd(_MOST_GROUPS, x.shape[-1])
            return layers.GroupNormalization(groups, **options)(x)
        if self.config.normalization == "layer":
            return layers.LayerNormalization(**options)(x)
        return x

    def head(self, x, n_outputs):
        """Dense layers, dropout, and the output."""
        layers, config = self.keras.layers, self.config
        for i, units in enumerate(config.dense):
            x = self.dense(x, units, f"dense{i}", "he_normal", config.activation)
        options = {"name": "dropout", "seed": self.seed(), "dtype": "float32"}
        x = layers.Dropout(config.dropout, **options)(x)
        return self.dense(x, n_outputs, _OUTPUT, "glorot_uniform", None)

    def dense(self, x, units, name, initializer, activation):
        """One dense layer."""
        options = {"name": name, "activation": activation, "dtype": "float32"}
        options |= {"kernel_initializer": self.initializer(initializer)}
        return self.keras.layers.Dense(units, **options)(x)

    def initializer(self, name):
        """An initialiser that always gives the same weights."""
        options = {"class_name": name, "config": {"seed": self.seed()}}
        return self.keras.initializers.get(options)

    def seed(self):
        """The next seed."""
        return int(self._rng.integers(2**31 - 1))


def set_prior(model, config, labels):
    """Let an untrained network predict about the distribution of the labels, whatever it sees.

    Training then begins at the constant control instead of far away: log sSFR is near -8.

    Parameters
    ----------
    model : keras.Model
        From `build`; its output layer is overwritten.
    config : CNNConfig
        Its plan.
    labels : ndarray of shape (n, n_targets)
        Labels of the training set, as the loss gets them; NaN where unknown.
    """
    layer = model.get_layer(_OUTPUT)
    kernel = np.zeros(layer.kernel.shape, dtype=np.float32)
    filled = _filled(np.asarray(labels, dtype=float))
    if config.kind == "paper":
        bias = np.median(filled, axis=0)
    else:
        bias = prior_output(filled, config.components)
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
    """Give a network its weights; nothing is changed unless all of them fit.

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
    if weights.keys() != variables.keys():
        wrong = ", ".join(sorted(map(str, weights.keys() ^ variables.keys())))
        msg = f"weights must be those of the network, but these are missing or unknown: {wrong}"
        raise InputError(msg)
    for name, variable in variables.items():
        _check_weight(name, weights[name], tuple(variable.shape))
    for name, variable in variables.items():
        variable.assign(weights[name])


def _variables(model):
    """Weights of a network by name, without the states of random generators."""
    return {
        f"{layer.name}/{variable.name}": variable
        for layer in model.layers
        for variable in layer.weights
    }


def _check_weight(name, value, shape):
    """Refuse an array that cannot be this weight."""
    value = np.asarray(value)
    if value.shape != shape or value.dtype.kind != "f" or not np.isfinite(value).all():
        msg = (
            f"weight {name} must be finite floats of shape {shape}, got {value.dtype} of shape "
            f"{value.shape}"
        )
        raise InputError(msg)
