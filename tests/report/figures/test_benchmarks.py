import numpy as np
import pytest
from astropy.table import QTable
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from dustest.data import InputError
from dustest.report.figures import COLORS, plot_benchmark


def table():
    columns = {"method": ["network", "slope $1"], "ratio": [0.7, 1.2], "ratio_err": [0.1, 0.2]}
    columns |= {"coverage_68": [0.67, np.nan], "coverage_68_err": [0.02, np.nan]}
    return QTable(columns)


class TestPlotBenchmark:
    def test_a_line_for_each_method(self):
        errors, coverage = plot_benchmark(table(), highlight=["slope $1"])
        assert [tick.get_text() for tick in errors.get_yticklabels()] == ["network", r"slope \$1"]
        points = [bars.lines[0] for bars in errors.containers]
        assert [point.get_xdata()[0] for point in points] == [0.7, 1.2]
        assert [point.get_ydata()[0] for point in points] == [0, 1]
        assert [to_hex(point.get_color()).upper() for point in points] == [COLORS[0], COLORS[1]]
        assert coverage.containers[0].lines[0].get_xdata()[0] == 0.67
        nominal = [ax.lines[0].get_xdata()[0] for ax in (errors, coverage)]
        assert nominal == [1.0, 0.68]

    def test_on_given_axes(self):
        axes = Figure().subplots(1, 2)
        assert plot_benchmark(table(), axes=axes)[0] is axes[0]

    def test_mistakes(self):
        with pytest.raises(InputError, match="must have a method"):
            plot_benchmark(table()[:0])
        lacking = table()
        del lacking["ratio"]
        with pytest.raises(InputError, match="ratio"):
            plot_benchmark(lacking)
