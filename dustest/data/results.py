"""`DustTable`, the result of every estimator."""

import numpy as np
from astropy.table import Column

from dustest.data.errors import InputError
from dustest.data.flags import decode_flags
from dustest.data.quantities import QUANTITIES, percentile_columns
from dustest.data.rows import RowTable

__all__ = ["DustTable"]


class DustTable(RowTable):
    """Dust quantities of n galaxies with percentiles, flags and provenance.

    Columns: ``id``; for each quantity Q of `~dustest.data.QUANTITIES` the median ``Q`` and
    the percentiles ``Q_p16`` and ``Q_p84``, NaN where an estimator does not give Q;
    ``flags``, bits of `~dustest.data.FLAGS`. Further columns may follow. ``meta`` is a flat
    dictionary that records how the table was made.

    The table survives FITS, ECSV, Parquet and HDF5 with units, flags and meta.

    Examples
    --------
    >>> from dustest.data import DustTable
    >>> table = DustTable.from_quantities([1, 2], {"A_V": [0.2, 0.5]})
    >>> print(table["id", "A_V", "flags"])
     id A_V flags
        mag
    --- --- -----
      1 0.2     0
      2 0.5     0
    """

    @classmethod
    def from_quantities(cls, ids, columns, *, flags=None, extra=None, meta=None):
        """Make a table with every column of the contract.

        Parameters
        ----------
        ids : array_like of shape (n,)
            Galaxy identifiers.
        columns : dict of str to array_like of shape (n,)
            Medians and percentiles by column name, in the units of
            `~dustest.data.QUANTITIES`; what is left out becomes NaN.
        flags : array_like of int of shape (n,), optional
            Flag bits; zero by default.
        extra : dict of str to array_like of shape (n, ...), optional
            Further columns.
        meta : dict, optional
            Flat provenance.

        Returns
        -------
        table : DustTable
            Table of n rows.

        Raises
        ------
        InputError
            If a column is unknown.
        """
        unknown = sorted(set(columns) - set(_contract_columns()))
        if unknown:
            msg = f"columns must be named after QUANTITIES, got {unknown}; pass others as extra"
            raise InputError(msg)
        table = cls()
        table["id"] = Column(ids)
        for name, unit in _contract_columns().items():
            values = np.full(len(table), np.nan)
            values[:] = columns.get(name, np.nan)
            table[name] = values if unit is None else values << unit
        bits = np.zeros(len(table), dtype=np.int32) if flags is None else flags
        table["flags"] = np.asarray(bits, dtype=np.int32)
        for name, values in (extra or {}).items():
            table[name] = values
        table.meta.update(meta or {})
        return table

    @property
    def flag_names(self):
        """Names of the flags that are set, one tuple a row."""
        return decode_flags(np.asarray(self["flags"]))


def _contract_columns():
    """Unit by name of the quantity columns, in order."""
    return {
        name: quantity.unit
        for quantity in QUANTITIES.values()
        for name in (quantity.name, *percentile_columns(quantity.name))
    }
