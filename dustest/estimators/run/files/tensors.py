"""Arrays in safetensors format, checked before memory is allocated."""

import json
import math
from collections.abc import Mapping

import numpy as np
import safetensors
import safetensors.numpy

from dustest.data.errors import InputError, ReadError

__all__ = [
    "DTYPES",
    "LARGEST",
    "LARGEST_HEADER",
    "load_arrays",
    "n_bytes",
    "pack_arrays",
    "parse_header",
]

LARGEST = 2**28
"""Largest size of a file in bytes; models have a few MB."""

LARGEST_HEADER = 2**22
"""Largest size of a header in bytes, including the manifest of a model."""

DTYPES = {
    **{f"I{bits}": np.dtype(f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"U{bits}": np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)},
    **{f"F{bits}": np.dtype(f"float{bits}") for bits in (16, 32, 64)},
}
"""Types of numbers by their name in safetensors."""

_METADATA = "__metadata__"
_MOST_AXES = 64


def pack_arrays(arrays, metadata=None):
    """Convert arrays to bytes.

    Parameters
    ----------
    arrays : dict of str to ndarray
        Finite arrays of any shape, of integers or floats of up to 64 bits.
    metadata : dict of str to str, optional
        Text to store with the arrays.

    Returns
    -------
    bytes
        Equal for equal arrays and metadata.

    Raises
    ------
    InputError
        If an array or its name cannot be stored.
    """
    if not isinstance(arrays, Mapping):
        msg = f"weights must be a dict of arrays by name, got {type(arrays).__name__}"
        raise InputError(msg)
    for name in arrays:
        if not isinstance(name, str) or not name.isprintable() or name in ("", _METADATA):
            msg = f"the names of weights must be printable text, got {name!r}"
            raise InputError(msg)
    checked = {name: _check(name, array) for name, array in arrays.items()}
    return safetensors.numpy.save(checked, metadata)


def _check(name, array):
    """One array of a known type, without gaps in memory."""
    known = isinstance(array, np.ndarray | np.generic) and array.dtype.newbyteorder("=")
    if known not in DTYPES.values():
        found = getattr(array, "dtype", type(array).__name__)
        msg = f"weights[{name!r}] must be an array of integers or floats, got {found}"
        raise InputError(msg)
    if _extent(array.shape, array.dtype) > LARGEST:
        msg = f"weights[{name!r}] must have at most {LARGEST} bytes, got shape {array.shape}"
        raise InputError(msg)
    if not np.isfinite(array).all():
        msg = f"weights[{name!r}] must be finite"
        raise InputError(msg)
    return np.asarray(array, order="C")


def _extent(shape, dtype):
    """Bytes of an array; axes of length 0 count as 1, for numpy counts the others before them."""
    return math.prod(max(n, 1) for n in shape) * dtype.itemsize


def parse_header(encoded):
    """Read a header.

    Parameters
    ----------
    encoded : bytes
        The header, in its canonical form.

    Returns
    -------
    records : dict
        Description of each array by name.
    metadata : object
        Metadata; None without any.

    Raises
    ------
    ReadError
        If it is not a header, or describes an impossible array.
    """
    try:
        header = json.loads(encoded)
        options = {"allow_nan": False, "ensure_ascii": False, "separators": (",", ":")}
        again = json.dumps(header, **options).encode()
        same = again.ljust(-(-len(again) // 8) * 8) == encoded and isinstance(header, dict)
    except (ValueError, RecursionError):
        same = False
    if not same:
        msg = "its header is no header of safetensors as dustest writes it"
        raise ReadError(msg)
    metadata = header.pop(_METADATA, None)
    for name, record in header.items():
        if not _is_record(record) or _extent(record["shape"], DTYPES[record["dtype"]]) > LARGEST:
            msg = f"its header has an array {name!r:.60} that cannot be: {record!r:.120}"
            raise ReadError(msg)
    return header, metadata


def _is_record(record):
    """Whether an entry of a header describes an array."""
    if not isinstance(record, dict) or set(record) != {"dtype", "shape", "data_offsets"}:
        return False
    dtype, shape = record["dtype"], record["shape"]
    if not isinstance(dtype, str) or dtype not in DTYPES or not isinstance(shape, list):
        return False
    return len(shape) <= _MOST_AXES and all(type(n) is int and n >= 0 for n in shape)


def n_bytes(records):
    """Number of bytes of all arrays.

    Parameters
    ----------
    records : dict
        Result of `parse_header`.

    Returns
    -------
    int
        Bytes after the header.
    """
    return sum(math.prod(r["shape"]) * DTYPES[r["dtype"]].itemsize for r in records.values())


def load_arrays(content):
    """Read arrays.

    Parameters
    ----------
    content : bytes
        Result of `pack_arrays`, whose header was accepted by `parse_header`.

    Returns
    -------
    dict of str to ndarray
        By name in alphabetical order.

    Raises
    ------
    ReadError
        If they are damaged or not finite.
    """
    try:
        arrays = safetensors.numpy.load(content)
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        msg = "it is no file of safetensors"
        raise ReadError(msg) from error
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            msg = f"its array {name!r:.60} is not finite"
            raise ReadError(msg)
    return {name: arrays[name] for name in sorted(arrays)}
