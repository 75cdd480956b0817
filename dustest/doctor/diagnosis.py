"""All findings, in the order in which they are shown."""

import os
import sys
from contextlib import contextmanager

from dustest.doctor.estimator_checks import check_estimators, check_plugins
from dustest.doctor.finding import Finding
from dustest.doctor.package_checks import check_packages
from dustest.doctor.surroundings import check_surroundings

__all__ = ["diagnose", "diagnose_stepwise"]

_LOG_LEVEL, _NOTHING = "TF_CPP_MIN_LOG_LEVEL", "3"
"""Variable of TensorFlow for the least level of the messages of its C++ code."""


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
    return list(diagnose_stepwise())


def diagnose_stepwise():
    """Make the same checks as `diagnose`, one after the other.

    Yields
    ------
    finding : Finding
        As soon as it is known.

    Examples
    --------
    >>> from dustest.doctor import diagnose_stepwise
    >>> next(diagnose_stepwise()).subject
    'python'
    """
    yield Finding("python", ".".join(map(str, sys.version_info[:3])))
    yield from check_packages()
    with _without_tensorflow_messages():
        yield from check_surroundings()
        yield from check_plugins()
        yield from check_estimators()


@contextmanager
def _without_tensorflow_messages():
    """Import TensorFlow without messages on devices and instructions, unless a user wants them."""
    if _LOG_LEVEL in os.environ:
        yield
        return
    os.environ[_LOG_LEVEL] = _NOTHING
    try:
        yield
    finally:
        del os.environ[_LOG_LEVEL]
