import numpy as np
import pytest

from dustest.data import DustTable, InputError
from dustest.validation import compare_scores, crps, paired_bootstrap

N = 3000


@pytest.fixture
def losses():
    rng = np.random.default_rng(191040)
    common = rng.gamma(2.0, 0.2, N)
    return common + rng.normal(0.02, 0.05, N), common


class TestBootstrap:
    def test_error_of_the_difference(self, losses):
        one, other = losses
        found = paired_bootstrap(one, other, n_bootstrap=2000, random_state=191041)
        difference = one - other
        assert found["n"] == N
        assert found["difference"] == pytest.approx(difference.mean())
        assert found["difference_err"] == pytest.approx(difference.std() / np.sqrt(N), rel=0.06)
        assert found["difference_err"] < 0.3 * one.std() / np.sqrt(N)
        assert found["change"] == pytest.approx(difference.mean() / other.mean())
        assert found["change_err"] == pytest.approx(
            found["difference_err"] / other.mean(), rel=0.1
        )

    def test_views_of_one_galaxy_are_resampled_together(self, losses):
        one, other = (np.repeat(column, 4) for column in losses)
        options = {"n_bootstrap": 2000, "random_state": 191042}
        groups = np.repeat(np.arange(N), 4)
        grouped = paired_bootstrap(one, other, groups=groups, **options)
        single = paired_bootstrap(*losses, **options)
        assert grouped["difference"] == pytest.approx(single["difference"])
        assert grouped["difference_err"] == pytest.approx(single["difference_err"], rel=0.06)
        alone = paired_bootstrap(one, other, **options)
        assert alone["difference_err"] == pytest.approx(single["difference_err"] / 2, rel=0.06)

    def test_unknown_losses_are_left_out(self, losses):
        one, other = (column.copy() for column in losses)
        one[:10], other[5:20] = np.nan, np.nan
        found = paired_bootstrap(one, other, n_bootstrap=10, random_state=1)
        assert found["n"] == N - 20
        assert found["difference"] == pytest.approx(np.mean((one - other)[20:]))
        nothing = paired_bootstrap([np.nan], [1.0])
        assert nothing["n"] == 0
        assert np.isnan(nothing["difference"])

    def test_arguments(self, losses):
        with pytest.raises(InputError, match="must be of the same galaxies, got 3000 and 5"):
            paired_bootstrap(losses[0], losses[1][:5])
        with pytest.raises(InputError, match="n_bootstrap must be 0 or"):
            paired_bootstrap(*losses, n_bootstrap=1)
        with pytest.raises(InputError, match="groups must be one for each of 3000 rows"):
            paired_bootstrap(*losses, groups=[1, 2])
        assert np.isnan(paired_bootstrap(*losses, n_bootstrap=0)["difference_err"])


class TestTables:
    @pytest.fixture
    def tables(self):
        rng = np.random.default_rng(191043)
        value = rng.gamma(2.0, 0.2, N)
        posteriors = {}
        for name, sigma in {"good": 0.1, "poor": 0.2, "third": 0.2}.items():
            median = rng.normal(value, sigma)
            columns = {"A_V": median, "A_V_p16": median - sigma, "A_V_p84": median + sigma}
            posteriors[name] = DustTable.from_quantities(np.arange(N), columns)
        return {"id": np.arange(N), "A_V": value}, posteriors

    def test_all_pairs(self, tables):
        truth, posteriors = tables
        found = compare_scores(truth, posteriors, random_state=1)
        assert len(found) == 6
        assert found["estimator", "against"][0].as_void().tolist() == ("good", "poor")
        assert set(found["score"]) == {"mae", "crps"}
        first, last = found[:2], found[-2:]
        assert np.all(np.abs(first["change"] + 0.5) < 4 * first["change_err"])
        assert np.all(np.abs(last["difference"]) < 4 * last["difference_err"])

    def test_numbers(self, tables):
        truth, posteriors = tables
        row = compare_scores(truth, posteriors, reference="poor", random_state=1)[1]
        assert (row["estimator"], row["against"], row["score"]) == ("good", "poor", "crps")
        assert row["mean"] == pytest.approx(crps(truth, posteriors["good"]).mean())
        assert row["other_mean"] == pytest.approx(crps(truth, posteriors["poor"]).mean())

    def test_galaxies_of_both(self, tables):
        truth, posteriors = tables
        mixed = np.random.default_rng(1).permutation(N)[: N // 2]
        some = {"good": posteriors["good"], "poor": posteriors["poor"][mixed]}
        row = compare_scores(truth, some, random_state=1)[0]
        assert row["n"] == N // 2
        error = np.abs(posteriors["good"]["A_V"].value - truth["A_V"])[mixed]
        assert row["mean"] == pytest.approx(error.mean())

    def test_groups_of_the_truth(self, tables):
        truth, posteriors = tables
        alone = compare_scores(truth, posteriors, random_state=1)["difference_err"]
        truth["group"] = np.arange(N) // 100
        grouped = compare_scores(truth, posteriors, random_state=1)["difference_err"]
        assert not np.array_equal(alone, grouped)

    def test_nothing_in_common(self, tables):
        truth, posteriors = tables
        assert len(compare_scores(truth, {"good": posteriors["good"]})) == 0
        with pytest.raises(InputError, match="reference must be one of"):
            compare_scores(truth, posteriors, reference="sed")
