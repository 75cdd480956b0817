import json

import numpy as np
import pytest
from packages import skip_without

import dustest
from dustest import BagpipesEstimator
from dustest.data import InputError
from dustest.estimators._sed.presets import PRESETS, with_preset_priors
from dustest.io import load_demo
from dustest.studies import forecast

pytestmark = pytest.mark.usefixtures("warm_workers")

FLAT = PRESETS["default"]["priors"]


def chosen(**parameters):
    """History, law and priors of a fit."""
    found = BagpipesEstimator(**parameters).params_in_use
    return {name: found[name] for name in PRESETS["default"]}


class TestChoice:
    @pytest.mark.parametrize("preset", PRESETS)
    def test_nothing_given(self, preset):
        assert chosen(preset=preset) == PRESETS[preset]
        BagpipesEstimator(preset=preset)._check_parameters()

    def test_what_is_given_is_used(self):
        assert chosen(sfh="delayed") == PRESETS["default"] | {"sfh": "delayed"}
        found = chosen(preset="Fu", dust_law="Salim", joint_priors=("slope_of_A_V",))
        given = {"dust_law": "Salim", "joint_priors": ("slope_of_A_V",)}
        assert found == PRESETS["Fu"] | given

    def test_joint_priors_belong_to_the_law(self):
        for law in ("Calzetti", "Salim", ("SMC", "CCM89")):
            assert chosen(dust_law=law)["joint_priors"] == ()
            BagpipesEstimator(dust_law=law)._check_parameters()
        assert chosen(joint_priors=())["joint_priors"] == ()

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({}, FLAT),
            ({"nebular:logU": -2.0}, FLAT | {"nebular:logU": -2.0}),
            ({"dust:Av": (0.0, 1.0)}, FLAT | {"dust:Av": (0.0, 1.0)}),
            ({"dust:Av": 0.5}, FLAT | {"dust:Av": 0.5}),
            ({"dust:Av_prior": "log_10"}, {"dust:Av_prior": "log_10"}),
        ],
    )
    def test_priors(self, given, expected):
        assert chosen(priors=given)["priors"] == expected
        assert with_preset_priors(given, PRESETS["Fu"]["priors"]) == given
        BagpipesEstimator(priors=given)._check_parameters()

    @pytest.mark.parametrize("preset", ["fu", None, 3, ["Fu"]])
    def test_unknown(self, preset):
        with pytest.raises(InputError, match="preset must be one of default, Fu, got"):
            BagpipesEstimator(preset=preset)._check_parameters()

    def test_bagpipes_has_no_joint_priors(self):
        with pytest.raises(InputError, match="take joint_priors=\\(\\) or preset='Fu'"):
            BagpipesEstimator(engine="bagpipes")._check_parameters()


class TestFits:
    def test_record(self):
        """The provenance has what was used, from which the estimator can be made again."""
        skip_without("bagpipes")
        sample = load_demo()[0][:2]
        table = BagpipesEstimator(random_state=200011).estimate(sample)
        params = json.loads(table.meta["params"])
        assert params["sfh"] == "delayed_burst"
        assert params["joint_priors"] == ["slope_of_A_V"]
        again = dustest.get_estimator("bagpipes", random_state=200011, **params).estimate(sample)
        assert (table["A_V"] == again["A_V"]).all()
        assert json.loads(again.meta["params"]) == params

    def test_draws_of_the_prior(self):
        """The slope of the law is tied to A_V without weights, so that forecasts have it too."""
        skip_without("bagpipes")
        sed = BagpipesEstimator(random_state=200012)
        models = sed.draw_models(256, ["F150W", "F444W"], 7.0)
        assert 1.8 < models["A_V"].value.mean() < 2.2
        bands = ["F115W", "F150W", "F200W", "F444W"]
        result = forecast(bands, 29.0, 7.0, estimator=sed, n_mocks=6, random_state=200013)
        assert np.isfinite(result.mocks["A_V"].value).all()
