"""Trained models that come with dustest."""

from importlib.resources import files

from dustest.data.errors import InputError

__all__ = ["PRETRAINED", "pretrained_file"]

PRETRAINED = {
    "nircam-1band": "c809e509699540d46b58bc6b801155485a7fced78782599553d2530442f572d3",
    "nircam-3band": "a0c37001a5c618f10ab06e24f9b30934e7fa413232ce8b1afdd3f623ea04fc61",
    "nircam-wide": "d3dc70e34dc3d58e3a0935c85a330878b61490e88bdfc76a97859f94f02c6491",
}
"""SHA-256 of each file, by the name of the model."""


def pretrained_file(name):
    """Path of a model, and the digest that its file must have.

    Parameters
    ----------
    name : str
        One of `PRETRAINED`.

    Returns
    -------
    path : path-like
        Its file.
    sha256 : str
        Digest.

    Raises
    ------
    InputError
        If there is no such model.

    Examples
    --------
    >>> from dustest.estimators._cnn.files.pretrained import pretrained_file
    >>> path, sha256 = pretrained_file("nircam-3band")
    >>> path.name, len(sha256)
    ('nircam-3band.model', 64)
    """
    if not isinstance(name, str) or name not in PRETRAINED:
        msg = f"name must be one of the pretrained models {', '.join(PRETRAINED)}, got {name!r}"
        raise InputError(msg)
    return files("dustest") / "resources" / "models" / f"{name}.model", PRETRAINED[name]
