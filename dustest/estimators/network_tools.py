"""Parts of the networks that other subpackages use: model files, changes of training images."""

from dustest.estimators._cnn.corruptions import CORRUPTIONS
from dustest.estimators._cnn.files.pretrained import PRETRAINED, pretrained_file
from dustest.estimators._cnn.network.keras_network import keras_devices
from dustest.estimators._cnn.training.augmentation import (
    PAPER_COPIES,
    augment_paper,
    balance_weights,
)
from dustest.estimators.run.files.model_file import read_model

__all__ = [
    "CORRUPTIONS",
    "PAPER_COPIES",
    "PRETRAINED",
    "augment_paper",
    "balance_weights",
    "keras_devices",
    "pretrained_file",
    "read_model",
]
