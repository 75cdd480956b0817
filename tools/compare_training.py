"""Compare sizes of the training set, and architectures at equal training time.

Run with ``python tools/compare_training.py --folder FOLDER``, where ``train_pretrained.py`` has
drawn galaxies; those of its second population count too, where there are any. Three-band networks
are trained

* on all galaxies, and on 1/2, 1/4, ... of the rows of every part at every redshift, with the same
  number of training steps each; with ``--start`` they begin with the model of a folder;
* in each of `ARCHITECTURES`, from random weights and for ``--seconds`` of processor time, on all
  galaxies.

The table ``training.ecsv`` in the folder has, for each network and quantity, the mean absolute
error over that of the median of the test's truth, with its error from a bootstrap over galaxies.
Networks that are in the table are not trained again. An interrupted training on a part of the rows
resumes; one for some time begins again.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from astropy.table import Table
from train_pretrained import MODELS, SNR_MIN_TRAINING, START_RATE, TARGETS, bright, first_networks

from dustest import CNNEstimator
from dustest.estimators.cnn import CNNConfig
from dustest.simulate import SimulatedSet, read_simulation

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from networks import ratio_of_means

MODEL = "nircam-3band"
ARCHITECTURES = {
    "dustest": CNNConfig(),
    "half the filters": CNNConfig(filters=(16, 32, 48, 64)),
    "three blocks": CNNConfig(filters=(32, 64, 96), dense=(128,)),
    "wide": CNNConfig(filters=(48, 96, 144, 192)),
}
TIMED_SHARE = 0.125
"""Share of the rows with which the time of an epoch is measured."""
SEED = 170380
SETTINGS = {**MODELS[MODEL], "snr_min": SNR_MIN_TRAINING, "augment": "wide"}
# All networks of a comparison learn for as long: none stops early.
SETTINGS |= {"patience": 1000, "random_state": SEED}


@dataclass(frozen=True)
class Beginning:
    """The first rows of a simulation."""

    whole: SimulatedSet
    share: float

    @property
    def manifest(self):
        """Manifest of the whole."""
        return self.whole.manifest

    def truth(self):
        """Truth of the rows."""
        return self.whole.truth()[: self.n_rows]

    @property
    def n_rows(self):
        """Number of rows."""
        return max(round(self.share * len(self.whole)), 1)

    def __iter__(self):
        left = self.n_rows
        for sample, truth in self.whole:
            yield sample[:left], truth[:left]
            left -= len(sample)
            if left <= 0:
                return


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="folder with a model to begin with")
    parser.add_argument("--epochs", type=int, default=6, help="with all galaxies")
    parser.add_argument("--halvings", type=int, default=2, help="of the rows")
    parser.add_argument("--seconds", type=float, default=240.0, help="for each architecture")
    parser.add_argument(
        "--architectures", nargs="*", choices=ARCHITECTURES, default=[*ARCHITECTURES]
    )
    options = parser.parse_args(arguments)
    training = [*drawn(options.folder, "training"), *drawn(options.folder, "mixed-training")]
    test = bright(drawn(options.folder, "test"), MODELS[MODEL]["bands"])
    table = options.folder / "training.ecsv"
    rows = [dict(row) for row in Table.read(table)] if table.exists() else []
    for comparison, name, train in trainings(training, options):
        if (comparison, name) in {(row["comparison"], row["name"]) for row in rows}:
            continue
        begun = time.process_time()
        cnn = train()
        head = {"comparison": comparison, "name": name, "n_train": cnn.n_train_}
        head |= {"epochs": len(cnn.history_), "seconds": round(time.process_time() - begun)}
        head |= {"weights": int(cnn.layers()["weights"].sum())}
        rows += [head | found for found in judge(cnn, *test)]
        Table(rows=rows).write(table, overwrite=True)
    Table(rows=rows).pprint_all()


def drawn(folder, kind):
    """Simulations of a kind that were drawn."""
    return [
        read_simulation(path.parent) for path in sorted(folder.glob(f"{kind}/*/*/simulation.json"))
    ]


def trainings(training, options):
    """Comparison, name and function of each training."""
    for halvings in range(options.halvings + 1):
        share = 0.5**halvings
        yield "size", f"{share:g}", partial(train_on_share, training, share, options)
    for name in options.architectures:
        yield "architecture", name, partial(train_for_seconds, training, name, options)


def train_on_share(training, share, options):
    """Train on a share of the rows, with as many steps as on all of them."""
    settings = SETTINGS | {"epochs": round(options.epochs / share)}
    part = [Beginning(simulation, share) for simulation in training]
    checkpoint, start = options.folder / "checkpoints", first_networks(MODEL, options.start)
    if start is None:
        return CNNEstimator(**settings).fit(part, checkpoint=checkpoint)
    start.set_params(**settings)
    return start.finetune(part, learning_rate=START_RATE, checkpoint=checkpoint)


def train_for_seconds(training, name, options):
    """Train an architecture for some processor time."""
    settings = SETTINGS | {"architecture": ARCHITECTURES[name]}
    part, seconds = [Beginning(simulation, TIMED_SHARE) for simulation in training], []
    # The second epoch has no share in what is done once: reading images and building networks.
    for epochs in (1, 2):
        begun = time.process_time()
        CNNEstimator(**settings, epochs=epochs).fit(part)
        seconds.append(time.process_time() - begun)
    epochs = max(round(options.seconds * TIMED_SHARE / (seconds[1] - seconds[0])), 1)
    return CNNEstimator(**settings, epochs=epochs).fit(training)


def judge(cnn, sample, truth):
    """Errors of the medians over those of the median of the truth."""
    predicted = cnn.estimate(sample)
    for quantity in TARGETS:
        true, median = (np.asarray(table[quantity], float) for table in (truth, predicted))
        errors = np.abs(median - true), np.abs(np.median(true) - true)
        ratio, ratio_err = ratio_of_means(*errors, SEED)
        found = {"mae": errors[0].mean(), "ratio": ratio, "ratio_err": ratio_err}
        numbers = {name: round(float(value), 4) for name, value in found.items()}
        yield {"quantity": quantity, "n_test": len(true)} | numbers


if __name__ == "__main__":
    main()
