"""Tests of synthetic photometry, against sedpy and known spectra."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Column, MaskedColumn
from astropy.utils.masked import Masked

from dustest.data.bands import list_bands
from dustest.data.errors import InputError
from dustest.physics import band_flux, synthetic_photometry

F_LAMBDA = u.erg / u.s / u.cm**2 / u.AA


@pytest.fixture
def spectrum():
    """A spectrum with structure, per unit wavelength, as (wavelength, flux)."""
    wavelength = np.linspace(1500.0, 320_000.0, 60_000)
    lines = 1 + 5 * np.exp(-0.5 * ((wavelength[:, np.newaxis] - [20_000, 77_000]) / 300) ** 2)
    flux = 1e-19 * (wavelength / 1e4) ** -1.6 * lines.prod(axis=1)
    return wavelength * u.AA, flux * F_LAMBDA


class TestSyntheticPhotometry:
    @pytest.mark.parametrize("band", list_bands())
    def test_flat_spectrum_keeps_its_magnitude(self, band):
        wavelength = np.array([0.1, 1.0, 40.0]) * u.um
        magnitude = synthetic_photometry(wavelength, [25, 25, 25] * u.ABmag.physical_unit, [band])
        assert magnitude.to_value(u.ABmag.physical_unit)[0] == pytest.approx(25, rel=1e-12)

    @pytest.mark.parametrize("sedpy_name", ["jwst_f200w", "acs_wfc_f606w", "wfc3_ir_f160w"])
    def test_against_sedpy(self, sedpy_name, spectrum):
        from sedpy.observate import Filter

        wavelength, flux = spectrum
        magnitude = Filter(sedpy_name).ab_mag(wavelength.value, flux.value)
        own = synthetic_photometry(wavelength, flux, [sedpy_name]).to_value(u.ABmag)[0]
        assert own == pytest.approx(magnitude, abs=1e-3)

    def test_per_frequency_and_per_wavelength_agree(self, spectrum):
        wavelength, flux = spectrum
        bands = ["F200W", "F444W", "F770W"]
        f_nu = flux.to(u.uJy, u.spectral_density(wavelength))
        np.testing.assert_allclose(
            synthetic_photometry(wavelength, flux, bands).value,
            synthetic_photometry(wavelength.to(u.um), f_nu, bands).value,
            rtol=1e-10,
        )

    def test_many_spectra_at_once(self, spectrum):
        wavelength, flux = spectrum
        stack = np.stack([flux, 2 * flux, flux[::-1]])
        together = synthetic_photometry(wavelength, stack, ["F115W", "F277W"])
        assert together.shape == (3, 2)
        assert together.unit == u.nJy
        for row, single in zip(together, stack, strict=True):
            alone = synthetic_photometry(wavelength, single, ["F115W", "F277W"])
            np.testing.assert_allclose(row.value, alone.value, rtol=1e-12)

    def test_coarse_spectrum_is_integrated_over_the_points_of_the_band(self):
        coarse = np.array([15_000.0, 25_000.0])
        fine = np.linspace(15_000.0, 25_000.0, 5001)
        expected = band_flux(fine, fine, "F200W")
        assert band_flux(coarse, coarse, "F200W") == pytest.approx(expected, rel=1e-6)

    @pytest.mark.parametrize(
        "kind",
        [Column, MaskedColumn, lambda values, unit: Masked(values << unit, mask=False)],
    )
    def test_columns_give_what_quantities_give(self, spectrum, kind):
        wavelength, flux = spectrum
        expected = synthetic_photometry(wavelength, flux, ["F200W", "F444W"])
        micron = kind(wavelength.to_value(u.um), unit=u.um)
        own = synthetic_photometry(micron, kind(flux.value, unit=flux.unit), ["F200W", "F444W"])
        np.testing.assert_allclose(own.value, expected.value, rtol=1e-12)

    def test_frequencies_ascend_the_other_way(self, spectrum):
        wavelength, flux = spectrum
        frequency = wavelength.to(u.THz, u.spectral())
        own = synthetic_photometry(frequency[::-1], flux[::-1], ["F200W", "F444W"])
        expected = synthetic_photometry(wavelength, flux, ["F200W", "F444W"])
        np.testing.assert_allclose(own.value, expected.value, rtol=1e-10)

    def test_magnitudes(self):
        wavelength = np.linspace(0.9, 2.6, 400) * u.um
        flux = synthetic_photometry(wavelength, np.full(400, 26.0) * u.ABmag, ["F150W"])
        assert flux.to_value(u.ABmag)[0] == pytest.approx(26.0)

    def test_a_missing_pixel_costs_its_bands_only(self):
        wavelength = np.linspace(0.9, 2.6, 400) * u.um
        flux = MaskedColumn(np.ones(400), unit="uJy", mask=np.arange(400) == 50)
        flux = synthetic_photometry(wavelength, flux, ["F115W", "F200W"]).value
        np.testing.assert_array_equal(np.isfinite(flux), [False, True])

    def test_one_band_of_columns(self):
        wavelength = np.linspace(15000.0, 25000.0, 500)
        expected = band_flux(wavelength, wavelength, "F200W")
        nanometres = Column(0.1 * wavelength, unit="nm")
        own = band_flux(nanometres, Column(wavelength, unit="uJy"), "F200W")
        assert own.unit == u.uJy
        assert own.value == pytest.approx(expected)
        with pytest.raises(InputError, match="per unit frequency, got erg"):
            band_flux(wavelength, wavelength * F_LAMBDA, "F200W")

    @pytest.mark.parametrize("unit", ["erg / (s cm2)", "W / m2", "erg / (s AA)", "W / Hz"])
    def test_plain_fluxes_and_luminosities(self, unit):
        wavelength = np.linspace(1.5, 2.5, 500) * u.um
        with pytest.raises(InputError, match="flux must be a flux density per unit wavelength"):
            synthetic_photometry(wavelength, np.ones(500) * u.Unit(unit), ["F200W"])

    def test_no_band(self, spectrum):
        with pytest.raises(InputError, match="bands must"):
            synthetic_photometry(*spectrum, [])


class TestRefusals:
    def test_spectrum_shorter_than_the_band(self):
        wavelength = np.linspace(18_000.0, 25_000.0, 100)
        with pytest.raises(InputError, match=r"must cover band 'F200W' \(17244 to 22604 Ang"):
            band_flux(wavelength, wavelength, "F200W")

    @pytest.mark.parametrize(
        ("wavelength", "flux"),
        [
            (np.array([1.0, 3.0, 2.0]) * u.um, np.ones(3) * u.nJy),
            (np.array([1.0, 2.0, 2.0]) * u.um, np.ones(3) * u.nJy),
            (np.array([2.0, 1.0, 3.0]) * u.THz, np.ones(3) * u.nJy),
        ],
    )
    def test_wavelengths_out_of_order(self, wavelength, flux):
        with pytest.raises(InputError, match="wavelength must ascend"):
            synthetic_photometry(wavelength, flux, ["F200W"])

    @pytest.mark.parametrize(
        ("wavelength", "flux"),
        [
            (np.linspace(1, 3, 9) * u.um, np.ones(9) * u.m),
            (np.linspace(1, 3, 9) * u.kg, np.ones(9) * u.nJy),
            (np.linspace(1, 3, 9), np.ones(9) * u.nJy),
            (np.linspace(1, 3, 9) * u.um, np.ones(8) * u.nJy),
            (np.linspace(1, 3, 9) * u.um, np.ones(8) * F_LAMBDA),
            (np.ones((2, 9)) * u.um, np.ones(9) * u.nJy),
            (np.array([1.0, 2.0, np.nan]) * u.um, np.ones(3) * u.nJy),
            (MaskedColumn([1.0, 2.0, 3.0], mask=[0, 0, 1], unit="um"), np.ones(3) * u.nJy),
            (np.linspace(1, 3, 9) * u.um, np.ones(9)),
            (np.linspace(1, 3, 9) * u.um, Column(np.ones(9), unit="ujy")),
            ("blue", np.ones(9) * u.nJy),
        ],
    )
    def test_units_and_shapes(self, wavelength, flux):
        with pytest.raises(InputError, match=r"wavelength.* must|flux must|flux declares"):
            synthetic_photometry(wavelength, flux, ["F200W"])
