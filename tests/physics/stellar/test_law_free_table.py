"""Fluxes behind any law against tables of each law."""

import numpy as np
import pytest

from dustest.data.errors import InputError
from dustest.physics import LightTable, Scattered, SpectrumTable, get_dust_law, load_ssp_grid
from dustest.physics.stellar.law_free_table import LawFreeTable

BANDS = ("F115W", "F150W", "F200W", "F277W", "F410M", "F444W", "F770W")
REDSHIFT = 7.0
GAS = {"log_u": -2.3, "escape_fraction": 0.1}
LAWS = [
    *(get_dust_law(name) for name in ("SMC", "LMC", "F99", "MW_no_bump", "SN", "Calzetti")),
    Scattered(get_dust_law("F99")),
]


@pytest.fixture(scope="module")
def table():
    """The table of all tests."""
    return LawFreeTable(load_ssp_grid(), BANDS, REDSHIFT, **GAS)


@pytest.fixture(scope="module")
def stars():
    """Ages and metallicities of all kinds."""
    rng = np.random.default_rng(170118)
    return 10.0 ** rng.uniform(6.0, 8.8, 500), 10.0 ** rng.uniform(-2.0, 0.2, 500)


class TestAgainstLightTable:
    @pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
    def test_flux(self, law, table, stars):
        one = LightTable(load_ssp_grid(), BANDS, REDSHIFT, law=law, **GAS).at(*stars)
        many = table.behind(law).at(*stars)
        np.testing.assert_allclose(many.flux(), one.flux(), rtol=1e-12)
        for a_v, tolerance in ((0.3, 1.5e-3), (1.0, 2.5e-3), (3.0, 8e-3)):
            depth = np.full(len(stars[0]), a_v)
            np.testing.assert_allclose(many.flux(depth), one.flux(depth), rtol=tolerance)
            difference = np.abs(many.flux(depth) - one.flux(depth))
            assert np.all(difference < 1e-3 * one.flux())

    def test_v_and_b(self, table, stars):
        one = LightTable(load_ssp_grid(), BANDS, REDSHIFT, law="SN", **GAS).at(*stars)
        many = table.behind("SN").at(*stars)
        depth = np.linspace(0.0, 3.0, len(stars[0]))
        np.testing.assert_array_equal(many.v_and_b(), one.v_and_b())
        np.testing.assert_array_equal(many.v_and_b(depth), one.v_and_b(depth))

    def test_no_flux_is_negative(self, table, stars):
        flux = table.behind("SMC").at(*stars).flux(np.full(len(stars[0]), 20.0))
        assert np.all(flux >= 0.0)

    def test_size(self, table):
        assert table.nbytes < LightTable(load_ssp_grid(), BANDS, REDSHIFT, law="SMC").nbytes / 10

    def test_dust_needs_a_law(self, table):
        with pytest.raises(InputError, match="a_v needs a dust law"):
            table.at([1e7], [0.1]).flux([1.0])


def test_spectra_behind_another_law():
    grid, limits = load_ssp_grid(), (1500.0, 6000.0)
    stars = ([1e7, 2e8], [0.1, 0.5], [1e6, 1e8], [0.3, 1.0])
    expected = SpectrumTable(grid, limits, law="SN").spectrum(*stars)
    found = SpectrumTable(grid, limits, law="SMC").behind("SN").spectrum(*stars)
    np.testing.assert_array_equal(found, expected)
