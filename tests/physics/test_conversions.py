import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM, Planck18

from dustest.data import InputError
from dustest.physics import IMFS, convert_quantity

OLD = FlatLambdaCDM(H0=70.0, Om0=0.3)


class TestMassFunctions:
    @pytest.mark.parametrize(
        ("quantity", "factor"),
        [("log_mass", 0.61), ("log_SFR_100", 0.63), ("log_sSFR", 0.63 / 0.61), ("A_V", 1.0)],
    )
    def test_are_those_of_madau_and_dickinson(self, quantity, factor):
        found = convert_quantity([1.0], quantity, imf=("Salpeter", "Chabrier"))
        assert found[0] == pytest.approx(1.0 + np.log10(factor))

    def test_go_there_and_back(self):
        for name in IMFS:
            there = convert_quantity([9.3], "log_mass", imf=("Kroupa", name))
            back = convert_quantity(there, "log_mass", imf=(name, "Kroupa"))
            assert back[0] == pytest.approx(9.3)

    def test_kroupa_and_chabrier_are_close(self):
        found = convert_quantity([9.0], "log_mass", imf=("Chabrier", "Kroupa"))
        assert found[0] == pytest.approx(9.034, abs=1e-3)


class TestCosmologies:
    def test_luminosities_scale_with_the_square_of_the_distance(self):
        # Hubble's constant alone changes all distances by the same factor.
        fast = FlatLambdaCDM(H0=140.0, Om0=0.3)
        pair = {"cosmology": (OLD, fast), "redshift": [0.5, 7.0]}
        np.testing.assert_allclose(
            convert_quantity([9.0, 9.0], "log_mass", **pair), 9.0 - np.log10(4.0)
        )
        np.testing.assert_allclose(
            convert_quantity([-20.0, -20.0], "M_UV", **pair), -20.0 + 2.5 * np.log10(4.0)
        )
        assert convert_quantity([0.3, 0.4], "A_V", **pair).tolist() == [0.3, 0.4]

    def test_absolute_magnitudes_follow_the_distance_modulus(self):
        found = convert_quantity([-20.0], "M_UV", cosmology=(OLD, Planck18), redshift=[8.0])
        expected = OLD.distmod(8.0).value - Planck18.distmod(8.0).value
        assert found[0] + 20.0 == pytest.approx(expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"imf": ("Kroupa", "Salpater")}, "did you mean 'Salpeter'"),
        ({"imf": "Kroupa"}, "imf must be a pair"),
        ({"cosmology": (OLD, Planck18)}, "redshift must be given"),
        ({"cosmology": (OLD, "Planck18"), "redshift": [7.0]}, "cosmology must be one of astropy"),
    ],
)
def test_what_cannot_be_converted(arguments, message):
    with pytest.raises(InputError, match=message):
        convert_quantity([9.0], "log_mass", **arguments)
