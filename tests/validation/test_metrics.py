import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats
from sklearn import metrics as sklearn_metrics

from dustest.data import DustestWarning, InputError
from dustest.data.checks.missing_values import without_sentinels
from dustest.validation import METRICS, compute_metrics, split_normal_interval

NAMES = tuple(METRICS)


@pytest.fixture
def pairs():
    rng = np.random.default_rng(7)
    truth = rng.gamma(2.0, 0.2, 300)
    return truth + rng.normal(0.05, 0.1, 300), truth


def values(metrics):
    return np.array([metrics[name] for name in NAMES])


samples = st.integers(3, 40).flatmap(
    lambda n: st.tuples(
        *(npst.arrays(float, n, elements=st.integers(-5000, 5000).map(lambda i: i / 1000)),) * 2
    )
)


class TestAgainstOthers:
    def test_errors_as_scikit_learn_has_them(self, pairs):
        result = compute_metrics(*pairs, n_bootstrap=0)
        prediction, truth = pairs
        assert result["mae"] == pytest.approx(
            sklearn_metrics.mean_absolute_error(truth, prediction)
        )
        assert result["mse"] == pytest.approx(
            sklearn_metrics.mean_squared_error(truth, prediction)
        )

    def test_correlations_as_scipy_has_them(self, pairs):
        result = compute_metrics(*pairs, n_bootstrap=0)
        assert result["pearson"] == pytest.approx(stats.pearsonr(*pairs).statistic)
        assert result["spearman"] == pytest.approx(stats.spearmanr(*pairs).statistic)

    def test_spearman_with_ties(self):
        rng = np.random.default_rng(2)
        x, y = rng.integers(0, 4, (2, 50)).astype(float)
        assert compute_metrics(x, y, n_bootstrap=0)["spearman"] == pytest.approx(
            stats.spearmanr(x, y).statistic
        )

    def test_nmad_by_its_definition(self, pairs):
        residual = pairs[0] - pairs[1]
        expected = 1.482602 * np.median(np.abs(residual - np.median(residual)))
        assert compute_metrics(*pairs, n_bootstrap=0)["nmad"] == pytest.approx(expected, rel=1e-5)

    def test_bias_is_prediction_minus_truth(self):
        assert compute_metrics([2.0, 3.0, 4.0], [1.0, 2.0, 3.0])["bias"] == pytest.approx(1.0)

    def test_moments_add_up(self, pairs):
        result = compute_metrics(*pairs, n_bootstrap=0)
        assert result["mse"] == pytest.approx(result["variance"] + result["bias"] ** 2)
        assert result["sigma"] ** 2 == pytest.approx(result["variance"])


class TestBootstrap:
    def test_error_of_the_mean(self, pairs):
        result = compute_metrics(*pairs, n_bootstrap=2000, random_state=3)
        expected = np.std(pairs[0] - pairs[1]) / np.sqrt(len(pairs[0]))
        assert result["bias_err"] == pytest.approx(expected, rel=0.08)

    def test_as_scipy_bootstraps(self, pairs):
        result = compute_metrics(*pairs, n_bootstrap=1000, random_state=3)
        expected = stats.bootstrap(
            pairs,
            lambda x, y: stats.pearsonr(x, y).statistic,
            paired=True,
            vectorized=False,
            n_resamples=1000,
            method="percentile",
            rng=np.random.default_rng(5),
        ).standard_error
        assert result["pearson_err"] == pytest.approx(expected, rel=0.15)

    def test_same_seed_same_errors(self, pairs):
        first, again = (compute_metrics(*pairs, random_state=4) for _ in range(2))
        assert first == pytest.approx(again, nan_ok=True)
        assert first["mae_err"] != compute_metrics(*pairs, random_state=5)["mae_err"]

    def test_generator_is_a_seed_too(self, pairs):
        by_number = compute_metrics(*pairs, random_state=4)
        by_generator = compute_metrics(*pairs, random_state=np.random.default_rng(4))
        assert by_number == pytest.approx(by_generator, nan_ok=True)

    def test_blocks_do_not_change_the_draws(self, pairs, monkeypatch):
        whole = compute_metrics(*pairs, random_state=4)
        monkeypatch.setattr("dustest.validation.metrics._BLOCK_SIZE", 1000)
        assert compute_metrics(*pairs, random_state=4) == pytest.approx(whole, nan_ok=True)

    def test_none_without_resamples(self, pairs):
        result = compute_metrics(*pairs, n_bootstrap=0)
        assert all(np.isnan(result[f"{name}_err"]) for name in NAMES)

    @pytest.mark.parametrize("number", [1, -3])
    def test_useless_numbers_are_refused(self, pairs, number):
        with pytest.raises(InputError, match="n_bootstrap must be"):
            compute_metrics(*pairs, n_bootstrap=number)


class TestOutliers:
    residual = np.r_[np.linspace(-1, 1, 99), 50.0]

    def test_default_is_three_nmad(self):
        result = compute_metrics(self.residual, np.zeros(100), n_bootstrap=0)
        assert result["outlier_fraction"] == pytest.approx(0.01)

    def test_limit_in_the_unit_of_the_quantity(self):
        truth = np.zeros(100) * u.mag
        result = compute_metrics(
            self.residual * u.mag, truth, outlier_limit=500 * u.mmag, n_bootstrap=0
        )
        expected = np.mean(np.abs(self.residual) > 0.5)
        assert result["outlier_fraction"] == pytest.approx(expected)

    @pytest.mark.parametrize("limit", [0, -1.0, np.nan])
    def test_limits_that_make_no_sense(self, pairs, limit):
        with pytest.raises(InputError, match="outlier_limit must be a positive number"):
            compute_metrics(*pairs, outlier_limit=limit)


class TestCoverage:
    def draw(self, stretch):
        rng = np.random.default_rng(11)
        truth = rng.normal(0.5, 0.3, 20_000)
        error = rng.uniform(0.05, 0.2, truth.size)
        prediction = rng.normal(truth, error)
        half = stats.norm.ppf(0.84) * error * stretch
        return prediction, truth, prediction - half, prediction + half

    def test_calibrated_normal(self):
        prediction, truth, p16, p84 = self.draw(1.0)
        result = compute_metrics(prediction, truth, p16=p16, p84=p84, n_bootstrap=20)
        assert result["coverage_68"] == pytest.approx(0.68, abs=0.01)
        assert result["coverage_90"] == pytest.approx(0.90, abs=0.007)
        assert result["coverage_95"] == pytest.approx(0.95, abs=0.005)

    def test_crps_of_normal_posteriors(self):
        prediction, truth, p16, p84 = self.draw(1.0)
        result = compute_metrics(prediction, truth, p16=p16, p84=p84, n_bootstrap=100)
        # The mean over calibrated normal posteriors is sigma / sqrt(pi).
        expected = 0.125 / np.sqrt(np.pi)
        assert result["crps"] == pytest.approx(expected, abs=4 * result["crps_err"])
        assert 0 < result["crps_err"] < 0.01

    def test_draws_replace_the_percentiles(self):
        prediction, truth, p16, p84 = self.draw(1.0)
        rng = np.random.default_rng(191070)
        draws = rng.normal(prediction[:, None], ((p84 - p16) / 8)[:, None], (truth.size, 200))
        narrow = compute_metrics(prediction, truth, p16=p16, p84=p84, draws=draws, n_bootstrap=0)
        wide = compute_metrics(prediction, truth, p16=p16, p84=p84, n_bootstrap=0)
        assert narrow["coverage_68"] == wide["coverage_68"]
        reach = stats.norm.ppf([0.95, 0.975]) * stats.norm.ppf(0.84) / 4
        found = [narrow["coverage_90"], narrow["coverage_95"]]
        assert found == pytest.approx(2 * stats.norm.cdf(reach) - 1, abs=0.015)
        assert narrow["crps"] > wide["crps"]
        with pytest.raises(InputError, match="draws must be for each of 20000 rows, got 5"):
            compute_metrics(prediction, truth, draws=draws[:5])

    def test_overconfident(self):
        prediction, truth, p16, p84 = self.draw(0.5)
        result = compute_metrics(prediction, truth, p16=p16, p84=p84, n_bootstrap=0)
        inside = stats.norm.ppf(0.84) * 0.5
        assert result["coverage_68"] == pytest.approx(2 * stats.norm.cdf(inside) - 1, abs=0.015)

    def test_split_normal_is_exact_for_itself(self):
        rng = np.random.default_rng(13)
        draws = np.abs(rng.normal(size=200_000)) * np.where(rng.random(200_000) < 0.5, -0.1, 0.4)
        low, high = split_normal_interval(*np.percentile(draws, [50, 16, 84]))
        assert np.mean((draws > low) & (draws < high)) == pytest.approx(0.95, abs=0.003)

    def test_rows_without_percentiles_enter_the_rest(self):
        low = np.array([0.0, np.nan, 0.0, 0.0])
        result = compute_metrics([0.5] * 4, [0.4, 0.4, 0.4, 3.0], p16=low, p84=[1.0] * 4)
        assert result["n"] == 4
        assert result["coverage_68"] == pytest.approx(2 / 3)

    def test_exchanged_percentiles_are_refused(self):
        low, high = [0.5, 0.5, 0.5, 0.1], [0.3, 0.4, 0.4, 0.1]
        with pytest.raises(InputError, match="p16 must not be above p84, but is in 3 of 4 rows"):
            compute_metrics([0.25] * 4, [0.3] * 4, p16=low, p84=high)

    def test_rows_with_exchanged_percentiles_have_no_interval(self):
        low, high = [0.2, 0.5, np.nan, 0.1], [0.3, 0.2, 0.5, 0.2]
        with pytest.warns(DustestWarning, match="p16 must not be above p84, but is in 1 of 4 row"):
            result = compute_metrics([0.25] * 4, [0.3] * 4, p16=low, p84=high, n_bootstrap=0)
        assert result["n"] == 4
        assert result["coverage_68"] == 0.5

    def test_median_outside_its_percentiles(self):
        low, high = split_normal_interval(np.array([0.1]), np.array([0.2]), np.array([0.4]))
        assert low[0] == pytest.approx(0.2)
        assert high[0] > 0.4

    @pytest.mark.parametrize("level", [0.0, 1.0, 95])
    def test_levels_are_probabilities(self, level):
        with pytest.raises(InputError, match="level must be between 0 and 1"):
            split_normal_interval(0.5, 0.4, 0.6, level=level)

    @given(st.floats(0.3, 0.9), st.floats(0.01, 3.0), st.floats(0.01, 3.0))
    def test_wider_levels_hold_narrower_ones(self, level, down, up):
        narrow = split_normal_interval(1.0, 1.0 - down, 1.0 + up, level=level)
        wide = split_normal_interval(1.0, 1.0 - down, 1.0 + up, level=level + 0.05)
        assert wide[0] < narrow[0] < 1.0 < narrow[1] < wide[1]


class TestMissing:
    def test_pairs_are_dropped_together_and_counted(self, pairs):
        prediction, truth = (column.copy() for column in pairs)
        prediction[:10] = np.nan
        truth[5:20] = np.inf
        result = compute_metrics(prediction, truth, n_bootstrap=0)
        expected = compute_metrics(pairs[0][20:], pairs[1][20:], n_bootstrap=0)
        assert (result["n"], result["n_dropped"]) == (280, 20)
        np.testing.assert_allclose(values(result), values(expected))

    def test_masked_is_missing(self):
        prediction = np.ma.masked_equal([1.0, 2.0, 3.0, -99.0], -99.0)
        assert compute_metrics(prediction, [1.0, 2.0, 3.0, 4.0])["n_dropped"] == 1

    @pytest.mark.parametrize("n", [0, 1, 2])
    def test_too_few_pairs(self, n):
        result = compute_metrics(np.ones(n), np.ones(n))
        assert result["n"] == n
        assert np.isnan(values(result)).all()

    def test_constant_prediction_has_no_correlation(self, pairs):
        result = compute_metrics(np.full(300, 0.3), pairs[1])
        assert np.isnan([result["pearson"], result["spearman"], result["pearson_err"]]).all()
        assert np.isfinite(result["mae_err"])

    def test_rounding_is_no_information(self):
        attenuation = np.random.default_rng(1).uniform(0.1, 2.0, 500)
        ratio = attenuation / (attenuation / 3.1)
        result = compute_metrics(ratio, np.full(500, 3.1))
        assert np.ptp(ratio) > 0
        assert np.isnan(result["pearson"])
        assert (result["sigma"], result["outlier_fraction"]) == (0, 0)


class TestInput:
    def test_units_convert(self):
        metrics = compute_metrics([100.0, 200.0, 300.0] * u.mmag, [0.0, 0.0, 0.0] * u.mag)
        assert metrics["bias"] == pytest.approx(200.0)

    def test_wrong_unit(self):
        with pytest.raises(InputError, match=r"truth must .* converts to mag, got Jy"):
            compute_metrics([1.0] * 3 * u.mag, [1.0] * 3 * u.Jy)

    def test_shapes_must_agree(self):
        with pytest.raises(InputError, match="one n"):
            compute_metrics([1.0, 2.0], [1.0, 2.0, 3.0])

    def test_numbers_are_needed(self):
        with pytest.raises(InputError, match="truth must hold numbers"):
            compute_metrics([1.0], ["red"])


class TestProperties:
    @given(samples, st.randoms(use_true_random=False))
    def test_order_does_not_matter(self, pair, random):
        order = list(range(len(pair[0])))
        random.shuffle(order)
        here = values(compute_metrics(*pair, n_bootstrap=0))
        there = values(compute_metrics(pair[0][order], pair[1][order], n_bootstrap=0))
        np.testing.assert_allclose(here, there, rtol=1e-9, atol=1e-9)

    @given(samples, st.integers(-20, 20))
    def test_a_shift_moves_the_bias_only(self, pair, shift):
        prediction, truth = pair
        here = compute_metrics(prediction, truth, n_bootstrap=0)
        there = compute_metrics(prediction + shift, truth, n_bootstrap=0)
        assert there["bias"] == pytest.approx(here["bias"] + shift, abs=1e-9)
        for name in ("sigma", "variance", "nmad", "pearson", "spearman"):
            assert there[name] == pytest.approx(here[name], abs=1e-6, nan_ok=True)

    @given(samples)
    def test_swapping_sides_turns_the_bias(self, pair):
        here = compute_metrics(*pair, n_bootstrap=0)
        there = compute_metrics(*pair[::-1], n_bootstrap=0)
        assert there["bias"] == pytest.approx(-here["bias"], abs=1e-12)
        for name in ("mae", "mse", "nmad", "pearson", "spearman"):
            assert there[name] == pytest.approx(here[name], abs=1e-9, nan_ok=True)

    @given(samples)
    def test_bounds(self, pair):
        result = compute_metrics(*pair, n_bootstrap=10, random_state=1)
        assert abs(result["bias"]) <= result["mae"] + 1e-12
        assert 0 <= result["outlier_fraction"] <= 1
        assert np.isnan(result["pearson"]) or -1 <= result["pearson"] <= 1


MISSING = (np.nan, np.inf, -np.inf, -99.0, -99.9, -999.0, -9999.0)


class TestUnitsAndMissing:
    @given(samples, st.data())
    def test_missing_pairs_are_as_if_they_were_not_there(self, pair, data):
        prediction, truth = (np.concatenate([part, part[:2]]) for part in pair)
        side = data.draw(st.sampled_from([prediction, truth]))
        side[-2:] = data.draw(st.tuples(*[st.sampled_from(MISSING)] * 2))
        here = compute_metrics(prediction, truth, n_bootstrap=0)
        there = compute_metrics(*pair, n_bootstrap=0)
        assert (here["n"], here["n_dropped"]) == (there["n"], there["n_dropped"] + 2)
        np.testing.assert_array_equal(values(here), values(there))

    @given(samples, st.sampled_from([u.mag, u.mmag, u.Unit(10 * u.mag)]))
    def test_units_of_columns_change_nothing(self, pair, unit):
        factor = (1.0 * u.mag).to_value(unit)
        column = MaskedColumn(pair[1] * factor, unit=unit)
        assume(not np.isnan(without_sentinels(np.asarray(column), magnitudes=True)).any())
        here = compute_metrics(pair[0] << u.mag, column, n_bootstrap=0)
        there = compute_metrics(*pair, n_bootstrap=0)
        np.testing.assert_allclose(values(here), values(there), rtol=1e-6, atol=1e-6)

    def test_lists_of_quantities(self):
        result = compute_metrics([100 * u.mmag, 0.2 * u.mag, 0.3 * u.mag], [100, 200, 300])
        assert result["mae"] == 0.0
        with pytest.raises(InputError, match=r"prediction must .* converts to mag"):
            compute_metrics([1 * u.mag, 2 * u.kpc], [0.1, 0.2])

    @pytest.mark.parametrize("n_bootstrap", [1, -2, 2.5, "a"])
    def test_numbers_of_resamples(self, pairs, n_bootstrap):
        with pytest.raises(InputError, match="n_bootstrap must be 0 or an integer from 2"):
            compute_metrics(*pairs, n_bootstrap=n_bootstrap)


@pytest.mark.parametrize(
    "pair", [([0.1], None), (None, [0.1]), (None, None)], ids=["truth", "prediction", "both"]
)
def test_nothing_is_no_column(pair):
    with pytest.raises(InputError, match=r"prediction|truth"):
        compute_metrics(*pair)
