"""Populations by name."""

import json
from importlib.resources import files

import numpy as np
import pytest

from dustest.data.errors import InputError
from dustest.simulate import GalaxyPopulation, GalaxySimulator, MassFunction, get_population
from dustest.simulate.galaxies.named_populations import POPULATIONS, change_settings


def test_simulators_draw_version_0_2_and_records_begin_with_version_0_1():
    assert get_population("0.1") == GalaxyPopulation()
    assert GalaxySimulator(["F444W"]).population == get_population("0.2")


def test_the_heavy_population_is_that_of_the_networks_of_version_0_1():
    heavy = get_population("0.1-heavy")
    assert heavy.log_mass == (8.0, 11.0)
    assert heavy.mass_function == MassFunction(tilt=0.5)


def test_version_0_2_has_the_settings_of_the_file():
    text = (files("dustest") / "resources" / "population_0.2.json").read_text(encoding="utf-8")
    settings, population = json.loads(text)["settings"], get_population("0.2")
    assert population.log_mass == tuple(settings["log_mass"]) == (6.5, 11.0)
    for relation in ("main_sequence", "history", "mass_metallicity"):
        for name, value in settings[relation].items():
            assert getattr(getattr(population, relation), name) == value
    assert population.dense_share == settings["dense_share"]


@pytest.mark.parametrize("name", POPULATIONS)
@pytest.mark.parametrize("redshift", [4.0, 14.0])
def test_galaxies_of_every_population_form_the_mass_that_they_have(name, redshift):
    population = get_population(name)
    low, high = population.log_mass
    for seed in range(5):
        mass = population.draw(redshift, 170210 + seed).stars.mass.sum()
        # Formed mass exceeds the surviving one by less than half in the lifetime of the Universe.
        assert 10**low < mass < 2.0 * 10**high
        assert np.isfinite(mass)


def test_simulators_take_names_and_refuse_unknown_ones():
    assert GalaxySimulator(population="paper").population == get_population("paper")
    with pytest.raises(InputError, match=r"0\.1-heavy"):
        GalaxySimulator(population="0.1-havy")


def test_unknown_settings_are_refused():
    with pytest.raises(TypeError, match="no_such_relation"):
        change_settings(GalaxyPopulation(), {"no_such_relation": {}})
