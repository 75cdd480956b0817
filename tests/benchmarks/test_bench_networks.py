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


class TestRatio:
    def test_error_is_that_of_the_mean(self):
        """Beside constant errors, the ratio scatters as the mean of the others."""
        networks = import_script("benchmarks/networks.py")
        errors = np.random.default_rng(170701).normal(3.0, 1.0, 500)
        ratio, error = networks.ratio_of_means(errors, np.full(500, 2.0), 170702)
        assert ratio == pytest.approx(errors.mean() / 2.0)
        assert error == pytest.approx(0.5 / np.sqrt(500), rel=0.15)

    def test_figures_without_a_first_network(self, bench):
        true, rng = np.linspace(0.0, 1.0, 50), np.random.default_rng(170703)
        levels = true + 0.1 * rng.normal(size=50) + np.linspace(-0.1, 0.1, 5)[:, None]
        alone = bench.judge(true, levels, np.zeros((3, 50)), None)
        beside = bench.judge(true, levels, np.zeros((3, 50)), (true, levels + 0.0, None))
        assert np.isnan([alone["change"], alone["change_err"]]).all()
        assert (beside["change"], beside["change_err"]) == (0.0, 0.0)
        assert alone["ratio"] == beside["ratio"] == pytest.approx(alone["mae"] / 0.2551, abs=4e-4)


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
