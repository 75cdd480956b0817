"""Detector of galaxies outside the training set: what it finds, and what it costs.

Run with ``python benchmarks/bench_shift.py --folder FOLDER --networks new=FILE old=FILE``, with
files of models or names of those that come with dustest. The first has the detector, see
``tools/fit_shift_detector.py``. Galaxies of ``--population`` at redshifts 4.2 to 13.8 with S/N of
at least 5 in one of the bands are drawn in mosaics of JADES-deep and CEERS, ``--clean`` of each,
and the first ``--faulty`` of them with each fault: by simulators of other mosaics where that makes
the fault, see ``shift_galaxies.py``, and on the stamps by the corruptions that train detectors for
the others. FOLDER keeps galaxies and results, and an interrupted run resumes; ``--draw`` only
draws.

The table has a row for the clean galaxies of each survey, whose ``flagged`` are false alarms for
any reason, for each fault, and for each change inside the range that networks are trained on:

* the area under the ROC curve, of all galaxies and of those with S/N of at least 15;
* the share that the detector flags, and the share of these with the right reason;
* for each network MAE and coverage (68 %) of A_V beside those of the same clean galaxies, the
  share whose A_V moves by more than half of the 68 % interval, and the share of these without the
  flag OUT_OF_DOMAIN.

Then it prints what the test of samples of 200 galaxies finds, and the time of the detector over
that of the networks. ``--data`` also judges the real stamps of a folder.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import QTable
from bench_robust import CEERS, JOF, read_ceers, read_jof
from networks import load_detector, load_network
from shift_galaxies import OTHER_SCALES, BlockDraws, make_sample
from sklearn.metrics import roc_auc_score

from dustest import ShiftDetector
from dustest.data import FLAGS, decode_flags
from dustest.estimators.network_tools import CORRUPTIONS
from dustest.simulate.surveys import get_survey

SEED = 170480
OTHER = {"JADES-deep": "CEERS", "CEERS": "JADES-deep"}
SIMULATED = {
    "PSF x 1.5": "PSF",
    "noise x 2": "noise",
    **{
        f"pixels of {scale} arcsec": "pixel scale"
        for pair in OTHER_SCALES.values()
        for scale in pair
    },
    "neighbour": "neighbour",
    "AGN": "point source",
    "little red dot": "point source",
    "star": "point source",
}
"""Reasons of the faults that simulators make."""
EXACT = {"shifted band": (2.0, 2.0), "offset": (5.0, 5.0), "background": (2.0, 2.0)}
"""Strengths that are fixed; others are the ranges of the corruptions."""
BRIGHT = 15.0
N_SAMPLE = 200
N_TIMED = 10_000


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--networks", nargs="+", required=True)
    parser.add_argument("--population", default="0.2")
    parser.add_argument("--clean", type=int, default=5000, help="galaxies of each survey")
    parser.add_argument("--faulty", type=int, default=2000, help="of each survey")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--draw", action="store_true", help="draw the galaxies, and stop")
    parser.add_argument("--data", type=Path)
    options = parser.parse_args(arguments)
    networks = dict(load_network(text, options.seed) for text in options.networks)
    first = next(iter(networks.values()))
    judge = None if options.draw else Judge(networks, load_detector(options.networks[0]))
    for survey in OTHER:
        draws = BlockDraws(tuple(first.bands), survey, options.population, options.seed)
        folder = options.folder / f"{survey}-{len(first.bands)}band"
        galaxies = draws.galaxies(folder, options.clean, options.faulty)
        near = draws.near(folder / "near.npz", options.faulty)
        if options.draw:
            continue
        path = options.folder / f"{survey}-{'-'.join(networks)}.ecsv"
        clean = make_sample(draws, galaxies.clean, galaxies.redshift)
        found = list_faults(draws, galaxies, near)
        judge.compare_all(clean, galaxies, found, path).pprint_all()
        for factor in (1.0, 1.2, 1.5):
            report_sample(judge.detector, draws, galaxies, factor)
    if options.draw:
        return
    report_time(judge, clean)
    if options.data:
        report_real(judge, options.data)


@dataclass(frozen=True)
class Fault:
    """Galaxies with a fault, or with a change inside the range that networks are trained on."""

    name: str
    reason: str
    is_inside: bool
    sample: object
    A_V: np.ndarray
    is_paired: bool = True


class Judge:
    """Compares galaxies with faults with clean ones, by a detector and by networks."""

    def __init__(self, networks, detector):
        self.networks, self.detector = networks, detector

    def compare_all(self, sample, galaxies, found, path):
        """Figures of clean galaxies and of all faults; those in the file are not made again."""
        rows = [dict(row) for row in QTable.read(path)] if path.exists() else []
        done = {(row["fault"], row["inside"]) for row in rows}
        clean = self(sample)
        for fault in (Fault("none", "", True, sample, galaxies.A_V), *found):
            if (fault.name, fault.is_inside) not in done:
                rows.append(self.compare(fault, clean, galaxies))
                QTable(rows=rows).write(path, overwrite=True)
        return QTable(rows=rows)

    def __call__(self, sample):
        """Scores, reasons, and for each network A_V with its interval and flag."""
        table = self.detector.report(sample)
        for name, cnn in self.networks.items():
            # The detector has run already.
            detector, cnn.detector_ = cnn.detector_, None
            found = cnn.estimate(sample, progress=False)
            cnn.detector_ = detector
            for column in ("A_V", "A_V_p16", "A_V_p84"):
                table[f"{column} {name}"] = np.asarray(found[column], float)
            outside = (np.asarray(found["flags"]) & FLAGS["OUT_OF_DOMAIN"].value) > 0
            table[f"flagged {name}"] = outside | table["out_of_domain"]
        return table

    def compare(self, fault, clean, galaxies):
        """Figures of galaxies with a fault beside clean ones."""
        table = self(fault.sample)
        n, flagged = len(table), np.asarray(table["out_of_domain"])
        right = np.asarray(table["reason"])[flagged] == fault.reason
        row = {
            "fault": fault.name,
            "inside": fault.is_inside,
            "n": n,
            "AUROC": area(clean["score"], table["score"]),
            "AUROC_bright": np.nan,
            "flagged": flagged.mean(),
            "right": right.mean() if right.size else np.nan,
        }
        if fault.is_paired:
            bright = galaxies.snr >= BRIGHT
            row["AUROC_bright"] = area(clean["score"][bright], table["score"][bright[:n]])
        for name in self.networks:
            own = clean[: n if fault.is_paired else len(clean)]
            truth = galaxies.A_V[: len(own)]
            for kind, one, true in (("", table, fault.A_V), ("_clean", own, truth)):
                low, middle, high = (one[f"A_V{part} {name}"] for part in ("_p16", "", "_p84"))
                row[f"MAE{kind} {name}"] = np.nanmean(np.abs(middle - true))
                row[f"coverage{kind} {name}"] = np.mean((true >= low) & (true <= high))
            row |= {f"moved {name}": np.nan, f"unflagged {name}": np.nan}
            if fault.is_paired:
                moved = np.abs(table[f"A_V {name}"] - middle) > 0.5 * (high - low)
                row[f"moved {name}"] = moved.mean()
                row[f"unflagged {name}"] = (
                    np.mean(~table[f"flagged {name}"][moved]) if moved.any() else 0.0
                )
        return {k: round(float(v), 4) if isinstance(v, float) else v for k, v in row.items()}


def area(clean, others):
    """Area under the ROC curve of scores."""
    labels = np.repeat([0, 1], [len(clean), len(others)])
    return roc_auc_score(labels, np.concatenate([clean, others]))


def list_faults(draws, galaxies, near):
    """Galaxies with each fault."""
    n = len(galaxies.faults["star"])
    redshift, A_V = galaxies.redshift[:n], galaxies.A_V[:n]
    for name in [name for name in SIMULATED if name in galaxies.faults]:
        sample = make_sample(draws, galaxies.faults[name], redshift)
        yield Fault(name, SIMULATED[name], False, sample, A_V)
    clean = make_sample(draws, galaxies.clean[:n], redshift)
    other = clean.copy()
    other["pixel_scale"] = get_survey(OTHER[draws.survey]).pixel_scale * u.arcsec
    yield Fault("pixel scale of the other survey", "pixel scale", False, other, A_V)
    sample = make_sample(draws, near.clean, near.redshift)
    yield Fault("z = 2", "redshift", False, sample, near.A_V, is_paired=False)
    for number, one in enumerate(CORRUPTIONS.values()):
        if one.least_bands > len(draws.own_bands):
            continue
        rng = np.random.default_rng((draws.seed, number))
        if one.name not in SIMULATED:
            strength = EXACT.get(one.name, one.strength)
            yield Fault(one.name, one.reason, False, corrupted(clean, one, rng, strength), A_V)
        if one.inside is not None:
            yield Fault(one.name, one.reason, True, corrupted(clean, one, rng, one.inside), A_V)


def corrupted(sample, corruption, rng, strength):
    """A sample after a corruption of its stamps."""
    detector = ShiftDetector(sample.cutout_bands)
    return detector.corrupt(sample, corruption.name, strength=strength, random_state=rng)


def report_sample(detector, draws, galaxies, factor):
    """Print the test of a sample with a wider point-spread function."""
    name = f"PSF x {factor}"
    stamps = galaxies.faults.get(name, galaxies.clean)[:N_SAMPLE]
    sample = make_sample(draws, stamps, galaxies.redshift[: len(stamps)])
    found = [
        f"{row['property']} {row['value']:.2f} +- {row['error']:.2f}"
        for row in detector.test_sample(sample)
        if row["differs"]
    ]
    print(f"{draws.survey}, {name}, {len(sample)} galaxies: {', '.join(found) or 'nothing'}")


def report_time(judge, sample):
    """Print the time of the detector over that of the networks, medians of 5 runs each."""
    cnn = next(iter(judge.networks.values()))
    sample = sample[np.arange(N_TIMED) % len(sample)]
    detector, times = cnn.detector_, {"networks": [], "both": []}
    for _ in range(5):
        for name, one in (("networks", None), ("both", detector)):
            cnn.detector_ = one
            start = time.process_time()
            cnn.estimate(sample, progress=False, n_jobs=1)
            times[name].append(time.process_time() - start)
    networks, both = (np.median(times[name]) for name in ("networks", "both"))
    print(
        f"{N_TIMED} stamps: networks {networks:.2f} s, with detector {both:.2f} s, "
        f"{100 * (both / networks - 1):.0f} % more"
    )


def report_real(judge, folder):
    """Print the flags and reasons of real stamps."""
    cnn = next(iter(judge.networks.values()))
    samples = {name: read_jof(folder, name) for name in JOF}
    samples |= {name: read_ceers(folder, name) for name in CEERS}
    for name, sample in samples.items():
        (row,) = cnn.estimate(sample, progress=False)["A_V", "flags", "domain_reason"]
        flags = ", ".join(decode_flags(int(row["flags"])))
        reason = row["domain_reason"] or "none"
        print(f"{name}: z {sample['redshift'][0]:.2f}, A_V {row['A_V']:.2f}, {flags}, {reason}")


if __name__ == "__main__":
    main()
