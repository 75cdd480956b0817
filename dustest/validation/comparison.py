"""Result tables against the truth and against each other, matched row by row."""

from itertools import combinations

import numpy as np
from astropy.table import QTable

from dustest.data.errors import InputError
from dustest.data.flags import FLAGS
from dustest.data.progress import progress_bar
from dustest.data.quantities import QUANTITIES, percentile_columns
from dustest.validation.matching import gives, match_rows, truth_table, values_of
from dustest.validation.metrics import METRICS, check_resamples, checked_limit, compute_metrics

__all__ = ["TRUTH", "compare_tables", "comparison_pairs", "flag_counts"]

TRUTH = "truth"
"""What the truth is called where estimators have names."""

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
    """Metrics of every table against the truth, and against the reference or each other.

    Rows are paired by position where the ids of two tables are the same in the same order, by
    id otherwise. One of two tables may hold fewer galaxies: then those are compared.

    Parameters
    ----------
    tables : dict of str to DustTable
        Results by name.
    truth : Table, optional
        A column for each known quantity of `~dustest.data.QUANTITIES`, and ``id``; without ids
        its rows must be those of every table.
    reference : str, optional
        Name of the table that the others are compared with; by default all pairs are.
    quantities : sequence of str, optional
        Quantities to compare; all by default. A quantity enters where both sides give it for
        at least one galaxy.
    outlier_limit : float, optional
        See `compute_metrics`; applies to every quantity in its own unit.
    n_bootstrap : int, optional
        Number of resamples behind the errors; 0 leaves the errors NaN.
    random_state : None, int or `~numpy.random.Generator`, optional
        Seed of the resamples. Every row uses the same ones, so that estimators are compared
        on the same resampled galaxies.
    progress : bool, optional
        Whether to show a progress bar; by default on a terminal.

    Returns
    -------
    metrics : QTable
        A row for each estimator, what it is compared ``against`` and ``quantity``, with the
        columns of `compute_metrics`; ``unit`` is that of the quantity, and ``n_unmatched``
        counts rows of the longer table without a partner. Another estimator's medians stand
        in for the truth where the comparison is against one, its errors are not used.

    Raises
    ------
    InputError
        If a name is unknown, or ids are duplicated or missing where rows must be paired by id.

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
    names = _checked_quantities(quantities)
    check_resamples(n_bootstrap)
    outlier_limit = checked_limit(outlier_limit)
    known = dict(tables)
    if truth is not None:
        known[TRUTH] = truth_table(truth, tables)
    options = {
        "outlier_limit": outlier_limit,
        "n_bootstrap": n_bootstrap,
        "random_state": int(np.random.default_rng(random_state).integers(_SEED_LIMIT)),
    }
    pairs = comparison_pairs(tables, reference=reference, with_truth=truth is not None)
    rows = [
        row
        for pair in progress_bar(pairs, progress, desc="metrics", unit="pair")
        for row in _pair_rows(known, pair, names, options)
    ]
    metrics = QTable(names=list(_ROW_TYPES), dtype=list(_ROW_TYPES.values()))
    if rows:
        metrics = QTable({name: [row[name] for row in rows] for name in _ROW_TYPES})
    metrics.meta |= {"n_bootstrap": n_bootstrap, "outlier_limit": outlier_limit}
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
    """Which names are compared with which.

    Parameters
    ----------
    names : sequence of str
        Names of the tables.
    reference : str, optional
        The one that the others are compared with; by default all pairs are.
    with_truth : bool, optional
        Whether each is also compared with the truth, first.

    Returns
    -------
    pairs : list of (str, str)
        Name and what it is compared against.

    Raises
    ------
    InputError
        If the reference is not one of the names, or a table takes the name of the truth.

    Examples
    --------
    >>> from dustest.validation.comparison import comparison_pairs
    >>> comparison_pairs(["cnn", "sed"], reference="sed", with_truth=True)
    [('cnn', 'truth'), ('sed', 'truth'), ('cnn', 'sed')]
    """
    names = list(names)
    if reference is not None and reference not in names:
        msg = f"reference must be one of {names}, got {reference!r}"
        raise InputError(msg)
    if with_truth and TRUTH in names:
        msg = f"no estimator may be named {TRUTH!r} where a truth is given; rename it"
        raise InputError(msg)
    pairs = [(name, TRUTH) for name in names] if with_truth else []
    if reference is None:
        return pairs + list(combinations(names, 2))
    return pairs + [(name, reference) for name in names if name != reference]


def flag_counts(tables):
    """How many rows carry each flag.

    Parameters
    ----------
    tables : dict of str to DustTable
        Results by name.

    Returns
    -------
    counts : QTable
        A row for each table: ``estimator``, ``n`` rows, and a column for every flag of
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
        bits = np.asarray(table["flags"])
        set_bits = [np.count_nonzero(bits & flag.value) for flag in FLAGS.values()]
        counts.add_row([name, len(table), *set_bits])
    return counts


def _checked_quantities(quantities):
    """The quantities asked for, or all."""
    if quantities is None:
        return tuple(QUANTITIES)
    names = (quantities,) if isinstance(quantities, str) else tuple(quantities)
    unknown = [name for name in names if name not in QUANTITIES]
    if unknown:
        msg = f"quantities must be among {tuple(QUANTITIES)}, got {unknown}"
        raise InputError(msg)
    return names


def _pair_rows(tables, pair, quantities, options):
    """Metric rows of one pair of tables, for every quantity that both give."""
    table, other = (tables[name] for name in pair)
    common = [name for name in quantities if gives(table, name) and gives(other, name)]
    if not common:
        return []
    rows, other_rows = match_rows(table["id"], other["id"], names=pair)
    table, other = table[rows], other[other_rows]
    n_unmatched = max(len(tables[name]) for name in pair) - len(rows)
    return [
        dict(zip(("estimator", "against"), pair, strict=True))
        | {"quantity": name, "unit": str(QUANTITIES[name].unit or ""), "n_unmatched": n_unmatched}
        | _quantity_metrics(table, other, name, options)
        for name in common
    ]


def _quantity_metrics(table, other, quantity, options):
    """Metrics of one quantity in two tables of the same galaxies."""
    low, high = percentile_columns(quantity)
    return compute_metrics(
        values_of(table, quantity),
        values_of(other, quantity),
        p16=values_of(table, low),
        p84=values_of(table, high),
        **options,
    )
