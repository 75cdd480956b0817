import io

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from matplotlib.figure import Figure

from dustest.data import InputError
from dustest.report.figures import plot_assumption_shifts
from dustest.report.figures.assumptions import known_assumptions


def made_shifts(n, seed=1, *, prior=True, history=True):
    """Shifts of n galaxies around their half widths, in mag."""
    rng = np.random.default_rng(seed)
    value, width = 10 ** rng.uniform(-2.0, 0.5, n), 10 ** rng.normal(-1.0, 0.2, n)
    shifts = {
        "A_V": value,
        "half_width": width,
        "prior_shift": width * rng.normal(0.0, 1.5, n) if prior else np.full(n, np.nan),
        "history_shift": width * rng.uniform(0.0, 1.5, n) if history else np.full(n, np.nan),
    }
    return QTable({name: column * u.mag for name, column in shifts.items()})


def marks(ax, label):
    """Positions of the points with a label."""
    (points,) = [artist for artist in ax.collections if artist.get_label() == label]
    return np.asarray(points.get_offsets())


def stairs(ax):
    return [patch for patch in ax.patches if hasattr(patch, "get_data")]


class TestPlotAssumptionShifts:
    @pytest.mark.parametrize("n", [10, 500])
    def test_marks_are_split_at_the_half_width(self, n):
        shifts = made_shifts(n)
        for ax, name in zip(plot_assumption_shifts(shifts), ("prior", "history"), strict=True):
            size = np.abs(shifts[f"{name}_shift"])
            beyond = size > shifts["half_width"]
            within = marks(ax, "shift within it")
            expected = np.stack([shifts["A_V"], size], axis=1).value
            np.testing.assert_allclose(marks(ax, "shift beyond it"), expected[beyond])
            # Small ones are drawn at the lower edge.
            np.testing.assert_allclose(within[:, 0], expected[~beyond, 0])
            assert (within[:, 1] >= expected[~beyond, 1]).all()
            assert within[:, 1].min() > ax.get_ylim()[0]
            assert ax.get_title() == f"{beyond.sum()} of {n} galaxies beyond the half width"

    def test_few_are_linked_to_their_half_width(self):
        shifts = made_shifts(10)
        ax = plot_assumption_shifts(shifts)[0]
        (links,) = [artist for artist in ax.collections if hasattr(artist, "get_segments")]
        ends = np.array(links.get_segments())
        np.testing.assert_allclose(ends[:, 1, 1], shifts["half_width"].value)
        np.testing.assert_allclose(ends[:, 0, 0], shifts["A_V"].value)
        assert not stairs(ax)

    def test_many_have_the_median_and_a_band(self):
        shifts = made_shifts(500)
        shifts["half_width"] = np.where(shifts["A_V"] > 0.2 * u.mag, 0.4, 0.1) * u.mag
        band, line = stairs(plot_assumption_shifts(shifts)[0])
        assert set(np.round(line.get_data().values, 6)) == {0.1, 0.4}
        assert line.get_data().values[0] == pytest.approx(0.1)
        assert line.get_data().values[-1] == pytest.approx(0.4)
        assert (band.get_data().baseline <= band.get_data().values).all()

    def test_one_value_for_all(self):
        shifts = made_shifts(100)
        shifts["A_V"] = 0.2 * u.mag
        _, line = stairs(plot_assumption_shifts(shifts)[0])
        median = np.median(shifts["half_width"].value)
        assert np.nanmax(line.get_data().values) == pytest.approx(median)

    @pytest.mark.parametrize(("prior", "history"), [(True, False), (False, True)])
    def test_only_what_is_known_has_a_panel(self, prior, history):
        shifts = made_shifts(20, prior=prior, history=history)
        (ax,) = plot_assumption_shifts(shifts)
        assert ("prior" in ax.get_ylabel()) is prior
        assert ("histories" in ax.get_ylabel()) is history

    def test_rows_that_are_not_finite_are_left_out(self):
        shifts = made_shifts(10)
        shifts["A_V"][0] = shifts["half_width"][1] = np.nan
        shifts["prior_shift"][2] = np.nan
        titles = [ax.get_title() for ax in plot_assumption_shifts(shifts)]
        assert " of 7 galaxies" in titles[0]
        assert " of 8 galaxies" in titles[1]

    def test_no_row_has_all(self):
        shifts = made_shifts(10)
        shifts["half_width"] = np.nan * u.mag
        assert plot_assumption_shifts(shifts)[0].get_title().startswith("0 of 0 galaxies")

    def test_what_the_axes_do_not_reach_is_counted(self):
        shifts = made_shifts(30)
        shifts["A_V"][:2] = [0.0, 1e-6] * u.mag
        for ax in plot_assumption_shifts(shifts):
            assert [text.get_text() for text in ax.texts] == ["2 outside"]

    def test_shifts_of_nothing(self):
        shifts = made_shifts(30)
        shifts["prior_shift"] = shifts["half_width"] = 0.0 * u.mag
        assert plot_assumption_shifts(shifts)[0].get_title().startswith("0 of 30")

    def test_another_quantity_has_a_linear_axis(self):
        shifts = QTable({name: made_shifts(30)[name].value for name in made_shifts(1).colnames})
        shifts["log_sSFR"] = np.linspace(-9.0, -7.5, 30)
        ax = plot_assumption_shifts(shifts, quantity="log_sSFR")[0]
        assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "log")
        assert len(marks(ax, "shift within it")) + len(marks(ax, "shift beyond it")) == 30
        assert "sSFR" in ax.get_xlabel()

    def test_axes_are_those_given(self):
        axes = Figure().subplots(1, 2)
        assert plot_assumption_shifts(made_shifts(5), axes=axes) == list(axes)

    def test_number_of_axes(self):
        with pytest.raises(InputError, match="one for each of prior, history, got 1"):
            plot_assumption_shifts(made_shifts(5), axes=[Figure().add_subplot()])

    def test_nothing_known(self):
        with pytest.raises(InputError, match="shifts must hold a finite prior_shift or history"):
            plot_assumption_shifts(made_shifts(5, prior=False, history=False))

    def test_missing_column(self):
        shifts = made_shifts(5)
        shifts.remove_column("half_width")
        with pytest.raises(InputError, match="lacks half_width"):
            plot_assumption_shifts(shifts)

    def test_table_is_not_changed(self):
        shifts = made_shifts(30)
        before = shifts.copy()
        plot_assumption_shifts(shifts)
        for name in shifts.colnames:
            np.testing.assert_array_equal(shifts[name], before[name])

    def test_file_of_ten_thousand_stays_small(self):
        buffer = io.BytesIO()
        axes = plot_assumption_shifts(made_shifts(10_000))
        axes[0].figure.savefig(buffer, format="svg")
        assert buffer.tell() < 1_000_000


class TestKnownAssumptions:
    def test_all_and_none(self):
        assert known_assumptions(made_shifts(3)) == ["prior", "history"]
        assert known_assumptions(made_shifts(3, prior=False, history=False)) == []

    def test_a_single_galaxy_is_enough(self):
        shifts = made_shifts(3, prior=False)
        shifts["prior_shift"][2] = 0.0 * u.mag
        assert known_assumptions(shifts) == ["prior", "history"]
