import numpy as np
import pytest
from astropy import units as u
from scipy import stats

from dustest.data import DustestWarning, DustTable, InputError
from dustest.validation import compute_metrics, coverage

N = 4000


@pytest.fixture
def tables():
    """Truth and a posterior that is calibrated: normal, with widths that differ by galaxy."""
    rng = np.random.default_rng(170505)
    median, sigma = rng.gamma(2.0, 0.3, N), rng.uniform(0.05, 0.3, N)
    half = sigma * stats.norm.ppf(0.84)
    values = {"A_V": median, "A_V_p16": median - half, "A_V_p84": median + half}
    posterior = DustTable.from_quantities(np.arange(N), values, extra={"snr": 1 / sigma})
    return {"id": np.arange(N), "A_V": rng.normal(median, sigma)}, posterior


class TestOverall:
    def test_calibrated_posterior_has_the_levels(self, tables):
        table = coverage(*tables, levels=(0.5, 0.68, 0.9, 0.95))
        assert table["level"].tolist() == [0.5, 0.68, 0.9, 0.95]
        assert np.abs(table["deviation"]).max() < 3.0
        assert np.diff(table["coverage"]).min() > 0.0

    def test_as_compute_metrics(self, tables):
        truth, posterior = tables
        columns = {name: posterior[f"A_V_{name}"] for name in ("p16", "p84")}
        metrics = compute_metrics(posterior["A_V"], truth["A_V"] * u.mag, **columns, n_bootstrap=0)
        measured = coverage(truth, posterior, levels=(0.68, 0.95))["coverage"]
        assert measured.tolist() == [metrics["coverage_68"], metrics["coverage_95"]]

    def test_binomial_error(self, tables):
        row = coverage(*tables, levels=0.9)[0]
        expected = stats.binom(N, 0.9).std() / N
        assert row["coverage_err"] == pytest.approx(expected)
        assert row["deviation"] == pytest.approx((row["coverage"] - 0.9) / expected)

    def test_narrow_intervals_show(self, tables):
        truth, posterior = tables
        posterior["A_V_p84"] = posterior["A_V"] + 0.5 * (posterior["A_V_p84"] - posterior["A_V"])
        row = coverage(truth, posterior, levels=0.68)[0]
        expected = 0.34 + stats.norm.cdf(0.5 * stats.norm.ppf(0.84)) - 0.5
        assert row["coverage"] == pytest.approx(expected, abs=0.02)
        assert row["deviation"] < -10

    def test_exchanged_percentiles_are_refused(self, tables):
        truth, posterior = tables
        low = posterior["A_V_p16"].copy()
        posterior["A_V_p16"], posterior["A_V_p84"] = posterior["A_V_p84"], low
        message = "A_V_p16 must not be above A_V_p84, but is in 4000 of 4000 rows: exchange them"
        with pytest.raises(InputError, match=message):
            coverage(truth, posterior)

    def test_rows_with_exchanged_percentiles_do_not_count(self, tables):
        truth, posterior = tables
        low = posterior["A_V_p16"].copy()
        posterior["A_V_p16"][:10] = posterior["A_V_p84"][:10] + 0.1 * u.mag
        with pytest.warns(DustestWarning, match=r"A_V_p16 .* is in 10 of 4000 rows"):
            found = coverage(truth, posterior)
        posterior["A_V_p16"] = low
        expected = coverage(truth, posterior[10:])
        assert (found == expected).all()
        assert found["n"][0] == N - 10


class TestPairing:
    def test_rows_are_paired_by_identifier(self, tables):
        truth, posterior = tables
        expected = coverage(truth, posterior, by="snr")
        mixed = np.random.default_rng(1).permutation(N)
        assert (coverage(truth, posterior[mixed], by="snr") == expected).all()
        other = {"NUMBER": truth["id"].astype(str)[::-1], "A_V": truth["A_V"][::-1]}
        assert (coverage(other, posterior, by="snr") == expected).all()

    def test_units_are_converted(self, tables):
        truth, posterior = tables
        other = truth | {"A_V": truth["A_V"] * 1e3 * u.mmag}
        assert coverage(other, posterior)["n"].tolist() == [N, N]
        assert coverage(other, posterior)["coverage"] == pytest.approx(
            coverage(truth, posterior)["coverage"], abs=1e-3
        )

    def test_only_galaxies_with_truth_and_interval_count(self, tables):
        truth, posterior = tables
        truth["A_V"][:100] = np.nan
        posterior["A_V_p16"][50:200] = np.nan
        assert coverage(truth, posterior[:1000])["n"].tolist() == [800, 800]

    def test_pairing_by_position_warns(self):
        results = {"A_V": [0.5], "A_V_p16": [0.4], "A_V_p84": [0.6]}
        with pytest.warns(DustestWarning, match="paired by position"):
            assert coverage({"A_V": [0.45]}, results)["coverage"].tolist() == [1.0, 1.0]

    def test_other_galaxies_are_refused(self, tables):
        truth, posterior = tables
        with pytest.raises(InputError, match="must have identifiers in common"):
            coverage(truth | {"id": truth["id"] + N}, posterior)


class TestCells:
    def test_cells_share_the_galaxies(self, tables):
        table = coverage(*tables, levels=0.68, by=["A_V", "snr"], n_cells=8)
        assert table["by"].tolist() == ["all"] + 8 * ["A_V"] + 8 * ["snr"]
        for name in ("A_V", "snr"):
            cells = table[table["by"] == name]
            assert cells["n"].tolist() == 8 * [N // 8]
            assert cells["low"][1:].tolist() == cells["high"][:-1].tolist()
            weighted = np.average(cells["coverage"], weights=cells["n"])
            assert weighted == pytest.approx(table["coverage"][0])

    def test_a_bad_cell_shows(self, tables):
        truth, posterior = tables
        faint = posterior["snr"] < np.median(posterior["snr"])
        truth["A_V"] = np.where(faint, truth["A_V"] + 0.3, truth["A_V"])
        low, high = coverage(truth, posterior, levels=0.68, by="snr", n_cells=2)["deviation"][1:]
        assert low < -10
        assert abs(high) < 3

    def test_equal_edges_are_merged(self, tables):
        truth, posterior = tables
        posterior["field"] = np.repeat([1.0, 2.0], [N - 400, 400])
        cells = coverage(truth, posterior, levels=0.68, by="field")[1:]
        assert cells["n"].sum() == N
        posterior["field"] = 1.0
        cells = coverage(truth, posterior, levels=0.68, by="field")[1:]
        assert (cells["n"].tolist(), cells["low"].tolist()) == ([N], [1.0])

    def test_rows_without_a_value_are_in_no_cell(self, tables):
        truth, posterior = tables
        posterior["snr"][:1000] = np.nan
        cells = coverage(truth, posterior, levels=0.68, by="snr", n_cells=3)[1:]
        assert cells["n"].tolist() == [1000, 1000, 1000]
        posterior["snr"] = np.nan
        assert coverage(truth, posterior, by="snr")["by"].tolist() == ["all", "all"]


class TestArguments:
    def test_tables_without_rows(self, tables):
        truth, posterior = tables
        none = {name: values[:0] for name, values in truth.items()}
        with pytest.raises(InputError, match="truth must have at least one row, got none"):
            coverage(none, posterior)
        with pytest.raises(InputError, match="posterior must have at least one row, got none"):
            coverage(truth, posterior[:0])

    @pytest.mark.parametrize("levels", [0.0, 1.0, (0.68, 90), "0.9", None, ()])
    def test_levels_are_probabilities(self, tables, levels):
        with pytest.raises(InputError, match="levels must be numbers between 0 and 1"):
            coverage(*tables, levels=levels)

    def test_quantities(self, tables):
        truth, posterior = tables
        assert set(coverage(truth, posterior, "A_V")["quantity"]) == {"A_V"}
        with pytest.raises(InputError, match="quantity must be one of"):
            coverage(truth, posterior, "AV")
        with pytest.raises(InputError, match="coverage of E_BV needs the column E_BV in truth"):
            coverage(truth, posterior, ["A_V", "E_BV"])
        posterior.remove_column("A_V_p84")
        with pytest.raises(InputError, match="A_V_p84 in posterior, got"):
            coverage(truth, posterior)

    def test_by_and_cells(self, tables):
        with pytest.raises(InputError, match="posterior must have the columns mag"):
            coverage(*tables, by="mag")
        for wrong in (5, [None], b"snr"):
            with pytest.raises(InputError, match="by must be one name or a list of names, got"):
                coverage(*tables, by=wrong)
        with pytest.raises(InputError, match="n_cells must be a positive integer, got 0"):
            coverage(*tables, by="snr", n_cells=0)
