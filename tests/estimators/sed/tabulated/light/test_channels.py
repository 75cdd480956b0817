"""What tables have fluxes of."""

import numpy as np
import pytest

from dustest.data.lines import LINES
from dustest.estimators._sed.tabulated.light.channels import Channels, Pixels, nearest_line

WAVELENGTH = np.array([1e4, 1.1e4, 1.2e4])


class TestPixels:
    def test_equal_by_content(self):
        one, same = (Pixels(WAVELENGTH.copy(), None) for _ in range(2))
        assert one == same
        assert hash(one) == hash(same)
        curve = np.column_stack([WAVELENGTH, [30.0, 40.0, 50.0]])
        assert one != Pixels(WAVELENGTH, curve)
        assert one != Pixels(WAVELENGTH + 1.0, None)

    def test_highest_power(self):
        curve = np.column_stack([WAVELENGTH, [3.0, 4.0, 5.0]])
        assert Pixels(WAVELENGTH, curve).highest_power == 5.0
        assert Pixels(WAVELENGTH, None).highest_power == pytest.approx(12.0)


class TestChannels:
    def test_order(self):
        channels = Channels(("F200W",), Pixels(WAVELENGTH, None), ("Ha", "Hb"))
        assert len(channels) == 6
        assert range(6)[channels.of_pixels] == range(1, 4)
        assert range(6)[channels.of_lines] == range(4, 6)

    def test_without_pixels(self):
        channels = Channels(("F200W", "F444W"), None, ("Ha",))
        assert range(3)[channels.of_pixels] == range(2, 2)
        assert range(3)[channels.of_lines] == range(2, 3)


class TestNearestLine:
    @pytest.mark.parametrize("name", ["Ha", "Hb", "Hd", "OII3727", "OII3730", "NII6550"])
    def test_lines_in_air(self, name):
        vacuum = LINES[name].wavelength
        air = [vacuum / 1.000277 + step for step in (-5.0, 0.0, 5.0)]
        assert nearest_line(name, air) == 1

    def test_in_the_ultraviolet_wavelengths_are_in_vacuum(self):
        assert nearest_line("Lya", [1215.67, 6562.8]) == 0
