"""Train networks that read fluxes, and the fusion that comes with dustest, on the same galaxies.

Run with ``python tools/train_fusion.py --sets SETS --folder FOLDER --steps photometry fusion``,
where SETS is the folder of ``draw_fusion_sets.py``. In the folder it writes one model a step:

* ``photometry``: ``CNNEstimator(bands=(), context="flux")``;
* ``images``: the network ``nircam-3band``, trained further on these galaxies;
* ``joint``: ``CNNEstimator(context="flux")``, which begins with ``nircam-3band`` and weights of 0
  for fluxes;
* ``fusion``: `FusionEstimator` of ``nircam-3band`` and `Photometry`;
* ``shipped``: the fusion that comes with dustest, which is only calibrated again.

All are calibrated by the galaxies of ``calibration*`` with S/N >= 5. Steps have checkpoints after
every epoch. ``--install`` copies the fusion into the package; its digest is printed.
"""

import argparse
import shutil
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
from astropy.table import vstack
from draw_fusion_sets import KINDS, read_set, stack_samples

from dustest import CNNEstimator, FusionEstimator, Photometry
from dustest.estimators._cnn.context import ContextLayout
from dustest.estimators._cnn.ensemble import Ensemble
from dustest.estimators._cnn.network.layers import list_layers
from dustest.estimators._cnn.settings import make_task
from dustest.estimators.cnn import CNNConfig
from dustest.estimators.photometry import flux_columns, fluxes_of, order_bands
from dustest.estimators.run.batch import make_batch

STARTING_NETWORK = "nircam-3band"
NAME = "nircam-3band+photometry"
SEED = 193010
SNR_MIN_TRAINING = 3.0
DENSE = (192, 192, 96)


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=TRAINED)
    parser.add_argument("--train", nargs="+", default=["train-1"])
    parser.add_argument("--install", action="store_true")
    options = parser.parse_args(arguments)
    (options.folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    training, calibration = (read(options.sets, names) for names in (options.train, CALIBRATION))
    for step in options.steps:
        sys.stdout.write(f"{step}: {len(training[0])} galaxies\n")
        sys.stdout.flush()
        model = STEPS[step](*training, options.folder / "checkpoints")
        model.calibrate(*calibration)
        card = model.card_ if step == "shipped" else about(options, training, calibration)
        sha256 = model.save(options.folder / f"{step}.model", card)
        sys.stdout.write(f"{model.history_}\n{step}: {sha256}\n")
        if step in ("fusion", "shipped") and options.install:
            target = files("dustest") / "resources" / "models" / f"{NAME}.model"
            shutil.copy(options.folder / f"{step}.model", str(target))


CALIBRATION = ("calibration", "calibration-2")


def read(folder, names):
    """Galaxies and truth of some sets that are there."""
    pairs = [read_set(folder / name) for name in names if (folder / name).is_dir()]
    samples, truths = zip(*pairs, strict=True)
    return stack_samples(list(samples)), vstack(list(truths), metadata_conflicts="silent")


def about(options, training, calibration):
    """Text of a card."""
    n = {name: len(pair[0]) for name, pair in (("train", training), ("calibrate", calibration))}
    heavy = float(np.mean(np.asarray(training[0]["kind"]) == "heavy"))
    return {
        "population": "0.2, and heavy galaxies of it (log M 8 to 11, tilt 0.5)",
        "surveys": ["JADES-deep", "CEERS"],
        "sets": {
            name: KINDS[name].seed
            for name in (*options.train, *CALIBRATION)
            if (options.sets / name).is_dir()
        },
        "n_galaxies": n,
        "share_heavy": round(heavy, 3),
        "snr_min": SNR_MIN_TRAINING,
        "seed": SEED,
    }


def train_photometry(sample, truth, checkpoint):
    """Train a network on fluxes alone."""
    config = CNNConfig(context_dense=(), dense=DENSE)
    cnn = CNNEstimator(
        (),
        architecture=config,
        context="flux",
        snr_min=SNR_MIN_TRAINING,
        epochs=25,
        patience=8,
        batch_size=256,
        learning_rate=1.5e-3,
        random_state=SEED,
    )
    return cnn.fit(without_images(sample), truth, checkpoint=checkpoint)


def train_images(sample, truth, checkpoint):
    """Train the starting network further."""
    cnn = CNNEstimator.from_pretrained(STARTING_NETWORK)
    cnn.set_params(snr_min=SNR_MIN_TRAINING, augment=True, random_state=SEED)
    return cnn.finetune(sample, truth, learning_rate=1e-3, epochs=6, checkpoint=checkpoint)


def train_joint(sample, truth, checkpoint):
    """Train the starting network further, with fluxes."""
    cnn = with_fluxes(CNNEstimator.from_pretrained(STARTING_NETWORK), sample)
    cnn.set_params(snr_min=SNR_MIN_TRAINING, augment=True, random_state=SEED)
    return cnn.finetune(sample, truth, learning_rate=1.5e-3, epochs=16, checkpoint=checkpoint)


def train_fusion(sample, truth, checkpoint):
    """Train a fusion of the starting network and photometry."""
    images = CNNEstimator.from_pretrained(STARTING_NETWORK)
    members = {"images": images, "photometry": Photometry()}
    fused = FusionEstimator(
        members,
        n_networks=1,
        epochs=25,
        patience=8,
        batch_size=256,
        learning_rate=1.5e-3,
        random_state=SEED,
    )
    return fused.fit(sample, truth, checkpoint=checkpoint)


def read_shipped(sample, truth, checkpoint):  # noqa: ARG001 - as of other steps
    """Read the fusion that comes with dustest."""
    return FusionEstimator.from_pretrained(NAME)


def without_images(sample):
    """Columns of a sample that are no stamps."""
    return sample[[name for name in sample.colnames if not name.startswith("cutout")]]


def with_fluxes(some, sample):
    """A network that predicts what another does, with weights of 0 for the fluxes of a sample."""
    old = some.networks_.task
    parameters = some.get_params(deep=False) | {"context": "flux", "architecture": old.config}
    more = CNNEstimator(**parameters)
    bands = order_bands(sample.bands)
    task = make_task(more, flux_bands=bands)
    layers = {layer.name: layer for layer in list_layers(task.config, **task.shape)}
    n_old, n_new = len(old.layout), len(task.layout)
    n_features = layers["features"].units
    weights = dict(some.networks_.weights[0])
    for name, first in (("context_dense0/kernel", 0), ("dense0/kernel", n_features)):
        zeros = np.zeros((n_new - n_old, weights[name].shape[1]), dtype=np.float32)
        weights[name] = np.insert(weights[name], first + n_old, zeros, axis=0)
    columns, scale = flux_columns(*fluxes_of(make_batch(without_images(sample)), bands))
    layout = ContextLayout(0, len(bands))
    context = np.zeros((len(sample), len(layout)))
    layout.fill(context, {f"flux_{k}": columns[k] for k in ("has", "snr", "flux")})
    layout.fill(context, {"log_flux_scale": scale})
    new = context[:, n_old - n_new :]
    scaler = some.networks_.scaler
    mean = np.r_[scaler.mean, new.mean(axis=0)].astype("f4")
    std = np.r_[scaler.std, np.maximum(new.std(axis=0), 1e-3)].astype("f4")
    more.networks_ = Ensemble(task, type(scaler)(mean, std), [weights])
    more.domain_, more.card_, more.detector_ = some.domain_, some.card_, None
    return more


STEPS = {
    "photometry": train_photometry,
    "fusion": train_fusion,
    "joint": train_joint,
    "images": train_images,
    "shipped": read_shipped,
}
TRAINED = ("photometry", "fusion", "joint", "images")

if __name__ == "__main__":
    main()
