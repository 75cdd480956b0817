"""Tests of dust columns and attenuation against closed forms and a direct sum over kernels."""

from importlib.resources import files

import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from astropy.table import Column
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.spatial import cKDTree

from dustest.data import InputError
from dustest.physics import get_dust_law
from dustest.simulate import (
    V_OPACITY,
    GasParticles,
    ParticleGalaxy,
    StarParticles,
    attenuate,
    dust_column,
    dust_mass,
    effective_attenuation,
    effective_dust,
    optical_depth,
    view,
)

MAG_PER_TAU = 2.5 / np.log(10.0)


def make_stars(position, **changed):
    n = len(position)
    columns = {
        "mass": np.ones(n),
        "age": np.full(n, 1e7),
        "metallicity": np.full(n, 0.01),
        "smoothing": np.full(n, 0.1),
    }
    return StarParticles(position, **columns | changed)


def make_gas(position, mass=1e6, smoothing=0.2, dusty=None):
    n = len(position)
    return GasParticles(
        position, np.full(n, mass), np.full(n, 0.01), np.broadcast_to(smoothing, n), dusty
    )


def lattice(*edges):
    return np.stack([axis.ravel() for axis in np.meshgrid(*edges)], axis=1)


def make_sheet(surface_density, z=0.0):
    """Gas that fills -2 to 2 kpc in x and y, so that 0.01 of its mass per area are metals."""
    spacing = 0.1
    edge = np.arange(-2.0, 2.0 + spacing / 2, spacing)
    return make_gas(lattice(edge, edge, [z]), surface_density * spacing**2, smoothing=0.3)


def make_blob(n, rng):
    """Stars and gas of a Gaussian cloud, the kernels reaching to the 32nd neighbour."""
    gas_position = rng.normal(size=(n, 3))
    smoothing = cKDTree(gas_position).query(gas_position, 32)[0][:, -1]
    gas = make_gas(gas_position, mass=1e9 / n, smoothing=smoothing)
    return make_stars(rng.normal(size=(n, 3))), gas


def kernel(q):
    """The cubic spline of radius one, in three dimensions."""
    return (
        8.0 / np.pi * np.where(q < 0.5, 1 - 6 * q**2 + 6 * q**3, 2 * np.maximum(1 - q, 0.0) ** 3)
    )


def direct_column(stars, gas, dust_to_metal):
    """The same column as a sum over all pairs, each kernel integrated along the line of sight."""
    along = np.linspace(-1.0, 1.0, 401)
    column = np.zeros(len(stars))
    for i, position in enumerate(stars.position):
        offset = (gas.position - position) / gas.smoothing[:, np.newaxis]
        near = np.hypot(offset[:, 0], offset[:, 1]) < 1.0
        impact = np.hypot(offset[near, 0], offset[near, 1])[:, np.newaxis]
        profile = kernel(np.hypot(impact, along))
        profile[along < -offset[near, 2][:, np.newaxis]] = 0.0
        mass = dust_to_metal * gas.metallicity[near] * gas.mass[near] / gas.smoothing[near] ** 2
        column[i] = np.sum(mass * np.trapezoid(profile, along, axis=1))
    return column


class TestDustMass:
    def test_is_a_share_of_the_metals_of_the_dusty_gas(self):
        gas = make_gas([[0, 0, 0], [1, 0, 0]], dusty=[True, False])
        assert dust_mass(gas, 0.3).tolist() == [pytest.approx(3000.0), 0.0]

    @given(share=st.one_of(st.floats(max_value=-1e-9), st.floats(min_value=1 + 1e-9)))
    def test_shares_outside_zero_to_one_are_refused(self, share):
        with pytest.raises(InputError, match="dust_to_metal must be a number from 0 to 1"):
            dust_mass(make_gas([[0, 0, 0]]), share)

    @pytest.mark.parametrize("share", [np.nan, np.array([0.1, 0.2]), "half"])
    def test_shares_that_are_no_number_are_refused(self, share):
        with pytest.raises(InputError, match="dust_to_metal must be a number from 0 to 1"):
            dust_mass(make_gas([[0, 0, 0]]), share)


class TestColumn:
    def test_a_sheet_covers_what_lies_behind_it_and_nothing_else(self):
        rng = np.random.default_rng(1)
        across = rng.uniform(-1.0, 1.0, (1000, 2))
        behind = np.column_stack([across, rng.uniform(-5.0, -0.5, 1000)])
        before = np.column_stack([across, rng.uniform(0.5, 5.0, 1000)])
        sheet = make_sheet(1e9)
        column = dust_column(make_stars(np.concatenate([behind, before])), sheet, 0.5)
        assert column[:1000].mean() == pytest.approx(5e6, rel=0.01)
        assert column[:1000].std() < 0.05 * 5e6
        assert np.all(column[1000:] == 0.0)

    def test_stars_beside_the_gas_have_no_column(self):
        stars = make_stars([[0.0, 0.0, -1.0], [20.0, 0.0, -1.0], [0.0, -20.0, -1.0]])
        column = dust_column(stars, make_sheet(1e9), 0.5)
        assert column[0] > 1e6
        assert np.all(column[1:] == 0.0)

    def test_agrees_with_the_sum_over_all_pairs(self):
        stars, gas = make_blob(800, np.random.default_rng(2))
        exact = direct_column(stars, gas, 0.4)
        column = dust_column(stars, gas, 0.4)
        deep = exact > np.median(exact)
        assert column.sum() == pytest.approx(exact.sum(), rel=0.01)
        assert np.median(np.abs(column[deep] / exact[deep] - 1.0)) < 0.05

    def test_far_particles_do_not_blur_the_centre(self):
        rng = np.random.default_rng(3)
        stars, gas = make_blob(500, rng)
        halo = rng.uniform(-40.0, 40.0, (100, 3))
        wider = make_stars(np.concatenate([stars.position, halo]))
        far_gas = GasParticles(
            np.concatenate([gas.position, halo]),
            *(np.concatenate([gas.mass, gas.mass[:100]]), np.full(600, 0.01)),
            np.concatenate([gas.smoothing, np.full(100, 10.0)]),
        )
        exact = direct_column(wider, far_gas, 0.4)[:500]
        assert dust_column(wider, far_gas, 0.4)[:500].sum() == pytest.approx(exact.sum(), rel=0.03)

    @pytest.mark.parametrize("n_cells", [1, 2.5, "64"])
    def test_n_cells_must_be_an_integer_of_at_least_two(self, n_cells):
        with pytest.raises(InputError, match="n_cells must be an integer"):
            dust_column(make_stars([[0, 0, 0]]), make_sheet(1e9), 0.5, n_cells=n_cells)

    @given(
        dust_to_metal=st.floats(0.0, 1.0),
        position=st.lists(st.tuples(*[st.floats(-1e3, 1e3)] * 3), min_size=1, max_size=5),
        smoothing=st.floats(1e-3, 1e3),
    )
    def test_any_few_particles_give_finite_columns(self, dust_to_metal, position, smoothing):
        gas = make_gas(position[::-1], smoothing=smoothing)
        column = dust_column(make_stars(position), gas, dust_to_metal)
        assert np.all(np.isfinite(column) & (column >= 0.0))


class TestOpticalDepth:
    @pytest.mark.parametrize(
        ("table", "row", "opacity"),
        [("MW_3.1_60_D03", "5.49541E-01", V_OPACITY), ("SMCbar_0", "5.495E-01", 1.56e4)],
    )
    def test_opacities_are_those_of_draine(self, table, row, opacity):
        path = files("dust_extinction") / "data" / f"kext_albedo_WD_{table}.dat"
        lines = [line.split() for line in path.read_text().splitlines()]
        albedo, absorption = next((float(x[1]), float(x[4])) for x in lines if x[:1] == [row])
        assert absorption / (1.0 - albedo) == pytest.approx(opacity, rel=0.005)

    def test_units(self):
        galaxy = ParticleGalaxy(make_stars([[0.0, 0.0, -1.0]]), make_sheet(1e9), 7.0)
        column = dust_column(galaxy.stars, galaxy.gas, 0.5)[0] * constants.M_sun / u.kpc**2
        expected = (column * V_OPACITY * u.cm**2 / u.g).to_value(u.dimensionless_unscaled)
        assert optical_depth(galaxy, 0.5)[0] == pytest.approx(expected, rel=1e-6)
        assert optical_depth(galaxy, 0.5, opacity=0.0)[0] == 0.0

    def test_stars_may_carry_their_own(self):
        stars = make_stars([[0, 0, 0]], tau_v=[0.7])
        assert optical_depth(ParticleGalaxy(stars, None, 7.0)).tolist() == [0.7]

    def test_what_is_missing_is_said(self):
        bare = ParticleGalaxy(make_stars([[0, 0, 0]]), None, 7.0, "one")
        with pytest.raises(InputError, match="needs gas that contains dust, but galaxy 'one'"):
            optical_depth(bare, 0.5)
        with pytest.raises(InputError, match="dust_to_metal must be given"):
            optical_depth(bare)
        with pytest.raises(InputError, match="opacity must be a number"):
            optical_depth(bare, 0.5, opacity=-1.0)


class TestClosedForms:
    @pytest.mark.parametrize("dust_to_metal", [0.1, 0.5, 0.9])
    def test_slab_in_front(self, dust_to_metal):
        across = np.random.default_rng(4).uniform(-1.0, 1.0, (2000, 2))
        stars = make_stars(np.column_stack([across, np.full(2000, -1.0)]))
        galaxy = ParticleGalaxy(stars, make_sheet(2e7), 7.0)
        column = dust_to_metal * 0.01 * 2e7 * u.Msun / u.kpc**2
        tau = (column * V_OPACITY * u.cm**2 / u.g).to_value(u.dimensionless_unscaled)
        dust = effective_dust(np.ones(2000), optical_depth(galaxy, dust_to_metal))
        assert pytest.approx(MAG_PER_TAU * tau, rel=0.01) == dust.A_V

    @pytest.mark.parametrize("tau", [0.3, 1.0, 3.0])
    def test_mixed_slab(self, tau):
        # Thick against the kernels, which would soften its faces, as the closed form does not.
        edge, depth = np.arange(-1.2, 1.25, 0.1), np.arange(-9.75, 10.0, 0.5)
        gas = make_gas(lattice(edge, edge, depth), 1e6, smoothing=0.3)
        z = np.linspace(-10.0, 10.0, 4001)[:-1] + 2.5e-3
        across = np.random.default_rng(5).uniform(-0.5, 0.5, (4000, 2))
        galaxy = ParticleGalaxy(make_stars(np.column_stack([across, z])), gas, 7.0)
        column = len(depth) * 0.5 * 0.01 * 1e6 / 0.1**2 * u.Msun / u.kpc**2
        opacity = (tau / column).to_value(u.cm**2 / u.g)
        depths = optical_depth(galaxy, 0.5, opacity=opacity)
        light = attenuate(np.ones(4000), depths, 5500.0)
        assert light.mean() == pytest.approx((1.0 - np.exp(-tau)) / tau, rel=0.01)

    def test_no_dust_is_exactly_nothing(self):
        stars, gas = make_blob(300, np.random.default_rng(6))
        dust = effective_dust(stars.mass, optical_depth(ParticleGalaxy(stars, gas, 7.0), 0.0))
        assert (dust.A_V, dust.E_BV) == (0.0, 0.0)
        assert np.signbit(dust.A_V) == np.False_
        assert np.isnan(dust.R_V)

    @pytest.mark.parametrize("law", ["SMC", "Calzetti", "MW"])
    def test_dust_raises_a_v_and_greys_a_mixed_galaxy(self, law):
        stars, gas = make_blob(800, np.random.default_rng(7))
        galaxy = view(ParticleGalaxy(stars, gas, 7.0), "octant")
        dust = [
            effective_dust(stars.mass, optical_depth(galaxy, share), law)
            for share in (1e-4, 0.1, 0.3, 0.6, 1.0)
        ]
        blue, visual = get_dust_law(law).a_over_av(np.array([4400.0, 5500.0]))
        assert pytest.approx(visual / (blue - visual), rel=0.01) == dust[0].R_V
        assert np.all(np.diff([one.A_V for one in dust]) > 0.0)
        assert np.all(np.diff([one.R_V for one in dust]) > 0.0)

    def test_r_v_of_a_mixed_slab(self):
        ratio = get_dust_law("SMC").a_over_av(4400.0)
        left_v, left_b = (
            quad(lambda tau, r=r: np.exp(-3.0 * tau * r), 0, 1)[0] for r in (1, ratio)
        )
        a_v, a_b = -2.5 * np.log10(left_v), -2.5 * np.log10(left_b)
        dust = effective_dust(np.ones(20001), np.linspace(0.0, 3.0, 20001), "SMC")
        assert pytest.approx(a_v / (a_b - a_v), rel=1e-3) == dust.R_V


class TestLight:
    def test_attenuation_follows_the_law(self):
        wavelength = np.array([1600.0, 5500.0])
        light = attenuate(np.ones((2, 2)), [0.0, 0.5], wavelength, "SMC")
        expected = np.exp(-0.5 * get_dust_law("SMC").a_over_av(wavelength))
        assert light[0].tolist() == [1.0, 1.0]
        assert light[1] == pytest.approx(expected)
        assert attenuate(np.ones(2), [0.0, 0.5], wavelength, "SMC") == pytest.approx(light)

    def test_units_and_masks(self):
        expected = attenuate([1.0, 1.0], [0.0, 0.5], 1600.0)
        for wavelength in (160 * u.nm, Column(1600.0, unit="AA")):
            light = attenuate([1.0, 1.0] * u.Lsun, Column([0.0, 0.5]), wavelength)
            np.testing.assert_allclose(light, expected)
        with pytest.raises(InputError, match="tau_v must be plain numbers, got mag"):
            attenuate([1.0], [0.1] * u.mag, 5500.0)
        with pytest.raises(InputError, match="tau_v must be one-dimensional, finite"):
            attenuate([1.0, 1.0], np.ma.array([0.1, 0.2], mask=[0, 1]), 5500.0)

    def test_units_of_light_before_and_behind(self):
        before = [2.0, 2.0] * u.Lsun
        behind = ([2.0, 0.0] * u.Lsun).to(u.erg / u.s)
        expected = effective_attenuation([2.0, 2.0], [2.0, 0.0])
        assert effective_attenuation(before, behind) == pytest.approx(expected)
        with pytest.raises(InputError, match="attenuated must have a unit"):
            effective_attenuation(before, [2.0, 0.0])

    @pytest.mark.parametrize("tau_v", [[-0.1], [np.nan], [[0.1]]])
    def test_bad_optical_depths_are_refused(self, tau_v):
        with pytest.raises(InputError, match="tau_v must be one-dimensional, finite"):
            attenuate([1.0], tau_v, 5500.0)

    def test_bad_shapes_are_refused(self):
        with pytest.raises(InputError, match=r"luminosity must have the shape \(2, 3\) or \(2,\)"):
            attenuate(np.ones((2, 2)), [0.1, 0.2], [1600.0, 2000.0, 5500.0])
        with pytest.raises(InputError, match="intrinsic and attenuated must be arrays of one"):
            effective_attenuation([1.0, 1.0], [1.0])
        with pytest.raises(InputError, match="intrinsic must sum to more than zero"):
            effective_attenuation([0.0, 0.0], [0.0, 0.0])

    @given(
        light=st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20),
        tau=st.floats(0.0, 50.0),
    )
    def test_a_screen_dims_every_galaxy_alike(self, light, tau):
        light = np.array(light)
        a_v = effective_attenuation(light, light * np.exp(-tau))
        assert a_v == pytest.approx(MAG_PER_TAU * tau, abs=1e-9)
