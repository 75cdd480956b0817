"""Files of the benchmark in the user's cache folder, named after what they depend on."""

import json
from hashlib import blake2b
from pathlib import Path

import numpy as np
from astropy.config import get_cache_dir

from dustest.data.files.paths import installed_version, writable_folder

__all__ = ["cache_folder", "digest_of", "digest_of_table", "package_versions"]

_PACKAGES = ("dustest", "astropy", "bagpipes", "numpy", "poppy", "scipy", "scikit-learn")
"""Packages on which simulated galaxies and results depend."""
_BYTES = 8


def cache_folder(folder=None):
    """Make the folder of the files.

    Parameters
    ----------
    folder : str or path-like, optional
        The folder; by default ``benchmarks`` in the cache folder of dustest, which astropy
        chooses for the user.

    Returns
    -------
    folder : `~pathlib.Path`
        The folder, which exists.

    Raises
    ------
    InputError
        If it cannot be made or written to.
    """
    chosen = Path(get_cache_dir("dustest")) / "benchmarks" if folder is None else folder
    return writable_folder(chosen, "folder")


def package_versions():
    """List the versions of the packages on which galaxies and results depend.

    Returns
    -------
    versions : dict of str to str
        By name; empty for packages that are not installed.

    Examples
    --------
    >>> from dustest.studies.benchmarks.cache import package_versions
    >>> "numpy" in package_versions()
    True
    """
    return {name: installed_version(name) for name in _PACKAGES}


def digest_of(*parts):
    """Digest of plain values.

    Parameters
    ----------
    *parts : object
        Values that JSON can represent.

    Returns
    -------
    digest : str
        16 hexadecimal digits.

    Examples
    --------
    >>> from dustest.studies.benchmarks.cache import digest_of
    >>> digest_of({"seed": 1}) == digest_of({"seed": 2})
    False
    """
    text = json.dumps(parts, sort_keys=True)
    return blake2b(text.encode(), digest_size=_BYTES).hexdigest()


def digest_of_table(*tables):
    """Digest of all numbers and text of tables.

    Parameters
    ----------
    *tables : Table
        Tables.

    Returns
    -------
    digest : str
        16 hexadecimal digits.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from dustest.studies.benchmarks.cache import digest_of_table
    >>> one, other = Table({"a": [1.0, 2.0]}), Table({"a": [1.0, 2.5]})
    >>> digest_of_table(one) == digest_of_table(other)
    False
    """
    digest = blake2b(digest_size=_BYTES)
    for table in tables:
        for name in table.colnames:
            values = np.asarray(table[name])
            values = values.astype(str) if values.dtype.kind == "O" else values
            digest.update(f"{name} {values.dtype.str} {values.shape}".encode())
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
