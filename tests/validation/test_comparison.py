import numpy as np
import pytest
from astropy import units as u
from astropy.table import Column, MaskedColumn, QTable
from hypothesis import given, settings
from hypothesis import strategies as st

from dustest.data import (
    FLAGS,
    QUANTITIES,
    DustestWarning,
    DustTable,
    InputError,
    percentile_columns,
)
from dustest.validation import METRICS, compare_tables, compute_metrics, flag_counts
from dustest.validation.comparison import comparison_pairs


def make_table(ids, seed, quantities=("A_V", "E_BV")):
    rng = np.random.default_rng(seed)
    columns = {}
    for name in quantities:
        columns[name] = rng.normal(0.4, 0.2, len(ids))
        for column, shift in zip(percentile_columns(name), (-0.2, 0.2), strict=True):
            columns[column] = columns[name] + shift
    return DustTable.from_quantities(ids, columns)


@pytest.fixture
def tables():
    ids = [f"g{i}" for i in range(40)]
    return {
        "one": make_table(ids, 1),
        "two": make_table(ids, 2),
        "three": make_table(ids, 3, ["A_V", "log_sSFR"]),
    }


@pytest.fixture
def truth(tables):
    rng = np.random.default_rng(9)
    return QTable({"id": tables["one"]["id"], "A_V": rng.normal(0.4, 0.1, 40) * u.mag})


def keys(metrics):
    return [tuple(row) for row in metrics["estimator", "against", "quantity"]]


class TestPairs:
    def test_all_pairs(self, tables):
        assert keys(compare_tables(tables)) == [
            ("one", "two", "A_V"),
            ("one", "two", "E_BV"),
            ("one", "three", "A_V"),
            ("two", "three", "A_V"),
        ]

    def test_reference_and_truth(self, tables, truth):
        metrics = compare_tables(tables, truth=truth, reference="two", quantities=["A_V"])
        assert keys(metrics) == [
            ("one", "truth", "A_V"),
            ("two", "truth", "A_V"),
            ("three", "truth", "A_V"),
            ("one", "two", "A_V"),
            ("three", "two", "A_V"),
        ]

    def test_one_table_alone(self, tables):
        metrics = compare_tables({"one": tables["one"]})
        assert len(metrics) == 0
        assert set(METRICS) < set(metrics.colnames)

    def test_unknown_reference(self, tables):
        with pytest.raises(InputError, match=r"reference must be one of .* got 'four'"):
            compare_tables(tables, reference="four")

    def test_unknown_quantity(self, tables):
        with pytest.raises(
            InputError, match=r"quantities must be among .* got 'A_K': did you mean 'A_V'"
        ):
            compare_tables(tables, quantities=["A_V", "A_K"])

    def test_nobody_else_is_called_truth(self):
        with pytest.raises(InputError, match="no estimator may be named 'truth'"):
            comparison_pairs(["truth", "beta"], with_truth=True)


class TestNumbers:
    def test_row_is_compute_metrics(self, tables, truth):
        table = tables["one"]
        row = compare_tables(tables, truth=truth, random_state=1)[0]
        expected = compute_metrics(
            table["A_V"], truth["A_V"], p16=table["A_V_p16"], p84=table["A_V_p84"], n_bootstrap=0
        )
        for name in METRICS:
            assert row[name] == pytest.approx(expected[name])
            assert row[f"{name}_err"] > 0
        assert row["unit"] == "mag"

    def test_shuffled_rows_change_nothing(self, tables, truth):
        order = np.random.default_rng(4).permutation(40)
        shuffled = tables | {"two": tables["two"][order]}
        here, there = (compare_tables(t, truth=truth, n_bootstrap=0) for t in (tables, shuffled))
        for name in METRICS:
            np.testing.assert_allclose(here[name], there[name], rtol=1e-12, atol=1e-14)

    def test_part_of_the_galaxies(self, tables):
        some = {"one": tables["one"], "two": tables["two"][[3, 1, 30, 8]]}
        row = compare_tables(some, quantities="A_V")[0]
        assert (row["n"], row["n_unmatched"], row["n_dropped"]) == (4, 36, 0)

    def test_failed_rows_are_counted(self, tables):
        tables["one"]["A_V"][:3] = np.nan
        row = compare_tables(tables)[0]
        assert (row["n"], row["n_dropped"]) == (37, 3)

    def test_rows_without_a_partner_are_counted_on_both_sides(self, tables):
        some = {"one": tables["one"][:30], "two": tables["two"][10:]}
        row = compare_tables(some, quantities="A_V")[0]
        expected = compute_metrics(
            tables["one"]["A_V"][10:30], tables["two"]["A_V"][10:30], n_bootstrap=0
        )
        assert (row["n"], row["n_unmatched"], row["bias"]) == (20, 20, expected["bias"])

    def test_duplicated_ids_pair_nothing(self, tables):
        tables["two"]["id"][0] = "g1"
        with pytest.warns(DustestWarning, match="2 rows of two share an identifier .* 'g1'"):
            row = compare_tables({n: tables[n] for n in ("one", "two")})[0]
        assert (row["n"], row["n_unmatched"]) == (38, 4)

    def test_no_galaxy_in_common(self, tables):
        some = {"one": tables["one"][:3], "two": tables["two"][5:]}
        with pytest.raises(InputError, match="one and two must have identifiers in common"):
            compare_tables(some)

    def test_same_seed_same_table(self, tables):
        first, again = (compare_tables(tables, random_state=3) for _ in range(2))
        np.testing.assert_array_equal(first["mae_err"], again["mae_err"])

    def test_a_row_does_not_depend_on_the_others(self, tables):
        alone = compare_tables(tables, quantities="A_V", reference="three", random_state=3)
        among = compare_tables(tables, random_state=3)
        assert alone["mae_err"][0] == among["mae_err"][2]


class TestFlagCounts:
    def test_counts(self):
        bits = [FLAGS["EDGE"].value, FLAGS["EDGE"].value | FLAGS["FAILED"].value, 0]
        table = DustTable.from_quantities([1, 2, 3], {}, flags=bits)
        row = flag_counts({"a rather long name": table})[0]
        assert (row["estimator"], row["n"]) == ("a rather long name", 3)
        assert {name: row[name] for name in FLAGS if row[name]} == {"EDGE": 2, "FAILED": 1}

    def test_no_tables(self):
        assert len(flag_counts({})) == 0


def test_all_quantities_can_be_compared():
    table = make_table([1, 2, 3], 1, tuple(QUANTITIES))
    assert set(compare_tables({"a": table, "b": table})["quantity"]) == set(QUANTITIES)


ID_COLUMNS = ("id", "ID", "source_id", "NUMBER", "objID")
ID_TYPES = (
    np.int64,
    np.uint64,
    np.int32,
    ">i4",
    str,
    object,
    "S21",
)


class TestEveryInput:
    """Names and types of identifiers, order, units and missing values change no number."""

    @settings(max_examples=40, deadline=None)
    @given(st.data())
    def test_same_metrics(self, data):
        rng = np.random.default_rng(data.draw(st.integers(0, 100)))
        ids = 10 + rng.permutation(30)
        table = DustTable.from_quantities(ids, {"A_V": rng.normal(0.4, 0.2, 30)})
        expected_truth = rng.normal(0.4, 0.2, 30)
        missing = rng.permutation(30)[:4]
        expected = compute_metrics(
            np.delete(table["A_V"].value, missing),
            np.delete(expected_truth, missing),
            n_bootstrap=0,
        )
        values = expected_truth.copy()
        values[missing] = [np.nan, np.inf, -99.0, -999.0]
        unit = data.draw(st.sampled_from([None, u.mag, u.mmag]))
        factor = 1000.0 if unit == u.mmag else 1.0
        values[np.abs(values) < 90] *= factor
        order = rng.permutation(30)
        truth = {
            data.draw(st.sampled_from(ID_COLUMNS)): ids.astype(str).astype(
                data.draw(st.sampled_from(ID_TYPES))
            )[order],
            "A_V": Column(values[order], unit=unit),
        }
        row = compare_tables({"one": table}, truth=truth, n_bootstrap=0)[0]
        assert (row["n"], row["n_dropped"], row["n_unmatched"]) == (26, 4, 0)
        for name in ("bias", "mae", "sigma", "spearman"):
            assert row[name] == pytest.approx(expected[name], abs=1e-12)

    def test_integers_beyond_doubles_stay_apart(self):
        ids = np.array([2**60, 2**60 + 1, 2**60 + 2])
        table = DustTable.from_quantities(ids, {"A_V": [0.1, 0.2, 0.3]})
        truth = {"ID": ids[::-1].astype(np.uint64), "A_V": [0.3, 0.2, 0.1]}
        row = compare_tables({"one": table}, truth=truth, n_bootstrap=0)[0]
        assert (row["n"], row["mae"]) == (3, 0.0)

    def test_outlier_limits_with_a_unit(self, tables, truth):
        limits = {}
        for limit in (0.1, 100 * u.mmag):
            metrics = compare_tables(tables, truth=truth, outlier_limit=limit, n_bootstrap=0)
            limits[str(limit)] = metrics["outlier_fraction"][metrics["quantity"] == "A_V"]
        np.testing.assert_array_equal(*limits.values())
        with pytest.raises(InputError, match="outlier_limit must have a unit that one of"):
            compare_tables(tables, outlier_limit=1 * u.kpc)

    def test_no_dict_of_tables(self, tables):
        with pytest.raises(InputError, match="tables must be a dict"):
            compare_tables(tables["one"])
        with pytest.raises(InputError, match=r"reference must be .*'on': did you mean 'one'"):
            compare_tables(tables, reference="on")


class TestRecord:
    def test_how_it_was_made(self, tables):
        meta = compare_tables(tables, n_bootstrap=20, random_state=1).meta
        assert meta == {"n_bootstrap": 20, "outlier_limit": None, "paired_by": "id"}
        limited = compare_tables(
            tables, quantities="A_V", n_bootstrap=20, outlier_limit=0.3 * u.mag, random_state=1
        )
        assert limited.meta["outlier_limit"] == "0.3 mag"

    def test_an_outlier_limit_is_called_by_its_name(self, tables):
        unknown = Column([0.3], unit=u.Unit("magg", parse_strict="silent"))
        with pytest.raises(InputError, match="outlier_limit"):
            compare_tables(tables, outlier_limit=unknown)

    def test_masked_flags_are_none(self):
        table = QTable({"id": [1, 2], "flags": MaskedColumn([1, 2], mask=[True, False])})
        counts = flag_counts({"one": table})
        assert (counts["NO_DATA"][0], counts["MISSING_BAND"][0]) == (0, 1)
