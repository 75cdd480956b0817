"""Error and cost of the tabulated photometry, against spectra of Bagpipes one at a time.

Every law gets random models: a delayed history with a burst, metallicities from below to beyond
the grid, ionisation parameters from -4 to -2, and A_V up to 10, half of them uniform and half
log-uniform.  An error counts where the band is brighter than 1e-4 of the brightest.

Run ``python benchmarks/bench_sed_table.py --models 1000``.
"""

import argparse
import time

import numpy as np

from dustest.estimators._bagpipes_fit import filter_lines, quiet
from dustest.estimators._bagpipes_igm import load_bagpipes
from dustest.estimators._sed_light import BandLight
from dustest.estimators._sed_table import SEDTable

BANDS = ("F606W", "F814W", "F115W", "F150W", "F200W", "F277W", "F356W", "F410M", "F444W")
LAWS = {
    "Calzetti": {},
    "SMC": {},
    "Cardelli": {},
    "CF00": {"n": 0.7},
    "Salim": {"delta": -0.6, "B": 2.0},
}
FAINT = 1e-4
N_SPEED = 200_000


def draw(rng, law, redshift, age):
    """Components of one random model of Bagpipes; ``age`` is that of the Universe in Gyr."""
    metallicity = 10.0 ** rng.uniform(-4.0, 1.0)
    delayed = {"age": rng.uniform(0.001, age), "tau": 10.0 ** rng.uniform(-2.0, 1.0)}
    burst = {"age": rng.uniform(0.001, age)}
    for component in (delayed, burst):
        component |= {"massformed": rng.uniform(7.0, 9.0), "metallicity": metallicity}
    a_v = 10.0 * rng.random() if rng.random() < 0.5 else 10.0 ** rng.uniform(-4.0, 1.0)
    dust = {"type": law, "Av": a_v, **LAWS[law]}
    if law == "CF00":
        dust["eta"] = rng.uniform(1.0, 3.0)
    nebular = {"logU": rng.uniform(-4.0, -2.0)}
    return {
        "redshift": redshift,
        "delayed": delayed,
        "burst": burst,
        "dust": dust,
        "nebular": nebular,
    }


def reference(galaxy, components):
    """Fluxes [nJy], masses by age and living share of one model, from Bagpipes."""
    with quiet():
        galaxy.update(components)
    weights = galaxy.sfh.component_weights
    living = 10.0 ** (galaxy.sfh.stellar_mass - galaxy.sfh.formed_mass)
    return 1e3 * galaxy.photometry, weights["delayed"] + weights["burst"], living


def errors(law, redshift, light, n, rng):
    """Relative errors of the fluxes that count, and the largest of the living shares."""
    pipes = load_bagpipes()
    age = float(np.interp(redshift, pipes.utils.z_array, pipes.utils.age_at_z))
    models = [draw(rng, law, redshift, 0.99 * age) for _ in range(n)]
    with quiet():
        galaxy = pipes.model_galaxy(
            models[0], filt_list=[filter_lines(band) for band in light.bands], phot_units="mujy"
        )
    flux, weights, living = map(
        np.array, zip(*[reference(galaxy, m) for m in models], strict=True)
    )
    table = SEDTable(redshift, light.bands, law, LAWS[law], light=light)
    weights = weights[:, : table.age_edges.size - 1]
    metallicity = np.array([model["delayed"]["metallicity"] for model in models])
    ours = table.photometry(
        weights,
        metallicity,
        np.array([model["nebular"]["logU"] for model in models]),
        np.array([model["dust"]["Av"] for model in models]),
        np.array([model["dust"].get("eta", 1.0) for model in models]),
    )
    counts = flux > FAINT * flux.max(axis=1, keepdims=True)
    share = table.surviving_fraction(weights, metallicity)
    return np.abs(ours / np.where(counts, flux, 1.0) - 1.0)[counts], np.max(
        abs(share / living - 1)
    )


def accuracy(light, n_models, seed):
    """Print one line a law: largest errors over ten redshifts."""
    print("law        max error  99.9 %     of living share")
    for law in LAWS:
        rng = np.random.default_rng(seed)
        runs = [errors(law, z, light, n_models // 10, rng) for z in np.linspace(5.0, 10.0, 10)]
        found = np.concatenate([error for error, _ in runs])
        print(
            f"{law:10s} {found.max():.1e}    {np.quantile(found, 0.999):.1e}    "
            f"{max(living for _, living in runs):.1e}"
        )


def cost(light, seed):
    """Print the time of a table and of many models."""
    start = time.process_time()
    BandLight(BANDS)
    read = time.process_time()
    table = SEDTable(7.0, BANDS, "Calzetti", light=light)
    built = time.process_time()
    print(f"spectra {read - start:.2f} s, table {built - read:.2f} s")
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(table.age_edges.size - 1, 0.1), N_SPEED)
    metallicity = 10.0 ** rng.uniform(-4.0, 1.0, N_SPEED)
    log_u = rng.uniform(-4.0, -2.0, N_SPEED)
    columns = {
        "log-uniform": 10.0 ** rng.uniform(-4.0, 1.0, N_SPEED),
        "uniform": rng.uniform(0.0, 10.0, N_SPEED),
    }
    for name, a_v in columns.items():
        start = time.process_time()
        table.photometry(weights, metallicity, log_u, a_v)
        print(f"{N_SPEED} models, A_V {name}: {time.process_time() - start:.2f} s")


def main():
    """Print errors and times."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=int, default=1000, help="models a law")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    light = BandLight(BANDS)
    cost(light, arguments.seed)
    accuracy(light, arguments.models, arguments.seed)


if __name__ == "__main__":
    main()
