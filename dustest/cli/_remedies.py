"""Arguments of Python functions as options of the command line, for messages."""

import re
import shlex
from collections.abc import Mapping

__all__ = ["option_of", "with_options", "writer_for"]

_OTHER_NAMES = {
    "aperture": "photometry",
    "columns": "column",
    "random_state": "seed",
}
"""Options whose name differs from that of the argument."""

_NOT_OPTIONS = frozenset({"catalog", "simulations", "results", "id", "run", "command"})
_RESUME = "pass --resume to resume"
"""Remedy for results that are there, to which the command line adds another."""
_PREFIXES = {"n": "-n"}
_SUBJECT = re.compile(r"(\w+)(?:\[(['\"])(.*?)\2\])?(?= (?:must|has)\b)")


def option_of(name, options):
    """Find the option for an argument in a command.

    Parameters
    ----------
    name : str
        Argument in Python.
    options : dict
        Values of the command by their name in argparse.

    Returns
    -------
    option : str or None
        Such as ``--error-floor``; None if the command has none.
    """
    name = _OTHER_NAMES.get(name, name)
    if name not in options or name in _NOT_OPTIONS:
        return None
    return _PREFIXES.get(name, f"--{name.replace('_', '-')}")


def writer_for(options):
    """Make the function that formats arguments as options of a command.

    Parameters
    ----------
    options : dict
        Values of the command by their name in argparse.

    Returns
    -------
    writer : callable
        For `dustest.data.messages.write_arguments_with`.
    """

    def write(name, value, key=None):
        option = option_of(name, options)
        if option is None:
            estimator = options.get("estimator")
            owner = estimator if isinstance(estimator, str) else "ESTIMATOR"
            return (
                f"--set {owner}.{name}={_text(value)}" if "set" in options else _plain(name, value)
            )
        if key is not None:
            return f"{option} {shlex.quote(key)}={_text(value)}"
        if isinstance(value, Mapping):
            return " ".join(f"{option} {item}={_text(value[item])}" for item in value)
        return option if value is True else f"{option} {_text(value)}"

    return write


def _plain(name, value):
    """Format an argument without an option of the command."""
    return f"{name}={_text(value)}"


def _text(value):
    """Format a value as a word of the shell."""
    if isinstance(value, list | tuple):
        return " ".join(map(_text, value)) or "''"
    return shlex.quote(str(value))


def with_options(message, options):
    """Replace the argument at the beginning of a message by its option.

    Parameters
    ----------
    message : str
        Such as ``"error_floor must be a fraction"``.
    options : dict
        Values of the command by their name in argparse.

    Returns
    -------
    message : str
        Such as ``"--error-floor must be a fraction"``; unchanged if it does not begin with one.
    """
    if "overwrite" in options:
        message = message.replace(_RESUME, f"pass --overwrite to replace them, {_RESUME[5:]}", 1)
    match = _SUBJECT.match(message)
    option = None if match is None else option_of(match[1], options)
    if option is None:
        return message
    key = f" {match[3]}=..." if match[3] else ""
    return option + key + message[match.end() :]
