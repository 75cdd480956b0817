import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dustest.data import InputError
from dustest.validation import binned_statistics


def truth(ratio, r_v):
    return QTable({"dust_to_metal": np.asarray(ratio, float), "R_V": np.asarray(r_v, float)})


class TestBinnedStatistics:
    def test_percentiles_of_known_values(self):
        table = truth(np.repeat([0.1, 0.9], 101), np.concatenate([np.arange(101), np.ones(101)]))
        result = binned_statistics(table, "R_V", by="dust_to_metal", edges=[0.0, 0.5, 1.0])
        assert result["n"].tolist() == [101, 101]
        assert result["median"].tolist() == [50.0, 1.0]
        assert result["p16"].tolist() == [16.0, 1.0]
        assert result["p84"].tolist() == [84.0, 1.0]
        assert result.meta == {"quantity": "R_V", "by": "dust_to_metal"}

    def test_edges_belong_to_the_bin_above_and_the_last_to_its_own(self):
        table = truth([0.0, 0.5, 1.0, 1.1, -0.1], [1.0, 2.0, 3.0, 9.0, 9.0])
        result = binned_statistics(table, "R_V", by="dust_to_metal", edges=[0.0, 0.5, 1.0])
        assert result["n"].tolist() == [1, 2]
        assert result["median"].tolist() == [1.0, 2.5]

    def test_rows_that_are_not_finite_are_left_out(self):
        table = truth([0.1, 0.1, np.nan, 0.1], [3.0, np.nan, 5.0, np.inf])
        result = binned_statistics(table, "R_V", by="dust_to_metal", edges=[0.0, 1.0])
        assert (result["n"][0], result["median"][0]) == (1, 3.0)

    def test_an_empty_bin(self):
        result = binned_statistics(truth([0.1], [3.0]), "R_V", by="dust_to_metal", edges=[1, 2])
        assert result["n"][0] == 0
        assert np.isnan([result[name][0] for name in ("median", "p16", "p84")]).all()

    def test_keeps_units(self):
        table = QTable({"A_V": [0.2, 0.4] * u.mag, "size": [0.5, 1.5] * u.kpc})
        edges = [0.0, 1000.0, 2000.0] * u.pc
        result = binned_statistics(table, "A_V", by="size", edges=edges)
        np.testing.assert_array_equal(result["median"], [0.2, 0.4] * u.mag)
        np.testing.assert_array_equal(result["high"], [1.0, 2.0] * u.kpc)

    @pytest.mark.parametrize("edges", [[1.0], [1.0, 1.0], [2.0, 1.0], [0.0, np.nan]])
    def test_edges_must_rise(self, edges):
        with pytest.raises(InputError, match="edges must be at least two numbers that rise"):
            binned_statistics(truth([0.1], [3.0]), "R_V", by="dust_to_metal", edges=edges)

    @pytest.mark.parametrize("edges", [["a", "b"], None, [[0.0, 1.0]], [0.0, 1.0] * u.kpc])
    def test_edges_must_be_numbers(self, edges):
        with pytest.raises(InputError, match=r"edges must (hold|be)"):
            binned_statistics(truth([0.1], [3.0]), "R_V", by="dust_to_metal", edges=edges)

    def test_missing_column(self):
        with pytest.raises(InputError, match="it lacks dust"):
            binned_statistics(truth([0.1], [3.0]), "R_V", by="dust", edges=[0.0, 1.0])

    @given(arrays(float, st.integers(0, 40), elements=st.floats(-1.0, 2.0)))
    def test_counts_as_numpy_does(self, ratio):
        edges = [-0.5, 0.0, 0.3, 1.0]
        result = binned_statistics(
            truth(ratio, np.zeros(len(ratio))), "R_V", by="dust_to_metal", edges=edges
        )
        assert result["n"].tolist() == np.histogram(ratio, edges)[0].tolist()
