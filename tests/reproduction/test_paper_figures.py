"""Figures of observed galaxies, whatever the methods say of them."""

from types import SimpleNamespace

import numpy as np
import pytest

from dustest.data import DustTable, as_sample
from dustest.reproduction.paper_figures import FIGURES

N = 12
NETWORKS = [f"paper network, honest split, {words}" for words in ("1 band", "3 bands")]
PLANS = {plan.number: plan for plan in FIGURES}


def result(known, **extra):
    """Estimates for the first galaxies."""
    values = np.where(np.arange(N) < known, np.linspace(0.1, 0.9, N), np.nan)
    table = DustTable.from_quantities(range(N), {"A_V": values, "log_sSFR": values - 8.5})
    for name, shift in extra.items():
        table[name] = values + shift
    return table


def findings(fitted=N, seen=N, slopes=N, slope_error=0.1):
    """Observed galaxies of which some have a fit, images that networks understand, and slopes."""
    rates = {"log_mass": 9.0, "log_SFR_10": 1.0, "log_SFR_100": 0.5}
    results = {name: result(fitted, **rates) for name in ("lognormal", "continuity")}
    results |= {name: result(seen) for name in NETWORKS}
    for name in ("Meurer A_V", "Meurer A_1600"):
        results[name] = result(slopes)
        results[name]["beta_err"] = np.full(N, slope_error)
    sample = as_sample(np.zeros((N, 1, 8, 8)), bands=["F277W"])
    return SimpleNamespace(sky=SimpleNamespace(sample=sample, results=results, truth=None))


def titles(figure):
    return [axes.get_title() for axes in figure.axes]


def count_images(figure):
    return sum(len(axes.images) for axes in figure.axes)


class TestAgainstFits:
    @pytest.mark.parametrize(("number", "n_rows"), [("9", 4), ("10", 2), ("11", 2)])
    def test_a_row_a_pair(self, number, n_rows):
        figure = PLANS[number].draw(findings())
        assert len(figure.axes) == 3 * n_rows

    @pytest.mark.parametrize("number", ["9", "10", "11"])
    def test_nothing_is_fitted(self, number):
        assert PLANS[number].draw(findings(fitted=0)) is None

    @pytest.mark.parametrize(
        "given", [{"slopes": 0}, {"slope_error": 9.0}, {"slope_error": np.nan}]
    )
    def test_no_slope_is_known(self, given):
        assert PLANS["11"].draw(findings(**given)) is None

    @pytest.mark.parametrize("number", ["9", "10"])
    @pytest.mark.parametrize("seen", [0, 5])
    def test_few_images_bring_other_fits_in(self, number, seen):
        figure = PLANS[number].draw(findings(seen=seen))
        # Rows of both networks, where they see anything, and one of a fit against another.
        assert len(figure.axes) == 3 * (1 + 2 * bool(seen))
        assert {f"{seen} of {N} galaxies"} <= set(titles(figure)) or not seen

    @pytest.mark.parametrize("number", ["9", "10"])
    def test_without_networks(self, number):
        given = findings()
        for name in NETWORKS:
            del given.sky.results[name]
        assert len(PLANS[number].draw(given).axes) == 3


class TestObservedStamps:
    def test_galaxies_with_an_image_in_every_band(self):
        stamps = np.ones((N, 3, 8, 8))
        stamps[:4] = np.nan
        stamps[4, 2] = np.nan
        given = findings()
        given.sky.sample = as_sample(stamps, bands=["F277W", "F356W", "F444W"])
        assert count_images(PLANS["4"].draw(given)) == 6 * 3

    def test_no_image_at_all(self):
        given = findings()
        given.sky.sample = as_sample(np.full((N, 1, 8, 8), np.nan), bands=["F277W"])
        assert PLANS["4"].draw(given) is None
        given.sky.sample = as_sample(np.ones((N, 1, 8, 8)), bands=["F115W"])
        assert PLANS["4"].draw(given) is None
