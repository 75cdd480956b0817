"""The benchmark of networks: which galaxies count, and the truth of star formation."""

import numpy as np
import pytest
from astropy.table import Table
from scripts import import_script


@pytest.fixture(scope="module")
def bench():
    return import_script("benchmarks/bench_networks.py")


def truth_of(n):
    """Truth of some galaxies."""
    columns = {"A_V": np.linspace(0.0, 1.0, n), "E_BV": np.linspace(0.0, 0.3, n)}
    columns |= {"log_sSFR": np.linspace(-9.0, -8.0, n), "log_mass": np.full(n, 8.0)}
    return Table(columns | {"log_SFR_10": np.linspace(-1.0, 1.0, n)})


class TestTruth:
    def test_recent_star_formation(self, bench):
        known = bench.true_values([truth_of(3), truth_of(2)])
        assert known[bench.RECENT].tolist() == [-9.0, -8.0, -7.0, -9.0, -7.0]

    def test_sets_without_it(self, bench):
        old = truth_of(3)
        del old["log_SFR_10"]
        assert set(bench.true_values([old])) == set(bench.QUANTITIES)


class TestKinds:
    def test_the_ceiling_divides_galaxies(self, bench):
        true = np.array([-8.5, -8.11, -8.09, -8.0])
        found = bench.kinds("log_sSFR", true, np.zeros(4, int), ceiling=-8.0)
        assert found["below ceiling"].tolist() == [True, True, False, False]
        assert found["at ceiling"].tolist() == [False, False, True, True]

    def test_galaxies_of_unknown_truth_do_not_count(self, bench):
        found = bench.kinds("A_V", np.array([0.1, np.nan]), np.zeros(2, int), ceiling=-8.0)
        assert set(found) == {"all", "knows"}
        assert found["all"].tolist() == [True, False]

    def test_flags_of_little_information(self, bench):
        flags = np.array([0, bench.LITTLE, 1])
        found = bench.kinds("A_V", np.zeros(3), flags & bench.LITTLE, ceiling=-8.0)
        assert found["knows"].tolist() == [True, False, True]

    def test_share_recognised(self, bench):
        levels = np.tile([-8.3, -8.05, -8.0, -8.11], (5, 1))
        assert bench.recognised(levels, -8.0) == 0.5
