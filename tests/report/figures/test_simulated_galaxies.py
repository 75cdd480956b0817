import io

import matplotlib as mpl
import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure

from dustest.data import InputError
from dustest.physics import get_dust_law
from dustest.report.figures import (
    REFERENCE_R_V,
    plot_attenuation_ratio,
    plot_main_sequence,
)


@pytest.fixture
def ax():
    return Figure().add_subplot()


def galaxies(n=200, seed=1):
    rng = np.random.default_rng(seed)
    mass = rng.uniform(8.0, 10.0, n)
    return QTable(
        {
            "log_mass": mass,
            "log_SFR_100": mass - 8.5 + rng.normal(0.0, 0.3, n),
            "redshift": rng.uniform(6.0, 9.0, n),
        }
    )


def dusty(n, dust_to_metal=0.1, r_v=4.0, seed=1):
    """Galaxies of one dust-to-metal ratio, whose median R_V is the given one."""
    rng = np.random.default_rng(seed)
    attenuation = 10 ** rng.normal(-0.5, 0.2, n)
    ratio = r_v * 10 ** np.linspace(-0.1, 0.1, n)
    return QTable(
        {
            "A_V": attenuation * u.mag,
            "E_BV": attenuation / ratio * u.mag,
            "dust_to_metal": np.full(n, dust_to_metal),
        }
    )


def contours(ax):
    return [artist for artist in ax.get_children() if isinstance(artist, ContourSet)]


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


class TestMainSequence:
    def test_points_and_their_colours(self, ax):
        truth = galaxies()
        assert plot_main_sequence(truth, ax=ax) is ax
        points = ax.collections[0]
        expected = np.stack([truth["log_mass"], truth["log_SFR_100"]], axis=1)
        np.testing.assert_array_equal(points.get_offsets(), expected)
        np.testing.assert_array_equal(points.get_array(), truth["redshift"])

    def test_axes_say_what_they_show(self, ax):
        plot_main_sequence(galaxies(), ax=ax)
        assert "M_*" in ax.get_xlabel()
        assert "SFR" in ax.get_ylabel()
        assert [other.get_ylabel() for other in ax.figure.axes] == [ax.get_ylabel(), "redshift"]

    def test_galaxies_without_star_formation_are_left_out(self, ax):
        truth = galaxies(30)
        truth["log_SFR_100"][:4] = -np.inf
        truth["redshift"][4] = np.nan
        plot_main_sequence(truth, ax=ax)
        assert len(ax.collections[0].get_offsets()) == 25

    def test_relations_are_drawn_as_given(self, ax):
        lines = [("one", [8.0, 10.0], [0.0, 2.0]), ("two $x$", [8.0, 10.0], [0.1, 1.9])]
        plot_main_sequence(galaxies(), relations=lines, ax=ax)
        assert [line.get_xydata().tolist() for line in ax.lines] == [
            [[8.0, 0.0], [10.0, 2.0]],
            [[8.0, 0.1], [10.0, 1.9]],
        ]
        assert labels(ax) == ["one", "two $x$"]
        assert ax.lines[0].get_linestyle() != ax.lines[1].get_linestyle()

    def test_far_outliers_are_counted(self, ax):
        truth = galaxies()
        truth["log_SFR_100"][:3] = -40.0
        plot_main_sequence(truth, ax=ax)
        assert [text.get_text() for text in ax.texts] == ["3 outside"]

    def test_many_points_become_pixels(self, ax):
        plot_main_sequence(galaxies(3000), ax=ax)
        assert ax.collections[0].get_rasterized()

    def test_missing_column(self):
        with pytest.raises(InputError, match=r"truth must have the columns .* it lacks redshift"):
            plot_main_sequence(galaxies()["log_mass", "log_SFR_100"])

    def test_nothing_to_draw(self):
        plot_main_sequence(galaxies(0)).figure.savefig(io.BytesIO(), format="png")


class TestAttenuationRatio:
    def test_reference_ratios_are_those_of_the_laws(self):
        laws = {"Calzetti": "Calzetti", "Milky Way": "MW", "SMC": "SMC"}
        for name, value in REFERENCE_R_V.items():
            assert value == get_dust_law(laws[name]).r_v

    def test_lines_have_the_slopes_that_the_legend_says(self, ax):
        truth = dusty(101, r_v=3.6)
        plot_attenuation_ratio(truth, ax=ax)
        slopes = [line.get_ydata()[1] / line.get_xdata()[1] for line in ax.lines]
        assert sorted(slopes) == pytest.approx([2.74, 3.1, 3.6, 4.05])
        # As the lines lie above each other.
        assert labels(ax)[:4] == [
            "Calzetti, 4.05",
            "median, $R_V = 3.60$",
            "Milky Way, 3.1",
            "SMC, 2.74",
        ]

    def test_points_and_their_colours(self, ax):
        truth = dusty(20, 0.3)
        plot_attenuation_ratio(truth, ax=ax)
        points = ax.collections[0]
        expected = np.stack([truth["E_BV"].value, truth["A_V"].value], axis=1)
        np.testing.assert_allclose(points.get_offsets(), expected)
        assert set(points.get_array()) == {0.3}
        # One scale for all figures.
        assert points.get_clim() == (0.0, 1.0)

    def test_galaxies_without_dust_do_not_count(self, ax):
        truth = dusty(101)
        truth["A_V"][:50] = 0 * u.mag
        truth["E_BV"][:50] = 0 * u.mag
        truth["A_V"][50] = np.nan
        plot_attenuation_ratio(truth, ax=ax)
        assert len(ax.collections[0].get_offsets()) == 50
        # 4 times 10^-0.1 to 10^0.1, without the lower half.
        assert "median, $R_V = 4.50$" in labels(ax)

    @pytest.mark.parametrize("scale", ["linear", "log"])
    def test_contours_enclose_what_they_say(self, ax, scale):
        truth = dusty(1000, 0.9)
        plot_attenuation_ratio(truth, scale=scale, ax=ax)
        (contour,) = contours(ax)
        points = np.stack([truth["E_BV"].value, truth["A_V"].value], axis=1)
        inside = [np.mean(path.contains_points(points)) for path in contour.get_paths()]
        np.testing.assert_allclose(inside, [0.95, 0.5, 0.1], atol=0.02)
        assert contour.get_paths()[0].vertices.min() > 0

    def test_contours_have_the_colours_of_their_ratios(self, ax):
        truth = QTable(np.concatenate([dusty(100, 0.1).as_array(), dusty(100, 0.9).as_array()]))
        plot_attenuation_ratio(truth, ax=ax)
        low, high = contours(ax)
        points = ax.collections[0]
        np.testing.assert_allclose(low.get_edgecolor()[0], points.to_rgba(0.1))
        np.testing.assert_allclose(high.get_edgecolor()[0], points.to_rgba(0.9))
        assert labels(ax)[-2:] == ["dust-to-metal 0.1 ± 0.05", "dust-to-metal 0.9 ± 0.05"]

    def test_edges_belong_to_the_bin(self, ax):
        truth = dusty(40)
        truth["dust_to_metal"] = np.repeat([0.15, 0.05], 20)
        plot_attenuation_ratio(truth, ax=ax)
        assert len(contours(ax)) == 1

    def test_few_galaxies_have_no_contours(self, ax):
        plot_attenuation_ratio(dusty(29), ax=ax)
        assert contours(ax) == []
        assert len(labels(ax)) == 4

    @pytest.mark.parametrize("scale", ["linear", "log"])
    @pytest.mark.parametrize("n", [0, 1, 3000])
    def test_draws_any_number_of_galaxies(self, n, scale):
        ax = plot_attenuation_ratio(dusty(n), scale=scale)
        ax.figure.savefig(io.BytesIO(), format="png")
        assert ax.get_xscale() == scale

    def test_missing_columns(self):
        message = "truth must have the columns E_BV, A_V, dust_to_metal, but it lacks A_V"
        with pytest.raises(InputError, match=message):
            plot_attenuation_ratio(dusty(3)["E_BV", "dust_to_metal"])

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"bin_width": 0}, "bin_width must be a positive finite number, got 0"),
            ({"scale": "cubic"}, "scale must be one of"),
        ],
    )
    def test_options(self, options, message):
        with pytest.raises(InputError, match=message):
            plot_attenuation_ratio(dusty(3), **options)

    def test_leaves_matplotlib_alone(self):
        import matplotlib.pyplot as plt

        before = dict(mpl.rcParams)
        plot_attenuation_ratio(dusty(40)).figure.savefig(io.BytesIO(), format="svg")
        assert dict(mpl.rcParams) == before
        assert plt.get_fignums() == []
