"""The forward pass of networks in NumPy beside Keras: equality, speed, start and size.

Run with ``python benchmarks/bench_forward.py [NAME] [N]``: the name of a pretrained model, and the
number of stamps. Both get the same inputs, ready-made, 2,048 stamps at a time, and use all cores.
Start-up times are those of fresh processes, sizes those of installed packages.
"""

import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, files

import numpy as np
from bench_cnn import make_sample

from dustest import CNNEstimator
from dustest.estimators import make_batch
from dustest.estimators._cnn.network.keras_network import build, weights_from_dict

N_STAMPS, N_COMPARED, N_TURNS, AT_ONCE = 10_000, 1_000, 7, 2048
KERAS = ("keras", "tensorflow", "tensorflow-cpu", "tensorboard", "grpcio", "ml_dtypes", "h5py")
OURS = ("safetensors",)
START = """
import time
start = time.perf_counter()
from dustest import CNNEstimator
CNNEstimator
imported = time.perf_counter()
import numpy as np
cnn = CNNEstimator.from_pretrained({name!r})
stamps = np.random.default_rng(1).normal(size=(1, len(cnn.bands), 32, 32))
if {keras}:
    from dustest.estimators._cnn.network.keras_network import build, weights_from_dict
    task = cnn.networks_.task
    model = build(task.config, **task.seen_shape)
    weights_from_dict(model, cnn.networks_.weights[0])
    side = task.seen_shape["size"]
    model.predict_on_batch({{"image": np.zeros((1, side, side, len(cnn.bands)), "f4"),
                            "context": np.zeros((1, task.shape["n_context"]), "f4")}})
cnn.predict(stamps)
print(imported - start, time.perf_counter() - imported)
"""


def startup(name, keras):
    """Median seconds of three processes to import, and to load a model and predict once."""
    code = START.format(name=name, keras=keras)
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    return np.median([[float(value) for value in run.stdout.split()] for run in runs], axis=0)


def installed_mb(packages):
    """Size of installed packages, as far as they are there."""
    total = 0
    for package in packages:
        try:
            found = [file.locate() for file in files(package)]
        except PackageNotFoundError:
            continue
        total += sum(file.stat().st_size for file in found if file.is_file())
    return total / 1e6


def main(name="nircam-3band", n=N_STAMPS):
    """Run the benchmark."""
    n, cnn = int(n), CNNEstimator.from_pretrained(name)
    networks, task = cnn.networks_, cnn.networks_.task
    inputs = task.inputs(make_batch(make_sample(n, cnn.bands)))
    inputs = {"image": inputs.image, "context": networks.scaler(inputs.context)}
    model = build(task.config, **task.seen_shape)
    weights_from_dict(model, networks.weights[0])
    (network,) = networks.networks()
    parts = [
        {key: values[start : start + AT_ONCE] for key, values in inputs.items()}
        for start in range(0, n, AT_ONCE)
    ]

    def forward():
        return np.concatenate([network(part) for part in parts])

    def keras():
        return np.concatenate([np.asarray(model.predict_on_batch(part)) for part in parts])

    found, expected = forward()[:N_COMPARED], keras()[:N_COMPARED]
    difference = np.abs(found - expected)
    print(f"{name}: largest difference of {len(found)} stamps {difference.max():.1e}, ", end="")
    print(f"relative {(difference / np.maximum(np.abs(expected), 1.0)).max():.1e}")
    rates = {forward: [], keras: []}
    for _ in range(N_TURNS):
        for run, kept in rates.items():
            start, used = time.perf_counter(), time.process_time()
            run()
            kept.append((n / (time.perf_counter() - start), n / (time.process_time() - used)))
    rates = {run: np.transpose(kept) for run, kept in rates.items()}
    ratios = rates[forward][0] / rates[keras][0]
    for run, (wall, processor) in rates.items():
        print(
            f"{run.__name__:8} {np.median(wall):7.0f} stamps/s (median of {N_TURNS}), "
            f"{np.median(processor):.0f} a processor second"
        )
    print(f"ratio {np.median(ratios):.2f}, from {ratios.min():.2f} to {ratios.max():.2f}")
    for run, packages in ((False, OURS), (True, KERAS)):
        imported, predicted = startup(name, run)
        print(
            f"{'keras' if run else 'forward':8} {installed_mb(packages):7.1f} MB, "
            f"import {imported:.1f} s, load and first prediction {predicted:.2f} s"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
