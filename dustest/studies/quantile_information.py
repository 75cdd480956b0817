"""Information that data add to a prior, from quantiles of posteriors and draws of the prior."""

import numpy as np
from scipy.stats import differential_entropy

__all__ = ["LEVELS", "quantile_bits"]

LEVELS = tuple(((np.arange(200) + 0.5) / 200.0).tolist())
"""Probabilities of the quantiles, which divide a posterior into equal parts."""


def quantile_bits(quantiles, prior):
    """Measure how far posteriors differ from their prior.

    Parameters
    ----------
    quantiles : ndarray of shape (n, n_levels)
        Quantiles of posteriors at the probabilities of `LEVELS`.
    prior : ndarray of shape (n_prior,)
        Draws from the prior.

    Returns
    -------
    bits : ndarray of shape (n,)
        Kullback-Leibler divergences; NaN for rows that are not finite.

    Notes
    -----
    The prior is flat in the prior probability of smaller values, so that the divergence is minus
    the entropy of the posterior there, which is estimated from spacings of quantiles [1]_. The
    largest value is log2 of the number of draws of the prior. Values that many draws of the prior
    share, such as the smallest rate, are spread over their range of probabilities.

    References
    ----------
    .. [1] Ebrahimi et al. 1994, Statist. Probab. Lett. 20, 225.

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
    if known.any():
        places = _places(quantiles[known], np.sort(prior))
        entropy = differential_entropy(places, base=2, axis=1, method="ebrahimi")
        bits[known] = np.clip(-entropy, 0.0, np.log2(len(prior)))
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
