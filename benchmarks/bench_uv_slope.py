"""Bias and scatter of the photometric UV slope, beside the usual fit at pivot wavelengths.

Mock galaxies are power laws cut off at Lyman alpha, observed through the filter curves with noise
of one signal-to-noise ratio in every band. Both methods get the same fluxes in the same bands.

Run with ``python benchmarks/bench_uv_slope.py``; it takes about a minute.
"""

import time

import numpy as np

from dustest.data.bands import get_band
from dustest.physics import band_flux, photometric_beta, select_uv_bands

FILTER_SETS = {
    "CEERS": ["F606W", "F814W", "F115W", "F150W", "F200W", "F277W", "F356W", "F410M", "F444W"],
    "JADES": ["F090W", "F115W", "F150W", "F200W", "F277W", "F335M", "F356W", "F410M", "F444W"],
    "medium": ["F115W", "F140M", "F150W", "F162M", "F182M", "F200W", "F210M"],
}
BETAS = (-3.0, -2.0, -1.0, 0.0)
REDSHIFTS = (6.0, 6.5, 7.0, 7.5, 8.0, 8.5, 9.0)
SIGNAL_TO_NOISE = (3.0, 5.0, 10.0, 30.0, np.inf)
N_MOCKS = 4000


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
    time_it()
