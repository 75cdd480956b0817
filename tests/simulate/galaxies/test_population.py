"""Tests of the population of galaxies against the relations that it is drawn from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dustest.data import InputError
from dustest.physics import LightTable, load_ssp_grid
from dustest.simulate import optical_depth
from dustest.simulate.galaxies.histories import BurstyHistory, surviving_fraction
from dustest.simulate.galaxies.particle_galaxy import cosmic_age
from dustest.simulate.galaxies.population import GalaxyPopulation
from dustest.simulate.galaxies.scaling_relations import (
    GasContent,
    MainSequence,
    MassFunction,
    MassMetallicity,
    SizeMass,
    metal_fraction,
)

SINGLE = {"merger_fraction": 0.0}
PUBLISHED = {"main_sequence": MainSequence(), "history": BurstyHistory()}
N_DRAWN = 300


def draw(n=1, redshift=7.0, seed=1, **parameters):
    rng = np.random.default_rng(seed)
    population = GalaxyPopulation(**parameters)
    return [population.draw(redshift, rng) for _ in range(n)]


def log_mass(galaxy):
    return np.log10(np.sum(galaxy.stars.mass * surviving_fraction(galaxy.stars.age)))


def log_rate(galaxy, duration=1e8):
    return np.log10(galaxy.stars.mass[galaxy.stars.age < duration].sum() / duration)


def half_mass_radius(position, mass):
    """Half-mass radius seen along the shortest axis of the particles."""
    axes = np.linalg.eigh((position.T * mass) @ position)[1]
    across = np.linalg.norm(position @ axes[:, 1:], axis=1)
    order = np.argsort(across)
    below = np.cumsum(mass[order])
    return np.interp(0.5 * below[-1], below, across[order])


@pytest.fixture(scope="module")
def drawn():
    mass_function = MassFunction(tilt=1.0)
    return draw(N_DRAWN, log_mass=(8.0, 11.0), mass_function=mass_function, **SINGLE, **PUBLISHED)


@pytest.fixture(scope="module")
def table():
    return LightTable(load_ssp_grid(), ["F277W"], redshift=7.0, law="SMC")


class TestRelations:
    def test_masses_follow_the_mass_function(self, drawn):
        grid = np.linspace(8.0, 11.0, 3000)
        share = np.cumsum(MassFunction(tilt=1.0).density(grid, 7.0))
        masses = [log_mass(galaxy) for galaxy in drawn]
        result = stats.kstest(masses, lambda x: np.interp(x, grid, share / share[-1]))
        assert result.pvalue > 0.01

    def test_rates_over_100_myr_follow_the_main_sequence(self, drawn):
        above = [
            log_rate(galaxy) - MainSequence().median(log_mass(galaxy), 7.0) for galaxy in drawn
        ]
        assert np.median(above) == pytest.approx(0.0, abs=0.05)
        assert np.std(above) == pytest.approx(0.2, rel=0.15)
        slope = np.polyfit([log_mass(galaxy) for galaxy in drawn], above, 1)[0]
        assert slope == pytest.approx(0.0, abs=0.05)

    def test_rates_over_10_myr_scatter_more(self, drawn):
        above = [log_rate(galaxy, 1e7) - log_mass(galaxy) for galaxy in drawn]
        assert 0.4 < np.std(above) < 0.55

    def test_sizes_follow_size_and_mass(self, drawn):
        sizes = [half_mass_radius(galaxy.stars.position, galaxy.stars.mass) for galaxy in drawn]
        above = [
            np.log10(size) - SizeMass().median(log_mass(galaxy), 7.0)
            for size, galaxy in zip(sizes, drawn, strict=True)
        ]
        assert np.median(above) == pytest.approx(0.0, abs=0.05)
        assert np.std(above) == pytest.approx(0.2, rel=0.2)

    def test_metals_follow_the_mass_metallicity_relation(self, drawn):
        above = [
            np.log10(galaxy.gas.metallicity[0])
            - np.log10(metal_fraction(MassMetallicity().median(log_mass(galaxy))))
            for galaxy in drawn
        ]
        assert np.median(above) == pytest.approx(0.0, abs=0.05)
        assert np.std(above) == pytest.approx(0.2, rel=0.15)

    def test_gas_follows_the_rate(self, drawn):
        above = []
        for galaxy in drawn:
            offset = log_rate(galaxy) - MainSequence().median(log_mass(galaxy), 7.0)
            median = GasContent().median(log_rate(galaxy), offset)
            above.append(np.log10(galaxy.gas.mass.sum()) - median)
        assert np.median(above) == pytest.approx(0.0, abs=0.05)
        assert np.std(above) == pytest.approx(0.2, rel=0.15)

    @pytest.mark.parametrize(
        ("name", "relation"),
        [
            ("main_sequence", MainSequence(scatter=0.0)),
            ("mass_metallicity", MassMetallicity(scatter=0.0)),
            ("gas_content", GasContent(scatter=0.0)),
        ],
    )
    def test_a_relation_without_scatter_is_followed_exactly(self, name, relation):
        (galaxy,) = draw(log_mass=(9.0, 9.0), **SINGLE | PUBLISHED | {name: relation})
        if name == "main_sequence":
            assert log_rate(galaxy) == pytest.approx(relation.median(9.0, 7.0), abs=0.01)
        elif name == "mass_metallicity":
            expected = metal_fraction(relation.median(9.0))
            assert galaxy.gas.metallicity[0] == pytest.approx(expected)
        else:
            offset = log_rate(galaxy) - MainSequence().median(9.0, 7.0)
            expected = relation.median(log_rate(galaxy), offset)
            assert np.log10(galaxy.gas.mass.sum()) == pytest.approx(expected, abs=0.01)

    @pytest.mark.parametrize("spheroid_share", [(0.0, 0.0), (0.6, 0.6)])
    def test_the_radius_seen_face_on_is_the_one_asked_for(self, spheroid_share):
        galaxies = draw(
            20,
            log_mass=(9.0, 9.0),
            size_mass=SizeMass(scatter=0.0),
            spheroid_share=spheroid_share,
            region_share=0.0,
            clumpy_fraction=0.0,
            **SINGLE,
        )
        radii = [half_mass_radius(galaxy.stars.position, galaxy.stars.mass) for galaxy in galaxies]
        assert np.median(radii) == pytest.approx(2.74 * 8.0**-0.79, rel=0.04)

    def test_the_share_of_mergers_can_be_set(self):
        galaxies = draw(
            200,
            log_mass=(9.0, 9.0),
            n_stars=300,
            n_gas=2,
            merger_fraction=0.3,
            merger_separation=(40.0, 40.0),
        )
        extents = [np.ptp(galaxy.stars.position, axis=0).max() for galaxy in galaxies]
        # Of 40 kpc, 23 at least lie along one of the axes.
        assert np.mean(np.greater(extents, 23.0)) == pytest.approx(0.3, abs=0.08)


class TestParts:
    def test_mergers_have_the_separation_and_ratio_asked_for(self):
        (galaxy,) = draw(
            log_mass=(9.0, 9.0),
            merger_fraction=1.0,
            merger_separation=(5.0, 5.0),
            merger_ratio=(0.5, 0.5),
            size_mass=SizeMass(scatter=0.0),
        )
        position, mass = galaxy.stars.position, galaxy.stars.mass
        axis = np.linalg.eigh((position.T * mass) @ position)[1][:, 2]
        along = position @ axis
        second = along * np.sign(np.median(along)) < 0.0
        centres = [np.median(position[rows], axis=0) for rows in (second, ~second)]
        assert np.linalg.norm(centres[0] - centres[1]) == pytest.approx(5.0, rel=0.03)
        share = mass[second].sum() / mass.sum()
        assert min(share, 1.0 - share) == pytest.approx(1.0 / 3.0, abs=0.04)

    def test_the_centre_of_mass_is_the_origin(self):
        for galaxy in draw(5, merger_fraction=1.0):
            centre = galaxy.stars.mass @ galaxy.stars.position
            np.testing.assert_allclose(centre / galaxy.stars.mass.sum(), 0.0, atol=1e-9)

    def test_clumps_hold_their_share_of_young_stars(self):
        parameters = {"log_mass": (10.0, 10.0), "region_share": 0.0, "clumpy_fraction": 1.0}
        (plain,) = draw(clump_share=0.0, **parameters, **SINGLE)
        assert len(np.unique(plain.stars.smoothing)) == 1
        n_young, n_in_clumps = 0, 0
        for galaxy in draw(10, clump_share=0.5, **parameters, **SINGLE):
            fine = galaxy.stars.smoothing == galaxy.stars.smoothing.min()
            young = galaxy.stars.age < 3e7
            assert not np.any(fine[~young])
            n_young, n_in_clumps = n_young + young.sum(), n_in_clumps + fine[young].sum()
        assert stats.binomtest(n_in_clumps, n_young, 0.5).pvalue > 0.01

    def test_young_stars_lie_in_a_thinner_layer(self):
        (galaxy,) = draw(
            log_mass=(10.0, 10.0), spheroid_share=(0.0, 0.0), region_share=0.0, **SINGLE
        )
        position = galaxy.stars.position
        normal = np.linalg.eigh(position.T @ position)[1][:, 0]
        height = np.abs(position @ normal)
        young = galaxy.stars.age < 3e7
        assert np.median(height[young]) < 0.6 * np.median(height[~young])

    def test_dense_gas_carries_its_share_of_the_mass_and_all_dust(self):
        (galaxy,) = draw(dense_share=0.3)
        gas = galaxy.gas
        assert gas.mass[gas.dusty].sum() / gas.mass.sum() == pytest.approx(0.3)
        assert gas.dusty.mean() == pytest.approx(0.8)

    def test_diffuse_gas_is_more_extended_than_dense_gas_and_stars(self):
        (galaxy,) = draw(log_mass=(9.0, 9.0), gas_extent=2.5, dense_extent=1.5, **SINGLE)
        gas, stars = galaxy.gas, galaxy.stars
        of_stars = half_mass_radius(stars.position, stars.mass)
        dense = half_mass_radius(gas.position[gas.dusty], gas.mass[gas.dusty])
        diffuse = half_mass_radius(gas.position[~gas.dusty], gas.mass[~gas.dusty])
        assert dense / of_stars == pytest.approx(1.5, rel=0.25)
        assert diffuse / of_stars == pytest.approx(2.5, rel=0.15)

    def test_older_stars_are_poorer_in_metals(self):
        (galaxy,) = draw(enrichment=0.3, **PUBLISHED)
        ratio = galaxy.stars.metallicity / galaxy.gas.metallicity[0]
        assert ratio[0] == pytest.approx(1.0, abs=0.01)
        assert np.log10(ratio[-1]) == pytest.approx(-0.3, abs=0.01)
        assert np.all(np.diff(ratio) <= 0.0)

    def test_kernels_are_few_and_never_tiny(self):
        for galaxy in draw(20, log_mass=(8.0, 11.0)):
            assert len(np.unique(galaxy.stars.smoothing)) <= 2
            assert len(np.unique(galaxy.gas.smoothing)) <= 3
            assert galaxy.stars.smoothing.min() >= 0.02

    def test_galaxies_are_seen_from_anywhere(self):
        galaxies = draw(200, n_stars=500, n_gas=200, spheroid_share=(0.0, 0.0), **SINGLE)
        cosine = []
        for galaxy in galaxies:
            dense = galaxy.gas.position[galaxy.gas.dusty]
            cosine.append(np.abs(np.linalg.eigh(dense.T @ dense)[1][2, 0]))
        assert stats.kstest(cosine, "uniform").pvalue > 0.01


class TestDust:
    def a_v(self, galaxy, table, rows=slice(None)):
        screen = 1.086 * optical_depth(galaxy, 0.4)
        stars = galaxy.stars
        light = [
            stars.mass[rows]
            @ table.v_and_b(stars.age[rows], stars.metallicity[rows] / 0.02, a_v=dust)[:, 0]
            for dust in (np.zeros(screen[rows].size), screen[rows])
        ]
        return -2.5 * np.log10(light[1] / light[0])

    @pytest.mark.parametrize(("mass", "low", "high"), [(9.0, 0.1, 0.4), (10.5, 0.5, 1.6)])
    def test_massive_galaxies_are_dustier(self, table, mass, low, high):
        galaxies = draw(60, log_mass=(mass, mass))
        a_v = [self.a_v(galaxy, table) for galaxy in galaxies]
        assert low < np.median(a_v) < high
        low, high = np.percentile(a_v, [16, 84])
        assert high > 1.7 * low

    def test_young_stars_are_behind_more_dust_than_old_ones(self, table):
        young, old = [], []
        for galaxy in draw(40, log_mass=(9.0, 10.0)):
            young.append(self.a_v(galaxy, table, galaxy.stars.age < 1e7))
            old.append(self.a_v(galaxy, table, galaxy.stars.age > 1e8))
        assert np.median(young) > 1.3 * np.median(old)


class TestDraw:
    def test_the_same_seed_gives_the_same_galaxy(self):
        population = GalaxyPopulation()
        first, again, other = (population.draw(7.0, seed) for seed in (1, 1, 2))
        for particles in ("stars", "gas"):
            for key in ("position", "mass", "metallicity", "smoothing"):
                left, right, third = (
                    getattr(getattr(galaxy, particles), key) for galaxy in (first, again, other)
                )
                np.testing.assert_array_equal(left, right)
                assert not np.array_equal(left, third)

    def test_a_generator_goes_on(self):
        first, second = draw(2)
        assert not np.array_equal(first.stars.age, second.stars.age)

    def test_the_record_says_what_it_is(self):
        galaxy = GalaxyPopulation(n_stars=30, n_gas=20).draw(8.5, 1, group="g7")
        assert (galaxy.redshift, galaxy.group) == (8.5, "g7")
        assert (len(galaxy.stars), len(galaxy.gas)) == (30, 20)

    @settings(max_examples=40, deadline=None)
    @given(
        redshift=st.floats(4.0, 12.0),
        low=st.floats(6.5, 11.0),
        width=st.floats(0.0, 1.0),
        n_stars=st.integers(1, 400),
        n_gas=st.integers(2, 400),
        fractions=st.tuples(*[st.floats(0.0, 1.0)] * 5),
        seed=st.integers(0, 10_000),
    )
    def test_any_parameters_give_a_sound_galaxy(
        self, redshift, low, width, n_stars, n_gas, fractions, seed
    ):
        names = (
            "merger_fraction",
            "clumpy_fraction",
            "clump_share",
            "region_share",
            "dense_share",
        )
        population = GalaxyPopulation(
            log_mass=(low, low + width),
            n_stars=n_stars,
            n_gas=n_gas,
            **dict(zip(names, fractions, strict=True)),
        )
        galaxy = population.draw(redshift, seed)
        assert (len(galaxy.stars), len(galaxy.gas)) == (n_stars, n_gas)
        assert galaxy.stars.age.max() < cosmic_age(redshift)
        assert np.all(np.diff(galaxy.stars.age) >= 0.0)
        assert galaxy.gas.dusty.any()
        assert galaxy.gas.mass.sum() > 0.0

    @pytest.mark.parametrize(
        ("parameters", "sentence"),
        [
            ({"n_stars": 0}, "n_stars must be a whole number from 1, got 0"),
            ({"n_gas": 1}, "n_gas must be a whole number from 2, got 1"),
            ({"log_mass": (10.0, 9.0)}, "log_mass must be two numbers in ascending order"),
            ({"log_mass": (1e8, 1e11)}, "log_mass must be two numbers .* from 4 to 13"),
            ({"log_mass": 9.0}, "log_mass must be two numbers"),
            ({"log_mass": ("8", "9")}, "log_mass must be two numbers"),
            ({"merger_ratio": (0.5, 2.0)}, "merger_ratio must be two numbers"),
            ({"merger_separation": (-1.0, 2.0)}, "merger_separation must be two numbers"),
            ({"spheroid_share": (0.0, np.nan)}, "spheroid_share must be two numbers"),
            ({"merger_fraction": 1.2}, "merger_fraction must be a number from 0 to 1, got 1.2"),
            ({"dense_share": np.nan}, "dense_share must be a number from 0 to 1"),
            ({"clump_share": None}, "clump_share must be a number from 0 to 1"),
            ({"thickness": 0.0}, "thickness must be a positive finite number"),
            ({"gas_extent": -1.0}, "gas_extent must be a positive finite number"),
            ({"enrichment": np.nan}, "enrichment must be a finite number, got nan"),
        ],
    )
    def test_bad_parameters_are_refused_in_a_sentence(self, parameters, sentence):
        with pytest.raises(InputError, match=sentence):
            GalaxyPopulation(**parameters)

    @pytest.mark.parametrize("redshift", [3.9, 14.1, np.nan, "7"])
    def test_redshifts_without_relations_are_refused(self, redshift):
        with pytest.raises(InputError, match="redshift must be a number from 4 to 14"):
            GalaxyPopulation().draw(redshift, 1)
