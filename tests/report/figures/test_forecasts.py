import numpy as np
import pytest
from matplotlib.figure import Figure
from toy_forecast import toy_forecast

from dustest.data import InputError
from dustest.report.figures import plot_forecast


@pytest.fixture(scope="module")
def result():
    return toy_forecast(400)


class TestPlotForecast:
    def test_a_line_for_each_set(self, result):
        axes = plot_forecast(result.table())
        assert [tick.get_text() for tick in axes[0].get_yticklabels()] == ["wide", "wide + F410M"]
        points = [ax.containers[0].lines[0].get_xdata() for ax in axes]
        assert points[0] == pytest.approx([0.2, 0.1])
        assert points[1] == pytest.approx(np.asarray(result.table()["information"]))

    def test_a_curve_for_each_set(self, result):
        axes = plot_forecast(result.table(by="A_V"), axes=Figure().subplots(1, 2))
        assert [text.get_text() for text in axes[0].get_legend().get_texts()] == list(result.sets)
        assert axes[0].get_xlabel() == "true $A_V$ [mag]"
        assert len(axes[1].containers) == 2
        assert axes[1].containers[0].lines[0].get_ydata() == pytest.approx(
            np.asarray(result.table(by="A_V")["information"])[:4]
        )

    def test_each_redshift(self, result):
        axes = plot_forecast(result.table(by="redshift"))
        assert [tick.get_text() for tick in axes[0].get_xticklabels()] == ["6", "8"]

    def test_mistakes(self, result):
        table = result.table()
        with pytest.raises(InputError, match="axes must be two"):
            plot_forecast(table, axes=[Figure().add_subplot()])
        del table["error"]
        with pytest.raises(InputError, match="error"):
            plot_forecast(table)
