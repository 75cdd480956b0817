import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from joblib.externals.loky import get_reusable_executor

import dustest
from dustest.data import DustestWarning, InputError
from dustest.estimators import DustEstimator
from dustest.estimators.registry import GROUP

PLUGIN = Path(__file__).parents[2] / "examples" / "plugin"


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A folder in which the example package is installed as its wheel says."""
    folder = tmp_path_factory.mktemp("site")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "dustest_forest.py"):
        (source / name).write_text((PLUGIN / name).read_text())
    build = "from setuptools import build_meta; import sys; print(build_meta.build_wheel('.'))"
    run = subprocess.run(
        [sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=True
    )
    wheel = source / run.stdout.split()[-1]
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


@pytest.fixture
def installed(site, monkeypatch):
    monkeypatch.syspath_prepend(str(site))
    # Workers that another test left behind were started before the package was there.
    get_reusable_executor().shutdown(wait=True)


class TestBuiltIn:
    def test_all_are_registered(self):
        assert {"bagpipes", "cnn", "constant", "meurer"} <= set(dustest.list_estimators())

    @pytest.mark.parametrize("name", ["bagpipes", "constant", "meurer"])
    def test_by_name(self, name):
        assert isinstance(dustest.get_estimator(name), DustEstimator)

    def test_parameters(self):
        assert dustest.get_estimator("meurer", relation="Reddy15").relation == "Reddy15"

    def test_unknown_names_and_parameters_are_refused(self):
        with pytest.raises(InputError, match="name must be one of the installed estimators"):
            dustest.get_estimator("merer")
        with pytest.raises(InputError, match=r"MeurerEstimator takes the parameters .*'law'"):
            dustest.get_estimator("meurer", law="SMC")


class TestThirdParty:
    @pytest.mark.usefixtures("installed")
    def test_an_installed_package_is_found_and_keeps_the_contract(self):
        from dustest.testing import check_estimator

        assert "forest" in dustest.list_estimators()
        forest = dustest.get_estimator("forest", n_trees=20)
        assert forest.n_trees == 20
        check_estimator(forest)

    def test_a_plugin_that_exits_is_a_warning(self, tmp_path, monkeypatch):
        info = tmp_path / "leaving-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leaving\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\nleaving = leaving_23:Estimator\n")
        (tmp_path / "leaving_23.py").write_text("import sys\n\nsys.exit(3)\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        with pytest.warns(DustestWarning, match="'leaving' .* is left out: SystemExit: 3"):
            assert "meurer" in dustest.list_estimators()

    def test_a_broken_plugin_is_a_warning(self, tmp_path, monkeypatch):
        info = tmp_path / "broken-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[{GROUP}]\nbroken = no_such_module:Estimator\nwrong = json:loads\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        with pytest.warns(DustestWarning, match="left out") as record:
            names = dustest.list_estimators()
        assert {"meurer"} <= set(names)
        assert not {"broken", "wrong"} & set(names)
        assert len(record) == 2
        with (
            pytest.warns(DustestWarning, match="No module named 'no_such_module'"),
            pytest.raises(InputError, match="cannot be loaded"),
        ):
            dustest.get_estimator("broken")
