"""``dustest demo``: what the methods do on simulated galaxies, in words and as a report."""

import textwrap

from dustest.cli._catalogs import write_report
from dustest.cli._estimators import SLOW_ROWS, is_slow, notes_on, ready_for
from dustest.cli._words import add_run_options, say

__all__ = ["add_commands"]

_BASELINE = "baseline"
"""Name of the estimator that predicts a constant."""
_PARAMETERS = {"bagpipes": {"extra": ("priors",)}}
"""Two sets of assumptions, whose effect the report shows."""
_NOTE = "The galaxies are simulated."
_QUANTITIES = ("A_V", "log_sSFR")
_N_DRAWS = 200
_WIDTH = 88


def add_commands(commands):
    """Add the command to a parser."""
    parser = commands.add_parser(
        "demo",
        help="compare all estimators on simulated galaxies",
        description="Compare all estimators that can use them on simulated galaxies with known "
        "dust, say what came out, and write a report.",
    )
    parser.add_argument(
        "--output", default="dustest-demo.html", help="report (default: %(default)s)"
    )
    add_run_options(parser)
    parser.set_defaults(run=_demo)


def _demo(options):
    """Compare all estimators on the simulated galaxies."""
    from dustest import compare
    from dustest.data.files.paths import check_page_file
    from dustest.io import load_demo

    check_page_file(options.output)
    sample, truth = load_demo()
    n_others = len(sample) // 2
    training = sample[:n_others], truth[:n_others]
    sample, truth = sample[n_others:], truth[n_others:]
    _say_galaxies(sample, n_others)
    seed = 0 if options.seed is None else options.seed
    ready = ready_for(sample, _PARAMETERS, seed, training)
    estimators = {_BASELINE if name == "constant" else name: made for name, made in ready.items()}
    limits = {name: SLOW_ROWS for name, made in estimators.items() if is_slow(made)}
    notes = notes_on(limits, estimators, len(sample), f"{n_others} other simulated galaxies")
    _say_methods(estimators, notes)
    comparison = compare(
        estimators,
        sample,
        limits=limits,
        truth=truth,
        draws=_N_DRAWS,
        n_jobs=-1 if options.n_jobs is None else options.n_jobs,
        random_state=seed,
        notes=(_NOTE, *notes),
    )
    for quantity in filter(comparison.quantities.__contains__, _QUANTITIES):
        _say_results(comparison, quantity)
    say("\nFigures and all numbers, for a browser:")
    write_report(comparison, options.output, sample)
    return 0


def _say_galaxies(sample, n_others):
    """Print what the galaxies are."""
    low, high = min(sample["redshift"]), max(sample["redshift"])
    _say_paragraph(
        f"This measures the dust of {len(sample)} simulated galaxies at redshifts {low:.1f} to "
        f"{high:.1f}, whose true attenuation is known. They have fluxes in {len(sample.bands)} "
        f"bands and images in {len(sample.cutout_bands)}, as in a deep JWST field. "
        f"{n_others} other galaxies of the same simulation are for methods that learn."
    )


def _say_methods(estimators, notes):
    """Print what runs."""
    say("\nMethods:")
    for name, made in estimators.items():
        say(f"  {name}: {_first_words(made)}")
    for note in notes:
        say(f"  {note}")
    say("\nThey run now, which takes a minute or two.")


def _first_words(estimator):
    """First line of the documentation of an estimator, up to a formula."""
    line = (type(estimator).__doc__ or type(estimator).__name__).strip().split("\n", 1)[0]
    return line.split(" :math:")[0].rstrip(".")


def _say_results(comparison, quantity):
    """Print what the methods find for one quantity, beside the truth and the baseline."""
    from dustest.data.formatting import format_value
    from dustest.validation.matching import values_of

    sentences = comparison.verdict(quantity)
    ends = {"the truth": comparison.truth, "the baseline": comparison.tables.get(_BASELINE)}
    medians = [
        f"{name} {format_value(_median(values_of(table, quantity)))}"
        for name, table in ends.items()
        if table is not None
    ]
    sentences.insert(1, f"That of {', that of '.join(medians)}.")
    say(f"\n{quantity}")
    for sentence in sentences:
        _say_paragraph(sentence.replace("−", "-"), "  ")


def _median(values):
    """Median of the known values (float)."""
    import numpy as np

    return float(np.nanmedian(values))


def _say_paragraph(text, indent=""):
    """Print lines of limited length."""
    options = {"initial_indent": indent, "subsequent_indent": indent, "break_on_hyphens": False}
    say(textwrap.fill(text, _WIDTH, **options))
