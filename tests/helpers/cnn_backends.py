"""Predictions with a backend of Keras, which holds for the life of a process."""

import os

import numpy as np
from cnn_galaxies import dusty

from dustest import CNNEstimator
from dustest.estimators._cnn.network.config import DUSTEST
from dustest.estimators._cnn.network.keras_network import build, weights_from_dict


def outputs_of(backend, weights, inputs):
    """Outputs of a network of three bands with the weights."""
    os.environ["KERAS_BACKEND"] = backend
    model = build(DUSTEST, 3, 12, 3, seed=2)
    weights_from_dict(model, weights)
    return np.array(model.predict_on_batch(inputs))


def predictions_of(backend, path):
    """Predictions of the estimator in a file for 40 galaxies."""
    os.environ["KERAS_BACKEND"] = backend
    import keras

    assert keras.backend.backend() == backend
    return CNNEstimator.load(path).predict(dusty(40, seed=9)[0])
