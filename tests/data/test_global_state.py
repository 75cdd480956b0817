import os
import random
import sys
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from astropy.io import fits

from dustest.data.global_state import changed_state, global_state


@pytest.fixture
def _restored(monkeypatch, tmp_path):
    """What the tests change is restored, with the random states."""
    monkeypatch.setenv("DUSTEST_TEST", "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    random_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    with warnings.catch_warnings(), np.errstate(), np.printoptions(), mpl.rc_context():
        yield
    random.setstate(random_state)
    np.random.set_state(numpy_state)  # noqa: NPY002


@pytest.mark.usefixtures("_restored")
class TestChangedState:
    def test_nothing(self):
        assert changed_state(global_state()) == []

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            (lambda: os.chdir("/"), "working directory"),
            (lambda: os.environ.update(DUSTEST_TEST="2"), "environment (DUSTEST_TEST)"),
            (lambda: os.environ.pop("DUSTEST_TEST"), "environment (DUSTEST_TEST)"),
            (lambda: sys.path.append("/elsewhere"), "import path"),
            (lambda: warnings.simplefilter("ignore", ResourceWarning), "warnings filters"),
            (lambda: np.set_printoptions(precision=3), "numpy print options (precision)"),
            (lambda: np.seterr(over="raise"), "numpy error handling (over)"),
            (np.random.random, "numpy random state"),
            (random.random, "python random state"),
            (lambda: mpl.rcParams.update({"font.size": 3}), "matplotlib rcParams (font.size)"),
        ],
    )
    def test_a_change(self, monkeypatch, change, name):
        monkeypatch.delitem(sys.modules, "distributed", raising=False)
        before = global_state()
        change()
        assert changed_state(before) == [name]

    @pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system lists no files")
    def test_open_files(self, tmp_path):
        path = tmp_path / "image.fits"
        fits.PrimaryHDU(np.zeros((3, 3))).writeto(path)
        before = global_state()
        hdus = fits.open(path)
        hdus.itself = hdus
        assert changed_state(before) == [f"open files: {path}"]
        hdus.close()
        assert changed_state(before) == []

    def test_variables_of_a_first_import(self, monkeypatch):
        monkeypatch.delitem(sys.modules, "torch", raising=False)
        before = global_state()
        monkeypatch.setitem(sys.modules, "torch", sys)
        monkeypatch.setenv("SET_BY_TORCH", "1")
        assert changed_state(before) == []
        monkeypatch.setenv("DUSTEST_TEST", "2")
        assert changed_state(before) == ["environment (DUSTEST_TEST)"]
