import pytest
from astropy.table import Table

from dustest.cli import main
from dustest.cli._outputs import check_new
from dustest.data import DustTable, InputError
from dustest.io import load_demo


@pytest.fixture
def catalog(tmp_path):
    sample, _ = load_demo()
    path = tmp_path / "catalog.ecsv"
    sample[sample.colnames[:20]][:3].write(path)
    return str(path)


class TestOverwrite:
    def test_results_of_an_earlier_run_are_replaced(self, catalog, tmp_path, capsys):
        output = tmp_path / "result.fits"
        words = ["estimate", catalog, "--output", str(output)]
        assert main([*words, "--overwrite"]) == 0
        assert main([*words, "--set", "meurer.dust_law=SMC"]) == 1
        assert "pass --overwrite to replace them, --resume to res" in capsys.readouterr().err
        before = DustTable.read(output)
        assert main([*words, "--overwrite", "--set", "meurer.dust_law=SMC"]) == 0
        assert (DustTable.read(output)["A_V"] != before["A_V"]).any()

    def test_tables_of_a_comparison_are_replaced(self, catalog, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr("dustest.cli._catalogs.write_report", lambda *_: 0)
        words = ["compare", catalog, "-e", "meurer", "--tables", str(tmp_path / "tables")]
        words += ["--output", str(tmp_path / "report.html")]
        assert main(words) == 0
        assert main(words) == 1
        assert "pass --overwrite to replace them" in capsys.readouterr().err
        assert main([*words, "--overwrite"]) == 0

    @pytest.mark.parametrize("has_database", [False, True])
    def test_files_of_others_are_kept(self, catalog, tmp_path, capsys, has_database):
        output = tmp_path / "mine.ecsv"
        output.write_text("mine")
        if has_database:
            (tmp_path / "mine.ecsv.sqlite").write_text("mine, too")
        assert main(["estimate", catalog, "--output", str(output), "--overwrite"]) == 1
        assert str(output) in capsys.readouterr().err
        assert output.read_text() == "mine"

    def test_nothing_is_removed_for_a_catalogue_that_cannot_be_read(self, tmp_path):
        output = tmp_path / "result.ecsv"
        Table({"a": [1]}).write(output)
        (tmp_path / "result.ecsv.sqlite").touch()
        words = ["estimate", str(tmp_path / "none.fits"), "--output", str(output)]
        assert main([*words, "--overwrite"]) == 1
        assert output.exists()

    def test_one_of_resume_and_overwrite(self, capsys):
        with pytest.raises(SystemExit, match="2"):
            main(["estimate", "a.fits", "--output", "b.fits", "--resume", "--overwrite"])
        assert "not allowed with" in capsys.readouterr().err

    def test_files_that_are_written_at_the_end(self, tmp_path):
        path = tmp_path / "table.ecsv"
        path.touch()
        check_new(path, overwrite=True)
        for overwritten, expected in ((path, "add --overwrite"), (tmp_path, "is there already$")):
            with pytest.raises(InputError, match=expected):
                check_new(overwritten, overwrite=overwritten is tmp_path)
