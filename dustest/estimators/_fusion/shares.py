"""Shares of members in a result: Shapley values."""

from math import factorial

import numpy as np

__all__ = ["shapley_values"]


def shapley_values(gains, n_members):
    """Shapley values of members from the gains of all subsets.

    Parameters
    ----------
    gains : dict of tuple of int to ndarray of shape (n,)
        Gain by the ascending numbers of the members of a subset; all subsets.
    n_members : int
        Number of members.

    Returns
    -------
    values : ndarray of shape (n, n_members)
        Their sum is the gain of all members minus that of none.

    References
    ----------
    Shapley 1953, in Contributions to the Theory of Games II, 307.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators._fusion.shares import shapley_values
    >>> gains = {(): 0.0, (0,): 1.0, (1,): 2.0, (0, 1): 2.0}
    >>> shapley_values({one: np.array([gain]) for one, gain in gains.items()}, 2)
    array([[0.5, 1.5]])
    """
    values = np.zeros((len(gains[()]), n_members))
    for subset, gain in gains.items():
        for member in range(n_members):
            if member in subset:
                continue
            more = tuple(sorted((*subset, member)))
            n_before, n_after = len(subset), n_members - len(subset) - 1
            weight = factorial(n_before) * factorial(n_after) / factorial(n_members)
            values[:, member] += weight * (gains[more] - gain)
    return values
