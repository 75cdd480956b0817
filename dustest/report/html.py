"""The report of a comparison as one HTML page that needs no other file."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from dustest.data.flags import FLAGS
from dustest.data.formatting import format_number, without_controls
from dustest.data.progress import progress_bar
from dustest.data.quantities import QUANTITIES
from dustest.report.figure_files import figure_uri
from dustest.report.figures.assumptions import known_assumptions, plot_assumption_shifts
from dustest.report.galaxy_list import list_galaxies
from dustest.report.numbers import format_column, format_with_error
from dustest.report.verdict import main_quantity, verdict
from dustest.validation.disagreement import largest_disagreements
from dustest.validation.matching import TRUTH, gives, values_of
from dustest.validation.metrics import METRICS, residual
from dustest.validation.provenance import parameters_of
from dustest.validation.sensitivity import shift_statistics

__all__ = ["load_template", "render_report"]

_COUNTS = {
    "n": ("galaxies", "galaxies with a value on both sides"),
    "n_dropped": ("without a value", "galaxies left out because a side has no value"),
    "n_unmatched": ("not in both", "galaxies that only one of the two tables has"),
}

# Quantity of the section on assumptions.
_ASSUMED = "A_V"
_ASSUMPTIONS = {
    "prior": (
        "prior",
        "median under a prior flat in {quantity} minus that flat in its logarithm, from {priors}",
    ),
    "history": (
        "star-formation history",
        "largest minus smallest median of the histories {histories}",
    ),
}
_PROVENANCE = {
    "random_seed": "random seed",
    "model_hash": "model hash",
    "packages": "packages",
}


def render_report(comparison, *, title, progress=None, sample=None, galaxies=()):
    """Render a comparison.

    Parameters
    ----------
    comparison : `~dustest.report.Comparison`
        Comparison to render.
    title : str
        Title of the page.
    progress : bool, optional
        Whether to show a progress bar; by default on terminals and in notebooks.
    sample : GalaxySample, optional
        Galaxies with cutouts, for the pages of galaxies.
    galaxies : sequence of int or str, optional
        Identifiers of galaxies to have a page.

    Returns
    -------
    html : str
        A complete page that contains styles and figures. All text from the data is escaped.
    """
    bar = {"desc": "report", "unit": "quantity"}
    return load_template("report.html.j2").render(
        title=title,
        comparison=comparison,
        n_galaxies=max(len(table) for table in comparison.tables.values()),
        estimators=[_estimator(name, comparison) for name in comparison.tables],
        verdict=verdict(comparison),
        listed=list_galaxies(
            comparison,
            main_quantity(comparison),
            sample=sample,
            galaxies=galaxies,
            progress=progress,
        ),
        sections=[
            _section(comparison, quantity)
            for quantity in progress_bar(comparison.quantities, progress, **bar)
        ],
        assumptions=_assumptions(comparison),
        flags=_raised_flags(comparison.flags),
        metrics=METRICS.values(),
    )


@cache
def load_template(name):
    """Load the template of a page, in which every variable is escaped.

    Control characters, also those that change the direction of text, become U+FFFD.

    Parameters
    ----------
    name : str
        File name of the template.

    Returns
    -------
    template : jinja2.Template
        The template.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        finalize=_without_controls,
        loader=PackageLoader("dustest.report", "templates"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template(name)


def _without_controls(value):
    """What a template shows, without control characters."""
    from markupsafe import Markup

    text = without_controls(str(value))
    return Markup(text) if isinstance(value, Markup) else text  # noqa: S704 - it was safe before


@dataclass(frozen=True)
class _Estimator:
    """Row of the table of estimators."""

    name: str
    color: str
    kind: str
    version: str
    uncertainty: str
    n_rows: int
    n_answers: int
    details: dict


def _estimator(name, comparison):
    """Summary of one estimator from its table's provenance."""
    table = comparison.tables[name]
    meta = table.meta
    answered = np.zeros(len(table), dtype=bool)
    for quantity in QUANTITIES:
        answered |= np.isfinite(values_of(table, quantity))
    return _Estimator(
        name=name,
        color=comparison.colors[name],
        kind=str(meta.get("estimator") or "–"),
        version=str(meta.get("version") or "–"),
        uncertainty=str(meta.get("uncertainty") or "–"),
        n_rows=len(table),
        n_answers=int(answered.sum()),
        details=_details(meta),
    )


def _details(meta):
    """Parameters and other provenance as text."""
    others = {
        label: meta[key] for key, label in _PROVENANCE.items() if meta.get(key) not in (None, "")
    }
    return {str(key): str(value) for key, value in (parameters_of(meta) | others).items()}


@dataclass(frozen=True)
class _Section:
    """Section of the report on one quantity."""

    quantity: object
    pairs: list
    counts: list
    metrics: list
    figures: list
    differences: list
    calibration: dict | None
    disagreements: dict | None


def _section(comparison, name):
    """Metrics, figures and disagreements of one quantity."""
    metrics = comparison.metrics[comparison.metrics["quantity"] == name]
    return _Section(
        quantity=QUANTITIES[name],
        pairs=[(str(row["estimator"]), str(row["against"])) for row in metrics],
        counts=[
            (label, description, [int(value) for value in metrics[column]])
            for column, (label, description) in _COUNTS.items()
        ],
        metrics=[_metric_row(metrics, metric, QUANTITIES[name]) for metric in METRICS.values()],
        figures=[
            _figure(comparison, name, against) for against in _shown_against(comparison, metrics)
        ],
        differences=_differences(comparison, name),
        calibration=_calibration(comparison, name),
        disagreements=_disagreements(comparison, name),
    )


def _differences(comparison, name):
    """Names, scores and differences of pairs of estimators, as text."""
    table = comparison.differences
    if table is None:
        return []
    digits = METRICS["mae"].digits_of(QUANTITIES[name])
    return [
        (
            *(str(row[column]) for column in ("estimator", "against")),
            METRICS[str(row["score"])].label,
            int(row["n"]),
            format_with_error(row["difference"], row["difference_err"], decimals=digits),
            format_with_error(100 * row["change"], 100 * row["change_err"], decimals=1),
        )
        for row in table[table["quantity"] == name]
    ]


def _calibration(comparison, name):
    """The figure of the calibration with an alternative text; None without posteriors."""
    names = comparison.with_posterior(name)
    if not names:
        return None
    metrics = comparison.metrics[comparison.metrics["quantity"] == name]
    shares = [
        f"{row['estimator']} {format_number(row['coverage_68'], decimals=2)}"
        for row in metrics[metrics["against"] == TRUTH]
        if row["estimator"] in names
    ]
    return {
        "source": figure_uri(comparison.plot_calibration(name), ".svg"),
        "alternative": f"Fraction of truths in the 68 % intervals of {name}: {', '.join(shares)}.",
    }


def _metric_row(metrics, metric, quantity):
    """Label, unit, description and formatted cells of one metric."""
    unit, digits = quantity.unit, metric.digits_of(quantity)
    cells = [
        format_with_error(value, error, decimals=digits)
        for value, error in zip(metrics[metric.name], metrics[f"{metric.name}_err"], strict=True)
    ]
    power = {0: "", 1: f"{unit or ''}", 2: f"{unit}²" if unit else ""}[metric.power]
    return metric.label, power, metric.description, cells


def _shown_against(comparison, metrics):
    """Tables to compare with in figures: the truth and the reference, or else the first."""
    offered = list(dict.fromkeys(str(name) for name in metrics["against"]))
    main = [name for name in (TRUTH, comparison.reference) if name in offered]
    return main or offered[:1]


def _figure(comparison, quantity, against):
    """A figure as data URI with a caption and an alternative text."""
    panels = comparison.panels(quantity, against=against)
    names = ", ".join(panel.name for panel in panels)
    return {
        "source": figure_uri(comparison.plot(quantity, against=against), ".svg"),
        "caption": f"{quantity} of {names} against {against}",
        "alternative": " ".join(_describe_panel(panel, quantity) for panel in panels),
    }


def _describe_panel(panel, quantity):
    """Alternative text of a row of a figure."""
    difference = residual(panel.y, panel.x)
    difference = difference[np.isfinite(difference)]
    if difference.size == 0:
        return f"{panel.name} and {panel.against} have no galaxy in common."
    median = format_number(np.median(difference), decimals=panel.digits, sign=True)
    return (
        f"{quantity} from {panel.name} against {panel.against} for {difference.size} galaxies: "
        f"scatter around the identity line, both distributions, and differences with median "
        f"{median}."
    )


def _disagreements(comparison, quantity):
    """Galaxies for which the estimators disagree most, as text; None if they do not."""
    tables = {name: t for name, t in comparison.tables.items() if gives(t, quantity)}
    found = largest_disagreements(tables, quantity)
    # A difference that is displayed as zero is not a disagreement.
    smallest = 0.5 * 10.0 ** -QUANTITIES[quantity].digits
    rows = [
        (str(row["id"]), [_value(row[name], quantity) for name in [*tables, "spread"]])
        for row in found
        if _plain(row["spread"]) >= smallest
    ]
    return {"columns": list(tables), "rows": rows} if rows else None


@dataclass(frozen=True)
class _Assumptions:
    """Section of the report on shifts due to assumptions."""

    quantity: object
    definitions: dict
    bins: list
    figure: dict


def _assumptions(comparison):
    """Shifts of A_V that exceed its uncertainty; None if no table has the required columns."""
    shifts = comparison.assumption_shifts(_ASSUMED)
    names = known_assumptions(shifts)
    if not names:
        return None
    statistics = shift_statistics(shifts, _ASSUMED)
    by_name = [statistics[statistics["assumption"] == name] for name in names]
    return _Assumptions(
        quantity=QUANTITIES[_ASSUMED],
        definitions={
            title: text.format(quantity=_ASSUMED, **shifts.meta)
            for title, text in (_ASSUMPTIONS[name] for name in names)
        },
        bins=[
            (_bin_label(rows[0]), [cell for row in rows for cell in _shift_cells(row)])
            for rows in zip(*by_name, strict=True)
        ],
        figure={
            "source": figure_uri(
                plot_assumption_shifts(shifts, quantity=_ASSUMED)[0].figure, ".svg"
            ),
            "alternative": " ".join(_describe_shift(rows[0]) for rows in by_name),
        },
    )


def _bin_label(row):
    """A bin as text."""
    low, high = (_plain(row[name]) for name in ("low", "high"))
    if not np.isfinite(low):
        return "all"
    return f"{low:g} to {high:g}" if np.isfinite(high) else f"{low:g} and more"


def _shift_cells(row):
    """Number, number and fraction beyond the half width, and both medians as text."""
    share = f" ({row['share']:.0%})".replace("%", " %") if row["n"] else ""
    return [
        f"{row['n']:,}",
        f"{row['n_exceeds']:,}{share}",
        _value(row["shift"]),
        _value(row["half_width"]),
    ]


def _describe_shift(row):
    """Alternative text of a panel of the figure."""
    return (
        f"The {_ASSUMPTIONS[row['assumption']][0]} moves {_ASSUMED} of {row['n_exceeds']} of "
        f"{row['n']} galaxies by more than the half width of the posterior; the median shift is "
        f"{_value(row['shift'])}."
    )


def _plain(number):
    """A number without its unit."""
    return float(getattr(number, "value", number))


def _value(number, quantity=_ASSUMED):
    """An estimate as text."""
    return format_column(_plain(number), quantity)


def _raised_flags(counts):
    """Flags of any row: name, description, count for each estimator."""
    return [
        (flag.name, flag.description, [int(count) for count in counts[flag.name]])
        for flag in FLAGS.values()
        if np.any(counts[flag.name])
    ]
