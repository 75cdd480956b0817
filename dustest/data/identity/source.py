"""Digest of the code of dustest, whose version does not change with every edit."""

from functools import cache
from hashlib import blake2b
from pathlib import Path

__all__ = ["source_digest"]

_FOLDER = Path(__file__).parents[2]


@cache
def source_digest():
    """Compute a digest of the modules of dustest, once per process.

    An installation from a checkout keeps its version while its code changes.

    Returns
    -------
    digest : str
        Hexadecimal digits.

    Examples
    --------
    >>> from dustest.data.identity.source import source_digest
    >>> len(source_digest())
    32
    """
    digest = blake2b(digest_size=16)
    for path in sorted(_FOLDER.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(_FOLDER).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
