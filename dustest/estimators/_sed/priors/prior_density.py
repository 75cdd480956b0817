"""Densities of the prior of SED fits, quantity by quantity."""

import numpy as np

from dustest.estimators._sed.clear_light import FRAC_CLEAR
from dustest.estimators._sed.posterior import A_V, Galaxy
from dustest.estimators._sed.priors.joint_priors import weigh_models
from dustest.estimators.run.prior_density import (
    interpolate_log_density,
    tabulate_log_density,
)

__all__ = ["ANY_BANDS", "PriorDensities", "has_closed_form"]

ANY_BANDS = ("F200W", "F444W")
"""Bands of galaxies without data, where a sample has no photometry."""
_N_BLIND = 2
"""Number of galaxies without data whose posteriors are the prior."""
_NO_INFORMATION = 1e15
_N_QUANTILES = 4001


def has_closed_form(every):
    """Whether the prior of A_V is that of one parameter, the same in all models.

    Parameters
    ----------
    every : list of Settings
        Settings of the models.

    Returns
    -------
    bool
        False with joint priors that are weights, with light that no dust covers, and for fits of
        several models.
    """
    if len(every) > 1 or FRAC_CLEAR in (every[0].priors or {}):
        return False
    return not weigh_models(every[0])


class PriorDensities:
    """Densities of the prior by redshift, each computed once.

    Parameters
    ----------
    fit : callable
        Posteriors of a list of `Galaxy`, given also the bands.
    bands : tuple of str
        Bands of the sample, on which the prior does not depend; any bands if it has none.
    exact : bool
        Whether the density of A_V is that of the parameter.
    """

    def __init__(self, fit, bands, *, exact):
        self._fit = fit
        self._bands = tuple(bands) or ANY_BANDS
        self._exact = exact
        self._known = {}

    def at(self, redshift, draws):
        """Logarithms of the densities at the draws of one galaxy.

        Parameters
        ----------
        redshift : float
            Redshift.
        draws : dict of str to ndarray of shape (m,)
            Draws by quantity.

        Returns
        -------
        dict of str to ndarray of shape (m,)
            Natural logarithms of the densities.
        """
        if redshift not in self._known:
            self._known[redshift] = self._drawn(float(redshift))
        sample, exact, tables = self._known[redshift]
        found = {}
        for name, values in draws.items():
            if name == "A_V" and exact is not None:
                found[name] = np.interp(values, *exact, left=-np.inf, right=-np.inf)
            else:
                # Tables are made once for all galaxies at the redshift.
                if name not in tables:
                    tables[name] = tabulate_log_density(sample[name])
                found[name] = interpolate_log_density(tables[name], values)
        return found

    def _drawn(self, redshift):
        """Draws from the prior at a redshift, the exact density of A_V if known, and no tables."""
        n_bands = len(self._bands)
        blind = [
            Galaxy(
                redshift=redshift,
                redshift_err=np.nan,
                bands=self._bands,
                flux=np.zeros(n_bands),
                flux_err=np.full(n_bands, _NO_INFORMATION),
                spectrum=None,
                seed=k,
            )
            for k in range(_N_BLIND)
        ]
        posteriors = self._fit(blind, self._bands)
        names = posteriors[0].draws
        sample = {name: np.concatenate([one.draws[name] for one in posteriors]) for name in names}
        exact = _exact(posteriors[0].prior) if self._exact else None
        return sample, exact, {}


def _exact(prior):
    """Values of A_V and the logarithm of their density; None if it is not free."""
    if A_V not in prior.free:
        return None
    u = np.linspace(0.0, 1.0, _N_QUANTILES)
    values = prior.quantile(A_V, u)
    good = np.isfinite(values)
    u, values = u[good], values[good]
    density = np.log(np.diff(u) / np.diff(values))
    middle = 0.5 * (values[1:] + values[:-1])
    ends = values[[0, -1]]
    places = np.concatenate([ends[:1], middle, ends[1:]])
    return places, np.concatenate([density[:1], density, density[-1:]])
