"""Tables of files that are read in parts: FITS, Parquet and HDF5.

Each part becomes a small file of the same format in memory, which the reader of whole files reads,
so that a part has the columns, units and types of the whole table.
"""

import io
from dataclasses import dataclass, field

import numpy as np
from astropy.io import fits
from astropy.table import Table

from dustest.data.checks.identifiers import ID_COLUMNS, match_ids
from dustest.data.checks.tables import first_named
from dustest.data.containers.rows import FITS_META, RowTable, is_restored_in_parts
from dustest.data.errors import InputError, ReadError
from dustest.data.files.contents import check_contents
from dustest.data.files.fits_contents import variable_columns
from dustest.data.files.parsing import check_file, refuse_damaged, refuse_damaged_items, require
from dustest.data.files.table_parts import fits_rows, open_mapped, parquet_parts
from dustest.data.messages import shown
from dustest.io._formats.containers import (
    choose_table,
    columns_of_group,
    hdf5_tables,
    read_group,
    read_parquet,
)
from dustest.io._formats.readers import (
    PACKAGES,
    astropy_table,
    fill_text,
    guess_format,
    ids_of,
    is_table,
    join_columns,
    main_table,
    missing_columns,
    named_table,
    preference,
)

__all__ = ["has_parts", "open_parts"]

_COMPRESSED = ".gz"
_SUFFIX_OF_META = ".__table_column_meta__"


def has_parts(path, file_format=None):
    """Whether the table of a file can be read in parts.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    file_format : str, optional
        Its format; by default given by the suffix of the name.

    Returns
    -------
    answer : bool
        True for the formats of `open_parts`, unless the file is compressed as a whole.

    Raises
    ------
    ReadError
        If the suffix is unknown.
    """
    return (file_format or guess_format(path)) in _OPENERS and path.suffix.lower() != _COMPRESSED


def open_parts(path, *, file_format=None, hdu=None, layouts=(), wanted=()):
    """Open the table of a file, which is read in parts.

    Parameters
    ----------
    path : str or path-like
        FITS file with a binary table, Parquet or HDF5 file, not compressed as a whole.
    file_format, hdu, layouts, wanted
        As in `~dustest.io.read_table`.

    Returns
    -------
    parts : object
        With ``n_rows``, and ``read(rows_at_once, names=None)``, which yields tables.

    Raises
    ------
    InputError
        If the format cannot be read in parts, or the extension does not exist.
    ReadError
        If the file is missing or damaged.
    MissingDependencyError
        If the format needs a package that is not installed.
    """
    path = check_file(path)
    file_format = file_format or guess_format(path)
    if not has_parts(path, file_format):
        compressed = " compressed by gzip" if path.suffix.lower() == _COMPRESSED else ""
        msg = (
            f"the file {path} must be FITS, Parquet or HDF5 to be read in parts, got "
            f"{file_format}{compressed}: convert it to Parquet, or read it as a whole with "
            "read_catalog"
        )
        raise InputError(msg)
    if file_format in PACKAGES:
        require(PACKAGES[file_format], f"reading {path.name}")

    def choose(found):
        return min(found, key=lambda name: preference(name, found[name], layouts))

    with refuse_damaged(_damaged(path, file_format)):
        check_contents(path, file_format)
        return _OPENERS[file_format](path, hdu, layouts, wanted, choose)


def _damaged(path, file_format):
    """Beginning of a message for a damaged file."""
    return f"the file {path} is not a readable {file_format} table"


@dataclass(frozen=True)
class _Parts:
    """Parts of a table.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    n_rows : int
        Number of rows.
    """

    path: object
    n_rows: int

    def read(self, rows_at_once, names=None):
        """Read one part after the other.

        Parameters
        ----------
        rows_at_once : int
            Rows of a part; the last has fewer.
        names : sequence of str, optional
            Columns that are needed; others may also be read.

        Yields
        ------
        part : `~astropy.table.Table`
            Rows of the table.

        Raises
        ------
        ReadError
            If the file is damaged.
        """
        parts = map(fill_text, self._parts(rows_at_once, names))
        n_read = 0
        for part in refuse_damaged_items(_damaged(self.path, self.file_format), parts):
            n_read += len(part)
            yield part
        if n_read != self.n_rows:
            msg = f"the file {self.path} must have {self.n_rows} rows, got {n_read}: it is damaged"
            raise ReadError(msg)

    def _starts(self, rows_at_once):
        """First row of each part and the one after its last."""
        starts = range(0, self.n_rows, rows_at_once)
        return [(start, min(start + rows_at_once, self.n_rows)) for start in starts]


@dataclass(frozen=True)
class _Joined:
    """Columns that are in another extension of a FITS file.

    Parameters
    ----------
    number : int
        Number of the extension.
    names : list of str
        Its columns.
    partners : ndarray of int of shape (n,)
        Its row for each row of the table, -1 if there is none.
    """

    number: int
    names: list
    partners: np.ndarray


@dataclass(frozen=True)
class _FitsParts(_Parts):
    """Parts of a binary table of a FITS file."""

    number: int
    joined: list = field(default_factory=list)
    file_format = "fits"

    def _parts(self, rows_at_once, names):  # noqa: ARG002 - rows are read as a whole
        for start, stop in self._starts(rows_at_once):
            yield self._part(start, stop)

    def _part(self, start, stop):
        """Some rows."""
        with open_mapped(self.path) as hdus:
            hdu = hdus[self.number]
            small = fits_rows(self.path, hdu, start, stop)
            is_own = FITS_META in hdu.header
            table = RowTable.read(small, format="fits") if is_own else astropy_table(small)
            table.meta = {**(table.meta if is_own else {}), "hdu": hdu.name}
            table = Table(table, copy=False) if is_own else table
            for one in self.joined:
                partners = one.partners[start:stop]
                rows = np.flatnonzero(partners >= 0)
                data = hdus[one.number].data[partners[rows]]
                other = astropy_table(fits.BinTableHDU(data, hdus[one.number].header))
                join_columns(table, other, one.names, rows, np.arange(len(rows)))
        return table


def _open_fits(path, hdu, layouts, wanted, choose):  # noqa: ARG001 - as the others
    """Parts of a table of a FITS file."""
    with open_mapped(path) as hdus:
        tables = list(filter(is_table, hdus))
        if not tables:
            msg = f"the file {path} holds no table, only images"
            raise ReadError(msg)
        main = main_table(tables, layouts) if hdu is None else named_table(hdus, hdu, path)
        _check_fits(main, path)
        names = list(main.columns.names)
        joined = []
        for other in tables:
            missing = missing_columns(names, other.columns.names, wanted)
            if other is main or not missing:
                continue
            rows, others = match_ids(ids_of(_ids_only(main)), ids_of(_ids_only(other)))
            if len(rows):
                partners = np.full(main.header["NAXIS2"], -1, dtype=np.int64)
                partners[rows] = others
                joined.append(_Joined(hdus.index_of(other), missing, partners))
                names += missing
        return _FitsParts(path, main.header["NAXIS2"], hdus.index_of(main), joined)


def _ids_only(hdu):
    """Table of the identifiers of an extension."""
    name = first_named(hdu.columns.names, ID_COLUMNS)
    column = fits.ColDefs([hdu.columns[name]])
    return astropy_table(fits.BinTableHDU.from_columns(column))


def _check_fits(hdu, path):
    """Raise an error for a table that cannot be read in parts."""
    if not isinstance(hdu, fits.BinTableHDU):
        msg = f"the table of {path} must be binary to be read in parts, got text: write it again"
        raise InputError(msg)
    variable = variable_columns(hdu)
    if variable:
        msg = (
            f"the columns {shown(list(variable))} of {path} have rows of different length, which "
            "cannot be read in parts: write the file without them, or read it with read_catalog"
        )
        raise InputError(msg)
    if not is_restored_in_parts(hdu.header):
        msg = (
            f"{path} has text with blanks at the end, which cannot be restored in parts: write it "
            "as Parquet, or read it with read_catalog"
        )
        raise InputError(msg)


@dataclass(frozen=True)
class _ParquetParts(_Parts):
    """Parts of a Parquet file."""

    file_format = "parquet"

    def _parts(self, rows_at_once, names):
        return map(read_parquet, parquet_parts(self.path, rows_at_once, names))


def _open_parquet(path, hdu, layouts, wanted, choose):  # noqa: ARG001 - as the others
    """Parts of a Parquet file."""
    from pyarrow import parquet

    if hdu is not None:
        msg = "hdu must be left out: a file of the format parquet holds one table"
        raise InputError(msg)
    return _ParquetParts(path, parquet.read_metadata(path).num_rows)


@dataclass(frozen=True)
class _Hdf5Parts(_Parts):
    """Parts of a table of an HDF5 file, or of a group whose members are its columns."""

    name: str
    file_format = "hdf5"

    def _parts(self, rows_at_once, names):
        for start, stop in self._starts(rows_at_once):
            yield self._part(start, stop, names)

    def _part(self, start, stop, names):
        """Some rows."""
        import h5py

        content = io.BytesIO()
        with h5py.File(self.path, "r") as file, h5py.File(content, "w") as small:
            source = file[self.name]
            if isinstance(source, h5py.Group):
                group = small.create_group("table")
                wanted = [n for n in columns_of_group(source) if names is None or n in names]
                for name in wanted:
                    _copy_rows(source[name], group, name, start, stop)
                return read_group(group, wanted)
            _copy_rows(source, small, "table", start, stop)
            if (meta := self.name + _SUFFIX_OF_META) in file:
                small["table" + _SUFFIX_OF_META] = file[meta][()]
            return Table.read(small, format="hdf5", path="table")


def _copy_rows(dataset, group, name, start, stop):
    """Copy some rows of a dataset, with its attributes."""
    values = dataset[start:stop]
    copied = group.create_dataset(name, data=values, dtype=dataset.dtype)
    for key, value in dataset.attrs.items():
        copied.attrs[key] = value


def _open_hdf5(path, hdu, layouts, wanted, choose):  # noqa: ARG001 - as the others
    """Parts of a table of an HDF5 file."""
    import h5py

    with h5py.File(path, "r") as file:
        name = choose_table(hdu, hdf5_tables(file), choose, path)
        item = file[name]
        if isinstance(item, h5py.Group):
            item = item[columns_of_group(item)[0]]
        return _Hdf5Parts(path, len(item), name)


_OPENERS = {"fits": _open_fits, "parquet": _open_parquet, "hdf5": _open_hdf5}
