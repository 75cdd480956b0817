import inspect
import json
import os
import re
import runpy
import signal
import subprocess
import time
import warnings
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable, Table
from astropy.wcs import WCS, FITSFixedWarning
from fresh_process import start
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toy_forecast import toy_forecast

import dustest.cli
from dustest import CNNEstimator, MeurerEstimator
from dustest.cli import main
from dustest.cli._estimators import ready_for, ready_made
from dustest.cli._words import read_value
from dustest.data import DustTable, InputError, RowTable, as_sample
from dustest.data.formatting import format_value
from dustest.doctor import Finding
from dustest.doctor.estimator_checks import check_estimators
from dustest.estimators._cnn.training.epochs import Training
from dustest.io import load_demo
from dustest.simulate import GalaxySimulator, read_simulation
from dustest.simulate.stream import write_chunks
from dustest.studies import Variation
from dustest.testing import make_check_sample


@pytest.fixture
def catalog(tmp_path):
    sample, _ = load_demo()
    sample.remove_columns([f"cutout_{band}" for band in sample.cutout_bands])
    path = tmp_path / "catalog.ecsv"
    sample[:30].write(path)
    return str(path)


class TestEstimate:
    def test_result_is_written(self, catalog, tmp_path, capsys):
        output = tmp_path / "result.fits"
        words = ["--set", "meurer.relation=Reddy15", "--set", "meurer.beta0_scatter=0.1"]
        assert main(["estimate", catalog, "--output", str(output), *words]) == 0
        table = DustTable.read(output)
        assert len(table) == 30
        assert json.loads(table.meta["params"])["relation"] == "Reddy15"
        assert "30 galaxies by meurer" in capsys.readouterr().out

    def test_draws_are_kept(self, catalog, tmp_path, capsys):
        output = tmp_path / "result.fits"
        assert main(["estimate", catalog, "--draws", "5", "--output", str(output)]) == 0
        assert DustTable.read(output)["A_V_draws"].shape == (30, 5)
        assert main(["estimate", catalog, "--draws", "-1", "--output", str(output)]) == 1
        assert "--draws must be" in capsys.readouterr().err

    def test_large_catalogues_are_read_in_parts(self, tmp_path, capsys, monkeypatch):
        sample, _ = load_demo()
        path, whole, parts = (tmp_path / f"{name}.fits" for name in ("catalog", "whole", "parts"))
        sample[sample.colnames[:20]].write(path)
        assert main(["estimate", str(path), "--output", str(whole)]) == 0
        monkeypatch.setattr("dustest.cli._catalogs.LARGE_BYTES", 100)
        monkeypatch.setattr("dustest.cli._catalogs.read_sample", None)
        assert main(["estimate", str(path), "--output", str(parts)]) == 0
        lines = capsys.readouterr().out.replace("parts.fits", "whole.fits").splitlines()
        assert lines[: len(lines) // 2] == lines[len(lines) // 2 :]
        assert parts.read_bytes() == whole.read_bytes()

    def test_errors_of_a_part_say_which(self, catalog, tmp_path, capsys, monkeypatch):
        def refuse(*_):
            msg = "no image"
            raise InputError(msg)

        monkeypatch.setattr("dustest.cli._catalogs.LARGE_BYTES", 100)
        monkeypatch.setattr("dustest.cli._catalogs._with_images", refuse)
        path = tmp_path / "catalog.fits"
        sample, _ = load_demo()
        sample[:30].write(path)
        words = ["--output", str(tmp_path / "result.fits"), "--image", "F277W=f277w.fits"]
        assert main(["estimate", str(path), *words]) == 1
        expected = f"no image\nThis is about part 1 of {path}: galaxies 0 to 29, counted from 0."
        assert expected in capsys.readouterr().err

    def test_a_scheduler_is_used(self, catalog, tmp_path):
        distributed = pytest.importorskip("distributed")
        words = ["estimate", catalog, "--seed", "1", "--output"]
        assert main([*words, str(tmp_path / "here.ecsv")]) == 0
        options = {"n_workers": 1, "processes": False, "dashboard_address": ":0"}
        with distributed.LocalCluster(**options) as cluster:
            address = ["--scheduler", cluster.scheduler_address]
            assert main([*words, str(tmp_path / "there.ecsv"), *address]) == 0
        here, there = (DustTable.read(tmp_path / f"{name}.ecsv") for name in ("here", "there"))
        np.testing.assert_array_equal(there["A_V"], here["A_V"])

    def test_a_scheduler_must_answer(self, catalog, tmp_path, capsys, monkeypatch):
        pytest.importorskip("distributed")
        monkeypatch.setattr("dustest.cli._scheduler._CONNECT_SECONDS", 0.1)
        words = ["estimate", catalog, "--output", str(tmp_path / "result.ecsv")]
        assert main([*words, "--scheduler", "tcp://127.0.0.1:9"]) == 1
        assert "--scheduler must be the address of a dask" in capsys.readouterr().err

    def test_a_file_of_a_scheduler_must_exist(self, catalog, tmp_path, capsys):
        pytest.importorskip("distributed")
        words = ["estimate", catalog, "--output", str(tmp_path / "result.ecsv")]
        assert main([*words, "--scheduler", "nowhere.json"]) == 1
        assert "--scheduler must be an existing file" in capsys.readouterr().err

    def test_existing_results_are_kept(self, catalog, tmp_path, capsys):
        words = ["estimate", catalog, "--output", str(tmp_path / "result.ecsv")]
        assert main(words) == 0
        assert main(words) == 1
        assert "holds results already" in capsys.readouterr().err
        assert main([*words, "--resume"]) == 0

    @pytest.mark.parametrize("resume", [[], ["--resume"]])
    def test_the_catalogue_is_never_replaced(self, catalog, capsys, resume):
        before = Path(catalog).read_bytes()
        assert main(["estimate", catalog, "--output", catalog, *resume]) == 1
        assert "--output must be another file than the input" in capsys.readouterr().err
        assert Path(catalog).read_bytes() == before

    def test_a_foreign_file_is_never_replaced(self, catalog, tmp_path, capsys):
        other = tmp_path / "other.ecsv"
        other.write_text("mine")
        assert main(["estimate", catalog, "--output", str(other), "--resume"]) == 1
        assert "choose another output" in capsys.readouterr().err
        assert other.read_text() == "mine"

    def test_redshifts_can_be_cut(self, catalog, tmp_path):
        output = tmp_path / "result.ecsv"
        words = ["--z-min", "6.5", "--z-max", "8", "--output", str(output)]
        assert main(["estimate", catalog, *words]) == 0
        sample, _ = load_demo()
        redshift = sample["redshift"][:30]
        assert len(DustTable.read(output)) == np.sum((redshift >= 6.5) & (redshift <= 8))

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (["--z-min", "20"], "no galaxy"),
            (["--set", "relation=Reddy15"], "ESTIMATOR.PARAMETER=VALUE"),
            (["--set", "meurer.relation"], "NAME=VALUE"),
            (["--set", "meurer.law=SMC"], "takes the parameters"),
            (["-e", "merer"], "installed estimators"),
            (["-e", "merer"], "did you mean 'meurer'"),
            (["--set", "meurer.relatio=x"], "did you mean 'relation'"),
            (["--set", "constant.x=1"], "--set must name an estimator that runs (meurer)"),
            (["--unit", "furlong"], "--unit must be a unit"),
            (["--unit", "nJy", "--unit", "uJy"], "--unit must be given once without a column"),
            (["--unit", "F200W=uJy", "--unit", "f200w=nJy"], "must name each column once"),
            (["--unit", "flux_F20W=nJy"], "did you mean 'flux_F200W'"),
            (["--redshift", "redshfit"], "--redshift must name a column"),
            (["--redshift", "flux_F200W"], "column flux_F200W must hold redshifts"),
            (["--error-floor", "3"], "--error-floor must be a fraction"),
            (["--foreground-ebv", "ebv"], "--foreground-ebv must name a column"),
            (["--foreground-ebv", "-0.1"], "--foreground-ebv must be E(B-V)"),
            (["--foreground-ebv", "nan"], "--foreground-ebv must be E(B-V)"),
            (["--layout", "jades-kon"], "did you mean 'jades-kron'"),
            (["--format", "fitz"], "did you mean 'fits'"),
            (["--hdu", "1"], "--hdu must be left out"),
            (["--column", "flux_F27W=id"], "--column has the key 'flux_F27W'"),
            (["--column", "a=id", "--column", "a=id"], "--column must be given once for a"),
        ],
    )
    def test_mistakes_are_one_sentence(self, catalog, tmp_path, capsys, words, reason):
        assert main(["estimate", catalog, "--output", str(tmp_path / "x.ecsv"), *words]) == 1
        error = capsys.readouterr().err
        assert reason in error
        assert error.startswith("dustest: ")
        assert "Traceback" not in error

    @pytest.mark.parametrize(
        "words", [["--redshit", "z"], ["--n-jobs", "0"], ["--error-floor", "x"]]
    )
    def test_options_that_are_none(self, catalog, tmp_path, capsys, words):
        with pytest.raises(SystemExit, match="2"):
            main(["estimate", catalog, "--output", str(tmp_path / "x.ecsv"), *words])
        error = capsys.readouterr().err
        assert "Traceback" not in error
        if words[0] == "--redshit":
            assert "did you mean '--redshift'" in error

    @pytest.mark.parametrize(
        ("name", "lines", "remedy"),
        [
            ("a.csv", ["id,z,F200W,F200W_err", "1,7,50,1"], "--unit F200W=nJy"),
            ("b.csv", ["id,z_spec,F200W_uJy,F200W_err_uJy", "1,-1,5,1"], "--redshift ''"),
            ("c.csv", ["id,z,uvm2,uvm2_err", "1,7,5,1"], "--column flux_F277W=uvm2"),
        ],
    )
    def test_remedies_are_options(self, tmp_path, capsys, name, lines, remedy):
        (tmp_path / name).write_text("\n".join(lines))
        words = ["estimate", str(tmp_path / name), "--output", str(tmp_path / "x.ecsv")]
        assert main(words) == 1
        assert remedy in capsys.readouterr().err
        assert not list(tmp_path.glob("x*"))

    @pytest.mark.filterwarnings("ignore:the columns f_f:dustest.data.DustestWarning")
    @settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        unit=st.sampled_from(["nJy", "uJy", "ABmag"]),
        how=st.sampled_from(["bare", "by column", "both"]),
        name=st.sampled_from(["ID", "number", "source_id"]),
    )
    def test_units_and_identifiers_of_any_catalogue(self, tmp_path, unit, how, name):
        flux, error = {"nJy": (60, 3), "uJy": (0.06, 0.003), "ABmag": (26.954622, 0.0542868)}[unit]
        bands = ("f150w", "f200w", "f277w")
        heads = [f"{kind}_{band}" for band in bands for kind in "fe"]
        rows = [f"{key},7.2,{','.join(3 * [f'{flux},{error}'])}" for key in ("007", "#8", "-99")]
        path, output = tmp_path / "c.csv", tmp_path / "o.ecsv"
        path.write_text("\n".join([f"{name},z_phot,{','.join(heads)}", *rows]))
        units = {
            "bare": [unit],
            "by column": [f"{head}={unit}" for head in bands],
            "both": [unit, f"F150W={unit}"],
        }[how]
        words = [word for each in units for word in ("--unit", each)]
        assert main(["estimate", str(path), "--output", str(output), *words]) == 0
        table = DustTable.read(output)
        for file in (output, output.with_name("o.ecsv.sqlite")):
            file.unlink()
        assert list(table["id"]) == ["007", "#8", "-99"]
        columns = {"redshift": [7.2]}
        for band in bands:
            columns |= {f"flux_{band}": [60.0] * u.nJy, f"flux_err_{band}": [3.0] * u.nJy}
        expected = MeurerEstimator().estimate(as_sample(QTable(columns)))["A_V"].value[0]
        np.testing.assert_allclose(table["A_V"].value, expected, rtol=1e-3)

    def test_no_such_file(self, capsys):
        assert main(["estimate", "no-such-file.fits", "--output", "x.ecsv"]) == 1
        assert "no-such-file.fits" in capsys.readouterr().err

    def test_learning_estimators_are_fitted_to_the_demo(self, catalog, tmp_path):
        output = tmp_path / "result.ecsv"
        assert main(["estimate", catalog, "-e", "constant", "--output", str(output)]) == 0
        median = np.median(load_demo()[1]["A_V"].value)
        np.testing.assert_allclose(DustTable.read(output)["A_V"].value, median)


class TestCompare:
    def test_report(self, catalog, tmp_path, capsys):
        output, tables = tmp_path / "report.html", tmp_path / "tables"
        truth = tmp_path / "truth.ecsv"
        load_demo()[1].write(truth)
        words = ["-e", "meurer", "-e", "constant:12", "--reference", "meurer"]
        words += ["--truth", str(truth), "--tables", str(tables), "--output", str(output)]
        assert main(["compare", catalog, "--draws", "3", *words]) == 0
        page = output.read_text()
        assert "constant ran on the first 12 of 30 galaxies only" in page
        assert "simulated demo galaxies" in page
        assert len(DustTable.read(tables / "constant.ecsv")) == 12
        assert DustTable.read(tables / "meurer.ecsv")["A_V_draws"].shape == (30, 3)
        assert str(output) in capsys.readouterr().out

    def test_estimators_without_data_are_left_out(self, catalog, tmp_path, monkeypatch):
        calls = []

        def compare(estimators, sample, **options):
            calls.append((set(estimators), " ".join(options["notes"])))
            return SimpleNamespace(failures={})

        monkeypatch.setattr("dustest.compare", compare)
        monkeypatch.setattr("dustest.cli._catalogs.write_report", lambda *_: 0)
        words = ["compare", catalog, "--output", str(tmp_path / "report.html")]
        assert main(words) == 0
        assert main([*words, "-e", "balmer"]) == 0
        (names, notes), (asked, others) = calls
        assert {"constant", "meurer"} <= names
        assert "balmer" not in names
        assert "balmer was left out: the sample has no line columns." in notes
        assert (asked, others) == ({"balmer"}, "")

    @pytest.mark.parametrize("word", ["meurer:0", "meurer:x", "meurer:", "=meurer", "a=", "a=:3"])
    def test_numbers_of_rows(self, catalog, capsys, word):
        assert main(["compare", catalog, "-e", word]) == 1
        assert "NAME=ESTIMATOR:ROWS" in capsys.readouterr().err

    def test_several_runs_of_one_estimator(self, catalog, tmp_path, monkeypatch):
        calls = []

        def compare(estimators, sample, **options):
            calls.append((estimators, options["limits"]))
            return SimpleNamespace(failures={"smc": "no"})

        monkeypatch.setattr("dustest.compare", compare)
        monkeypatch.setattr("dustest.cli._catalogs.write_report", lambda *_: 0)
        words = ["-e", "calzetti=meurer", "-e", "smc=meurer:5", "--set", "smc.dust_law=SMC"]
        output = ["--output", str(tmp_path / "report.html")]
        # A run that was asked for has no result.
        assert main(["compare", catalog, *words, "-e", "constant:3", *output]) == 1
        ((estimators, limits),) = calls
        laws = {name: estimators[name].dust_law for name in ("calzetti", "smc")}
        assert laws == {"calzetti": MeurerEstimator().dust_law, "smc": "SMC"}
        assert list(estimators) == ["calzetti", "smc", "constant"]
        assert limits == {"smc": 5, "constant": 3}

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (["-e", "meurer", "-e", "meurer:5"], "meurer twice: name the runs, as in -e first=m"),
            (["-e", "a=meurer", "-e", "a=constant"], "--estimator must have every name once"),
            (["-e", "truth=meurer"], "which is that of the true values"),
            (["-e", "a=merer"], "did you mean 'meurer'"),
            (["-e", "a=meurer", "--set", "meurer.relation=x"], "an estimator that runs (a)"),
            (["-e", "a=meurer", "--model", "a.model"], "or name the run, as in -e run=meurer"),
            (["--model", "a/b.model", "--model", "b.model"], "must have another name than b"),
        ],
    )
    def test_names_that_clash(self, catalog, capsys, words, reason):
        assert main(["compare", catalog, *words]) == 1
        error = capsys.readouterr().err
        assert reason in error
        assert len(error.splitlines()) == 1

    def test_report_that_cannot_be_written_stops_before_anything_runs(
        self, catalog, tmp_path, capsys, monkeypatch
    ):
        monkeypatch.setattr("dustest.compare", None)
        output = str(tmp_path / "missing" / "report.html")
        for words in (["compare", catalog, "-e", "meurer"], ["demo"]):
            assert main([*words, "--output", output]) == 1
            error = capsys.readouterr().err
            assert "--output must be in a folder that exists" in error
            assert len(error.splitlines()) == 1

    @pytest.mark.parametrize("name", ["victim.csv", "victim.fits", "victim"])
    @pytest.mark.parametrize("command", ["compare", "demo"])
    def test_a_report_replaces_pages_only(self, catalog, tmp_path, capsys, command, name):
        victim = tmp_path / name
        victim.write_text("mine")
        words = [command, *([catalog] if command == "compare" else []), "--output", str(victim)]
        assert main(words) == 1
        assert "--output must end in .html or .htm" in capsys.readouterr().err
        assert victim.read_text() == "mine"

    def test_resume_needs_tables(self, catalog, capsys):
        assert main(["compare", catalog, "-e", "meurer", "--resume"]) == 1
        assert "--resume needs --tables" in capsys.readouterr().err

    def test_unreadable_truth(self, catalog, tmp_path, capsys):
        bad = tmp_path / "truth.fits"
        bad.write_text("nonsense")
        assert main(["compare", catalog, "-e", "meurer", "--truth", str(bad)]) == 1
        assert f"the file {bad} is not a readable fits table" in capsys.readouterr().err

    def test_truth_is_paired_by_identifier(self, catalog, tmp_path):
        truth = load_demo()[1][:30]
        rows = [f"{i},{a}" for i, a in zip(truth["id"], truth["A_V"].value, strict=True)][::-1]
        path, tables = tmp_path / "truth.csv", tmp_path / "metrics"
        path.write_text("\n".join(["# A_V in mag", "NUMBER,A_V", *rows]))
        words = ["-e", "constant", "--truth", str(path), "--tables", str(tables)]
        output = tmp_path / "report.html"
        assert main(["compare", catalog, *words, "--output", str(output)]) == 0
        error = np.abs(np.median(load_demo()[1]["A_V"].value) - truth["A_V"].value).mean()
        assert f"{error:.3f} ±" in output.read_text()

    @pytest.mark.parametrize("name", ["missing/report.html", "."])
    def test_a_report_that_cannot_be_written(self, catalog, tmp_path, capsys, monkeypatch, name):
        monkeypatch.setattr("dustest.compare", None)
        output = str(tmp_path / name)
        assert main(["compare", catalog, "-e", "meurer", "--output", output]) == 1
        assert re.search(f"--output must be .*{output}", capsys.readouterr().err)

    def test_settings_of_no_estimator(self, catalog, capsys):
        assert main(["compare", catalog, "-e", "meurer", "--set", "merer.relation=Reddy15"]) == 1
        assert "did you mean 'meurer'" in capsys.readouterr().err


class TestDemo:
    def test_report_of_the_fast_estimators_and_what_came_out(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr("dustest.estimators.list_estimators", lambda: ["constant", "meurer"])
        output = tmp_path / "demo.html"
        assert main(["demo", "--output", str(output)]) == 0
        page = output.read_text()
        assert "The galaxies are simulated" in page
        assert "<img" in page or "<svg" in page
        assert "Fitted to the truth of 100 other simulated galaxies: baseline." in page
        lines = " ".join(capsys.readouterr().out.split())
        sample, truth = load_demo()
        value = truth["A_V"].value
        found = format_value(np.median(MeurerEstimator().predict(sample[100:])))
        assert f"Median A_V: meurer {found} mag." in lines
        ends = [format_value(np.median(part)) for part in (value[100:], value[:100])]
        assert "That of the truth {}, that of the baseline {}.".format(*ends) in lines
        error = np.abs(np.median(value[:100]) - value[100:]).mean()
        assert f"baseline, a constant, has {error:.3f}." in lines
        assert "meurer is no better than this constant within the errors: it is too low" in lines
        assert "baseline: Predict the median" in lines
        assert lines.endswith(f"report: {output.resolve()}")

    @pytest.mark.slow
    def test_the_whole_demo(self, tmp_path):
        pytest.importorskip("bagpipes")
        output = tmp_path / "demo.html"
        assert main(["demo", "--output", str(output)]) == 0
        page = output.read_text()
        assert "bagpipes ran on" not in page
        assert "Where assumptions move" in page
        assert "no result" not in page


class TestSimulate:
    WORDS = ("-n", "4", "--redshift", "7", "--bands", "F444W")

    def test_galaxies_are_written_and_added_to(self, tmp_path, capsys):
        folder = str(tmp_path / "set")
        words = ["simulate", "--output", folder, "--seed", "3", *self.WORDS]
        assert main(words) == 0
        assert main([*words, "-n", "6", "--n-jobs", "2"]) == 0
        output = capsys.readouterr().out
        assert f"6 rows in F444W: {folder}" in output
        assert f"read_simulation({folder!r})" in output
        sample, truth = read_simulation(folder).read()
        expected = GalaxySimulator(["F444W"], redshift=7.0).draw(6, random_state=3)
        images = [table["cutout_F444W"].value for table in (sample, expected[0])]
        np.testing.assert_allclose(*images, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(truth["A_V"].value, expected[1]["A_V"].value, rtol=1e-9)

    def test_defaults_are_those_of_the_simulator(self):
        options = dustest.cli._parser().parse_args(["simulate", "--output", "set"])
        parameters = inspect.signature(GalaxySimulator).parameters
        assert tuple(options.bands) == parameters["bands"].default
        assert options.preset == parameters["preset"].default
        assert tuple(options.redshift) == parameters["redshift"].default
        assert options.dust_to_metal is parameters["dust_to_metal"].default

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (["--preset", "JADES-shallow"], "JADES-deep"),
            (["--bands", "F999W"], "F999W"),
            (["--redshift", "6", "7", "8"], "--redshift must be"),
            (["--dust-to-metal", "0", "1.5"], "--dust-to-metal must be"),
            (["-n", "0"], "-n must be a whole number"),
            (["--seed", "-1"], "--seed must be a whole number"),
        ],
    )
    def test_mistakes_are_one_sentence(self, tmp_path, capsys, words, reason):
        folder = tmp_path / "set"
        assert main(["simulate", "--output", str(folder), *self.WORDS, *words]) == 1
        error = capsys.readouterr().err
        assert reason in error
        assert error.startswith("dustest: ")
        assert error.count("\n") == 1
        assert not folder.exists()

    def test_another_seed_needs_another_folder(self, tmp_path, capsys):
        words = ["simulate", "--output", str(tmp_path / "set"), *self.WORDS]
        assert main(words) == 0
        assert main([*words, "--seed", "1"]) == 1
        assert "random_seed 0 instead of 1" in capsys.readouterr().err

    def test_stopping_tells_that_work_is_kept(self, tmp_path, capsys, monkeypatch):
        def stop(*args, **kwargs):
            raise KeyboardInterrupt

        monkeypatch.setattr(GalaxySimulator, "stream", stop)
        assert main(["simulate", "--output", str(tmp_path / "set"), *self.WORDS]) == 130
        assert "what was finished is kept" in capsys.readouterr().err


@pytest.fixture(scope="module")
def simulation(tmp_path_factory):
    """Folder of four galaxies with images and truth."""
    sample, truth = make_check_sample()
    folder = tmp_path_factory.mktemp("simulation") / "set"
    write_chunks(
        lambda start, stop: (sample[start:stop], truth[start:stop]), 4, folder, manifest={"a": 1}
    )
    return str(folder)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Catalogue with cutouts."""
    path = tmp_path_factory.mktemp("images") / "images.fits"
    make_check_sample()[0].write(path)
    return str(path)


@pytest.fixture(scope="module")
def trained(simulation, tmp_path_factory):
    """Networks, their figure, and what was said."""
    pytest.importorskip("keras")
    folder = tmp_path_factory.mktemp("trained")
    output, figure = str(folder / "mine.model"), str(folder / "history.png")
    words = ["--epochs", "1", "--bands", "F277W", "F444W", "--set", "validation_fraction=0.5"]
    words += ["--checkpoint", str(folder / "epochs"), "--seed", "5", "--figure", figure]
    with redirect_stdout(StringIO()) as said:
        assert main(["train", simulation, "--output", output, *words]) == 0
    return output, figure, said.getvalue()


class TestTrain:
    def test_networks_and_figure_are_written(self, trained):
        output, figure, said = trained
        cnn = CNNEstimator.load(output)
        assert tuple(cnn.bands) == ("F277W", "F444W")
        assert cnn.validation_fraction == 0.5
        assert cnn.card_["simulations"] == [{"a": 1}]
        assert f"networks trained on 2 and chosen on 2 galaxies: {output}" in said
        assert Path(figure).read_bytes()[:4] == b"\x89PNG"
        assert list(Path(output).with_name("epochs").iterdir())

    def test_the_same_words_train_the_same_networks(self, trained, simulation):
        cnn = CNNEstimator(("F277W", "F444W"), epochs=1, validation_fraction=0.5, random_state=5)
        sample, _ = make_check_sample()
        again = cnn.fit(read_simulation(simulation)).predict(sample)
        np.testing.assert_allclose(CNNEstimator.load(trained[0]).predict(sample), again, rtol=1e-4)

    def test_an_existing_file_is_kept(self, trained, simulation, capsys):
        assert main(["train", simulation, "--output", trained[0]]) == 1
        assert "must be a new file" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (["--bands", "F999W"], "F999W"),
            (["--targets", "A_K"], "targets must be"),
            (["--architecture", "vit"], "architecture must be"),
            (["--epochs", "0"], "epochs of CNNEstimator must be"),
            (["--set", "batch_size"], "NAME=VALUE"),
            (["--set", "bach_size=3"], "takes the parameters"),
        ],
    )
    def test_mistakes_are_one_sentence(self, simulation, tmp_path, capsys, words, reason):
        output = tmp_path / "x.model"
        assert main(["train", simulation, "--output", str(output), *words]) == 1
        error = capsys.readouterr().err
        assert reason in error
        assert "Traceback" not in error
        assert not output.exists()

    def test_no_simulation(self, tmp_path, capsys):
        assert main(["train", str(tmp_path), "--output", str(tmp_path / "x.model")]) == 1
        assert "simulation.json" in capsys.readouterr().err


class TestTune:
    def test_trials_figure_and_networks_are_written(self, simulation, tmp_path, capsys):
        pytest.importorskip("keras_tuner")
        output, model = str(tmp_path / "trials.ecsv"), str(tmp_path / "best.model")
        words = ["tune", simulation, "--folder", str(tmp_path / "kept"), "--epochs", "1"]
        words += ["--bands", "F277W", "--set", "validation_fraction=0.5"]
        files = ["--figure", str(tmp_path / "trials.png"), "--model", model]
        assert main([*words, "--trials", "1", "--output", output]) == 0
        more = str(tmp_path / "more.ecsv")
        assert main([*words, "--trials", "2", "--output", more, *files]) == 0
        said = capsys.readouterr().out
        assert f"2 trials: {more}" in said
        assert "best: architecture=CNNConfig(" in said
        one, two = RowTable.read(output), RowTable.read(more)
        assert one["seconds"][0] == two["seconds"][0]
        best = two[np.argmin(two["val_loss"])]
        assert CNNEstimator.load(model).learning_rate == best["learning_rate"]
        assert (tmp_path / "trials.png").exists()

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (["--preset", "slow"], "preset must be one of"),
            (["--trials", "0"], "n_trials must be"),
            (["--architecture", "paper"], "targets must be one quantity"),
        ],
    )
    def test_mistakes_are_one_sentence(self, simulation, tmp_path, capsys, words, reason):
        output = str(tmp_path / "trials.ecsv")
        assert main(["tune", simulation, "--output", output, *words]) == 1
        assert reason in capsys.readouterr().err


def _run_tune(words):
    """Run ``dustest tune`` in this interpreter."""
    raise SystemExit(main(words))


def _killed_tune(words, is_time, rng):
    """Kill a process that tunes at a random moment after some condition."""
    with start(_run_tune, words, output=subprocess.DEVNULL) as process:
        while not is_time() and process.poll() is None:
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.5))
        process.kill()
    assert process.returncode == -signal.SIGKILL


class TestKilledTune:
    def test_a_table_that_was_written_is_replaced(self, simulation, tmp_path, capsys, monkeypatch):
        pytest.importorskip("keras_tuner")
        output, model = tmp_path / "trials.ecsv", tmp_path / "best.model"
        words = ["tune", simulation, "--folder", str(tmp_path / "kept"), "--epochs", "2"]
        words += ["--bands", "F277W", "--set", "validation_fraction=0.5", "--trials", "1"]
        words += ["--output", str(output)]
        with monkeypatch.context() as patch:
            patch.setattr(CNNEstimator, "save", _interrupt)
            assert main([*words, "--model", str(model)]) == 130
        written = output.read_bytes()
        epochs = []
        real = Training._epoch
        monkeypatch.setattr(Training, "_epoch", lambda *args: epochs.append(1) or real(*args))
        assert main([*words, "--model", str(model)]) == 0
        assert output.read_bytes() == written
        assert model.exists()
        assert epochs == []
        assert main([*words, "--seed", "1"]) == 1
        assert "has the trials of another search, and is kept" in capsys.readouterr().err
        assert output.read_bytes() == written

    @pytest.mark.parametrize("folder", [[], ["--folder", "kept"]])
    def test_other_files_are_kept(self, simulation, tmp_path, capsys, monkeypatch, folder):
        monkeypatch.chdir(tmp_path)
        RowTable({"val_loss": [1.0]}).write("trials.ecsv")
        written = Path("trials.ecsv").read_bytes()
        assert main(["tune", simulation, "--output", "trials.ecsv", *folder]) == 1
        assert "must be a new file" in capsys.readouterr().err
        assert Path("trials.ecsv").read_bytes() == written

    @pytest.mark.slow
    def test_kills_at_random_moments(self, simulation, tmp_path):
        pytest.importorskip("keras_tuner")
        rng = np.random.default_rng(240300)
        words = ["tune", simulation, "--epochs", "4", "--bands", "F277W"]
        words += ["--set", "validation_fraction=0.5", "--preset", "quick"]

        def files(name):
            folder = tmp_path / name
            model, output = str(folder / "best.model"), str(folder / "trials.ecsv")
            return ["--folder", str(folder), "--model", model, "--output", output]

        def journal():
            found = list((tmp_path / "killed").glob("*.trials.json"))
            return json.loads(found[0].read_text())["trials"] if found else []

        for name in ("whole", "killed"):
            (tmp_path / name).mkdir()
        assert main([*words, *files("whole"), "--trials", "4"]) == 0
        killed = [*words, *files("killed")]
        kept = []
        for n in (1, 2):
            _killed_tune([*killed, "--trials", "3"], lambda n=n: len(journal()) >= n, rng)
            assert journal()[: len(kept)] == kept
            kept = journal()
            assert 1 <= len(kept) <= 3
        checkpoints = (tmp_path / "killed").glob
        _killed_tune([*killed, "--trials", "3"], lambda: any(checkpoints("*.checkpoint")), rng)
        assert journal()[: len(kept)] == kept
        Path(killed[-3]).unlink(missing_ok=True)
        assert main([*killed, "--trials", "3"]) == 0
        kept = journal()
        assert len(kept) == 3
        Path(killed[-3]).unlink()
        assert main([*killed, "--trials", "4"]) == 0
        assert journal()[:3] == kept
        tables = [RowTable.read(tmp_path / name / "trials.ecsv") for name in ("whole", "killed")]
        for name in set(tables[0].colnames) - {"seconds"}:
            assert tables[0][name].tolist() == tables[1][name].tolist()
        models = [(tmp_path / name / "best.model").read_bytes() for name in ("whole", "killed")]
        assert models[0] == models[1]


def _interrupt(*args, **kwargs):
    """Ctrl-C."""
    raise KeyboardInterrupt


class TestModel:
    def test_estimates(self, trained, images, tmp_path, capsys):
        output = str(tmp_path / "result.fits")
        assert main(["estimate", images, "--model", trained[0], "--output", output]) == 0
        table = DustTable.read(output)
        cnn = CNNEstimator.load(trained[0])
        np.testing.assert_allclose(
            table["A_V"].value, cnn.predict(make_check_sample()[0])[:, 0], rtol=1e-5
        )
        assert f"4 galaxies by {trained[0]}" in capsys.readouterr().out

    def test_beside_the_others(self, trained, images, tmp_path):
        output = tmp_path / "report.html"
        words = ["-e", "meurer", "--model", trained[0], "--tables", str(tmp_path)]
        assert main(["compare", images, *words, "--output", str(output)]) == 0
        assert len(DustTable.read(tmp_path / "mine.ecsv")) == 4
        page = output.read_text()
        assert "mine" in page
        assert "Fitted to the truth" not in page

    @pytest.mark.parametrize("command", ["estimate", "compare"])
    def test_images_are_asked_for(self, trained, catalog, tmp_path, capsys, command):
        name = "result.ecsv" if command == "estimate" else "report.html"
        words = [command, catalog, "--model", trained[0], "--output", str(tmp_path / name)]
        assert main(words) == 1
        assert "with --image BAND=FILE" in capsys.readouterr().err
        assert not (tmp_path / name).exists()

    def test_by_name(self, trained, images, tmp_path, monkeypatch):
        asked = []

        def find(name):
            asked.append(name)
            return CNNEstimator.load(trained[0])

        monkeypatch.setattr(CNNEstimator, "from_pretrained", find)
        output = str(tmp_path / "result.ecsv")
        assert main(["estimate", images, "--model", "nircam-3band", "--output", output]) == 0
        assert asked == ["nircam-3band"]

    def test_images_are_cut_out_of_mosaics(self, trained, shared_data, tmp_path):
        stamp = shared_data / "cutouts" / "jof_478_zphot5.84.fits"
        catalog = tmp_path / "catalog.ecsv"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            position = WCS(fits.getheader(stamp, "F277W_SCI")).pixel_to_world(32, 32)
        columns = {"ra": [position.ra], "dec": [position.dec], "redshift": [5.84]}
        columns |= {"flux_F277W": [50.0] * u.nJy, "flux_err_F277W": [1.0] * u.nJy}
        QTable(columns).write(catalog)
        words = [f"--image={band}={stamp}" for band in ("F277W", "F444W")]
        output = str(tmp_path / "result.ecsv")
        words += ["--model", trained[0], "--output", output]
        assert main(["estimate", str(catalog), *words]) == 0
        assert np.isfinite(DustTable.read(output)["A_V"].value).all()

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (["-e", "cnn"], "with --model"),
            (["--model", "nircam-9band"], "nircam-1band"),
            (["--model", "none.model"], "none.model"),
            (["--model", "x.model", "-e", "meurer"], "--model stands for itself"),
            (["--model", "x.model", "--set", "cnn.size=16"], "--model stands for itself"),
            (["--image", "F277W"], "--image must look like"),
        ],
    )
    def test_mistakes_are_one_sentence(self, catalog, tmp_path, capsys, words, reason):
        assert main(["estimate", catalog, "--output", str(tmp_path / "x.ecsv"), *words]) == 1
        error = capsys.readouterr().err
        assert reason in error
        assert "Traceback" not in error

    def test_what_the_demo_runs_has_data(self):
        names = ready_for(load_demo()[0], {}, 0)
        assert {"constant", "meurer"} <= set(names)
        assert "balmer" not in names

    def test_what_learns_from_images_is_not_run_untrained(self):
        names = ready_made()
        assert "cnn" not in names
        assert {"constant", "meurer"} <= set(names)


class TestReproduce:
    @pytest.fixture
    def asked(self, monkeypatch, tmp_path):
        """What `dustest.reproduce` is called with, which tells a line and does nothing."""
        calls = []

        def reproduce(output, profile, *, tell, **options):
            calls.append({"output": output, "profile": profile} | options)
            tell("train: 3 s")
            return SimpleNamespace(folder=Path(output))

        monkeypatch.setattr(dustest, "reproduce", reproduce)
        monkeypatch.chdir(tmp_path)
        return calls

    def test_nothing_has_to_be_said(self, asked, tmp_path, capsys):
        assert main(["reproduce"]) == 0
        assert asked == [
            {
                "output": "dustest-reproduction",
                "profile": "quick",
                "catalog": None,
                "images": None,
                "random_state": 0,
                "n_jobs": -1,
            }
        ]
        page = tmp_path / "dustest-reproduction" / "report.html"
        assert capsys.readouterr().out == f"train: 3 s\nreport: {page}\n"

    def test_everything_is_passed_on(self, asked):
        words = ["--profile", "full", "--output", "there", "--n-jobs", "2", "--seed", "7"]
        words += ["--catalog", "c.fits", "--images", "F277W=a.fits", "F356W=b.fits"]
        assert main(["reproduce", *words, "--images", "F277W=c=d.fits"]) == 0
        assert asked == [
            {
                "output": "there",
                "profile": "full",
                "catalog": "c.fits",
                "images": {"F277W": ["a.fits", "c=d.fits"], "F356W": ["b.fits"]},
                "random_state": 7,
                "n_jobs": 2,
            }
        ]

    def test_runs_do_not_share_images(self, asked):
        assert main(["reproduce", "--catalog", "c.fits", "--images", "F277W=a.fits"]) == 0
        assert main(["reproduce"]) == 0
        assert asked[1]["images"] is None

    @pytest.mark.parametrize("word", ["F277W", "=a.fits", "F277W="])
    def test_images_are_pairs(self, asked, capsys, word):
        assert main(["reproduce", "--images", word]) == 1
        assert "--images must look like NAME=VALUE" in capsys.readouterr().err
        assert asked == []

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (["--profile", "fast"], "profile must be one of quick, full"),
            (["--seed", "-1"], "--seed must be an integer from 0"),
            (["--n-jobs", "0"], "--n-jobs must be"),
            (["--images", "F277W=a.fits"], "images must come with a catalog"),
            (["--catalog", "nowhere.fits"], "nowhere.fits"),
        ],
    )
    def test_mistakes_are_one_sentence(self, tmp_path, capsys, words, reason):
        assert main(["reproduce", "--output", str(tmp_path / "out"), *words]) == 1
        out, error = capsys.readouterr()
        assert out == ""
        assert reason in error
        assert error.startswith("dustest: ")
        assert error.count("\n") == 1

    @pytest.mark.parametrize("words", [["--prof", "full"], ["--n-jobs", "two"], ["--images"]])
    def test_options_are_written_out(self, asked, words):
        with pytest.raises(SystemExit, match="2"):
            main(["reproduce", *words])
        assert asked == []


class TestForecast:
    WORDS = ("forecast", "--bands", "F115W", "F200W", "--redshift", "6", "8")

    @pytest.fixture
    def asked(self, monkeypatch):
        """What the function is called with."""
        calls = []

        def forecast(*arguments, **options):
            calls.append((arguments, options))
            return toy_forecast(400)

        monkeypatch.setattr("dustest.studies.forecast", forecast)
        return calls

    def test_tables_and_files_are_written(self, asked, tmp_path, capsys):
        output, figure = tmp_path / "mocks.ecsv", tmp_path / "forecast.png"
        words = ["--depths", "29.5", "--output", str(output), "--figure", str(figure)]
        assert main([*self.WORDS, *words, "--by", "magnitude"]) == 0
        said = capsys.readouterr().out
        assert "wide + F410M: F115W F200W F410M" in said
        assert "A_V, against wide:" in said
        assert said.count("mae_over_prior") == 1
        assert len(QTable.read(output)) == 800
        assert figure.read_bytes()[:4] == b"\x89PNG"
        (arguments, options), *_ = asked
        assert arguments == (["F115W", "F200W"], 29.5, [6.0, 8.0])
        assert options["targets"] == ("A_V",)
        assert options["random_state"] == 0

    @pytest.mark.parametrize(
        ("words", "depths"),
        [
            (["CEERS"], "CEERS"),
            (["29", "28.5"], [29.0, 28.5]),
            (["F115W=29", "F200W=2nJy"], {"F115W": 29.0, "F200W": 2 * u.nJy}),
        ],
    )
    def test_depths(self, asked, words, depths):
        assert main([*self.WORDS, "--depths", *words]) == 0
        assert asked[0][0][1] == depths

    def test_everything_is_passed_on(self, asked):
        words = ["--bands", "F115W", "F444W", "--depths", "29", "--candidates", "F770W"]
        words += ["--magnitude", "26", "28", "--magnitude-band", "F444W", "--n-mocks", "64"]
        words += ["--targets", "A_V", "log_mass", "--seed", "3"]
        assert main([*self.WORDS, *words, "--set", "bagpipes.sfh=delayed"]) == 0
        (bands, _, _), options = asked[0]
        assert bands == [["F115W", "F200W"], ["F115W", "F444W"]]
        assert options.pop("estimator").sfh == "delayed"
        assert options == {
            "candidates": ["F770W"],
            "targets": ("A_V", "log_mass"),
            "magnitude": [26.0, 28.0],
            "magnitude_band": "F444W",
            "n_mocks": 64,
            "random_state": 3,
        }

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (["--depths", "3"], "--depths"),
            (["--depths", "JADES-dep"], "did you mean 'JADES-deep'"),
            (["--depths", "F115W"], "--depths must be one of"),
            (["--depths", "29", "--candidates", "F1W"], "F1W"),
            (["--depths", "29", "--magnitude", "29", "27"], "--magnitude must be"),
            (["--depths", "29", "--n-mocks", "0"], "--n-mocks must be"),
            (["--depths", "29", "--set", "bagpipes.sf=delayed"], "did you mean 'sfh'"),
            (["--depths", "29", "--set", "meurer.relation=Meurer99"], "--set must name"),
            (["--depths", "29", "--output", "mocks.txt"], "--output must end in"),
        ],
    )
    def test_mistakes_are_one_sentence(self, capsys, words, reason):
        assert main([*self.WORDS, *words]) == 1
        error = capsys.readouterr().err
        assert reason in error
        assert "Traceback" not in error


class TestWhatif:
    def test_tables_and_files_are_written(self, catalog, tmp_path, capsys, monkeypatch):
        def variations(reference, random_state):
            assert (reference.method, random_state) == ("photometry", 195004)
            return {"Reddy15": Variation("IRX-beta relation", {"relation": "Reddy15"})}

        monkeypatch.setattr("dustest.studies.error_budgeting.default_variations", variations)
        output, figure = tmp_path / "shifts.ecsv", tmp_path / "shifts.png"
        words = ["--output", str(output), "--figure", str(figure), "--seed", "195004"]
        words += ["-e", "meurer", "--set", "meurer.method=photometry"]
        assert main(["whatif", catalog, *words]) == 0
        said = capsys.readouterr().out
        assert "Reddy15" in said
        assert "left out: stellar library and IMF: SED fits have one grid" in said
        assert len(QTable.read(output)) == 30
        assert figure.read_bytes()[:4] == b"\x89PNG"


class TestDoctor:
    def test_everything_that_is_here_works(self, capsys, monkeypatch):
        # Environments of developers may have TensorFlow twice.
        monkeypatch.setattr("dustest.doctor.package_checks._ALIKE", ())
        assert main(["doctor"]) == 0
        output = capsys.readouterr().out
        for name in ("python", "astropy", "estimator meurer", "estimator constant"):
            assert name in output
        assert "broken" not in output

    def test_every_line_is_printed_at_once(self, capsys, monkeypatch):
        said, levels = [], []

        def finding(name):
            said.append(capsys.readouterr().out)
            levels.append(os.environ["TF_CPP_MIN_LOG_LEVEL"])
            return Finding(name, "works")

        monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
        names = ["check_packages", "check_surroundings", "check_plugins"]
        for name in names:
            monkeypatch.setattr(f"dustest.doctor.diagnosis.{name}", list)
        monkeypatch.setattr("dustest.doctor.estimator_checks._estimator", finding)
        monkeypatch.setattr(
            "dustest.doctor.estimator_checks.list_estimators", lambda: ["one", "two"]
        )
        monkeypatch.setattr("dustest.doctor.estimator_checks.registered_names", list)
        assert main(["doctor"]) == 0
        assert [text.split()[0] for text in said] == ["python", "one"]
        assert levels == ["3", "3"]
        assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ

    def test_a_missing_engine_is_named_with_its_cure(self, monkeypatch):
        from dustest.data import MissingDependencyError

        def refuse(estimator):
            msg = 'bagpipes is not installed; pip install "dustest[sed]"'
            raise MissingDependencyError(msg)

        monkeypatch.setattr("dustest.doctor.estimator_checks.try_worker", refuse)
        finding = next(f for f in check_estimators() if f.subject == "estimator bagpipes")
        assert (finding.state, finding.healthy) == ("missing", True)
        assert "dustest[sed]" in finding.detail


class TestWords:
    def test_python_runs_the_package(self, monkeypatch, capsys):
        monkeypatch.setattr(
            "sys.argv", ["dustest", "estimate", "absent.fits", "--output", "o.ecsv"]
        )
        with pytest.raises(SystemExit, match="1"):
            runpy.run_module("dustest", run_name="__main__")
        assert "absent.fits" in capsys.readouterr().err

    def test_help(self, capsys):
        with pytest.raises(SystemExit, match="0"):
            main(["--help"])
        assert "estimate" in capsys.readouterr().out

    def test_a_command_is_needed(self):
        with pytest.raises(SystemExit, match="2"):
            main([])

    def test_values(self):
        assert read_value("0.3") == 0.3
        assert read_value("[0, 3]") == (0, 3)
        assert read_value('{"dust:Av": [0, 3]}') == {"dust:Av": (0, 3)}
        assert read_value("('log_mass', 'M_UV')") == ("log_mass", "M_UV")
        assert read_value("{'dust:Av': (0, 3)}") == {"dust:Av": (0, 3)}
        assert read_value("SMC") == "SMC"
        assert read_value("__import__('os')") == "__import__('os')"
        assert read_value("null") is None


def test_demo_catalogue_is_within_its_promise():
    sample, truth = load_demo()
    assert isinstance(truth, QTable)
    assert len(sample) == len(truth) == 200
    assert sample["redshift"].min() >= 6
    assert sample["redshift"].max() <= 9
    np.testing.assert_allclose(truth["A_V"] / truth["E_BV"], truth["R_V"], rtol=1e-6)


class TestImages:
    def test_units_and_foreground_dust(self, tmp_path):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [53.1, -27.8]
        wcs.wcs.crpix, wcs.wcs.cdelt = [32, 32], [-0.03 / 3600, 0.03 / 3600]
        header = wcs.to_header()
        header["BUNIT"] = "njy/pix"
        hdus = [
            fits.PrimaryHDU(np.ones((64, 64)), header),
            fits.ImageHDU(np.ones((64, 64)), name="ERR"),
        ]
        fits.HDUList(hdus).writeto(tmp_path / "image.fits")
        table = Table({"id": [1], "ra": [53.1], "dec": [-27.8], "z_spec": [7.0]})
        table["F200W"], table["F200W_err"] = [60.0], [3.0]
        table.write(tmp_path / "catalog.fits")
        words = ["estimate", str(tmp_path / "catalog.fits"), "-e", "constant"]
        words += ["--unit", "uJy", "--image", f"F277W={tmp_path / 'image.fits'}"]
        words += ["--output", str(tmp_path / "out.ecsv"), "--foreground-ebv", "0.1"]
        assert main(words) == 1
        assert main([*words, "--unit", "f277w=nJy"]) == 0
