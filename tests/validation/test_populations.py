import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from scipy import stats

from dustest.data import InputError
from dustest.validation import compare_distributions, distinguishability
from dustest.validation.populations import common_columns


def normal(n, shift=0.0, seed=1, names=("x", "y")):
    rng = np.random.default_rng(seed)
    return QTable({name: rng.normal(shift, 1.0, n) for name in names})


class TestCompareDistributions:
    def test_percentiles_of_known_values(self):
        a = QTable({"x": np.arange(101.0)})
        b = QTable({"x": np.append(np.arange(101.0) + 20, np.nan)})
        row = compare_distributions(a, b, ["x"])[0]
        assert (row["n_a"], row["n_b"]) == (101, 101)
        assert [row[f"{name}_a"] for name in ("p16", "median", "p84")] == [16, 50, 84]
        assert [row[f"{name}_b"] for name in ("p16", "median", "p84")] == [36, 70, 104]
        # A shift by 20, in units of half of 84 - 16.
        assert row["distance"] == pytest.approx(20 / 34)

    def test_kolmogorov_smirnov_as_scipy_has_it(self):
        a, b = normal(80), normal(200, shift=0.4, seed=2)
        table = compare_distributions(a, b, ["x", "y"], random_state=1)
        for row in table:
            expected = stats.ks_2samp(a[row["name"]], b[row["name"]])
            assert row["ks"] == expected.statistic
            assert row["ks_pvalue"] == expected.pvalue

    def test_kolmogorov_smirnov_by_hand(self):
        a, b = QTable({"x": [1.0, 2.0, 3.0, 4.0]}), QTable({"x": [3.5, 4.5, 5.5, 6.5]})
        # Three quarters of a lie below all of b.
        assert compare_distributions(a, b, ["x"])["ks"][0] == 0.75

    def test_units_are_those_of_the_first(self):
        a, b = QTable({"size": [1.0, 2.0] * u.kpc}), QTable({"size": [500.0, 700.0] * u.pc})
        table = compare_distributions(a, b, "size")
        assert table["unit"][0] == "kpc"
        assert table["median_b"][0] == pytest.approx(0.6)

    def test_keeps_the_overall_figure(self):
        a, b = normal(60), normal(60, shift=1.0, seed=2)
        table = compare_distributions(a, b, ["x", "y"], random_state=3)
        overall = distinguishability(a, b, ["x", "y"], random_state=3)
        assert table.meta["distinguishability"] == overall["auc"]
        assert table.meta["distinguishability_err"] == overall["auc_err"]

    def test_columns_without_values(self):
        a, b = normal(30), normal(30, seed=2)
        b["x"] = np.nan
        row = compare_distributions(a, b, ["x", "y"])[0]
        assert row["n_b"] == 0
        assert np.isnan([row["median_b"], row["ks"], row["ks_pvalue"], row["distance"]]).all()

    def test_a_constant_has_no_scatter(self):
        a, b = QTable({"x": np.ones(20)}), QTable({"x": np.arange(20.0)})
        assert np.isnan(compare_distributions(a, b, ["x"])["distance"][0])

    def test_a_table_survives_a_file(self, tmp_path):
        table = compare_distributions(normal(30), normal(30, seed=2), ["x"], random_state=1)
        table.write(tmp_path / "table.ecsv")
        assert QTable.read(tmp_path / "table.ecsv").meta == table.meta

    def test_needs_a_column(self):
        with pytest.raises(InputError, match="names must hold at least one column"):
            compare_distributions(normal(5), normal(5), [])

    def test_names_the_table_that_lacks_a_column(self):
        with pytest.raises(InputError, match="b must have the columns x, but it lacks x"):
            compare_distributions(normal(5), normal(5, names=["y"]), ["x"])


class TestDistinguishability:
    def test_equal_sets_cannot_be_told_apart(self):
        result = distinguishability(normal(300), normal(500, seed=2), ["x", "y"], random_state=1)
        assert result["auc"] == pytest.approx(0.5, abs=3 * result["auc_err"])
        assert (result["n_a"], result["n_b"]) == (300, 500)

    def test_separate_sets_are_told_apart(self):
        result = distinguishability(
            normal(200), normal(100, shift=5.0, seed=2), ["x"], random_state=1
        )
        assert result["auc"] > 0.99

    def test_reaches_what_is_possible_for_a_shift(self):
        # Two normal distributions a standard deviation apart: AUC = Phi(1 / sqrt(2)).
        a, b = normal(1500, names=["x"]), normal(1500, 1.0, seed=2, names=["x"])
        result = distinguishability(a, b, ["x"], random_state=1)
        assert result["auc"] == pytest.approx(stats.norm.cdf(np.sqrt(0.5)), abs=0.03)

    def test_sees_relations_between_columns(self):
        rng = np.random.default_rng(1)
        x = rng.normal(size=(2, 300))
        a = QTable({"x": x[0], "y": x[0] + 0.1 * rng.normal(size=300)})
        b = QTable({"x": x[1], "y": -x[1] + 0.1 * rng.normal(size=300)})
        assert compare_distributions(a, b, ["x", "y"])["ks_pvalue"].min() > 0.01
        assert distinguishability(a, b, ["x", "y"], random_state=1)["auc"] > 0.9

    def test_error_of_equal_sets_is_that_of_the_rank_sum(self):
        # Where the AUC is 0.5, Hanley & McNeil's variance is that of Mann and Whitney's U.
        n_a, n_b = 60, 90
        # Constant columns: no tree can split, every row has the same rank.
        a, b = QTable({"x": np.ones(n_a)}), QTable({"x": np.ones(n_b)})
        result = distinguishability(a, b, ["x"])
        assert result["auc"] == 0.5
        assert result["auc_err"] ** 2 == pytest.approx((n_a + n_b + 1) / (12 * n_a * n_b))

    def test_views_of_one_galaxy_stay_together(self):
        # Every galaxy of b is there twenty times: recognised by rows, unknown by groups.
        a, b = normal(800), normal(40, seed=2)[np.repeat(np.arange(40), 20)]
        by_rows = distinguishability(a, b, ["x", "y"], random_state=1)
        b["group"] = np.repeat(np.arange(40), 20)
        by_groups = distinguishability(a, b, ["x", "y"], random_state=1)
        assert by_rows["auc"] > by_groups["auc"] + 0.15
        assert by_groups["auc_err"] > 2 * by_rows["auc_err"]

    def test_the_seed_fixes_the_result(self):
        a, b = normal(60), normal(60, seed=2)
        first, second, other = (
            distinguishability(a, b, ["x", "y"], random_state=seed) for seed in (1, 1, 2)
        )
        assert first == second
        assert first != other

    def test_incomplete_rows_are_left_out(self):
        a, b = normal(60), normal(60, seed=2)
        a["x"][:10] = np.nan
        b["y"][:20] = np.inf
        result = distinguishability(a, b, ["x", "y"], random_state=1)
        assert (result["n_a"], result["n_b"]) == (50, 40)

    def test_many_rows_are_thinned(self):
        result = distinguishability(normal(5100), normal(20, seed=2), ["x"], random_state=1)
        assert result["n_a"] == 5000

    @pytest.mark.parametrize("n", [0, 9])
    def test_too_few_rows(self, n):
        result = distinguishability(normal(50), normal(n), ["x"])
        assert np.isnan([result["auc"], result["auc_err"]]).all()
        assert result["n_b"] == n

    def test_needs_two_folds(self):
        with pytest.raises(InputError, match="n_folds must be an integer from 2, got 1"):
            distinguishability(normal(50), normal(50), ["x"], n_folds=1)


class TestCommonColumns:
    def test_a_unit_of_the_second_counts_where_the_first_has_none(self):
        a, b = QTable({"x": [1.0]}), QTable({"x": [2.0] * u.mag})
        pairs, units = common_columns(a, b, ["x"])
        assert units == {"x": u.mag}
        assert pairs["x"][1] == 2.0

    def test_units_must_convert(self):
        a, b = QTable({"x": [1.0] * u.kpc}), QTable({"x": [2.0] * u.mag})
        with pytest.raises(InputError, match=r"column x of b .* converts to kpc, got mag"):
            common_columns(a, b, ["x"])
