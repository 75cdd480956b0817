"""Train the networks that come with dustest, and measure them on galaxies they have never seen.

Run with ``python tools/train_pretrained.py --folder FOLDER``. In the folder it

* simulates galaxies of the JADES-deep and CEERS presets to learn from and, with another seed, to
  be tested with (``training/`` and ``test/``);
* trains ``nircam-1band`` and ``nircam-3band``, with a checkpoint after every epoch
  (``checkpoints/``), and calibrates them on further galaxies, one view each (``calibration/``);
* measures them beside the constant control (``metrics.ecsv``);
* writes them, with their cards (``models/``).

A run that was stopped goes on where it was. ``--install`` copies the models into the package and
prints the digests that belong into ``dustest/estimators/_cnn/files/pretrained.py``. With
``--architectures paper`` networks of the paper learn from the same galaxies; ``--share`` trains
all on a part of the galaxies, which makes a learning curve. ``--population`` names another one,
``--augment wide`` changes images as mosaics and catalogues do, and ``--rows`` draws fewer or more
galaxies to learn from, with test and calibration in proportion; use another folder for each
population and number of rows.
"""

import argparse
import json
import shutil
import sys
from dataclasses import replace
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack

from dustest import CNNEstimator, ConstantEstimator
from dustest.simulate import GalaxySimulator
from dustest.simulate.galaxies.named_populations import POPULATIONS

BANDS = ("F277W", "F356W", "F444W")
MODELS = {"nircam-1band": BANDS[:1], "nircam-3band": BANDS}
ROWS = {
    "training": {"JADES-deep": 60_000, "CEERS": 72_000},
    "test": {"JADES-deep": 12_000, "CEERS": 15_000},
    "calibration": {"JADES-deep": 9_000, "CEERS": 11_000},
}
EPOCHS = 24
SEEDS = {"training": 1, "test": 2, "calibration": 4}
NETWORK_SEED = 3
AUGMENTS = {"off": False, "default": True, "wide": "wide"}
CHUNK = 256
FEWEST = 512  # galaxies of a set; calibration needs 500 that are bright enough in both surveys
SNR_MIN = 5.0
TARGETS = ("A_V", "E_BV", "log_sSFR")
THIRDS = (0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0)
LEVELS = (0.05, 0.16, 0.5, 0.84, 0.95)
N_GROUPS = 10
ABOUT = {
    "residuals": "estimate minus truth",
    "limits": (
        "Trained on simulations alone: galaxies of particles at redshifts 6 to 9, SMC dust with a "
        "dust-to-metal ratio drawn evenly from 0 to 1, in two surveys. Real galaxies differ."
    ),
}


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--architectures", nargs="+", default=["dustest"])
    parser.add_argument("--networks", type=int, default=1, help="of an ensemble")
    parser.add_argument("--share", type=float, default=1.0, help="of the galaxies to learn from")
    parser.add_argument("--population", choices=list(POPULATIONS), default="0.1-heavy")
    parser.add_argument("--augment", choices=AUGMENTS, default="default")
    parser.add_argument("--rows", type=int, help="to learn from, in all; test and calibration too")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--n-jobs", type=int, default=-1)
    options = parser.parse_args(arguments)
    for name in ("checkpoints", "models"):
        (options.folder / name).mkdir(parents=True, exist_ok=True)
    training = simulate("training", options)
    test = simulate("test", options)
    calibration = simulate("calibration", options, views=("xy",))
    training = [shortened(simulation, options.share) for simulation in training]
    records = []
    for model in options.models:
        records += train_and_measure(model, training, calibration, test, options)
    settings = (f"{options.share:g}", options.population, options.augment)
    name = "-".join((*options.models, *options.architectures, *settings))
    metrics = Table(rows=records)
    metrics.write(options.folder / f"metrics-{name}.ecsv", overwrite=True)
    metrics.pprint_all()
    if options.install:
        install(options.folder / "models", options.models)


def drawn_rows(kind, options):
    """Number of galaxies of a kind of set by survey."""
    total = sum(ROWS["training"].values())
    part = 1.0 if options.rows is None else options.rows / total
    return {survey: max(round(part * n), FEWEST) for survey, n in ROWS[kind].items()}


def simulate(kind, options, **views):
    """Simulated sets on disc, one for each survey."""
    sets = []
    for survey, n in drawn_rows(kind, options).items():
        simulator = GalaxySimulator(
            BANDS,
            survey,
            spectrograph=None,
            offset=0.5,
            neighbours=0.1,
            population=options.population,
            **views,
        )
        folder = options.folder / kind / survey
        stream = simulator.stream(n, folder, random_state=SEEDS[kind], n_jobs=options.n_jobs)
        sets.append(stream)
    return sets


def shortened(simulation, share):
    """The first chunks of a simulation."""
    if share == 1.0:
        return simulation
    return replace(simulation, n_rows=CHUNK * max(round(share * len(simulation) / CHUNK), 1))


def train_and_measure(model, training, calibration, test, options):
    """Records of one model of each architecture, beside the control."""
    bands = MODELS[model]
    sample, truth = bright(test, bands)
    control = ConstantEstimator(TARGETS).fit(*bright(training, bands, images=False))
    records = []
    for architecture in options.architectures:
        cnn = train(bands, architecture, training, options)
        if cnn.uncertainty != "none":
            cnn.calibrate(calibration)
        found = measure(cnn, control, sample, truth)
        common = {"model": model, "architecture": architecture, "share": options.share}
        common |= {"population": options.population, "augment": options.augment}
        common |= {"n_train": cnn.n_train_, "n_test": len(sample)}
        records += [common | one for one in found]
        if architecture == "dustest" and options.share == 1.0:
            card = json.loads(json.dumps(about(options) | {"metrics": found} | common))
            cnn.save(options.folder / "models" / f"{model}.model", card)
    return records


def about(options):
    """Text of a card: what the networks learned from."""
    training, test, calibration = (drawn_rows(kind, options) for kind in ROWS)
    simulator = (
        "GalaxySimulator(redshift=(6, 9), dust_to_metal=(0, 1), neighbours=0.1, offset=0.5), "
        f"rows: {training}, seed {SEEDS['training']}; calibration, one view each: "
        f"{calibration}, seed {SEEDS['calibration']}; test: {test}, seed {SEEDS['test']}"
    )
    return ABOUT | {"simulator": simulator}


def bright(simulations, bands, *, images=True):
    """Galaxies bright enough in a band, with or without their images, and their truth."""
    samples, truths = [], []
    for simulation in simulations:
        for sample, truth in simulation:
            snr = np.max([sample[f"snr_{band}"] for band in bands], axis=0)
            columns = sample.colnames if images else ["id"]
            samples.append(sample[columns][snr >= SNR_MIN])
            truths.append(truth[snr >= SNR_MIN])
    sample = vstack(samples, metadata_conflicts="silent")
    return sample if images else np.zeros((len(sample), 1)), vstack(
        truths, metadata_conflicts="silent"
    )


def train(bands, architecture, training, options):
    """A trained estimator."""
    cnn = CNNEstimator(
        bands,
        architecture=architecture,
        n_networks=options.networks,
        epochs=options.epochs,
        augment=AUGMENTS[options.augment],
        random_state=NETWORK_SEED,
    )
    return cnn.fit(training, checkpoint=options.folder / "checkpoints")


def measure(cnn, control, sample, truth):
    """Errors, biases and coverage of all quantities."""
    table = cnn.estimate(sample)
    levels = cnn.predict_quantiles(sample, LEVELS)
    constant = control.estimate(np.zeros((1, 1)))
    found = []
    for column, quantity in enumerate((*TARGETS, "R_V")):
        true, predicted = (np.asarray(part[quantity], float) for part in (truth, table))
        known = np.isfinite(true)
        same = np.asarray(constant[quantity], float)
        errors = np.abs(true - predicted), np.abs(true - same)
        mae, control_mae = (np.mean(error[known]) for error in errors)
        one = {"quantity": quantity, "mae": mae, "control_mae": control_mae}
        one |= {"ratio": mae / control_mae, "bias": np.mean((predicted - true)[known])}
        if cnn.uncertainty != "none" and quantity in TARGETS:
            mean = np.asarray(table[f"{quantity}_mean"], float)
            one["bias_of_mean"] = np.mean(mean - true)
            one |= coverage(true, levels[:, column], predicted, np.asarray(table["A_V"], float))
            if quantity == "A_V":
                drawn = cnn.sample_posterior(sample, 1, random_state=SEEDS["test"])[quantity][:, 0]
                one |= biases(true, predicted, "median") | biases(true, mean, "mean")
                one |= biases(drawn, mean, "mean_of_draws")
        found.append({name: rounded(value) for name, value in one.items()})
    return found


def coverage(true, levels, predicted, by):
    """Shares of truths within intervals, of all galaxies and by deciles of predicted A_V."""
    low, lower, _, upper, high = levels.T
    found = {}
    for name, inside in {
        "coverage_68": (true >= lower) & (true <= upper),
        "coverage_90": (true >= low) & (true <= high),
    }.items():
        parts = np.array_split(inside[np.argsort(by)], N_GROUPS)
        found |= {name: inside.mean(), f"{name}_deciles": [rounded(p.mean()) for p in parts]}
    return found | {"rank": np.mean(true > predicted)}


def biases(true, predicted, kind):
    """Mean of prediction - truth by thirds of the one and the other up to 1 mag, and beyond.

    With draws from the posteriors as truth it is what these would be if all posteriors were right.
    """
    found = {}
    for name, by in {"true": true, "predicted": predicted}.items():
        ends = pairwise((*THIRDS, np.inf))
        parts = [(predicted - true)[(by >= least) & (by < most)] for least, most in ends]
        found[f"bias_of_{kind}_by_{name}"] = [rounded(part.mean()) for part in parts]
    return found


def rounded(value):
    """A number with four decimals, as Python has it."""
    return round(float(value), 4) if np.isscalar(value) and not isinstance(value, str) else value


def install(folder, models):
    """Copy models into the package, and print their digests."""
    target = Path(str(files("dustest"))) / "resources" / "models"
    target.mkdir(exist_ok=True)
    for model in models:
        shutil.copy(folder / f"{model}.model", target)
        cnn = CNNEstimator.load(folder / f"{model}.model")
        sys.stdout.write(f'    "{model}": "{cnn.save(folder / f"{model}.model")}",\n')


if __name__ == "__main__":
    main()
