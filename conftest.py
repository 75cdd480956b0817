"""What holds for every test and every example of the documentation."""

import pytest

from dustest.data.registry import temporary_records


@pytest.fixture(autouse=True)
def _forget_registered_records():
    """Records that a test or an example registers are not there in the next one."""
    with temporary_records():
        yield
