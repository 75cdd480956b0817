"""Kinds of input: their records, columns by name, and a kind from outside dustest."""

from dataclasses import fields

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Column, QTable
from hypothesis import given
from hypothesis import strategies as st
from toy_kinds import POLARISATION

from dustest.data import (
    KINDS,
    DustestWarning,
    InputError,
    Kind,
    KindColumn,
    as_sample,
    register_kind,
)
from dustest.data.containers.sample import GalaxySample
from dustest.data.kinds import BATCH_NAMES, LINE_UNIT, canonical_item, find_column
from dustest.estimators import Batch, make_batch

VALUE = KindColumn("toy", "a number")
LINES_OF_ONE = {"line_Halpha": [2.0, 3.0], "line_err_H-alpha": [0.1, 0.1]}


def lines(**changes):
    """Two galaxies with H-alpha in W/m2."""
    columns = {name: u.Quantity(v, u.W / u.m**2) for name, v in (LINES_OF_ONE | changes).items()}
    return QTable(columns)


def with_limits(name, sigma, values=(3.0, np.nan), unit=u.W / u.m**2):
    """Such galaxies with upper limits."""
    table = lines() if name.startswith("line") else QTable()
    table[name] = np.array(values) * unit
    if sigma is not None:
        table[name].info.meta = {"sigma": sigma}
    return table


class TestRecords:
    @pytest.mark.parametrize(
        ("make", "problem"),
        [
            (lambda: KindColumn("toy", "", role="number"), "role of column 'toy' must be one of"),
            (lambda: KindColumn("toy", "", unit="furlong"), "unit of column 'toy' must be a unit"),
            (lambda: Kind("toy", "", ()), "must be a tuple with at least one KindColumn"),
            (lambda: Kind("toy", "", VALUE), "'toy' must be a tuple .*, got KindColumn"),
            (lambda: Kind("toy", "", "toy"), "'toy' must be a tuple .*, got 'toy'"),
            (lambda: Kind("toy", "", (1, 2)), r"'toy' must be a tuple .*, got \(1, 2\)"),
            (lambda: KindColumn("", ""), "name of a column must be a str that is not empty"),
            (lambda: KindColumn("toy", "", valid=(1, 0)), "valid of column 'toy' must be two asc"),
            (lambda: Kind("toy", "", (VALUE,), per="bands"), "did you mean 'band'"),
            (lambda: Kind("toy", "", (VALUE,), per="band"), "must name its bands in a batch"),
            (lambda: Kind("toy", "", (VALUE,), items="bands"), "must name its items"),
        ],
    )
    def test_what_is_no_kind(self, make, problem):
        with pytest.raises(InputError, match=problem):
            make()

    @pytest.mark.parametrize(
        "kind",
        [
            Kind("toy", "", (KindColumn("redshift_err", ""),)),
            Kind("toy", "", (KindColumn("toy", "", attribute="wavelength"),)),
            Kind("toy", "", (VALUE,), per="band", items="bands"),
        ],
        ids=["column", "array", "items"],
    )
    def test_names_are_taken_once(self, kind):
        with pytest.raises(InputError, match="which another kind has"):
            register_kind(kind)

    @pytest.mark.parametrize(
        "name", ["id", "A_V", "A_V_p16", "seed", "__len__", "_absent", "row_keys", "has_flux"]
    )
    def test_names_of_results_and_batches_are_taken(self, name):
        columns = (KindColumn(name, ""), KindColumn("toy", "", attribute=name))
        for column in columns:
            with pytest.raises(InputError, match=rf"free in results and .*, got \['{name}'\]"):
                register_kind(Kind("toy", "", (column,)))

    def test_names_of_batches(self):
        names = {name for name in dir(Batch) if not name.startswith("_")}
        assert names | {one.name for one in fields(Batch)} == BATCH_NAMES

    def test_registering_again_changes_nothing(self):
        assert register_kind(POLARISATION) is POLARISATION

    @pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
    def test_every_column_is_found_by_its_name(self, kind):
        item = {"band": "F277W", "line": "Hb", "": ""}[kind.per]
        for column in kind.columns:
            found = find_column(f"{column.name}_{item}" if item else column.name)
            assert (found.kind, found.column, found.item) == (kind, column, item)

    def test_names_of_no_kind(self):
        assert find_column("note") is None
        assert find_column("redshifts") is None
        assert canonical_item(KINDS["line"], "number") == "number"

    def test_unknown_lines_are_columns_of_the_user(self):
        assert as_sample(QTable({"line_number": [4, 5]}))["line_number"].tolist() == [4, 5]


class TestLines:
    def test_any_unit_and_spelling(self):
        sample = as_sample(lines())
        assert sample.lines == ("Ha",)
        np.testing.assert_allclose(sample["line_Ha"].to_value(LINE_UNIT), [2000.0, 3000.0])
        batch = make_batch(sample)
        assert batch.lines == ("Ha",)
        np.testing.assert_allclose(batch.line_err, [[100.0], [100.0]])
        assert batch.has_line.tolist() == [True, True]

    @pytest.mark.parametrize("error", [0.0, -1.0, np.nan])
    def test_values_without_a_positive_error_are_missing(self, error):
        batch = make_batch(as_sample(lines(**{"line_err_H-alpha": [0.1, error]})))
        assert np.isnan([batch.line[1], batch.line_err[1]]).all()
        assert batch.has_line.tolist() == [True, False]

    @pytest.mark.parametrize(
        ("columns", "problem"),
        [
            ({"line_Ha": [1.0] * u.nJy}, "column line_Ha must have a unit that converts to erg"),
            ({"line_Ha": np.ones(1)}, "column line_Ha must have a unit such as erg"),
            ({"line_Ha": [1.0] * LINE_UNIT}, "column line_Ha needs column line_err_Ha"),
            ({"line_err_Ha": [1.0] * LINE_UNIT}, "column line_err_Ha needs column line_Ha"),
        ],
    )
    def test_what_is_refused(self, columns, problem):
        with pytest.raises(InputError, match=problem):
            as_sample(QTable(columns))

    def test_continuum_at_the_line(self):
        density = u.Unit("erg / (s cm2 AA)")
        table = lines()
        table["line_continuum_Halpha"] = [0.1, np.nan] * density
        sample = as_sample(table)
        assert sample.lines == ("Ha",)
        np.testing.assert_array_equal(make_batch(sample).line_continuum, [[0.1], [np.nan]])
        assert np.isnan(make_batch(as_sample(lines())).line_continuum).all()

    def test_without_units_in_a_dictionary(self):
        with pytest.warns(DustestWarning, match="line_Ha, line_err_Ha declare no unit"):
            sample = as_sample({"line_Ha": [1.0], "line_err_Ha": [0.1]})
        assert sample["line_Ha"].unit == LINE_UNIT


class TestLimits:
    def test_in_a_batch_they_are_at_one_sigma(self):
        sample = as_sample(with_limits("line_limit_Ha", 3))
        np.testing.assert_allclose(make_batch(sample).line_limit, [[1000.0], [np.nan]])

    def test_magnitudes(self):
        table = with_limits("flux_limit_F277W", 2, (31.4, np.nan), u.ABmag)
        table["flux_F277W"] = table["flux_err_F277W"] = [np.nan, 5.0] * u.nJy
        batch = make_batch(as_sample(table))
        np.testing.assert_allclose(batch.flux_limit, [[0.5], [np.nan]], rtol=1e-3)
        np.testing.assert_array_equal(batch.flux_limit_sigma, [[2.0], [2.0]])

    @pytest.mark.parametrize("limit", [0.0, -1.0, -99.0, np.inf])
    def test_only_limits_above_zero_count(self, limit):
        table = with_limits("flux_limit_F277W", 3, (6.0, limit), u.nJy)
        table["flux_F277W"] = table["flux_err_F277W"] = [np.nan, np.nan] * u.nJy
        np.testing.assert_array_equal(make_batch(as_sample(table)).flux_limit, [[2.0], [np.nan]])

    @pytest.mark.parametrize("sigma", [None, 0, -3, "three", True, np.inf])
    def test_sigma_must_be_given(self, sigma):
        with pytest.raises(InputError, match="must say at how many standard deviations"):
            as_sample(with_limits("line_limit_Ha", sigma))

    def test_limits_of_nothing_are_refused(self):
        with pytest.raises(InputError, match="flux_limit_F277W needs column flux_F277W"):
            as_sample(with_limits("flux_limit_F277W", 3, unit=u.nJy))

    @pytest.mark.parametrize("suffix", ["fits", "ecsv", "h5"])
    def test_survive_files_and_selection(self, tmp_path, suffix):
        sample = as_sample(with_limits("line_limit_Ha", 3))[[1, 0]]
        sample.write(tmp_path / f"sample.{suffix}")
        again = as_sample(GalaxySample.read(tmp_path / f"sample.{suffix}"))
        np.testing.assert_array_equal(again["line_limit_Ha"].value, [np.nan, 3000.0])
        assert again["line_limit_Ha"].info.meta == {"sigma": 3.0}

    def test_are_part_of_the_identity_of_a_row(self):
        keys = {
            key
            for sigma, value in ((3, 3.0), (2, 3.0), (3, 4.0), (6, 6.0))
            for key in make_batch(
                as_sample(with_limits("line_limit_Ha", sigma, [value, np.nan]))
            ).row_keys()[:1]
        }
        assert len({*keys, *make_batch(as_sample(lines())).row_keys()[:1]}) == 5


class TestMagnification:
    def test_what_cannot_be_is_missing(self):
        with pytest.warns(DustestWarning, match="magnification of 2 of 3 rows lies below 0.001"):
            sample = as_sample({"magnification": [0.0, -2.0, 2.5]})
        np.testing.assert_array_equal(sample["magnification"], [np.nan, np.nan, 2.5])

    def test_negative_errors_of_magnifications_are_missing(self):
        table = {"magnification": [2.0, 3.0, 4.0], "magnification_err": [-0.1, 0.0, -99.0]}
        with pytest.warns(DustestWarning, match="magnification_err of 1 of 3 rows lies below 0"):
            sample = as_sample(table)
        np.testing.assert_array_equal(sample["magnification"], [2.0, 3.0, 4.0])
        np.testing.assert_array_equal(sample["magnification_err"], [np.nan, 0.0, np.nan])

    def test_absent_is_unknown(self):
        batch = make_batch(as_sample({"redshift": [7.0, 8.0]}))
        assert np.isnan([batch.magnification, batch.magnification_err]).all()


class TestRedshiftDensity:
    GRID = np.tile([6.0, 7.0, 8.0], (2, 1))

    def test_is_carried(self):
        density = np.array([[0.1, 0.8, 0.1], [np.nan] * 3])
        sample = as_sample({"redshift_grid": self.GRID, "redshift_density": density})
        batch = make_batch(sample)
        np.testing.assert_array_equal(batch.redshift_grid, self.GRID)
        assert batch.has_redshift_density.tolist() == [True, False]

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            (
                {"redshift_grid": GRID[:, ::-1]},
                "must ascend in every row, got row 0",
            ),
            ({"redshift_density": -GRID}, "redshift_density must not be negative"),
            ({"redshift_density": GRID[:, :2]}, "must have the shape of redshift_density"),
            ({"redshift_density": GRID[:, 0]}, "must hold numbers with 2 axes"),
        ],
    )
    def test_what_is_refused(self, changes, problem):
        columns = {"redshift_grid": self.GRID, "redshift_density": self.GRID} | changes
        with pytest.raises(InputError, match=problem):
            as_sample(columns)

    def test_the_grid_is_needed(self):
        with pytest.raises(InputError, match="needs column redshift_grid"):
            as_sample({"redshift_density": self.GRID})


class TestKindOfAPlugin:
    def test_units_and_missing_values(self):
        columns = {
            "polarisation": Column([2.0, -99.0, 0.5], unit="percent"),
            "polarisation_err": [0.1, 0.1, 0.0],
        }
        batch = make_batch(as_sample(QTable(columns)))
        np.testing.assert_allclose(batch.polarisation, [0.02, np.nan, np.nan])
        assert batch.has_polarisation.tolist() == [True, False, False]
        assert batch[[2, 0]].polarisation[1] == 0.02

    def test_absent(self):
        batch = make_batch(as_sample({"redshift": [7.0]}))
        assert np.isnan(batch.polarisation).all()
        assert batch.has_polarisation.tolist() == [False]

    def test_names_of_nothing(self):
        batch = make_batch(as_sample({"polarisation": [0.1], "polarisation_err": [0.1]}))
        with pytest.raises(AttributeError, match="did you mean 'polarisation'"):
            batch.polarization  # noqa: B018

    @given(st.floats(0.0, 1.0), st.floats(1e-3, 1.0), st.floats(0.0, 1.0))
    def test_row_keys_follow_the_values(self, value, error, other):
        sample = as_sample({"polarisation": [value, other], "polarisation_err": [error, error]})
        first, second = make_batch(sample).row_keys()
        assert (first == second) == (value == other)

    def test_errors_are_required(self):
        with pytest.raises(InputError, match="needs column polarisation_err"):
            as_sample({"polarisation": [0.1]})


class TestOnRequest:
    def test_positions_reach_those_that_require_them(self):
        sample = as_sample({"redshift": [7.0, 8.0], "ra": [53.0, 54.0], "dec": [-27.0, -28.0]})
        plain, asked = make_batch(sample), make_batch(sample, requires={"position"})
        assert np.isnan(plain.ra).all()
        assert asked.ra.tolist() == [53.0, 54.0]
        assert plain.row_keys() != asked.row_keys()
