"""Comparison of result tables with the truth and with each other, row by row."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from astropy.table import QTable

from dustest.data.checks.identifiers import has_ids
from dustest.data.checks.tables import as_table
from dustest.data.checks.units import declared_unit
from dustest.data.checks.values import bare_values
from dustest.data.errors import InputError
from dustest.data.flags import FLAGS
from dustest.data.identity.seeds import as_generator
from dustest.data.messages import did_you_mean, shown
from dustest.data.progress import progress_bar
from dustest.data.quantities import (
    QUANTITIES,
    check_quantity,
    percentile_columns,
    quantity_column,
)
from dustest.validation.matching import (
    TRUTH,
    checked_truth,
    draws_of,
    gives,
    identified,
    match_rows,
    values_of,
)
from dustest.validation.metrics import METRICS, check_resamples, checked_limit, compute_metrics

__all__ = ["check_tables", "compare_pairs", "compare_tables", "comparison_pairs", "flag_counts"]

_SEED_LIMIT = 2**63


def compare_tables(
    tables,
    *,
    truth=None,
    reference=None,
    quantities=None,
    outlier_limit=None,
    n_bootstrap=200,
    random_state=None,
    progress=None,
):
    """Compute metrics of every table against the truth, and against the reference or each other.

    Rows are paired by identifier. If no table has identifiers, rows are paired by position, with
    a warning. Two tables are compared on the galaxies that both have.

    Parameters
    ----------
    tables : dict of str to DustTable, Table, data frame or dict of columns
        Results by name.
    truth : Table, data frame or dict of columns, optional
        A column for each known quantity of `~dustest.data.QUANTITIES`, and a column of
        identifiers with any usual name (``id``, ``ID``, ``source_id``, ``NUMBER``, ...).
    reference : str, optional
        Name of the table that the others are compared with; by default all pairs are.
    quantities : sequence of str, optional
        Quantities to compare; all by default. A quantity is compared if both sides have it for
        at least one galaxy.
    outlier_limit : float or `~astropy.units.Quantity`, optional
        See `compute_metrics`. Without a unit it applies to every quantity in its own unit, with a
        unit to quantities with a compatible unit.
    n_bootstrap : int, optional
        Number of resamples for the errors; with 0 the errors are NaN.
    random_state : None, int or `~numpy.random.Generator`, optional
        Seed of the resamples, which are the same for every row: estimators are compared on the
        same resampled galaxies.
    progress : bool, optional
        Whether to show a progress bar; by default on terminals and in notebooks.

    Returns
    -------
    metrics : QTable
        One row per estimator, table that it is compared ``against`` and ``quantity``, with the
        columns of `compute_metrics`. ``unit`` is that of the quantity, and ``n_unmatched``
        counts rows of either table without a partner. If ``against`` is another estimator, its
        medians are used as the truth, and its errors are not used. R_V is left out if a dust law
        makes it constant. The meta records how rows are ``paired_by``: ``"id"`` or ``"row"``.

    Raises
    ------
    InputError
        If a name is unknown, two tables have no identifier in common, or some have identifiers
        and others do not.

    Warns
    -----
    DustestWarning
        If rows are paired by position, or not paired because identifiers occur more than once.

    Examples
    --------
    >>> from dustest.data import DustTable
    >>> from dustest.validation import compare_tables
    >>> one = DustTable.from_quantities([1, 2, 3], {"A_V": [0.2, 0.5, 0.9]})
    >>> two = DustTable.from_quantities([3, 2, 1], {"A_V": [0.8, 0.4, 0.1]})
    >>> metrics = compare_tables({"one": one, "two": two}, random_state=1)
    >>> print(metrics["estimator", "against", "quantity", "n"])
    estimator against quantity  n
    --------- ------- -------- ---
          one     two      A_V   3
    >>> round(float(metrics["bias"][0]), 3)
    0.1
    """
    known = dict(check_tables(tables))
    if truth is not None:
        known[TRUTH] = checked_truth(truth)
    pairs = comparison_pairs(tables, reference=reference, with_truth=truth is not None)
    return compare_pairs(
        identified(known),
        pairs,
        quantities=quantities,
        outlier_limit=outlier_limit,
        n_bootstrap=n_bootstrap,
        random_state=random_state,
        progress=progress,
    )


def check_tables(tables):
    """Raise an error for anything but a dict of tables.

    Parameters
    ----------
    tables : dict of str to Table, data frame or dict of columns
        The argument.

    Returns
    -------
    tables : dict
        The same.

    Raises
    ------
    InputError
        If it is not a dict.
    """
    if not isinstance(tables, Mapping):
        msg = f"tables must be a dict of name to DustTable, got {type(tables).__name__}"
        raise InputError(msg)
    return tables


def compare_pairs(
    tables,
    pairs,
    *,
    quantities=None,
    outlier_limit=None,
    n_bootstrap=200,
    random_state=None,
    progress=None,
):
    """Compute metrics of some pairs of tables.

    Parameters
    ----------
    tables : dict of str to Table
        Results and truth by name, from `~dustest.validation.matching.identified`.
    pairs : list of (str, str)
        Names of the table and of the one it is compared against.
    quantities : sequence of str, optional
        See `compare_tables`.
    outlier_limit : float, Quantity or dict, optional
        See `compare_tables`.
    n_bootstrap : int, optional
        See `compare_tables`.
    random_state : None, int or `~numpy.random.Generator`, optional
        See `compare_tables`.
    progress : bool, optional
        See `compare_tables`.

    Returns
    -------
    metrics : QTable
        See `compare_tables`.

    Raises
    ------
    InputError
        If an argument is invalid, or two tables have no identifier in common.
    """
    limits = _limits(outlier_limit, _checked_quantities(quantities, tables))
    check_resamples(n_bootstrap)
    options = {
        "n_bootstrap": n_bootstrap,
        "random_state": int(as_generator(random_state).integers(_SEED_LIMIT)),
    }
    rows = [
        row
        for pair in progress_bar(pairs, progress, desc="metrics", unit="pair")
        for row in _pair_rows(tables, pair, limits, options)
    ]
    metrics = QTable(names=list(_ROW_TYPES), dtype=list(_ROW_TYPES.values()))
    if rows:
        metrics = QTable({name: [row[name] for row in rows] for name in _ROW_TYPES})
    by_id = all(has_ids(table) for table in tables.values())
    metrics.meta |= {
        "n_bootstrap": n_bootstrap,
        "outlier_limit": None if outlier_limit is None else str(outlier_limit),
        "paired_by": "id" if by_id else "row",
    }
    return metrics


_ROW_TYPES = {
    "estimator": str,
    "against": str,
    "quantity": str,
    "unit": str,
    "n": int,
    "n_dropped": int,
    "n_unmatched": int,
} | {column: float for name in METRICS for column in (name, f"{name}_err")}


def comparison_pairs(names, *, reference=None, with_truth=False):
    """List the pairs of tables to compare.

    Parameters
    ----------
    names : sequence of str
        Names of the tables.
    reference : str, optional
        Table that the others are compared with; by default all pairs are.
    with_truth : bool, optional
        Whether each table is also compared with the truth, first.

    Returns
    -------
    pairs : list of (str, str)
        Names of the table and of the one it is compared against.

    Raises
    ------
    InputError
        If the reference is not one of the names, or a table has the name of the truth.

    Examples
    --------
    >>> from dustest.validation.comparison import comparison_pairs
    >>> comparison_pairs(["cnn", "sed"], reference="sed", with_truth=True)
    [('cnn', 'truth'), ('sed', 'truth'), ('cnn', 'sed')]
    """
    names = list(names)
    if reference is not None and not (isinstance(reference, str) and reference in names):
        guess = did_you_mean(reference, names)
        msg = f"reference must be one of {names}, got {reference!r}: {guess}".rstrip(": ")
        raise InputError(msg)
    if with_truth and TRUTH in names:
        msg = f"no estimator may be named {TRUTH!r} if a truth is given; rename it"
        raise InputError(msg)
    pairs = [(name, TRUTH) for name in names] if with_truth else []
    if reference is None:
        return pairs + list(combinations(names, 2))
    return pairs + [(name, reference) for name in names if name != reference]


def flag_counts(tables):
    """Count the rows with each flag.

    Parameters
    ----------
    tables : dict of str to DustTable
        Results by name.

    Returns
    -------
    counts : QTable
        One row per table: ``estimator``, ``n`` rows, and a column for every flag of
        `~dustest.data.FLAGS`.

    Examples
    --------
    >>> from dustest.data import DustTable
    >>> from dustest.validation import flag_counts
    >>> table = DustTable.from_quantities([1, 2], {"A_V": [-0.1, 0.5]}, flags=[1024, 0])
    >>> print(flag_counts({"beta": table})["estimator", "n", "NEGATIVE_ATTENUATION"])
    estimator  n  NEGATIVE_ATTENUATION
    --------- --- --------------------
         beta   2                    1
    """
    counts = QTable(
        names=["estimator", "n", *FLAGS],
        dtype=[f"U{max(map(len, tables), default=1)}", int, *(int for _ in FLAGS)],
    )
    for name, table in tables.items():
        bits = _flags(name, as_table(table, name))
        set_bits = [np.count_nonzero(bits & flag.value) for flag in FLAGS.values()]
        counts.add_row([name, len(table), *set_bits])
    return counts


def _flags(name, table):
    """Flag bits of a table."""
    if "flags" not in table.colnames:
        msg = f"{name} must have the column flags, got {shown(table.colnames)}"
        raise InputError(msg)
    values, missing = bare_values(table["flags"])
    if values.dtype.kind not in "iu":
        msg = f"column flags of {name} must hold integers, got {values.dtype}"
        raise InputError(msg)
    return values if missing is None else np.where(missing, 0, values)


def _checked_quantities(quantities, tables):
    """The quantities asked for, or all that a table has; without tables, all that are known."""
    if quantities is None and not tables:
        return tuple(QUANTITIES)
    if quantities is None:
        columns = {column for table in tables.values() for column in table.colnames}
        return tuple(name for name in QUANTITIES if quantity_column(name, columns))
    names = (quantities,) if isinstance(quantities, str) else tuple(quantities)
    for name in names:
        check_quantity(name, "quantities")
    return names


def _limits(limit, quantities):
    """Outlier limit by quantity, None for the default rule."""
    unit = declared_unit(limit, "outlier_limit")
    units = {name: QUANTITIES[name].unit for name in quantities}
    fitting = [
        name
        for name, own in units.items()
        if unit is None or (own is not None and unit.is_equivalent(own))
    ]
    if quantities and not fitting:
        msg = f"outlier_limit must have a unit that one of {quantities} has, got {limit}"
        raise InputError(msg)
    return dict.fromkeys(quantities) | {n: checked_limit(limit, units[n]) for n in fitting}


def _pair_rows(tables, pair, limits, options):
    """Metric rows of one pair of tables, for every quantity that both give."""
    table, other = (tables[name] for name in pair)
    common = [name for name in limits if gives(table, name) and gives(other, name)]
    if not common:
        return []
    rows, other_rows = match_rows(table["id"], other["id"], names=pair)
    n_unmatched = len(table) + len(other) - len(rows) - len(other_rows)
    return [
        dict(zip(("estimator", "against"), pair, strict=True))
        | {"quantity": name, "unit": str(QUANTITIES[name].unit or ""), "n_unmatched": n_unmatched}
        | _quantity_metrics(
            (table, rows), (other, other_rows), name, options | {"outlier_limit": limits[name]}
        )
        for name in common
    ]


def _quantity_metrics(own, other, quantity, options):
    """Metrics of one quantity in the rows of two tables, which are of the same galaxies."""
    table, rows = own
    # Only these columns are copied, since large tables have millions of rows.
    median, low, high = (
        values_of(table, column)[rows] for column in (quantity, *percentile_columns(quantity))
    )
    draws = draws_of(table, quantity)
    return compute_metrics(
        median,
        values_of(other[0], quantity)[other[1]],
        p16=low,
        p84=high,
        draws=None if draws is None else draws[rows],
        **options,
    )
