"""Examples and choices at the end of the help of every command."""

import argparse
import textwrap

__all__ = ["EXAMPLES", "add_examples"]

EXAMPLES = {
    "demo": ["dustest demo --output demo.html"],
    "estimate": [
        "dustest estimate jades.fits -e meurer --set meurer.relation=Reddy15 --output meurer.fits",
        "dustest estimate jades.fits -e bagpipes --prior A_V=uniform:0:4 --output sed.fits",
        "dustest estimate jades.fits --model nircam-1band --image F277W=a.fits --output cnn.fits",
    ],
    "compare": [
        "dustest compare jades.fits -e meurer -e bagpipes:20 --n-jobs 2 --output report.html",
        "dustest compare jades.fits -e calzetti=bagpipes -e smc=bagpipes --set smc.dust_law=SMC",
    ],
    "simulate": [
        "dustest simulate --output training-set -n 20000 --preset JADES-deep --redshift 6 9",
    ],
    "train": ["dustest train training-set --epochs 60 --checkpoint epochs --output mine.model"],
    "tune": ["dustest tune training-set --folder kept --output trials.ecsv --model best.model"],
    "benchmark": ["dustest benchmark default -e meurer --model mine.model --output cards"],
    "forecast": [
        "dustest forecast --bands F115W F200W F277W --candidates F410M --depths 29.5 --redshift 7",
    ],
    "whatif": [
        "dustest whatif jades.fits -e bagpipes --output shifts.ecsv --figure shifts.png",
    ],
    "plot": [
        "dustest plot sed.fits 1234",
        "dustest plot sed.fits 1234 --kind sed --output galaxy.pdf",
    ],
    "card": ["dustest card nircam-3band", "dustest card mine.model"],
    "reproduce": ["dustest reproduce --profile quick --output reproduction"],
    "cite": ["dustest cite meurer.fits mine.model > references.bib"],
    "doctor": ["dustest doctor"],
}
"""Words for a shell, by command."""

_START = "examples:\n"
_WIDTH, _INDENT = 79, "      "


def add_examples(parsers):
    """Add examples, and the choices of their options, to the help of commands.

    Parameters
    ----------
    parsers : dict of str to `argparse.ArgumentParser`
        Parsers by the name of the command.
    """
    for name, parser in parsers.items():
        parser.epilog = _START + "\n".join(f"  {line}" for line in EXAMPLES[name])
        parser.formatter_class = type(
            "Formatter", (_WithExamples, parser.formatter_class), {"command": name}
        )


class _WithExamples(argparse.HelpFormatter):
    """Format examples line by line, with choices after them, and any other text as usual."""

    command = ""

    def _fill_text(self, text, width, indent):
        if not text.startswith(_START):
            return super()._fill_text(text, width, indent)
        return "\n".join([text, *map(_listed, _choices(self.command))])


def _listed(choice):
    """Title and names of a list, as text."""
    title, names = choice
    indents = {"initial_indent": "  ", "subsequent_indent": _INDENT}
    return f"\n{title}:\n" + textwrap.fill(", ".join(names), _WIDTH, **indents)


def _choices(command):
    """Titles and names of what a command chooses from; imports are slow, and for help only."""
    from dustest import CNNEstimator
    from dustest.data.surveys import SURVEYS
    from dustest.estimators import list_estimators
    from dustest.estimators.fusion import FusionEstimator
    from dustest.studies import BENCHMARKS

    models = CNNEstimator.pretrained
    if command in {"estimate", "compare", "benchmark", "whatif"}:
        yield "estimators", list_estimators()
    if command in {"estimate", "compare", "benchmark"}:
        yield "models that come with dustest", models
    if command == "card":
        yield "models that come with dustest", (*models, *FusionEstimator.pretrained)
    if command in {"simulate", "forecast"}:
        yield "surveys", list(SURVEYS)
    if command == "benchmark":
        yield "sets of galaxies", list(BENCHMARKS)
