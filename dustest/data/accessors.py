"""Functions of other packages that are methods of results, found by entry points."""

from functools import cache
from importlib.metadata import entry_points

from dustest.data.plugins import try_entry

__all__ = ["ACCESSOR_GROUP", "accessor", "accessor_names"]

ACCESSOR_GROUP = "dustest.table_methods"
"""Entry-point group of functions whose first argument is a `~dustest.data.DustTable`."""


def accessor_names():
    """Names of all installed functions.

    Returns
    -------
    names : list of str
        In alphabetical order.

    Examples
    --------
    >>> from dustest.data.accessors import accessor_names
    >>> "plot_sed" in accessor_names()
    True
    """
    return sorted(_entries())


def accessor(name):
    """Find a function by name.

    Parameters
    ----------
    name : str
        Name of the entry point.

    Returns
    -------
    function : callable or None
        The function; None if there is none.

    Raises
    ------
    AttributeError
        If it cannot be loaded.

    Examples
    --------
    >>> from dustest.data.accessors import accessor
    >>> accessor("plot_sed").__name__
    'plot_sed'
    """
    entry = _entries().get(name)
    if entry is None:
        return None
    function, error = try_entry(entry)
    if error is not None:
        msg = f"{name} ({entry.value}) cannot be loaded: {type(error).__name__}: {error}"
        raise AttributeError(msg) from error
    return function


@cache
def _entries():
    """Entry points by name."""
    return {entry.name: entry for entry in entry_points(group=ACCESSOR_GROUP)}
