import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from fitted_results import sed_result
from html_pages import HOSTILE, Page

import dustest.report
from dustest import compare
from dustest.data import FLAGS, DustTable, GalaxySample, InputError
from dustest.report.galaxy_list import list_galaxies

IDS = [f"g{k}" for k in range(20)]
LOW_SNR = FLAGS["LOW_SNR"].value


def comparison(ids=IDS, **options):
    values = np.linspace(0.0, 1.0, len(ids))
    other = values + np.linspace(0.5, 0.0, len(ids))
    other[1] = np.nan
    ends = {"A_V": values, "A_V_p16": values - 0.1, "A_V_p84": values + 0.2}
    flags = np.zeros(len(ids), int)
    flags[2] = LOW_SNR
    tables = {
        "one": DustTable.from_quantities(ids, ends, flags=flags),
        "two": DustTable.from_quantities(ids[::-1], {"A_V": other[::-1]}),
    }
    return compare(tables, n_bootstrap=0, **options)


def sample(ids=IDS):
    images = np.random.default_rng(1).normal(size=(len(ids), 8, 8)) * u.nJy
    return GalaxySample({"id": ids, "cutout_F277W": images})


class TestRows:
    def test_values_of_each_method_and_flags(self):
        found = list_galaxies(comparison(), "A_V")
        assert found.columns == ("one", "two", "spread")
        assert len(found.rows) == 20
        galaxy, anchor, cells, flags = found.rows[0]
        assert (galaxy, anchor, flags) == ("g0", None, "")
        assert cells == [("0.00 +0.20 −0.10", 0.0), ("0.500", 0.5), ("0.500", 0.5)]
        assert found.rows[1][2][1][0] == "–"
        assert found.rows[2][3] == "LOW_SNR"
        assert found.pages == []

    def test_the_truth_is_a_column(self):
        truth = DustTable.from_quantities(IDS[:5], {"A_V": np.full(5, 0.3)})
        found = list_galaxies(comparison(truth=truth), "A_V")
        assert found.columns == ("one", "two", "truth", "spread")
        assert [row[2][2][0] for row in found.rows[4:6]] == ["0.300", "–"]

    def test_nobody_gives_the_quantity(self):
        assert list_galaxies(comparison(), "log_mass") is None


class TestPages:
    def test_those_that_disagree_most_after_those_that_were_asked_for(self):
        found = list_galaxies(comparison(), "A_V", sample=sample(), galaxies=["g18"])
        assert [page["id"] for page in found.pages][:4] == ["g18", "g0", "g2", "g3"]
        assert len(found.pages) == 13
        anchors = {row[0]: row[1] for row in found.rows if row[1]}
        assert anchors == {page["id"]: page["anchor"] for page in found.pages}
        assert found.pages[1]["alternative"].endswith("one 0.00 +0.20 −0.10, two 0.500.")

    def test_fits_are_drawn_without_a_sample(self):
        tables = {"sed": sed_result(), "b": DustTable.from_quantities([0, 1], {"A_V": [0.1, 0.3]})}
        found = list_galaxies(compare(tables, n_bootstrap=0), "A_V")
        assert [page["id"] for page in found.pages] == ["0"]

    def test_words_name_the_method_that_lacks_the_galaxy(self):
        tables = {
            name: DustTable.from_quantities(ids, {"A_V": [0.2] * len(ids)})
            for name, ids in {"few": [1], "all": [1, 2]}.items()
        }
        found = list_galaxies(compare(tables, n_bootstrap=0), "A_V", galaxies=[2])
        assert found.pages[0]["alternative"].endswith("few –, all 0.200.")

    def test_one_that_was_asked_for(self):
        found = list_galaxies(comparison(), "A_V", galaxies="g3")
        assert [page["id"] for page in found.pages] == ["g3"]

    def test_an_unknown_galaxy(self):
        with pytest.raises(InputError, match=r"^galaxies must be in one of the tables.*: 0 are$"):
            list_galaxies(comparison(), "A_V", galaxies=["g99"])


@pytest.fixture(scope="module")
def page():
    ids = [*IDS[:-1], HOSTILE]
    return Page(comparison(ids).to_html(galaxies=[HOSTILE]))


class TestReport:
    def test_rows_link_to_their_pages(self, page):
        assert page.balanced
        targets = {attributes.get("id") for attributes in page.all("figure")}
        links = [link["href"] for link in page.all("a") if link["href"].startswith("#galaxy-")]
        assert links == ["#galaxy-0"]
        assert "galaxy-0" in targets

    def test_ids_are_escaped(self, page):
        assert page.texts.count(HOSTILE) >= 1
        assert len(page.all("script")) == 1

    def test_five_thousand_galaxies_are_below_ten_megabytes(self):
        html = comparison([f"JADES-GS+{k:06d}" for k in range(5000)]).to_html()
        assert len(html) < 10e6


DOM = """
class Element {
  constructor(text, attributes = {}) {
    this.own = text; this.attributes = attributes; this.children = []; this.listeners = {};
    this.hidden = true;
  }
  get textContent() { return this.own + this.children.map((one) => one.textContent).join(" "); }
  set textContent(text) { this.own = text; this.children = []; }
  appendChild(child) {
    this.children = this.children.filter((one) => one !== child).concat([child]);
    child.parentNode = this;
  }
  getAttribute(name) { return name in this.attributes ? this.attributes[name] : null; }
  setAttribute(name, value) { this.attributes[name] = value; }
  removeAttribute(name) { delete this.attributes[name]; }
  addEventListener(name, listener) { this.listeners[name] = listener; }
  get cells() { return this.children; }
  get rows() { return this.children; }
  get cellIndex() { return this.parentNode.children.indexOf(this); }
}
function filled(text, children) {
  const parent = new Element(text);
  children.forEach((child) => parent.appendChild(child));
  return parent;
}
const cell = ([text, value]) => new Element(text, value === null ? {} : { "data-value": value });
const rows = ROWS.map((cells) => filled("", cells.map(cell)));
const head = filled("", HEAD.map((name) => new Element(name)));
const table = new Element("");
table.tBodies = [filled("", rows)];
table.tHead = filled("", [head]);
const box = new Element(""), count = new Element("");
const line = filled("", [box]);
const document = {
  querySelectorAll: () => [table],
  getElementById: (id) => (id === "search" ? box : count),
  createElement: () => new Element(""),
};
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
class TestScript:
    """The script of the page, in a document of a few lines."""

    def run(self, actions):
        rows = [
            [["g10", None], ["0.50", "0.5"], ["LOW_SNR", None]],
            [["g9", None], ["–", "nan"], ["", None]],
            [["g1", None], ["−0.10", "-0.1"], ["EDGE", None]],
        ]
        script = Path(dustest.report.__file__).parent / "templates" / "report.js"
        dom = DOM.replace("ROWS", json.dumps(rows)).replace("HEAD", '["id", "A_V", "flags"]')
        end = """
        const shown = table.tBodies[0].rows.filter((row) => row.hidden !== true);
        console.log(JSON.stringify([
          shown.map((row) => row.cells[0].textContent), count.textContent, line.hidden,
          head.cells.map((one) => one.getAttribute("aria-sort")),
        ]));"""
        code = dom + "rows.forEach((row) => { row.hidden = false; });" + script.read_text()
        done = subprocess.run(
            ["node", "-e", code + actions + end],
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    def test_sorts_numbers_with_missing_ones_last(self):
        click = "head.cells[1].children[0].listeners.click();"
        assert self.run(click)[0] == ["g10", "g1", "g9"]
        names, _, _, sorts = self.run(2 * click)
        assert names == ["g1", "g10", "g9"]
        assert sorts == [None, "ascending", None]

    def test_sorts_identifiers_as_people_count(self):
        click = "head.cells[0].children[0].listeners.click();"
        assert self.run(2 * click)[0] == ["g1", "g9", "g10"]

    def test_searches_ids_and_flags(self):
        find = "box.value = 'WORDS'; box.listeners.input();"
        assert self.run(find.replace("WORDS", "low_snr G1"))[:2] == [["g10"], "1 shown"]
        assert self.run(find.replace("WORDS", ""))[:2] == [["g10", "g9", "g1"], "3 shown"]

    def test_the_box_is_there_only_with_the_script(self):
        assert self.run("")[2] is False
