"""Figure of shifts of A_V by assumptions."""

import numpy as np
from astropy import units as u

from dustest.data.errors import InputError
from dustest.report.figures._drawing import (
    AGAINST_COLOR,
    COLORS,
    INK,
    PAGE_WIDTH,
    SMALL_FONT_SIZE,
    axis_label,
    dress,
    empty_figure,
    plain_text,
)
from dustest.validation.columns import numeric_columns

__all__ = ["plot_error_budget"]

# In inches.
_MARGIN, _ROW = 0.9, 0.24
_SHIFTS = ("shift", "shift_p16", "shift_p84")
_LEGEND_STYLE = {"frameon": False, "fontsize": SMALL_FONT_SIZE, "loc": "lower center"}
_MAX_LEGEND_COLUMNS = 4


def plot_error_budget(table, *, ax=None):
    """Draw shifts of A_V, a line for each variation.

    Dots and bars are the median and the 16th to 84th percentile of the shifts, in the colour of
    their assumption. Per cents are the galaxies that are moved by more than half their 68 %
    interval. The grey band is the median half interval of the reference.

    Parameters
    ----------
    table : QTable
        Result of `dustest.studies.ErrorBudget.table`.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure that is not registered with pyplot.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    InputError
        If a column is missing, or there is no variation.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import QTable
    >>> from dustest.report.figures import plot_error_budget
    >>> columns = {"assumption": ["prior", "dust law"], "variation": ["flat", "SMC"]}
    >>> columns |= {"shift": [0.2, -0.1] * u.mag, "shift_p16": [0.1, -0.2] * u.mag}
    >>> columns |= {"shift_p84": [0.3, 0.0] * u.mag, "moved": [0.8, 0.4]}
    >>> ax = plot_error_budget(QTable(columns))
    >>> [tick.get_text() for tick in ax.get_yticklabels()]
    ['flat', 'SMC']
    """
    columns = numeric_columns(table, [*_SHIFTS, "moved"], units=dict.fromkeys(_SHIFTS, u.mag))
    n = len(table)
    if n == 0:
        msg = "table must have a variation with a result, got none: see left_out of the budget"
        raise InputError(msg)
    if ax is None:
        ax = empty_figure(_MARGIN + _ROW * n, 0.75 * PAGE_WIDTH).subplots()
    middle, low, high = (columns[name] for name in _SHIFTS)
    assumptions = np.array(table["assumption"])
    for number, name in enumerate(dict.fromkeys(assumptions.tolist())):
        rows = np.flatnonzero(assumptions == name)
        spread = np.stack([middle - low, high - middle])[:, rows]
        style = {"fmt": "o", "ms": 4, "lw": 1.2, "color": COLORS[number % len(COLORS)]}
        ax.errorbar(middle[rows], rows, xerr=spread, label=plain_text(name), **style)
    _dress(ax, table, columns["moved"])
    return ax


def _dress(ax, table, moved):
    """Names, fractions, the half interval and the legend."""
    n, half_width = len(table), table.meta.get("half_width")
    ax.axvline(0.0, color=INK, lw=0.6, ls=":", zorder=0)
    if half_width is not None:
        ax.axvspan(-half_width, half_width, color=AGAINST_COLOR, alpha=0.25, lw=0, zorder=0)
    for place, share in enumerate(moved):
        text = "" if np.isnan(share) else f"{share:.0%}"
        ax.text(
            1.01,
            place,
            text,
            transform=ax.get_yaxis_transform(),
            va="center",
            fontsize=SMALL_FONT_SIZE,
        )
    ax.set_yticks(np.arange(n), [plain_text(name) for name in table["variation"]])
    ax.set_ylim(n - 0.5, -0.5)
    ax.set_xlabel(f"shift of {axis_label('A_V')}")
    columns = min(_MAX_LEGEND_COLUMNS, len(set(table["assumption"])))
    ax.legend(bbox_to_anchor=(0.5, 1.0), ncols=columns, **_LEGEND_STYLE)
    dress(ax)
