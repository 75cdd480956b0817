"""Pieces of tools/fit_population.py and tools/mock_catalogs.py."""

import json
import sys
from importlib.resources import files

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from scripts import import_script

from dustest.simulate import get_population
from dustest.simulate.galaxies.named_populations import change_settings


@pytest.fixture(scope="module")
def fit():
    return import_script("tools/fit_population.py")


@pytest.fixture(scope="module")
def mocks(fit):
    return sys.modules["mock_catalogs"]


def normal(rng, n, shift=0.0):
    return QTable({"x": rng.normal(shift, 1.0, n), "y": rng.normal(0.0, 2.0, n)})


def test_the_shipped_population_lies_within_the_ranges_of_the_fit(fit):
    text = (files("dustest") / "resources" / "population_0.2.json").read_text(encoding="utf-8")
    settings = json.loads(text)["settings"]
    for key, (low, high, _) in fit.PARAMETERS.items():
        name = key.replace(".log_correlation", ".correlation").replace("log_dense", "dense")
        relation, _, field = name.rpartition(".")
        value = (settings[relation] if relation else settings)[field]
        value = np.log10(value) if name != key else value
        assert low <= value <= high


def test_settings_of_a_trial_change_the_population(fit):
    settings = fit.nested(fit.trial_settings(3, []))
    population = change_settings(get_population("0.1"), fit.merged(fit.ASSUMED, settings))
    assert population.history.correlation_time == settings["history"]["correlation_time"]
    assert 1e6 < population.history.correlation_time < 1e8
    assert population.dust.clump_depth == settings["dust"]["clump_depth"]
    assert population.dust.scattering


def test_later_trials_follow_the_best_ones(fit):
    centre = {key: (low + high) / 2 for key, (low, high, _) in fit.PARAMETERS.items()}
    trials = [{"settings": centre, "loss": 0.1}] * fit.N_BEST
    for key, value in fit.trial_settings(fit.N_FIRST, trials).items():
        low, high, _ = fit.PARAMETERS[key]
        assert abs(value - centre[key]) < 4.0 * fit.LEAST_WIDTH * (high - low)


def test_first_trials_stay_within_the_ranges(fit):
    start = {key: limits[2] for key, limits in fit.PARAMETERS.items()}
    assert fit.trial_settings(0, []) == pytest.approx(start)
    for number in range(1, fit.N_FIRST):
        for key, value in fit.trial_settings(number, []).items():
            low, high, _ = fit.PARAMETERS[key]
            assert low <= value <= high


def test_slope_of_medians_counts_every_luminosity_alike(fit):
    rng = np.random.default_rng(170602)
    x = np.concatenate([rng.uniform(-22.0, -20.0, 200), rng.uniform(-19.0, -17.5, 4000)])
    y = np.where(x < -19.5, -0.2 * (x + 20.0), 0.0) + 0.01 * rng.standard_normal(len(x))
    # Bins at -21.75 to -20.25 with 0.35 to 0.05, and three of zero from -18.75 to -17.75.
    expected = np.polyfit(
        [-21.75, -21.25, -20.75, -20.25, -18.75, -18.25, -17.75],
        [0.35, 0.25, 0.15, 0.05, 0, 0, 0],
        1,
    )[0]
    assert fit.slope_of_medians(x, y, np.ones(len(x))) == pytest.approx(expected, abs=0.01)


def test_median_between_counts_weights_and_only_what_is_inside(fit):
    table = QTable({"mass": [8.4, 8.6, 9.0, 9.4, 9.6], "A_V": [9.0, 0.1, 0.5, 0.9, 9.0]})
    table["weight"] = [50.0, 1.0, 8.0, 1.0, 50.0]
    assert fit.median_between(table, "A_V", "mass", 8.5, 9.5) == pytest.approx(0.5, abs=0.05)
    table["weight"][3] = 40.0
    assert fit.median_between(table, "A_V", "mass", 8.5, 9.5) == pytest.approx(0.9, abs=0.1)


def test_energy_distance_is_zero_for_one_population_and_grows_with_a_shift(fit):
    rng = np.random.default_rng(170242)
    real, own = normal(rng, 400), normal(rng, 400)
    even = np.ones(400)
    # Szekely & Rizzo 2013: 2 E|X-Y| - E|X-X'| - E|Y-Y'|, which vanishes for equal distributions.
    assert abs(fit.energy_distance(real, own, even)) < 0.03
    assert fit.energy_distance(real, normal(rng, 400, shift=1.0), even) > 0.15


def test_weights_undo_a_selection(fit, mocks):
    rng = np.random.default_rng(170243)
    real = QTable({"z": rng.uniform(6.0, 9.0, 2000)})
    simulated = QTable({"z": 6.0 + 3.0 * rng.random(4000) ** 2, "weight": np.ones(4000)})
    weights = mocks.weights_of(simulated, real, "z", np.arange(6.0, 9.01, 0.25))
    assert np.average(simulated["z"], weights=weights) == pytest.approx(7.5, abs=0.05)
    median = fit.weighted_quantiles(np.asarray(simulated["z"]), weights, [0.5])[0]
    assert median == pytest.approx(7.5, abs=0.1)


def test_halves_of_a_catalogue_share_no_galaxy(mocks):
    real = QTable({"id": np.arange(31)})
    first, second = mocks.fitting_half(real, "any")
    assert sorted([*first["id"], *second["id"]]) == list(range(31))


def test_redshifts_are_estimated_from_the_break(mocks):
    # Templates without light bluewards of Lyman alpha, and flat elsewhere.
    catalogs = object.__new__(mocks.MockCatalogs)
    blue_ends = np.array([0.79, 1.01, 1.33, 1.75, 2.4, 3.1, 3.1, 3.8, 3.9])
    redshift = np.repeat(mocks.TRUE_REDSHIFTS, 2)
    break_at = 0.1216 * (1.0 + redshift)[:, np.newaxis]
    templates = 100.0 * np.clip((blue_ends + 0.25 - break_at) / 0.25, 0.0, 1.0)
    catalogs._library = redshift, templates
    table = QTable({f"flux_{b}": f * u.nJy for b, f in zip(mocks.BANDS, templates.T, strict=True)})
    for band in mocks.BANDS:
        table[f"flux_err_{band}"] = np.full(len(table), 1.0) * u.nJy
    estimated = catalogs.estimated_redshift(table)
    inside = (redshift > 6.0) & (redshift < 7.0)
    assert np.abs(estimated - redshift)[inside].max() < 0.15


def test_half_of_the_light_of_a_gaussian_is_within_1_18_of_its_width(mocks):
    """Off the origin, where mass per star varies; the radius is sqrt(2 ln 2) sigma."""
    rng = np.random.default_rng(4)
    position = rng.normal([3.0, -1.0, 0.0], 0.5, (20000, 3))
    radius = mocks._half_light_radius(position, rng.uniform(0.5, 1.5, len(position)))
    assert radius == pytest.approx(0.5 * np.sqrt(2.0 * np.log(2.0)), rel=0.02)
