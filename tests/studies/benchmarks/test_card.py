import json

import numpy as np
import pytest
from toy_backends import Fitted, Linear
from toy_benchmark import ToySet

from dustest.data import InputError, ReadError
from dustest.studies import BenchmarkCard, benchmark


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    methods = {"good": Fitted(0.1, random_state=1), "narrow": Linear(0.01, random_state=1)}
    folder = tmp_path_factory.mktemp("kept")
    return benchmark(methods, ToySet("toy", "A toy."), against={}, folder=folder)


class TestTables:
    def test_best_method_first(self, card):
        found = card.table("A_V")
        assert found["method"][-1] == "baseline"
        assert np.all(np.diff(found["mae"]) >= 0)
        assert set(card.table("A_V", "best")["method"]) == {"good"}

    def test_speeds(self, card):
        speeds = card.speeds
        assert list(speeds["method"]) == ["good", "narrow"]
        assert np.all(speeds["galaxies_per_second"] > 0)
        assert np.isnan(speeds["ess"]).all()

    def test_unknown_quantities(self, card):
        with pytest.raises(InputError, match="quantity must be one of A_V, log_sSFR, log_mass"):
            card.table("log_ssfr")


class TestFiles:
    def test_survive(self, card, tmp_path):
        paths = card.save(tmp_path / "card.json")
        assert [path.name for path in paths] == ["card.json", "card.md"]
        again = BenchmarkCard.read(paths[0])
        assert str(again) == str(card) == paths[1].read_text()
        assert again.to_dict() == card.to_dict()
        assert again.tested == ("good", "narrow")

    def test_json_has_no_nan(self, card, tmp_path):
        path, _ = card.save(tmp_path / "card.json")

        def refuse(word):
            raise AssertionError(word)

        stored = json.loads(path.read_text(), parse_constant=refuse)
        assert {"versions", "digest", "date", "name"} <= set(stored["set"])
        assert stored["methods"]["good"]["about"]["class"] == "toy_backends.Fitted"

    def test_other_files_are_refused(self, card, tmp_path):
        with pytest.raises(ReadError, match="must be the JSON of a benchmark card"):
            BenchmarkCard.read(tmp_path / "none.json")
        path, _ = card.save(tmp_path / "card.json")
        path.write_text(path.read_text().replace('"schema": 1', '"schema": 99'))
        with pytest.raises(ReadError, match="schema 99"):
            BenchmarkCard.read(path)
        with pytest.raises(InputError, match=r"path must end in \.json"):
            card.save(tmp_path / "card.txt")


class TestText:
    def test_has_all_tables(self, card):
        text = card.to_text()
        for part in ("# Benchmark: toy", "## A_V", "median, mean and best fit", "## Speed"):
            assert part in text
        assert "| good | best |" in text
        lines = [line for line in text.splitlines() if line.startswith("| narrow")]
        assert lines[0].split("|")[6].strip().endswith("%")

    def test_is_short_in_terminals_and_a_table_of_each_quantity_in_notebooks(self, card):
        n = card.about["n"]
        assert repr(card) == f"<BenchmarkCard of toy: 2 methods, {n} galaxies>"
        html = card._repr_html_()
        assert "<p>A toy.</p>" in html
        assert html.count("<table>") == len(set(card.scores["quantity"]))
        assert "<td>baseline</td>" in html


class TestPlot:
    def test_lines(self, card):
        errors, coverage = card.plot()
        names = [tick.get_text() for tick in errors.get_yticklabels()]
        assert names == list(card.table()["method"])
        assert coverage.get_xlabel() == "truths in the 68 % interval"
        with pytest.raises(InputError, match="must have a method"):
            card.plot("log_mass")
