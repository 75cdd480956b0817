"""What a comparison says, in words."""

from itertools import combinations

import numpy as np

from dustest.data.flags import FLAGS
from dustest.data.formatting import format_value
from dustest.data.quantities import QUANTITIES, percentile_columns
from dustest.validation.disagreement import spread_of
from dustest.validation.matching import (
    TRUTH,
    aligned_column,
    all_ids,
    gives,
    identified,
    values_of,
)

__all__ = ["main_quantity", "verdict"]

_MAIN = "A_V"
_BASELINE = "ConstantEstimator"
_BIASED = 0.5
"""Share of the mean absolute error from which on a bias explains it."""
_SIGMA = 2.0
"""Standard errors by which the errors of two methods differ."""
_MANY = 0.1
"""Share of galaxies from which on a flag explains an error."""
_PRIOR = "PRIOR_DOMINATED"


def main_quantity(comparison):
    """Quantity that a comparison is about: A_V, or the first that is compared.

    Parameters
    ----------
    comparison : `~dustest.report.Comparison`
        The comparison.

    Returns
    -------
    name : str
        A key of `~dustest.data.QUANTITIES`.
    """
    found = comparison.quantities
    return _MAIN if _MAIN in found or not found else found[0]


def verdict(comparison, quantity=None):
    """Say what the methods of a comparison find, where they disagree, and how they fare.

    Parameters
    ----------
    comparison : `~dustest.report.Comparison`
        The comparison.
    quantity : str, optional
        A key of `~dustest.data.QUANTITIES`; by default A_V, or the first that is compared.

    Returns
    -------
    sentences : list of str
        In words, without markup.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> from dustest import compare
    >>> from dustest.data import DustTable
    >>> from dustest.report.verdict import verdict
    >>> ids, truth = [1, 2, 3], QTable({"id": [1, 2, 3], "A_V": [0.1, 0.5, 0.9]})
    >>> one = DustTable.from_quantities(ids, {"A_V": [0.2, 0.5, 0.9]})
    >>> two = DustTable.from_quantities(ids, {"A_V": [0.6, 1.1, 1.4]})
    >>> sentences = verdict(compare({"one": one, "two": two}, truth=truth))
    >>> print(sentences[0])
    3 galaxies, 2 methods. Median A_V: one 0.500, two 1.10 mag.
    >>> print(sentences[2])
    Mean absolute error of A_V: one 0.033, two 0.533 mag; the median of all truths has 0.267.
    """
    quantity = main_quantity(comparison) if quantity is None else quantity
    tables = {
        name: table
        for name, table in identified(comparison.tables).items()
        if gives(table, quantity)
    }
    methods = {name: table for name, table in tables.items() if not _is_baseline(table)}
    if not methods:
        return [f"No method gives {quantity}."]
    sentences = [_answers(methods, quantity)]
    if len(methods) > 1:
        sentences.append(_disagreement(methods, quantity))
    if comparison.truth is not None and gives(comparison.truth, quantity):
        constants = [name for name in tables if name not in methods]
        sentences += _scores(comparison, methods, constants, quantity)
    return sentences


def _is_baseline(table):
    """Whether a result is that of a constant."""
    return table.meta.get("estimator") == _BASELINE


def _answers(methods, quantity):
    """Numbers of galaxies and methods, and the median of each method."""
    n = max(len(table) for table in methods.values())
    medians = []
    for name, table in methods.items():
        known = values_of(table, quantity)
        known = known[np.isfinite(known)]
        text = format_value(np.median(known)) if known.size else "none"
        missing = n - known.size
        medians.append(f"{name} {text}" + (f" ({missing} without a value)" if missing else ""))
    count = f"{n:,} {'galaxy' if n == 1 else 'galaxies'}, {len(methods)} "
    count += "method" if len(methods) == 1 else "methods"
    return f"{count}. Median {quantity}: {', '.join(medians)}{_unit(quantity)}."


def _disagreement(methods, quantity):
    """How far methods differ, for how many galaxies beyond their intervals, and for which most."""
    ids = all_ids(methods)
    values = [aligned_column(table, quantity, ids) for table in methods.values()]
    spread = spread_of(np.stack(values))
    known = spread[np.isfinite(spread)]
    if not known.size:
        return "No galaxy has a value from two methods."
    unit = _unit(quantity)
    middle = f"{format_value(np.median(known))}{unit}"
    text = f"The methods differ by more than {middle} for half of the galaxies"
    apart = _apart(methods, quantity, ids)
    if apart is not None:
        share = f"{100 * apart.sum() / known.size:.0f} %"
        text += f", and beyond their 68 % intervals, which do not touch, for {share}"
    most = ids[np.nanargmax(spread)]
    return f"{text}. They differ most for galaxy {most}: by {format_value(known.max())}{unit}."


def _apart(methods, quantity, ids):
    """Galaxies for which the intervals of two methods do not touch, None without intervals."""
    ends = [
        [aligned_column(table, column, ids) for column in percentile_columns(quantity)]
        for table in methods.values()
    ]
    ends = [(low, high) for low, high in ends if np.isfinite(low).any()]
    if len(ends) < 2:
        return None
    return np.any([(a[0] > b[1]) | (b[0] > a[1]) for a, b in combinations(ends, 2)], axis=0)


def _scores(comparison, methods, constants, quantity):
    """Errors against the truth, beside those of a constant, and why methods lose to it."""
    table = comparison.metrics
    rows = table[(table["quantity"] == quantity) & (table["against"] == TRUTH)]
    errors = {str(row["estimator"]): row for row in rows if np.isfinite(row["mae"])}
    scored = [name for name in methods if name in errors]
    if not scored:
        return []
    unit = _unit(quantity)
    listed = ", ".join(f"{name} {_short(errors[name]['mae'])}" for name in scored)
    known = [name for name in constants if name in errors]
    if known:
        constant, what = float(errors[known[0]]["mae"]), f"{known[0]}, a constant,"
    else:
        truths = values_of(comparison.truth, quantity)
        truths = truths[np.isfinite(truths)]
        constant = float(np.abs(truths - np.median(truths)).mean())
        what = "the median of all truths"
    sentences = [
        f"Mean absolute error of {quantity}: {listed}{unit}; {what} has {_short(constant)}."
    ]
    for name in scored:
        gain = constant - errors[name]["mae"]
        noise = _error_of_difference(comparison, name, known, quantity)
        if gain > _SIGMA * noise:
            continue
        words = "worse than this constant"
        if gain >= -_SIGMA * noise:
            words = "no better than this constant within the errors"
        reason = _reason(methods[name], errors[name], quantity)
        sentences.append(f"{name} is {words}: {reason}.")
    return sentences


def _error_of_difference(comparison, name, constants, quantity):
    """Error of the difference from the mean absolute error of a constant; 0 if it is unknown."""
    table = comparison.differences
    if table is None or not constants:
        return 0.0
    pairs = {(name, constants[0]), (constants[0], name)}
    for row in table[(table["quantity"] == quantity) & (table["score"] == "mae")]:
        if (str(row["estimator"]), str(row["against"])) in pairs:
            return float(np.nan_to_num(row["difference_err"]))
    return 0.0


def _reason(table, row, quantity):
    """Why a method may lose to a constant."""
    bias, error, unit = float(row["bias"]), float(row["mae"]), _unit(quantity)
    if abs(bias) > _BIASED * error:
        side = "high" if bias > 0 else "low"
        return (
            f"it is too {side} by {_short(abs(bias))}{unit} on average, so that its law, prior or "
            "relation does not suit these galaxies"
        )
    weak = np.mean(np.asarray(table["flags"]) & FLAGS[_PRIOR].value > 0)
    if weak > _MANY:
        return (
            f"for {100 * weak:.0f} % of the galaxies the data hardly change its prior, whose "
            "median is not that of these galaxies"
        )
    return (
        f"its values scatter by {_short(row['sigma'])}{unit} about the truth, more than the "
        "truths differ: the data are too noisy for it, or light that it does not know of matters"
    )


def _short(value):
    """An error with two significant digits at least, as in the table of metrics."""
    return f"{float(value):.3f}" if abs(value) < 10 else format_value(float(value))


def _unit(quantity):
    """Unit of a quantity after a number."""
    unit = QUANTITIES[quantity].unit
    return "" if unit is None else f" {unit}"
