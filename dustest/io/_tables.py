"""Tables from files of six formats, whatever is wrong with them."""

import numpy as np
from astropy.io import fits
from astropy.io.registry import IORegistryError
from astropy.table import Table

from dustest.data.errors import DustestError, InputError, ReadError
from dustest.data.identifiers import ID_COLUMNS
from dustest.data.messages import shown
from dustest.data.tables import first_named
from dustest.io._files import PARSER_ERRORS, check_file, reason, require
from dustest.io.layouts import LAYOUTS

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
_PACKAGES = {"hdf5": "h5py", "parquet": "pyarrow"}


def read_table(path, *, file_format=None, hdu=None, layouts=LAYOUTS, wanted=(), select=None):
    """Read a table from a file.

    Parameters
    ----------
    path : str or path-like
        FITS, ECSV, CSV, Parquet, HDF5 or VOTable file, or plain columns of text.
    file_format : str, optional
        Format as `astropy.table.Table.read` calls it; by default the ending of the name tells.
    hdu : int or str, optional
        Extension of a FITS file, or path inside an HDF5 file.
    layouts : sequence of Layout, optional
        Layouts by which the extension of a FITS file is chosen where there are several.
    wanted : sequence of str, optional
        Columns to take from the other extensions of a FITS file.
    select : callable, optional
        Picks from a list of column names those to keep; FITS files are mapped into memory, so
        that only these are ever read.

    Returns
    -------
    table : `~astropy.table.Table`
        The columns, the values still those of the file.

    Raises
    ------
    InputError
        If the extension is not there, or the format is not known.
    ReadError
        If the file is missing, unreadable or of an unknown format.
    MissingDependencyError
        If the format needs a package that is not installed.
    """
    path = check_file(path)
    file_format = file_format or _format_of(path)
    if file_format in _PACKAGES:
        require(_PACKAGES[file_format], f"reading {path.name}")
    try:
        if file_format == "fits":
            return _read_fits(path, hdu, layouts, wanted, select)
        options = {"path": hdu} if file_format == "hdf5" and hdu is not None else {}
        return Table.read(path, format=file_format, **options)
    except DustestError:
        raise
    except IORegistryError as error:
        msg = f"format must be one that astropy.table.Table.read knows, got {file_format!r}"
        raise InputError(msg) from error
    except PARSER_ERRORS as error:
        msg = f"the file {path} is not a readable {file_format} table: {reason(error)}"
        raise ReadError(msg) from error


def _format_of(path):
    """Format by the ending of a file's name."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    found = _FORMATS.get(suffixes[-1]) if suffixes else None
    if found is None:
        msg = (
            f"the file {path} has no ending that tells its format; pass format='fits', "
            "'ascii.ecsv', 'ascii.csv', 'parquet', 'hdf5' or 'votable'"
        )
        raise ReadError(msg)
    return found


def _read_fits(path, hdu, layouts, wanted, select):
    """Table of one extension, with the wanted columns that only other extensions have."""
    with fits.open(path, memmap=True) as hdus:
        tables = [item for item in hdus if isinstance(item, fits.BinTableHDU | fits.TableHDU)]
        if not tables:
            msg = f"the file {path} holds no table, only images"
            raise ReadError(msg)
        main = _main_table(tables, layouts) if hdu is None else _named_table(hdus, hdu, path)
        table = _astropy_table(main)
        for other in tables:
            if other is not main:
                _join(table, other, wanted)
        if select is not None:
            table.keep_columns(select(table.colnames))
        table.meta = {"hdu": main.name}
        # The file is about to be closed, and with it the memory that it is mapped to.
        return table.copy()


def _astropy_table(hdu):
    """Table of an extension; units that the FITS standard lacks are left to be understood."""
    return Table.read(hdu, format="fits", mask_invalid=False, unit_parse_strict="silent")


def _named_table(hdus, hdu, path):
    """Extension that the user asked for."""
    try:
        found = hdus[hdu]
    except (KeyError, IndexError, TypeError) as error:
        msg = f"hdu must be one of {shown([item.name for item in hdus])} in {path}, got {hdu!r}"
        raise InputError(msg) from error
    if isinstance(found, fits.BinTableHDU | fits.TableHDU):
        return found
    msg = f"hdu must be an extension of {path} that holds a table, got {hdu!r}"
    raise InputError(msg)


def _main_table(tables, layouts):
    """Extension in which a layout names most bands, in the layout's own order of preference."""

    def rank(table):
        names = table.columns.names
        counts = [len(layout.pairs(names)) for layout in layouts]
        best = int(np.argmax(counts))
        hdus = layouts[best].hdus
        order = hdus.index(table.name) if table.name in hdus else len(hdus)
        return (-counts[best], best, order)

    return min(tables, key=rank)


def _join(table, other, wanted):
    """Add wanted columns of another extension that lists the same galaxies."""
    names = other.columns.names
    missing = [
        found
        for name in wanted
        if first_named(table.colnames, [name]) is None
        and (found := first_named(names, [name])) is not None
    ]
    if missing and _same_galaxies(table, other):
        extra = _astropy_table(other)
        for name in missing:
            table[name] = extra[name]


def _same_galaxies(table, other):
    """Whether both list the same identifiers in the same order."""
    mine = first_named(table.colnames, ID_COLUMNS)
    theirs = first_named(other.columns.names, ID_COLUMNS)
    if mine is None or theirs is None or len(table) != len(other.data):
        return False
    return np.array_equal(np.asarray(table[mine]), np.asarray(other.data[theirs]))
