import numpy as np
import pytest
from astropy import units as u
from fitted_results import sed_result

from dustest import compare
from dustest.data import DustTable, GalaxySample, InputError
from dustest.report import plot_galaxy


def sample(n=2):
    images = np.random.default_rng(1).normal(size=(n, 8, 8)) * u.nJy
    return GalaxySample({"id": np.arange(n), "cutout_F277W": images, "cutout_F444W": images})


def plain(values, ids=(0, 1)):
    return DustTable.from_quantities(list(ids), {"A_V": values})


class TestPlotGalaxy:
    def test_stamps_fit_and_intervals(self):
        truth = plain([0.3, 0.4])
        figure = plot_galaxy(
            {"sed": sed_result(), "plain": plain([0.2, 0.3])}, 0, sample(), truth=truth
        )
        stamps, fits, intervals = figure.subfigs
        assert len(stamps.axes) == 2
        assert len(fits.subfigs[0].axes) == 2
        (ax,) = intervals.axes
        assert [text.get_text() for text in ax.get_yticklabels()] == ["sed", "plain"]
        assert [text.get_text() for text in ax.texts] == ["0.41 +0.31 −0.31", "0.200"]
        assert any(np.allclose(line.get_xdata(), 0.3) for line in ax.lines)
        figure.draw_without_rendering()

    def test_a_method_without_the_galaxy_is_left_out(self):
        figure = plot_galaxy({"a": plain([0.2, 0.3]), "b": plain([0.1], [5])}, 0)
        (part,) = figure.subfigs
        assert [text.get_text() for text in part.axes[0].get_yticklabels()] == ["a"]

    def test_a_failed_fit_leaves_its_line_and_no_figure(self):
        figure = plot_galaxy({"sed": sed_result(), "b": plain([0.2, 0.3])}, 1)
        (part,) = figure.subfigs
        assert [text.get_text() for text in part.axes[0].texts] == ["–", "0.300"]

    def test_of_a_comparison(self):
        result = compare(
            {"sed": sed_result(), "plain": plain([0.2, 0.3])}, truth=plain([0.3, 0.4])
        )
        figure = result.plot_galaxy(0, sample())
        assert len(figure.subfigs) == 3

    def test_unknown_galaxies(self):
        with pytest.raises(InputError, match=r"^id must be that of a galaxy in one of a, got 9$"):
            plot_galaxy({"a": plain([0.2, 0.3])}, 9)
        with pytest.raises(
            InputError, match=r"^sample must have the galaxy 1 once, got it 0 time"
        ):
            plot_galaxy({"a": plain([0.2, 0.3])}, 1, sample(1))
