"""Laws that are composed of others."""

import numpy as np
import pytest

from dustest.data.errors import InputError
from dustest.physics import (
    Bump,
    Calzetti00,
    CharlotFall00,
    PowerLaw,
    Salim18,
    SumOfLaws,
    Tilted,
    TwoComponents,
    get_dust_law,
)

WAVELENGTH = np.geomspace(950.0, 30_000.0, 300)


def same(one, other):
    """The same curve and R_V."""
    np.testing.assert_allclose(one.extended(WAVELENGTH), other.extended(WAVELENGTH), rtol=1e-12)
    assert one.r_v == pytest.approx(other.r_v, rel=1e-12)


class TestIdentities:
    @pytest.mark.parametrize("delta", [-1.0, 0.0, 0.4])
    @pytest.mark.parametrize("bump", [0.0, 3.0])
    def test_salim_is_calzetti_with_tilt_and_bump(self, delta, bump):
        same(Salim18(delta, bump), Bump(Tilted(Calzetti00(), delta), bump))

    @pytest.mark.parametrize("name", ["SMC", "Reddy15", "Li08_MW", "CCM89"])
    def test_nothing_added_is_the_law(self, name):
        law = get_dust_law(name)
        for other in (Tilted(law, 0.0), Bump(law, 0.0), 2.0 * law, law + law):
            same(other, law)

    def test_tilts_add(self):
        law = get_dust_law("LMC")
        same(Tilted(Tilted(law, -0.2), 0.5), Tilted(law, 0.3))

    def test_a_tilted_power_law_is_a_power_law(self):
        same(Tilted(PowerLaw(1.0), 0.3), PowerLaw(0.7))

    def test_sums_do_not_depend_on_brackets_and_scale(self):
        a, b, c = (get_dust_law(name) for name in ("SMC", "Calzetti", "F99"))
        same((a + b) + c, a + (b + c))
        same(0.2 * a + 0.6 * b, 1.0 * a + 3.0 * b)

    def test_charlot_and_fall_are_two_power_laws(self):
        law, composed = CharlotFall00(n=1.1, eta=2.0), TwoComponents(PowerLaw(1.1), None, 2.0)
        same(law, composed)
        assert (law.eta, law.age, law.birth_clouds) == (2.0, 1e7, None)
        assert (composed.eta, composed.age) == (2.0, 1e7)


class TestNumbers:
    def test_tilt(self):
        ratio = Tilted(get_dust_law("SMC"), -0.5).a_over_av(1100.0)
        assert ratio == pytest.approx(get_dust_law("SMC").a_over_av(1100.0) * 5.0**0.5)

    def test_r_v_of_a_tilt_follows_from_its_curve(self):
        law = Tilted(PowerLaw(0.7), -0.3)
        b, v = law.a_over_av([4400.0, 5500.0])
        assert law.r_v == pytest.approx(v / (b - v), rel=1e-12)

    def test_two_screens_one_behind_the_other(self):
        one, other = get_dust_law("SMC"), get_dust_law("Calzetti")
        both = 0.3 * one + 0.7 * other
        np.testing.assert_allclose(
            both.a_over_av(WAVELENGTH[20:]),
            0.3 * one.a_over_av(WAVELENGTH[20:]) + 0.7 * other.a_over_av(WAVELENGTH[20:]),
        )
        assert 1.0 / both.r_v == pytest.approx(0.3 / one.r_v + 0.7 / other.r_v)
        assert both.wavelength_range == one.wavelength_range


class TestRefusals:
    @pytest.mark.parametrize(
        ("build", "message"),
        [
            (lambda: Tilted("SMC", 0.1), "law must be a DustLaw, got 'SMC': get_dust_law"),
            (lambda: Bump(None, 0.1), "law must be a DustLaw, got None"),
            (lambda: Tilted(Calzetti00(), 1.0), "delta must be below 0.98"),
            (lambda: Bump(Calzetti00(), np.inf), "strength must be a finite number"),
            (lambda: Calzetti00() + 1.0, "law must be a DustLaw, got 1.0"),
            (lambda: -1.0 * Calzetti00(), "weights must be a number from 0"),
            (lambda: SumOfLaws((), ()), "for 0 laws"),
            (lambda: SumOfLaws((Calzetti00(),), (0.0,)), "not all of them 0"),
            (lambda: CharlotFall00(eta=0.5), "eta must be at least 1"),
            (lambda: TwoComponents(PowerLaw(0.7), 1.3), "law must be a DustLaw, got 1.3"),
        ],
    )
    def test_parts_that_are_none(self, build, message):
        with pytest.raises(InputError, match=message):
            build()
