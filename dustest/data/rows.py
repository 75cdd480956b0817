"""Tables whose rows scikit-learn can split, and which keep their meta in every file."""

import json

import numpy as np
from astropy.io import registry
from astropy.table import QTable

from dustest.data.errors import InputError

__all__ = ["RowTable"]

_FITS_META = "DUSTMETA"
_HDF5_PATH = "dust"


class RowTable(QTable):
    """A `~astropy.table.QTable` that scikit-learn treats like an array of rows.

    Unlike its parent it survives FITS and HDF5 with its meta, whatever the keys are.

    Examples
    --------
    >>> from dustest.data import RowTable
    >>> from sklearn.model_selection import train_test_split
    >>> table = RowTable({"A_V": [0.1, 0.2, 0.3, 0.4]})
    >>> [len(part) for part in train_test_split(table, random_state=0)]
    [3, 1]
    """

    @property
    def shape(self):
        """Shape as scikit-learn counts it: one axis, the rows."""
        return (len(self),)

    def take(self, indices, axis=0):
        """Rows by number or mask, as scikit-learn's splitters ask for them.

        Parameters
        ----------
        indices : array_like of int or bool of shape (m,)
            Rows to take.
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


def _plain(table):
    """The same columns as an ordinary `QTable` without meta."""
    plain = QTable(table, copy=False)
    plain.meta = {}
    return plain


def _write_fits(table, output, **kwargs):
    """Write to FITS; meta goes into one JSON card, since FITS would upper-case its keys."""
    plain = _plain(table)
    plain.meta[_FITS_META] = json.dumps(dict(table.meta), default=str)
    registry.write(plain, output, format="fits", **kwargs)


def _read_fits(*args, **kwargs):
    """Read what `_write_fits` wrote."""
    plain = QTable.read(*args, format="fits", **({"mask_invalid": False} | kwargs))
    stored = plain.meta.pop(_FITS_META, None)
    if stored is not None:
        plain.meta = json.loads(stored)
    return _native(plain)


def _write_hdf5(table, output, **kwargs):
    """Write to HDF5 with units and meta, which astropy leaves out unless asked."""
    defaults = {"path": _HDF5_PATH, "serialize_meta": True}
    plain = QTable(table, copy=False)
    registry.write(plain, output, format="hdf5", **(defaults | kwargs))


def _read_hdf5(*args, **kwargs):
    """Read what `_write_hdf5` wrote."""
    return _native(QTable.read(*args, format="hdf5", **({"path": _HDF5_PATH} | kwargs)))


def _native(plain):
    """Undo what a file format does to types: big-endian numbers and byte strings."""
    plain.convert_bytestring_to_unicode()
    for name in plain.colnames:
        column = plain[name]
        if not column.dtype.isnative:
            plain[name] = column.astype(column.dtype.newbyteorder("="))
    return RowTable(plain, copy=False)


registry.register_writer("fits", RowTable, _write_fits)
registry.register_reader("fits", RowTable, _read_fits)
registry.register_writer("hdf5", RowTable, _write_hdf5)
registry.register_reader("hdf5", RowTable, _read_hdf5)
