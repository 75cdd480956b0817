"""Packages that some tests need."""

from importlib.util import find_spec

import pytest


def skip_without(*packages):
    """Skip the test where a package is not installed; unlike importorskip, import nothing."""
    for package in packages:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
