"""Further columns of the result of an SED fit."""

import numpy as np
from astropy import units as u

from dustest.data.bands import get_band
from dustest.data.checks.units import FLUX_UNIT
from dustest.data.quantities import percentile_columns
from dustest.estimators._sed.posterior import PRIORS
from dustest.estimators._sed.star_formation_histories import history_columns, history_values
from dustest.estimators.run.batch import ExtraColumn

__all__ = ["EXTRAS", "declared_columns", "extra_columns", "sed_wavelengths"]

EXTRAS = {
    "redshift": (),
    "priors": (),
    "history": ("log_mass", "log_SFR_10", "log_SFR_100", "log_age"),
    "sed": (),
    "star_formation_history": (),
}
"""Groups of columns on request, and their quantities."""
_ALWAYS = ("log_mass", "chi2", "fit_probability", "ess", "log_evidence", "A_V_information")
_SEDS = ("SED", "SED_dust_free")
_N_WAVELENGTHS = 500
_N_REDSHIFTS = 200
_LEVELS = (0.5, 0.16, 0.84)


def sed_wavelengths(bands):
    """Observed wavelengths of model SEDs, even in the logarithm over all bands.

    Parameters
    ----------
    bands : sequence of str
        Names of the bands.

    Returns
    -------
    ndarray of shape (500,)
        In Angstrom.
    """
    curves = [get_band(band).wavelength for band in bands]
    low, high = min(curve[0] for curve in curves), max(curve[-1] for curve in curves)
    return np.geomspace(low, high, _N_WAVELENGTHS)


def extra_columns(rows, wanted, bands, quantities, *, free_redshift, models=(), settings=()):
    """Further columns of a result.

    Parameters
    ----------
    rows : sequence of (Galaxy, Posterior) or None
        Data and posterior, None without a posterior.
    wanted : sequence of str
        Members of `EXTRAS`.
    bands : tuple of str
        Bands of the sample.
    quantities : sequence of str
        Quantities of the result, which have columns of their own.
    free_redshift : bool
        Whether redshifts are fitted.
    models : sequence of str, optional
        Columns of several histories and dust laws.
    settings : sequence of Settings, optional
        Settings of the models, for their histories.

    Returns
    -------
    dict of str to ndarray of shape (n,) or (n, k)
        By name; NaN if there is no answer.
    """
    under = _quantile_columns(wanted, free_redshift=free_redshift)
    declared = declared_columns(
        wanted, bands, quantities, free_redshift=free_redshift, models=models
    )
    columns = {name: column.blank(len(rows)) for name, column in declared.items()}
    if "SED_wavelength" in columns:
        columns["SED_wavelength"][:] = sed_wavelengths(bands)
    for i, row in enumerate(rows):
        if row is not None:
            values = _values(*row, under)
            if "star_formation_history" in wanted:
                values |= history_values(row[1], settings)
            for name in columns.keys() & values.keys():
                columns[name][i] = values[name]
    return columns


def declared_columns(wanted, bands, quantities, *, free_redshift, models=()):
    """Further columns of every result.

    Parameters
    ----------
    wanted : sequence of str
        Members of `EXTRAS`.
    bands : tuple of str
        Bands of the sample.
    quantities : sequence of str
        Quantities of the result, which have columns of their own.
    free_redshift : bool
        Whether redshifts are fitted.
    models : sequence of str, optional
        Columns of several histories and dust laws.

    Returns
    -------
    dict of str to ExtraColumn
        By name.
    """
    columns = {name: ExtraColumn() for name in (*_ALWAYS, *models) if name not in quantities}
    for quantity, names in _quantile_columns(wanted, free_redshift=free_redshift).items():
        unit = u.mag if quantity in _under_priors() else None
        columns |= {name: ExtraColumn(unit) for name in names}
    if "redshift" in wanted:
        columns["redshift_samples"] = ExtraColumn(shape=(_N_REDSHIFTS,))
    if "sed" in wanted and bands:
        fluxes = [f"{kind}_{band}" for kind in ("model", "dust_free") for band in bands]
        columns |= {name: ExtraColumn(FLUX_UNIT) for name in fluxes}
        columns["SED_wavelength"] = ExtraColumn(u.AA, (_N_WAVELENGTHS,))
        columns |= {name: ExtraColumn(FLUX_UNIT, (_N_WAVELENGTHS,)) for name in _SEDS}
    if "star_formation_history" in wanted:
        columns |= history_columns()
    return columns


def _under_priors():
    """Names of A_V under each prior."""
    return [f"A_V_{prior}" for prior in PRIORS]


def _quantile_columns(wanted, *, free_redshift):
    """Columns of the median and of the percentiles, by quantity."""
    quantities = [
        *(_under_priors() if "priors" in wanted else ()),
        *(("redshift",) if free_redshift else ()),
    ]
    return {quantity: (quantity, *percentile_columns(quantity)) for quantity in quantities}


def _values(galaxy, posterior, quantiles):
    """Values of one row."""
    values = {
        "log_mass": np.median(posterior.draws["log_mass"]),
        "chi2": posterior.chi2,
        "fit_probability": posterior.fit_probability,
        "ess": posterior.ess,
        "log_evidence": posterior.log_evidence,
        "A_V_information": posterior.information,
    }
    draws = posterior.draws | {f"A_V_{k}": v for k, v in posterior.a_v_under.items()}
    for quantity, names in quantiles.items():
        if quantity in draws:
            values |= dict(zip(names, np.quantile(draws[quantity], _LEVELS), strict=True))
    if "redshift" in draws:
        values["redshift_samples"] = draws["redshift"][:_N_REDSHIFTS]
    if posterior.mixture is not None:
        values |= posterior.mixture.columns
    return values | _best_values(galaxy, posterior.best)


def _best_values(galaxy, best):
    """Fluxes of the best model of one row."""
    if best is None:
        return {}
    fluxes = {"model": best.flux, "dust_free": best.bare_flux}
    values = {
        f"{kind}_{band}": value
        for kind, flux in fluxes.items()
        for band, value in zip(galaxy.bands, flux, strict=True)
    }
    return values | {"SED": best.sed, "SED_dust_free": best.bare_sed}
