"""Correction of predictive distributions by where the truth fell, on galaxies held back.

What a mixture of Gaussians cannot follow, such as an edge that no galaxy lies beyond, shows as
ranks of the truth among the draws that are not even. Counting them tells which quantile to read
instead of which [1]_.

References
----------
.. [1] Kuleshov, Fenner & Ermon 2018, ICML, arXiv:1807.00263.
"""

import numpy as np

from dustest.data.errors import InputError

__all__ = ["CALIBRATED", "N_LEVELS", "learn_levels", "recalibrate"]

CALIBRATED = ("log_sSFR",)
"""Quantities that are corrected: A_V and E(B-V) would lose the ratio that their draws keep."""

N_LEVELS = 33
_FEWEST = 500
"""Galaxies below which counts say too little."""


def learn_levels(draws, truth):
    """Which probability to read instead of which.

    Parameters
    ----------
    draws : ndarray of shape (n, n_draws)
        Of galaxies that were not learned from; NaN where there is no answer.
    truth : ndarray of shape (n,)
        What is true of them; NaN where unknown.

    Returns
    -------
    levels : ndarray of shape (n_levels,)
        Probabilities to read in place of evenly spaced ones, from 0 to 1.

    Raises
    ------
    InputError
        If there are fewer than 500 galaxies with a truth.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators._cnn_calibration import learn_levels
    >>> rng = np.random.default_rng(1)
    >>> draws, truth = rng.normal(size=(4000, 100)), 0.5 * rng.normal(size=4000)
    >>> learn_levels(draws, truth)[[0, 8, 16, 24, 32]].round(1)
    array([0. , 0.4, 0.5, 0.6, 1. ])
    """
    even = np.linspace(0.0, 1.0, N_LEVELS)
    known = np.isfinite(truth) & np.isfinite(draws).all(axis=1)
    n = np.count_nonzero(known)
    if n < _FEWEST:
        msg = f"X must have {_FEWEST} galaxies or more to be counted, got {n} that can be"
        raise InputError(msg)
    below = np.sum(draws[known] < truth[known, None], axis=1)
    levels = np.quantile((below + 0.5) / (draws.shape[1] + 1.0), even)
    levels[[0, -1]] = 0.0, 1.0
    return levels


def recalibrate(draws, levels):
    """Move draws to where the truth is found as often as they say.

    Parameters
    ----------
    draws : ndarray of shape (n, n_draws)
        Draws.
    levels : ndarray of shape (n_levels,)
        From `learn_levels`.

    Returns
    -------
    moved : ndarray of shape (n, n_draws)
        Draws in the same order of size, galaxy by galaxy, so that they stay joint with those of
        other quantities.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators._cnn_calibration import recalibrate
    >>> recalibrate(np.array([[4.0, 0.0, 2.0]]), np.array([0.0, 0.5, 1.0]))
    array([[4., 0., 2.]])
    """
    n_draws = draws.shape[1]
    probability = (np.arange(n_draws) + 0.5) / n_draws
    wanted = np.interp(probability, np.linspace(0.0, 1.0, len(levels)), levels) * n_draws - 0.5
    place = np.clip(wanted, 0.0, n_draws - 1.0)
    low = np.minimum(place.astype(int), max(n_draws - 2, 0))
    share = place - low
    order = np.argsort(draws, axis=1)
    ascending = np.take_along_axis(draws, order, axis=1)
    moved = np.empty_like(draws)
    # Within bounds by construction: not to check that is several times faster.
    higher = np.take(ascending, np.minimum(low + 1, n_draws - 1), axis=1, mode="clip")
    values = np.take(ascending, low, axis=1, mode="clip") * (1.0 - share) + higher * share
    np.put_along_axis(moved, order, values, axis=1)
    return moved
