import warnings

import numpy as np
import pytest
from astropy.table import MaskedColumn, QTable, Table
from hypothesis import given
from hypothesis import strategies as st

from dustest.data import DustestWarning, InputError, as_sample
from dustest.data.checks.pairing import as_weights, pair_truth

IDS = ["a", "b", "c", "d"]


def galaxies(ids=IDS):
    return as_sample({"id": ids, "redshift": np.arange(len(ids)) + 6.0})


def nameless(n=4):
    return as_sample({"redshift": np.arange(n) + 6.0})


class TestPairing:
    @given(st.permutations(range(4)))
    def test_any_order(self, order):
        truth = QTable({"ID": np.array(IDS)[list(order)], "A_V": np.arange(4.0)[list(order)]})
        rows, paired = pair_truth(galaxies(), truth)
        assert list(rows) == [0, 1, 2, 3]
        assert list(paired["A_V"]) == [0.0, 1.0, 2.0, 3.0]

    @pytest.mark.parametrize("kind", [np.int8, np.uint64, np.int64, str, "S3"])
    def test_any_type(self, kind):
        truth = {"NUMBER": np.array([12, 11, 10]).astype(kind), "A_V": [0.2, 0.1, 0.0]}
        rows, paired = pair_truth(galaxies([10, 11, 12]), truth)
        assert list(rows) == [0, 1, 2]
        assert list(paired["A_V"]) == [0.0, 0.1, 0.2]

    def test_large_integers_are_told_apart(self):
        ids = [2**60 + 1, 2**60 + 2]
        _, paired = pair_truth(galaxies(ids), {"id": ids[::-1], "A_V": [0.2, 0.1]})
        assert list(paired["A_V"]) == [0.1, 0.2]

    @pytest.mark.parametrize(
        ("ids", "rows", "message"),
        [
            (["d", "x", "b"], [1, 3], "2 of 4 galaxies of X have no truth, and 1 of 3 rows of y"),
            (["c", "b"], [1, 2], "2 of 4 galaxies of X have no truth, and 0 of 2 rows"),
            ([*IDS, "e"], [0, 1, 2, 3], "0 of 4 galaxies of X have no truth, and 1 of 5 rows"),
            (["a", "a", "b"], [1], "3 of 4 galaxies of X have no truth, and 2 of 3 rows"),
        ],
    )
    def test_rows_without_a_partner_are_counted(self, ids, rows, message):
        with pytest.warns(DustestWarning, match=message):
            found, paired = pair_truth(galaxies(), Table({"id": ids, "A_V": np.arange(len(ids))}))
        assert list(found) == rows
        assert list(paired["id"]) == [IDS[row] for row in rows]

    def test_the_warning_is_the_callers(self):
        def score(truth):
            def inner():
                return pair_truth(galaxies(), truth)

            return inner()

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            score({"id": ["a"], "A_V": [0.1]})
        assert caught[0].filename == __file__

    def test_missing_identifiers_pair_nothing(self):
        truth = Table({"id": MaskedColumn(IDS, mask=[0, 0, 1, 0]), "A_V": np.arange(4.0)})
        with pytest.warns(DustestWarning):
            rows, paired = pair_truth(galaxies(), truth)
        assert list(rows) == [0, 1, 3]
        assert list(paired["A_V"]) == [0.0, 1.0, 3.0]

    def test_no_common_identifier(self):
        with pytest.raises(InputError, match=r"column ID \(7, \.\.\.\) is in X \('a', \.\.\.\)"):
            pair_truth(galaxies(), {"ID": [7, 8], "A_V": [0.1, 0.2]})

    @pytest.mark.parametrize("y", [[0.1, 0.2], np.zeros((2, 3)), None, 5.0])
    def test_arrays_stay_as_they_are(self, y):
        rows, truth = pair_truth(galaxies(), y)
        assert rows == slice(None)
        assert truth is y

    def test_a_truth_without_identifiers_is_taken_row_by_row(self):
        rows, truth = pair_truth(galaxies(), {"A_V": [0.1, 0.2]})
        assert rows == slice(None)
        assert list(truth["A_V"]) == [0.1, 0.2]

    def test_galaxies_without_identifiers_are_warned_of(self):
        with pytest.warns(
            DustestWarning, match="y has identifiers in its column ID, but X has no"
        ):
            rows, truth = pair_truth(nameless(), {"ID": IDS, "A_V": np.arange(4.0)})
        assert rows == slice(None)
        assert list(truth["A_V"]) == [0.0, 1.0, 2.0, 3.0]

    def test_nobody_has_identifiers(self):
        assert pair_truth(nameless(), {"A_V": [0.1]})[0] == slice(None)


class TestWeights:
    def test_by_default_all_count_the_same(self):
        assert as_weights(None, 3).tolist() == [1.0, 1.0, 1.0]

    def test_zero_is_allowed_for_some(self):
        assert as_weights((0, 2), 2).tolist() == [0.0, 2.0]

    @pytest.mark.parametrize("given", [[1.0], [[1.0, 1.0]], [1.0, -0.1], [1.0, np.nan], 1.0])
    def test_others_are_refused(self, given):
        with pytest.raises(InputError, match="sample_weight must be 2 finite numbers from 0 on"):
            as_weights(given, 2)

    def test_a_weight_of_minus_99_is_not_taken_for_missing(self):
        with pytest.raises(InputError, match="2 finite numbers"):
            as_weights([1.0, -99.0], 2)

    def test_all_zero(self):
        with pytest.raises(InputError, match="must not be zero for all galaxies"):
            as_weights([0.0, 0.0], 2)

    def test_text(self):
        with pytest.raises(InputError, match="sample_weight must hold numbers"):
            as_weights(["a", "b"], 2)


class TestMessages:
    def test_a_truth_without_rows(self):
        with pytest.raises(InputError, match=r"none of the identifiers .*\(none, \.\.\.\)"):
            pair_truth(galaxies(), Table({"id": np.array([], dtype=str), "A_V": []}))

    def test_the_argument_is_named(self):
        with pytest.raises(InputError, match="the columns of y must have one length"):
            pair_truth(galaxies(), {"id": ["a"], "A_V": [0.1, 0.2]})
