import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from matplotlib.figure import Figure

from dustest.data import InputError
from dustest.report.figures import plot_populations


class TestPopulations:
    @pytest.fixture
    def tables(self):
        rng = np.random.default_rng(1)
        x = rng.normal(0.5, 0.3, 200)
        y = x + rng.normal(0.0, 0.1, 200)
        a = QTable({"A_V": x[:50] * u.mag, "size": x[:50] * u.kpc, "m-n": x[:50]})
        b = QTable({"A_V": y * u.mag, "size": y * 1000 * u.pc, "m-n": y})
        b["A_V"][:10] = np.nan
        return a, b

    def test_a_panel_a_column(self, tables):
        axes = plot_populations(*tables, ["A_V", "size", "m-n"])
        assert [ax.get_xlabel() for ax in axes] == ["$A_V$ [mag]", "size [kpc]", "m-n"]
        legends = [[text.get_text() for text in ax.get_legend().get_texts()] for ax in axes]
        assert legends[0] == ["real (50)", "simulated (190)"]
        assert legends[1] == ["real (50)", "simulated (200)"]

    def test_units_are_those_of_the_first(self, tables):
        (ax,) = plot_populations(*tables, ["size"])
        assert ax.get_xlim()[1] < 5

    def test_both_sets_have_one_area(self, tables):
        (ax,) = plot_populations(*tables, ["size"])
        outline = ax.patches[1].get_path().vertices
        assert outline[1:-1:2, 1].sum() == pytest.approx(1.0)

    def test_draws_on_given_axes(self, tables):
        axes = Figure().subplots(2, 2)
        drawn = plot_populations(*tables, ["A_V", "size"], labels=("one", "two"), axes=axes[0])
        assert drawn == list(axes[0])

    def test_needs_axes_for_each_column(self, tables):
        with pytest.raises(InputError, match="axes must hold one for each of 2 columns, got 1"):
            plot_populations(*tables, ["A_V", "size"], axes=[Figure().add_subplot()])

    def test_missing_column(self, tables):
        with pytest.raises(InputError, match="a must have the columns beta, but it lacks beta"):
            plot_populations(*tables, ["beta"])

    def test_no_column(self, tables):
        with pytest.raises(InputError, match="names must hold at least one column"):
            plot_populations(*tables, [])
