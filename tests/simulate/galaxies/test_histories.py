"""Tests of the bursty star-formation histories and the stars drawn from them."""

import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import Planck15
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dustest.data import InputError
from dustest.physics import load_ssp_grid
from dustest.simulate.galaxies.histories import (
    BurstyHistory,
    StarFormationHistory,
    surviving_fraction,
)
from dustest.simulate.galaxies.particle_galaxy import cosmic_age


def draw(n=1, mass=1e9, rate=3.0, redshift=7.0, seed=1, **parameters):
    rng = np.random.default_rng(seed)
    history = BurstyHistory(**parameters)
    return [history.draw(mass, rate, redshift, rng) for _ in range(n)]


def survived(history):
    age = 1e6 * (np.arange(history.rate.size) + 0.5)
    return np.sum(history.rate * 1e6 * surviving_fraction(age))


class TestSurvivingFraction:
    def test_it_follows_the_grid_of_stellar_populations(self):
        age = np.geomspace(1e7, 1e9, 40)
        grid = load_ssp_grid().surviving_fraction(age, np.full(age.size, 0.2))
        np.testing.assert_allclose(surviving_fraction(age), grid, atol=0.015)

    def test_nothing_is_lost_at_birth(self):
        assert surviving_fraction(0.0) == 1.0


class TestCosmicAge:
    @pytest.mark.parametrize("redshift", [4.0, 7.0, 30.0])
    def test_it_is_that_of_planck(self, redshift):
        assert cosmic_age(redshift) == Planck15.age(redshift).to_value(u.yr)


class TestHistory:
    @settings(max_examples=40, deadline=None)
    @given(
        log_mass=st.floats(7.0, 11.5),
        share=st.floats(0.02, 0.9),
        redshift=st.floats(4.0, 12.0),
        scatter=st.floats(0.0, 0.7),
        correlation_time=st.floats(1e6, 3e8),
        seed=st.integers(0, 1000),
    )
    def test_mass_and_rate_are_those_asked_for(
        self, log_mass, share, redshift, scatter, correlation_time, seed
    ):
        mass = 10.0**log_mass
        rate = share * mass / 1e8
        (history,) = draw(
            1,
            mass,
            rate,
            redshift,
            seed,
            scatter=scatter,
            correlation_time=correlation_time,
        )
        assert np.all(history.rate >= 0.0)
        assert survived(history) == pytest.approx(mass)
        assert history.mean_rate(1e8) == pytest.approx(rate, rel=1e-3)
        assert history.rate.size * 1e6 < cosmic_age(redshift)

    def test_rates_that_the_mass_does_not_allow_are_lowered(self):
        (history,) = draw(rate=100.0)
        assert survived(history) == pytest.approx(1e9)
        young = history.rate[:100] @ surviving_fraction(1e6 * (np.arange(100) + 0.5))
        assert young * 1e6 / 1e9 == pytest.approx(0.95, abs=1e-3)

    def test_without_scatter_it_is_an_exponential(self):
        (history,) = draw(scatter=0.0, rate=5.0)
        steps = np.diff(np.log(history.rate))
        np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
        assert steps[0] < 0.0

    def test_the_walk_has_its_scatter_and_its_correlation_time(self):
        histories = draw(300, scatter=0.4, correlation_time=3e7, seed=3)
        walk = np.log10([history.rate[::10] for history in histories])
        steps = walk[:, 1:] - walk[:, :-1]
        # Structure function of a damped random walk: 2 sigma^2 (1 - exp(-t / tau)).
        expected = np.sqrt(2.0 * 0.4**2 * (1.0 - np.exp(-1.0 / 3.0)))
        assert steps.std() == pytest.approx(expected, rel=0.05)
        long = walk[:, 30:] - walk[:, :-30]
        assert (long - long.mean(axis=0)).std() == pytest.approx(np.sqrt(2.0) * 0.4, rel=0.3)

    @pytest.mark.parametrize("redshift", [6.0, 7.0, 8.0])
    def test_short_rates_scatter_as_observed(self, redshift):
        rng = np.random.default_rng(5)
        rates = 10.0 ** (np.log10(2.7) + 0.2 * rng.standard_normal(400))
        drawn = [BurstyHistory().draw(1e9, rate, redshift, rng) for rate in rates]
        short = np.log10([history.mean_rate(1e7) for history in drawn])
        # Simmonds et al. 2025: 0.4 to 0.5 dex over 10 Myr, 0.2 over 100 Myr.
        assert 0.4 < short.std() < 0.55

    def test_mean_rates_count_the_latest_years(self):
        history = StarFormationHistory(np.array([4.0] * 10 + [1.0] * 90))
        assert history.mean_rate(1e7) == 4.0
        assert history.mean_rate(1e8) == pytest.approx(1.3)
        assert history.mass_formed == pytest.approx(1.3e8)

    def test_the_same_seed_gives_the_same_history(self):
        first, again, other = draw(seed=1)[0], draw(seed=1)[0], draw(seed=2)[0]
        np.testing.assert_array_equal(first.rate, again.rate)
        assert not np.array_equal(first.rate, other.rate)

    @pytest.mark.parametrize(
        ("parameters", "sentence"),
        [
            ({"scatter": -0.1}, "scatter of a history must be 0 to 3 dex, got -0.1"),
            ({"scatter": np.nan}, "scatter of a history"),
            ({"correlation_time": 0.0}, "correlation_time must be a positive time"),
            ({"correlation_time": np.inf}, "correlation_time must be a positive time"),
        ],
    )
    def test_bad_parameters_are_refused(self, parameters, sentence):
        with pytest.raises(InputError, match=sentence):
            BurstyHistory(**parameters)

    def test_star_formation_must_begin_in_time(self):
        with pytest.raises(InputError, match="first_redshift must lie more than 100 Myr before"):
            draw(first_redshift=7.5)


class TestStars:
    def test_they_add_up_to_the_history(self):
        (history,) = draw(seed=4)
        age, mass = history.draw_stars(2500, np.random.default_rng(1))
        assert mass.sum() == pytest.approx(history.mass_formed)
        for duration in (1e7, 1e8, 3e8):
            rate = mass[age < duration].sum() / duration
            assert rate == pytest.approx(history.mean_rate(duration), rel=0.01)

    def test_ages_weighted_by_mass_follow_the_history(self):
        (history,) = draw(seed=4)
        age, mass = history.draw_stars(4000, np.random.default_rng(1))
        edges = 1e6 * np.arange(history.rate.size + 1)
        formed = np.concatenate([[0.0], np.cumsum(history.rate)])
        share = np.interp(age, edges, formed / formed[-1])
        assert np.max(np.abs(np.cumsum(mass) / mass.sum() - share)) < 0.005

    def test_they_are_sorted_and_none_is_older_than_the_history(self):
        (history,) = draw(redshift=10.0)
        age, _ = history.draw_stars(500, np.random.default_rng(1))
        assert np.all(np.diff(age) >= 0.0)
        assert age[0] >= 0.0
        assert age[-1] <= 1e6 * history.rate.size

    def test_young_stars_are_many_and_light(self):
        history = StarFormationHistory(np.ones(700))
        age, mass = history.draw_stars(2500, np.random.default_rng(1))
        assert np.mean(age < 1e7) > 3.0 * 10.0 / 700.0
        assert mass[-1] / mass[0] == pytest.approx(np.sqrt(702.5 / 3.5), rel=1e-6)

    def test_one_star_takes_all_the_mass(self):
        (history,) = draw()
        age, mass = history.draw_stars(1, np.random.default_rng(1))
        assert age.shape == (1,)
        assert mass[0] == pytest.approx(history.mass_formed)

    def test_light_of_few_particles_is_that_of_many(self):
        (history,) = draw(seed=6)
        light = []
        for n in (2500, 100_000):
            age, mass = history.draw_stars(n, np.random.default_rng(2))
            light.append(np.sum(mass / np.maximum(age, 3e6)))
        assert light[0] == pytest.approx(light[1], rel=0.01)

    def test_ages_are_uniform_within_a_bin(self):
        history = StarFormationHistory(np.array([1.0] + [0.0] * 200))
        age, _ = history.draw_stars(1000, np.random.default_rng(1))
        assert stats.kstest(age / 1e6, "uniform").pvalue > 0.01
