"""Results with draws, fitted data and models, as SED fits and slopes keep them."""

import numpy as np
from astropy import units as u

from dustest.data import DustTable

BANDS = ("F090W", "F150W", "F277W", "F444W")
FLUX = np.array([0.1, 20.0, 30.0, 40.0])
ERROR = np.array([1.0, 2.0, 3.0, 4.0])
REDSHIFT = 7.0


def sed_result(n=2, n_draws=60, **columns):
    """Result of SED fits of n galaxies, of which the last failed."""
    rng = np.random.default_rng(250001)
    answered = np.append(np.ones(n - 1), np.nan)[:, np.newaxis]
    wavelength = np.geomspace(8e3, 5e4, 500)
    sed = np.broadcast_to(10.0 * (wavelength / 1e4), (n, 500)) * answered
    draws = {
        "A_V_draws": (rng.gamma(2.0, 0.2, (n, n_draws)) * answered) << u.mag,
        "log_sSFR_draws": rng.normal(-8.0, 0.2, (n, n_draws)) * answered,
        "dust:delta_draws": rng.normal(-0.2, 0.1, (n, n_draws)) * answered,
        "nebular:logU_draws": np.full((n, n_draws), -2.0) * answered,
    }
    spectra = {
        "SED_wavelength": np.tile(wavelength, (n, 1)) << u.AA,
        "SED": sed << u.nJy,
        "SED_p16": 0.9 * sed << u.nJy,
        "SED_p84": 1.1 * sed << u.nJy,
        "SED_dust_free": 1.5 * sed << u.nJy,
    }
    data = {"fitted_redshift": np.full(n, REDSHIFT)}
    for band, flux, error in zip(BANDS, FLUX, ERROR, strict=True):
        data[f"fitted_flux_{band}"] = np.full(n, flux) << u.nJy
        data[f"fitted_flux_err_{band}"] = np.full(n, error) << u.nJy
        data[f"model_{band}"] = np.full(n, flux + error) << u.nJy
    a_v = {"A_V": 0.41, "A_V_p16": 0.1, "A_V_p84": 0.72, "log_sSFR": -8.0}
    quantities = {name: value * answered[:, 0] for name, value in a_v.items()}
    extra = draws | spectra | data | columns
    flags = np.append(np.zeros(n - 1, int), 1 << 12)
    return DustTable.from_quantities(np.arange(n), quantities, flags=flags, extra=extra)
