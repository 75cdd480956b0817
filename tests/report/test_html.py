import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from html_pages import HOSTILE, Page

from dustest.data import FLAGS, DustTable
from dustest.report import Comparison, compare
from dustest.validation import METRICS, compare_tables, flag_counts

N = 25


def make_table(seed, flags=0, **meta):
    rng = np.random.default_rng(seed)
    value = rng.normal(0.4, 0.2, N)
    ids = [f"g{i}" for i in range(N - 1)] + [HOSTILE]
    columns = {"A_V": value, "A_V_p16": value - 0.1, "A_V_p84": value + 0.1}
    columns["A_V"][-1] = 5.0 + seed
    return DustTable.from_quantities(ids, columns, flags=np.full(N, flags), meta=meta)


def make_comparison(**options):
    tables = {
        "beta": make_table(1, FLAGS["LOW_SNR"].value, params='{"relation": "Meurer99"}'),
        "sed": make_table(2, estimator="BagpipesEstimator", params="not JSON", model_hash="ab12"),
    }
    return compare(tables, random_state=1, **options)


@pytest.fixture(scope="module")
def html():
    truth = QTable({"id": make_table(1)["id"]})
    truth["A_V"] = np.random.default_rng(3).normal(0.4, 0.2, N)
    notes = ["Bagpipes fitted only the first 5 galaxies.", HOSTILE]
    return make_comparison(truth=truth, reference="sed", notes=notes).to_html(title="A & B")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


class TestPage:
    def test_is_well_formed(self, page):
        assert page.balanced
        assert page.stack == []

    def test_loads_nothing(self, html, page):
        assert page.loaded
        assert all(target.startswith(("data:", "#")) for target in page.loaded)
        assert page.all("script") == [{}]  # of our own, inside
        assert not page.all("link")
        assert "@import" not in html
        assert "url(" not in html

    def test_hostile_text_is_escaped(self, html, page):
        assert html.count("<script") == 1  # the page's own
        assert page.texts.count(HOSTILE) >= 2

    def test_control_characters_are_replaced(self):
        bad = "a\x00b\x1b[31m\x7f\x85\u202ec\ud800d\n"
        html = make_comparison(notes=[bad]).to_html(title=bad)
        html.encode()
        assert "a\ufffdb\ufffd[31m\ufffd\ufffd\ufffdc\ufffdd" in html
        assert not set(bad) & set(html) - set("abcd[31m\n")

    def test_links_have_targets(self, page):
        ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
        assert {link["href"].removeprefix("#") for link in page.all("a")} <= ids

    def test_is_accessible(self, page):
        assert page.all("html")[0]["lang"] == "en"
        assert len(page.all("h1")) == 1
        assert all(len(image["alt"]) > 20 for image in page.all("img"))
        assert all("scope" in header for header in page.all("th"))
        assert all("aria-label" in d for d in page.all("div") if d.get("role") == "region")

    def test_is_responsive(self, page):
        assert any(meta.get("name") == "viewport" for meta in page.all("meta"))


class TestContent:
    def test_title_notes_and_provenance(self, page):
        assert "A & B" in page.texts
        assert "Bagpipes fitted only the first 5 galaxies." in page.texts
        assert any("with dustest" in text and "astropy" in text for text in page.texts)

    def test_estimators_and_parameters(self, page):
        for text in ("BagpipesEstimator", "relation", "Meurer99", "not JSON", "ab12"):
            assert text in page.texts

    def test_every_metric_is_there(self, page):
        assert {metric.label for metric in METRICS.values()} <= set(page.texts)
        assert sum(" ± " in text for text in page.texts) >= 3 * (len(METRICS) - 2)

    def test_one_number_of_digits(self, page):
        texts = page.texts
        row = texts[texts.index("MAE") + 1 :][:4]
        cells = [text for text in row if " ± " in text]
        assert cells
        assert all(len(part.split(".")[1]) == 3 for cell in cells for part in cell.split(" ± "))

    def test_figures_against_truth_and_reference(self, page):
        assert len(page.all("img")) == 3
        assert all(i["src"].startswith("data:image/svg+xml;base64,") for i in page.all("img"))

    def test_calibration_against_the_truth(self, page):
        assert "Calibration" in page.texts
        (figure,) = (i for i in page.all("img") if "68 % intervals of A_V" in i["alt"])
        assert "beta 0.28, sed 0.28" in figure["alt"]
        assert "Calibration" not in Page(make_comparison().to_html()).texts

    def test_differences_of_estimators(self, page):
        start = page.texts.index("Which estimator is better")
        texts = page.texts[start : start + 40]
        assert ["beta", "sed", "MAE", str(N)] == texts[texts.index("beta") :][:4]
        assert sum(" ± " in text for text in texts) == 4
        assert "Which estimator is better" not in Page(make_comparison().to_html()).texts

    def test_every_quantity_has_a_figure(self):
        truth = QTable({"id": make_table(1)["id"], "log_sSFR": np.full(N, -8.0)})
        page = Page(make_comparison(truth=truth).to_html())
        (image,) = page.all("img")
        assert "A_V from beta against sed" in image["alt"]

    def test_flags_with_descriptions(self, page):
        assert FLAGS["LOW_SNR"].description in page.texts
        assert FLAGS["EDGE"].description not in page.texts

    def test_largest_disagreement_leads(self, page):
        rows = [text for text in page.texts if text == HOSTILE or text.startswith("g")]
        assert HOSTILE in rows

    def test_failures_are_told(self):
        tables = make_comparison().tables
        result = Comparison(
            tables,
            compare_tables(tables, n_bootstrap=0),
            flag_counts(tables),
            failures={"cnn": "ValueError: <not> fitted"},
        )
        texts = Page(result.to_html()).texts
        assert "cnn gave no result." in texts
        assert "ValueError: <not> fitted" in texts

    def test_nothing_to_compare(self):
        html = compare({"beta": make_table(1)}).to_html()
        assert "there is nothing to compare" in html
        assert "No galaxy has a flag." in Page(html).texts


def make_fit(sfh, value, *, priors=True):
    """A result of an SED fit of N galaxies with equal answers."""
    columns = {"A_V": [value] * N, "A_V_p16": [value - 0.1] * N, "A_V_p84": [value + 0.1] * N}
    extra = {"A_V_flat": np.full(N, 0.45) * u.mag, "A_V_log10": np.full(N, 0.2) * u.mag}
    meta = {"estimator": "BagpipesEstimator", "params": f'{{"sfh": "{sfh}"}}'}
    return DustTable.from_quantities(range(N), columns, extra=extra if priors else {}, meta=meta)


@pytest.fixture(scope="module")
def fits_page():
    tables = {HOSTILE: make_fit("delayed", 0.2), "two": make_fit("constant", 0.26)}
    return Page(compare(tables, n_bootstrap=0).to_html())


class TestAssumptions:
    def test_is_a_section_of_a_sound_page(self, fits_page):
        assert fits_page.balanced
        assert "assumptions" in [section.get("id") for section in fits_page.all("section")]
        assert "#assumptions" in [link["href"] for link in fits_page.all("a")]
        assert all("scope" in header for header in fits_page.all("th"))

    def test_numbers(self, fits_page):
        first = fits_page.texts.index("all")
        assert fits_page.texts[first + 1 : first + 9] == [
            *("25", "25 (100 %)", "0.25", "0.10"),
            *("25", "0 (0 %)", "0.06", "0.10"),
        ]

    def test_bins(self, fits_page):
        assert {"0 to 0.1", "0.1 to 0.3", "0.3 to 1", "1 and more"} <= set(fits_page.texts)

    def test_says_what_was_compared(self, fits_page):
        definitions = " ".join(fits_page.texts)
        assert f"from {HOSTILE}, two" in definitions
        assert "of the histories constant, delayed" in definitions

    def test_figure_in_words(self, fits_page):
        (alternative,) = [i["alt"] for i in fits_page.all("img") if "half width" in i["alt"]]
        assert "The prior moves A_V of 25 of 25 galaxies" in alternative
        assert "The star-formation history moves A_V of 0 of 25 galaxies" in alternative

    def test_one_assumption(self):
        page = Page(compare({"one": make_fit("delayed", 0.2)}).to_html())
        assert "prior" in page.texts
        assert "star-formation history" not in page.texts
        (image,) = page.all("img")
        assert "The prior moves" in image["alt"]
        assert {"class": "narrow"} in page.all("figure")

    def test_history_alone(self):
        tables = {s: make_fit(s, v, priors=False) for s, v in (("delayed", 0.2), ("burst", 0.9))}
        page = Page(compare(tables, n_bootstrap=0).to_html())
        assert "star-formation history" in page.texts
        assert "prior" not in page.texts

    def test_is_left_out_where_nothing_tells(self, html):
        assert "assumptions" not in html


class TestFile:
    def test_is_written(self, tmp_path):
        path = tmp_path / "report.html"
        html = compare({"beta": make_table(1)}).to_html(path)
        assert path.read_text(encoding="utf-8") == html
        assert list(tmp_path.iterdir()) == [path]
