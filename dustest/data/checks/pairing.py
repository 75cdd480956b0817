"""Pairing of galaxies with their truth, and weights of galaxies."""

import warnings

import numpy as np

from dustest.data.checks.identifiers import has_ids, id_column, match_ids
from dustest.data.checks.tables import as_table, is_table_like
from dustest.data.checks.values import to_floats
from dustest.data.errors import DustestWarning, InputError

__all__ = ["as_weights", "pair_truth"]


def pair_truth(sample, y):
    """Pair galaxies with their truth.

    Parameters
    ----------
    sample : GalaxySample
        n galaxies.
    y : Table, data frame, dict of columns or array_like
        Truth. If it is a table with identifiers, in any of
        `~dustest.data.checks.identifiers.ID_COLUMNS`, and the galaxies have some too, rows are
        paired by them; else row by row.

    Returns
    -------
    rows : slice or ndarray of int of shape (k,)
        Rows of the sample with a truth.
    truth : Table or array_like of k rows
        Their truth, in the same order.

    Raises
    ------
    InputError
        If no identifier is in both.

    Warns
    -----
    DustestWarning
        If galaxies or rows of the truth without a partner are left out, or a truth with
        identifiers is used row by row because the galaxies have none.

    Examples
    --------
    >>> from dustest.data import as_sample
    >>> from dustest.data.checks.pairing import pair_truth
    >>> sample = as_sample({"id": ["a", "b"], "redshift": [7.0, 8.0]})
    >>> rows, truth = pair_truth(sample, {"NAME": [1, 2], "ID": ["b", "a"], "A_V": [0.4, 0.1]})
    >>> rows, truth["A_V"].tolist()
    (array([0, 1]), [0.1, 0.4])
    """
    if not is_table_like(y):
        return slice(None), y
    truth = as_table(y, "y")
    if not has_ids(truth):
        return slice(None), truth
    name = id_column(truth)
    if not has_ids(sample):
        msg = (
            f"y has identifiers in its column {name}, but X has none, so its rows are taken in "
            "the order of those of X; give X a column id to pair them by identifier"
        )
        warnings.warn(msg, DustestWarning, stacklevel=4)
        return slice(None), truth
    rows, truth_rows = match_ids(sample["id"], truth[name])
    if len(rows) == 0:
        msg = (
            f"y must hold the truth of galaxies of X, but none of the identifiers in its column "
            f"{name} ({_first(truth[name])}, ...) is in X ({_first(sample['id'])}, ...); rename "
            "the column if it holds no identifiers"
        )
        raise InputError(msg)
    _warn_of_the_unpaired(len(sample) - len(rows), len(sample), len(truth) - len(rows), len(truth))
    return rows, truth[truth_rows]


def _first(ids):
    """First identifier, for a message."""
    return repr(np.asarray(ids)[:1].tolist()[0]) if len(ids) else "none"


def _warn_of_the_unpaired(n_alone, n, n_truth_alone, n_truth):
    """Warn of galaxies and truth that are left out, with their numbers."""
    if n_alone or n_truth_alone:
        msg = (
            f"{n_alone} of {n} galaxies of X have no truth, and {n_truth_alone} of {n_truth} rows "
            "of y no galaxy, or identifiers that occur more than once: they are left out"
        )
        warnings.warn(msg, DustestWarning, stacklevel=5)


def as_weights(sample_weight, n):
    """Check weights of galaxies.

    Parameters
    ----------
    sample_weight : array_like of shape (n,) or None
        Weight of each galaxy.
    n : int
        Number of galaxies.

    Returns
    -------
    weight : ndarray of shape (n,)
        As floats; 1 by default.

    Raises
    ------
    InputError
        If there is not one finite, non-negative number for each galaxy, or all are 0.

    Examples
    --------
    >>> from dustest.data.checks.pairing import as_weights
    >>> as_weights([1, 3], 2)
    array([1., 3.])
    """
    if sample_weight is None:
        return np.ones(n)
    weight = to_floats(sample_weight, "sample_weight", sentinels=False)
    if weight.shape != (n,) or not np.all(np.isfinite(weight)) or np.any(weight < 0):
        msg = (
            f"sample_weight must be {n} finite numbers from 0 on, one for each galaxy, got the "
            f"shape {weight.shape}"
        )
        raise InputError(msg)
    if not weight.any():
        msg = "sample_weight must not be zero for all galaxies: there would be none to learn from"
        raise InputError(msg)
    return weight
