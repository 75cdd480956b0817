"""What `import dustest` promises, asked of fresh interpreters."""

from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points, version

import pytest
from fresh_imports import (
    first_use,
    loaded_by,
    loaded_by_cnn,
    seconds_beyond_astropy,
    state_changed_by_import,
)
from fresh_process import call, call_with_output

import dustest

HEAVY = ("bagpipes", "keras", "keras_tuner", "matplotlib", "nautilus", "skimage")
HEAVY += ("tensorflow",)


class TestImport:
    def test_loads_no_heavy_package_and_prints_nothing(self):
        names = ("dustest", *HEAVY)
        assert call_with_output(loaded_by, "dustest", names) == (["dustest"], "")

    def test_the_cnn_loads_its_packages_when_it_needs_them(self):
        assert call(loaded_by_cnn, HEAVY) == []

    def test_changes_no_global_state(self):
        assert call(state_changed_by_import) == []

    def test_takes_under_half_a_second_beyond_astropy(self):
        # One of several runs: what the import costs when nothing else disturbs it.
        assert any(call(seconds_beyond_astropy) < 0.5 for _ in range(5))


class TestFirstUse:
    """Interpreters that use dustest for the first time at once, with an empty home."""

    @pytest.mark.parametrize("number", [2, pytest.param(20, marks=pytest.mark.slow)])
    def test_all_have_the_same_result(self, number, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR", "KERAS_HOME"):
            monkeypatch.delenv(name, raising=False)
        (tmp_path / "home").mkdir()
        if number > 2:
            # Compiling every module takes ten seconds for each.
            monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "compiled"))
        with ThreadPoolExecutor(number) as pool:
            found = list(pool.map(call_with_output, [first_use] * number))
        assert len(found[0][0]) == 2
        assert found == [found[0]] * number
        assert found[0][1] == ""


class TestFace:
    def test_every_public_name_resolves(self):
        for name in dustest.__all__:
            assert getattr(dustest, name) is not None

    def test_dir_lists_the_public_names(self):
        assert set(dustest.__all__) <= set(dir(dustest))

    def test_an_unknown_name_is_an_attribute_error(self):
        with pytest.raises(AttributeError, match="no_such_name"):
            dustest.no_such_name  # noqa: B018


class TestMetadata:
    def test_version_is_the_installed_one(self):
        assert dustest.__version__ == version("dustest")
        assert dustest.__version__[0].isdigit()

    def test_built_in_estimators_register_like_any_plugin(self):
        registered = entry_points(group="dustest.estimators").names
        assert {"bagpipes", "cnn", "constant", "meurer"} <= registered
