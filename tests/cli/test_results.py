import json
import re

import pytest
from fitted_results import sed_result
from matplotlib.figure import Figure

from dustest import MeurerEstimator
from dustest.cli import main
from dustest.cli._results import _KINDS
from dustest.data import InputError
from dustest.estimators.network_tools import pretrained_file
from dustest.io import load_demo
from dustest.report.figures.galaxy.kinds import GALAXY_FIGURES


@pytest.fixture(scope="module")
def slopes(tmp_path_factory):
    path = tmp_path_factory.mktemp("slopes") / "slopes.ecsv"
    MeurerEstimator().estimate(load_demo()[0][:3], draws=20).write(path)
    return str(path)


@pytest.fixture(scope="module")
def fit(tmp_path_factory):
    path = tmp_path_factory.mktemp("fit") / "fit.ecsv"
    sed_result().write(path)
    return str(path)


class TestPlot:
    def test_every_figure_that_the_result_can_draw(self, slopes, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        galaxy = str(load_demo()[0]["id"][1])
        assert main(["plot", slopes, galaxy]) == 0
        names = [f"slopes-{galaxy}-{kind}.png" for kind in ("corner", "beta")]
        assert capsys.readouterr().out.splitlines() == [f"figure: {name}" for name in names]
        assert all((tmp_path / name).read_bytes()[:4] == b"\x89PNG" for name in names)

    def test_one_figure_in_the_file_that_was_asked_for(self, fit, tmp_path):
        output = tmp_path / "mine.svg"
        assert main(["plot", fit, "0", "--kind", "sed", "--output", str(output)]) == 0
        assert [path.name for path in tmp_path.iterdir()] == ["mine.svg"]

    def test_names_of_files_are_safe(self, tmp_path, monkeypatch):
        table = sed_result()
        table["id"] = ["../a b", "c"]
        table.write(tmp_path / "fit.ecsv")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setitem(GALAXY_FIGURES, "sed", lambda *_: Figure())
        assert main(["plot", "fit.ecsv", "../a b", "--kind", "sed"]) == 0
        assert (tmp_path / "fit-.._a_b-sed.png").is_file()

    def test_a_galaxy_without_one_of_the_figures(self, slopes, tmp_path, monkeypatch, capsys):
        def refuse(*_):
            msg = "no spread"
            raise InputError(msg)

        monkeypatch.setitem(GALAXY_FIGURES, "corner", refuse)
        monkeypatch.setitem(GALAXY_FIGURES, "beta", lambda *_: Figure())
        galaxy = str(load_demo()[0]["id"][0])
        words = ["plot", slopes, galaxy, "--output", str(tmp_path / "a.png")]
        assert main(words) == 0
        assert "no figure corner: no spread" in capsys.readouterr().out
        assert [path.name for path in tmp_path.iterdir()] == ["a-beta.png"]
        assert main([*words, "--kind", "corner"]) == 1
        monkeypatch.setitem(GALAXY_FIGURES, "beta", refuse)
        assert main(words) == 1

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (["none"], "id must be that of one galaxy of the table, got 'none': it is not there"),
            (
                ["0", "--kind", "sed"],
                "can draw, corner or beta, got sed: make it with dustest",
            ),
            (["0", "--output", "no-such-folder/a.png"], "must be in a folder that exists"),
        ],
    )
    def test_mistakes_are_one_sentence(self, slopes, capsys, words, reason):
        assert main(["plot", slopes, *words]) == 1
        error = capsys.readouterr().err
        assert reason in error
        assert len(error.splitlines()) == 1

    def test_results_without_draws(self, tmp_path, capsys):
        path = tmp_path / "result.ecsv"
        MeurerEstimator().estimate(load_demo()[0][:2]).write(path)
        assert main(["plot", str(path), "0"]) == 1
        assert "make it with dustest estimate --draws 200" in capsys.readouterr().err
        assert main(["plot", str(tmp_path / "none.fits"), "0"]) == 1
        assert "none.fits" in capsys.readouterr().err

    def test_kinds_are_those_of_the_report(self):
        assert tuple(GALAXY_FIGURES) == _KINDS


class TestCard:
    def test_of_a_file_and_of_a_name(self, capsys):
        path, _ = pretrained_file("nircam-3band")
        assert main(["card", str(path)]) == 0
        of_file = capsys.readouterr().out
        assert re.search(r"^A_V \[mag\] +0\.\d+", of_file, re.MULTILINE)
        assert main(["card", "nircam-3band"]) == 0
        assert capsys.readouterr().out == of_file
        assert main(["card", str(path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["model"] == "nircam-3band"

    @pytest.mark.parametrize(
        ("model", "reason"),
        [
            ("nircam-2band", "did you mean 'nircam-3band'"),
            ("none.model", "none.model"),
        ],
    )
    def test_mistakes_are_one_sentence(self, capsys, model, reason):
        assert main(["card", model]) == 1
        error = capsys.readouterr().err
        assert reason in error
        assert len(error.splitlines()) == 1
