import numpy as np
import pytest
from fitted_results import sed_result

from dustest.data import DustTable, InputError
from dustest.report import plot_corner


class TestPlotCorner:
    def test_a_panel_for_each_pair_of_parameters_with_a_spread(self):
        figure = plot_corner(sed_result(), 0)
        assert len(figure.axes) == 9
        assert [ax.get_xlabel() for ax in figure.axes[-3:]] == [
            "$A_V$\n[mag]",
            "$\\log_{10}\\,\\mathrm{sSFR}$\n[$\\mathrm{yr}^{-1}$]",
            "dust\ndelta",
        ]

    def test_quantiles_are_those_of_the_draws(self):
        table = sed_result()
        ax = plot_corner(table, 0, parameters="A_V").axes[0]
        lines = [line.get_xdata()[0] for line in ax.lines if len(set(line.get_xdata())) == 1]
        expected = np.quantile(table["A_V_draws"][0].value, [0.16, 0.5, 0.84])
        np.testing.assert_allclose(lines[-3:], expected)

    def test_parameters_in_the_order_asked_for(self):
        figure = plot_corner(sed_result(), 0, parameters=["dust:delta", "A_V"])
        assert figure.axes[-2].get_xlabel() == "dust\ndelta"

    def test_a_parameter_that_the_model_lacks_is_left_out(self):
        table = sed_result()
        table["dust:delta_draws"][0, 3] = np.nan
        assert len(plot_corner(table, 0).axes) == 4


class TestMessages:
    def test_an_unknown_parameter(self):
        with pytest.raises(
            InputError, match=r"^parameters must be among A_V.*'A_W': did you mean"
        ):
            plot_corner(sed_result(), 0, parameters=["A_W"])

    def test_without_draws(self):
        with pytest.raises(InputError, match=r"^table must have joint draws"):
            plot_corner(DustTable.from_quantities([1], {"A_V": [0.3]}), 1)

    def test_nothing_with_a_spread(self):
        with pytest.raises(InputError, match=r"with a spread, got none of .*nebular:logU"):
            plot_corner(sed_result(), 0, parameters="nebular:logU")
