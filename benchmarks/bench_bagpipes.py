"""Cost and spread of fits with Bagpipes: processor seconds, effective samples and A_V.

One mock galaxy (z = 7, A_V = 0.5, noise-free, 1/15 of its brightest flux as the error of every
band) is fitted with the default priors under several seeds. The effective sample size stands
beside the time, and the A_V of the seeds beside each other, because a fast fit that misses half
of the posterior is not a fast fit.

Run ``python benchmarks/bench_bagpipes.py --bands 9 --n-live 2000 --seeds 2``; every fit takes
some minutes.
"""

import argparse
import time

import numpy as np

from dustest.estimators._sed.bagpipes.loading import load_bagpipes
from dustest.estimators._sed.bagpipes.nested_sampling import filter_lines, fit_galaxy, quiet
from dustest.estimators._sed.posterior import Galaxy, Settings

BANDS = (
    *("F606W", "F814W", "F115W", "F150W", "F200W", "F277W", "F356W", "F410M", "F444W"),
    *("F435W", "F775W", "F850LP", "F090W", "F162M", "F182M", "F210M", "F250M", "F300M", "F335M"),
)
ERROR_FLOOR = 0.05
TRUTH = {
    "redshift": 7.0,
    "lognormal": {"tmax": 0.6, "fwhm": 0.3, "massformed": 9.0, "metallicity": 0.2},
    "dust": {"type": "Calzetti", "Av": 0.5},
    "nebular": {"logU": -2.5},
}


def mock_flux(bands):
    """Fluxes [nJy] of the mock galaxy."""
    with quiet():
        model = load_bagpipes().model_galaxy(
            TRUTH, filt_list=[filter_lines(band) for band in bands], phot_units="mujy"
        )
    return 1e3 * model.photometry


def fit(flux, bands, n_live, sfh, seed):
    """Posterior and processor seconds of one fit."""
    settings = Settings(
        sfh=sfh,
        dust_law="Calzetti",
        priors=None,
        free_redshift=False,
        sfr_timescale=1e8,
        resolution=None,
        n_live=n_live,
        n_effective=1000,
    )
    error = np.hypot(flux.max() / 15.0, ERROR_FLOOR * flux)
    galaxy = Galaxy(TRUTH["redshift"], np.nan, bands, flux, error, None, seed)
    start = time.process_time()
    return fit_galaxy(galaxy, settings), time.process_time() - start


def main():
    """Print one line a fit."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bands", type=int, default=9, help=f"2 to {len(BANDS)}")
    parser.add_argument("--n-live", type=int, default=2000)
    parser.add_argument("--sfh", default="lognormal")
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    bands = BANDS[: arguments.bands]
    flux = mock_flux(bands)
    print("seed  CPU s     ESS  log evidence  bits   A_V p16    p50    p84")
    for seed in range(arguments.seeds):
        posterior, seconds = fit(flux, bands, arguments.n_live, arguments.sfh, seed)
        low, median, high = np.quantile(posterior.draws["A_V"], (0.16, 0.5, 0.84))
        print(
            f"{seed:4d} {seconds:6.1f} {posterior.ess:7.0f} {posterior.log_evidence:13.2f} "
            f"{posterior.information:5.2f}    {low:6.3f} {median:6.3f} {high:6.3f}"
        )


if __name__ == "__main__":
    main()
