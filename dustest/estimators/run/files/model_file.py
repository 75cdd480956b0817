"""Model files: safetensors whose metadata is a manifest, checked to the last bit.

A file has arrays and one entry of metadata: the manifest, which is plain JSON with the schema, the
class, its parameters, how it was made, and the SHA-256 of the whole file with zeros in place of
that digest. A reader accepts only what `write_model` would write. What is read is plain JSON and
numbers; no code runs.

These checks are for integrity, not authenticity: they find files that were damaged, truncated,
changed or made by another program, and prevent harm. Anybody who can write files can also write a
valid model. To be certain that a model is the published one, compare the SHA-256 of the file with
one from another source.
"""

import hashlib
import json
import os
from collections.abc import Collection, Mapping

from dustest.data.errors import InputError, ReadError
from dustest.data.files.paths import as_path, check_writable, installed_version, replacing
from dustest.estimators.run.files.tensors import (
    LARGEST,
    LARGEST_HEADER,
    load_arrays,
    n_bytes,
    pack_arrays,
    parse_header,
)
from dustest.estimators.run.files.zip_file import ZIP_START, unpack_zip

__all__ = ["read_model", "rebuild", "write_model"]

_SCHEMA = 2
_KEY = "dustest"
_HANDED_IN = {"created": dict, "kind": str, "parameters": dict}
_ENTRIES = {**_HANDED_IN, "dustest": str, "schema": int, "sha256": str}
_NO_DIGEST = "0" * 64
_LARGEST_MANIFEST = 2**20


def write_model(path, manifest, weights):
    """Write a model into one file.

    The same model gives the same bytes, at any time and on any machine.

    Parameters
    ----------
    path : str or path-like
        File to write or replace, atomically.
    manifest : dict
        Exactly ``"kind"``, the name of the class; ``"parameters"``, a dict from which it is
        rebuilt; and ``"created"``, a dict of its provenance. Plain JSON: dicts with text as keys,
        lists, text, finite numbers, true, false and null.
    weights : dict of str to ndarray
        Finite arrays of any shape, of integers or floats of up to 64 bits.

    Returns
    -------
    sha256 : str
        Digest of the file, for `read_model`.

    Raises
    ------
    InputError
        If the folder does not exist, the manifest or the weights are invalid, or they are larger
        than 256 MiB.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from dustest.estimators.run.files.model_file import read_model, write_model
    >>> manifest = {"kind": "CNNEstimator", "parameters": {"bands": ["F277W"]}, "created": {}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "small.model"
    ...     sha256 = write_model(path, manifest, {"bias": np.arange(3.0)})
    ...     manifest, weights = read_model(path, kind="CNNEstimator", sha256=sha256)
    >>> manifest["parameters"], manifest["schema"], weights["bias"]
    ({'bands': ['F277W']}, 2, array([0., 1., 2.]))
    """
    path = check_writable(path, "path")
    content = pack_arrays(weights, {_KEY: _encoded_manifest(manifest)})
    header = int.from_bytes(content[:8], "little")
    if len(content) > LARGEST or header > LARGEST_HEADER:
        msg = (
            f"weights must make a file of at most {LARGEST} bytes with a header of at most "
            f"{LARGEST_HEADER}, got {len(content)} and {header}"
        )
        raise InputError(msg)
    content = content.replace(_digest_entry(_NO_DIGEST), _digest_entry(_sha256(content)), 1)
    with replacing(path) as partial:
        partial.write_bytes(content)
    return _sha256(content)


def read_model(path, *, kind, sha256=None):
    """Read a model that `write_model` wrote, or that version 0.1 wrote.

    A file that was damaged, truncated, changed, repacked or made by another program raises an
    error. This finds accidents, not forgeries: see ``sha256``.

    Parameters
    ----------
    path : str or path-like
        The file.
    kind : str or sequence of str
        Names of the accepted classes.
    sha256 : str, optional
        Digest that the file must have. Only a digest from a trusted source ensures the origin of a
        model.

    Returns
    -------
    manifest : dict
        Argument of `write_model`, and ``"schema"``, an integer; ``"dustest"``, the version that
        wrote it; ``"sha256"``, the digest.
    weights : dict of str to ndarray
        The arrays, by name in alphabetical order.

    Raises
    ------
    InputError
        If ``path`` is no path, or ``kind`` names no class.
    ReadError
        If there is no file, or it is invalid.
    """
    kinds = (kind,) if isinstance(kind, str) or not isinstance(kind, Collection) else tuple(kind)
    if not kinds or not all(name and isinstance(name, str) for name in kinds):
        msg = f"kind must be the name of a class or several of them, got {kind!r}"
        raise InputError(msg)
    path = as_path(path, "path", "file")
    try:
        with _opened(path) as file:
            size = _checked_size(file, sha256)
            is_zip = file.read(len(ZIP_START)) == ZIP_START
            file.seek(0)
            if is_zip:
                manifest, content = unpack_zip(file.read())
                _check_kind(manifest["kind"], kinds)
            else:
                manifest, content = _read(file, size, kinds)
            return manifest, load_arrays(content)
    except OSError as error:
        msg = f"{path} is refused as a model file: {error}"
        raise ReadError(msg) from error


def rebuild(path, build, *, kind, sha256=None, called="a model file"):
    """Read a model, and make of it what it was.

    Parameters
    ----------
    path : str or path-like
        The file.
    build : callable
        Function of manifest and arrays.
    kind : str or sequence of str
        Names of the accepted classes.
    sha256 : str, optional
        Digest that the file must have.
    called : str, optional
        What the file is expected to be, for errors.

    Returns
    -------
    found : object
        Result of ``build``.

    Raises
    ------
    ReadError
        If there is no file, it is invalid, or ``build`` fails with its parts.
    """
    manifest, arrays = read_model(path, kind=kind, sha256=sha256)
    try:
        return build(manifest, arrays)
    except (InputError, KeyError, TypeError, AttributeError, ValueError) as error:
        msg = f"{path} is refused as {called}: it does not fit together, {error!s:.300}"
        raise ReadError(msg) from error


def _sha256(content):
    """Digest in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _digest_entry(digest):
    """A digest as it ends the manifest, which is quoted text in the header of a file."""
    return f'\\"sha256\\":\\"{digest}\\"}}"'.encode()


def _encoded(manifest):
    """Canonical form of a manifest."""
    return json.dumps(manifest, allow_nan=False, separators=(",", ":"), sort_keys=True)


def _encoded_manifest(manifest):
    """The whole manifest, from what was handed in and what is known here."""
    if not _has_entries(manifest, _HANDED_IN):
        msg = "manifest must be a dict of exactly kind (text), parameters and created (both dicts)"
        raise InputError(msg)
    known = {"dustest": installed_version("dustest"), "schema": _SCHEMA, "sha256": _NO_DIGEST}
    whole = {**manifest, **known}
    try:
        encoded = _encoded(whole)
        plain = json.loads(encoded) == whole
    except (TypeError, ValueError, RecursionError):
        plain = False
    if not plain:
        msg = (
            "manifest must be plain JSON: dicts with text as keys, lists (no tuples), text, "
            "finite numbers of Python, True, False and None, not too deep"
        )
        raise InputError(msg)
    if len(encoded) > _LARGEST_MANIFEST:
        msg = f"manifest must have at most {_LARGEST_MANIFEST} bytes, got {len(encoded)}"
        raise InputError(msg)
    return encoded


def _has_entries(manifest, entries):
    """Whether a manifest is a dict of exactly these entries, of these types."""
    if not isinstance(manifest, Mapping) or set(manifest) != set(entries):
        return False
    return all(type(manifest[name]) is expected for name, expected in entries.items())


def _opened(path):
    """A file to read; other objects could block the reader."""
    if not path.is_file():
        msg = "it does not exist or is no file"
        raise ReadError(msg)
    return open(path, "rb")


def _checked_size(file, sha256):
    """Size of a file that is not too large, and is the one that was meant."""
    size = file.seek(0, os.SEEK_END)
    if size > LARGEST:
        msg = f"it has {size} bytes, more than the {LARGEST} that a model may have"
        raise ReadError(msg)
    file.seek(0)
    if sha256 is not None and (found := hashlib.file_digest(file, "sha256").hexdigest()) != sha256:
        msg = f"its SHA-256 is {found}, not {sha256}: it is another file, or was changed"
        raise ReadError(msg)
    file.seek(0)
    return size


def _read(file, size, kinds):
    """Manifest and all bytes; the manifest is checked before the arrays are read."""
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(LARGEST_HEADER, size - 8):
        msg = "it is no model of dustest, which is a file of safetensors with a manifest"
        raise ReadError(msg)
    records, metadata = parse_header(file.read(length))
    manifest = _parsed(metadata)
    _check_manifest(manifest, kinds)
    if 8 + length + n_bytes(records) != size:
        msg = "it is not as large as the arrays of its header make it"
        raise ReadError(msg)
    file.seek(0)
    content = file.read()
    blank = content.replace(_digest_entry(manifest["sha256"]), _digest_entry(_NO_DIGEST), 1)
    if _sha256(blank) != manifest["sha256"]:
        msg = "its SHA-256 is not the one in its manifest, so it was damaged or changed"
        raise ReadError(msg)
    return manifest, content


def _parsed(metadata):
    """Manifest from the metadata, which must be in canonical form."""
    if not isinstance(metadata, dict) or set(metadata) != {_KEY}:
        msg = "it is no model of dustest, which is a file of safetensors with a manifest"
        raise ReadError(msg)
    try:
        manifest = json.loads(metadata[_KEY])
        same = _encoded(manifest) == metadata[_KEY]
    except (TypeError, ValueError, RecursionError):
        same = False
    if not same:
        msg = "its manifest is not JSON as dustest writes it"
        raise ReadError(msg)
    return manifest


def _check_manifest(manifest, kinds):
    """Raise an error for an unknown schema."""
    schema = manifest.get("schema") if isinstance(manifest, dict) else None
    if type(schema) is int and schema != _SCHEMA:
        msg = (
            f"its schema is {schema!r:.20} and this version of dustest knows only {_SCHEMA}: "
            "read it with the version that wrote it, or a newer one"
        )
        raise ReadError(msg)
    if not _has_entries(manifest, _ENTRIES):
        msg = f"its manifest must have exactly the entries {', '.join(sorted(_ENTRIES))}"
        raise ReadError(msg)
    _check_kind(manifest["kind"], kinds)


def _check_kind(kind, kinds):
    """Raise an error for a class that was not requested."""
    if kind not in kinds:
        msg = f"it holds a {kind!r:.60}, and {' or '.join(kinds)} was asked for"
        raise ReadError(msg)
