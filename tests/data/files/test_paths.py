import errno
import os
import sys
import threading

import pytest

from dustest.data import InputError, MissingDependencyError, ReadError, WriteError
from dustest.data.files.paths import (
    check_page_file,
    check_table_file,
    check_writable,
    installed_version,
    remove_partial_files,
    replacing,
)


def fail(path, written=True, error=ZeroDivisionError):
    with replacing(path) as partial:
        if written:
            partial.write_text("new")
        raise error


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

    def test_a_full_disk_is_named(self, tmp_path):
        path = tmp_path / "table.fits"
        path.write_text("old")
        error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with pytest.raises(WriteError, match=r"table.fits' cannot be written \(.*No space left"):
            fail(path, error=error)
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]

    def test_own_errors_are_kept(self, tmp_path):
        with pytest.raises(ReadError, match=r"^other$"):
            fail(tmp_path / "table.fits", error=ReadError("other"))

    def test_threads_have_a_file_each(self, tmp_path):
        found = []

        def name():
            with replacing(tmp_path / "table.fits") as partial:
                partial.write_text("new")
                found.append(partial)
                barrier.wait()
                partial.write_text("again")

        barrier = threading.Barrier(2)
        threads = [threading.Thread(target=name) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(found)) == 2
        assert [one.name for one in tmp_path.iterdir()] == ["table.fits"]


class TestPartialFiles:
    def test_those_of_one_file_are_removed(self, tmp_path):
        names = [
            *("table.fits", "other.fits", ".table.7.fits", "table.1.2.partial.fits"),
            *(".other.1.2.partial.fits", ".table.a.1.2.partial.fits", ".table.1.2.partial.ecsv"),
        ]
        for name in (*names, ".table.1.2.partial.fits", ".table.333.4444.partial.fits"):
            (tmp_path / name).touch()
        remove_partial_files(tmp_path / "table.fits")
        assert sorted(one.name for one in tmp_path.iterdir()) == sorted(names)

    @pytest.mark.parametrize("name", ["a[b].fits", "no_suffix", ".hidden", "a.b.parquet"])
    def test_names_of_any_kind(self, tmp_path, name):
        with replacing(tmp_path / name) as partial:
            partial.touch()
            remove_partial_files(tmp_path / name)
            assert not partial.exists()
            partial.touch()
        assert [one.name for one in tmp_path.iterdir()] == [name]


def test_versions():
    assert installed_version("astropy")
    assert installed_version("no-such-package") == ""


class TestChecks:
    def test_a_file_that_can_be_written(self, tmp_path):
        assert check_writable(str(tmp_path / "report.html")) == tmp_path / "report.html"
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("path", [None, 5, True, b"a.html", ""])
    def test_what_is_no_path_is_refused(self, path):
        with pytest.raises(InputError, match="report must be the path of a file"):
            check_writable(path, "report")

    def test_missing_folders_and_folders_are_refused(self, tmp_path):
        with pytest.raises(InputError, match="output must be in a folder that exists"):
            check_writable(tmp_path / "missing" / "a.html")
        with pytest.raises(InputError, match="output must be a file, got the folder"):
            check_writable(tmp_path)
        (tmp_path / "file").write_text("")
        with pytest.raises(InputError, match="output must be in a folder that exists"):
            check_writable(tmp_path / "file" / "a.html")

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("a.fits", "fits"),
            ("a.ecsv", "ascii.ecsv"),
            ("a.parquet", "parquet"),
            ("a.h5", "hdf5"),
            ("a.hdf5", "hdf5"),
            ("A.FITS", "fits"),
        ],
    )
    def test_formats(self, tmp_path, name, expected):
        assert check_table_file(tmp_path / name) == expected

    @pytest.mark.parametrize(("name", "meant"), [("a.fit", "fits"), ("a.parquett", "parquet")])
    def test_near_misses_are_named(self, tmp_path, name, meant):
        with pytest.raises(InputError, match=rf"--output must end in .* mean '\.{meant}'"):
            check_table_file(tmp_path / name, "--output")

    @pytest.mark.parametrize(
        ("suffix", "end"), [("csv", r": did you mean '.ecsv'\?"), ("xyz", "")]
    )
    def test_other_suffixes_are_refused(self, tmp_path, suffix, end):
        with pytest.raises(InputError, match=rf"must end in one of .*a\.{suffix}'{end}$"):
            check_table_file(tmp_path / f"a.{suffix}")

    @pytest.mark.parametrize(("suffix", "package"), [("parquet", "pyarrow"), ("h5", "h5py")])
    def test_missing_packages_are_named(self, tmp_path, monkeypatch, suffix, package):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(MissingDependencyError, match=f"needs the package {package}"):
            check_table_file(tmp_path / f"a.{suffix}")


class TestPages:
    @pytest.mark.parametrize("name", ["a.html", "a.htm", "A.HTML"])
    def test_pages(self, tmp_path, name):
        assert check_page_file(tmp_path / name) == tmp_path / name

    @pytest.mark.parametrize("name", ["a.fits", "a.csv", "a", "a.html.fits"])
    def test_other_files(self, tmp_path, name):
        with pytest.raises(InputError, match=r"path must end in \.html or \.htm, .*: take a"):
            check_page_file(tmp_path / name, "path")
