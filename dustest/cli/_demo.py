"""``dustest demo``: what the methods do on simulated galaxies, in words and as a report."""

import textwrap
from dataclasses import dataclass

from dustest.cli._catalogs import write_report
from dustest.cli._estimators import SLOW_ROWS, is_slow, notes_on, ready_for
from dustest.cli._words import add_run_options, say

__all__ = ["add_commands"]

_BASELINE = "constant"
_PARAMETERS = {"bagpipes": {"extra": ("priors",)}}
"""Two sets of assumptions, whose effect the report shows."""
_NOTE = "The galaxies are simulated."
_SHOWN = ("A_V", "log_sSFR")
_SIGMA = 2.0
"""Standard errors by which errors of two methods differ."""
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
    seed = 0 if options.seed is None else options.seed
    _say_galaxies(sample, n_others)
    estimators = ready_for(sample, _PARAMETERS, seed, training)
    limits = {name: SLOW_ROWS for name, made in estimators.items() if is_slow(made)}
    notes = notes_on(limits, estimators, len(sample), f"{n_others} other simulated galaxies")
    _say_methods(estimators, notes)
    comparison = compare(
        estimators,
        sample,
        limits=limits,
        truth=truth,
        n_jobs=-1 if options.n_jobs is None else options.n_jobs,
        random_state=seed,
        notes=(_NOTE, *notes),
    )
    _say_results(comparison, estimators, seed)
    say("\nFigures and all numbers, for a browser:")
    return write_report(comparison, options.output)


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
        shown = f"{name} (the baseline)" if name == _BASELINE else name
        say(f"  {shown}: {_first_words(made)}")
    for note in notes:
        say(f"  {note}")
    say("\nThey run now, which takes a minute or two.")


def _first_words(estimator):
    """First line of the documentation of an estimator, up to a formula."""
    line = (type(estimator).__doc__ or type(estimator).__name__).strip().split("\n", 1)[0]
    return line.split(" :math:")[0].rstrip(".")


def _say_results(comparison, estimators, seed):
    """Print medians and errors of each quantity beside the truth and the baseline."""
    from dustest.data.quantities import QUANTITIES
    from dustest.validation import compare_scores

    tables = comparison.tables
    if _BASELINE not in tables:
        return
    for name in filter(comparison.quantities.__contains__, _SHOWN):
        scores = compare_scores(
            comparison.truth, tables, reference=_BASELINE, quantity=name, random_state=seed
        )
        scores = scores[scores["score"] == "mae"]
        if len(scores) == 0:
            continue
        unit = QUANTITIES[name].unit
        result = _Result(name, "" if unit is None else f" {unit}", tables, scores)
        say("")
        for line in result.lines(comparison.truth, estimators):
            _say_paragraph(line)


@dataclass(frozen=True)
class _Result:
    """What came out for one quantity."""

    name: str
    unit: str
    tables: dict
    scores: object

    def lines(self, truth, estimators):
        """Medians, errors, and what follows from them."""
        names = [str(name) for name in self.scores["estimator"]]
        medians = {name: _median(self.tables[name], self.name) for name in names}
        errors = dict(zip(names, _plain(self.scores["mean"]), strict=True))
        ends = _median(self.tables[_BASELINE], self.name), _plain(self.scores["other_mean"])[0]
        yield (
            f"{self.name} median: {_listed(medians)}; truth {_median(truth, self.name):.2f}, "
            f"baseline {ends[0]:.2f}{self.unit}"
        )
        yield (
            f"{self.name} mean absolute error: {_listed(errors)}; "
            f"baseline {ends[1]:.2f}{self.unit}"
        )
        yield from self._verdicts(names, estimators)

    def _verdicts(self, names, estimators):
        """How each method does beside the baseline, and why it may do no better."""
        differences = _plain(self.scores["difference"]), _plain(self.scores["difference_err"])
        better = []
        for name, difference, error in zip(names, *differences, strict=True):
            if difference < -_SIGMA * error:
                better.append(name)
                continue
            words = "is worse than" if difference > _SIGMA * error else "is not better than"
            reason = (
                estimators[name].limitation or "its assumptions are not true of these galaxies"
            )
            yield (
                f"{name} {words} the baseline ({difference:+.2f} +- {error:.2f}{self.unit}), "
                f"perhaps because {reason}; the baseline knows the median of this population."
            )
        if better:
            yield f"Better than the baseline: {', '.join(better)}."


def _median(table, name):
    """Median of a column over the galaxies."""
    import numpy as np

    return float(np.nanmedian(_plain(table[name])))


def _plain(column):
    """Numbers without their unit."""
    import numpy as np

    return np.asarray(getattr(column, "value", column), dtype=float)


def _listed(numbers):
    """Names and numbers as text."""
    return ", ".join(f"{name} {number:.2f}" for name, number in numbers.items())


def _say_paragraph(text):
    """Print lines of limited length."""
    say(textwrap.fill(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False))
