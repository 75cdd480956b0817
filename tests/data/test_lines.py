"""Emission lines by name, against Rydberg's formula."""

import pytest

from dustest.data import LINES, InputError, Line, register_line

RYDBERG = 1.0967758341e-3  # of hydrogen, per Angstrom
SERIES = {"Ly": 1, "H": 2, "P": 3, "Br": 4}
LETTERS = "abgd"


@pytest.mark.parametrize("name", [n for n in LINES if n[:-1] in SERIES and n[-1] in LETTERS])
def test_wavelengths_of_hydrogen(name):
    lower = SERIES[name[:-1]]
    upper = lower + 1 + LETTERS.index(name[-1])
    expected = 1.0 / (RYDBERG * (lower**-2 - upper**-2))
    assert LINES[name].wavelength == pytest.approx(expected, rel=3e-5)


def test_forbidden_doublets_have_the_ratio_of_their_levels():
    # The two lines of [O III] end on levels 193.0 per cm apart, those of [N II] 82.1.
    for blue, red, gap in (("OIII4960", "OIII5008", 193.0), ("NII6550", "NII6585", 82.1)):
        found = 1e8 / LINES[blue].wavelength - 1e8 / LINES[red].wavelength
        assert found == pytest.approx(gap, abs=0.3)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        *(("Halpha", "Ha"), ("H-beta", "Hb"), ("HA6565", "Ha"), ("Paalpha", "Pa"), ("pab", "Pb")),
        *(("OIII_5007", "OIII5008"), ("bra", "Bra")),
    ],
)
def test_spellings(spelling, name):
    assert LINES[spelling].name == name


def test_names_are_taken_once():
    with pytest.raises(InputError, match="is registered already"):
        register_line(Line("halpha", 6563.0, "H"))


@pytest.mark.parametrize("wavelength", [0.0, -5007.0, "5007", float("nan")])
def test_wavelengths_are_positive(wavelength):
    with pytest.raises(InputError, match="wavelength of emission line 'X' must be a positive fin"):
        Line("X", wavelength, "X")
