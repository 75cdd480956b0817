"""Plugins: modules of other packages that register records when they are imported."""

import warnings
from importlib.metadata import entry_points

from dustest.data.errors import DustestWarning

__all__ = ["PLUGIN_GROUP", "load_plugins", "try_plugins"]

PLUGIN_GROUP = "dustest.plugins"
"""Entry-point group in which a package lists the modules that register its records."""

_LOADED = set()


def try_plugins():
    """Import every installed plugin, and return the errors.

    Returns
    -------
    errors : dict of str to Exception or None
        By the name of the plugin; None if it works.

    Examples
    --------
    >>> from dustest.data.plugins import try_plugins
    >>> isinstance(try_plugins(), dict)
    True
    """
    return {entry.name: _error_of(entry) for entry in entry_points(group=PLUGIN_GROUP)}


def _error_of(entry):
    """Error of the import of a plugin."""
    try:
        entry.load()
    except Exception as error:  # noqa: BLE001 - an error of another package must not stop dustest
        return error
    return None


def load_plugins():
    """Import every installed plugin, once per process.

    Warns
    -----
    DustestWarning
        If a plugin cannot be imported; the others are.

    Examples
    --------
    >>> from dustest.data.plugins import load_plugins
    >>> load_plugins()
    """
    if PLUGIN_GROUP in _LOADED:
        return
    # Set before the imports, since a plugin looks up records while it is imported.
    _LOADED.add(PLUGIN_GROUP)
    for name, error in try_plugins().items():
        if error is not None:
            msg = f"plugin {name!r} is left out: {type(error).__name__}: {error}"
            warnings.warn(msg, DustestWarning, stacklevel=3)
