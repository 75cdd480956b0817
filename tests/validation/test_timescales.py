import numpy as np
import pytest
from astropy import units as u

from dustest.data import DustTable, InputError
from dustest.validation import ssfr_over


@pytest.fixture
def fit():
    columns = {"A_V": [0.2, 0.4], "log_sSFR": [-8.0, -8.5], "log_sSFR_p16": [-8.1, -8.6]}
    extra = {"log_mass": [9.0, 8.0], "log_SFR_10": [1.5, 0.0], "log_SFR_100": [1.0, np.nan]}
    return DustTable.from_quantities(["a", "b"], columns, extra=extra, meta={"sfh": "delayed"})


class TestSsfrOver:
    @pytest.mark.parametrize(("timescale", "rates"), [(10, [-7.5, -8.0]), (100, [-8.0, np.nan])])
    def test_rate_over_mass(self, fit, timescale, rates):
        np.testing.assert_allclose(ssfr_over(fit, timescale)["log_sSFR"], rates)

    def test_percentiles_are_not_made_up(self, fit):
        assert np.isnan(ssfr_over(fit, 10)["log_sSFR_p16"]).all()

    def test_the_rest_stays_and_the_fit_is_not_changed(self, fit):
        over = ssfr_over(fit, 10)
        assert list(over["A_V"]) == list(fit["A_V"])
        assert over.meta["sfh"] == "delayed"
        assert list(fit["log_sSFR"]) == [-8.0, -8.5]

    def test_fits_without_history(self, fit):
        fit.remove_column("log_SFR_10")
        with pytest.raises(InputError, match=r"column log_SFR_10, .* extra=\['history'\]"):
            ssfr_over(fit, 10)


def test_times_with_a_unit():
    extra = {"log_mass": [9.0], "log_SFR_10": [1.5]}
    table = DustTable.from_quantities([1], {"log_sSFR": [-8.0]}, extra=extra)
    assert ssfr_over(table, 0.01 * u.Gyr)["log_sSFR"] == [-7.5]
    with pytest.raises(InputError, match="timescale must have a unit that converts to Myr"):
        ssfr_over(table, 10 * u.kpc)
    with pytest.raises(InputError, match="table must have the column log_SFR_30"):
        ssfr_over(table, 30)
