"""Some rows of a table in a FITS or Parquet file, as a small file of the same format in memory."""

import io
import warnings
from contextlib import contextmanager

from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

from dustest.data.errors import ReadError

__all__ = ["FITS_BLOCK", "fits_rows", "open_mapped", "parquet_parts"]

FITS_BLOCK = 2880
"""Bytes of which the parts of a FITS file are multiples."""

_SERIALIZED = b"__serialized_columns__"
_BUFFER_BYTES = 2**16
"""Bytes of a column that are read from a Parquet file at once; its groups of rows may be large."""


@contextmanager
def open_mapped(path):
    """Open a FITS file whose rows are read later, inside a ``with`` block.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.

    Yields
    ------
    hdus : `~astropy.io.fits.HDUList`
        Its extensions. No warning is given of a truncated table: reading its rows is an error.
    """
    with warnings.catch_warnings(), fits.open(path, memmap=True) as hdus:
        warnings.filterwarnings("ignore", "File may have been truncated", AstropyUserWarning)
        yield hdus


def fits_rows(path, hdu, start, stop):
    """Read some rows of a binary table, without mapping the file into memory.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    hdu : `~astropy.io.fits.BinTableHDU`
        Its extension, without columns of variable length.
    start, stop : int
        First row and the one after the last.

    Returns
    -------
    rows : `~astropy.io.fits.BinTableHDU`
        A table of these rows.

    Raises
    ------
    ReadError
        If the file ends before.
    """
    header = hdu.header.copy()
    header["NAXIS2"] = stop - start
    header["PCOUNT"] = 0
    for card in ("THEAP", "CHECKSUM", "DATASUM"):
        header.remove(card, ignore_missing=True)
    width = header["NAXIS1"]
    n_bytes = width * (stop - start)
    with path.open("rb") as file:
        file.seek(hdu.fileinfo()["datLoc"] + width * start)
        content = file.read(n_bytes)
    if len(content) < n_bytes:
        msg = f"the file {path} ends in row {start + len(content) // width}: it is truncated"
        raise ReadError(msg)
    content += bytes(-n_bytes % FITS_BLOCK)
    return fits.BinTableHDU.fromstring(header.tostring().encode("ascii") + content)


def parquet_parts(path, rows_at_once, names=None):
    """Read a Parquet file in parts.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    rows_at_once : int
        Rows of a part; the last has fewer.
    names : sequence of str, optional
        Columns that are needed; others may also be read.

    Yields
    ------
    content : `io.BytesIO`
        A Parquet file of these rows.
    """
    import pyarrow as pa
    from pyarrow import parquet

    with parquet.ParquetFile(path, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
        metadata = file.schema_arrow.metadata or {}
        if _SERIALIZED in metadata.get(b"table_meta_yaml", b""):
            names = None
        names = [n for n in file.schema_arrow.names if names is None or n in names]
        for batch in file.iter_batches(rows_at_once, columns=names, use_threads=False):
            rows = pa.Table.from_batches([batch]).replace_schema_metadata(metadata)
            content = io.BytesIO()
            parquet.write_table(rows, content, compression="none", use_dictionary=False)
            yield io.BytesIO(content.getbuffer())
