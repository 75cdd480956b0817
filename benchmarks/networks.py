"""Networks and detectors of the benchmarks, by name or file, and the errors of their figures."""

from pathlib import Path

import numpy as np

from dustest import CNNEstimator, ShiftDetector

__all__ = ["load_detector", "load_network", "ratio_of_means"]

N_BOOTSTRAP = 400


def load_network(text, random_state):
    """Load networks.

    Parameters
    ----------
    text : str
        Name of networks that come with dustest, or a file; ``NAME=`` may stand before either.
    random_state : int
        Seed of their estimates.

    Returns
    -------
    name : str
        The given name, or that of the networks or of the file.
    cnn : CNNEstimator
        The networks.
    """
    name, _, word = text.rpartition("=")
    cnn = _load(CNNEstimator, word)
    return name or Path(word).stem, cnn.set_params(random_state=random_state)


def load_detector(text):
    """Load the detector of networks.

    Parameters
    ----------
    text : str
        As of `load_network`.

    Returns
    -------
    detector : ShiftDetector
        Their detector.
    """
    return _load(ShiftDetector, text.rpartition("=")[2])


def ratio_of_means(errors, others, seed):
    """Compute the ratio of the mean errors of two estimates of the same galaxies.

    Parameters
    ----------
    errors, others : ndarray of shape (n,)
        Absolute errors of both.
    seed : int
        Seed of the bootstrap over galaxies.

    Returns
    -------
    ratio, error : float
        The ratio, and its standard deviation.
    """
    rng, n = np.random.default_rng(seed), len(errors)
    drawn = (rng.integers(n, size=n) for _ in range(N_BOOTSTRAP))
    ratios = [errors[rows].mean() / others[rows].mean() for rows in drawn]
    return errors.mean() / others.mean(), np.std(ratios)


def _load(kind, word):
    """Estimator or detector of a file, or of networks that come with dustest."""
    is_shipped = word in CNNEstimator.pretrained
    return kind.from_pretrained(word) if is_shipped else kind.load(word)
