"""Case B ratios against published values, and their behaviour between the nodes of the tables."""

import numpy as np
import pytest

from dustest.data.errors import InputError
from dustest.physics import HYDROGEN_LINES, line_ratio


class TestPublishedValues:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [("Ha", 2.86), ("Hg", 0.468), ("Hd", 0.259), ("Pa", 0.339), ("Pb", 0.163)],
    )
    def test_at_ten_thousand_kelvin(self, line, expected):
        """Osterbrock & Ferland 2006, tables 4.4 and 4.5, at 100 electrons per cm3."""
        assert line_ratio(line) == pytest.approx(expected, abs=0.005 if line == "Ha" else 0.0005)

    @pytest.mark.parametrize(("temperature", "expected"), [(5e3, 3.04), (1e4, 2.86), (2e4, 2.75)])
    def test_balmer_decrement(self, temperature, expected):
        assert line_ratio("Halpha", "Hbeta", temperature) == pytest.approx(expected, abs=0.005)

    def test_decrement_at_high_density(self):
        """Osterbrock & Ferland 2006, table 4.4: 2.81 at 1e6 per cm3."""
        assert line_ratio("Ha", density=1e6) == pytest.approx(2.81, abs=0.005)


class TestInterpolation:
    def test_ratios_are_consistent(self):
        product = line_ratio("Pa", "Ha", 8e3, 300.0) * line_ratio("Ha", "Hb", 8e3, 300.0)
        assert product == pytest.approx(line_ratio("Pa", "Hb", 8e3, 300.0), rel=1e-12)

    def test_ratios_are_smooth_and_monotonic(self):
        temperature = np.geomspace(5e3, 2e4, 200)
        for line, sign in (("Ha", -1), ("Hg", 1), ("Hd", 1), ("Pa", -1), ("Bra", -1)):
            steps = np.diff(line_ratio(line, temperature=temperature))
            assert np.all(sign * steps > 0)

    def test_thin_gas_has_the_ratios_of_the_lowest_density(self):
        assert line_ratio("Pa", density=10.0) == line_ratio("Pa", density=100.0)

    def test_arguments_broadcast(self):
        found = line_ratio("Ha", "Hb", [[5e3], [1e4]], [100.0, 1e3, 1e4])
        assert found.shape == (2, 3)
        assert found[1, 0] == line_ratio("Ha")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("OIII5008",), "line must be one of"),
        (("Ha", "Lya"), "other must be one of"),
        ((3,), "line must be one of"),
        (("Ha", "Hb", 500.0), "temperature must be from 1000 to 30000 K"),
        (("Ha", "Hb", 1e4, 0.0), "density must be from 1 to 1e"),
        (("Ha", "Hb", np.nan), "temperature must be"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        line_ratio(*arguments)


def test_all_lines_have_ratios():
    assert all(0.0 < line_ratio(name) < 3.0 for name in HYDROGEN_LINES)
