"""State of the process that calls must leave as it was."""

import gc
import logging
import os
import random
import signal
import sys
import sysconfig
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

__all__ = ["changed_state", "global_state"]

_FILES = "open files"
_FILTERS = "warnings filters"
_DESCRIPTORS = Path("/proc/self/fd")
_FONTS = (".afm", ".otf", ".pfb", ".ttc", ".ttf")
"""Suffixes of files that matplotlib keeps open."""
_INSTALLED = sysconfig.get_paths()["purelib"]
"""Folder of packages, some of which keep files of theirs open, such as Bagpipes."""
_OWN = str(Path(__file__).parents[1])
_OF_PYTEST = "PYTEST_CURRENT_TEST"
"""Variable that pytest sets while a test runs."""
_THAT_SET_UP = ("jax", "rich", "scipy.special", "sklearn", "tensorflow", "torch")
"""Packages that add environment variables or filters, or draw a number, when they are imported."""
_IMPORTED = "imported"
_PYTHON_RANDOM = "python random state"
_THAT_DRAW = "distributed"
"""Package whose threads draw numbers from the generator of Python at any time."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def global_state():
    """Record the state that calls share.

    Returns
    -------
    state : dict
        By name. That of matplotlib and Keras is left out as long as they are not imported, and
        open files where the system does not list them.

    Examples
    --------
    >>> from dustest.data.global_state import changed_state, global_state
    >>> before = global_state()
    >>> changed_state(before)
    []
    """
    state = {
        "working directory": os.getcwd(),  # noqa: PTH109 - text is compared faster
        "environment": {k: v for k, v in os.environ.items() if k != _OF_PYTEST},
        "import path": tuple(sys.path),
        _FILTERS: tuple(warnings.filters),
        "numpy print options": np.get_printoptions(),
        "numpy error handling": np.geterr(),
        "numpy random state": _numpy_random_state(),
        _PYTHON_RANDOM: random.getstate(),
        "signal handlers": tuple(map(signal.getsignal, _SIGNALS)),
        "level of the root logger": logging.root.level,
        _FILES: _open_files(),
        _IMPORTED: [name for name in _THAT_SET_UP if name in sys.modules],
    }
    if (matplotlib := sys.modules.get("matplotlib")) is not None:
        # Not by its own methods, which check every value.
        state["matplotlib rcParams"] = dict(dict.items(matplotlib.rcParams))
    if (keras := sys.modules.get("keras")) is not None:
        config = keras.config
        policy = config.dtype_policy().name
        state["keras configuration"] = (config.floatx(), config.image_data_format(), policy)
    return state


def changed_state(before):
    """Find what was changed since a record, and files that were opened and not closed.

    Parameters
    ----------
    before : dict
        Result of `global_state`.

    Returns
    -------
    changed : list of str
        Names of what was changed, with the names of its parts or the paths of files.
    """
    opened = _opened_since(before)
    if opened:
        gc.collect()  # files in circular references are closed only now
        opened = _opened_since(before)
    after = global_state()
    is_set_up = after[_IMPORTED] != before[_IMPORTED]
    if is_set_up:
        known = before["environment"]
        after["environment"] = {k: v for k, v in after["environment"].items() if k in known}
    ignored = {_FILES, _IMPORTED}
    if is_set_up or _THAT_DRAW in sys.modules:
        ignored.add(_PYTHON_RANDOM)
    if is_set_up:
        ignored.add(_FILTERS)
    names = [name for name in before if name not in ignored]
    changed = [name for name in names if before[name] != after[name]]
    found = [_described(name, before[name], after[name]) for name in changed]
    return found + [f"{_FILES}: {', '.join(opened)}"] * bool(opened)


def _described(name, before, after):
    """Name of what was changed, with the keys of its values if it has any."""
    if not isinstance(before, dict):
        return name
    keys = sorted(k for k in before | after if before.get(k) != after.get(k))
    return f"{name} ({', '.join(keys)})"


def _opened_since(before):
    """Files that are open and were not before."""
    return list((_open_files() - before[_FILES]).elements())


def _open_files():
    """Number of open descriptors of each file on disk."""
    found = Counter()
    if not _DESCRIPTORS.is_dir():
        return found
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - text is faster
        try:
            path = os.readlink(_DESCRIPTORS / name)  # noqa: PTH115
        except OSError:  # that of the list itself
            continue
        is_file = path.startswith("/") and not path.startswith(("/dev/", "/proc/"))
        is_of_others = path.startswith(_INSTALLED) and not path.startswith(_OWN)
        if is_file and not is_of_others and not path.endswith(_FONTS):
            found[path] += 1
    return found


def _numpy_random_state():
    """State of the global generator of numpy, comparable."""
    kind, keys, *others = np.random.get_state()  # noqa: NPY002 - it must not change
    return (kind, keys.tobytes(), *others)
