import io

import matplotlib as mpl
import numpy as np
import pytest
from astropy import units as u
from astropy.table import Column, MaskedColumn
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure

from dustest.data import DustTable, InputError
from dustest.report.figures import (
    COLORS,
    CONTOUR_FRACTIONS,
    Panel,
    comparison_figure,
    differences,
    histograms,
    one_to_one,
)
from dustest.report.figures.panels import matched_panel


@pytest.fixture
def ax():
    return Figure().add_subplot()


def cloud(n, scatter=0.1, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(0.5, 0.3, n)
    return x, x + rng.normal(0.0, scatter, n)


def contours(ax):
    return [artist for artist in ax.get_children() if isinstance(artist, ContourSet)]


def lines(ax, gid):
    return [line for line in ax.lines if line.get_gid() == gid]


def texts(ax):
    return [text.get_text() for text in ax.texts]


class TestOneToOne:
    def test_identity_line(self, ax):
        one_to_one(*cloud(50), ax=ax)
        (line,) = lines(ax, "identity")
        np.testing.assert_array_equal(*line.get_data())

    @pytest.mark.parametrize("scatter", [0.1, 0.003])
    def test_contours_enclose_what_they_say(self, ax, scatter):
        x, y = cloud(1000, scatter)
        one_to_one(x, y, ax=ax)
        (contour,) = contours(ax)
        shown = (x > ax.get_xlim()[0]) & (x < ax.get_xlim()[1])
        inside = [
            np.mean(path.contains_points(np.stack([x, y], axis=1)[shown]))
            for path in contour.get_paths()
        ]
        np.testing.assert_allclose(inside, sorted(CONTOUR_FRACTIONS, reverse=True), atol=0.02)

    @pytest.mark.parametrize(
        ("x", "y"),
        [
            cloud(19),
            (np.linspace(0, 1, 50), np.full(50, 0.4)),
            (np.linspace(0, 1, 50), np.linspace(0, 1, 50)),
        ],
    )
    def test_no_contours_without_a_density(self, ax, x, y):
        one_to_one(x, y, ax=ax)
        assert contours(ax) == []

    def test_far_outliers_are_counted(self, ax):
        x, y = cloud(200)
        y[:3] = 40.0
        one_to_one(x, y, ax=ax)
        assert texts(ax) == ["3 outside"]
        assert ax.get_ylim()[1] < 5

    def test_a_constant_does_not_hide_the_rest(self, ax):
        x, _ = cloud(200)
        one_to_one(x, np.full(200, 0.5), ax=ax)
        assert texts(ax) == []
        assert ax.get_xlim()[0] < x.min() < x.max() < ax.get_xlim()[1]

    def test_missing_values_are_left_out(self, ax):
        x, y = cloud(30)
        y[:4] = np.nan
        one_to_one(x, y, ax=ax)
        assert len(ax.collections[0].get_offsets()) == 26

    def test_few_points_have_error_bars(self, ax):
        x, y = cloud(30)
        one_to_one(x, y, ax=ax, yerr=np.full((2, 30), 0.1))
        (bars,) = ax.containers
        assert len(bars.lines[2][0].get_segments()) == 30

    def test_many_points_have_one_typical_error(self, ax):
        x, y = cloud(200)
        error = np.full((2, 200), 0.1)
        error[:, :5] = np.nan
        one_to_one(x, y, ax=ax, xerr=error, yerr=2 * error)
        ((horizontal, vertical),) = [bars.lines[2] for bars in ax.containers]
        assert np.ptp(horizontal.get_segments()[0][:, 0]) == pytest.approx(0.2)
        assert np.ptp(vertical.get_segments()[0][:, 1]) == pytest.approx(0.4)

    def test_unknown_errors_are_not_drawn(self, ax):
        x, y = cloud(30)
        one_to_one(x, y, ax=ax, yerr=np.full((2, 30), np.nan))
        assert len(ax.containers) == 0

    def test_nothing_to_draw(self, ax):
        one_to_one([np.nan], [0.1], ax=ax)
        assert ax.get_xlim() == (0.0, 1.0)

    def test_shapes_must_agree(self, ax):
        with pytest.raises(InputError, match="x and y must be of one shape"):
            one_to_one([1.0], [1.0, 2.0], ax=ax)


class TestHistograms:
    def test_all_values_are_counted_once(self, ax):
        x, y = cloud(300)
        histograms({"truth": x, "beta": y}, ax=ax, limits=(-5, 5))
        # The first set consists of closed bars, so its steps run up and back.
        filled, outline = (patch.get_path().vertices for patch in ax.patches)
        assert filled[:, 1].max() <= 300
        heights = outline[1:-1:2, 1]
        assert heights.sum() == 300

    def test_names_are_not_mathematics(self, ax):
        histograms({"$a$": [1.0, 2.0]}, ax=ax)
        (text,) = ax.get_legend().get_texts()
        assert text.get_text() == r"\$a\$"

    def test_values_that_differ_by_rounding(self, ax):
        histograms({"constant": 0.3 + np.array([0.0, 1e-17, 5e-17, 6e-17])}, ax=ax)

    def test_fractions_of_sets_of_different_size(self, ax):
        x, y = cloud(300)
        histograms({"a": x[:40], "b": y}, ax=ax, limits=(-5, 5), normalized=True)
        outline = ax.patches[1].get_path().vertices
        assert outline[1:-1:2, 1].sum() == pytest.approx(1.0)
        assert ax.get_ylabel() == "fraction of galaxies"


class TestDifferences:
    def test_median_and_nmad(self, ax):
        x = np.zeros(101)
        y = np.linspace(-0.5, 1.5, 101)
        differences(x, y, ax=ax)
        assert ax.get_title() == "median +0.50, NMAD 0.74"
        assert lines(ax, "median")[0].get_xdata()[0] == pytest.approx(0.5)
        assert lines(ax, "zero")[0].get_xdata()[0] == 0.0

    def test_nothing_to_draw(self, ax):
        differences([], [], ax=ax)
        assert ax.get_title() == ""


class TestComparisonFigure:
    def test_a_row_of_three_axes_for_each_panel(self):
        panels = [Panel(name, "truth", *cloud(40)) for name in ("beta", "sed")]
        figure = comparison_figure(panels, label="$A_V$")
        assert len(figure.axes) == 6
        assert [ax.get_ylabel() for ax in figure.axes[::3]] == ["$A_V$, beta", "$A_V$, sed"]
        # Panels of one quantity can be compared by eye only on one scale.
        assert figure.axes[0].get_xlim() == figure.axes[3].get_xlim()

    def test_draws_on_a_given_figure(self):
        parts = Figure().subfigures(1, 2)
        panel = Panel("beta", "truth", *cloud(40), color=COLORS[1])
        assert comparison_figure([panel], label="$A_V$", figure=parts[1]) is parts[1]
        assert len(parts[1].axes) == 3

    def test_needs_a_panel(self):
        with pytest.raises(InputError, match="at least one comparison"):
            comparison_figure([], label="$A_V$")

    def test_leaves_matplotlib_alone(self):
        import matplotlib.pyplot as plt

        before, backend = dict(mpl.rcParams), mpl.get_backend()
        figure = comparison_figure([Panel("beta", "truth", *cloud(40))], label="$A_V$")
        figure.savefig(io.BytesIO(), format="svg")
        assert dict(mpl.rcParams) == before
        assert mpl.get_backend() == backend
        assert plt.get_fignums() == []

    def test_differences_say_of_what(self):
        x, _ = cloud(40)
        figure = comparison_figure([Panel("beta", "truth", x, x + 0.2)], label="$A_V$")
        assert figure.axes[2].get_xlabel() == "$A_V$: beta − truth"
        assert figure.axes[2].get_title().startswith("median +0.2")

    def test_long_names_stand_on_a_line_of_their_own(self):
        long = "a relation of the ultraviolet slope"
        scatter, _, residuals = comparison_figure(
            [Panel("beta", long, *cloud(40))], label="$A_V$"
        ).axes
        assert scatter.get_xlabel() == f"$A_V$,\n{long}"
        assert scatter.get_ylabel() == "$A_V$, beta"
        assert residuals.get_xlabel() == f"$A_V$:\nbeta\n− {long}"

    def test_galaxies_that_are_missing_are_counted(self):
        x, y = cloud(40)
        y[:3] = np.nan
        panels = [Panel("a", "b", x, y, n_asked=n) for n in (None, 37, 50)]
        titles = [ax.get_title() for ax in comparison_figure(panels, label="$A_V$").axes[1::3]]
        assert titles == ["37 galaxies", "37 galaxies", "37 of 50 galaxies"]

    @pytest.mark.parametrize("n", [0, 1, 5000])
    def test_draws_any_number_of_points(self, n):
        x, y = cloud(n)
        panel = Panel("beta", "truth", x, y, yerr=np.full((2, n), 0.1))
        comparison_figure([panel], label="$A_V$").savefig(io.BytesIO(), format="png")


class TestMatchedPanel:
    def test_rows_are_matched_by_id_and_have_their_error_bars(self):
        columns = {"A_V": [0.2, 0.5], "A_V_p16": [0.1, 0.3], "A_V_p84": [0.4, 0.9]}
        one = DustTable.from_quantities(["a", "b"], columns)
        two = DustTable.from_quantities(["c", "b", "a"], {"A_V": [9.0, 0.6, 0.1]})
        panel = matched_panel(("one", "two"), one, two, "A_V")
        np.testing.assert_array_equal([panel.x, panel.y], [[0.1, 0.6], [0.2, 0.5]])
        np.testing.assert_allclose(panel.yerr, [[0.1, 0.2], [0.2, 0.4]])
        assert np.isnan(panel.xerr).all()
        assert (panel.name, panel.against) == ("one", "two")

    def test_galaxies_that_neither_contains(self):
        one, two = (DustTable.from_quantities(ids, {"A_V": [1.0]}) for ids in (["a"], ["b"]))
        with pytest.raises(InputError, match="one and two must have identifiers in common"):
            matched_panel(("one", "two"), one, two, "A_V")


class TestUnitsAndMissingValues:
    def test_pairs_are_in_the_unit_of_the_first(self):
        x = Column([0.1, 0.4, 0.8, 0.9], unit=u.mag)
        y = MaskedColumn([200.0, 400.0, -99.0, 1.0], mask=[0, 0, 0, 1], unit=u.mmag)
        ax = one_to_one(x, y, ax=Figure().add_subplot())
        np.testing.assert_allclose(ax.collections[0].get_offsets(), [[0.1, 0.2], [0.4, 0.4]])

    def test_histograms_leave_out_what_is_missing(self):
        values = {"a": [0.1, 0.2, -99.0] * u.mag, "b": [100.0, 200.0, np.inf] * u.mmag}
        ax = histograms(values, ax=Figure().add_subplot())
        assert ax.get_xlim()[0] > 0
        assert ax.get_xlim()[1] < 0.3

    def test_rounding_is_no_difference(self):
        x = np.linspace(3.0, 3.2, 40)
        ax = differences(x, x * (1 + 1e-15), ax=Figure().add_subplot())
        assert ax.get_title() == "median +0.00, NMAD 0.00"

    @pytest.mark.parametrize("y", [["a", "b"], [1.0, 2.0] * u.Jy])
    def test_what_is_no_number(self, y):
        with pytest.raises(InputError, match="y must"):
            differences([0.1, 0.2] * u.mag, y, ax=Figure().add_subplot())
