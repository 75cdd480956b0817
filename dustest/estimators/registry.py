"""Registry of estimators of dustest and of other packages, by one entry-point group."""

import warnings
from importlib.metadata import entry_points

from dustest.data.errors import DustestWarning, InputError
from dustest.data.identity.describe import class_path
from dustest.data.messages import did_you_mean
from dustest.data.plugins import try_entry
from dustest.estimators.base import DustEstimator

__all__ = ["GROUP", "get_estimator", "list_estimators", "registered_class", "registered_names"]

GROUP = "dustest.estimators"
"""Entry-point group in which a package registers ``name = "module:Class"``."""


def list_estimators():
    """List the names of all installed estimators.

    Returns
    -------
    names : list of str
        In alphabetical order. An estimator that cannot be loaded is left out with a warning.

    Warns
    -----
    DustestWarning
        If a registered estimator cannot be loaded, or is not a `DustEstimator`.

    Examples
    --------
    >>> import dustest
    >>> "meurer" in dustest.list_estimators()
    True
    """
    return sorted(name for name, entry in _entries().items() if _load(entry) is not None)


def registered_names():
    """List the names of all registered estimators, including those that cannot be loaded.

    Returns
    -------
    names : list of str
        In alphabetical order.

    Examples
    --------
    >>> from dustest.estimators.registry import registered_names
    >>> "meurer" in registered_names()
    True
    """
    return sorted(_entries())


def get_estimator(name, **parameters):
    """Make an estimator by its registered name.

    Parameters
    ----------
    name : str
        One of `list_estimators`.
    **parameters : dict
        Parameters of the estimator.

    Returns
    -------
    estimator : DustEstimator
        A new estimator.

    Raises
    ------
    InputError
        If the name is unknown, cannot be loaded, or does not have the parameters.

    Examples
    --------
    >>> import dustest
    >>> dustest.get_estimator("meurer", relation="Reddy15").relation
    'Reddy15'
    """
    entries = _entries()
    if not (isinstance(name, str) and name in entries):
        msg = (
            f"name must be one of the installed estimators {sorted(entries)}, got {name!r}: "
            f"{did_you_mean(name, entries)}"
        )
        raise InputError(msg.rstrip(": "))
    estimator_class = _load(entries[name])
    if estimator_class is None:
        msg = f"estimator {name!r} is registered as {entries[name].value!r} but cannot be loaded"
        raise InputError(msg)
    known = estimator_class._get_param_names()
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        msg = (
            f"{estimator_class.__name__} takes the parameters {known}, got {unknown}: "
            f"{did_you_mean(unknown[0], known)}"
        )
        raise InputError(msg.rstrip(": "))
    return estimator_class(**parameters)


def registered_class(described):
    """Find the class of an installed estimator by its description.

    Parameters
    ----------
    described : dict
        Description of an estimator, as in ``meta["params"]`` of results.

    Returns
    -------
    kind : type or None
        The class; None if it is not registered.

    Examples
    --------
    >>> from dustest.estimators.registry import registered_class
    >>> registered_class({"class": "dustest.estimators.meurer.MeurerEstimator"}).__name__
    'MeurerEstimator'
    """
    name = described.get("class", "") if isinstance(described, dict) else ""
    kinds = [type(get_estimator(one)) for one in registered_names()] if name else []
    return next((kind for kind in kinds if class_path(kind) == name), None)


def _entries():
    """Entry points by name."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _load(entry):
    """Class of an entry point; None and a warning if it is broken."""
    estimator_class, error = try_entry(entry)
    if error is not None:
        return _refuse(entry, f"{type(error).__name__}: {error}")
    if not (isinstance(estimator_class, type) and issubclass(estimator_class, DustEstimator)):
        return _refuse(entry, "it is no subclass of DustEstimator")
    return estimator_class


def _refuse(entry, reason):
    """Warn of a broken plugin."""
    msg = f"estimator {entry.name!r} ({entry.value}) is left out: {reason}"
    warnings.warn(msg, DustestWarning, stacklevel=4)
