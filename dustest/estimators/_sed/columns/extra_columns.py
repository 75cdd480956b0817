"""Further columns of the result of an SED fit."""

import numpy as np
from astropy import units as u

from dustest.data.bands import get_band
from dustest.data.checks.units import FLUX_UNIT
from dustest.data.quantities import percentile_columns
from dustest.estimators._sed.columns.star_formation_histories import (
    history_columns,
    history_values,
)
from dustest.estimators._sed.posterior import PRIORS
from dustest.estimators._sed.tabulated.likelihoods.free_errors import instruments_of
from dustest.estimators.run.batch import ExtraColumn

__all__ = ["EXTRAS", "declared_columns", "extra_columns", "sed_wavelengths"]

EXTRAS = {
    "redshift": (),
    "priors": (),
    "history": ("log_mass", "log_SFR_10", "log_SFR_100", "log_age"),
    "sed": (),
    "star_formation_history": (),
    "photometry": (),
}
"""Groups of columns on request, and their quantities."""
_ALWAYS = ("log_mass", "chi2", "fit_probability", "ess", "log_evidence", "A_V_information")
_PREDICTED = ("predicted", "predicted_err")
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


def extra_columns(
    rows,
    wanted,
    bands,
    quantities,
    *,
    free_redshift,
    robust=False,
    free_errors=False,
    models=(),
    settings=(),
):
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
    robust : bool, optional
        Whether bands may be outliers.
    free_errors : bool, optional
        Whether instruments have a fractional error that is free.
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
        wanted,
        bands,
        quantities,
        free_redshift=free_redshift,
        robust=robust,
        free_errors=free_errors,
        models=models,
    )
    columns = {name: column.blank(len(rows)) for name, column in declared.items()}
    if "SED_wavelength" in columns:
        columns["SED_wavelength"][:] = sed_wavelengths(bands)
    for i, row in enumerate(rows):
        if row is not None:
            values = _values(*row, bands, under)
            if "star_formation_history" in wanted:
                values |= history_values(row[1], settings)
            for name in columns.keys() & values.keys():
                columns[name][i] = values[name]
    return columns


def declared_columns(
    wanted, bands, quantities, *, free_redshift, robust=False, free_errors=False, models=()
):
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
    robust : bool, optional
        Whether bands may be outliers.
    free_errors : bool, optional
        Whether instruments have a fractional error that is free.
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
    if free_errors:
        columns |= {f"fractional_error_{name}": ExtraColumn() for name in instruments_of(bands)}
    if robust:
        columns |= {f"outlier_{band}": ExtraColumn() for band in bands}
    if "photometry" in wanted and bands:
        columns |= {
            f"{kind}_{band}": ExtraColumn(FLUX_UNIT) for kind in _PREDICTED for band in bands
        }
        shape = (len(bands), len(bands))
        columns["predicted_covariance"] = ExtraColumn(FLUX_UNIT**2, shape)
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


def _values(galaxy, posterior, bands, quantiles):
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
    by_band = _best_fluxes(posterior.best)
    if posterior.predicted is not None:
        predicted = posterior.predicted
        by_band |= {"predicted": predicted.flux, "predicted_err": predicted.error}
        values["predicted_covariance"] = _in_bands(predicted.covariance, galaxy, bands)
    for name, value in (posterior.fractional_error or {}).items():
        values[f"fractional_error_{name}"] = value
    if posterior.outlier is not None:
        by_band["outlier"] = posterior.outlier
    values |= {
        f"{kind}_{band}": value
        for kind, each in by_band.items()
        for band, value in zip(galaxy.used_bands, each, strict=True)
    }
    if posterior.best is not None:
        values |= {"SED": posterior.best.sed, "SED_dust_free": posterior.best.bare_sed}
    return values


def _best_fluxes(best):
    """Photometry of the best model, if there is one."""
    return {} if best is None else {"model": best.flux, "dust_free": best.bare_flux}


def _in_bands(covariance, galaxy, bands):
    """A covariance between the bands of a galaxy, in those of the sample; NaN elsewhere."""
    result = np.full((len(bands), len(bands)), np.nan)
    own = [bands.index(band) for band in galaxy.used_bands]
    result[np.ix_(own, own)] = covariance
    return result
