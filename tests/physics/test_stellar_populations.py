"""Tests of the light of stellar populations, against Bagpipes and closed forms."""

import itertools
import pickle
import subprocess
import sys

import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from astropy.cosmology import Planck15
from astropy.table import Column, MaskedColumn
from bagpipes_models import BAGPIPES_COSMOLOGY, model_photometry
from hypothesis import given
from hypothesis import strategies as st
from toy_stars import toy_gas, toy_grid

from dustest.data.bands import get_band
from dustest.data.errors import InputError, MissingDependencyError, ReadError
from dustest.physics import (
    LightTable,
    NebularGrid,
    SpectrumTable,
    SSPGrid,
    get_dust_law,
    igm_transmission,
    load_ssp_grid,
    synthetic_photometry,
)
from dustest.physics.stellar import ssp_grids

BANDS = ("F090W", "F115W", "F150W", "F200W", "F277W", "F335M", "F356W", "F410M", "F444W")
HISTORIES = (
    ("constant", {"age_max": 0.3, "age_min": 0.0}),
    ("constant", {"age_max": 0.05, "age_min": 0.0}),
    ("delayed", {"age": 0.4, "tau": 0.1}),
)
METALLICITIES = (0.02, 0.06, 0.3, 1.0)
LOG_U = (-3.0, -2.2)
REDSHIFTS = (6.0, 7.5, 9.0)


@pytest.fixture(scope="module")
def grid():
    """The grid of Bagpipes."""
    return load_ssp_grid()


@pytest.fixture(scope="module")
def bagpipes(tmp_path_factory):
    """Photometry in nJy of 1e9 solar masses: dict by history, metallicity, log U, redshift."""
    keys = list(itertools.product(range(len(HISTORIES)), METALLICITIES, LOG_U, REDSHIFTS))
    models = []
    for history, metallicity, log_u, redshift in keys:
        kind, shape = HISTORIES[history]
        component = {**shape, "massformed": 9.0, "metallicity": metallicity}
        models.append({kind: component, "nebular": {"logU": log_u}, "redshift": redshift})
    photometry = model_photometry(models, BANDS, tmp_path_factory.mktemp("bagpipes"))
    return dict(zip(keys, photometry, strict=True))


def stars_of(history):
    """Ages in yr and masses of a galaxy that formed 1e9 solar masses."""
    kind, shape = HISTORIES[history]
    start = 1e9 * (shape["age_max"] if kind == "constant" else shape["age"])
    edges = np.concatenate([[0.0], np.geomspace(1e4, start, 3000)])
    ages = 0.5 * (edges[1:] + edges[:-1])
    rate = np.ones_like(ages)
    if kind == "delayed":
        rate = (start - ages) * np.exp(-(start - ages) / (1e9 * shape["tau"]))
    masses = rate * np.diff(edges)
    return ages, 1e9 * masses / masses.sum()


class TestAgainstBagpipes:
    @pytest.mark.parametrize("redshift", REDSHIFTS)
    @pytest.mark.parametrize("log_u", LOG_U)
    def test_photometry_within_one_per_cent(self, redshift, log_u, grid, bagpipes):
        table = LightTable(grid, BANDS, redshift, log_u=log_u, cosmology=BAGPIPES_COSMOLOGY)
        for history, metallicity in itertools.product(range(len(HISTORIES)), METALLICITIES):
            ages, masses = stars_of(history)
            ours = masses @ table.flux(ages, np.full(ages.size, metallicity))
            theirs = bagpipes[history, metallicity, log_u, redshift]
            bright = theirs > 1e-4 * theirs.max()
            assert bright.sum() >= 7
            np.testing.assert_allclose(ours[bright], theirs[bright], rtol=0.01)

    def test_the_package_is_not_imported(self):
        code = (
            "import sys; from dustest.physics import load_ssp_grid; load_ssp_grid(); "
            "sys.exit('bagpipes' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestFlux:
    @pytest.mark.parametrize("redshift", [0.1, 1.0, 3.0])
    def test_flat_spectrum(self, redshift):
        """Flat in f_nu, so that every band sees L_nu (1 + z) / (4 pi d^2)."""
        table = LightTable(toy_grid(n_wave=4000), ["F150W", "F277W"], redshift, igm=False)
        l_nu = (constants.L_sun / u.AA * (5500 * u.AA) ** 2 / constants.c).to(u.W / u.Hz)
        distance = Planck15.luminosity_distance(redshift)
        expected = l_nu * (1 + redshift) / (4 * np.pi * distance**2)
        flux = table.flux([1e9], [1.0])[0]
        np.testing.assert_allclose(flux, expected.to_value(u.nJy), rtol=1e-4)

    def test_bilinear_in_log_age_and_metallicity(self):
        table = LightTable(toy_grid(), ["F150W"], 1.0)
        unit = table.flux([1e9], [1.0])[0, 0]
        ages, metallicities = [1e6, 1e7, 1e8, 10**6.5], [0.1, 1.0, 0.55, 1.0]
        flux = table.flux(ages, metallicities)[:, 0] / unit
        np.testing.assert_allclose(flux, [3.0, 3.0, 1.5, 3.5], rtol=1e-6)

    def test_the_ends_of_the_grid_hold(self):
        table = LightTable(toy_grid(), ["F150W"], 1.0)
        beyond = table.flux([0.0, 1e6, 9e9], [1.0, 90.0, 1.0])
        np.testing.assert_array_equal(beyond, table.flux([1e6, 1e6, 1e9], [1.0, 1.0, 1.0]))

    def test_ages_may_bear_a_unit(self):
        table = LightTable(toy_grid(), ["F150W"], 1.0)
        with_unit = table.flux([3.0, 80.0] * u.Myr, [0.2, 0.2])
        np.testing.assert_allclose(with_unit, table.flux([3e6, 8e7], [0.2, 0.2]), rtol=1e-12)

    def test_a_line(self):
        """L / (4 pi d^2) nu^-1 in units of the band's integral of T dnu / nu."""
        table = LightTable(toy_grid(toy_gas()), ["F150W"], 2.3, emission="nebular")
        band = get_band("F150W")
        line = 4500.0 * 3.3
        through = np.interp(line, band.wavelength, band.transmission)
        norm = np.trapezoid(band.transmission / band.wavelength, band.wavelength)
        flux = 5.0 * constants.L_sun / (4 * np.pi * Planck15.luminosity_distance(2.3) ** 2)
        expected = flux * (line * u.AA) / constants.c * through / norm
        assert table.flux([1e6], [1.0])[0, 0] == pytest.approx(expected.to_value(u.nJy), rel=1e-3)
        assert table.flux([1e8], [1.0])[0, 0] == pytest.approx(
            0.5 * table.flux([1e7], [1.0])[0, 0]
        )
        assert table.flux([1e9], [1.0])[0, 0] == 0.0

    def test_the_parts_add_up(self, grid):
        ages, metallicities = np.geomspace(1e5, 5e8, 20), np.geomspace(0.01, 2.0, 20)
        total, stars, gas = (
            LightTable(grid, ["F277W", "F444W"], 7.0, emission=part).flux(ages, metallicities)
            for part in ("total", "stellar", "nebular")
        )
        np.testing.assert_allclose(stars + gas, total, rtol=1e-5)
        young = ages < 9e6
        assert np.all(gas[young] > 0)
        assert np.all(gas[ages > 1.1e7] == 0)

    def test_gas_takes_the_ionising_light_of_young_stars(self):
        free = LightTable(toy_grid(), ["F606W"], 9.0, igm=False).flux([1e6, 1e9], [1.0, 1.0])
        absorbed = LightTable(toy_grid(toy_gas()), ["F606W"], 9.0, igm=False)
        flux = absorbed.flux([1e6, 1e9], [1.0, 1.0])
        assert flux[0, 0] < 1e-3 * free[0, 0]
        assert flux[1, 0] == pytest.approx(free[1, 0])

    def test_the_igm_dims_the_blue_only(self, grid):
        with_gas, without = (
            LightTable(grid, ["F090W", "F115W"], 7.0, igm=igm).flux([1e7], [0.2])[0]
            for igm in (True, False)
        )
        assert 0 < with_gas[0] < 0.3 * without[0]
        assert with_gas[1] == pytest.approx(without[1], rel=1e-4)

    def test_a_table_is_small_to_send(self, grid):
        table = LightTable(grid, ["F277W", "F356W", "F444W"], 7.0, law="SMC")
        sent = pickle.dumps(table)
        assert len(sent) < 4e6
        copy = pickle.loads(sent)
        stars = ([3e6], [0.1], [0.4])
        np.testing.assert_array_equal(copy.flux(*stars), table.flux(*stars))


class TestDust:
    @pytest.mark.parametrize("law", ["Calzetti", "SMC", "CCM89"])
    @pytest.mark.parametrize("redshift", [6.0, 7.5, 9.0])
    @pytest.mark.parametrize("emission", ["stellar", "nebular"])
    def test_table_against_integration(self, law, redshift, emission, grid):
        """Attenuation from the table, and from the integral over the dusty spectrum."""
        table = LightTable(grid, BANDS, redshift, law=law, emission=emission)
        spectra = SpectrumTable(grid, emission=emission)
        rest, observed = spectra.wavelength, spectra.wavelength * (1.0 + redshift)
        curve = get_dust_law(law)
        ratio = curve.a_over_av(np.clip(rest, *curve.wavelength_range))
        a_v = np.array([0.0, 0.003, 0.07, 0.31, 0.77, 1.4, 3.1, 6.3, 12.7, 20.0])
        light = spectra.spectrum([2e6], [0.3], [1.0]) * igm_transmission(observed, redshift)
        dusty = light * 10 ** (-0.4 * np.multiply.outer(a_v, ratio)) * constants.L_sun.cgs.value
        unit = u.erg / u.s / u.cm**2 / u.AA
        expected = synthetic_photometry(observed * u.AA, dusty * unit, BANDS).value
        flux = table.flux(np.full(a_v.size, 2e6), np.full(a_v.size, 0.3), a_v)
        seen = flux[0] > 1e-4 * flux[0].max()
        # A line that lies on the Lyman break itself is for neither way to place.
        seen &= np.array(
            [get_band(b).edges(0.001)[0] > 1220.0 * (1 + redshift) for b in BANDS]
        ) | (emission == "stellar")
        ours, theirs = flux[:, seen] / flux[0, seen], expected[:, seen] / expected[0, seen]
        lit = theirs > 1e-4
        np.testing.assert_allclose(ours[lit], theirs[lit], rtol=1e-3)

    def test_stars_looked_up_once(self, grid):
        """Neither another dust nor a changed result leaves a trace."""
        table = LightTable(grid, BANDS, 7.0, law="SMC")
        stars, looked_up = ([2e6, 3e8], [0.3, 0.1]), table.at([2e6, 3e8], [0.3, 0.1])
        for a_v in ([3.0, 0.2], None, [0.5, 0.0], None):
            for name in ("flux", "v_and_b"):
                light = getattr(looked_up, name)(a_v)
                np.testing.assert_array_equal(light, getattr(table, name)(*stars, a_v))
                light[:] = -1.0

    def test_no_dust_is_no_dust(self, grid):
        table = LightTable(grid, BANDS, 7.0, law="SMC")
        ages, metallicities = [1e6, 3e7], [0.2, 0.2]
        free = table.flux(ages, metallicities)
        np.testing.assert_array_equal(table.flux(ages, metallicities, [0.0, 0.0]), free)
        plain = LightTable(grid, BANDS, 7.0).flux(ages, metallicities)
        np.testing.assert_allclose(free, plain, rtol=1e-5)

    def test_beyond_the_last_node_light_goes_on_fading(self, grid):
        table = LightTable(grid, ["F115W", "F444W"], 7.0, law="SMC")
        a_v = np.array([20.0, 24.9, 25.0, 40.0, 400.0, 1e5])
        flux = table.flux(np.full(6, 1e7), np.full(6, 0.2), a_v)
        assert np.all(np.isfinite(flux))
        assert np.all(np.diff(flux[:4], axis=0) < 0)
        assert flux[-1].tolist() == [0.0, 0.0]

    @pytest.mark.parametrize("law", ["Calzetti", "SMC", "CCM89", "power law", "F99"])
    def test_a_galaxy_behind_one_screen(self, law, grid):
        table = LightTable(grid, ["F277W"], 7.0, law=law)
        ages, metallicities = np.geomspace(1e6, 5e8, 30), np.full(30, 0.2)
        free = table.v_and_b(ages, metallicities).sum(axis=0)
        dusty = table.v_and_b(ages, metallicities, np.full(30, 0.6)).sum(axis=0)
        a_v, a_b = -2.5 * np.log10(dusty / free)
        assert a_v == pytest.approx(0.6, rel=1e-9)
        assert a_v / (a_b - a_v) == pytest.approx(get_dust_law(law).r_v, rel=0.06)

    def test_dust_in_front_of_the_young_greys_the_whole(self, grid):
        table = LightTable(grid, ["F277W"], 7.0, law="SMC")
        stars = ([3e6, 5e8], [0.2, 0.2])
        masses = np.array([1.0, 300.0])
        free = masses @ table.v_and_b(*stars)
        a_v, a_b = -2.5 * np.log10(masses @ table.v_and_b(*stars, [2.0, 0.0]) / free)
        assert 0 < a_v < 2.0
        assert a_v / (a_b - a_v) > get_dust_law("SMC").r_v

    def test_toy_v_and_b(self):
        v, b = LightTable(toy_grid(n_wave=4000), ["F150W"], 1.0).v_and_b([1e9], [1.0])[0]
        assert v == pytest.approx(1.0, rel=1e-3)
        assert b == pytest.approx((4400 / 5500) ** -2, rel=1e-3)


class TestGrid:
    def test_surviving_fraction(self):
        fractions = toy_grid().surviving_fraction([1e5, 1e8, 1e7], [1.0, 0.1, 0.55])
        np.testing.assert_allclose(fractions, [1.0, 0.75, 0.85])

    def test_published_fractions(self, grid):
        """Kroupa stars keep half of their mass after some Gyr (Bruzual & Charlot 2003)."""
        fraction = grid.surviving_fraction([1e6, 1e8, 1e10], [1.0, 1.0, 1.0])
        assert np.all(np.diff(fraction) < 0)
        assert fraction[0] > 0.99
        assert 0.4 < fraction[2] < 0.55

    def test_young_stars_ionise_as_they_should(self, grid):
        """Kroupa stars at 0.02 that form steadily: 1e53.0 to 53.4 photons/s per Msun/yr."""
        stars = SSPGrid(
            grid.wavelength, grid.age, grid.metallicity, grid.luminosity, grid.live_fraction
        )
        table = SpectrumTable(stars, (91.0, 911.7))
        edges = np.linspace(0.0, 1e8, 2001)
        ages = 0.5 * (edges[1:] + edges[:-1])
        light = (
            table.spectrum(ages, np.full(2000, 1.0), np.diff(edges)) * constants.L_sun.cgs.value
        )
        energy = (constants.h * constants.c).cgs.value / (table.wavelength * 1e-8)
        rate = np.log10(np.trapezoid(light / energy, table.wavelength))
        assert 52.9 < rate < 53.4

    def test_log_u_is_linear_between_its_nodes(self, grid):
        low, high, between = (
            LightTable(grid, ["F444W"], 7.0, log_u=log_u).flux([1e6], [0.4])[0, 0]
            for log_u in (-3.0, -2.5, -2.8)
        )
        assert between == pytest.approx(0.6 * low + 0.4 * high, rel=1e-5)

    def test_missing_bagpipes(self, monkeypatch):
        monkeypatch.setattr(ssp_grids, "find_spec", lambda _: None)
        with pytest.raises(MissingDependencyError, match="grid of your own"):
            load_ssp_grid()

    def test_missing_files(self, tmp_path):
        with pytest.raises(ReadError, match="are missing, broken or of another layout"):
            load_ssp_grid(tmp_path)

    def test_broken_file(self, tmp_path):
        (tmp_path / "bc03_miles_stellar_grids.fits").write_bytes(b"SIMPLE  =")
        with pytest.raises(ReadError, match="are missing, broken or of another layout"):
            load_ssp_grid(tmp_path)


class TestUnits:
    """Columns, masks and units of what describes stars and grids."""

    @pytest.mark.parametrize(
        ("ages", "metallicities", "a_v"),
        [
            ([2.0, 200.0] * u.Myr, [0.2, 1.0], [500.0, 0.0] * u.mmag),
            (Column([2e6, 2e8], unit="yr"), Column([0.2, 1.0]), Column([0.5, 0.0], unit="mag")),
            (MaskedColumn([2.0, 200.0], unit="Myr"), np.ma.array([0.2, 1.0]), [0.5, 0.0]),
        ],
    )
    def test_stars(self, ages, metallicities, a_v):
        table = LightTable(toy_grid(), ["F150W"], 1.0, law="Calzetti")
        spectra = SpectrumTable(toy_grid(), law="Calzetti")
        stars = ([2e6, 2e8], [0.2, 1.0])
        np.testing.assert_allclose(
            table.flux(ages, metallicities, a_v), table.flux(*stars, [0.5, 0.0]), rtol=1e-6
        )
        masses = ([1e6, 1e7] * u.Msun).to(u.kg)
        np.testing.assert_allclose(
            spectra.spectrum(ages, metallicities, masses, a_v),
            spectra.spectrum(*stars, [1e6, 1e7], [0.5, 0.0]),
            rtol=1e-6,
        )

    def test_missing_age_is_refused(self):
        table = LightTable(toy_grid(), ["F150W"], 1.0)
        with pytest.raises(InputError, match=r"ages must be .* without missing values"):
            table.flux(MaskedColumn([1e6, 1e7], mask=[0, 1]), [1.0, 1.0])

    def test_grid(self):
        bare = toy_grid(toy_gas())
        gas = bare.nebular
        with_units = SSPGrid(
            wavelength=0.1 * bare.wavelength * u.nm,
            age=Column(1e-6 * bare.age, unit="Myr"),
            metallicity=MaskedColumn(bare.metallicity),
            luminosity=(bare.luminosity * u.Lsun / u.AA / u.Msun).to("erg / (s AA Msun)"),
            live_fraction=Column(bare.live_fraction),
            nebular=NebularGrid(
                log_u=Column(gas.log_u),
                age=1e-6 * gas.age * u.Myr,
                continuum=gas.continuum * u.Lsun / u.AA / u.Msun,
                line_wavelength=Column(1e-4 * gas.line_wavelength, unit="um"),
                lines=gas.lines * u.Lsun / u.Msun,
                max_age=1e-6 * gas.max_age * u.Myr,
            ),
        )
        own, expected = (LightTable(grid, ["F150W"], 1.0) for grid in (with_units, bare))
        np.testing.assert_allclose(own.flux([2e6], [0.2]), expected.flux([2e6], [0.2]), rtol=1e-6)

    def test_grid_of_a_wrong_unit(self):
        bare = toy_grid()
        with pytest.raises(InputError, match="wavelength must have a unit that converts"):
            SSPGrid(
                *(bare.wavelength * u.kg, bare.age, bare.metallicity),
                *(bare.luminosity, bare.live_fraction),
            )

    def test_range_and_step_of_spectra(self):
        grid = toy_grid()
        expected = SpectrumTable(grid, (1500.0, 9000.0), step=500.0)
        own = SpectrumTable(grid, [0.15, 0.9] * u.um, step=50 * u.nm)
        np.testing.assert_allclose(own.wavelength, expected.wavelength)
        with pytest.raises(InputError, match="step must have a unit"):
            SpectrumTable(grid, step=5 * u.s)
        with pytest.raises(InputError, match="wavelength_range must be two finite"):
            SpectrumTable(grid, (1500.0, 2000.0, 3000.0))


class TestInput:
    @given(
        st.lists(
            st.tuples(st.floats(0, 1e12), st.floats(0, 1e3), st.floats(0, 1e3)),
            min_size=0,
            max_size=20,
        )
    )
    def test_any_star_shines(self, stars):
        ages, metallicities, a_v = np.array(stars).reshape(-1, 3).T
        table = LightTable(toy_grid(toy_gas(60), n_wave=60), ["F150W"], 5.0, law="Calzetti")
        free, dusty = table.flux(ages, metallicities), table.flux(ages, metallicities, a_v)
        assert free.shape == dusty.shape == (len(stars), 1)
        assert np.all(np.isfinite(free) & (free >= 0))
        assert np.all((dusty >= 0) & (dusty <= free * (1 + 1e-9)))

    @pytest.mark.parametrize("redshift", [0.0, -1.0, np.nan, np.inf, [7.0], np.ma.masked])
    def test_redshift(self, redshift):
        with pytest.raises(InputError, match="redshift must be one finite number, above zero"):
            LightTable(toy_grid(), ["F150W"], redshift)

    @pytest.mark.parametrize("redshift", [1.0 * u.mag, 7 * u.km / u.s, "7"])
    def test_redshift_of_a_wrong_kind(self, redshift):
        with pytest.raises(InputError, match="redshift must"):
            LightTable(toy_grid(), ["F150W"], redshift)

    def test_band_beyond_the_grid(self):
        with pytest.raises(InputError, match=r"at redshift 0\.01, and band 'F770W' reaches"):
            LightTable(toy_grid(), ["F770W"], 0.01)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"bands": []}, "bands must name"),
            ({"bands": ["F999X"]}, "not a known band"),
            ({"law": "chalk"}, "law must be one of"),
            ({"emission": "dust"}, "emission must be one of total"),
            ({"emission": "Nebula"}, "did you mean 'nebular'"),
            ({"log_u": "high"}, "log_u must be a finite number"),
            ({"log_u": 0.5}, "log_u must lie within -3 to -2"),
        ],
    )
    def test_bad_table(self, arguments, message):
        with pytest.raises(InputError, match=message):
            LightTable(toy_grid(toy_gas()), **({"bands": ["F150W"], "redshift": 1.0} | arguments))

    @pytest.mark.parametrize(
        ("stars", "message"),
        [
            (([1e6, 1e7], [1.0]), "ages and metallicities must be of equal length, got 2 and 1"),
            (([-1.0], [1.0]), "ages must be one-dimensional, finite and not negative"),
            (([np.nan], [1.0]), "ages must be one-dimensional"),
            (([1e6], [np.inf]), "metallicities must be one-dimensional"),
            ((1e6, 1.0), "ages must be one-dimensional"),
            (([1.0] * u.m, [1.0]), "ages must have a unit that converts to yr, got m"),
            ((["old"], [1.0]), "ages must hold numbers, got text such as 'old'"),
            (([1e6], [1.0], [-0.1]), "a_v must be one-dimensional, finite and not negative"),
            (([1e6], [1.0], [0.1, 0.2]), "a_v must have a value for each of the 1 particles"),
            (([1e6], [1.0], ["thick"]), "a_v must hold numbers"),
        ],
    )
    def test_bad_stars(self, stars, message):
        table = LightTable(toy_grid(), ["F150W"], 1.0, law="Calzetti")
        with pytest.raises(InputError, match=message):
            table.flux(*stars)

    def test_dust_without_a_law(self):
        table = LightTable(toy_grid(), ["F150W"], 1.0)
        with pytest.raises(InputError, match="a_v needs a dust law"):
            table.flux([1e6], [1.0], [0.1])
        with pytest.raises(InputError, match="a_v needs a dust law"):
            table.v_and_b([1e6], [1.0], [0.1])

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"age": np.array([0.0, 1e7, 1e9])}, "age must be .* above zero, ascending"),
            ({"metallicity": np.array([1.0])}, "metallicity must be an array of two or more"),
            ({"wavelength": np.linspace(2, 1, 400)}, "wavelength must be .* ascending"),
            ({"luminosity": np.ones((2, 3, 5))}, r"luminosity must have the shape \(2, 3, 400\)"),
            ({"live_fraction": np.ones((3, 2))}, "live_fraction must have the shape"),
            ({"nebular": toy_gas(n_wave=7)}, "nebular must have the metallicities"),
        ],
    )
    def test_bad_grid(self, changes, message):
        fine = toy_grid()
        parts = {name: getattr(fine, name) for name in fine.__dataclass_fields__}
        with pytest.raises(InputError, match=message):
            SSPGrid(**(parts | changes))

    def test_bad_gas(self):
        fine = toy_gas()
        parts = {name: getattr(fine, name) for name in fine.__dataclass_fields__}
        with pytest.raises(InputError, match="lines must have the shape"):
            NebularGrid(**(parts | {"lines": np.ones((2, 2, 2, 3))}))
        with pytest.raises(InputError, match="log_u must be"):
            NebularGrid(**(parts | {"log_u": np.array([-2.0, -3.0])}))
