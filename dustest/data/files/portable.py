"""Conversion of columns that a file format would change, and back."""

import re
from itertools import groupby
from zlib import crc32

import numpy as np
from astropy.table import Column, MaskedColumn

from dustest.data.errors import InputError

__all__ = ["for_csv", "for_ecsv", "for_fits", "from_fits", "with_text"]

_SAFE_IN_ECSV = re.compile(r"[!$-~](?:[ -~]*[!-~])?").fullmatch
"""Printable ASCII that does not begin or end with a blank, or begin with # or a quote."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?").fullmatch

_WIDER = {"int8": np.int16, "float16": np.float32}
"""Types that FITS does not have, and types that represent their values."""


def with_text(table, *, objects=True):
    """Convert columns of bytes and of text objects to columns of text.

    Parameters
    ----------
    table : Table
        Changed in place.
    objects : bool, optional
        Whether columns of other Python objects are allowed.

    Raises
    ------
    InputError
        If there are such columns, and they are not allowed.
    """
    for name in _find_columns(table, "S"):
        _put(table, name, np.char.decode(_filled(table[name], b""), "utf-8", "replace"))
    for name in _find_columns(table, "OMm"):
        if table[name].dtype.kind == "O" and all(isinstance(x, str) for x in _known(table[name])):
            _put(table, name, _filled(table[name], "").astype(str))
        elif not objects:
            msg = (
                f"column {name} of {table[name].dtype} cannot be written to such a file: remove "
                "the column, or write .ecsv"
            )
            raise InputError(msg)


def for_ecsv(table):
    """Convert columns of text that ECSV would change to objects, which it writes as JSON.

    Readers of ECSV drop lines that begin with #, and blanks at both ends, and read empty text as a
    missing value; the encoding of other letters depends on the machine.

    Parameters
    ----------
    table : Table
        Changed in place.
    """
    for name in _find_columns(table, "U"):
        if not all(map(_SAFE_IN_ECSV, _known(table[name]))):
            _put(table, name, _filled(table[name], "").astype(object))


def for_csv(table):
    """Put an apostrophe before text that spreadsheets would execute as a formula.

    Numbers, also those in text, are not changed.

    Parameters
    ----------
    table : Table
        Changed in place: names of columns, and columns of text.
    """
    for name in _find_columns(table, "UO"):
        column = table[name]
        values = [_escape_formula(value) for value in _filled(column, "").ravel().tolist()]
        kind = object if column.dtype.kind == "O" else str
        _put(table, name, np.array(values, dtype=kind).reshape(column.shape))
    table.rename_columns(table.colnames, [_escape_formula(name) for name in table.colnames])


def _escape_formula(value):
    """Text with an apostrophe if it begins like a formula and is no number."""
    if not isinstance(value, str) or not value.startswith(_FORMULA_STARTS):
        return value
    return value if _NUMBER(value) else f"'{value}"


def for_fits(table):
    """Convert columns of types that FITS does not have.

    Text becomes UTF-8, and numbers of 8 or 16 bits become wider ones.

    Parameters
    ----------
    table : Table
        Changed in place.

    Returns
    -------
    record : dict
        Record for `from_fits`, in JSON types: types, the meta of columns, and blanks at the end of
        text, which writers of FITS remove.
    """
    columns = {name: table[name] for name in table.colnames if hasattr(table[name], "dtype")}
    record = {
        "dtype": {name: c.dtype.name for name, c in columns.items() if c.dtype.name in _WIDER},
        "meta": {name: dict(c.info.meta) for name, c in columns.items() if c.info.meta},
        "blanks": {name: _blanks(table[name]) for name in _find_columns(table, "U")},
    }
    record["blanks"] = {name: found for name, found in record["blanks"].items() if found}
    for name, dtype in record["dtype"].items():
        table[name] = table[name].astype(_WIDER[dtype])
    for name in _find_columns(table, "U"):
        _put(table, name, np.char.encode(_filled(table[name], ""), "utf-8"))
    return {kind: found for kind, found in record.items() if found}


def from_fits(table, record):
    """Undo `for_fits` for rows that are unchanged since writing.

    Parameters
    ----------
    table : Table
        With columns of text; changed in place.
    record : dict
        Record of `for_fits`.
    """
    for name, dtype in _of(table, record, "dtype"):
        if np.array_equal(table[name].astype(dtype), table[name], equal_nan=dtype != "int8"):
            table[name] = table[name].astype(dtype)
    for name, found in _of(table, record, "blanks"):
        text = np.strings.rstrip(_filled(table[name], ""))
        # Counted first: a damaged record may have any number.
        is_whole = text.size == sum(count for count, _ in found["ends"])
        if is_whole and _crc(text) == found["crc"]:
            ends = [end for count, end in found["ends"] for _ in range(count)]
            whole = [start + end for start, end in zip(text.flat, ends, strict=True)]
            _put(table, name, np.reshape(whole, text.shape))
    for name, meta in _of(table, record, "meta"):
        table[name].info.meta = meta


def _of(table, record, kind):
    """Entries of a record for columns of a table."""
    return [
        (name, found) for name, found in record.get(kind, {}).items() if name in table.colnames
    ]


def _blanks(column):
    """Blanks at the ends of text in runs of rows, and a digest of the text; empty without."""
    text = _filled(column, "")
    bare = np.strings.rstrip(text)
    if np.array_equal(text, bare):
        return {}
    ends = [whole[len(start) :] for whole, start in zip(text.flat, bare.flat, strict=True)]
    runs = [[len(list(rows)), end] for end, rows in groupby(ends)]
    return {"ends": runs, "crc": _crc(bare)}


def _crc(text):
    """Digest of text."""
    return crc32("\n".join(text.flat).encode())


def _find_columns(table, kinds):
    """Names of columns with dtypes of some kinds."""
    return [
        name
        for name in table.colnames
        if getattr(getattr(table[name], "dtype", None), "kind", "-") in kinds
    ]


def _filled(column, missing):
    """Values of a column as an array, with arbitrary values for masked entries."""
    return np.asarray(column.filled(missing) if isinstance(column, MaskedColumn) else column)


def _known(column):
    """Values of a column that are not masked, one by one."""
    values = column.compressed() if isinstance(column, MaskedColumn) else column
    return np.asarray(values).ravel().tolist()


def _put(table, name, values):
    """Replace the values of a column; its other properties are unchanged."""
    column = table[name]
    options = {"name": name, "description": column.description, "meta": column.meta}
    if isinstance(column, MaskedColumn):
        table[name] = MaskedColumn(values, mask=column.mask, **options)
    else:
        table[name] = Column(values, **options)
