"""Words of the command line: what they mean, and how to answer."""

import json
import sys

__all__ = ["add_run_options", "read_value", "say", "split_pair"]


def say(line):
    """Write a line to standard output."""
    sys.stdout.write(line + "\n")


def split_pair(word, option):
    """Both sides of ``name=value``."""
    from dustest.data import InputError

    name, separator, value = word.partition("=")
    if not separator or not name or not value:
        msg = f"{option} must look like NAME=VALUE, got {word!r}"
        raise InputError(msg)
    return name, value


def read_value(text):
    """A number, truth value or list as JSON writes them; else the text itself."""
    try:
        return _with_tuples(json.loads(text))
    except json.JSONDecodeError:
        return text


def _with_tuples(value):
    """Lists as tuples, at every depth: limits of priors are tuples."""
    if isinstance(value, dict):
        return {key: _with_tuples(part) for key, part in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value


def add_run_options(parser):
    """Options of the commands that compute."""
    parser.add_argument("--n-jobs", type=int, default=None, help="processes (-1: all cores)")
    parser.add_argument("--seed", type=int, default=None, help="seed of random numbers")
