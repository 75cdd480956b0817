"""Trained models that come with dustest."""

from importlib.resources import files

from dustest.data.errors import InputError

__all__ = ["PRETRAINED", "pretrained_file"]

PRETRAINED = {
    "nircam-1band": "be9d0df1dca31cfc3fa2762bbded86cfaa4daf1e445cf0ddb0b8f3fd0b8d7118",
    "nircam-3band": "167510d0c2afd774adcab4c2ff122297eda2beb303c4c07ab5ca7ab0f0b229f7",
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
