"""Files of results that are written and read in parts, since they may not fit into memory."""

import io

import numpy as np
from astropy.io import fits
from astropy.table import QTable, vstack

from dustest.data.checks.numbers import check_whole
from dustest.data.containers.results import DustTable
from dustest.data.containers.rows import (
    RowTable,
    arrow_table,
    fits_table,
    is_restored_in_parts,
    plain_table,
)
from dustest.data.errors import InputError
from dustest.data.files.contents import check_contents
from dustest.data.files.fits_contents import DATASUM, write_datasum
from dustest.data.files.parquet_contents import PARQUET_OPTIONS
from dustest.data.files.parsing import check_file, refuse_damaged, refuse_damaged_items
from dustest.data.files.table_parts import FITS_BLOCK, fits_rows, open_mapped, parquet_parts
from dustest.data.messages import did_you_mean, shown

__all__ = ["WITH_PARTS", "OpenedResult", "ResultWriter", "open_result"]

_ROWS_AT_ONCE = 8192
_GROUP = 4096
"""Rows of a group of a Parquet file. Parts of a run, which depend on the number of workers, are
multiples of it, so that the file does not depend on them."""
WITH_PARTS = {".fits": "fits", ".parquet": "parquet"}
"""Formats of results that are read and written in parts, by suffix."""


def open_result(path):
    """Open a result, such as one that ``estimate`` wrote in parts.

    Parameters
    ----------
    path : str or path-like
        FITS or Parquet file of a `~dustest.data.DustTable`.

    Returns
    -------
    result : OpenedResult
        The result, whose rows are read on request.

    Raises
    ------
    InputError
        If it is neither a FITS nor a Parquet file.
    ReadError
        If the file is missing or damaged.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from dustest.data import DustTable, open_result
    >>> table = DustTable.from_quantities(range(5), {"A_V": [0.1, 0.2, 0.3, 0.4, 0.5]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table.write(Path(folder) / "result.fits")
    ...     result = open_result(Path(folder) / "result.fits")
    ...     print(len(result), [len(part) for part in result.parts(2)])
    ...     print(result.read(["A_V"])["A_V"])
    5 [2, 2, 1]
    [0.1 0.2 0.3 0.4 0.5] mag
    """
    path = check_file(path)
    if path.suffix.lower() not in WITH_PARTS:
        msg = (
            f"path must be a .fits or .parquet file to be read in parts, got {str(path)!r}: read "
            "it with DustTable.read"
        )
        raise InputError(msg)
    with refuse_damaged(_damaged(path)):
        check_contents(path, WITH_PARTS[path.suffix.lower()])
        return OpenedResult(path, *_describe(path))


def _damaged(path):
    """Beginning of a message for a damaged file."""
    return f"the file {path} is not a readable result"


def _describe(path):
    """Number of rows of a file, and its first row as a table."""
    if path.suffix.lower() == ".fits":
        with open_mapped(path) as hdus:
            n_rows = hdus[1].header["NAXIS2"]
            return n_rows, RowTable.read(fits_rows(path, hdus[1], 0, min(1, n_rows)))
    from pyarrow import parquet

    first = next(parquet_parts(path, 1), None)
    return parquet.read_metadata(path).num_rows, None if first is None else _of_parquet(first)


def _of_parquet(content):
    """Table of a Parquet file in memory."""
    return RowTable(QTable.read(content, format="parquet"), copy=False)


class OpenedResult:
    """A result on disc, whose rows are read on request.

    `open_result` and ``estimate`` of a source of parts return it. Iteration yields a
    `~dustest.data.DustTable` for each part.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    n_rows : int
        Number of galaxies, which is also ``len``.
    first : Table
        Its first row.
    """

    def __init__(self, path, n_rows, first):
        self.path = path
        self._n_rows = n_rows
        self._first = first

    def __len__(self):
        return self._n_rows

    def __iter__(self):
        return self.parts()

    def __repr__(self):
        made = self.meta.get("estimator", "")
        by = f" by {made}" if made else ""
        return f"<OpenedResult {self.path.name}: {len(self)} galaxies{by}>"

    @property
    def colnames(self):
        """Names of the columns (list of str)."""
        return self._first.colnames

    @property
    def meta(self):
        """How the result was made (dict)."""
        return dict(self._first.meta)

    def parts(self, rows_at_once=_ROWS_AT_ONCE):
        """Read one part after the other.

        Parameters
        ----------
        rows_at_once : int, optional
            Rows of a part; the last has fewer.

        Yields
        ------
        table : DustTable
            Some rows.

        Raises
        ------
        ReadError
            If the file is damaged.
        """
        return self._parts(check_whole(rows_at_once, "rows_at_once"), None)

    def read(self, names=None):
        """Read all rows of some columns.

        Parameters
        ----------
        names : sequence of str, optional
            Columns; all by default.

        Returns
        -------
        table : DustTable
            The columns, in the order of the file.

        Raises
        ------
        InputError
            If a column does not exist.
        ReadError
            If the file is damaged.
        """
        for name in names or ():
            if name not in self.colnames:
                msg = (
                    f"names must be columns of {self.path.name}, got {name!r}: "
                    f"{did_you_mean(name, self.colnames)}it has {shown(self.colnames)}"
                )
                raise InputError(msg)
        parts = list(self._parts(_ROWS_AT_ONCE, names))
        for part in parts[1:]:
            part.meta = {}
        return vstack(parts) if len(parts) > 1 else parts[0]

    def _parts(self, rows_at_once, names):
        """Parts with some columns."""
        read = _fits_parts if self.path.suffix.lower() == ".fits" else _parquet_parts
        parts = read(self.path, rows_at_once, names)
        for table in refuse_damaged_items(_damaged(self.path), parts):
            if names is not None:
                table.keep_columns(names)
            yield DustTable(table, copy=False)


def _fits_parts(path, rows_at_once, names):  # noqa: ARG001 - rows are read as a whole
    """Tables of a FITS file."""
    with open_mapped(path) as hdus:
        n_rows = hdus[1].header["NAXIS2"]
        for start in range(0, n_rows, rows_at_once):
            stop = min(start + rows_at_once, n_rows)
            yield RowTable.read(fits_rows(path, hdus[1], start, stop), format="fits")


def _parquet_parts(path, rows_at_once, names):
    """Tables of a Parquet file."""
    return map(_of_parquet, parquet_parts(path, rows_at_once, names))


class ResultWriter:
    """Writes a result part by part, in a ``with`` block.

    The width of text and the types of numbers are those of all parts: if a part needs wider ones,
    or has a further column, the parts before are written again.

    Parameters
    ----------
    path : `~pathlib.Path`
        New file: ``.fits`` or ``.parquet``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from dustest.data import DustTable, open_result
    >>> from dustest.data.containers.result_files import ResultWriter
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with ResultWriter(Path(folder) / "result.fits") as writer:
    ...         for ids in (["a", "b"], ["longer"]):
    ...             writer.append(DustTable.from_quantities(ids, {"A_V": [0.5] * len(ids)}))
    ...     print(open_result(Path(folder) / "result.fits").read(["id"])["id"])
      id
    ------
         a
         b
    longer
    """

    def __init__(self, path):
        self._path = path
        self._make = _FitsFile if path.suffix.lower() == ".fits" else _ParquetFile
        self._file = None
        self._types = {}

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._file is not None:
            self._file.close()

    def append(self, table):
        """Write the next part.

        Parameters
        ----------
        table : DustTable
            Rows with the meta of the result.

        Raises
        ------
        InputError
            If a column has rows of another shape than before, or text that FITS would change.
        """
        plain = self._make.prepare(table)
        types = _common_types(self._types, plain)
        if self._file is not None and types != self._types:
            self._write_again(types)
        self._types = types
        self._put(plain)

    def _put(self, plain):
        """Write a part in the types of all parts."""
        plain = _with_types(plain, self._types)
        self._file = self._file or self._make(self._path)
        self._file.append(plain)

    def _write_again(self, types):
        """Write the parts before with other types."""
        self._file.close()
        former = self._path.with_name(f"{self._path.stem}.former{self._path.suffix}")
        self._path.replace(former)
        self._file, self._types = None, types
        try:
            for part in OpenedResult(former, *_describe(former)):
                self._put(self._make.prepare(part))
        finally:
            former.unlink()


def _common_types(known, table):
    """Types that hold the values of all parts, by column: type, shape of a row and unit."""
    types = dict(known)
    for name in table.colnames:
        column = table[name]
        new = (column.dtype, column.shape[1:], getattr(column, "unit", None))
        dtype, shape, unit = types.setdefault(name, new)
        if shape != new[1]:
            msg = f"column {name} must have rows of one shape, got {shape} and {new[1]}"
            raise InputError(msg)
        types[name] = (np.promote_types(dtype, new[0]), shape, unit)
    return types


def _with_types(table, types):
    """The table with all columns, in their types; a copy only if something changes."""
    is_same = list(types) == table.colnames and all(
        table[name].dtype == dtype for name, (dtype, _, _) in types.items()
    )
    if is_same:
        return table
    columns = QTable(meta=table.meta)
    for name, (dtype, shape, unit) in types.items():
        if name in table.colnames:
            columns[name] = table[name].astype(dtype)
        else:
            blank = np.full((len(table), *shape), np.nan if dtype.kind == "f" else dtype.type())
            columns[name] = blank if unit is None else blank << unit
    return columns


class _FitsFile:
    """A FITS file with one table, whose number of rows is written at the end."""

    def __init__(self, path):
        self._path = path
        self._file = path.open("wb")
        self._header = None
        self._place = 0
        self._n_rows = 0

    @staticmethod
    def prepare(table):
        """Table as it is written."""
        plain = fits_table(table)
        plain.meta[DATASUM] = ""
        if not is_restored_in_parts(plain.meta):
            msg = (
                "text with blanks at its end cannot be written to FITS in parts: write a "
                ".parquet file"
            )
            raise InputError(msg)
        return plain

    def append(self, plain):
        """Write rows."""
        content = io.BytesIO()
        plain.write(content, format="fits")
        content.seek(0)
        with fits.open(content, memmap=False) as hdus:
            header, info = hdus[1].header, hdus[1].fileinfo()
            start, n_bytes = info["datLoc"], header["NAXIS1"] * len(plain)
            if self._header is None:
                self._header, self._place = header, info["hdrLoc"]
                self._file.write(content.getbuffer()[:start])
            self._file.write(content.getbuffer()[start : start + n_bytes])
        self._n_rows += len(plain)

    def close(self):
        """Fill the last block, and write the number of rows and the checksum."""
        if self._header is not None:
            self._file.write(bytes(-self._header["NAXIS1"] * self._n_rows % FITS_BLOCK))
            self._header["NAXIS2"] = self._n_rows
            self._file.seek(self._place)
            self._file.write(self._header.tostring().encode("ascii"))
        self._file.close()
        if self._header is not None:
            write_datasum(self._path)


class _ParquetFile:
    """A Parquet file with groups of rows of each part."""

    def __init__(self, path):
        self._path = path
        self._writer = None

    @staticmethod
    def prepare(table):
        """Table as it is written."""
        return plain_table(table, objects=False)

    def append(self, plain):
        """Write rows."""
        from pyarrow import parquet

        part = self._path.with_name(f"{self._path.stem}.part{self._path.suffix}")
        try:
            rows = arrow_table(plain, part, overwrite=True)
        finally:
            part.unlink(missing_ok=True)
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._path, rows.schema, **PARQUET_OPTIONS)
        self._writer.write_table(rows, row_group_size=_GROUP)

    def close(self):
        """Complete the file."""
        if self._writer is not None:
            self._writer.close()
