"""Files that may be compressed: their content, and its size before it is used."""

import bz2
import gzip
import io
import lzma
import zipfile
from contextlib import contextmanager

from dustest.data.errors import ReadError
from dustest.data.files.limits import check_memory

__all__ = ["content_size", "is_compressed", "open_content"]

_OPENERS = {b"\x1f\x8b\x08": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
"""Functions that open compressed files by their first bytes, as the readers of astropy do."""

_ZIP = b"PK\x03\x04"
_COMPRESS = b"\x1f\x9d"
_LONGEST_MAGIC = 6
_BLOCK = 2**20


@contextmanager
def open_content(source):
    """Open a file, and decompress it if it is compressed, in a ``with`` block.

    Parameters
    ----------
    source : pathlib.Path or io.BytesIO
        The file, or its content.

    Yields
    ------
    file : file-like
        Its content in bytes.

    Raises
    ------
    ReadError
        If the compression is unknown.
    """
    if isinstance(source, io.BytesIO):
        source.seek(0)
        yield source
        source.seek(0)
        return
    magic = _magic(source)
    if magic.startswith(_COMPRESS):
        msg = f"the file {source} is compressed by compress, which is not read: decompress it"
        raise ReadError(msg)
    if magic.startswith(_ZIP):
        with zipfile.ZipFile(source) as archive, archive.open(archive.namelist()[0]) as file:
            yield file
        return
    opener = next((how for start, how in _OPENERS.items() if magic.startswith(start)), open)
    with opener(source, "rb") as file:
        yield file


def is_compressed(source):
    """Whether a file is compressed as a whole.

    Parameters
    ----------
    source : pathlib.Path or io.BytesIO
        The file, or its content.

    Returns
    -------
    compressed : bool
        False for a content in memory.
    """
    return not isinstance(source, io.BytesIO) and _magic(source).startswith(
        (*_OPENERS, _ZIP, _COMPRESS)
    )


def content_size(source):
    """Size of the content of a file; the checksum of a compressed file is verified by the way.

    Parameters
    ----------
    source : pathlib.Path or io.BytesIO
        The file, or its content.

    Returns
    -------
    size : int
        Bytes.

    Raises
    ------
    ReadError
        If it takes too much memory, or its compression is unknown.

    Examples
    --------
    >>> import io
    >>> from dustest.data.files.compression import content_size
    >>> content_size(io.BytesIO(b"1,2"))
    3
    """
    if isinstance(source, io.BytesIO):
        return len(source.getbuffer())
    size = source.stat().st_size
    if not is_compressed(source):
        return size
    total = 0
    with open_content(source) as file:
        while block := file.read(_BLOCK):
            total += len(block)
            check_memory(total, size, f"the content of the file {source}")
    return total


def _magic(path):
    """First bytes of a file."""
    with open(path, "rb") as file:
        return file.read(_LONGEST_MAGIC)
