"""Steps that are kept by what they depend on, and made again where something is missing."""

import json

import numpy as np
import pytest
from astropy import units as u
from toy_backends import Linear, Slow

from dustest.data import DustTable, InputError, ReadError, as_sample
from dustest.data.containers.rows import RowTable
from dustest.reproduction.steps import Steps, digest_of


class Maker:
    """Makes a table, and counts how often."""

    def __init__(self, value=1.5):
        self.value = value
        self.paths = []

    def __call__(self, path):
        self.paths.append(path)
        return RowTable({"A_V": [self.value, 2.5] * u.mag, "name": ["a", "b"]})

    @property
    def n_calls(self):
        return len(self.paths)


def files(folder):
    """Names of all files in a folder."""
    return sorted(path.name for path in folder.iterdir())


def steps_in(folder, seed=0, tell=None):
    return Steps(folder, {"seed": seed}, tell)


def sample(flux=(10.0, 20.0, 30.0)):
    """Galaxies with photometry."""
    n = len(flux)
    columns = {"id": [f"g{i}" for i in range(n)], "redshift": np.full(n, 7.0)}
    columns |= {"flux_F277W": flux * u.nJy, "flux_err_F277W": np.ones(n) * u.nJy}
    return as_sample(RowTable(columns))


class TestDigest:
    def test_the_same_for_the_same(self):
        assert digest_of({"a": 1, "b": [2]}, b"x") == digest_of({"b": [2], "a": 1}, b"x")

    @pytest.mark.parametrize(
        "parts",
        [
            ({"seed": 2}, b"ab", b"c"),
            ({"seed": 1}, b"a", b"bc"),
            ({"seed": 1}, b"c", b"ab"),
            ({"seed": 1}, b"ab"),
            ({"seed": 1.5}, b"ab", b"c"),
        ],
    )
    def test_another_for_anything_else(self, parts):
        assert digest_of(*parts) != digest_of({"seed": 1}, b"ab", b"c")


class TestFolder:
    def test_is_made_with_its_parents(self, tmp_path):
        steps_in(tmp_path / "some" / "where")
        assert (tmp_path / "some" / "where").is_dir()

    def test_a_file_is_refused(self, tmp_path):
        (tmp_path / "taken").write_text("text")
        with pytest.raises(InputError, match="output must be a folder that can be written to"):
            steps_in(tmp_path / "taken" / "cache")

    def test_names_of_files_are_plain(self, tmp_path):
        name = steps_in(tmp_path).path("train paper/network, 1 band", ".model").name
        assert name.startswith("train-paper-network-1-band-")
        assert name.endswith(".model")


class TestTable:
    def test_made_once_then_read(self, tmp_path):
        make, told = Maker(), []
        made = steps_in(tmp_path).table("one step", make)
        again = steps_in(tmp_path, tell=told.append).table("one step", make)
        assert make.n_calls == 1
        assert told == ["one step: kept from before"]
        assert again.meta == made.meta
        assert again["A_V"].unit == u.mag
        np.testing.assert_array_equal(again["A_V"], made["A_V"])
        assert list(again["name"]) == ["a", "b"]

    def test_tells_of_what_it_makes(self, tmp_path):
        told = []
        steps_in(tmp_path, tell=told.append).table("one step", Maker())
        assert told == ["one step ...", "one step: 0 s"]

    def test_other_inputs_give_another_file(self, tmp_path):
        steps = steps_in(tmp_path)
        for value, part in enumerate(("a", b"a", ["a", 1])):
            steps.table("step", Maker(value), part)
        steps_in(tmp_path, seed=1).table("step", Maker(3), "a")
        assert sum(name.endswith(".ecsv") for name in files(tmp_path)) == 4
        # The earlier ones are still there, each with its own numbers.
        kept = Maker(9)
        assert [steps.table("step", kept, part)["A_V"][0].value for part in ("a", b"a")] == [0, 1]
        assert kept.n_calls == 0

    def test_a_step_that_fails_leaves_nothing(self, tmp_path):
        def fail(path):
            msg = "no luck"
            raise RuntimeError(msg)

        steps = steps_in(tmp_path)
        with pytest.raises(RuntimeError, match="no luck"):
            steps.table("step", fail)
        assert files(tmp_path) == []
        assert steps.seconds == {}
        assert steps.table("step", Maker())["A_V"][0] == 1.5 * u.mag

    @pytest.mark.parametrize("text", ["", "# %ECSV 1.0\n# ---\n# datat"])
    def test_half_a_file_of_a_killed_step_is_made_again(self, tmp_path, text):
        steps, make = steps_in(tmp_path), Maker()
        steps.path("step", ".ecsv").write_text(text)
        assert len(steps.table("step", make)) == 2
        assert make.n_calls == 1

    @pytest.mark.parametrize("suffix", ["", ".json"])
    def test_made_again_where_a_file_is_missing(self, tmp_path, suffix):
        make = Maker()
        steps_in(tmp_path).table("step", make)
        path = make.paths[0]
        path.with_name(path.name + suffix).unlink()
        assert len(steps_in(tmp_path).table("step", make)) == 2
        assert make.n_calls == 2
        assert path.exists()

    @pytest.mark.parametrize(
        "text", ["", "nonsense", "{}", "[1]", "null", '{"seconds": "long"}', '{"seconds": [1]}']
    )
    def test_a_damaged_record_is_named(self, tmp_path, text):
        make = Maker()
        steps_in(tmp_path).table("step", make)
        record = make.paths[0].with_name(make.paths[0].name + ".json")
        record.write_text(text)
        with pytest.raises(ReadError, match="remove it to make the step again") as caught:
            steps_in(tmp_path).table("step", make)
        assert record.name in str(caught.value)
        record.unlink()
        steps_in(tmp_path).table("step", make)
        assert make.n_calls == 2

    @pytest.mark.parametrize("n_bytes", [0, 30, -3])
    def test_a_damaged_table_is_named(self, tmp_path, n_bytes):
        make = Maker()
        steps_in(tmp_path).table("step", make)
        path = make.paths[0]
        path.write_bytes(path.read_bytes()[:n_bytes])
        with pytest.raises(ReadError, match="remove it to make the step again") as caught:
            steps_in(tmp_path).table("step", make)
        assert path.name in str(caught.value)

    def test_seconds_are_remembered(self, tmp_path):
        first, make = steps_in(tmp_path), Maker()
        first.table("step", make)
        record = make.paths[0].with_name(make.paths[0].name + ".json")
        assert json.loads(record.read_text()) == {"seconds": first.seconds["step"]}
        record.write_text('{"seconds": 123.5}')
        second = steps_in(tmp_path)
        second.table("step", make)
        assert second.seconds == {"step": 123.5}

    def test_seconds_are_those_of_the_clock(self, tmp_path, monkeypatch):
        times = iter([100.0, 107.5])
        monkeypatch.setattr("time.monotonic", lambda: next(times))
        told, path = [], tmp_path / "step.ecsv"
        steps = steps_in(tmp_path, tell=told.append)
        with steps.timed("step", path):
            path.write_text("made")
        monkeypatch.undo()
        assert steps.seconds == {"step": 7.5}
        assert told[-1] == "step: 8 s"
        assert steps.is_made("step", path)


class TestResults:
    def test_the_table_of_the_estimator(self, tmp_path):
        expected = Linear(random_state=1).estimate(sample())
        for _ in range(2):
            steps = steps_in(tmp_path)
            table = steps.results("fit", Linear(random_state=1), sample(), n_jobs=1)
            assert isinstance(table, DustTable)
            np.testing.assert_array_equal(table["A_V"], expected["A_V"])
            assert table["A_V"].unit == u.mag
            assert list(table["id"]) == ["g0", "g1", "g2"]
            assert table.meta["random_seed"] == expected.meta["random_seed"]

    def test_goes_on_with_the_galaxies_that_are_missing(self, tmp_path):
        marks = tmp_path / "marks"
        estimator = Slow(marks=str(marks), random_state=1)
        steps = steps_in(tmp_path / "cache")
        # A run that was killed after two galaxies leaves those, and no table.
        path = steps.path("fit", ".ecsv")
        estimator.estimate(sample()[:2], output=path, resume=True)
        path.unlink()
        table = steps.results("fit", estimator, sample(), n_jobs=1)
        assert np.all(np.isfinite(table["A_V"]))
        assert marks.read_text().split() == ["10", "20", "30"]

    def test_what_is_kept_is_not_estimated_again(self, tmp_path):
        marks = tmp_path / "marks"
        for _ in range(2):
            steps = steps_in(tmp_path / "cache")
            steps.results("fit", Slow(marks=str(marks), random_state=1), sample(), "a", n_jobs=1)
        assert len(marks.read_text().split()) == 3
        steps.results("fit", Slow(marks=str(marks), random_state=1), sample((9.0,)), "b", n_jobs=1)
        assert len(marks.read_text().split()) == 4
