"""Networks: built from their plan, with their loss, what they predict, and their weights.

A mixture network gives the parameters of a mixture of Gaussians over the latent targets, side by
side in one row: logits of the weights, means, and logarithms of the standard deviations before
they are bounded. The latent targets are asinh(A_V / 0.1), ln R_V and log sSFR, so that
E(B-V) = A_V / R_V by construction.

Keras is imported inside functions, and only what runs alike on all its backends is used.
"""

from dataclasses import dataclass
from math import gcd

import numpy as np
from scipy.special import log_softmax, logsumexp, ndtr, ndtri

from dustest.data.errors import InputError, MissingDependencyError

__all__ = [
    "LATENTS",
    "Mixture",
    "build",
    "from_latent",
    "get_loss",
    "mixture_loss",
    "set_prior",
    "to_latent",
    "weights_from_dict",
    "weights_to_dict",
]

LATENTS = ("asinh_A_V", "ln_R_V", "log_sSFR")

_SOFTENING = 0.1
_TYPICAL_R_V = 4.05
# A_V that stands for none, in mag: at zero itself A_V / E(B-V) would not be R_V any more.
_LEAST_A_V = 1e-6
# Beyond any dust, yet far from what overflows.
_MOST_LATENT = 50.0

# Bounds of ln sigma: 0.02 to 7.4. Below, a component could collapse onto single labels.
_MIDDLE, _REACH = -1.0, 3.0
# Means end where their squares would begin to overflow in single precision.
_FARTHEST = 1e6
_LOG_ROOT_2PI = 0.5 * np.log(2.0 * np.pi)

_PAPER_LOSSES = {
    "absolute": "mean_absolute_error",
    "percentage": "mean_absolute_percentage_error",
}
_MOST_GROUPS = 8
_OUTPUT = "output"
_HALVINGS = 60
_CLOSEST = 1e-12
# Steps of evenly spread draws: no multiples of one of them come near those of another.
_STEPS = np.sqrt([2.0, 3.0, 5.0, 7.0, 11.0, 13.0]) % 1.0


# ---- networks -------------------------------------------------------------------------------


def build(config, n_bands, n_context, n_targets, *, size=32, seed=0):
    """Build the network of a plan.

    Parameters
    ----------
    config : CNNConfig
        The plan.
    n_bands : int
        Number of bands of the input ``image``, of shape (n, size, size, n_bands).
    n_context : int
        Length of the input ``context``, of shape (n, n_context). A network of the kind
        ``"paper"``, or one without context, has no such input.
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
        If the images are too small for so many blocks, or a network of the kind ``"paper"`` has
        several targets.
    MissingDependencyError
        If Keras or its backend is not installed.
    """
    _check_sizes(config, n_targets, size)
    parts = _Parts(_keras(), config, np.random.default_rng(seed))
    inputs = {"image": parts.input("image", (size, size, n_bands))}
    x = parts.trunk(inputs["image"])
    if config.kind == "mixture" and n_context:
        inputs["context"] = parts.input("context", (n_context,))
        x = parts.joined("with_context", [x, inputs["context"]])
    n_outputs = config.components * (1 + 2 * n_targets) or n_targets
    return parts.keras.Model(inputs, parts.head(x, n_outputs), name=config.kind)


def _check_sizes(config, n_targets, size):
    """Refuse what a plan has no room for."""
    least = 2 ** len(config.filters)
    if size < least:
        msg = (
            f"size must be at least {least} pixels for {len(config.filters)} convolutional "
            f"blocks, each of which halves the image, got {size}"
        )
        raise InputError(msg)
    if config.kind == "paper" and n_targets != 1:
        msg = f"n_targets must be 1 for a network of the kind 'paper', got {n_targets}"
        raise InputError(msg)


def _keras():
    """Keras, with the backend that the user has chosen."""
    try:
        import keras
    except ImportError as error:
        msg = "a CNN needs the package keras and a backend of it: pip install 'dustest[cnn]'"
        raise MissingDependencyError(msg) from error
    return keras


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
            return layers.BatchNormalization(**options)(x)
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
        bias = _prior_bias(filled, config.components)
    layer.set_weights([kernel, bias.astype(np.float32)])


def _filled(labels):
    """Labels with the mean of their column, or 0, in place of NaN."""
    known = np.isfinite(labels)
    mean = np.where(known, labels, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(known, labels, mean)


def _prior_bias(labels, n_components):
    """Output whose components describe labels in groups of equal size, by their first target."""
    order = np.argsort(labels[:, 0], kind="stable")
    first = np.arange(n_components) * len(labels) // n_components
    last = np.maximum(np.append(first[1:], len(labels)), first + 1)
    groups = [labels[order[low:high]] for low, high in zip(first, last, strict=True)]
    means = np.array([group.mean(axis=0) for group in groups])
    sigmas = np.array([group.std(axis=0) for group in groups])
    relative = (np.log(np.maximum(sigmas, np.exp(-_REACH))) - _MIDDLE) / _REACH
    raw = _REACH * np.arctanh(np.clip(relative, -0.9, 0.9))
    return np.concatenate([np.log([len(group) for group in groups]), means.ravel(), raw.ravel()])


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


# ---- targets --------------------------------------------------------------------------------


def to_latent(A_V=None, E_BV=None, log_sSFR=None):
    """Latent targets of true values.

    Parameters
    ----------
    A_V, E_BV, log_sSFR : array_like of shape (n,), optional
        Truth in the units of `~dustest.data.QUANTITIES`; at least one of them. Where E(B-V)
        comes without A_V, R_V is taken to be 4.05.

    Returns
    -------
    latent : ndarray of shape (n, 3)
        In the order of `LATENTS`; NaN, which the loss leaves out, where a quantity is not given
        or not defined: R_V is not where there is no dust.
    """
    if A_V is None and E_BV is not None:
        A_V = _TYPICAL_R_V * np.asarray(E_BV, dtype=float)
    given = (A_V, E_BV, log_sSFR)
    columns = [np.nan if value is None else np.asarray(value, float) for value in given]
    total, excess, log_ssfr = np.broadcast_arrays(*columns)
    has_ratio = (total >= _LEAST_A_V) & (excess > 0)
    ratio = np.full(total.shape, np.nan)
    np.divide(total, excess, out=ratio, where=has_ratio)
    return np.stack([np.arcsinh(total / _SOFTENING), np.log(ratio), log_ssfr], axis=-1)


def from_latent(latent):
    """Quantities of latent targets.

    Parameters
    ----------
    latent : ndarray of shape (..., 3)
        In the order of `LATENTS`.

    Returns
    -------
    dict of str to ndarray of shape (...)
        A_V and E_BV in mag, log_sSFR in dex of 1/yr. A_V is at least 1e-6 mag, so that
        A_V / E_BV is R_V everywhere.
    """
    bounded = np.clip(latent[..., :2], -_MOST_LATENT, _MOST_LATENT)
    A_V = np.maximum(_SOFTENING * np.sinh(bounded[..., 0]), _LEAST_A_V)
    return {"A_V": A_V, "E_BV": A_V * np.exp(-bounded[..., 1]), "log_sSFR": latent[..., 2]}


# ---- losses ---------------------------------------------------------------------------------


def get_loss(config, name=None):
    """Find the loss of a network, for ``keras.Model.compile``.

    Parameters
    ----------
    config : CNNConfig
        Plan of the network.
    name : {"absolute", "percentage"}, optional
        Mean absolute error, which is the default, or mean absolute percentage error, for the kind
        ``"paper"`` alone. The latter diverges where the truth is zero.

    Returns
    -------
    str or callable
        The loss.

    Raises
    ------
    InputError
        If the kind has no such loss.
    """
    if config.kind == "mixture" and name is None:
        return mixture_loss
    if config.kind == "paper" and name in (None, *_PAPER_LOSSES):
        return _PAPER_LOSSES[name or "absolute"]
    options = "None" if config.kind == "mixture" else "'absolute' or 'percentage'"
    msg = f"loss must be {options} for a network of the kind {config.kind!r}, got {name!r}"
    raise InputError(msg)


def mixture_loss(labels, raw):
    """Negative log likelihood of a mixture, as a loss of Keras.

    Parameters
    ----------
    labels : tensor of shape (n, n_targets)
        Latent targets. Those that are NaN are integrated over: a component, being diagonal, then
        simply has one dimension less.
    raw : tensor of shape (n, n_components * (1 + 2 * n_targets))
        Output of the network.

    Returns
    -------
    tensor of shape (n,)
        Negative log likelihood of each galaxy.
    """
    ops = _keras().ops
    n_targets = labels.shape[-1]
    k = raw.shape[-1] // (1 + 2 * n_targets)
    means, log_sigmas = (
        ops.reshape(part, (-1, k, n_targets)) for part in ops.split(raw[:, k:], 2, axis=-1)
    )
    log_sigmas = _MIDDLE + _REACH * ops.tanh(log_sigmas / _REACH)
    known = ops.logical_not(ops.isnan(labels))
    # NaN must go before the arithmetic: behind a later `where` its gradient would still be NaN.
    values = ops.where(known, labels, 0.0)[:, None, :]
    distance = (values - ops.clip(means, -_FARTHEST, _FARTHEST)) * ops.exp(-log_sigmas)
    terms = -0.5 * ops.square(distance) - log_sigmas - _LOG_ROOT_2PI
    log_density = ops.sum(ops.where(known[:, None, :], terms, 0.0), axis=-1)
    log_weights = ops.log_softmax(raw[:, :k], axis=-1)
    return -ops.logsumexp(log_weights + log_density, axis=-1)


# ---- mixtures -------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Mixture:
    """Mixtures of Gaussians with diagonal covariances, one mixture a galaxy.

    Parameters
    ----------
    log_weights : ndarray of shape (n, k)
        Logarithms of the weights of k components, which sum up to 1.
    means, sigmas : ndarray of shape (n, k, n_targets)
        Means and standard deviations.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators._cnn_network import Mixture
    >>> mixture = Mixture.from_raw(np.array([[0.0, 0.0, 1.0, 3.0, 0.0, 0.0]]), n_targets=1)
    >>> mixture.mean
    array([[2.]])
    >>> mixture.quantile([0.5])
    array([[[2.]]])
    """

    log_weights: np.ndarray
    means: np.ndarray
    sigmas: np.ndarray

    @classmethod
    def from_raw(cls, raw, n_targets=3):
        """Read the output of a network.

        Parameters
        ----------
        raw : array_like of shape (n, k * (1 + 2 * n_targets))
            Output of a mixture network.
        n_targets : int, optional
            Number of targets; those of `LATENTS` by default.

        Returns
        -------
        Mixture
            In double precision.
        """
        raw = np.asarray(raw, dtype=float)
        k = raw.shape[1] // (1 + 2 * n_targets)
        means, log_sigmas = raw[:, k:].reshape(len(raw), 2, k, n_targets).swapaxes(0, 1)
        return cls(
            log_softmax(raw[:, :k], axis=1),
            np.clip(means, -_FARTHEST, _FARTHEST),
            np.exp(_MIDDLE + _REACH * np.tanh(log_sigmas / _REACH)),
        )

    @classmethod
    def pooled(cls, mixtures):
        """Mixtures of several networks as one, each network with the same weight.

        Parameters
        ----------
        mixtures : sequence of Mixture
            Mixtures of the same galaxies.

        Returns
        -------
        Mixture
            With the components of all of them.
        """
        log_weights = np.concatenate([part.log_weights for part in mixtures], axis=1)
        return cls(
            log_weights - np.log(len(mixtures)),
            np.concatenate([part.means for part in mixtures], axis=1),
            np.concatenate([part.sigmas for part in mixtures], axis=1),
        )

    @property
    def weights(self):
        """Weights (ndarray of shape (n, k))."""
        return np.exp(self.log_weights)

    @property
    def mean(self):
        """Means of the targets (ndarray of shape (n, n_targets))."""
        return np.einsum("nk,nkt->nt", self.weights, self.means)

    @property
    def std(self):
        """Standard deviations of the targets (ndarray of shape (n, n_targets))."""
        apart = (self.means - self.mean[:, None, :]) ** 2
        return np.sqrt(np.einsum("nk,nkt->nt", self.weights, apart + self.sigmas**2))

    def log_prob(self, values):
        """Logarithm of the density.

        Parameters
        ----------
        values : ndarray of shape (n, n_targets)
            Latent targets; those that are NaN are integrated over.

        Returns
        -------
        ndarray of shape (n,)
            The logarithm.
        """
        distance = (values[:, None, :] - self.means) / self.sigmas
        terms = -0.5 * distance**2 - np.log(self.sigmas) - _LOG_ROOT_2PI
        log_density = np.where(np.isnan(terms), 0.0, terms).sum(axis=2)
        return logsumexp(self.log_weights + log_density, axis=1)

    def cdf(self, values):
        """Probability below a value, of each target by itself.

        Parameters
        ----------
        values : ndarray of shape (n, n_targets)
            Latent targets. With the true ones, uniform if the mixtures are calibrated.

        Returns
        -------
        ndarray of shape (n, n_targets)
            Probabilities.
        """
        below = ndtr((values[:, None, :] - self.means) / self.sigmas)
        return np.einsum("nk,nkt->nt", self.weights, below)

    def quantile(self, probabilities):
        """Quantiles of each target by itself.

        Parameters
        ----------
        probabilities : sequence of float
            Probabilities between 0 and 1.

        Returns
        -------
        ndarray of shape (n, n_targets, n_probabilities)
            Quantiles.
        """
        return np.stack([self._quantile(level) for level in probabilities], axis=-1)

    def _quantile(self, level):
        """One quantile by bisection: it lies between those of the components."""
        ends = self.means + self.sigmas * ndtri(level)
        low, high = ends.min(axis=1), ends.max(axis=1)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            is_low = self.cdf(middle) < level
            low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
        return 0.5 * (low + high)

    def draw(self, n_draws, random_state):
        """Draw from the mixtures, all targets jointly.

        The draws of one galaxy are points that fill the unit cube evenly, moved by a random
        shift [1]_: each of them is distributed as the mixture, while their quantiles lie much
        closer to its own than those of independent draws would (64 of these are as good as 600).

        Parameters
        ----------
        n_draws : int
            Number of draws of each galaxy.
        random_state : Generator or ndarray of uint64 of shape (n,)
            A generator; or a seed for each galaxy, so that its draws depend on nothing else.

        Returns
        -------
        ndarray of shape (n, n_draws, n_targets)
            Latent targets, of at most six.

        References
        ----------
        .. [1] R. Cranley and T. N. L. Patterson (1976), SIAM Journal on Numerical Analysis 13,
           904.
        """
        n, k, n_targets = self.means.shape
        shifts = _shifts(random_state, n, 1 + n_targets)
        steps = np.arange(n_draws)
        component = self._component((shifts[:, :1] + steps / n_draws) % 1.0)
        component += k * np.arange(n)[:, None]
        # One target after the other: what fits into the cache is several times faster.
        draws = np.empty((n_targets, n, n_draws))
        for target in range(n_targets):
            unit = (shifts[:, target + 1, None] + steps * _STEPS[target]) % 1.0
            normal = ndtri(np.clip(unit, _CLOSEST, 1.0 - _CLOSEST))
            sigmas, means = (part[..., target].ravel() for part in (self.sigmas, self.means))
            draws[target] = means[component] + sigmas[component] * normal
        return np.moveaxis(draws, 0, -1)

    def _component(self, unit):
        """Number of the component that a probability falls into, shape as that of ``unit``."""
        component = np.zeros(unit.shape, dtype=np.intp)
        for edge in np.cumsum(self.weights, axis=1).T[:-1]:
            component += unit > edge[:, None]
        return component


def _shifts(random_state, n, n_axes):
    """Random points of the unit cube, shape (n, n_axes)."""
    if isinstance(random_state, np.random.Generator):
        return random_state.random((n, n_axes))
    # SplitMix64 (Steele, Lea & Flood 2014) on all seeds at once: a generator for each galaxy
    # would take longer than its network.
    seeds = np.asarray(random_state, dtype=np.uint64)[:, None]
    z = seeds + np.arange(1, n_axes + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53
