import json

import numpy as np
import pytest
from scipy import stats

from dustest.data import FLAGS, DustestWarning, DustTable, InputError

LOW_ESS = FLAGS["LOW_ESS"].value
M = 4000


def gaussian(mean=(1.0, 0.4), width=0.5, seed=192501, **log_prior):
    """Posteriors of A_V under a flat prior, with a quantity that is tied to it."""
    rng = np.random.default_rng(seed)
    mean = np.array(mean)
    draws = mean[:, None] + width * rng.normal(size=(len(mean), M))
    tied = -8.0 - 2.0 * draws + 0.1 * rng.normal(size=draws.shape)
    columns = {"A_V": np.median(draws, axis=1), "log_sSFR": np.median(tied, axis=1)}
    extra = {"A_V_draws": draws, "log_sSFR_draws": tied}
    extra |= {"A_V_log_prior": np.zeros_like(draws), **log_prior}
    return DustTable.from_quantities(np.arange(len(mean)), columns, extra=extra)


class TestUnder:
    def test_products_of_gaussians(self):
        table = gaussian().under({"A_V": stats.norm(0.0, 0.5)})
        assert table["A_V"].value == pytest.approx([0.5, 0.2], abs=0.03)
        width = (table["A_V_p84"] - table["A_V_p16"]).value / 2
        assert width == pytest.approx(0.5 / np.sqrt(2), abs=0.03)

    def test_what_is_tied_follows(self):
        table = gaussian().under({"A_V": stats.norm(0.0, 0.5)})
        assert np.asarray(table["log_sSFR"]) == pytest.approx([-9.0, -8.4], abs=0.06)
        tied = table["log_sSFR_draws"] + 2.0 * table["A_V_draws"].value
        assert np.std(tied) == pytest.approx(0.1, abs=0.02)

    def test_the_old_prior_is_taken_out(self):
        old = stats.expon(scale=0.3)
        table = gaussian()
        table["A_V_log_prior"] = old.logpdf(np.abs(table["A_V_draws"]))
        draws = np.abs(np.asarray(table["A_V_draws"]))
        table["A_V_draws"] = draws
        again = table.under({"A_V": old})
        assert np.asarray(again["under_ess"]) == pytest.approx(M, rel=1e-6)
        assert again["A_V"].value == pytest.approx(np.median(draws, axis=1), abs=1e-3)

    def test_draws_and_percentiles_agree(self):
        table = gaussian().under({"A_V": stats.expon(scale=0.2)})
        quantiles = np.quantile(table["A_V_draws"], [0.16, 0.5, 0.84], axis=1)
        for column, expected in zip(("A_V_p16", "A_V", "A_V_p84"), quantiles, strict=True):
            assert table[column].value == pytest.approx(expected, abs=0.01)

    def test_twice_is_once(self):
        first, second = {"A_V": stats.norm(0.2, 0.6)}, {"A_V": stats.norm(0.0, 0.5)}
        twice = gaussian().under(first).under(second)
        assert twice["A_V"].value == pytest.approx(gaussian().under(second)["A_V"].value, abs=0.04)

    def test_functions_multiply_the_prior(self):
        def bluer(draws):
            return stats.norm(0.0, 0.5).pdf(draws["A_V"])

        found, expected = gaussian().under(bluer), gaussian().under({"A_V": stats.norm(0.0, 0.5)})
        np.testing.assert_allclose(found["A_V"].value, expected["A_V"].value)
        assert "A_V_log_prior" not in found.colnames

    def test_meta_has_the_prior(self):
        meta = gaussian().under({"A_V": stats.expon(scale=0.5)}).meta
        assert "0.5" in meta["under"]
        assert json.loads(meta["under"])

    def test_the_table_itself_is_unchanged(self):
        table = gaussian()
        table.under({"A_V": stats.expon()})
        assert "under_ess" not in table.colnames
        assert table["A_V"].value == pytest.approx([1.0, 0.4], abs=0.03)


class TestEffectiveNumber:
    def test_far_priors_are_flagged(self):
        table = gaussian().under({"A_V": stats.norm(4.0, 0.1)})
        assert np.all(table["flags"] & LOW_ESS)
        assert np.all(table["under_ess"] < 50)

    def test_repeated_draws_count_once(self):
        table = gaussian()
        table["A_V_draws"] = np.repeat(np.asarray(table["A_V_draws"])[:, : M // 4], 4, axis=1)
        found = table.under({"A_V": stats.uniform(-10, 20)})["under_ess"]
        assert np.asarray(found) == pytest.approx(M / 4)

    def test_impossible_galaxies_are_nan_with_a_warning(self):
        with pytest.warns(DustestWarning, match="2 of 2 galaxies have no draw that is possible"):
            table = gaussian().under({"A_V": stats.uniform(50.0, 1.0)})
        assert np.isnan(table["A_V"]).all()
        assert np.all(table["flags"] & LOW_ESS)

    @pytest.mark.parametrize("weight", [np.nan, np.inf])
    def test_unknown_weights_are_nan_with_a_warning(self, weight):
        def some(draws):
            return np.where(draws["dust:delta"] < 0.0, 1.0, weight)

        table = gaussian()
        table["dust:delta_draws"] = np.full((2, M), -0.1)
        table["dust:delta_draws"][1, 0] = np.nan
        with pytest.warns(DustestWarning, match="1 of 2 galaxies have draws whose weight is"):
            found = table.under(some)
        assert found["A_V"][0].value == pytest.approx(table["A_V"][0].value, abs=1e-3)
        assert np.isnan(found["A_V"][1])

    def test_rows_without_an_estimate_stay(self):
        table = gaussian(mean=(1.0, np.nan, 0.4)).under({"A_V": stats.norm(0.0, 0.5)})
        assert np.isnan(table["A_V"].value).tolist() == [False, True, False]
        assert table["flags"].tolist() == [0, 0, 0]


class TestRefusals:
    @pytest.mark.parametrize(
        ("prior", "message"),
        [
            ({"A_V": 0.3}, "frozen distribution"),
            ({"A_v": stats.expon()}, "no draws: did you mean 'A_V'"),
            ({"log_sSFR": stats.norm()}, "does not state the prior of log_sSFR"),
            ({}, "prior must be a dict"),
            ("flat", "prior must be a dict"),
            (lambda draws: -np.abs(draws["A_V"]), "weights from 0 .* got negative ones"),
            (lambda draws: 1.0, "weights from 0 of shape"),
        ],
    )
    def test_priors(self, prior, message):
        with pytest.raises(InputError, match=message):
            gaussian().under(prior)

    def test_tables_without_draws(self):
        with pytest.raises(InputError, match="no draws to weigh"):
            DustTable.from_quantities([1], {"A_V": [0.1]}).under({"A_V": stats.expon()})
