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
from dustest.physics.stellar.bilinear import node_weights
from dustest.physics.stellar.particle_rows import screen, weighted_rows

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


def exact_sum(table, law, stars):
    """Spectrum as a sum over particles, each behind its own screen, without a table of screens."""
    ages, metallicities, a_v = stars
    curve = get_dust_law(law)
    ratio = curve.a_over_av(np.clip(table.wavelength, *curve.wavelength_range))
    nodes, weights = node_weights(table._age, table._metallicity, ages, metallicities)
    spectra = table._spectra.reshape(-1, table.wavelength.size)
    total = np.zeros(table.wavelength.size)
    for start in range(0, N_STARS, 256):
        part = slice(start, start + 256)
        light = weighted_rows(spectra, nodes[part], weights[part])
        total += np.sum(light * screen(a_v[part], ratio), axis=0)
    return total


def time_spectra(grid, stars):
    """Print what a spectrum of the rest-frame ultraviolet costs, and how far off it is."""
    ages, metallicities, a_v = stars
    masses = np.ones(N_STARS)
    for step in (None, 4.0):
        table = SpectrumTable(grid, (1200.0, 3300.0), law="SMC", step=step)
        label = f"1200-3300 Angstrom, {table.wavelength.size} wavelengths"
        free = median_time(lambda table=table: table.spectrum(ages, metallicities, masses), 50)
        dusty = median_time(
            lambda table=table: table.spectrum(ages, metallicities, masses, a_v), 50
        )
        exact = median_time(lambda table=table: exact_sum(table, "SMC", stars), 5)
        off = table.spectrum(ages, metallicities, masses, a_v) / exact_sum(table, "SMC", stars) - 1
        print(
            f"{N_STARS} particles, spectrum {label}: {free:.2f} ms, with dust {dusty:.2f} ms, "
            f"summed one by one {exact:.0f} ms; largest error {np.max(np.abs(off)):.0e}"
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
