"""Coverage of the intervals of posteriors, as a whole and in cells."""

import numpy as np
from astropy.table import QTable

from dustest.data.checks.numbers import check_number
from dustest.data.errors import InputError
from dustest.validation.posteriors.cells import check_n_cells, split_into_cells
from dustest.validation.posteriors.pairing import judge

__all__ = ["coverage"]

_TYPES = {"quantity": str, "by": str, "low": float, "high": float, "level": float, "n": int}
_TYPES |= dict.fromkeys(("coverage", "coverage_err", "deviation"), float)


def coverage(
    truth, posterior, quantity=None, *, levels=(0.68, 0.9), by=None, n_cells=10, quantiles=None
):
    """Measure how often intervals contain the truth, overall and in cells of other columns.

    Rows are paired by identifier, see `compare_tables`.

    Parameters
    ----------
    truth : Table, data frame or dict of columns, or array_like of shape (n,)
        True values, with identifiers; or bare values.
    posterior : DustTable, Table, data frame or dict of columns, or array_like of shape (n, m)
        Results with the columns ``<quantity>``, ``<quantity>_p16`` and ``<quantity>_p84``, or
        with draws ``<quantity>_draws``; or bare draws of one quantity, for the same galaxies in
        the same order.
    quantity : str or sequence of str, optional
        Keys of `~dustest.data.QUANTITIES`; by default all with a posterior and truth.
    levels : float or sequence of float, optional
        Probabilities inside the central intervals. Many levels make a coverage curve.
    by : str, sequence of str, or dict of str to array_like of shape (n,), optional
        Columns of ``posterior`` that define cells. A quantity means its prediction; further
        columns, such as a signal-to-noise ratio, can be added to the table, or given in a dict if
        all galaxies have a truth. Cells of a true quantity would not have the nominal coverage
        even for a calibrated posterior, and are refused.
    n_cells : int, optional
        Number of cells with about equally many galaxies.
    quantiles : array_like of shape (m,), optional
        Probabilities of which ``posterior`` contains the quantiles, if it is an array.

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
        If an argument is invalid, a column is missing, a cell is one of a true quantity, most
        16th percentiles are above the 84th, or no galaxy is in both tables.

    Warns
    -----
    DustestWarning
        If rows are paired by position, or not paired because identifiers occur more than once, or
        if percentiles of some rows are exchanged; these do not count.

    See Also
    --------
    posterior_scores : Coverage with other measures of posteriors.
    compute_metrics : Coverage with other metrics.

    Notes
    -----
    An interval is that between two percentile columns if the table has them, such as the 16th and
    the 84th for 0.68. It includes its limits: where many truths and percentiles are equal, as for
    A_V = 0, more than the level is inside, and `pit_values` is the better test.

    Other intervals are those of the draws: a truth is inside if its rank is, and a rank that is
    partly inside counts by that part. The coverage of calibrated draws is then the level, for any
    number of draws. Without draws, the percentiles are interpolated and extrapolated with normal
    distributions, see `split_normal_interval`.

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
    check_n_cells(n_cells)
    judged = judge(truth, posterior, quantity, quantiles)
    cells = split_into_cells(judged, by, n_cells)
    rows = [
        (name, *_statistics(hits, cell, level))
        for name, one in judged.quantities.items()
        for level in levels
        for hits in [one.hits(level)]
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


def _statistics(hits, cell, level):
    """A row of the table, without the quantity."""
    hits = hits[cell.members & np.isfinite(hits)]
    n = len(hits)
    share, error = (hits.mean(), np.sqrt(level * (1 - level) / n)) if n else (np.nan, np.nan)
    return cell.by, cell.low, cell.high, level, n, share, error, (share - level) / error
