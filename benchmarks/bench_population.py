"""Populations of simulated galaxies as an estimator sees them, against true distributions.

Run ``python benchmarks/bench_population.py predict PREDICTIONS SET...`` and then ``... sets
PREDICTIONS``. The sets are those of ``tools/draw_fusion_sets.py``: galaxies of population 0.2
with S/N >= 5 in a band that no estimator has seen. From their predictions by the network
``nircam-3band``, or the calibrated SED fit (``--estimator sed``, JADES-deep alone), samples are
drawn with the distributions of A_V of six families, weighted by true A_V alone, so that all else
is as in population 0.2. A sample has a flux limit, above which are 70 % of all galaxies; the
inference corrects for it with the detected fractions of every second galaxy.

Errors are against the weighted distribution of the family before the flux limit. ``density`` is
the share of bins with more than 0.5 % of the galaxies whose 68 % band contains the true density.
``ratio`` is the mean absolute error of single galaxies under the population over that of the
estimator. ``distinct`` is the effective number of different galaxies in a sample: if it is far
below their number, errors are those of a smaller sample. Times are processor seconds.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from scipy import stats

from dustest import BagpipesEstimator, CNNEstimator, infer_population

BANDS = ("F277W", "F356W", "F444W")
SEEDS = {"posterior": 194002, "prior": 194003, "sets": 194010}
N_DRAWS = 256
LIMITED = 0.3
"""Fraction of all galaxies below the flux limit."""
ABOVE = 0.5
"""A_V above which a fraction is compared."""
LEAST = 0.005
"""True probability of a bin whose density is compared."""
EDGES = np.concatenate(
    [
        [0.0, 0.0025, 0.005, 0.01, 0.02, 0.035],
        np.arange(0.05, 0.5, 0.05),
        np.arange(0.5, 1.5, 0.1),
        [1.5, 1.75, 2.0, 2.5, 3.0, 6.0],
    ]
)


def positive_normal(mean, deviation):
    """Normal distribution above zero."""
    return stats.truncnorm(-mean / deviation, np.inf, mean, deviation)


FAMILIES = {
    "narrow low": ((1.0, positive_normal(0.15, 0.07)),),
    "narrow high": ((1.0, positive_normal(1.0, 0.2)),),
    "wide": ((1.0, positive_normal(0.7, 0.5)),),
    "two peaks": ((0.6, positive_normal(0.12, 0.06)), (0.4, positive_normal(1.2, 0.25))),
    "half dust-free": ((0.5, stats.uniform(0.0, 0.005)), (0.5, stats.gamma(2.0, scale=0.3))),
    "exponential": ((1.0, stats.expon(scale=0.4)),),
}


ESTIMATORS = {
    "cnn": (lambda: CNNEstimator.from_pretrained("nircam-3band"), ("JADES-deep", "CEERS")),
    "sed": (lambda: BagpipesEstimator(calibration="JADES-deep"), ("JADES-deep",)),
}
"""Estimators, and surveys of the galaxies that they see."""


def predict(path, name, folders):
    """Keep draws of posteriors and priors with the truth of galaxies of some sets."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
    from draw_fusion_sets import read_set

    make, surveys = ESTIMATORS[name]
    estimator, parts = make(), []
    for folder in folders:
        sample, truth = read_set(folder, kinds=["default"], surveys=surveys)
        bright = np.max([sample[f"snr_{band}"] for band in BANDS], axis=0) >= 5.0
        sample, truth = sample[bright], truth[bright]
        posterior = estimator.sample_posterior(sample, N_DRAWS, random_state=SEEDS["posterior"])
        prior = estimator.sample_prior(sample, N_DRAWS, random_state=SEEDS["prior"])
        parts.append(
            {
                "posterior": posterior["A_V"].astype(np.float32),
                "prior": prior["A_V"].astype(np.float32),
                "A_V": np.asarray(truth["A_V"], dtype=float),
                "flux": sample["flux_F356W"].value,
            }
        )
        print(f"{folder}: {len(sample)} galaxies")
    np.savez(path, **{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def family_weights(a_v, family):
    """Weights of galaxies, and the mean, width and fraction above of their distribution."""
    cumulative = sum(share * part.cdf(EDGES) for share, part in FAMILIES[family])
    place = np.digitize(a_v, EDGES) - 1
    number = np.bincount(place, minlength=len(EDGES) - 1)
    weight = (np.diff(cumulative) / np.maximum(number, 1))[place]
    weight /= weight.sum()
    mean = weight @ a_v
    return weight, (mean, np.sqrt(weight @ a_v**2 - mean**2), weight @ (a_v > ABOVE))


def density_coverage(population, family):
    """Share of bins whose 68 % band contains the true density."""
    density = population.density()
    low, high = density["low"].value, density["high"].value
    true = sum(share * (part.cdf(high) - part.cdf(low)) for share, part in FAMILIES[family])
    inside = density["density_p16"].value * (high - low) <= true
    inside &= true <= density["density_p84"].value * (high - low)
    return float(inside[true > LEAST].mean())


def one_set(galaxies, family, n, rng):
    """Draw a sample, infer its population and compare."""
    limit = np.quantile(galaxies["flux"], LIMITED)
    seen = galaxies["flux"] > limit
    others = np.arange(len(seen)) % 2 == 1
    a_v = galaxies["A_V"]
    weight, truth = family_weights(a_v, family)
    detected = weight * seen / np.sum(weight * seen)
    rows = rng.choice(len(seen), n, p=detected)
    start = time.process_time()
    population = infer_population(
        {"A_V": galaxies["posterior"][rows]},
        prior=galaxies["prior"][rows],
        selection=(a_v[others, None], seen[others]),
        random_state=rng,
    )
    seconds = time.process_time() - start
    found = population.mean(), population.width(), population.fraction_above(ABOVE)
    medians = np.median(galaxies["posterior"][rows], axis=1)
    under = population.posteriors["A_V"].value
    row = {"family": family, "distinct": 1.0 / np.sum(detected**2), "seconds": seconds}
    for name, one, true in zip(("mean", "width", "above"), found, truth, strict=True):
        row |= {f"true_{name}": true, name: one.value - true, f"{name}_err": one.err}
        row[f"{name}_covered"] = bool(one.p16 < true < one.p84)
    row["density_covered"] = density_coverage(population, family)
    row["medians"] = medians.mean() - a_v[rows].mean()
    row["mae"], row["mae_before"] = (
        float(np.mean(np.abs(values - a_v[rows]))) for values in (under, medians)
    )
    return {name: value if isinstance(value, str) else float(value) for name, value in row.items()}


def show(rows):
    """Print averages by family and over all."""
    for family in [*FAMILIES, None]:
        some = [row for row in rows if family in {None, row["family"]}]
        if not some:
            continue
        mean = {name: np.mean([row[name] for row in some]) for name in some[0] if name != "family"}
        size = {name: np.mean([abs(row[name]) for row in some]) for name in ("mean", "width")}
        print(
            f"{family or 'all':15s} {len(some):3d} sets, distinct {mean['distinct']:6.0f}, truth "
            f"{mean['true_mean']:.3f} {mean['true_width']:.3f}; mean {mean['mean']:+.3f}, MAE "
            f"{size['mean']:.3f}, error {mean['mean_err']:.3f}; width {mean['width']:+.3f}, MAE "
            f"{size['width']:.3f}, error {mean['width_err']:.3f}; above {mean['above']:+.3f}; "
            f"covered {mean['mean_covered']:.2f} {mean['width_covered']:.2f} "
            f"{mean['above_covered']:.2f}, density {mean['density_covered']:.2f}; medians "
            f"{mean['medians']:+.3f}; ratio {mean['mae'] / mean['mae_before']:.3f}; "
            f"{mean['seconds']:.1f} s"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["predict", "sets"])
    parser.add_argument("predictions", type=Path)
    parser.add_argument("folders", nargs="*", help="sets of tools/draw_fusion_sets.py")
    parser.add_argument("--estimator", choices=ESTIMATORS, default="cnn")
    parser.add_argument("--sets", type=int, default=34, help="samples of each family")
    parser.add_argument("--galaxies", type=int, default=1000)
    parser.add_argument("--results", type=Path, help="file of finished samples, to resume")
    arguments = parser.parse_args()
    if arguments.action == "predict":
        predict(arguments.predictions, arguments.estimator, arguments.folders)
        return
    galaxies = dict(np.load(arguments.predictions))
    done = {}
    if arguments.results is not None and arguments.results.exists():
        done = json.loads(arguments.results.read_text())
    for number in range(arguments.sets):
        for k, family in enumerate(FAMILIES):
            key = f"{family} {number}"
            if key not in done:
                rng = np.random.default_rng([SEEDS["sets"], number, k])
                done[key] = one_set(galaxies, family, arguments.galaxies, rng)
                if arguments.results is not None:
                    arguments.results.write_text(json.dumps(done))
    show(list(done.values()))


if __name__ == "__main__":
    main()
