import numpy as np
import pandas as pd
import pytest
from astropy.table import Column, MaskedColumn, QTable, Table
from hypothesis import given, settings
from hypothesis import strategies as st

from dustest.data import DustestWarning, InputError, as_sample
from dustest.data.checks.identifiers import as_ids, has_ids, id_column, match_ids, row_numbers

few = settings(max_examples=40, deadline=None)
numbers = st.lists(st.integers(0, 2**63 - 1), unique=True, min_size=1, max_size=8)
texts = st.lists(st.text(st.characters(exclude_characters="\0"), max_size=5), unique=True)


class TestColumn:
    @pytest.mark.parametrize(
        "name",
        [
            *("id", "ID", "Id", "id_", "JADES_ID", "source_id", "SOURCE_ID", "SourceID"),
            *("object_id", "objectID", "OBJ_ID", "objid", "galaxy_id", "galaxyID", "gal_id"),
            *("cat_id", "catalog_id", "NUMBER", "label"),
        ],
    )
    def test_spellings(self, name):
        assert id_column(Table({"A_V": [0.1], name: [7]})) == name

    def test_none(self):
        assert id_column(Table({"A_V": [0.1], "identity": [7]})) is None


class TestOwn:
    def test_row_numbers_are_no_identifiers(self):
        sample = as_sample(np.zeros((3, 8, 8)))
        assert not has_ids(sample)
        assert not has_ids(as_sample(sample))
        assert not has_ids(sample[1:])
        assert not has_ids(sample.take([0]))

    def test_those_that_a_user_gives_are(self):
        sample = as_sample(np.zeros((3, 8, 8)))
        sample["id"] = [5, 6, 7]
        assert has_ids(sample)
        assert has_ids(as_sample(sample))
        assert as_sample(sample)["id"].tolist() == [5, 6, 7]

    def test_a_sample_takes_them_from_any_known_column(self):
        sample = as_sample(Table({"NUMBER": [5, 6], "redshift": [7.0, 8.0]}))
        assert sample["id"].tolist() == [5, 6]
        assert sample["NUMBER"].tolist() == [5, 6]

    def test_a_table_without(self):
        assert not has_ids(Table({"A_V": [0.1]}))
        assert not has_ids(QTable({"id": row_numbers(1)}))


class TestRead:
    @pytest.mark.parametrize("dtype", ["i1", "u1", "i8", "u8", ">i4"])
    def test_integers_are_unchanged(self, dtype):
        ids = np.array([1, np.iinfo(dtype).max], dtype=dtype)
        read = as_ids(Column(ids))
        assert read.tolist() == ids.tolist()

    @few
    @given(texts)
    def test_text_is_unchanged(self, ids):
        assert as_ids(np.array(ids, dtype=str)).tolist() == ids
        assert as_ids(np.array(ids, dtype=object)).tolist() == ids

    @pytest.mark.parametrize(
        ("items", "expected"),
        [
            ([5, np.int64(2**60 + 1)], [5, 2**60 + 1]),
            ([5, "a"], ["5", "a"]),
            (["é".encode(), "b"], ["é", "b"]),
            ([b"\xff", "b"], ["\ufffd", "b"]),
        ],
    )
    def test_objects(self, items, expected):
        assert as_ids(np.array(items, dtype=object)).tolist() == expected

    def test_an_object_that_is_missing(self):
        with pytest.warns(DustestWarning, match="id is missing in 2 rows"):
            assert as_ids(np.array(["a", None, None], dtype=object)).tolist() == ["a", "", ""]

    def test_bytes_that_are_no_text(self):
        assert as_ids(np.array([b"\xff"])).tolist() == ["\ufffd"]

    def test_bytes_are_decoded(self):
        assert as_ids(np.array(["é1".encode()])).tolist() == ["é1"]

    @pytest.mark.parametrize("kind", [np.float32, np.float64, np.longdouble])
    def test_floats_too_large_to_be_exact(self, kind):
        limit = {np.float32: 2**24, np.float64: 2**53}.get(kind, 2**63)
        below = np.array([limit / 4, -limit / 4], kind)
        assert as_ids(below).tolist() == [limit // 4, -limit // 4]
        for large in (limit, -limit, 1e20):
            with pytest.raises(InputError, match="keep identifiers as integers or text"):
                as_ids(np.array([large, 2, 3], kind))

    def test_a_sample_with_rounded_identifiers_is_refused(self):
        with pytest.raises(InputError, match=r"column id must hold integers .* got 1e\+20"):
            as_sample({"id": [1e20, 2, 3], "redshift": [6.0, 7.0, 8.0]})

    def test_masked_whole_floats(self):
        with pytest.warns(DustestWarning, match="is missing in 1 row"):
            ids = as_ids(MaskedColumn([1.0, 2.0], mask=[False, True]))
        assert ids.tolist() == ["1", ""]

    def test_whole_floats_of_a_frame_are_integers(self):
        assert as_ids(pd.Series([1.0, 2.0])).tolist() == [1, 2]

    @pytest.mark.parametrize("column", [[1.5, 2.5], [[1], [2]], [1j], [True]])
    def test_others_are_refused(self, column):
        with pytest.raises(InputError, match="column ID must hold one integer or string a row"):
            as_ids(column, "column ID")

    @pytest.mark.parametrize(
        "column", [MaskedColumn([1, 2], mask=[False, True]), pd.Series([1, None]), [1.0, np.nan]]
    )
    def test_a_missing_one_costs_its_own_row(self, column):
        with pytest.warns(DustestWarning, match="ID is missing in 1 row"):
            assert as_ids(column, "column ID").tolist() == ["1", ""]


class TestMatch:
    @few
    @given(ids=st.one_of(numbers, texts), seed=st.integers(0, 99))
    def test_any_order_and_type(self, ids, seed):
        ids = np.array(ids)
        order = np.random.default_rng(seed).permutation(len(ids))
        known = (
            np.flatnonzero(ids.astype(str) != "")
            if np.any(order != np.arange(len(ids)))
            else (np.arange(len(ids)))
        )
        for other in (ids[order], ids[order].astype(str)):
            rows, other_rows = match_ids(ids, other)
            np.testing.assert_array_equal(rows, known)
            np.testing.assert_array_equal(ids[order][other_rows], ids[rows])

    def test_large_numbers_of_both_signs_stay_apart(self):
        signed = np.array([2**60, 2**60 + 1, -1])
        unsigned = np.array([2**60 + 1, 2**63 + 1], dtype=np.uint64)
        rows, other_rows = match_ids(signed, unsigned)
        assert (rows.tolist(), other_rows.tolist()) == ([1], [0])

    def test_large_unsigned_numbers_stay_apart(self):
        ids = np.array([2**63 + 1, 2**63 + 2], dtype=np.uint64)
        rows, other_rows = match_ids(ids, ids[::-1])
        assert (rows.tolist(), other_rows.tolist()) == ([0, 1], [1, 0])

    def test_partial_overlap(self):
        rows, other_rows = match_ids([4, 2, 9], [2, 7, 4])
        assert (rows.tolist(), other_rows.tolist()) == ([0, 1], [2, 0])

    def test_what_occurs_twice_pairs_nothing(self):
        rows, other_rows = match_ids(["a", "b", "b"], ["b", "a"])
        assert (rows.tolist(), other_rows.tolist()) == ([0], [1])

    def test_the_same_identifiers_pair_row_by_row(self):
        rows, other_rows = match_ids(["b", "b", ""], ["b", "b", ""])
        assert rows.tolist() == other_rows.tolist() == [0, 1, 2]

    def test_empty_ones_pair_nothing(self):
        rows, _ = match_ids(["a", ""], ["", "a"])
        assert rows.tolist() == [0]

    def test_none(self):
        rows, other_rows = match_ids(["a"], ["b"])
        assert len(rows) == len(other_rows) == 0
