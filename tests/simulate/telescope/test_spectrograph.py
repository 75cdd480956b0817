"""The spectrograph, against the published resolution, real spectra and closed forms."""

import dataclasses
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM, Planck15
from astropy.io import fits
from astropy.table import Column, QTable
from hypothesis import given, settings
from hypothesis import strategies as st

from dustest.data import InputError, as_sample
from dustest.estimators.meurer import MeurerEstimator
from dustest.io import read_spectrum
from dustest.physics import (
    SpectrumTable,
    fit_beta,
    igm_transmission,
    load_ssp_grid,
    synthetic_photometry,
)
from dustest.simulate.telescope.spectrograph import PrismSpectrograph

F_LAMBDA = u.erg / u.s / u.cm**2 / u.AA
REST = np.arange(700.0, 4600.0, 4.0)
JADES_DEEP_FIELDS = (
    "jades_gto_000110_prism_clear_v5.0_1D.fits",
    "jades_gto_001882_prism_clear_v5.0_1D.fits",
    "jades_gto_003991_prism_clear_v5.1_1D.fits",
    "jades_gto_007437_prism_clear_v3.1_1D.fits",
)


@pytest.fixture(scope="module")
def prism():
    """The default spectrograph."""
    return PrismSpectrograph()


def power_law(beta):
    """A galaxy of 1e8 Lsun/Angstrom at 1500 Angstrom."""
    return 1e8 * (REST / 1500.0) ** beta


def bell(center, width):
    """A line of 1 Lsun, resolved by the points."""
    return np.exp(-0.5 * ((REST - center) / width) ** 2) / (np.sqrt(2.0 * np.pi) * width)


def observed_flux(luminosity, redshift):
    """L / (4 pi d^2) in erg/s/cm2."""
    area = 4.0 * np.pi * Planck15.luminosity_distance(redshift) ** 2
    return (luminosity * constants.L_sun / area).to_value(u.erg / u.s / u.cm**2)


def as_spectrum(prism, flux, error):
    """What fit_beta takes."""
    return SimpleNamespace(
        wavelength=prism.wavelength * u.AA, flux=flux * F_LAMBDA, flux_err=error * F_LAMBDA
    )


class TestPixels:
    def test_the_published_resolution(self, shared_data):
        table = fits.getdata(shared_data / "spectra" / "jwst_nirspec_prism_disp.fits", 1)
        wide = PrismSpectrograph(wavelength_range=(0.6, 5.3))
        element = 2.2 * np.diff(wide.edges)
        expected = np.interp(1e-4 * wide.wavelength, table["WAVELENGTH"], table["R"])
        np.testing.assert_allclose(wide.wavelength / element, expected, rtol=0.03)

    def test_the_range(self, prism):
        assert prism.edges[0] == pytest.approx(8000.0)
        assert 30_900.0 < prism.edges[-1] <= 31_000.0
        assert np.all(np.diff(prism.edges) > 0)
        np.testing.assert_allclose(prism.wavelength, prism.edges[:-1] + np.diff(prism.edges) / 2)

    def test_the_ultraviolet_of_the_epoch(self, prism):
        for redshift in (6.0, 9.0):
            rest = prism.wavelength / (1.0 + redshift)
            assert rest[0] < 1216.0
            assert rest[-1] > 3000.0

    def test_frozen_and_comparable(self, prism):
        assert prism == PrismSpectrograph()
        assert prism != PrismSpectrograph(depth=3e-21)
        assert hash(prism) == hash(PrismSpectrograph())
        with pytest.raises(dataclasses.FrozenInstanceError):
            prism.depth = 1.0
        with pytest.raises(ValueError, match="read-only"):
            prism.edges[0] = 0.0

    def test_can_be_sent(self, prism):
        copy = pickle.loads(pickle.dumps(prism))
        assert copy == prism
        np.testing.assert_array_equal(copy.edges, prism.edges)


class TestObserve:
    @pytest.mark.parametrize("redshift", [6.0, 7.3, 9.0])
    def test_flux_density(self, redshift, prism):
        """A smooth spectrum keeps its values, L / (4 pi d^2 (1 + z))."""
        flux = prism.observe(REST, power_law(-2.0), redshift, igm=False)
        rest = prism.wavelength / (1.0 + redshift)
        expected = observed_flux(1e8, redshift) * (rest / 1500.0) ** -2.0 / (1.0 + redshift)
        np.testing.assert_allclose(flux, expected, rtol=0.006)

    @pytest.mark.parametrize("center", [1640.0, 2471.0, 3727.0])
    @pytest.mark.parametrize("width", [8.0, 40.0])
    def test_a_line_keeps_its_flux(self, center, width, prism):
        flux = prism.observe(REST, bell(center, width), 7.0)
        assert flux @ np.diff(prism.edges) == pytest.approx(observed_flux(1.0, 7.0), rel=2e-3)
        middle = flux @ (np.diff(prism.edges) * prism.wavelength) / (flux @ np.diff(prism.edges))
        assert middle == pytest.approx(8.0 * center, rel=5e-4)

    def test_the_width_of_a_line(self, prism, shared_data):
        table = fits.getdata(shared_data / "spectra" / "jwst_nirspec_prism_disp.fits", 1)
        for center in (1300.0, 1900.0, 3000.0):
            flux = prism.observe(REST, bell(center, 4.0), 7.0, igm=False)
            weight = flux * np.diff(prism.edges)
            middle = np.average(prism.wavelength, weights=weight)
            variance = np.average((prism.wavelength - middle) ** 2, weights=weight)
            power = np.interp(8e-4 * center, table["WAVELENGTH"], table["R"])
            line = middle / power / np.sqrt(8.0 * np.log(2.0))
            pixel = 8.0 * center / power / 2.2 / np.sqrt(12.0)
            expected = np.sqrt(line**2 + pixel**2 + (8.0 * 4.0) ** 2)
            assert np.sqrt(variance) == pytest.approx(expected, rel=0.03)

    @pytest.mark.parametrize("redshift", [6.0, 7.0, 8.0, 9.0])
    @pytest.mark.parametrize("beta", [-3.0, -2.0, -1.0])
    @pytest.mark.parametrize("windows", ["broad", "calzetti"])
    def test_gives_the_slope_back(self, redshift, beta, windows, prism):
        flux = prism.observe(REST, power_law(beta), redshift)
        spectrum = as_spectrum(prism, flux, prism.flux_error(flux))
        assert fit_beta(spectrum, redshift, windows).beta == pytest.approx(beta, abs=0.005)

    def test_the_break(self, prism):
        """The intergalactic medium takes what lies bluewards, blurred by the resolution."""
        free, absorbed = (prism.observe(REST, power_law(-2.0), 8.0, igm=igm) for igm in (0, 1))
        rest = prism.wavelength / 9.0
        assert np.all(absorbed[rest < 1130.0] < 0.01 * free[rest < 1130.0])
        np.testing.assert_allclose(absorbed[rest > 1300.0], free[rest > 1300.0], rtol=1e-3)
        assert 0.3 < np.interp(1215.67, rest, absorbed / free) < 0.7

    def test_against_another_integration(self, prism):
        """Pixel by pixel, on a fine grid, in another order."""
        flux = prism.observe(REST, power_law(-2.2), 6.4)
        fine = np.linspace(7000.0, 33_000.0, 26_001)
        light = np.interp(fine / 7.4, REST, power_law(-2.2)) * igm_transmission(fine, 6.4)
        power = np.interp(fine, prism.wavelength, prism.wavelength / (2.2 * np.diff(prism.edges)))
        spread = fine / power / np.sqrt(8.0 * np.log(2.0))
        for pixel in (20, 60, 100):
            blue, red = prism.edges[pixel : pixel + 2]
            steps = np.linspace(blue, red, 51)[:, np.newaxis]
            kernel = np.exp(-0.5 * ((steps - fine) / spread) ** 2) / (np.sqrt(2 * np.pi) * spread)
            mean = np.trapezoid(kernel * light, fine, axis=1).mean()
            expected = mean * observed_flux(1.0, 6.4) / 7.4
            assert flux[pixel] == pytest.approx(expected, rel=0.01)

    def test_through_a_band(self, prism):
        """The spectrum's flux through a wide band is that of the galaxy."""
        table = SpectrumTable(load_ssp_grid(), (700.0, 4600.0), step=4.0)
        light = table.spectrum([1e7, 1e8], [0.2, 0.2], [1e8, 1e9])
        flux = prism.observe(table.wavelength, light, 7.0, igm=False)
        direct = light * observed_flux(1.0, 7.0) / 8.0
        for band in ("F150W", "F200W"):
            seen, expected = (
                synthetic_photometry(wavelength * u.AA, values * F_LAMBDA, [band]).value
                for wavelength, values in (
                    (prism.wavelength, flux),
                    (8.0 * table.wavelength, direct),
                )
            )
            assert seen == pytest.approx(expected, rel=0.01)

    def test_many_at_once(self, prism):
        galaxies = np.stack([power_law(-2.0), power_law(-1.0)])
        flux = prism.observe(REST, galaxies, 7.0)
        np.testing.assert_allclose(flux[1], prism.observe(REST, power_law(-1.0), 7.0), rtol=1e-12)
        assert prism.flux_error(flux).shape == flux.shape

    def test_response_is_the_matrix(self, prism):
        matrix = prism.response(REST, 7.0)
        assert matrix.shape == (prism.wavelength.size, REST.size)
        np.testing.assert_allclose(
            matrix @ power_law(-2.0), prism.observe(REST, power_law(-2.0), 7.0), rtol=1e-12
        )

    def test_a_spectrum_may_start_where_all_is_dark(self, prism):
        red = REST > 1195.0
        short = prism.observe(REST[red], power_law(-2.0)[red], 8.0)
        whole = prism.observe(REST, power_law(-2.0), 8.0)
        np.testing.assert_allclose(short, whole, atol=2e-3 * whole.max())

    def test_cosmology(self, prism):
        other = FlatLambdaCDM(H0=70.0, Om0=0.3)
        ratio = prism.observe(REST, power_law(-2.0), 7.0, cosmology=other) / prism.observe(
            REST, power_law(-2.0), 7.0
        )
        expected = (Planck15.luminosity_distance(7.0) / other.luminosity_distance(7.0)) ** 2
        np.testing.assert_allclose(ratio, expected.value)

    @settings(max_examples=20, deadline=None)
    @given(st.floats(2.0, 12.0), st.floats(-4.0, 1.0))
    def test_light_is_never_negative(self, redshift, beta):
        prism = PrismSpectrograph(wavelength_range=(1.0, 2.0))
        rest = np.geomspace(500.0, 9000.0, 300)
        flux = prism.observe(rest, (rest / 1500.0) ** beta, redshift)
        assert np.all(np.isfinite(flux) & (flux >= 0))


class TestErrors:
    @pytest.mark.parametrize("name", JADES_DEEP_FIELDS)
    def test_the_shape_of_real_errors(self, name, shared_data, prism):
        real = read_spectrum(shared_data / "spectra" / name)
        wavelength, error = real.wavelength.value, real.flux_err.value
        dark = prism.flux_error(np.zeros(prism.wavelength.size))
        centers = np.array([9e3, 1e4, 1.2e4, 1.5e4, 2e4, 2.5e4, 3e4])
        found = np.array(
            [np.nanmedian(error[np.abs(wavelength - center) < 500.0]) for center in centers]
        )
        ratio = found / np.interp(centers, prism.wavelength, dark)
        np.testing.assert_allclose(ratio / np.exp(np.mean(np.log(ratio))), 1.0, atol=0.25)
        assert 0.5 < np.median(ratio) < 2.5

    def test_depth_and_floor(self):
        prism = PrismSpectrograph(depth=3e-21, floor=0.1)
        at_two = np.argmin(np.abs(prism.wavelength - 2e4))
        dark, bright = (
            prism.flux_error(np.full(prism.wavelength.size, flux)) for flux in (0.0, 1e-17)
        )
        assert dark[at_two] == pytest.approx(3e-21, rel=0.02)
        np.testing.assert_allclose(bright, 1e-18, rtol=1e-3)

    def test_depth_in_other_units(self):
        expected = (20.0 * u.nJy).to_value(F_LAMBDA, u.spectral_density(2 * u.um))
        assert PrismSpectrograph(depth=20.0 * u.nJy).depth == pytest.approx(expected)

    def test_noise_is_what_it_says(self, prism):
        flux = prism.observe(REST, power_law(-2.0), 7.0)
        error = prism.flux_error(flux)
        drawn = np.random.default_rng(1).normal(flux, error, (200, flux.size))
        chi2 = np.sum(((drawn - flux) / error) ** 2, axis=1)
        assert chi2.mean() / flux.size == pytest.approx(1.0, abs=0.03)

    def test_scatter_of_the_slope(self, prism):
        """The fit's own error tells the scatter of the slopes of noisy spectra."""
        flux = prism.observe(REST, power_law(-2.0), 7.0)
        error = prism.flux_error(flux)
        rng = np.random.default_rng(1)
        slopes = [
            fit_beta(as_spectrum(prism, rng.normal(flux, error), error), 7.0) for _ in range(200)
        ]
        pulls = [(slope.beta + 2.0) / slope.beta_err for slope in slopes]
        chi2 = np.mean([slope.chi2 / (slope.n_pixels - 2) for slope in slopes])
        assert np.mean(pulls) == pytest.approx(0.0, abs=0.25)
        assert np.std(pulls) == pytest.approx(1.0, abs=0.15)
        assert chi2 == pytest.approx(1.0, abs=0.06)


class TestSample:
    def test_an_estimator_takes_it(self, prism):
        betas = np.array([-2.4, -2.0, -1.6])
        light = np.stack([power_law(beta) for beta in betas])
        flux = prism.observe(REST, light, 7.0)
        shape = (3, prism.wavelength.size)
        sample = as_sample(
            QTable(
                {
                    "id": ["a", "b", "c"],
                    "redshift": [7.0, 7.0, 7.0],
                    "spectrum_wavelength": np.broadcast_to(prism.wavelength, shape) * u.AA,
                    "spectrum_flux": flux * F_LAMBDA,
                    "spectrum_flux_err": prism.flux_error(flux) * F_LAMBDA,
                }
            )
        )
        meurer = MeurerEstimator("Meurer99", method="spectrum", reference="A_1600").fit(sample)
        expected = 4.43 + 1.99 * betas
        np.testing.assert_allclose(meurer.predict(sample), expected, atol=0.02)


class TestInput:
    @pytest.mark.parametrize(
        "limits", [(3.0, 1.0), (0.2, 3.0), (1.0, 8.0), (1.0, 1.0), (np.nan, 2.0)]
    )
    def test_range(self, limits):
        with pytest.raises(InputError, match="wavelength_range must ascend and lie within"):
            PrismSpectrograph(wavelength_range=limits)

    @pytest.mark.parametrize("limits", [3.0, (1.0,), ("blue", "red"), None])
    def test_no_range(self, limits):
        with pytest.raises(InputError, match=r"wavelength_range must (be two|hold) numbers"):
            PrismSpectrograph(wavelength_range=limits)

    def test_units(self):
        bare = PrismSpectrograph(wavelength_range=(1.0, 3.0))
        for limits in ([1.0, 3.0] * u.um, (1000 * u.nm, 3 * u.um), Column([1e4, 3e4], unit="AA")):
            np.testing.assert_allclose(
                PrismSpectrograph(wavelength_range=limits).edges, bare.edges
            )
        rest = np.arange(1000.0, 6000.0, 10.0)
        light = rest**-2.0
        expected = bare.observe(rest, light, 5.0)
        own = bare.observe(0.1 * rest * u.nm, Column(light, unit="Lsun/AA"), 5.0)
        np.testing.assert_allclose(own, expected, rtol=1e-9)
        density = u.spectral_density(bare.wavelength * u.AA)
        flux = (expected * u.Unit("erg / (s cm2 AA)")).to(u.uJy, density)
        np.testing.assert_allclose(bare.flux_error(flux), bare.flux_error(expected), rtol=1e-9)

    @pytest.mark.parametrize("redshift", [5 * u.mag, "5", [5.0, 6.0]])
    def test_redshift_of_a_wrong_kind(self, redshift):
        rest = np.arange(700.0, 9000.0, 10.0)
        with pytest.raises(InputError, match="redshift must"):
            PrismSpectrograph().response(rest, redshift)

    def test_tiny_range(self):
        with pytest.raises(InputError, match="wavelength_range must cover two pixels"):
            PrismSpectrograph(wavelength_range=(1.0, 1.02))

    @pytest.mark.parametrize("depth", [0.0, -1.0, np.nan, "deep"])
    def test_depth(self, depth):
        with pytest.raises(
            InputError, match=r"depth must (be a positive finite number|hold numbers)"
        ):
            PrismSpectrograph(depth=depth)

    @pytest.mark.parametrize("unit", [u.m, u.W / u.m**2, u.W / u.Hz])
    def test_units_of_no_flux_density(self, unit):
        with pytest.raises(InputError, match=r"depth must be a flux density per unit wavelength"):
            PrismSpectrograph(depth=1.0 * unit)
        with pytest.raises(InputError, match=r"flux must be a flux density per unit wavelength"):
            PrismSpectrograph().flux_error(np.ones(5) * unit)

    @pytest.mark.parametrize("floor", [-0.1, 1.0, np.nan])
    def test_floor(self, floor):
        with pytest.raises(InputError, match="floor must be from 0 to below 1"):
            PrismSpectrograph(floor=floor)

    @pytest.mark.parametrize("redshift", [0.0, -1.0, np.nan, np.inf])
    def test_redshift(self, redshift, prism):
        with pytest.raises(InputError, match="redshift must be finite and above zero"):
            prism.response(REST, redshift)

    @pytest.mark.parametrize(
        "rest", [REST[::-1], REST[:1], REST.reshape(1, -1), REST - 700.0, np.full(5, 1500.0)]
    )
    def test_wavelengths(self, rest, prism):
        with pytest.raises(InputError, match="rest_wavelength must be one-dimensional, positive"):
            prism.response(rest, 7.0)

    @pytest.mark.parametrize(
        ("low", "high", "redshift", "igm"),
        [
            (700.0, 3000.0, 7.0, True),
            (1250.0, 4600.0, 7.0, True),
            (1195.0, 4600.0, 7.0, False),
        ],
    )
    def test_coverage(self, low, high, redshift, igm, prism):
        rest = np.arange(low, high, 4.0)
        with pytest.raises(
            InputError, match=r"rest_wavelength must cover .* Angstrom at redshift"
        ):
            prism.response(rest, redshift, igm=igm)

    def test_light_that_the_intergalactic_medium_leaves_is_asked_for(self):
        prism = PrismSpectrograph(wavelength_range=(0.62, 3.1))
        with pytest.raises(InputError, match=r"rest_wavelength must cover 9\d\d to"):
            prism.response(np.arange(1195.0, 9000.0, 4.0), 5.0)

    def test_shapes(self, prism):
        with pytest.raises(InputError, match="luminosity must have 975 values"):
            prism.observe(REST, np.ones(5), 7.0)
        with pytest.raises(InputError, match="flux must have 141 pixels"):
            prism.flux_error(np.ones(5))
        with pytest.raises(InputError, match="flux must have 141 pixels"):
            prism.flux_error(1.0)
