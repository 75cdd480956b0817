import os
import signal
import time
from pathlib import Path
from typing import ClassVar

import fresh_process
import numpy as np
import pytest
from toy_backends import Fitted, Linear, Point
from toy_benchmark import N, ToySet, make

from dustest import ConstantEstimator
from dustest.cli import main
from dustest.data import InputError
from dustest.data.registry import temporary_records
from dustest.estimators import Estimates
from dustest.studies import (
    BENCHMARKS,
    Benchmark,
    BenchmarkCard,
    CatalogMissingError,
    benchmark,
    ready_methods,
    register_benchmark,
)
from dustest.studies.benchmarks import running
from dustest.studies.benchmarks.method_runs import run_method

TOY = ToySet("toy", "A toy.")


class Failing(Linear):
    """Needs what the toys do not have."""

    requires: ClassVar[tuple] = ("line",)


class Counted(Linear):
    """Writes a line for every batch."""

    rows_at_once: ClassVar[int] = 20

    def __init__(self, log="", width=0.1, random_state=1):
        super().__init__(width, random_state)
        self.log = log

    def _estimate(self, batch):
        with Path(self.log).open("a") as file:
            file.write(f"{len(batch)} ")
        return Estimates(super()._estimate(batch).samples)


class Undescribed(Counted):
    """Has a parameter that cannot be described."""

    def _estimate(self, batch):
        return Linear._estimate(self, batch)


def card_of(estimator, one=TOY, against=None, **options):
    return benchmark(estimator, one, against={} if against is None else against, **options)


class TestAnyEstimator:
    def test_scores_of_a_third_party(self, tmp_path):
        card = card_of(Fitted(0.1, random_state=1), folder=tmp_path)
        assert card.tested == ("Fitted",)
        scores = card.scores
        found = {(row["method"], row["quantity"], row["point"]): row for row in scores}
        assert set(found) == {
            ("baseline", "A_V", "median"),
            ("baseline", "log_sSFR", "median"),
            *(("Fitted", "A_V", point) for point in ("median", "mean", "best")),
        }
        median, best = found["Fitted", "A_V", "median"], found["Fitted", "A_V", "best"]
        assert median["n"] == N
        assert median["mae"] == pytest.approx(0.08, abs=0.03)
        assert median["ratio"] == pytest.approx(
            median["mae"] / found["baseline", "A_V", "median"]["mae"], abs=1e-5
        )
        assert median["coverage_68"] == pytest.approx(0.68, abs=0.2)
        assert median["r2"] > 0.9
        assert best["bias"] == pytest.approx(median["bias"] + 0.05, abs=0.02)
        assert np.isnan(best["coverage_68"])
        assert best["rmse"] >= best["mae"]

    def test_the_baseline_is_calibrated(self, tmp_path):
        (row,) = card_of(Linear(random_state=1), folder=tmp_path).table("log_sSFR")
        assert row["ratio"] == 1.0
        assert row["coverage_68"] == pytest.approx(0.68, abs=0.03)

    def test_bare_values(self, tmp_path):
        card = card_of(Point(), folder=tmp_path)
        row = next(row for row in card.scores if row["method"] == "Point")
        assert np.isnan(row["crps"])
        assert row["bias"] == pytest.approx(0.7 - np.mean(make(N)[1]["A_V"].value))

    def test_one_that_learned(self, tmp_path):
        sample, truth = make(200, seed=2)
        learned = ConstantEstimator().fit(sample, truth)
        (_, row) = card_of(learned, folder=tmp_path).table()
        assert row["mae"] == pytest.approx(0.5, abs=0.1)

    def test_several_and_others(self, tmp_path):
        own = {"mine": Linear(random_state=1)}
        card = card_of(own, against={"other": Point(), "lacks": Failing()}, folder=tmp_path)
        assert set(card.methods) == {"mine", "other"}
        assert card.tested == ("mine",)
        assert "Failing needs line columns" in card.left_out["lacks"]

    def test_its_own_error_is_raised(self, tmp_path):
        with pytest.raises(InputError, match="Failing needs line columns"):
            card_of(Failing(), folder=tmp_path)

    def test_galaxies_that_are_none_have_flags_and_no_scores(self, tmp_path):
        card = card_of(Linear(), ToySet("none", "None.", is_scored=False), folder=tmp_path)
        assert len(card.scores) == 0
        assert card.flags["any"].tolist() == [0.0]
        assert "## A_V" not in str(card)

    def test_published_values_judge_no_intervals(self, tmp_path):
        card = card_of(Linear(random_state=1), ToySet("p", "P.", is_truth=False), folder=tmp_path)
        assert np.isnan(card.scores["coverage_68"]).all()

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ("meurer", "estimator must be a DustEstimator, or a dict of them .*got 'meurer'"),
            ({"baseline": Linear()}, "by a name other than 'baseline', got 'baseline'"),
            ({"a": 1}, "got 'a': 1"),
        ],
    )
    def test_mistakes(self, given, message, tmp_path):
        with pytest.raises(InputError, match=message):
            card_of(given, folder=tmp_path)

    def test_unknown_names(self, tmp_path):
        with pytest.raises(InputError, match=r"name must be one of default, .*mean 'heavy'"):
            benchmark(Linear(), "heavi", folder=tmp_path)


class TestKeptResults:
    @pytest.fixture
    def log(self, tmp_path):
        return tmp_path / "log"

    def test_are_used_again(self, tmp_path, log):
        one = Counted(str(log))
        first = card_of(one, folder=tmp_path / "f")
        again = card_of(one, folder=tmp_path / "f")
        assert log.read_text() == "20 20 20 "
        assert str(first) == str(again)
        assert not list((tmp_path / "f").glob("*.sqlite*"))

    @pytest.mark.parametrize("change", [{"width": 0.2}, {"random_state": 2}])
    def test_not_for_other_parameters(self, tmp_path, log, change):
        card_of(Counted(str(log)), folder=tmp_path / "f")
        card_of(Counted(str(log)).set_params(**change), folder=tmp_path / "f")
        assert log.read_text() == 2 * "20 20 20 "

    def test_not_for_other_galaxies(self, tmp_path, log):
        sample, _ = make(40)
        run_method(Counted(str(log)), sample, tmp_path)
        sample["flux_F277W"][3] *= 1.01
        run_method(Counted(str(log)), sample, tmp_path)
        assert log.read_text() == 2 * "20 20 "

    def test_for_other_images_if_it_uses_none(self, tmp_path, log):
        sample, _ = make(40)
        run_method(Counted(str(log)), sample, tmp_path)
        sample["cutout_F277W"][3] *= 1.01
        run_method(Counted(str(log)), sample, tmp_path)
        assert log.read_text() == "20 20 "

    @pytest.mark.parametrize("suffix", [".fits", ".json"])
    def test_damaged_ones_are_computed_again(self, tmp_path, log, suffix):
        first = card_of(Counted(str(log)), folder=tmp_path / "f")
        (file,) = (path for path in (tmp_path / "f").iterdir() if path.suffix == suffix)
        file.write_bytes(file.read_bytes()[:40])
        again = card_of(Counted(str(log)), folder=tmp_path / "f")
        assert log.read_text() == 2 * "20 20 20 "
        assert again.to_dict()["metrics"] == first.to_dict()["metrics"]

    def test_estimators_without_a_description_are_run_each_time(self, tmp_path, log):
        with log.open("w") as file:
            one = Undescribed(file)
            card_of(one, folder=tmp_path / "f")
        assert not list((tmp_path / "f").iterdir())

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and kill -9")
    @pytest.mark.slow
    def test_a_run_that_was_killed_resumes(self, tmp_path):
        rows = fresh_process.call(_killed_and_resumed, tmp_path)
        assert rows[0] > 0
        assert rows[1] < N
        assert rows[2] == N


def _killed_and_resumed(folder):
    """Rows before a kill, rows that were computed after it, and rows of the result."""
    log, sample = folder / "log", make(N)[0]
    log.touch()
    one = SlowlyCounted(str(log))
    child = os.fork()
    if child == 0:
        run_method(one, sample, folder)
        os._exit(0)
    while log.stat().st_size < 6:
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    before = len(log.read_text().split())
    log.write_text("")
    found = run_method(one, sample, folder)
    assert np.isnan(found.speed["seconds"])
    after = sum(int(word) for word in log.read_text().split())
    return before, after, int(np.isfinite(found.table["A_V"]).sum())


class SlowlyCounted(Counted):
    """One row at a time."""

    rows_at_once: ClassVar[int] = 1

    def _estimate(self, batch):
        time.sleep(0.05)
        return super()._estimate(batch)


class TestOthers:
    def test_need_no_training(self):
        methods = ready_methods("JADES-deep")
        assert {"bagpipes", "bagpipes, calibrated", "meurer", "nircam-3band"} <= set(methods)
        assert not {"constant", "calibrated", "fusion"} & set(methods)
        assert "log_mass" in methods["bagpipes"].extra
        assert methods["meurer, calibrated"].calibration == "JADES-deep"

    def test_are_not_calibrated_for_no_survey(self):
        assert not [name for name in ready_methods() if "calibrated" in name]

    def test_are_the_default(self, tmp_path, monkeypatch):
        monkeypatch.setattr(running, "ready_methods", lambda _survey: {"point": Point()})
        card = benchmark(Linear(), TOY, folder=tmp_path)
        assert set(card.methods) == {"Linear", "point"}


class TestCatalogs:
    def test_missing_ones_say_so(self, tmp_path, monkeypatch):
        monkeypatch.delenv("DUSTEST_TEST_DATA", raising=False)
        with pytest.raises(CatalogMissingError, match=r"'JOF' needs the file .* no folder"):
            benchmark(Linear(), "JOF", folder=tmp_path)
        with pytest.raises(CatalogMissingError, match="does not have it: pass catalogs="):
            benchmark(Linear(), "JOF", folder=tmp_path, catalogs=tmp_path)

    @pytest.mark.parametrize("name", ["JOF", "Endsley+24"])
    def test_agreement(self, name, tmp_path):
        try:
            card = benchmark(Linear(), name, against={}, folder=tmp_path)
        except CatalogMissingError as error:
            pytest.skip(str(error))
        assert card.about["n"] > 90
        assert np.isfinite(card.table()["mae"]).all()


class TestCommand:
    @pytest.fixture
    def toy(self):
        with temporary_records():
            yield register_benchmark(TOY)

    def test_cards(self, toy, tmp_path, capsys):
        words = ["benchmark", "toy", "--alone", "--folder", str(tmp_path / "f")]
        words += ["-e", "constant", "--output", str(tmp_path / "cards")]
        assert main(words) == 0
        written = BenchmarkCard.read(tmp_path / "cards" / "toy.json")
        assert set(written.methods) == {"constant"}
        shown = capsys.readouterr().out
        assert (tmp_path / "cards" / "toy.md").read_text() in shown

    def test_list(self, capsys):
        assert main(["benchmark", "--list"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split(":")[0] for line in lines] == list(BENCHMARKS)

    def test_what_is_not_at_hand_is_skipped(self, toy, tmp_path, capsys, monkeypatch):
        monkeypatch.delenv("DUSTEST_TEST_DATA", raising=False)
        words = ["--alone", "--folder", str(tmp_path)]
        assert main(["benchmark", "JOF", "toy", *words]) == 1
        assert "skipped: the set 'JOF' needs the file" in capsys.readouterr().out
        assert main(["benchmark", "JOF", *words]) == 1

    def test_mistakes(self, capsys):
        assert main(["benchmark", "defaultt"]) == 1
        assert "did you mean 'default'" in capsys.readouterr().err


def test_records_are_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Benchmark("mine", "Mine.")
