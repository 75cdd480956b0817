"""Licences of installed packages against those that the documentation lists."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOT_PERMISSIVE = re.compile(r"GPL|General Public|MPL|Mozilla|EUPL|CDDL", re.IGNORECASE)
GPL = {"bagpipes", "pymultinest", "spectres"}
"""Packages of the extra sed; two of them do not state it in their metadata."""


def licence(found):
    metadata = found.metadata
    classifiers = metadata.get_all("Classifier", [])
    named = [one for one in classifiers if one.startswith("License ::")]
    return " ".join(
        [metadata.get("License-Expression", ""), *named, metadata.get("License", "")[:99]]
    )


def required(requirements):
    """Installed distributions that requirements bring, by name."""
    found, todo = {}, [Requirement(one) for one in requirements]
    while todo:
        one = todo.pop()
        name = re.sub(r"[-_.]+", "-", one.name).lower()
        if name in found or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue
        for further in map(Requirement, found[name].requires or ()):
            extras = one.extras or {""}
            if not further.marker or any(further.marker.evaluate({"extra": e}) for e in extras):
                further.marker = None
                todo.append(further)
    return found


def documented(extra):
    """Row of an extra in the table of licences."""
    text = (ROOT / "docs" / "install.rst").read_text()
    text = text[text.index(".. _licences:") :]
    if extra == "core":
        return text[: text.index("====  =")]
    return re.search(rf"^``{extra}``(.*(?:\n   .*)*)", text, re.MULTILINE)[1]


@pytest.mark.parametrize("extra", ["core", "sed", "simulate", "scale", "svo", "cnn"])
def test_licences_that_are_not_permissive_are_listed(extra):
    core = required(PROJECT["dependencies"])
    more = PROJECT["optional-dependencies"].get(extra, [])
    packages = core if extra == "core" else required(more).items() - core.items()
    listed = documented(extra)
    for name, found in dict(packages).items():
        if NOT_PERMISSIVE.search(licence(found)):
            assert name in listed, (name, licence(found))


def test_gpl_packages_come_with_sed_only():
    extras = set(PROJECT["optional-dependencies"]) - {"all", "test", "docs", "dev"}
    assert all(name in documented("sed") for name in GPL)
    for extra in {*extras} - {"sed"}:
        assert not GPL & set(required(PROJECT["optional-dependencies"][extra]))
