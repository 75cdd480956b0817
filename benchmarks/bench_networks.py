"""Networks beside each other on galaxies that none has seen: errors and coverage.

Run with ``python benchmarks/bench_networks.py --folder FOLDER --networks old=FILE new=NAME``, with
files of models or names of those that come with dustest, after ``=`` or alone. The galaxies are

* with ``--test``, those of the folder ``test`` that ``tools/train_pretrained.py`` has drawn, with
  S/N of at least 5 in one of three bands, one view each;
* with ``--reference``, the reference sets of version 0.1 from ``tools/draw_reference_sets.py``;
* with ``--bands F200W+F444W F277W``, all of these again, with the stamps of these bands alone.

For every network, set and quantity the table ``networks.ecsv`` has the mean absolute error over
that of the median of the truth, with its error from a bootstrap over galaxies, the difference to
the first network with the same, coverage of the 68 and 90 % intervals, the share of the cells of
prediction, S/N, brightness and redshift (ten each) beyond 2 binomial errors, and the farthest.
``kind`` says which galaxies count: all, those that the network says it knows something about
(neither PRIOR_DOMINATED nor LOW_SNR), those more than 0.1 dex below the ceiling of log sSFR, or
the others; of these ``recognised`` is the share whose median is within 0.1 dex of the ceiling,
too. Bounds of log sSFR are for the galaxies below the ceiling. Networks with the targets
``log_SFR_10`` and ``log_mass`` also have the difference of both. ``median_bits`` is the median of
the information by which PRIOR_DOMINATED is set: with this limit half the galaxies have the flag.
"""

import argparse
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack
from networks import load_network, ratio_of_means

from dustest.data import FLAGS, as_sample
from dustest.estimators import make_batch
from dustest.estimators._cnn.context import ContextLayout
from dustest.simulate import read_simulation

BANDS = ("F277W", "F356W", "F444W")
SURVEYS = ("JADES-deep", "CEERS")
BOOTSTRAP_SEED = 170352
QUANTITIES = ("A_V", "E_BV", "log_sSFR")
LEVELS = (0.05, 0.16, 0.5, 0.84, 0.95)
INTERVALS = {68: (1, 3), 90: (0, 4)}
SNR_MIN = 5.0
BELOW_CEILING = 0.1
N_DRAWS = 128
RECENT = "log_SFR_10/M"
LITTLE = FLAGS["PRIOR_DOMINATED"].value | FLAGS["LOW_SNR"].value


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--networks", nargs="+", required=True)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--bands", nargs="*", default=(), help="such as F200W+F444W F277W")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    networks = dict(load_network(text, BOOTSTRAP_SEED) for text in options.networks)
    rows = []
    for name, samples in galaxy_sets(options):
        rows += compare(name, samples, networks)
        Table(rows=rows).write(options.folder / "networks.ecsv", overwrite=True)
    Table(rows=rows).pprint_all()


def galaxy_sets(options):
    """Name of each set, and its pairs of sample and truth, one for each survey."""
    for name, samples in whole_sets(options):
        yield name, samples
        for bands in options.bands:
            alone = [(with_bands(sample, bands.split("+")), truth) for sample, truth in samples]
            yield f"{name}, {bands}", alone


def whole_sets(options):
    """Name of each set, and its pairs of sample and truth with all bands."""
    if options.reference:
        for population in ("default", "heavy"):
            yield f"0.1 {population}", [read(options.reference / population, s) for s in SURVEYS]
    if options.test:
        yield "test", [drawn(folder) for folder in sorted(options.test.iterdir())]


def with_bands(sample, bands):
    """A sample with the stamps of some bands alone."""
    others = [f"cutout_{band}" for band in sample.cutout_bands if band not in bands]
    return sample[[name for name in sample.colnames if not name.startswith(tuple(others))]]


def read(folder, survey):
    """Sample and truth of a reference set."""
    sample, truth = (Table.read(folder / f"{survey}-{kind}.fits") for kind in ("sample", "truth"))
    return as_sample(sample), truth


def drawn(folder):
    """Sample and truth of the galaxies of a part that are bright enough."""
    parts = [bright(*part) for path in sorted(folder.iterdir()) for part in read_simulation(path)]
    sample, truth = (vstack(p, metadata_conflicts="silent") for p in zip(*parts, strict=True))
    return sample, truth


def bright(sample, truth):
    """The galaxies that are bright enough in one of three bands."""
    kept = np.max([sample[f"snr_{band}"] for band in BANDS], axis=0) >= SNR_MIN
    return sample[kept], Table(truth)[kept]


def compare(name, samples, networks):
    """Rows of all networks on one set."""
    truth = true_values([truth for _, truth in samples])
    ceiling = np.quantile(truth["log_sSFR"], 0.999)
    rows, first = [], {}
    for network, cnn in networks.items():
        found = [predict(cnn, sample) for sample, _ in samples]
        levels, flags, bits, cells = (join(part) for part in zip(*found, strict=True))
        for quantity in (q for q in levels if q in truth):
            true = truth[quantity]
            for kind, members in kinds(quantity, true, flags, ceiling).items():
                part = true[members], levels[quantity][:, members], cells[:, members]
                other = first.setdefault((quantity, kind), part) if kind != "knows" else None
                head = {"set": name, "network": network, "quantity": quantity, "kind": kind}
                head["share"] = round(members.mean(), 3)
                head["median_bits"] = round(float(np.median(bits[members])), 3)
                at_ceiling = kind == "at ceiling"
                head["recognised"] = recognised(part[1], ceiling) if at_ceiling else np.nan
                rows.append(head | judge(*part, other))
    return rows


def true_values(truths):
    """True values of all galaxies by quantity, as far as they are known."""
    tables = [Table(truth) for truth in truths]
    for table in tables:
        if "log_SFR_10" in table.colnames:
            table[RECENT] = np.asarray(table["log_SFR_10"]) - np.asarray(table["log_mass"])
    known = [q for q in (*QUANTITIES, RECENT) if all(q in table.colnames for table in tables)]
    return {q: np.concatenate([np.asarray(table[q], float) for table in tables]) for q in known}


def kinds(quantity, true, flags, ceiling):
    """Which galaxies count, by kind; only those whose true value is finite."""
    is_known = np.isfinite(true)
    found = {"all": is_known, "knows": is_known & ((flags & LITTLE) == 0)}
    if quantity == "log_sSFR":
        is_below = true < ceiling - BELOW_CEILING
        found |= {"below ceiling": is_known & is_below, "at ceiling": is_known & ~is_below}
    return {kind: members for kind, members in found.items() if members.any()}


def recognised(levels, ceiling):
    """Share of galaxies whose median is within 0.1 dex of the ceiling."""
    return round(float(np.mean(levels[2] >= ceiling - BELOW_CEILING)), 4)


def join(parts):
    """Arrays, or dictionaries of arrays, along the last axis."""
    if isinstance(parts[0], dict):
        return {name: join([part[name] for part in parts]) for name in parts[0]}
    return np.concatenate(parts, axis=-1)


def predict(cnn, sample):
    """Quantiles by quantity (n_levels, n), flags and bits (n,), and columns of cells (3, n)."""
    columns = ("id", "redshift", "pixel_scale", "cutout_")
    sample = sample[[name for name in sample.colnames if name.startswith(columns)]]
    draws = cnn.sample_posterior(sample, N_DRAWS)
    quantiles = np.moveaxis(cnn.predict_quantiles(sample, LEVELS), 0, -1)
    levels = dict(zip(cnn.targets, quantiles, strict=True))
    if {"log_SFR_10", "log_mass"} <= draws.keys():
        levels[RECENT] = np.quantile(draws["log_SFR_10"] - draws["log_mass"], LEVELS, axis=1)
    flags = np.asarray(cnn.estimate(sample)["flags"])
    bits, context = (np.concatenate(part) for part in zip(*information(cnn, sample), strict=True))
    layout = ContextLayout(len(cnn.bands))
    log_snr = context[:, layout["log_snr"]].max(axis=1)
    cells = [log_snr, context[:, layout["log_scale"]], context[:, layout["redshift"]]]
    return levels, flags, bits, np.array(cells)


def information(cnn, sample):
    """Bits that a network's flags depend on, NaN without a prior, and context of its galaxies."""
    networks, prior = cnn.networks_, cnn.networks_.mean_posterior
    for start in range(0, len(sample), 512):
        batch = make_batch(sample, slice(start, start + 512)).seeded(BOOTSTRAP_SEED)
        inputs = networks.task.inputs(batch)
        bits = np.full(len(inputs.context), np.nan)
        if prior is not None:
            draws = networks.samples(inputs.image, inputs.context, inputs.usable, batch.seed)
            bits = prior.information(draws, inputs.context, networks.task.layout)
        yield bits, inputs.context


def judge(true, levels, cells, other):
    """Figures of one quantity of one network."""
    n, error = len(true), np.abs(levels[2] - true)
    base = np.abs(true - np.median(true))
    ratio, ratio_err = ratio_of_means(error, base, BOOTSTRAP_SEED)
    before = np.full(n, np.nan) if other is None else np.abs(other[1][2] - true)
    change, change_err = ratio_of_means(error, before, BOOTSTRAP_SEED)
    found = {"n": n, "mae": error.mean(), "ratio": ratio, "ratio_err": ratio_err}
    found |= {"bias": np.mean(levels[2] - true), "change": change - 1.0, "change_err": change_err}
    for level, (low, high) in INTERVALS.items():
        inside = (true >= levels[low]) & (true <= levels[high])
        far = np.concatenate([deviations(inside, by, level) for by in (levels[2], *cells)])
        found |= {f"coverage_{level}": inside.mean(), f"beyond_2_{level}": np.mean(far > 2.0)}
        found[f"farthest_{level}"] = far.max()
    return {name: v if isinstance(v, int) else round(float(v), 4) for name, v in found.items()}


def deviations(inside, by, level):
    """Distance of the coverage of ten cells from the level, in binomial errors."""
    share = 0.01 * level
    parts = np.array_split(inside[np.argsort(by, kind="stable")], 10)
    errors = [np.sqrt(share * (1.0 - share) / max(len(part), 1)) for part in parts]
    return np.array(
        [abs(p.mean() - share) / e if len(p) else 0.0 for p, e in zip(parts, errors, strict=True)]
    )


if __name__ == "__main__":
    main()
