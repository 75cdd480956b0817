import os
import sys
import tempfile

import fresh_process
import pytest

from dustest.data import DustestError
from dustest.data.files.paths import check_temporary_folder
from dustest.doctor import surroundings
from dustest.doctor.surroundings import check_surroundings


@pytest.fixture(autouse=True)
def devices(monkeypatch):
    """Keras is not imported."""
    target = "dustest.estimators.network_tools.keras_devices"
    monkeypatch.setattr(target, lambda: ("jax", ("cpu:0", "gpu:0")))


def finding(name):
    """The first finding on a subject, None if there is none."""
    return next((one for one in check_surroundings() if one.subject == name), None)


class TestSurroundings:
    def test_all_is_well(self):
        assert all(one.healthy for one in check_surroundings())
        assert finding("keras backend").state == "jax"
        assert finding("keras backend").detail == "cpu:0, gpu:0"

    def test_no_temporary_folder(self, monkeypatch, tmp_path):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
        with pytest.raises(DustestError, match=r"temporary files cannot be written .* TMPDIR"):
            check_temporary_folder()
        assert not finding("temporary folder").healthy

    def test_read_only_folder(self, monkeypatch):
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        assert finding("working folder").state == "read-only"

    def test_too_many_threads(self, monkeypatch):
        pool = {"user_api": "blas", "num_threads": 64, "internal_api": "mkl"}
        monkeypatch.setattr(surroundings, "threadpool_info", lambda: [pool])
        monkeypatch.setattr(surroundings.joblib, "cpu_count", lambda: 4)
        assert finding("BLAS threads").state == "64"
        assert finding("BLAS threads").detail == "mkl, of 4 cores: set OMP_NUM_THREADS=4 for speed"

    def test_warnings_that_are_errors(self, monkeypatch):
        monkeypatch.setattr(sys, "warnoptions", ["ignore::UserWarning"])
        assert finding("warnings") is None
        monkeypatch.setattr(sys, "warnoptions", ["error"])
        assert "PYTHONWARNINGS" in finding("warnings").detail

    def test_unusable_backend(self, monkeypatch):
        def refuse():
            msg = "no backend"
            raise DustestError(msg)

        monkeypatch.setattr("dustest.estimators.network_tools.keras_devices", refuse)
        assert (finding("keras backend").healthy, finding("keras backend").detail) == (
            False,
            "no backend",
        )


def train_message():
    """Message for a backend of Keras that does not exist, with all warnings as errors."""
    from dustest.estimators.network_tools import keras_devices

    try:
        keras_devices()
    except DustestError as error:
        return str(error)


@pytest.mark.slow
def test_another_backend_is_one_sentence(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "nonsense")
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    message = fresh_process.call(train_message)
    assert "needs the package keras and its backend 'nonsense' (KERAS_BACKEND)" in message
