"""Commands that show results and models: ``plot`` and ``card``."""

import json
import re
from pathlib import Path

from dustest.cli._outputs import check_figure, save_figure
from dustest.cli._words import say

__all__ = ["add_commands"]

_KINDS = ("sed", "corner", "beta")
_REMEDY = "make it with dustest estimate --draws 200"
_MODELS = ("CNNEstimator", "FusionEstimator", "Calibration")
"""Kinds of model files with a card."""


def add_commands(commands):
    """Add the commands to a parser."""
    _add_plot(commands)
    _add_card(commands)


def _add_plot(commands):
    """``dustest plot``."""
    parser = commands.add_parser(
        "plot",
        help="draw one galaxy of a result",
        description="Draw one galaxy of a result of dustest estimate --draws: the SED fit, the "
        "joint posterior, and the UV slope.",
    )
    parser.add_argument("results", metavar="FILE", help="result: .fits, .ecsv, .parquet or .h5")
    parser.add_argument("id", metavar="ID", help="identifier of the galaxy")
    parser.add_argument(
        "--kind",
        action="append",
        choices=_KINDS,
        help="figure to draw; may be repeated (default: all that the result can draw)",
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="figure: .png, .pdf or .svg; without a suffix, PDF and PNG. The kind is added to its "
        "name, unless --kind is given once (default: name of the result and identifier, .png)",
    )
    parser.set_defaults(run=_plot)


def _add_card(commands):
    """``dustest card``."""
    parser = commands.add_parser(
        "card",
        help="print the training set and the accuracy of a model",
        description="Print the card of a trained model: its training set, and its accuracy beside "
        "that of the baseline.",
    )
    parser.add_argument("model", metavar="MODEL", help="model file, or name of a model of dustest")
    parser.add_argument("--json", action="store_true", help="print every entry, as JSON")
    parser.set_defaults(run=_card)


def _plot(options):
    """Draw one galaxy of a result."""
    from dustest.data import DustTable, InputError
    from dustest.report.figures.galaxy.kinds import GALAXY_FIGURES

    check_figure(options.output)
    table = DustTable.read(options.results)
    kinds = _drawn_kinds(options, table)
    problems = {}
    for kind in kinds:
        try:
            figure = GALAXY_FIGURES[kind](table, options.id)
        except InputError as error:
            # The other figures of a galaxy are drawn, unless this one was asked for.
            if options.kind or len(problems) == len(kinds) - 1:
                raise
            problems[kind] = error
        else:
            save_figure(figure, _figure_path(options, kind))
    for kind, problem in problems.items():
        say(f"no figure {kind}: {problem}")
    return 0


def _drawn_kinds(options, table):
    """Kinds of figures to draw."""
    from dustest.data import InputError
    from dustest.report.figures.galaxy.kinds import drawable_kinds

    possible = drawable_kinds(table)
    if not possible:
        msg = f"{options.results} must have draws of the posterior to be drawn: {_REMEDY}"
        raise InputError(msg)
    kinds = list(dict.fromkeys(options.kind or possible))
    if missing := [kind for kind in kinds if kind not in possible]:
        msg = (
            f"--kind must be one that {options.results} can draw, {' or '.join(possible)}, got "
            f"{missing[0]}: {_REMEDY} and an estimator that has it (sed: bagpipes; beta: meurer)"
        )
        raise InputError(msg)
    return kinds


def _figure_path(options, kind):
    """File of a figure."""
    if options.output is None:
        name = re.sub(r"[^\w.+-]", "_", options.id)
        return f"{Path(options.results).stem}-{name}-{kind}.png"
    path = Path(options.output)
    is_only_one = len(set(options.kind or ())) == 1
    return path if is_only_one else path.with_name(f"{path.stem}-{kind}{path.suffix}")


def _card(options):
    """Print the card of a model."""
    card = _read_card(options.model)
    say(json.dumps(card, indent=2) if options.json else str(card))
    return 0


def _read_card(model):
    """Card of a model file, or of a model that comes with dustest."""
    from dustest import CNNEstimator, FusionEstimator
    from dustest.data import InputError
    from dustest.data.messages import not_one_of
    from dustest.data.model_card import as_card
    from dustest.estimators.network_tools import read_model

    if Path(model).exists() or Path(model).suffix:
        return as_card(read_model(model, kind=_MODELS)[0]["created"]["card"])
    known = {name: one for one in (CNNEstimator, FusionEstimator) for name in one.pretrained}
    if model not in known:
        raise InputError(not_one_of("MODEL, which is not a file,", model, known))
    return known[model].from_pretrained(model).card_
