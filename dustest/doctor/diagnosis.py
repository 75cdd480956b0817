"""All findings, in the order in which they are shown."""

import sys

from dustest.doctor.estimator_checks import check_estimators, check_plugins
from dustest.doctor.finding import Finding
from dustest.doctor.package_checks import check_packages
from dustest.doctor.surroundings import check_surroundings

__all__ = ["diagnose"]


def diagnose():
    """Check the packages and what surrounds them, and run every estimator or start its worker.

    Returns
    -------
    findings : list of Finding
        Python, packages, surroundings, plugins, then estimators.

    Examples
    --------
    >>> from dustest.doctor import diagnose
    >>> diagnose()[0].subject  # doctest: +SKIP
    'python'
    """
    python = Finding("python", ".".join(map(str, sys.version_info[:3])))
    return [
        python,
        *check_packages(),
        *check_surroundings(),
        *check_plugins(),
        *check_estimators(),
    ]
