"""One table of all methods and of their combinations, on the same test galaxies.

Run with ``python benchmarks/bench_fusion.py --sets SETS --folder FOLDER``, with the folders of
``tools/draw_fusion_sets.py`` and ``tools/train_fusion.py``; the folder ``tools`` must be on
``PYTHONPATH``. Methods are, by group:

* ``slopes``: slopes with the settings of the paper, the defaults, and calibrations: the shipped
  one and one on the galaxies of ``calibration*``;
* ``sed``: fits with three laws and two priors of A_V, all with the paper's histories, and the
  defaults, without and with the shipped calibration, for a fixed subset of 600 default and 300
  heavy galaxies;
* ``networks``: the shipped networks of one and three bands, uncalibrated on these galaxies and
  calibrated by them; and the models ``images``, ``photometry`` and ``joint`` of the folder, which
  learned the same galaxies as the fusion;
* ``fusions``: the learned fusion of the folder, or else the shipped one, and the product of the
  likelihoods of images and photometry.

``fusion-metrics.ecsv`` has, for each set of galaxies (S/N >= 5, ``default``, ``heavy`` and
``all``) and quantity, MAE, its ratio to that of the median of the truth (the baseline), bias,
coverage of 68 and 90 % intervals and CRPS. ``fusion-changes.ecsv`` has the relative change of MAE
and CRPS from every other method to each fusion, on the galaxies of the other method, with the
error of a paired bootstrap over galaxies; the closest other method is marked. ``fusion.csv`` is
the table of the user guide.

Draws of each method and part of a set are kept in the folder, under the digest of settings and
learned content of the method: an interrupted run resumes, and a run after a change of one method
computes that method again. ``--groups`` chooses groups, and ``--tests`` sets.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from astropy.table import QTable, vstack
from draw_fusion_sets import KINDS, SURVEYS, read_set, stack_samples

from dustest import (
    BagpipesEstimator,
    CalibratedEstimator,
    CNNEstimator,
    FusionEstimator,
    MeurerEstimator,
)

QUANTITIES = ("A_V", "log_sSFR")
GROUPS = ("networks", "fusions", "slopes", "sed")
JOINT = "network, images and photometry"
FUSIONS = ("fusion", "product", JOINT)
"""Methods that use images and photometry together."""
N_DRAWS = 128
SEED = 203090
N_BOOTSTRAP = 400
CALIBRATION = ("calibration", "calibration-2")
SED_SUBSET = {"default": 600, "heavy": 300}
"""Galaxies of each kind with SED fits, chosen at random from those of all test sets."""
LAWS = ("Calzetti", "SMC", "Salim")
PRIORS = {
    "log10": {"dust:Av": (1e-4, 10.0), "dust:Av_prior": "log_10"},
    "flat": {"dust:Av": (0.0, 4.0), "dust:Av_prior": "uniform"},
}
SHIPPED_CALIBRATION = "JADES-deep"
DIGITS = {
    "n": 0,
    "mae": 4,
    "ratio": 3,
    "bias": 3,
    "coverage_68": 3,
    "coverage_90": 3,
    "crps": 4,
}
"""Columns of the table of the user guide, and decimal places."""


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--tests", nargs="+", default=["test-1", "test-2", "test-3"])
    parser.add_argument("--groups", nargs="+", default=list(GROUPS), choices=GROUPS)
    options = parser.parse_args(arguments)
    options.tests = [name for name in options.tests if (options.sets / name).is_dir()]
    truth = about(options)
    subset = chosen(truth)
    found = {}
    for group in options.groups:
        for name, (make, rows) in METHODS[group](options).items():
            found[name] = drawn(name, make, options, subset if rows else None)
    rows, changes = [], []
    for kind in ("default", "heavy", "all"):
        of_kind = (truth["kind"] == kind) | (kind == "all")
        for quantity in QUANTITIES:
            label = {"set": kind, "quantity": quantity}
            errors = {}
            true = truth[quantity]
            rows.append(label | {"method": "baseline"} | baseline(true[of_kind]))
            for name, draws in found.items():
                known = of_kind & np.isfinite(draws[quantity]).all(axis=1)
                if known.any():
                    one = draws[quantity][known]
                    errors[name] = np.full((2, len(true)), np.nan)
                    errors[name][:, known] = absolute_and_crps(one, true[known])
                    figure = figures(one, true[known], *errors[name][:, known])
                    rows.append(label | {"method": name} | figure)
            changes += compare(errors, label)
    for name, records in {"metrics": rows, "changes": changes}.items():
        if records:
            table = QTable(rows=records)
            table.meta = {"tests": options.tests, "seed": SEED}
            table.write(options.folder / f"fusion-{name}.ecsv", overwrite=True)
            table.pprint_all()
    write_guide(options.folder / "fusion.csv", rows)


def write_guide(path, rows):
    """Write figures of default and heavy galaxies for the user guide."""
    lines = [",".join(("set", "quantity", "method", *DIGITS))]
    for row in (one for one in rows if one["set"] != "all"):
        numbers = [f"{row[name]:.{digits}f}" for name, digits in DIGITS.items()]
        numbers = ["" if text == "nan" else text for text in numbers]
        lines.append(",".join([row["set"], row["quantity"], f'"{row["method"]}"', *numbers]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


# ---- galaxies ---------------------------------------------------------------------------


def parts_of(options):
    """Sets and surveys that are read one after the other."""
    return [(name, survey) for name in options.tests for survey in SURVEYS]


@lru_cache
def read_light(folder, part):
    """Galaxies, without stamps, and truth of a part."""
    name, survey = part
    return read_set(folder / name, surveys=[survey], columns=_is_light)


def _is_light(column):
    """Whether a column is no stamp."""
    return not column.startswith("cutout")


def about(options):
    """Truth, kind and identifiers of all test galaxies, part by part."""
    parts = []
    for part in parts_of(options):
        sample, truth = read_light(options.sets, part)
        columns = {name: np.asarray(truth[name], dtype=float) for name in QUANTITIES}
        names = {name: np.asarray(sample[name]).astype(str) for name in ("id", "kind")}
        parts.append(columns | names | {"part": np.full(len(sample), "/".join(part))})
    return {name: np.concatenate([one[name] for one in parts]) for name in parts[0]}


def chosen(truth):
    """Whether a galaxy has SED fits."""
    rng, keep = np.random.default_rng(SEED), np.zeros(len(truth["id"]), dtype=bool)
    order = np.argsort([hashlib.blake2b(one.encode()).hexdigest() for one in truth["id"]])
    for kind, n in SED_SUBSET.items():
        rows = order[truth["kind"][order] == kind]
        keep[rng.permutation(rows)[:n]] = True
    return keep


def calibration(options, *, images):
    """Galaxies and truth of the calibration sets that are there."""
    names = [name for name in CALIBRATION if (options.sets / name).is_dir()]
    columns = None if images else _is_light
    pairs = [read_set(options.sets / name, columns=columns) for name in names]
    samples, truths = zip(*pairs, strict=True)
    return stack_samples(list(samples)), vstack(list(truths), metadata_conflicts="silent")


# ---- methods ----------------------------------------------------------------------------


def networks(options):
    """Trained networks."""
    one, three = (CNNEstimator.from_pretrained(f"nircam-{n}band") for n in (1, 3))
    found = {"network, 1 band": one, "network, 3 bands": three}
    found |= {f"{name}, calibrated": calibrated(options, cnn) for name, cnn in found.items()}
    labels = {
        "images": "network, 3 bands, trained further",
        "photometry": "network, photometry",
        "joint": JOINT,
    }
    for name, label in labels.items():
        if (options.folder / f"{name}.model").exists():
            found[label] = CNNEstimator.load(options.folder / f"{name}.model")
    return {name: (one, False) for name, one in found.items()}


def fusions(options):
    """The learned fusion and the product."""
    path = options.folder / "fusion.model"
    fused = FusionEstimator.load(path) if path.exists() else FusionEstimator.from_pretrained()
    found = {"fusion": (fused, False)}
    path = options.folder / "photometry.model"
    if path.exists():
        members = {"images": CNNEstimator.from_pretrained("nircam-3band")}
        members["photometry"] = CNNEstimator.load(path)
        product = FusionEstimator(members, QUANTITIES, method="product", random_state=SEED)
        about = {name: identity(one) for name, one in members.items()}
        about |= {"product": "powers", "sets": sets_of(options)}
        learn = partial(fitted_by_calibration, product, options)
        found["product"] = (Later(about, learn), False)
    return found


def fitted_by_calibration(method, options):
    """A method after it learned from the calibration sets."""
    return method.fit(*calibration(options, images=True))


def slopes(options):
    """Slopes of the photometry."""
    paper = MeurerEstimator(preset="Fu")
    default = MeurerEstimator()
    shipped = MeurerEstimator(calibration=SHIPPED_CALIBRATION)
    return {
        "slope, Meurer+99, Calzetti": (paper, False),
        "slope, default": (default, False),
        "slope, default, shipped calibration": (shipped, False),
        "slope, default, calibrated": (calibrated(options, default, images=False), False),
    }


def sed_fits(options):  # noqa: ARG001 - as of the other groups
    """SED fits."""
    targets = {"targets": QUANTITIES, "random_state": SEED}
    found = {
        f"SED, {law}, {name} prior": BagpipesEstimator(
            dust_law=law, priors=given, preset="Fu", **targets
        )
        for law in LAWS
        for name, given in PRIORS.items()
    }
    default = BagpipesEstimator(**targets)
    found["SED, default"] = default
    found["SED, default, shipped calibration"] = BagpipesEstimator(
        calibration=SHIPPED_CALIBRATION, **targets
    )
    return {name: (one, True) for name, one in found.items()}


METHODS = {"networks": networks, "fusions": fusions, "slopes": slopes, "sed": sed_fits}


@dataclass(frozen=True)
class Later:
    """A method that learns from the calibration sets only if its draws are not there yet.

    ``about`` is what it depends on, and ``learn`` a function without arguments.
    """

    about: dict
    learn: Callable


def sets_of(options):
    """Calibration sets that are there, and their seeds."""
    return {name: KINDS[name].seed for name in CALIBRATION if (options.sets / name).is_dir()}


def calibrated(options, estimator, *, images=True):
    """Calibrate an estimator by the calibration sets, when it is needed."""

    def learn():
        sample, truth = calibration(options, images=images)
        one = copy(estimator)
        one.targets = tuple(name for name in QUANTITIES if name in estimator._drawn_quantities)
        return CalibratedEstimator(one, random_state=SEED).fit(sample, truth)

    about = {"calibrated": identity(estimator), "sets": sets_of(options)}
    return Later(about, learn)


def identity(method):
    """What the draws of a method depend on, in JSON types."""
    if isinstance(method, Later):
        return method.about
    known = method._provenance(0)
    ignored = ("version", "packages")
    return {name: str(value) for name, value in known.items() if name not in ignored}


def drawn(name, method, options, subset):
    """Draws of a method for all test galaxies, NaN without, kept in a file for each part."""
    key = json.dumps([identity(method), N_DRAWS, SEED], sort_keys=True)
    first, parts, fitted = 0, [], None
    for part in parts_of(options):
        light, _ = read_light(options.sets, part)
        n = len(light)
        rows = np.ones(n, dtype=bool) if subset is None else subset[first : first + n]
        first += n
        ids = "".join(np.asarray(light["id"]).astype(str)[rows])
        digest = hashlib.blake2b((key + ids).encode(), digest_size=8).hexdigest()
        label = "".join(one for one in name if one.isalnum())
        path = options.folder / f"draws-{label}-{'-'.join(part)}-{digest}.npz"
        if not path.exists():
            if fitted is None:
                fitted = method.learn() if isinstance(method, Later) else method
            needs = any("cutout" in group for group in fitted.required_data)
            sample = read_set(options.sets / part[0], surveys=part[1:])[0] if needs else light
            start = time.perf_counter()
            found = fitted.sample_posterior(sample[rows], N_DRAWS, random_state=SEED)
            speed = rows.sum() / (time.perf_counter() - start)
            sys.stdout.write(f"{name}, {'/'.join(part)}: {rows.sum()}, {speed:.1f} galaxies/s\n")
            sys.stdout.flush()
            blank = np.full((int(rows.sum()), N_DRAWS), np.nan)
            arrays = {one: found.get(one, blank).astype("f4") for one in QUANTITIES}
            partial = path.with_suffix(".partial.npz")
            np.savez(partial, **arrays)
            partial.rename(path)
        kept = np.load(path)
        full = {one: np.full((n, N_DRAWS), np.nan, dtype="f4") for one in QUANTITIES}
        for one, values in full.items():
            values[rows] = kept[one]
        parts.append(full)
    return {one: np.concatenate([part[one] for part in parts]) for one in QUANTITIES}


# ---- figures ----------------------------------------------------------------------------


def absolute_and_crps(draws, true):
    """Absolute error of the median, and CRPS, of each galaxy."""
    ordered = np.sort(draws.astype(float), axis=1)
    n = ordered.shape[1]
    apart = np.abs(ordered - true[:, None]).mean(axis=1)
    # Half the mean difference of two different draws, from their order.
    weights = 2.0 * np.arange(1, n + 1) - n - 1.0
    spread = ordered @ weights / (n * (n - 1.0))
    return np.abs(np.median(draws, axis=1) - true), apart - spread


def baseline(true):
    """Figures of the median of the truth for every galaxy; it has no intervals."""
    error = np.abs(true - np.median(true)).mean()
    return {
        "n": len(true),
        "mae": round(float(error), 4),
        "ratio": 1.0,
        "bias": round(float(np.mean(np.median(true) - true)), 4),
        "crps": round(float(error), 4),
        "coverage_68": np.nan,
        "coverage_90": np.nan,
    }


def figures(draws, true, error, crps):
    """Figures of one method."""
    low, lower, middle, upper, high = np.quantile(draws, (0.05, 0.16, 0.5, 0.84, 0.95), axis=1)
    found = {
        "n": len(true),
        "mae": error.mean(),
        "ratio": error.mean() / np.abs(true - np.median(true)).mean(),
        "bias": np.mean(middle - true),
        "crps": crps.mean(),
        "coverage_68": np.mean((true >= lower) & (true <= upper)),
        "coverage_90": np.mean((true >= low) & (true <= high)),
    }
    return {name: round(float(value), 4) for name, value in found.items()}


def compare(errors, label):
    """Relative change of MAE and CRPS from each other method to each fusion, with its error."""
    rng, rows = np.random.default_rng(SEED), []
    for fusion in (name for name in FUSIONS if name in errors):
        for number, figure in enumerate(("mae", "crps")):
            found = []
            for other in (name for name in errors if name not in FUSIONS):
                pair = np.stack([errors[fusion][number], errors[other][number]])
                pair = pair[:, np.isfinite(pair).all(axis=0)]
                picks = rng.integers(pair.shape[1], size=(N_BOOTSTRAP, pair.shape[1]))
                means = pair.mean(axis=1)
                tries = pair[0][picks].mean(axis=1) / pair[1][picks].mean(axis=1)
                row = {"figure": figure, "method": fusion, "other": other, "n": pair.shape[1]}
                change = round(float(means[0] / means[1] - 1.0), 4)
                row |= {"change": change, "change_err": round(float(tries.std()), 4)}
                found.append(label | row)
            closest = max((row["change"] for row in found), default=np.nan)
            rows += [row | {"closest": row["change"] == closest} for row in found]
    return rows


if __name__ == "__main__":
    main()
