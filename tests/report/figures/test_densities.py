import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from matplotlib.figure import Figure

from dustest.data import InputError
from dustest.report.figures import COLORS, plot_density


@pytest.fixture
def density():
    """Density with a fifth of the galaxies in a narrow first bin."""
    probability = np.array([0.2, 0.5, 0.3])
    edges = np.array([0.0, 0.01, 0.51, 1.01])
    height = probability / np.diff(edges) / u.mag
    columns = {"low": edges[:-1] * u.mag, "high": edges[1:] * u.mag, "probability": probability}
    columns["density"] = height
    columns |= {"density_p5": 0.8 * height, "density_p16": 0.9 * height}
    columns |= {"density_p84": 1.1 * height, "density_p95": 1.2 * height}
    return QTable(columns, meta={"quantity": "A_V"})


class TestPlotDensity:
    def test_bands_and_labels(self, density):
        ax = plot_density(density, label="three bands")
        assert ax.get_xlabel() == "$A_V$ [mag]"
        heights = [patch.get_data().values for patch in ax.patches]
        assert heights[0] == pytest.approx(density["density_p95"].value)
        assert heights[1] == pytest.approx(density["density_p84"].value)
        assert heights[2] == pytest.approx(density["density"].value)
        assert ax.get_legend().get_texts()[0].get_text() == "three bands"

    def test_first_bin_does_not_set_the_axis(self, density):
        assert plot_density(density).get_ylim()[1] < 2.0
        assert plot_density(density).get_xlim()[0] == 0.0

    def test_next_colour_on_the_same_axes(self, density):
        ax = plot_density(density, label="a", ax=Figure().add_subplot())
        ax = plot_density(density, label="b", ax=ax)
        colors = [line.get_edgecolor() for line in ax.patches[2::3]]
        assert len(colors) == 2
        assert colors[0] != colors[1]
        assert plot_density(density, color=COLORS[2]).patches[2].get_edgecolor() != colors[0]

    def test_mistakes(self, density):
        with pytest.raises(InputError, match="density_p95"):
            plot_density(density[density.colnames[:-1]])
        del density.meta["quantity"]
        with pytest.raises(InputError, match="quantity"):
            plot_density(density)
