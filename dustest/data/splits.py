"""Splits of galaxies by group, so that views of one galaxy stay together."""

from math import ceil
from numbers import Integral

import numpy as np

from dustest.data.checks.numbers import check_fraction, check_whole, is_number
from dustest.data.checks.tables import as_table, is_table_like
from dustest.data.checks.values import bare_values
from dustest.data.errors import InputError
from dustest.data.identity.seeds import as_generator

__all__ = ["group_folds", "group_numbers", "group_split"]

_SEED_LIMIT = 2**32


def group_numbers(groups, n=None):
    """Number groups from 0, in order of appearance.

    Parameters
    ----------
    groups : array_like of shape (n,), GalaxySample, Table or None
        Name of the group of each row, such as the galaxy of which it is a view; or a table, whose
        column ``group`` is used if it has one. A row without a group is a group of its own.
    n : int, optional
        Number of rows; needed if ``groups`` is None.

    Returns
    -------
    numbers : ndarray of int of shape (n,)
        Equal numbers for rows of one group.

    Raises
    ------
    InputError
        If there is not one group for each row.

    Examples
    --------
    >>> from dustest.data import group_numbers
    >>> group_numbers(["b", "a", "b"])
    array([0, 1, 0])
    """
    if groups is None:
        return np.arange(n)
    if is_table_like(groups):
        table = as_table(groups, "groups")
        if "group" not in table.colnames:
            return np.arange(len(table))
        groups = table["group"]
    values, missing = bare_values(groups)
    if values.ndim != 1 or (n is not None and len(values) != n):
        rows = "each row" if n is None else f"each of {n} rows"
        msg = f"groups must be one for {rows}, got the shape {values.shape}"
        raise InputError(msg)
    _, first, numbers = np.unique(values, return_index=True, return_inverse=True)
    if missing is not None:
        alone = len(first) + np.arange(len(values))
        _, first, numbers = np.unique(
            np.where(missing, alone, numbers), return_index=True, return_inverse=True
        )
    return np.argsort(np.argsort(first))[numbers]


def group_split(groups, fraction, random_state=None):
    """Split rows in two, with whole groups on either side.

    Parameters
    ----------
    groups : array_like of shape (n,), GalaxySample or Table
        See `group_numbers`.
    fraction : float
        Fraction of the groups in the second part; 0 for none.
    random_state : None, int or `~numpy.random.Generator`, optional
        Seed of the selection.

    Returns
    -------
    rows, held_out : ndarray of int
        Row numbers. The first part always has at least one group, so that the second is empty
        if there is only one.

    Raises
    ------
    InputError
        If an argument is invalid.

    Examples
    --------
    >>> from dustest.data import group_split
    >>> rows, held_out = group_split(["a", "a", "b", "b"], 0.5, random_state=0)
    >>> sorted([rows.tolist(), held_out.tolist()])
    [[0, 1], [2, 3]]
    """
    from sklearn.model_selection import GroupShuffleSplit

    check_fraction(fraction, "fraction")
    numbers = group_numbers(groups)
    rows = np.arange(len(numbers))
    n_groups = numbers.max(initial=-1) + 1
    n_held_out = min(ceil(fraction * n_groups), n_groups - 1)
    if n_held_out <= 0:
        return rows, rows[:0]
    splitter = GroupShuffleSplit(1, test_size=n_held_out, random_state=_seed(random_state))
    return next(splitter.split(rows, groups=numbers))


def group_folds(groups, n_folds, random_state=None):
    """Assign rows to folds with about equally many groups, each group in one fold.

    Parameters
    ----------
    groups : array_like of shape (n,), GalaxySample or Table
        See `group_numbers`.
    n_folds : int
        Number of folds, at most that of groups.
    random_state : None, int or `~numpy.random.Generator`, optional
        Seed of the assignment.

    Returns
    -------
    folds : ndarray of int of shape (n,)
        Number of the fold of each row, from 0.

    Raises
    ------
    InputError
        If an argument is invalid, or there are fewer groups than folds.

    Examples
    --------
    >>> from dustest.data import group_folds
    >>> folds = group_folds(["a", "a", "b", "c"], 3, random_state=1)
    >>> bool(folds[0] == folds[1]), sorted(set(folds.tolist()))
    (True, [0, 1, 2])
    """
    check_whole(n_folds, "n_folds", minimum=2)
    numbers = group_numbers(groups)
    n_groups = numbers.max(initial=-1) + 1
    if n_groups < n_folds:
        msg = f"groups must be at least {n_folds}, one for each fold, got {n_groups}"
        raise InputError(msg)
    return (as_generator(random_state).permutation(n_groups) % n_folds)[numbers]


def _seed(random_state):
    """Seed for scikit-learn."""
    if is_number(random_state, Integral) and random_state >= 0:
        return int(random_state % _SEED_LIMIT)
    return int(as_generator(random_state).integers(_SEED_LIMIT))
