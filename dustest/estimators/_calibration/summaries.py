"""Summaries of posteriors that calibrations depend on: medians and widths."""

import numpy as np

from dustest.data.quantities import QUANTITIES
from dustest.estimators.run.summary import quantiles_of

__all__ = ["PROBABILITIES", "summaries_of", "summarise_draws"]

PROBABILITIES = (0.05, 0.16, 0.5, 0.84, 0.95)
"""Levels of the quantiles of a posterior that are used."""


def summarise_draws(draws):
    """Quantiles of posteriors.

    Parameters
    ----------
    draws : dict of str to ndarray of shape (n,) or (n, n_draws)
        Point estimates, or draws, by quantity.

    Returns
    -------
    quantiles : dict of str to ndarray of shape (n, n_levels)
        Quantiles at `PROBABILITIES`; NaN but for the median of point estimates.
    """
    return {name: quantiles_of(np.asarray(one), PROBABILITIES) for name, one in draws.items()}


def summaries_of(quantiles):
    """Medians and widths of posteriors, in the latent unit of each quantity.

    Parameters
    ----------
    quantiles : dict of str to ndarray of shape (n, n_levels)
        Quantiles at `PROBABILITIES`.

    Returns
    -------
    summaries : ndarray of shape (n, n_levels * n_quantities)
        The median of each quantity and the steps between its quantiles; NaN for the steps of
        point estimates.
    """
    columns = []
    for name, given in quantiles.items():
        latent = QUANTITIES[name].latent
        values = given if latent is None else latent.latent(given)
        columns += [values[:, [PROBABILITIES.index(0.5)]], np.diff(values, axis=1)]
    return np.concatenate(columns, axis=1)
