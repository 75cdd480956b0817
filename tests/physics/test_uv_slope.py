"""Tests of the UV slope: known power laws, scipy's fit, and real spectra."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Column, MaskedColumn, QTable
from astropy.utils.masked import Masked
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from dustest.data.bands import get_band
from dustest.data.errors import InputError
from dustest.physics import (
    UV_WINDOWS,
    band_flux,
    fit_beta,
    photometric_beta,
    select_uv_bands,
    select_uv_pixels,
    spectral_beta,
    uv_slope,
)

F_LAMBDA = u.erg / u.s / u.cm**2 / u.AA
FLAT = np.ones(3) * u.uJy
# The two filter sets of the paper.
FILTER_SETS = {
    "CEERS": ["F606W", "F814W", "F115W", "F150W", "F200W", "F277W", "F356W", "F410M", "F444W"],
    "JADES": ["F090W", "F115W", "F150W", "F200W", "F277W", "F335M", "F356W", "F410M", "F444W"],
}
MEDIUM_BANDS = ["F115W", "F140M", "F150W", "F162M", "F182M", "F200W", "F210M"]


def power_law_fluxes(bands, beta):
    """A power law of unit f_nu at 2 micron through bands, by direct integration."""
    wavelength = np.geomspace(4000.0, 60_000.0, 4000)
    f_nu = (wavelength / 20_000.0) ** (beta + 2.0)
    return np.array([band_flux(wavelength, f_nu, band) for band in bands])


@cache
def sedpy_filter(band):
    """A filter of sedpy, which does its own integration."""
    from sedpy.observate import Filter

    prefix = "acs_wfc_" if band in {"F606W", "F814W"} else "jwst_"
    return Filter(prefix + band.lower())


def galaxy_fluxes(bands, beta, redshift):
    """A power law without light blueward of Lyman alpha, through the curves by sedpy."""
    filters = [sedpy_filter(band) for band in bands]
    wavelength = np.geomspace(4000.0, 60_000.0, 10_000)
    flux = 1e-20 * (wavelength / 20_000.0) ** beta
    flux[wavelength < 1215.67 * (1 + redshift)] = 0.0
    maggies = [one.obj_counts(wavelength, flux) / one.ab_zero_counts for one in filters]
    return 3.631e12 * np.array(maggies)


def noisy(flux, snr, rng, n):
    """Copies of fluxes with noise of one signal-to-noise ratio, and their errors."""
    error = np.broadcast_to(np.abs(flux) / snr, (n, len(flux)))
    return flux + error * rng.standard_normal(error.shape), error


def mock_spectrum(beta, redshift, snr, rng, n_pixels=400):
    """Wavelength, flux and error of a power law as the prism sees it; Lyman break included."""
    wavelength = np.geomspace(6000.0, 53_000.0, n_pixels)
    flux = (wavelength / 15_000.0) ** beta
    error = flux / snr
    flux = np.where(wavelength < 1216 * (1 + redshift), 0.0, flux)
    return wavelength, flux + error * rng.standard_normal(n_pixels), error


def read_jades(path):
    """A JADES GTO spectrum as a record of Quantities."""
    unit = u.W / u.m**3
    with fits.open(path) as hdus:
        arrays = [np.array(hdus[name].data, dtype=float) for name in ("WAVELENGTH", "DATA", "ERR")]
    wavelength, flux, flux_err = arrays
    return SimpleNamespace(wavelength=wavelength * u.m, flux=flux * unit, flux_err=flux_err * unit)


KINDS = {
    "quantity": lambda values, mask: values,
    "column": lambda values, mask: Column(values.value, unit=values.unit),
    "masked column, asked": lambda values, mask: MaskedColumn(values, mask=mask),
    "masked, asked": lambda values, mask: Masked(values, mask=mask),
    "rows": lambda values, mask: list(values),
}
"""What may hold fluxes with a unit; a mask is asked for."""


@pytest.fixture(scope="module")
def catalogue():
    """Sixty noisy galaxies in the JADES bands, as (flux, error, redshift)."""
    rng = np.random.default_rng(11)
    flux, error = noisy(power_law_fluxes(FILTER_SETS["JADES"], -1.9), 8.0, rng, 60)
    return flux, error, rng.uniform(6.0, 9.0, 60)


class TestBandSelection:
    @pytest.mark.parametrize("bands", FILTER_SETS.values(), ids=FILTER_SETS)
    def test_two_bands_at_every_redshift_of_the_paper(self, bands):
        redshift = np.arange(6.0, 9.0005, 0.001)
        used = select_uv_bands(bands, redshift)
        assert used.sum(axis=1).min() >= 2
        names = {tuple(np.array(bands)[row]) for row in used}
        assert names == {("F115W", "F150W"), ("F115W", "F150W", "F200W"), ("F150W", "F200W")}

    def test_no_band_touches_lyman_alpha(self):
        used = select_uv_bands(["F090W", "F115W"], [6.0, 7.0, 8.0])
        np.testing.assert_array_equal(used, [[False, True], [False, False], [False, False]])

    @pytest.mark.parametrize("redshift", [np.nan, -1.0, np.inf, 40.0])
    def test_no_band_without_a_redshift(self, redshift):
        assert not select_uv_bands(FILTER_SETS["JADES"], [redshift]).any()


class TestPhotometricAccuracy:
    @pytest.mark.parametrize("bands", FILTER_SETS.values(), ids=FILTER_SETS)
    @pytest.mark.parametrize("beta", [-3.0, -2.3, -1.5, -0.5])
    def test_noise_free_power_laws(self, bands, beta):
        redshift = np.arange(6.0, 9.01, 0.1)
        flux = np.stack([galaxy_fluxes(bands, beta, z) for z in redshift])
        slopes = photometric_beta(flux, 0.1 * flux + 1e-3, bands, redshift)
        assert slopes.ok.all()
        np.testing.assert_allclose(slopes.beta, beta, atol=0.01)

    @pytest.mark.parametrize("bands", FILTER_SETS.values(), ids=FILTER_SETS)
    @pytest.mark.parametrize("beta", [-2.5, -1.5])
    def test_bias_at_signal_to_noise_ten(self, bands, beta):
        rng = np.random.default_rng(20)
        redshift = np.repeat(np.arange(6.0, 9.01, 0.1), 4000)
        flux, error = noisy(power_law_fluxes(bands, beta), 10.0, rng, redshift.size)
        slopes = photometric_beta(flux, error, bands, redshift)
        beta_grid = slopes.beta.reshape(-1, 4000)
        assert slopes.ok.all()
        assert np.abs(beta_grid.mean(axis=1) - beta).max() < 0.05
        assert np.abs(np.median(beta_grid, axis=1) - beta).max() < 0.05

    def test_errors_are_honest(self):
        rng = np.random.default_rng(3)
        flux, error = noisy(power_law_fluxes(MEDIUM_BANDS, -2.0), 15.0, rng, 20_000)
        slopes = photometric_beta(flux, error, MEDIUM_BANDS, np.full(20_000, 6.8))
        assert np.std((slopes.beta + 2.0) / slopes.statistical_err) == pytest.approx(1.0, abs=0.03)
        assert slopes.chi2.mean() == pytest.approx(slopes.n_bands[0] - 2, rel=0.05)

    def test_against_scipy(self):
        rng = np.random.default_rng(4)
        flux, error = noisy(power_law_fluxes(MEDIUM_BANDS, -1.7), 5.0, rng, 20)
        slopes = photometric_beta(flux, error, MEDIUM_BANDS, np.full(20, 6.8))
        assert np.all(slopes.n_bands == len(MEDIUM_BANDS))
        for row in range(20):
            best, covariance = curve_fit(
                lambda _, amplitude, beta: amplitude * power_law_fluxes(MEDIUM_BANDS, beta),
                np.arange(len(MEDIUM_BANDS)),
                flux[row],
                p0=[1.0, -2.0],
                sigma=error[row],
                absolute_sigma=True,
            )
            assert slopes.beta[row] == pytest.approx(best[1], abs=1e-4)
            expected = covariance[1, 1] ** 0.5
            assert slopes.statistical_err[row] == pytest.approx(expected, rel=1e-3)
            assert slopes.beta_err[row] == pytest.approx(np.hypot(expected, 0.11), rel=1e-3)
            model = best[0] * power_law_fluxes(MEDIUM_BANDS, best[1])
            chi2 = np.sum(((flux[row] - model) / error[row]) ** 2)
            assert slopes.chi2[row] == pytest.approx(chi2, rel=1e-4)

    def test_error_of_two_bands(self):
        flux = power_law_fluxes(["F150W", "F200W"], -2.0)[np.newaxis]
        slopes = photometric_beta(flux, 0.1 * flux, ["F150W", "F200W"], [8.0])
        expected = np.sqrt(2) * 0.1 / np.log(19_876 / 15_009)
        assert slopes.statistical_err[0] == pytest.approx(expected, rel=0.02)
        assert slopes.chi2[0] == pytest.approx(0.0, abs=1e-6)
        assert slopes.probability[0] == 1.0

    def test_no_error_is_below_the_systematic_one(self):
        flux = power_law_fluxes(MEDIUM_BANDS, -2.0)[np.newaxis]
        slopes = photometric_beta(flux, 1e-5 * flux, MEDIUM_BANDS, [6.8])
        assert slopes.statistical_err[0] < 1e-3
        assert slopes.beta_err[0] == pytest.approx(0.11, rel=1e-3)

    def test_probability_of_power_laws(self):
        rng = np.random.default_rng(9)
        flux, error = noisy(power_law_fluxes(MEDIUM_BANDS, -2.0), 5.0, rng, 20_000)
        slopes = photometric_beta(flux, error, MEDIUM_BANDS, np.full(20_000, 6.8))
        # Two per cent beside errors of 20 per cent are next to nothing.
        levels = np.quantile(slopes.probability, [0.01, 0.1, 0.5, 0.9])
        np.testing.assert_allclose(levels, [0.01, 0.1, 0.5, 0.9], atol=0.02)

    def test_probability_of_what_is_no_power_law(self):
        flux = power_law_fluxes(MEDIUM_BANDS, -2.0) * np.array([1, 1, 0.5, 1, 1.5, 1, 1])
        slopes = photometric_beta([flux], [0.05 * flux], MEDIUM_BANDS, [6.8])
        assert slopes.probability[0] < 1e-10

    def test_deviations_of_two_per_cent_are_no_contradiction(self):
        flux = power_law_fluxes(MEDIUM_BANDS, -2.0)
        bent = flux * (1.0 + 0.01 * np.array([1, -1, 1, -1, 1, -1, 1]))
        slopes = photometric_beta([bent], [0.001 * flux], MEDIUM_BANDS, [6.8])
        assert slopes.chi2[0] > 100
        assert slopes.probability[0] > 0.5


class TestPhotometricInput:
    bands = FILTER_SETS["JADES"]

    @given(scale=st.floats(1e-35, 1e35))
    def test_scale_of_the_flux_does_not_matter(self, catalogue, scale):
        flux, error, redshift = catalogue
        expected = photometric_beta(flux, error, self.bands, redshift)
        scaled = photometric_beta(scale * flux, scale * error, self.bands, redshift)
        np.testing.assert_allclose(scaled.beta, expected.beta, rtol=1e-6)
        np.testing.assert_allclose(scaled.beta_err, expected.beta_err, rtol=1e-6)

    @given(seed=st.integers(0, 2**32 - 1))
    def test_order_of_rows_and_bands_does_not_matter(self, catalogue, seed):
        flux, error, redshift = catalogue
        expected = photometric_beta(flux, error, self.bands, redshift)
        rng = np.random.default_rng(seed)
        rows, columns = rng.permutation(60), rng.permutation(len(self.bands))
        shuffled = photometric_beta(
            flux[rows][:, columns],
            error[rows][:, columns],
            [self.bands[column] for column in columns],
            redshift[rows],
        )
        np.testing.assert_allclose(shuffled.beta, expected.beta[rows], rtol=1e-6)

    @pytest.mark.parametrize("chunk", [1, 7])
    def test_neighbours_change_no_bit(self, catalogue, monkeypatch, chunk):
        expected = photometric_beta(*catalogue[:2], self.bands, catalogue[2])
        monkeypatch.setattr(uv_slope, "_CHUNK", chunk)
        chunked = photometric_beta(*catalogue[:2], self.bands, catalogue[2])
        np.testing.assert_array_equal(chunked.beta, expected.beta)
        np.testing.assert_array_equal(chunked.beta_err, expected.beta_err)

    def test_quantities(self, catalogue):
        flux, error, redshift = catalogue
        bare = photometric_beta(flux, error, self.bands, redshift)
        with_units = photometric_beta(
            (flux * u.nJy).to(u.uJy), error * u.nJy, self.bands, redshift
        )
        np.testing.assert_allclose(with_units.beta, bare.beta, rtol=1e-9)

    @given(
        seed=st.integers(0, 2**32 - 1),
        units=st.tuples(*[st.sampled_from(["nJy", "uJy", "Jy", "erg / (s cm2 Hz)"])] * 2),
        kinds=st.tuples(*[st.sampled_from(list(KINDS))] * 2),
    )
    @settings(max_examples=30)
    def test_every_container_gives_the_same_slopes(self, catalogue, seed, units, kinds):
        flux, error, redshift = catalogue
        mask = np.random.default_rng(seed).random(flux.shape) < 0.1
        if not all("asked" in kind for kind in kinds):
            mask[:] = False
        expected = photometric_beta(np.where(mask, np.nan, flux), error, self.bands, redshift)
        own = [
            KINDS[kind]((values * u.nJy).to(unit), mask)
            for values, kind, unit in zip((flux, error), kinds, units, strict=True)
        ]
        slopes = photometric_beta(*own, self.bands, redshift)
        for name in ("beta", "beta_err", "chi2", "n_bands"):
            actual, wanted = getattr(slopes, name), getattr(expected, name)
            np.testing.assert_allclose(actual, wanted, rtol=1e-6, atol=1e-9)

    def test_magnitudes(self, catalogue):
        flux, error, redshift = catalogue
        expected = photometric_beta(flux, error, self.bands, redshift)
        magnitude = (flux * u.nJy).to(u.ABmag)
        error_mag = Column(error / flux * 2.5 / np.log(10.0), unit="mag")
        for own in (magnitude, Column(magnitude.value, unit="ABmag")):
            for own_error in (error_mag, error_mag.data * u.ABmag, error * u.nJy):
                slopes = photometric_beta(own, own_error, self.bands, redshift)
                np.testing.assert_allclose(slopes.beta, expected.beta, rtol=1e-9)
                np.testing.assert_allclose(slopes.beta_err, expected.beta_err, rtol=1e-9)

    def test_magnitudes_that_are_missing(self):
        magnitude = Column([[26.0, 99.0], [26.0, 95.0], [26.0, 26.1]], unit="ABmag")
        error = Column(np.full((3, 2), 0.1), unit="mag")
        slopes = photometric_beta(magnitude, error, ["F150W", "F200W"], [7.2] * 3)
        np.testing.assert_array_equal(slopes.n_bands, [1, 1, 2])

    def test_per_wavelength(self, catalogue):
        flux, error, redshift = catalogue
        density = u.spectral_density([get_band(band).pivot for band in self.bands] * u.AA)
        own = [(values * u.nJy).to(F_LAMBDA, density) for values in (flux, error)]
        slopes = photometric_beta(*own, self.bands, redshift)
        expected = photometric_beta(flux, error, self.bands, redshift)
        np.testing.assert_allclose(slopes.beta, expected.beta, rtol=1e-9)

    @pytest.mark.parametrize("kind", [QTable, pd.DataFrame, dict])
    def test_tables_with_a_column_for_each_band(self, catalogue, kind):
        flux, error, redshift = catalogue
        expected = photometric_beta(flux, error, self.bands, redshift)
        tables = [
            kind({band: values[:, i] for i, band in enumerate(self.bands)})
            for values in (flux, error)
        ]
        for pair in (tables, (flux, tables[1]), (tables[0], error)):
            slopes = photometric_beta(*pair, self.bands, redshift)
            np.testing.assert_array_equal(slopes.beta, expected.beta)

    @pytest.mark.parametrize("bands", ["F150W", get_band("F150W")])
    def test_one_band_needs_brackets(self, bands):
        for call in (
            lambda: photometric_beta([[1.0]], [[1.0]], bands, [8.0]),
            lambda: select_uv_bands(bands, [8.0]),
        ):
            with pytest.raises(InputError, match="bands must be a sequence of names"):
                call()

    @pytest.mark.parametrize("shape", [(1, 1), (1, 3)])
    def test_shapes_do_not_broadcast_where_units_convert(self, shape):
        flux = np.ones(shape) * F_LAMBDA
        with pytest.raises(InputError, match=r"flux must have a shape|must have shape"):
            photometric_beta(flux, 0.1 * flux, ["F150W", "F200W"], [8.0])

    def test_columns_of_different_units(self):
        flux = QTable({"a": [60.0] * u.nJy, "b": [0.065] * u.uJy})
        error = QTable({"a": [0.003] * u.uJy, "b": [3.0] * u.nJy})
        slopes = photometric_beta(flux, error, ["F150W", "F200W"], [7.2])
        expected = photometric_beta([[60.0, 65.0]], [[3.0, 3.0]], ["F150W", "F200W"], [7.2])
        assert slopes.beta == pytest.approx(expected.beta)
        flux["b"] = [65.0]
        error["b"] = [3.0]
        with pytest.raises(InputError, match="unit in every column, or in none"):
            photometric_beta(flux, error, ["F150W", "F200W"], [7.2])

    @pytest.mark.parametrize("sentinel", [-99.0, -999.0])
    def test_sentinels_leave_the_band_out(self, sentinel):
        flux = [[60.0, 65.0], [60.0, sentinel]]
        slopes = photometric_beta(flux, np.full((2, 2), 3.0), ["F150W", "F200W"], [7.2, 7.2])
        np.testing.assert_array_equal(slopes.n_bands, [2, 1])

    @pytest.mark.parametrize("spoiled", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("which", ["flux", "error"])
    def test_missing_values_leave_the_band_out(self, catalogue, spoiled, which):
        flux, error, redshift = (array.copy() for array in catalogue)
        expected = photometric_beta(flux, error, self.bands, redshift)
        target = flux if which == "flux" else error
        target[0, self.bands.index("F150W")] = spoiled
        slopes = photometric_beta(flux, error, self.bands, redshift)
        assert slopes.n_bands[0] == expected.n_bands[0] - 1
        np.testing.assert_allclose(slopes.beta[1:], expected.beta[1:], rtol=1e-9)

    @pytest.mark.parametrize("error_value", [0.0, -1.0, np.nan])
    def test_unusable_error(self, error_value):
        flux = np.array([[10.0, 10.0]])
        slopes = photometric_beta(flux, [[1.0, error_value]], ["F150W", "F200W"], [8.0])
        assert (slopes.n_bands[0], slopes.ok[0]) == (1, False)
        assert np.isnan([slopes.beta[0], slopes.beta_err[0], slopes.chi2[0]]).all()

    @pytest.mark.parametrize("which", [0, 1])
    @pytest.mark.parametrize("error", [3.0, 1e3, 1e6, 1e-3, 1e-6, 1e-12, 1e-300])
    def test_two_bands_have_one_slope_whatever_their_errors(self, error, which):
        errors = [3.0, 3.0]
        errors[which] = error
        slopes = photometric_beta([[60.0, 65.0]], [errors], ["F150W", "F200W"], [7.0])
        assert slopes.beta[0] == pytest.approx(-1.7146320, abs=1e-6)
        assert (slopes.n_bands[0], slopes.ok[0]) == (2, True)

    @pytest.mark.parametrize("error", [1e7, 1e10, 1e300])
    def test_an_error_beyond_all_others_leaves_its_band_out(self, error):
        bands, flux = ["F115W", "F150W", "F200W"], np.array([[60.0, 62.0, 65.0]])
        for i in range(3):
            errors, fewer = np.full((1, 3), 3.0), flux.copy()
            errors[0, i], fewer[0, i] = error, np.nan
            slopes = photometric_beta(flux, errors, bands, [6.9])
            without = photometric_beta(fewer, np.full((1, 3), 3.0), bands, [6.9])
            assert slopes.n_bands[0] == 2
            assert slopes.beta[0] == without.beta[0]
        alone = photometric_beta([[60.0, 65.0]], [[error, 3.0]], ["F150W", "F200W"], [7.0])
        assert (alone.n_bands[0], alone.ok[0]) == (1, False)

    @pytest.mark.parametrize("ratio", [1.0, 1e3, 9e5])
    def test_three_bands_against_scipy(self, ratio):
        bands, flux = ["F115W", "F150W", "F200W"], np.array([60.0, 62.0, 65.0])
        errors = np.array([3.0, 3.0 * ratio, 3.0])
        slopes = photometric_beta([flux], [errors], bands, [6.9])
        best = curve_fit(
            lambda _, amplitude, beta: amplitude * power_law_fluxes(bands, beta),
            *(np.arange(3), flux, [60.0, -2.0], errors),
            ftol=1e-14,
        )[0]
        assert slopes.beta[0] == pytest.approx(best[1], abs=1e-3)

    def test_negative_flux_counts(self):
        bands = ["F140M", "F162M", "F182M"]
        flux = np.array([[10.0, -1.0, 9.0]])
        slopes = photometric_beta(flux, np.full((1, 3), 5.0), bands, [8.5])
        without = photometric_beta([[10.0, np.nan, 9.0]], np.full((1, 3), 5.0), bands, [8.5])
        assert slopes.ok[0]
        assert slopes.n_bands[0] == 3
        assert slopes.chi2[0] > without.chi2[0]

    @pytest.mark.parametrize("flux", [[-1.0, -2.0], [0.0, 0.0], [100.0, 1e-9]])
    def test_flux_without_a_slope(self, flux):
        slopes = photometric_beta([flux], [[1.0, 1e-12]], ["F150W", "F200W"], [8.0])
        assert not slopes.ok[0]
        assert np.isnan(slopes.beta[0])

    @pytest.mark.parametrize("redshift", [np.nan, -1.0, 0.0, 15.0])
    def test_redshift_out_of_range_is_a_row_not_an_error(self, redshift):
        flux = np.ones((2, 2))
        slopes = photometric_beta(flux, 0.1 * flux, ["F150W", "F200W"], [redshift, 8.0])
        np.testing.assert_array_equal(slopes.ok, [False, True])
        assert slopes.n_bands[0] == 0

    @pytest.mark.parametrize(("n", "bands"), [(0, ["F150W", "F200W"]), (3, [])])
    def test_empty(self, n, bands):
        flux = np.ones((n, len(bands)))
        slopes = photometric_beta(flux, flux, bands, np.full(n, 8.0))
        assert slopes.beta.shape == slopes.n_bands.shape == slopes.ok.shape == (n,)
        assert not slopes.ok.any()

    @pytest.mark.parametrize(
        ("flux", "error", "bands", "redshift", "message"),
        [
            (np.ones(2), np.ones(2), ["F150W", "F200W"], [8.0], "must have shape"),
            (np.ones((1, 2)), np.ones((1, 1)), ["F150W", "F200W"], [8.0], "must have shape"),
            (np.ones((1, 2)), np.ones((1, 2)), ["F150W", "F200W"], 8.0, "must have shape"),
            (np.ones((1, 2)), np.ones((1, 2)), ["F150W"], [8.0], "must have shape"),
            (np.ones((1, 2)), np.ones((1, 2)), ["F150W", "f150w"], [8.0], "bands must differ"),
            (np.ones((1, 1)), np.ones((1, 1)), ["F151W"], [8.0], "not a known band"),
            (np.ones((1, 1)) * u.m, np.ones((1, 1)), ["F150W"], [8.0], "flux density"),
            ([["a"]], np.ones((1, 1)), ["F150W"], [8.0], "flux must hold numbers"),
            ([[1.0], [1.0, 2.0]], np.ones((2, 1)), ["F150W"], [8.0, 8.0], "flux must hold"),
            (np.ones((1, 1)), np.ones((1, 1)), ["F150W"], [8.0] * u.mag, "redshift must be plain"),
            (np.ones((1, 1)), np.ones((1, 1)), ["F150W"], Column([8.0], unit="km/s"), "got km"),
            (np.ones((1, 1)) * u.nJy, np.ones((1, 1)), ["F150W"], [8.0], "got nJy and none"),
            (np.ones((1, 1)), np.ones((1, 1)) * u.nJy, ["F150W"], [8.0], "got none and nJy"),
            (np.ones((1, 1)) * u.nJy, np.ones((1, 1)) * u.mag, ["F150W"], [8.0], "AB magnitudes"),
            (np.ones((1, 1)) * u.mag, np.ones((1, 1)) * u.mag, ["F150W"], [8.0], "got mag"),
            (Column([[1.0]], unit="ujy"), np.ones((1, 1)), ["F150W"], [8.0], "mean 'uJy'"),
            ({"a": [1.0], "b": [1.0]}, np.ones((1, 1)), ["F150W"], [8.0], "each of the 1 bands"),
        ],
    )
    def test_refusals(self, flux, error, bands, redshift, message):
        with pytest.raises(InputError, match=message):
            photometric_beta(flux, error, bands, redshift)


class TestSpectralAccuracy:
    @pytest.mark.parametrize("windows", UV_WINDOWS)
    @pytest.mark.parametrize("beta", [-3.0, -2.0, -0.5])
    @pytest.mark.parametrize("redshift", [4.0, 7.0, 11.0])
    def test_noise_free(self, windows, beta, redshift):
        wavelength, flux, _ = mock_spectrum(beta, redshift, np.inf, np.random.default_rng(0), 2000)
        slope = spectral_beta(wavelength, flux, np.ones(2000), redshift, windows)
        assert slope.beta == pytest.approx(beta, abs=1e-6)

    def test_pixels_of_low_signal_to_noise_do_not_bias(self):
        rng = np.random.default_rng(5)
        fits_ = [spectral_beta(*mock_spectrum(-2.2, 7.0, 1.0, rng), 7.0) for _ in range(400)]
        beta = np.array([fit.beta for fit in fits_])
        error = np.array([fit.beta_err for fit in fits_])
        assert beta.mean() == pytest.approx(-2.2, abs=0.1)
        assert np.std((beta + 2.2) / error) == pytest.approx(1.0, abs=0.15)

    def test_against_scipy(self):
        wavelength, flux, error = mock_spectrum(-1.8, 6.0, 5.0, np.random.default_rng(6))
        slope = spectral_beta(wavelength, flux, error, 6.0, [[1400.0, 2600.0]], mask_lines=False)
        rest = wavelength / 7.0
        use = (rest >= 1400.0) & (rest <= 2600.0)
        best, covariance = curve_fit(
            lambda x, amplitude, beta: amplitude * (x / 1900.0) ** beta,
            rest[use],
            flux[use],
            p0=[1.0, -2.0],
            sigma=error[use],
            absolute_sigma=True,
        )
        model = best[0] * (rest[use] / 1900.0) ** best[1]
        chi2 = np.sum(((flux[use] - model) / error[use]) ** 2)
        inflation = max(1.0, np.sqrt(chi2 / (use.sum() - 2)))
        assert slope.beta == pytest.approx(best[1], abs=1e-5)
        assert slope.beta_err == pytest.approx(covariance[1, 1] ** 0.5 * inflation, rel=1e-4)
        assert slope.chi2 == pytest.approx(chi2, rel=1e-6)
        assert slope.n_pixels == use.sum()

    def test_error_grows_with_chi_squared(self):
        wavelength, flux, error = mock_spectrum(-2.0, 7.0, 10.0, np.random.default_rng(7))
        honest = spectral_beta(wavelength, flux, error, 7.0)
        understated = spectral_beta(wavelength, flux, error / 3.0, 7.0)
        assert understated.beta_err == pytest.approx(honest.beta_err, rel=0.25)
        assert understated.chi2 == pytest.approx(9.0 * honest.chi2)

    def test_lines_and_damping_wing_are_masked(self):
        wavelength, flux, _ = mock_spectrum(-2.0, 9.0, np.inf, np.random.default_rng(0), 1500)
        rest = wavelength / 10.0
        lines = np.array([1486.0, 1549.0, 1640.0, 1664.0, 1750.0, 1908.0, 2326.0])
        emission = np.exp(-0.5 * ((rest[:, np.newaxis] - lines) / 4.0) ** 2).sum(axis=1)
        wing = np.where(rest < 1240.0, 0.3, 1.0)
        spoiled = wing * (flux + 3.0 * flux * emission)
        error = 0.1 * (wavelength / 15_000.0) ** -2.0
        windows = [[1200.0, 2600.0]]
        assert spectral_beta(wavelength, spoiled, error, 9.0, windows).beta == pytest.approx(
            -2.0, abs=0.01
        )
        bare = spectral_beta(wavelength, spoiled, error, 9.0, windows, mask_lines=False)
        assert abs(bare.beta + 2.0) > 0.05

    @given(scale=st.floats(1e-35, 1e35))
    def test_scale_of_the_flux_does_not_matter(self, scale):
        wavelength, flux, error = mock_spectrum(-2.0, 7.0, 5.0, np.random.default_rng(8))
        expected = spectral_beta(wavelength, flux, error, 7.0)
        scaled = spectral_beta(wavelength, scale * flux, scale * error, 7.0)
        assert scaled.beta == pytest.approx(expected.beta, rel=1e-6)
        assert scaled.beta_err == pytest.approx(expected.beta_err, rel=1e-6)

    def test_order_of_pixels_does_not_matter(self):
        wavelength, flux, error = mock_spectrum(-2.0, 7.0, 5.0, np.random.default_rng(8))
        expected = spectral_beta(wavelength, flux, error, 7.0)
        reverse = spectral_beta(wavelength[::-1], flux[::-1], error[::-1], 7.0)
        assert reverse.beta == pytest.approx(expected.beta, rel=1e-9)

    def test_units_and_kind_of_flux_density_do_not_matter(self):
        wavelength, flux, error = mock_spectrum(-2.0, 7.0, 5.0, np.random.default_rng(9))
        wavelength, unit = wavelength * u.AA, 1e-20 * F_LAMBDA
        spectra = [
            SimpleNamespace(
                wavelength=wavelength.to(length),
                flux=(flux * unit).to(density, u.spectral_density(wavelength)),
                flux_err=(error * unit).to(density, u.spectral_density(wavelength)),
            )
            for length, density in [(u.AA, F_LAMBDA), (u.m, u.W / u.m**3), (u.um, u.uJy)]
        ]
        slopes = [fit_beta(spectrum, 7.0).beta for spectrum in spectra]
        np.testing.assert_allclose(slopes, slopes[0], rtol=1e-6)


class TestSpectralInput:
    @pytest.fixture
    def spectrum(self):
        return mock_spectrum(-2.0, 7.0, 10.0, np.random.default_rng(10))

    def test_unusable_pixels_are_left_out(self, spectrum):
        wavelength, flux, error = spectrum
        expected = spectral_beta(wavelength, flux, error, 7.0)
        pixels = np.flatnonzero((wavelength > 14_200) & (wavelength < 14_800))[:5]
        flux[pixels[0]], flux[pixels[1]] = np.nan, np.inf
        error[pixels[2]], error[pixels[3]], error[pixels[4]] = 0.0, np.nan, -1.0
        slope = spectral_beta(wavelength, flux, error, 7.0)
        assert slope.n_pixels == expected.n_pixels - 5
        assert slope.beta == pytest.approx(expected.beta, abs=2 * expected.beta_err)

    @pytest.mark.parametrize("factor", [1e10, 1e-12])
    def test_one_error_of_another_size(self, factor):
        wavelength = np.linspace(6000.0, 30_000.0, 400)
        flux = (wavelength / 1e4) ** -1.7
        error = 0.1 * flux
        error[150] *= factor
        slope = spectral_beta(wavelength, flux, error, 6.5)
        assert slope.beta == pytest.approx(-1.7, abs=1e-6)
        assert slope.beta_err == pytest.approx(0.0572, abs=2e-4)
        assert slope.n_pixels == (101 if factor > 1 else 102)

    def test_magnitudes(self, spectrum):
        wavelength, flux, error = spectrum
        positive = flux > 0
        wavelength = wavelength[positive] * u.AA
        density = flux[positive] * 1e-20 * F_LAMBDA
        magnitude = density.to(u.ABmag, u.spectral_density(wavelength))
        relative = error[positive] / flux[positive]
        errors = relative * 2.5 / np.log(10.0) * u.mag
        expected = spectral_beta(wavelength, density, relative * density, 7.0)
        slope = spectral_beta(wavelength, magnitude, errors, 7.0)
        assert slope.beta == pytest.approx(expected.beta, rel=1e-9)
        assert slope.beta_err == pytest.approx(expected.beta_err, rel=1e-6)

    @pytest.mark.parametrize("unit", ["erg / (s cm2)", "W / m2", "erg / (s AA)", "W / Hz"])
    def test_plain_fluxes_and_luminosities(self, spectrum, unit):
        wavelength, flux, error = spectrum
        with pytest.raises(InputError, match="flux must be a flux density or AB"):
            spectral_beta(wavelength * u.AA, flux * u.Unit(unit), error * u.Unit(unit), 7.0)
        with pytest.raises(InputError, match="flux_err must be a flux density or AB"):
            spectral_beta(wavelength * u.AA, flux * F_LAMBDA, error * u.Unit(unit), 7.0)
        with pytest.raises(InputError, match="flux must be a flux density or AB"):
            photometric_beta(*[[[1.0, 1.0]] * u.Unit(unit)] * 2, ["F150W", "F200W"], [7.0])

    @pytest.mark.parametrize("value", [[1500], "yes", 1, 0.0, np.array([True])])
    def test_mask_lines_is_a_bool(self, spectrum, value):
        with pytest.raises(InputError, match="mask_lines must be True, False or None, got"):
            spectral_beta(*spectrum, 7.0, mask_lines=value)

    def test_wavelengths_in_micron_without_a_unit(self, spectrum):
        wavelength, flux, error = spectrum
        with pytest.raises(InputError, match=r"from 0\.\d+ to \d\.\d+ Angstrom .*without a unit"):
            spectral_beta(1e-4 * wavelength, flux, error, 7.0)

    @pytest.mark.parametrize("redshift", [0.0, 1.8, 30.0])
    def test_spectrum_without_rest_ultraviolet(self, spectrum, redshift):
        with pytest.raises(InputError, match="does not cover the rest-frame ultraviolet"):
            spectral_beta(*spectrum, redshift)

    def test_spectrum_without_usable_pixels(self, spectrum):
        wavelength, flux, error = spectrum
        with pytest.raises(InputError, match="does not cover the rest-frame ultraviolet"):
            spectral_beta(wavelength, np.full_like(flux, np.nan), error, 7.0)

    def test_no_positive_flux(self, spectrum):
        wavelength, flux, error = spectrum
        with pytest.raises(InputError, match="must have positive flux"):
            spectral_beta(wavelength, -flux, error, 7.0)

    @pytest.mark.parametrize("redshift", [-1.0, np.nan, np.inf, None, "7", [7.0], 7 * u.mag])
    def test_redshift(self, spectrum, redshift):
        with pytest.raises(InputError, match="redshift must"):
            spectral_beta(*spectrum, redshift)

    @pytest.mark.parametrize(
        "windows",
        ["narrow", [1400.0, 1800.0], [[1800.0, 1400.0]], [["a", "b"]], [[1, 2]] * u.kg, []],
    )
    def test_windows(self, spectrum, windows):
        with pytest.raises(InputError, match="windows must be"):
            spectral_beta(*spectrum, 7.0, windows)

    def test_windows_with_units(self, spectrum):
        bare = spectral_beta(*spectrum, 7.0, [[1400.0, 2500.0]])
        windows = [[0.14, 0.25]]
        for own in (windows * u.um, Column(windows, unit="um"), [[140.0, 250.0] * u.nm]):
            assert spectral_beta(*spectrum, 7.0, own).beta == pytest.approx(bare.beta)

    def test_typo_of_the_windows(self, spectrum):
        with pytest.raises(InputError, match="did you mean 'calzetti'"):
            spectral_beta(*spectrum, 7.0, "calzeti")

    @pytest.mark.parametrize("kind", list(KINDS))
    @pytest.mark.parametrize("unit", [F_LAMBDA, u.uJy, u.W / u.m**3])
    def test_units_and_masks(self, spectrum, kind, unit):
        wavelength, flux, error = spectrum
        mask = np.zeros(flux.shape, dtype=bool)
        mask[190:193] = "asked" in kind
        density = u.spectral_density(wavelength * u.AA)
        make = KINDS[kind]
        own = [make((x * F_LAMBDA).to(unit, density), mask) for x in (flux, error)]
        micron = make((wavelength * u.AA).to(u.um), mask)
        expected = spectral_beta(wavelength, np.where(mask, np.nan, flux), error, 7.0)
        members = dict(zip(("wavelength", "flux", "flux_err"), (micron, *own), strict=True))
        slopes = [spectral_beta(micron, *own, 7.0)]
        if kind != "rows":
            slopes.append(fit_beta(SimpleNamespace(**members), 7.0))
        for slope in slopes:
            assert slope.n_pixels == expected.n_pixels
            assert slope.beta == pytest.approx(expected.beta)
            assert slope.beta_err == pytest.approx(expected.beta_err)

    def test_length_of_one_does_not_broadcast(self, spectrum):
        wavelength, _, _ = spectrum
        with pytest.raises(InputError, match="flux must have a shape"):
            spectral_beta(wavelength, [1.0] * u.uJy, [0.1] * u.uJy, 7.0)

    def test_flux_with_a_unit_and_error_without(self, spectrum):
        wavelength, flux, error = spectrum
        with pytest.raises(InputError, match="must both have a unit or neither"):
            spectral_beta(wavelength, flux * F_LAMBDA, error, 7.0)

    def test_shapes(self, spectrum):
        wavelength, flux, error = spectrum
        with pytest.raises(InputError, match="of equal length"):
            spectral_beta(wavelength, flux[:-1], error, 7.0)

    @pytest.mark.parametrize(
        "spectrum",
        [
            None,
            SimpleNamespace(wavelength=np.ones(3), flux=np.ones(3), flux_err=np.ones(3)),
        ],
    )
    def test_no_spectrum(self, spectrum):
        with pytest.raises(InputError, match="must have wavelength, flux and flux_err"):
            fit_beta(spectrum, 7.0)

    @pytest.mark.parametrize(
        ("members", "message"),
        [
            ({"flux": np.ones(3) * u.K}, "flux must be a flux density or AB magnitudes, got K"),
            ({"wavelength": np.ones(3) * u.kg}, "wavelength must have a unit that converts"),
            ({"flux_err": Column(np.ones(3), unit="ujy")}, "did you mean 'uJy'"),
        ],
    )
    def test_spectrum_of_other_units(self, members, message):
        good = {"wavelength": np.ones(3) * u.um, **dict.fromkeys(("flux", "flux_err"), FLAT)}
        with pytest.raises(InputError, match=message):
            fit_beta(SimpleNamespace(**(good | members)), 7.0)


class TestRealSpectra:
    """JADES spectra; reference slopes from the literature, whose windows differ."""

    @pytest.mark.parametrize(
        ("name", "redshift", "beta"),
        [
            ("jades_gto_003991_prism_clear_v5.1_1D.fits", 10.603, -2.35),
            ("jades_gto_007437_prism_clear_v3.1_1D.fits", 6.856, -1.84),
            ("jades_gto_001882_prism_clear_v5.0_1D.fits", 5.441, -1.56),
        ],
    )
    @pytest.mark.parametrize("windows", UV_WINDOWS)
    def test_published_slopes(self, shared_data, name, redshift, beta, windows):
        slope = fit_beta(read_jades(shared_data / "spectra" / name), redshift, windows)
        assert slope.beta == pytest.approx(beta, abs=0.25)

    def test_gn_z11_is_precise(self, shared_data):
        path = shared_data / "spectra" / "jades_gto_003991_prism_clear_v5.1_1D.fits"
        assert fit_beta(read_jades(path), 10.603).beta_err < 0.1

    @pytest.mark.parametrize("windows", UV_WINDOWS)
    def test_low_redshift_is_refused(self, shared_data, windows):
        path = shared_data / "spectra" / "jades_gto_023286_prism_clear_v5.1_1D.fits"
        with pytest.raises(InputError, match=r"ultraviolet at redshift 1\.781"):
            fit_beta(read_jades(path), 1.781, windows)

    @pytest.mark.parametrize("windows", UV_WINDOWS)
    def test_red_coverage_is_refused(self, shared_data, windows):
        path = shared_data / "spectra" / "ceers_1345_933.spec.fits"
        with fits.open(path) as hdus:
            table = hdus["SPEC1D"].data
            spectrum = SimpleNamespace(
                wavelength=np.array(table["wave"]) * u.um,
                flux=np.array(table["flux"]) * u.uJy,
                flux_err=np.array(table["err"]) * u.uJy,
            )
        with pytest.raises(InputError, match=r"ultraviolet at redshift 4\.23"):
            fit_beta(spectrum, 4.23, windows)


class TestAmplitude:
    """The flux density of the power law at 1600 Angstrom in the rest frame."""

    def test_of_a_spectrum(self):
        wavelength = np.linspace(6e3, 3e4, 500)
        flux = 3.0 * (wavelength / 8.0 / 1600.0) ** -2.1
        assert spectral_beta(wavelength, flux, 0.1 * flux, 7.0).amplitude == pytest.approx(3.0)

    def test_of_photometry(self):
        # f_nu of beta = -2 is flat, in any band and at any redshift.
        flux = np.full((2, 3), 20.0)
        slopes = photometric_beta(flux, 0.1 * flux, ["F115W", "F150W", "F200W"], [7.2, 8.9])
        np.testing.assert_allclose(slopes.beta, -2.0, atol=1e-6)
        np.testing.assert_allclose(slopes.amplitude, 20.0)

    def test_a_spectrum_and_bands_agree(self):
        bands, beta, redshift = ["F150W", "F200W"], -1.4, 7.5
        pivot = np.array([get_band(band).pivot for band in bands])
        rest = pivot / (1.0 + redshift)
        # Flux per frequency is that per wavelength times wavelength squared.
        flux = 5.0 * (rest / 1600.0) ** (beta + 2.0)
        found = photometric_beta([flux], [0.01 * flux], bands, [redshift])
        assert found.amplitude[0] == pytest.approx(5.0, rel=0.01)

    def test_no_slope_no_amplitude(self):
        found = photometric_beta([[1.0, np.nan]], [[0.1, 0.1]], ["F150W", "F200W"], [7.0])
        assert np.isnan(found.amplitude[0])


class TestSelectUVPixels:
    def test_as_many_as_the_fit_uses(self):
        wavelength = np.linspace(6e3, 3e4, 500)
        for windows in ("broad", "calzetti"):
            flux = wavelength**-2.0
            n_pixels = spectral_beta(wavelength, flux, 0.1 * flux, 7.0, windows).n_pixels
            assert select_uv_pixels(wavelength, 7.0, windows).sum() == n_pixels
