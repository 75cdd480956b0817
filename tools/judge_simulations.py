"""Judge networks, SED fits and the UV slope on galaxies of an independent simulation.

Run with ``python tools/judge_simulations.py --data ../shared/data --output FOLDER``, where the
data are ``simulations/star_particles_tauv.hdf5``: star particles of a hydrodynamic simulation at
redshifts 5, 6, 9 and 10, with the optical depth in front of each. Galaxies of at least 10
particles are scaled to a stellar mass at birth of 10^8.7 solar masses, observed with the
JADES-deep preset, as they are and smoothed to 2,500 particles, and estimated by

* networks: names of those that come with dustest, or files, ``--networks old=FILE new=FILE``;
* SED fits with the laws of Calzetti and of the SMC, and the UV slope with Meurer's relation.

All get the true redshift. The table ``judge_simulations.csv`` has a row for each method, for all
galaxies, each redshift, and those without a flag of little information: bias of A_V (estimate
minus truth) with its bootstrap error over galaxies, coverage of the 68 % interval, and the flags.
``independent_simulations.csv`` has the rows of the documentation, without those of one redshift:
copy it to ``docs/user_guide``.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.table import QTable

from dustest import BagpipesEstimator, MeurerEstimator
from dustest.data import FLAGS
from dustest.simulate import GalaxySimulator, list_galaxies, read_particles, smooth_stars
from dustest.validation import compute_metrics, coverage, flag_counts

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from networks import load_network

SEEDS = {"noise": 170510, "smoothing": 170511, "estimators": 170512, "bootstrap": 170513}
FEWEST_PARTICLES = 10
N_SMOOTH = 2500
LOG_MASS = 8.7
LITTLE_INFORMATION = ("PRIOR_DOMINATED", "LOW_SNR")
N_BOOTSTRAP = 1000
DIGITS = 3


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--networks", nargs="*", default=["nircam-3band", "nircam-1band"])
    parser.add_argument("--only-networks", action="store_true", help="no SED fits, no slope")
    parser.add_argument("--n-jobs", type=int, default=1)
    options = parser.parse_args(arguments)
    estimators = dict(load_network(text, SEEDS["estimators"]) for text in options.networks)
    if not options.only_networks:
        estimators |= other_estimators()
    rows = []
    for kind, galaxies in read_galaxies(options.data).items():
        simulator = GalaxySimulator(spectrograph=None)
        sample, truth = simulator.observe(galaxies, random_state=SEEDS["noise"])
        for name, estimator in estimators.items():
            table = estimator.estimate(sample, n_jobs=options.n_jobs)
            rows += [{"particles": kind, "estimator": name} | row for row in judge(table, truth)]
    result = QTable(rows=rows)
    result.round(DIGITS)
    options.output.mkdir(parents=True, exist_ok=True)
    result.write(options.output / "judge_simulations.csv", overwrite=True)
    by_redshift = np.char.startswith(result["galaxies"], "z =")
    result[~by_redshift].write(options.output / "independent_simulations.csv", overwrite=True)
    result.pprint_all()


def read_galaxies(data):
    """Galaxies of enough particles, scaled in mass, as they are and smoothed."""
    path = data / "simulations" / "star_particles_tauv.hdf5"
    read = (read_particles(path, name) for name in list_galaxies(path))
    given = [scaled(galaxy) for galaxy in read if len(galaxy.stars) >= FEWEST_PARTICLES]
    rng = np.random.default_rng(SEEDS["smoothing"])
    return {
        "as given": given,
        "smoothed": [smooth_stars(galaxy, N_SMOOTH, random_state=rng) for galaxy in given],
    }


def scaled(galaxy):
    """A galaxy with all masses changed by one factor."""
    mass = galaxy.stars.mass
    return replace(galaxy, stars=replace(galaxy.stars, mass=mass * 10**LOG_MASS / mass.sum()))


def other_estimators():
    """SED fits and the slope."""
    laws = "Calzetti", "SMC"
    fits = {
        f"SED {law}": BagpipesEstimator(
            dust_law=law, preset="Fu", random_state=SEEDS["estimators"]
        )
        for law in laws
    }
    return fits | {f"slope {law}": MeurerEstimator(dust_law=law, preset="Fu") for law in laws}


def judge(table, truth):
    """Rows of one method: all galaxies, each redshift, and galaxies with information."""
    little = sum(FLAGS[name].value for name in LITTLE_INFORMATION if name in FLAGS)
    subsets = {"all": np.ones(len(table), dtype=bool)}
    subsets |= {f"z = {z:g}": truth["redshift"] == z for z in np.unique(truth["redshift"])}
    informative = (table["flags"] & little) == 0
    if not informative.all():
        subsets["informative"] = informative
    return [{"galaxies": name} | row(table[rows], truth[rows]) for name, rows in subsets.items()]


def row(table, truth):
    """Numbers of one method and set of galaxies."""
    metrics = compute_metrics(
        table["A_V"],
        truth["A_V"],
        n_bootstrap=N_BOOTSTRAP,
        random_state=SEEDS["bootstrap"],
    )
    covered = {"coverage": np.nan, "coverage_err": np.nan}
    if np.isfinite(table["A_V_p16"]).any():
        found = coverage(truth, table, "A_V", levels=0.68)[0]
        covered = {name: float(found[name]) for name in covered}
    numbers = {name: metrics[name] for name in ("n", "bias", "bias_err", "mae")}
    return numbers | covered | {"flags": shares_of_flags(table)}


def shares_of_flags(table):
    """Flags with the share of galaxies that have them, as text."""
    counts = flag_counts({"": table})[0]
    shares = {name: 100.0 * counts[name] / max(len(table), 1) for name in FLAGS}
    return "; ".join(f"{name} {share:.0f} %" for name, share in shares.items() if share)


if __name__ == "__main__":
    main()
