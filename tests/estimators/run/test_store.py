"""Stores of finished rows: damage, other runs with the same output, full disks."""

import contextlib
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import fresh_process
import numpy as np
import pytest
import warm_process
from astropy import units as u
from astropy.table import QTable, vstack
from toy_backends import Linear, Malformed, Marking

from dustest import CNNEstimator, MeurerEstimator
from dustest.data import (
    DustestError,
    DustestWarning,
    DustTable,
    InputError,
    ReadError,
    WriteError,
)
from dustest.estimators.run.files import locked_database
from dustest.estimators.run.files.row_records import RowLayout
from dustest.estimators.run.store import open_store, store_path
from dustest.estimators.run.summary import Rows
from dustest.io import load_demo

N_ROWS = 12
ROWS_AT_ONCE = Linear.rows_at_once


def galaxies(flux):
    flux = np.asarray(flux, dtype=float)
    return QTable({"flux_F277W": flux * u.nJy, "flux_err_F277W": np.ones(len(flux)) * u.nJy})


def assert_same(found, expected):
    assert found.colnames == expected.colnames
    for name in expected.colnames:
        assert np.asarray(found[name]).tobytes() == np.asarray(expected[name]).tobytes()


@pytest.fixture
def kept(tmp_path):
    """A finished run: output, estimator, galaxies and result."""
    output, sample = tmp_path / "o.ecsv", galaxies(np.arange(N_ROWS))
    estimator = Marking(str(tmp_path / "marks"), random_state=230201)
    return output, estimator, sample, estimator.estimate(sample, output=output)


def change_records(store, change):
    """Change the records of every stored batch."""
    with closing(sqlite3.connect(store)) as connection, connection:
        found = connection.execute("SELECT id, records FROM batch").fetchall()
        for number, records in found:
            connection.execute(
                "UPDATE batch SET records = ? WHERE id = ?", (change(number, records), number)
            )


def flipped(content, place, bit=1):
    changed = bytearray(content)
    changed[place] ^= bit
    return bytes(changed)


def again(kept, match):
    """Number of galaxies that are computed again, with the right result and a warning."""
    output, estimator, sample, expected = kept
    estimator.forget()
    with pytest.warns(DustestWarning, match=match):
        assert_same(estimator.estimate(sample, output=output, resume=True), expected)
    n_computed = len(estimator.computed())
    # The store is whole again.
    assert_same(estimator.estimate(sample, output=output, resume=True), expected)
    assert len(estimator.computed()) == n_computed
    return n_computed


class TestRows:
    @pytest.mark.parametrize("place", [0, 21, 30, 60, -1])
    def test_one_changed_bit(self, kept, place):
        store = store_path(kept[0])
        change_records(store, lambda n, old: flipped(old, place) if n == 2 else old)
        assert again(kept, r"^1 row of the earlier run in o\.ecsv\.sqlite cannot be used") == 1

    def test_a_truncated_batch(self, kept):
        change_records(store_path(kept[0]), lambda n, old: old[:-30] if n == 1 else old)
        assert again(kept, "^1 row of") == 1

    def test_every_row(self, kept):
        change_records(store_path(kept[0]), lambda n, old: bytes(len(old)))
        assert again(kept, f"^{N_ROWS} rows of") == N_ROWS

    @pytest.mark.parametrize("value", [7, None, "text", b"", b"1234[[]]"])
    def test_a_damaged_layout(self, kept, value):
        with closing(sqlite3.connect(store_path(kept[0]))) as connection, connection:
            connection.execute("UPDATE batch SET layout = ifnull(?, 1.5) WHERE id = 3", (value,))
        assert again(kept, "^1 batch of rows of") == ROWS_AT_ONCE

    def test_a_damaged_seed(self, tmp_path):
        output, sample = tmp_path / "o.ecsv", galaxies([1, 2])
        first = Linear().estimate(sample, output=output)
        with closing(sqlite3.connect(store_path(output))) as connection, connection:
            connection.execute("UPDATE run SET value = '1' || value")
        with pytest.warns(DustestWarning, match="the seed of the earlier run .* is damaged"):
            second = Linear().estimate(sample, output=output, resume=True)
        assert second.meta["random_seed"] != first.meta["random_seed"]
        third = Linear().estimate(sample, output=output, resume=True)
        assert_same(third, second)

    def test_types_and_shapes_are_kept(self, tmp_path):
        rows = Rows(
            {"A_V": np.array([[0.1, np.nan], [np.inf, -0.0]])},
            np.array([3, 1 << 30], np.int32),
            {
                "word": np.array(["é", "longer"]),
                "none": np.empty((2, 0)),
                "many": np.arange(12, dtype=np.float32).reshape(2, 3, 2),
                "yes": np.array([True, False]),
                "large": np.array([2**63 - 1, -1]),
                "big endian": np.array([1.5, 2.5], ">f8"),
            },
        )
        keys = np.arange(40, dtype=np.uint8).reshape(2, 20)
        with open_store(tmp_path / "o.fits", resume=False) as store:
            store.put(keys, rows)
            ((positions, found),) = store.find(keys[[1, 0, 1]])
        assert sorted(positions.tolist()) == [0, 1, 2]
        for kind in ("values", "extra"):
            for name, values in getattr(rows, kind).items():
                back = getattr(found, kind)[name]
                assert back.dtype == values.dtype
                assert back.shape[1:] == values.shape[1:]
        number = {0: 1, 1: 0, 2: 1}
        for i, position in enumerate(positions):
            assert found.flags[i] == rows.flags[number[position]]
            assert found.extra["word"][i] == rows.extra["word"][number[position]]

    def test_every_batch_is_read_once(self, kept, monkeypatch):
        output, estimator, sample, expected = kept
        calls = []
        intact = RowLayout.intact
        monkeypatch.setattr(RowLayout, "intact", lambda *args: calls.append(1) or intact(*args))
        order = np.random.default_rng(230202).permutation(N_ROWS)
        found = estimator.estimate(sample[order], output=output, resume=True)
        assert len(calls) == N_ROWS // ROWS_AT_ONCE
        assert np.asarray(found["A_V"]).tolist() == np.asarray(expected["A_V"])[order].tolist()

    def test_equal_galaxies_share_a_row(self, tmp_path):
        output, sample = tmp_path / "o.ecsv", galaxies([1, 2, 1, 1])
        first = Linear(random_state=1).estimate(sample, output=output)
        assert_same(Linear(random_state=1).estimate(sample, output=output, resume=True), first)

    def test_rows_that_failed_are_tried_again(self, kept):
        output, estimator, sample, _ = kept
        estimator.forget()
        failing = Marking(estimator.marks, fails=(3.0, 7.0), random_state=230201)
        with pytest.warns(match=r"had params.fails \[\] instead of \[3.0, 7.0\]"):
            first = failing.estimate(sample, output=output, resume=True)
        assert [i for i in range(N_ROWS) if "FAILED" in first.flag_names[i]] == [3, 7]
        estimator.forget()
        failing.estimate(sample, output=output, resume=True)
        assert estimator.computed() == [3.0, 7.0]


@pytest.mark.parametrize(
    "estimator",
    [MeurerEstimator(), CNNEstimator.from_pretrained("nircam-1band")],
    ids=lambda one: type(one).__name__,
)
def test_a_resumed_run_has_the_same_bytes(estimator, tmp_path):
    sample, output = load_demo()[0][:90], tmp_path / "o.fits"
    estimator.estimate(sample, output=tmp_path / "whole.fits")
    estimator.estimate(sample[10:47], output=output)
    estimator.estimate(sample, output=output, resume=True)
    assert output.read_bytes() == (tmp_path / "whole.fits").read_bytes()


class TestFile:
    def test_unreadable_pages(self, tmp_path):
        output, sample = tmp_path / "o.ecsv", galaxies(np.arange(300))
        estimator = Marking(str(tmp_path / "marks"), random_state=230203)
        expected = estimator.estimate(sample, output=output)
        store = store_path(output)
        content = bytearray(store.read_bytes())
        page = int.from_bytes(content[16:18], "big")
        content[4 * page : 4 * page + 100] = b"\xff" * 100
        store.write_bytes(content)
        n_again = again((output, estimator, sample, expected), "batch(es)? of rows")
        assert 0 < n_again < 300

    @pytest.mark.parametrize("n_bytes", [10, 5_000, 30_000])
    def test_a_truncated_file(self, kept, n_bytes):
        output, estimator, sample, _ = kept
        store = store_path(output)
        store.write_bytes(store.read_bytes()[:n_bytes])
        with pytest.raises(ReadError, match=r"o\.ecsv\.sqlite.* remove the file if it is damaged"):
            estimator.estimate(sample, output=output, resume=True)

    @pytest.mark.filterwarnings("ignore::dustest.data.DustestWarning")
    @pytest.mark.parametrize("seed", range(230210, 230214))
    def test_changed_bits_never_change_a_result(self, kept, seed):
        output, estimator, sample, expected = kept
        store, rng = store_path(output), np.random.default_rng(seed)
        content = store.read_bytes()
        used = np.flatnonzero(np.frombuffer(content, np.uint8))
        for place in rng.choice(used, 10):
            store.write_bytes(flipped(content, place, 1 << rng.integers(8)))
            with contextlib.suppress(ReadError, InputError):
                assert_same(estimator.estimate(sample, output=output, resume=True), expected)

    def test_triggers_are_those_of_others(self, kept):
        with closing(sqlite3.connect(store_path(kept[0]))) as connection, connection:
            connection.execute("CREATE TRIGGER t AFTER INSERT ON batch BEGIN DELETE FROM run; END")
        with pytest.raises(InputError, match="a database of others"):
            kept[1].estimate(kept[2], output=kept[0], resume=True)

    def test_rows_of_earlier_schemas_are_removed(self, tmp_path):
        output = tmp_path / "o.ecsv"
        with closing(sqlite3.connect(store_path(output))) as connection, connection:
            connection.execute("CREATE TABLE result (key BLOB PRIMARY KEY, payload TEXT)")
            connection.execute("CREATE TABLE run (name TEXT PRIMARY KEY, value TEXT)")
            connection.execute("INSERT INTO result VALUES (?, ?)", (b"key", "{}"))
            connection.execute("INSERT INTO run VALUES ('seed', '5')")
        with pytest.raises(InputError, match="holds results already"):
            Linear().estimate(galaxies([1]), output=output)
        assert len(Linear().estimate(galaxies([1]), output=output, resume=True)) == 1
        assert store_path(output).stat().st_size < 100_000


def outcome_of_run(output, resume):
    """Estimate some galaxies; returns the error as text, None without one."""
    try:
        Linear(random_state=240102).estimate(
            galaxies(np.arange(60)), output=output, resume=resume, progress=False
        )
    except DustestError as error:
        return f"{type(error).__name__}: {error}"
    return None


def assert_right(output):
    """The file is complete and right, and nothing else is beside it."""
    expected = Linear(random_state=240102).estimate(galaxies(np.arange(60)))
    assert_same(DustTable.read(output), expected)
    assert sorted(one.name for one in output.parent.iterdir()) == [
        output.name,
        output.name + ".sqlite",
    ]


def assert_one_result(found, output):
    """One run made the result, and the others say why they did not."""
    errors = [one for one in found if one is not None]
    assert len(errors) == len(found) - 1
    for error in errors:
        assert re.match("WriteError: another run has|InputError: output .* holds results", error)
    assert_right(output)


def hold(output):
    """Say that the output is in use, and keep it until the end of the process."""
    with open_store(output, resume=True):
        print("ready", flush=True)  # noqa: T201
        time.sleep(600)


class TestOtherRuns:
    def test_are_named_at_once_without_resume(self, tmp_path):
        output = tmp_path / "o.ecsv"
        with (
            open_store(output, resume=False),
            pytest.raises(WriteError, match=r"another run has .*o\.ecsv\.sqlite' open: choose"),
        ):
            Linear().estimate(galaxies([1]), output=output)

    def test_are_waited_for(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(locked_database, "_PATIENCE", 0.3)
        monkeypatch.setattr(locked_database, "_QUIET", 0.1)
        output = tmp_path / "o.ecsv"
        with (
            open_store(output, resume=True),
            pytest.raises(WriteError, match=r"open, for 0 s already: choose another output"),
        ):
            Linear().estimate(galaxies([1]), output=output, resume=True, progress=True)
        assert "waiting for another run, which has o.ecsv.sqlite open" in capsys.readouterr().err

    @pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
    def test_a_killed_process_gives_up_the_store(self, tmp_path):
        output = tmp_path / "o.ecsv"
        with fresh_process.start(hold, output) as other:
            try:
                other.stdout.readline()
                with pytest.raises(WriteError, match="another run has"):
                    Linear().estimate(galaxies([1]), output=output)
            finally:
                other.kill()
        assert len(Linear().estimate(galaxies([1]), output=output)) == 1

    def test_ten_threads_with_one_output(self, tmp_path):
        output, sample = tmp_path / "o.fits", galaxies(np.arange(20))
        estimator = Marking(str(tmp_path / "marks"), random_state=230204)
        found = []

        def estimate():
            found.append(estimator.estimate(sample, output=output, resume=True))

        threads = [threading.Thread(target=estimate) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 10
        assert len(estimator.computed()) == 20
        for table in (*found, DustTable.read(output)):
            np.testing.assert_array_equal(table["A_V"], found[0]["A_V"])
        assert sorted(one.name for one in tmp_path.iterdir()) == [
            "marks", "o.fits", "o.fits.sqlite",
        ]  # fmt: skip

    def test_ten_threads_without_resume(self, tmp_path):
        """One run writes the result; the others raise an error at once, or after its end."""
        output = tmp_path / "o.fits"
        with ThreadPoolExecutor(10) as pool:
            found = list(pool.map(outcome_of_run, [output] * 10, [False] * 10))
        assert_one_result(found, output)

    @pytest.mark.parametrize("resume", [True, False])
    def test_two_processes(self, tmp_path, resume):
        output = tmp_path / "o.fits"
        with ThreadPoolExecutor(2) as pool:
            runs = [
                pool.submit(warm_process.call, outcome_of_run, output, resume) for _ in range(2)
            ]
        found = [run.result() for run in runs]
        if resume:
            assert found == [None, None]
            assert_right(output)
        else:
            assert_one_result(found, output)

    def test_a_store_that_the_other_run_removes(self, tmp_path):
        output, found = tmp_path / "o.ecsv", []

        def estimate():
            found.append(Linear().estimate(galaxies([1]), output=output, resume=True))

        thread = threading.Thread(target=estimate)
        with (
            contextlib.suppress(InputError),
            open_store(output, resume=False),
        ):
            thread.start()
            time.sleep(0.3)
            Malformed()._estimate([])
            msg = "ends without a row"
            raise InputError(msg)
        thread.join()
        assert len(found[0]) == 1
        assert store_path(output).exists()


def estimate_on_small_disks(folder, limits):
    """Errors of runs whose files can have a number of bytes, by this number."""
    found = {}
    for limit in limits:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            Linear(random_state=230205).estimate(
                galaxies(np.arange(200)), output=folder / f"{limit}.fits"
            )
        except OSError as error:
            found[limit] = (type(error).__name__, str(error))
    return found


class TestFullDisk:
    """A limit of the size of files has the same effect on every write as a full disk."""

    limits = (20_000, 60_000, 150_000)

    def test_the_run_resumes_with_more_room(self, tmp_path):
        found = warm_process.call(estimate_on_small_disks, tmp_path, self.limits)
        expected = Linear(random_state=230205).estimate(galaxies(np.arange(200)))
        for limit in self.limits:
            kind, message = found[limit]
            assert kind == "WriteError"
            assert "make room on the disk and pass resume=True" in message
            output = tmp_path / f"{limit}.fits"
            assert not output.exists()
            table = Linear(random_state=230205).estimate(
                galaxies(np.arange(200)), output=output, resume=True
            )
            assert_same(table, expected)
        assert len(list(tmp_path.iterdir())) == 2 * len(self.limits)


def estimate_on_a_disk_of_2_mb(folder):
    """Error of a run on a full disk, whether there is an output, and the table with more room."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)
    output = folder / "o.fits"
    sample = load_demo()[0][["redshift", *PHOTOMETRY]]
    sample = vstack([sample] * 100, metadata_conflicts="silent")
    for band in PHOTOMETRY[::2]:
        sample[band] = sample[band] * np.linspace(1.0, 1.1, len(sample))
    try:
        MeurerEstimator().estimate(sample, output=output)
    except WriteError as error:
        found = str(error)
    is_there = output.exists()
    subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
    resumed = MeurerEstimator().estimate(sample, output=output, resume=True)
    whole = MeurerEstimator().estimate(sample)
    return found, is_there, resumed, whole, DustTable.read(output)


PHOTOMETRY = [f"flux_{kind}{band}" for band in ("F115W", "F150W") for kind in ("", "err_")]


@pytest.mark.slow
def test_a_disk_of_2_mb(tmp_path, monkeypatch):
    """A file system of 2 MB, in a space of mounts of its own."""
    if os.name != "posix" or shutil.which("unshare") is None or os.geteuid():
        pytest.skip("needs the rights to mount a file system")
    if subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("no space of mounts of its own can be made")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec unshare -m "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    (tmp_path / "disk").mkdir()
    message, is_there, *tables = fresh_process.call(estimate_on_a_disk_of_2_mb, tmp_path / "disk")
    assert re.search(r"o\.fits.* (is full|No space left).*: make room on the disk", message)
    assert not is_there
    for table in tables[1:]:
        assert_same(table, tables[0])


def errors_without_rights():
    """Errors of runs whose folder may not be written to, and whose store may only be read."""
    sample, other_user = galaxies([1]), 65534
    with tempfile.TemporaryDirectory() as name:
        folder, errors = Path(name), []
        Linear(random_state=1).estimate(sample, output=folder / "kept.fits")
        store_path(folder / "kept.fits").chmod(0o444)
        if os.geteuid() == 0:
            for path in (folder, *folder.iterdir()):
                os.chown(path, other_user, other_user)
            os.setresuid(other_user, other_user, 0)
        for output, mode in (("kept.fits", 0o755), ("kept.fits", 0o555), ("new.fits", 0o555)):
            folder.chmod(mode)
            try:
                Linear(random_state=1).estimate(sample, output=folder / output, resume=True)
            except DustestError as error:
                errors.append(f"{type(error).__name__}: {error}")
            else:
                errors.append("")
        names = sorted(one.name for one in folder.iterdir())
        folder.chmod(0o755)
        if os.getuid() == other_user:
            os.setresuid(0, 0, 0)
    return errors, names


def test_folders_and_stores_that_may_not_be_written():
    (read, *closed), names = fresh_process.call(errors_without_rights)
    assert re.match(r"WriteError: .*kept\.fits\.sqlite' may not be written to: change", read)
    for error in closed:
        assert re.match("InputError: output must be in a folder that can be written to", error)
    assert names == ["kept.fits", "kept.fits.sqlite"]


class TestKilledWriters:
    """Temporary files that a killed process left."""

    def test_the_next_run_removes_them(self, tmp_path):
        (tmp_path / ".o.12.34.partial.fits").touch()
        (tmp_path / ".o.fits.12.34.partial.sqlite").touch()
        Linear().estimate(galaxies([1]), output=tmp_path / "o.fits", resume=True)
        assert sorted(one.name for one in tmp_path.iterdir()) == ["o.fits", "o.fits.sqlite"]

    def test_not_those_of_a_run_that_holds_the_output(self, tmp_path):
        partial = tmp_path / ".o.12.34.partial.fits"
        with open_store(tmp_path / "o.fits", resume=True):
            partial.touch()
            with pytest.raises(WriteError, match="another run has"):
                Linear().estimate(galaxies([1]), output=tmp_path / "o.fits")
            assert partial.exists()


class TestParts:
    def test_each_part_reads_the_batches_with_its_rows(self, tmp_path, monkeypatch):
        keys = np.random.default_rng(230470).integers(0, 256, (30, 20)).astype(np.uint8)
        rows = Rows({"A_V": np.arange(30.0)[:, np.newaxis]}, np.zeros(30, dtype=np.int32))
        with open_store(tmp_path / "o.fits", resume=False) as store:
            for start in range(0, 30, 5):
                store.put(keys[start : start + 5], rows[slice(start, start + 5)])
        read = []
        layout = RowLayout.rows
        monkeypatch.setattr(RowLayout, "rows", lambda *args: read.append(1) or layout(*args))
        with open_store(tmp_path / "o.fits", resume=True) as store:
            for start in range(0, 30, 10):
                found = list(store.find(keys[start : start + 10][::-1]))
                values = np.concatenate([part.values["A_V"][:, 0] for _, part in found])
                places = np.concatenate([positions for positions, _ in found])
                assert sorted(values) == list(range(start, start + 10))
                np.testing.assert_array_equal(values, start + 9 - places)
            store.put(keys[:5], rows[slice(0, 5)])
            assert len(list(store.find(keys[:5]))) == 1
        assert len(read) == 7
