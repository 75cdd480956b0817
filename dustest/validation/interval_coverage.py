"""Coverage of the intervals of results, as a whole and in cells."""

from itertools import pairwise
from numbers import Integral

import numpy as np
from astropy.table import QTable

from dustest.data.checks.numbers import check_number
from dustest.data.errors import InputError, InputTypeError
from dustest.data.messages import shown
from dustest.data.quantities import QUANTITIES, check_quantity, percentile_columns
from dustest.validation.columns import numeric_columns
from dustest.validation.matching import (
    TRUTH,
    checked_truth,
    gives,
    identified,
    match_rows,
    values_of,
)
from dustest.validation.metrics import is_inside, mask_exchanged, split_normal_interval

__all__ = ["coverage"]

_ALL = "all"
_POSTERIOR = "posterior"
_BETWEEN_PERCENTILES = 0.68
_TYPES = {"quantity": str, "by": str, "low": float, "high": float, "level": float, "n": int}
_TYPES |= dict.fromkeys(("coverage", "coverage_err", "deviation"), float)


def coverage(truth, posterior, quantity=None, *, levels=(0.68, 0.9), by=None, n_cells=10):
    """Measure how often intervals contain the truth, overall and in cells of other columns.

    Rows are paired by identifier, see `compare_tables`.

    Parameters
    ----------
    truth : Table, data frame or dict of columns
        True values, with identifiers.
    posterior : DustTable, Table, data frame or dict of columns
        Results with the columns ``<quantity>``, ``<quantity>_p16`` and ``<quantity>_p84``.
    quantity : str or sequence of str, optional
        Keys of `~dustest.data.QUANTITIES`; by default all with percentiles and truth.
    levels : float or sequence of float, optional
        Probabilities inside the central intervals. 0.68 is the range between the percentiles;
        other intervals are those of `split_normal_interval`.
    by : str or sequence of str, optional
        Columns of ``posterior`` that define cells. A quantity means its prediction; further
        columns, such as a signal-to-noise ratio, can be added to the table. Cells of a true
        quantity would not have the nominal coverage even for a calibrated posterior.
    n_cells : int, optional
        Number of cells with about equally many galaxies.

    Returns
    -------
    coverage : QTable
        For each ``quantity`` and ``level``, a row for all galaxies, with ``by`` equal to "all"
        and cells from minus to plus infinity, then one for each cell. A cell includes its lower
        edge ``low``, and the last its upper edge ``high`` as well, in the unit of the column;
        equal edges are merged. ``n`` is the number of galaxies with truth and interval,
        ``coverage`` the fraction of truths inside, ``coverage_err`` the binomial standard error
        sqrt(level (1 - level) / n) of a calibrated posterior, and ``deviation`` the coverage
        minus the level in units of this error. They are NaN without galaxies.

    Raises
    ------
    InputError
        If an argument is invalid, a column is missing, most 16th percentiles are above the 84th,
        or no galaxy is in both tables.

    Warns
    -----
    DustestWarning
        If rows are paired by position, or not paired because identifiers occur more than once, or
        if percentiles of some rows are exchanged; these do not count.

    See Also
    --------
    compute_metrics : Coverage with other metrics.

    Notes
    -----
    Views of one galaxy are not independent, so that the binomial error is too small for them.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.validation import coverage
    >>> rng = np.random.default_rng(1)
    >>> measured = rng.normal(0.5, 0.1, 4000)
    >>> results = {"id": np.arange(4000), "A_V": measured}
    >>> results |= {"A_V_p16": measured - 0.1, "A_V_p84": measured + 0.1}
    >>> truth = {"id": np.arange(4000), "A_V": rng.normal(measured, 0.1)}
    >>> table = coverage(truth, results, by="A_V", n_cells=2)
    >>> print(table["by", "level", "n", "coverage"])
     by level  n   coverage
    --- ----- ---- --------
    all  0.68 4000   0.6885
    A_V  0.68 2000    0.677
    A_V  0.68 2000      0.7
    all   0.9 4000  0.90875
    A_V   0.9 2000   0.9115
    A_V   0.9 2000    0.906
    """
    levels = [_check_level(level) for level in np.atleast_1d(levels).tolist() or [levels]]
    check_number(n_cells, "n_cells", 1, kind=Integral, expected="a positive integer")
    truth, posterior = _paired(truth, posterior)
    names = _find_quantities(quantity, truth, posterior)
    percentiles = {name: _percentiles(posterior, name) for name in names}
    for name, found in percentiles.items():
        found[1:] = mask_exchanged(*found[1:], percentile_columns(name))
    columns = numeric_columns(posterior, _listed(by, "by"), argument=_POSTERIOR)
    cells = [(_ALL, -np.inf, np.inf, np.ones(len(posterior), dtype=bool))]
    for name, values in columns.items():
        cells += _split(name, values, n_cells)
    rows = [
        (name, *_statistics(_hits(values_of(truth, name), percentiles[name], level), cell, level))
        for name in names
        for level in levels
        for cell in cells
    ]
    return QTable(rows=rows, names=list(_TYPES), dtype=list(_TYPES.values()))


def _check_level(level):
    """A probability between 0 and 1."""
    number = check_number(level, "levels", 0.0, above=True, expected="numbers between 0 and 1")
    if number >= 1.0:
        msg = f"levels must be numbers between 0 and 1, got {level!r}"
        raise InputError(msg)
    return number


def _listed(names, argument):
    """Names that may be one name or None, as a list."""
    if names is None:
        return []
    listed = [names] if isinstance(names, str) or not np.iterable(names) else list(names)
    if not all(isinstance(name, str) for name in listed):
        msg = f"{argument} must be one name or a list of names, got {names!r}"
        raise InputTypeError(msg)
    return listed


def _paired(truth, posterior):
    """Truth and results of the same galaxies, row by row."""
    tables = identified({TRUTH: checked_truth(truth), _POSTERIOR: posterior})
    for name, table in tables.items():
        if len(table) == 0:
            msg = f"{name} must have at least one row, got none"
            raise InputError(msg)
    rows = match_rows(*(table["id"] for table in tables.values()), names=tuple(tables))
    return [table[index] for table, index in zip(tables.values(), rows, strict=True)]


def _find_quantities(quantity, truth, posterior):
    """The quantities asked for, or all that have a truth and percentiles."""
    names = _listed(quantity, "quantity")
    for name in names:
        check_quantity(name)
    known = [
        name
        for name in names or QUANTITIES
        if gives(truth, name) and all(np.isfinite(_percentiles(posterior, name)).any(axis=1))
    ]
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


def _percentiles(posterior, name):
    """Median, 16th and 84th percentile of a quantity, as an array of shape (3, n)."""
    return np.array([values_of(posterior, c) for c in (name, *percentile_columns(name))])


def _hits(value, percentiles, level):
    """1 if the truth is in the interval, 0 if not, NaN if either is unknown."""
    median, low, high = percentiles
    if level != _BETWEEN_PERCENTILES:
        low, high = split_normal_interval(median, low, high, level)
    return np.where(np.isfinite(value), is_inside(value, low, high), np.nan)


def _split(name, values, n_cells):
    """Cells of a column with about equally many values: name, edges and members."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return []
    edges = np.unique(np.quantile(known, np.linspace(0.0, 1.0, n_cells + 1)))
    edges = edges if edges.size > 1 else np.repeat(edges, 2)
    number = np.digitize(values, edges[1:-1])
    return [
        (name, low, high, np.isfinite(values) & (number == i))
        for i, (low, high) in enumerate(pairwise(edges))
    ]


def _statistics(hits, cell, level):
    """A row of the table, without the quantity."""
    name, low, high, members = cell
    hits = hits[members & np.isfinite(hits)]
    n = len(hits)
    share, error = (hits.mean(), np.sqrt(level * (1 - level) / n)) if n else (np.nan, np.nan)
    return name, low, high, level, n, share, error, (share - level) / error
