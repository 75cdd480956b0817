"""Compare settings of SED fits and UV slopes, from which the presets are chosen.

Run ``python benchmarks/bench_presets.py settings --sets SETS --data DATA --folder FOLDER`` to fit
galaxies of the set ``calibration`` of ``tools/draw_fusion_sets.py`` (80 of each survey and kind,
chosen with seed 200001) and real galaxies of two catalogues with many settings. For
simulated galaxies, tables have MAE over that of the median, bias, coverage of 68 and 90 %
intervals and CRPS over that of the distribution of the truth; for real ones medians of A_V, and
mean ln evidences per galaxy beside those of the preset "Fu".

Run ``python benchmarks/bench_presets.py changes --data DATA --folder FOLDER --output
docs/user_guide`` for A_V of both presets: ``changes_of_a_v.csv`` has a summary by sample and
method, ``changes_of_demo.csv`` the galaxies of the demo.

Fits are kept in the folder, from which a stopped run resumes. Seed of the fits: 200002.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
from astropy.table import Table
from draw_fusion_sets import read_set

from dustest import BagpipesEstimator, MeurerEstimator
from dustest.data.files.paths import replacing
from dustest.io import load_demo, read_catalog
from dustest.physics import IRX_BETA_RELATIONS
from dustest.validation import crps, posterior_scores

SEEDS = {"galaxies": 200001, "fits": 200002}
N_EACH, N_DRAWS = 80, 200
QUANTITIES = ("A_V", "log_sSFR", "log_mass")
SURVEYS, KINDS = ("JADES-deep", "CEERS"), ("default", "heavy")
CATALOGUES = {
    "JADES Origins Field": ("jof_bagpipes.ecsv", 2),
    "Endsley+24": ("jades_z6to9_beagle.fits", 6),
}
"""Files, and of how many galaxies every one is fitted with all settings."""
LAWS = ("Calzetti", "SMC", "Reddy15")
TIED = {"dust_law": "Salim", "joint_priors": ("slope_of_A_V",)}
FLAT = {"dust:Av": (0.0, 4.0), "dust:Av_prior": "uniform"}


def exponential(scale):
    """Prior of A_V that falls by e in so many magnitudes."""
    return {
        "dust:Av": (0.0, 6.0),
        "dust:Av_prior": "exponential",
        "dust:Av_prior_scale": scale,
    }


BURST = {"preset": "Fu", "sfh": "delayed_burst"}
SETTINGS = {
    "fu": {"preset": "Fu"},
    "logn-smc-log": {"preset": "Fu", "dust_law": "SMC"},
    "burst-calz-log": BURST,
    "burst-calz-exp": BURST | {"priors": exponential(0.4)},
    "burst-calz-exp1": BURST | {"priors": exponential(1.0)},
    "burst-smc-exp": BURST | {"dust_law": "SMC", "priors": exponential(0.4)},
    "burst-salim-flat": BURST | {"dust_law": "Salim", "priors": FLAT},
    "burst-salim-exp": BURST | {"dust_law": "Salim", "priors": exponential(0.4)},
    "burst-slope-flat": BURST | TIED | {"priors": FLAT},
    "burst-slope-exp": BURST | TIED | {"priors": exponential(0.4)},
    "burst-slope-exp1": BURST | TIED | {"priors": exponential(1.0)},
    "burst-slope-exp2": BURST | TIED | {"priors": exponential(2.0)},
    "burst-slope-log": BURST | TIED | {"priors": {"dust:Av": (1e-3, 6.0)}},
    "cont-slope-exp": TIED | {"preset": "Fu", "sfh": "continuity", "priors": exponential(0.4)},
    "logn-slope-exp": TIED | {"preset": "Fu", "priors": exponential(0.4)},
}
"""Settings by history, law (slope: Salim, tied to A_V) and prior of A_V."""


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["settings", "changes"])
    parser.add_argument("--sets", type=Path, help="folder of sets of simulated galaxies")
    parser.add_argument("--data", type=Path, required=True, help="folder of real catalogues")
    parser.add_argument("--folder", type=Path, required=True, help="for fits")
    parser.add_argument("--output", type=Path, default=Path("docs/user_guide"))
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.what == "settings":
        fits, slopes = list(show_fits(options)), list(show_slopes(options))
        summaries = {"settings_of_fits": of_fits(fits), "settings_of_slopes": of_slopes(slopes)}
        for name, rows in summaries.items():
            Table(rows=rows).write(options.output / f"{name}.csv", overwrite=True)
    else:
        show_changes(options)


def catalogue(data, name):
    """A real catalogue."""
    with warnings.catch_warnings():
        # Published catalogues have columns that are left out.
        warnings.simplefilter("ignore")
        return read_catalog(data / "catalogs" / CATALOGUES[name][0])


def simulated(options, kind, survey, n=None):
    """Photometry and truth of the set, or of n of its galaxies."""
    sample, truth = read_set(
        options.sets / "calibration",
        kinds=[kind],
        surveys=[survey],
        columns=lambda column: not column.startswith("cutout"),
    )
    order = np.random.default_rng(SEEDS["galaxies"]).permutation(len(sample))
    rows = np.sort(order[:n])
    return sample[rows], truth[rows]


def kept(path, make):
    """The table of a file, which is made if it is missing."""
    if not path.exists():
        table = make()
        with replacing(path) as partial:
            table.write(partial, format="ascii.ecsv")
    return Table.read(path, format="ascii.ecsv")


def values(column):
    """Numbers of a column without its unit."""
    return np.asarray(getattr(column, "value", column), dtype=float)


def show_fits(options):
    """Print and yield the figures of all settings of fits."""
    for name, parameters in SETTINGS.items():
        fit = BagpipesEstimator(random_state=SEEDS["fits"], targets=QUANTITIES, **parameters)
        for kind in KINDS:
            parts = [
                kept(
                    options.folder / f"{name}--{kind}-{survey}.ecsv",
                    lambda fit=fit, kind=kind, survey=survey: with_truth(
                        fit, *simulated(options, kind, survey, N_EACH)
                    ),
                )
                for survey in SURVEYS
            ]
            for quantity in QUANTITIES:
                draws, truth = (
                    np.concatenate(
                        [values(part[f"{kind_of}{quantity}{ending}"]) for part in parts]
                    )
                    for kind_of, ending in (("", "_draws"), ("t_", ""))
                )
                row = {"settings": name, "galaxies": kind, "quantity": quantity}
                yield print_row(row | figures(draws, truth, quantity))
        for catalog, (_, every) in CATALOGUES.items():
            table = kept(
                options.folder / f"{name}--{catalog}.ecsv",
                lambda fit=fit, catalog=catalog, every=every: flat(
                    fit.estimate(catalogue(options.data, catalog)[::every])
                ),
            )
            row = {"settings": name, "galaxies": catalog, "quantity": "A_V", "n": len(table)}
            row["median"] = round(float(np.nanmedian(values(table["A_V"]))), 3)
            row["log_evidence"] = round(float(np.nanmean(values(table["log_evidence"]))), 2)
            yield print_row(row)


def of_fits(rows):
    """A row for each setting of fits, for the documentation."""
    found = {name: {"settings": name} for name in SETTINGS}
    reference = {row["galaxies"]: row for row in rows if row["settings"] == "fu"}
    for row in rows:
        kind, quantity = row["galaxies"], row["quantity"]
        into = found[row["settings"]]
        if kind in CATALOGUES:
            gain = row["log_evidence"] - reference[kind]["log_evidence"]
            into[f"ln evidence {kind}"] = round(gain, 1)
        elif quantity == "A_V":
            into[f"A_V CRPS {kind}"] = round(row["crps_over_baseline"], 2)
            into[f"68 % {kind}"] = round(row["coverage_68"], 2)
        elif quantity == "log_sSFR":
            into[f"log sSFR MAE {kind}"] = round(row["mae_over_baseline"], 2)
    return list(found.values())


def of_slopes(rows):
    """A row for each relation with the law that it goes with, for the documentation."""
    found = {}
    for row in rows:
        if row["law"] == IRX_BETA_RELATIONS[row["relation"]].dust_law:
            into = found.setdefault(
                row["relation"], {"relation": row["relation"], "law": row["law"]}
            )
            kind = row["galaxies"]
            into[f"MAE {kind}"] = round(row["mae_over_baseline"], 2)
            into[f"CRPS {kind}"] = round(row["crps_over_baseline"], 2)
            into[f"bias {kind}"] = round(row["bias"], 2)
            into[f"68 % {kind}"] = round(row["coverage_68"], 2)
    return list(found.values())


def print_row(row):
    """Print a row, and return it."""
    print(", ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    return row


def with_truth(fit, sample, truth):
    """Draws of a fit beside the truth."""
    draws = fit.sample_posterior(sample, N_DRAWS)
    table = Table()
    for quantity in QUANTITIES:
        table[f"{quantity}_draws"] = values(draws[quantity]).astype(np.float32)
        table[f"t_{quantity}"] = values(truth[quantity])
    return table


def flat(table):
    """Columns of one value a galaxy."""
    return Table(table[[name for name in table.colnames if table[name].ndim == 1]])


def figures(draws, truth, quantity):
    """Errors, bias, coverage and CRPS of draws (n, m)."""
    found = posterior_scores(truth, draws, quantity)[0]
    true = truth[np.isfinite(truth) & np.isfinite(draws[:, 0])]
    climate = np.tile(np.quantile(true, (np.arange(N_DRAWS) + 0.5) / N_DRAWS), (len(true), 1))
    ratios = {
        "mae_over_baseline": values(found["mae"]) / values(found["baseline_mae"]),
        "bias": values(found["bias"]),
        "coverage_68": found["coverage_68"],
        "coverage_90": found["coverage_90"],
        "crps_over_baseline": values(found["crps"]) / np.mean(crps(true, climate)),
    }
    return {"n": int(found["n"])} | {name: round(float(one), 3) for name, one in ratios.items()}


def show_slopes(options):
    """Print and yield the figures of relations and laws of the slope."""
    light = {kind: [simulated(options, kind, survey) for survey in SURVEYS] for kind in KINDS}
    for relation in IRX_BETA_RELATIONS:
        for law in LAWS:
            slope = MeurerEstimator(relation, dust_law=law)
            for kind, pairs in light.items():
                draws = np.concatenate(
                    [slope.sample_posterior(sample, N_DRAWS, 1)["A_V"] for sample, _ in pairs]
                )
                truth = np.concatenate([values(known["A_V"]) for _, known in pairs])
                row = {"relation": relation, "law": law, "galaxies": kind}
                yield print_row(row | figures(values(draws), truth, "A_V"))


def show_changes(options):
    """Write A_V of both presets for the demo and the real catalogues."""
    samples = {"demo": load_demo()[0]} | {
        name: catalogue(options.data, name) for name in CATALOGUES
    }
    rows, demo = [], Table({"true": values(load_demo()[1]["A_V"])})
    for name, sample in samples.items():
        for label, kind in {"SED fit": BagpipesEstimator, "UV slope": MeurerEstimator}.items():
            found = {}
            for preset in ("Fu", "default"):
                made = kind(preset=preset)
                if "random_state" in made.get_params():
                    made.set_params(random_state=SEEDS["fits"])
                found[preset] = kept(
                    options.folder / f"changes--{name}--{label}--{preset}.ecsv",
                    lambda made=made, sample=sample: flat(made.estimate(sample)),
                )
            if name == "demo":
                for preset, table in found.items():
                    demo[f"{label}, {preset}"] = values(table["A_V"]).round(3)
            rows.append({"sample": name, "method": label} | change(*found.values()))
            print_row(rows[-1])
    Table(rows=rows).write(options.output / "changes_of_a_v.csv", overwrite=True)
    demo.write(options.output / "changes_of_demo.csv", overwrite=True)


def change(old, new):
    """How A_V of galaxies differs between two results."""
    before, after = values(old["A_V"]), values(new["A_V"])
    good = np.isfinite(before) & np.isfinite(after)
    shift = (after - before)[good]
    width = (values(old["A_V_p84"]) - values(old["A_V_p16"]))[good]
    low, middle, high = np.percentile(shift, [16, 50, 84]).round(2)
    return {
        "n": int(good.sum()),
        "median Fu": round(float(np.median(before[good])), 2),
        "median default": round(float(np.median(after[good])), 2),
        "change 16 %": low,
        "change 50 %": middle,
        "change 84 %": high,
        "beyond half the interval": round(float(np.mean(np.abs(shift) > 0.5 * width)), 2),
    }


if __name__ == "__main__":
    main()
