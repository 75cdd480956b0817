"""The command line; each command calls public functions."""

import argparse
import sys

from dustest.cli import _catalogs, _demo, _networks, _records, _results, _studies
from dustest.cli._examples import add_examples
from dustest.cli._remedies import option_of, with_options, writer_for
from dustest.cli._scheduler import on_scheduler

__all__ = ["main"]


def main(arguments=None):
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, optional
        Words after ``dustest``; by default those of the process.

    Returns
    -------
    status : int
        0 on success, 1 on failure; the reason is written to standard error.

    Examples
    --------
    >>> from dustest.cli import main
    >>> main(["estimate", "no-such-file.fits", "--output", "out.ecsv"])
    1
    """
    parser = _parser()
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.error(_unknown_message(unknown, vars(options)))
    return _run(options)


def _run(options):
    """Run a command; errors are one sentence, and their notes."""
    from dustest.data.errors import DustestError
    from dustest.data.messages import write_arguments_with

    given = vars(options)
    try:
        with write_arguments_with(writer_for(given)), on_scheduler(given.get("scheduler")):
            return options.run(options)
    except DustestError as error:
        notes = getattr(error, "__notes__", ())
        return _fail("\n".join([with_options(str(error), given), *notes]))
    except OSError as error:
        return _fail(f"a file cannot be read or written: {error}")
    except KeyboardInterrupt:
        sys.stderr.write("dustest: stopped; what was finished is kept with --output\n")
        return 130


def _fail(sentence):
    """Write the reason of a failure and return the exit status."""
    sys.stderr.write(f"dustest: {sentence}\n")
    return 1


def _unknown_message(words, options):
    """Message for words that a command does not know."""
    from dustest.data.messages import did_you_mean

    known = [option for name in options if (option := option_of(name, options))]
    near = [did_you_mean(word.partition("=")[0], known) for word in words if word[:1] == "-"]
    return f"unrecognized arguments: {' '.join(words)}. {''.join(near)}".rstrip(". ")


def _parser():
    """Commands and their options."""
    from dustest import __version__

    parser = argparse.ArgumentParser(
        prog="dustest", description="Dust attenuation of distant galaxies, by several methods."
    )
    parser.add_argument("--version", action="version", version=f"dustest {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    for part in (_catalogs, _demo, _networks, _studies, _results, _records):
        part.add_commands(commands)
    add_examples(commands.choices)
    return parser
