"""Fit the population of galaxies to the colours and magnitudes of JADES at redshifts 6 to 9.

Run with ``python tools/fit_population.py --data ../shared/data --output FILE``. It reads
``catalogs/jof_bagpipes.ecsv`` and ``catalogs/jades_z6to9_beagle.fits``, fits to half of each (the
other half is left for `tools/compare_with_real.py`), and writes the settings that differ from
those of version 0.1 as JSON, with the loss and the seed. The trials are kept in a second file
(``.trials.json``), so that an interrupted run resumes.

The loss is the energy distance between real and simulated galaxies in redshift, magnitudes and
colours, in units of the real scatter, plus penalties outside of the published bounds. Trials are
drawn at random first and then around the best; all share their random numbers.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.cosmology import Planck15
from astropy.table import QTable
from compare_with_real import (
    BANDS,
    CATALOGS,
    fitting_half,
    is_selected,
    observables,
    real_galaxies,
    with_errors_of,
)
from scipy.spatial.distance import cdist, pdist

from dustest.physics import load_ssp_grid
from dustest.simulate import GalaxyPopulation, dust_mass, optical_depth
from dustest.simulate.emission.snapshot import Snapshot
from dustest.simulate.galaxies.named_populations import change_settings

SEED = 170201
N_GALAXIES = 1500
N_PARTICLES = 400
LOG_MASS = (6.5, 11.0)
"""Range of the population; galaxies below 1e7 Msun are too faint to enter the fit."""
REDSHIFTS = np.linspace(6.0, 9.0, 13)
PARAMETERS = {
    "main_sequence.rate": (0.2, 1.2),
    "main_sequence.slope": (-0.25, 0.0),
    "main_sequence.scatter": (0.15, 0.5),
    "history.scatter": (0.3, 1.0),
    "history.log_correlation_time": (6.8, 7.8),
    "mass_metallicity.abundance": (7.4, 8.0),
    "log_dense_share": (-1.7, -0.2),
    "dense_extent": (0.8, 3.0),
}
WIDTH = 0.15
"""Standard deviation of a trial around the best over the range of the parameter."""
BOUNDS = {"slope of M_UV": (-0.25, -0.09), "log_dust_to_stars": (-3.0, -2.0)}
"""d beta / d M_UV: -0.17 +- 0.05 (Cullen et al. 2023), within 1.6 standard errors. Dust over
stellar mass above 10**8.5 Msun: 1.1 to 1.5 dex above that of the population of version 0.1, where
galaxies of equal mass seen by ALMA lie, with a margin."""


def nested(settings):
    """Settings by the names of `PARAMETERS` as `change_settings` takes them."""
    changes = {}
    for key, value in settings.items():
        relation, _, name = key.rpartition(".")
        setting = value
        if name.startswith("log_"):
            name, setting = name.removeprefix("log_"), 10.0**value
        (changes.setdefault(relation, {}) if relation else changes)[name] = round(setting, 12)
    return changes


def photometry(population, n, seed, snapshots):
    """Noiseless fluxes of galaxies, and their truth."""
    rows = []
    for number in range(n):
        rng = np.random.default_rng((seed, number))
        snapshot = snapshots[rng.integers(len(snapshots))]
        galaxy = population.draw(snapshot.redshift, rng)
        dust_to_metal = rng.random()
        free = snapshot.dust_free(galaxy)
        tau_v = optical_depth(galaxy, dust_to_metal)
        tau_v = galaxy.conditions.add_depth(tau_v, galaxy.stars.age, rng)
        light = snapshot.light(galaxy, free, tau_v)
        dust = dust_mass(galaxy.gas, dust_to_metal).sum()
        row = {"redshift": snapshot.redshift, "log_dust_mass": np.log10(dust)}
        row |= free.quantities | light.quantities
        rows.append(row | {f"flux_{band}": f for band, f in zip(BANDS, light.total, strict=True)})
    table = QTable(rows)
    for band in BANDS:
        table[f"flux_{band}"] *= u.nJy
        table[f"flux_err_{band}"] = np.zeros(n) * u.nJy
    return table


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


def redshift_weights(simulated, real):
    """Weights that give the simulated redshifts the distribution of the real ones."""
    edges = np.linspace(6.0, 9.0 + 1e-6, 7)
    wanted, present = (np.histogram(t["redshift"], edges)[0] for t in (real, simulated))
    share = np.divide(wanted, present, out=np.zeros(len(wanted)), where=present > 0)
    return share[np.digitize(np.asarray(simulated["redshift"]), edges) - 1]


def loss_of(population, catalogs, snapshots, seed):
    """Loss of a population, and its parts."""
    table = photometry(population, N_GALAXIES, seed, snapshots)
    parts = {}
    for name, real in catalogs.items():
        noisy = with_errors_of(table, real, np.random.default_rng(seed))
        noisy = noisy[is_selected(noisy)]
        if len(noisy) < 50:
            return 99.0, {"selected": len(noisy)}
        weights = redshift_weights(noisy, real)
        parts[name] = energy_distance(observables(real), observables(noisy), weights)
    bright = np.asarray(table["M_UV"]) < -17.5
    slope = np.polyfit(np.asarray(table["M_UV"])[bright], np.asarray(table["beta"])[bright], 1)[0]
    heavy = np.asarray(table["log_mass"]) > 8.5
    ratio = np.asarray(table["log_dust_mass"] - table["log_mass"])[heavy]
    known = {"slope of M_UV": slope, "log_dust_to_stars": float(np.median(ratio))}
    penalty = 0.0
    for key, (low, high) in BOUNDS.items():
        outside = max(low - known[key], known[key] - high, 0.0) / (high - low)
        penalty += 0.1 * outside
    return sum(parts.values()) + penalty, parts | {k: float(v) for k, v in known.items()}


def trial_settings(number, n_random, trials):
    """Settings of a trial: at random, then around the best ones."""
    rng = np.random.default_rng((SEED, 1, number))
    low, high = np.array(list(PARAMETERS.values())).T
    values = low + (high - low) * rng.random(len(low))
    if number >= n_random:
        best = sorted(trials, key=lambda trial: trial["loss"])[:5]
        centre = np.mean([list(trial["settings"].values()) for trial in best], axis=0)
        step = WIDTH * (high - low) * rng.standard_normal(len(low))
        values = np.clip(centre + step, low, high)
    return dict(zip(PARAMETERS, values.tolist(), strict=True))


def main():
    """Fit and write the settings."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--random", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=40.0)
    options = parser.parse_args()
    grid = load_ssp_grid()
    snapshots = [Snapshot(z, grid, BANDS, None, None, Planck15) for z in REDSHIFTS]
    catalogs = {c.name: fitting_half(real_galaxies(c, options.data), c.name)[0] for c in CATALOGS}
    start = replace(GalaxyPopulation(), n_stars=N_PARTICLES, n_gas=N_PARTICLES)
    kept, begun = options.output.with_suffix(".trials.json"), time.monotonic()
    trials = json.loads(kept.read_text()) if kept.exists() else []
    reference = loss_of(start, catalogs, snapshots, SEED)
    while len(trials) < options.trials and time.monotonic() - begun < 60 * options.minutes:
        settings = trial_settings(len(trials), options.random, trials)
        loss, parts = loss_of(change_settings(start, nested(settings)), catalogs, snapshots, SEED)
        trials.append({"settings": settings, "loss": loss, "parts": parts})
        kept.write_text(json.dumps(trials))
    best = min(trials, key=lambda trial: trial["loss"])
    record = best | {"settings": {"log_mass": LOG_MASS} | nested(best["settings"])}
    record |= {"seed": SEED, "trials": len(trials), "loss_of_0.1": float(reference[0])}
    options.output.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
