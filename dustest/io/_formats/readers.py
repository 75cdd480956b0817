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

__all__ = [
    "PACKAGES",
    "astropy_table",
    "fill_text",
    "guess_format",
    "ids_of",
    "is_table",
    "join_columns",
    "main_table",
    "missing_columns",
    "named_table",
    "preference",
    "read_table",
]

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
PACKAGES = {"hdf5": "h5py", "parquet": "pyarrow"}


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
    file_format = file_format or guess_format(path)
    if hdu is not None and file_format not in _WITH_PARTS:
        msg = f"hdu must be left out: a file of the format {file_format} holds one table"
        raise InputError(msg)
    if file_format in PACKAGES:
        require(PACKAGES[file_format], f"reading {path.name}")
    layouts = tuple(LAYOUTS.values()) if layouts is None else layouts
    with refuse_damaged(f"the file {path} is not a readable {file_format} table"):
        check_contents(path, file_format)
        return fill_text(_read(path, file_format, hdu, layouts, wanted, select))


def _read(path, file_format, hdu, layouts, wanted, select):
    """Table of a file of known format."""

    def choose(found):
        return min(found, key=lambda name: preference(name, found[name], layouts))

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


def fill_text(table):
    """Replace masked text: formats mask empty strings.

    Parameters
    ----------
    table : Table
        Changed in place.

    Returns
    -------
    table : Table
        The same.
    """
    for name in table.colnames:
        column = table[name]
        if isinstance(column, MaskedColumn) and column.dtype.kind in "SU" and np.any(column.mask):
            table[name] = column.filled("")
    return table


def guess_format(path):
    """Format given by the suffix of a file name.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.

    Returns
    -------
    file_format : str
        Name of the format.

    Raises
    ------
    ReadError
        If the suffix is unknown.
    """
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
        tables = list(filter(is_table, hdus))
        if not tables:
            msg = f"the file {path} holds no table, only images"
            raise ReadError(msg)
        main = main_table(tables, layouts) if hdu is None else named_table(hdus, hdu, path)
        is_own = FITS_META in main.header
        table = _own_table(path, hdus.index_of(main)) if is_own else astropy_table(main)
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


def astropy_table(hdu):
    """Read an extension; units that are not in the FITS standard are kept as text.

    Parameters
    ----------
    hdu : `~astropy.io.fits.BinTableHDU`
        The extension.

    Returns
    -------
    table : `~astropy.table.Table`
        Its columns.
    """
    return Table.read(hdu, format="fits", mask_invalid=False, unit_parse_strict="silent")


def named_table(hdus, hdu, path):
    """Find the extension named by the user.

    Parameters
    ----------
    hdus : `~astropy.io.fits.HDUList`
        Open file.
    hdu : int or str
        Number or name.
    path : `~pathlib.Path`
        The file, for messages.

    Returns
    -------
    found : HDU
        The extension.

    Raises
    ------
    InputError
        If there is no such table.
    """
    try:
        found = hdus[hdu]
    except (KeyError, IndexError, TypeError):
        found = None
    if is_table(found):
        return found
    names = [item.name or str(number) for number, item in enumerate(hdus) if is_table(item)]
    msg = (
        f"hdu must be one of the tables {shown(names)} in {path}, got {hdu!r}: "
        f"{did_you_mean(hdu, names)}"
    )
    raise InputError(msg.rstrip(": "))


def is_table(hdu):
    """Whether an extension is a table.

    Parameters
    ----------
    hdu : HDU
        Any extension.

    Returns
    -------
    answer : bool
        Whether it is.
    """
    return isinstance(hdu, fits.BinTableHDU | fits.TableHDU)


def main_table(tables, layouts):
    """Find the extension with most bands of a layout, in the layouts' order of preference.

    Parameters
    ----------
    tables : list of HDU
        The tables of a file.
    layouts : sequence of Layout
        Layouts to choose from.

    Returns
    -------
    found : HDU
        The extension.
    """
    return min(tables, key=lambda table: preference(table.name, table.columns.names, layouts))


def preference(name, names, layouts):
    """Sort key of a table: number of bands first, then the order of layouts and extensions.

    Parameters
    ----------
    name : str
        Name of the table.
    names : sequence of str
        Its columns.
    layouts : sequence of Layout
        Layouts to choose from.

    Returns
    -------
    key : tuple of int
        The smallest is preferred.
    """
    ranks = [rank(layout, names) for layout in layouts]
    best = ranks.index(max(ranks))
    hdus = layouts[best].hdus
    order = hdus.index(name) if name in hdus else len(hdus)
    return (*(-count for count in ranks[best]), best, order)


def _join(table, other, wanted):
    """Add wanted columns of another extension with the same galaxies."""
    missing = missing_columns(table.colnames, other.columns.names, wanted)
    if missing:
        other = astropy_table(other)
        rows, others = match_ids(ids_of(table), ids_of(other))
        if len(rows):
            join_columns(table, other, missing, rows, others)


def missing_columns(names, other_names, wanted):
    """List the wanted columns that only another extension with the same galaxies has.

    Parameters
    ----------
    names, other_names : list of str
        Columns of both.
    wanted : sequence of str
        Wanted columns, in any letter case.

    Returns
    -------
    missing : list of str
        Columns of the other; empty if one of both has no identifiers.
    """
    if first_named(names, ID_COLUMNS) is None or first_named(other_names, ID_COLUMNS) is None:
        return []
    lacking = [name for name in wanted if first_named(names, [name]) is None]
    found = (first_named(other_names, [name]) for name in lacking)
    return list(dict.fromkeys(name for name in found if name is not None))


def join_columns(table, other, names, rows, others):
    """Add columns of another table, masked in rows without a partner.

    Parameters
    ----------
    table, other : Table
        The table, which is changed in place, and the other.
    names : sequence of str
        Columns of the other.
    rows, others : ndarray of int of shape (k,)
        Rows of both that belong together.
    """
    for name in names:
        column = other[name]
        values = np.zeros((len(table), *column.shape[1:]), dtype=column.dtype)
        values[rows] = np.ma.getdata(column)[others]
        mask = np.ones(values.shape, dtype=bool)
        mask[rows] = np.ma.getmaskarray(column)[others]
        table[name] = MaskedColumn(values, mask=mask, unit=column.unit)


def ids_of(table):
    """Identifiers of a table; missing ones are empty and are not paired.

    Parameters
    ----------
    table : Table
        With a column of identifiers.

    Returns
    -------
    ids : ndarray of int or str of shape (n,)
        The identifiers.
    """
    values, missing = bare_values(table[id_column(table)])
    ids = as_ids(values)
    return ids if missing is None else np.where(missing, "", ids.astype(str))
