"""The check of dependencies, with answers of pip-audit."""

import tomllib
from pathlib import Path

import pytest
from scripts import import_script

advisories = import_script("tools/check_advisories.py")

FOUND = [
    {"name": "tqdm", "version": "4.66.0", "vulns": [{"id": "A-1", "fix_versions": ["4.66.3"]}]},
    {"name": "Keras", "version": "3.15", "vulns": [{"id": "A-2", "fix_versions": []}]},
    {"name": "six", "version": "1.0", "vulns": [{"id": "A-3", "fix_versions": ["2.0"]}]},
    {"name": "numpy", "version": "2.2", "vulns": []},
    {"name": "own", "skip_reason": "not found"},
]


def test_lowest_versions():
    project = {
        "dependencies": ["a_B>=1.0  # why", "plain"],
        "optional-dependencies": {"x": ["dask[distributed]>=2.1", "tf>=2.21,<2.23; sys_platform"]},
    }
    found = advisories.lowest_versions(project)
    assert found == {"a-b": "1.0", "dask": "2.1", "tf": "2.21"}


def test_every_direct_dependency_has_a_lower_bound():
    path = Path(advisories.__file__).parents[1] / "pyproject.toml"
    project = tomllib.loads(path.read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    named = {one for group in groups for one in group if not one.startswith("dustest[")}
    assert all(advisories._REQUIREMENT.match(one) for one in named)


def test_only_direct_dependencies_with_a_fix_fail():
    assert advisories.fixable(FOUND, {"tqdm", "keras", "numpy"}) == [
        "tqdm 4.66.0: A-1, fixed in 4.66.3"
    ]


def test_everything_is_printed():
    text = advisories.summarise(FOUND)
    assert [text.count(f"A-{i}") for i in (1, 2, 3)] == [1, 1, 1]
    assert "fixed in no version" in text
    assert "5 packages, 1 of them not checked" in text


@pytest.mark.parametrize("found", [[], FOUND[1:]])
def test_program(monkeypatch, capsys, found):
    monkeypatch.setattr(advisories, "_audit", lambda *options: found)
    advisories.main()
    assert "lowest versions" in capsys.readouterr().out


def test_program_fails(monkeypatch):
    monkeypatch.setattr(advisories, "_audit", lambda *options: FOUND)
    with pytest.raises(SystemExit, match=r"tqdm 4\.66\.0"):
        advisories.main()
