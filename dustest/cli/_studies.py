"""Commands of studies: ``benchmark``, ``forecast`` and ``whatif``."""

from pathlib import Path

from dustest.cli._catalogs import add_catalog_options, read_sample
from dustest.cli._estimators import given_parameters, load_networks, make_estimator
from dustest.cli._outputs import check_figure, check_new, check_table, save_figure, write_table
from dustest.cli._priors import add_prior
from dustest.cli._words import add_overwrite, add_run_options, say, split_pairs

__all__ = ["add_commands"]

_ESTIMATOR = "bagpipes"
_ALL = "all"


def add_commands(commands):
    """Add the commands to a parser."""
    _add_benchmark(commands)
    _add_forecast(commands)
    _add_whatif(commands)


def _add_benchmark(commands):
    """``dustest benchmark``."""
    parser = commands.add_parser(
        "benchmark",
        help="score estimators on standard sets of galaxies",
        allow_abbrev=False,
    )
    parser.add_argument(
        "sets",
        nargs="*",
        default=["default"],
        metavar="name",
        help=f"sets of galaxies, or {_ALL} (default: default)",
    )
    parser.add_argument("--list", action="store_true", help="list the sets and end")
    parser.add_argument(
        "-e",
        "--estimator",
        action="append",
        default=[],
        metavar="NAME",
        help="installed estimator, fitted to the demo if it learns; may be repeated",
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="FILE|NAME",
        help="networks of dustest train, or that come with dustest; may be repeated",
    )
    parser.add_argument(
        "--set",
        action="append",
        metavar="ESTIMATOR.PARAMETER=VALUE",
        help="parameter of an estimator, such as bagpipes.dust_law=SMC; may be repeated",
    )
    parser.add_argument(
        "--alone",
        action="store_true",
        help="compare with the baseline only, not with the methods that come with dustest",
    )
    parser.add_argument("--output", metavar="FOLDER", help="folder for a card of each set")
    parser.add_argument(
        "--folder", metavar="FOLDER", help="simulations and results (default: the user's cache)"
    )
    parser.add_argument(
        "--catalogs",
        metavar="FOLDER",
        help="published catalogues (default: that of the variable DUSTEST_TEST_DATA)",
    )
    add_run_options(parser)
    parser.set_defaults(run=_benchmark)


def _add_forecast(commands):
    """``dustest forecast``."""
    parser = commands.add_parser(
        "forecast",
        help="forecast how well sets of bands measure dust",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--bands",
        nargs="+",
        action="append",
        required=True,
        metavar="BAND",
        help="set of bands; may be repeated to compare several",
    )
    parser.add_argument(
        "--depths",
        nargs="+",
        required=True,
        metavar="DEPTH|BAND=DEPTH|SURVEY",
        help="5-sigma AB magnitudes, or standard errors such as 2nJy: one for all bands, or one "
        "for each; or the name of a survey",
    )
    parser.add_argument("--redshift", nargs="+", type=float, required=True, help="redshifts")
    parser.add_argument(
        "--candidates",
        nargs="+",
        default=[],
        metavar="BAND",
        help="bands that are added to the set one by one",
    )
    parser.add_argument("--targets", nargs="+", default=["A_V"], help="quantities (default: A_V)")
    parser.add_argument(
        "--magnitude",
        nargs=2,
        type=float,
        metavar=("BRIGHTEST", "FAINTEST"),
        help="true AB magnitudes of the galaxies (default: the three above the depth)",
    )
    parser.add_argument(
        "--magnitude-band", metavar="BAND", help="band of the magnitudes (default: the deepest)"
    )
    parser.add_argument(
        "--by", help="magnitude, redshift or a quantity: a row for each cell of it"
    )
    parser.add_argument(
        "--n-mocks", type=int, default=384, help="number of galaxies (default: %(default)s)"
    )
    parser.add_argument(
        "--set",
        action="append",
        metavar="bagpipes.PARAMETER=VALUE",
        help="parameter of the fit, such as bagpipes.sfh=delayed; may be repeated",
    )
    add_prior(parser)
    parser.add_argument("--output", metavar="FILE", help="table of all galaxies: .ecsv or .fits")
    parser.add_argument("--figure", metavar="FILE", help="figure of the first target")
    add_overwrite(parser)
    parser.add_argument("--seed", type=int, default=0, help="seed of random numbers (default: 0)")
    parser.set_defaults(run=_forecast)


def _add_whatif(commands):
    """``dustest whatif``."""
    parser = commands.add_parser(
        "whatif", help="measure how far A_V moves with the assumptions of an estimate"
    )
    add_catalog_options(parser)
    parser.add_argument(
        "-e",
        "--estimator",
        default=_ESTIMATOR,
        help="estimator whose assumptions are changed (default: %(default)s)",
    )
    parser.add_argument("--output", metavar="FILE", help="table of all galaxies: .ecsv or .fits")
    parser.add_argument("--figure", metavar="FILE", help="figure of the shifts")
    add_overwrite(parser)
    parser.set_defaults(run=_whatif)


def _benchmark(options):
    """Score estimators on standard sets of galaxies."""
    from dustest.data.files.paths import writable_folder
    from dustest.studies import BENCHMARKS, CatalogMissingError, benchmark

    if options.list:
        for one in BENCHMARKS.values():
            say(f"{one.name}: {one.description}")
        return 0
    sets = list(BENCHMARKS) if _ALL in options.sets else options.sets
    records = [BENCHMARKS.find(name, "name") for name in sets]
    output = None if options.output is None else writable_folder(options.output, "output")
    parameters = given_parameters(options, {name: name for name in options.estimator})
    tested = {
        name: make_estimator(name, parameters, options.seed) for name in options.estimator
    } | {Path(word).stem: load_networks(word, options.seed) for word in options.model}
    skipped = []
    for record in records:
        try:
            card = benchmark(
                tested,
                record,
                against={} if options.alone else None,
                folder=options.folder,
                catalogs=options.catalogs,
                n_jobs=options.n_jobs,
            )
        except CatalogMissingError as error:
            skipped.append(error)
            say(f"skipped: {error}")
            continue
        say(card.to_text())
        if output is not None:
            for path in card.save(output / f"{record.name.replace(' ', '-')}.json"):
                say(f"card: {path}")
    is_complete = not skipped or (_ALL in options.sets and len(skipped) < len(records))
    return 0 if is_complete else 1


def _forecast(options):
    """Forecast how well sets of bands measure dust."""
    from dustest.estimators import get_estimator
    from dustest.studies import forecast

    check_figure(options.figure)
    if options.output:
        check_table(options.output)
        check_new(options.output, options.overwrite)
    parameters = given_parameters(options, {_ESTIMATOR: _ESTIMATOR})
    result = forecast(
        options.bands if len(options.bands) > 1 else options.bands[0],
        _depths(options.depths),
        options.redshift,
        candidates=options.candidates,
        targets=tuple(options.targets),
        magnitude=options.magnitude,
        magnitude_band=options.magnitude_band,
        estimator=get_estimator(_ESTIMATOR, **parameters.get(_ESTIMATOR, {})),
        n_mocks=options.n_mocks,
        random_state=options.seed,
    )
    for name, bands in result.sets.items():
        say(f"{name}: {' '.join(bands)}")
    for name in result.quantities:
        _show(name, result.table(name, by=options.by))
        if len(result.sets) > 1:
            _show(f"{name}, against {next(iter(result.sets))}", result.gains(name))
    if options.output:
        write_table(result.mocks, options.output)
        say(f"{len(result.mocks)} fits: {options.output}")
    if options.figure:
        save_figure(result.plot(result.quantities[0], by=options.by)[0], options.figure)
    return 0


def _whatif(options):
    """Measure how far A_V moves with the assumptions of an estimate."""
    from dustest.studies import error_budget

    check_figure(options.figure)
    if options.output:
        check_table(options.output)
        check_new(options.output, options.overwrite)
    name = options.estimator
    reference = make_estimator(name, given_parameters(options, {name: name}), options.seed)
    budget = error_budget(
        read_sample(options),
        reference=reference,
        n_jobs=options.n_jobs,
        random_state=options.seed,
    )
    _show(f"A_V, by variation of {name}", budget.table())
    _show("A_V, largest shift by assumption", budget.totals())
    for left_out, reason in budget.left_out.items():
        say(f"left out: {left_out}: {reason}")
    if options.output:
        galaxies = budget.galaxies()
        write_table(galaxies, options.output)
        say(f"{len(galaxies)} galaxies: {options.output}")
    if options.figure:
        save_figure(budget.plot(), options.figure)
    return 0


def _show(title, table):
    """Write a table in full."""
    say(f"{title}:")
    for line in table.pformat(max_lines=-1, max_width=-1):
        say(line.rstrip())


def _depths(words):
    """Depths as `forecast` takes them."""
    if any("=" in word for word in words):
        pairs = split_pairs(words, "--depths")
        return {band: _depth(text) for band, text in pairs.items()}
    depths = [_depth(word) for word in words]
    return depths[0] if len(depths) == 1 else depths


def _depth(word):
    """A magnitude, an error with its unit, or the name of a survey."""
    from astropy import units as u

    for parse in (float, u.Quantity):
        try:
            return parse(word)
        except (TypeError, ValueError):
            continue
    return word
