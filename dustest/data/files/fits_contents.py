"""Checks of FITS files before they are read."""

import io
import math
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from dustest.data.errors import DustestWarning, ReadError
from dustest.data.files.compression import is_compressed, open_content
from dustest.data.files.limits import check_memory
from dustest.data.files.table_parts import FITS_BLOCK

__all__ = ["DATASUM", "check_fits", "check_images", "variable_columns", "write_datasum"]

DATASUM = "DATASUM"
"""Card with the checksum of the data."""

_MOST = 999
"""Largest number of axes and of columns in the standard."""

_COUNTS = re.compile("Z?NAXIS|TFIELDS|WCSAXES[A-Z]?|[AB]P?_ORDER").fullmatch
_LARGEST = 2**63 - 1
_SIZES = re.compile("Z?NAXIS[0-9]+|ZTILE[0-9]+|PCOUNT|GCOUNT|THEAP").fullmatch
_BITS = (8, 16, 32, 64, -32, -64)
_EXTENSION = b"XTENSION"

_VARIABLE = re.compile("[01]?([PQ])(.)")
_DESCRIPTORS = {"P": ">i4", "Q": ">i8"}
_ITEM_BYTES = {"L": 1, "B": 1, "A": 1, "I": 2, "J": 4, "E": 4, "K": 8, "D": 8, "C": 8, "M": 16}
"""Bytes of an item by the letter of its format."""

_BLOCK = 2**22
_WORD = 2**32 - 1
_PIXEL = 8
"""Bytes of a pixel in the calculation."""


def check_fits(source, size):
    """Check that a FITS file is as large as its headers say, and its checksums.

    Parameters
    ----------
    source : pathlib.Path or io.BytesIO
        The file, or its content.
    size : int
        Bytes of its content.

    Raises
    ------
    ReadError
        If its extensions are larger than the file, or too large to read.

    Warns
    -----
    DustestWarning
        If the data or the header of an extension differ from their checksum.
    """
    with open_content(source) as file:
        for header, place in _walk(file, size, source):
            if not is_compressed(source):
                _check_sums(header, file, place)
        _check_tables(source, file, size)


def check_images(source, size):
    """Check that compressed images of a FITS file can be read as a whole.

    Parameters
    ----------
    source : pathlib.Path or io.BytesIO
        The file, or its content.
    size : int
        Bytes of its content.

    Raises
    ------
    ReadError
        If an image would take too much memory.
    """
    with _raw_extensions(source) as hdus:
        for number, hdu in enumerate(hdus):
            what = f"the image {hdu.name or number} of the file {source}"
            sides = [hdu.header[f"ZNAXIS{i + 1}"] for i in range(hdu.header.get("ZNAXIS", 0))]
            check_memory(_PIXEL * math.prod(sides), size, what)


def _raw_extensions(source):
    """Extensions, with compressed images as the tables that they are stored in."""
    if isinstance(source, io.BytesIO):
        source = io.BytesIO(source.getvalue())  # which astropy closes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        hdus = fits.open(source, memmap=False, disable_image_compression=True)
        len(hdus)  # reads all headers, and no data
    return hdus


@dataclass(frozen=True)
class _Place:
    """Bytes of an extension, and its name for messages."""

    start: int
    data_start: int
    stop: int
    what: str


def _walk(file, size, source):
    """Headers and places of the extensions, checked before astropy uses their numbers."""
    stop, number = 0, 0
    while (start := _next_start(file, stop)) is not None:
        file.seek(start)
        header = fits.Header.fromfile(file)
        what = f"the extension {header.get('EXTNAME') or number} of the file {source}"
        _check_numbers(header, what)
        data_start = file.tell()
        claimed = _data_size(header)
        if claimed > size - data_start:
            msg = (
                f"{what} has {max(size - data_start, 0)} bytes of the {claimed} in its header: "
                "the file is truncated or damaged"
            )
            raise ReadError(msg)
        stop, number = data_start + -(-claimed // FITS_BLOCK) * FITS_BLOCK, number + 1
        yield header, _Place(start, data_start, stop, what)
    _check_rest(file, stop, size, source)


def _next_start(file, stop):
    """Position of the next header, or None."""
    file.seek(stop)
    start = file.read(len(_EXTENSION))
    return stop if stop == 0 or start == _EXTENSION else None


def _check_numbers(header, what):
    """Raise an error for counts and sizes that cannot be."""
    for key in header:
        if _COUNTS(key) or _SIZES(key):
            most, value = _MOST if _COUNTS(key) else _LARGEST, header[key]
            if type(value) is not int or not 0 <= value <= most:
                msg = f"{what} must have {key} from 0 to {most} in its header, got {value!r}"
                raise ReadError(msg)
    if header.get("BITPIX") not in _BITS:
        msg = f"{what} must have a BITPIX of {_BITS}, got {header.get('BITPIX')!r}"
        raise ReadError(msg)


def _data_size(header):
    """Bytes of the data of an extension, without padding."""
    axes = [header[f"NAXIS{i + 1}"] for i in range(header["NAXIS"])]
    if axes and axes[0] == 0 and header.get("GROUPS") is True:
        axes = axes[1:]
    items = header.get("PCOUNT", 0) + math.prod(axes) if axes else 0
    return abs(header["BITPIX"]) // 8 * header.get("GCOUNT", 1) * items


def _check_rest(file, stop, size, source):
    """Warn of bytes behind the last extension, and of a last block that is not complete."""
    if size < stop:
        msg = f"the file {source} ends before its last block does: it may be truncated"
        warnings.warn(msg, DustestWarning, stacklevel=5)
    file.seek(stop)
    if file.read(FITS_BLOCK).strip(b" \0"):
        msg = (
            f"the file {source} has more bytes behind its last extension, which are not read: it "
            "may be damaged"
        )
        warnings.warn(msg, DustestWarning, stacklevel=5)


def _check_tables(source, file, size):
    """Check columns whose size astropy knows, when headers have been checked."""
    with _raw_extensions(source) as hdus:
        for number, hdu in enumerate(hdus):
            what = f"the extension {hdu.name or number} of the file {source}"
            if not hasattr(type(hdu), "data"):
                msg = f"{what} is of no known type: its header is damaged"
                raise ReadError(msg)
            if isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
                start = hdu.fileinfo()["datLoc"]
                rows = hdu.columns.dtype.itemsize * hdu.header["NAXIS2"]
                if rows > size - start:
                    msg = f"{what} has columns of {rows} bytes, more than the rest of the file"
                    raise ReadError(msg)
            if isinstance(hdu, fits.BinTableHDU):
                _check_arrays(hdu, file, start, size, what)
                _check_tile(hdu.header, size, what)


def _check_arrays(hdu, file, start, size, what):
    """Raise an error if arrays of variable length are outside their heap, or too large."""
    variable, header = variable_columns(hdu), hdu.header
    table_end = header["NAXIS1"] * header["NAXIS2"]
    heap = table_end + header["PCOUNT"] - header.get("THEAP", table_end)
    total = 0.0
    for rows in _blocks_of_rows(hdu, file, start) if variable else ():
        for name, (kind, item) in variable.items():
            pairs = rows[name].view(_DESCRIPTORS[kind]).reshape(-1, 2).astype(float)
            lengths = pairs[:, 0] * _ITEM_BYTES.get(item, 0)
            ends = pairs[:, 1] + lengths
            used = lengths != 0
            if np.any(pairs[used] < 0) or np.any(ends[used] > heap):
                msg = f"{what} has arrays in the column {name} that end outside of it"
                raise ReadError(msg)
            total += lengths.sum()
    check_memory(total, size, what)


def variable_columns(hdu):
    """Columns of a binary table whose rows are arrays of different lengths.

    Parameters
    ----------
    hdu : `~astropy.io.fits.BinTableHDU`
        The table.

    Returns
    -------
    found : dict of str to (str, str)
        Letters of the descriptor, ``"P"`` or ``"Q"``, and of the items, by column.
    """
    found = {column.name: _VARIABLE.match(str(column.format)) for column in hdu.columns}
    return {name: match.groups() for name, match in found.items() if match}


def _blocks_of_rows(hdu, file, start):
    """Rows of a table as they are in the file, a block at a time."""
    dtype = hdu.columns.dtype
    file.seek(start)
    left = hdu.header["NAXIS2"] if dtype.itemsize else 0
    while left > 0:
        count = min(left, max(1, _BLOCK // dtype.itemsize))
        yield np.frombuffer(file.read(count * dtype.itemsize), dtype)
        left -= count


def _check_tile(header, size, what):
    """Raise an error if a tile of a compressed image is too large."""
    if "ZNAXIS" in header:
        n_axes = header["ZNAXIS"]
        sides = [
            header.get(f"ZTILE{i}", header[f"ZNAXIS{i}"] if i == 1 else 1)
            for i in range(1, n_axes + 1)
        ]
        check_memory(_PIXEL * math.prod(sides), size, f"a tile of {what}")


def _check_sums(header, file, place):
    """Warn of data and headers that differ from their checksum."""
    what = place.what
    if DATASUM not in header and "CHECKSUM" not in header:
        return
    data = _sum_words(file, place.data_start, place.stop)
    if str(header.get(DATASUM, data)).strip() != str(data):
        msg = f"the data of {what} differ from their checksum: the file is damaged, or was changed"
        warnings.warn(msg, DustestWarning, stacklevel=4)
    elif "CHECKSUM" in header:
        whole = _add(data, _sum_words(file, place.start, place.data_start))
        if whole not in (0, _WORD):
            msg = f"the header of {what} differs from its checksum: it is damaged, or was edited"
            warnings.warn(msg, DustestWarning, stacklevel=4)


def _sum_words(file, start, stop):
    """Sum of the words of part of a file, with the carry added, as FITS defines checksums."""
    file.seek(start)
    total = 0
    while start < stop:
        block = file.read(min(_BLOCK, stop - start))
        if not block:
            break
        block = block.ljust(-(-len(block) // 4) * 4, b"\0")
        total = _add(total, int(np.frombuffer(block, ">u4").sum(dtype=np.uint64)))
        start += len(block)
    return total


def write_datasum(path):
    """Write the checksum of the data of the last extension of a file.

    Parameters
    ----------
    path : str or path-like
        A FITS file whose last header has the card for it.
    """
    with fits.open(path, memmap=True) as hdus:
        header, info = hdus[-1].header, hdus[-1].fileinfo()
    start, n_bytes = info["datLoc"], info["datSpan"]
    with Path(path).open("r+b") as file:
        header[DATASUM] = str(_sum_words(file, start, start + n_bytes)), "checksum of the data"
        file.seek(info["hdrLoc"])
        file.write(header.tostring().encode("ascii"))


def _add(one, two):
    """Sum of two numbers in ones' complement of 32 bits."""
    total = one + two
    while total > _WORD:
        total = (total & _WORD) + (total >> 32)
    return total
