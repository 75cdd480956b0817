import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from contextlib import closing, nullcontext, suppress

import fresh_process
import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM, Planck18
from astropy.table import QTable
from dust_extinction.parameter_averages import CCM89
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from toy_backends import (
    Checked,
    Curved,
    Declared,
    Described,
    Fitted,
    Forgetful,
    Fragile,
    IsolatedLinear,
    Learning,
    Linear,
    Malformed,
    Modelled,
    Point,
    Slow,
    Stranger,
    Trouble,
    Unfitting,
    Unready,
    Weighing,
    estimate_slowly,
)

from dustest.data import (
    FLAGS,
    DustestWarning,
    DustTable,
    InputError,
    MissingDependencyError,
    ReadError,
    RowTable,
    as_sample,
)
from dustest.estimators import Estimates, base
from dustest.estimators.run.store import open_store
from dustest.estimators.run.summary import Rows, Summary, summarise
from dustest.physics import Salim18, get_dust_law

POISON = ["nan", "inf", "masked", "zero error", "negative error", "nan error", "-99"]


def galaxies(flux, **columns):
    flux = np.asarray(flux, dtype=float)
    table = QTable({"id": np.arange(len(flux)) + 100, **columns})
    table["flux_F277W"] = flux * u.nJy
    table["flux_err_F277W"] = np.ones(len(flux)) * u.nJy
    return table


def numbers(table, name="A_V"):
    return np.asarray(table[name], dtype=float)


class TestEstimate:
    def test_medians_percentiles_and_ratio(self):
        table = Linear(random_state=1).estimate(galaxies([10, 20, 30, 40]))
        assert type(table) is DustTable
        np.testing.assert_allclose(numbers(table), [0.1, 0.2, 0.3, 0.4], atol=0.05)
        assert np.all(table["A_V_p16"] < table["A_V"])
        assert np.all(table["A_V"] < table["A_V_p84"])
        np.testing.assert_allclose(numbers(table, "R_V"), 4.0, rtol=1e-6)
        assert np.isnan(table["log_sSFR"]).all()

    def test_ratio_of_medians_and_percentiles_of_the_ratio(self):
        table = Linear(width=0.0).estimate(galaxies([10.0]))
        for name in ("R_V", "R_V_p16", "R_V_p84"):
            np.testing.assert_allclose(numbers(table, name), 4.0, rtol=1e-6)

    def test_no_ratio_without_dust(self):
        table = Linear(width=0.0).estimate(galaxies([0.0]))
        assert np.isnan(table["R_V"]).all()

    def test_bare_points_have_no_percentiles(self):
        table = Point().estimate(QTable({"redshift": [5.0, 6.0]}))
        np.testing.assert_allclose(numbers(table), [0.5, 0.6])
        assert np.isnan(table["A_V_p16"]).all()

    def test_provenance(self):
        meta = Linear(width=0.2, random_state=5).estimate(galaxies([1])).meta
        assert meta["estimator"] == "Linear"
        assert json.loads(meta["params"]) == {"width": 0.2}
        assert meta["random_seed"] == 5
        assert meta["uncertainty"] == "posterior"

    def test_a_drawn_seed_is_recorded_and_repeats_the_run(self):
        first = Linear().estimate(galaxies([1, 2]))
        again = Linear(random_state=first.meta["random_seed"]).estimate(galaxies([1, 2]))
        np.testing.assert_array_equal(numbers(first), numbers(again))

    def test_generators_give_seeds(self):
        tables = [
            Linear(random_state=np.random.default_rng(3)).estimate(galaxies([1])) for _ in "ab"
        ]
        np.testing.assert_array_equal(numbers(tables[0]), numbers(tables[1]))

    @pytest.mark.parametrize("seed", [-1, 1.5, "x"])
    def test_other_seeds_are_refused(self, seed):
        with pytest.raises(InputError, match="random_state must be"):
            Linear(random_state=seed).estimate(galaxies([1]))


class TestQuantiles:
    draws = np.random.default_rng(0).normal(size=(200, 37)).round(1)

    @given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=5))
    def test_are_those_of_numpy(self, levels):
        draws = {"A_V": self.draws}
        found = summarise(
            Estimates(draws), Summary(tuple(levels)), np.arange(200), ("A_V",)
        ).values["A_V"]
        expected = np.quantile(self.draws, levels, axis=1).T
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)

    def test_unknown_and_infinite_draws(self):
        draws = np.array([[1.0, np.nan, 2.0], [1.0, np.inf, np.inf], [3.0, 1.0, 2.0]])
        rows = summarise(
            Estimates({"A_V": draws}), Summary((0.0, 0.5, 1.0)), np.arange(3), ("A_V",)
        )
        expected = [[np.nan] * 3, [1.0, np.inf, np.inf], [1.0, 2.0, 3.0]]
        np.testing.assert_array_equal(rows.values["A_V"], expected)


class TestRows:
    @given(order=st.permutations(range(7)))
    def test_order_does_not_matter(self, order):
        order = list(order)
        table = galaxies(np.arange(7.0))
        expected = Linear(random_state=2).estimate(table)[order]
        result = Linear(random_state=2).estimate(table[order])
        for name in ("id", "A_V", "A_V_p16", "seed"):
            np.testing.assert_array_equal(numbers(result, name), numbers(expected, name))

    @pytest.mark.parametrize("backend", [Linear, Point])
    def test_order_of_redshift_where_it_is_required(self, backend, monkeypatch):
        seen = []
        estimate = backend._estimate

        def spy(self, batch):
            seen.extend(batch.redshift)
            return estimate(self, batch)

        monkeypatch.setattr(backend, "_estimate", spy)
        redshift = [7.0, 5.0, 9.0, 6.0, 8.0]
        backend().estimate(galaxies(np.arange(5.0), redshift=redshift))
        assert seen == (sorted(redshift) if backend is Point else redshift)

    @pytest.mark.parametrize("backend", [Linear, IsolatedLinear])
    def test_workers_do_not_matter(self, backend):
        table = galaxies(np.arange(9.0))
        one = Linear(random_state=2).estimate(table)
        two = backend(random_state=2).estimate(table, n_jobs=2)
        for name in ("A_V", "A_V_p16", "A_V_p84", "seed"):
            np.testing.assert_array_equal(numbers(one, name), numbers(two, name))

    @settings(max_examples=40)
    @given(
        kinds=st.lists(st.sampled_from(["good", *POISON]), min_size=1, max_size=12),
        seed=st.integers(0, 99),
    )
    def test_poisoned_rows_are_flagged_and_spoil_nothing(self, kinds, seed):
        table = poisoned(kinds)
        result = Linear(random_state=seed).estimate(table)
        assert len(result) == len(kinds)
        good = np.array([kind == "good" for kind in kinds])
        np.testing.assert_array_equal(np.isfinite(numbers(result)), good)
        flags = np.asarray(result["flags"])
        assert np.all(flags[~good] & FLAGS["NO_DATA"].value)
        assert not np.any(flags[good])
        clean = Linear(random_state=seed).estimate(poisoned(["good"] * len(kinds)))
        np.testing.assert_array_equal(numbers(result)[good], numbers(clean)[good])

    @given(st.lists(st.sampled_from([np.nan, 15.0, 0.0, 7.0, np.inf]), min_size=1))
    def test_redshifts_out_of_range(self, redshift):
        result = Point().estimate(QTable({"redshift": redshift}))
        good = np.isin(redshift, [0.0, 7.0])
        np.testing.assert_array_equal(np.isfinite(numbers(result)), good)
        flagged = (result["flags"] & FLAGS["REDSHIFT_OUT_OF_RANGE"].value) > 0
        np.testing.assert_array_equal(flagged, ~good)

    def test_negative_redshifts_are_out_of_range(self):
        with pytest.warns(DustestWarning, match="redshift of 1 of 2 rows lies below 0"):
            result = Point().estimate(QTable({"redshift": [-1.0, 7.0]}))
        assert np.isfinite(numbers(result)).tolist() == [False, True]
        assert result.flag_names == [("REDSHIFT_OUT_OF_RANGE",), ()]

    def test_missing_bands_are_flagged(self):
        table = galaxies([1, 2])
        table["flux_F444W"] = [1.0, np.nan] * u.nJy
        table["flux_err_F444W"] = [1.0, 1.0] * u.nJy
        result = Linear().estimate(table)
        assert result.flag_names == [(), ("MISSING_BAND",)]
        assert np.isfinite(numbers(result)).all()

    def test_flags_of_the_sample_are_kept(self):
        table = galaxies([1, 2], flags=np.array([0, FLAGS["EDGE"].value]))
        assert Linear().estimate(table).flag_names == [(), ("EDGE",)]

    def test_duplicated_ids_stay_two_rows(self):
        table = galaxies([10, 90])
        table["id"] = ["same", "same"]
        result = Linear(width=0.0).estimate(table)
        assert list(result["id"]) == ["same", "same"]
        np.testing.assert_allclose(numbers(result), [0.1, 0.9])


def poisoned(kinds):
    """A catalogue with a good galaxy, or a kind of bad one, in each row."""
    table = galaxies(np.arange(len(kinds)) + 1.0)
    flux, error = table["flux_F277W"].value, table["flux_err_F277W"].value
    spoil = {
        "nan": (flux, np.nan),
        "inf": (flux, np.inf),
        "-99": (flux, -99.0),
        "zero error": (error, 0.0),
        "negative error": (error, -1.0),
        "nan error": (error, np.nan),
    }
    for row, kind in enumerate(kinds):
        if kind in spoil:
            column, value = spoil[kind]
            column[row] = value
    mask = np.array([kind == "masked" for kind in kinds])
    if mask.any():
        table = QTable(table, masked=True)
        table["flux_F277W"].mask = mask
    return table


class TestFailures:
    def test_a_row_that_raises_is_flagged(self):
        with pytest.warns(
            DustestWarning, match=r"2 of 5 .* row 1 \(id 101\): RuntimeError: thirt"
        ):
            table = Fragile().estimate(galaxies([1, 13, 2, 14, 3]))
        np.testing.assert_array_equal(numbers(table), [1, np.nan, 2, np.nan, 3])
        assert table.flag_names == [(), ("FAILED",), (), ("FAILED",), ()]

    def test_a_malformed_answer_is_the_authors_error(self):
        with pytest.raises(InputError, match=r"Malformed._estimate must give 2 rows for 'A_V'"):
            Malformed().estimate(galaxies([1, 2]))

    @pytest.mark.slow
    def test_workers_survive_what_rows_do(self):
        with pytest.warns(DustestWarning, match="4 of 7 galaxies failed"):
            table = Trouble().estimate(galaxies([1, 2, 3, 4, 5, 6, 7]), n_jobs=2)
        np.testing.assert_array_equal(numbers(table), [1, np.nan, np.nan, np.nan, np.nan, 6, 7])
        assert table.flag_names[1:5] == [("FAILED",), ("TIMED_OUT",), ("FAILED",), ("FAILED",)]

    def test_a_worker_that_cannot_start_is_an_error(self):
        with pytest.raises(ImportError, match="the engine is missing"):
            Unready().estimate(galaxies([1]))

    def test_scripts_need_no_main_guard(self, tmp_path):
        script = tmp_path / "script.py"
        script.write_text(
            "import numpy as np\n"
            "from toy_backends import IsolatedLinear\n"
            "from astropy import units as u\n"
            "from astropy.table import QTable\n"
            "flux = [1.0, 2.0] * u.nJy\n"
            "t = QTable({'flux_F277W': flux, 'flux_err_F277W': flux})\n"
            "print(len(IsolatedLinear(random_state=1).estimate(t, n_jobs=2)))\n"
        )
        run = subprocess.run(
            [sys.executable, script],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=fresh_process.environment(),
        )
        assert run.stdout.strip() == "2", run.stderr


class TestDraws:
    """Draws of the posterior in the result."""

    def test_are_those_of_the_posterior(self):
        backend = Modelled(random_state=4)
        table = backend.estimate(galaxies([10, 20]), draws=30)
        draws = backend.sample_posterior(galaxies([10, 20]), 30)
        assert {*draws} == {"A_V", "E_BV", "R_V", "slope", "component:mass", "log_mass"}
        for name, values in draws.items():
            np.testing.assert_array_equal(numbers(table, f"{name}_draws"), values)
        np.testing.assert_allclose(draws["slope"], 3 * draws["A_V"])
        assert table["A_V_draws"].unit == u.mag
        assert table["slope_draws"].unit == 1 / u.mag

    def test_nothing_else_changes(self):
        bare, table = (Modelled(random_state=4).estimate(galaxies([10]), draws=n) for n in (0, 5))
        for name in bare.colnames:
            np.testing.assert_array_equal(numbers(bare, name), numbers(table, name))
        assert not [name for name in bare.colnames if "draws" in name or "used" in name]

    def test_data_are_kept_with_them(self):
        table = Modelled(random_state=4).estimate(galaxies([10, 20]), draws=5)
        np.testing.assert_array_equal(table["used_F277W"], [10, 20] * u.nJy)

    def test_rows_without_an_answer_have_blank_draws(self):
        table = Modelled().estimate(galaxies([np.nan, np.nan]), draws=5)
        for name in ("A_V", "log_sSFR", "slope"):
            assert table[f"{name}_draws"].shape == (2, 5)
            assert np.isnan(numbers(table, f"{name}_draws")).all()

    @pytest.mark.parametrize("suffix", ["fits", "ecsv", "parquet", "h5"])
    def test_they_survive_files(self, suffix, tmp_path):
        path = tmp_path / f"a.{suffix}"
        table = Modelled(random_state=1).estimate(galaxies([10, 20]), draws=4, output=path)
        kept = DustTable.read(path)
        assert kept.colnames == table.colnames
        for name in table.colnames:
            np.testing.assert_array_equal(numbers(kept, name), numbers(table, name))
            assert getattr(kept[name], "unit", None) == getattr(table[name], "unit", None)

    def test_a_resumed_run_needs_as_many(self, tmp_path):
        path = tmp_path / "a.fits"
        first = Modelled(random_state=1).estimate(galaxies([10]), output=path, draws=4)
        for n, before in ((4, None), (6, 4), (0, 6)):
            with pytest.warns(match=f"draws {before}") if before else nullcontext():
                again = Modelled(random_state=1).estimate(
                    galaxies([10]), output=path, draws=n, resume=True
                )
            assert ("A_V_draws" in again.colnames) == (n > 0)
            if n:
                assert again["A_V_draws"].shape == (1, n)
        np.testing.assert_array_equal(again["A_V"], first["A_V"])

    def test_lensed_galaxies(self):
        """Masses and rates are divided by the magnification, whichever column they are in."""
        table = Modelled().estimate(galaxies([10], magnification=[100.0]), draws=4)
        a_v = numbers(table, "A_V_draws")
        np.testing.assert_allclose(numbers(table, "component:mass_draws"), a_v - 2.0)
        np.testing.assert_allclose(numbers(table, "log_mass_draws"), 2.0 * a_v - 2.0)
        np.testing.assert_allclose(numbers(table, "slope_draws"), 3.0 * a_v)
        np.testing.assert_allclose(numbers(table, "rates"), 0.08)

    def test_bare_points_have_none(self):
        with pytest.raises(InputError, match="without a distribution to draw from, got draws=3"):
            Point().estimate(QTable({"redshift": [7.0]}), draws=3)
        assert len(Point().estimate(QTable({"redshift": [7.0]}))) == 1

    @pytest.mark.parametrize("number", [-1, 1.5, "ten"])
    def test_number(self, number):
        with pytest.raises(InputError, match="draws must be an integer from 0"):
            Linear().estimate(galaxies([1]), draws=number)

    def test_parameters_are_declared(self):
        with pytest.raises(InputError, match=r"parameters that Forgetful\._parameters declares"):
            Forgetful().sample_posterior(galaxies([1]), 3)


class TestOtherMethods:
    def test_predict(self):
        backend = Linear(random_state=1)
        table = galaxies([10, 20])
        np.testing.assert_array_equal(backend.predict(table), numbers(backend.estimate(table)))
        mean, std = backend.predict(table, return_std=True)
        assert mean.shape == std.shape == (2,)
        np.testing.assert_allclose(std, 0.1, rtol=0.4)

    def test_predict_quantiles(self):
        values = Linear(random_state=1).predict_quantiles(galaxies([10, 20]), [0.0, 0.5, 1.0])
        assert values.shape == (2, 3)
        assert np.all(np.diff(values, axis=1) > 0)

    @pytest.mark.parametrize("quantiles", [[-0.1], [1.1], [np.nan], [[0.5]]])
    def test_other_quantiles_are_refused(self, quantiles):
        with pytest.raises(InputError, match="quantiles must be"):
            Linear().predict_quantiles(galaxies([1]), quantiles)

    def test_draws_are_joint(self):
        draws = Linear().sample_posterior(galaxies([10, 20]), 30, random_state=4)
        assert {name: values.shape for name, values in draws.items()} == {
            "A_V": (2, 30),
            "E_BV": (2, 30),
            "R_V": (2, 30),
        }
        np.testing.assert_allclose(draws["A_V"], 4 * draws["E_BV"])

    def test_bare_points_cannot_be_drawn_from(self):
        with pytest.raises(InputError, match="without a distribution"):
            Point().sample_posterior(QTable({"redshift": [7.0]}), 3)

    @pytest.mark.parametrize("number", [0, -1, 1.5])
    def test_number_of_draws(self, number):
        with pytest.raises(InputError, match="n_samples must be"):
            Linear().sample_posterior(galaxies([1]), number)

    def test_score(self):
        table = galaxies([10, 20, 30])
        assert Linear(width=0.0).score(table, [0.1, 0.2, 0.3]) == pytest.approx(1.0)
        with pytest.warns(DustestWarning, match="1 of 3 galaxies have no answer"):
            score = Linear(width=0.0).score(poisoned(["good", "nan", "good"]), [0.1, 0.2, 0.3])
        assert np.isfinite(score)

    def test_no_answer_is_no_score(self):
        with pytest.raises(InputError, match="no answer for any galaxy"):
            Linear().score(poisoned(["nan"]), [0.1])

    def test_missing_columns_are_named(self):
        with pytest.raises(InputError, match="Linear needs flux columns"):
            Linear().estimate(QTable({"redshift": [7.0]}))
        with pytest.raises(InputError, match="Point needs redshift columns"):
            Point().estimate(galaxies([1]))

    def test_spread_of_a_ratio_is_half_its_central_range(self):
        table = galaxies([10.0, 20.0, 0.5])
        backend = Linear(random_state=1).set_params(width=0.05)
        backend.targets = ("R_V", "A_V")
        draws = backend.sample_posterior(table, 20_000)
        _, std = backend.predict(table, return_std=True)
        expected = np.diff(np.quantile(draws["R_V"], [0.16, 0.84], axis=1), axis=0)[0] / 2
        np.testing.assert_allclose(std[:, 0], expected, atol=1e-6)
        np.testing.assert_allclose(std[:, 1], draws["A_V"].std(axis=1), rtol=0.02)

    def test_a_ratio_of_a_denominator_about_zero_has_a_spread(self):
        rng = np.random.default_rng(0)
        draws = {"A_V": np.full((1, 4000), 0.4), "E_BV": rng.normal(0.1, 0.05, (1, 4000))}
        summary = Summary((0.5,), std=True)
        median, spread = summarise(Estimates(draws), summary, np.arange(1), ("R_V",)).values[
            "R_V"
        ][0]
        assert median == pytest.approx(4.0, rel=0.02)
        low, high = np.quantile(0.4 / draws["E_BV"], [0.16, 0.84])
        assert spread == pytest.approx((high - low) / 2)
        assert spread < 4.0 < np.std(0.4 / draws["E_BV"])


class TestPoints:
    """Median, mean and best fit."""

    table = galaxies([10.0, 20.0, np.nan])

    def test_the_median_is_the_default(self):
        backend = Linear(random_state=1)
        expected = numbers(backend.estimate(self.table))
        np.testing.assert_array_equal(backend.predict(self.table), expected)
        np.testing.assert_array_equal(backend.predict(self.table, point="median"), expected)

    def test_means_are_those_of_all_draws(self):
        backend = Linear(random_state=1)
        medians = backend.estimate(self.table)
        kept = backend.estimate(self.table, points=("mean",))
        found, std = backend.predict(self.table, return_std=True, point="mean")
        np.testing.assert_array_equal(found, numbers(kept, "A_V_mean"))
        np.testing.assert_allclose(found[:2], [0.1, 0.2], atol=0.06)
        assert np.all(found[:2] != numbers(medians)[:2])
        assert np.isnan(found[2])
        np.testing.assert_array_equal(std, backend.predict(self.table, return_std=True)[1])

    def test_the_best_fit(self):
        backend = Fitted(random_state=1)
        np.testing.assert_allclose(
            backend.predict(self.table, point="best"), [0.15, 0.25, np.nan], rtol=1e-12
        )

    def test_columns(self):
        backend = Fitted(random_state=1).set_params(width=0.05)
        kept = backend.estimate(self.table, points=("best", "mean"), draws=5)
        plain = backend.estimate(self.table, draws=5)
        added = [name for name in kept.colnames if name not in plain.colnames]
        names = [name for name in kept.colnames if name.endswith(("_mean", "_best"))]
        assert added == names
        assert {"A_V_mean", "A_V_best", "log_sSFR_best"} <= set(names)
        assert kept["A_V_best"].unit == u.mag
        for name in plain.colnames:
            np.testing.assert_array_equal(kept[name], plain[name])
        np.testing.assert_allclose(numbers(kept, "R_V_best")[:2], 5.0)
        ratio = numbers(kept, "A_V_mean") / numbers(kept, "E_BV_mean")
        np.testing.assert_allclose(numbers(kept, "R_V_mean"), ratio)
        assert np.isnan(numbers(kept, "log_sSFR_best")).all()

    def test_bare_values_are_their_own_means(self):
        redshifts = QTable({"redshift": [7.0, 8.0]})
        np.testing.assert_allclose(Point().predict(redshifts, point="mean"), [0.7, 0.8])

    @pytest.mark.parametrize("call", ["predict", "estimate"])
    def test_methods_without_a_best_fit_say_what_to_take(self, call):
        name = {"predict": "point", "estimate": "points"}[call]
        given = {"predict": "best", "estimate": ["best"]}[call]
        message = f"{name} must be 'median' or 'mean' for Linear, which has no best fit"
        with pytest.raises(InputError, match=message):
            getattr(Linear(), call)(self.table, **{name: given})

    @pytest.mark.parametrize(
        ("points", "message"),
        [
            ("meen", "points must be one of median, mean, best, got 'meen': did you mean 'mean'"),
            (3, "points must be a sequence of names out of median, mean, best, got 3"),
        ],
    )
    def test_others_are_refused(self, points, message):
        with pytest.raises(InputError, match=message):
            Linear().estimate(self.table, points=points)

    @pytest.mark.parametrize(
        ("quantity", "message"),
        [
            ("A_V", "must give 3 rows for 'the best A_V'"),
            ("E_BV", "must give samples of its best"),
        ],
    )
    def test_malformed_best_fits_are_the_authors_error(self, quantity, message):
        with pytest.raises(InputError, match=message):
            Unfitting(quantity).predict(self.table[[0, 1, 1]], point="best")

    def test_a_resumed_run_needs_the_same(self, tmp_path):
        backend, output = Fitted(random_state=1), tmp_path / "out.ecsv"
        backend.estimate(self.table, output=output)
        with pytest.warns(match=r'had points \[\] instead of \["best"\]'):
            kept = backend.estimate(self.table, output=output, resume=True, points="best")
        np.testing.assert_allclose(numbers(kept, "A_V_best")[:2], [0.15, 0.25])
        again = backend.estimate(self.table, output=output, resume=True, points="best")
        np.testing.assert_array_equal(numbers(again, "A_V_best"), numbers(kept, "A_V_best"))

    def test_pass_through_pipelines(self):
        pipeline = make_pipeline(FunctionTransformer(), Fitted(random_state=1))
        found = clone(pipeline).predict(self.table, point="best")
        np.testing.assert_allclose(found[:2], [0.15, 0.25])


TRUTH = {"id": np.array([103, 101, 100, 102]), "A_V": np.array([0.3, 0.1, 0.0, 0.2])}
"""Truth of ``galaxies([0, 10, 20, 30])``, in another order."""


class TestTruth:
    table = galaxies([0.0, 10.0, 20.0, 30.0])
    exact = Linear(width=0.0)

    @pytest.mark.parametrize("name", ["id", "ID", "source_id", "NUMBER", "objid"])
    @pytest.mark.parametrize("kind", [int, str, "S3", np.uint64, float])
    def test_rows_are_paired_by_identifier(self, name, kind):
        truth = QTable({name: TRUTH["id"].astype(kind), "A_V": TRUTH["A_V"] * u.mag})
        assert self.exact.score(self.table, truth) == pytest.approx(1.0)

    @pytest.mark.parametrize("kind", [dict, QTable, "pandas", "polars"])
    def test_whatever_the_table_is(self, kind):
        if isinstance(kind, str):
            kind = pytest.importorskip(kind).DataFrame
        truth = kind(TRUTH | {"other": np.arange(4)})
        assert self.exact.score(self.table, truth) == pytest.approx(1.0)

    def test_columns_are_found_by_name(self):
        truth = {"E_BV": TRUTH["A_V"] / 4, **TRUTH}
        backend = Linear(width=0.0)
        backend.targets = ("A_V", "E_BV")
        assert backend.score(self.table, truth) == pytest.approx(1.0)

    def test_rows_without_a_partner_are_left_out_and_counted(self):
        truth = {"id": [103, 7, 101, 8, 100], "A_V": [0.3, 9.0, 0.1, np.nan, 0.0]}
        match = r"1 of 4 galaxies of X have no truth, and 2 of 5 rows of y no galaxy"
        with pytest.warns(DustestWarning, match=match):
            assert self.exact.score(self.table, truth) == pytest.approx(1.0)
        with pytest.warns(DustestWarning, match=match):
            assert Learning().fit(self.table, truth).mean_ == pytest.approx(0.4 / 3)

    def test_no_identifier_in_both(self):
        truth = {"ID": ["a", "b", "c", "d"], "A_V": TRUTH["A_V"]}
        with pytest.raises(InputError, match=r"none of the identifiers in its column ID \('a'"):
            self.exact.score(self.table, truth)

    def test_truth_without_identifiers_is_in_the_order_of_the_galaxies(self):
        truth = QTable({"A_V": [0.0, 0.1, 0.2, 0.3]})
        assert self.exact.score(self.table, truth) == pytest.approx(1.0)
        with pytest.raises(InputError, match="one row for each of the 4 galaxies, got 3"):
            self.exact.score(self.table, truth[:3])

    def test_galaxies_without_identifiers_are_in_the_order_of_the_truth(self):
        table = self.table.copy()
        table.remove_column("id")
        truth = {"id": np.arange(4), "A_V": [0.0, 0.1, 0.2, 0.3]}
        with pytest.warns(DustestWarning, match="X has none, so its rows are taken in the order"):
            assert self.exact.score(table, truth) == pytest.approx(1.0)

    @pytest.mark.parametrize("missing", [np.nan, np.inf, -99.0, -999.0])
    def test_missing_truth_is_refused(self, missing):
        for truth in ([missing, 0.1, 0.2, 0.3], TRUTH | {"A_V": [0.3, missing, 0.0, 0.2]}):
            with pytest.raises(InputError, match="y must be finite"):
                self.exact.score(self.table, truth)
            with pytest.raises(InputError, match="y must be finite"):
                Learning().fit(self.table, truth)

    def test_searches_pair_too(self):
        search = GridSearchCV(Linear(), {"width": [0.0, 0.2]}, cv=2)
        order = np.argsort(TRUTH["id"])
        search.fit(as_sample(self.table), RowTable(TRUTH)[order])
        assert search.best_params_ == {"width": 0.0}


class TestWeights:
    table = galaxies([0.0, 10.0, 20.0, 30.0])

    def test_of_a_score_are_those_of_scikit_learn(self):
        truth, weight = np.array([0.1, 0.1, 0.2, 0.6]), [1.0, 2.0, 0.0, 3.0]
        score = Linear(width=0.0).score(self.table, truth, sample_weight=weight)
        predicted = [0.0, 0.1, 0.2, 0.3]
        assert score == pytest.approx(r2_score(truth, predicted, sample_weight=weight))

    def test_follow_the_galaxies_when_rows_are_paired(self):
        weight = [1.0, 0.0, 0.0, 3.0]
        assert Weighing().fit(self.table, TRUTH, sample_weight=weight).mean_ == pytest.approx(
            0.225
        )
        truth = {"id": [103, 100], "A_V": [0.4, 0.0]}
        with pytest.warns(DustestWarning, match="2 of 4 galaxies"):
            fitted = Weighing().fit(self.table, truth, sample_weight=weight)
        assert fitted.mean_ == pytest.approx(0.3)

    @pytest.mark.parametrize("backend", [Linear(), Learning()])
    def test_are_refused_where_they_would_be_ignored(self, backend):
        match = f"{type(backend).__name__}.fit supports no weights"
        with pytest.raises(InputError, match=match):
            backend.fit(self.table, [0.0, 0.1, 0.2, 0.3], sample_weight=np.ones(4))

    @pytest.mark.parametrize("weight", [[1.0], [1, 1, 1, -1], [1, 1, 1, np.nan], [0] * 4, "abcd"])
    def test_must_be_weights(self, weight):
        for call in (Weighing().fit, Linear().score):
            with pytest.raises(InputError, match="sample_weight must"):
                call(self.table, [0.0, 0.1, 0.2, 0.3], sample_weight=weight)

    def test_other_arguments_of_fit(self):
        truth = [0.0, 0.1, 0.2, 0.3]
        assert Weighing().fit(self.table, truth, shift=1.0).mean_ == pytest.approx(1.15)
        with pytest.raises(InputError, match="did you mean 'shift'"):
            Weighing().fit(self.table, truth, shft=1.0)
        with pytest.raises(InputError, match="takes no further arguments, got epochs"):
            Linear().fit(self.table, truth, epochs=3)


class TestHooks:
    def test_parameters_are_checked_first(self, tmp_path):
        backend, table = Checked(width=-1.0), galaxies([1.0, 2.0])
        calls = [
            lambda: backend.fit(table, [0.1, 0.2]),
            lambda: backend.predict(table),
            lambda: backend.predict_quantiles(table),
            lambda: backend.sample_posterior(table, 2),
            lambda: backend.score(table, [0.1, 0.2]),
            lambda: backend.estimate(table, output=tmp_path / "a.fits"),
        ]
        for call in calls:
            with pytest.raises(InputError, match="width must be positive"):
                call()
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("method", ["estimate", "predict", "score"])
    def test_samples_are_warned_of_once(self, method):
        arguments = ([0.1],) if method == "score" else ()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with suppress(InputError):
                getattr(Checked(), method)(galaxies([10.0]), *arguments)
        assert [str(one.message) for one in caught].count("one galaxy") == 1


class TestCurves:
    def sample(self, band, flux):
        table = galaxies([10.0, 20.0])
        table[f"flux_{band}"] = flux * u.nJy
        table[f"flux_err_{band}"] = [1.0, 1.0] * u.nJy
        return table

    def test_a_band_without_a_curve_costs_only_itself(self):
        table = self.sample("MYCAM_R", [5.0, np.nan])
        with pytest.warns(DustestWarning, match="Curved leaves out the bands MYCAM_R"):
            found = Curved(random_state=1).estimate(table)
        expected = Linear(random_state=1).estimate(table["id", "flux_F277W", "flux_err_F277W"])
        np.testing.assert_array_equal(numbers(found), numbers(expected))
        assert found.flag_names == [("MISSING_BAND",), ()]
        assert table.colnames[-1] == "flux_err_MYCAM_R"

    def test_flags_that_are_there_stay(self):
        table = self.sample("MYCAM_R", [5.0, 5.0])
        table["flags"] = [FLAGS["EDGE"].value, 0]
        with pytest.warns(DustestWarning, match="MYCAM_R"):
            found = Curved().estimate(table)
        assert found.flag_names == [("MISSING_BAND", "EDGE"), ("MISSING_BAND",)]
        assert list(table["flags"]) == [FLAGS["EDGE"].value, 0]

    def test_no_band_with_a_curve(self):
        table = self.sample("MYCAM_R", [5.0, 5.0])["id", "flux_MYCAM_R", "flux_err_MYCAM_R"]
        with pytest.raises(InputError, match="Curved needs the filter curves of bands, but MYCAM"):
            Curved().estimate(table)

    def test_others_use_every_band(self):
        assert Linear().estimate(self.sample("MYCAM_R", [5.0, 5.0])).flag_names == [(), ()]


class TestExtraColumns:
    names = ("model_F277W", "n", "word", "spectrum")

    def columns(self, table):
        return [(name, table[name].shape[1:], table[name].unit) for name in self.names]

    @pytest.mark.parametrize("flux", [[np.nan, np.nan], [60.0, 70.0], [60.0, 10.0], [10.0, 20.0]])
    def test_are_the_same_whatever_rows_are_refused(self, flux, tmp_path):
        whole = Declared().estimate(galaxies([1.0, 2.0]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DustestWarning)
            table = Declared().estimate(galaxies(flux), output=tmp_path / "a.ecsv")
            again = Declared().estimate(galaxies(flux), output=tmp_path / "a.ecsv", resume=True)
        assert table.colnames == whole.colnames == again.colnames
        for name in whole.colnames:
            kinds = {each[name].dtype.kind for each in (table, whole, again)}
            shapes = {each[name].shape for each in (table, whole, again)}
            units = {getattr(each[name], "unit", None) for each in (table, whole, again)}
            assert len(kinds) == len(shapes) == len(units) == 1
        assert table["spectrum"].dtype == again["spectrum"].dtype == np.float32
        assert table["n"].dtype == again["n"].dtype == np.int32

    def test_rows_without_an_answer_are_blank(self):
        with pytest.warns(DustestWarning, match="1 of 2 galaxies failed"):
            table = Declared().estimate(galaxies([60.0, 10.0]))
        assert np.isnan(table["spectrum"][0]).all()
        assert table["n"].tolist() == [0, 7]
        assert table["word"].tolist() == ["", "x" * 10]
        np.testing.assert_array_equal(table["model_F277W"], [np.nan, 10.0] * u.nJy)

    @pytest.mark.parametrize("name", ["id", "flags", "A_V", "R_V_p16", "log_sSFR_p84"])
    def test_never_replace_those_of_the_contract(self, name, tmp_path):
        with pytest.raises(InputError, match=rf"Stranger._estimate gives extra .*'{name}'"):
            Stranger(name).estimate(galaxies([1.0]), output=tmp_path / "a.fits")
        assert list(tmp_path.iterdir()) == []

    def test_of_unknown_units_are_refused(self):
        with pytest.raises(InputError, match="mine of Stranger must be plain numbers, got nJy"):
            Stranger(unit="nJy").estimate(galaxies([1.0]))

    def test_samples_in_other_units_are_converted(self):
        assert Stranger(samples_unit="mmag").estimate(galaxies([100.0]))["A_V"][0] == 0.1 * u.mag
        with pytest.raises(InputError, match="A_V of Stranger must have a unit that converts"):
            Stranger(samples_unit="nJy").estimate(galaxies([100.0]))

    @pytest.mark.parametrize("flags", [1 << 25, -1, 0.5])
    def test_unknown_flags_are_refused(self, flags):
        with pytest.raises(InputError, match="flags of Stranger must be integers made of"):
            Stranger(flags=flags).estimate(galaxies([1.0]))

    def test_unknown_quantities_are_refused_at_once(self):
        with pytest.raises(InputError, match=r"samples after QUANTITIES, got \['mass'\]"):
            Stranger(samples="mass").estimate(galaxies([1.0]))


class TestOptions:
    @pytest.mark.parametrize(
        "options",
        [
            {"n_jobs": 0},
            {"n_jobs": 1.5},
            {"n_jobs": "2"},
            {"n_jobs": True},
            {"progress": "yes"},
            {"progress": 1},
            {"resume": "yes", "output": "a.fits"},
            {"output": 5},
            {"output": True},
            {"output": ""},
            {"output": "a.csv"},
            {"output": "missing/a.fits"},
            {"output": "folder.fits"},
        ],
    )
    def test_others_are_refused_before_computing(self, options, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "folder.fits").mkdir()
        monkeypatch.setattr(Linear, "_estimate", None)
        name = "n_jobs" if "n_jobs" in options else next(iter(options))
        with pytest.raises(InputError, match=f"^{name} must"):
            Linear().estimate(galaxies([1]), **options)
        assert [one.name for one in tmp_path.iterdir()] == ["folder.fits"]

    @pytest.mark.parametrize(("suffix", "package"), [("parquet", "pyarrow"), ("h5", "h5py")])
    def test_missing_packages(self, suffix, package, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(MissingDependencyError, match=f"pip install {package}"):
            Linear().estimate(galaxies([1]), output=tmp_path / f"a.{suffix}")
        assert list(tmp_path.iterdir()) == []

    def test_near_misses_are_named(self, tmp_path):
        with pytest.raises(InputError, match=r"did you mean '\.fits'"):
            Linear().estimate(galaxies([1]), output=tmp_path / "a.fit")

    def test_capitals_are_an_ending_too(self, tmp_path):
        Linear(random_state=1).estimate(galaxies([1]), output=tmp_path / "A.FITS")
        assert len(DustTable.read(tmp_path / "A.FITS", format="fits")) == 1

    def test_a_folder_that_cannot_be_written_to(self, tmp_path, monkeypatch):
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        with pytest.raises(InputError, match="a folder that can be written to"):
            Linear().estimate(galaxies([1]), output=tmp_path / "a.fits")


class TestOutput:
    @pytest.mark.parametrize("suffix", ["fits", "ecsv", "parquet", "h5"])
    def test_result_is_written(self, tmp_path, suffix):
        path = tmp_path / f"result.{suffix}"
        table = Linear(random_state=1).estimate(galaxies([1, 2]), output=path)
        back = DustTable.read(path)
        np.testing.assert_array_equal(numbers(back), numbers(table))
        assert back.meta == table.meta
        assert sorted(p.name for p in tmp_path.iterdir()) == [path.name, path.name + ".sqlite"]

    def test_other_suffixes_are_refused(self, tmp_path):
        with pytest.raises(InputError, match="output must end in"):
            Linear().estimate(galaxies([1]), output=tmp_path / "result.txt")

    def test_existing_results_are_kept(self, tmp_path):
        path = tmp_path / "result.fits"
        Linear().estimate(galaxies([1]), output=path)
        with pytest.raises(InputError, match="pass resume=True"):
            Linear().estimate(galaxies([1]), output=path)

    @pytest.mark.parametrize("resume", [False, True])
    @pytest.mark.parametrize("beside", [None, b"", "foreign"])
    def test_a_file_that_no_run_left_is_never_replaced(self, resume, beside, tmp_path):
        path, store = tmp_path / "mine.ecsv", tmp_path / "mine.ecsv.sqlite"
        galaxies([1, 2]).write(path)
        before = path.read_bytes()
        if beside == "foreign":
            with closing(sqlite3.connect(store)) as connection:
                connection.execute("CREATE TABLE other (name TEXT)")
        elif beside is not None:
            store.write_bytes(beside)
        with pytest.raises(InputError, match="choose another output"):
            Linear().estimate(galaxies([1]), output=path, resume=resume)
        assert path.read_bytes() == before
        assert store.exists() == (beside is not None)

    @pytest.mark.parametrize("resume", [False, True])
    def test_a_database_of_others_is_kept(self, resume, tmp_path):
        store = tmp_path / "a.fits.sqlite"
        with closing(sqlite3.connect(store)) as connection:
            connection.execute("CREATE TABLE other (name TEXT)")
        before = store.read_bytes()
        with pytest.raises(InputError, match="a database of others: choose another output"):
            Unready().estimate(galaxies([1, 2]), output=tmp_path / "a.fits", resume=resume)
        assert store.read_bytes() == before

    def test_a_result_whose_store_was_removed_is_not_replaced(self, tmp_path):
        path = tmp_path / "result.fits"
        Linear().estimate(galaxies([1]), output=path)
        (tmp_path / "result.fits.sqlite").unlink()
        before = path.read_bytes()
        with pytest.raises(InputError, match="remove it, or choose another output"):
            Linear().estimate(galaxies([1]), output=path, resume=True)
        assert path.read_bytes() == before

    def test_a_run_without_any_answer_can_be_resumed(self, tmp_path):
        path = tmp_path / "result.fits"
        for resume in (False, True):
            with pytest.warns(DustestWarning, match="1 of 1"):
                Fragile().estimate(galaxies([13]), output=path, resume=resume)

    def test_resume_needs_output(self):
        with pytest.raises(InputError, match="resume=True needs output"):
            Linear().estimate(galaxies([1]), resume=True)

    def test_a_damaged_store_is_refused(self, tmp_path):
        path = tmp_path / "result.fits"
        Linear().estimate(galaxies([1]), output=path)
        (tmp_path / "result.fits.sqlite").write_bytes(b"rubbish" * 1000)
        with pytest.raises(ReadError, match=r"result\.fits\.sqlite"):
            Linear().estimate(galaxies([1]), output=path, resume=True)

    @pytest.mark.parametrize(
        ("backend", "error"), [(Malformed(), InputError), (Unready(), ImportError)]
    )
    def test_a_run_that_ends_before_its_first_row_leaves_nothing(self, backend, error, tmp_path):
        with pytest.raises(error):
            backend.estimate(galaxies([1, 2]), output=tmp_path / "a.fits")
        assert list(tmp_path.iterdir()) == []

    def test_an_empty_store_is_no_result(self, tmp_path):
        path = tmp_path / "a.fits"
        with open_store(path, resume=False):
            pass
        assert [one.name for one in tmp_path.iterdir()] == ["a.fits.sqlite"]
        assert len(Linear().estimate(galaxies([1, 2]), output=path)) == 2

    def test_rows_survive_a_run_that_ends(self, tmp_path):
        path = tmp_path / "a.fits"
        with open_store(path, resume=False) as store:
            store.put(np.zeros((1, 20), np.uint8), Rows({"A_V": np.array([[0.1]])}, np.array([0])))
        with pytest.raises(InputError, match="holds results already"):
            Linear().estimate(galaxies([1]), output=path)
        with pytest.raises(InputError):
            Malformed().estimate(galaxies([1]), output=path, resume=True)
        assert path.with_name("a.fits.sqlite").exists()

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (lambda x: x, lambda x: 2 * x),
            (get_dust_law(CCM89(Rv=2.5)), get_dust_law(CCM89(Rv=5.0))),
            (Salim18(delta=-0.5), Salim18(delta=0.3)),
            (100 * u.Myr, 100 * u.Gyr),
            (np.zeros(2000), np.r_[np.zeros(1000), 1.0, np.zeros(999)]),
            (Planck18, FlatLambdaCDM(70, 0.3)),
            (Linear(0.1), Linear(0.2)),
        ],
    )
    def test_whatever_changes_a_parameter_is_computed_anew(self, first, second, tmp_path):
        path, marks = tmp_path / "a.fits", tmp_path / "marks"
        for number, other in enumerate((first, first, second)):
            with pytest.warns(match="had params.other") if number == 2 else nullcontext():
                Described(str(marks), other=other).estimate(
                    galaxies([1, 2]), output=path, resume=number > 0
                )
        assert marks.read_text().split() == ["1", "2", "1", "2"]

    def test_what_cannot_be_described_is_not_kept(self, tmp_path):
        backend = Described(str(tmp_path / "marks"), other=threading.Lock())
        with pytest.raises(InputError, match="other must be something whose content can be"):
            backend.estimate(galaxies([1]), output=tmp_path / "a.fits")
        assert list(tmp_path.iterdir()) == []
        params = json.loads(backend.estimate(galaxies([1])).meta["params"])
        assert params["other"] == {"class": "_thread.lock"}

    def test_rows_of_another_schema_are_computed_anew(self, tmp_path, monkeypatch):
        path, marks = tmp_path / "a.fits", tmp_path / "marks"
        monkeypatch.setattr(base, "SCHEMA", 1)
        Slow(str(marks)).estimate(galaxies([1, 2]), output=path)
        monkeypatch.undo()
        with pytest.warns(match="had schema 1 instead of"):
            Slow(str(marks)).estimate(galaxies([1, 2]), output=path, resume=True)
        assert marks.read_text().split() == ["1", "2", "1", "2"]

    def test_resume_takes_finished_rows_and_only_those_that_fit(self, tmp_path):
        path, marks = tmp_path / "result.fits", tmp_path / "marks"
        first = Slow(str(marks)).estimate(galaxies([1, 2, 3]), output=path)
        table = galaxies([1, 2, 5, 3])
        second = Slow(str(marks)).estimate(table, output=path, resume=True)
        assert marks.read_text().split() == ["1", "2", "3", "5"]
        np.testing.assert_array_equal(numbers(second)[[0, 1, 3]], numbers(first))
        with pytest.warns(match=r"had params.width 0.1 instead of 0.2.* result is replaced"):
            changed = Slow(str(marks), width=0.2).estimate(table, output=path, resume=True)
        assert len(marks.read_text().split()) == 8
        assert not np.any(numbers(changed) == numbers(second))
        assert changed.meta["random_seed"] == first.meta["random_seed"]

    def test_failed_rows_are_tried_again(self, tmp_path):
        path = tmp_path / "result.fits"
        for resume in (False, True):
            with pytest.warns(DustestWarning, match="1 of 2"):
                Fragile().estimate(galaxies([1, 13]), output=path, resume=resume)

    @pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
    @pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
    def test_kill_loses_no_finished_row(self, tmp_path, kills):
        path, marks = tmp_path / "result.fits", tmp_path / "marks"
        n_rows = 50 * kills
        for i in range(kills):
            with fresh_process.start(estimate_slowly, n_rows, str(marks), str(path)) as run:
                run.stdout.readline()
                time.sleep(0.25 + 0.01 * i)
                run.kill()
        fresh_process.call(estimate_slowly, n_rows, str(marks), str(path))
        clean = Linear(random_state=3).estimate(galaxies(np.arange(n_rows)))
        np.testing.assert_array_equal(numbers(DustTable.read(path)), numbers(clean))
        repeats = Counter(marks.read_text().split()).values()
        # A kill can fall between the mark and the store: one row each at the most.
        assert sum(repeats) - n_rows <= kills
        assert len(repeats) == n_rows
