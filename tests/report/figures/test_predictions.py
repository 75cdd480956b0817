import numpy as np
import pytest
from astropy.table import QTable

from dustest.data import QUANTITIES, DustTable, InputError
from dustest.report.figures import COLORS, plot_against_sed, plot_predictions

N = 60


def results(values, quantity="A_V", ids=None):
    return DustTable.from_quantities(
        range(len(values)) if ids is None else ids, {quantity: values}
    )


@pytest.fixture
def truth():
    rng = np.random.default_rng(1)
    return QTable({"id": np.arange(N), **{name: rng.uniform(0, 1, N) for name in QUANTITIES}})


@pytest.fixture
def networks(truth):
    """Two tables of networks: one 0.1 too high, one 0.2 too low."""
    values = np.asarray(truth["A_V"])
    return {"1 band": results(values + 0.1), "3 bands": results(values - 0.2)}


def points(ax):
    return np.asarray(ax.collections[0].get_offsets())


def colors(figure):
    return [tuple(ax.collections[0].get_facecolor()[0][:3]) for ax in figure.axes[::3]]


class TestPredictions:
    @pytest.mark.parametrize("quantity", QUANTITIES)
    def test_each_quantity_has_its_label(self, truth, quantity):
        tables = {"1 band": results(np.asarray(truth[quantity]), quantity)}
        scatter, bars, residuals = plot_predictions(tables, truth, quantity).axes
        label = QUANTITIES[quantity].label
        assert scatter.get_xlabel() == f"{label}, truth"
        assert scatter.get_ylabel() == f"{label}, 1 band"
        assert bars.get_xlabel() == label
        assert residuals.get_xlabel() == f"{label}: 1 band − truth"

    def test_a_row_a_table_with_the_sign_of_the_bias(self, truth, networks):
        figure = plot_predictions(networks, truth, "A_V")
        titles = [ax.get_title() for ax in figure.axes[2::3]]
        assert [title.split(",")[0] for title in titles] == ["median +0.100", "median −0.200"]
        assert len(set(colors(figure))) == 2

    def test_rows_are_matched_by_id(self, truth, networks):
        shuffled = truth[np.random.default_rng(2).permutation(N)]
        figure = plot_predictions(networks, shuffled, "A_V")
        x, y = points(figure.axes[0]).T
        np.testing.assert_allclose(y - x, 0.1)

    def test_what_nobody_says(self, truth, networks):
        with pytest.raises(InputError, match=r"E_BV must be given by .* but not by '1 band'"):
            plot_predictions(networks, truth, "E_BV")
        truth.remove_column("A_V")
        with pytest.raises(InputError, match=r"A_V must be given by .* but not by 'truth'"):
            plot_predictions(networks, truth, "A_V")

    def test_unknown_quantities_and_tables(self, truth, networks):
        with pytest.raises(InputError, match="quantity must be one of"):
            plot_predictions(networks, truth, "betta")
        with pytest.raises(InputError, match="tables must be a dict"):
            plot_predictions(networks["1 band"], truth, "A_V")


class TestAgainstSed:
    @pytest.fixture
    def fits(self, truth):
        values = np.asarray(truth["A_V"])
        return {"10 Myr": results(values), "100 Myr": results(values + 0.3)}

    def test_a_row_for_each_pair(self, networks, fits):
        figure = plot_against_sed(networks, fits, "A_V")
        labels = [ax.get_xlabel() for ax in figure.axes[2::3]]
        pairs = [label.removeprefix("$A_V$ [mag]:").strip() for label in labels]
        assert pairs == [
            "1 band − 10 Myr",
            "3 bands − 10 Myr",
            "1 band − 100 Myr",
            "3 bands − 100 Myr",
        ]
        titles = [ax.get_title().split(",")[0] for ax in figure.axes[2::3]]
        assert titles[::3] == ["median +0.100", "median −0.500"]
        # A network has one colour throughout.
        assert colors(figure)[:2] == colors(figure)[2:]
        assert len(set(colors(figure))) == 2 <= len(COLORS)

    def test_galaxies_without_image_are_counted(self, networks, fits):
        networks["1 band"]["A_V"][:10] = np.nan
        networks["3 bands"] = networks["3 bands"][:7]
        figure = plot_against_sed(networks, {"SED": fits["10 Myr"]}, "A_V")
        titles = [ax.get_title() for ax in figure.axes[1::3]]
        assert titles == ["50 of 60 galaxies", "7 of 60 galaxies"]
        assert figure.get_supxlabel() == ""

    def test_a_network_without_any_has_no_row_and_is_named(self, networks, fits):
        networks["1 band"]["A_V"][:] = np.nan
        figure = plot_against_sed(networks, {"SED": fits["10 Myr"]}, "A_V")
        assert len(figure.axes) == 3
        expected = "Not shown, since no galaxy has both: 1 band and SED"
        assert figure.get_supxlabel() == expected

    def test_no_galaxy_at_all(self, networks, fits):
        with pytest.raises(InputError, match="at least one galaxy in common, got none for 1 band"):
            plot_against_sed(networks, fits, "E_BV")
        with pytest.raises(InputError, match="fits must be a dict"):
            plot_against_sed(networks, {}, "A_V")
