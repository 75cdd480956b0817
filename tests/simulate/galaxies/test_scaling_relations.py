"""Tests of the scaling relations against the numbers of their papers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dustest.data.errors import InputError
from dustest.simulate.galaxies.scaling_relations import (
    GasContent,
    MainSequence,
    MassFunction,
    MassMetallicity,
    SizeMass,
    draw_scattered,
    metal_fraction,
)


class TestMetalFraction:
    def test_the_sun_has_the_metals_of_asplund(self):
        assert metal_fraction(8.69) == pytest.approx(0.014)

    def test_a_tenth_of_the_oxygen_is_a_tenth_of_the_metals(self):
        np.testing.assert_allclose(metal_fraction([7.69, 6.69]), [0.0014, 0.00014])


class TestMassFunction:
    @pytest.mark.parametrize(
        ("redshift", "slope", "log_knee"),
        # Navarro-Carrera et al. 2024, the Schechter fits at the five redshifts.
        [
            (4.0, -1.61, 10.48),
            (5.0, -1.69, 10.45),
            (6.0, -1.88, 10.33),
            (7.0, -1.98, 10.68),
            (8.0, -1.93, 10.70),
        ],
    )
    def test_it_is_the_published_schechter_function_at_the_nodes(self, redshift, slope, log_knee):
        mass = np.array([1e8, 1e9, 1e10, 1e11])
        over = mass / 10**log_knee
        expected = over ** (slope + 1.0) * np.exp(-over)
        ratio = MassFunction().density(np.log10(mass), redshift) / expected
        np.testing.assert_allclose(ratio, ratio[0])

    def test_it_is_constant_beyond_the_nodes_and_between_its_neighbours_within(self):
        relation = MassFunction()
        np.testing.assert_array_equal(relation.density(9.0, 11.0), relation.density(9.0, 8.0))
        ends = sorted([relation.density(8.5, 6.0), relation.density(8.5, 7.0)])
        assert ends[0] < relation.density(8.5, 6.5) < ends[1]

    @pytest.mark.parametrize("tilt", [0.0, 0.8])
    def test_masses_are_drawn_from_the_density(self, tilt):
        relation, limits = MassFunction(tilt=tilt), (8.0, 11.0)
        rng = np.random.default_rng(2)
        drawn = [relation.draw(7.0, limits, rng) for _ in range(2000)]
        grid = np.linspace(*limits, 3000)
        share = np.cumsum(relation.density(grid, 7.0))
        result = stats.kstest(drawn, lambda x: np.interp(x, grid, share / share[-1]))
        assert result.pvalue > 0.01

    def test_a_tilt_draws_more_massive_galaxies(self):
        rng = np.random.default_rng(2)
        medians = [
            np.median([MassFunction(tilt=tilt).draw(7.0, (8.0, 11.0), rng) for _ in range(300)])
            for tilt in (0.0, 1.0)
        ]
        assert medians[1] > medians[0] + 0.8

    @given(low=st.floats(6.0, 11.0), width=st.floats(0.0, 3.0), redshift=st.floats(4.0, 12.0))
    def test_masses_keep_to_the_limits(self, low, width, redshift):
        rng = np.random.default_rng(0)
        mass = MassFunction().draw(redshift, (low, low + width), rng)
        assert low <= mass <= low + width


class TestMedians:
    @pytest.mark.parametrize(
        ("log_mass", "redshift", "rate"),
        # Simmonds et al. 2025, rates over 100 Myr: sSFR = 0.30 (1 + z)**1.06 per Gyr.
        [(9.0, 3.0, 1.304), (9.0, 7.0, 2.719), (10.3, 9.0, 68.7)],
    )
    def test_main_sequence(self, log_mass, redshift, rate):
        assert 10 ** MainSequence().median(log_mass, redshift) == pytest.approx(rate, rel=2e-3)

    def test_the_slope_of_the_main_sequence_turns_about_ten(self):
        steep, flat = MainSequence(slope=0.1), MainSequence()
        assert steep.median(10.0, 7.0) == flat.median(10.0, 7.0)
        assert steep.median(11.0, 7.0) == pytest.approx(flat.median(11.0, 7.0) + 0.1)

    @pytest.mark.parametrize("redshift", [6.5, 9.0, 12.5])
    def test_sizes_at_a_billion_suns_are_those_of_westcott(self, redshift):
        expected = 2.74 * (1.0 + redshift) ** -0.79
        assert 10 ** SizeMass().median(9.0, redshift) == pytest.approx(expected)

    def test_sizes_grow_with_the_slope_of_morishita(self):
        relation = SizeMass()
        assert relation.median(10.0, 7.0) - relation.median(9.0, 7.0) == pytest.approx(0.19)

    # Curti et al. 2024 at 3 < z < 10: 7.72 at 1e8 Msun, and a slope of 0.17.
    @pytest.mark.parametrize(("log_mass", "abundance"), [(8.0, 7.72), (9.0, 7.89), (10.0, 8.06)])
    def test_abundances(self, log_mass, abundance):
        assert MassMetallicity().median(log_mass) == pytest.approx(abundance)

    def test_gas_lasts_for_half_a_gigayear_on_the_main_sequence(self):
        # Aravena et al. 2024: 0.5 Gyr at z = 7.
        assert 10 ** GasContent().median(1.0, 0.0) == pytest.approx(10.0 * 5e8)

    def test_starbursts_use_their_gas_up_sooner(self):
        # Tacconi et al. 2018: the time goes with the distance from the sequence to the -0.44.
        relation = GasContent()
        assert relation.median(2.0, 1.0) - relation.median(1.0, 0.0) == pytest.approx(0.56)

    def test_rebels_galaxies_have_the_gas_that_is_measured(self):
        # Aravena et al. 2024: gas over stars of 2.6 (+4.1, -1.4) at 1e10 Msun and z = 7.
        log_sfr = MainSequence().median(10.0, 7.0)
        assert 1.2 < 10 ** (GasContent().median(log_sfr, 0.0) - 10.0) < 6.7


class TestScattered:
    @pytest.mark.parametrize(
        ("relation", "arguments"),
        [
            (MainSequence(scatter=0.3), (9.0, 7.0)),
            (SizeMass(scatter=0.3), (9.0, 7.0)),
            (MassMetallicity(scatter=0.3), (9.0,)),
            (GasContent(scatter=0.3), (1.0, 0.0)),
        ],
    )
    def test_values_scatter_normally_about_the_median(self, relation, arguments):
        rng = np.random.default_rng(3)
        values = [draw_scattered(relation, rng, *arguments) for _ in range(2000)]
        median = relation.median(*arguments)
        assert stats.kstest(values, "norm", args=(median, 0.3)).pvalue > 0.01


class TestBadInput:
    @pytest.mark.parametrize(
        ("relation", "fields", "message"),
        [
            (MassFunction, {"tilt": np.nan}, "tilt must be a finite number, got nan"),
            (MassFunction, {"tilt": "heavy"}, "tilt must be a finite number, got 'heavy'"),
            (MassFunction, {"redshift": (6.0, 5.0)}, "redshift must be a tuple of finite numbers"),
            (MassFunction, {"slope": (-1.6, -1.7)}, "slope must be a tuple of 5 finite numbers"),
            (MassFunction, {"log_knee": 10.5}, "log_knee must be a tuple of 5 finite numbers"),
            (MainSequence, {"rate": -0.3}, "rate must be a positive finite number, got -0.3"),
            (MainSequence, {"scatter": -0.1}, "scatter must be a finite number that is not neg"),
            (SizeMass, {"radius": 0.0}, "radius must be a positive finite number, got 0.0"),
            (MassMetallicity, {"abundance": None}, "abundance must be a finite number, got None"),
            (GasContent, {"depletion_time": np.inf}, "depletion_time must be a positive finite"),
        ],
    )
    def test_fields(self, relation, fields, message):
        with pytest.raises(InputError, match=message):
            relation(**fields)
