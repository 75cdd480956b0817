"""Densities of priors from draws, at the draws of posteriors."""

import numpy as np
from scipy.special import logsumexp

__all__ = ["interpolate_log_density", "log_density", "tabulate_log_density"]

_N_PLACES = 257
_FEWEST_IN_REACH = 25
"""Smallest number of draws that a kernel reaches over, on either side."""
_WIDTH = 0.4
"""Standard deviation of a kernel over the range of these draws."""
_LEAST = 1e-6
"""Smallest width over the range of all draws: models share some values, such as bounds."""


def log_density(sample, values):
    """Logarithm of the density from which a sample was drawn.

    Each draw has a Gaussian kernel that is as wide as its neighbours are far. Kernels are
    reflected at the ends of the sample, so that the density does not fall towards a bound.

    Parameters
    ----------
    sample : ndarray of shape (n,)
        Draws, 100 or more; NaN are left out.
    values : ndarray of any shape
        Where the density is wanted.

    Returns
    -------
    log_density : ndarray of the same shape
        Natural logarithm, per unit of the values; beyond the sample that at its end, since few
        draws do not show where a prior ends. NaN for NaN.

    References
    ----------
    Breiman, Meisel & Purcell 1977, Technometrics 19, 135 (widths by nearest neighbours).

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators.run.prior_density import log_density
    >>> sample = np.random.default_rng(1).uniform(0.0, 5.0, 4000)
    >>> np.exp(log_density(sample, np.array([1.0, 2.0]))).round(1)
    array([0.2, 0.2])
    """
    return interpolate_log_density(tabulate_log_density(sample), values)


def tabulate_log_density(sample):
    """Table of `log_density`, to compute it once for many values.

    Parameters
    ----------
    sample : ndarray of shape (n,)
        Draws, 100 or more; NaN are left out.

    Returns
    -------
    places, log_density : ndarray of shape (n_places,)
        Ascending values, and the logarithms of the density there, for linear interpolation; one
        place if all draws are equal.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators.run.prior_density import tabulate_log_density
    >>> places, log_p = tabulate_log_density(np.random.default_rng(1).uniform(0.0, 5.0, 4000))
    >>> places.shape, np.exp(np.interp(1.0, places, log_p)).round(1)
    ((257,), np.float64(0.2))
    """
    draws = np.sort(sample[np.isfinite(sample)])
    span = draws[-1] - draws[0]
    if span == 0.0:
        return draws[:1], np.zeros(1)
    reach = max(int(np.sqrt(len(draws))), _FEWEST_IN_REACH)
    number = np.arange(len(draws))
    first, last = np.maximum(number - reach, 0), np.minimum(number + reach, len(draws) - 1)
    width = _WIDTH * (draws[last] - draws[first]) * (2 * reach / (last - first))
    width = np.maximum(width, _LEAST * span)
    places = np.unique(np.quantile(draws, np.linspace(0.0, 1.0, _N_PLACES)))
    terms = [
        -0.5 * ((places[:, None] - centres) / width) ** 2 - np.log(width)
        for centres in (draws, 2.0 * draws[0] - draws, 2.0 * draws[-1] - draws)
    ]
    log_p = logsumexp(np.concatenate(terms, axis=1), axis=1)
    log_p -= np.log(len(draws) * np.sqrt(2.0 * np.pi))
    return places, log_p


def interpolate_log_density(table, values):
    """Logarithm of a density from its table.

    Parameters
    ----------
    table : tuple of ndarray
        Result of `tabulate_log_density`.
    values : ndarray of any shape
        Where the density is wanted.

    Returns
    -------
    log_density : ndarray of the same shape
        As that of `log_density`.
    """
    places, log_p = table
    if len(places) == 1:
        return np.where(np.isnan(values), np.nan, np.where(values == places[0], 0.0, -np.inf))
    return np.interp(values, places, log_p)
