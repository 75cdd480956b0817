import base64
import re

import numpy as np
import pytest
from astropy.table import QTable
from html_pages import HOSTILE, Page
from hypothesis import given, settings
from hypothesis import strategies as st

from dustest.report.paper import Figure, latex_scores, pivot_scores, render_reproduction

MEASURES = ("mae", "mse", "sigma", "variance", "bias")
QUANTITIES = ("E_BV", "A_V", "R_V", "log_sSFR")
SPECIALS = r"\{}$&#%_~^"
PIXEL = b"\x89PNG\r\n\x1a\n"


def scored(networks=("printed", "ours"), quantities=QUANTITIES, bands=(1, 3), value=0.1):
    """Table 2 with one number everywhere."""
    rows = [
        {"network": network, "quantity": quantity, "n_bands": n_bands}
        | dict.fromkeys(MEASURES, value)
        for network in networks
        for quantity in quantities
        for n_bands in bands
    ]
    return QTable(rows=rows)


def plain(latex):
    """LaTeX without what is escaped."""
    return re.sub(r"\\[{}$&#%_]|\\text\w+\{\}", "", latex)


class TestPivotScores:
    def test_every_number_in_its_place(self):
        table = scored()
        for i, name in enumerate(MEASURES):
            table[name] = np.arange(len(table)) + 100.0 * i
        columns, blocks = pivot_scores(table[::-1])
        assert sorted(columns) == sorted((q, n) for q in QUANTITIES for n in (1, 3))
        for row in table:
            place = columns.index((row["quantity"], row["n_bands"]))
            for name in MEASURES:
                assert blocks[row["network"]][name][place] == row[name]

    def test_order_is_that_of_the_table(self):
        columns, blocks = pivot_scores(scored(("b", "a"), ("R_V", "A_V"), (3, 1)))
        assert columns == [("R_V", 3), ("R_V", 1), ("A_V", 3), ("A_V", 1)]
        assert list(blocks) == ["b", "a"]
        assert list(blocks["a"]) == list(MEASURES)

    def test_what_a_network_lacks_is_nan(self):
        columns, blocks = pivot_scores(scored()[:-3])
        assert columns[5:] == [("R_V", 3), ("log_sSFR", 1), ("log_sSFR", 3)]
        np.testing.assert_array_equal(blocks["ours"]["mae"], [0.1] * 5 + [np.nan] * 3)
        np.testing.assert_array_equal(blocks["printed"]["mae"], [0.1] * 8)

    def test_an_empty_table(self):
        assert pivot_scores(scored()[:0]) == ([], {})


class TestLatexScores:
    def rows(self, latex):
        """Lines with cells."""
        return [line for line in latex.splitlines() if line.endswith(r"\\")]

    @pytest.mark.parametrize("bands", [(1,), (1, 3)])
    def test_structure(self, bands):
        latex = latex_scores(scored(bands=bands), caption="Errors.")
        opened = re.findall(r"\\begin\{(.*?)\}", latex)
        assert opened == ["table*", "tabular"]
        assert re.findall(r"\\end\{(.*?)\}", latex) == opened[::-1]
        n_columns = 4 * len(bands)
        assert rf"\begin{{tabular}}{{l{'r' * n_columns}}}" in latex
        rows = self.rows(latex)
        # A head, and of each network a title and five measures.
        assert len(rows) == 1 + 2 * (1 + 5)
        titles = [row for row in rows if r"\multicolumn" in row]
        assert all(rf"\multicolumn{{{n_columns + 1}}}{{c}}" in row for row in titles)
        assert all(row.count("&") == n_columns for row in rows if row not in titles)
        assert latex.count("{") == latex.count("}")
        assert latex.count("$") % 2 == 0
        assert latex.endswith("\n")

    def test_words(self):
        latex = latex_scores(scored(), caption="Errors $x$.", label="tab:mine")
        assert r"\caption{Errors $x$.}" in latex
        assert r"\label{tab:mine}" in latex
        assert self.rows(latex)[0] == (
            r" & $E(B-V)$ (1) & $E(B-V)$ (3) & $A_V$ (1) & $A_V$ (3) & $R_V$ (1) & $R_V$ (3)"
            r" & $\log_{10}\,\mathrm{sSFR}$ (1) & $\log_{10}\,\mathrm{sSFR}$ (3) \\"
        )
        heads = [row.split(" &")[0] for row in self.rows(latex)[2:7]]
        assert heads == ["MAE", "MSE", r"$\sigma$", "variance", "bias"]

    @pytest.mark.parametrize(
        ("value", "cell"),
        [
            (0.0136, "$0.014$"),
            (3.4817, "$3.482$"),
            (45.9, "$45.900$"),
            (-0.0123, "$-0.012$"),
            (0.0, "$0.000$"),
            (-1e-5, "$0.000$"),
            (12345.6, "$12345.600$"),
            (np.nan, "--"),
            (np.inf, "--"),
        ],
    )
    def test_numbers(self, value, cell):
        latex = latex_scores(scored(("one",), ("A_V",), (1,), value), caption="")
        assert self.rows(latex)[2] == rf"MAE & {cell} \\"

    @settings(max_examples=50)
    @given(name=st.text(st.sampled_from(SPECIALS + "aZ 0-,"), min_size=1, max_size=12))
    def test_names_are_text(self, name):
        latex = latex_scores(scored((name,), (name,), (1,)), caption="")
        rest = plain(latex)
        assert not set(rest) & set("#%_~^")
        assert rest.count("{") == rest.count("}")
        # One a row, and none but around numbers.
        assert all(row.count("&") == 1 for row in self.rows(rest) if "multicolumn" not in row)
        assert rest.count("$") == 2 * (len(MEASURES) + 1)

    @pytest.mark.parametrize(
        ("name", "written"),
        [
            ("a_b", r"a\_b"),
            ("50 % & more", r"50 \% \& more"),
            ("x^2~y", r"x\textasciicircum{}2\textasciitilde{}y"),
            ("\\input{x}", r"\textbackslash{}input\{x\}"),
            ("paper network, honest split", "paper network, honest split"),
        ],
    )
    def test_names_as_written(self, name, written):
        latex = latex_scores(scored((name,)), caption="")
        assert rf"\multicolumn{{9}}{{c}}{{{written}}} \\" in latex


META = {
    "profile": {"name": "quick", "n_rows": 1600},
    "seed": 0,
    "version": "1.2.3",
    "seeds": {"galaxies": 17},
    "seconds": {"train network": 61.6, "tune": 0.2},
    "packages": {"numpy": "2.0"},
    "sky": "simulated",
}


@pytest.fixture
def figures(tmp_path):
    """Three figures, each with bytes of its own."""
    found = []
    for i, number in enumerate(("1", "6", "6, dustest")):
        path = tmp_path / f"figure-{i}.png"
        path.write_bytes(PIXEL + bytes([i]))
        found.append(Figure(number, path.stem, f"What figure {number} shows of galaxies.", path))
    return found


def render(figures=(), **options):
    given = {
        "title": "Reproduced",
        "meta": META,
        "scored": scored(),
        "tables": {"Some more": QTable({"name": ["a", "b"], "value": [0.123456, np.nan]})},
        "figures": figures,
    }
    return render_reproduction(**given | options)


class TestFigure:
    def test_source_holds_the_file(self, figures):
        head, data = figures[1].source.split(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(data) == PIXEL + b"\x01"


class TestRenderReproduction:
    def test_is_well_formed(self, figures):
        page = Page(render(figures, notes=["A note."]))
        assert page.balanced
        assert page.stack == []
        assert len(page.all("h1")) == 1
        assert all("scope" in head for head in page.all("th"))

    def test_loads_nothing(self, figures):
        html = render(figures)
        page = Page(html)
        assert page.loaded
        assert all(address.startswith(("data:", "#")) for address in page.loaded)
        assert not page.all("script") + page.all("link")
        assert "@import" not in html
        assert "url(" not in html
        assert "http" not in html

    def test_links_have_targets(self, figures):
        page = Page(render(figures))
        ids = [tag["id"] for _, tag in page.tags if "id" in tag]
        assert len(set(ids)) == len(ids)
        assert {link["href"].removeprefix("#") for link in page.all("a")} <= set(ids)

    def test_all_figures_in_their_order(self, figures):
        page = Page(render(figures))
        assert [image["src"] for image in page.all("img")] == [one.source for one in figures]
        assert [image["alt"] for image in page.all("img")] == [one.caption for one in figures]
        for one in figures:
            assert f"Figure {one.number}." in page.texts
            assert any(f"({one.name}.pdf)" in text for text in page.texts)

    def test_numbers(self):
        page = Page(render(scored=scored(value=3.55e-4)))
        # Means of A_V, R_V and log sSFR, means of E_BV, squares of the former and of the latter.
        counts = {"0.000": 36, "0.0004": 12 + 24, "0.000355": 8}
        assert {text: page.texts.count(text) for text in counts} == counts
        assert "E_BV (1)" in page.texts
        for name in ("printed", "ours", "MAE", "variance", "bias"):
            assert name in page.texts

    def test_what_is_missing_is_a_dash(self):
        page = Page(render(scored=scored(("one",), ("A_V",), (1,), np.nan), tables={}))
        assert page.texts.count("–") == 5

    def test_further_tables(self):
        table = QTable({"name": ["a"], "found": [0.123456], "n": [12], "holds": [True]})
        page = Page(render(tables={"Statements": table, "Other": table[["n"]]}))
        assert {"Statements", "Other"} <= set(page.texts)
        assert {"name", "found", "n", "holds", "0.12", "12", "yes"} <= set(page.texts)
        assert "0.123456" not in page.texts

    def test_how_it_was_made(self):
        page = Page(render())
        pairs = list(zip(page.texts, page.texts[1:], strict=False))
        for pair in (
            ("n_rows", "1600"),
            ("galaxies", "17"),
            ("train network", "62"),
            ("tune", "0"),
            ("numpy", "2.0"),
        ):
            assert pair in pairs
        assert any("Profile quick, seed 0, dustest 1.2.3." in text for text in page.texts)

    def test_notes(self):
        assert "Look out." in Page(render(notes=["Look out."])).texts
        assert 'class="notes"' not in render()

    def test_hostile_text_is_escaped(self, figures):
        evil = Figure(HOSTILE, HOSTILE, f'" onload="x {HOSTILE}', figures[0].path)
        meta = META | {key: {HOSTILE: HOSTILE} for key in ("seeds", "packages")}
        meta |= {"profile": {"name": HOSTILE}, "seconds": {HOSTILE: 1.0}, "version": HOSTILE}
        html = render(
            [evil],
            title=HOSTILE,
            meta=meta,
            scored=scored((HOSTILE,), (HOSTILE,), (1,)),
            tables={HOSTILE: QTable({HOSTILE: [HOSTILE]})},
            notes=[HOSTILE],
        )
        page = Page(html)
        assert "<script" not in html
        assert page.balanced
        assert all("onload" not in tag for _, tag in page.tags)
        assert page.texts.count(HOSTILE) >= 10
