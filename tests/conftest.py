"""Fixtures that every test may use."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# The environment variable, not matplotlib.use, so that tests that draw nothing load nothing.
os.environ["MPLBACKEND"] = "agg"

# Test classes hold no state, so a suite that runs twice in one process (tox -e double) may hand
# the same method to two instances.
TWICE = [HealthCheck.differing_executors]
settings.register_profile("default", deadline=None, suppress_health_check=TWICE)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

NEIGHBOURING_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data():
    """Folder with the real public data; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("DUSTEST_TEST_DATA", NEIGHBOURING_DATA))
    if not folder.is_dir():
        pytest.skip(f"the real data are not at {folder}; set DUSTEST_TEST_DATA to their folder")
    return folder


@pytest.fixture
def restored_random_state():
    """What an estimator or a check does to the generator of numpy ends with the test."""
    state = np.random.get_state()  # noqa: NPY002
    yield
    np.random.set_state(state)  # noqa: NPY002


@pytest.fixture(scope="module")
def warm_workers():
    """Workers of estimators that need Bagpipes are forks of a process that has imported it.

    For tests of what is estimated; those of the workers themselves start them as users do.
    """
    from warm_process import warm_workers

    with warm_workers():
        yield
