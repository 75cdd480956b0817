"""What importing dustest does to an interpreter, which has to be a fresh one."""

import importlib
import os
import random
import sys
import time
import warnings

import numpy as np


def loaded_by(module, names):
    """Packages among the names that are loaded once the module is imported."""
    importlib.import_module(module)
    return sorted(set(names) & set(sys.modules))


def loaded_by_cnn(names):
    """Packages among the names that are loaded once there is an estimator with networks."""
    from dustest.estimators.cnn import CNNEstimator

    repr(CNNEstimator(["F277W", "F444W"]))
    return sorted(set(names) & set(sys.modules))


def seconds_beyond_astropy():
    """Time that the import of dustest takes once tables of astropy are loaded."""
    importlib.import_module("astropy.table")
    start = time.perf_counter()
    importlib.import_module("dustest")
    return time.perf_counter() - start


def first_use():
    """Attenuation of some galaxies by a slope and by a network, as bytes."""
    from dustest import CNNEstimator, MeurerEstimator
    from dustest.io import load_demo

    sample = load_demo()[0][:20]
    network = CNNEstimator.from_pretrained("nircam-1band")
    return [estimator.predict(sample).tobytes() for estimator in (MeurerEstimator(), network)]


def global_states():
    """Global state before and after the import of dustest."""
    importlib.import_module("astropy.table")
    before = global_state()
    importlib.import_module("dustest")
    return before, global_state()


def global_state():
    """What an import could change."""
    return (
        os.getcwd(),  # noqa: PTH109
        dict(os.environ),
        list(warnings.filters),
        np.get_printoptions(),
        np.geterr(),
        random.getstate(),
        str(np.random.get_state()),  # noqa: NPY002
    )
