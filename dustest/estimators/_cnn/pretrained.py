"""Trained models that come with dustest."""

from importlib.resources import files

from dustest.data.errors import InputError

__all__ = ["PRETRAINED", "pretrained_file"]

PRETRAINED = {
    "nircam-1band": "80d72bb4818e0cc5eb547d41a41cf71720bcddfbeea180b04ad965ba1d972d73",
    "nircam-3band": "bc90c18e5d32004a48cd74a2c96c76c89ff339a70b668872ec7e0e0e93da6421",
}
"""SHA-256 of each file, by the name of the model."""


def pretrained_file(name):
    """Where a model is, and the digest that its file must have.

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
    >>> from dustest.estimators._cnn.pretrained import pretrained_file
    >>> path, sha256 = pretrained_file("nircam-3band")
    >>> path.name, len(sha256)
    ('nircam-3band.model', 64)
    """
    if not isinstance(name, str) or name not in PRETRAINED:
        msg = f"name must be one of the pretrained models {', '.join(PRETRAINED)}, got {name!r}"
        raise InputError(msg)
    return files("dustest") / "resources" / "models" / f"{name}.model", PRETRAINED[name]
