"""The same bytes from one process, from two workers of this machine and from a dask cluster."""

from contextlib import ExitStack, contextmanager

import fresh_process
import joblib
import numpy as np
import pytest

from dustest import BagpipesEstimator
from dustest.simulate import GalaxyPopulation, GalaxySimulator, NebularConditions

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes of dask."""
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    options["env"] = {"PYTHONPATH": fresh_process.environment()["PYTHONPATH"]}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


@contextmanager
def on_dask(_):
    """Compute on the cluster."""
    with joblib.parallel_config("dask"):
        yield {}


@contextmanager
def with_workers(n_jobs):
    """Compute in a number of processes."""
    yield {"n_jobs": n_jobs}


PLACES = {"one": (with_workers, 1), "two": (with_workers, 2), "dask": (on_dask, None)}


def files(path):
    """Bytes of a file, or of all files of a folder by name."""
    every = sorted(path.iterdir()) if path.is_dir() else [path]
    return {file.suffix + file.stem * path.is_dir(): file.read_bytes() for file in every}


def run_everywhere(compute, folder, ending=""):
    """Bytes of the results of all places."""
    results = []
    for name, (place, number) in PLACES.items():
        with ExitStack() as stack:
            options = stack.enter_context(place(number))
            compute(folder / f"{name}{ending}", progress=False, **options)
        results.append(files(folder / f"{name}{ending}"))
    return results


def test_simulations(cluster, tmp_path):
    population = GalaxyPopulation(
        n_stars=50, n_gas=50, nebulae=NebularConditions(log_u_scatter=0.3)
    )
    simulator = GalaxySimulator(
        ["F444W"], redshift=(7, 7.3), population=population, photometry_bands=["F277W"]
    )

    def simulate(path, **options):
        simulator.stream(520, path, random_state=250211, **options)

    one, two, dask = run_everywhere(simulate, tmp_path)
    assert len(one) == 1 + 3 * 3
    assert one == two == dask


@pytest.mark.parametrize("preset", ["default", "Fu"])
def test_fits(cluster, tmp_path, preset):
    simulator = GalaxySimulator(["F277W"], redshift=(7, 7.3), population="0.1", spectrograph=None)
    sample, _ = simulator.draw(136, random_state=250212)
    names = [name for name in sample.colnames if name.startswith("flux_")]
    sample = sample[["id", "redshift", *names]]
    sample = sample[np.random.default_rng(250213).permutation(len(sample))]
    sed = BagpipesEstimator(preset=preset, random_state=250214)

    def estimate(path, **options):
        sed.estimate(sample, output=path, **options)

    one, two, dask = run_everywhere(estimate, tmp_path, ".parquet")
    assert one == two == dask
