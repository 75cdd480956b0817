"""Whether plugins can be imported and estimators run."""

import warnings

from dustest.data import DustestWarning, MissingDependencyError
from dustest.data.plugins import try_plugins
from dustest.doctor.finding import Finding
from dustest.estimators import get_estimator, list_estimators
from dustest.estimators.registry import registered_names
from dustest.estimators.run.workers import try_worker
from dustest.testing import make_check_sample, missing_kinds

__all__ = ["check_estimators", "check_plugins"]


def check_plugins():
    """Import the plugins that register records.

    Returns
    -------
    findings : list of Finding
        One for each.

    Examples
    --------
    >>> from dustest.doctor.estimator_checks import check_plugins
    >>> isinstance(check_plugins(), list)
    True
    """
    return [
        Finding(f"plugin {name}", "works")
        if error is None
        else Finding(f"plugin {name}", "broken", f"{type(error).__name__}: {error}", healthy=False)
        for name, error in try_plugins().items()
    ]


def check_estimators():
    """Run every registered estimator on mock galaxies; an isolated one only starts its worker.

    Yields
    ------
    finding : Finding
        One for each.

    Examples
    --------
    >>> from dustest.doctor.estimator_checks import check_estimators
    >>> list(check_estimators())  # doctest: +SKIP
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DustestWarning)
        loadable = list_estimators()
    yield from map(_estimator, loadable)
    for name in registered_names():
        if name not in loadable:
            yield Finding(name, "broken", "it cannot be loaded", healthy=False)


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
