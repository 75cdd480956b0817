"""Shifts of SED fits due to their assumptions, compared with the uncertainties."""

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain

import numpy as np
from astropy.table import Column, QTable, vstack

from dustest.data.checks.tables import as_table
from dustest.data.errors import InputError
from dustest.data.quantities import QUANTITIES, check_quantity, percentile_columns
from dustest.data.worker_processes import WORKER_LIMITS
from dustest.validation.binned import binned_statistics
from dustest.validation.columns import numeric_columns
from dustest.validation.comparison import check_tables
from dustest.validation.disagreement import spread_of
from dustest.validation.matching import aligned_values, all_ids, identified, values_of
from dustest.validation.provenance import parameters_of

__all__ = ["ASSUMPTIONS", "assumption_shifts", "shift_statistics"]

ASSUMPTIONS = ("prior", "history")
"""Names of the columns ``<name>_shift`` and ``<name>_exceeds`` of `assumption_shifts`."""

# Parameters that set how a posterior is computed and written, not what is assumed.
_COMPUTATION = (
    *("engine", "escalate", "extra", "n_effective", "n_live", "share_models", "targets"),
    *WORKER_LIMITS,
)
_DIGITS = "0123456789"
_EVERYTHING = (-np.inf, np.inf)


def assumption_shifts(tables, quantity="A_V"):
    """Shifts of a quantity due to prior and star-formation history, and its uncertainty.

    Two kinds of tables are used, and all others are left out: those with the quantity under two
    priors, in columns ``<quantity>_flat`` and ``<quantity>_log10``; and those of one estimator
    whose meta differ in its parameter ``sfh``. The latter must agree in the other parameters, so
    that only the history changes, except in how the posterior is computed and in priors of the
    history itself.

    Parameters
    ----------
    tables : dict of str to DustTable, Table or data frame
        Results by name. Rows are paired as in `compare_tables`.
    quantity : str, optional
        A key of `~dustest.data.QUANTITIES`.

    Returns
    -------
    shifts : QTable
        One row per galaxy of any table, those of the longest first. If several tables have the
        same shift, their median is used.

        - ``id``, and the quantity itself.
        - ``half_width``: half of the distance from its 16th to its 84th percentile, the
          uncertainty under one set of assumptions.
        - ``prior_shift``: the value under the prior flat in the quantity minus that under the
          prior flat in its logarithm.
        - ``history_shift``: the largest minus the smallest value of all histories.
        - ``information``: bits that the data add to the prior (``<quantity>_information``).
        - ``prior_exceeds``, ``history_exceeds``: whether the shift is larger than
          ``half_width``, on either side of zero.

        Unknown values are NaN, and exceed nothing. The meta lists the tables with two priors
        (``priors``) and the ``histories``, each separated by commas.

    Raises
    ------
    InputError
        If the quantity is unknown, ``tables`` is empty, a column has a wrong unit, or rows cannot
        be paired.

    See Also
    --------
    shift_statistics : Summary of these shifts.

    Examples
    --------
    >>> from dustest.data import DustTable
    >>> from dustest.validation import assumption_shifts
    >>> interval = {"A_V_p16": [0.0, 0.9], "A_V_p84": [0.2, 1.1]}
    >>> delayed = DustTable.from_quantities(
    ...     [1, 2],
    ...     {"A_V": [0.1, 1.0], **interval},
    ...     meta={"estimator": "BagpipesEstimator", "params": '{"sfh": "delayed"}'})
    >>> constant = DustTable.from_quantities(
    ...     [1, 2],
    ...     {"A_V": [0.3, 1.05], **interval},
    ...     meta={"estimator": "BagpipesEstimator", "params": '{"sfh": "constant"}'})
    >>> shifts = assumption_shifts({"delayed": delayed, "constant": constant})
    >>> shifts["half_width"].round(2), shifts["history_shift"].round(2)
    (<Quantity [0.1, 0.1] mag>, <Quantity [0.2 , 0.05] mag>)
    >>> shifts["history_exceeds"].tolist()
    [True, False]
    """
    check_quantity(quantity)
    if not check_tables(tables):
        msg = "tables must hold at least one table of results, got none"
        raise InputError(msg)
    tables = identified(tables)
    rows = _Rows(tables, quantity)
    two_priors = [name for name, table in tables.items() if _has_two_priors(table, quantity)]
    groups = _history_groups(tables)
    fits = [*dict.fromkeys(two_priors + [n for group in groups for n in chain(*group.values())])]
    shifts = {
        quantity: rows.median(values_of, fits),
        "half_width": rows.median(_half_width, fits),
        "prior_shift": rows.median(_prior_shift, two_priors),
        "history_shift": _median([_history_shift(rows, group) for group in groups], rows.n),
    }
    result = QTable({"id": Column(rows.ids)})
    unit = QUANTITIES[quantity].unit
    for name, values in shifts.items():
        result[name] = values if unit is None else values << unit
    result["information"] = rows.median(_information, fits)
    for name in ASSUMPTIONS:
        result[f"{name}_exceeds"] = np.abs(shifts[f"{name}_shift"]) > shifts["half_width"]
    histories = sorted({sfh for group in groups for sfh in group})
    result.meta |= {"priors": ", ".join(two_priors), "histories": ", ".join(histories)}
    return result


def shift_statistics(shifts, quantity="A_V", *, edges=(0.0, 0.1, 0.3, 1.0, np.inf)):
    """Count galaxies with shifts larger than their uncertainty, overall and in bins.

    Parameters
    ----------
    shifts : QTable
        What `assumption_shifts` returns.
    quantity : str, optional
        The quantity of the shifts.
    edges : array_like or `~astropy.units.Quantity` of shape (n_bins + 1,), optional
        Edges of bins of the quantity, as in `binned_statistics`. The default is suited to A_V in
        mag.

    Returns
    -------
    statistics : QTable
        For each ``assumption``, prior and history, a row for all galaxies, from ``low`` minus
        infinity to ``high`` plus infinity, and a row for each bin: number ``n`` of galaxies with
        the quantity, the shift and the half width; number ``n_exceeds`` of those whose shift is
        larger than the half width, and their fraction ``share``; and the medians of all,
        ``shift`` and ``half_width``. Fraction and medians are NaN without galaxies.

    Raises
    ------
    InputError
        If a column is missing or not numeric, or the edges do not rise.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> from dustest.validation import shift_statistics
    >>> shifts = QTable(
    ...     {
    ...         "A_V": [0.05, 0.2, 0.25],
    ...         "half_width": [0.1, 0.1, 0.1],
    ...         "prior_shift": [0.3, 0.2, 0.0],
    ...         "history_shift": [0.0, 0.0, 0.0],
    ...     }
    ... )
    >>> table = shift_statistics(shifts, edges=[0.0, 0.1, 0.3])
    >>> print(table["assumption", "low", "high", "n", "n_exceeds", "shift"])
    assumption low  high  n  n_exceeds shift
    ---------- ---- ---- --- --------- -----
         prior -inf  inf   3         2   0.2
         prior  0.0  0.1   1         1   0.3
         prior  0.1  0.3   2         1   0.1
       history -inf  inf   3         0   0.0
       history  0.0  0.1   1         0   0.0
       history  0.1  0.3   2         0   0.0
    """
    shifts = as_table(shifts, "shifts")
    return vstack(
        [
            _assumption_statistics(shifts, quantity, name, bins)
            for name in ASSUMPTIONS
            for bins in (_EVERYTHING, edges)
        ],
        metadata_conflicts="silent",
    )


@dataclass(frozen=True)
class _Rows:
    """Tables with values aligned to the rows of all of them."""

    tables: dict
    quantity: str

    @cached_property
    def ids(self):
        """Identifiers of the rows."""
        return all_ids(self.tables)

    @property
    def n(self):
        """Number of rows."""
        return len(self.ids)

    def median(self, compute, names):
        """Median over some tables of a function of a table and the quantity."""
        return _median([self._aligned(compute, name) for name in names], self.n)

    def _aligned(self, compute, name):
        """Values of a function for one table, aligned to the rows."""
        table = self.tables[name]
        values = compute(table, self.quantity)
        return aligned_values(values, table["id"], self.ids, names=(name, "the other tables"))


def _has_two_priors(table, quantity):
    """Whether a table has the quantity under both priors."""
    return set(_prior_columns(quantity)) <= set(table.colnames)


def _prior_columns(quantity):
    """Columns of the quantity under a prior flat in it and one flat in its logarithm."""
    return f"{quantity}_flat", f"{quantity}_log10"


def _history_groups(tables):
    """Fits that differ in the history only: for each group, names by history."""
    groups = defaultdict(lambda: defaultdict(list))
    for name, table in tables.items():
        parameters = parameters_of(table.meta)
        if "sfh" in parameters:
            others = json.dumps(_other_assumptions(parameters), sort_keys=True)
            groups[table.meta.get("estimator"), others][str(parameters["sfh"])].append(name)
    return [group for group in groups.values() if len(group) > 1]


def _other_assumptions(parameters):
    """Parameters that must be equal in fits with two histories."""
    others = {
        name: value
        for name, value in parameters.items()
        if name not in ("sfh", "priors", *_COMPUTATION)
    }
    priors = parameters.get("priors")
    if not isinstance(priors, dict):
        return others | {"priors": priors or {}}
    # Bagpipes names a history by its components, which may be numbered.
    return others | {
        "priors": {
            key: value
            for key, value in priors.items()
            if key.partition(":")[0].rstrip(_DIGITS) not in str(parameters["sfh"])
        }
    }


def _history_shift(rows, group):
    """Largest minus smallest value of a quantity under several histories."""
    return spread_of([rows.median(values_of, names) for names in group.values()])


def _half_width(table, quantity):
    """Half of the 68 % interval."""
    low, high = (values_of(table, column) for column in percentile_columns(quantity))
    return (high - low) / 2


def _prior_shift(table, quantity):
    """The quantity under the prior flat in it minus that under the prior flat in its logarithm."""
    names = _prior_columns(quantity)
    units = dict.fromkeys(names, QUANTITIES[quantity].unit)
    flat, logarithmic = numeric_columns(table, names, argument="tables", units=units).values()
    return flat - logarithmic


def _information(table, quantity):
    """Bits that the data add to the prior; NaN if the table has no such column."""
    name = f"{quantity}_information"
    if name not in table.colnames:
        return np.full(len(table), np.nan)
    return numeric_columns(table, [name], argument="tables")[name]


def _median(rows, n):
    """Median of the finite values of each of n columns; NaN if there are none."""
    # The row of NaN allows a median of no rows.
    values = np.ma.masked_invalid([np.full(n, np.nan), *rows])
    return np.ma.filled(np.ma.median(values, axis=0), np.nan)


def _assumption_statistics(shifts, quantity, name, edges):
    """Statistics of one assumption in bins of the quantity."""
    names = [quantity, "half_width", f"{name}_shift"]
    columns = numeric_columns(shifts, names, argument="shifts")
    known = shifts[np.isfinite(np.stack(list(columns.values()))).all(axis=0)]
    moved, width = known[f"{name}_shift"], known["half_width"]
    binned = partial(binned_statistics, by=quantity, edges=edges)
    statistics = binned(known, f"{name}_shift")
    n_exceeds = binned(known[np.abs(moved) > width], f"{name}_shift")["n"]
    n = np.asarray(statistics["n"])
    share = np.divide(n_exceeds, n, out=np.full(n.shape, np.nan), where=n > 0)
    return QTable(
        {
            "assumption": [name] * len(statistics),
            "low": statistics["low"],
            "high": statistics["high"],
            "n": n,
            "n_exceeds": n_exceeds,
            "share": share,
            "shift": statistics["median"],
            "half_width": binned(known, "half_width")["median"],
        }
    )
