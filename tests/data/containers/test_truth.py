import numpy as np
import pytest
from astropy import units as u
from astropy.table import Column, QTable, Table

from dustest.data import InputError, as_truth


class TestTruth:
    def test_tables_give_the_targets_in_order(self):
        table = QTable({"E_BV": [0.1, 0.2] * u.mag, "A_V": [0.4, 0.8] * u.mag, "x": [1, 2]})
        np.testing.assert_array_equal(as_truth(table, ["A_V", "E_BV"]), [[0.4, 0.1], [0.8, 0.2]])

    @pytest.mark.parametrize(
        "values", [[0.1, 0.2], Column([0.1, 0.2]), [0.1, 0.2] * u.mag, np.array([[0.1], [0.2]])]
    )
    def test_plain_values(self, values):
        np.testing.assert_array_equal(as_truth(values, ["A_V"]), [[0.1], [0.2]])

    def test_units_are_converted(self):
        np.testing.assert_allclose(as_truth([100.0, 200.0] * u.mmag, ["A_V"]), [[0.1], [0.2]])

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_what_is_not_finite_is_refused(self, bad):
        with pytest.raises(InputError, match="y must be finite"):
            as_truth([0.1, bad], ["A_V"])

    def test_one_unit_does_not_serve_two(self):
        values = np.array([[0.1, 4.0]])
        np.testing.assert_array_equal(as_truth(values, ["A_V", "R_V"]), values)
        np.testing.assert_array_equal(as_truth(Column(values), ["A_V", "R_V"]), values)
        with pytest.raises(InputError, match="y must be a table with a column for each target"):
            as_truth(values * u.mag, ["A_V", "R_V"])

    def test_targets_of_one_unit_share_it(self):
        np.testing.assert_allclose(
            as_truth([[100.0, 20.0]] * u.mmag, ["A_V", "E_BV"]), [[0.1, 0.02]]
        )

    def test_targets_of_the_user_are_plain_numbers(self):
        np.testing.assert_array_equal(as_truth({"mass": [9.5]}, ["mass"]), [[9.5]])
        with pytest.raises(InputError, match="must be plain numbers, got mag"):
            as_truth({"mass": [9.5] * u.mag}, ["mass"])

    def test_masked_values_are_refused(self):
        masked = Table({"A_V": np.ma.masked_equal([0.1, 9.0], 9.0)})
        with pytest.raises(InputError, match="y must be finite"):
            as_truth(masked, ["A_V"])

    def test_missing_targets_are_named(self):
        with pytest.raises(InputError, match="missing \\['E_BV'\\]"):
            as_truth(Table({"A_V": [0.1]}), ["A_V", "E_BV"])

    @pytest.mark.parametrize("bad", [["a", "b"], [[0.1, 0.2], [0.3, 0.4]]])
    def test_other_shapes_and_types_are_refused(self, bad):
        with pytest.raises(InputError, match="y must"):
            as_truth(bad, ["A_V"])
