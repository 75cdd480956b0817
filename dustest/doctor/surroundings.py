"""What surrounds the packages: folders, threads, warnings, and the backend of networks."""

import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import joblib
from threadpoolctl import threadpool_info

from dustest.data.errors import DustestError
from dustest.data.files.paths import check_temporary_folder
from dustest.doctor.finding import Finding

__all__ = ["check_surroundings"]


def check_surroundings():
    """Check folders, threads, warnings, and the backend and devices of networks.

    Yields
    ------
    finding : Finding
        One for each.

    Examples
    --------
    >>> from dustest.doctor.surroundings import check_surroundings
    >>> next(check_surroundings()).subject
    'temporary folder'
    """
    yield _temporary_folder()
    yield _working_folder()
    yield from _threads()
    yield from _warnings()
    yield from _keras()


def _temporary_folder():
    """Whether workers can have a temporary folder."""
    try:
        check_temporary_folder()
    except DustestError as error:
        return Finding("temporary folder", "broken", str(error), healthy=False)
    return Finding("temporary folder", "works", tempfile.gettempdir())


def _working_folder():
    """Whether results can be written where the command runs."""
    if os.access(Path.cwd(), os.W_OK):
        return Finding("working folder", "works", str(Path.cwd()))
    advice = f"{Path.cwd()} cannot be written to: name another folder for results"
    return Finding("working folder", "read-only", advice)


def _threads():
    """Threads of the linear algebra, which should not be more than the cores."""
    cores = joblib.cpu_count()
    for pool in threadpool_info():
        if pool["user_api"] != "blas":
            continue
        number, name = pool["num_threads"], pool["internal_api"]
        advice = "" if number <= cores else f": set OMP_NUM_THREADS={cores} for speed"
        yield Finding("BLAS threads", str(number), f"{name}, of {cores} cores{advice}")


def _warnings():
    """Whether warnings are errors, which stops the packages that warn when they are imported."""
    if any(option.partition(":")[0] == "error" for option in sys.warnoptions):
        advice = "warnings are errors: unset PYTHONWARNINGS if a package cannot be imported"
        yield Finding("warnings", "errors", advice)


def _keras():
    """Backend and devices that train networks."""
    if find_spec("keras") is None:
        return
    from dustest.estimators.network_tools import keras_devices

    try:
        backend, devices = keras_devices()
    except DustestError as error:
        yield Finding("keras backend", "broken", str(error), healthy=False)
        return
    yield Finding("keras backend", backend, ", ".join(devices))
