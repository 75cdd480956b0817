"""Files with several tables or special column types: HDF5, VOTable, Parquet."""

import numpy as np
from astropy.io import votable
from astropy.table import Column, MaskedColumn, Table

from dustest.data.errors import InputError, ReadError
from dustest.data.messages import argument, did_you_mean, shown

__all__ = [
    "choose_table",
    "columns_of_group",
    "hdf5_tables",
    "read_group",
    "read_hdf5",
    "read_parquet",
    "read_votable",
]


def read_hdf5(path, name, choose):
    """Read a table of an HDF5 file, or a group whose members are its columns.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    name : str or None
        Path of the table or group inside the file; by default ``choose`` selects it.
    choose : callable
        Selects a name from a dict of column names by table.

    Returns
    -------
    table : `~astropy.table.Table`
        The columns.

    Raises
    ------
    InputError
        If there is no such table.
    ReadError
        If the file has no table.
    """
    import h5py

    with h5py.File(path, "r") as file:
        found = hdf5_tables(file)
        name = choose_table(name, found, choose, path)
        if isinstance(file[name], h5py.Group):
            return read_group(file[name], columns_of_group(file[name]))
    return Table.read(path, format="hdf5", path=name)


def hdf5_tables(file):
    """List the tables of an HDF5 file.

    Parameters
    ----------
    file : `h5py.File`
        Open file.

    Returns
    -------
    found : dict of str to list of str
        Column names of every table and every group of columns.
    """
    import h5py

    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            if item.dtype.names and not name.endswith("__table_column_meta__"):
                found[name] = list(item.dtype.names)
            return
        columns = columns_of_group(item)
        if columns:
            found[name] = columns

    visit("/", file["/"])
    file.visititems(visit)
    return found


def columns_of_group(group):
    """List the datasets of a group that have the most common length.

    Parameters
    ----------
    group : `h5py.Group`
        Group of an open file.

    Returns
    -------
    names : list of str
        Their names; empty if there are less than two.
    """
    import h5py

    members = {
        name: item.shape[0]
        for name, item in group.items()
        if isinstance(item, h5py.Dataset) and item.ndim > 0 and not item.dtype.names
    }
    lengths = list(members.values())
    usual = max(set(lengths), key=lengths.count, default=0)
    names = [name for name, length in members.items() if length == usual]
    return names if len(names) > 1 else []


def read_group(group, names):
    """Read datasets of a group as columns.

    Parameters
    ----------
    group : `h5py.Group`
        Group of an open file.
    names : sequence of str
        Datasets of one length.

    Returns
    -------
    table : `~astropy.table.Table`
        The columns.
    """
    table = Table()
    for name in names:
        unit = group[name].attrs.get("unit", group[name].attrs.get("units"))
        unit = unit.decode() if isinstance(unit, bytes) else unit
        values = group[name][()]
        text = values.dtype.kind == "O"
        table[name] = Column(_decode(values) if text else values)
        table[name].unit = None if unit is None else str(unit)
    return table


def _decode(values):
    """Convert objects that are bytes to text."""
    return np.array([v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in values])


def choose_table(name, found, choose, path):
    """Choose the table of a file.

    Parameters
    ----------
    name : str or None
        Table named by the user.
    found : dict of str to list of str
        Column names by table.
    choose : callable
        Selects a table if the user names none.
    path : `~pathlib.Path`
        The file, for messages.

    Returns
    -------
    name : str
        Name of the table.

    Raises
    ------
    InputError
        If there is no such table.
    ReadError
        If there is none.
    """
    if not found:
        msg = f"the file {path} holds no table"
        raise ReadError(msg)
    if name is None:
        return next(iter(found)) if len(found) == 1 else choose(found)
    by_name = {key.strip("/"): key for key in found}
    if str(name).strip("/") not in by_name:
        msg = (
            f"hdu must be one of {shown(list(found))} in {path}, got {name!r}: "
            f"{did_you_mean(name, found)}pass {argument('hdu', next(iter(found)))}"
        )
        raise InputError(msg)
    return by_name[str(name).strip("/")]


def read_votable(path, name, choose):
    """Read a table of a VOTable file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    name : str or None
        Name or ID of the table; by default ``choose`` selects it.
    choose : callable
        Selects a name from a dict of column names by table.

    Returns
    -------
    table : `~astropy.table.Table`
        The columns.

    Raises
    ------
    InputError
        If there is no such table.
    ReadError
        If the file has no table.
    """
    tables = {}
    for item in votable.parse(path).iter_tables():
        key = item.name or item.ID or f"table {len(tables) + 1}"
        tables[key] = item.to_table(use_names_over_ids=True)
    found = {key: table.colnames for key, table in tables.items()}
    return tables[choose_table(name, found, choose, path)]


def read_parquet(path):
    """Read a Parquet file of any writer.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    table : `~astropy.table.Table`
        The columns; null entries are masked, categories become their values, and columns of
        structures are left out.
    """
    from pyarrow import parquet

    schema = parquet.read_schema(path)
    if b"table_meta_yaml" in (schema.metadata or {}):
        return Table.read(path, format="parquet")
    table = Table()
    for name, chunks in zip(schema.names, parquet.read_table(path).columns, strict=True):
        column = _convert_arrow(chunks)
        if column is not None:
            unit = (schema.field(name).metadata or {}).get(b"unit")
            column.unit = None if unit is None else unit.decode()
            table[name] = column
    return table


def _convert_arrow(chunks):
    """Convert an Arrow array to a column; None for structures."""
    import pyarrow as pa

    if pa.types.is_dictionary(chunks.type):
        chunks = chunks.cast(chunks.type.value_type)
    if pa.types.is_nested(chunks.type):
        return _convert_lists(chunks)
    null = np.asarray(chunks.is_null())
    is_text = pa.types.is_string(chunks.type) or pa.types.is_large_string(chunks.type)
    if is_text:
        return Column(np.array(["" if text is None else text for text in chunks.to_pylist()]))
    if null.any():
        # Integers with nulls would become floats, which cannot represent large identifiers.
        filled = chunks.fill_null(pa.scalar(0).cast(chunks.type)).to_numpy()
        return MaskedColumn(filled, mask=null)
    return Column(chunks.to_numpy())


def _convert_lists(chunks):
    """Convert lists of numbers of one length to a column, else None."""
    try:
        values = np.array(chunks.to_pylist())
    except ValueError:
        return None
    return Column(values) if values.dtype.kind in "iuf" else None
