import time

from dustest.data.progress import progress_bar


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
