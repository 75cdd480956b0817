"""Figure of a benchmark: errors and coverage of methods."""

import numpy as np

from dustest.data.errors import InputError
from dustest.report.figures._drawing import (
    AGAINST_COLOR,
    COLORS,
    INK,
    PAGE_WIDTH,
    dress,
    empty_figure,
    plain_text,
)
from dustest.validation.columns import numeric_columns

__all__ = ["plot_benchmark"]

# In inches.
_MARGIN, _ROW = 0.7, 0.2
_COLUMNS = ("ratio", "ratio_err", "coverage_68", "coverage_68_err")
_NOMINAL = 0.68


def plot_benchmark(table, *, highlight=(), axes=None):
    """Draw the error over that of the baseline, and the coverage, a line for each method.

    Bars are standard errors. Lines are the baseline and the nominal coverage.

    Parameters
    ----------
    table : QTable
        Result of `dustest.studies.BenchmarkCard.table`.
    highlight : sequence of str, optional
        Methods in another colour.
    axes : sequence of two `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure that is not registered with pyplot.

    Returns
    -------
    axes : ndarray of `~matplotlib.axes.Axes`
        The axes: errors and coverage.

    Raises
    ------
    InputError
        If a column is missing, or there is no method.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> from dustest.report.figures import plot_benchmark
    >>> columns = {"method": ["network", "slope"], "ratio": [0.7, 1.2], "ratio_err": [0.1, 0.1]}
    >>> columns |= {"coverage_68": [0.67, 0.49], "coverage_68_err": [0.02, 0.02]}
    >>> axes = plot_benchmark(QTable(columns))
    >>> [tick.get_text() for tick in axes[0].get_yticklabels()]
    ['network', 'slope']
    """
    columns = numeric_columns(table, _COLUMNS)
    if len(table) == 0:
        msg = "table must have a method with a score of the quantity, got none"
        raise InputError(msg)
    if axes is None:
        figure = empty_figure(_MARGIN + _ROW * len(table), PAGE_WIDTH)
        axes = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    axes = np.asarray(axes)
    names = [str(name) for name in table["method"]]
    colors = [COLORS[1] if name in highlight else COLORS[0] for name in names]
    labels = ("MAE over that of the baseline", "truths in the 68 % interval")
    for ax, kind, nominal, label in zip(
        axes, ("ratio", "coverage_68"), (1.0, _NOMINAL), labels, strict=True
    ):
        ax.axvline(nominal, color=AGAINST_COLOR, lw=0.8, ls="--", zorder=0)
        values = zip(columns[kind], columns[f"{kind}_err"], colors, strict=True)
        for place, (value, error, color) in enumerate(values):
            ax.errorbar(value, place, xerr=error, fmt="o", ms=4, lw=1.2, color=color)
        ax.set_xlabel(label)
        dress(ax)
    axes[0].set_yticks(np.arange(len(names)), [plain_text(name) for name in names], color=INK)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    return axes
