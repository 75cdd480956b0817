"""Further columns of the result of an SED fit."""

import numpy as np
from astropy import units as u

from dustest.data.bands import get_band
from dustest.data.quantities import percentile_columns
from dustest.data.units import FLUX_UNIT
from dustest.estimators._sed.posterior import PRIORS

__all__ = ["EXTRAS", "column_units", "extra_columns", "sed_wavelengths"]

EXTRAS = ("priors", "history", "sed")
"""Groups of columns that come on request."""
_ALWAYS = ("log_mass", "chi2", "fit_probability", "ess", "log_evidence", "A_V_information")
_HISTORY = ("log_mass", "log_SFR_10", "log_SFR_100", "log_age")
_SEDS = ("SED", "SED_dust_free")
_N_WAVELENGTHS = 500
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


def extra_columns(rows, wanted, bands, *, free_redshift):
    """Columns beside those of every estimator.

    Parameters
    ----------
    rows : sequence of (Galaxy, Posterior) or None
        What was fitted and found, None where there is no answer.
    wanted : sequence of str
        Members of `EXTRAS`.
    bands : tuple of str
        Bands of the sample.
    free_redshift : bool
        Whether redshifts are fitted.

    Returns
    -------
    dict of str to ndarray of shape (n,) or (n, 500)
        By name; NaN where there is no answer.
    """
    with_sed = "sed" in wanted and bool(bands)
    quantiles = _quantile_columns(wanted, free_redshift=free_redshift)
    names = [*_ALWAYS, *(name for names in quantiles.values() for name in names)]
    if with_sed:
        names += [f"{kind}_{band}" for kind in ("model", "dust_free") for band in bands]
    columns = {name: np.full(len(rows), np.nan) for name in names}
    if with_sed:
        shape = (len(rows), _N_WAVELENGTHS)
        columns["SED_wavelength"] = np.broadcast_to(sed_wavelengths(bands), shape).copy()
        columns |= {name: np.full(shape, np.nan) for name in _SEDS}
    for i, row in enumerate(rows):
        if row is not None:
            for name, value in _values(*row, quantiles).items():
                columns[name][i] = value
    return columns


def column_units(names):
    """Units of columns that have one.

    Parameters
    ----------
    names : sequence of str
        Names of columns.

    Returns
    -------
    dict of str to Unit
        By name.
    """
    known = {
        name: u.mag
        for quantity in _under_priors()
        for name in (quantity, *percentile_columns(quantity))
    }
    known |= dict.fromkeys(_SEDS, FLUX_UNIT) | {"SED_wavelength": u.AA}
    known |= {name: FLUX_UNIT for name in names if name.startswith(("model_", "dust_free_"))}
    return {name: known[name] for name in names if name in known}


def _under_priors():
    """Names of A_V under each prior."""
    return [f"A_V_{prior}" for prior in PRIORS]


def _quantile_columns(wanted, *, free_redshift):
    """Columns of the median and of the percentiles, by quantity."""
    quantities = [
        *(_under_priors() if "priors" in wanted else ()),
        *(_HISTORY if "history" in wanted else ()),
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
