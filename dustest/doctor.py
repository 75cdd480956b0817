"""Diagnosis of installed packages and estimators."""

import sys
import warnings
from dataclasses import dataclass

from dustest.data import DustestWarning, MissingDependencyError
from dustest.data.files.paths import installed_version
from dustest.data.plugins import try_plugins
from dustest.estimators import get_estimator, list_estimators
from dustest.estimators.registry import registered_names
from dustest.estimators.run.workers import try_worker
from dustest.testing import make_check_sample, missing_kinds

__all__ = ["Finding", "diagnose"]

_REQUIRED = ("dustest", "numpy", "scipy", "astropy", "scikit-learn", "photutils", "matplotlib")
_REQUIRED += ("dust_extinction", "astro-sedpy", "safetensors")
_OPTIONAL = {
    "keras": "cnn",
    "keras-tuner": "cnn",
    "scikit-image": "cnn",
    "bagpipes": "sed",
    "nautilus-sampler": "sed",
    "h5py": "scale",
    "pyarrow": "scale",
    "astroquery": "svo",
}


@dataclass(frozen=True)
class Finding:
    """One line of a diagnosis.

    Parameters
    ----------
    subject : str
        Package, plugin or estimator.
    state : str
        A version, ``"works"``, ``"missing"`` or ``"broken"``.
    detail : str
        Remedy, or reason of the failure.
    healthy : bool
        False if something is broken; a missing optional package is healthy.
    """

    subject: str
    state: str
    detail: str = ""
    healthy: bool = True


def diagnose():
    """Check the packages, and run every estimator or start its worker.

    Returns
    -------
    findings : list of Finding
        Python, packages, plugins, then estimators.

    Examples
    --------
    >>> from dustest.doctor import diagnose
    >>> diagnose()[0].subject  # doctest: +SKIP
    'python'
    """
    python = Finding("python", ".".join(map(str, sys.version_info[:3])))
    required = [_package(name) for name in _REQUIRED]
    optional = [_package(name, extra) for name, extra in _OPTIONAL.items()]
    return [python, *required, *optional, *_plugins(), *_estimators()]


def _package(name, extra=None):
    """Version of a package."""
    if found := installed_version(name):
        return Finding(name, found)
    advice = f'pip install "dustest[{extra}]"' if extra else "pip install dustest"
    return Finding(name, "missing", advice, healthy=extra is not None)


def _plugins():
    """Findings on plugins that register records."""
    return [
        Finding(f"plugin {name}", "works")
        if error is None
        else Finding(f"plugin {name}", "broken", f"{type(error).__name__}: {error}", healthy=False)
        for name, error in try_plugins().items()
    ]


def _estimators():
    """Findings on registered estimators."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DustestWarning)
        loadable = list_estimators()
    broken = [name for name in registered_names() if name not in loadable]
    findings = [Finding(name, "broken", "it cannot be loaded", healthy=False) for name in broken]
    return [*map(_estimator, loadable), *findings]


def _estimator(name):
    """Whether an estimator runs; an isolated one only starts its worker."""
    subject = f"estimator {name}"
    try:
        estimator = get_estimator(name)
        if estimator.needs_estimators:
            # It loads; whether it works depends on the estimators that it is given.
            return Finding(subject, "works")
        if estimator.isolated:
            try_worker(estimator)
        else:
            sample, truth = make_check_sample(missing_kinds(estimator))
            estimator.fit(sample, truth).estimate(sample)
    except MissingDependencyError as error:
        return Finding(subject, "missing", str(error))
    except Exception as error:  # noqa: BLE001 - the diagnosis reports any error
        return Finding(subject, "broken", f"{type(error).__name__}: {error}", healthy=False)
    return Finding(subject, "works")
