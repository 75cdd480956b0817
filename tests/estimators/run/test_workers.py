import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import ClassVar
from unittest.mock import Mock

import fresh_process
import joblib
import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from toy_backends import Deadly, IsolatedLinear, Linear, Mortal, Placed, Trouble, estimate_asleep

from dustest.data import DustestError, DustestWarning, InputError
from dustest.estimators.run import runner, workers


class Threaded(Placed):
    """Runs in threads."""

    threaded: ClassVar[bool] = True


class Fatal(Linear):
    """Kills every process but one."""

    def __init__(self, spared=None, width=0.1, random_state=None):
        super().__init__(width, random_state)
        self.spared = spared

    def _estimate(self, batch):
        if os.getpid() != self.spared:
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._estimate(batch)


def galaxies(fluxes):
    """Galaxies of some fluxes."""
    flux = np.asarray(fluxes, dtype=float)
    return QTable({"flux_F277W": flux * u.nJy, "flux_err_F277W": np.ones(len(flux)) * u.nJy})


def assert_same(one, two):
    """The results are equal, byte by byte."""
    for name in ("A_V", "A_V_p16", "A_V_p84", "flags"):
        np.testing.assert_array_equal(np.asarray(one[name]), np.asarray(two[name]))


@pytest.fixture
def lives(tmp_path):
    """Makes a folder with a number of files, each of which costs a process its life."""

    def make(number):
        for i in range(number):
            (tmp_path / str(i)).touch()
        return str(tmp_path)

    return make


def test_a_new_interpreter_takes_over(lives):
    """The only death here of workers that are started as users start them."""
    backend = Mortal(at_two=lives(1), random_state=1)
    table = backend.estimate(galaxies([1, 2, 3]))
    assert_same(table, Linear(random_state=1).estimate(galaxies([1, 2, 3])))


@pytest.mark.usefixtures("warm_workers")
class TestDeaths:
    """What happens to the rows of a worker that is killed."""

    @pytest.mark.parametrize("when", ["at_start", "at_two"])
    def test_another_worker_takes_over(self, when, lives):
        backend = Mortal(**{when: lives(1)}, random_state=1)
        table = backend.estimate(galaxies([1, 2, 3]), n_jobs=2)
        assert_same(table, Linear(random_state=1).estimate(galaxies([1, 2, 3])))

    def test_a_row_that_kills_twice_fails(self, lives):
        with pytest.warns(DustestWarning, match=r"1 of 3 .*process died \(exit status -9\)"):
            table = Mortal(at_two=lives(2)).estimate(galaxies([1, 2, 3]))
        assert table.flag_names == [(), ("FAILED",), ()]

    def test_a_start_that_always_dies_is_an_error(self, lives):
        with pytest.raises(DustestError, match="a worker process died 3 times while it started"):
            Mortal(at_start=lives(3)).estimate(galaxies([1]))

    def test_a_time_limit_just_after_an_answer(self, monkeypatch):
        """The worker that was killed is replaced, and no row is flagged."""
        slot = workers._Slot(b"", "", workers.WorkerLimits(timeout=60.0))
        slot._process, slot._stderr = Mock(), Mock()

        def ask(batch):
            slot._expire()
            return "value", batch

        monkeypatch.setattr(slot, "_ask", ask)
        assert slot.compute(3) == 3
        assert slot._process is None

    def test_workers_end_with_a_killed_parent(self, tmp_path, monkeypatch):
        marks, temporary = tmp_path / "worker", tmp_path / "temporary"
        temporary.mkdir()
        monkeypatch.setenv("TMPDIR", str(temporary))
        with fresh_process.start(estimate_asleep, marks) as parent:
            worker = wait_for_number(marks)
            parent.kill()
        deadline = time.monotonic() + 5.0
        while is_running(worker) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not is_running(worker)
        assert list(temporary.iterdir()) == []


@pytest.mark.usefixtures("warm_workers")
class TestMemory:
    """A limit of the memory of a worker."""

    needs_linux = pytest.mark.skipif(not workers._USE.exists(), reason="needs Linux")

    @needs_linux
    @pytest.mark.parametrize("limit", ["2 GB", 2 * u.Gbyte])
    def test_a_row_that_needs_more_fails(self, limit):
        with pytest.warns(DustestWarning, match=r"1 of 3 .* memory_limit = 2.* G.*: Unable"):
            table = Trouble(memory_limit=limit).estimate(galaxies([1, 8, 7]))
        assert table.flag_names == [(), ("FAILED",), ()]
        np.testing.assert_array_equal(np.asarray(table["A_V"]), [1.0, np.nan, 7.0])

    def test_without_a_limit_it_does_not(self):
        assert Trouble().estimate(galaxies([8])).flag_names == [()]

    @needs_linux
    def test_too_little_for_any_row(self):
        with pytest.raises(InputError, match=r"memory_limit must be more than the 0\.\d+ GB"):
            Trouble(memory_limit="20 MB").estimate(galaxies([1]))

    def test_a_death_names_the_limit(self):
        with pytest.warns(DustestWarning, match=r"status 3\); it may use memory_limit = 2 GB$"):
            Trouble(memory_limit="2 GB").estimate(galaxies([4]))


def wait_for_number(path):
    """Number in a file, as soon as there is one."""
    while True:
        with suppress(FileNotFoundError, ValueError):
            return int(path.read_text())
        time.sleep(0.05)


def is_running(number):
    """Whether there is a process that is no zombie."""
    try:
        state = Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


class TestPlaces:
    """Where methods run that need no process of their own."""

    def test_short_runs_start_no_workers(self):
        table = Placed().estimate(galaxies(range(1, 10)), n_jobs=2)
        assert set(table["process"]) == {os.getpid()}

    def test_long_runs_do(self, monkeypatch):
        monkeypatch.setattr(runner, "_WORTH_WORKERS", -1.0)
        sample = galaxies(range(1, 25))
        table = Placed(random_state=1).estimate(sample, n_jobs=2)
        # The first batch, of three galaxies, is estimated before anything is known.
        assert list(table["process"] == os.getpid()) == [True] * 3 + [False] * 21
        assert_same(table, Linear(random_state=1).estimate(sample))


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes of dask."""
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        client.run(os.environ.update, {"PYTHONPATH": fresh_process.environment()["PYTHONPATH"]})
        yield client


class TestCluster:
    """Runs on the workers of dask."""

    @pytest.fixture
    def sends_all(self, monkeypatch):
        """All batches but the first are sent."""
        monkeypatch.setattr(runner, "_WORTH_SENDING", -1.0)

    @pytest.mark.parametrize("backend", [Linear, IsolatedLinear])
    def test_same_results(self, backend, cluster, sends_all):
        sample = galaxies(range(1, 12))
        with joblib.parallel_config("dask"):
            table = backend(random_state=1).estimate(sample)
        assert_same(table, Linear(random_state=1).estimate(sample))

    def test_runs_elsewhere(self, cluster, sends_all):
        with joblib.parallel_config("dask"):
            table = Placed().estimate(galaxies(range(1, 12)))
        # The time of the first batch, of three galaxies, decides.
        assert os.getpid() not in set(table["process"][3:])

    @pytest.mark.parametrize("backend", [Placed, Threaded])
    def test_short_batches_are_not_sent(self, backend, cluster):
        with joblib.parallel_config("dask"):
            table = backend().estimate(galaxies(range(1, 12)))
        assert set(table["process"]) == {os.getpid()}

    @TestMemory.needs_linux
    def test_failures_are_flags(self, cluster):
        """A limit of the memory, an error, a time limit and a death."""
        backend = Trouble(timeout=2.0, memory_limit="2 GB")
        with (
            joblib.parallel_config("dask"),
            pytest.warns(DustestWarning, match=r"4 of 6 .* memory_limit = 2.* G.*: Unable"),
        ):
            table = backend.estimate(galaxies([1, 8, 2, 3, 4, 7]))
        failed, late = ("FAILED",), ("TIMED_OUT",)
        assert table.flag_names == [(), failed, failed, late, failed, ()]

    def test_a_batch_that_kills_its_worker(self, cluster, sends_all, monkeypatch):
        """It is an error; joblib's own backend waits for ever."""
        monkeypatch.setattr(cluster.cluster.scheduler, "allowed_failures", 0)
        with (
            joblib.parallel_config("dask"),
            pytest.raises(DustestError, match=r"worker process died.*KilledWorker"),
        ):
            Fatal(os.getpid()).estimate(galaxies([5, 6, 7, 1, 2, 3]))
        cluster.wait_for_workers(2)

    def test_workers_that_die_with_the_estimator(self, cluster, sends_all, tmp_path):
        """All workers die at once, and with them the estimator that was sent to them."""
        for number in cluster.run(os.getpid).values():
            (tmp_path / str(number)).touch()
        sample = galaxies([5, 6, 7, 1, 2, 3, 4, 8, 9])
        with joblib.parallel_config("dask"):
            backend = Deadly(str(tmp_path), random_state=1)
            # Only what is large is sent apart from the tasks.
            backend.weights_ = np.arange(10_000.0)
            table = backend.estimate(sample)
        assert list(tmp_path.iterdir()) == []
        assert_same(table, Linear(random_state=1).estimate(sample))
