"""The changes that docs/dev shows: applied to a copy of the package, in the files they name."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHANGES = ROOT / "docs" / "dev" / "changes"
FILES = {
    "band": 1,
    "head": 1,
    "history": 1,
    "law": 1,
    "layout": 1,
    "quantity": 2,  # the record and its producer
    "relation": 1,
}
CHECK = Path(__file__).parent / "helpers" / "changed_package.py"


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """A copy of the package with all changes."""
    if shutil.which("git") is None:
        pytest.skip("git, which applies the changes, is not installed")
    folder = tmp_path_factory.mktemp("changed")
    shutil.copytree(ROOT / "dustest", folder / "dustest")
    for name in FILES:
        command = ["git", "apply", "--whitespace=nowarn", str(CHANGES / f"{name}.diff")]
        environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
        subprocess.run(command, cwd=folder, env=environment, check=True)
    return folder


@pytest.mark.parametrize("name", FILES)
def test_files_touched(name):
    diff = (CHANGES / f"{name}.diff").read_text()
    assert diff.count("diff --git") == FILES[name]


def test_every_change_is_shown():
    assert {path.stem for path in CHANGES.glob("*.diff")} == set(FILES)
    page = (ROOT / "docs" / "dev" / "plugins.rst").read_text()
    assert all(f"changes/{name}.diff" in page for name in FILES)


@pytest.mark.parametrize(
    "arguments", [(), pytest.param(("fit",), marks=pytest.mark.slow)], ids=["records", "fits"]
)
def test_the_changed_package_works(changed, arguments):
    environment = os.environ | {"PYTHONPATH": str(changed)}
    run = subprocess.run(
        [sys.executable, str(CHECK), *arguments],
        cwd=changed,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
