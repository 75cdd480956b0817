"""Trained models that come with dustest."""

from importlib.resources import files

from dustest.data.errors import InputError

__all__ = ["PRETRAINED", "pretrained_file"]

PRETRAINED = {
    "nircam-1band": "59a58030bb15eec26921f4e4ac0556d1b7564f46f85beba7ee02c6feaf0e4957",
    "nircam-3band": "ba886fc8597fa22e77e4600f80cd89afa1d7a17e1ac8cafe6e98f81373c0f430",
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
    >>> from dustest.estimators._pretrained import pretrained_file
    >>> path, sha256 = pretrained_file("nircam-3band")
    >>> path.name, len(sha256)
    ('nircam-3band.model', 64)
    """
    if not isinstance(name, str) or name not in PRETRAINED:
        msg = f"name must be one of the pretrained models {', '.join(PRETRAINED)}, got {name!r}"
        raise InputError(msg)
    return files("dustest") / "resources" / "models" / f"{name}.model", PRETRAINED[name]
