"""The curve of the Milky Way without its bump."""

import numpy as np
import pytest
from astropy import units as u

from dustest.physics import get_dust_law

WITH, WITHOUT = get_dust_law("F99"), get_dust_law("MW_no_bump")
SLOPE_WINDOW = np.linspace(1300.0, 2600.0, 200)


class TestBumplessMilkyWay:
    def test_ultraviolet_parametrisation(self):
        """Fitzpatrick & Massa (1990) with c3 = 0 and the coefficients of Fitzpatrick (1999)."""
        from dust_extinction.shapes import FM90

        c2 = -0.824 + 4.717 / 3.1
        model = FM90(C1=2.030 - 3.007 * c2, C2=c2, C3=0.0, C4=0.41, xo=4.596, gamma=0.99)
        wavelength = np.linspace(1001.0, 2699.0, 100)
        expected = 1.0 + model(wavelength * u.AA) / 3.1
        np.testing.assert_allclose(WITHOUT.a_over_av(wavelength), expected, rtol=1e-10)

    @pytest.mark.parametrize("wavelength", [4110.0, 4670.0, 5470.0, 6000.0, 12_200.0, 26_500.0])
    def test_measured_points_stay(self, wavelength):
        assert WITHOUT.a_over_av(wavelength) == pytest.approx(WITH.a_over_av(wavelength), rel=1e-9)

    def test_is_smooth_at_the_joint(self):
        near = WITHOUT.a_over_av(np.array([2690.0, 2699.99, 2700.01, 2710.0]))
        steps = np.diff(near)
        assert steps[1] == pytest.approx(0.0, abs=1e-4)
        assert steps[0] == pytest.approx(steps[2], rel=0.05)

    @pytest.mark.parametrize("name", ["F99", "MW", "LMC"])
    def test_bump_makes_the_structure_of_the_slope_window(self, name):
        """With a bump the curve rises and falls; without it, it falls as a power law does."""
        with_bump = get_dust_law(name).a_over_av(SLOPE_WINDOW)
        without = WITHOUT.a_over_av(SLOPE_WINDOW)
        assert np.diff(with_bump).max() > 0.0 > np.diff(without).max()
        assert _structure(with_bump) > 2.0 * _structure(without)


def _structure(curve):
    """Largest deviation of a curve from a power law of wavelength, relative."""
    x, y = np.log(SLOPE_WINDOW), np.log(curve)
    return np.abs(y - np.polyval(np.polyfit(x, y, 1), x)).max()
