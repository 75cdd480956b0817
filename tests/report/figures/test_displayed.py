import pickle

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.projections.polar import PolarAxes

from dustest.report.figures import one_to_one
from dustest.report.figures._drawing import empty_figure

PNG = b"\x89PNG"


def size_of(png):
    """Width and height of a PNG image."""
    return tuple(int.from_bytes(png[start : start + 4], "big") for start in (16, 20))


class TestFigures:
    def test_are_displayed_in_their_own_resolution(self):
        figure = empty_figure(0.5, 1.0)
        with plt.rc_context({"savefig.dpi": 300}):
            png = figure._repr_png_()
        assert png.startswith(PNG)
        assert size_of(png) == (150, 75)

    def test_are_not_registered_with_pyplot(self):
        empty_figure(0.5, 1.0).add_subplot()
        assert plt.get_fignums() == []

    def test_are_figures_of_matplotlib_that_can_be_pickled(self):
        figure = empty_figure(0.5, 1.0)
        figure.add_subplot().plot([1, 2])
        again = pickle.loads(pickle.dumps(figure))
        assert isinstance(again, Figure)
        assert again._repr_png_() == figure._repr_png_()


class TestAxes:
    def test_display_their_figure(self):
        ax = empty_figure(1.0, 4.0).subplots(1, 2)[1]
        assert size_of(ax._repr_png_()) == (600, 150)

    def test_of_a_function_display_its_figure(self):
        ax = one_to_one([0.1, 0.4], [0.2, 0.4], ax=empty_figure(1.0, 4.0).add_subplot())
        assert ax._repr_png_().startswith(PNG)

    def test_may_be_of_another_class(self):
        ax = empty_figure(1.0, 4.0).add_subplot(projection="polar")
        assert isinstance(ax, PolarAxes)
