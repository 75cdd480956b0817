import numpy as np
import pytest
from matplotlib.figure import Figure

from dustest.data import InputError
from dustest.report.figures import plot_map, plot_maps

VALUES = np.where(np.eye(8) > 0, np.nan, np.arange(64.0).reshape(8, 8))


class TestPlotMap:
    def test_colours_and_label(self):
        ax = plot_map(VALUES, label="$A_V$ [mag]", limits=(1.0, 5.0))
        assert ax.images[0].get_clim() == (1.0, 5.0)
        assert ax.images[0].get_array().mask.sum() == 8
        assert ax.child_axes[0].get_ylabel() == "$A_V$ [mag]"

    def test_given_axes_are_returned(self):
        ax = Figure().add_subplot()
        assert plot_map(VALUES, ax=ax) is ax

    def test_a_map_without_values(self):
        assert plot_map(np.full((3, 3), np.nan)).images[0].get_clim() == (0.0, 1.0)

    def test_mistakes(self):
        with pytest.raises(InputError, match="map of shape"):
            plot_map(np.ones(3))


class TestPlotMaps:
    def test_a_column_for_each_map(self):
        bins = np.where(np.isfinite(VALUES), 1, 0)
        figure = plot_maps(
            np.ones((8, 8)),
            {"A_V": VALUES, "f": VALUES},
            {"A_V": VALUES},
            bins=bins,
            title="F277W",
        )
        titles = [ax.get_title() for ax in figure.axes]
        assert titles[:3] == ["F277W", "$A_V$ [mag]", "f"]
        assert titles.count("its error") == 1
        assert len(figure.axes[0].collections[0].get_segments()) > 0

    def test_only_the_galaxy_is_shown(self):
        image, bins = np.ones((40, 40)), np.zeros((40, 40), dtype=int)
        bins[18:22, 10:12] = 1
        figure = plot_maps(image, {"A_V": np.where(bins, 0.1, np.nan)}, bins=bins)
        assert figure.axes[0].get_xlim() == (6.5, 14.5)
        assert figure.axes[0].get_ylim() == (14.5, 24.5)

    def test_mistakes(self):
        with pytest.raises(InputError, match="at least one map"):
            plot_maps(np.ones((8, 8)), {})
