import numpy as np
import pytest

from dustest.data import InputError
from dustest.simulate import GalaxySimulator, ParticleGalaxy, StarParticles, smooth_stars


def make_galaxy(n=12, tau_v=True):
    rng = np.random.default_rng(3)
    stars = StarParticles(
        position=rng.normal(0.0, 0.3, (n, 3)),
        mass=rng.uniform(1e6, 3e6, n),
        age=rng.uniform(1e6, 2e8, n),
        metallicity=np.linspace(0.001, 0.01, n),
        smoothing=np.full(n, 0.2),
        tau_v=rng.uniform(0.0, 1.0, n) if tau_v else None,
    )
    return ParticleGalaxy(stars, None, redshift=7.0, group="few")


class TestSmoothStars:
    def test_every_star_keeps_its_mass_and_properties(self):
        galaxy = make_galaxy()
        stars = smooth_stars(galaxy, 2500, random_state=1).stars
        assert len(stars) == 2508
        for i in range(12):
            daughters = stars.metallicity == galaxy.stars.metallicity[i]
            assert daughters.sum() == 209
            assert stars.mass[daughters].sum() == pytest.approx(galaxy.stars.mass[i])
            for name in ("age", "tau_v"):
                assert set(getattr(stars, name)[daughters]) == {getattr(galaxy.stars, name)[i]}

    def test_scatter_follows_the_neighbours(self):
        """Four stars in a row: the second neighbour of the outer ones is twice as far."""
        position = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]])
        values = np.array([1e6, 1e7, 1e8, 2e8])
        stars = StarParticles(position, values, values, [0.002] * 4, [0.1] * 4)
        galaxy = ParticleGalaxy(stars, None, 7.0)
        smooth = smooth_stars(galaxy, 40_000, n_neighbours=2, random_state=1).stars
        for age, start, radius in zip(values, position, (2.0, 1.0, 1.0, 2.0), strict=True):
            daughters = smooth.age == age
            offset = smooth.position[daughters] - start
            assert offset.mean(axis=0) == pytest.approx(np.zeros(3), abs=0.03)
            assert offset.std(axis=0) == pytest.approx(np.full(3, radius / 3.0), rel=0.03)
            assert smooth.smoothing[daughters] == pytest.approx(radius / 10_000 ** (1 / 3))

    def test_attenuation_of_the_galaxy_stays(self):
        simulator = GalaxySimulator(["F444W"], photometry_bands=[], spectrograph=None)
        galaxies = make_galaxy(), smooth_stars(make_galaxy(), 600, random_state=1)
        _, truth = simulator.observe(galaxies, random_state=1)
        for name in ("A_V", "E_BV", "log_mass", "log_sSFR"):
            assert np.isclose(truth[name][0], truth[name][1], rtol=1e-10)
        assert 1.0 < truth["half_light_radius"][1] / truth["half_light_radius"][0] < 1.8

    def test_the_seed_fixes_the_particles(self):
        first, again, other = (
            smooth_stars(make_galaxy(), 50, random_state=seed).stars.position for seed in (1, 1, 2)
        )
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)

    def test_a_galaxy_of_enough_stars_stays(self):
        galaxy = make_galaxy()
        assert smooth_stars(galaxy, 12) is galaxy

    def test_without_optical_depths_and_with_one_star(self):
        smooth = smooth_stars(make_galaxy(1, tau_v=False), 3000, random_state=1).stars
        assert smooth.tau_v is None
        assert smooth.position.std(axis=0) == pytest.approx(np.full(3, 0.2 / 3.0), rel=0.05)

    @pytest.mark.parametrize("n", [12, 50])
    def test_wrong_seeds(self, n):
        with pytest.raises(InputError, match="random_state must be"):
            smooth_stars(make_galaxy(), n, random_state="one")

    def test_arguments(self):
        with pytest.raises(InputError, match="galaxy must be a ParticleGalaxy, got StarParticles"):
            smooth_stars(make_galaxy().stars)
        for name in ("n", "n_neighbours"):
            with pytest.raises(InputError, match=f"{name} must be a whole number from 1, got 0"):
                smooth_stars(make_galaxy(), **{name: 0})
