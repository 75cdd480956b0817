import warnings

import numpy as np
import pytest
from astropy.table import QTable
from matplotlib.figure import Figure

from dustest.data import DustestError, DustestWarning, DustTable, GalaxySample, InputError
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
    return QTable({"A_V": sample["redshift"] / 10})


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
        with pytest.raises(InputError, match="must do as file names"):
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
        with pytest.raises(InputError, match="all and the sample each have ids"):
            compare({"all": table}, sample)


class TestInput:
    @pytest.mark.parametrize("estimators", [{}, [Broken()], None])
    def test_a_dict_is_needed(self, sample, estimators):
        with pytest.raises(InputError, match="estimators must be a dict"):
            compare(estimators, sample)

    def test_names_are_text(self, sample):
        with pytest.raises(InputError, match="names of estimators must be text"):
            compare({1: Shifted(0.0)}, sample)

    def test_something_else(self, sample):
        with pytest.raises(InputError, match="must be a DustTable or have a method estimate"):
            compare({"one": 3.0}, sample)

    def test_another_table(self, sample):
        with pytest.raises(InputError, match="must have the columns of a DustTable"):
            compare({"one": QTable({"id": [1]})}, sample)

    def test_an_estimator_needs_a_sample(self):
        with pytest.raises(InputError, match="sample must be given for one"):
            compare({"one": Shifted(0.0)})

    def test_unknown_reference_stops_before_anything_runs(self, sample):
        estimator = Shifted(0.0)
        with pytest.raises(InputError, match="reference must be one of"):
            compare({"one": estimator}, sample, reference="two")
        assert estimator.calls == []

    @pytest.mark.parametrize(
        "options", [{"quantities": ["A_K"]}, {"n_bootstrap": 1}, {"outlier_limit": -0.3}]
    )
    def test_wrong_options_stop_before_anything_runs(self, sample, options):
        estimator = Shifted(0.0)
        with pytest.raises(InputError, match="must be"):
            compare({"one": estimator}, sample, **options)
        assert estimator.calls == []

    def test_wrong_truth_stops_before_anything_runs(self, sample):
        estimator = Shifted(0.0)
        with pytest.raises(InputError, match="as many rows"):
            compare({"one": estimator}, sample, truth=QTable({"A_V": [0.1]}))
        assert estimator.calls == []


class TestComparison:
    @pytest.fixture
    def result(self, sample, truth):
        tables = {"one": Shifted(0.0), "two": Shifted(0.1), "three": Shifted(0.2)}
        return compare(tables, sample, truth=truth, n_bootstrap=0)

    def test_short_text(self, result):
        assert repr(result) == "<Comparison of one, two, three, with truth>"

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
