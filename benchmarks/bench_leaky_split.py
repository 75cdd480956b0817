"""How much a split flatters a method if copies of a galaxy are on both sides.

Run with ``python benchmarks/bench_leaky_split.py --folder FOLDER``. FOLDER keeps galaxies and
results, and an interrupted run resumes; ``--draw`` only draws.

The galaxies are of the kind of the paper's training set: every galaxy of the population ``paper``
at redshifts 6 to 9 is observed in four views, each with ``--realisations`` dust-to-metal ratios,
in three bands with the depth of JADES. Rows with S/N of at least 5 in a band are kept. For each of
five seeds ``--galaxies`` galaxies are drawn, and a fifth of them is set aside. The other rows are
split at random, four fifths to train on and one fifth to test on, as if they were independent
galaxies. A random forest of features of the stamps is trained. It is tested on the random fifth,
and on the galaxies set aside, of which it has seen no copy.

Copies on both sides of the random split are views and dust realisations of a galaxy or, as in the
paper, also rotated and reflected copies of its images, which are made before the split.

The table has MAE over baseline of both tests for each quantity, the mean of the five seeds with
its standard error, and how much smaller the first is.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from dustest.data.signal_to_noise import is_faint
from dustest.data.splits import group_split
from dustest.simulate import GalaxySimulator, get_population
from dustest.validation.split_audit.twins import orientations

SEEDS = (191020, 191021, 191022, 191023, 191024)
BANDS = ("F277W", "F356W", "F444W")
TARGETS = ("A_V", "log_sSFR")
SET_ASIDE = TESTED = 0.2
RADII = (2.0, 4.0, 8.0)
N_COPIES = 3
"""Orientations of each stamp, for splits with augmented copies."""
SOFTENING = 0.1
"""A_V in mag up to which errors count as absolute, above as relative."""
COARSE = 4
"""Pixels of a stamp along each side that are summed to one feature."""
BLOCK = 10


def draw_block(seed, number, n_realisations):
    """Stamps and truth of some galaxies, each in all views with some dust-to-metal ratios."""
    simulator = GalaxySimulator(BANDS, population="paper", photometry_bands=(), spectrograph=None)
    population = get_population("paper")
    rng = np.random.default_rng([seed, number])
    galaxies = [
        population.draw(rng.choice(simulator.redshifts), rng, group=f"{seed}-{number}-{i}")
        for i in range(BLOCK)
    ]
    repeated = [galaxy for galaxy in galaxies for _ in range(n_realisations)]
    sample, truth = simulator.observe(repeated, random_state=rng)
    columns = {"group": np.asarray(sample["group"])}
    columns["snr"] = np.stack([np.asarray(sample[f"snr_{band}"]) for band in BANDS], axis=1)
    stamps = [np.asarray(sample[f"cutout_{band}"].value, dtype="f4") for band in BANDS]
    columns["stamps"] = np.stack(stamps, axis=1)
    for name in TARGETS:
        columns[name] = np.asarray(getattr(truth[name], "value", truth[name]))
    return columns


def read_galaxies(folder, seed, n_galaxies, n_realisations):
    """Galaxies of a seed, drawn in blocks that are kept."""
    blocks = []
    for number in range(n_galaxies // BLOCK):
        path = folder / f"{seed}-{n_realisations}-{number:03d}.npz"
        if not path.exists():
            columns = draw_block(seed, number, n_realisations)
            partial = path.with_suffix(".partial.npz")
            np.savez(partial, **columns)
            partial.rename(path)
        with np.load(path) as file:
            blocks.append(dict(file))
    columns = {name: np.concatenate([one[name] for one in blocks]) for name in blocks[0]}
    return {name: values[~is_faint(columns["snr"], axis=1)] for name, values in columns.items()}


def features(stamps):
    """Fluxes in apertures, widths and coarse pixels of every band, in units of the noise."""
    border = np.concatenate([stamps[..., :4, :], stamps[..., -4:, :]], axis=-2)
    noise = 1.4826 * np.median(np.abs(border), axis=(2, 3), keepdims=True)
    scaled = stamps / noise
    size = stamps.shape[-1]
    axis = np.arange(size) - (size - 1) / 2
    distance = np.hypot(axis[:, None], axis)
    apertures = [scaled[..., distance < radius].sum(axis=-1) for radius in RADII]
    coarse = scaled.reshape(*scaled.shape[:2], size // COARSE, COARSE, size // COARSE, COARSE)
    parts = [*apertures, coarse.sum(axis=(3, 5)).reshape(len(stamps), -1)]
    total = np.stack(apertures, axis=-1)
    ratios = [total[:, i] / np.abs(total[:, i + 1]).clip(1.0) for i in range(len(BANDS) - 1)]
    return np.concatenate(
        [np.arcsinh(np.reshape(part, (len(stamps), -1))) for part in (*parts, *ratios)], axis=1
    )


def latent(columns):
    """Quantities that are learned, scaled so that faint and strong attenuation count."""
    return np.stack([np.arcsinh(columns["A_V"] / SOFTENING), columns["log_sSFR"]], axis=1)


def predict(forest, given):
    """Predictions in the units of the truth."""
    found = forest.predict(given)
    return np.stack([SOFTENING * np.sinh(found[:, 0]), found[:, 1]], axis=1)


def judge(columns, seed, n_copies):
    """MAE over baseline of one forest on copies of its galaxies, and on other galaxies."""
    rng = np.random.default_rng(seed)
    inside, aside = group_split(columns["group"], SET_ASIDE, random_state=seed)
    rows = np.repeat(inside, n_copies)
    stamps = columns["stamps"][rows]
    if n_copies > 1:
        turns = rng.permuted(np.tile(np.arange(8), (len(inside), 1)), axis=1)[:, :n_copies]
        stamps = np.stack(
            [orientations(one)[turn] for one, turn in zip(stamps, turns.ravel(), strict=True)]
        )
    order = rng.permutation(len(rows))
    tested, trained = np.split(order, [int(TESTED * len(rows))])
    given, learned = features(stamps), latent(columns)[rows]
    forest = RandomForestRegressor(100, min_samples_leaf=2, max_features=0.3, random_state=seed)
    forest.fit(given[trained], learned[trained])
    truth = np.stack([columns[name] for name in TARGETS], axis=1)
    found = {"n_trained": len(trained), "n_galaxies": len(set(columns["group"][inside]))}
    tests = {
        "leaky": (given[tested], truth[rows[tested]]),
        "honest": (features(columns["stamps"][aside]), truth[aside]),
    }
    for name, (test, true) in tests.items():
        error = np.abs(predict(forest, test) - true).mean(axis=0)
        spread = np.abs(true - np.median(true, axis=0)).mean(axis=0)
        found[f"n_{name}"] = len(true)
        found |= {f"{name} {q}": r for q, r in zip(TARGETS, error / spread, strict=True)}
    return found


def with_error(values):
    """Mean over the seeds and its standard error, as text."""
    values = np.asarray(values)
    return f"{values.mean():.3f} +- {values.std(ddof=1) / np.sqrt(len(values)):.3f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--galaxies", type=int, default=100)
    parser.add_argument("--realisations", type=int, default=3)
    parser.add_argument("--draw", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    galaxies = {
        seed: read_galaxies(options.folder, seed, options.galaxies, options.realisations)
        for seed in SEEDS
    }
    if not options.draw:
        for what, n_copies in (("views and dust", 1), ("views, dust and rotations", N_COPIES)):
            report(what, [judge(columns, seed, n_copies) for seed, columns in galaxies.items()])


def report(what, results):
    """Print the results of the seeds, and their means."""
    print(f"copies: {what}")
    for one in results:
        print(json.dumps(one), flush=True)
    for name in TARGETS:
        leaky, honest = (
            [one[f"{kind} {name}"] for one in results] for kind in ("leaky", "honest")
        )
        change = 100 * (np.array(leaky) / np.array(honest) - 1)
        print(
            f"{name}: MAE over baseline {with_error(leaky)} on copies, {with_error(honest)} on "
            f"other galaxies, change {with_error(change)} %",
            flush=True,
        )


if __name__ == "__main__":
    main()
