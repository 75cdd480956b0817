"""Dust laws against published numbers, Bagpipes and dust_extinction."""

import pickle

import numpy as np
import pytest
from astropy import units as u
from bagpipes_models import dust_curves
from fresh_process import call
from packages import skip_without

from dustest.physics import (
    Calzetti00,
    CharlotFall00,
    Reddy15,
    Salim18,
    attenuation_ratio,
    get_dust_law,
    list_dust_laws,
)

# A_1600 / A_V and R_V as evaluated with dust_extinction 1.7, from Calzetti et al. (2000) and Reddy
# et al. (2015), and from the coefficients of Li et al. (2008).
PUBLISHED = {
    "Calzetti": (2.462, 4.05),
    "SMC": (4.381, 2.74),
    "SMC_G24": (4.087, 3.02),
    "LMC": (2.662, 3.41),
    "CCM89": (2.560, 3.1),
    "Reddy15": (3.344, 2.505),
    "Li08_Calzetti": (2.460, 3.53),
    "Li08_SMC": (4.102, 3.24),
    "Li08_MW": (2.526, 3.44),
    "Li08_LMC": (3.223, 3.27),
    "F99": (2.507, 3.1),
    "G23": (2.710, 3.1),
    "MW_no_bump": (2.394, 3.1),
}

BAGPIPES_CURVES = {
    "Calzetti": ("Calzetti", {}, {"type": "Calzetti"}),
    "Salim steep": (
        "Salim",
        {"delta": -0.4, "bump": 2.0},
        {"type": "Salim", "delta": -0.4, "B": 2.0},
    ),
    "Salim flat": ("Salim", {"delta": 0.3}, {"type": "Salim", "delta": 0.3, "B": 0.0}),
    "CF00": ("CF00", {"n": 0.7}, {"type": "CF00", "n": 0.7}),
    "power law": ("power law", {"n": 1.1}, {"type": "CF00", "n": 1.1}),
    "CF00 steep": ("CF00", {"n": 1.3}, {"type": "CF00", "n": 1.3}),
}

# Bagpipes cuts its Calzetti curve off at 3.1 micron, just before it reaches zero.
WAVELENGTHS = np.geomspace(950.0, 30_999.0, 300)


@pytest.fixture(scope="module")
def bagpipes_curves(tmp_path_factory):
    """A_lambda / A_V of Bagpipes at WAVELENGTHS, by the names of BAGPIPES_CURVES."""
    skip_without("bagpipes")
    laws = {name: law for name, (_, _, law) in BAGPIPES_CURVES.items()}
    return call(dust_curves, WAVELENGTHS, laws, cwd=tmp_path_factory.mktemp("bagpipes"))


class TestAgainstPublished:
    @pytest.mark.parametrize(("law", "ratio", "r_v"), [(k, *v) for k, v in PUBLISHED.items()])
    def test_a_1600_over_a_v(self, law, ratio, r_v):
        assert attenuation_ratio(1600.0, law) == pytest.approx(ratio, rel=0.001)
        assert get_dust_law(law).r_v == pytest.approx(r_v, abs=0.005)

    def test_calzetti_k_1600(self):
        assert get_dust_law("Calzetti").k(1600.0) == pytest.approx(9.970, abs=0.001)

    @pytest.mark.parametrize("name", BAGPIPES_CURVES)
    def test_bagpipes(self, name, bagpipes_curves):
        law, parameters, _ = BAGPIPES_CURVES[name]
        own = get_dust_law(law, **parameters).a_over_av(WAVELENGTHS)
        np.testing.assert_allclose(own, bagpipes_curves[name], rtol=1e-10, atol=1e-12)

    def test_reddy_joins_its_continuation(self):
        blue, red = Reddy15().k([1499.9, 1500.1])
        assert blue == pytest.approx(red, rel=0.01)
        # Reddy et al. (2015): the polynomials are normalised to k(5500 A) = R_V.
        assert Reddy15().k(5500.0) == pytest.approx(2.505, rel=0.005)

    def test_charlot_and_fall_r_v_follows_from_the_curve(self):
        law = CharlotFall00(n=0.7)
        assert law.r_v == pytest.approx(1 / (law.a_over_av(4400.0) - 1), rel=1e-12)

    def test_salim_r_v_follows_from_the_curve(self):
        law = Salim18(delta=-0.3)
        colour_excess = law.a_over_av(4400.0) - law.a_over_av(5500.0)
        assert law.r_v == pytest.approx(1 / colour_excess, rel=0.01)


class TestLaws:
    def test_salim_without_tilt_and_bump_is_calzetti(self):
        salim, calzetti = Salim18(delta=0.0, bump=0.0), Calzetti00()
        np.testing.assert_allclose(salim.k(WAVELENGTHS), calzetti.k(WAVELENGTHS), rtol=1e-12)
        assert salim.r_v == pytest.approx(calzetti.r_v)

    def test_salim_bump_adds_its_strength_to_k(self):
        bare, bumped = Salim18(delta=-0.2), Salim18(delta=-0.2, bump=3.0)
        assert bumped.k(2175.0) - bare.k(2175.0) == pytest.approx(3.0)

    @pytest.mark.parametrize("joint", [1200.0, 6300.0, 31_143.0])
    def test_calzetti_has_no_step(self, joint):
        below, above = Calzetti00().k([joint - 0.01, joint + 0.01])
        assert below == pytest.approx(above, abs=0.03)

    def test_calzetti_vanishes_in_the_infrared(self):
        assert attenuation_ratio(5 * u.um, "Calzetti") == 0.0

    @pytest.mark.parametrize("name", list_dust_laws())
    def test_every_law_is_one_at_v_and_falls_redwards(self, name):
        law = get_dust_law(name)
        assert law.a_over_av(5500.0) == pytest.approx(1.0, abs=0.03)
        assert np.all(law.extended(np.geomspace(100.0, 1e7, 500)) >= 0.0)
        assert np.all(np.diff(law.a_over_av(np.linspace(2600.0, 20_000.0, 50))) < 0)
        np.testing.assert_allclose(law.k(1600.0), law.r_v * law.a_over_av(1600.0))

    @pytest.mark.parametrize("name", list_dust_laws())
    def test_every_law_travels_to_a_worker(self, name):
        law = get_dust_law(name)
        copy = pickle.loads(pickle.dumps(law))
        assert (copy.r_v, copy.a_over_av(1600.0)) == (law.r_v, law.a_over_av(1600.0))

    @pytest.mark.parametrize(
        ("name", "expected"),
        [("smc", "SMC"), ("MW", "CCM89"), ("Cardelli", "CCM89"), ("calzetti", "Calzetti")],
    )
    def test_names_in_any_case_and_aliases(self, name, expected):
        assert get_dust_law(name) is get_dust_law(expected)

    def test_any_model_of_dust_extinction(self):
        from dust_extinction.averages import G03_LMC2

        model = G03_LMC2()
        law = get_dust_law(model)
        assert (law.name, law.r_v) == ("G03_LMC2", 2.76)
        assert law.a_over_av(1600.0) == pytest.approx(model(1600 * u.AA))
        assert get_dust_law(law) is law

    def test_r_v_of_a_family(self):
        steep, grey = (get_dust_law("CCM89", r_v=r_v) for r_v in (2.5, 5.0))
        assert (steep.r_v, grey.r_v) == (2.5, 5.0)
        assert steep.a_over_av(1600.0) > grey.a_over_av(1600.0)
