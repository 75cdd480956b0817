import numpy as np
import pytest
from scipy import stats

from dustest.data import DustTable, InputError
from dustest.validation import coverage, crps, posterior_scores

N = 6000
SIGMA = 0.1


@pytest.fixture
def truth_and_centre():
    rng = np.random.default_rng(191030)
    centre = rng.gamma(2.0, 0.3, N)
    return rng.normal(centre, SIGMA), centre


def table_of(centre, sigma):
    half = sigma * stats.norm.ppf(0.84)
    values = {"A_V": centre, "A_V_p16": centre - half, "A_V_p84": centre + half}
    return DustTable.from_quantities(np.arange(len(centre)), values)


def expected_crps(sigma, bias):
    """Mean score of the posterior N(centre + bias, sigma) if the truth is N(centre, SIGMA)."""
    spread = np.hypot(sigma, SIGMA)
    mean_distance = stats.foldnorm.mean(abs(bias) / spread, scale=spread)
    return mean_distance - sigma / np.sqrt(np.pi)


class TestKnownPosteriors:
    @pytest.mark.parametrize(
        ("sigma", "bias"), [(0.1, 0.0), (0.05, 0.0), (0.2, 0.0), (0.1, 0.1), (0.1, -0.05)]
    )
    def test_table(self, truth_and_centre, sigma, bias):
        value, centre = truth_and_centre
        truth = {"id": np.arange(N), "A_V": value}
        row = posterior_scores(truth, table_of(centre + bias, sigma), "A_V")[0]
        self._check(row, sigma, bias)

    @pytest.mark.parametrize(("sigma", "bias"), [(0.1, 0.0), (0.05, 0.0), (0.1, 0.1)])
    def test_draws(self, truth_and_centre, sigma, bias):
        value, centre = truth_and_centre
        draws = np.random.default_rng(191031).normal((centre + bias)[:, None], sigma, (N, 400))
        row = posterior_scores(value, draws, "A_V", random_state=1)[0]
        self._check(row, sigma, bias, slack=0.003)

    def _check(self, row, sigma, bias, slack=0.0):
        normal = stats.norm(-bias, SIGMA)
        for name, level in (("68", 0.68), ("90", 0.9)):
            reach = sigma * stats.norm.ppf(0.5 + level / 2)
            expected = normal.cdf(reach) - normal.cdf(-reach)
            error = np.sqrt(expected * (1 - expected) / N)
            assert row[f"coverage_{name}"] == pytest.approx(expected, abs=4 * error + slack)
            assert row[f"width_{name}"] == pytest.approx(2 * reach, rel=0.03)
            assert row[f"coverage_{name}_err"] == pytest.approx(np.sqrt(level * (1 - level) / N))
        assert row["crps"] == pytest.approx(expected_crps(sigma, bias), abs=4 * row["crps_err"])
        assert row["bias"] == pytest.approx(bias, abs=4 * row["bias_err"])
        assert row["bias_err"] == pytest.approx(SIGMA / np.sqrt(N), rel=0.1)
        assert (row["pit_ks_pvalue"] > 0.01) == (sigma == SIGMA and bias == 0)

    def test_the_right_posterior_has_the_best_crps(self, truth_and_centre):
        value, centre = truth_and_centre
        scores = {
            sigma: crps({"id": np.arange(N), "A_V": value}, table_of(centre, sigma)).mean()
            for sigma in (0.07, 0.1, 0.14)
        }
        assert min(scores, key=scores.get) == 0.1


class TestCells:
    def test_as_coverage(self, truth_and_centre):
        value, centre = truth_and_centre
        truth, table = {"id": np.arange(N), "A_V": value}, table_of(centre, SIGMA)
        scores = posterior_scores(truth, table, by="A_V", n_cells=4)
        cells = coverage(truth, table, levels=0.68, by="A_V", n_cells=4)
        for name in ("by", "low", "high", "n"):
            assert scores[name].tolist() == cells[name].tolist()
        assert scores["coverage_68"].tolist() == cells["coverage"].tolist()

    def test_baseline(self, truth_and_centre):
        value, centre = truth_and_centre
        scores = posterior_scores(
            {"id": np.arange(N), "A_V": value}, table_of(centre, SIGMA), by="A_V", n_cells=2
        )
        expected = np.abs(value - np.median(value))
        low = centre <= np.median(centre)
        assert scores["baseline_mae"] == pytest.approx(
            [expected.mean(), expected[low].mean(), expected[~low].mean()], rel=1e-3
        )

    def test_bare_arrays_take_columns(self, truth_and_centre):
        value, centre = truth_and_centre
        draws = np.random.default_rng(191032).normal(centre[:, None], SIGMA, (N, 50))
        scores = posterior_scores(value, draws, by={"snr": centre}, n_cells=3, random_state=1)
        assert scores["by"].tolist() == ["all", "snr", "snr", "snr"]
        assert scores["quantity"].tolist() == ["value"] * 4
        with pytest.raises(InputError, match="by must have one value for each of 6000 galaxies"):
            posterior_scores(value, draws, by={"snr": centre[:5]})
        with pytest.raises(InputError, match="posterior must have the columns snr"):
            posterior_scores(value, draws, by="snr")

    def test_true_quantities_are_refused(self, truth_and_centre):
        value, centre = truth_and_centre
        truth, table = {"id": np.arange(N), "A_V": value}, table_of(centre, SIGMA)
        table["mine"] = value
        with pytest.raises(InputError, match="mine has the values of the true A_V"):
            posterior_scores(truth, table, by="mine")
        truth["log_mass"] = value + 8
        table["mine"] = truth["log_mass"]
        with pytest.raises(InputError, match="mine has the values of the true log_mass"):
            coverage(truth, table, by="mine")

    def test_unknown_rows_do_not_count(self, truth_and_centre):
        value, centre = truth_and_centre
        value[:10] = np.nan
        centre[5:20] = np.nan
        row = posterior_scores({"id": np.arange(N), "A_V": value}, table_of(centre, SIGMA))[0]
        assert row["n"] == N - 20
        assert np.isfinite(list(row)[4:]).all()


class TestColumns:
    def test_further_percentiles_are_used(self, truth_and_centre):
        value, centre = truth_and_centre
        truth, table = {"id": np.arange(N), "A_V": value}, table_of(centre, SIGMA)
        table["A_V_p05"] = table["A_V"] - 10 * table["A_V"].unit
        table["A_V_p95"] = table["A_V"] + 10 * table["A_V"].unit
        found = coverage(truth, table, levels=(0.68, 0.9))
        assert found["coverage"][0] == coverage(truth, table_of(centre, SIGMA))["coverage"][0]
        assert found["coverage"][1] == 1.0

    def test_draws_give_other_levels(self, truth_and_centre):
        value, centre = truth_and_centre
        truth, table = {"id": np.arange(N), "A_V": value}, table_of(centre, SIGMA)
        expected = coverage(truth, table, levels=0.68)["coverage"][0]
        table["A_V_draws"] = np.full((N, 20), 90.5) + np.arange(20)
        found = coverage(truth, table, levels=(0.68, 0.5))["coverage"]
        assert found.tolist() == [expected, 0.0]

    def test_crps_of_a_table_without_quantity(self, truth_and_centre):
        value, centre = truth_and_centre
        with pytest.raises(InputError, match="coverage of E_BV needs"):
            crps({"id": np.arange(N), "A_V": value}, table_of(centre, SIGMA), "E_BV")
