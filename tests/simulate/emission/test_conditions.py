"""Tests of the conditions of dust and ionised gas."""

import json

import numpy as np
import pytest
from astropy import units as u

from dustest.data.errors import InputError
from dustest.physics import Scattered, get_dust_law
from dustest.simulate import GalaxyPopulation, GalaxySimulator, GasParticles
from dustest.simulate.emission.conditions import Conditions, DustConditions, NebularConditions


def test_defaults_are_those_of_0_1_and_use_no_random_number():
    rng = np.random.default_rng(170100)
    drawn = Conditions(**DustConditions().draw(rng), **NebularConditions().draw(rng))
    assert drawn == Conditions("SMC", 0.0, 0.0, -2.0)
    assert rng.random() == np.random.default_rng(170100).random()


def test_draws_follow_weights_and_scatter():
    rng = np.random.default_rng(170101)
    dust = DustConditions((("SMC", 1.0), ("LMC", 3.0)), birth_depth=2.0, birth_scatter=0.3)
    drawn = [dust.draw(rng) for _ in range(4000)]
    assert np.mean([one["grains"] == "LMC" for one in drawn]) == pytest.approx(0.75, abs=0.03)
    depth = np.log10([one["birth_depth"] for one in drawn])
    assert np.median(depth) == pytest.approx(np.log10(2.0), abs=0.03)
    assert depth.std() == pytest.approx(0.3, abs=0.02)


def test_ionisation_lies_on_nodes():
    rng = np.random.default_rng(170102)
    nebulae = NebularConditions(log_u_scatter=0.3, step=0.25)
    drawn = np.array([nebulae.draw(rng)["log_u"] for _ in range(4000)])
    np.testing.assert_array_equal(drawn % 0.25, 0.0)
    assert drawn.std() == pytest.approx(np.hypot(0.3, 0.25 / np.sqrt(12)), abs=0.02)


def test_photons_leak_from_a_share_of_the_galaxies():
    rng = np.random.default_rng(170601)
    nebulae = NebularConditions(escape_fraction=0.9, leaking_share=0.3)
    drawn = np.array([nebulae.draw(rng)["escape_fraction"] for _ in range(4000)])
    assert set(drawn) == {0.0, 0.9}
    assert np.mean(drawn > 0) == pytest.approx(0.3, abs=0.03)


def test_gas_poor_in_metals_has_less_dust():
    # A tenth of the solar metallicity in the dusty gas; the other gas does not count.
    place, metals = np.zeros((3, 3)), [0.0007, 0.0021, 0.05]
    gas = GasParticles(place, [1e6] * 3, metals, [0.2] * 3, dusty=[True, True, False])
    assert Conditions().dust_to_metal(0.4, gas) == 0.4
    assert Conditions(metallicity_power=1.0).dust_to_metal(0.4, gas) == pytest.approx(0.04)
    assert Conditions(metallicity_power=0.5).dust_to_metal(0.4, gas) == pytest.approx(0.1265, 1e-3)
    rich = GasParticles(place, [1e6] * 3, [0.03] * 3, [0.2] * 3)
    assert Conditions(metallicity_power=2.0).dust_to_metal(0.4, rich) == 0.4


@pytest.mark.parametrize(
    "wrong",
    [
        *({"grains": value} for value in ((), None, "SMC", ("SMC",), {"SMC": 1.0})),
        *({"grains": (pair,)} for pair in (("SMC", "a"), ("SMC", 0.0), (3, 1.0), ("dust", 1.0))),
        {"birth_depth": -1.0},
        {"clump_scatter": 1e6},
        *({"dust_to_metal": value} for value in ((0, 2), (1, 0), None)),
        {"scattering": "no"},
        {"metallicity_power": -0.5},
    ],
)
def test_errors(wrong):
    with pytest.raises(InputError, match=f"^{next(iter(wrong))} must be"):
        DustConditions(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"grains": value} for value in (None, 3, "dust")),
        *({"birth_depth": value} for value in (-1.0, np.nan, "a")),
        {"clump_depth": np.inf},
        {"log_u": -4.5},
        {"escape_fraction": 1.1},
        {"scattering": 1},
        {"metallicity_power": None},
    ],
)
def test_errors_of_one_galaxy(wrong):
    with pytest.raises(InputError, match=f"^{next(iter(wrong))} must be"):
        Conditions(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"log_u": 0.01},
        {"log_u": "a"},
        {"log_u_scatter": -0.1},
        {"step": 0.0},
        {"leaking_share": 1.1},
    ],
)
def test_errors_of_gas(wrong):
    with pytest.raises(InputError, match=f"^{next(iter(wrong))} must be"):
        NebularConditions(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"dust": "SMC"},
        {"nebulae": DustConditions()},
        {"history": "bursty"},
        {"main_sequence": None},
    ],
)
def test_populations_take_records_only(wrong):
    with pytest.raises(InputError, match=f"^{next(iter(wrong))} must be a "):
        GalaxyPopulation(**wrong)


class TestDepth:
    TAU = np.array([0.2, 0.4, 0.1])
    AGE = np.array([1e6, 5e6, 1e8])

    def test_defaults_change_nothing(self):
        rng = np.random.default_rng(170103)
        assert Conditions().add_depth(self.TAU, self.AGE, rng) is self.TAU
        assert rng.random() == np.random.default_rng(170103).random()

    def test_birth_clouds_surround_young_stars_only(self):
        rng = np.random.default_rng(170104)
        depth = Conditions(birth_depth=2.0).add_depth(self.TAU, self.AGE, rng)
        np.testing.assert_allclose(depth, [0.8, 1.0, 0.1])

    @pytest.mark.parametrize("clump", [0.1, 1.0, 3.0])
    def test_clumps_transmit_what_natta_and_panagia_say(self, clump):
        rng = np.random.default_rng(170105)
        smooth = np.full(200_000, 1.2)
        depth = Conditions(clump_depth=clump).add_depth(smooth, np.full(smooth.size, 1e8), rng)
        assert depth.mean() == pytest.approx(1.2, rel=0.02)
        # Equation 12 of Natta & Panagia 1984, at V and at twice the extinction of V.
        for ratio in (1.0, 2.0):
            expected = 1.2 / clump * (1.0 - np.exp(-ratio * clump))
            assert -np.log(np.mean(np.exp(-ratio * depth))) == pytest.approx(expected, rel=0.02)


class TestSimulator:
    MAKE = staticmethod(
        lambda **records: GalaxySimulator(
            ["F444W"],
            redshift=7.0,
            views=["xy"],
            photometry_bands=["F115W", "F277W", "F410M"],
            spectrograph=None,
            population=GalaxyPopulation(n_stars=200, n_gas=200, **records),
        ).draw(6, random_state=170106)
    )

    def test_escaping_photons_make_no_lines(self):
        shining, _ = self.MAKE()
        dark, _ = self.MAKE(nebulae=NebularConditions(escape_fraction=1.0))
        half, _ = self.MAKE(nebulae=NebularConditions(escape_fraction=0.5))
        for band in ("F277W", "F410M"):
            total, stars, between = (
                np.asarray(table[f"flux_{band}"]) for table in (shining, dark, half)
            )
            assert np.all(total > stars)
            # Noise is the same, and nebular light scales with the photons that are absorbed.
            np.testing.assert_allclose(between, 0.5 * (total + stars), rtol=2e-3)

    def test_grains_differ_between_galaxies(self):
        dust = DustConditions(grains=(("SMC", 1.0), ("Calzetti", 1.0)), dust_to_metal=(0.4, 0.4))
        sample, truth = self.MAKE(dust=dust)
        smc = self.MAKE(dust=DustConditions(dust_to_metal=(0.4, 0.4)))[1]
        same = np.isclose(truth["A_1600"] / truth["A_V"], smc["A_1600"] / smc["A_V"], rtol=1e-6)
        assert 0 < np.count_nonzero(same) < len(same)
        assert np.all(truth["dust_to_metal"] == 0.4)
        laws = json.loads(sample.meta["params"])["dust_law"]
        assert [law["name"] for law in laws] == ["SMC", "Calzetti"]

    def test_the_truth_has_the_ratio_at_the_metallicity_of_the_galaxy(self):
        even, falling = (
            self.MAKE(dust=DustConditions(dust_to_metal=(0.4, 0.4), metallicity_power=power))[1]
            for power in (0.0, 1.0)
        )
        assert np.all(even["dust_to_metal"] == 0.4)
        lower = np.log10(falling["dust_to_metal"] / 0.4)
        assert np.all(lower < 0)
        np.testing.assert_allclose(falling["log_dust_mass"] - even["log_dust_mass"], lower)

    def test_clumps_flatten_the_attenuation(self):
        steep, flat = (
            self.MAKE(dust=DustConditions(clump_depth=depth, dust_to_metal=(1.0, 1.0)))[1]
            for depth in (0.0, 2.0)
        )
        assert np.median(flat["A_V"] / steep["A_V"]) < 0.9
        assert np.median(flat["R_V"] / steep["R_V"]) > 1.1

    def test_many_kinds_share_tables(self):
        """Tables for any law give what tables of one law give."""
        dust = DustConditions(grains=(("LMC", 1.0),), dust_to_metal=(1.0, 1.0), scattering=True)
        simulator = GalaxySimulator(
            ["F444W"],
            redshift=7.0,
            views=["xy"],
            population=GalaxyPopulation(n_stars=200, n_gas=200, dust=dust),
        )
        assert not simulator._pipeline.many_kinds
        one, truth = simulator.draw(6, random_state=170119)
        simulator._pipeline.many_kinds = True
        simulator._pipeline._snapshots.clear()
        many, same = simulator.draw(6, random_state=170119)
        for name in ("A_V", "E_BV", "dust_to_metal"):
            np.testing.assert_array_equal(truth[name], same[name])
        np.testing.assert_allclose(truth["A_1600"], same["A_1600"], atol=2e-3 * u.mag)
        np.testing.assert_allclose(truth["beta"], same["beta"], atol=0.01)
        change = (many["spectrum_flux"] - one["spectrum_flux"]) / one["spectrum_flux_err"]
        assert np.all(np.abs(change) < 1e-3)
        for band in ("F115W", "F444W"):
            change = (many[f"flux_{band}"] - one[f"flux_{band}"]) / one[f"flux_err_{band}"]
            light = np.abs(one[f"flux_{band}"] / one[f"flux_err_{band}"])
            assert np.all(np.abs(change) < 2e-3 * (light + 3.0))


def test_a_law_with_scattering_dims_as_scattering_grains():
    """The depth in front of a star is that of extinction, whoever says that light scatters."""
    scattered = Scattered(get_dust_law("SMC"))
    given = [("SMC", True), (scattered, True), (scattered, False)]
    drawn = []
    for law, scattering in given:
        population = GalaxyPopulation(dust=DustConditions(scattering=scattering))
        simulator = GalaxySimulator(
            ["F444W"],
            redshift=7.0,
            population=population,
            dust_law=law,
            photometry_bands=[],
            spectrograph=None,
        )
        drawn.append(simulator.draw(4, random_state=170109)[1]["A_V"].value)
    np.testing.assert_allclose(drawn[1:], [drawn[0]] * 2)
