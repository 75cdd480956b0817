"""Ranks of the truth in posteriors, and its probability integral transform."""

from itertools import pairwise
from numbers import Integral

import numpy as np
from astropy.table import QTable

from dustest.data.checks.numbers import check_number
from dustest.data.errors import InputError
from dustest.data.identity.seeds import as_generator
from dustest.validation.posteriors.distributions import Draws, overlap
from dustest.validation.posteriors.pairing import judge_one

__all__ = ["pit_histogram", "pit_values", "rank_statistics"]


def pit_values(truth, posterior, quantity="A_V", *, quantiles=None, random_state=None):
    """Compute the probability integral transform (PIT) of the truth.

    This is the probability that the posterior assigns to values below the truth. Over galaxies
    from the prior of a calibrated posterior it is uniform from 0 to 1. If it is concentrated at
    the ends, the posteriors are too narrow; in the middle, too wide; at 1, too low.

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
    random_state : None, int or `~numpy.random.Generator`, optional
        Seed of the random numbers that break ties.

    Returns
    -------
    pit : ndarray of shape (n,)
        Values from 0 to 1 in the order of ``posterior``, for the galaxies in both tables; NaN if
        the truth or the posterior is unknown.

    Raises
    ------
    InputError
        If an argument is invalid, a column is missing, or no galaxy is in both tables.

    Notes
    -----
    Among m draws, the truth has one of m + 1 ranks; the value is uniform between rank / (m + 1)
    and (rank + 1) / (m + 1), so that it is exactly uniform for calibrated draws, however few.
    Ties are broken at random: where the posterior has an atom, such as many draws with A_V = 0,
    and the truth is there, the value is uniform over the probability of the atom [1]_.
    Between quantiles the posterior is normal, see `split_normal_interval`; equal quantiles are an
    atom.

    References
    ----------
    .. [1] Czado, Gneiting & Held 2009, Biometrics 65, 1254.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.validation import pit_values
    >>> rng = np.random.default_rng(1)
    >>> centre = rng.normal(size=2000)
    >>> draws = rng.normal(centre[:, np.newaxis], 1.0, (2000, 100))
    >>> pit = pit_values(rng.normal(centre, 1.0), draws, random_state=1)
    >>> bool(abs(np.mean(pit < 0.1) - 0.1) < 0.02)
    True
    """
    one = judge_one(truth, posterior, quantity, quantiles)
    low, high = one.distribution.pit_bounds(one.truth)
    return low + as_generator(random_state).uniform(size=low.shape) * (high - low)


def pit_histogram(truth, posterior, quantity="A_V", *, n_bins=20, quantiles=None):
    """Count the probability integral transform (PIT) of the truth in bins, without random numbers.

    Parameters
    ----------
    truth : Table, data frame or dict of columns, or array_like of shape (n,)
        See `coverage`.
    posterior : DustTable, Table, data frame or dict of columns, or array_like of shape (n, m)
        See `coverage`. The draws of a table are used if it has any, else its percentiles.
    quantity : str, optional
        Key of `~dustest.data.QUANTITIES`, for tables.
    n_bins : int, optional
        Number of bins of equal width from 0 to 1.
    quantiles : array_like of shape (m,), optional
        Probabilities of which ``posterior`` contains the quantiles, if it is an array.

    Returns
    -------
    histogram : QTable
        One row per bin: its edges ``low`` and ``high``; ``density``, the fraction of the galaxies
        over the width, 1 for a calibrated posterior; and ``density_err``, the binomial standard
        error of a calibrated one. A galaxy whose value is spread over several bins, since it is
        the rank among few draws or the truth is at an atom, is counted in each by its share. The
        meta has the ``quantity`` and ``n``, the number of galaxies.

    Raises
    ------
    InputError
        If an argument is invalid, a column is missing, or no galaxy is in both tables.

    See Also
    --------
    pit_values : The values, with ties broken at random.

    Examples
    --------
    >>> from dustest.validation import pit_histogram
    >>> table = pit_histogram([0.25], [[0.1, 0.2, 0.3]], n_bins=4)
    >>> table["density"].tolist()
    [0.0, 0.0, 4.0, 0.0]
    """
    check_number(n_bins, "n_bins", 1, kind=Integral, expected="a positive integer")
    one = judge_one(truth, posterior, quantity, quantiles)
    low, high = one.distribution.pit_bounds(one.truth)
    known = np.isfinite(low)
    n, edges = int(known.sum()), np.linspace(0.0, 1.0, n_bins + 1)
    density = np.histogram(low[known & (low == high)], edges)[0].astype(float)
    spread = low[known & (low < high)], high[known & (low < high)]
    density += [overlap(spread, *ends).sum() for ends in pairwise(edges)]
    error = np.sqrt(n / n_bins * (1 - 1 / n_bins))
    scale = n_bins / n if n else np.nan
    return QTable(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "density": density * scale,
            "density_err": np.full(n_bins, error * scale),
        },
        meta={"quantity": quantity, "n": n},
    )


def rank_statistics(truth, posterior, quantity="A_V", *, random_state=None):
    """Compute the ranks of the truth among draws, for simulation-based calibration.

    Over galaxies from the prior, ranks among calibrated independent draws are uniform over the
    n_draws + 1 integers from 0 to n_draws [1]_.

    Parameters
    ----------
    truth : Table, data frame or dict of columns, or array_like of shape (n,)
        See `coverage`.
    posterior : DustTable, Table, data frame or dict of columns, or array_like of shape (n, m)
        Results with draws, as of ``estimate(draws=100)``; or bare draws.
    quantity : str, optional
        Key of `~dustest.data.QUANTITIES`, for tables.
    random_state : None, int or `~numpy.random.Generator`, optional
        Seed of the random numbers that break ties.

    Returns
    -------
    ranks : ndarray of float of shape (n,)
        Numbers of draws below the truth in the order of ``posterior``, for the galaxies in both
        tables; NaN if the truth or a draw is unknown. A truth that equals draws has any of their
        ranks with the same probability.

    Raises
    ------
    InputError
        If there are no draws, an argument is invalid, or no galaxy is in both tables.

    References
    ----------
    .. [1] Talts et al. 2018, arXiv:1804.06788.

    Examples
    --------
    >>> from dustest.validation import rank_statistics
    >>> rank_statistics([0.25, 0.0], [[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]])
    array([2., 0.])
    """
    one = judge_one(truth, posterior, quantity)
    if not isinstance(one.distribution, Draws):
        msg = (
            f"posterior must have draws of {one.name}, in the column {one.name}_draws: estimate "
            "with draws=100"
        )
        raise InputError(msg)
    n_below, n_equal = one.distribution.counts(one.truth)
    ranks = n_below + as_generator(random_state).integers(0, n_equal + 1)
    return np.where(one.known, ranks, np.nan)
