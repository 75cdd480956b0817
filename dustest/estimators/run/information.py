"""Information that data add to a prior, by which results are flagged PRIOR_DOMINATED."""

import numpy as np

__all__ = ["LEAST_INFORMATION", "gained_bits"]

LEAST_INFORMATION = 1.0
"""Bits below which a result is flagged PRIOR_DOMINATED."""

_N_BINS = 32


def gained_bits(place, weight=None, ess=np.inf):
    """Measure how far posteriors differ from their priors.

    Parameters
    ----------
    place : ndarray of shape (n, n_draws)
        Prior probabilities, from 0 to 1, of values below each draw of a posterior.
    weight : ndarray of shape (n, n_draws), optional
        Weights of the draws, whose sum is one; equal ones by default.
    ess : float, optional
        Effective number of independent draws.

    Returns
    -------
    bits : ndarray of shape (n,)
        Kullback-Leibler divergences, from 0.

    Notes
    -----
    In this coordinate the prior is flat, so that the divergence is minus the entropy of a
    histogram, of 32 bins. The bias of independent draws is subtracted [1]_; evenly spread draws
    have none.

    References
    ----------
    .. [1] Miller 1955, in Information Theory in Psychology (ed. Quastler), 95.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators.run.information import gained_bits
    >>> place = np.linspace(0.0, 0.999, 128)
    >>> gained_bits(np.array([place, 0.25 * place]))
    array([0., 2.])
    """
    n, n_draws = place.shape
    weight = np.full(place.shape, 1.0 / n_draws) if weight is None else weight
    bins = np.clip((place * _N_BINS).astype(int), 0, _N_BINS - 1)
    bins += _N_BINS * np.arange(n)[:, None]
    share = np.bincount(bins.ravel(), weight.ravel(), n * _N_BINS).reshape(n, _N_BINS)
    logarithm = np.log2(share * _N_BINS, out=np.zeros_like(share), where=share > 0.0)
    bias = (np.count_nonzero(share, axis=1) - 1) / (2.0 * ess * np.log(2.0))
    return np.maximum(np.sum(share * logarithm, axis=1) - bias, 0.0)
