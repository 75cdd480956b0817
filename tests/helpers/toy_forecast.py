"""A forecast of Gaussian posteriors, without any fit."""

import numpy as np
from astropy import units as u
from astropy.table import QTable, vstack

from dustest.studies import Forecast

ERRORS = {"wide": 0.2, "wide + F410M": 0.1}


def toy_forecast(n=4000, seed=180602):
    """A_V with known errors of two sets; the noise of the second is half that of the first."""
    rng = np.random.default_rng(seed)
    truth, noise = rng.uniform(0.0, 1.0, n), rng.standard_normal(n)
    magnitude = rng.uniform(26.0, 30.0, n)
    parts = []
    for bits, (name, error) in enumerate(ERRORS.items(), 1):
        part = QTable({"bands": np.full(n, name), "redshift": np.where(truth < 0.5, 6.0, 8.0)})
        part["magnitude"] = magnitude * u.mag
        part["true_A_V"] = truth * u.mag
        part["A_V"] = (truth + error * noise) * u.mag
        part["A_V_p16"], part["A_V_p84"] = (part["A_V"] + s * error * u.mag for s in (-1.0, 1.0))
        part["A_V_expected_error"] = np.full(n, error * np.sqrt(2.0 / np.pi)) * u.mag
        part["A_V_information"] = bits - 0.5 + 0.1 * noise**2
        parts.append(part)
    parts[1]["A_V"][-1] = np.nan
    bands = ("F115W", "F200W")
    sets = {"wide": bands, "wide + F410M": (*bands, "F410M")}
    return Forecast(sets, vstack(parts), "F200W", (26.0, 30.0), dict.fromkeys(bands, 1.0))
