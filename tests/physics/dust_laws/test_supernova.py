"""The curve of supernova dust against Mie theory and R_V of Gall et al. (2014)."""

import pytest
from mie_theory import size_distribution, sphere

from dustest.physics import get_dust_law

# Wavelengths in micron and refractive indices of amorphous carbon AC1, Rouleau & Martin (1991).
CARBON = {
    0.15576: 1.86922 + 0.47921j,
    0.21911: 2.0378 + 0.47041j,
    0.45896: 1.96785 + 0.23205j,
    0.54435: 1.97974 + 0.23212j,
    2.1317: 2.1558 + 0.22686j,
}
SIZES = {"smallest": 0.001, "largest": 4.2, "index": 3.6}  # Gall et al. (2014)


class TestMieTheory:
    def test_small_spheres_are_rayleigh_scatterers(self):
        x, m = 0.01, 1.5
        polarisability = (m**2 - 1) / (m**2 + 2)
        _, scattering, cosine = sphere(x, m)
        assert scattering == pytest.approx(8 / 3 * x**4 * polarisability**2, rel=1e-4)
        assert cosine == pytest.approx(0.0, abs=1e-4)

    def test_van_de_hulst(self):
        """Q of a sphere of m = 1.33 tends to 2, with waves of van de Hulst's approximation."""
        extinction, scattering, _ = sphere(100.0, 1.33)
        assert extinction == pytest.approx(2.0, abs=0.12)
        assert scattering == pytest.approx(extinction, rel=1e-10)


class TestSupernovaDust:
    @pytest.mark.parametrize("micron", CARBON)
    def test_mie_theory(self, micron):
        law = get_dust_law("SN")
        extinction, *_ = size_distribution(micron, CARBON[micron], **SIZES)
        at_v, *_ = size_distribution(0.54435, CARBON[0.54435], **SIZES)
        expected = extinction / at_v * law.a_over_av(5443.5)
        assert law.a_over_av(1e4 * micron) == pytest.approx(expected, rel=0.003)

    def test_r_v_of_gall(self):
        assert get_dust_law("SN").r_v == pytest.approx(6.4, rel=0.08)

    @pytest.mark.parametrize("name", ["SMC", "LMC", "MW", "MW_no_bump", "Calzetti"])
    def test_is_greyer_than_other_dust(self, name):
        blue, red = get_dust_law("SN").a_over_av([1600.0, 10_000.0])
        other_blue, other_red = get_dust_law(name).a_over_av([1600.0, 10_000.0])
        assert blue / red < 0.7 * other_blue / other_red
