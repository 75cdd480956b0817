"""Plugins: modules of other packages that register records when they are imported."""

import warnings
from importlib.metadata import entry_points

from dustest.data.errors import DustestWarning

__all__ = ["PLUGIN_GROUP", "load_plugins", "plugin_names"]

PLUGIN_GROUP = "dustest.plugins"
"""Entry-point group in which a package lists the modules that register its records."""

_LOADED = set()


def plugin_names():
    """Name the plugins that are installed.

    Returns
    -------
    names : list of str
        In alphabetical order, whether they can be loaded or not.

    Examples
    --------
    >>> from dustest.data.plugins import plugin_names
    >>> isinstance(plugin_names(), list)
    True
    """
    return sorted(entry.name for entry in entry_points(group=PLUGIN_GROUP))


def load_plugins():
    """Import every installed plugin, once in a process.

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
    # Marked before, since a plugin looks up records while it is imported.
    _LOADED.add(PLUGIN_GROUP)
    for entry in entry_points(group=PLUGIN_GROUP):
        try:
            entry.load()
        except Exception as error:  # noqa: BLE001 - another package must not break ours
            msg = (
                f"plugin {entry.name!r} ({entry.value}) is left out: "
                f"{type(error).__name__}: {error}"
            )
            warnings.warn(msg, DustestWarning, stacklevel=3)
