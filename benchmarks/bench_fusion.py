"""Measure combinations of images and photometry beside each alone, on the same test galaxies.

Run with ``python benchmarks/bench_fusion.py --sets SETS --folder FOLDER``, with the folders of
``tools/draw_fusion_sets.py`` and ``tools/train_fusion.py``. Methods are the shipped network of
three bands, the models that are in the folder, and the product of the likelihoods of images and
photometry. A table has, for each set of galaxies (S/N >= 5, ``default`` and ``heavy``) and
quantity, MAE over that of the median of the truth, bias, coverage of 68 and 90 % intervals and
CRPS; another one the relative change of MAE and CRPS against the best method without fusion, with
the error of a paired bootstrap over galaxies. Draws are kept in the folder.
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
from astropy.table import QTable, vstack
from draw_fusion_sets import read_set, stack_samples

from dustest import CNNEstimator, FusionEstimator

QUANTITIES = ("A_V", "log_sSFR")
N_DRAWS = 128
SEED = 193090
N_BOOTSTRAP = 400
FUSIONS = ("joint", "fusion", "product")
"""Methods that use both images and photometry."""
CALIBRATION = ("calibration", "calibration-2")


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--tests", nargs="+", default=["test-1"])
    options = parser.parse_args(arguments)
    sample, truth = read(options.sets, options.tests)
    methods = load(options)
    draws = {name: drawn(name, one, sample, options.folder) for name, one in methods.items()}
    kinds = np.asarray(sample["kind"]).astype(str)
    rows, changes = [], []
    for kind in ("default", "heavy", "all"):
        chosen = (kinds == kind) | (kind == "all")
        for quantity in QUANTITIES:
            true = np.asarray(truth[quantity], float)[chosen]
            errors = {}
            for name, found in draws.items():
                one = found[quantity][chosen]
                errors[name] = absolute_and_crps(one, true)
                rows.append({"set": kind, "quantity": quantity, "method": name})
                rows[-1] |= figures(one, true, *errors[name])
            changes += compare(errors, {"set": kind, "quantity": quantity})
    for name, records in {"metrics": rows, "changes": changes}.items():
        table = QTable(rows=records)
        table.write(options.folder / f"fusion-{name}.ecsv", overwrite=True)
        table.pprint_all()


def read(folder, names):
    """Galaxies of some sets, and their truth."""
    pairs = [read_set(folder / name) for name in names if (folder / name).is_dir()]
    samples, truths = zip(*pairs, strict=True)
    return stack_samples(list(samples)), vstack(list(truths), metadata_conflicts="silent")


def load(options):
    """Methods by name."""
    found = {"shipped images": CNNEstimator.from_pretrained("nircam-3band")}
    for name in ("images", "photometry", "joint"):
        path = options.folder / f"{name}.model"
        if path.exists():
            found[name] = CNNEstimator.load(path)
    if (options.folder / "fusion.model").exists():
        found["fusion"] = FusionEstimator.load(options.folder / "fusion.model")
    alone = {"images": found.get("images", found["shipped images"])}
    if "photometry" in found:
        alone["photometry"] = found["photometry"]
        product = FusionEstimator(alone, QUANTITIES, method="product")
        found["product"] = product.fit(*read(options.sets, CALIBRATION))
    return found


def drawn(name, method, sample, folder):
    """Draws of a method, kept in a file of this method and these galaxies."""
    ids = "".join(np.asarray(sample["id"]).astype(str)) + method._model_hash()
    digest = hashlib.blake2b(ids.encode(), digest_size=8).hexdigest()
    path = folder / f"draws-{name.replace(' ', '-')}-{digest}.npz"
    if not path.exists():
        found = method.sample_posterior(sample, N_DRAWS, random_state=SEED)
        np.savez(path, **{name: found[name].astype("f4") for name in QUANTITIES})
    return dict(np.load(path))


def absolute_and_crps(draws, true):
    """Absolute error of the median, and CRPS, of each galaxy."""
    ordered = np.sort(draws.astype(float), axis=1)
    n = ordered.shape[1]
    apart = np.abs(ordered - true[:, None]).mean(axis=1)
    # Half the mean difference of two different draws, from their order.
    weights = 2.0 * np.arange(1, n + 1) - n - 1.0
    spread = ordered @ weights / (n * (n - 1.0))
    return np.abs(np.median(draws, axis=1) - true), apart - spread


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


def compare(errors, about):
    """Relative change of MAE and CRPS from the best single method to each fusion."""
    rng = np.random.default_rng(SEED)
    n = len(next(iter(errors.values()))[0])
    picks = rng.integers(n, size=(N_BOOTSTRAP, n))
    rows = []
    for number, figure in enumerate(("mae", "crps")):
        alone = {name: one[number] for name, one in errors.items() if name not in FUSIONS}
        best = min(alone, key=lambda name: alone[name].mean())
        for name in FUSIONS:
            if name not in errors:
                continue
            ours, theirs = errors[name][number], alone[best]
            change = ours.mean() / theirs.mean() - 1.0
            tries = ours[picks].mean(axis=1) / theirs[picks].mean(axis=1) - 1.0
            row = {"figure": figure, "method": name, "best single": best}
            rows.append(about | row | {"change": round(float(change), 4)})
            rows[-1]["change_err"] = round(float(tries.std()), 4)
    return rows


if __name__ == "__main__":
    main()
