"""Bias and scatter of the photometric UV slope, beside the usual fit at pivot wavelengths.

Mock galaxies are power laws cut off at Lyman alpha, observed through the filter curves with noise
of one signal-to-noise ratio in every band. Both methods get the same fluxes in the same bands.

A second table has the systematic error of photometric slopes (`PHOTOMETRIC_SLOPE_ERR` in
`dustest.physics.uv_slope`): galaxies of the simulator, whose continuum is no exact power law, with
the photometry of JADES-deep, against the slope of their spectra without noise. Pulls are given
with the statistical error alone and with the systematic one; and the share of galaxies of three
bands or more that the flag POOR_FIT would mark, in wide and in medium bands.

Run with ``python benchmarks/bench_uv_slope.py``; it takes about five minutes.
"""

import itertools
import time

import numpy as np

from dustest.data.bands import get_band
from dustest.data.errors import InputError
from dustest.physics import (
    band_flux,
    photometric_beta,
    select_uv_bands,
    spectral_beta,
    synthetic_photometry,
)
from dustest.physics.uv_slope import PHOTOMETRIC_SLOPE_ERR
from dustest.simulate import GalaxySimulator, get_population
from dustest.simulate.galaxies.named_populations import change_settings
from dustest.simulate.telescope.spectrograph import PrismSpectrograph

FILTER_SETS = {
    "CEERS": ["F606W", "F814W", "F115W", "F150W", "F200W", "F277W", "F356W", "F410M", "F444W"],
    "JADES": ["F090W", "F115W", "F150W", "F200W", "F277W", "F335M", "F356W", "F410M", "F444W"],
    "medium": ["F115W", "F140M", "F150W", "F162M", "F182M", "F200W", "F210M"],
}
BETAS = (-3.0, -2.0, -1.0, 0.0)
REDSHIFTS = (6.0, 6.5, 7.0, 7.5, 8.0, 8.5, 9.0)
SIGNAL_TO_NOISE = (3.0, 5.0, 10.0, 30.0, np.inf)
N_MOCKS = 4000
N_GALAXIES = 5000
POPULATIONS = {"all": ({}, 170609), "heavy": ({"log_mass": (8.0, 11.0)}, 170610)}
"""Changes to the population "0.2", and the seeds of the galaxies."""
POOR_FIT_BANDS = {"wide": ["F115W", "F150W", "F200W"], "medium": FILTER_SETS["medium"]}
ERROR_BINS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 2.0)


def galaxy(bands, beta, redshift):
    """Fluxes of a power law cut off at Lyman alpha."""
    wavelength = np.geomspace(4000.0, 60_000.0, 20_000)
    f_nu = 10.0 * (wavelength / 20_000.0) ** (beta + 2.0)
    f_nu[wavelength < 1215.67 * (1.0 + redshift)] = 0.0
    return np.array([band_flux(wavelength, f_nu, band) for band in bands])


def pivot_fit(flux, error, bands, redshift):
    """Slope of a weighted straight line through log flux at the pivot wavelengths."""
    used = select_uv_bands(bands, redshift) & (flux > 0)
    positive = np.where(used, flux, 1.0)
    weight = np.where(used, (positive / error) ** 2, 0.0)
    x = np.log([get_band(band).pivot for band in bands])
    x = x - (weight @ x / weight.sum(axis=1))[:, np.newaxis]
    with np.errstate(invalid="ignore"):
        slope = (weight * x * np.log(positive)).sum(axis=1) / (weight * x**2).sum(axis=1)
    return np.where(used.sum(axis=1) >= 2, slope - 2.0, np.nan)


def measure(bands, snr, rng):
    """Residuals of both methods over all slopes and redshifts: (n, 2)."""
    residuals = []
    for beta in BETAS:
        for redshift in REDSHIFTS:
            truth = galaxy(bands, beta, redshift)
            # Without noise one mock says it all; the errors only set the weights.
            n, level = (N_MOCKS, truth / snr) if np.isfinite(snr) else (1, 0.0 * truth)
            flux = truth + level * rng.standard_normal((n, truth.size))
            error = np.broadcast_to(truth / min(snr, 10.0) + 1e-6, flux.shape)
            z = np.full(n, redshift)
            ours = photometric_beta(flux, error, bands, z).beta
            naive = pivot_fit(flux, error, bands, z)
            residuals.append(np.stack([ours, naive], axis=1) - beta)
    return residuals


def report():
    """Print one line per filter set and signal-to-noise ratio."""
    rng = np.random.default_rng(1)
    print(f"{'':22s}{'filter curves':^34s}{'pivot wavelengths':^34s}")
    columns = f"{'median':>9s}{'worst':>9s}{'scatter':>9s}{'lost':>7s}"
    print(f"{'filters':10s}{'S/N':>6s}{'':6s}{columns}{columns}")
    for label, bands in FILTER_SETS.items():
        for snr in SIGNAL_TO_NOISE:
            residuals = measure(bands, snr, rng)
            cells = np.array([np.nanmedian(cell, axis=0) for cell in residuals])
            together = np.concatenate(residuals)
            scatter = 0.5 * np.ptp(np.nanpercentile(together, [16, 84], axis=0), axis=0)
            lost = np.isnan(together).mean(axis=0)
            line = "".join(
                f"{np.median(cells[:, k]):9.4f}{np.abs(cells[:, k]).max():9.4f}"
                f"{scatter[k]:9.3f}{lost[k]:7.2%}"
                for k in (0, 1)
            )
            print(f"{label:10s}{snr:6.0f}{'':6s}{line}")


def simulated(population, seed):
    """Galaxies of a population in one view, with spectra without noise, and their slopes."""
    sample, _ = GalaxySimulator(
        ["F444W"],
        population=population,
        views=["xy"],
        size=8,
        spectrograph=PrismSpectrograph(depth=1e-30, floor=0.0),
    ).draw(N_GALAXIES, random_state=seed)
    wavelength, flux = sample["spectrum_wavelength"].value, sample["spectrum_flux"].value
    slopes = np.full(len(sample), np.nan)
    for row, redshift in enumerate(sample["redshift"]):
        error = np.full(flux.shape[1], 0.1 * np.nanmedian(np.abs(flux[row])) + 1e-40)
        try:
            slopes[row] = spectral_beta(wavelength[row], flux[row], error, redshift).beta
        except InputError:
            continue
    return sample, slopes


def report_systematic_error():
    """Print pulls by error of the slope, before and after the systematic error."""
    bands = ["F090W", "F115W", "F150W", "F200W", "F277W"]
    for label, (settings, seed) in POPULATIONS.items():
        population = change_settings(get_population("0.2"), settings)
        sample, truth = simulated(population, seed)
        flux, error = (
            np.stack([sample[f"{kind}_{band}"].value for band in bands], axis=1)
            for kind in ("flux", "flux_err")
        )
        fit = photometric_beta(flux, error, bands, sample["redshift"])
        offset, statistical = fit.beta - truth, fit.statistical_err
        print(f"\n{label}: {np.sum(fit.ok & np.isfinite(truth))} of {N_GALAXIES} galaxies")
        print(
            f"{'error':>12s}{'n':>6s}{'median':>9s}{'scatter':>9s}{'>3 before':>11s}{'after':>8s}"
        )
        for low, high in itertools.pairwise(ERROR_BINS):
            use = fit.ok & np.isfinite(truth) & (statistical >= low) & (statistical < high)
            scatter = 0.5 * np.ptp(np.percentile(offset[use], [16, 84]))
            pulls = [np.abs(offset[use]) / e[use] for e in (statistical, fit.beta_err)]
            shares = "".join(f"{np.mean(pull > 3.0):10.1%}" for pull in pulls)
            print(
                f"{low:6.2f}-{high:5.2f}{use.sum():6d}{np.median(offset[use]):9.3f}"
                f"{scatter:9.3f} {shares}"
            )
        report_poor_fits(sample)
    print(f"\nsystematic error in use: {PHOTOMETRIC_SLOPE_ERR}")


def report_poor_fits(sample):
    """Print how many simulated galaxies are no power law at the depth of JADES-deep."""
    wavelength = sample["spectrum_wavelength"][0]
    for label, bands in POOR_FIT_BANDS.items():
        truth = synthetic_photometry(wavelength, sample["spectrum_flux"], bands).value
        error = np.full(truth.shape, sample["flux_err_F150W"][0].value)
        flux = truth + error * np.random.default_rng(5).standard_normal(truth.shape)
        fit = photometric_beta(flux, error, bands, sample["redshift"])
        use = fit.ok & (fit.n_bands >= 3)
        poor = (fit.probability < 1e-4) | (fit.chi2 > 10.0 * fit.n_bands)
        share, of_all = np.mean(poor[use]), np.mean(poor & use)
        print(f"POOR_FIT in {label} bands: {share:.2%} of {use.sum()}, {of_all:.2%} of all")


def time_it(n=200_000):
    """Print the speed of a large catalogue."""
    bands = FILTER_SETS["JADES"]
    rng = np.random.default_rng(2)
    flux = galaxy(bands, -2.0, 7.0) * (1.0 + 0.1 * rng.standard_normal((n, len(bands))))
    start = time.perf_counter()
    photometric_beta(flux, np.full(flux.shape, 1.0), bands, rng.uniform(6.0, 9.0, n))
    seconds = time.perf_counter() - start
    print(f"{n} galaxies in {seconds:.1f} s: {n / seconds:.0f} per second")


if __name__ == "__main__":
    report()
    report_systematic_error()
    time_it()
