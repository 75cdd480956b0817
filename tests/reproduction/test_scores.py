"""Tables 1 and 2 and the table of histories, against the printed paper and numbers by hand."""

import numpy as np
import pytest
from astropy import units as u

from dustest.data import DustTable
from dustest.data.containers.rows import RowTable
from dustest.reproduction.scores import (
    PRINTED,
    SCORED,
    histories,
    hyperparameters,
    printed_scores,
    scores,
    table_2,
)
from dustest.reproduction.sed_fits import HISTORIES
from dustest.validation import compute_metrics

MEASURES = ("bias", "mae", "mse", "sigma", "variance")

# Fu et al., Table 2, a line a measure: E(B-V), A_V, R_V and sSFR from 1 band and from 3.
COLUMNS = [(name, n) for name in ("E_BV", "A_V", "R_V", "log_sSFR") for n in (1, 3)]
PAPER = {
    "mae": "0.0136 0.0131 0.0891 0.0685 3.4817 2.8892 0.0456 0.0688",
    "mse": "3.55e-4 2.53e-4 1.52e-2 9.94e-3 45.9 18.7 4.60e-3 8.16e-3",
    "sigma": "0.0172 0.0108 0.121 0.0994 6.2325 3.4815 0.0671 0.0895",
    "variance": "2.95e-4 1.17e-4 1.47e-2 9.89e-3 38.84 12.12 4.50e-3 8.01e-3",
}


def row_of(table, **wanted):
    """The one row with these values."""
    rows = [row for row in table if all(row[key] == value for key, value in wanted.items())]
    assert len(rows) == 1
    return rows[0]


def predictions(n=40, seed=1):
    """Made-up predictions of all that is scored, some of them missing, and their truth."""
    rng = np.random.default_rng(seed)
    truth = {"A_V": rng.uniform(0.1, 1.0, n) * u.mag, "E_BV": rng.uniform(0.1, 0.3, n) * u.mag}
    truth |= {"R_V": rng.uniform(3.0, 8.0, n), "log_sSFR": rng.uniform(-9.0, -8.0, n)}
    found = {name: np.array(values) + 0.1 * rng.normal(size=n) for name, values in truth.items()}
    found["R_V"][:3] = np.nan
    return DustTable.from_quantities(np.arange(n), found), RowTable(truth)


class TestPrinted:
    @pytest.mark.parametrize("measure", list(PAPER))
    def test_numbers_are_those_of_the_paper(self, measure):
        printed = printed_scores()
        for (quantity, n_bands), number in zip(COLUMNS, PAPER[measure].split(), strict=True):
            row = row_of(printed, quantity=quantity, n_bands=n_bands)
            assert row[measure] == float(number)
            assert np.isnan(row[f"{measure}_err"])

    def test_rows_are_those_of_the_paper(self):
        printed = printed_scores()
        pairs = zip(printed["quantity"], printed["n_bands"], strict=True)
        assert [(str(name), int(n)) for name, n in pairs] == COLUMNS
        assert set(printed["network"]) == {PRINTED}
        assert not np.any(printed["n"])

    def test_size_of_the_bias(self):
        printed = printed_scores()
        np.testing.assert_allclose(printed["bias"] ** 2, printed["mse"] - printed["variance"])
        row = row_of(printed, quantity="R_V", n_bands=3)
        assert row["bias"] == pytest.approx(2.565, abs=1e-3)

    def test_half_of_an_error_is_bias(self):
        row = row_of(printed_scores(), quantity="E_BV", n_bands=3)
        assert row["bias"] == pytest.approx(0.01166, abs=1e-5)
        assert row["bias"] ** 2 / row["mse"] == pytest.approx(0.54, abs=0.01)
        # Of no other quantity of dust but R_V is a tenth of it bias, three bands taken.
        row = row_of(printed_scores(), quantity="A_V", n_bands=3)
        assert row["bias"] ** 2 / row["mse"] < 0.01

    def test_sigma_and_variance_agree_as_printed(self):
        printed = printed_scores()
        np.testing.assert_allclose(printed["sigma"] ** 2, printed["variance"], rtol=0.01)


class TestScores:
    def test_by_hand(self):
        residual = np.array([0.1, -0.2, 0.3, 0.2])
        columns = dict.fromkeys(SCORED, np.full(4, 0.5) + residual)
        truth = RowTable(dict.fromkeys(SCORED, np.full(4, 0.5)))
        truth["A_V"], truth["E_BV"] = truth["A_V"] * u.mag, truth["E_BV"] * u.mag
        table = scores("one", 3, DustTable.from_quantities(range(4), columns), truth, 1)
        assert [str(name) for name in table["quantity"]] == ["E_BV", "A_V", "R_V", "log_sSFR"]
        for row in table:
            assert (row["network"], row["n_bands"], row["n"]) == ("one", 3, 4)
            assert row["bias"] == pytest.approx(0.1)
            assert row["mae"] == pytest.approx(0.2)
            assert row["mse"] == pytest.approx(0.045)
            assert row["variance"] == pytest.approx(0.035)
            assert row["sigma"] == pytest.approx(np.sqrt(0.035))

    @pytest.mark.parametrize("quantity", SCORED)
    def test_are_those_of_the_metrics(self, quantity):
        found, truth = predictions()
        row = row_of(scores("one", 1, found, truth, 5), quantity=quantity)
        expected = compute_metrics(
            found[quantity], truth[quantity], n_bootstrap=200, random_state=5
        )
        assert row["n"] == expected["n"] == (37 if quantity == "R_V" else 40)
        for measure in MEASURES:
            assert row[measure] == expected[measure]
            assert row[f"{measure}_err"] == expected[f"{measure}_err"] > 0

    def test_a_seed_decides(self):
        first, same, other = (scores("one", 1, *predictions(), seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first["mae_err"], same["mae_err"])
        assert np.all(first["mae_err"] != other["mae_err"])

    def test_no_answer_at_all(self):
        found, truth = predictions()
        found["A_V"][:] = np.nan
        row = row_of(scores("one", 1, found, truth, 1), quantity="A_V")
        assert row["n"] == 0
        assert np.isnan(row["mae"])


class TestTable2:
    def test_what_is_measured_stands_below_what_is_printed(self):
        parts = [scores(name, n, *predictions(), 1) for name in ("a", "b") for n in (1, 3)]
        table = table_2(parts)
        assert list(dict.fromkeys(table["network"])) == [PRINTED, "a", "b"]
        assert len(table) == 8 + 4 * 4
        row = row_of(table, network="b", quantity="A_V", n_bands=3)
        assert row["mae"] == row_of(parts[-1], quantity="A_V")["mae"]
        assert row_of(table, network=PRINTED, quantity="A_V", n_bands=3)["mae"] == 0.0685


class TestHyperparameters:
    TRIALS = RowTable(
        {
            "trial": [0, 1, 2, 3],
            "status": ["completed", "failed", "completed", "completed"],
            "val_loss": [0.3, np.nan, 0.1, 0.2],
            "filters_1": [4, 8, 36, 12],
            "filters_2": [0, 8, 16, 12],
            "filters_3": [0, 0, 0, 12],
            "units_1": [8, 16, 64, 8],
            "units_2": [8, 0, 0, 0],
            "learning_rate": [1e-2, 1e-3, 5e-4, 1e-4],
            "batch_size": [16, 32, 48, 64],
        }
    )

    def test_the_best_trial(self):
        table = hyperparameters(self.TRIALS)
        found = dict(zip(table["hyperparameter"], table["found"], strict=True))
        assert found == {
            "CNN filters": "36, 16",
            "dense neurons": "64",
            "learning rate": "0.0005",
            "batch size": "48",
        }

    def test_ranges_are_those_of_the_paper(self):
        table = hyperparameters(self.TRIALS)
        ranges = dict(zip(table["hyperparameter"], table["range"], strict=True))
        assert ranges == {
            "CNN filters": "4 to 64 in each of 1 to 4 layers",
            "dense neurons": "8 to 64 in each of 1 to 4 layers",
            "learning rate": "0.0001 to 0.01",
            "batch size": "16 to 64",
        }

    def test_ranges_are_those_that_are_searched(self):
        pytest.importorskip("keras_tuner")
        from dustest.estimators._cnn.training.tuning import PRESETS

        space = PRESETS["paper"].space
        assert space.filters[:2] == (4, 64)
        assert space.units[:2] == (8, 64)
        assert space.n_convolutions == space.n_dense == (1, 4)
        assert (min(space.learning_rates), max(space.learning_rates)) == (1e-4, 1e-2)
        assert (min(space.batch_sizes), max(space.batch_sizes)) == (16, 64)


class TestHistories:
    def fit(self, a_v, mass=9.0):
        n = len(a_v)
        table = DustTable.from_quantities(range(n), {"A_V": a_v})
        table["log_mass"] = np.full(n, mass)
        table["log_SFR_10"] = np.linspace(1.0, 2.0, n)
        table["log_SFR_100"] = np.linspace(0.0, 1.0, n)
        return table

    def test_medians_of_what_is_fitted(self):
        table = histories(
            {"one": self.fit([0.1, 0.2, np.nan, 0.9]), "two": self.fit([0.3], mass=8.0)}
        )
        assert list(table["history"]) == ["one", "two"]
        assert list(table["n"]) == [3, 1]
        np.testing.assert_allclose(table["A_V"], [0.2, 0.3])
        # The rates of the three rows with a fit are 1, 1.33 and 2.
        np.testing.assert_allclose(table["log_sSFR_10"], [4 / 3 - 9.0, 1.0 - 8.0])
        np.testing.assert_allclose(table["log_sSFR_100"], [1 / 3 - 9.0, 0.0 - 8.0])

    def test_a_history_that_fits_nothing(self):
        table = histories({"one": self.fit([np.nan, np.nan])})
        assert table["n"][0] == 0
        assert np.isnan(table["A_V"][0])
        assert np.isnan(table["log_sSFR_10"][0])

    def test_the_paper_has_seven(self):
        assert set(HISTORIES) == {
            "lognormal",
            "delayed",
            "constant",
            "exponential",
            "double_delayed",
            "delayed_burst",
            "continuity",
        }
