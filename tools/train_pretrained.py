"""Train the networks that come with dustest, and measure them on galaxies they have never seen.

Run with ``python tools/train_pretrained.py --folder FOLDER``. In the folder it

* simulates galaxies to learn from (``training/``): those of a population, and a share of heavy
  ones of it, in mosaics of JADES-deep and CEERS, and in the same mosaics with other pixels;
* simulates galaxies to calibrate with and to be tested with, of the population alone, one view
  each, in both surveys (``calibration/``, ``test/``);
* trains ``nircam-1band``, ``nircam-3band`` and ``nircam-wide``, with a checkpoint after every
  epoch (``checkpoints/``), and calibrates them;
* measures them beside the median of the test's truth (``metrics-MODELS.ecsv``);
* writes them, with their cards (``models/``).

With ``--mix NAME`` the networks also learn from ``--mix-rows`` rows of a second population
(``mixed-training/``), and the card has their errors on galaxies of it, too (``mixed-test/``).
Calibration and test remain those of the first population.

An interrupted run resumes, and a larger ``--rows`` adds rows to those on disc.
Galaxies are read from the disc chunk by chunk. ``--install`` copies the models into the package
and prints the digests that belong into ``dustest/estimators/_cnn/files/pretrained.py``. With
``--start`` training begins with the models of a folder, where there are any, and with those of
three bands for all bands. Use another folder for each population. ``compare_training.py``
compares sizes of the training set, and architectures, on the same galaxies.
"""

import argparse
import json
import shutil
import sys
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack

from dustest import CNNEstimator, ConstantEstimator
from dustest.data import register_survey
from dustest.data.identity.describe import describe
from dustest.estimators._cnn.ensemble import Ensemble
from dustest.estimators._cnn.network.layers import list_layers
from dustest.estimators._cnn.settings import make_options, make_task
from dustest.estimators._cnn.training.gathering import gather
from dustest.estimators._cnn.training.learning import mean_posterior_of
from dustest.simulate import GalaxySimulator, get_population
from dustest.simulate.galaxies.named_populations import POPULATIONS
from dustest.simulate.surveys import get_survey, with_pixel_scale

BANDS = ("F090W", "F115W", "F150W", "F200W", "F277W", "F356W", "F444W")
MODELS = {
    "nircam-1band": {"bands": BANDS[4:5]},
    "nircam-3band": {"bands": BANDS[4:]},
    "nircam-wide": {"bands": BANDS, "any_bands": True},
}
HEAVY = (8.0, 11.0), 0.5
"""Range of log M and tilt of the mass function of heavy galaxies: those that have much dust."""
REDSHIFT = (4.0, 14.0)
N_REDSHIFTS = 24
"""Redshifts of each part of a set; parts have different ones."""


@dataclass(frozen=True)
class Part:
    """A part of a set of galaxies, and its share of all rows."""

    survey: str
    share: float
    pixel_scale: float | None = None
    is_heavy: bool = False

    @property
    def name(self):
        """Name of its folder."""
        scale = f"-{1e3 * self.pixel_scale:.0f}mas" if self.pixel_scale else ""
        return self.survey + scale + "-heavy" * self.is_heavy


@dataclass(frozen=True)
class Kind:
    """A kind of set: its parts, rows in all by default, seed of the first part, and views.

    Its parts have ``fewest`` rows at a redshift. ``mixed`` sets are of the second population.
    """

    parts: tuple
    rows: int
    seed: int
    views: tuple = ("xy",)
    fewest: int = 8
    mixed: bool = False


VIEWS = ("xy", "xz", "yz", "octant")
OF_BOTH = (Part("JADES-deep", 0.4), Part("CEERS", 0.6))
OTHER_PIXELS = (
    Part("JADES-deep", 0.14, 0.02),
    Part("CEERS", 0.08, 0.05),
    Part("CEERS", 0.08, 0.06),
)
OF_HEAVY = (Part("JADES-deep", 0.11, is_heavy=True), Part("CEERS", 0.11, is_heavy=True))
KINDS = {
    "training": Kind(
        (Part("JADES-deep", 0.21), Part("CEERS", 0.27), *OTHER_PIXELS, *OF_HEAVY),
        *(60_000, 170310, VIEWS),
    ),
    # Calibration needs 500 galaxies that are bright enough.
    "calibration": Kind(OF_BOTH, 14_000, 170320, fewest=128),
    "test": Kind(OF_BOTH, 14_000, 170330),
    "mixed-training": Kind(
        (Part("JADES-deep", 0.32), Part("CEERS", 0.38), *OTHER_PIXELS),
        *(40_000, 170360, VIEWS),
        mixed=True,
    ),
    "mixed-test": Kind(OF_BOTH, 4_000, 170370, mixed=True),
}
EPOCHS = 16
START_RATE = 0.001
"""Highest learning rate of networks that begin with those of a file."""
N_SEEDS = 100
"""Seeds of a part: that of its number, which follows that of the first part, for each redshift."""
NETWORK_SEED = 170340
AUGMENTS = {"off": False, "default": True, "wide": "wide"}
SNR_MIN_TRAINING, SNR_MIN = 2.0, 5.0
TARGETS = ("A_V", "E_BV", "log_sSFR")
THIRDS = (0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0)
LEVELS = (0.05, 0.16, 0.5, 0.84, 0.95)
N_GROUPS = 10


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--models", nargs="*", choices=MODELS, default=list(MODELS))
    parser.add_argument("--networks", type=int, default=1, help="of an ensemble")
    parser.add_argument("--population", choices=list(POPULATIONS), default="0.2")
    parser.add_argument("--augment", choices=AUGMENTS, default="wide")
    parser.add_argument(
        "--mix", choices=list(POPULATIONS), help="a second population to learn from"
    )
    parser.add_argument("--rows", type=int, help="to learn from, in all")
    parser.add_argument("--mix-rows", type=int, help="to learn from of the second population")
    parser.add_argument("--judged", type=int, help="rows to calibrate, and as many to test with")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--start", type=Path, help="folder with models to begin with")
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--n-jobs", type=int, default=-1)
    options = parser.parse_args(arguments)
    for name in ("checkpoints", "models"):
        (options.folder / name).mkdir(parents=True, exist_ok=True)
    sets = {name: simulate(name, options) for name in kinds(options)}
    records, name = [], "-".join(options.models)
    for model in options.models:
        records += train_and_measure(model, sets, options)
        metrics = Table(rows=records)
        metrics.write(options.folder / f"metrics-{name}.ecsv", overwrite=True)
    if records:
        metrics.pprint_all()
    if options.install:
        install(options.folder / "models", options.models)


def kinds(options):
    """Kinds of sets by name; those of a second population only where there is one."""
    return {name: kind for name, kind in KINDS.items() if options.mix or not kind.mixed}


def drawn_rows(name, options):
    """Rows of each part of a kind of set at each of its redshifts."""
    kind = KINDS[name]
    asked = {"training": options.rows, "mixed-training": options.mix_rows}
    asked |= dict.fromkeys(("calibration", "test"), options.judged)
    total = asked.get(name) or kind.rows
    return {part: max(round(part.share * total / N_REDSHIFTS), kind.fewest) for part in kind.parts}


def simulate(name, options):
    """Simulated sets on disc, one for each part and redshift."""
    kind = KINDS[name]
    drawn_from = options.mix if kind.mixed else options.population
    sets = []
    for number, (part, n) in enumerate(drawn_rows(name, options).items()):
        survey = get_survey(part.survey)
        if part.pixel_scale:
            survey = register_survey(with_pixel_scale(survey, part.pixel_scale))
        # Galaxies of one redshift share tables of light, which take longer than the images.
        for step, redshift in enumerate(redshifts(number, len(kind.parts))):
            simulator = GalaxySimulator(
                [band for band in BANDS if band in survey.bands],
                survey.name,
                redshift,
                spectrograph=None,
                photometry_bands=(),
                offset=0.5,
                neighbours=0.1,
                population=population(drawn_from, part),
                views=kind.views,
            )
            folder = options.folder / name / part.name / f"z{redshift:.2f}"
            seed = N_SEEDS * (kind.seed + number) + step
            sets.append(simulator.stream(n, folder, random_state=seed, n_jobs=options.n_jobs))
    return sets


def redshifts(number, n_parts):
    """Redshifts of a part, evenly spread, and between those of the others."""
    low, high = REDSHIFT
    places = (np.arange(N_REDSHIFTS) + (number + 0.5) / n_parts) / N_REDSHIFTS
    return (low + (high - low) * places).round(2).tolist()


def population(name, part):
    """A population, or the heavy galaxies of it."""
    found = get_population(name)
    if not part.is_heavy:
        return found
    log_mass, tilt = HEAVY
    return replace(found, log_mass=log_mass, mass_function=replace(found.mass_function, tilt=tilt))


def train_and_measure(model, sets, options):
    """Records of one model on each population, beside the control."""
    cnn = train(model, [*sets["training"], *sets.get("mixed-training", ())], options)
    calibrate(cnn, sets["calibration"])
    common = {"model": model, "augment": options.augment, "n_train": cnn.n_train_}
    tests = about_tests(cnn, sets, options)
    card = about(cnn, model, options) | common | tests[0] | {"other_tests": tests[1:]}
    card["simulations"] = learned_from(sets)
    cnn.save(options.folder / "models" / f"{model}.model", json.loads(json.dumps(card)))
    return [
        common | {name: test[name] for name in ("population", "n_test")} | row
        for test in tests
        for row in test["metrics"]
    ]


def learned_from(sets):
    """Manifests of sets to learn from, one for each population and survey with its own pixels."""
    return [
        one.manifest
        for name in ("training", "mixed-training")
        for part, one in zip(KINDS[name].parts, sets.get(name, [])[::N_REDSHIFTS], strict=False)
        if not (part.pixel_scale or part.is_heavy)
    ]


def about_tests(cnn, sets, options):
    """Texts of a card: errors on galaxies of each population."""
    texts = []
    for name, drawn_from in {"test": options.population, "mixed-test": options.mix}.items():
        if name in sets:
            sample, truth = bright(sets[name], cnn.bands)
            text = {"population": drawn_from, "n_test": len(sample)}
            texts.append(text | {"metrics": measure(cnn, sample, truth)})
    return texts


def calibrate(cnn, calibration):
    """Calibrate by galaxies as bright as those of the test; the prior is that of all of them."""
    cnn.set_params(snr_min=SNR_MIN).calibrate(calibration).set_params(snr_min=SNR_MIN_TRAINING)
    networks = cnn.networks_
    with gather(cnn, calibration, None, None, networks) as (_, data):
        networks.mean_posterior = mean_posterior_of(networks, data, np.arange(len(data)))


def about(cnn, model, options):
    """Text of a card: what the networks learned from."""
    rows = {
        name: {
            part.name: {
                "rows": n * N_REDSHIFTS,
                "redshifts": redshifts(number, len(kind.parts)),
                "first_seed": N_SEEDS * (kind.seed + number),
            }
            for number, (part, n) in enumerate(drawn_rows(name, options).items())
        }
        for name, kind in kinds(options).items()
    }
    populations = [name for name in (options.population, options.mix) if name]
    start = first_networks(model, options.start)
    return {
        "residuals": "estimate minus truth",
        "limits": (
            f"Trained on simulations alone: galaxies of {' and '.join(map(repr, populations))} at "
            f"redshifts {REDSHIFT[0]:g} to {REDSHIFT[1]:g}, with heavy ones of log M {HEAVY[0]} "
            "in the parts of that name, in mosaics like those of two surveys. Real ones differ."
        ),
        "simulator": (
            f"GalaxySimulator(population={options.population!r}, redshift={REDSHIFT}, "
            "neighbours=0.1, offset=0.5)"
        ),
        "populations": {name: describe(get_population(name)) for name in populations},
        "augmentation": describe(make_options(cnn, cnn.networks_.task).augmentation),
        "snr_min": SNR_MIN_TRAINING,
        "network_seed": NETWORK_SEED,
        "start": "" if start is None else start.card_["simulator"],
        "sets": rows,
    }


def bright(simulations, bands):
    """Galaxies bright enough in a band, and their truth."""
    samples, truths = [], []
    for simulation in simulations:
        for sample, truth in simulation:
            kept = highest_snr(sample, bands) >= SNR_MIN
            samples.append(sample[kept])
            truths.append(truth[kept])
    return tuple(vstack(part, metadata_conflicts="silent") for part in (samples, truths))


def highest_snr(sample, bands):
    """Highest signal-to-noise ratio of galaxies in those of some bands that the sample has."""
    names = [f"snr_{band}" for band in bands]
    return np.max([sample[name] for name in names if name in sample.colnames], axis=0)


def train(model, training, options):
    """A trained estimator."""
    settings = {"snr_min": SNR_MIN_TRAINING, "augment": AUGMENTS[options.augment]}
    settings |= {"epochs": options.epochs, "random_state": NETWORK_SEED}
    checkpoint = options.folder / "checkpoints"
    start = first_networks(model, options.start)
    if start is not None:
        rate = {"learning_rate": START_RATE}
        return start.set_params(**settings).finetune(training, **rate, checkpoint=checkpoint)
    cnn = CNNEstimator(**MODELS[model], **settings, n_networks=options.networks)
    return cnn.fit(training, checkpoint=checkpoint)


def first_networks(model, folder):
    """Networks to begin with: those of a file, or of three bands with more of them; or None."""
    for name in (model, "nircam-3band") if folder else ():
        path = folder / f"{name}.model"
        if path.exists() and (name == model or model == "nircam-wide"):
            found = CNNEstimator.load(path)
            return found if name == model else widened(found, CNNEstimator(**MODELS[model]))
    return None


def widened(some, more):
    """Networks of more bands that predict what networks of some of them do.

    Weights of further bands are 0, and their columns of the context are scaled as those of the
    first band of the others.
    """
    task = make_task(more).with_config(some.networks_.task.config)
    layers = {layer.name: layer for layer in list_layers(task.config, **task.shape)}
    places = np.array([more.bands.index(band) for band in some.bands])
    columns = np.concatenate(
        [(3 * places[:, None] + np.arange(3)).ravel(), 3 * len(more.bands) + np.arange(5)]
    )
    weights = dict(some.networks_.weights[0])
    n_features, n_context = layers["features"].units, layers["context"].units
    dense = np.r_[
        0:n_features, n_features + columns, n_features + n_context : layers["with_context"].units
    ]
    for name, axis, rows in (
        ("block0_conv/kernel", 2, places),
        ("context_dense0/kernel", 0, columns),
        ("dense0/kernel", 0, dense),
    ):
        layer, _, part = name.partition("/")
        kernel = np.zeros(layers[layer].shapes[part], dtype=np.float32)
        np.moveaxis(kernel, axis, 0)[rows] = np.moveaxis(weights[name], axis, 0)
        weights[name] = kernel
    scaler = some.networks_.scaler
    mean, std = (
        np.r_[np.tile(part[:3], len(more.bands)), part[-5:]] for part in (scaler.mean, scaler.std)
    )
    mean[columns], std[columns] = scaler.mean, scaler.std
    more.networks_ = Ensemble(task, type(scaler)(mean, std), [weights])
    more.domain_, more.card_ = some.domain_, some.card_
    return more


def measure(cnn, sample, truth):
    """Errors, biases and coverage of all quantities, beside the median of the truth."""
    control = ConstantEstimator(TARGETS).fit(np.zeros((len(truth), 1)), truth)
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
        if quantity in TARGETS:
            mean = np.asarray(table[f"{quantity}_mean"], float)
            one["bias_of_mean"] = np.mean(mean - true)
            one |= coverage(true, levels[:, column], predicted, np.asarray(table["A_V"], float))
            if quantity == "A_V":
                drawn = cnn.sample_posterior(sample, 1, random_state=KINDS["test"].seed)[quantity][
                    :, 0
                ]
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
        means = [rounded(part.mean()) if part.size else None for part in parts]
        found[f"bias_of_{kind}_by_{name}"] = means
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
