"""Model files: a zip of ``manifest.json`` and ``weights.safetensors``, checked to the last bit.

The zip is no container of whatever somebody put into it: it is one fixed frame around two
members, and a reader accepts only the frame that it would make itself. Nothing in it is looked
up, unpacked or believed, so there are no further members, no paths, no compression and no bits
that do not count. What is read is plain JSON and numbers; no code runs.

All this is integrity, not authenticity: it finds files that were damaged, cut short, changed or
made by something else, and keeps them from doing harm. Whoever can write files can also write a
model of their own that is whole. Where a model must be the very one that somebody published,
compare the SHA-256 of the file with one from elsewhere.
"""

import hashlib
import json
import math
import os
import struct
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from dustest.data.errors import InputError, MissingDependencyError, ReadError
from dustest.data.files.paths import installed_version, replacing

__all__ = ["read_model", "write_model"]

_SCHEMA = 1
_MANIFEST, _WEIGHTS = "manifest.json", "weights.safetensors"
_HANDED_IN = {"created": dict, "kind": str, "parameters": dict}
_ENTRIES = {**_HANDED_IN, "arrays": dict, "dustest": str, "schema": int, "sha256": dict}
_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_DTYPES = {name: np.dtype(name).itemsize for name in (*_INTEGERS, "float16", "float32", "float64")}
_MOST_AXES = 64
_LARGEST = 2**28
"""Bytes of a file; models have a few MB."""
_LARGEST_MANIFEST = 2**20
_LARGEST_HEADER = 2 * _LARGEST_MANIFEST
"""Bytes of what safetensors says of the arrays, which is about as long as the manifest says it."""

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_LENGTH_IN_LOCAL = slice(18, 22)


def write_model(path, manifest, weights):
    """Write a model into one file.

    The same model gives the same bytes: no clock is read, and nothing depends on the machine.

    Parameters
    ----------
    path : str or path-like
        File to write or replace; it is whole or not there.
    manifest : dict
        Exactly ``"kind"``, the name of the class; ``"parameters"``, a dict of all that it is
        rebuilt from; and ``"created"``, a dict of what is to be known of its making. Plain JSON:
        dicts with text as keys, lists, text, finite numbers, true, false and null.
    weights : dict of str to ndarray
        Finite arrays of any shape, of integers or floats of up to 64 bits.

    Returns
    -------
    sha256 : str
        Digest of the file, for `read_model`.

    Raises
    ------
    InputError
        If the folder does not exist, the manifest or the weights are not as said, or they make
        more than 256 MiB.
    MissingDependencyError
        If safetensors is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from dustest.estimators._cnn.model_file import read_model, write_model
    >>> manifest = {"kind": "CNNEstimator", "parameters": {"bands": ["F277W"]}, "created": {}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "small.model"
    ...     sha256 = write_model(path, manifest, {"bias": np.arange(3.0)})
    ...     manifest, weights = read_model(path, kind="CNNEstimator", sha256=sha256)
    >>> manifest["parameters"], manifest["arrays"], weights["bias"]
    ({'bands': ['F277W']}, {'bias': {'dtype': 'float64', 'shape': [3]}}, array([0., 1., 2.]))
    """
    path = Path(path)
    if not path.parent.is_dir():
        msg = f"path must be in a folder that exists, got {str(path)!r}"
        raise InputError(msg)
    arrays = _checked_weights(weights)
    content = _safetensors().numpy.save(arrays)
    manifest = _manifest_bytes(manifest, arrays, content)
    before, between, behind = _frame(manifest, content)
    whole = b"".join((before, manifest, between, content, behind))
    if len(whole) > _LARGEST:
        msg = f"weights must make a file of at most {_LARGEST} bytes, got {len(whole)}"
        raise InputError(msg)
    with replacing(path) as partial:
        partial.write_bytes(whole)
    return _sha256(whole)


def read_model(path, *, kind, sha256=None):
    """Read a model that `write_model` wrote.

    A file that was damaged, cut short, changed, packed anew or made by something else is
    refused. That finds accidents, not forgers: see ``sha256``.

    Parameters
    ----------
    path : str or path-like
        The file.
    kind : str or sequence of str
        Names of the classes that are welcome.
    sha256 : str, optional
        Digest that the file must have. Only this, kept where nobody who can change the file can
        change it too, makes sure of where a model comes from.

    Returns
    -------
    manifest : dict
        What was handed to `write_model`, and ``"schema"``, an integer; ``"dustest"``, the
        version that wrote it; ``"arrays"``, the dtype and shape of each array; ``"sha256"``,
        the digest of the weights.
    weights : dict of str to ndarray
        The arrays, by name in alphabetical order.

    Raises
    ------
    InputError
        If ``kind`` names no class.
    ReadError
        If there is no file, or it is refused.
    MissingDependencyError
        If safetensors is not installed.
    """
    kinds = (kind,) if isinstance(kind, str) or not isinstance(kind, Collection) else tuple(kind)
    if not kinds or not all(name and isinstance(name, str) for name in kinds):
        msg = f"kind must be the name of a class or several of them, got {kind!r}"
        raise InputError(msg)
    try:
        with _opened(path) as file:
            _check_file(file, sha256)
            return _read(file, kinds)
    except OSError as error:
        msg = f"{path} is refused as a model file: {error}"
        raise ReadError(msg) from error


def _safetensors():
    """Module that writes and reads arrays as they are."""
    try:
        import safetensors.numpy
    except ImportError as error:
        msg = 'model files need safetensors, which is not installed; pip install "dustest[cnn]"'
        raise MissingDependencyError(msg) from error
    return safetensors


def _sha256(content):
    """Digest in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _encoded(manifest):
    """The one way in which a manifest is written."""
    text = json.dumps(manifest, allow_nan=False, indent=1, separators=(",", ": "), sort_keys=True)
    return text.encode("ascii")


def _records(arrays):
    """What a manifest says of arrays."""
    return {
        name: {"dtype": array.dtype.name, "shape": list(array.shape)}
        for name, array in arrays.items()
    }


def _frame(manifest, weights):
    """Bytes of the zip before, between and behind its members.

    They are made here rather than by `zipfile` because files are held against them, so that no
    version of Python may ever make others.
    """
    heads, index, start = [], b"", 0
    for name, content in ((_MANIFEST, manifest), (_WEIGHTS, weights)):
        # Version 2.0, no flags, stored, midnight of 1 January 1980.
        head = (20, 0, 0, 0, 0x21, zlib.crc32(content), len(content), len(content), len(name), 0)
        heads.append(_LOCAL.pack(b"PK\x03\x04", *head) + name.encode())
        # Made on Unix, a plain file that everybody may read.
        entry = (0x314, *head, 0, 0, 0, 0o100644 << 16, start)
        index += _CENTRAL.pack(b"PK\x01\x02", *entry) + name.encode()
        start += len(heads[-1]) + len(content)
    seal = _seal(manifest)
    end = _END.pack(b"PK\x05\x06", 0, 0, len(heads), len(heads), len(index), start, len(seal))
    return *heads, index + end + seal


def _seal(manifest):
    """Comment of the zip; what the manifest is to the weights, this is to the manifest."""
    return f"SHA-256 of {_MANIFEST}: {_sha256(manifest)}".encode()


_BEFORE, _BETWEEN, _BEHIND = (len(part) for part in _frame(b"", b""))


def _checked_weights(weights):
    """Arrays that a reader will take, as safetensors wants them."""
    if not isinstance(weights, Mapping):
        msg = f"weights must be a dict of arrays by name, got {type(weights).__name__}"
        raise InputError(msg)
    for name in weights:
        if not isinstance(name, str) or not name.isprintable() or name in ("", "__metadata__"):
            msg = f"the names of weights must be printable text, got {name!r}"
            raise InputError(msg)
    return {name: _checked_array(name, array) for name, array in weights.items()}


def _checked_array(name, array):
    """One array of a known type, without gaps in memory."""
    if not isinstance(array, np.ndarray | np.generic) or array.dtype.name not in _DTYPES:
        found = getattr(array, "dtype", type(array).__name__)
        msg = f"weights[{name!r}] must be an array of integers or floats, got {found}"
        raise InputError(msg)
    if _extent(array.shape, array.dtype.name) > _LARGEST:
        msg = f"weights[{name!r}] must have at most {_LARGEST} bytes, got shape {array.shape}"
        raise InputError(msg)
    if not np.isfinite(array).all():
        msg = f"weights[{name!r}] must be finite"
        raise InputError(msg)
    return np.asarray(array, order="C")


def _extent(shape, dtype):
    """Bytes of an array; axes of length 0 count as 1, for numpy counts the others before them."""
    return math.prod(max(n, 1) for n in shape) * _DTYPES[dtype]


def _manifest_bytes(manifest, arrays, content):
    """The whole manifest, from what was handed in and what is known here."""
    if not _has_entries(manifest, _HANDED_IN):
        msg = "manifest must be a dict of exactly kind (text), parameters and created (both dicts)"
        raise InputError(msg)
    whole = {
        **manifest,
        "arrays": _records(arrays),
        "dustest": installed_version("dustest"),
        "schema": _SCHEMA,
        "sha256": {_WEIGHTS: _sha256(content)},
    }
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
    """A file to read; what is no plain file could keep its reader waiting."""
    if not Path(path).is_file():
        msg = "it does not exist or is no file"
        raise ReadError(msg)
    return open(path, "rb")


def _check_file(file, sha256):
    """Refuse a file that is too large, or is not the one that was meant."""
    size = file.seek(0, os.SEEK_END)
    if size > _LARGEST:
        msg = f"it has {size} bytes, more than the {_LARGEST} that a model may have"
        raise ReadError(msg)
    file.seek(0)
    if sha256 is not None and (found := hashlib.file_digest(file, "sha256").hexdigest()) != sha256:
        msg = f"its SHA-256 is {found}, not {sha256}: it is another file, or was changed"
        raise ReadError(msg)


def _read(file, kinds):
    """Manifest and weights; the manifest is trusted before the weights are looked at."""
    before, manifest_bytes = _read_manifest(file)
    manifest = _parsed(manifest_bytes)
    _check_manifest(manifest, kinds)
    size = file.seek(0, os.SEEK_END) - _BEFORE - len(manifest_bytes) - _BETWEEN - _BEHIND
    file.seek(_BEFORE + len(manifest_bytes))
    between, content, behind = file.read(_BETWEEN), file.read(max(size, 0)), file.read()
    if (before, between, behind) != _frame(manifest_bytes, content):
        msg = (
            f"around or in {_WEIGHTS} it is not as it was written, so it was damaged, or packed "
            "anew by another program"
        )
        raise ReadError(msg)
    if manifest["sha256"] != {_WEIGHTS: _sha256(content)}:
        msg = f"the SHA-256 of {_WEIGHTS} is not the one in {_MANIFEST}"
        raise ReadError(msg)
    return manifest, _read_arrays(content, manifest["arrays"])


def _read_manifest(file):
    """What stands before the manifest, and the manifest, if the seal at the end is its own."""
    file.seek(0)
    before = file.read(_BEFORE)
    if not before.endswith(_MANIFEST.encode()):
        msg = f"it is no model of dustest, which is a zip that begins with {_MANIFEST}"
        raise ReadError(msg)
    length = int.from_bytes(before[_LENGTH_IN_LOCAL], "little")
    if length > _LARGEST_MANIFEST:
        msg = f"its {_MANIFEST} claims {length} bytes, more than {_LARGEST_MANIFEST}"
        raise ReadError(msg)
    manifest = file.read(length)
    seal = _seal(manifest)
    file.seek(max(file.seek(0, os.SEEK_END) - len(seal), 0))
    if file.read() != seal:
        msg = (
            f"it does not end with the SHA-256 of its {_MANIFEST}, so it was damaged, cut short, "
            "or packed anew by another program"
        )
        raise ReadError(msg)
    return before, manifest


def _parsed(encoded):
    """Manifest from its bytes, which must be those that it would be written as."""
    try:
        manifest = json.loads(encoded)
        same = _encoded(manifest) == encoded
    except (ValueError, RecursionError):
        same = False
    if not same:
        msg = f"its {_MANIFEST} is not JSON as dustest writes it"
        raise ReadError(msg)
    return manifest


def _check_manifest(manifest, kinds):
    """Refuse what this version does not know."""
    schema = manifest.get("schema") if isinstance(manifest, dict) else None
    if type(schema) is int and schema != _SCHEMA:
        msg = (
            f"its schema is {schema!r:.20} and this version of dustest knows only {_SCHEMA}: "
            "read it with the version that wrote it, or a newer one"
        )
        raise ReadError(msg)
    if not _has_entries(manifest, _ENTRIES):
        msg = f"its {_MANIFEST} must have exactly the entries {', '.join(sorted(_ENTRIES))}"
        raise ReadError(msg)
    if manifest["kind"] not in kinds:
        msg = f"it holds a {manifest['kind']!r:.60}, and {' or '.join(kinds)} was asked for"
        raise ReadError(msg)
    for name, record in manifest["arrays"].items():
        if not _is_record(record) or _extent(record["shape"], record["dtype"]) > _LARGEST:
            msg = f"its {_MANIFEST} has an array {name!r:.60} that cannot be: {record!r:.120}"
            raise ReadError(msg)


def _is_record(record):
    """Whether an entry of a manifest describes an array."""
    if not isinstance(record, dict) or set(record) != {"dtype", "shape"}:
        return False
    dtype, shape = record["dtype"], record["shape"]
    if not isinstance(dtype, str) or dtype not in _DTYPES or not isinstance(shape, list):
        return False
    return len(shape) <= _MOST_AXES and all(type(n) is int and n >= 0 for n in shape)


def _read_arrays(content, records):
    """Arrays of the weights, if they are those of the manifest."""
    expected = sum(math.prod(r["shape"]) * _DTYPES[r["dtype"]] for r in records.values())
    header = int.from_bytes(content[:8], "little")
    if header > _LARGEST_HEADER or 8 + header + expected != len(content):
        msg = f"its {_WEIGHTS} is not as large as the arrays of its {_MANIFEST} make it"
        raise ReadError(msg)
    safetensors = _safetensors()
    try:
        arrays = safetensors.numpy.load(content)
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        msg = f"its {_WEIGHTS} is no file of safetensors"
        raise ReadError(msg) from error
    if _records(arrays) != records:
        msg = f"the arrays in {_WEIGHTS} are not those of its {_MANIFEST}"
        raise ReadError(msg)
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            msg = f"the array {name!r:.60} in {_WEIGHTS} is not finite"
            raise ReadError(msg)
    return {name: arrays[name] for name in sorted(arrays)}
