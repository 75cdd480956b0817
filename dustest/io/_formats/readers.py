"""Tables from files of six formats."""

import numpy as np
from astropy.io import fits
from astropy.io.registry import IORegistryError
from astropy.table import MaskedColumn, Table

from dustest.data.checks.identifiers import ID_COLUMNS, as_ids, id_column, match_ids
from dustest.data.checks.tables import first_named
from dustest.data.checks.values import bare_values
from dustest.data.containers.rows import FITS_META, RowTable
from dustest.data.errors import InputError, ReadError
from dustest.data.files.contents import check_contents
from dustest.data.files.parsing import check_file, refuse_damaged, require
from dustest.data.messages import argument, did_you_mean, shown
from dustest.io._formats.containers import read_hdf5, read_parquet, read_votable
from dustest.io._formats.text import read_text
from dustest.io.layouts import LAYOUTS, rank

__all__ = ["read_table"]

_FORMATS = {
    ".fits": "fits",
    ".fit": "fits",
    ".ecsv": "ascii.ecsv",
    ".csv": "ascii.csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".hdf5": "hdf5",
    ".h5": "hdf5",
    ".vot": "votable",
    ".votable": "votable",
    ".xml": "votable",
    ".cat": "ascii",
    ".dat": "ascii",
    ".txt": "ascii",
}
_WITH_PARTS = ("fits", "hdf5", "votable")
_TEXT = ("ascii", "ascii.csv", "csv")
_PACKAGES = {"hdf5": "h5py", "parquet": "pyarrow"}


def read_table(path, *, file_format=None, hdu=None, layouts=None, wanted=(), select=None):
    r"""Read a table from a file.

    Parameters
    ----------
    path : str or path-like
        FITS, ECSV, CSV, Parquet, HDF5 or VOTable file, or columns of text.
    file_format : str, optional
        Format as in `astropy.table.Table.read`; by default given by the suffix of the name.
    hdu : int or str, optional
        Extension of a FITS file, path inside an HDF5 file, or name of a table of a VOTable.
    layouts : sequence of Layout, optional
        Layouts that select the table if the file has several; all by default.
    wanted : sequence of str, optional
        Columns to take from the other extensions of a FITS file, by identifier.
    select : callable, optional
        Selects the names of the columns to keep; FITS files are mapped into memory, so that only
        these are read.

    Returns
    -------
    table : `~astropy.table.Table`
        The columns, with the values of the file; missing text is empty.

    Raises
    ------
    InputError
        If the extension does not exist, or the format is unknown.
    ReadError
        If the file is missing, unreadable or of an unknown format.
    MissingDependencyError
        If the format needs a package that is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from dustest.io import read_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "truth.csv"
    ...     _ = path.write_text("# made by hand\nid,A_V\n007,0.3\n012,--\n")
    ...     table = read_table(path)
    >>> print(table)
     id A_V
    --- ---
    007 0.3
    012  --
    """
    path = check_file(path)
    file_format = file_format or _guess_format(path)
    if hdu is not None and file_format not in _WITH_PARTS:
        msg = f"hdu must be left out: a file of the format {file_format} holds one table"
        raise InputError(msg)
    if file_format in _PACKAGES:
        require(_PACKAGES[file_format], f"reading {path.name}")
    layouts = tuple(LAYOUTS.values()) if layouts is None else layouts
    with refuse_damaged(f"the file {path} is not a readable {file_format} table"):
        check_contents(path, file_format)
        return _fill_text(_read(path, file_format, hdu, layouts, wanted, select))


def _read(path, file_format, hdu, layouts, wanted, select):
    """Table of a file of known format."""

    def choose(found):
        return min(found, key=lambda name: _preference(name, found[name], layouts))

    if file_format == "fits":
        return _read_fits(path, hdu, layouts, wanted, select)
    if file_format in _TEXT:
        return read_text(path)
    if file_format == "hdf5":
        return read_hdf5(path, hdu, choose)
    if file_format == "votable":
        return read_votable(path, hdu, choose)
    if file_format == "parquet":
        return read_parquet(path)
    try:
        return Table.read(path, format=file_format)
    except IORegistryError as error:
        msg = (
            f"format must be one that astropy.table.Table.read knows, got {file_format!r}: "
            f"{did_you_mean(file_format, set(_FORMATS.values()))}"
        )
        raise InputError(msg.rstrip(": ")) from error


def _fill_text(table):
    """Table without masked text: formats mask empty strings."""
    for name in table.colnames:
        column = table[name]
        if isinstance(column, MaskedColumn) and column.dtype.kind in "SU" and np.any(column.mask):
            table[name] = column.filled("")
    return table


def _guess_format(path):
    """Format given by the suffix of a file name."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    found = _FORMATS.get(suffixes[-1]) if suffixes else None
    if found is None:
        msg = (
            f"the file {path} has no ending that tells its format; pass "
            f"{argument('format', 'fits')}, or one of {', '.join(sorted(set(_FORMATS.values())))}"
        )
        raise ReadError(msg)
    return found


def _read_fits(path, hdu, layouts, wanted, select):
    """Table of one extension, with wanted columns that only other extensions have."""
    with fits.open(path, memmap=True) as hdus:
        tables = list(filter(_is_table, hdus))
        if not tables:
            msg = f"the file {path} holds no table, only images"
            raise ReadError(msg)
        main = _main_table(tables, layouts) if hdu is None else _named_table(hdus, hdu, path)
        is_own = FITS_META in main.header
        table = _own_table(path, hdus.index_of(main)) if is_own else _astropy_table(main)
        for other in tables:
            if other is not main:
                _join(table, other, wanted)
        if select is not None:
            table.keep_columns(select(table))
        table.meta = {**(table.meta if is_own else {}), "hdu": main.name}
        # Closing the file ends the memory map.
        return table.copy()


def _own_table(path, number):
    """Table written by dustest, with its meta, text and types."""
    return RowTable.read(path, format="fits", hdu=number)


def _astropy_table(hdu):
    """Table of an extension; units that are not in the FITS standard are kept as text."""
    return Table.read(hdu, format="fits", mask_invalid=False, unit_parse_strict="silent")


def _named_table(hdus, hdu, path):
    """Extension named by the user."""
    try:
        found = hdus[hdu]
    except (KeyError, IndexError, TypeError):
        found = None
    if _is_table(found):
        return found
    names = [item.name or str(number) for number, item in enumerate(hdus) if _is_table(item)]
    msg = (
        f"hdu must be one of the tables {shown(names)} in {path}, got {hdu!r}: "
        f"{did_you_mean(hdu, names)}"
    )
    raise InputError(msg.rstrip(": "))


def _is_table(hdu):
    """Whether an extension is a table."""
    return isinstance(hdu, fits.BinTableHDU | fits.TableHDU)


def _main_table(tables, layouts):
    """Extension with most bands of a layout, in the layouts' order of preference."""
    return min(tables, key=lambda table: _preference(table.name, table.columns.names, layouts))


def _preference(name, names, layouts):
    """Sort key of a table: number of bands first, then the order of layouts and extensions."""
    ranks = [rank(layout, names) for layout in layouts]
    best = ranks.index(max(ranks))
    hdus = layouts[best].hdus
    order = hdus.index(name) if name in hdus else len(hdus)
    return (*(-count for count in ranks[best]), best, order)


def _join(table, other, wanted):
    """Add wanted columns of another extension with the same galaxies."""
    names = other.columns.names
    missing = [
        found
        for name in dict.fromkeys(wanted)
        if first_named(table.colnames, [name]) is None
        and (found := first_named(names, [name])) is not None
    ]
    if missing and _is_paired(table, other):
        _add(table, _astropy_table(other), missing)


def _is_paired(table, other):
    """Whether both have identifiers."""
    return (
        id_column(table) is not None and first_named(other.columns.names, ID_COLUMNS) is not None
    )


def _add(table, other, names):
    """Add columns of another table to the rows with the same identifier."""
    rows, others = match_ids(_ids(table), _ids(other))
    if len(rows) == 0:
        return
    for name in names:
        column = other[name]
        values = np.zeros((len(table), *column.shape[1:]), dtype=column.dtype)
        values[rows] = np.ma.getdata(column)[others]
        mask = np.ones(values.shape, dtype=bool)
        mask[rows] = np.ma.getmaskarray(column)[others]
        table[name] = MaskedColumn(values, mask=mask, unit=column.unit)


def _ids(table):
    """Identifiers of a table; missing ones are empty and are not paired."""
    values, missing = bare_values(table[id_column(table)])
    ids = as_ids(values)
    return ids if missing is None else np.where(missing, "", ids.astype(str))
