import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from scipy import stats

from dustest.data import DustTable, InputError
from dustest.validation import pit_histogram, pit_values, rank_statistics

N, N_DRAWS = 5000, 60
# Two-sided tests with fixed seeds: 0.01 over the number of tests in this file.
THRESHOLD = 0.01 / 6


@pytest.fixture
def centre():
    return np.random.default_rng(191003).gamma(2.0, 0.3, N)


def drawn(centre, sigma, seed, n_draws=N_DRAWS):
    return np.random.default_rng(seed).normal(centre[:, None], sigma, (N, n_draws))


def true_values(centre, seed=191004):
    return np.random.default_rng(seed).normal(centre, 0.1)


class TestPit:
    def test_calibrated_draws_are_uniform(self, centre):
        pit = pit_values(true_values(centre), drawn(centre, 0.1, 191005), random_state=191006)
        assert stats.kstest(pit, "uniform").pvalue > THRESHOLD

    def test_few_draws_are_uniform(self, centre):
        draws = drawn(centre, 0.1, 191007, n_draws=4)
        pit = pit_values(true_values(centre), draws, random_state=191008)
        assert stats.kstest(pit, "uniform").pvalue > THRESHOLD

    @pytest.mark.parametrize(
        ("sigma", "bias", "expected"), [(0.05, 0.0, 2.0), (0.2, 0.0, 0.5), (0.1, 0.05, 1.0)]
    )
    def test_wrong_posteriors_have_the_known_shape(self, centre, sigma, bias, expected):
        # z = (truth - centre - bias) / sigma is normal, with this mean and standard deviation.
        pit = pit_values(
            true_values(centre), drawn(centre + bias, sigma, 191009, 2000), random_state=1
        )
        share = np.mean(pit < 0.1)
        known = stats.norm.cdf(stats.norm.ppf(0.1), -bias / sigma, expected)
        assert share == pytest.approx(known, abs=4 * np.sqrt(known * (1 - known) / N) + 1e-3)

    def test_atoms_are_randomised(self, centre):
        # Posterior and truth: zero with probability 0.4, else normal.
        rng = np.random.default_rng(191010)
        draws = np.where(rng.uniform(size=(N, N_DRAWS)) < 0.4, 0.0, drawn(centre + 9, 0.1, 191011))
        truth = np.where(rng.uniform(size=N) < 0.4, 0.0, true_values(centre + 9))
        pit = pit_values(truth, draws, random_state=191012)
        assert stats.kstest(pit, "uniform").pvalue > THRESHOLD

    def test_atoms_of_quantiles_are_randomised(self):
        rng = np.random.default_rng(191013)
        truth = np.maximum(rng.normal(size=N), 0.0)
        levels = [0.1, 0.3, 0.5, 0.7, 0.9]
        values = np.maximum(stats.norm.ppf(levels), 0.0)
        pit = pit_values(truth, np.tile(values, (N, 1)), quantiles=levels, random_state=191014)
        assert stats.kstest(pit, "uniform").pvalue > THRESHOLD

    def test_tables(self, centre):
        half = 0.1 * stats.norm.ppf(0.84)
        values = {"A_V": centre, "A_V_p16": centre - half, "A_V_p84": centre + half}
        table = DustTable.from_quantities(np.arange(N), values)
        truth = {"id": np.arange(N)[::-1], "A_V": true_values(centre)[::-1]}
        pit = pit_values(truth, table)
        assert pit == pytest.approx(stats.norm.cdf(true_values(centre), centre, 0.1))
        table["A_V_draws"] = drawn(centre, 0.1, 191015) * table["A_V"].unit
        from_draws = pit_values(truth, table, random_state=1)
        assert from_draws == pytest.approx(
            pit_values(true_values(centre), drawn(centre, 0.1, 191015), random_state=1)
        )

    def test_only_galaxies_in_both(self, centre):
        draws = drawn(centre, 0.1, 191016)
        table = {"id": np.arange(N), "A_V_draws": draws}
        truth = {"id": np.arange(10)[::-1], "A_V": true_values(centre)[:10][::-1]}
        pit = pit_values(truth, table, random_state=1)
        assert len(pit) == 10
        assert pit == pytest.approx(
            pit_values(true_values(centre)[:10], draws[:10], random_state=1)
        )

    def test_reproducible(self, centre):
        arguments = true_values(centre), drawn(centre, 0.1, 191017)
        assert np.array_equal(
            pit_values(*arguments, random_state=3), pit_values(*arguments, random_state=3)
        )

    def test_arguments(self, centre):
        draws = drawn(centre, 0.1, 191018)
        with pytest.raises(InputError, match=r"truth must be of shape \(n,\)"):
            pit_values(centre[:5], draws)
        with pytest.raises(InputError, match="truth must hold numbers, one a row"):
            pit_values(draws, draws)
        with pytest.raises(InputError, match="both tables or both arrays"):
            pit_values({"id": [1], "A_V": [0.1]}, draws)
        with pytest.raises(InputError, match="quantiles must be one for each of 60 columns"):
            pit_values(centre, draws, quantiles=[0.1, 0.9])
        with pytest.raises(InputError, match="quantity must be one name"):
            pit_values(centre, draws, ["A_V"])


class TestRanks:
    def test_calibrated_ranks_are_uniform(self, centre):
        ranks = rank_statistics(true_values(centre), drawn(centre, 0.1, 191019), random_state=1)
        counts = np.bincount(ranks.astype(int), minlength=N_DRAWS + 1)
        assert len(counts) == N_DRAWS + 1
        assert stats.chisquare(counts).pvalue > THRESHOLD

    def test_ties_are_broken_at_random(self):
        ranks = rank_statistics(np.zeros(4000), np.zeros((4000, 3)), random_state=191020)
        assert stats.chisquare(np.bincount(ranks.astype(int))).pvalue > THRESHOLD

    def test_unknown(self):
        ranks = rank_statistics([0.1, np.nan, 0.1], [[0.0, 1.0], [0.0, 1.0], [0.0, np.nan]])
        assert ranks[0] == 1.0
        assert np.isnan(ranks[1:]).all()

    def test_percentiles_have_no_ranks(self):
        table = {"id": [1], "A_V": [0.5], "A_V_p16": [0.4], "A_V_p84": [0.6]}
        with pytest.raises(InputError, match="must have draws of A_V, in the column A_V_draws"):
            rank_statistics({"id": [1], "A_V": [0.5]}, table)


class TestHistogram:
    def test_calibrated_draws_are_flat(self, centre):
        table = pit_histogram(true_values(centre), drawn(centre, 0.1, 191021), n_bins=10)
        error = table["density_err"]
        assert error == pytest.approx(np.full(10, np.sqrt(9 / N)))
        assert np.abs((table["density"] - 1) / error).max() < 4
        assert table.meta["n"] == N

    def test_is_the_mean_over_random_values(self, centre):
        truth, draws = true_values(centre)[:200], drawn(centre, 0.05, 191022, 7)[:200]
        table = pit_histogram(truth, draws, n_bins=5)
        seeds = range(191023, 191123)
        values = [pit_values(truth, draws, random_state=seed) for seed in seeds]
        counts = np.histogram(values, bins=5, range=(0, 1))[0] / len(values)
        assert table["density"] == pytest.approx(counts / 200 * 5, abs=0.05)

    def test_points_and_atoms(self):
        levels = [0.1, 0.5, 0.9]
        values = [[0.0, 0.0, 1.0], [0.0, 1.0, 2.0]]
        table = pit_histogram([0.0, 1.0], values, n_bins=4, quantiles=levels)
        # The first is spread from 0 to 0.5, the second at 0.5.
        assert table["density"].tolist() == [1.0, 1.0, 2.0, 0.0]

    def test_unknown_galaxies_do_not_count(self, centre):
        truth = true_values(centre)
        truth[:10] = np.nan
        assert pit_histogram(truth, drawn(centre, 0.1, 191024)).meta["n"] == N - 10
        with pytest.raises(InputError, match="n_bins must be a positive integer, got 0"):
            pit_histogram(truth, drawn(centre, 0.1, 191024), n_bins=0)


class TestInput:
    @pytest.mark.parametrize("kind", ["QTable", "masked", "mmag"])
    def test_kinds_of_tables(self, centre, kind):
        truth, draws = true_values(centre)[:50], drawn(centre, 0.1, 191025)[:50]
        expected = pit_values(truth, draws, random_state=1)
        table = QTable({"id": np.arange(50), "A_V_draws": draws * u.mag})
        values = {"ID": np.arange(50).astype(str), "A_V": truth * u.mag}
        if kind == "masked":
            values["A_V"] = np.ma.array(truth, mask=np.arange(50) == 7)
            expected[7] = np.nan
        if kind == "mmag":
            table["A_V_draws"] = table["A_V_draws"].to(u.mmag)
        found = pit_values(values, table, random_state=1)
        assert found == pytest.approx(expected, nan_ok=True)
