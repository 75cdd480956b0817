"""The bound on the memory of tables."""

import numpy as np

from dustest.simulate import DustConditions, GalaxyPopulation, GalaxySimulator, NebularConditions
from dustest.simulate.emission.recent_tables import RecentTables


class TestRecentTables:
    def test_keeps_what_was_used_last(self):
        recent, made = RecentTables(most_bytes=250), []

        def make():
            made.append(len(made))
            return np.zeros(100, dtype=np.int8)

        for key in "abacab":
            recent.get(key, make)
        # b was dropped for c, and c for b; a was always in use.
        assert (list(recent), len(made)) == (["a", "b"], 4)

    def test_keeps_one_that_is_too_large(self):
        recent = RecentTables(most_bytes=10)
        table = recent.get("a", lambda: np.zeros(100))
        assert recent.get("a", None) is table


def test_a_small_bound_changes_no_row():
    population = GalaxyPopulation(
        n_stars=100,
        n_gas=100,
        dust=DustConditions(grains=(("SMC", 1.0), ("SN", 1.0))),
        nebulae=NebularConditions(log_u_scatter=0.5),
    )
    simulator = GalaxySimulator(["F444W"], redshift=(7, 7.2), views=["xy"], population=population)
    usual, _ = simulator.draw(8, random_state=170110)
    assert len(list(simulator._pipeline._recent)) > 3
    simulator._pipeline._recent._most_bytes = 0.0
    tight, _ = simulator.draw(8, random_state=170110)
    assert len(list(simulator._pipeline._recent)) == 1
    for name in ("cutout_F444W", "spectrum_flux", "flux_F115W"):
        np.testing.assert_array_equal(usual[name], tight[name])
