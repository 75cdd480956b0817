"""Files of a reproduction."""

import json
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from html_pages import Page
from matplotlib.figure import Figure

from dustest.data import InputError
from dustest.data.containers.rows import RowTable
from dustest.reproduction.paper_figures import FIGURES, FigurePlan
from dustest.reproduction.scores import printed_scores, table_2
from dustest.reproduction.writing import write_figures, write_meta, write_page, write_tables

META = {
    "profile": {"name": "quick"},
    "seed": 0,
    "version": "1.0",
    "seeds": {"sky": 1},
    "seconds": {"tune": 2.0},
    "packages": {"numpy": "2.0"},
    "sky": "simulated",
}


def tables():
    words = {"statement": ["It is so."], "paper": ["1"], "here": ["2, 50 %"], "holds": ["open"]}
    return {
        "table_1": RowTable({"hyperparameter": ["filters"], "found": ["4, 8"]}),
        "table_2": table_2([]),
        "statements": RowTable(words),
        "histories": RowTable({"history": ["one"], "n": [3], "A_V": [np.nan]}),
        "trials": RowTable({"val_loss": [0.1, np.nan] * u.mag, "status": ["done", "failed"]}),
    }


def plans(drawn):
    """A figure with a line, two of one number, and one that may have nothing to show."""

    def draw(findings):
        figure = Figure(figsize=(2.0, 1.0))
        figure.add_subplot().plot(findings)
        return figure

    numbers = {"line": "1", "lines": "6", "more-lines": "6, dustest"}
    shown = [FigurePlan(number, name, f"A {name}.", draw) for name, number in numbers.items()]
    last = FigurePlan("11", "seen", "What is seen.", draw if drawn else lambda findings: None)
    return [*shown, last]


class TestTables:
    def test_come_back_as_they_were(self, tmp_path):
        written = tables()
        write_tables(tmp_path / "tables", written)
        for name, table in written.items():
            read = RowTable.read(tmp_path / "tables" / f"{name}.ecsv")
            assert read.colnames == table.colnames
            for column in table.colnames:
                np.testing.assert_array_equal(read[column], table[column])
                assert read[column].dtype.kind == table[column].dtype.kind
                assert getattr(read[column], "unit", None) == getattr(table[column], "unit", None)

    def test_nothing_else_is_written(self, tmp_path):
        write_tables(tmp_path, tables())
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
            ["table_2.tex", *(f"{name}.ecsv" for name in tables())]
        )

    def test_written_anew(self, tmp_path):
        write_tables(tmp_path, tables())
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        write_tables(tmp_path, tables() | {"histories": RowTable({"history": ["other"]})})
        assert list(RowTable.read(tmp_path / "histories.ecsv")["history"]) == ["other"]
        write_tables(tmp_path, tables())
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before

    def test_latex_is_that_of_table_2(self, tmp_path):
        write_tables(tmp_path, tables())
        latex = (tmp_path / "table_2.tex").read_text()
        assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 1
        assert "$0.069$" in latex
        assert len(printed_scores()) == latex.count("(1)") + latex.count("(3)")

    def test_a_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "taken").write_text("text")
        with pytest.raises(InputError, match="output must be a folder that can be written to"):
            write_tables(tmp_path / "taken", tables())


class TestFigures:
    def test_a_pdf_and_a_png_of_each(self, tmp_path):
        found = write_figures(tmp_path / "figures", plans(drawn=True), [1, 2])
        stems = ("01-line", "06-lines", "06-more-lines", "11-seen")
        names = [f"figure-{stem}.{suffix}" for stem in stems for suffix in ("pdf", "png")]
        assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == names
        assert list(found) == ["line", "lines", "more-lines", "seen"]
        assert found["lines"] == tmp_path / "figures" / "figure-06-lines.png"
        assert found["lines"].read_bytes()[:4] == b"\x89PNG"

    def test_what_has_nothing_to_show_is_left_out(self, tmp_path):
        assert "seen" not in write_figures(tmp_path, plans(drawn=False), [1, 2])
        assert not list(tmp_path.glob("*seen*"))

    def test_no_figure_of_an_earlier_run_stays(self, tmp_path):
        write_figures(tmp_path, plans(drawn=True), [1, 2])
        write_figures(tmp_path, plans(drawn=False), [1, 2])
        assert not list(tmp_path.glob("*seen*"))
        assert len(list(tmp_path.iterdir())) == 6


class TestPlans:
    def test_every_figure_of_the_paper(self):
        numbers = [plan.number for plan in FIGURES]
        assert {int(number.split(",")[0]) for number in numbers} == set(range(1, 12))
        assert len(set(numbers)) == len(numbers)

    def test_names_are_those_of_files(self):
        names = [plan.name for plan in FIGURES]
        assert len(set(names)) == len(names)
        assert all(name == Path(name).name and "." not in name for name in names)
        assert all(plan.caption.endswith(".") for plan in FIGURES)


class TestMeta:
    def test_comes_back(self, tmp_path):
        write_meta(tmp_path / "made.json", META)
        assert json.loads((tmp_path / "made.json").read_text()) == META


class TestPage:
    def page(self, folder, drawn=True, **meta):
        figures = write_figures(folder / "figures", plans(drawn), [1, 2])
        write_page(folder / "report.html", tables(), plans(drawn), figures, META | meta)
        return Page((folder / "report.html").read_text())

    def test_figures_and_tables_in_words(self, tmp_path):
        page = self.page(tmp_path)
        assert page.balanced
        assert len(page.all("img")) == 4
        assert {"Figure 1.", "Figure 6, dustest.", "It is so.", "open", "4, 8"} <= set(page.texts)
        # Every trial is in a file, not on the page.
        assert "failed" not in page.texts

    def test_a_figure_that_is_missing_is_told(self, tmp_path):
        page = self.page(tmp_path, drawn=False)
        assert "Figure 11 has nothing to show." in page.texts
        assert len(page.all("img")) == 3

    @pytest.mark.parametrize(("sky", "told"), [("simulated", True), ("observed", False)])
    def test_simulated_galaxies_are_called_so(self, tmp_path, sky, told):
        page = self.page(tmp_path, sky=sky)
        assert any(text.startswith("No catalogue was given") for text in page.texts) == told
