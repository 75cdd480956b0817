import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, QTable, Table
from hypothesis import given
from hypothesis import strategies as st

from dustest.data import DustTable, InputError
from dustest.validation.matching import (
    aligned_values,
    gives,
    match_rows,
    truth_table,
    values_of,
)

unique_ids = st.lists(st.integers(0, 10_000), min_size=1, max_size=30, unique=True)


TABLES = {"one": DustTable.from_quantities([5, 6], {"A_V": [0.1, 0.2]})}


class TestMatchRows:
    @given(unique_ids, st.randoms(use_true_random=False))
    def test_shuffled_ids_find_each_other(self, ids, random):
        other = list(ids)
        random.shuffle(other)
        rows, other_rows = match_rows(ids, other)
        np.testing.assert_array_equal(rows, np.arange(len(ids)))
        np.testing.assert_array_equal(np.array(other)[other_rows], ids)

    @given(unique_ids, st.data())
    def test_part_of_the_galaxies(self, ids, data):
        part = data.draw(st.lists(st.sampled_from(ids), min_size=1, unique=True))
        rows, part_rows = match_rows(ids, part)
        assert len(rows) == len(part)
        np.testing.assert_array_equal(np.array(ids)[rows], np.array(part)[part_rows])
        assert np.all(np.diff(rows) > 0)

    def test_duplicates_match_by_position(self):
        rows, other_rows = match_rows(["a", "a", "b"], ["a", "a", "b"])
        assert rows.tolist() == other_rows.tolist() == [0, 1, 2]

    @pytest.mark.parametrize("other", [["a", "b", "a"], ["a"]])
    def test_duplicates_out_of_order(self, other):
        with pytest.raises(InputError, match=r"one has 'a' 2 times"):
            match_rows(["a", "a", "b"], other, names=("one", "two"))

    def test_ids_that_the_other_lacks(self):
        with pytest.raises(InputError, match=r"one and two each have ids .* \(1 of"):
            match_rows([1, 2, 3], [3, 4], names=("one", "two"))

    def test_numbers_and_their_text(self):
        rows, other_rows = match_rows([7, 8], np.array([b"8", b"7"]))
        assert (rows.tolist(), other_rows.tolist()) == ([0, 1], [1, 0])


class TestAlignedValues:
    @given(unique_ids, st.data())
    def test_every_value_stands_at_its_galaxy(self, ids, data):
        mine = data.draw(st.lists(st.sampled_from(ids), unique=True))
        aligned = aligned_values([float(i) for i in mine], mine, ids)
        np.testing.assert_array_equal(aligned, [float(i) if i in mine else np.nan for i in ids])

    def test_ids_that_do_not_pair(self):
        with pytest.raises(InputError, match="sed and beta each have ids"):
            aligned_values([0.1], ["c"], ["a", "b"], names=("sed", "beta"))


class TestTruthTable:
    def test_own_ids_stay(self):
        truth = truth_table(Table({"id": [6, 5], "A_V": [0.2, 0.1]}), TABLES)
        assert truth["id"].tolist() == [6, 5]

    def test_ids_are_lent(self):
        truth = truth_table(QTable({"A_V": [0.1, 0.2] * u.mag}), TABLES)
        assert truth["id"].tolist() == [5, 6]

    def test_length_without_ids(self):
        with pytest.raises(InputError, match="as many rows as every table, got 3"):
            truth_table(QTable({"A_V": [0.1, 0.2, 0.3]}), TABLES)

    @pytest.mark.parametrize("truth", [[0.1, 0.2], QTable({"z": [1, 2]})])
    def test_nothing_known(self, truth):
        with pytest.raises(InputError, match="truth must be a table with a column among"):
            truth_table(truth, TABLES)


class TestValues:
    def test_unit_converts(self):
        assert values_of(QTable({"A_V": [200.0] * u.mmag}), "A_V")[0] == pytest.approx(0.2)

    def test_unit_of_percentiles_converts(self):
        table = QTable({"A_V_p16": [200.0] * u.mmag})
        assert values_of(table, "A_V_p16")[0] == pytest.approx(0.2)

    def test_wrong_unit(self):
        with pytest.raises(InputError, match="column A_V must be in mag, got Jy"):
            values_of(QTable({"A_V": [200.0] * u.Jy}), "A_V")

    def test_masked_is_nan(self):
        table = Table({"R_V": MaskedColumn([3.1, 4.0], mask=[False, True])})
        np.testing.assert_array_equal(values_of(table, "R_V"), [3.1, np.nan])

    def test_absent_is_nan(self):
        table = Table({"id": [1, 2]})
        assert np.isnan(values_of(table, "A_V")).all()
        assert not gives(table, "A_V")
