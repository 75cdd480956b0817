import sys
import time
import types

import pytest
import tqdm.auto

from dustest.data.progress import progress_bar


@pytest.fixture
def notebook(monkeypatch):
    """IPython as the kernel of a notebook has it."""
    shell = types.SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    return shell


class TestProgressBar:
    def test_items_come_through(self):
        assert list(progress_bar(["a", "b"], True)) == ["a", "b"]

    def test_short_runs_show_nothing(self, capsys):
        list(progress_bar(range(3), True, desc="metrics"))
        assert capsys.readouterr().err == ""

    def test_long_runs_show_a_bar(self, capsys, monkeypatch):
        monkeypatch.setattr("dustest.data.progress._QUIET_SECONDS", 0.01)
        for _ in progress_bar(range(3), True, desc="metrics", mininterval=0):
            time.sleep(0.02)
        assert "metrics" in capsys.readouterr().err

    def test_no_bar_away_from_a_terminal(self, capsys, monkeypatch):
        monkeypatch.setattr("dustest.data.progress._QUIET_SECONDS", 0)
        list(progress_bar(range(3), None))
        assert capsys.readouterr().err == ""

    def test_is_shown_in_notebooks_by_default(self, notebook):
        with progress_bar(None, None, total=3) as bar:
            assert isinstance(bar, tqdm.auto.tqdm)
            assert not bar.disable

    def test_is_not_shown_by_ipython_that_is_no_notebook(self, notebook):
        notebook.config.clear()
        with progress_bar(None, None, total=3) as bar:
            assert bar.disable

    def test_is_that_of_a_longer_task(self):
        with progress_bar(None, False, total=3) as bar, progress_bar(None, bar) as inner:
            assert inner is bar
