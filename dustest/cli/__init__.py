"""The command line: each command is a thin layer over public functions."""

import argparse
import sys

from dustest.cli import _catalogs, _networks, _records

__all__ = ["main"]


def main(arguments=None):
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, optional
        Words after ``dustest``; those of the process by default.

    Returns
    -------
    status : int
        0 if all went well, 1 if not; the reason goes to standard error.

    Examples
    --------
    >>> from dustest.cli import main
    >>> main(["estimate", "no-such-file.fits", "--output", "out.ecsv"])
    1
    """
    options = _parser().parse_args(arguments)
    from dustest.data.errors import DustestError

    try:
        return options.run(options)
    except DustestError as error:
        sys.stderr.write(f"dustest: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("dustest: stopped; what was finished is kept with --output\n")
        return 130


def _parser():
    """Commands and their options."""
    from dustest import __version__

    parser = argparse.ArgumentParser(
        prog="dustest", description="Dust attenuation of distant galaxies, by several methods."
    )
    parser.add_argument("--version", action="version", version=f"dustest {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    for part in (_catalogs, _networks, _records):
        part.add_commands(commands)
    return parser
