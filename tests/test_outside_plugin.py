"""A package from outside that brings every kind of record, installed as its wheel says.

It runs in an interpreter of its own: records that it registers stay for the life of a process.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "outside_plugin"


def install(folder):
    """Unpack the wheel of the package into a folder."""
    copy = folder / "source"
    copy.mkdir()
    for name in ("pyproject.toml", "dustest_polarimetry.py"):
        (copy / name).write_text((SOURCE / name).read_text())
    build = "from setuptools import build_meta; print(build_meta.build_wheel('.'))"
    command = [sys.executable, "-c", build]
    run = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=True)
    zipfile.ZipFile(copy / run.stdout.split()[-1]).extractall(folder)


FAST = "layout or curve or range or draws or benchmark or references"
"""Checks that fit no SEDs, start no workers and test no contract."""


@pytest.mark.parametrize(
    "choice",
    [("-k", FAST), pytest.param((), marks=pytest.mark.slow)],
    ids=["records", "everything"],
)
def test_nothing_of_dustest_changes_for_a_plugin(tmp_path, choice):
    install(tmp_path)
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    options = ["-q", "-p", "no:cacheprovider", "-W", "error", "--rootdir", str(SOURCE)]
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *options,
            *choice,
            "-c",
            os.devnull,
            str(SOURCE / "checks.py"),
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
