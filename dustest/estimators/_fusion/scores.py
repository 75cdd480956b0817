"""Normal scores: Gaussian deviates of the ranks of values among draws from a prior."""

import numpy as np
from scipy.special import ndtri

__all__ = ["scores_of", "values_of"]

_TAIL = 8
"""The slope beyond the draws is that of the last eighth of them."""
_FAR = 10.0
"""Extents of the tail by which the far points are beyond the draws."""
_LEAST_STEP = 1e-3
"""Smallest extent of these draws, for priors in which many draws are equal."""


def scores_of(values, prior):
    """Normal scores of values among draws from the prior of the same galaxy.

    Parameters
    ----------
    values : ndarray of shape (n, m)
        Values.
    prior : ndarray of shape (n, n_prior)
        Draws from the prior, 8 or more.

    Returns
    -------
    scores : ndarray of shape (n, m)
        Interpolated between draws, and linear in the values beyond all of them.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators._fusion.scores import scores_of
    >>> scores_of(np.array([[4.0, 8.0, 12.0]]), np.arange(9.0)[None]).round(1)
    array([[0. , 1.6, 4.1]])
    """
    ordered, levels = _ends(prior)
    return _mapped(values, ordered, np.broadcast_to(levels, ordered.shape))


def values_of(scores, prior):
    """Undo `scores_of`.

    Parameters
    ----------
    scores : ndarray of shape (n, m)
        Normal scores.
    prior : ndarray of shape (n, n_prior)
        Draws from the prior, 8 or more.

    Returns
    -------
    values : ndarray of shape (n, m)
        Not below 0 if no draw from the prior is.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators._fusion.scores import values_of
    >>> values_of(np.array([[-9.0, 0.0]]), np.arange(9.0)[None])
    array([[0., 4.]])
    """
    ordered, levels = _ends(prior)
    values = _mapped(scores, np.broadcast_to(levels, ordered.shape), ordered)
    is_bounded = (prior >= 0.0).all(axis=1)
    return np.where(is_bounded[:, None], np.maximum(values, 0.0), values)


def _ends(prior):
    """Ascending draws and their scores, with a far point at either end."""
    n = prior.shape[1]
    levels, ordered = ndtri((np.arange(n) + 0.5) / n), np.sort(prior, axis=1)
    step = max(n // _TAIL, 1)
    far = _FAR * (levels[step] - levels[0])
    below = ordered[:, 0] - _FAR * np.maximum(ordered[:, step] - ordered[:, 0], _LEAST_STEP)
    above = ordered[:, -1] + _FAR * np.maximum(ordered[:, -1] - ordered[:, -1 - step], _LEAST_STEP)
    return np.column_stack([below, ordered, above]), np.r_[
        levels[0] - far, levels, -levels[0] + far
    ]


def _mapped(values, from_, to):
    """Linear interpolation, row by row."""
    found = np.empty(values.shape)
    for row, columns in enumerate(zip(values, from_, to, strict=True)):
        found[row] = np.interp(*columns)
    return found
