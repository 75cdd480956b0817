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
