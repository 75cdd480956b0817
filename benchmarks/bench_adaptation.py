"""Measure what adaptation gains: networks for mosaics with wider point-spread functions.

Run with ``python benchmarks/bench_adaptation.py --network nircam-3band``, or with the file of a
model. A user's sample is simulated with point-spread functions 1.5 times as wide as in the
JADES-deep preset (``--widening``). `GalaxySimulator.match` measures them on its stamps, networks
are trained on 4,500 galaxies that it simulates, and are tested on other galaxies with the true
point-spread functions, and on others of the preset. The table is printed, with the seconds of the
match, the simulation and the training on one core.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from networks import load_network

from dustest.data.signal_to_noise import is_faint
from dustest.simulate import PSF, GalaxySimulator

SEEDS = {"sample": 170540, "match": 170541, "training": 170542, "mine": 170543, "old": 170544}
N_SAMPLE = 500
N_TRAINING = 4500
N_TEST = 2000
CHUNK = 2000


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="nircam-3band")
    parser.add_argument("--population", default="0.1-heavy")
    parser.add_argument("--widening", type=float, default=1.5)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--output", type=Path, help="file for the table")
    options = parser.parse_args(arguments)
    _, cnn = load_network(options.network, SEEDS["match"])
    usual = GalaxySimulator(
        cnn.bands, population=options.population, views=["xy"], spectrograph=None, offset=0.5
    )
    shifted = usual.changed(
        psfs={
            band: PSF(psf.image, options.widening * psf.pixel_scale, band)
            for band, psf in usual.psfs.items()
        }
    )
    sample, _ = bright(shifted, N_SAMPLE, SEEDS["sample"])
    start = time.process_time()
    matched = usual.match(sample, random_state=SEEDS["match"])
    matched.measured.pprint_all()
    clock = {"match": time.process_time() - start}
    training = bright(matched, N_TRAINING, SEEDS["training"])
    clock["simulation"] = time.process_time() - start - clock["match"]
    held_out = {
        name: bright(simulator, N_TEST, SEEDS[name])
        for name, simulator in (("mine", shifted), ("old", usual))
    }
    start = time.process_time()
    cnn.finetune(
        *training,
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        held_out=held_out,
    )
    clock["training"] = time.process_time() - start
    cnn.adaptation_.round(3)
    cnn.adaptation_.pprint_all()
    print({name: round(seconds) for name, seconds in clock.items()})
    if options.output is not None:
        cnn.adaptation_.write(options.output, overwrite=True)


def bright(simulator, n, seed):
    """Sample and truth of the first n galaxies with S/N >= 5 in a band."""
    total = n
    while True:
        sample, truth = simulator.draw(total, random_state=seed)
        snr = np.array([sample[f"snr_{band}"] for band in simulator.bands])
        kept = ~is_faint(snr, axis=0)
        if kept.sum() >= n:
            return sample[kept][:n], truth[kept][:n]
        total += CHUNK


if __name__ == "__main__":
    main()
