"""Networks beside each other on galaxies that none has seen: errors and coverage.

Run with ``python benchmarks/bench_networks.py --folder FOLDER --networks old=FILE new=NAME``, with
files of models or names of those that come with dustest, after ``=`` or alone. The galaxies are

* with ``--test``, those of the folder ``test`` that ``tools/train_pretrained.py`` has drawn, with
  S/N of at least 5 in one of three bands, one view each;
* with ``--reference``, the reference sets of version 0.1 from ``tools/draw_reference_sets.py``.

For every network, set and quantity the table ``networks.ecsv`` has the mean absolute error over
that of the median of the truth, with its error from a bootstrap over galaxies, the difference to
the first network with the same, coverage of the 68 and 90 % intervals, the share of the cells of
prediction, S/N, brightness and redshift (ten each) beyond 2 binomial errors, and the farthest.
``kind`` says which galaxies count: all, those that the network says it knows something about
(neither PRIOR_DOMINATED nor LOW_SNR), or those more than 0.1 dex below the ceiling of log sSFR.
"""

import argparse
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack
from networks import load_network

from dustest.data import FLAGS, as_sample
from dustest.estimators import make_batch
from dustest.estimators._cnn.context import ContextLayout
from dustest.simulate import read_simulation

BANDS = ("F277W", "F356W", "F444W")
SURVEYS = ("JADES-deep", "CEERS")
BOOTSTRAP_SEED, N_BOOTSTRAP = 170352, 400
QUANTITIES = ("A_V", "E_BV", "log_sSFR")
LEVELS = (0.05, 0.16, 0.5, 0.84, 0.95)
INTERVALS = {68: (1, 3), 90: (0, 4)}
SNR_MIN = 5.0
BELOW_CEILING = 0.1
LITTLE = FLAGS["PRIOR_DOMINATED"].value | FLAGS["LOW_SNR"].value


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--networks", nargs="+", required=True)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--reference", type=Path)
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
    if options.reference:
        for population in ("default", "heavy"):
            yield f"0.1 {population}", [read(options.reference / population, s) for s in SURVEYS]
    if options.test:
        yield "test", [drawn(folder) for folder in sorted(options.test.iterdir())]


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
    truth = {q: np.concatenate([np.asarray(t[q], float) for _, t in samples]) for q in QUANTITIES}
    rows, first = [], {}
    for network, cnn in networks.items():
        found = [predict(cnn, sample) for sample, _ in samples]
        levels, flags, cells = (np.concatenate(part, axis=-1) for part in zip(*found, strict=True))
        knows = (flags & LITTLE) == 0
        for number, quantity in enumerate(QUANTITIES):
            true, ceiling = truth[quantity], np.quantile(truth["log_sSFR"], 0.999)
            kinds = {"all": np.ones(len(true), bool), "knows": knows}
            if quantity == "log_sSFR":
                kinds["below ceiling"] = true < ceiling - BELOW_CEILING
            for kind, members in kinds.items():
                part = true[members], levels[number][:, members], cells[:, members]
                other = first.setdefault((quantity, kind), part) if kind != "knows" else None
                head = {"set": name, "network": network, "quantity": quantity, "kind": kind}
                rows.append(head | {"share": round(members.mean(), 3)} | judge(*part, other))
    return rows


def predict(cnn, sample):
    """Quantiles (n_quantities, n_levels, n), flags (n,), and columns of cells (3, n)."""
    columns = ("id", "redshift", "pixel_scale", "cutout_")
    sample = sample[[name for name in sample.colnames if name.startswith(columns)]]
    levels = np.moveaxis(cnn.predict_quantiles(sample, LEVELS), 0, -1)
    flags = np.asarray(cnn.estimate(sample)["flags"])
    context = np.concatenate(
        [
            cnn.networks_.task.inputs(make_batch(sample, slice(start, start + 512))).context
            for start in range(0, len(sample), 512)
        ]
    )
    layout = ContextLayout(len(cnn.bands))
    log_snr = context[:, layout["log_snr"]].max(axis=1)
    cells = [log_snr, context[:, layout["log_scale"]], context[:, layout["redshift"]]]
    return levels, flags, np.array(cells)


def judge(true, levels, cells, other):
    """Figures of one quantity of one network."""
    n, error = len(true), np.abs(levels[2] - true)
    base = np.abs(true - np.median(true))
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    again = [rng.integers(n, size=n) for _ in range(N_BOOTSTRAP)]
    ratios = [error[rows].mean() / base[rows].mean() for rows in again]
    found = {"n": n, "mae": error.mean(), "ratio": error.mean() / base.mean()}
    found |= {"ratio_err": np.std(ratios), "bias": np.mean(levels[2] - true)}
    if other is not None:
        before = np.abs(other[1][2] - true)
        change = [error[rows].mean() / before[rows].mean() - 1.0 for rows in again]
        found |= {"change": error.mean() / before.mean() - 1.0, "change_err": np.std(change)}
    else:
        found |= {"change": np.nan, "change_err": np.nan}
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
