"""Correlated noise, against what was measured on real mosaics and against closed forms."""

import csv

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Column
from hypothesis import given, settings
from hypothesis import strategies as st
from photutils.aperture import CircularAperture

from dustest.data import InputError
from dustest.simulate import (
    CorrelatedNoise,
    aperture_depth,
    aperture_rms,
    list_noise_presets,
    noise_from_blank_sky,
    noise_preset,
    poisson_noise,
)

LAGS = (0.66, 0.21, 0.06)
JADES_MEASURED = ("F150W", "F200W", "F277W", "F356W", "F444W")
CEERS_RMS = {"F277W": 0.115, "F356W": 0.097, "F444W": 0.147}


def measured_lag(stamps, lag):
    """Correlation at a lag, the mean of rows and columns."""
    rows = np.mean(stamps[:, lag:] * stamps[:, :-lag])
    columns = np.mean(stamps[:, :, lag:] * stamps[:, :, :-lag])
    return 0.5 * (rows + columns) / np.mean(stamps**2)


def measured_aperture_rms(stamps, diameter):
    """Scatter of sums in four apertures per stamp; the diameter in pixels."""
    aperture = CircularAperture((0.0, 0.0), 0.5 * diameter).to_mask(method="exact").data
    ny, nx = aperture.shape
    corners = (
        stamps[:, y, x]
        for y in (slice(ny), slice(-ny, None))
        for x in (slice(nx), slice(-nx, None))
    )
    sums = [np.sum(corner * aperture, axis=(1, 2)) for corner in corners]
    return np.sqrt(np.mean(np.square(sums)))


def depth_to_flux(depth):
    """Flux in nJy of an AB magnitude."""
    return (depth * u.ABmag).to_value(u.nJy)


def close_to_measured(found, expected):
    """Within 5 per cent, or 0.02 where the number is tiny."""
    return abs(found - expected) <= max(0.05 * abs(expected), 0.02)


@pytest.fixture(scope="module")
def facts(shared_data):
    """What was measured, by field and band."""
    with (shared_data / "noise" / "noise_facts.csv").open() as file:
        return {(row["dataset"].split()[0], row["band"]): row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def depths(shared_data):
    """Measured 5-sigma depths of the JADES Origins Field, by band."""
    with (shared_data / "noise" / "depths_measured.csv").open() as file:
        return {
            row["band"]: float(row["depth_5sig_AB"])
            for row in csv.DictReader(file)
            if "JOF" in row["field"]
        }


class TestPresets:
    @pytest.mark.parametrize("band", JADES_MEASURED)
    def test_jades_as_measured(self, facts, band):
        row = facts["JOF", band]
        stamps = noise_preset("JADES-deep", band).draw(4000, 32, random_state=3)
        assert stamps.std() == pytest.approx(float(row["pixel_rms_nJy"]), rel=0.05)
        for lag in (1, 2, 3):
            expected = float(row[f"autocorr_lag{lag}"])
            assert close_to_measured(measured_lag(stamps, lag), expected)
        found = 5.0 * measured_aperture_rms(stamps, 0.32 / float(row["pixscale_arcsec"]))
        assert found == pytest.approx(depth_to_flux(float(row["measured_5sig_032"])), rel=0.05)

    @pytest.mark.parametrize("band", list_noise_presets()["JADES-deep"])
    def test_jades_depths(self, depths, band):
        found = aperture_depth(noise_preset("JADES-deep", band), 0.32)
        assert depth_to_flux(found) == pytest.approx(depth_to_flux(depths[band]), rel=0.05)

    def test_jades_has_all_bands_of_the_field(self, depths):
        assert set(list_noise_presets()["JADES-deep"]) == set(depths)

    @pytest.mark.parametrize("band", CEERS_RMS)
    def test_ceers_as_measured(self, facts, band):
        row = facts["CEERS", "F277W+F356W+F444W"]
        noise = noise_preset("CEERS", band)
        stamps = noise.draw(4000, 32, random_state=3)
        assert noise.pixel_scale == float(row["pixscale_arcsec"])
        assert stamps.std() == pytest.approx(CEERS_RMS[band], rel=0.05)
        for lag in (1, 2, 3):
            expected = float(row[f"autocorr_lag{lag}"])
            assert close_to_measured(measured_lag(stamps, lag), expected)

    def test_any_spelling_of_a_band(self):
        assert noise_preset("CEERS", "nircam_f277w") == noise_preset("CEERS", "F277W")

    def test_unknown_survey(self):
        with pytest.raises(InputError, match="survey must be one of JADES-deep, CEERS"):
            noise_preset("COSMOS", "F277W")

    def test_band_that_the_survey_has_not(self):
        with pytest.raises(InputError, match="band must be one that CEERS has"):
            noise_preset("CEERS", "F090W")

    def test_ceers_has_all_bands_of_the_survey(self):
        hst, short = ("F606W", "F814W"), ("F115W", "F150W", "F200W")
        expected = (*hst, *short, "F277W", "F356W", "F410M", "F444W")
        assert list_noise_presets()["CEERS"] == expected

    @pytest.mark.parametrize("band", ["F115W", "F150W", "F200W", "F410M"])
    def test_ceers_borrows_the_correlation(self, band):
        noise = noise_preset("CEERS", band)
        assert noise.pixel_scale == 0.04
        measured = noise_preset("CEERS", "F277W")
        np.testing.assert_allclose(noise.correlation(0, [1, 2]), measured.correlation(0, [1, 2]))


class TestCorrelatedNoise:
    def test_white_noise(self):
        noise = CorrelatedNoise(2.0, (0.0, 0.0, 0.0))
        assert noise.correlation(0, [0, 1, 2]) == pytest.approx([1.0, 0.0, 0.0], abs=1e-3)
        stamps = noise.draw(500, 32, random_state=1)
        assert stamps.std() == pytest.approx(2.0, rel=0.01)

    def test_smoothed_white_noise(self):
        # White noise behind a Gaussian of width s is correlated as exp(-r^2 / 4 s^2).
        lags = np.arange(1, 6)
        noise = CorrelatedNoise(1.0, np.exp(-(lags**2) / 4.0))
        dy, dx = np.mgrid[-4:5, -4:5]
        expected = np.exp(-(dy**2 + dx**2) / 4.0)
        np.testing.assert_allclose(noise.correlation(dy, dx), expected, atol=0.02)

    # Grids with an even and with an odd number of columns.
    @pytest.mark.parametrize("columns", [6, 3])
    def test_covariance_of_all_pixels(self, columns):
        noise = CorrelatedNoise(1.0, LAGS)
        stamps = noise.draw(20_000, (6, columns), random_state=1).reshape(20_000, -1)
        y, x = np.divmod(np.arange(6 * columns), columns)
        expected = noise.correlation(y[:, None] - y, x[:, None] - x)
        np.testing.assert_allclose(stamps.T @ stamps / len(stamps), expected, atol=0.04)

    def test_power_spectrum_is_not_negative(self):
        side = np.arange(-60, 61)
        for survey, bands in list_noise_presets().items():
            for band in bands:
                noise = noise_preset(survey, band)
                correlation = noise.correlation(side[:, np.newaxis], side)
                power = np.fft.fft2(np.fft.ifftshift(correlation)).real
                assert power.min() > -1e-6 * power.max()

    def test_stamps_are_independent(self):
        stamps = CorrelatedNoise(1.0, LAGS).draw(1001, 16, random_state=1)
        first, second = stamps[:500], stamps[501:1001]
        assert abs(np.mean(first * second)) < 0.02
        assert np.unique(stamps[:, 0, 0]).size == 1001

    def test_opposite_edges_do_not_touch(self):
        stamps = CorrelatedNoise(1.0, LAGS).draw(4000, 16, random_state=1)
        assert abs(np.mean(stamps[:, 0] * stamps[:, -1])) < 0.02

    def test_same_seed(self):
        noise = CorrelatedNoise(1.0, LAGS)
        again = noise.draw(600, 8, random_state=7)
        np.testing.assert_array_equal(noise.draw(600, 8, random_state=7), again)
        rng = np.random.default_rng(7)
        np.testing.assert_array_equal(noise.draw(600, 8, random_state=rng), again)
        assert not np.any(noise.draw(600, 8, random_state=rng) == again)

    @pytest.mark.parametrize("n", [0, 1, 2, 511, 513])
    def test_number_and_shape(self, n):
        assert CorrelatedNoise(1.0, LAGS).draw(n, (5, 9), random_state=1).shape == (n, 5, 9)

    def test_units(self):
        noise = CorrelatedNoise(2e-5 * u.uJy, LAGS, 30 * u.mas)
        assert (noise.rms, noise.pixel_scale) == pytest.approx((0.02, 0.03))

    def test_at_depth(self):
        noise = noise_preset("JADES-deep", "F277W")
        deeper = noise.at_depth(31.2)
        assert aperture_depth(deeper, 0.32) == pytest.approx(31.2)
        dy, dx = np.mgrid[-9:10, -9:10]
        np.testing.assert_allclose(
            deeper.correlation(dy, dx), noise.correlation(dy, dx), atol=1e-6
        )

    @settings(max_examples=30)
    @given(st.floats(0.45, 2.2), st.floats(0.0, 1.0))
    def test_any_mixture_can_be_fitted(self, width, share):
        lags = np.arange(1, 4)
        expected = share * np.exp(-(lags**2) / (4.0 * width**2))
        found = CorrelatedNoise(1.0, expected).correlation(0, lags)
        assert np.all(np.abs(found - expected) <= np.maximum(0.05 * expected, 0.02))

    # Where the sum of blocks is exact, the solver must find it (scipy 1.15 did not).
    @pytest.mark.parametrize("lags", [LAGS, (0.6, 0.2), (0.5,)])
    def test_lags_that_some_mixture_has_exactly(self, lags):
        found = CorrelatedNoise(1.0, lags).correlation(0, np.arange(1, len(lags) + 1))
        np.testing.assert_allclose(found, lags, atol=1e-3)

    @pytest.mark.parametrize("lags", [(0.1, 0.9, 0.0), (-0.5, 0.0, 0.0), (0.9, 0.0), (-0.9,)])
    def test_lags_that_no_noise_has(self, lags):
        with pytest.raises(InputError, match="positive power spectrum"):
            CorrelatedNoise(1.0, lags)

    def test_depth_against_rms(self):
        with pytest.raises(
            InputError, match="depth must be consistent with rms and autocorrelation"
        ):
            CorrelatedNoise(14.4, (0.75, 0.35, 0.14), depth=30.45)

    @pytest.mark.parametrize("lags", [(), 0.5, ("a",), ((0.5, 0.1),), (1.0, 0.5), (np.nan,)])
    def test_lags(self, lags):
        with pytest.raises(InputError, match="autocorrelation must"):
            CorrelatedNoise(1.0, lags)

    @pytest.mark.parametrize("rms", [0.0, -1.0, np.nan, "1", None, True])
    def test_rms(self, rms):
        with pytest.raises(
            InputError, match=r"rms must (be a positive finite number|hold numbers)"
        ):
            CorrelatedNoise(rms, LAGS)

    def test_unit_of_rms(self):
        with pytest.raises(InputError, match="rms must have a unit that converts to nJy, got m"):
            CorrelatedNoise(1.0 * u.m, LAGS)

    @pytest.mark.parametrize(
        ("given", "bare"),
        [
            ({"rms": 2e-5 * u.uJy}, {"rms": 0.02}),
            ({"rms": Column([0.02], unit="nJy")[0] * u.nJy}, {"rms": 0.02}),
            ({"pixel_scale": 30 * u.mas}, {"pixel_scale": 0.03}),
            ({"depth_diameter": 0.32 * u.arcsec}, {"depth_diameter": 0.32}),
        ],
    )
    def test_units_of_every_argument(self, given, bare):
        own, expected = (
            CorrelatedNoise(**({"rms": 0.02} | kw), autocorrelation=LAGS) for kw in (given, bare)
        )
        assert own.rms == pytest.approx(expected.rms)
        assert own.pixel_scale == pytest.approx(expected.pixel_scale)
        assert own.depth_diameter == pytest.approx(expected.depth_diameter)

    def test_depth_with_a_unit(self):
        noise = CorrelatedNoise(0.02, LAGS)
        assert noise.at_depth(29.8 * u.ABmag).rms == pytest.approx(noise.at_depth(29.8).rms)

    @pytest.mark.parametrize("scale", [0.03 * u.mag, Column([0.03], unit="arcsec"), "0.03"])
    def test_pixel_scale_of_a_wrong_kind(self, scale):
        with pytest.raises(InputError, match="pixel_scale must be a positive angle"):
            CorrelatedNoise(0.02, LAGS, pixel_scale=scale)

    @pytest.mark.parametrize("depth", [np.nan, "30", True])
    def test_depth(self, depth):
        with pytest.raises(
            InputError, match=r"depth must (be a finite AB magnitude|hold numbers)"
        ):
            CorrelatedNoise(0.02, LAGS, depth=depth)

    @pytest.mark.parametrize("shape", [0, (3, 4, 5), (3.5, 4)])
    def test_shape(self, shape):
        with pytest.raises(InputError, match="shape must be"):
            CorrelatedNoise(1.0, LAGS).draw(1, shape)


class TestApertures:
    @pytest.mark.parametrize("diameter", [0.1, 0.32, 0.6])
    def test_drawn_noise(self, diameter):
        noise = noise_preset("JADES-deep", "F356W")
        stamps = noise.draw(8000, 33, random_state=5)
        found = measured_aperture_rms(stamps, diameter / noise.pixel_scale)
        assert aperture_rms(noise, diameter) == pytest.approx(found, rel=0.03)

    def test_white_noise_grows_with_the_area(self):
        noise = CorrelatedNoise(1.0, (0.0, 0.0, 0.0))
        weights = CircularAperture((0, 0), 8.0).to_mask(method="exact").data
        expected = np.sqrt(np.sum(weights**2))
        assert aperture_rms(noise, 16.0 * 0.03) == pytest.approx(expected, rel=0.01)

    def test_depth(self):
        noise = CorrelatedNoise(0.02, LAGS)
        flux = 5.0 * aperture_rms(noise, 0.32)
        assert depth_to_flux(aperture_depth(noise, 0.32)) == pytest.approx(flux)
        brighter = aperture_depth(noise, 0.32) - aperture_depth(noise, 0.32, n_sigma=10.0)
        assert brighter == pytest.approx(2.5 * np.log10(2.0))

    @pytest.mark.parametrize("diameter", [0.0, -1.0, 3 * u.Jy])
    def test_diameter(self, diameter):
        with pytest.raises(InputError, match="diameter must be a positive angle"):
            aperture_rms(CorrelatedNoise(1.0, LAGS), diameter)


class TestBlankSky:
    def test_only_pixels_of_the_stamps(self):
        sky = np.random.default_rng(1).normal(size=(4, 20, 24))
        drawn = noise_from_blank_sky(sky).draw(50, (8, 10), random_state=1)
        assert drawn.shape == (50, 8, 10)
        assert np.all(np.isin(drawn, sky))

    def test_keeps_the_correlation(self):
        real = CorrelatedNoise(0.02, LAGS).draw(200, 64, random_state=1)
        drawn = noise_from_blank_sky(real).draw(2000, 32, random_state=2)
        assert drawn.std() == pytest.approx(0.02, rel=0.02)
        assert measured_lag(drawn, 1) == pytest.approx(0.66, abs=0.02)
        assert measured_lag(drawn, 2) == pytest.approx(0.21, abs=0.02)

    def test_all_places_and_flips(self):
        sky = np.arange(16.0).reshape(1, 4, 4)
        drawn = noise_from_blank_sky(sky).draw(2000, 3, random_state=1)
        expected = {
            flipped.tobytes()
            for y in (0, 1)
            for x in (0, 1)
            for part in [sky[0, y : y + 3, x : x + 3]]
            for flipped in (part, part[::-1], part[:, ::-1], part[::-1, ::-1])
        }
        assert {stamp.tobytes() for stamp in drawn} == expected

    def test_same_seed(self):
        noise = noise_from_blank_sky(np.random.default_rng(1).normal(size=(4, 20, 20)))
        np.testing.assert_array_equal(noise.draw(9, 8, 3), noise.draw(9, 8, 3))

    def test_units(self):
        sky = np.random.default_rng(1).normal(size=(4, 20, 20)) * u.uJy
        assert noise_from_blank_sky(sky).rms == pytest.approx(1000.0 * sky.value.std())

    def test_stamps_stay_as_they_are(self):
        sky = np.random.default_rng(1).normal(size=(4, 20, 20))
        noise = noise_from_blank_sky(sky)
        sky[:] = 0.0
        assert noise.rms > 0

    def test_too_large(self):
        noise = noise_from_blank_sky(np.random.default_rng(1).normal(size=(4, 20, 20)))
        with pytest.raises(InputError, match="shape must fit into the blank-sky stamps"):
            noise.draw(1, 21)

    @pytest.mark.parametrize("shape", [(20, 20), (0, 20, 20)])
    def test_shape(self, shape):
        with pytest.raises(InputError, match="stamps must have shape"):
            noise_from_blank_sky(np.ones(shape))

    @pytest.mark.parametrize("value", [np.nan, 0.0])
    def test_values(self, value):
        with pytest.raises(InputError, match="stamps must be finite"):
            noise_from_blank_sky(np.full((3, 5, 5), value))

    def test_no_numbers(self):
        with pytest.raises(InputError, match="stamps must hold numbers"):
            noise_from_blank_sky([["a"]])


class TestPoisson:
    def test_mean_and_variance(self):
        noise = poisson_noise(np.full((50, 64, 64), 3.0), 20.0, random_state=1)
        assert noise.mean() == pytest.approx(0.0, abs=0.005)
        assert noise.var() == pytest.approx(3.0 / 20.0, rel=0.01)

    def test_dark_and_negative_pixels(self):
        assert np.all(poisson_noise([[0.0, -1.0]], 20.0, random_state=1) == 0.0)

    def test_same_seed(self):
        images = np.full((2, 8, 8), 3.0)
        np.testing.assert_array_equal(poisson_noise(images, 20.0, 1), poisson_noise(images, 20, 1))

    @pytest.mark.parametrize("electrons", [0.0, -1.0, np.inf])
    def test_electrons(self, electrons):
        with pytest.raises(InputError, match="electrons_per_njy must be a positive"):
            poisson_noise(np.ones((1, 2, 2)), electrons)

    def test_images(self):
        with pytest.raises(InputError, match="images must be finite"):
            poisson_noise([[np.nan]], 1.0)
