"""Fit the population of galaxies to the colours and magnitudes of JADES at redshifts 6 to 9.

The population "0.2" was fitted with ``python tools/fit_population.py --data ../shared/data
--output FILE --trials 560`` (15 minutes on two cores). It reads ``catalogs/jof_bagpipes.ecsv`` and
``catalogs/jades_z6to9_beagle.fits``, fits to half of each (the other half is left for
`tools/compare_with_real.py`), and writes the settings that differ from those of version 0.1 as
JSON, with the loss and the seed. The trials are kept in a second file (``.trials.json``), so that
an interrupted run resumes. Those with the lowest loss are repeated with other random numbers, and
that with the lowest mean is written.

The loss is the energy distance between real and simulated galaxies in redshift, magnitudes and
colours, in units of the real scatter, plus penalties for what lies outside of published bounds,
for medians of the colours in which lines move, and for equivalent widths. The first trials are
drawn widely about a start, the others about the best ones; all share their random numbers.
"""

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from mock_catalogs import (
    CATALOGS,
    COARSE,
    LINE_COLOURS,
    REDSHIFT,
    MockCatalogs,
    fitting_half,
    observables,
    real_galaxies,
)
from scipy.spatial.distance import cdist, pdist

from dustest.simulate import get_population
from dustest.simulate.galaxies.named_populations import change_settings

SEED = 170630
N_GALAXIES = 1600
N_FIRST, N_TOGETHER = 80, 8
"""Trials about the start, and trials that are drawn together."""
N_BEST, N_REPEATED, N_SEEDS = 10, 8, 4
PARAMETERS = {
    "main_sequence.rate": (0.5, 3.5, 0.667),
    "main_sequence.slope": (-0.25, 0.05, -0.0742),
    "main_sequence.scatter": (0.15, 0.6, 0.308),
    "history.scatter": (0.3, 1.2, 0.623),
    "history.log_correlation_time": (6.5, 7.9, 7.7),
    "mass_metallicity.abundance": (7.4, 8.6, 8.46),
    "mass_metallicity.slope": (0.0, 0.45, 0.311),
    "mass_metallicity.scatter": (0.1, 0.6, 0.178),
    "mass_function.tilt": (0.0, 0.2, 0.0464),
    "log_dense_share": (-1.8, -0.3, -1.6),
    "dense_extent": (0.5, 4.0, 0.82),
    "dust.birth_depth": (0.0, 1.5, 0.144),
    "dust.clump_depth": (0.0, 2.5, 0.0959),
    "dust.metallicity_power": (0.0, 1.5, 1.39),
    "nebulae.log_u": (-3.0, -1.25, -2.07),
    "nebulae.log_u_scatter": (0.1, 0.9, 0.75),
    "nebulae.leaking_share": (0.0, 0.5, 0.156),
}
"""Smallest and largest value, and start: settings of an earlier fit to the same galaxies."""
ASSUMED = {
    "log_mass": (6.5, 11.0),
    "dust": {
        "grains": (("SMC", 0.4), ("LMC", 0.1), ("F99", 0.1), ("MW_no_bump", 0.2), ("SN", 0.2)),
        "scattering": True,
    },
    "nebulae": {"escape_fraction": 0.9},
}
"""What is not fitted. Most of the galaxies have so little dust that their colours hardly depend on
the grains. Galaxies below 1e7 Msun are too faint for the catalogues."""
FIRST_WIDTH = 0.25
"""Standard deviation of the first trials over the range of a parameter."""
LEAST_WIDTH = 0.04
"""Smallest standard deviation of new trials over the range of a parameter."""
BOUNDS = {
    "slope of M_UV": (-0.25, -0.09, 0.1),
    "log_dust_to_stars": (-3.0, -2.0, 0.1),
    "scatter over 10 Myr": (0.3, 0.6, 0.03),
    "A_1600/A_V": (1.9, 2.6, 0.1),
    "A_V at 1e9": (0.15, 0.6, 0.05),
    "A_V at 1e10": (0.3, 1.2, 0.05),
    "beta at -20": (-2.25, -1.95, 0.03),
}
"""Range and weight in the loss. d beta / d M_UV: -0.17 +- 0.05 (Cullen et al. 2023), within 1.6
standard errors. Dust over stellar mass above 10**8.5 Msun: 1.1 to 1.5 dex above that of the
population of version 0.1, where galaxies of equal mass seen by ALMA lie, with a margin. Scatter in
dex of the rate over 10 Myr around the main sequence: 0.4 to 0.5 (Simmonds et al. 2025), with a
margin. Attenuation at 1600 Angstrom over that at V where A_V is 0.3 to 1.5: between that of
Calzetti et al. (2000), 2.46, with a margin, and a flatter curve (Shivaei et al. 2025 find curves
flatter than Calzetti's at redshifts 7 to 9). Published A_V depend on the priors of their fits:
only medians above 0.6 mag at 1e9 Msun, half as much again as Song et al. (2026) have, and above
1.2 mag at 1e10 cost anything. Median beta at M_UV -21 to -19: -2.0 in published lists, with a
margin."""
LOGARITHMIC = ("correlation_time", "dense_share")
SLOPE_M_UV = np.arange(-22.0, -17.0, 0.5)
"""Edges of the bins of M_UV in which the slope is measured."""
UV_BINS = (-22.0, -20.0, -19.0, -18.0, -16.0)


def nested(settings):
    """Settings by the names of `PARAMETERS` as `change_settings` takes them."""
    changes = {}
    for key, value in settings.items():
        relation, _, name = key.rpartition(".")
        setting = value
        if name.startswith("log_") and name.removeprefix("log_") in LOGARITHMIC:
            name, setting = name.removeprefix("log_"), 10.0**value
        (changes.setdefault(relation, {}) if relation else changes)[name] = float(f"{setting:.6g}")
    return changes


def merged(settings, more):
    """Settings of two dicts, relation by relation."""
    both = settings.keys() & more.keys()
    return settings | more | {key: settings[key] | more[key] for key in both}


def energy_distance(real, simulated, weights):
    """Energy distance of two tables of observables, in units of the real scatter.

    The simulated redshifts are weighted to the real ones.
    """
    real, simulated = (
        np.column_stack([t[name] for name in t.colnames]) for t in (real, simulated)
    )
    kept = np.isfinite(simulated).all(axis=1)
    real, simulated, weights = real[np.isfinite(real).all(axis=1)], simulated[kept], weights[kept]
    scale = np.subtract(*np.percentile(real, [84, 16], axis=0)) / 2
    real, simulated, weights = real / scale, simulated / scale, weights / weights.sum()
    across = (cdist(real, simulated) @ weights).mean()
    among_real = 2.0 * pdist(real).sum() / (len(real) * (len(real) - 1))
    own = weights @ cdist(simulated, simulated) @ weights / (1.0 - np.sum(weights**2))
    return float(2.0 * across - among_real - own)


def line_colour_penalty(real, simulated, weights):
    """How far the medians of the colours in which lines move are off, by redshift."""
    total = 0.0
    for low in np.arange(*REDSHIFT, 0.5):
        among_real, among_simulated = (
            (t["redshift"] >= low) & (t["redshift"] < low + 0.5) for t in (real, simulated)
        )
        n = np.count_nonzero(among_real)
        if n < 10 or not among_simulated.any():
            continue
        for blue, red in LINE_COLOURS:
            colour = f"{blue}-{red}"
            wanted = np.asarray(real[colour])[among_real]
            own = weighted_quantiles(
                np.asarray(simulated[colour])[among_simulated], weights[among_simulated], [0.5]
            )
            error = max(0.1, 2.5 * np.nanstd(wanted) / np.sqrt(n))
            total += ((own[0] - np.nanmedian(wanted)) / error) ** 2
    return total


def weighted_quantiles(values, weights, shares):
    """Quantiles of weighted values; those that are not finite are left out."""
    fine = np.isfinite(values)
    order = np.argsort(values[fine])
    below = np.cumsum(weights[fine][order])
    return np.interp(shares, (below - 0.5 * weights[fine][order]) / below[-1], values[fine][order])


def width_penalty(real, simulated, weights):
    """Mean difference in dex of the quantiles of equivalent widths, by luminosity."""
    differences = []
    for low, high in pairwise(UV_BINS):
        known, own = (
            (np.asarray(t["M_UV"], float) >= low) & (np.asarray(t["M_UV"], float) < high)
            for t in (real, simulated)
        )
        if min(np.count_nonzero(known), np.count_nonzero(own)) < 5:
            continue
        widths = np.log10(np.maximum(np.asarray(real["EW"])[known], 10.0))
        ours = np.log10(np.maximum(np.asarray(simulated["EW"])[own], 10.0))
        shares = np.array([0.16, 0.5, 0.84])
        quantiles = weighted_quantiles(ours, weights[own], shares)
        differences.append(np.abs(np.quantile(widths, shares) - quantiles))
    return float(np.mean(differences))


def slope_of_medians(x, y, weights):
    """Slope of a line through the medians of y in bins of M_UV; all bins have the same weight."""
    medians = []
    for low, high in pairwise(SLOPE_M_UV):
        inside = (x >= low) & (x < high)
        if np.count_nonzero(inside) >= 10:
            median = weighted_quantiles(y[inside], weights[inside], [0.5])[0]
            medians.append(((low + high) / 2.0, median))
    return np.polyfit(*np.transpose(medians), 1)[0] if len(medians) > 2 else 0.0


def median_between(table, quantity, by, low, high):
    """Median of a quantity for galaxies between two values of another."""
    values = np.asarray(table[by], dtype=float)
    inside = (values >= low) & (values < high)
    weights = np.asarray(table["weight"])[inside]
    values = np.asarray(table[quantity], dtype=float)[inside]
    return float(weighted_quantiles(values, weights, [0.5])[0])


def known_relations(table):
    """Quantities with published bounds."""
    weight = np.asarray(table["weight"])
    m_uv, beta = (np.asarray(table[name], float) for name in ("M_UV", "beta"))
    slope = slope_of_medians(m_uv, beta, weight)
    heavy = np.asarray(table["log_mass"]) > 8.5
    ratio = np.asarray(table["log_dust_mass"] - table["log_mass"])[heavy]
    specific = np.maximum(np.asarray(table["log_SFR_10"] - table["log_mass"]), -11.0)
    dusty = (np.asarray(table["A_V"]) > 0.3) & (np.asarray(table["A_V"]) < 1.5)
    curve = np.asarray(table["A_1600"] / table["A_V"])[dusty]
    low, high = weighted_quantiles(specific, weight, [0.16, 0.84])
    return {
        "slope of M_UV": float(slope),
        "log_dust_to_stars": float(np.median(ratio)),
        "scatter over 10 Myr": float(high - low) / 2.0,
        "A_1600/A_V": float(np.median(curve)) if dusty.sum() > 20 else 0.0,
        "A_V at 1e9": median_between(table, "A_V", "log_mass", 8.5, 9.5),
        "A_V at 1e10": median_between(table, "A_V", "log_mass", 9.5, 10.5),
        "beta at -20": median_between(table, "beta", "M_UV", -21.0, -19.0),
    }


def loss_of(population, catalogs, mocks, seed):
    """Loss of a population, and its parts."""
    table = mocks.photometry(population, N_GALAXIES, seed)
    distances, sizes, parts = [], [], {}
    for catalog, real in catalogs:
        rng = np.random.default_rng(seed)
        noisy, weights = mocks.as_in_catalog(table, catalog, real, rng)
        if np.count_nonzero(weights) < 50:
            return 99.0, {"selected": len(noisy)}
        seen, simulated = observables(real), observables(noisy)
        distances.append(energy_distance(seen, simulated, weights))
        sizes.append(len(real))
        parts[catalog.name] = distances[-1]
        parts[f"{catalog.name}, lines"] = line_colour_penalty(seen, simulated, weights)
        if "EW" in real.colnames:
            parts["widths"] = width_penalty(real, noisy, weights)
    parts |= known_relations(table)
    penalty = 0.03 * parts["widths"]
    penalty += 0.006 * sum(parts[f"{catalog.name}, lines"] for catalog, _ in catalogs)
    for key, (low, high, weight) in BOUNDS.items():
        penalty += weight * max(low - parts[key], parts[key] - high, 0.0) / (high - low)
    return float(np.average(distances, weights=sizes) + penalty), parts


def trial_settings(number, trials):
    """Settings of a trial: about the start, then about the best ones so far."""
    rng = np.random.default_rng((SEED, 1, number))
    low, high, start = np.array(list(PARAMETERS.values())).T
    width = FIRST_WIDTH * (high - low)
    if number >= N_FIRST:
        best = sorted(trials, key=lambda trial: trial["loss"])[:N_BEST]
        places = np.array([list(trial["settings"].values()) for trial in best])
        start = places[rng.integers(len(best))]
        width = 0.7 * np.maximum(places.std(axis=0), LEAST_WIDTH * (high - low))
    values = start + width * rng.standard_normal(len(low)) * (number > 0)
    # Reflected, since values that are only clipped gather at the limits.
    values = high - np.abs(high - low - np.abs(values - low))
    return dict(zip(PARAMETERS, np.clip(values, low, high).tolist(), strict=True))


@cache
def _made_once(data):
    """Real catalogues and makers of simulated ones, in each process."""
    catalogs = [(c, fitting_half(real_galaxies(c, data), c.name)[0]) for c in CATALOGS]
    return catalogs, MockCatalogs()


def loss_of_settings(settings, seed, data):
    """Loss of fitted settings, and its parts; of version 0.1 for None."""
    population = get_population("0.1")
    if settings is not None:
        population = change_settings(population, merged(ASSUMED, nested(settings)))
    return loss_of(change_settings(population, COARSE), *_made_once(data), seed)


def repeated(trials, evaluate):
    """The best trials with other random numbers; that with the lowest mean loss."""
    best = sorted(trials, key=lambda trial: trial["loss"])[:N_REPEATED]
    for i in range(1, 1 + N_SEEDS):
        losses = evaluate([trial["settings"] for trial in best], SEED + i)
        for trial, (value, _) in zip(best, losses, strict=True):
            trial.setdefault("repeated", []).append(value)
    return min(best, key=lambda trial: np.mean(trial["repeated"]))


def main():
    """Fit and write the settings."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--n-jobs", type=int, default=2)
    options = parser.parse_args()
    kept, begun = options.output.with_suffix(".trials.json"), time.monotonic()
    trials = json.loads(kept.read_text()) if kept.exists() else []
    with ProcessPoolExecutor(options.n_jobs) as pool:

        def evaluate(settings, seed):
            return pool.map(partial(loss_of_settings, seed=seed, data=options.data), settings)

        while len(trials) < options.trials:
            numbers = range(len(trials), len(trials) + N_TOGETHER)
            drawn = [trial_settings(number, trials) for number in numbers]
            trials += [
                {"settings": settings, "loss": value, "parts": parts}
                for settings, (value, parts) in zip(drawn, evaluate(drawn, SEED), strict=True)
            ]
            kept.write_text(json.dumps(trials))
        best = repeated(trials, evaluate)
        of_old = [next(iter(evaluate([None], SEED + i)))[0] for i in range(1 + N_SEEDS)]
    record = best | {"settings": merged(ASSUMED, nested(best["settings"]))}
    record |= {"seed": SEED, "trials": len(trials), "loss_of_0.1": of_old}
    record |= {"minutes": round((time.monotonic() - begun) / 60.0)}
    options.output.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
