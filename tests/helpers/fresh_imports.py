"""What importing dustest does to an interpreter, which has to be a fresh one."""

import importlib
import sys
import time
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path


def loaded_by(module, names):
    """Packages among the names that are loaded once the module is imported."""
    importlib.import_module(module)
    return sorted(set(names) & set(sys.modules))


def loaded_by_each(modules, names):
    """Packages among the names that are loaded once each module is imported as well."""
    return {module: loaded_by(module, names) for module in modules}


def loaded_by_cnn(names):
    """Packages among the names that are loaded once there is an estimator with networks."""
    from dustest.estimators.cnn import CNNEstimator

    repr(CNNEstimator(["F277W", "F444W"]))
    return sorted(set(names) & set(sys.modules))


def seconds_beyond_astropy():
    """Time that the import of dustest takes once tables of astropy are loaded."""
    importlib.import_module("astropy.table")
    start = time.perf_counter()
    importlib.import_module("dustest")
    return time.perf_counter() - start


def first_use():
    """Attenuation of some galaxies by a slope and by a network, as bytes."""
    from dustest import CNNEstimator, MeurerEstimator
    from dustest.io import load_demo

    sample = load_demo()[0][:20]
    network = CNNEstimator.from_pretrained("nircam-1band")
    return [estimator.predict(sample).tobytes() for estimator in (MeurerEstimator(), network)]


def state_changed_by_import():
    """Global state that the import of dustest changes."""
    # From its file, so that dustest is not imported before.
    path = Path(find_spec("dustest").origin).parent / "data" / "global_state.py"
    spec = spec_from_file_location("state_before_dustest", path)
    state = module_from_spec(spec)
    spec.loader.exec_module(state)
    importlib.import_module("astropy.table")
    before = state.global_state()
    importlib.import_module("dustest")
    return state.changed_state(before)
