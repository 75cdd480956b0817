"""Tests of simulations on disc: the same bytes, whatever happened while they were written."""

import hashlib
import json
import os
import time
import tracemalloc
from tempfile import TemporaryDirectory

import fresh_process
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib.externals.loky import get_reusable_executor
from toy_simulation import Toy, write_with_kills

from dustest.data import (
    DustestError,
    GalaxySample,
    InputError,
    ReadError,
    RowTable,
    as_sample,
    as_truth,
)
from dustest.simulate._chunks import Chunk, split_rows
from dustest.simulate.stream import _claim, read_simulation, shared_folder, write_chunks

MANIFEST = {"seed": 1, "parameters": {"bands": ["F277W"], "redshift": [6, 9]}}


def write(path, n=10, make=None, chunk_rows=4, manifest=MANIFEST, **options):
    make = Toy() if make is None else make
    return write_chunks(make, n, path, manifest=manifest, chunk_rows=chunk_rows, **options)


def contents(folder):
    """Bytes of every file by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def made(log):
    """First rows of the chunks that were made, in order."""
    return [int(word) for word in (log / "made").read_text().split()]


def assert_same(table, expected):
    """Same columns, types, units and values; images in single precision."""
    assert table.colnames == expected.colnames
    assert table.meta == expected.meta
    for name in table.colnames:
        values, wanted = table[name], expected[name]
        if name in ("cutout_F277W", "cutout_err_F277W"):
            wanted = wanted.astype(np.float32)
        assert values.dtype == wanted.dtype
        assert values.unit == wanted.unit
        np.testing.assert_array_equal(values, wanted)


@pytest.fixture(autouse=True, scope="module")
def fresh_workers():
    """Worker processes that ran nothing of other modules.

    In one run of the whole suite, workers that other tests had used wrote other bytes. The cause
    is not found.
    """
    get_reusable_executor().shutdown(wait=True)


@pytest.fixture
def log(tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


@pytest.fixture
def clean(tmp_path):
    """A set written in one go."""
    write(tmp_path / "clean")
    return tmp_path / "clean"


class TestWriting:
    def test_layout(self, clean):
        names = [f"{kind}_0000{i}" for kind in ("chunk", "sample", "truth") for i in range(3)]
        assert sorted(path.stem for path in clean.iterdir()) == sorted([*names, "simulation"])
        header = json.loads((clean / "simulation.json").read_text())
        assert header.pop("sha256")
        assert header == {"layout": 1, "manifest": MANIFEST, "n": 10, "chunk_rows": 4}

    def test_tables_are_readable_without_dustest(self, clean):
        with fits.open(clean / "sample_00001.fits") as file:
            assert file[1].data["cutout_F277W"].shape == (4, 4, 4)
            assert file[1].data["id"][0] == "toy-00004"

    def test_no_file_tells_when_it_was_written(self, clean):
        for path in clean.glob("*.fits"):
            with fits.open(path) as file:
                assert not any("DATE" in key for hdu in file for key in hdu.header)

    def test_workers_write_the_same_bytes(self, clean, tmp_path):
        write(tmp_path / "two", n_jobs=2)
        assert contents(tmp_path / "two") == contents(clean)

    def test_a_worker_keeps_the_maker(self, tmp_path, log):
        write(tmp_path / "set", 20, Toy(log=str(log)), chunk_rows=2, n_jobs=2)
        assert sorted(made(log)) == list(range(0, 20, 2))
        unpickled = (log / "unpickled").read_text().split()
        assert len(unpickled) == len(set(unpickled)) <= 2

    def test_what_the_maker_remembers_changes_nothing(self, clean, tmp_path):
        make = Toy()
        make.remembered = 1.0
        write(tmp_path / "set", make=make)
        assert contents(tmp_path / "set") == contents(clean)

    def test_sample_of_the_caller_stays_as_it_is(self, tmp_path):
        sample, truth = Toy()(0, 3)
        split_rows(tmp_path, 3, 3)[0].write(sample, truth)
        assert sample["cutout_F277W"].dtype == np.float64

    def test_progress(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr("dustest.data.progress._QUIET_SECONDS", 0)
        write(tmp_path / "set", 4)
        write(tmp_path / "set", 10, progress=True)
        error = capsys.readouterr().err
        assert "4/10" in error
        assert "10/10" in error


class TestReading:
    @settings(max_examples=10)
    @given(n=st.integers(1, 11), chunk_rows=st.integers(1, 6), data=st.data())
    def test_what_is_read_is_what_was_made(self, n, chunk_rows, data):
        start = data.draw(st.integers(0, n - 1))
        stop = data.draw(st.integers(start + 1, n))
        with TemporaryDirectory() as folder:
            simulated = write(folder, n, chunk_rows=chunk_rows)
            assert len(simulated) == n
            for got, expected in zip(simulated.read(start, stop), Toy()(start, stop), strict=True):
                assert_same(got, expected)

    def test_types(self, clean):
        sample, truth = read_simulation(str(clean)).read()
        assert type(sample) is GalaxySample
        assert type(truth) is RowTable
        assert sample["cutout_F277W"].dtype == np.float32
        assert sample["spectrum_flux"].dtype == np.float64

    def test_chunk_by_chunk(self, clean):
        chunks = list(read_simulation(clean))
        assert [len(sample) for sample, _ in chunks] == [4, 4, 2]
        for (sample, truth), start in zip(chunks, (0, 4, 8), strict=True):
            expected = Toy()(start, start + len(sample))
            assert_same(sample, expected[0])
            assert_same(truth, expected[1])

    def test_truth_alone(self, clean):
        for path in clean.glob("sample_*"):
            path.unlink()
        assert_same(read_simulation(clean).truth(), Toy()(0, 10)[1])

    def test_manifest(self, clean):
        assert read_simulation(clean).manifest == MANIFEST

    @pytest.mark.parametrize(
        ("start", "stop"), [(-1, None), (3, 3), (0, 11), (10, None), (0.5, 2), (0, "all")]
    )
    def test_rows_that_are_not_there(self, clean, start, stop):
        with pytest.raises(InputError, match=r"start|stop"):
            read_simulation(clean).read(start, stop)

    def test_no_simulation(self, tmp_path):
        with pytest.raises(ReadError, match=r"without simulation\.json"):
            read_simulation(tmp_path)

    def test_a_set_that_is_not_complete(self, clean):
        (clean / "chunk_00001.json").unlink()
        with pytest.raises(ReadError, match="4 of 10 rows are missing"):
            read_simulation(clean)

    @pytest.mark.parametrize("text", ["", "[]", '{"layout": 1', '{"layout": 1, "n": 3}'])
    def test_a_damaged_description(self, clean, text):
        (clean / "simulation.json").write_text(text)
        with pytest.raises(ReadError, match=r"simulation\.json"):
            read_simulation(clean)

    @pytest.mark.parametrize("digest", [True, False])
    @pytest.mark.parametrize(
        "change",
        [
            *({"n": value} for value in ("x", 0, -1, 8, 2.0, None, True, 10**9)),
            *({"chunk_rows": value} for value in (0, -1, None, [1])),
            {"n": 10**12, "chunk_rows": 1},
            {"manifest": []},
        ],
    )
    def test_changed_values(self, clean, change, digest):
        """With the digest of the description, and without, as version 0.1 wrote it."""
        header = json.loads((clean / "simulation.json").read_text())
        if not digest:
            del header["sha256"]
        (clean / "simulation.json").write_text(json.dumps(header | change))
        if change == {"n": 8} and not digest:  # two whole chunks, which may be a smaller set
            assert len(read_simulation(clean).truth()) == 8
            return
        with pytest.raises(ReadError, match=r"damaged|not complete"):
            read_simulation(clean)

    def test_nested_description(self, clean):
        (clean / "simulation.json").write_text("[" * 10**5)
        with pytest.raises(ReadError, match=r"simulation\.json"):
            read_simulation(clean)

    def test_tables_that_claim_too_much(self, clean):
        """The digest of a forged table may be right."""
        path = clean / "truth_00000.fits"
        content = path.read_bytes().replace(
            b"NAXIS2  =                    4", b"NAXIS2  =           4000000000"
        )
        path.write_bytes(content)
        marker = json.loads((clean / "chunk_00000.json").read_text())
        marker["sha256"]["truth"] = hashlib.sha256(content).hexdigest()
        (clean / "chunk_00000.json").write_text(json.dumps(marker))
        with pytest.raises(ReadError, match="truncated or damaged"):
            read_simulation(clean).truth()

    def test_another_layout(self, clean):
        header = json.loads((clean / "simulation.json").read_text())
        (clean / "simulation.json").write_text(json.dumps(header | {"layout": 2}))
        with pytest.raises(ReadError, match="another version of dustest"):
            write(clean)


class TestMemory:
    def test_flat_while_writing_and_reading(self, tmp_path):
        n, chunk_rows, size = 240, 20, 32
        peaks = []
        tracemalloc.start()
        try:
            simulated = write(tmp_path / "set", n, Toy(size=size), chunk_rows)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.reset_peak()
            n_read = sum(len(sample) for sample, _ in simulated)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        on_disc = sum(path.stat().st_size for path in (tmp_path / "set").iterdir())
        assert n_read == n
        assert max(peaks) < 0.7 * on_disc
        # A few copies of a chunk, and the objects of astropy.
        assert max(peaks) < 10 * on_disc * chunk_rows / n + 1e6


class TestResuming:
    def test_nothing_is_made_twice(self, tmp_path, log):
        for _ in range(2):
            write(tmp_path / "set", make=Toy(log=str(log)))
        assert made(log) == [0, 4, 8]

    @settings(max_examples=10)
    @given(n=st.lists(st.integers(1, 11), min_size=2, max_size=3), chunk_rows=st.integers(1, 6))
    def test_more_rows(self, n, chunk_rows):
        with TemporaryDirectory() as grown, TemporaryDirectory() as whole:
            for n_rows in sorted(n):
                simulated = write(grown, n_rows, chunk_rows=chunk_rows)
            expected = write(whole, max(n), chunk_rows=chunk_rows)
            assert contents(simulated.path) == contents(expected.path)

    def test_only_the_new_rows_and_the_last_chunk_are_made(self, tmp_path, log):
        write(tmp_path / "set", 10)
        write(tmp_path / "set", 14, Toy(log=str(log)))
        assert made(log) == [8, 12]

    @pytest.mark.parametrize("kind", ["sample", "truth"])
    @pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
    def test_a_damaged_table_is_made_again(self, clean, log, kind, damage):
        before = contents(clean)
        path = clean / f"{kind}_00001.fits"
        payload = bytearray(path.read_bytes())
        payload[-3000] ^= 1
        damaged = {"cut": payload[:2880], "changed": payload}
        path.write_bytes(damaged[damage]) if damage in damaged else path.unlink()
        with pytest.raises(ReadError, match=rf"{kind}_00001\.fits.* run the same simulation"):
            read_simulation(clean).read(3, 5)
        write(clean, make=Toy(log=str(log)))
        assert made(log) == [4]
        assert contents(clean) == before

    @pytest.mark.parametrize("text", [None, "", '{"rows": [4', "[]", '{"rows": [4, 7]}'])
    def test_a_damaged_marker(self, clean, log, text):
        before = contents(clean)
        marker = clean / "chunk_00001.json"
        marker.unlink() if text is None else marker.write_text(text)
        write(clean, make=Toy(log=str(log)))
        assert made(log) == [4]
        assert contents(clean) == before

    def test_litter_of_a_killed_run_is_swept(self, clean):
        before = contents(clean)
        (clean / ".sample_00001.4711.partial.fits").write_bytes(b"half")
        write(clean)
        assert contents(clean) == before

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs locks of files")
    def test_one_of_runs_that_begin_at_once_writes(self, tmp_path, clean):
        """The others are refused, and do not delete or replace what it writes."""
        folder = tmp_path / "set"

        class Another(Toy):
            def __call__(self, start, stop):
                with pytest.raises(InputError, match="another process simulates galaxies into"):
                    write(folder)
                return super().__call__(start, stop)

        write(folder, make=Another())
        assert contents(folder) == contents(clean)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs locks of files")
    def test_complete_sets_are_read_by_many_at_once(self, clean):
        with _claim(clean):
            assert len(write(clean)) == 10

    def test_a_run_that_was_killed_before_its_first_file(self, clean, tmp_path):
        folder = tmp_path / "set"
        folder.mkdir()
        (folder / ".simulation.4711.partial.json").write_text("{")
        write(folder)
        assert contents(folder) == contents(clean)

    def test_the_shared_folder_is_new_and_removed(self, clean, tmp_path):
        folder = tmp_path / "set"
        shared = shared_folder(folder)
        shared.mkdir(parents=True)
        (shared / "of_a_killed_run").touch()

        def make(start, stop):
            assert [path.name for path in shared.iterdir()] == ["0"] * (start > 0)
            (shared / "0").touch()
            return Toy()(start, stop)

        write(folder, make=make, shared=shared)
        assert contents(folder) == contents(clean)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and kill -9")
    @pytest.mark.parametrize(
        ("kills", "n_jobs"),
        [
            (5, 1),
            pytest.param(30, 1, marks=pytest.mark.slow),
            pytest.param(5, 2, marks=pytest.mark.slow),
        ],
    )
    def test_kills(self, tmp_path, log, kills, n_jobs):
        folder, n = tmp_path / "set", 40 * kills
        moments = np.random.default_rng(0).uniform(0.05, 0.45, kills)
        make = Toy(log=str(log), delay=0.01)
        options = {"manifest": MANIFEST, "chunk_rows": 2, "n_jobs": n_jobs}
        fresh_process.call(write_with_kills, moments, n_jobs - 1, make, n, folder, **options)
        write(tmp_path / "clean", n, chunk_rows=2)
        assert contents(folder) == contents(tmp_path / "clean")
        # A kill costs at most the chunk that was being made; of workers, what they were handed.
        lost = 1 if n_jobs == 1 else 2 * n_jobs
        assert 0 <= len(made(log)) - n // 2 <= kills * lost

    @pytest.mark.slow
    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs kill -9")
    def test_workers_leave_with_a_killed_run(self, tmp_path, log):
        make = Toy(log=str(log), delay=30)
        options = {"manifest": MANIFEST, "chunk_rows": 2, "n_jobs": 2}
        with fresh_process.start(write_chunks, make, 8, tmp_path / "set", **options) as run:
            # In the run itself and in two workers.
            unpickled = log / "unpickled"
            wait_until(lambda: unpickled.exists() and len(unpickled.read_text().split()) == 3)
            run.kill()
        processes = [int(pid) for pid in unpickled.read_text().split()]
        wait_until(lambda: not any(map(is_running, processes)))


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"manifest": MANIFEST | {"seed": 2}}, "seed 1 instead of 2"),
            ({"manifest": {"parameters": MANIFEST["parameters"]}}, "seed 1 instead of absent"),
            ({"manifest": {"seed": 1, "parameters": {}}}, "parameters.bands .* absent"),
            ({"manifest": dict.fromkeys("abcde", 1)}, "and 4 more"),
            ({"chunk_rows": 5}, "chunk_rows 4 instead of 5"),
            ({"n": 9}, "n must be at least 10"),
            ({"n": 0}, "n must be a whole number"),
            ({"chunk_rows": 0}, "chunk_rows must be a whole number"),
            ({"manifest": {"seed": np.random.default_rng}}, "what JSON can write"),
            ({"manifest": {"redshift": np.nan}}, "what JSON can write"),
            ({"manifest": None}, "manifest must be a dict"),
            (
                {"manifest": MANIFEST | {"seed": ["law"] * 99}},
                r'1 instead of \["law", .*\.\.\.; ch',
            ),
            ({"n_jobs": 0}, "n_jobs must be a number of processes"),
            ({"n_jobs": "two"}, "n_jobs must be a number of processes"),
        ],
    )
    def test_another_simulation(self, clean, change, reason):
        before = contents(clean)
        with pytest.raises(InputError, match=reason):
            write(clean, **change)
        assert contents(clean) == before

    @pytest.mark.parametrize("path", [None, 3, ""])
    def test_no_path(self, path):
        for use in (write, read_simulation):
            with pytest.raises(InputError, match="path must be the path of a folder"):
                use(path)

    def test_tuples_are_lists(self, clean):
        parameters = {"bands": ("F277W",), "redshift": (6, 9)}
        assert len(write(clean, manifest={"seed": 1, "parameters": parameters})) == 10

    def test_parameters_within_json_text(self, tmp_path):
        manifests = [{"params": json.dumps({"size": size, "name": "{x"})} for size in (32, 64)]
        write(tmp_path, manifest=manifests[0])
        with pytest.raises(InputError, match=r"with params.size 32 instead of 64; choose"):
            write(tmp_path, manifest=manifests[1])

    def test_a_folder_of_other_things(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("dust")
        with pytest.raises(InputError, match=r"'thesis.tex' and no simulation\.json"):
            write(tmp_path)
        assert contents(tmp_path) == {"thesis.tex": b"dust"}

    def test_a_file(self, tmp_path):
        (tmp_path / "set").write_text("dust")
        for path in (tmp_path / "set", tmp_path / "set" / "below"):
            with pytest.raises(InputError, match="path must be a folder"):
                write(path)


class TestFailures:
    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_rows_are_named_and_what_is_written_stays(self, clean, tmp_path, log, n_jobs):
        folder = tmp_path / "set"
        with pytest.raises(DustestError, match=r"rows 8 to 9 .*RuntimeError: no light.* kept"):
            write(folder, make=Toy(fail_at=9, delay=0.1), n_jobs=n_jobs)
        assert (folder / "chunk_00000.json").exists()
        write(folder, make=Toy(log=str(log)))
        assert 8 in made(log)
        assert 0 not in made(log)
        assert contents(folder) == contents(clean)

    def test_a_worker_that_dies(self, clean, tmp_path):
        folder = tmp_path / "set"
        with pytest.raises(DustestError, match="worker process died"):
            write(folder, make=Toy(die_at=9), n_jobs=2)
        write(folder)
        assert contents(folder) == contents(clean)

    def test_a_maker_of_too_few_rows(self, tmp_path):
        with pytest.raises(DustestError, match=r"rows 0 to 3 must be 4, got 2"):
            write(tmp_path / "set", make=lambda start, stop: Toy()(start, stop - 2))


def wait_until(condition, seconds=120):
    """Wait for something that other processes do."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def is_running(pid):
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_truth_of_earlier_files_has_the_names_of_today(tmp_path):
    chunk = Chunk(tmp_path, 0, 0, 2)
    sample = as_sample(RowTable({"redshift": [7.0, 8.0]}))
    chunk.write(sample, RowTable({"id": sample["id"], "log_SFR": [0.5, 1.0]}))
    truth = chunk.read("truth")
    assert truth.colnames == ["id", "log_SFR_100"]
    assert as_truth({"log_SFR": [0.5, 1.0]}, ["log_SFR_100"])[:, 0].tolist() == [0.5, 1.0]
    assert truth["log_SFR_100"].tolist() == [0.5, 1.0]
