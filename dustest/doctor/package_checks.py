"""Versions of the packages that dustest requires, and of those of its extras."""

from importlib.metadata import metadata, requires

from packaging.requirements import Requirement

from dustest.data.files.paths import installed_version
from dustest.doctor.finding import Finding

__all__ = ["check_packages"]

_DISTRIBUTION = "dustest"
_OF_DEVELOPERS = frozenset({"all", "dev", "docs", "test"})
_ALIKE = ("tensorflow", "tensorflow-cpu")
"""Packages with the same modules, of which one is sufficient and two overwrite each other."""


def check_packages(distribution=_DISTRIBUTION):
    """Compare the installed packages with what a distribution requires.

    Parameters
    ----------
    distribution : str, optional
        The distribution, whose metadata names the packages.

    Returns
    -------
    findings : list of Finding
        The distribution, required packages, then those of the extras.

    Examples
    --------
    >>> from dustest.doctor.package_checks import check_packages
    >>> check_packages()[0].subject
    'dustest'
    """
    if not installed_version(distribution):
        # It runs from a folder that was not installed.
        advice = "pip install ."
        return [Finding(distribution, "not installed", advice, healthy=False)]
    every = [Requirement(text) for text in requires(distribution) or ()]
    needed = {one.name: (one, None) for one in every if _applies(one, "")}
    for extra in metadata(distribution).get_all("Provides-Extra") or ():
        if extra in _OF_DEVELOPERS:
            continue
        for one in every:
            if one.name != distribution and _applies(one, extra):
                needed.setdefault(one.name, (one, extra))
    own = Finding(distribution, installed_version(distribution))
    return [own, *(_compare(*pair) for pair in _without_twins(needed)), *_twins()]


def _applies(requirement, extra):
    """Whether a requirement is that of an extra, or of all installations for an empty name."""
    marker = requirement.marker
    if marker is None:
        return not extra
    with_extra = marker.evaluate({"extra": extra})
    return with_extra and (not extra or not marker.evaluate({"extra": ""}))


def _without_twins(needed):
    """Requirements and extras; of packages that are alike, only those installed."""
    has_one = any(map(installed_version, _ALIKE))
    for name, pair in needed.items():
        if name not in _ALIKE or installed_version(name) or not has_one:
            yield pair


def _compare(requirement, extra):
    """Finding on one package."""
    name, found = requirement.name, installed_version(requirement.name)
    target = f"{_DISTRIBUTION}[{extra}]" if extra else _DISTRIBUTION
    if not found:
        return Finding(name, "missing", f'pip install "{target}"', healthy=extra is not None)
    if not requirement.specifier.contains(found, prereleases=True):
        advice = f'{target} needs {requirement.specifier}: pip install "{requirement.name}'
        return Finding(name, found, f'{advice}{requirement.specifier}"', healthy=False)
    return Finding(name, found, *_clash(name))


def _clash(name):
    """Reason why a package does not work with the installed version of another, if any."""
    for text in requires(name) or ():
        needed = Requirement(text)
        if not _applies(needed, ""):
            continue
        found = installed_version(needed.name)
        if not found or not needed.specifier.contains(found, prereleases=True):
            has = f"is {found}" if found else "is missing"
            advice = f'pip install "{needed.name}{needed.specifier}"'
            needs = f"needs {needed.name} {needed.specifier}".strip()
            return f"{needs}, which {has}: {advice}", False
    return ()


def _twins():
    """Finding on packages that overwrite each other."""
    both = [name for name in _ALIKE if installed_version(name)]
    if len(both) < 2:
        return []
    advice = f"they share one folder: pip uninstall {' '.join(both)}, then install one of them"
    return [Finding(" and ".join(both), "broken", advice, healthy=False)]
