"""Coverage and speed of BalmerEstimator, and the attenuation of MOSDEF and CEERS galaxies.

Simulated lines: H-beta of galaxies of the simulator by the ionising light of their stars, case B
at temperatures and densities from the prior of the estimator, and E(B-V) of the gas from that of
the stars by a flat distribution of f. Real lines: the catalogues of the data folder. With
``--sed`` the 3D-HST photometry of the MOSDEF galaxies is fitted, which takes some minutes, and
f = E(B-V) of stars over gas is printed by stellar mass.

    python benchmarks/bench_balmer.py --data ../shared/data [--sed FOLDER]
"""

import argparse
import time
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.constants import c, h
from astropy.cosmology import Planck15
from astropy.table import QTable, Table, vstack
from scipy.interpolate import RegularGridInterpolator
from scipy.stats import median_abs_deviation
from sedpy import observate

from dustest import BagpipesEstimator, BalmerEstimator
from dustest.data import LINES, Band, decode_flags, register_band
from dustest.io import get_layout, read_catalog
from dustest.physics import get_dust_law, line_ratio, load_ssp_grid
from dustest.simulate import GalaxySimulator, get_population
from dustest.simulate.galaxies.named_populations import change_settings

SEED = 220300
FLUX = u.Unit("1e-18 erg / (s cm2)")
SNRS = (3, 5, 10, 20, 30)
LINE_SETS = (("Ha", "Hb"), ("Ha", "Hb", "Hg", "Hd"), ("Ha", "Hb", "Pb"))
FIELDS = {
    "AEGIS": "AEGIS",
    "COSMOS": "COSMOS",
    "GOODS-N": "GOODSN",
    "GOODS-S": "GOODSS",
    "UDS": "UDS",
}
"""Suffix of the catalogue of 3D-HST by the field in MOSDEF."""
CFHT = {"u": "cfht_megacam_us_9301", "g": "cfht_megacam_gs_9401"}
NEWFIRM = {"j1": "mayall_newfirm_J1", "h1": "mayall_newfirm_H1", "k": "mayall_newfirm_K"}
OTHER_BANDS = {
    "AEGIS": CFHT | NEWFIRM,
    "COSMOS": CFHT | NEWFIRM,
    "GOODSN": {"u": "mayall_mosaic_U_k1001", "g": "keck_lris_g", "ks": "subaru_moircs_Ks"},
    "GOODSS": {"u": "vlt_vimos_U", "b": "mpgeso_wfi_B_eso842", "ks": "vlt_isaac_Ks"},
    "UDS": {"u": "cfht_megacam_us_9301", "b": "subaru_suprimecam_B", "k": "ukirt_wfcam_K"},
}
"""Curves of astro-sedpy of the bands of other telescopes, by field and name in the catalogue."""
IRAC = {"irac1": "spitzer_irac_ch1", "irac2": "spitzer_irac_ch2"}
ZERO_POINT_25 = u.Unit(10 ** (-0.4 * (25.0 - 8.9)) * u.Jy)
MASS_BINS = (8.0, 9.5, 10.0, 10.5, 12.0)


H_BETA_PER_PHOTON = 4.78e-13 * u.erg
"""H-beta per ionising photon, case B at 10,000 K: Osterbrock & Ferland 2006, chapter 4."""
LYMAN_LIMIT = 912.0
SOLAR_METALLICITY = 0.02
"""Unit of the metallicities of the stellar populations."""
REDSHIFTS = (5.0, 8.0)
F_RANGE = (0.44, 1.0)
N_SIMULATED, N_AT_ONCE, N_SPEED = 5000, 250, 20_000


def simulated():
    """A_V of the gas, E(B-V) of the stars, and H-beta of galaxies above 1e8 solar masses."""
    population = change_settings(get_population("0.2"), {"log_mass": (8.0, 11.0)})
    simulator = GalaxySimulator(["F277W"], views=("xy",), spectrograph=None, size=8)
    rng = np.random.default_rng(SEED + 1)
    of_stars, h_beta = [], []
    for start in range(0, N_SIMULATED, N_AT_ONCE):
        numbers = range(start, start + N_AT_ONCE)
        redshifts = rng.uniform(*REDSHIFTS, N_AT_ONCE)
        galaxies = [
            population.draw(z, rng, str(n)) for z, n in zip(redshifts, numbers, strict=True)
        ]
        _, truth = simulator.observe(galaxies, random_state=rng)
        of_stars += list(truth["E_BV"].value)
        h_beta += [flux_of_h_beta(galaxy) for galaxy in galaxies]
    of_stars = np.array(of_stars)
    of_gas = of_stars / rng.uniform(*F_RANGE, N_SIMULATED)
    return get_dust_law("CCM89").r_v * of_gas, of_stars, np.array(h_beta)


def flux_of_h_beta(galaxy):
    """Flux of H-beta without dust, of the gas ionised by the stars that have not left it."""
    stars, (grid, rates) = galaxy.stars, ionising_photons()
    young = stars.age <= grid.nebular.max_age
    places = np.stack([stars.metallicity / SOLAR_METALLICITY, np.log(stars.age)], axis=1)[young]
    low, high = np.transpose([one[[0, -1]] for one in rates.grid])
    photons = stars.mass[young] @ rates(np.clip(places, low, high)) / u.s
    kept = 1.0 - galaxy.conditions.escape_fraction
    distance = Planck15.luminosity_distance(galaxy.redshift)
    return (kept * photons * H_BETA_PER_PHOTON / (4.0 * np.pi * distance**2)).to_value(FLUX)


@lru_cache
def ionising_photons():
    """The stellar populations, and their photons per second and solar mass formed."""
    grid = load_ssp_grid()
    below = grid.wavelength < LYMAN_LIMIT
    wavelength = grid.wavelength[below] * u.AA
    light = grid.luminosity[..., below] * (u.Lsun / u.AA)
    rates = np.trapezoid(light * wavelength / (h * c), wavelength, axis=-1).to_value(1 / u.s)
    return grid, RegularGridInterpolator((grid.metallicity, np.log(grid.age)), rates)


def mock_lines(a_v, h_beta, names, snr, rng):
    """Lines behind dust, with the noise of a signal-to-noise ratio in H-beta."""
    n = len(a_v)
    temperature = np.exp(rng.uniform(np.log(5e3), np.log(2e4), n))
    density = np.exp(rng.uniform(np.log(10.0), np.log(1e4), n))
    law = get_dust_law("CCM89")
    flux = {
        name: h_beta
        * line_ratio(name, "Hb", temperature, density)
        * 10 ** (-0.4 * a_v * law.a_over_av(LINES[name].wavelength))
        for name in names
    }
    error = flux["Hb"] / snr
    table = QTable({"id": np.arange(n)})
    for name in names:
        table[f"line_{name}"] = rng.normal(flux[name], error) * FLUX
        table[f"line_err_{name}"] = error * FLUX
    return table


def print_coverage():
    """Bias and coverage on simulated lines."""
    a_v, e_bv, h_beta = simulated()
    print(f"{len(a_v)} simulated galaxies, A_V of gas {np.percentile(a_v, [16, 50, 84]).round(2)}")
    print("lines S/N bias mean_bias scatter cover68 cover90 cover68(E_BV of stars)")
    for names in LINE_SETS:
        for number, snr in enumerate(SNRS):
            rng = np.random.default_rng(SEED + 10 + number)
            table = mock_lines(a_v, h_beta, names, snr, rng)
            estimator = BalmerEstimator(f=F_RANGE, targets=("A_V_nebular", "E_BV"))
            levels = (0.05, 0.16, 0.5, 0.84, 0.95)
            gas, stars = np.moveaxis(estimator.predict_quantiles(table, levels), 1, 0)
            off = gas[:, 2] - a_v
            shares = [covered(gas[:, 1], gas[:, 3], a_v), covered(gas[:, 0], gas[:, 4], a_v)]
            shares.append(covered(stars[:, 1], stars[:, 3], e_bv))
            figures = (np.median(off), np.mean(off), 1.4826 * median_abs_deviation(off))
            words = [*(f"{one:.3f}" for one in figures), *(f"{one:.1%}" for one in shares)]
            print("+".join(names), snr, *words)


def covered(low, high, truth):
    """Share of truths within intervals."""
    return np.mean((truth >= low) & (truth <= high))


def print_speed():
    """Galaxies per second."""
    rng = np.random.default_rng(SEED + 2)
    a_v = rng.gamma(1.5, 0.6, N_SPEED)
    for names in LINE_SETS[:2]:
        table = mock_lines(a_v, np.ones(N_SPEED), names, 10, rng)
        start = time.perf_counter()
        BalmerEstimator().predict(table)
        print("+".join(names), f"{N_SPEED / (time.perf_counter() - start):.0f} galaxies/s")


def print_catalogues(folder):
    """Attenuation of real galaxies, and the share below case B."""
    for name in ("mosdef_lines.fits", "ceers_balmer_paschen.txt"):
        sample = read_catalog(folder / "lines" / name)
        for estimator in (BalmerEstimator(), BalmerEstimator(lines=("Ha", "Hb"))):
            table = estimator.estimate(sample)
            a_v, high = table["A_V_nebular"].value, table["A_V_nebular_p84"].value
            known = np.isfinite(a_v)
            flags = [one for names in decode_flags(table["flags"]) for one in names]
            print(
                name,
                "all lines" if estimator.lines is None else "Ha, Hb",
                f"n {known.sum()}, A_V of gas {np.percentile(a_v[known], [16, 50, 84]).round(2)}",
                f"below case B {np.mean(a_v[known] < 0):.1%}",
                f"by more than 1 sigma {np.mean(high[known] < 0):.1%}",
                {flag: flags.count(flag) for flag in sorted(set(flags))},
            )


def photometry(folder, mosdef):
    """3D-HST photometry of MOSDEF galaxies, in the order of their rows."""
    parts = []
    for field, suffix in FIELDS.items():
        rows = np.flatnonzero(mosdef["FIELD"] == field)
        sample = read_field(folder / "lines" / f"mosdef_3dhst_{suffix}.cat", suffix)
        place = {int(number): row for row, number in enumerate(sample["id"])}
        part = Table(sample[[place[int(number)] for number in mosdef["V4ID"][rows]]])
        part["row"] = rows
        parts.append(part)
    sample = vstack(parts, metadata_conflicts="silent")
    sample.sort("row")
    columns = {n: np.ma.filled(sample[n], np.nan) for n in sample.colnames if n[:4] == "flux"}
    columns = {name: u.Quantity(values, u.nJy) for name, values in columns.items()}
    return QTable({"id": np.arange(len(sample)), "redshift": mosdef["Z_MOSFIRE"], **columns})


def read_field(path, suffix):
    """Bands of HST and some of other telescopes, whose curves astro-sedpy has."""
    names = Table.read(path, format="ascii.commented_header").colnames
    pairs = get_layout("3dhst").pairs(names)
    for name, curve in (OTHER_BANDS[suffix] | IRAC).items():
        pairs[as_band(curve)] = [f"{letter}_{name}_{suffix.lower()}" for letter in "fe"]
    columns = {"id": "id"}
    for band, (flux, error) in pairs.items():
        columns |= {f"flux_{band}": flux, f"flux_err_{band}": error}
    return read_catalog(path, columns=columns, unit=ZERO_POINT_25, redshift=[])


@lru_cache
def as_band(curve):
    """Name of a band with a curve of astro-sedpy, registered at first use."""
    found = observate.Filter(curve)
    name = curve.replace("_", "")
    register_band(Band(name, f"sedpy/{curve}.0", found.wavelength, found.transmission))
    return name


def print_f(folder, law, output):
    """f = E(B-V) of stars over gas, by stellar mass."""
    mosdef = Table.read(folder / "lines" / "mosdef_lines.fits")
    sample = photometry(folder, mosdef)
    sed = BagpipesEstimator(dust_law=law, extra=("log_mass",), random_state=SEED + 3)
    stars = sed.estimate(sample, output=output, resume=output.exists())
    gas = BalmerEstimator().estimate(read_catalog(folder / "lines" / "mosdef_lines.fits"))
    keys = [f"{row['FIELD']} {row['V4ID']}" for row in mosdef]
    first = np.sort(np.unique(keys, return_index=True)[1])
    usable = np.isfinite(stars["A_V"].value) & np.isfinite(gas["A_V_nebular"].value)
    use = np.intersect1d(first, np.flatnonzero(usable))
    print(f"law of the stars {law}, {len(use)} galaxies")
    print("A_V of stars", np.percentile(stars["A_V"].value[use], [16, 50, 84]).round(2))
    print("A_V of gas", np.percentile(gas["A_V_nebular"].value[use], [16, 50, 84]).round(2))
    rng = np.random.default_rng(SEED + 4)
    mass = np.asarray(stars["log_mass"])[use]
    for low, high in [(MASS_BINS[0], MASS_BINS[-1]), *pairwise(MASS_BINS)]:
        rows = use[(mass >= low) & (mass < high)]
        pairs = np.stack([stars["E_BV"].value[rows], gas["E_BV_nebular"].value[rows]])
        f = np.divide(*pairs.mean(axis=1))
        draws = pairs[:, rng.integers(rows.size, size=(1000, rows.size))].mean(axis=2)
        error = np.std(draws[0] / draws[1])
        print(f"log mass {low} to {high}: n {rows.size}, f {f:.2f} +- {error:.2f}")


def main():
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sed", type=Path, help="folder for the SED fits of MOSDEF galaxies")
    options = parser.parse_args()
    if options.sed:
        for law in ("Calzetti", "Salim"):
            print_f(options.data, law, options.sed / f"mosdef-{law}.fits")
        return
    print_speed()
    print_coverage()
    print_catalogues(options.data)


if __name__ == "__main__":
    main()
