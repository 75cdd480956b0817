"""Tests of the dust laws against published numbers, Bagpipes and dust_extinction."""

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.table import Column, MaskedColumn
from astropy.utils.masked import Masked
from hypothesis import given
from hypothesis import strategies as st

from dustest.data.bands import list_bands
from dustest.data.checks.units import declared_unit
from dustest.data.errors import InputError
from dustest.physics import (
    a_lambda,
    a_v_to_e_bv,
    attenuation_ratio,
    band_attenuation_ratio,
    e_bv_to_a_v,
    get_dust_law,
    list_dust_laws,
)


class TestRefusals:
    @pytest.mark.parametrize(
        ("law", "wavelength"),
        [("SMC", 900.0), ("SMC", 4 * u.um), ("Calzetti", 800.0), ("G23", 50 * u.um)],
    )
    def test_outside_the_range(self, law, wavelength):
        with pytest.raises(InputError, match=r"wavelength must lie within .* to .* Angstrom"):
            attenuation_ratio(wavelength, law)

    @pytest.mark.parametrize("wavelength", [0.0, -1600.0, np.nan, np.inf, [1600.0, np.nan]])
    def test_wavelength_that_is_none(self, wavelength):
        with pytest.raises(InputError, match="positive and finite"):
            attenuation_ratio(wavelength, "Calzetti")

    @pytest.mark.parametrize(
        "wavelength",
        [3 * u.kg, 1 * u.mag, "blue", [[1.0], [2.0, 3.0]], Column([1.0], unit="Jy"), None],
    )
    def test_wavelength_of_a_wrong_kind(self, wavelength):
        with pytest.raises(InputError, match="wavelength must"):
            attenuation_ratio(wavelength, "Calzetti")

    def test_unit_with_a_typo(self):
        with pytest.raises(InputError, match="wavelength declares the unit 'ngström'"):
            attenuation_ratio(Column([1600.0], unit="ngström"), "SMC")

    @pytest.mark.parametrize(
        "value",
        [1 * u.Jy, "much", Column([1.0], unit="nJy"), 1 * u.dex, 1 * u.dB, 3 * u.ABmag],
    )
    def test_attenuation_of_a_wrong_kind(self, value):
        for convert in (a_v_to_e_bv, e_bv_to_a_v, lambda a, law: a_lambda(a, 1600.0, law)):
            with pytest.raises(InputError, match=r"(a_v|e_bv) must (be in mag, got|hold numbers)"):
                convert(value, "SMC")

    def test_band_beyond_the_law(self):
        with pytest.raises(InputError, match="'SMC' covers"):
            band_attenuation_ratio("F770W", "SMC")

    @pytest.mark.parametrize("redshift", [-0.1, np.nan, 7 * u.mag, 7 * u.km / u.s, "seven"])
    def test_redshift(self, redshift):
        with pytest.raises(InputError, match="redshift must"):
            band_attenuation_ratio("F277W", "SMC", redshift)


def containers(values, bare_unit, unit, mask):
    """The same values in all that may hold them."""
    values = np.array(values)
    converted = (values * bare_unit).to_value(unit)
    yield values if not mask.any() else np.where(mask, np.nan, values)
    yield np.ma.array(values, mask=mask)
    yield MaskedColumn(values, mask=mask)
    yield MaskedColumn(converted, unit=unit, mask=mask)
    yield Masked(converted * unit, mask=mask)
    yield pd.Series([None if skip else item for item, skip in zip(values, mask, strict=True)])
    if not mask.any():
        yield Column(converted, unit=unit)
        yield converted * unit
        yield list(converted * unit)
        yield list(values)


class TestConversions:
    @given(
        a_v=st.floats(0.0, 10.0),
        law=st.sampled_from(list_dust_laws()),
    )
    def test_there_and_back(self, a_v, law):
        e_bv = a_v_to_e_bv(a_v, law)
        assert e_bv * get_dust_law(law).r_v == pytest.approx(a_v, rel=1e-12)
        assert e_bv_to_a_v(e_bv, law) == pytest.approx(a_v, rel=1e-12)

    @given(st.floats(1000.0, 30_000.0))
    def test_unit_of_wavelength_does_not_matter(self, angstrom):
        wavelength = angstrom * u.AA
        expected = attenuation_ratio(angstrom, "SMC")
        for unit in (u.um, u.nm, u.THz, u.eV):
            same = wavelength.to(unit, u.spectral())
            assert attenuation_ratio(same, "SMC") == pytest.approx(expected, rel=1e-9)

    def test_units_of_magnitudes_are_kept(self):
        assert a_v_to_e_bv(0.81 * u.mag, "Calzetti").unit == u.mag
        assert a_lambda([0.1, 0.2] * u.mag, 1600.0, "SMC").unit == u.mag
        assert isinstance(a_v_to_e_bv(0.81, "Calzetti"), float)

    @given(
        values=st.lists(st.floats(0.0, 10.0), min_size=1, max_size=5),
        unit=st.sampled_from(["mag", "mmag"]),
        masked=st.booleans(),
        law=st.sampled_from(["Calzetti", "SMC", "CCM89"]),
    )
    def test_every_container_gives_the_same_numbers(self, values, unit, masked, law):
        mask = np.arange(len(values)) == (0 if masked else -1)
        expected = np.where(mask, np.nan, values)
        for function in (a_v_to_e_bv, e_bv_to_a_v, lambda a, law: a_lambda(a, 1600.0, law)):
            bare = function(expected, law)
            for given_value in containers(values, u.mag, u.Unit(unit), mask):
                own = function(given_value, law)
                np.testing.assert_allclose(getattr(own, "value", own), bare, rtol=1e-12)
                has_unit = declared_unit(given_value, "given") is not None
                assert getattr(own, "unit", None) == (u.mag if has_unit else None)

    @given(
        values=st.lists(st.floats(1300.0, 25_000.0), min_size=1, max_size=5),
        unit=st.sampled_from(["um", "nm", "AA", "micron", "Angstrom"]),
        law=st.sampled_from(["Calzetti", "SMC"]),
    )
    def test_every_container_of_wavelengths(self, values, unit, law):
        law = get_dust_law(law)
        nothing = np.zeros(len(values), dtype=bool)
        for given_value in containers(values, u.AA, u.Unit(unit), nothing):
            ratio = law.a_over_av(given_value)
            assert type(ratio) is np.ndarray
            np.testing.assert_allclose(ratio, law.a_over_av(values), rtol=1e-9)
            np.testing.assert_allclose(law.k(given_value), law.k(values), rtol=1e-9)
            np.testing.assert_allclose(
                a_lambda(0.5, given_value, law), a_lambda(0.5, values, law), rtol=1e-9
            )

    def test_masked_wavelengths_are_refused(self):
        with pytest.raises(InputError, match="without missing values"):
            attenuation_ratio(MaskedColumn([1600.0, 2000.0], mask=[0, 1]), "SMC")

    def test_shapes_that_do_not_broadcast(self):
        with pytest.raises(InputError, match=r"must have shapes that broadcast, got \(2,\) and"):
            a_lambda([1.0, 2.0], [1600.0, 1700.0, 1800.0], "SMC")

    def test_a_lambda_broadcasts(self):
        grid = a_lambda(np.array([[0.1], [1.0]]), [1600.0, 5500.0, 9000.0], "LMC")
        assert grid.shape == (2, 3)
        np.testing.assert_allclose(grid[1], 10 * grid[0])


class TestBands:
    @pytest.mark.parametrize("band", list_bands())
    def test_every_band_at_rest(self, band):
        ratio = band_attenuation_ratio(band, "G23")
        assert 0.0 < ratio < 3.5

    def test_narrow_limit(self):
        at_pivot = attenuation_ratio(21_000.0 / 7.0, "Calzetti")
        assert band_attenuation_ratio("F210M", "Calzetti", 6.0) == pytest.approx(
            at_pivot, rel=0.01
        )

    def test_against_dimmed_photometry(self):
        from dustest.physics import band_flux

        wavelength = np.linspace(9000.0, 14_000.0, 4000)
        a_v = 1e-4
        dimmed = 10 ** (-0.4 * a_lambda(a_v, wavelength / 7.5, "SMC"))
        expected = -2.5 * np.log10(band_flux(wavelength, dimmed, "F115W")) / a_v
        assert band_attenuation_ratio("F115W", "SMC", 6.5) == pytest.approx(expected, rel=1e-3)

    @pytest.mark.parametrize("kind", [list, Column, np.ma.array, MaskedColumn])
    def test_redshifts_in_any_container(self, kind):
        redshift = [6.0, 7.0, 8.0]
        expected = band_attenuation_ratio("F150W", "SMC", redshift)
        np.testing.assert_array_equal(
            band_attenuation_ratio("F150W", "SMC", kind(redshift)), expected
        )

    def test_redshifts_at_once(self):
        redshift = np.array([6.0, 7.0, 8.0])
        together = band_attenuation_ratio("F150W", "SMC", redshift)
        alone = [band_attenuation_ratio("F150W", "SMC", z) for z in redshift]
        np.testing.assert_allclose(together, alone, rtol=1e-12)
