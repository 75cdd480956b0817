"""Trained models that come with dustest."""

from importlib.resources import files

from dustest.data.errors import InputError

__all__ = ["PRETRAINED", "pretrained_file"]

PRETRAINED = {
    "nircam-1band": "557dd90e25b5be0cb254aec3ec792aef8aa29f1bee684031bfc7fa5d11b7d6c7",
    "nircam-3band": "5904af447f95b4f262f50e434343e2faf341f7479f2df94b5d34107467704743",
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
