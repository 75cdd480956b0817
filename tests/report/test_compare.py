import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from frames import KINDS, as_frame
from html_pages import Page
from matplotlib.figure import Figure

from dustest.data import (
    DustestError,
    DustestWarning,
    DustTable,
    GalaxySample,
    InputError,
    as_sample,
    open_result,
)
from dustest.report import Comparison, compare

N = 30


class Shifted:
    """Estimates the truth plus a constant, and remembers how it was called."""

    def __init__(self, shift):
        self.shift = shift
        self.calls = []

    def estimate(self, X, **options):
        self.calls.append((X, options))
        value = np.asarray(X["redshift"]) / 10 + self.shift
        columns = {"A_V": value, "A_V_p16": value - 0.1, "A_V_p84": value + 0.1}
        return DustTable.from_quantities(X["id"], columns, meta={"estimator": "Shifted"})


class Broken:
    def estimate(self, X, **options):
        msg = "not fitted yet"
        raise RuntimeError(msg)


class Short:
    def estimate(self, X, **options):
        return DustTable.from_quantities(X["id"][:2], {})


@pytest.fixture
def sample():
    redshift = np.random.default_rng(1).uniform(6.0, 9.0, N)
    return QTable({"id": [f"g{i}" for i in range(N)], "redshift": redshift})


@pytest.fixture
def truth(sample):
    return QTable({"ID": sample["id"], "A_V": sample["redshift"] / 10})


class TestRunning:
    def test_metrics_are_those_of_the_estimates(self, sample, truth):
        estimators = {"low": Shifted(-0.2), "high": Shifted(0.1)}
        result = compare(estimators, sample, truth=truth, reference="low", random_state=1)
        assert isinstance(result, Comparison)
        rows = [tuple(row) for row in result.metrics["estimator", "against"]]
        assert rows == [("low", "truth"), ("high", "truth"), ("high", "low")]
        np.testing.assert_allclose(result.metrics["bias"], [-0.2, 0.1, 0.3])
        np.testing.assert_allclose(result.metrics["coverage_68"], [0, 1, 0])

    def test_estimators_get_a_checked_sample_and_the_options(self, sample):
        estimator = Shifted(0.0)
        compare({"one": estimator}, sample, n_jobs=2, progress=False)
        ((given, options),) = estimator.calls
        assert isinstance(given, GalaxySample)
        assert options == {"n_jobs": 2, "progress": False}

    def test_output_is_a_folder_with_a_file_each(self, sample, tmp_path):
        estimator = Shifted(0.0)
        folder = tmp_path / "new" / "run"
        compare({"one": estimator}, sample, output=folder, resume=True)
        assert estimator.calls[0][1]["output"] == folder / "one.ecsv"
        assert estimator.calls[0][1]["resume"] is True
        assert folder.is_dir()

    def test_earlier_results_are_not_overwritten(self, sample, tmp_path):
        (tmp_path / "one.ecsv").touch()
        estimator = Shifted(0.0)
        with pytest.raises(InputError, match=r"holds results already \(one.ecsv\); pass resume"):
            compare({"one": estimator}, sample, output=tmp_path)
        assert estimator.calls == []

    @pytest.mark.parametrize("name", ["../escape", ".hidden", "a/b"])
    def test_names_that_are_no_file_names(self, sample, tmp_path, name):
        with pytest.raises(InputError, match="must be valid file names"):
            compare({name: Shifted(0.0)}, sample, output=tmp_path)

    def test_same_seed_same_metrics(self, sample, truth):
        first, again = (
            compare({"one": Shifted(0.1)}, sample, truth=truth, random_state=2) for _ in range(2)
        )
        np.testing.assert_array_equal(first.metrics["spearman_err"], again.metrics["spearman_err"])


class TestFailures:
    def test_one_failure_does_not_cost_the_others(self, sample):
        estimators = {"one": Shifted(0.0), "bad": Broken(), "two": Shifted(0.1).estimate(sample)}
        with pytest.warns(DustestWarning, match="bad gave no result: RuntimeError: not fitted"):
            result = compare(estimators, sample)
        assert list(result.tables) == ["one", "two"]
        assert result.failures == {"bad": "RuntimeError: not fitted yet"}
        assert len(result.metrics) == 1

    def test_a_failed_reference_leaves_all_pairs(self, sample):
        estimators = {"one": Shifted(0.0), "bad": Broken(), "two": Shifted(0.1)}
        with pytest.warns(DustestWarning):
            result = compare(estimators, sample, reference="bad")
        assert result.reference is None
        assert len(result.metrics) == 1

    def test_lost_rows_are_a_failure(self, sample):
        with pytest.warns(DustestWarning, match="must return a DustTable of 30 rows"):
            result = compare({"one": Shifted(0.0), "short": Short()}, sample)
        assert "short" in result.failures

    def test_nothing_left(self, sample):
        with (
            pytest.warns(DustestWarning),
            pytest.raises(DustestError, match="no estimator gave a result: bad: RuntimeError"),
        ):
            compare({"bad": Broken()}, sample)


class TestTables:
    def test_tables_need_no_sample(self, sample, truth):
        table = Shifted(0.1).estimate(sample)
        result = compare({"ready": table, "again": table}, truth=truth)
        assert len(result.metrics) == 3

    def test_part_of_the_sample(self, sample, truth):
        table = Shifted(0.1).estimate(sample)[4:9]
        result = compare({"all": Shifted(0.0), "part": table}, sample, truth=truth)
        assert result.metrics["n"].tolist() == [30, 5, 5]

    def test_a_table_without_rows(self, sample):
        table = Shifted(0.1).estimate(sample)
        result = compare({"all": table, "none": table[:0]})
        assert len(result.metrics) == 0
        assert "none" in result.tables

    def test_more_than_the_sample(self, sample):
        table = Shifted(0.1).estimate(sample)
        result = compare({"part": Shifted(0.0), "all": table}, sample[10:15])
        assert len(result.tables["all"]) == 5

    def test_other_galaxies(self, sample):
        table = Shifted(0.1).estimate(sample)
        table["id"][0] = "x"
        result = compare({"all": table, "run": Shifted(0.0)}, sample)
        assert result.notes == ("1 of 30 rows of all are not in the sample.",)
        assert (result.metrics["n"][0], result.metrics["n_unmatched"][0]) == (29, 1)

    def test_no_galaxy_in_common_stops_before_anything_runs(self, sample, truth):
        estimator = Shifted(0.0)
        truth["ID"] = [f"other {i}" for i in range(N)]
        with pytest.raises(InputError, match="one and truth must have identifiers in common"):
            compare({"one": estimator}, sample, truth=truth)
        ready = Shifted(0.1).estimate(sample)[20:]
        with pytest.raises(InputError, match="one and two must have identifiers in common"):
            compare({"one": estimator, "two": ready}, sample, limits={"one": 5})
        assert estimator.calls == []

    @pytest.mark.parametrize("kind", KINDS)
    def test_results_of_others(self, sample, truth, kind):
        published = as_frame(kind, {"NUMBER": truth["ID"][::-1], "A_V": truth["A_V"][::-1] + 0.1})
        result = compare({"published": published}, sample, truth=truth, n_bootstrap=0)
        assert isinstance(result.tables["published"], DustTable)
        assert result.metrics["bias"][0] == pytest.approx(0.1)
        assert result.metrics["n"][0] == N


class TestInput:
    @pytest.mark.parametrize("estimators", [{}, [Broken()], None])
    def test_a_dict_is_needed(self, sample, estimators):
        with pytest.raises(InputError, match="estimators must be a dict"):
            compare(estimators, sample)

    def test_names_are_text(self, sample):
        with pytest.raises(InputError, match="names of estimators must be text"):
            compare({1: Shifted(0.0)}, sample)

    @pytest.mark.parametrize("kind", [Shifted, Broken, DustTable, float])
    def test_a_class(self, sample, kind):
        other = Shifted(0.0)
        expected = f"{kind.__name__} is a class: pass {kind.__name__}()"
        with pytest.raises(InputError, match=re.escape(expected)):
            compare({"other": other, "one": kind}, sample)
        assert other.calls == []

    @pytest.mark.parametrize("kind", [str, Path])
    def test_the_name_of_a_catalogue(self, kind):
        with pytest.raises(InputError, match=r"read_catalog\('jades\.fits'\)"):
            compare({"one": Shifted(0.0)}, kind("jades.fits"))

    def test_something_else(self, sample):
        with pytest.raises(InputError, match="must be a DustTable or have a method estimate"):
            compare({"one": 3.0}, sample)

    def test_another_table(self, sample):
        with pytest.raises(InputError, match="must have the columns of a DustTable"):
            compare({"one": QTable({"id": [1], "flags": [0]})}, sample)

    def test_an_estimator_needs_a_sample(self):
        with pytest.raises(InputError, match="sample must be given for one"):
            compare({"one": Shifted(0.0)})

    def test_unknown_reference_stops_before_anything_runs(self, sample):
        estimator = Shifted(0.0)
        with pytest.raises(InputError, match="reference must be one of"):
            compare({"one": estimator}, sample, reference="two")
        assert estimator.calls == []

    @pytest.mark.parametrize(
        "options",
        [
            *({"quantities": ["A_K"]}, {"n_bootstrap": 1}, {"n_bootstrap": 2.5}),
            *({"outlier_limit": -0.3}, {"outlier_limit": 1 * u.Jy}, {"random_state": "1"}),
        ],
    )
    def test_wrong_options_stop_before_anything_runs(self, sample, options):
        estimator = Shifted(0.0)
        with pytest.raises(InputError, match=r"must (be|have)"):
            compare({"one": estimator}, sample, **options)
        assert estimator.calls == []

    def test_wrong_truth_stops_before_anything_runs(self, sample):
        estimator = Shifted(0.0)
        with pytest.raises(InputError, match=r'truth\["id"\] = sample\["id"\]'):
            compare({"one": estimator}, sample, truth=QTable({"A_V": [0.1] * N}))
        assert estimator.calls == []

    @pytest.mark.parametrize(
        ("limits", "message"),
        [
            ({"onE": 3}, r"limits must have names out of .* got 'onE': did you mean 'one'"),
            ({"one": 0}, r"limits\['one'\] must be a positive number of galaxies, got 0"),
            (5, "limits must be a dict of name to number of galaxies, got 5"),
        ],
    )
    def test_wrong_limits(self, sample, limits, message):
        with pytest.raises(InputError, match=message):
            compare({"one": Shifted(0.0)}, sample, limits=limits)

    def test_output_that_cannot_be_made_stops_before_anything_runs(self, sample, tmp_path):
        estimator = Shifted(0.0)
        (tmp_path / "file").touch()
        for output in (tmp_path / "file", tmp_path / "file" / "run"):
            with pytest.raises(InputError, match="output must be a folder"):
                compare({"one": estimator}, sample, output=output)
        with pytest.raises(InputError, match="output must be the path of a folder, got 3"):
            compare({"one": estimator}, sample, output=3)
        assert estimator.calls == []


class TestWithoutIdentifiers:
    def test_rows_are_paired_by_position_and_this_is_stated(self):
        sample = as_sample({"redshift": np.linspace(6.0, 9.0, N)})
        truth = {"A_V": np.linspace(0.6, 0.9, N)}
        with pytest.warns(DustestWarning, match=r"truth and the sample have no id.*by position"):
            result = compare({"one": Shifted(0.1)}, sample, truth=truth, n_bootstrap=0)
        assert result.metrics["bias"][0] == pytest.approx(0.1)
        assert result.metrics.meta["paired_by"] == "row"
        (note,) = result.notes
        assert note == "Rows are paired by position, since no table has identifiers."

    def test_estimators_of_one_sample_need_no_statement(self):
        sample = as_sample({"redshift": np.linspace(6.0, 9.0, N)})
        result = compare({"one": Shifted(0.1), "two": Shifted(0.0)}, sample, limits={"two": 7})
        assert result.metrics["n"].tolist() == [7]
        assert result.notes == ()


class TestWritingTheReport:
    @pytest.fixture
    def result(self, sample):
        return compare({"one": Shifted(0.0).estimate(sample)})

    @pytest.fixture(autouse=True)
    def draws_nothing(self, monkeypatch):
        def render(*args, **options):
            raise AssertionError

        monkeypatch.setattr("dustest.report.comparison.render_report", render)

    @pytest.mark.parametrize("name", ["missing/report.html", "file/report.html", ""])
    def test_paths_are_checked_first(self, result, tmp_path, name):
        (tmp_path / "file").touch()
        with pytest.raises(InputError, match=r"path must be (a file|in a folder that exists)"):
            result.to_html(tmp_path / name)

    @pytest.mark.parametrize("path", [3, "", "a\0b"])
    def test_no_path(self, result, path):
        with pytest.raises(InputError, match="path must be the path of a file"):
            result.to_html(path)

    def test_a_disc_that_fails_while_writing(self, result, tmp_path, monkeypatch):
        monkeypatch.setattr("dustest.report.comparison.render_report", lambda *_, **__: "x")

        def write(*args, **options):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("pathlib.Path.write_text", write)
        with pytest.raises(InputError, match="No space left on device"):
            result.to_html(tmp_path / "report.html")
        assert list(tmp_path.iterdir()) == []


class TestFixedRatio:
    """R_V is a constant of the dust law, which rounding may blur."""

    @pytest.fixture
    def tables(self):
        rng = np.random.default_rng(1)
        e_bv = rng.uniform(0.01, 0.3, N)
        return {
            name: DustTable.from_quantities(
                range(N),
                {"A_V": law * e_bv, "E_BV": e_bv, "R_V": (law * e_bv) / e_bv * scatter},
            )
            for name, law, scatter in (
                ("one", 4.05, 1.0),
                ("two", 4.05, 1 + 1e-15 * rng.integers(0, 2, N)),
                ("free", 3.1, rng.uniform(0.9, 1.1, N)),
            )
        }

    def test_no_metrics_and_no_page_about_it(self, tables):
        fixed = {name: tables[name] for name in ("one", "two")}
        result = compare(fixed, n_bootstrap=0)
        assert result.quantities == ("A_V", "E_BV")
        assert "R_V" not in Page(result.to_html()).texts
        assert result.panels("R_V") == []

    def test_sides_that_vary_are_compared(self, tables):
        truth = QTable({"id": range(N), "R_V": np.linspace(2.5, 3.5, N)})
        metrics = compare(tables, truth=truth, n_bootstrap=0).metrics
        pairs = metrics["estimator", "against"][metrics["quantity"] == "R_V"]
        assert [tuple(pair) for pair in pairs] == [("free", "truth")]


class TestComparison:
    @pytest.fixture
    def result(self, sample, truth):
        tables = {"one": Shifted(0.0), "two": Shifted(0.1), "three": Shifted(0.2)}
        return compare(tables, sample, truth=truth, n_bootstrap=0)

    def test_short_text(self, result):
        assert repr(result) == "<Comparison of one, two, three, with truth>"

    def test_print_says_what_came_out(self, result):
        assert str(result).startswith(f"{N} galaxies, 3 methods. Median A_V: one ")

    def test_notebooks_show_metrics_against_the_truth(self, result):
        html = result._repr_html_()
        assert f"<p>{N} galaxies, 3 methods." in html
        assert html.count("<tr>") == 1 + np.sum(result.metrics["against"] == "truth")
        assert "<td>A_V [mag]</td><td>two</td><td>truth</td>" in html

    def test_notebooks_show_failures_and_notes_escaped(self, result):
        changed = replace(result, failures={"four": "<b>"}, notes=("a & b",))
        html = changed._repr_html_()
        assert "four gave no result: &lt;b&gt;" in html
        assert "a &amp; b" in html

    def test_plot_is_against_the_truth(self, result):
        figure = result.plot("A_V")
        assert isinstance(figure, Figure)
        assert len(figure.axes) == 9

    def test_plot_against_an_estimator(self, result):
        panels = result.panels("A_V", against="two")
        assert [panel.name for panel in panels] == ["one", "three"]
        np.testing.assert_allclose(panels[0].y - panels[0].x, -0.1)
        np.testing.assert_allclose(panels[0].yerr, 0.1)

    def test_colours_stay_with_the_names(self, result):
        colors = {panel.color for panel in result.panels("A_V")}
        assert len(colors) == 3
        assert result.panels("A_V", against="one")[0].color == result.colors["two"]

    def test_plot_on_a_given_figure(self, result):
        figure = Figure()
        assert result.plot("A_V", figure=figure) is figure

    @pytest.mark.parametrize(
        ("quantity", "against", "message"),
        [
            ("A_K", None, "quantity must be one of"),
            ("A_V", "four", "against must be one of"),
            ("R_V", None, "quantity must be given by truth and another .* these are: A_V"),
        ],
    )
    def test_nothing_to_plot(self, result, quantity, against, message):
        with pytest.raises(InputError, match=message):
            result.plot(quantity, against=against)

    def test_differences(self, sample, truth):
        estimators = {"low": Shifted(-0.2), "high": Shifted(0.1)}
        result = compare(estimators, sample, truth=truth, reference="low", random_state=1)
        assert result.differences["estimator"].tolist() == ["high", "high"]
        np.testing.assert_allclose(result.differences["difference"][0], -0.1)
        np.testing.assert_allclose(result.differences["difference_err"][0], 0, atol=1e-9)
        assert compare(estimators, sample, random_state=1).differences is None

    def test_points_without_posteriors(self, sample, truth):
        tables = {name: {"id": sample["id"], "A_V": truth["A_V"] + 0.1} for name in ("a", "b")}
        result = compare(tables, truth=truth, random_state=1)
        assert result.differences["score"].tolist() == ["mae"]
        assert result.with_posterior("A_V") == []
        with pytest.raises(InputError, match="quantity must have a truth and percentiles"):
            result.plot_calibration("A_V")

    def test_a_table_without_rows_and_a_truth(self, sample, truth):
        table = Shifted(0.1).estimate(sample)
        result = compare({"all": table, "none": table[:0]}, truth=truth, random_state=1)
        assert len(result.differences) == 0
        assert "Calibration" in Page(result.to_html()).texts

    def test_calibration(self, sample, truth):
        result = compare({"one": Shifted(0.1)}, sample, truth=truth, random_state=1)
        figure = result.plot_calibration("A_V")
        assert [ax.get_ylabel() for ax in figure.axes] == ["coverage", "density", "coverage"]
        with pytest.raises(InputError, match="quantity must be one of"):
            result.plot_calibration("AV")

    def test_assumption_shifts(self, sample):
        tables = {}
        for sfh, shift in {"delayed": 0.0, "constant": 0.3}.items():
            tables[sfh] = Shifted(shift).estimate(sample)
            tables[sfh].meta["params"] = f'{{"sfh": "{sfh}"}}'
        shifts = compare(tables, sample, n_bootstrap=0).assumption_shifts()
        np.testing.assert_allclose(shifts["history_shift"].to_value("mag"), 0.3)
        assert shifts["history_exceeds"].all()

    def test_no_warnings_on_the_way(self, sample, truth):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compare({"one": Shifted(0.0)}, sample, truth=truth).plot("A_V")


class TestOpenedResults:
    @pytest.mark.parametrize("ending", ["fits", "parquet"])
    def test_are_compared_like_tables(self, tmp_path, ending):
        rng = np.random.default_rng(230450)
        tables = {}
        for name in ("one", "two"):
            values = {"A_V": rng.uniform(0.0, 1.0, 30), "E_BV": rng.uniform(0.0, 1.0, 30)}
            extra = {"note": np.zeros((30, 100))}
            tables[name] = DustTable.from_quantities(range(30), values, extra=extra)
            tables[name].write(tmp_path / f"{name}.{ending}")
        paths = {name: tmp_path / f"{name}.{ending}" for name in tables}
        given = {"one": open_result(paths["one"]), "two": paths["two"]}
        expected = compare(tables, random_state=1)
        result = compare(given, random_state=1)
        assert all("note" not in table.colnames for table in result.tables.values())
        for name in expected.metrics.colnames:
            np.testing.assert_array_equal(result.metrics[name], expected.metrics[name])
