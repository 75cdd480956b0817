"""Predictions where neither Keras nor its backends are installed."""

import sys

import numpy as np

FRAMEWORKS = ("keras", "tensorflow", "jax", "torch")


class Blocked:
    """Finder of modules that refuses those of the frameworks."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FRAMEWORKS:
            raise ImportError(name)


def attenuations(name):
    """A_V of three galaxies of noise by a pretrained network."""
    sys.meta_path.insert(0, Blocked())
    from dustest import CNNEstimator

    cnn = CNNEstimator.from_pretrained(name)
    stamps = np.random.default_rng(1).normal(size=(3, len(cnn.bands), 32, 32))
    return np.array(cnn.estimate(stamps)["A_V"])
