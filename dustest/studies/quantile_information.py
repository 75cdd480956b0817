"""Information that data add to a prior, from quantiles of posteriors and draws of the prior."""

import numpy as np

__all__ = ["LEVELS", "quantile_bits"]

LEVELS = tuple((np.arange(33) / 32.0).tolist())
"""Probabilities of the quantiles, evenly spaced from 0 to 1."""


def quantile_bits(quantiles, prior):
    """Measure how far posteriors differ from their prior.

    Parameters
    ----------
    quantiles : ndarray of shape (n, n_levels)
        Quantiles of posteriors at evenly spaced probabilities, from the smallest to the largest
        draw.
    prior : ndarray of shape (n_prior,)
        Draws from the prior.

    Returns
    -------
    bits : ndarray of shape (n,)
        Kullback-Leibler divergences; NaN for rows that are not finite.

    Notes
    -----
    Between two quantiles lies a known part of the posterior. The divergence is that of a
    histogram with these quantiles as edges, whose prior probabilities are those of the draws of
    the prior [1]_. Narrow posteriors have narrow bins: the largest value is log2 of the number of
    draws of the prior per bin. Values that many draws share, such as the smallest rate, are
    points of finite probability in both.

    References
    ----------
    .. [1] Vasicek 1976, J. R. Statist. Soc. B 38, 54.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.studies.quantile_information import LEVELS, quantile_bits
    >>> prior = np.linspace(0.0, 1.0, 10_001)
    >>> posteriors = np.outer([1.0, 0.25, 0.01], LEVELS)
    >>> quantile_bits(posteriors, prior).round(2)
    array([0.  , 2.  , 6.64])
    """
    known = np.isfinite(quantiles).all(axis=1)
    bits = np.full(len(quantiles), np.nan)
    ordered = np.sort(prior)
    widths = np.diff(_places(quantiles[known], ordered), axis=1)
    least = 1.0 / len(prior)
    n_bins = widths.shape[1]
    bits[known] = np.maximum(-np.mean(np.log2(n_bins * np.maximum(widths, least)), axis=1), 0.0)
    return bits


def _places(quantiles, ordered):
    """Prior probabilities below quantiles."""
    n = len(ordered)
    left = np.searchsorted(ordered, quantiles)
    right = np.searchsorted(ordered, quantiles, "right")
    shared = right - left > 1
    distinct, first = np.unique(ordered, return_index=True)
    place = np.interp(quantiles, distinct, np.append(first[1:], n) - 1.0) / (n - 1.0)
    return np.where(shared, (left + _parts_of_runs(quantiles) * (right - left)) / n, place)


def _parts_of_runs(quantiles):
    """Place of each quantile among the equal ones of its row, from 0 to 1; the middle if alone."""
    parts = np.empty(quantiles.shape)
    for row, part in zip(quantiles, parts, strict=True):
        first, last = (np.searchsorted(row, row, side) for side in ("left", "right"))
        length = last - first - 1
        part[:] = np.where(length > 0, (np.arange(len(row)) - first) / np.maximum(length, 1), 0.5)
    return parts
