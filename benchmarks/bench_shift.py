"""Detector of galaxies outside the training set: what it finds, and what it costs.

Run with ``python benchmarks/bench_shift.py MODEL TEST``, where MODEL is a file of networks with a
detector, and TEST a folder of simulations that neither has seen, with a folder for each of the
presets JADES-deep and CEERS; see ``tools/fit_shift_detector.py`` for both. Galaxies with other
point-spread functions and noise, and of redshift 2, are drawn by the simulator from
``--population``; all other corruptions are those of stamps of TEST. It prints

* the share of false alarms, with all reasons together, and by reason;
* for each corruption the area under the ROC curve, the share that is reported, the share of these
  with the right reason, MAE and coverage (68 %) of A_V beside those of clean galaxies, and, of the
  galaxies whose A_V moves by more than half of the 68 % interval, the share that is not reported;
* the same for changes inside the range that networks are trained on;
* the test of samples of 200 galaxies;
* the time of the detector over that of the networks.

``--data`` also judges the real stamps of a folder.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import QTable
from bench_robust import CEERS, JOF, read_ceers, read_jof
from sklearn.metrics import roc_auc_score

from dustest import CNNEstimator
from dustest.data import FLAGS, as_sample, decode_flags
from dustest.estimators._cnn.corruptions import CORRUPTIONS
from dustest.estimators._cnn.shift.learning import noise_correlation
from dustest.estimators.shift_detector import ShiftDetector
from dustest.simulate.surveys import get_survey

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from fit_shift_detector import PRESETS, Draws, read_parts

SEED = 170470
EXACT = {
    "shifted band": (2.0, 2.0),
    "offset": (5.0, 5.0),
    "background": (2.0, 2.0),
    "neighbour": (0.0, 1.0),
}
"""Strengths that are fixed; others are the ranges of the corruptions."""
LEAST_SNR = 5.0
N_TIMED = 10_000


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--population", default="0.2")
    parser.add_argument("--clean", type=int, default=5000, help="galaxies of each preset")
    parser.add_argument("--corrupted", type=int, default=1000, help="of each preset")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--output", type=Path, help="table of the results")
    options = parser.parse_args(arguments)
    cnn, detector = CNNEstimator.load(options.model), ShiftDetector.load(options.model)
    n_rows = len(PRESETS) * options.clean
    clean = read_parts(options.test, tuple(cnn.bands), n_rows, LEAST_SNR)
    redshift = np.concatenate([sample["redshift"] for sample, _ in clean.values()])
    ends = redshift.min(), redshift.max()
    draws = Draws(tuple(cnn.bands), options.population, ends, options.seed, LEAST_SNR)
    judge = Judge(cnn, detector)
    tables = {preset: judge(*one) for preset, one in clean.items()}
    for preset, table in tables.items():
        print(preset, len(table), "clean galaxies, false alarms", shares(table))
    rows = []
    for preset in PRESETS:
        known = [column[: options.corrupted] for column in clean[preset]]
        for name, reason, inside, found, paired in corrupted(draws, preset, known, cnn.bands):
            row = {"preset": preset, "corruption": name, "inside": inside}
            rows.append(row | judge.compare(found, tables[preset], reason, paired))
    result = QTable(rows=rows)
    result.pprint_all()
    if options.output:
        result.write(options.output, overwrite=True)
    report_samples(detector, clean, draws)
    report_time(cnn, clean)
    if options.data:
        report_real(cnn, options.data)


class Judge:
    """Scores, reasons and A_V of galaxies."""

    def __init__(self, cnn, detector):
        self.cnn, self.detector = cnn, detector

    def __call__(self, sample, truth):
        """A table of galaxies."""
        table = self.detector.report(sample)
        found = self.cnn.estimate(sample, progress=False)
        for name in ("A_V", "A_V_p16", "A_V_p84"):
            table[name] = np.asarray(found[name], float)
        table["truth"] = np.asarray(truth["A_V"], float)
        flags = np.asarray(found["flags"])
        table["flagged"] = (
            flags & FLAGS["OUT_OF_DOMAIN"].value
        ) > 0  # with the limits of pixel scale and brightness
        return table

    def compare(self, galaxies, clean, reason, paired):
        """Figures of changed galaxies beside clean ones."""
        table = self(*galaxies)
        scores = np.concatenate([clean["score"], table["score"]])
        labels = np.repeat([0, 1], [len(clean), len(table)])
        reported = np.asarray(table["out_of_domain"])
        right = np.asarray(table["reason"])[reported] == reason
        row = {
            "n": len(table),
            "AUROC": roc_auc_score(labels, scores),
            "reported": reported.mean(),
            "flagged": np.mean(table["flagged"]),
            "reason_right": right.mean() if right.size else np.nan,
            **accuracy(table),
            **{f"clean_{name}": value for name, value in accuracy(clean[: len(table)]).items()},
            "moved_unflagged": np.nan,
        }
        if paired:
            own = clean[: len(table)]
            width = own["A_V_p84"] - own["A_V_p16"]
            moved = np.abs(table["A_V"] - own["A_V"]) > 0.5 * width
            if moved.any():
                row["moved_unflagged"] = np.mean(~np.asarray(table["flagged"])[moved])
        return {name: round(float(value), 4) for name, value in row.items()}


def accuracy(table):
    """MAE and coverage of A_V."""
    inside = (table["truth"] >= table["A_V_p16"]) & (table["truth"] <= table["A_V_p84"])
    return {"MAE": np.nanmean(np.abs(table["A_V"] - table["truth"])), "coverage": inside.mean()}


def shares(table):
    """Share of reported galaxies, of all and by reason."""
    names, counts = np.unique(table["reason"][table["out_of_domain"]], return_counts=True)
    parts = {
        str(name): round(float(n) / len(table), 4) for name, n in zip(names, counts, strict=True)
    }
    return round(float(np.mean(table["out_of_domain"])), 4), parts


def corrupted(draws, preset, clean, bands):
    """Corrupted galaxies: name, reason, whether inside the range, galaxies, and if they pair."""
    n = len(clean[0])
    # Galaxies of one redshift share tables of light, which take longer than the images.
    some = float(np.quantile(clean[0]["redshift"], 0.5, method="nearest"))
    for name, reason, change in (
        ("PSF x 1.5", "PSF", lambda rows: draws.wide(preset, rows, 1.5, some)),
        ("noise x 2", "noise", lambda rows: draws.noisy(preset, rows, 2.0, some)),
        ("z = 2", "redshift", lambda rows: draws.near(preset, rows, (1.8, 2.0, 2.2))),
    ):
        yield name, reason, False, change(n), False
    sample = clean[0].copy()
    (other,) = (one for one in PRESETS if one != preset)
    sample["pixel_scale"] = get_survey(other).pixel_scale * u.arcsec
    yield "pixel scale of the other", "pixel scale", False, (sample, clean[1]), True
    rng = np.random.default_rng((draws.seed, 2))
    for one in CORRUPTIONS.values():
        if one.least_bands > len(bands):
            continue
        found = changed(clean[0], one, bands, rng, EXACT.get(one.name))
        yield one.name, one.reason, False, (found, clean[1]), True
        if one.inside is not None:
            found = changed(clean[0], one, bands, rng, one.inside)
            yield one.name, one.reason, True, (found, clean[1]), True


def changed(sample, corruption, bands, rng, strength):
    """A corrupted sample."""
    present = [band for band in bands if f"cutout_{band}" in sample.colnames]
    galaxies = ShiftDetector(present)._galaxies(as_sample(sample), tuple(present))
    known = galaxies.stamps, galaxies.errors, galaxies.redshift
    stamps, _, redshift = corruption.apply(*known, rng, strength, noise_correlation(galaxies))
    found = sample.copy()
    for number, band in enumerate(present):
        found[f"cutout_{band}"] = stamps[:, number] * sample[f"cutout_{band}"].unit
    found["redshift"] = redshift
    return found


def report_samples(detector, clean, draws):
    """Print the test of samples with wider point-spread functions."""
    other = replace(draws, seed=draws.seed + 1)
    for preset, (sample, _) in clean.items():
        redshift = float(np.quantile(sample["redshift"], 0.5, method="nearest"))
        for factor in (1.0, 1.2, 1.5):
            part = sample if factor == 1.0 else other.wide(preset, 400, factor, redshift)[0]
            result = detector.test_sample(part[:200])
            found = [
                f"{row['property']} {row['value']:.2f} +- {row['error']:.2f}"
                for row in result
                if row["differs"]
            ]
            print(f"{preset}, PSF x {factor}, {len(part[:200])} galaxies: {', '.join(found)}")


def report_time(cnn, clean):
    """Print the time of the detector over that of the networks, medians of 5 runs each."""
    sample = clean[PRESETS[0]][0]
    sample = sample[np.arange(N_TIMED) % len(sample)]
    columns = ["id", "redshift", "pixel_scale", *(f"cutout_{band}" for band in cnn.bands)]
    sample = sample[[name for name in columns if name in sample.colnames]]
    detector, times = cnn.detector_, {"networks": [], "both": []}
    for _ in range(5):
        for name, one in (("networks", None), ("both", detector)):
            cnn.detector_ = one
            start = time.perf_counter()
            cnn.estimate(sample, progress=False, n_jobs=1)
            times[name].append(time.perf_counter() - start)
    networks, both = (np.median(times[name]) for name in ("networks", "both"))
    print(
        f"{N_TIMED} stamps: networks {networks:.2f} s, with detector {both:.2f} s, "
        f"{100 * (both / networks - 1):.0f} % more"
    )


def report_real(cnn, folder):
    """Print the flags and reasons of real stamps."""
    samples = {name: read_jof(folder, name) for name in JOF}
    samples |= {name: read_ceers(folder, name) for name in CEERS}
    for name, sample in samples.items():
        table = cnn.estimate(sample, progress=False)
        (row,) = table["A_V", "A_V_p16", "A_V_p84", "flags", "domain_reason"]
        flags = ", ".join(decode_flags(int(row["flags"])))
        print(f"{name}: z {sample['redshift'][0]:.2f}, A_V {row['A_V']:.2f}, {flags}")
        print(f"    reason: {row['domain_reason'] or 'none'}")


if __name__ == "__main__":
    main()
