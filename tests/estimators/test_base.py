import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_backends import (
    Fragile,
    IsolatedLinear,
    Linear,
    Malformed,
    Point,
    Slow,
    Trouble,
    Unready,
)

from dustest.data import FLAGS, DustestWarning, DustTable, InputError, ReadError
from dustest.estimators import Estimates
from dustest.estimators._summary import Summary, summarise

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
        found = summarise(Estimates(draws), Summary(tuple(levels)), np.arange(200)).values["A_V"]
        expected = np.quantile(self.draws, levels, axis=1).T
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)

    def test_unknown_and_infinite_draws(self):
        draws = np.array([[1.0, np.nan, 2.0], [1.0, np.inf, np.inf], [3.0, 1.0, 2.0]])
        rows = summarise(Estimates({"A_V": draws}), Summary((0.0, 0.5, 1.0)), np.arange(3))
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

    @given(st.lists(st.sampled_from([np.nan, -1.0, 15.0, 0.0, 7.0, np.inf]), min_size=1))
    def test_redshifts_out_of_range(self, redshift):
        result = Point().estimate(QTable({"redshift": redshift}))
        good = np.isin(redshift, [0.0, 7.0])
        np.testing.assert_array_equal(np.isfinite(numbers(result)), good)
        flagged = (result["flags"] & FLAGS["REDSHIFT_OUT_OF_RANGE"].value) > 0
        np.testing.assert_array_equal(flagged, ~good)

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
        path = os.pathsep.join(entry for entry in sys.path if entry)
        run = subprocess.run(
            [sys.executable, script],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "PYTHONPATH": path},
        )
        assert run.stdout.strip() == "2", run.stderr


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

    def test_unknown_fit_arguments_are_refused(self):
        with pytest.raises(InputError, match="takes no further arguments"):
            Linear().fit(galaxies([1]), [0.1], epochs=3)


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

    def test_resume_needs_output(self):
        with pytest.raises(InputError, match="resume=True needs output"):
            Linear().estimate(galaxies([1]), resume=True)

    def test_a_damaged_store_is_refused(self, tmp_path):
        path = tmp_path / "result.fits"
        Linear().estimate(galaxies([1]), output=path)
        (tmp_path / "result.fits.sqlite").write_bytes(b"rubbish" * 1000)
        with pytest.raises(ReadError, match=r"result\.fits\.sqlite"):
            Linear().estimate(galaxies([1]), output=path, resume=True)

    def test_resume_takes_finished_rows_and_only_those_that_fit(self, tmp_path):
        path, marks = tmp_path / "result.fits", tmp_path / "marks"
        first = Slow(str(marks)).estimate(galaxies([1, 2, 3]), output=path)
        table = galaxies([1, 2, 5, 3])
        second = Slow(str(marks)).estimate(table, output=path, resume=True)
        assert marks.read_text().split() == ["1", "2", "3", "5"]
        np.testing.assert_array_equal(numbers(second)[[0, 1, 3]], numbers(first))
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
        script = (
            "import sys, numpy as np\n"
            "from astropy import units as u\n"
            "from astropy.table import QTable\n"
            "from toy_backends import Slow\n"
            f"flux = np.arange({n_rows}.0)\n"
            "error = np.ones(len(flux)) * u.nJy\n"
            "t = QTable({'flux_F277W': flux * u.nJy, 'flux_err_F277W': error})\n"
            "print('ready', flush=True)\n"
            f"slow = Slow({str(marks)!r}, random_state=3)\n"
            f"slow.estimate(t, output={str(path)!r}, resume=True)\n"
        )
        for i in range(kills):
            run = start(script)
            run.stdout.readline()
            time.sleep(0.25 + 0.01 * i)
            run.kill()
            run.communicate()
        last = start(script)
        last.communicate(timeout=120)
        assert last.returncode == 0
        clean = Linear(random_state=3).estimate(galaxies(np.arange(n_rows)))
        np.testing.assert_array_equal(numbers(DustTable.read(path)), numbers(clean))
        repeats = Counter(marks.read_text().split()).values()
        # A kill can fall between the mark and the store: one row each at the most.
        assert sum(repeats) - n_rows <= kills
        assert len(repeats) == n_rows


def start(script):
    """Run a script in a fresh interpreter that finds the toy backends."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
