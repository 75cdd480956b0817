"""`CNNConfig`, the architecture of a network as a record of plain values, and named ones.

It does not need Keras: a configuration can be read, checked, stored and searched without it.
"""

import re
from dataclasses import asdict, dataclass, fields

from dustest.data.checks.numbers import is_number
from dustest.data.errors import InputError
from dustest.estimators._cnn.heads import HEADS

__all__ = ["CONFIGS", "DUSTEST", "PAPER", "CNNConfig", "described_head", "get_config"]

_INSTANCE = re.compile(r"CNNConfig\(kind='(\w+)'")

ACTIVATIONS = ("elu", "gelu", "relu", "silu")
NORMALIZATIONS = ("batch", "group", "layer", "none")
POOLINGS = ("average", "max")

# A configuration may be read from a file, and determines the memory of a network.
_MOST_LAYERS = 8
_MOST_UNITS = 1024
_MOST_COMPONENTS = 64
_LARGEST_KERNEL = 15


@dataclass(frozen=True)
class CNNConfig:
    """Architecture of a convolutional network.

    Parameters
    ----------
    kind : {"mixture", "paper"}
        Head of the network, which defines its inputs and predictions: images and their context,
        and a mixture of Gaussians over all targets; or images only, and one value.
    window : int
        Side in pixels of the central part of the image that is used; 0 for all of it.
    filters : tuple of int
        Filters of each convolutional block; every block halves the image.
    kernel_size : int
        Side of the convolutions in pixels.
    activation : {"elu", "gelu", "relu", "silu"}
        Activation of each convolution and each dense layer.
    normalization : {"batch", "group", "layer", "none"}
        Normalisation of the maps of a block, after the activation.
    pooling : {"average", "max"}
        Pooling that halves the image.
    branches : bool
        Whether each band has its own blocks, concatenated before the dense layers. Otherwise the
        input of the first block is all bands.
    context_dense : tuple of int
        Units of dense layers for the context only, whose output is concatenated; none if empty.
    dense : tuple of int
        Units of each dense layer.
    dropout : float
        Fraction of units left out before the output, in training.
    components : int
        Number of Gaussians of the mixture; 0 for other heads.

    Raises
    ------
    InputError
        If a value is not of its type, or out of its range.

    Examples
    --------
    >>> from dustest.estimators.cnn import CNNConfig
    >>> config = CNNConfig(filters=(16, 32), components=4)
    >>> CNNConfig.from_dict(config.to_dict()) == config
    True
    """

    kind: str = "mixture"
    window: int = 24
    filters: tuple = (32, 64, 96, 128)
    kernel_size: int = 3
    activation: str = "relu"
    normalization: str = "batch"
    pooling: str = "average"
    branches: bool = False
    context_dense: tuple = (32, 32)
    dense: tuple = (192, 128)
    dropout: float = 0.1
    components: int = 8

    def __post_init__(self):
        for name, (is_good, expected) in _RULES.items():
            value = getattr(self, name)
            if not is_good(value):
                msg = f"{name} of CNNConfig must be {expected}, got {value!r}"
                raise InputError(msg)
        self.head.check(self)

    @property
    def head(self):
        """Predictions and training of the network (``Head``)."""
        return HEADS[self.kind]

    def to_dict(self):
        """Convert the configuration to JSON types.

        Returns
        -------
        dict
            Value by field; tuples become lists.
        """
        values = asdict(self).items()
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values}

    @classmethod
    def from_dict(cls, values):
        """Read the result of `to_dict`.

        Parameters
        ----------
        values : dict
            Value by field, with all fields and no others.

        Returns
        -------
        CNNConfig
            The plan.

        Raises
        ------
        InputError
            If the fields are not exactly those of a configuration, or a value has a wrong type or
            is out of range.
        """
        names = {item.name for item in fields(cls)}
        given = set(values) if isinstance(values, dict) else None
        if given != names:
            found = type(values).__name__ if given is None else _difference(given, names)
            msg = f"a CNNConfig is read from a dict of its {len(names)} fields, got {found}"
            raise InputError(msg)
        tuples = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**values | tuples)


def get_config(architecture):
    """Look up the architecture of a network.

    Parameters
    ----------
    architecture : {"dustest", "paper"} or CNNConfig
        Name of a plan, or the plan itself.

    Returns
    -------
    CNNConfig
        The plan.

    Raises
    ------
    InputError
        If there is no such plan.

    Examples
    --------
    >>> from dustest.estimators._cnn.network.config import get_config
    >>> get_config("paper").filters
    (36, 48, 64)
    """
    if isinstance(architecture, CNNConfig):
        return architecture
    if isinstance(architecture, str) and architecture in CONFIGS:
        return CONFIGS[architecture]
    names = ", ".join(repr(name) for name in CONFIGS)
    msg = f"architecture must be one of {names} or a CNNConfig, got {architecture!r}"
    raise InputError(msg)


def _difference(given, names):
    """Text on missing and unknown fields."""
    unknown = ", ".join(sorted(repr(name) for name in given - names))
    missing = ", ".join(sorted(repr(name) for name in names - given))
    parts = ((unknown, "unknown"), (missing, "missing"))
    return " and ".join(f"{text} {what}" for text, what in parts if text)


def _one_of(options):
    """Rule of a choice."""
    words = ", ".join(repr(option) for option in options)
    return lambda value: isinstance(value, str) and value in tuple(options), f"one of {words}"


def _whole(low, high):
    """Rule of an integer; a bool is not one."""
    return lambda value: type(value) is int and low <= value <= high, (
        f"an integer from {low} to {high}"
    )


def _sizes(fewest=1):
    """Rule of the sizes of layers."""
    is_size, _ = _whole(1, _MOST_UNITS)

    def are_sizes(value):
        is_list = isinstance(value, tuple) and fewest <= len(value) <= _MOST_LAYERS
        return is_list and all(is_size(size) for size in value)

    return are_sizes, f"a tuple of {fewest} to {_MOST_LAYERS} integers from 1 to {_MOST_UNITS}"


def _is_fraction(value):
    """Whether a value is a number from 0 up to 1, 1 left out."""
    return is_number(value) and 0 <= value < 1


_RULES = {
    "kind": _one_of(HEADS),
    "window": _whole(0, _MOST_UNITS),
    "filters": _sizes(),
    "kernel_size": _whole(1, _LARGEST_KERNEL),
    "activation": _one_of(ACTIVATIONS),
    "normalization": _one_of(NORMALIZATIONS),
    "pooling": _one_of(POOLINGS),
    "branches": (lambda value: type(value) is bool, "True or False"),
    "context_dense": _sizes(0),
    "dense": _sizes(),
    "dropout": (_is_fraction, "a number from 0 up to, but not including, 1"),
    "components": _whole(0, _MOST_COMPONENTS),
}

# Fu et al.: three blocks per band, four dense layers, dropout 0.5, 36 filters in the first
# convolution, a dense layer of 64. The sizes of the other layers are not published; these are
# ours, within the ranges of their Table 1 (4-64 filters, 8-64 neurons).
PAPER = CNNConfig(
    kind="paper",
    window=0,
    filters=(36, 48, 64),
    kernel_size=3,
    activation="relu",
    normalization="batch",
    pooling="max",
    branches=True,
    context_dense=(),
    dense=(64, 64, 64, 64),
    dropout=0.5,
    components=0,
)

# All bands are in the first convolution, so that it uses colours. The central 24 of 32 pixels have
# as much information as all of them, in little more than half of the time. Average pooling
# preserves the flux, while the maximum of noisy pixels is biased by the noise. Batch normalisation
# is used although images are on one scale and training takes a tenth longer: without it, networks
# trained on 6,000 galaxies hardly use shapes (A_V from one band: 0.92 of the baseline's error
# instead of 0.81).
DUSTEST = CNNConfig()

CONFIGS = {"dustest": DUSTEST, "paper": PAPER}


def described_head(architecture):
    """Name the head of an architecture that a result describes.

    Parameters
    ----------
    architecture : str, dict or object
        Name, description, or the text of an instance, as version 0.1 wrote it.

    Returns
    -------
    head : str
        Name of the head; the argument itself if it is none of these.

    Examples
    --------
    >>> from dustest.estimators._cnn.network.config import described_head
    >>> described_head("dustest"), described_head({"kind": "paper"})
    ('mixture', 'paper')
    """
    if isinstance(architecture, dict):
        return str(architecture.get("kind"))
    name = str(architecture)
    found = _INSTANCE.match(name)
    return found[1] if found else CONFIGS[name].kind if name in CONFIGS else name
