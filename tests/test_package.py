"""What `import dustest` promises, asked of fresh interpreters."""

import subprocess
import sys
from importlib.metadata import entry_points, version

import pytest

import dustest

HEAVY = ("bagpipes", "keras", "keras_tuner", "matplotlib", "nautilus", "skimage")
HEAVY += ("tensorflow",)

REPORT_LOADED = f"""
import sys
import dustest
sys.stderr.write(" ".join(name for name in {HEAVY!r} if name in sys.modules))
"""

IMPORT_CNN = f"""
import sys
from dustest.estimators.cnn import CNNEstimator
repr(CNNEstimator(["F277W", "F444W"]))
sys.stderr.write(" ".join(name for name in {HEAVY!r} if name in sys.modules))
"""

CLOCK_IMPORT = """
import astropy.table
import sys
import time
start = time.perf_counter()
import dustest
sys.stderr.write(str(time.perf_counter() - start))
"""

COMPARE_GLOBALS = """
import os
import random
import sys
import warnings
import numpy as np


def state():
    return (
        os.getcwd(),
        dict(os.environ),
        list(warnings.filters),
        np.get_printoptions(),
        np.geterr(),
        random.getstate(),
        str(np.random.get_state()),
    )


import astropy.table
before = state()
import dustest
sys.stderr.write(str(before == state()))
"""


def run_fresh(code):
    """Output and error stream of the code in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout, done.stderr


class TestImport:
    def test_loads_no_heavy_package(self):
        assert run_fresh(REPORT_LOADED)[1] == ""

    def test_the_cnn_loads_its_packages_when_it_needs_them(self):
        assert run_fresh(IMPORT_CNN)[1] == ""

    def test_prints_nothing(self):
        assert run_fresh("import dustest") == ("", "")

    def test_changes_no_global_state(self):
        assert run_fresh(COMPARE_GLOBALS)[1] == "True"

    def test_takes_under_half_a_second_beyond_astropy(self):
        # The smallest of several runs: what the import costs when nothing else disturbs it.
        assert min(float(run_fresh(CLOCK_IMPORT)[1]) for _ in range(5)) < 0.5


class TestFace:
    def test_every_public_name_resolves(self):
        for name in dustest.__all__:
            assert getattr(dustest, name) is not None

    def test_dir_lists_the_public_names(self):
        assert set(dustest.__all__) <= set(dir(dustest))

    def test_an_unknown_name_is_an_attribute_error(self):
        with pytest.raises(AttributeError, match="no_such_name"):
            dustest.no_such_name  # noqa: B018


class TestMetadata:
    def test_version_is_the_installed_one(self):
        assert dustest.__version__ == version("dustest")
        assert dustest.__version__[0].isdigit()

    def test_built_in_estimators_register_like_any_plugin(self):
        registered = entry_points(group="dustest.estimators").names
        assert {"bagpipes", "cnn", "constant", "meurer"} <= registered
