import numpy as np
import pytest
from astropy.table import QTable
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from dustest.data import InputError
from dustest.report.figures import plot_coverage, plot_coverage_cells, plot_pit, plot_ranks
from dustest.validation import coverage, pit_histogram, rank_statistics, tarp

N = 400
LEVELS = np.linspace(0.1, 0.9, 9)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(191200)
    return rng.normal(size=N), rng.normal(size=(N, 60))


def lines(ax):
    return [line for line in ax.get_lines() if line.get_linestyle() == "-"]


class TestCoverage:
    def test_curve(self, arrays):
        table = coverage(*arrays, "A_V", levels=LEVELS)
        (curve,) = lines(plot_coverage(table))
        assert curve.get_xdata().tolist() == LEVELS.tolist()
        assert curve.get_ydata().tolist() == table["coverage"].tolist()

    def test_names_and_colours(self, arrays):
        table = coverage(*arrays, "A_V", levels=LEVELS)
        ax = plot_coverage({"one": table, "b$": table}, colors={"b$": "#009E73"})
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", r"b\$"]
        assert [to_hex(one.get_color()) for one in lines(ax)] == ["#0072b2", "#009e73"]

    def test_band_is_two_binomial_errors(self, arrays):
        ax = plot_coverage(coverage(*arrays, "A_V", levels=LEVELS))
        band = ax.collections[0].get_paths()[0].vertices
        at_half = band[np.isclose(band[:, 0], 0.5), 1]
        assert np.ptp(at_half) / 2 == pytest.approx(2 * np.sqrt(0.25 / N))

    def test_cells_are_left_out(self, arrays):
        cells = {"snr": np.arange(N)}
        table = coverage(*arrays, "A_V", levels=LEVELS, by=cells, n_cells=3)
        assert len(lines(plot_coverage(table))[0].get_xdata()) == len(LEVELS)

    def test_joint_coverage(self, arrays):
        truth, draws = arrays
        table = tarp(truth[:, None], draws[..., None], random_state=1)
        assert len(lines(plot_coverage(table))[0].get_xdata()) == 19

    def test_axes(self, arrays):
        ax = Figure().add_subplot()
        assert plot_coverage(coverage(*arrays, "A_V"), ax=ax) is ax

    def test_wrong_tables(self, arrays):
        table = coverage(*arrays, "A_V")
        with pytest.raises(InputError, match="tables must have the columns level, coverage, n"):
            plot_coverage(QTable({"level": [0.5]}))
        table["quantity"] = ["A_V", "E_BV"]
        with pytest.raises(InputError, match="tables must be of one quantity, got A_V, E_BV"):
            plot_coverage(table)
        with pytest.raises(InputError, match="tables must hold at least one table, got none"):
            plot_coverage({})


class TestPit:
    def test_histogram(self, arrays):
        table = pit_histogram(*arrays, n_bins=10)
        ax = plot_pit({"one": table})
        step = ax.patches[-1]
        assert step.get_data().values.tolist() == table["density"].tolist()
        assert table["density"].mean() == pytest.approx(1.0)

    def test_band(self, arrays):
        ax = plot_pit(pit_histogram(*arrays, n_bins=10))
        height = ax.patches[0].get_height()
        assert height == pytest.approx(4 * np.sqrt(0.1 * 0.9 / N) * 10)


class TestRanks:
    def test_counts_and_bins(self, arrays):
        ranks = rank_statistics(*arrays, random_state=1)
        steps = plot_ranks(ranks, 60).patches
        assert steps[-1].get_data().values.sum() == N
        # 61 ranks do not divide into 20 bins: expected numbers follow the widths.
        expected = steps[-2].get_data()
        assert expected.values.sum() == pytest.approx(N)
        assert set(np.diff(expected.edges)) == {3.0, 4.0}

    def test_few_draws_have_a_bin_each(self):
        ax = plot_ranks([0, 1, 1, 2, np.nan], 2)
        assert ax.patches[-1].get_data().values.tolist() == [1, 2, 1]

    def test_wrong_numbers(self):
        with pytest.raises(InputError, match="ranks must be from 0 to n_draws, 2, got 0 to 3"):
            plot_ranks([0, 3], 2)
        with pytest.raises(InputError, match="n_bins must be at most 3"):
            plot_ranks([0, 1], 2, n_bins=4)


class TestCells:
    def test_levels_and_cells(self, arrays):
        table = coverage(*arrays, "A_V", by={"snr": np.arange(N)}, n_cells=4)
        ax = plot_coverage_cells({"one": table}, "snr")
        low, high = lines(ax)
        assert low.get_xdata() == pytest.approx([49.875, 149.625, 249.375, 349.125])
        assert high.get_ydata().tolist() == table["coverage"][-4:].tolist()
        assert len(ax.get_legend().get_texts()) == 1

    def test_unknown_column(self, arrays):
        table = coverage(*arrays, "A_V", by={"snr": np.arange(N)}, n_cells=4)
        with pytest.raises(InputError, match="by must be a column with cells, got 'mag'; these"):
            plot_coverage_cells(table, "mag")
