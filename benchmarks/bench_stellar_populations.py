"""Time that the light of star particles takes, and the error of the dust table.

Run with ``python benchmarks/bench_stellar_populations.py``; it takes some ten seconds.
"""

import time

import numpy as np

from dustest.physics import (
    LightTable,
    SpectrumTable,
    band_flux,
    get_dust_law,
    igm_transmission,
    load_ssp_grid,
)

BANDS = ["F277W", "F356W", "F444W"]
ALL_BANDS = ["F090W", "F115W", "F150W", "F200W", *BANDS, "F335M", "F410M"]
N_STARS = 2500
REPEATS = 300
A_V = np.concatenate([[0.0], np.geomspace(0.003, 20.0, 60)])


def median_time(action, repeats=REPEATS):
    """Median time of an action in ms, the first run left out."""
    action()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return 1e3 * np.median(times)


def particles(rng):
    """Ages, metallicities and attenuations of the stars of a galaxy."""
    return (
        10 ** rng.uniform(5.5, 8.8, N_STARS),
        10 ** rng.uniform(-2.0, 0.2, N_STARS),
        10 ** rng.uniform(-2.0, 1.0, N_STARS),
    )


def time_tables(grid, stars):
    """Print what tables cost to build and to look up."""
    build = median_time(lambda: LightTable(grid, BANDS, 7.0, law="SMC"), 5)
    print(f"build a table, {len(BANDS)} bands, with dust: {build:.0f} ms")
    build = median_time(lambda: LightTable(grid, ALL_BANDS, 7.0, law="SMC"), 5)
    print(f"build a table, {len(ALL_BANDS)} bands, with dust: {build:.0f} ms")
    table = LightTable(grid, BANDS, 7.0, law="SMC")
    ages, metallicities, a_v = stars
    for label, action in (
        ("3 bands, A_V per particle", lambda: table.flux(ages, metallicities, a_v)),
        ("3 bands, dust-free", lambda: table.flux(ages, metallicities)),
        ("V and B, A_V per particle", lambda: table.v_and_b(ages, metallicities, a_v)),
    ):
        print(f"{N_STARS} particles, {label}: {median_time(action):.2f} ms")


def time_spectra(grid, stars):
    """Print what a spectrum of the rest-frame ultraviolet costs."""
    table = SpectrumTable(grid, (1250.0, 2600.0), law="SMC")
    ages, metallicities, a_v = stars
    masses = np.ones(N_STARS)
    free = median_time(lambda: table.spectrum(ages, metallicities, masses), 20)
    dusty = median_time(lambda: table.spectrum(ages, metallicities, masses, a_v), 5)
    print(
        f"{N_STARS} particles, spectrum 1250-2600 Angstrom: {free:.0f} ms, with dust {dusty:.0f}"
    )


def largest_error(grid, law, redshift):
    """Largest relative error of the attenuation of a young star, where any light is left."""
    curve = get_dust_law(law)
    spectra = SpectrumTable(grid, emission="stellar")
    observed = (1.0 + redshift) * spectra.wavelength
    ratio = curve.a_over_av(np.clip(spectra.wavelength, *curve.wavelength_range))
    f_nu = (
        spectra.spectrum([5e6], [0.2], [1.0]) * observed**2 * igm_transmission(observed, redshift)
    )
    dusty = f_nu * 10 ** (-0.4 * np.multiply.outer(A_V, ratio))
    exact = np.stack([band_flux(observed, dusty, band) for band in ALL_BANDS], axis=1)
    table = LightTable(grid, ALL_BANDS, redshift, law=law, emission="stellar")
    flux = table.flux(np.full(A_V.size, 5e6), np.full(A_V.size, 0.2), A_V)
    with np.errstate(invalid="ignore"):
        left, expected = flux / flux[0], exact / exact[0]
    return np.max(np.abs(left / expected - 1.0)[expected > 1e-4])


def dust_errors(grid):
    """Print the largest error of the table between its nodes of A_V."""
    for law in ("Calzetti", "SMC", "CCM89"):
        worst = max(largest_error(grid, law, redshift) for redshift in (6.0, 6.8, 7.5, 8.2, 9.0))
        print(f"largest error of the attenuation between nodes, {law}: {worst:.1e}")


if __name__ == "__main__":
    start = time.perf_counter()
    ssp_grid = load_ssp_grid()
    print(f"load the grid: {time.perf_counter() - start:.1f} s")
    galaxy = particles(np.random.default_rng(1))
    time_tables(ssp_grid, galaxy)
    time_spectra(ssp_grid, galaxy)
    dust_errors(ssp_grid)
