"""Tables that scikit-learn can split, and that keep their meta in every file."""

import io
import json
import os

import numpy as np
from astropy.io import registry
from astropy.io.registry import UnifiedReadWriteMethod
from astropy.table import QTable
from astropy.table.connect import TableRead

from dustest.data.containers.table_displays import display_of
from dustest.data.errors import InputError
from dustest.data.files.contents import check_contents
from dustest.data.files.fits_contents import DATASUM, write_datasum
from dustest.data.files.parquet_contents import PARQUET_OPTIONS
from dustest.data.files.parsing import check_file, refuse_damaged
from dustest.data.files.portable import for_csv, for_ecsv, for_fits, from_fits, with_text

__all__ = [
    "FITS_META",
    "RowTable",
    "arrow_table",
    "fits_table",
    "is_restored_in_parts",
    "plain_table",
]

FITS_META = "DUSTMETA"
"""Card of FITS headers with the meta of a table as JSON."""

_FITS_COLUMNS = "DUSTCOLS"
_HDF5_PATH = "dust"
_FITS_ENDINGS = (".fits", ".fit")


class _RowTableRead(TableRead):
    """Read a table from a file, which is checked before.

    See `astropy.table.Table.read`, whose arguments it takes.

    Raises
    ------
    ReadError
        If the file is missing or damaged, refers to other files, or takes too much memory.
    """

    def __call__(self, *args, **kwargs):
        source = args[0] if args else None
        what = "the table cannot be read"
        if isinstance(source, str | os.PathLike) and not (args[1:] or "\n" in str(source)):
            source = check_file(source)
            what = f"the file {source} is not a readable table"
            args = (source,)
        with refuse_damaged(what):
            if isinstance(source, os.PathLike | io.BytesIO):
                check_contents(source, kwargs.get("format"))
            return super().__call__(*args, **kwargs)


class RowTable(QTable):
    """A `~astropy.table.QTable` that scikit-learn treats like an array of rows.

    Unlike its parent class, it keeps its meta, with any keys, and its text and numbers unchanged
    in FITS, ECSV, Parquet and HDF5. Terminals and notebooks show its first and last rows, with
    numbers and their errors together; ``print`` shows the columns as astropy does.

    Examples
    --------
    >>> from dustest.data import RowTable
    >>> from sklearn.model_selection import train_test_split
    >>> table = RowTable({"A_V": [0.1, 0.2, 0.3, 0.4]})
    >>> [len(part) for part in train_test_split(table, random_state=0)]
    [3, 1]
    """

    read = UnifiedReadWriteMethod(_RowTableRead)
    _rows_are = ("row", "rows")

    def __repr__(self):
        return display_of(self, self._rows_are).to_text()

    def _repr_html_(self):
        return display_of(self, self._rows_are).to_html()

    @property
    def shape(self):
        """Shape as scikit-learn counts it: one axis, the rows."""
        return (len(self),)

    def take(self, indices, axis=0):
        """Select rows by number or mask, as scikit-learn's splitters do.

        Parameters
        ----------
        indices : array_like of int or bool of shape (m,)
            Rows to select.
        axis : int, optional
            Must be 0.

        Returns
        -------
        rows : RowTable
            The rows, copied, in a table of the same class.

        Raises
        ------
        InputError
            If ``axis`` is not 0.
        """
        if axis != 0:
            msg = f"axis must be 0, the rows, got {axis!r}"
            raise InputError(msg)
        return self[np.asarray(indices)]


def plain_table(table, **options):
    """Convert a table to an ordinary `QTable`, with text as text.

    Parameters
    ----------
    table : RowTable
        The table.
    **options : dict
        As in `~dustest.data.files.portable.with_text`.

    Returns
    -------
    plain : `~astropy.table.QTable`
        The same columns.
    """
    plain = QTable(table, copy=False)
    with_text(plain, **options)
    return plain


def fits_table(table):
    """Convert a table to one that FITS does not change, with the meta as JSON in cards.

    Parameters
    ----------
    table : RowTable
        The table.

    Returns
    -------
    plain : `~astropy.table.QTable`
        What is written.
    """
    plain = plain_table(table, objects=False)
    record = for_fits(plain)
    # FITS would upper-case the keys of meta.
    plain.meta = {FITS_META: _to_json(dict(table.meta))}
    if record:
        plain.meta[_FITS_COLUMNS] = _to_json(record)
    return plain


def _write_fits(table, output, **kwargs):
    """Write to FITS, with a checksum of the data in files that are not compressed."""
    plain = fits_table(table)
    has_sum = isinstance(output, str | os.PathLike) and str(output).lower().endswith(_FITS_ENDINGS)
    if has_sum:
        plain.meta[DATASUM] = ""
    registry.write(plain, output, format="fits", **kwargs)
    if has_sum:
        write_datasum(output)


def _read_fits(*args, **kwargs):
    """Read what `_write_fits` wrote."""
    plain = QTable.read(*args, format="fits", **({"mask_invalid": False} | kwargs))
    stored, record = (plain.meta.pop(card, None) for card in (FITS_META, _FITS_COLUMNS))
    if stored is not None:
        plain.meta = json.loads(stored)
    table = _native(plain)
    if record is not None:
        from_fits(table, json.loads(record))
    return table


def is_restored_in_parts(header):
    """Whether some rows of a FITS table can be read by themselves.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Header of a table.

    Returns
    -------
    answer : bool
        False if dustest wrote text with blanks at its end, which is restored for all rows at once.
    """
    return "blanks" not in json.loads(header.get(_FITS_COLUMNS, "{}"))


def _to_json(meta):
    """Meta as JSON; other values become text."""
    return json.dumps(meta, default=_of_numpy)


def _of_numpy(value):
    """A value of numpy as plain Python, anything else as text."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)


def _write_hdf5(table, output, **kwargs):
    """Write to HDF5 with units and meta, which astropy omits by default."""
    defaults = {"path": _HDF5_PATH, "serialize_meta": True}
    registry.write(plain_table(table, objects=False), output, format="hdf5", **(defaults | kwargs))


def _read_hdf5(*args, **kwargs):
    """Read what `_write_hdf5` wrote."""
    return _native(QTable.read(*args, format="hdf5", **({"path": _HDF5_PATH} | kwargs)))


def _write_parquet(table, output, **kwargs):
    """Write to Parquet, with a checksum of each page, which astropy does not write."""
    rows = arrow_table(plain_table(table, objects=False), output, **kwargs)
    from pyarrow import parquet

    parquet.write_table(rows, output, **PARQUET_OPTIONS)


def arrow_table(plain, path, **kwargs):
    """Table of pyarrow with the units and meta that astropy writes, which it does to files only.

    Parameters
    ----------
    plain : Table
        Result of `plain_table`.
    path : str or path-like
        File that is written for it.
    **kwargs : dict
        Options of the writer of astropy.

    Returns
    -------
    rows : pyarrow.Table
        The same table in memory.
    """
    registry.write(plain, path, format="parquet", **kwargs)
    from pyarrow import parquet

    return parquet.read_table(path, memory_map=False)


def _write_ecsv(table, output, **kwargs):
    """Write to ECSV, with text that readers do not change."""
    plain = plain_table(table)
    for_ecsv(plain)
    registry.write(plain, output, format="ascii.ecsv", **kwargs)


def _write_csv(table, output, **kwargs):
    """Write to CSV, with text that spreadsheets do not execute."""
    plain = plain_table(table)
    for_csv(plain)
    registry.write(plain, output, format="ascii.csv", **kwargs)


def _read_ecsv(*args, **kwargs):
    """Read what `_write_ecsv` wrote."""
    return _native(QTable.read(*args, format="ascii.ecsv", **kwargs))


def _native(plain):
    """Undo changes of types by a file format: big-endian numbers, bytes and objects."""
    with_text(plain)
    for name in plain.colnames:
        column = plain[name]
        if not column.dtype.isnative:
            plain[name] = column.astype(column.dtype.newbyteorder("="))
    return RowTable(plain, copy=False)


for _format, _write in (
    ("fits", _write_fits),
    ("hdf5", _write_hdf5),
    ("parquet", _write_parquet),
    ("ascii.ecsv", _write_ecsv),
    ("ascii.csv", _write_csv),
    ("csv", _write_csv),
):
    registry.register_writer(_format, RowTable, _write)
for _format, _read in (("fits", _read_fits), ("hdf5", _read_hdf5), ("ascii.ecsv", _read_ecsv)):
    registry.register_reader(_format, RowTable, _read)
