import numpy as np
import pytest

from dustest.data import DustTable, InputError
from dustest.validation import tarp

N, N_DRAWS = 3000, 80


@pytest.fixture
def problem():
    """Centres, and a covariance with a strong correlation."""
    centre = np.random.default_rng(191050).normal(size=(N, 2))
    return centre, np.array([[0.04, 0.035], [0.035, 0.04]])


def drawn(centre, covariance, n_draws, seed):
    rng = np.random.default_rng(seed)
    noise = rng.multivariate_normal(np.zeros(2), covariance, size=(len(centre), n_draws))
    return centre[:, None] + noise


def truths(centre, covariance):
    return drawn(centre, covariance, 1, 191051)[:, 0]


class TestTarp:
    def test_calibrated_draws_are_on_the_diagonal(self, problem):
        centre, covariance = problem
        draws = drawn(centre, covariance, N_DRAWS, 191052)
        table = tarp(truths(centre, covariance), draws, random_state=191053)
        assert table.meta["ks_pvalue"] > 0.01
        assert np.abs(table["deviation"]).max() < 4
        assert table["n"].tolist() == [N] * 19

    def test_few_draws_are_on_the_diagonal(self, problem):
        centre, covariance = problem
        draws = drawn(centre, covariance, 5, 191054)
        table = tarp(truths(centre, covariance), draws, random_state=191055)
        assert np.abs(table["deviation"]).max() < 4

    def test_narrow_and_biased_draws_show(self, problem):
        centre, covariance = problem
        truth = truths(centre, covariance)
        narrow = tarp(truth, drawn(centre, covariance / 9, N_DRAWS, 191056), random_state=1)
        assert narrow.meta["ks_pvalue"] < 1e-6
        # Too narrow: too few truths at central levels in both directions.
        assert narrow["deviation"][1] > 5
        assert narrow["deviation"][-2] < -5
        biased = tarp(truth, drawn(centre + 0.2, covariance, N_DRAWS, 191057), random_state=1)
        assert biased.meta["ks_pvalue"] < 1e-6

    def test_a_missing_correlation_shows(self, problem):
        centre, covariance = problem
        draws = drawn(centre, np.diag(np.diag(covariance)), N_DRAWS, 191058)
        # Far along the diagonal, distances depend on the sum of both.
        far = np.full((N, 2), 50.0)
        truth = truths(centre, covariance)
        assert tarp(truth, draws, references=far, random_state=1).meta["ks_pvalue"] < 1e-6

    def test_one_quantity_with_a_far_point_is_the_pit(self, problem):
        centre, _ = problem
        rng = np.random.default_rng(191059)
        draws = rng.normal(centre[:, :1, None], 0.2, (N, N_DRAWS, 1))
        truth = rng.normal(centre[:, :1], 0.2)
        table = tarp(truth, draws, references=np.full((N, 1), -100.0), levels=0.3)
        n_below = np.sum(draws[..., 0] < truth, axis=1)
        expected = np.clip(0.3 * (N_DRAWS + 1) - n_below, 0, 1).mean()
        assert table["coverage"][0] == pytest.approx(expected)

    def test_tables(self, problem):
        centre, covariance = problem
        draws = drawn(centre, covariance, N_DRAWS, 191060)
        truth = truths(centre, covariance)
        table = DustTable.from_quantities(np.arange(N), {"A_V": centre[:, 0]})
        table["A_V_draws"] = draws[..., 0] * table["A_V"].unit
        table["log_sSFR_draws"] = draws[..., 1]
        values = {"id": np.arange(N), "A_V": truth[:, 0], "log_sSFR": truth[:, 1]}
        found = tarp(values, table, random_state=1)
        assert found.meta["quantities"] == "A_V, log_sSFR"
        assert (found == tarp(truth, draws, random_state=1)).all()
        assert tarp(values, table, ["A_V"]).meta["quantities"] == "A_V"

    def test_unknown_galaxies_are_left_out(self, problem):
        centre, covariance = problem
        draws = drawn(centre, covariance, N_DRAWS, 191061)
        truth = truths(centre, covariance)
        draws[:10, 3, 0] = np.nan
        truth[5:20, 1] = np.nan
        assert tarp(truth, draws, random_state=1)["n"][0] == N - 20


class TestArguments:
    def test_shapes(self, problem):
        centre, covariance = problem
        draws = drawn(centre, covariance, 10, 191062)
        with pytest.raises(InputError, match="truth must be of shape"):
            tarp(centre[:5], draws)
        with pytest.raises(InputError, match="references must be of shape"):
            tarp(centre, draws, references=centre[:5])
        with pytest.raises(InputError, match="quantities must be None for arrays"):
            tarp(centre, draws, ["A_V"])
        with pytest.raises(InputError, match="levels must be numbers between 0 and 1"):
            tarp(centre, draws, levels=[0.5, 1.0])
        with pytest.raises(InputError, match="at least 2 galaxies"):
            tarp(centre[:1], draws[:1])

    def test_tables_need_draws(self):
        table = {"id": [1, 2], "A_V": [0.5, 0.5], "A_V_p16": [0.4, 0.4], "A_V_p84": [0.6, 0.6]}
        with pytest.raises(InputError, match="posterior must have draws in the column A_V_draws"):
            tarp({"id": [1, 2], "A_V": [0.5, 0.4]}, table)
