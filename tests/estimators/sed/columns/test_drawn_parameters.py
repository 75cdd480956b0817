import numpy as np
import pytest
from sed_posteriors import posterior_of

from dustest.estimators._sed.averaging import Alternatives, average
from dustest.estimators._sed.columns.drawn_parameters import parameter_columns, parameter_draws
from dustest.estimators._sed.posterior import N_DRAWS, Settings

ONE = Settings(sfh="lognormal", dust_law="Salim")
QUANTITIES = ("A_V", "E_BV", "R_V", "log_sSFR")


class TestColumns:
    def test_all_free_parameters_but_those_of_quantities(self):
        columns = parameter_columns([ONE], QUANTITIES, ())
        assert {name for name in columns if ":" in name} == {
            *("dust:delta", "dust:B", "nebular:logU"),
            *("lognormal:tmax", "lognormal:fwhm", "lognormal:metallicity"),
        }
        assert {"log_mass", "log_mass_formed", "log_age"} <= columns.keys()

    def test_fixed_ones_are_left_out(self):
        settings = Settings(sfh="lognormal", dust_law="Salim", priors={"dust:B": 1.0})
        assert "dust:B" not in parameter_columns([settings], QUANTITIES, ())

    def test_quantities_of_the_result_are_no_parameters(self):
        assert "log_mass" not in parameter_columns([ONE], (*QUANTITIES, "log_mass"), ())

    def test_redshift_where_it_is_free(self):
        free = Settings(sfh="lognormal", dust_law="SMC", free_redshift=True)
        assert "redshift" in parameter_columns([free], QUANTITIES, ())
        assert "redshift" not in parameter_columns([ONE], QUANTITIES, ())

    def test_masses_of_several_components(self):
        two = Settings(sfh="delayed_burst", dust_law="SMC")
        columns = parameter_columns([two], QUANTITIES, ("dust_law",))
        masses = {name for name, column in columns.items() if column.magnified}
        assert masses == {"delayed:massformed", "burst:massformed"}
        assert "dust_law" in columns


class TestDraws:
    def test_values_are_those_of_the_prior(self):
        posterior = posterior_of(ONE)
        found = parameter_draws(("lognormal:tmax", "dust:B", "log_mass"), posterior, [{}])
        values = posterior.prior.transform(posterior.cube)
        np.testing.assert_array_equal(found["dust:B"], values["dust:B"])
        np.testing.assert_array_equal(found["log_mass"], posterior.draws["log_mass"])

    def test_masses_of_components_add_up(self):
        posterior = posterior_of(Settings(sfh="delayed_burst", dust_law="SMC"))
        found = parameter_draws(("delayed:massformed", "burst:massformed"), posterior, [{}])
        total = np.log10(sum(10.0**values for values in found.values()))
        np.testing.assert_allclose(total, posterior.draws["log_mass_formed"])

    def test_parameters_of_other_models_are_missing(self):
        models = Alternatives("lognormal", ("SMC", "Salim"))
        settings = [Settings(sfh=sfh, dust_law=law) for sfh, law, _ in models.members]
        found = average([posterior_of(one) for one in settings], models, 1)
        draws = parameter_draws(("dust:delta", "dust_law", "A_V"), found, models.numbers)
        np.testing.assert_array_equal(np.isfinite(draws["dust:delta"]), draws["dust_law"] == 1)
        assert draws["dust_law"].mean() == pytest.approx(0.5, abs=2.0 / N_DRAWS)
        np.testing.assert_array_equal(draws["A_V"], found.draws["A_V"])
