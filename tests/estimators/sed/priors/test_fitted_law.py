"""Dust laws of fits: priors on their shapes, and what Bagpipes calls them."""

import numpy as np
import pytest
from dust_extinction.averages import G03_LMC2
from dust_extinction.parameter_averages import CCM89

from dustest import BagpipesEstimator
from dustest.data.errors import InputError
from dustest.estimators._sed.priors.defaults import fit_instructions
from dustest.estimators._sed.priors.fitted_law import fitted_law
from dustest.physics import (
    CharlotFall00,
    DustLaw,
    PowerLaw,
    Salim18,
    Tilted,
    TwoComponents,
    get_dust_law,
)


class InfraredLaw(DustLaw):
    """A law that ends in the visible."""

    name, r_v, wavelength_range = "infrared", 3.0, (4000.0, 1e6)

    def _curve(self, wavelength):
        return 5500.0 / wavelength


class TestBagpipes:
    @pytest.mark.parametrize(
        ("law", "kind"),
        [
            ("calzetti", "Calzetti"),
            ("MW", "Cardelli"),
            (CCM89(Rv=3.1), "Cardelli"),
            (Salim18(delta=-0.3), "Salim"),
            (CharlotFall00(n=1.0), "CF00"),
            (PowerLaw(1.3), "CF00"),
        ],
    )
    def test_laws_that_it_has(self, law, kind):
        assert fitted_law(law, "bagpipes").bagpipes == kind
        assert fit_instructions("constant", law, 7.0)["dust"]["type"] == kind

    @pytest.mark.parametrize(
        "law",
        [
            *("LMC", "SMC_G24", "Reddy15", "Li08_SMC", "F99", CCM89(Rv=2.5), G03_LMC2()),
            Tilted(get_dust_law("SMC"), -0.2),
            TwoComponents(PowerLaw(0.7), PowerLaw(1.3)),
        ],
    )
    def test_laws_that_it_has_not_are_named_with_the_remedy(self, law):
        name = get_dust_law(law).name
        for parameters in ({"engine": "bagpipes"}, {"escalate": True}):
            with pytest.raises(InputError, match=r"no dust law .* it has Calzetti, SMC,") as error:
                BagpipesEstimator(preset="Fu", dust_law=law, **parameters)._settings()
            assert repr(name) in str(error.value)
            assert "engine='tabulated' without escalate" in str(error.value)
        BagpipesEstimator(preset="Fu", dust_law=law)._settings()


class TestShape:
    def test_a_name_leaves_it_free_and_an_object_does_not(self):
        free = fit_instructions("constant", "Salim", 7.0)["dust"]
        fixed = fit_instructions("constant", Salim18(delta=-0.3, bump=1.0), 7.0)["dust"]
        assert (free["delta"], free["B"]) == ((-1.2, 0.4), (0.0, 5.0))
        assert (fixed["delta"], fixed["B"]) == (-0.3, 1.0)

    def test_priors_free_the_shape_of_any_law(self):
        law, priors = Tilted(get_dust_law("LMC"), 0.0), {"dust:delta": (-0.5, 0.5)}
        assert fit_instructions("constant", law, 7.0)["dust"]["delta"] == 0.0
        freed = fit_instructions("constant", law, 7.0, priors=priors)["dust"]
        assert freed["delta"] == (-0.5, 0.5)
        with pytest.raises(InputError, match="does not know: 'dust:delta'"):
            fit_instructions("constant", "LMC", 7.0, priors=priors)

    def test_birth_clouds(self):
        law = CharlotFall00(n=1.0, eta=2.5, age=2e7)
        instructions = fit_instructions("constant", law, 7.0)
        assert instructions["dust"]["eta"] == 2.5
        assert instructions["t_bc"] == 0.02
        assert "t_bc" not in fit_instructions("constant", "CF00", 7.0)

    def test_r_v_of_draws(self):
        fitted = fitted_law(Tilted(get_dust_law("LMC"), 0.0))
        draws = {"dust:delta": np.array([0.0, -0.4]), "dust:Av": np.ones(2)}
        expected = [Tilted(get_dust_law("LMC"), delta).r_v for delta in (0.0, -0.4)]
        np.testing.assert_allclose(fitted.r_v(draws), expected)


class TestRange:
    def test_a_law_that_covers_too_little(self):
        with pytest.raises(InputError, match=r"must cover 1500 to 10000 Angstrom .* is 4000 to"):
            fitted_law(InfraredLaw())

    def test_nothing_is_no_law(self):
        with pytest.raises(InputError, match=r"dust_law must be the name of a law .*, got None"):
            fitted_law(None)
