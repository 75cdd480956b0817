"""Commands about results and the installation: ``reproduce``, ``cite`` and ``doctor``."""

from dustest.cli._words import say, split_pair

__all__ = ["add_commands"]


def add_commands(commands):
    """Add the commands to a parser."""
    _add_reproduce(commands)
    _add_cite(commands)
    _add_doctor(commands)


def _add_reproduce(commands):
    """``dustest reproduce``."""
    parser = commands.add_parser(
        "reproduce", help="make the tables and figures of the paper", allow_abbrev=False
    )
    parser.add_argument(
        "--profile", default="quick", help="quick or full: size of the run (default: quick)"
    )
    parser.add_argument("--catalog", metavar="FILE", help="observed galaxies (default: simulated)")
    parser.add_argument(
        "--images",
        nargs="+",
        action="extend",
        default=[],
        metavar="BAND=FILE",
        help="mosaics of the catalogue; the n-th of all bands belong together",
    )
    parser.add_argument(
        "--output",
        default="dustest-reproduction",
        metavar="FOLDER",
        help="output folder, from which a run resumes (default: %(default)s)",
    )
    parser.add_argument("--n-jobs", type=int, default=-1, help="processes (default: all cores)")
    parser.add_argument("--seed", type=int, default=0, help="seed of random numbers (default: 0)")
    parser.set_defaults(run=_reproduce)


def _add_cite(commands):
    """``dustest cite``."""
    parser = commands.add_parser("cite", help="print BibTeX of everything that results used")
    parser.add_argument(
        "results",
        nargs="*",
        metavar="FILE",
        help="table of results, model file, or folder of simulations (default: dustest itself)",
    )
    parser.set_defaults(run=_cite)


def _add_doctor(commands):
    """``dustest doctor``."""
    parser = commands.add_parser("doctor", help="list what is installed and which estimators work")
    parser.set_defaults(run=_doctor)


def _reproduce(options):
    """Make the tables and figures of the paper."""
    from dustest import reproduce

    images = {}
    for word in options.images:
        band, path = split_pair(word, "--images")
        images.setdefault(band, []).append(path)
    result = reproduce(
        options.output,
        options.profile,
        catalog=options.catalog,
        images=images or None,
        random_state=options.seed,
        n_jobs=options.n_jobs,
        tell=say,
    )
    say(f"report: {(result.folder / 'report.html').resolve()}")
    return 0


def _cite(options):
    """Print BibTeX of everything that results used."""
    from dustest import cite

    say(cite(*options.results))
    return 0


def _doctor(options):  # noqa: ARG001 - every command takes its options
    """List what is installed and which estimators work, each line as soon as it is known."""
    from dustest.doctor import diagnose_stepwise

    healthy = True
    for finding in diagnose_stepwise():
        say(f"{finding.subject:<24} {finding.state:<12} {finding.detail}".rstrip())
        healthy &= finding.healthy
    return 0 if healthy else 1
