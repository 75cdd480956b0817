"""Differences between two descriptions, as text for messages."""

import json

__all__ = ["describe_differences"]

_MOST_NAMED = 3
_LONGEST_VALUE = 60
"""Characters of a value in a message."""


def describe_differences(stored, given):
    """Name what differs between two descriptions.

    Parameters
    ----------
    stored, given : dict
        What JSON can represent; also with dictionaries as JSON texts, as in the meta of tables.

    Returns
    -------
    text : str
        The first three differences; empty if there are none.

    Examples
    --------
    >>> from dustest.data.identity.differences import describe_differences
    >>> describe_differences({"seed": 1, "size": {"x": 3}}, {"seed": 2, "size": {"x": 3, "y": 5}})
    'seed 1 instead of 2, size.y absent instead of 5'
    """
    there, here = _flatten(stored), _flatten(given)
    found = [
        f"{name} {_format_value(there, name)} instead of {_format_value(here, name)}"
        for name in there | here
        if (name in there, there.get(name)) != (name in here, here.get(name))
    ]
    more = len(found) - _MOST_NAMED
    return ", ".join(found[:_MOST_NAMED]) + (f" and {more} more" * (more > 0))


def _flatten(record, prefix=""):
    """Values of nested dictionaries by dotted name."""
    flat = {}
    for key, value in record.items():
        inner = _as_dict(value)
        flat |= {prefix + key: value} if inner is None else _flatten(inner, f"{prefix}{key}.")
    return flat


def _as_dict(value):
    """The dictionary that a value is or, as in the meta of tables, contains as JSON; else None."""
    try:
        value = json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _format_value(values, name):
    """Format a value for a message."""
    if name not in values:
        return "absent"
    text = json.dumps(values[name])
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
