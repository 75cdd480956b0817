"""Shared parts of error messages: arguments in the caller's terms, similar names, short lists."""

import json
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches

__all__ = ["argument", "did_you_mean", "not_one_of", "shown", "write_arguments_with"]

_MOST_SHOWN = 20
_MOST_GUESSES = 3
_LEAST_SIMILARITY = 0.6


def _in_python(name, value, key=None):
    """An argument as Python code."""
    text = json.dumps(value) if isinstance(value, str) else repr(value)
    return f"{name}={text}" if key is None else f"{name}={{{json.dumps(key)}: {text}}}"


_WRITER = ContextVar("writes arguments", default=_in_python)


def argument(name, value, key=None):
    """Format an argument in the terms of the caller.

    Parameters
    ----------
    name : str
        Name of the argument in Python.
    value : object
        Its value.
    key : str, optional
        Key of the value, if the argument is a dictionary.

    Returns
    -------
    text : str
        Python code, or an option of the command line.

    Examples
    --------
    >>> from dustest.data.messages import argument
    >>> print(argument("redshift", "z_eazy"), argument("unit", "nJy", key="F277W"))
    redshift="z_eazy" unit={"F277W": "nJy"}
    """
    return _WRITER.get()(name, value, key)


@contextmanager
def write_arguments_with(writer):
    """Format arguments with another function, in a ``with`` block.

    Parameters
    ----------
    writer : callable
        ``writer(name, value, key)`` returns the text, see `argument`.

    Examples
    --------
    >>> from dustest.data.messages import argument, write_arguments_with
    >>> with write_arguments_with(lambda name, value, key: f"--{name} {value}"):
    ...     argument("redshift", "z_eazy")
    '--redshift z_eazy'
    """
    token = _WRITER.set(writer)
    try:
        yield
    finally:
        _WRITER.reset(token)


def did_you_mean(text, known):
    """Suggest known words that are similar to an unknown one.

    Parameters
    ----------
    text : str
        The word that is unknown.
    known : iterable of str
        The known words.

    Returns
    -------
    question : str
        Such as ``"did you mean 'uJy'? "``, with a trailing blank; empty without a similar word.

    Examples
    --------
    >>> from dustest.data.messages import did_you_mean
    >>> did_you_mean("LOGNORMAL", ["delayed", "lognormal"])
    "did you mean 'lognormal'? "
    """
    by_lower_case = {str(word).lower(): str(word) for word in reversed(list(known))}
    near = get_close_matches(str(text).lower(), by_lower_case, _MOST_GUESSES, _LEAST_SIMILARITY)
    words = " or ".join(repr(by_lower_case[word]) for word in near)
    return f"did you mean {words}? " if words else ""


def not_one_of(name, value, known):
    """Message for an argument that is none of the known words.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : object
        The given value.
    known : iterable of str
        Allowed words.

    Returns
    -------
    text : str
        Text with similar words.

    Examples
    --------
    >>> from dustest.data.messages import not_one_of
    >>> not_one_of("method", "spectra", ["spectrum", "photometry"])
    "method must be one of spectrum, photometry, got 'spectra': did you mean 'spectrum'?"
    """
    text = f"{name} must be one of {', '.join(known)}, got {value!r}: {did_you_mean(value, known)}"
    return text.rstrip(": ")


def shown(names):
    """Format the first names of a list.

    Parameters
    ----------
    names : sequence of str
        Names.

    Returns
    -------
    text : str
        Up to 20 of them, and the number of the others.

    Examples
    --------
    >>> from dustest.data.messages import shown
    >>> shown(["id", "redshift"])
    'id, redshift'
    """
    rest = len(names) - _MOST_SHOWN
    return ", ".join(map(str, names[:_MOST_SHOWN])) + (f" and {rest} more" if rest > 0 else "")
