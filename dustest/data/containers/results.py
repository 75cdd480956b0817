"""`DustTable`, the result of every estimator."""

from types import MethodType

import numpy as np
from astropy.table import Column

from dustest.data.accessors import accessor, accessor_names
from dustest.data.checks.identifiers import as_ids
from dustest.data.checks.values import to_floats
from dustest.data.containers.reweighting import reweigh
from dustest.data.containers.rows import RowTable
from dustest.data.errors import InputError
from dustest.data.flags import as_flags, decode_flags
from dustest.data.messages import did_you_mean
from dustest.data.quantities import QUANTITIES, core_quantities, percentile_columns

__all__ = ["DustTable", "rows_without_result"]


class DustTable(RowTable):
    """Dust quantities of n galaxies with percentiles, flags and provenance.

    Columns: ``id``; for each quantity Q the median ``Q`` and the percentiles ``Q_p16`` and
    ``Q_p84``; ``flags``, bits of `~dustest.data.FLAGS`. The core quantities ``A_V``, ``E_BV``,
    ``R_V`` and ``log_sSFR`` are always there, NaN if an estimator does not give them, others
    of `~dustest.data.QUANTITIES` on request. Further columns may follow. ``meta`` is a flat
    dictionary that records how the table was made.

    The table is unchanged, with units, flags and meta, in FITS, ECSV, Parquet and HDF5.

    Functions in the entry-point group ``dustest.table_methods`` are methods, such as
    ``table.plot_sed(id)`` for `dustest.report.plot_sed`.

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

    _rows_are = ("galaxy", "galaxies")

    @classmethod
    def from_quantities(cls, ids, columns, *, flags=None, extra=None, meta=None):
        """Make a table with every column of the contract.

        Parameters
        ----------
        ids : array_like of shape (n,)
            Galaxy identifiers.
        columns : dict of str to array_like of shape (n,)
            Medians and percentiles by column name. Values without a unit are in that of
            `~dustest.data.QUANTITIES`; omitted, masked or -99 values become NaN. A quantity that
            is not a core one has columns if any of its three is given.
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
            If ``ids`` are not one integer or text per row, a column is unknown, has another length
            than ``ids`` or a unit that does not convert, ``extra`` names a column of the
            contract, or ``flags`` are not those of `~dustest.data.FLAGS`.
        """
        contract = _contract_columns(columns)
        _check_names(columns, extra or {}, contract)
        table = cls()
        table["id"] = Column(as_ids(ids, "ids"), meta=getattr(ids, "meta", None))
        for name, unit in contract.items():
            values = _values(name, columns.get(name, np.nan), unit, len(table))
            table[name] = values if unit is None else values << unit
        bits = np.zeros(len(table), dtype=np.int32) if flags is None else as_flags(flags)
        for name, values in ({"flags": bits} | dict(extra or {})).items():
            table[name] = _rows_of(name, values, len(table))
        table.meta.update(meta or {})
        return table

    def under(self, prior):
        """Change the prior of a result, by weights of its draws.

        Draws have the weight of the new prior over the old one. The columns ``<Q>_log_prior``
        that ``estimate(..., draws=n)`` keeps are the natural logarithm of the old density of a
        quantity Q at each draw; ``meta["prior"]`` says how it is known.

        Parameters
        ----------
        prior : dict of str to distribution, or callable
            By quantity, frozen distributions of `scipy.stats`, which replace the priors of these
            quantities and keep those of all others given them; priors of several must be
            independent in the old prior. Or a function of the draws, a dict of ndarray of shape
            (n, n_draws) by quantity and parameter, that returns new over old prior.

        Returns
        -------
        table : DustTable
            A copy whose draws, medians, percentiles and means are those under the new prior; NaN
            for galaxies whose old prior is unknown, such as those outside a calibration.
            ``under_ess`` is the effective number of draws; galaxies with less than 50
            have the flag ``LOW_ESS``: keep more draws, or fit with the new prior. Other columns
            and flags are those of the old prior.

        Raises
        ------
        InputError
            If ``prior`` is neither, the table has no draws or no density of a quantity, or the
            function returns no weights.

        Warns
        -----
        DustestWarning
            If galaxies have no draw that is possible under the new prior, or one whose weight is
            not finite; they become NaN.

        Examples
        --------
        >>> import numpy as np
        >>> from scipy import stats
        >>> from dustest.data import DustTable
        >>> draws = np.random.default_rng(1).normal(1.0, 0.5, (1, 4000))
        >>> flat = {"A_V_draws": draws, "A_V_log_prior": np.zeros((1, 4000))}
        >>> table = DustTable.from_quantities([1], {"A_V": [1.0]}, extra=flat)
        >>> table.under({"A_V": stats.norm(0.0, 0.5)})["A_V"].round(1)
        <Quantity [0.5] mag>
        """
        return reweigh(self, prior)

    def __getattr__(self, name):
        function = None if name.startswith("_") else accessor(name)
        if function is None:
            msg = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(msg)
        return MethodType(function, self)

    def __dir__(self):
        return [*super().__dir__(), *accessor_names()]

    @property
    def flag_names(self):
        """Names of the flags that are set, one tuple per row."""
        return decode_flags(np.asarray(self["flags"]))


def _check_names(columns, extra, contract):
    """Raise an error for unknown columns, and for further ones with a name of the contract."""
    unknown = sorted(set(columns) - set(contract))
    if unknown:
        msg = (
            f"columns must be named after QUANTITIES, got {unknown}: "
            f"{did_you_mean(unknown[0], [*contract, *QUANTITIES])}pass others as extra"
        )
        raise InputError(msg)
    taken = sorted(set(extra) & {"id", "flags", *contract})
    if taken:
        msg = f"extra must not hold columns of the contract, got {taken}: rename them"
        raise InputError(msg)


def _values(name, given, unit, n_rows):
    """One number per row in the unit of a column, NaN if missing."""
    values = to_floats(given, f"column {name}", unit=unit)
    if values.shape not in ((), (n_rows,)):
        msg = f"column {name} must have one value for each of {n_rows} ids, got {values.shape}"
        raise InputError(msg)
    return np.broadcast_to(values, (n_rows,)).copy()


def _rows_of(name, values, n_rows):
    """A column with a value for each row."""
    if len(np.shape(values)) == 0 or len(values) != n_rows:
        msg = (
            f"column {name} must have one value for each of {n_rows} ids, got the shape "
            f"{np.shape(values)}"
        )
        raise InputError(msg)
    return values


def _contract_columns(columns):
    """Unit by name of the columns of core quantities, and of others that are given, in order."""
    core = core_quantities()
    families = {name: (name, *percentile_columns(name)) for name in QUANTITIES}
    return {
        column: QUANTITIES[name].unit
        for name, family in families.items()
        if name in core or not columns.keys().isdisjoint(family)
        for column in family
    }


def rows_without_result(table):
    """Find rows that have no estimate of any quantity.

    Parameters
    ----------
    table : DustTable
        n rows.

    Returns
    -------
    missing : ndarray of bool of shape (n,)
        True for rows without a median.
    names : tuple of str
        Names of the flags of these rows.

    Examples
    --------
    >>> from dustest.data import DustTable
    >>> from dustest.data.containers.results import rows_without_result
    >>> table = DustTable.from_quantities([1, 2], {"A_V": [0.2, float("nan")]}, flags=[0, 1])
    >>> missing, names = rows_without_result(table)
    >>> missing.tolist(), names
    ([False, True], ('NO_DATA',))
    """
    medians = [np.asarray(table[name]) for name in QUANTITIES if name in table.colnames]
    missing = ~np.any(np.isfinite(medians), axis=0)
    return missing, decode_flags(int(np.bitwise_or.reduce(table["flags"][missing], initial=0)))
