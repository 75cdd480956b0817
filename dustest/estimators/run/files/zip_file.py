"""Reader of the model files of version 0.1.

They are a zip of ``manifest.json`` and ``weights.safetensors``, which is one fixed frame around
two members. Only that frame is accepted: no further members, no paths, no compression, and no
bits that do not count.
"""

import hashlib
import json
import struct
import zlib

from dustest.data.errors import ReadError
from dustest.estimators.run.files.tensors import DTYPES, LARGEST_HEADER, n_bytes, parse_header

__all__ = ["ZIP_START", "unpack_zip"]

ZIP_START = b"PK\x03\x04"
"""First bytes of a file of version 0.1."""

_MANIFEST, _WEIGHTS = "manifest.json", "weights.safetensors"
_ENTRIES = {"arrays": dict, "created": dict, "dustest": str, "kind": str, "parameters": dict}
_ENTRIES |= {"schema": int, "sha256": dict}
_SCHEMA = 1

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_LENGTH_IN_LOCAL = slice(18, 22)


def unpack_zip(content):
    """Read a file of version 0.1.

    Parameters
    ----------
    content : bytes
        The file.

    Returns
    -------
    manifest : dict
        With the entries ``kind``, ``parameters``, ``created``, ``dustest`` and ``schema``.
    weights : bytes
        Arrays as safetensors, with a header that has been checked.

    Raises
    ------
    ReadError
        If it is not as version 0.1 wrote it.
    """
    length = int.from_bytes(content[_LENGTH_IN_LOCAL], "little")
    start = _BEFORE + length
    encoded, weights = content[_BEFORE:start], content[start + _BETWEEN : -_BEHIND]
    before, between, behind = _frame(encoded, weights)
    if b"".join((before, encoded, between, weights, behind)) != content:
        msg = (
            f"it is no zip of {_MANIFEST} and {_WEIGHTS} as version 0.1 wrote it, so it was "
            "damaged, cut short, or packed anew by another program"
        )
        raise ReadError(msg)
    manifest = _parsed(encoded)
    if manifest["sha256"] != {_WEIGHTS: _sha256(weights)}:
        msg = f"the SHA-256 of {_WEIGHTS} is not the one in {_MANIFEST}"
        raise ReadError(msg)
    _check_weights(weights, manifest["arrays"])
    return manifest, weights


def _parsed(encoded):
    """Manifest from its bytes, which must be those that it would be written as."""
    try:
        manifest = json.loads(encoded)
        options = {"allow_nan": False, "indent": 1, "separators": (",", ": "), "sort_keys": True}
        same = json.dumps(manifest, **options).encode("ascii") == encoded
    except (ValueError, RecursionError):
        same = False
    if not same:
        msg = f"its {_MANIFEST} is not JSON as dustest writes it"
        raise ReadError(msg)
    whole = isinstance(manifest, dict) and set(manifest) == set(_ENTRIES)
    if not whole or not all(type(manifest[name]) is kind for name, kind in _ENTRIES.items()):
        msg = f"its {_MANIFEST} must have exactly the entries {', '.join(sorted(_ENTRIES))}"
        raise ReadError(msg)
    if manifest["schema"] != _SCHEMA:
        msg = f"its schema is {manifest['schema']!r:.20}, and zips have the schema {_SCHEMA}"
        raise ReadError(msg)
    return manifest


def _check_weights(weights, arrays):
    """Refuse weights that are not those of the manifest."""
    length = int.from_bytes(weights[:8], "little")
    records = parse_header(weights[8 : 8 + length])[0] if length <= LARGEST_HEADER else {}
    described = {
        name: {"dtype": DTYPES[record["dtype"]].name, "shape": record["shape"]}
        for name, record in records.items()
    }
    same = json.dumps(described, sort_keys=True) == json.dumps(arrays, sort_keys=True)
    if 8 + length + n_bytes(records) != len(weights) or not same:
        msg = f"the arrays in {_WEIGHTS} are not those of its {_MANIFEST}"
        raise ReadError(msg)


def _frame(manifest, weights):
    """Bytes of the zip before, between and behind its members."""
    heads, index, start = [], b"", 0
    for name, content in ((_MANIFEST, manifest), (_WEIGHTS, weights)):
        # Version 2.0, no flags, stored, midnight of 1 January 1980.
        head = (20, 0, 0, 0, 0x21, zlib.crc32(content), len(content), len(content), len(name), 0)
        heads.append(_LOCAL.pack(ZIP_START, *head) + name.encode())
        # Made on Unix, a plain file that everybody may read.
        entry = (0x314, *head, 0, 0, 0, 0o100644 << 16, start)
        index += _CENTRAL.pack(b"PK\x01\x02", *entry) + name.encode()
        start += len(heads[-1]) + len(content)
    # What the manifest is to the weights, this comment of the zip is to the manifest.
    seal = f"SHA-256 of {_MANIFEST}: {_sha256(manifest)}".encode()
    end = _END.pack(b"PK\x05\x06", 0, 0, len(heads), len(heads), len(index), start, len(seal))
    return *heads, index + end + seal


def _sha256(content):
    """Digest in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


_BEFORE, _BETWEEN, _BEHIND = (len(part) for part in _frame(b"", b""))
