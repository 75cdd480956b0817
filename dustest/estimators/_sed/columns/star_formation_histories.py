"""Star-formation histories of posteriors, with percentiles, in bins of lookback time."""

import numpy as np
from astropy import units as u

from dustest.data.quantities import percentile_columns
from dustest.estimators.run.batch import ExtraColumn
from dustest.physics.star_formation import AgeGrid, form_stars, history_parameters

__all__ = ["history_columns", "history_values"]

_NAME = "SFH"
_RANGE = ("SFH_lookback_low", "SFH_lookback_high")
_LEVELS = (0.5, 0.16, 0.84)
_GRID = AgeGrid()
_RATE = u.Msun / u.yr


def history_columns():
    """Columns of star-formation histories.

    Returns
    -------
    dict of str to ExtraColumn
        By name.
    """
    shape = (len(_GRID.edges) - 1,)
    columns = {name: ExtraColumn(u.Gyr, shape) for name in _RANGE}
    rate = ExtraColumn(_RATE, shape, magnified="linear")
    return columns | dict.fromkeys((_NAME, *percentile_columns(_NAME)), rate)


def history_values(posterior, settings):
    """Percentiles of the star-formation rate of one galaxy.

    Parameters
    ----------
    posterior : Posterior
        The posterior, of one model or several.
    settings : sequence of Settings
        Settings of each model.

    Returns
    -------
    dict of str to ndarray of shape (n_bins,)
        By column: limits of the bins in Gyr, and median and percentiles of the mean rates in them
        in solar masses per year.
    """
    mixture = posterior.mixture
    parts = ((0, posterior),) if mixture is None else mixture.parts
    rates = np.concatenate([_rates(part, settings[k]) for k, part in parts])
    values = dict(zip(_RANGE, (_GRID.edges[:-1] / 1e9, _GRID.edges[1:] / 1e9), strict=True))
    names = (_NAME, *percentile_columns(_NAME))
    return values | dict(zip(names, np.quantile(rates, _LEVELS, axis=0), strict=True))


def _rates(posterior, settings):
    """Mean rates (n_draws, n_bins) of the draws of one model."""
    values, history = posterior.prior.transform(posterior.cube), settings.sfh
    columns = {
        (component, key): values[f"{component}:{key}"]
        for component, key in history_parameters(history, values)
    }
    redshift, place = np.unique(posterior.draws["redshift"], return_inverse=True)
    age = np.minimum(settings.cosmology.age(redshift).to_value("yr"), _GRID.edges[-1])
    stars = form_stars(history, columns, age[place], _GRID)
    formed = 10.0 ** posterior.draws["log_mass_formed"]
    return formed[:, np.newaxis] * stars.weights / np.diff(_GRID.edges)
