"""Coverage of calibrated SED fits, slopes and 1-band networks on galaxies of other seeds.

Run ``python benchmarks/bench_calibration.py --sets SETS --tests test-1 --work FOLDER``, where SETS
is the folder of the sets of ``tools/draw_fusion_sets.py``; none of the tests may have calibrated
anything. Estimators are the SED fit and the UV slope with their calibrations of ``--survey``, and
the network ``nircam-1band`` calibrated with the sets of ``--learn``, with default galaxies if
``--kinds`` names no others: images in one band do not distinguish heavy ones. With ``--raw``, the
SED fit and the slope are also measured without calibration. Estimates are kept in the folder, 512
galaxies a file, so that an interrupted run resumes; remove it after a change of an estimator.

``calibration-coverage.ecsv`` has a row for each estimator, group of galaxies and quantity: number
of galaxies, shares of truths in the 68 and 90 % intervals, MAE over that of the median truth, bias
and CRPS. ``beyond_2`` is the share of coverages in deciles of prediction, signal-to-noise ratio,
magnitude and redshift that differ by more than two standard errors, ``worst`` the largest number
of standard errors. Galaxies have S/N >= 5 in an image band and are

default, heavy
    as drawn;
S/N 5 to 7 and others
    default galaxies by the ratio of their best band;
degraded to S/N 5, 10, 20, 50
    default galaxies with a higher ratio, with noise added to this ratio (``--noise``): they are
    brighter than galaxies that have this ratio;
heavy under A_V, heavy in their population
    weighted by the distribution of true A_V of the heavy galaxies of ``--learn``, and under the
    population that `dustest.infer_population` finds;
tau_V
    galaxies of a hydrodynamic simulation, see ``tools/judge_simulations.py`` (``--data``).
"""

import argparse
import sys
from hashlib import blake2b
from pathlib import Path

import numpy as np
from astropy.table import QTable, vstack
from scipy import stats

from dustest import (
    BagpipesEstimator,
    CalibratedEstimator,
    CNNEstimator,
    MeurerEstimator,
    infer_population,
)
from dustest.data import FLAGS, DustTable
from dustest.simulate import GalaxySimulator
from dustest.validation import posterior_scores

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from draw_fusion_sets import read_set, stack_samples
from judge_simulations import SEEDS as PARTICLE_SEEDS
from judge_simulations import read_galaxies

SEEDS = {
    "estimates": 202101,
    "calibration": 202102,
    "noise": 202103,
    "populations": 202104,
    "galaxies": 202105,
}
QUANTITIES = ("A_V", "log_sSFR", "log_mass")
RATIOS = {5: (5.0, 7.0), 10: (8.0, 12.5), 20: (16.0, 25.0), 50: (40.0, 62.5)}
"""Signal-to-noise ratios, and ranges around them."""
N_DRAWS = 256
FEWEST_IN_CELLS = 500
"""Galaxies from which on cells are measured."""
CHUNK = 512
EDGES = np.concatenate([[0.0], np.geomspace(0.005, 6.0, 25)])
"""Bins of the distribution of true A_V."""
MAGNITUDE = "F356W"


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=Path, required=True)
    parser.add_argument("--tests", nargs="+", default=["test-1"])
    parser.add_argument("--learn", nargs="+", default=["calibration"])
    parser.add_argument("--kinds", nargs="+", default=["default"], help="for the network")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder with simulations/")
    parser.add_argument("--survey", default="JADES-deep")
    parser.add_argument("--estimators", nargs="+", default=["SED", "slope", "network"])
    parser.add_argument("--raw", action="store_true")
    parser.add_argument("--noise", action="store_true")
    parser.add_argument("--galaxies", type=int, default=100_000, help="most of a group")
    options = parser.parse_args(arguments)
    rows = []
    for name, estimator in make_estimators(options).items():
        for group, sample, truth in groups(name, options):
            table = estimates(estimator, sample, options.work / name / group)
            new = [score(name, group, table, sample, truth)]
            if group == "default":
                new += by_ratio(name, table, sample, truth)
            if group == "heavy" and "without" not in name:
                new += reweighted(name, estimator, table, sample, truth, options)
            rows += new
            vstack(new).pprint_all()
    result = vstack(rows)
    result.write(options.work / "calibration-coverage.ecsv", overwrite=True)
    result.pprint_all()


def make_estimators(options):
    """Estimators by name, of those that were asked for."""
    calibration, found = {"calibration": options.survey}, {}
    for name, kind in (("SED", BagpipesEstimator), ("slope", MeurerEstimator)):
        if name in options.estimators:
            seed = {"random_state": SEEDS["estimates"]} if name == "SED" else {}
            found[name] = kind(**calibration, **seed)
            if options.raw:
                found[f"{name} without"] = kind(**seed)
    if "network" in options.estimators:
        found["network"] = calibrated_network(options)
    return found


def calibrated_network(options):
    """The network of one band, calibrated with galaxies of one or both kinds."""
    network = CNNEstimator.from_pretrained("nircam-1band")
    calibrated = CalibratedEstimator(network, random_state=SEEDS["calibration"])
    path = options.work / "network.calibration"
    if path.exists():
        return CalibratedEstimator.load(path, network)
    sample, truth = read(options, options.learn, options.kinds)
    options.work.mkdir(parents=True, exist_ok=True)
    calibrated.fit(sample, truth)
    calibrated.save(path, {"sets": options.learn, "kinds": options.kinds})
    return calibrated


def read(options, names, kinds):
    """Galaxies of some sets, without bands that have no fluxes."""
    parts = [
        read_set(options.sets / name, kinds=kinds, surveys=[options.survey], columns=is_used)
        for name in names
        if any(any((options.sets / name).glob(f"{options.survey}-*-{kind}.*")) for kind in kinds)
    ]
    sample = stack_samples([part[0] for part in parts])
    truth = vstack([part[1] for part in parts], metadata_conflicts="silent")
    for band in sample.bands:
        name = f"flux_{band}"
        if name in sample.colnames and not np.isfinite(plain(sample[name])).any():
            sample.remove_columns([name, f"flux_err_{band}"])
    chosen = np.random.default_rng(SEEDS["galaxies"]).permutation(len(sample))
    chosen = np.sort(chosen[: options.galaxies])
    return sample[chosen], truth[chosen]


def is_used(column):
    """Whether a column of a set is read: stamps of one band, and all else."""
    return not column.startswith("cutout") or column == "cutout_F277W"


def plain(column):
    """Values of a column without unit."""
    return np.asarray(getattr(column, "value", column), dtype=float)


def highest(sample):
    """Highest signal-to-noise ratio of the total fluxes of each galaxy."""
    bands = [name.removeprefix("flux_err_") for name in sample.colnames if "flux_err_" in name]
    ratios = [plain(sample[f"flux_{band}"]) / plain(sample[f"flux_err_{band}"]) for band in bands]
    return np.nanmax(ratios, axis=0)


def groups(name, options):
    """Names, samples and truth of groups of galaxies."""
    for kind in ("default", "heavy"):
        sample, truth = read(options, options.tests, [kind])
        yield kind, sample, truth
        if kind == "default" and options.noise and name in ("SED", "slope"):
            yield from with_noise(sample, truth)
    if options.data is not None and name != "network":
        for kind, galaxies in read_galaxies(options.data).items():
            simulator = GalaxySimulator(spectrograph=None)
            sample, truth = simulator.observe(galaxies, random_state=PARTICLE_SEEDS["noise"])
            yield f"tau_V {kind}", sample, truth


def with_noise(sample, truth):
    """Galaxies at several signal-to-noise ratios, from those with higher ones."""
    ratio = highest(sample)
    for number, wanted in enumerate(RATIOS):
        rng = np.random.default_rng([SEEDS["noise"], number])
        rows = np.flatnonzero(ratio > wanted)
        noisy, factor = sample[rows].copy(), ratio[rows] / wanted
        for column in [one for one in noisy.colnames if one.startswith("flux_err_")]:
            error = plain(noisy[column])
            added = error * np.sqrt(factor**2 - 1.0) * rng.standard_normal(len(rows))
            flux = noisy[column.replace("_err", "")]
            noisy[column.replace("_err", "")] = flux + (added << flux.unit)
            noisy[column] = noisy[column] * factor
        yield f"degraded to SNR {wanted}", noisy, truth[rows]


def by_ratio(name, table, sample, truth):
    """Scores of galaxies in ranges of the signal-to-noise ratio."""
    ratio = highest(sample)
    for wanted, (low, high) in RATIOS.items():
        rows = np.flatnonzero((ratio >= low) & (ratio < high))
        label = f"SNR {wanted} ({low:g} to {high:g})"
        if rows.size:
            yield score(name, label, table[rows], sample[rows], truth[rows])


def estimates(estimator, sample, folder):
    """Results with draws, kept in files in a folder of these galaxies."""
    folder /= blake2b(repr(sample["id"].tolist()).encode(), digest_size=4).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for start in range(0, len(sample), CHUNK):
        path = folder / f"{start:06d}.fits"
        if not path.exists():
            found = estimator.estimate(sample[start : start + CHUNK], draws=N_DRAWS)
            found.write(path)
        parts.append(DustTable.read(path))
    return vstack(parts, metadata_conflicts="silent")


def score(name, group, table, sample, truth):
    """Scores of each quantity, with coverages in deciles of the prediction and of conditions."""
    conditions = {"redshift": plain(sample["redshift"])}
    if f"flux_{MAGNITUDE}" in sample.colnames:
        conditions |= {"snr": highest(sample), "flux": plain(sample[f"flux_{MAGNITUDE}"])}
    rows = []
    for quantity in QUANTITIES:
        if quantity not in truth.colnames or f"{quantity}_draws" not in table.colnames:
            continue
        draws, true = plain(table[f"{quantity}_draws"]), plain(truth[quantity])
        if not np.isfinite(draws).any():
            continue
        known = np.isfinite(draws).all(axis=1) & np.isfinite(true)
        by = {key: values[known] for key, values in conditions.items()}
        by["prediction"] = np.median(draws[known], axis=1)
        scores = posterior_scores(true[known], draws[known], quantity, by=by, random_state=1)
        rows.append(
            {
                "estimator": name,
                "galaxies": group,
                "quantity": quantity,
                "outside": np.mean(table["flags"] & FLAGS["OUT_OF_DOMAIN"].value != 0),
            }
            | figures(scores)
        )
    result = QTable(rows=rows)
    for column in result.colnames:
        if result[column].dtype.kind == "f":
            result[column].info.format = ".3f"
    return result


def figures(scores):
    """Figures of all galaxies, and how far coverages in cells deviate."""
    whole, cells = scores[0], scores[1:]
    row = {"n": int(whole["n"])} | {
        name: float(whole[name]) for name in ("coverage_68", "coverage_90", "bias", "crps")
    }
    row["mae_over_baseline"] = float(whole["mae"] / whole["baseline_mae"])
    if row["n"] < FEWEST_IN_CELLS:
        return row | {"beyond_2": np.nan, "worst": np.nan}
    deviations = np.concatenate(
        [
            np.abs((cells[f"coverage_{key}"] - level) / np.sqrt(level * (1 - level) / cells["n"]))
            for key, level in (("68", 0.68), ("90", 0.9))
        ]
    )
    return row | {"beyond_2": np.mean(deviations > 2.0), "worst": np.max(deviations)}


def reweighted(name, estimator, table, sample, truth, options):
    """Scores under the distribution of A_V of heavy galaxies, and under an inferred population."""
    known = plain(read(options, options.learn, ["heavy"])[1]["A_V"])
    shape = stats.rv_histogram(np.histogram(known[np.isfinite(known)], EDGES), density=False)
    rows = [score(name, "heavy under A_V", table.under({"A_V": shape}), sample, truth)]
    used = np.isfinite(plain(table["A_V_draws"])).all(axis=1)
    used &= table["flags"] & FLAGS["OUT_OF_DOMAIN"].value == 0
    prior = estimator.sample_prior(sample[used], N_DRAWS, random_state=SEEDS["populations"])
    found = infer_population(
        table[used], prior=prior["A_V"], random_state=SEEDS["populations"]
    ).posteriors
    return [*rows, score(name, "heavy in their population", found, sample[used], truth[used])]


if __name__ == "__main__":
    main()
