"""Posteriors beside the truth, from tables or bare arrays."""

import re
from dataclasses import dataclass

import numpy as np
from astropy.table import QTable, Table

from dustest.data.checks.identifiers import match_ids
from dustest.data.checks.tables import as_table, is_table_like
from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError, InputTypeError
from dustest.data.messages import shown
from dustest.data.quantities import (
    QUANTITIES,
    check_quantity,
    percentile_columns,
)
from dustest.validation.matching import (
    TRUTH,
    checked_truth,
    draws_of,
    gives,
    identified,
    match_rows,
)
from dustest.validation.matching import values_of as quantity_values
from dustest.validation.metrics import mask_exchanged
from dustest.validation.posteriors.distributions import Draws, Quantiles

__all__ = ["Judged", "JudgedQuantity", "gives_posterior", "judge", "judge_one", "listed"]

_POSTERIOR = "posterior"
_BARE = "value"
_MEDIAN = 0.5


@dataclass(frozen=True)
class JudgedQuantity:
    """Truth and posterior of one quantity, galaxy by galaxy.

    Parameters
    ----------
    name : str
        Name of the quantity.
    truth : ndarray of shape (n,)
        True values, NaN if unknown.
    median : ndarray of shape (n,)
        Point estimates, NaN if unknown.
    distribution : Draws, Quantiles or None
        The posterior: its draws, if there are any; None for point estimates.
    percentiles : Quantiles or None
        The percentile columns, if there are any.
    """

    name: str
    truth: np.ndarray
    median: np.ndarray
    distribution: Draws | Quantiles | None
    percentiles: Quantiles | None = None

    @property
    def known(self):
        """Whether each galaxy has a truth and a posterior."""
        return np.isfinite(self.truth) & self.distribution.known

    def hits(self, level):
        """Whether the truth is in the central interval.

        Parameters
        ----------
        level : float
            Probability inside the interval.

        Returns
        -------
        hits : ndarray of shape (n,)
            From 0 to 1; NaN if unknown. The interval is that between two percentile columns, if
            there are such, else that of the distribution.
        """
        return self._of_level(level).hits(self.truth, level)

    def widths(self, level):
        """Widths of the central intervals.

        Parameters
        ----------
        level : float
            Probability inside the interval.

        Returns
        -------
        widths : ndarray of shape (n,)
            Upper minus lower limit; NaN if unknown.
        """
        low, high = self._of_level(level).quantiles([(1 - level) / 2, (1 + level) / 2]).T
        return high - low

    def _of_level(self, level):
        """The distribution that has the central interval."""
        ends = np.array([(1 - level) / 2, (1 + level) / 2])
        stored = self.percentiles
        if stored is not None and all(np.isclose(stored.levels, end).any() for end in ends):
            return stored
        return self.distribution


@dataclass(frozen=True)
class Judged:
    """Posteriors beside the truth.

    Parameters
    ----------
    quantities : dict of str to JudgedQuantity
        By name.
    truth, posterior : Table of n rows
        The tables, row by row; without columns for bare arrays.
    """

    quantities: dict
    truth: Table
    posterior: Table

    def __len__(self):
        return len(next(iter(self.quantities.values())).truth)


def judge(truth, posterior, quantity=None, quantiles=None, *, points=False):
    """Put posteriors beside the truth.

    Parameters
    ----------
    truth : Table, data frame or dict of columns, or array_like of shape (n,)
        True values. In a table, rows are found by identifier.
    posterior : Table, data frame or dict of columns, or array_like of shape (n, m)
        Results with percentile columns or draws; or bare draws, or bare quantiles.
    quantity : str or sequence of str, optional
        Quantities; all that both tables have by default. The name of bare arrays.
    quantiles : array_like of shape (m,), optional
        Probabilities of bare quantiles.
    points : bool, optional
        Whether quantities of tables that have no posterior, only point estimates, are kept; those
        that are neither are then left out without an error.

    Returns
    -------
    judged : Judged
        In the order of ``posterior``; the truth of other galaxies is left out, a missing one NaN.

    Raises
    ------
    InputError
        If arguments are invalid, columns are missing, or no galaxy is in both tables.

    Warns
    -----
    DustestWarning
        If rows are paired by position or not at all, or percentiles are exchanged.
    """
    if is_table_like(truth) != is_table_like(posterior):
        msg = (
            "truth and posterior must be both tables or both arrays, got "
            f"{type(truth).__name__} and {type(posterior).__name__}"
        )
        raise InputError(msg)
    if is_table_like(posterior):
        if quantiles is not None:
            msg = f"quantiles must be None for tables, whose columns name them, got {quantiles!r}"
            raise InputError(msg)
        return _judge_tables(truth, posterior, quantity, points)
    return _judge_arrays(truth, posterior, quantity, quantiles)


def judge_one(truth, posterior, quantity, quantiles=None):
    """Put the posterior of one quantity beside the truth.

    Parameters
    ----------
    truth : Table, data frame or dict of columns, or array_like of shape (n,)
        True values.
    posterior : Table, data frame or dict of columns, or array_like of shape (n, m)
        See `judge`.
    quantity : str
        The quantity; any name for arrays.
    quantiles : array_like of shape (m,), optional
        Probabilities of bare quantiles.

    Returns
    -------
    judged : JudgedQuantity
        See `judge`.

    Raises
    ------
    InputError
        If there is not one name, or as of `judge`.
    """
    if not isinstance(quantity, str):
        msg = f"quantity must be one name, got {quantity!r}"
        raise InputError(msg)
    return judge(truth, posterior, quantity, quantiles).quantities[quantity]


def gives_posterior(truth, posterior, quantity):
    """Whether two tables have the truth and the posterior of a quantity.

    Parameters
    ----------
    truth, posterior : Table
        With identifiers.
    quantity : str
        A key of `~dustest.data.QUANTITIES`.

    Returns
    -------
    answer : bool
        True if at least one galaxy in both has the truth, and percentiles or draws.
    """
    if not (gives(truth, quantity) and _has_posterior(posterior, quantity)):
        return False
    rows, others = match_ids(truth["id"], posterior["id"])
    return len(rows) > 0 and bool(_judged(quantity, truth[rows], posterior[others]).known.any())


def listed(names, argument):
    """Names that may be one name or None, as a list.

    Parameters
    ----------
    names : str, sequence of str or None
        The argument.
    argument : str
        Its name, for the error.

    Returns
    -------
    names : list of str
        Empty for None.

    Raises
    ------
    InputTypeError
        If it is anything else.
    """
    if names is None:
        return []
    names = [names] if isinstance(names, str) or not np.iterable(names) else list(names)
    if not all(isinstance(name, str) for name in names):
        msg = f"{argument} must be one name or a list of names, got {names!r}"
        raise InputTypeError(msg)
    return names


def _judge_arrays(truth, posterior, quantity, quantiles):
    """Bare arrays beside each other."""
    names = listed(quantity, "quantity") or [_BARE]
    values = to_floats(truth, TRUTH, sentinels=False, ndim=1)
    drawn = to_floats(posterior, _POSTERIOR, sentinels=False, ndim=2)
    if len(names) != 1 or len(values) != len(drawn) or len(values) == 0:
        msg = (
            "truth must be of shape (n,) and posterior of shape (n, m) for one quantity, got "
            f"{values.shape} and {drawn.shape} for {', '.join(names)}"
        )
        raise InputError(msg)
    known = Draws(drawn) if quantiles is None else _quantiles(drawn, quantiles)
    judged = JudgedQuantity(names[0], values, known.median, known)
    return Judged({names[0]: judged}, QTable(), QTable())


def _quantiles(values, levels):
    """Bare quantiles as a distribution."""
    levels = to_floats(levels, "quantiles", ndim=1)
    if len(levels) != values.shape[1]:
        msg = f"quantiles must be one for each of {values.shape[1]} columns, got {len(levels)}"
        raise InputError(msg)
    names = [f"the quantile at {level:g}" for level in levels]
    return Quantiles(levels, _rising(values, names))


def _judge_tables(truth, posterior, quantity, points):
    """Tables beside each other, row by row."""
    truth, posterior = _paired(truth, posterior)
    names = _find_quantities(quantity, truth, posterior, points)
    return Judged({name: _judged(name, truth, posterior) for name in names}, truth, posterior)


def _paired(truth, posterior):
    """Truth and results of the same galaxies, in the order of the results."""
    tables = identified({TRUTH: checked_truth(truth), _POSTERIOR: as_table(posterior)})
    for name, table in tables.items():
        if len(table) == 0:
            msg = f"{name} must have at least one row, got none"
            raise InputError(msg)
    rows, others = match_rows(*(table["id"] for table in tables.values()), names=tuple(tables))
    order = np.argsort(others)
    return tables[TRUTH][rows[order]], tables[_POSTERIOR][others[order]]


def _find_quantities(quantity, truth, posterior, points):
    """The quantities asked for, or all that have a truth and a posterior."""
    names = listed(quantity, "quantity")
    for name in names:
        check_quantity(name)
    known = [
        name
        for name in names or QUANTITIES
        if gives(truth, name)
        and (_has_posterior(posterior, name) or (points and gives(posterior, name)))
    ]
    if points:
        return known
    lacking = [name for name in names if name not in known]
    if lacking or not known:
        name = lacking[0] if lacking else "A_V"
        columns = ", ".join((name, *percentile_columns(name)))
        msg = (
            f"coverage of {name} needs the column {name} in truth and {columns} in posterior, got "
            f"{shown(truth.colnames)} in truth and {shown(posterior.colnames)} in posterior; "
            "columns without a number do not count"
        )
        raise InputError(msg)
    return known


def _has_posterior(table, name):
    """Whether a table has draws of a quantity, or its median and percentiles."""
    drawn = draws_of(table, name)
    return drawn is not None or _has_percentiles(table, name)


def _has_percentiles(table, name):
    """Whether a table has the median and the percentiles of a quantity."""
    needed = (name, *percentile_columns(name))
    return all(np.isfinite(quantity_values(table, column)).any() for column in needed)


def _judged(name, truth, posterior):
    """One quantity of two tables of the same rows."""
    percentiles = _percentiles(posterior, name)
    drawn = draws_of(posterior, name)
    known = percentiles if drawn is None else Draws(drawn)
    median = quantity_values(posterior, name)
    if known is not None:
        median = np.where(np.isfinite(median), median, known.median)
    return JudgedQuantity(name, quantity_values(truth, name), median, known, percentiles)


def _percentiles(posterior, name):
    """The percentile columns of a quantity; None without those of a `DustTable`."""
    if not _has_percentiles(posterior, name):
        return None
    columns = {0.5: name} | dict(_percentile_names(posterior, name))
    unit = QUANTITIES[name].unit
    values = {
        level: to_floats(posterior[column], f"column {column}", unit=unit, ndim=1)
        for level, column in sorted(columns.items())
        if level != _MEDIAN
    }
    values[_MEDIAN] = quantity_values(posterior, name)
    used = sorted(level for level, one in values.items() if np.isfinite(one).any())
    stacked = np.stack([values[level] for level in used], axis=1)
    return Quantiles(np.array(used), _rising(stacked, [columns[level] for level in used]))


def _percentile_names(table, name):
    """Levels and names of the percentile columns of a quantity."""
    pattern = re.compile(rf"{re.escape(name)}_p(\d\d)")
    matches = filter(None, map(pattern.fullmatch, table.colnames))
    levels = ((int(match[1]) / 100, match[0]) for match in matches)
    return [(level, column) for level, column in levels if level not in (0.0, _MEDIAN)]


def _rising(values, names):
    """Quantiles that rise: NaN in rows where two are exchanged, the median between the others."""
    values = values.copy()
    n = values.shape[1]
    for i in range(n // 2):
        pair = i, n - 1 - i
        masked = mask_exchanged(*values[:, pair].T, [names[j] for j in pair])
        values[:, pair] = np.stack(masked, axis=1)
    return np.minimum(np.maximum.accumulate(values, axis=1), values[:, -1:])
