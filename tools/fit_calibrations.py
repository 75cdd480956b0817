"""Fit the calibrations of SED fits and UV slopes that come with dustest.

Run with ``python tools/fit_calibrations.py SETS --surveys JADES-deep CEERS --estimators bagpipes
meurer``, where SETS are folders of sets that ``tools/draw_fusion_sets.py`` drew, of population
0.2. Galaxies of both kinds are used, ``default`` and ``heavy``: a calibration with those of the
default kind alone, few of which are massive or dusty, covered 57 % of the A_V of heavy ones at
68 %, and no weights of its draws mended that. In half of the galaxies, up to half of the bands
are dropped at random, but four are left. ``--galaxies`` limits the number of each kind from each
set.

Estimates are kept in ``--work``, 512 galaxies a file, so that an interrupted run resumes.
Calibrations are written into ``dustest/resources``, with their SHA-256 in ``calibrations.json``.
Every preset of the estimators is calibrated, or those of ``--presets``.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from dustest import get_estimator
from dustest.data.files.paths import replacing
from dustest.estimators import make_batch
from dustest.estimators._calibration.calibration_file import write_calibration
from dustest.estimators._calibration.conditions import Conditions
from dustest.estimators._calibration.recalibration import Recalibration
from dustest.estimators._calibration.settings import settings_of
from dustest.estimators._calibration.shipped import LIST
from dustest.estimators._calibration.summaries import PROBABILITIES
from dustest.estimators.run.runner import run
from dustest.estimators.run.summary import Summary

RESOURCES = Path(__file__).resolve().parents[1] / "dustest" / "resources"
SEEDS = {"JADES-deep": 192011, "CEERS": 192012, "estimates": 192200, "calibration": 192300}
"""Seeds of the bands that are dropped, by survey, plus 3 for every further set; and others."""
KINDS = {"default": 0, "heavy": 100}
"""Kinds of galaxies, and what is added to the seeds of their bands."""
POPULATION = "0.2 (default and heavy)"
FEWEST_BANDS = 4
CHUNK = 512
N_DRAWS = 128


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--surveys", nargs="+", default=["JADES-deep", "CEERS"])
    parser.add_argument("--estimators", nargs="+", default=["bagpipes", "meurer"])
    parser.add_argument("--presets", nargs="+", default=["default", "Fu"])
    parser.add_argument("--galaxies", type=int, default=1_000_000, help="most of each set")
    parser.add_argument("--work", type=Path, default=Path("calibrations"))
    parser.add_argument("--output", type=Path, default=RESOURCES)
    options = parser.parse_args(arguments)
    for survey in options.surveys:
        for name in options.estimators:
            for label in options.presets:
                method = get_estimator(name, preset=label)
                file = f"{name}-{survey}-{label}"
                parts = []
                for number, folder in enumerate(options.sets):
                    for kind, shift in KINDS.items():
                        light = galaxies(folder, kind, survey, SEEDS[survey] + 3 * number + shift)
                        light = [table[: options.galaxies] for table in light]
                        kept = options.work / file / f"{folder.name}-{kind}"
                        parts += estimates(method, *light, kept)
                recalibration, n = learn(parts)
                card = {
                    "survey": survey,
                    "population": POPULATION,
                    "label": label,
                    "n_galaxies": n,
                    "sets": [folder.name for folder in options.sets],
                    "seeds": SEEDS,
                }
                write(options.output, file, recalibration, method, card)
                sys.stdout.write(f"{file}: {n} galaxies\n")


def estimates(method, sample, truth, work):
    """Estimates, truth and conditions of galaxies, a dict of arrays for each part."""
    names = tuple(name for name in method._drawn_quantities if name in truth.colnames)
    method.targets = names
    work.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(sample), CHUNK):
        path = work / f"{start:06d}.npz"
        if not path.exists():
            rows = slice(start, start + CHUNK)
            with replacing(path) as partial, open(partial, "wb") as file:
                np.savez_compressed(file, **part(method, sample[rows], truth[rows], names))
        with np.load(path) as found:
            yield dict(found)


def part(method, sample, truth, names):
    """Arrays of some galaxies."""
    ready = method._ready(sample)
    known = method._conditions(make_batch(ready))
    summary = Summary(PROBABILITIES, n_draws=N_DRAWS)
    rows = run(method, ready, summary, seed=SEEDS["estimates"])
    arrays = {f"q_{name}": rows.values[name].astype(np.float32) for name in names}
    arrays |= {f"t_{name}": plain(truth[name]) for name in names}
    group = np.asarray(sample["group"]).astype(str)
    return arrays | {
        "redshift": known.redshift,
        "snr": known.snr,
        "bands": np.array(known.bands),
        "group": group,
    }


def galaxies(folder, kind, survey, seed):
    """Photometry and truth of galaxies of one kind of a set, with bands dropped at random."""
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from draw_fusion_sets import read_set

    def is_used(column):
        return not column.startswith("cutout")

    sample, truth = read_set(folder, kinds=[kind], surveys=[survey], columns=is_used)
    return drop_bands(sample, seed), truth


def drop_bands(sample, seed):
    """Galaxies of which half lack some bands; bands without any flux are removed."""
    sample, rng, bands = sample.copy(), np.random.default_rng(seed), []
    for band in sample.bands:
        if np.isfinite(plain(sample[f"flux_{band}"])).any():
            bands.append(band)
        else:
            sample.remove_columns([f"flux_{band}", f"flux_err_{band}"])
    share = rng.random((len(sample), len(bands)))
    is_dropped = share < rng.uniform(0.0, 0.5, (len(sample), 1))
    is_dropped &= rng.random((len(sample), 1)) < 0.5
    is_dropped[np.sum(~is_dropped, axis=1) < FEWEST_BANDS] = False
    for band, rows in zip(bands, is_dropped.T, strict=True):
        for column in (f"flux_{band}", f"flux_err_{band}"):
            sample[column][rows] = np.nan
    return sample


def plain(column):
    """Values of a column without unit."""
    return np.asarray(getattr(column, "value", column), dtype=float)


def learn(parts):
    """The calibration that follows from all parts, and its number of galaxies."""
    conditions = Conditions.joined(
        [Conditions(one["redshift"], tuple(one["bands"].tolist()), one["snr"]) for one in parts]
    )
    joined = {
        name: np.concatenate([one[name] for one in parts])
        for name in parts[0]
        if name not in ("bands", "snr")
    }
    names = [name.removeprefix("q_") for name in joined if name.startswith("q_")]
    n = len(PROBABILITIES)
    recalibration = Recalibration.learn(
        {name: joined[f"q_{name}"][:, :n].astype(float) for name in names},
        {name: joined[f"q_{name}"][:, n:].astype(float) for name in names},
        {name: joined[f"t_{name}"] for name in names},
        conditions,
        joined["group"],
        SEEDS["calibration"],
    )
    return recalibration, len(conditions.redshift)


def write(output, name, recalibration, method, card):
    """Write a calibration, and its digest into the list."""
    path = output / f"{name}.calibration"
    sha256 = write_calibration(path, recalibration, settings_of(method), card)
    listed = output / LIST
    known = json.loads(listed.read_text(encoding="utf-8")) if listed.exists() else {}
    text = json.dumps(known | {name: sha256}, indent=2, sort_keys=True) + "\n"
    listed.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
