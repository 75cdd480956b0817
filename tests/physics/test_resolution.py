"""Resolving power, against the published curve of the prism and nominal values of the gratings."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from dustest.data.errors import InputError
from dustest.physics import DISPERSERS, Disperser, line_width, resolving_power


def test_prism_follows_the_published_curve(shared_data):
    table = fits.getdata(shared_data / "spectra" / "jwst_nirspec_prism_disp.fits")
    micron = table["WAVELENGTH"].astype(float)
    inside = (micron >= 0.6) & (micron <= 5.3)
    expected = table["R"].astype(float)[inside]
    found = resolving_power(micron[inside] * u.um)
    np.testing.assert_allclose(found, expected, rtol=0.016)


@pytest.mark.parametrize(
    ("name", "centre", "nominal"),
    [
        *(("G140M", 1.4, 1000), ("G235M", 2.36, 1000), ("G395M", 3.99, 1000)),
        *(("G140H", 1.4, 2700), ("G235H", 2.36, 2700), ("G395H", 3.99, 2700)),
    ],
)
def test_gratings_have_their_nominal_power(name, centre, nominal):
    """Band centres and nominal powers of Jakobsen et al. 2022, table 3."""
    assert resolving_power(centre * u.um, name) == pytest.approx(nominal, rel=0.03)


def test_width_of_a_line():
    power = resolving_power(3e4, "G235H")
    sigma = line_width(3e4, "G235H")
    assert sigma * 2.3548 == pytest.approx(3e4 / power, rel=1e-4)


def test_a_number_is_a_constant_power():
    np.testing.assert_array_equal(resolving_power([1e4, 2e4], 1500.0), [1500.0, 1500.0])


def test_the_ends_of_the_range_hold_beyond_it():
    assert resolving_power(7e4) == resolving_power(5.3e4)


@pytest.mark.parametrize("disperser", ["G500X", -30.0, None])
def test_unknown_dispersers(disperser):
    with pytest.raises(InputError, match="disperser must be"):
        resolving_power(1e4, disperser)


def test_records_are_checked():
    with pytest.raises(InputError, match="wavelength_range of disperser 'X'"):
        Disperser("X", (2.0, 1.0), np.ones_like)
    assert "prism" in DISPERSERS
