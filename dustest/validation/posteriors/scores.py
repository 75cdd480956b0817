"""Scores of posteriors: continuous ranked probability score, errors, coverage, sharpness."""

import numpy as np
from astropy.table import QTable
from scipy import stats

from dustest.data.identity.seeds import as_generator
from dustest.validation.metrics import residual
from dustest.validation.posteriors.cells import check_n_cells, split_into_cells
from dustest.validation.posteriors.pairing import judge, judge_one

__all__ = ["crps", "posterior_scores"]

_LEVELS = {"68": 0.68, "90": 0.9}
_TYPES = {"quantity": str, "by": str, "low": float, "high": float, "n": int}
_TYPES |= dict.fromkeys(("bias", "bias_err", "mae", "mae_err", "baseline_mae"), float)
_TYPES |= {f"coverage_{name}{end}": float for name in _LEVELS for end in ("", "_err")}
_TYPES |= dict.fromkeys(("crps", "crps_err"), float)
_TYPES |= {f"width_{name}": float for name in _LEVELS}
_TYPES |= {"pit_ks": float, "pit_ks_pvalue": float}


def crps(truth, posterior, quantity="A_V", *, quantiles=None):
    """Compute the continuous ranked probability score (CRPS) of each galaxy.

    It is the integral of the squared difference between the posterior's distribution function and
    that of the truth, in the unit of the quantity. The mean is smallest for the right posterior;
    for a point estimate the score is its absolute error [1]_.

    Parameters
    ----------
    truth : Table, data frame or dict of columns, or array_like of shape (n,)
        See `coverage`.
    posterior : DustTable, Table, data frame or dict of columns, or array_like of shape (n, m)
        See `coverage`. The draws of a table are used if it has any, else its percentiles.
    quantity : str, optional
        Key of `~dustest.data.QUANTITIES`, for tables.
    quantiles : array_like of shape (m,), optional
        Probabilities of which ``posterior`` contains the quantiles, if it is an array.

    Returns
    -------
    crps : ndarray of shape (n,)
        Scores in the order of ``posterior``, for the galaxies in both tables; NaN if unknown.

    Raises
    ------
    InputError
        If an argument is invalid, a column is missing, or no galaxy is in both tables.

    Notes
    -----
    For draws this is the fair score, the mean distance of draws to the truth minus half the mean
    distance between two different draws, whose expectation does not depend on the number of
    draws. Between and beyond quantiles the posterior is normal, see `split_normal_interval`, and
    the integral is exact.

    References
    ----------
    .. [1] Gneiting & Raftery 2007, J. Am. Stat. Assoc. 102, 359.

    Examples
    --------
    >>> from dustest.validation import crps
    >>> crps([0.5], [[0.4, 0.5, 0.6]], quantiles=[0.16, 0.5, 0.84]).round(4)
    array([0.0235])
    """
    one = judge_one(truth, posterior, quantity, quantiles)
    return one.distribution.crps(one.truth)


def posterior_scores(
    truth,
    posterior,
    quantity=None,
    *,
    by=None,
    n_cells=10,
    quantiles=None,
    random_state=None,
):
    """Score posteriors against the truth, overall and in cells of other columns.

    Parameters
    ----------
    truth : Table, data frame or dict of columns, or array_like of shape (n,)
        See `coverage`.
    posterior : DustTable, Table, data frame or dict of columns, or array_like of shape (n, m)
        See `coverage`. The draws of a table are used if it has any, else its percentiles.
    quantity : str or sequence of str, optional
        Keys of `~dustest.data.QUANTITIES`; by default all with a posterior and truth.
    by : str, sequence of str, or dict of str to array_like of shape (n,), optional
        See `coverage`.
    n_cells : int, optional
        Number of cells with about equally many galaxies.
    quantiles : array_like of shape (m,), optional
        Probabilities of which ``posterior`` contains the quantiles, if it is an array.
    random_state : None, int or `~numpy.random.Generator`, optional
        Seed of the random numbers that break ties of the PIT.

    Returns
    -------
    scores : QTable
        For each ``quantity``, a row for all galaxies and one for each cell, as of `coverage`:

        - ``n`` galaxies with truth and posterior;
        - ``bias`` and ``mae``, mean and mean absolute value of median minus truth, with standard
          errors, and ``baseline_mae``, the mean absolute error of the same galaxies if the median
          truth of all is predicted for each;
        - ``coverage_68`` and ``coverage_90`` with binomial errors, see `coverage`;
        - ``crps`` with its standard error, see `crps`;
        - ``width_68`` and ``width_90``, the mean widths of the intervals (sharpness);
        - ``pit_ks`` and ``pit_ks_pvalue``, the Kolmogorov-Smirnov statistic of the PIT against
          the uniform distribution, and its p-value.

        Values are in the unit of the quantity, and NaN without galaxies.

    Raises
    ------
    InputError
        If an argument is invalid, a column is missing, a cell is one of a true quantity, or no
        galaxy is in both tables.

    See Also
    --------
    compare_scores : Differences of two methods with their errors.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.validation import posterior_scores
    >>> rng = np.random.default_rng(1)
    >>> centre = rng.normal(1.0, 0.5, 2000)
    >>> draws = rng.normal(centre[:, np.newaxis], 0.1, (2000, 100))
    >>> truth = rng.normal(centre, 0.1)
    >>> scores = posterior_scores(truth, draws, "A_V", random_state=1)
    >>> round(float(scores["coverage_68"][0]), 3), round(float(scores["crps"][0]), 3)
    (0.691, 0.055)
    """
    check_n_cells(n_cells)
    judged = judge(truth, posterior, quantity, quantiles)
    cells = split_into_cells(judged, by, n_cells)
    rng = as_generator(random_state)
    rows = []
    for name, one in judged.quantities.items():
        columns = _columns(one, rng)
        rows += [
            {"quantity": name, "by": cell.by, "low": cell.low, "high": cell.high}
            | _cell_scores(columns, cell.members & one.known)
            for cell in cells
        ]
    return QTable({name: [row[name] for row in rows] for name in _TYPES})


def _columns(one, rng):
    """What the scores of a quantity are means of, galaxy by galaxy."""
    low, high = one.distribution.pit_bounds(one.truth)
    known = one.truth[one.known]
    baseline = np.median(known) if known.size else np.nan
    return {
        "bias": residual(one.median, one.truth),
        "baseline_mae": np.abs(one.truth - baseline),
        "crps": one.distribution.crps(one.truth),
        "pit": low + rng.uniform(size=low.shape) * (high - low),
        **{f"coverage_{name}": one.hits(level) for name, level in _LEVELS.items()},
        **{f"width_{name}": one.widths(level) for name, level in _LEVELS.items()},
    }


def _cell_scores(columns, members):
    """Scores of the members of a cell."""
    used = {name: values[members] for name, values in columns.items()}
    used["mae"] = np.abs(used["bias"])
    n = int(members.sum())
    pit = stats.kstest(used.pop("pit"), "uniform") if n else None
    row = {"n": n, "pit_ks": np.nan, "pit_ks_pvalue": np.nan}
    if pit is not None:
        row |= {"pit_ks": pit.statistic, "pit_ks_pvalue": pit.pvalue}
    row |= {name: _mean(values) for name, values in used.items()}
    row |= {f"{name}_err": _standard_error(used[name]) for name in ("bias", "mae", "crps")}
    return row | {
        f"coverage_{name}_err": np.sqrt(level * (1 - level) / n) if n else np.nan
        for name, level in _LEVELS.items()
    }


def _mean(values):
    """Mean of the finite values, NaN without any."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else np.nan


def _standard_error(values):
    """Standard error of the mean of the finite values, NaN with fewer than two."""
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1) / np.sqrt(known.size)) if known.size > 1 else np.nan
