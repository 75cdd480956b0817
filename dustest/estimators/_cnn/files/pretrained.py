"""Trained models that come with dustest."""

from importlib.resources import files

from dustest.data.errors import InputError

__all__ = ["PRETRAINED", "pretrained_file"]

PRETRAINED = {
    "nircam-1band": "b40a3525bc1b78574bed9899bf29af11e312e849e4bccc70373941f81c3691e6",
    "nircam-3band": "554d9c688fc800e2bfafb9f2f316068374f785ec6318e3161e466e29790725d7",
    "nircam-wide": "96877b4fd5e0abf242b05e2bb07d016ad2079e1cb5f79f96be29ee9497d27b01",
}
"""SHA-256 of each file, by the name of the model."""


def pretrained_file(name, digests=None):
    """Path of a model that comes with dustest, and the digest that its file must have.

    Parameters
    ----------
    name : str
        One of the names of ``digests``.
    digests : dict of str to str, optional
        Digests by name, by default those of `PRETRAINED`.

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
    digests = PRETRAINED if digests is None else digests
    if not isinstance(name, str) or name not in digests:
        msg = f"name must be one of the pretrained models {', '.join(digests)}, got {name!r}"
        raise InputError(msg)
    return files("dustest") / "resources" / "models" / f"{name}.model", digests[name]
