"""Speed of making and augmenting the inputs of networks, on one core.

Prints how many galaxies, of three stamps of 32 x 32 pixels each, go in a second of processor time.

Run ``python benchmarks/bench_cnn_inputs.py 100000``.
"""

import sys
import time

import numpy as np
from threadpoolctl import threadpool_limits

from dustest.data import as_sample
from dustest.estimators import make_batch
from dustest.estimators._cnn.inputs import prepare, prepare_paper
from dustest.estimators._cnn.training.augmentation import (
    PAPER_COPIES,
    AugmentOptions,
    augment,
    augment_paper,
)

BANDS = ("F277W", "F356W", "F444W")
MINIBATCH = 64
OFF = {"symmetries": False, "shift": 0.0, "blur": 0.0, "noise": 0.0}


def make_stamps(n, rng):
    """A batch of n galaxies with some light in the middle."""
    stamps = rng.standard_normal((n, len(BANDS), 32, 32), dtype=np.float32)
    stamps[..., 12:20, 12:20] += 3.0
    batch = make_batch(as_sample(stamps, bands=BANDS))
    mask = np.zeros(stamps.shape, dtype=bool)
    return batch.changed(redshift=np.full(n, 7.0), cutout_mask=mask)


def rate(n, call):
    """Galaxies a second of processor time, the best of three."""
    seconds = []
    for _ in range(3):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return n / min(seconds)


def augment_all(inputs, options):
    """All galaxies, in minibatches."""
    rng = np.random.default_rng(1)
    for start in range(0, len(inputs), MINIBATCH):
        rows = slice(start, start + MINIBATCH)
        augment(inputs.image[rows], inputs.context[rows], rng, options)


def main(n):
    rng = np.random.default_rng(0)
    plain = make_stamps(n, rng)
    batches = {
        "plain": plain,
        "with errors": plain.changed(cutout_err=np.ones_like(plain.cutout)),
        "1 % of the pixels masked": plain.changed(
            cutout_mask=rng.random(plain.cutout.shape) < 0.01
        ),
    }
    for name, batch in batches.items():
        for make in (prepare, prepare_paper):
            print(f"{make.__name__:14} {name:26} {rate(n, lambda: make(batch, BANDS)):9.0f}")  # noqa: B023
    inputs = prepare(plain[:2048], BANDS)
    choices = {"symmetries": True, "shift": 0.5, "blur": 0.4, "noise": 0.5}
    for name, choice in choices.items():
        options = AugmentOptions(**OFF | {name: choice})
        print(f"augment {name:33} {rate(2048, lambda: augment_all(inputs, options)):9.0f}")  # noqa: B023
    options = AugmentOptions()
    print(f"augment {'by default':33} {rate(2048, lambda: augment_all(inputs, options)):9.0f}")
    images = prepare_paper(plain[:24], BANDS).image
    kinds = np.arange(24) % len(PAPER_COPIES)
    print(f"augment_paper {rate(24, lambda: augment_paper(images, kinds, rng)):36.0f}")


if __name__ == "__main__":
    with threadpool_limits(1):
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
