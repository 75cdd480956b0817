import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dustest.data import InputError
from dustest.data.splits import group_folds, group_numbers, group_split

names = st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=40)


class TestNumbers:
    def test_order_of_appearance(self):
        assert group_numbers(["c", "a", "c", "b"]).tolist() == [0, 1, 0, 2]

    def test_tables_and_missing(self):
        assert group_numbers({"id": [1, 2, 3]}).tolist() == [0, 1, 2]
        assert group_numbers({"group": [7, 7, 5]}).tolist() == [0, 0, 1]
        masked = np.ma.array([7, 7, 5, 7], mask=[False, True, False, False])
        assert group_numbers(masked).tolist() == [0, 1, 2, 0]
        assert group_numbers(None, 3).tolist() == [0, 1, 2]

    def test_length(self):
        with pytest.raises(InputError, match="groups must be one for each of 3 rows"):
            group_numbers(["a", "b"], 3)
        with pytest.raises(InputError, match="groups must be one for each row"):
            group_numbers([["a", "b"]])


class TestSplits:
    @given(names, st.floats(0.0, 1.0), st.integers(0, 2**40))
    def test_groups_are_on_one_side(self, groups, fraction, seed):
        rows, held_out = group_split(groups, fraction, random_state=seed)
        assert sorted([*rows, *held_out]) == list(range(len(groups)))
        sides = [{groups[row] for row in part} for part in (rows, held_out)]
        assert not sides[0] & sides[1]
        assert sides[0]

    @given(names, st.integers(0, 9))
    def test_groups_are_in_one_fold(self, groups, seed):
        n_groups = len(set(groups))
        if n_groups < 2:
            with pytest.raises(InputError, match="groups must be at least 2"):
                group_folds(groups, 2)
            return
        folds = group_folds(groups, min(n_groups, 3), random_state=seed)
        assert len({(g, f) for g, f in zip(groups, folds, strict=True)}) == n_groups
        sizes = np.bincount([folds[groups.index(name)] for name in set(groups)])
        assert sizes.max() - sizes.min() <= 1

    def test_names_do_not_matter(self):
        one = group_split(["x", "x", "y", "z"], 0.5, random_state=3)
        other = group_split([5, 5, 1, 9], 0.5, random_state=3)
        assert all(np.array_equal(*pair) for pair in zip(one, other, strict=True))
