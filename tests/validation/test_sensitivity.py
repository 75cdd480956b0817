import json

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from hypothesis import given
from hypothesis import strategies as st

from dustest import BagpipesEstimator
from dustest.data import DustTable, InputError
from dustest.validation import assumption_shifts, shift_statistics

IDS = ["a", "b", "c"]


def fit(
    sfh, values, *, ids=IDS, half_width=0.1, estimator="SED", both=None, bits=None, **parameters
):
    """Result of an SED fit; ``both`` are the values under the flat and the log10 prior."""
    values = np.asarray(values, dtype=float)
    columns = {"A_V": values, "A_V_p16": values - half_width, "A_V_p84": values + half_width}
    extra = {}
    if both is not None:
        extra |= {"A_V_flat": both[0] * u.mag, "A_V_log10": both[1] * u.mag}
    if bits is not None:
        extra["A_V_information"] = np.asarray(bits, dtype=float)
    meta = {"estimator": estimator, "params": json.dumps({"sfh": sfh} | parameters)}
    return DustTable.from_quantities(ids, columns, extra=extra, meta=meta)


def mag(shifts, name):
    return shifts[name].to_value("mag")


def history_shift(*tables):
    return mag(assumption_shifts(dict(zip("pqrs", tables, strict=False))), "history_shift")


class TestPriorShift:
    def test_is_flat_minus_logarithmic(self):
        both = np.array([[0.4, 0.2, 0.9], [0.1, 0.25, np.nan]])
        shifts = assumption_shifts({"sed": fit("delayed", [0.1, 0.2, 0.9], both=both)})
        np.testing.assert_allclose(mag(shifts, "prior_shift"), [0.3, -0.05, np.nan])
        np.testing.assert_allclose(mag(shifts, "half_width"), 0.1)
        assert shifts["prior_exceeds"].tolist() == [True, False, False]
        assert not shifts["history_exceeds"].any()
        assert shifts.meta == {"priors": "sed", "histories": ""}

    def test_is_the_median_over_tables(self):
        both = [np.array([[shift] * 3, [0.0] * 3]) for shift in (0.1, 0.2, 0.9)]
        tables = {
            f"{value}": fit("delayed", [value] * 3, both=pair, half_width=width)
            for value, pair, width in zip((0, 1, 5), both, (0.01, 0.05, 0.3), strict=True)
        }
        shifts = assumption_shifts(tables)
        np.testing.assert_allclose(mag(shifts, "prior_shift"), 0.2)
        np.testing.assert_allclose(mag(shifts, "half_width"), 0.05)
        np.testing.assert_allclose(mag(shifts, "A_V"), 1.0)

    def test_a_shift_down_exceeds_as_well(self):
        both = np.array([[0.0, 0.0, 0.0], [0.05, 0.09, 0.2]])
        shifts = assumption_shifts({"sed": fit("delayed", [0.1] * 3, both=both)})
        assert shifts["prior_exceeds"].tolist() == [False, False, True]

    def test_units_are_converted(self):
        table = fit("delayed", [0.1] * 3, both=np.array([[0.4] * 3, [0.1] * 3]))
        table["A_V_flat"] = np.full(3, 400.0) * u.mmag
        np.testing.assert_allclose(mag(assumption_shifts({"sed": table}), "prior_shift"), 0.3)

    def test_one_prior_says_nothing(self):
        table = fit("delayed", [0.1] * 3, both=np.array([[0.4] * 3, [0.1] * 3]))
        table.remove_column("A_V_log10")
        shifts = assumption_shifts({"sed": table})
        assert np.isnan(mag(shifts, "prior_shift")).all()
        assert shifts.meta["priors"] == ""


class TestHistoryShift:
    def test_is_the_range_of_the_histories(self):
        tables = {
            "one": fit("delayed", [0.1, 0.5, np.nan], half_width=0.2),
            "two": fit("constant", [0.2, 0.5, 0.3], half_width=0.2),
            "three": fit("continuity", [0.4, 0.45, np.nan], half_width=0.2),
        }
        shifts = assumption_shifts(tables)
        np.testing.assert_allclose(mag(shifts, "history_shift"), [0.3, 0.05, np.nan])
        np.testing.assert_allclose(mag(shifts, "A_V"), [0.2, 0.5, 0.3])
        assert shifts["history_exceeds"].tolist() == [True, False, False]
        assert shifts.meta["histories"] == "constant, continuity, delayed"

    @pytest.mark.parametrize(
        "other",
        [
            {"estimator": "Prospector"},
            {"dust_law": "SMC"},
            {"priors": {"dust:Av": [0.0, 3.0]}},
            {"priors": {"nebular:logU": -2.0}},
            {"redshift": "free"},
        ],
    )
    def test_nothing_else_may_differ(self, other):
        one = fit("delayed", [0.1] * 3, dust_law="Calzetti")
        two = fit("constant", [0.5] * 3, **{"dust_law": "Calzetti"} | other)
        assert np.isnan(history_shift(one, two)).all()

    @pytest.mark.parametrize(
        "other",
        [
            {"engine": "tabulated"},
            {"extra": ["priors"]},
            {"n_live": 100, "n_effective": 50},
            {"timeout": None, "memory_limit": "2 GB", "targets": ["A_V", "E_BV"]},
            {"priors": None},
            {"priors": {"constant:massformed": [6.0, 12.0]}},
        ],
    )
    def test_what_belongs_to_the_history_or_the_computation_may_differ(self, other):
        one = fit("delayed", [0.1] * 3, priors={"delayed:tau": [0.1, 1.0]})
        np.testing.assert_allclose(history_shift(one, fit("constant", [0.5] * 3, **other)), 0.4)

    @pytest.mark.parametrize(
        ("sfh", "priors"),
        [
            ("delayed_burst", {"delayed:age": [0.1, 1.0], "burst:age": [0.001, 0.1]}),
            ("double_delayed", {"delayed1:age": [0.1, 1.0], "delayed2:age": [0.1, 1.0]}),
        ],
    )
    def test_components_belong_to_the_history(self, sfh, priors):
        both = {"dust:Av": [0.0, 3.0]}
        one = fit("constant", [0.1] * 3, priors=both)
        two = fit(sfh, [0.5] * 3, priors=both | priors)
        np.testing.assert_allclose(history_shift(one, two), 0.4)

    def test_two_fits_of_one_history_are_one(self):
        again = [fit("delayed", [value] * 3, n_live=i) for i, value in enumerate([0.1, 0.9])]
        assert np.isnan(history_shift(*again)).all()
        np.testing.assert_allclose(history_shift(*again, fit("constant", [0.7] * 3)), 0.2)

    def test_is_the_median_over_groups(self):
        fits = [
            fit(sfh, [value] * 3, dust_law=law)
            for law, values in {"Calzetti": (0.1, 0.2), "SMC": (0.0, 0.5)}.items()
            for sfh, value in zip(("delayed", "constant"), values, strict=True)
        ]
        np.testing.assert_allclose(history_shift(*fits), 0.3)

    @pytest.mark.parametrize("params", ["not JSON", "", None, "[1]"])
    def test_strangers_without_parameters_are_left_out(self, params):
        strange = fit("constant", [0.5] * 3)
        strange.meta["params"] = params
        assert np.isnan(history_shift(fit("delayed", [0.1] * 3), strange)).all()

    def test_the_estimator_writes_what_is_read(self):
        tables = {
            sfh: fit(sfh, [value] * 3)
            for sfh, value in {"lognormal": 0.1, "delayed": 0.2, "constant": 0.4}.items()
        }
        for sfh, table in tables.items():
            made_by = BagpipesEstimator(sfh=sfh, priors={f"{sfh}:massformed": (6.0, 12.0)})
            table.meta = made_by._provenance(1)
        np.testing.assert_allclose(mag(assumption_shifts(tables), "history_shift"), 0.3)

    @pytest.mark.parametrize("name", ["fit.fits", "fit.ecsv"])
    def test_tables_read_from_files(self, tmp_path, name):
        tables = []
        for sfh, value in {"delayed": 0.1, "constant": 0.5}.items():
            fit(sfh, [value] * 3, priors={"dust:Av": [0.0, 3.0]}).write(tmp_path / f"{sfh}{name}")
            tables.append(DustTable.read(tmp_path / f"{sfh}{name}"))
        np.testing.assert_allclose(history_shift(*tables), 0.4)


class TestTable:
    def test_columns(self):
        shifts = assumption_shifts({"sed": fit("delayed", [0.1] * 3)})
        assert shifts.colnames == [
            "id",
            "A_V",
            "half_width",
            "prior_shift",
            "history_shift",
            "information",
            "prior_exceeds",
            "history_exceeds",
        ]

    def test_rows_are_paired_by_id(self):
        one = fit("delayed", [0.1, 0.2, 0.3])
        two = fit("constant", [0.6, 0.2], ids=["c", "a"])
        shifts = assumption_shifts({"two": two, "one": one})
        assert shifts["id"].tolist() == IDS
        np.testing.assert_allclose(mag(shifts, "history_shift"), [0.1, np.nan, 0.3])

    def test_other_estimators_have_no_part(self):
        fits = {"one": fit("delayed", [0.1] * 3), "two": fit("constant", [0.5] * 3)}
        other = DustTable.from_quantities(
            IDS, {"A_V": [3.0] * 3, "A_V_p16": [0.0] * 3, "A_V_p84": [9.0] * 3}
        )
        alone, beside = assumption_shifts(fits), assumption_shifts({"beta": other} | fits)
        for name in ("A_V", "half_width", "history_shift"):
            np.testing.assert_array_equal(alone[name], beside[name])

    def test_information_is_the_median_of_what_is_known(self):
        one = fit("delayed", [0.1] * 3, bits=[0.5, 2.0, np.nan])
        two = fit("constant", [0.5] * 3, bits=[1.5, np.nan, np.nan])
        three = fit("continuity", [0.5] * 3)
        shifts = assumption_shifts({"one": one, "two": two, "three": three})
        np.testing.assert_allclose(shifts["information"], [1.0, 2.0, np.nan])

    def test_without_percentiles_nothing_exceeds(self):
        one, two = fit("delayed", [0.1] * 3), fit("constant", [0.9] * 3)
        one["A_V_p16"] = two["A_V_p84"] = np.nan * u.mag
        shifts = assumption_shifts({"one": one, "two": two})
        assert np.isnan(mag(shifts, "half_width")).all()
        assert not shifts["history_exceeds"].any()

    def test_another_quantity(self):
        tables = {sfh: fit(sfh, [0.1] * 3) for sfh in ("delayed", "constant")}
        tables["delayed"]["log_sSFR"] = [-8.0, -8.5, -9.0]
        tables["constant"]["log_sSFR"] = [-8.2, -8.4, -9.0]
        shifts = assumption_shifts(tables, "log_sSFR")
        np.testing.assert_allclose(shifts["history_shift"], [0.2, 0.1, 0.0])
        assert "log_sSFR" in shifts.colnames

    @given(
        st.lists(
            st.lists(st.floats(0.0, 9.0) | st.just(np.nan), min_size=3, max_size=3),
            min_size=2,
            max_size=4,
        ),
        st.randoms(use_true_random=False),
    )
    def test_order_of_tables_does_not_matter(self, values, random):
        fits = [
            (str(i), fit(f"sfh{i}", row, both=np.array([row, np.zeros(3)]), half_width=i / 5))
            for i, row in enumerate(values)
        ]
        first = assumption_shifts(dict(fits))
        random.shuffle(fits)
        again = assumption_shifts(dict(fits))
        for name in first.colnames:
            np.testing.assert_array_equal(first[name], again[name])
        finite = np.isfinite(values)
        np.testing.assert_array_equal(
            np.isfinite(mag(first, "history_shift")), finite.sum(axis=0) > 1
        )
        np.testing.assert_array_equal(np.isfinite(mag(first, "prior_shift")), finite.any(axis=0))


class TestBadInput:
    def test_unknown_quantity(self):
        with pytest.raises(InputError, match="quantity must be one of"):
            assumption_shifts({"sed": fit("delayed", [0.1] * 3)}, "A_K")

    @pytest.mark.parametrize("tables", [{}, None, [fit("delayed", [0.1] * 3)]])
    def test_no_results_by_name(self, tables):
        with pytest.raises(InputError, match=r"tables must (be a dict|hold at least one)"):
            assumption_shifts(tables)

    def test_no_result(self):
        with pytest.raises(InputError, match=r"sed must be an astropy table, .* got NoneType"):
            assumption_shifts({"sed": None})

    def test_unit_that_does_not_convert(self):
        table = fit("delayed", [0.1] * 3, both=np.array([[0.4] * 3, [0.1] * 3]))
        table["A_V_flat"] = np.full(3, 1.0) * u.kpc
        with pytest.raises(InputError, match=r"column A_V_flat .* converts to mag, got kpc"):
            assumption_shifts({"sed": table})

    def test_rows_that_do_not_pair(self):
        tables = {"one": fit("delayed", [0.1] * 3), "two": fit("constant", [0.1], ids=["z"])}
        with pytest.raises(InputError, match="two and one must have identifiers in common"):
            assumption_shifts(tables)


def made_shifts(values, prior, history=np.nan, width=0.1):
    columns = np.broadcast_arrays(values, width, prior, history)
    names = ("A_V", "half_width", "prior_shift", "history_shift")
    return QTable({name: column * u.mag for name, column in zip(names, columns, strict=True)})


class TestShiftStatistics:
    def test_known_values(self):
        shifts = made_shifts([0.05, 0.08, 0.2, 5.0], [0.3, 0.05, -0.2, 0.0], width=[0.1, 0.2] * 2)
        table = shift_statistics(shifts)
        prior = table[table["assumption"] == "prior"]
        assert prior["n"].tolist() == [4, 2, 1, 0, 1]
        assert prior["n_exceeds"].tolist() == [2, 1, 1, 0, 0]
        np.testing.assert_allclose(prior["share"], [0.5, 0.5, 1.0, np.nan, 0.0])
        np.testing.assert_allclose(mag(prior, "shift"), [0.025, 0.175, -0.2, np.nan, 0.0])
        np.testing.assert_allclose(mag(prior, "half_width"), [0.15, 0.15, 0.1, np.nan, 0.2])
        np.testing.assert_allclose(mag(prior, "low"), [-np.inf, 0.0, 0.1, 0.3, 1.0])

    def test_what_is_not_known_is_not_counted(self):
        shifts = made_shifts([0.2, np.nan, 0.2, 0.2], [0.3, 0.3, np.nan, 0.3])
        shifts["half_width"][3] = np.nan
        table = shift_statistics(shifts)
        assert table["n"][table["assumption"] == "prior"].tolist() == [1, 0, 1, 0, 0]
        assert not table["n"][table["assumption"] == "history"].any()

    def test_agrees_with_the_rows(self):
        both = np.array([[0.4, 0.2, 0.9], [0.1, 0.25, 0.8]])
        fits = {
            "one": fit("delayed", [0.1, 0.5, 0.2], both=both, half_width=0.2),
            "two": fit("constant", [0.2, 0.9, 1.3], half_width=0.2),
        }
        shifts = assumption_shifts(fits)
        everything = shift_statistics(shifts)
        everything = everything[everything["low"] == -np.inf * u.mag]
        assert everything["n_exceeds"].tolist() == [
            shifts["prior_exceeds"].sum(),
            shifts["history_exceeds"].sum(),
        ]

    def test_edges_have_units(self):
        table = shift_statistics(made_shifts([0.2, 0.6], 0.3), edges=[0.0, 500.0] * u.mmag)
        assert table["n"][:2].tolist() == [2, 1]
        np.testing.assert_allclose(mag(table, "high")[1], 0.5)

    def test_another_quantity(self):
        shifts = QTable({"log_sSFR": [-8.0, -9.0], "half_width": [0.1, 0.1]})
        shifts["prior_shift"] = shifts["history_shift"] = [0.2, 0.0]
        table = shift_statistics(shifts, "log_sSFR", edges=[-9.5, -8.5])
        assert table["n_exceeds"].tolist() == [1, 0, 1, 0]

    def test_missing_column(self):
        with pytest.raises(InputError, match=r"shifts must have the columns .* lacks half_width"):
            shift_statistics(QTable({"A_V": [0.1], "prior_shift": [0.1]}))

    @given(st.lists(st.tuples(st.floats(0.0, 2.0), st.floats(-1.0, 1.0)), max_size=30))
    def test_bins_add_up(self, rows):
        values, shift = np.array(rows).reshape(-1, 2).T
        table = shift_statistics(made_shifts(values, shift, history=-shift))
        for name in ("prior", "history"):
            mine = table[table["assumption"] == name]
            for count in ("n", "n_exceeds"):
                assert mine[count][0] == mine[count][1:].sum()
            assert mine["n_exceeds"][0] == np.sum(np.abs(shift) > 0.1)


def test_shifts_must_be_a_table():
    with pytest.raises(InputError, match="shifts must be an astropy table"):
        shift_statistics([0.1])
