"""A few damaged and forged files of each kind, and calls with random arguments."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from scripts import ROOT, import_script

from dustest.data import ReadError

pytest.importorskip("h5py")
pytest.importorskip("pyarrow")
fuzz = import_script("tools/fuzz.py")

SEED = 230310
NUMBERS = {"catalogs": 40, "arguments": 40, "stores": 5, "models": 8, "calibrations": 5}


@pytest.fixture(scope="module")
def bench():
    with tempfile.TemporaryDirectory() as folder:
        yield fuzz.Bench(Path(folder))


@pytest.mark.parametrize("kind", fuzz.ALL_KINDS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_only_own_exceptions_and_right_values(kind, bench):
    for number in range(NUMBERS.get(kind, 15)):
        outcome = fuzz.run_case(fuzz.Case(kind, SEED, number), bench)
        assert outcome.result in {"fine", "own"}, outcome


@pytest.mark.parametrize("case", [("spectra", 230304, 139), ("images", 230301, 100)])
def test_cases_that_failed(case, bench):
    """An extension that astropy gives no type, and a header of 4294967295 axes."""
    assert fuzz.run_case(fuzz.Case(*case), bench).result == "own"


class TestCases:
    def test_depend_on_their_number_only(self, bench):
        case = fuzz.Case("catalogs", SEED, 3)
        assert fuzz.run_case(case, bench) == fuzz.run_case(case, bench)

    def test_files_are_changed(self):
        rng = np.random.default_rng(SEED)
        content = b"id,flux\n1,2.5\n2,3.5\n" * 20
        for change in (fuzz.damage_bytes, fuzz.forge_text):
            changed = [change(content, rng) for _ in range(20)]
            assert sum(one != content for one in changed) > 15


def _escape():
    msg = "not dustest's"
    raise TypeError(msg)


class TestWorker:
    """What the program is to find is found."""

    def outcome(self, monkeypatch, action, **limits):
        monkeypatch.setattr(fuzz, "run_case", lambda case, bench: action())
        sent = []
        with tempfile.TemporaryDirectory() as folder:
            fuzz._work(_Pipe([fuzz.Case("arguments", 1, 7), None], sent), folder)
        return sent[1][0]

    def test_escape(self, monkeypatch):
        outcome = self.outcome(monkeypatch, _escape)
        assert (outcome.result, outcome.number) == ("escape", 7)
        assert "TypeError" in outcome.detail

    def test_exit(self, monkeypatch):
        assert "SystemExit" in self.outcome(monkeypatch, sys.exit).detail

    def test_wrong_value(self, bench, monkeypatch):
        """A sealed file whose values change without a warning."""
        monkeypatch.setattr(fuzz, "damage_bytes", lambda content, rng: content)
        monkeypatch.setattr(fuzz, "forge_text", lambda content, rng: content)
        case = fuzz.Case("simulations", SEED, 0)
        assert fuzz.run_case(case, bench).result == "fine"
        monkeypatch.setattr(fuzz, "read_original", lambda original, path: {"A_V": b"other"})
        assert fuzz.run_case(case, bench).result == "wrong"

    def test_own(self, bench, monkeypatch):
        def refuse(original, path):
            msg = "damaged"
            raise ReadError(msg)

        monkeypatch.setattr(fuzz, "read_original", refuse)
        assert fuzz.run_case(fuzz.Case("simulations", SEED, 0), bench).result == "own"

    @pytest.mark.slow
    def test_hang(self, monkeypatch):
        monkeypatch.syspath_prepend(ROOT / "tools")  # the process imports the program by its name
        worker = fuzz.Worker(seconds=0.0, megabytes=300)
        try:
            assert worker.run(fuzz.Case("images", SEED, 0)).result == "hang"
        finally:
            worker.close()

    def test_death(self):
        worker = fuzz.Worker(seconds=60.0, megabytes=300)
        try:  # the process cannot import the program, and ends
            assert worker.run(fuzz.Case("images", SEED, 0)).result == "died"
            assert worker.process is None
        finally:
            worker.close()


class _Pipe:
    """A pipe within one process."""

    def __init__(self, cases, sent):
        self.cases, self.sent = iter(cases), sent

    def recv(self):
        return next(self.cases)

    def send(self, value):
        self.sent.append(value)
