"""Networks of the benchmarks, by name or file."""

from pathlib import Path

from dustest import CNNEstimator

__all__ = ["load_network"]


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
    is_shipped = word in CNNEstimator.pretrained
    cnn = CNNEstimator.from_pretrained(word) if is_shipped else CNNEstimator.load(word)
    return name or Path(word).stem, cnn.set_params(random_state=random_state)
