"""Images through `CNNEstimator`, beside its bare networks, in one run.

Run with ``python benchmarks/bench_cnn.py [NAME] [N]``: the name of a pretrained model, and the
number of galaxies. Both ways get the same networks; the bare one gets its inputs ready-made, in
batches of the same size. Reports galaxies a second of wall time in turns, their ratio, processor
time, and how memory grows.
"""

import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from astropy.table import QTable

from dustest import CNNEstimator
from dustest.data import as_sample
from dustest.estimators import make_batch

N_GALAXIES = 100_000
N_TURNS = 7
PIXEL_SCALE = 0.03


def make_sample(n, bands):
    """Blobs of many sizes and brightnesses in noise."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[-15.5:16, -15.5:16]
    width = rng.uniform(1.5, 4.0, n)[:, None, None]
    blob = np.exp(-(x**2 + y**2) / (2.0 * width**2)) / width**2
    columns = {"redshift": rng.uniform(6.0, 9.0, n), "pixel_scale": np.full(n, PIXEL_SCALE)}
    for band in bands:
        flux = 10.0 ** rng.uniform(0.5, 2.0, n)[:, None, None]
        noise = 0.1 * rng.standard_normal((n, 32, 32), dtype=np.float32)
        columns[f"cutout_{band}"] = (flux * blob).astype(np.float32) + noise
    return as_sample(QTable(columns))


def timed(call):
    """Wall and processor seconds of a call."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


def bare(cnn, image, context, n):
    """Ready-made inputs through the networks, again and again."""
    size = len(image)
    inputs = {"image": image, "context": cnn.networks_.scaler(context)}
    with ThreadPoolExecutor(4) as threads:
        for network in cnn.networks_.networks():
            list(threads.map(network, [inputs] * -(-n // size)))


def main(name="nircam-3band", n=N_GALAXIES):
    """Run the benchmark."""
    n = int(n)
    cnn = CNNEstimator.from_pretrained(name)
    sample = make_sample(n, cnn.bands)
    inputs = cnn.networks_.task.inputs(make_batch(sample, slice(0, cnn.rows_at_once)))
    cnn.estimate(sample[: cnn.rows_at_once])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{name}: {n} galaxies, {len(cnn.networks_)} networks, {len(cnn.bands)} bands")
    ratios = []
    for _ in range(N_TURNS):
        whole = timed(lambda: cnn.estimate(sample, progress=False))
        network = timed(lambda: bare(cnn, inputs.image, inputs.context, n))
        ratios.append(network[0] / whole[0])
        print(
            f"estimate {n / whole[0]:8.0f}/s ({n / whole[1]:.0f} a processor second), "
            f"networks alone {n / network[0]:8.0f}/s ({n / network[1]:.0f}), "
            f"ratio {ratios[-1]:.3f}"
        )
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"median ratio {np.median(ratios):.3f}; memory grew by {grown / 1024:.0f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
