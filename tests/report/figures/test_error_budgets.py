import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from matplotlib.figure import Figure

from dustest.data import InputError
from dustest.report.figures import plot_error_budget


def table():
    columns = {"assumption": ["prior", "dust law", "prior"], "variation": ["flat", "SMC", "mass"]}
    columns |= {"shift": [200.0, -100.0, 50.0] * u.mmag, "moved": [0.8, 0.4, np.nan]}
    columns |= {"shift_p16": [0.1, -0.2, 0.0] * u.mag, "shift_p84": [0.3, 0.0, 0.1] * u.mag}
    return QTable(columns, meta={"half_width": 0.15})


class TestPlotErrorBudget:
    def test_a_line_for_each_variation(self):
        ax = plot_error_budget(table())
        assert [tick.get_text() for tick in ax.get_yticklabels()] == ["flat", "SMC", "mass"]
        prior, law = (bars.lines[0] for bars in ax.containers)
        assert prior.get_xdata() == pytest.approx([0.2, 0.05])
        assert list(prior.get_ydata()) == [0, 2]
        assert law.get_xdata() == pytest.approx([-0.1])
        labels = [text.get_text() for text in ax.get_legend().get_texts()]
        assert labels == ["prior", "dust law"]
        assert [text.get_text() for text in ax.texts] == ["80%", "40%", ""]

    def test_on_given_axes(self):
        ax = Figure().subplots()
        assert plot_error_budget(table(), ax=ax) is ax

    def test_mistakes(self):
        with pytest.raises(InputError, match="must have a variation"):
            plot_error_budget(table()[:0])
        lacking = table()
        del lacking["moved"]
        with pytest.raises(InputError, match="moved"):
            plot_error_budget(lacking)
