"""Simulated attenuation of slabs and spheres against formulas and radiative transfer."""

import numpy as np
import pytest
from astropy import units as u

from dustest.simulate import (
    V_OPACITY,
    Conditions,
    GalaxySimulator,
    GasParticles,
    ParticleGalaxy,
    StarParticles,
)

OPACITY = V_OPACITY * (u.Msun / u.kpc**2).to(u.g / u.cm**2)
N_STARS, N_GAS = 3000, 40_000


def observe(star_place, gas_place, dust, conditions):
    """Truth of a galaxy of equal stars, whose gas holds a mass of dust in Msun."""
    ones = np.ones(len(star_place))
    stars = StarParticles(star_place, 1e6 * ones, 1e7 * ones, 0.004 * ones, 0.05 * ones)
    ones = np.ones(len(gas_place))
    gas = GasParticles(gas_place, dust / len(ones) / 0.01 * ones, 0.01 * ones, 0.1 * ones)
    galaxy = ParticleGalaxy(stars, gas, redshift=7.0, conditions=conditions)
    simulator = GalaxySimulator(
        ["F444W"], dust_to_metal=1.0, views=["xy"], photometry_bands=[], spectrograph=None
    )
    return simulator.observe([galaxy], random_state=1)[1][0]


def draw_sphere(rng, n):
    """Places within a sphere of 1 kpc."""
    direction = rng.standard_normal((n, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return direction * np.cbrt(rng.random((n, 1)))


@pytest.mark.parametrize("depth", [0.5, 2.0, 5.0])
def test_slab_of_stars_and_dust(depth):
    """(1 - exp(-t)) / t of the light is seen: Natta & Panagia 1984, ApJ 287, 228, section II."""
    rng = np.random.default_rng(170107)
    stars = rng.uniform(-0.5, 0.5, (N_STARS, 3))
    # Gas reaches further across, where its kernels would spread it, but not in depth.
    gas = rng.uniform(-0.5, 0.5, (N_GAS, 3)) * [1.6, 1.6, 1.0]
    truth = observe(stars, gas, 1.6**2 * depth / OPACITY, Conditions())
    seen = -np.expm1(-depth) / depth
    assert truth["A_V"].value == pytest.approx(-2.5 * np.log10(seen), rel=0.03)


@pytest.mark.parametrize(
    ("grains", "a_v", "a_1600"),
    [("SMC", 0.364, 1.21), ("MW", 0.368, 0.768)],
)
def test_sphere_of_stars_and_scattering_dust(grains, a_v, a_1600):
    """Witt & Gordon (2000), table 2: "dusty", homogeneous, tau_V = 1, in optical depths."""
    rng = np.random.default_rng(170108)
    dust = 4.0 / 3.0 * np.pi / OPACITY
    places = draw_sphere(rng, N_STARS), draw_sphere(rng, N_GAS)
    bare, truth = (
        observe(*places, dust, Conditions(grains, scattering=known)) for known in (False, True)
    )
    expected = 2.5 * np.log10(np.e) * np.array([a_v, a_1600])
    np.testing.assert_allclose([truth["A_V"].value, truth["A_1600"].value], expected, rtol=0.12)
    assert bare["A_V"] > 1.4 * truth["A_V"]
    assert bare["log_dust_mass"] == truth["log_dust_mass"]
