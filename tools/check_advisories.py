"""Check the dependencies of dustest for security advisories with ``pip-audit``.

Run with ``python tools/check_advisories.py`` in an environment with the extra ``dev``. The lowest
versions that pyproject.toml allows, and the installed packages, are compared with the published
advisories. It fails if a direct dependency has an advisory that is fixed in another version: then
raise the lower bound, or update the package. Advisories without a fix and those of packages that
others require are printed only, and so are packages for which the service of advisories gives no
answer.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

__all__ = ["fixable", "lowest_versions", "summarise"]

ROOT = Path(__file__).resolve().parents[1]
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*>=\s*([0-9][^\s,;]*)")


def lowest_versions(project):
    """List the lowest versions of the direct dependencies.

    Parameters
    ----------
    project : dict
        Table ``project`` of pyproject.toml.

    Returns
    -------
    lowest : dict of str to str
        Version by normalised name.
    """
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    found = [_REQUIREMENT.match(requirement) for group in groups for requirement in group]
    return {_normalise(match[1]): match[2] for match in found if match}


def fixable(dependencies, direct):
    """List advisories that a lower bound or an update removes.

    Parameters
    ----------
    dependencies : list of dict
        Result of pip-audit.
    direct : collection of str
        Normalised names of direct dependencies.

    Returns
    -------
    lines : list of str
        One for each advisory.
    """
    return [
        f"{one['name']} {one['version']}: {flaw['id']}, fixed in {', '.join(flaw['fix_versions'])}"
        for one in dependencies
        if _normalise(one["name"]) in direct
        for flaw in one.get("vulns", ())
        if flaw["fix_versions"]
    ]


def summarise(dependencies):
    """Write one line for each advisory, and one for packages without an answer.

    Parameters
    ----------
    dependencies : list of dict
        Result of pip-audit.

    Returns
    -------
    text : str
        The lines.
    """
    lines = [
        f"  {one['name']} {one['version']}: {flaw['id']} "
        f"(fixed in {', '.join(flaw['fix_versions']) or 'no version'})"
        for one in dependencies
        for flaw in one.get("vulns", ())
    ]
    skipped = sum("skip_reason" in one for one in dependencies)
    lines.append(f"  {len(dependencies)} packages, {skipped} of them not checked")
    return "\n".join(lines) + "\n"


def _normalise(name):
    """Name of a package in its canonical spelling."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _audit(*options):
    """Dependencies with their advisories; none if the service cannot be reached."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout)["dependencies"]
    except ValueError:
        sys.stdout.write(f"  not checked: {done.stderr.strip().splitlines()[-1:]}\n")
        return []


def main():
    """Run the program."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lowest = lowest_versions(project)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lowest.txt"
        path.write_text("".join(f"{name}=={version}\n" for name, version in lowest.items()))
        audits = {
            "lowest versions": _audit("--requirement", str(path), "--no-deps", "--disable-pip"),
            "installed packages": _audit("--skip-editable", "--local"),
        }
    failures = []
    for name, dependencies in audits.items():
        sys.stdout.write(f"{name}\n{summarise(dependencies)}")
        failures += fixable(dependencies, lowest)
    if failures:
        sys.exit("advisories with a fix:\n" + "\n".join(failures))


if __name__ == "__main__":
    main()
