"""Computation in the workers of dask; those of joblib are tested with what uses them."""

import joblib
import pytest

from dustest.data import worker_processes
from dustest.data.worker_processes import LostWorkersError, compute_unordered, count_workers


@pytest.fixture(scope="module")
def make_cluster():
    """Makes a cluster in threads of this process."""
    distributed = pytest.importorskip("distributed")

    def make(n_workers):
        options = {"threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
        return distributed.LocalCluster(n_workers=n_workers, **options).get_client()

    return make


@pytest.fixture(scope="module")
def client(make_cluster):
    with make_cluster(2) as client, client.cluster:
        yield client


@pytest.fixture
def on_dask(client):
    with joblib.parallel_config("dask"):
        yield


def divide(shared, number, divisor=1):
    """Length of the shared bytes, and a quotient."""
    return len(shared), number // divisor


class TestDask:
    def test_every_task_is_computed_once(self, on_dask):
        found = compute_unordered(divide, ((i,) for i in range(20)), 2, b"abc")
        assert sorted(found) == [(3, i) for i in range(20)]

    def test_tasks_are_read_as_workers_become_free(self, on_dask):
        read = []
        tasks = ((i,) for i in range(20) if not read.append(i))
        found = compute_unordered(divide, tasks, 2, b"")
        next(found)
        assert len(read) <= 5
        found.close()

    def test_many_bytes(self, on_dask):
        (found,) = compute_unordered(divide, [(1,)], 2, bytes(20_000_000))
        assert found == (20_000_000, 1)

    def test_an_error_ends_the_run(self, on_dask, client):
        with pytest.raises(ZeroDivisionError):
            list(compute_unordered(divide, ((i, i) for i in range(8)), 2, b""))
        assert list(compute_unordered(divide, [(4, 2)], 2, b"")) == [(0, 2)]

    def test_a_cluster_without_workers(self, make_cluster, monkeypatch):
        monkeypatch.setattr(worker_processes, "_RESTART_SECONDS", 0.0)
        monkeypatch.setattr(worker_processes, "_LOOK_SECONDS", 0.05)
        with make_cluster(0) as client, client.cluster, joblib.parallel_config("dask"):
            tasks = compute_unordered(divide, [(1,)], 1, b"")
            with pytest.raises(LostWorkersError, match=r"no worker for 0 s.* start workers"):
                next(tasks)
            with pytest.raises(LostWorkersError, match=r"no worker for 0 s.* start workers"):
                count_workers(None)

    def test_a_cluster_that_starts_is_waited_for(self, on_dask, client, monkeypatch):
        monkeypatch.setattr(worker_processes, "_LOOK_SECONDS", 0.0)
        answers = [{}, {}, {"a": 2, "b": 1}, {"a": 2, "b": 1}]
        monkeypatch.setattr(client, "ncores", lambda: answers.pop(0))
        assert count_workers(None) == 3
        assert answers == []
