"""Parsing of words of the command line, and output."""

import argparse
import ast
import json
import sys
from contextlib import suppress
from pathlib import Path

from dustest.cli._scheduler import add_scheduler

__all__ = [
    "add_overwrite",
    "add_run_options",
    "check_not_input",
    "diameter",
    "read_value",
    "say",
    "split_pair",
    "split_pairs",
]


def say(line):
    """Write a line to standard output at once, also if it is a file or a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def check_not_input(output, *inputs):
    """Raise an error if the output would replace an input file."""
    from dustest.data import InputError

    for path in map(Path, filter(None, inputs)):
        if path.exists() and Path(output).exists() and path.samefile(output):
            msg = f"--output must be another file than the input {path}, got {output!r}"
            raise InputError(msg)


def split_pair(word, option):
    """Split ``name=value``."""
    from dustest.data import InputError

    name, separator, value = word.partition("=")
    if not separator or not name or not value:
        msg = f"{option} must look like NAME=VALUE, got {word!r}"
        raise InputError(msg)
    return name, value


def split_pairs(words, option):
    """Dictionary of ``name=value`` words with unique names."""
    from dustest.data import InputError

    pairs = {}
    for word in words or ():
        name, value = split_pair(word, option)
        if name in pairs:
            msg = f"{option} must be given once for {name}, got {name}={pairs[name]} and {word}"
            raise InputError(msg)
        pairs[name] = value
    return pairs


def read_value(text):
    """Parse a number, truth value, list or dict as in JSON or in Python; else keep the text."""
    for parse in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError):
            return _with_tuples(parse(text))
    return text


def _with_tuples(value):
    """Convert lists to tuples at every depth, since limits of priors are tuples."""
    if isinstance(value, dict):
        return {key: _with_tuples(part) for key, part in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value


def diameter(word):
    """Parse the diameter of an aperture in arcsec, for argparse."""
    hint = ""
    try:
        number = float(word)
    except ValueError:
        number, hint = 0.0, ": without a number, put the option after the catalogue"
    if not 0.0 < number < float("inf"):
        msg = f"must be a diameter above 0 arcsec, got {word!r}{hint}"
        raise argparse.ArgumentTypeError(msg)
    return number


def n_jobs(word):
    """Parse the number of processes, for argparse."""
    number = int(word)
    if number == 0:
        raise ValueError
    return number


def add_overwrite(parser):
    """Option of the commands that keep files that are there."""
    parser.add_argument(
        "--overwrite", action="store_true", help="replace files of earlier runs, which are kept"
    )


def add_run_options(parser):
    """Options of the commands that compute."""
    parser.add_argument("--n-jobs", type=n_jobs, default=None, help="processes (-1: all cores)")
    add_scheduler(parser)
    parser.add_argument("--seed", type=int, default=None, help="seed of random numbers")
