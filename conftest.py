"""What holds for every test and every example of the documentation."""

import os

import pytest
from threadpoolctl import threadpool_limits

from dustest.data.global_state import changed_state, global_state
from dustest.data.registry import temporary_records

# Tests run in as many processes as there are cores. More threads wait for each other: a singular
# value decomposition of 120 x 120 can take 30 times as long. The variables are for libraries and
# processes that are loaded later.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1") | os.environ
threadpool_limits(1)


@pytest.fixture(autouse=True)
def _unchanged_state():
    """Whatever a test calls leaves the process as it was."""
    before = global_state()
    yield
    if changed := changed_state(before):
        pytest.fail(f"the test, or what it calls, changed global state: {changed}")


@pytest.fixture(autouse=True)
def _forget_registered_records():
    """Records that a test or an example registers are not there in the next one."""
    with temporary_records():
        yield
