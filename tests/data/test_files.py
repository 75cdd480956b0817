import pytest

from dustest.data.files import installed_version, replacing


def fail(path, written):
    with replacing(path) as partial:
        if written:
            partial.write_text("new")
        raise ZeroDivisionError


class TestReplacing:
    def test_file_takes_its_place(self, tmp_path):
        path = tmp_path / "table.fits"
        path.write_text("old")
        with replacing(path) as partial:
            assert partial.suffix == ".fits"
            partial.write_text("new")
            assert path.read_text() == "old"
        assert path.read_text() == "new"
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize("written", [True, False])
    def test_failure_leaves_the_old_file(self, tmp_path, written):
        path = tmp_path / "table.fits"
        path.write_text("old")
        with pytest.raises(ZeroDivisionError):
            fail(path, written)
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]


def test_versions():
    assert installed_version("astropy")
    assert installed_version("no-such-package") == ""
