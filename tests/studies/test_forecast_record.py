import numpy as np
import pytest
from astropy import units as u
from toy_forecast import ERRORS, toy_forecast

from dustest.data import InputError


@pytest.fixture(scope="module")
def result():
    return toy_forecast()


class TestTable:
    def test_statistics_of_gaussians(self, result):
        table = result.table()
        assert list(table["bands"]) == list(ERRORS)
        assert list(table["n"]) == [4000, 3999]
        for row, error in zip(table, ERRORS.values(), strict=True):
            assert row["error"].to_value(u.mag) == pytest.approx(error)
            mae = error * np.sqrt(2.0 / np.pi)
            assert row["mae"].to_value(u.mag) == pytest.approx(mae, rel=0.05)
            # The mean absolute deviation of a flat distribution from its median is 1/4.
            assert row["mae_over_prior"] == pytest.approx(mae / 0.25, rel=0.05)
            assert row["coverage"] == pytest.approx(0.683, abs=4 * row["coverage_err"])
            assert abs(row["bias"]) < 4 * row["bias_err"]
        assert table["information"] == pytest.approx([0.6, 1.6], abs=0.02)
        assert table["prior_dominated"][1] == 0.0
        assert table["prior_dominated"][0] > 0.9

    def test_cells_of_magnitude(self, result):
        table = result.table(by="magnitude", n_cells=4)
        assert len(table) == 8
        assert table["n"][:4].sum() == 4000
        assert table["low"][0] == result.mocks["magnitude"].min()
        assert table["high"][3] == result.mocks["magnitude"].max()
        assert (table["high"][:3] < table["low"][1:4]).all()

    def test_each_redshift_has_its_cell(self, result):
        table = result.table(by="redshift")
        assert table["low"][:2].tolist() == table["high"][:2].tolist() == [6.0, 8.0]

    def test_cells_of_the_truth(self, result):
        table = result.table(by="A_V", n_cells=2)
        assert table["high"][0].to_value(u.mag) == pytest.approx(0.5, abs=0.02)
        # The median of all mocks is further from the truth of the outer cells than of all.
        assert table["mae_over_prior"][0] == pytest.approx(0.16 / 0.25, rel=0.1)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"quantity": "log_sSFR"}, "quantity must be one of A_V, got 'log_sSFR'"),
            ({"by": "magnitud"}, "did you mean 'magnitude'"),
            ({"n_cells": 0}, "n_cells must be a whole number from 1"),
        ],
    )
    def test_mistakes(self, result, arguments, message):
        with pytest.raises(InputError, match=message):
            result.table(**arguments)


class TestGains:
    def test_paired_differences(self, result):
        (row,) = result.gains()
        assert row["bands"] == "wide + F410M"
        assert row["information_gain"] == pytest.approx(1.0)
        assert row["information_gain_err"] == pytest.approx(0.0, abs=1e-9)
        assert row["error_ratio"] == pytest.approx(0.5)
        assert row["mae_ratio"] == pytest.approx(0.5)

    def test_one_set_has_none(self, result):
        alone = type(result)({"wide": ()}, result.mocks, "F200W", (26.0, 30.0), {})
        assert len(alone.gains()) == 0
        assert "information_gain" in alone.gains().colnames


def test_plot_draws_the_table(result):
    axes = result.plot(by="magnitude")
    assert axes[0].get_xlabel() == "magnitude in F200W"
