"""Differences of two methods on the same galaxies, with their errors."""

from dataclasses import dataclass

import numpy as np
from astropy.table import QTable

from dustest.data.checks.values import bare_values, to_floats
from dustest.data.errors import InputError
from dustest.data.identity.seeds import as_generator
from dustest.data.splits import group_numbers
from dustest.validation.comparison import check_tables, comparison_pairs
from dustest.validation.matching import aligned_values
from dustest.validation.metrics import check_resamples, residual
from dustest.validation.posteriors.pairing import judge

__all__ = ["compare_scores", "paired_bootstrap"]

# Resamples are drawn in blocks of about this many numbers, to bound the memory.
_BLOCK_SIZE = 2**21
_SEED_LIMIT = 2**63
_TYPES = {"estimator": str, "against": str, "quantity": str, "score": str, "n": int}
_TYPES |= dict.fromkeys(
    ("mean", "other_mean", "difference", "difference_err", "change", "change_err"), float
)


def paired_bootstrap(losses, other_losses, *, groups=None, n_bootstrap=1000, random_state=None):
    """Compare the mean loss of two methods on the same galaxies.

    Galaxies that are difficult for one method are difficult for the other, so that the error of
    the difference is much smaller than those of the means suggest.

    Parameters
    ----------
    losses, other_losses : array_like of shape (n,)
        Loss of each galaxy, such as the absolute error or the CRPS, of the two methods.
    groups : array_like of shape (n,), optional
        Rows that are not independent, such as views of one galaxy; they are resampled together.
    n_bootstrap : int, optional
        Number of resamples; with 0 the errors are NaN.
    random_state : None, int or `~numpy.random.Generator`, optional
        Seed of the resamples.

    Returns
    -------
    result : dict of str to int or float
        ``n`` rows with both losses; ``mean`` and ``other_mean``; ``difference``, the mean minus
        the other mean, negative if the first method is better, with its standard error
        ``difference_err``; ``change``, the difference over the other mean, and ``change_err``.
        All are NaN without rows.

    Raises
    ------
    InputError
        If the arrays differ in length or ``n_bootstrap`` is invalid.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.validation import paired_bootstrap
    >>> rng = np.random.default_rng(1)
    >>> losses = rng.gamma(2.0, 0.2, 1000)
    >>> found = paired_bootstrap(0.9 * losses, losses, random_state=1)
    >>> round(found["change"], 3), round(found["change_err"], 3)
    (-0.1, 0.0)
    """
    check_resamples(n_bootstrap)
    pair = np.stack(_columns(losses, other_losses), axis=1)
    used = np.isfinite(pair).all(axis=1)
    names = ("mean", "other_mean", "difference", "difference_err", "change", "change_err")
    if not used.any():
        return {"n": 0} | dict.fromkeys(names, np.nan)
    number = group_numbers(groups, len(pair))
    sums, counts = _sums(pair[used], number[used])
    values = _compare(sums.sum(axis=0) / counts.sum())
    errors = _errors(sums, counts, n_bootstrap, as_generator(random_state))
    found = (*values[:3], errors[2], values[3], errors[3])
    return {"n": int(used.sum())} | dict(zip(names, map(float, found), strict=True))


def compare_scores(
    truth,
    posteriors,
    *,
    reference=None,
    quantity=None,
    n_bootstrap=1000,
    random_state=None,
):
    """Compare the mean absolute error and the CRPS of several methods, pair by pair.

    The galaxies of a pair are those for which both methods have a result and the truth is known.

    Parameters
    ----------
    truth : Table, data frame or dict of columns
        True values, with identifiers. Rows with the same value of a column ``group`` are views of
        one galaxy, and are resampled together.
    posteriors : dict of str to DustTable, Table, data frame or dict of columns
        Results by name, see `coverage`.
    reference : str, optional
        Name of the results that the others are compared with; by default all pairs are compared.
    quantity : str or sequence of str, optional
        Keys of `~dustest.data.QUANTITIES`; by default all that both of a pair have. The CRPS needs
        percentiles or draws.
    n_bootstrap : int, optional
        Number of resamples; with 0 the errors are NaN.
    random_state : None, int or `~numpy.random.Generator`, optional
        Seed of the resamples, the same for every pair.

    Returns
    -------
    differences : QTable
        One row for each ``estimator``, name that it is compared ``against``, ``quantity`` and
        ``score``, "mae" or "crps", with the results of `paired_bootstrap`: ``n``, ``mean``,
        ``other_mean``, ``difference`` and ``change`` with errors, in the unit of the quantity.

    Raises
    ------
    InputError
        If an argument is invalid, or no galaxy is in both tables.

    See Also
    --------
    posterior_scores : Scores of one method.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.validation import compare_scores
    >>> rng = np.random.default_rng(1)
    >>> value = rng.gamma(2.0, 0.2, 1000)
    >>> truth = {"id": np.arange(1000), "A_V": value}
    >>> posteriors = {}
    >>> for name, sigma in {"good": 0.1, "poor": 0.2}.items():
    ...     median = rng.normal(value, sigma)
    ...     columns = {"A_V": median, "A_V_p16": median - sigma, "A_V_p84": median + sigma}
    ...     posteriors[name] = {"id": np.arange(1000)} | columns
    >>> table = compare_scores(truth, posteriors, reference="poor", random_state=1)
    >>> table["change"].round(1)
    array([-0.5, -0.5])
    """
    pairs = comparison_pairs(check_tables(posteriors), reference=reference)
    check_resamples(n_bootstrap)
    options = {
        "n_bootstrap": n_bootstrap,
        "random_state": int(as_generator(random_state).integers(_SEED_LIMIT)),
    }
    losses = {name: _losses(truth, table, quantity) for name, table in posteriors.items()}
    rows = [
        dict(zip(("estimator", "against", "quantity", "score"), (*pair, *key), strict=True))
        | _compare_pair([losses[name] for name in pair], key, pair, options)
        for pair in pairs
        for key in losses[pair[0]].by_score
        if key in losses[pair[1]].by_score
    ]
    if not rows:
        return QTable(names=list(_TYPES), dtype=list(_TYPES.values()))
    return QTable({name: [row[name] for row in rows] for name in _TYPES})


@dataclass(frozen=True)
class _Losses:
    """Losses of the galaxies of one table, by quantity and score."""

    by_score: dict
    ids: np.ndarray
    groups: np.ndarray


def _losses(truth, posterior, quantity):
    """Losses of one table."""
    judged = judge(truth, posterior, quantity, points=True)
    by_score = {}
    for name, one in judged.quantities.items():
        by_score[name, "mae"] = np.abs(residual(one.median, one.truth))
        if one.distribution is not None:
            by_score[name, "crps"] = one.distribution.crps(one.truth)
    ids = np.asarray(judged.truth["id"])
    named = "group" in judged.truth.colnames
    groups = bare_values(judged.truth["group"])[0] if named else ids
    return _Losses(by_score, ids, groups)


def _compare_pair(pair, key, names, options):
    """Compare the losses of two tables."""
    one, other = pair
    others = aligned_values(other.by_score[key], other.ids, one.ids, names=names[::-1])
    return paired_bootstrap(one.by_score[key], others, groups=one.groups, **options)


def _columns(losses, other_losses):
    """Both losses as floats of one length."""
    given = {"losses": losses, "other_losses": other_losses}
    columns = [to_floats(one, name, sentinels=False, ndim=1) for name, one in given.items()]
    if len(columns[0]) != len(columns[1]):
        msg = (
            "losses and other_losses must be of the same galaxies, got "
            f"{len(columns[0])} and {len(columns[1])}"
        )
        raise InputError(msg)
    return columns


def _sums(pair, number):
    """Sums of the losses of each group, of shape (n_groups, 2), and numbers of rows."""
    number = np.unique(number, return_inverse=True)[1]
    counts = np.bincount(number)
    sums = [np.bincount(number, weights=column) for column in pair.T]
    return np.stack(sums, axis=1), counts


def _compare(means):
    """Both means, their difference and its ratio to the second, along the last axis."""
    one, other = means[..., 0], means[..., 1]
    positive = np.where(other > 0, other, np.nan)
    return np.stack([one, other, one - other, (one - other) / positive])


def _errors(sums, counts, n_bootstrap, rng):
    """Standard deviations of the means, the difference and its ratio over resamples."""
    if n_bootstrap == 0:
        return np.full(4, np.nan)
    n = len(counts)
    rows = max(1, _BLOCK_SIZE // n)
    sizes = [min(rows, n_bootstrap - start) for start in range(0, n_bootstrap, rows)]
    resampled = [_resampled_means(sums, counts, rng, size) for size in sizes]
    return _compare(np.concatenate(resampled)).std(axis=1, ddof=1)


def _resampled_means(sums, counts, rng, size):
    """Means of both losses over resamples of the groups, of shape (size, 2)."""
    n = len(counts)
    chosen = rng.integers(n, size=(size, n)) + n * np.arange(size)[:, np.newaxis]
    weights = np.bincount(chosen.ravel(), minlength=size * n).reshape(size, n)
    return (weights @ sums) / (weights @ counts)[:, np.newaxis]
