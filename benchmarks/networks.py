"""Networks and detectors of the benchmarks, by name or file."""

from pathlib import Path

from dustest import CNNEstimator, ShiftDetector

__all__ = ["load_detector", "load_network"]


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


def _load(kind, word):
    """Estimator or detector of a file, or of networks that come with dustest."""
    is_shipped = word in CNNEstimator.pretrained
    return kind.from_pretrained(word) if is_shipped else kind.load(word)
