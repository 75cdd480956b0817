"""Plugins: entry points of other packages, such as modules that register records."""

import warnings
from importlib.metadata import entry_points

from dustest.data.errors import DustestWarning

__all__ = ["PLUGIN_GROUP", "load_plugins", "try_entry", "try_plugins"]

PLUGIN_GROUP = "dustest.plugins"
"""Entry-point group in which a package lists the modules that register its records."""

_LOADED = set()


def try_plugins():
    """Import every installed plugin, and return the errors.

    Returns
    -------
    errors : dict of str to BaseException or None
        By the name of the plugin; None if it works.

    Examples
    --------
    >>> from dustest.data.plugins import try_plugins
    >>> isinstance(try_plugins(), dict)
    True
    """
    return {entry.name: try_entry(entry)[1] for entry in entry_points(group=PLUGIN_GROUP)}


def try_entry(entry):
    """Load an entry point of another package, whose errors do not stop dustest.

    Parameters
    ----------
    entry : importlib.metadata.EntryPoint
        The entry point.

    Returns
    -------
    loaded : object
        What it names; None if it cannot be loaded.
    error : BaseException or None
        The error, which may be an exit of the interpreter; None if there is none.

    Examples
    --------
    >>> from importlib.metadata import EntryPoint
    >>> from dustest.data.plugins import try_entry
    >>> try_entry(EntryPoint("one", "no_such_module", "group"))[1]
    ModuleNotFoundError("No module named 'no_such_module'")
    """
    try:
        return entry.load(), None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a plugin that exits must not end dustest
        return None, error


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
