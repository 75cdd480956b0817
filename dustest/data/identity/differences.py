"""Differences between two descriptions, as text for messages."""

import json

__all__ = ["describe_differences"]

_ABSENT = object()
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
    found = list(_differences(stored, given))
    more = len(found) - _MOST_NAMED
    return ", ".join(found[:_MOST_NAMED]) + (f" and {more} more" * (more > 0))


def _differences(stored, given, prefix=""):
    """Names, dotted for nested dictionaries, and values that differ."""
    for name in stored | given:
        old, new = (_as_dict(one.get(name, _ABSENT)) for one in (stored, given))
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, f"{prefix}{name}.")
        elif old != new:
            yield f"{prefix}{name} {_format_value(old)} instead of {_format_value(new)}"


def _as_dict(value):
    """The dictionary that a text of JSON contains, as in the meta of tables; else the value."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        return value
    return found if isinstance(found, dict) else value


def _format_value(value):
    """Format a value for a message."""
    text = "absent" if value is _ABSENT else json.dumps(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
