import numpy as np
import pytest
from sed_posteriors import posterior_of

from dustest.estimators._sed.averaging import Alternatives, average
from dustest.estimators._sed.columns.star_formation_histories import (
    history_columns,
    history_values,
)
from dustest.estimators._sed.posterior import Settings
from dustest.physics.cosmology import BAGPIPES_COSMOLOGY
from dustest.physics.star_formation import AgeGrid, history_weights

YOUNG = {"constant:age_max": 0.1, "constant:age_min": 0.0}
OTHERS = {"dust:Av": (0.1, 1.0), "nebular:logU": (-4.0, -2.0)}


def constant(**priors):
    """Settings of constant star formation for the last 100 Myr."""
    return Settings(sfh="constant", dust_law="SMC", priors=YOUNG | OTHERS | priors)


class TestHistories:
    def test_columns_are_those_declared(self):
        found = history_values(posterior_of(constant()), [constant()])
        assert found.keys() == history_columns().keys()
        for name, column in history_columns().items():
            assert found[name].shape == column.shape

    def test_constant_star_formation(self):
        """The rate of 1e9 solar masses in 1e8 years, up to the bin that contains this age."""
        posterior = posterior_of(constant())
        posterior.draws["log_mass_formed"][:] = 9.0
        found = history_values(posterior, [constant()])
        ended = found["SFH_lookback_high"] <= 0.09
        for level in ("", "_p16", "_p84"):
            np.testing.assert_allclose(found[f"SFH{level}"][ended], 10.0, rtol=0.01)
            assert not found[f"SFH{level}"][found["SFH_lookback_low"] > 0.11].any()

    def test_percentiles_of_the_mass(self):
        posterior = posterior_of(constant())
        found, formed = history_values(posterior, [constant()]), posterior.draws["log_mass_formed"]
        for level, name in {0.16: "SFH_p16", 0.5: "SFH", 0.84: "SFH_p84"}.items():
            expected = np.quantile(10.0**formed, level) / 1e8
            assert found[name][5] == pytest.approx(expected, rel=0.01)

    @pytest.mark.parametrize("sfh", ["lognormal", "continuity", "delayed_burst"])
    def test_any_history(self, sfh):
        """Against weights of stars at the parameters of each draw, by the public function."""
        settings = Settings(sfh=sfh, dust_law="SMC")
        posterior = posterior_of(settings)
        values, grid = posterior.prior.transform(posterior.cube), AgeGrid()
        age = BAGPIPES_COSMOLOGY.age(7.0).to_value("yr")
        weights = history_weights(sfh, values, age, grid).weights
        rates = 10.0 ** posterior.draws["log_mass_formed"][:, None] * weights
        expected = np.median(rates / np.diff(grid.edges), axis=0)
        found = history_values(posterior, [settings])["SFH"]
        np.testing.assert_allclose(found, expected, rtol=1e-9)

    def test_ages_are_those_of_the_redshift_of_each_draw(self):
        settings = Settings(sfh="lognormal", dust_law="SMC")
        posterior = posterior_of(settings, redshift=3.0)
        posterior.draws["redshift"][:500] = 9.0
        oldest = history_values(posterior, [settings])
        old = oldest["SFH_lookback_low"] > 1.0
        assert np.all(oldest["SFH_p16"][old] == 0.0)
        assert np.any(oldest["SFH_p84"][old] > 0.0)

    def test_several_histories(self):
        models = Alternatives(("constant", "lognormal"), "SMC")
        settings = [constant(), Settings(sfh="lognormal", dust_law="SMC")]
        far = [posterior_of(settings[0], log_evidence=0.0), posterior_of(settings[1])]
        found = history_values(average(far, models, 1), settings)
        alone = history_values(far[0], settings[:1])
        np.testing.assert_allclose(found["SFH"], alone["SFH"], rtol=0.02)
