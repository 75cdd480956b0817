import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from astropy.modeling.physical_models import BlackBody

from dustest.data.errors import InputError
from dustest.physics import dust_spectrum, heated_temperature, modified_black_body

NU = np.geomspace(1e9, 3e14, 20_000)


class TestModifiedBlackBody:
    @pytest.mark.parametrize(("temperature", "beta"), [(25.0, 1.5), (45.0, 1.8), (90.0, 2.5)])
    def test_against_astropy(self, temperature, beta):
        planck = BlackBody(temperature * u.K)(NU * u.Hz).value * NU**beta
        expected = planck / np.trapezoid(planck, NU)
        found = modified_black_body(NU, temperature, beta)
        seen = expected > 1e-6 * expected.max()
        np.testing.assert_allclose(found[seen], expected[seen], rtol=1e-4)

    def test_black_body_has_the_law_of_stefan_and_boltzmann(self):
        # Its integral is sigma T^4 / pi.
        flux = float((constants.sigma_sb * (100.0 * u.K) ** 4 / np.pi).si.value)
        expected = (BlackBody(100.0 * u.K)(NU * u.Hz) * u.sr).to_value(u.W / u.m**2 / u.Hz)
        found = flux * modified_black_body(NU, 100.0, 0.0)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-30)


class TestHeatedTemperature:
    def test_nothing_changes_at_redshift_zero(self):
        assert heated_temperature(30.0, 0.0, 2.0) == pytest.approx(30.0)

    def test_cold_dust_is_as_warm_as_the_background(self):
        # Dust that stars heat to the temperature of the background today has that at any redshift.
        assert heated_temperature(2.725, 9.0, 2.0) == pytest.approx(27.25)

    @pytest.mark.parametrize("beta", [1.5, 2.0])
    def test_energy(self, beta):
        # What dust emits above the background does not depend on the redshift.
        power = 4.0 + beta
        hot = heated_temperature(40.0, 8.0, beta)
        gained = hot**power - (2.725 * 9.0) ** power
        assert gained == pytest.approx(40.0**power - 2.725**power)


class TestDustSpectrum:
    @pytest.mark.parametrize("cmb", [True, False])
    def test_integral_is_one(self, cmb):
        wavelength = 2.99792458e18 / NU
        found = dust_spectrum(wavelength, 35.0, 1.8, 7.0, cmb=cmb)
        assert np.trapezoid(found, NU) == pytest.approx(1.0, rel=1e-4)

    def test_equations_of_da_cunha(self):
        # Intrinsic emission of the same mass of dust times the contrast of their equation 18.
        beta, z = 1.8, 6.5
        hot, cold = heated_temperature(35.0, z, beta), 2.725 * (1.0 + z)
        nu = np.array([1e12, 2e12, 4e12])
        planck = {t: BlackBody(t * u.K)(nu * u.Hz).value for t in (hot, cold)}
        contrast = 1.0 - planck[cold] / planck[hot]
        shape = nu**beta * planck[hot] * contrast
        found = dust_spectrum(2.99792458e18 / nu, 35.0, beta, z)
        np.testing.assert_allclose(found / found[0], shape / shape[0], rtol=1e-6)

    def test_units(self):
        expected = dust_spectrum(1.58e6, 45.0, 1.8, 7.0)
        assert dust_spectrum(158.0 * u.um, 45.0, 1.8, 7.0) == pytest.approx(expected)

    def test_many_temperatures(self):
        warm = np.array([[30.0], [60.0]])
        assert dust_spectrum([1e6, 2e6, 3e6], warm, 1.8, 5.0).shape == (2, 3)

    @pytest.mark.parametrize("bad", [2.0, np.nan, -5.0])
    def test_impossible_temperatures(self, bad):
        with pytest.raises(InputError, match=r"temperature of dust must be above 2\.725 K"):
            dust_spectrum([1e6], bad, 1.8, 5.0)
