import numpy as np
import pytest

from dustest.data import DustTable, InputError
from dustest.validation import largest_disagreements


def table(ids, values):
    return DustTable.from_quantities(ids, {"A_V": values})


TABLES = {
    "one": table(["a", "b", "c", "d"], [0.1, 0.2, np.nan, 0.4]),
    "two": table(["d", "a"], [1.4, 0.15]),
    "three": table(["a", "b", "c", "d"], [0.1, 0.9, 5.0, 0.5]),
}


class TestLargestDisagreements:
    def test_order_and_values(self):
        result = largest_disagreements(TABLES, "A_V")
        assert result["id"].tolist() == ["d", "b", "a"]
        np.testing.assert_allclose(result["spread"].to_value("mag"), [1.0, 0.7, 0.05])
        np.testing.assert_allclose(result["two"].to_value("mag"), [1.4, np.nan, 0.15])

    def test_number_of_rows(self):
        assert largest_disagreements(TABLES, "A_V", n_rows=1)["id"].tolist() == ["d"]

    def test_nobody_gives_it(self):
        assert len(largest_disagreements(TABLES, "R_V")) == 0

    def test_one_gives_it(self):
        assert len(largest_disagreements({"one": TABLES["one"]}, "A_V")) == 0

    def test_unknown_quantity(self):
        with pytest.raises(InputError, match="quantity must be one of"):
            largest_disagreements(TABLES, "A_K")

    def test_names_that_clash(self):
        with pytest.raises(InputError, match="'id' or 'spread'"):
            largest_disagreements({"id": TABLES["one"]}, "A_V")

    def test_galaxies_that_only_some_have(self):
        tables = {
            "one": {"NUMBER": [1, 2, 3], "A_V": [0.1, 0.2, 0.3]},
            "two": {"ID": ["3", "9"], "A_V": [0.5, 0.1]},
            "three": {"id": [9], "A_V": [1.1]},
        }
        result = largest_disagreements(tables, "A_V")
        assert result["id"].tolist() == ["9", "3"]
        np.testing.assert_allclose(result["spread"].to_value("mag"), [1.0, 0.2])

    def test_a_table_that_shares_no_galaxy(self):
        with pytest.raises(InputError, match="two and one must have identifiers in common"):
            largest_disagreements({"one": table(["a"], [0.1]), "two": table(["b"], [0.1])}, "A_V")

    @pytest.mark.parametrize("n_rows", [-1, 1.5, None])
    def test_numbers_of_rows(self, n_rows):
        with pytest.raises(InputError, match="n_rows must be an integer from 0"):
            largest_disagreements(TABLES, "A_V", n_rows=n_rows)
