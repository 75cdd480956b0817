import os
import sys

import pytest

from dustest.estimators._cnn.network.quiet_import import quiet_tensorflow

LOG = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    b"I0000 00:00:1796073351.289441   25581 port.cc:153] oneDNN custom operations are on.\n"
    b"E0000 00:00:1796073356.432576   25581 cuda_platform.cc:52] failed call to cuInit\n"
    b"2026-02-23 07:31:55.511878: W tensorflow/dso_loader.cc:64] Could not load 'cudart64.dll'\n"
    b"To enable the following instructions: AVX2 FMA, rebuild TensorFlow.\n"
)


@pytest.fixture(autouse=True)
def _first_import(monkeypatch):
    """TensorFlow was not imported before, and the user has not set its level."""
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)


def log():
    """Write as the C++ code of TensorFlow does."""
    os.write(2, LOG)


class TestQuietTensorflow:
    def test_drops_lines_of_the_log_and_keeps_all_others(self, capfd):
        with quiet_tensorflow():
            os.write(2, b"before\n")
            log()
            os.write(2, b"I agree: a line of mine\n")
        assert capfd.readouterr().err == "before\nI agree: a line of mine\n"

    def test_writes_everything_after_an_error(self, capfd):
        def fail():
            with quiet_tensorflow():
                log()
                raise ImportError

        with pytest.raises(ImportError):
            fail()
        assert capfd.readouterr().err == LOG.decode()

    def test_sets_the_level_for_the_import_only(self):
        with quiet_tensorflow():
            assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3"
        assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ

    def test_does_nothing_if_the_user_has_set_a_level(self, capfd, monkeypatch):
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
        with quiet_tensorflow():
            log()
            assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"
        assert capfd.readouterr().err == LOG.decode()

    def test_does_nothing_if_tensorflow_was_imported_before(self, capfd, monkeypatch):
        monkeypatch.setitem(sys.modules, "tensorflow", object())
        with quiet_tensorflow():
            log()
            assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ
        assert capfd.readouterr().err == LOG.decode()
