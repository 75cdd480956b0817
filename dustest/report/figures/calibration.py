"""Figures of the calibration of posteriors: coverage, PIT and ranks."""

from collections.abc import Mapping

import numpy as np
from scipy import stats

from dustest.data.checks.numbers import check_whole
from dustest.data.checks.tables import as_table
from dustest.data.errors import InputError
from dustest.report.figures._drawing import (
    AGAINST_COLOR,
    COLORS,
    INK,
    PAGE_WIDTH,
    ROW_HEIGHT,
    SMALL_FONT_SIZE,
    axis_label,
    dress,
    empty_figure,
    finite_values,
    plain_text,
)
from dustest.validation.columns import numeric_columns

__all__ = ["calibration_figure", "plot_coverage", "plot_coverage_cells", "plot_pit", "plot_ranks"]

_SIZE = 2.6
_BAND = {"color": AGAINST_COLOR, "alpha": 0.3, "lw": 0}
_LINE = {"color": INK, "lw": 0.8, "ls": ":", "zorder": 1}
# Half widths of the bands, in standard errors of calibrated posteriors.
_N_SIGMA = 2.0
_RANK_BINS = 20
_RANK_BAND = 0.99


def plot_coverage(tables, *, colors=None, ax=None):
    """Draw coverage curves: the fraction of truths inside intervals against their level.

    Curves below the diagonal are of intervals that are too narrow or shifted. The grey band is the
    range of two binomial standard errors about the diagonal for the smallest number of galaxies.

    Parameters
    ----------
    tables : QTable or dict of str to QTable
        Results of `~dustest.validation.coverage` at many levels, for one quantity, or of
        `~dustest.validation.tarp`, by name. Rows of cells are left out.
    colors : dict of str to str, optional
        Colour by name.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure that is not registered with pyplot.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    InputError
        If a table has other columns, or several quantities.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.report.figures import plot_coverage
    >>> from dustest.validation import coverage
    >>> rng = np.random.default_rng(1)
    >>> truth, draws = rng.normal(size=500), rng.normal(size=(500, 100))
    >>> levels = np.linspace(0.05, 0.95, 19)
    >>> ax = plot_coverage(coverage(truth, draws, "A_V", levels=levels))
    >>> ax.get_xlabel()
    'level'
    """
    named = _by_name(tables)
    curves = {name: _curve(table, name) for name, table in named.items()}
    ax = empty_figure(_SIZE, _SIZE).add_subplot() if ax is None else ax
    level = np.linspace(0.0, 1.0, 201)
    n = min(curve["n"].min() for curve in curves.values())
    error = _N_SIGMA * np.sqrt(level * (1 - level) / max(n, 1))
    ax.fill_between(level, level - error, level + error, **_BAND)
    ax.plot([0, 1], [0, 1], **_LINE)
    for (name, curve), color in zip(curves.items(), _colors(named, colors), strict=True):
        ax.plot(curve["level"], curve["coverage"], "o-", ms=2.5, lw=1.2, color=color, label=name)
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="level", ylabel="coverage")
    return _finish(ax, named, "upper left")


def plot_pit(tables, *, colors=None, ax=None):
    """Draw histograms of the probability integral transform (PIT).

    The histogram of calibrated posteriors is flat. It is high at both ends for posteriors that are
    too narrow, in the middle for ones that are too wide, and at one end for biased ones. The grey
    band is the range of two binomial standard errors.

    Parameters
    ----------
    tables : QTable or dict of str to QTable
        Results of `~dustest.validation.pit_histogram` with the same bins, by name.
    colors : dict of str to str, optional
        Colour by name.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure that is not registered with pyplot.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    InputError
        If a table has other columns.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.report.figures import plot_pit
    >>> from dustest.validation import pit_histogram
    >>> rng = np.random.default_rng(1)
    >>> narrow = rng.normal(scale=0.5, size=(500, 100))
    >>> ax = plot_pit({"narrow": pit_histogram(rng.normal(size=500), narrow)})
    >>> ax.get_ylabel()
    'density'
    """
    named = _by_name(tables)
    names = ["low", "high", "density", "density_err"]
    bins = {name: numeric_columns(table, names, argument=name) for name, table in named.items()}
    ax = empty_figure(_SIZE, _SIZE).add_subplot() if ax is None else ax
    widest = max((one["density_err"][0] for one in bins.values()), default=0.0)
    ax.axhspan(1 - _N_SIGMA * widest, 1 + _N_SIGMA * widest, **_BAND)
    ax.axhline(1.0, **_LINE)
    for (name, one), color in zip(bins.items(), _colors(named, colors), strict=True):
        edges = np.append(one["low"], one["high"][-1])
        ax.stairs(one["density"], edges, baseline=None, color=color, lw=1.2, label=name)
    highest = max(np.nanmax(one["density"], initial=1.0) for one in bins.values())
    ax.set(xlim=(0, 1), ylim=(0, 1.15 * max(highest, 1.5)), xlabel="PIT", ylabel="density")
    return _finish(ax, named, "upper center")


def plot_ranks(ranks, n_draws, *, n_bins=None, ax=None):
    """Draw the histogram of ranks of the truth among draws, for simulation-based calibration.

    The grey band contains 99 % of the counts of a bin for calibrated draws.

    Parameters
    ----------
    ranks : array_like of shape (n,)
        Result of `~dustest.validation.rank_statistics`.
    n_draws : int
        Number of draws; ranks are from 0 to this number.
    n_bins : int, optional
        Number of bins; by default 20, or one for each rank of few draws.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure that is not registered with pyplot.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    InputError
        If a number is not positive, there are more bins than ranks, or a rank is beyond
        ``n_draws``.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.report.figures import plot_ranks
    >>> from dustest.validation import rank_statistics
    >>> rng = np.random.default_rng(1)
    >>> ranks = rank_statistics(rng.normal(size=500), rng.normal(size=(500, 99)), random_state=1)
    >>> ax = plot_ranks(ranks, 99)
    >>> ax.get_xlabel()
    'rank'
    """
    n_draws = check_whole(n_draws, "n_draws")
    n_bins = check_whole(min(_RANK_BINS, n_draws + 1) if n_bins is None else n_bins, "n_bins")
    values = finite_values(ranks)
    if n_bins > n_draws + 1:
        msg = f"n_bins must be at most {n_draws + 1}, the number of ranks, got {n_bins}"
        raise InputError(msg)
    if values.size and not (values.min() >= 0 and values.max() <= n_draws):
        msg = (
            f"ranks must be from 0 to n_draws, {n_draws}, got {values.min():g} to {values.max():g}"
        )
        raise InputError(msg)
    edges = np.round(np.linspace(0, n_draws + 1, n_bins + 1)) - 0.5
    share = np.diff(edges) / (n_draws + 1)
    ax = empty_figure(_SIZE, _SIZE).add_subplot() if ax is None else ax
    low, high = stats.binom.interval(_RANK_BAND, values.size, share)
    ax.stairs(high, edges, baseline=low, fill=True, **_BAND)
    ax.stairs(values.size * share, edges, baseline=None, **_LINE)
    ax.stairs(np.histogram(values, edges)[0], edges, baseline=None, color=COLORS[0], lw=1.2)
    ax.set(xlim=(edges[0], edges[-1]), xlabel="rank", ylabel="galaxies")
    ax.set_ylim(bottom=0)
    return dress(ax)


def plot_coverage_cells(tables, by, *, colors=None, ax=None):
    """Draw the coverage in cells of a column, one line for each level and name.

    Dotted lines are the levels, and grey bands the range of two binomial standard errors about
    them.

    Parameters
    ----------
    tables : QTable or dict of str to QTable
        Results of `~dustest.validation.coverage` for one quantity, by name.
    by : str
        Column of the cells.
    colors : dict of str to str, optional
        Colour by name.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure that is not registered with pyplot.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The axes, with cells at the middle of their edges.

    Raises
    ------
    InputError
        If a table has other columns, several quantities, or no cells of the column.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.report.figures import plot_coverage_cells
    >>> from dustest.validation import coverage
    >>> rng = np.random.default_rng(1)
    >>> truth, draws, snr = rng.normal(size=900), rng.normal(size=(900, 99)), rng.uniform(size=900)
    >>> table = coverage(truth, draws, "A_V", by={"snr": snr}, n_cells=3)
    >>> ax = plot_coverage_cells(table, "snr")
    >>> ax.get_xlabel()
    'snr'
    """
    named = _by_name(tables)
    cells = {name: _cells(table, by, name) for name, table in named.items()}
    ax = empty_figure(_SIZE, 1.3 * _SIZE).add_subplot() if ax is None else ax
    first = next(iter(cells.values()))
    for level in np.unique(first["level"]):
        rows = first["level"] == level
        edges = np.append(first["low"][rows], first["high"][rows][-1])
        error = _N_SIGMA * first["coverage_err"][rows]
        ax.stairs(level + error, edges, baseline=level - error, fill=True, **_BAND)
        ax.axhline(level, **_LINE)
    for (name, one), color in zip(cells.items(), _colors(named, colors), strict=True):
        for i, level in enumerate(np.unique(one["level"])):
            rows = one["level"] == level
            middle = (one["low"][rows] + one["high"][rows]) / 2
            label = name if i == 0 else None
            ax.plot(middle, one["coverage"][rows], "o-", ms=3, lw=1, color=color, label=label)
    ax.set(ylim=(0, 1.02), xlabel=axis_label(by), ylabel="coverage")
    return _finish(ax, named, "lower right")


def calibration_figure(curves, histograms, cells, *, quantity, colors=None):
    """Coverage curves, PIT histograms and coverage in cells of the prediction, side by side.

    Parameters
    ----------
    curves, histograms, cells : dict of str to QTable
        Tables of `plot_coverage`, `plot_pit` and `plot_coverage_cells`, by name.
    quantity : str
        Column of the cells.
    colors : dict of str to str, optional
        Colour by name.

    Returns
    -------
    figure : `~matplotlib.figure.Figure`
        The figure, not registered with pyplot.
    """
    figure = empty_figure(ROW_HEIGHT, PAGE_WIDTH)
    axes = figure.subplots(1, 3)
    plot_coverage(curves, colors=colors, ax=axes[0])
    plot_pit(histograms, colors=colors, ax=axes[1])
    plot_coverage_cells(cells, quantity, colors=colors, ax=axes[2])
    for ax in axes[1:]:
        if ax.get_legend() is not None:
            ax.get_legend().remove()
    return figure


def _by_name(tables):
    """Tables by name; one without a name has none."""
    is_one = not isinstance(tables, Mapping) or not all(
        hasattr(table, "colnames") for table in tables.values()
    )
    named = {"": as_table(tables, "tables")} if is_one else dict(tables)
    if not named:
        msg = "tables must hold at least one table, got none"
        raise InputError(msg)
    return named


def _colors(named, colors):
    """Colour of each name."""
    own = {name: COLORS[i % len(COLORS)] for i, name in enumerate(named)}
    return list((own | {name: c for name, c in (colors or {}).items() if name in own}).values())


def _curve(table, name):
    """Columns of the rows for all galaxies."""
    table = as_table(table, name or "tables")
    if "by" in table.colnames:
        table = table[np.asarray(table["by"]) == "all"]
    _check_one_quantity(table)
    return numeric_columns(table, ["level", "coverage", "n"], argument=name or "tables")


def _cells(table, by, name):
    """Columns of the rows for cells of a column."""
    table = as_table(table, name or "tables")
    _check_one_quantity(table)
    rows = np.asarray(table["by"]) == by
    if not rows.any():
        known = sorted(set(np.asarray(table["by"]).tolist()) - {"all"})
        msg = (
            f"by must be a column with cells, got {by!r}; these are: {', '.join(known) or 'none'}"
        )
        raise InputError(msg)
    names = ["level", "low", "high", "coverage", "coverage_err"]
    return numeric_columns(table[rows], names, argument=name or "tables")


def _check_one_quantity(table):
    """Raise an error for rows of several quantities."""
    if "quantity" in table.colnames and len(set(table["quantity"])) > 1:
        msg = (
            f"tables must be of one quantity, got {', '.join(sorted(set(table['quantity'])))}: "
            'select rows, such as table[table["quantity"] == "A_V"]'
        )
        raise InputError(msg)


def _finish(ax, named, place):
    """Legend, if there are names, and style."""
    if any(named):
        handles, labels = ax.get_legend_handles_labels()
        labels = [plain_text(label) for label in labels]
        ax.legend(handles, labels, loc=place, frameon=False, fontsize=SMALL_FONT_SIZE)
    return dress(ax)
