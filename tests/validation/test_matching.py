import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, QTable, Table
from frames import KINDS, as_frame
from hypothesis import given, settings
from hypothesis import strategies as st

from dustest.data import DustestWarning, DustTable, InputError
from dustest.data.checks.identifiers import has_ids, row_numbers
from dustest.validation.matching import (
    aligned_values,
    all_ids,
    check_overlap,
    gives,
    identified,
    match_rows,
    truth_table,
    values_of,
)

unique_ids = st.lists(st.integers(0, 10_000), min_size=1, max_size=30, unique=True)


TABLES = {"one": DustTable.from_quantities([5, 6], {"A_V": [0.1, 0.2]})}
TABLES2 = {"two": DustTable.from_quantities(["5", "6"], {"A_V": [0.1, 0.2]})}
IDS = (
    lambda ids: np.array(ids, dtype=np.int64),
    lambda ids: np.array(ids, dtype=np.uint64),
    lambda ids: np.array(ids, dtype=">i8"),
    lambda ids: np.array(ids, dtype=object),
    lambda ids: [str(i) for i in ids],
    lambda ids: np.array([str(i).encode() for i in ids]),
    MaskedColumn,
)


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

    @pytest.mark.parametrize("other", [["a", "b", "a"], ["a", "b"]])
    def test_duplicates_pair_nothing(self, other):
        with pytest.warns(DustestWarning) as caught:
            rows, other_rows = match_rows(["a", "a", "b"], other, names=("one", "two"))
        assert "2 rows of one share an identifier" in str(caught[0].message)
        assert len(caught) == 1 + (len(other) == 3)
        assert (rows.tolist(), other_rows.tolist()) == ([2], [1])

    def test_ids_that_the_other_lacks_are_left_out(self):
        rows, other_rows = match_rows([1, 2, 3], [3, 4])
        assert (rows.tolist(), other_rows.tolist()) == ([2], [0])

    def test_no_id_in_common(self):
        with pytest.raises(
            InputError, match=r"one and two must have identifiers in common, got 1, 2 and 'a'"
        ):
            match_rows([1, 2], ["a"], names=("one", "two"))

    @pytest.mark.parametrize("others", [[], np.array([], dtype=int)])
    def test_nothing_to_pair(self, others):
        assert len(match_rows([1, 2], others)[0]) == 0

    @settings(max_examples=40)
    @given(
        st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=12, unique=True),
        st.sampled_from(IDS),
        st.sampled_from(IDS),
        st.randoms(use_true_random=False),
    )
    def test_every_type_of_id(self, ids, of, other_of, random):
        ids = list({2**60 + 1, *ids})
        other = list(ids)
        random.shuffle(other)
        rows, other_rows = match_rows(of(ids), other_of(other))
        paired = [ids[row] for row in rows]
        assert paired == [other[row] for row in other_rows]
        assert set(paired) == set(ids)


class TestAlignedValues:
    @given(unique_ids, st.data())
    def test_every_value_stands_at_its_galaxy(self, ids, data):
        mine = data.draw(st.lists(st.sampled_from(ids), unique=True))
        aligned = aligned_values([float(i) for i in mine], mine, ids)
        np.testing.assert_array_equal(aligned, [float(i) if i in mine else np.nan for i in ids])

    def test_ids_that_do_not_pair(self):
        with pytest.raises(InputError, match="sed and beta must have identifiers in common"):
            aligned_values([0.1], ["c"], ["a", "b"], names=("sed", "beta"))


class TestTruthTable:
    def test_own_ids_stay(self):
        truth = truth_table(Table({"id": [6, 5], "A_V": [0.2, 0.1]}), TABLES)
        assert truth["id"].tolist() == [6, 5]

    @pytest.mark.parametrize("name", ["ID", "Id", "source_id", "NUMBER"])
    def test_every_name_of_ids(self, name):
        truth = truth_table(Table({name: [6, 5], "A_V": [0.2, 0.1]}), TABLES)
        assert truth["id"].tolist() == [6, 5]

    def test_without_ids(self):
        with pytest.raises(InputError, match=r'id, .* truth\["id"\] = tables\["one"\]\["id"\]'):
            truth_table(QTable({"A_V": [0.1, 0.2] * u.mag}), TABLES)

    @pytest.mark.parametrize("kind", KINDS)
    def test_data_frames(self, kind):
        truth = truth_table(as_frame(kind, {"A_V": [0.2, 0.1], "ID": [6, 5]}), TABLES)
        assert truth["id"].tolist() == [6, 5]
        assert values_of(truth, "A_V").tolist() == [0.2, 0.1]


class TestIdentified:
    def test_generated_row_numbers_are_no_ids(self):
        table = DustTable.from_quantities(row_numbers(2), {"A_V": [0.1, 0.2]})
        with pytest.raises(InputError, match="made must have identifiers, as truth has"):
            identified({"made": table, "truth": {"id": [0, 1], "A_V": [0.2, 0.1]}})
        with pytest.warns(DustestWarning, match="made and truth have no identifiers.*by position"):
            tables = identified({"made": table, "truth": {"A_V": [0.2, 0.1]}})
        assert tables["truth"]["id"].tolist() == [0, 1]
        assert not any(has_ids(table) for table in tables.values())

    def test_lengths_without_ids(self):
        with pytest.raises(InputError, match=r"as many rows as each other .* add a column id"):
            identified({"one": {"A_V": [0.1]}, "two": {"A_V": [0.1, 0.2]}})

    def test_a_table_alone_pairs_nothing(self):
        assert identified({"one": {"A_V": [0.1, 0.2]}})["one"]["id"].tolist() == [0, 1]

    def test_missing_ids_pair_nothing(self):
        ids = MaskedColumn([5, 6], mask=[False, True])
        with pytest.warns(DustestWarning, match="id is missing in 1 row"):
            tables = identified({"one": Table({"id": ids, "A_V": [0.1, 0.2]}), **TABLES2})
        rows, _ = match_rows(tables["one"]["id"], tables["two"]["id"])
        assert rows.tolist() == [0]


class TestAllIds:
    def test_each_once(self):
        tables = {"one": Table({"id": [3, 1]}), "two": Table({"id": ["7", "1", "9"]})}
        assert all_ids(tables).tolist() == ["7", "1", "9", "3"]

    def test_large_integers_stay_exact(self):
        tables = {
            "one": Table({"id": np.array([2**60 + 1, 5], dtype=np.int64)}),
            "two": Table({"id": np.array([2**63 + 1, 5], dtype=np.uint64)}),
        }
        assert all_ids(tables).tolist() == [str(2**60 + 1), "5", str(2**63 + 1)]

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
        with pytest.raises(InputError, match=r"column A_V .* converts to mag, got Jy"):
            values_of(QTable({"A_V": [200.0] * u.Jy}), "A_V")

    @settings(max_examples=20)
    @given(st.lists(st.sampled_from([-99.0, -999.0, 99.0, np.inf, -np.inf, np.nan, 0.3])))
    def test_sentinels_are_nan(self, given):
        values = values_of(Table({"A_V": np.array(given, dtype=float)}), "A_V")
        np.testing.assert_array_equal(values, [0.3 if v == 0.3 else np.nan for v in given])

    def test_masked_is_nan(self):
        table = Table({"R_V": MaskedColumn([3.1, 4.0], mask=[False, True])})
        np.testing.assert_array_equal(values_of(table, "R_V"), [3.1, np.nan])

    def test_absent_is_nan(self):
        table = Table({"id": [1, 2]})
        assert np.isnan(values_of(table, "A_V")).all()
        assert not gives(table, "A_V")


class TestGives:
    def test_a_constant_of_the_dust_law_is_not_given(self):
        e_bv = np.linspace(0.01, 0.3, 50)
        a_v = 3.1 * e_bv * (1 + 1e-15 * np.arange(50))
        table = DustTable.from_quantities(range(50), {"A_V": a_v, "R_V": a_v / e_bv})
        assert np.ptp(table["R_V"]) > 0
        assert not gives(table, "R_V")
        assert gives(table, "A_V")

    @pytest.mark.parametrize("values", [[3.1, 3.2, 3.1], [3.1], [3.1, np.nan, 3.2]])
    def test_what_varies_is(self, values):
        assert gives(DustTable.from_quantities(range(len(values)), {"R_V": values}), "R_V")

    def test_other_quantities_may_be_the_same_for_all(self):
        assert gives(DustTable.from_quantities([1, 2], {"A_V": [0.3, 0.3]}), "A_V")


class TestOverlap:
    def test_tables_without_rows_have_nothing_to_pair(self):
        empty = DustTable.from_quantities(np.array([], dtype=int), {"A_V": []})
        check_overlap(TABLES | {"empty": empty}, [("one", "empty"), ("empty", "one")])
        other = DustTable.from_quantities([7], {"A_V": [0.1]})
        with pytest.raises(InputError, match="one and other must have identifiers in common"):
            check_overlap(TABLES | {"other": other}, [("one", "other")])

    def test_a_table_without_a_partner_is_named_with_the_longest(self):
        tables = {
            "lonely": DustTable.from_quantities([7], {"A_V": [0.1]}),
            "short": TABLES["one"][:1],
            "long": TABLES["one"],
        }
        with pytest.raises(InputError, match="lonely and long must have identifiers in common"):
            all_ids(tables)
