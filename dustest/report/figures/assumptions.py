"""Figure of shifts due to assumptions, compared with the uncertainties."""

import numpy as np
from astropy.table import QTable

from dustest.data.errors import InputError
from dustest.data.quantities import QUANTITIES
from dustest.report.figures._drawing import (
    AGAINST_COLOR,
    COLORS,
    FONT_SIZE,
    INK,
    PAGE_WIDTH,
    SMALL_FONT_SIZE,
    axis_label,
    count_outside,
    crowd_points,
    dress,
    empty_figure,
    mark_outside,
    value_limits,
)
from dustest.validation.binned import binned_statistics
from dustest.validation.columns import numeric_columns
from dustest.validation.sensitivity import ASSUMPTIONS

__all__ = ["known_assumptions", "plot_assumption_shifts"]

# In inches.
_HEIGHT = 2.9
_SHIFT_LABELS = {
    "prior": "flat − log prior",
    "history": "range over histories",
}
_WIDTH_LABEL = "half width"
_MARKS = (
    {"label": "shift within it", "color": COLORS[0]},
    {"label": "shift beyond it", "color": COLORS[1], "marker": "^", "zorder": 3},
)
_LEGEND_STYLE = {
    "frameon": False,
    "fontsize": SMALL_FONT_SIZE,
    "handlelength": 1.4,
    "columnspacing": 1.2,
    "borderaxespad": 0.3,
}
_LEGEND_MARK = 16
# Quantities with a large dynamic range.
_LOGARITHMIC = ("A_V", "E_BV")
# For more galaxies, the half widths are drawn as a band.
_MAX_LINKS = 60
_MIN_BIN_SIZE = 12
_MAX_BINS = 12
# Largest range of a logarithmic axis.
_MAX_DECADES = 4
# Fractions of the height for the legend, and below points at the lower edge.
_LEGEND_ROOM = 0.14
_EDGE_ROOM = 0.02


def known_assumptions(shifts):
    """Assumptions with a known shift for at least one galaxy.

    Parameters
    ----------
    shifts : QTable
        Result of `~dustest.validation.assumption_shifts`.

    Returns
    -------
    names : list of str
        ``"prior"``, ``"history"``, or both.

    Raises
    ------
    InputError
        If the table has no shifts.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.table import QTable
    >>> from dustest.report.figures.assumptions import known_assumptions
    >>> known_assumptions(QTable({"prior_shift": [0.1], "history_shift": [np.nan]}))
    ['prior']
    """
    names = [f"{name}_shift" for name in ASSUMPTIONS]
    columns = numeric_columns(shifts, names, argument="shifts")
    return [name for name in ASSUMPTIONS if np.isfinite(columns[f"{name}_shift"]).any()]


def plot_assumption_shifts(shifts, *, quantity="A_V", axes=None):
    """Draw the shift of each galaxy under other assumptions, and the half width of its posterior.

    There is a panel for the prior and one for the star-formation history, if known. Triangles are
    galaxies whose shift is larger than the half width, the uncertainty; points are the others. Up
    to 60 galaxies are linked to their own half width; for more, a line and a band show the median
    and the 16th to 84th percentile of the half widths in bins of equally many galaxies. Axes are
    logarithmic and span four decades at most, except for that of a quantity that may be negative.
    Smaller shifts are drawn at the lower edge, and galaxies beyond the other edges are counted in
    a note.

    Parameters
    ----------
    shifts : QTable
        Result of `~dustest.validation.assumption_shifts`.
    quantity : str, optional
        The quantity of the shifts.
    axes : sequence of `~matplotlib.axes.Axes`, optional
        Axes to draw on, one for each known assumption; by default those of a new figure that is
        not registered with pyplot.

    Returns
    -------
    axes : list of `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    InputError
        If a column is missing, no shift is known, or the number of axes is not that of known
        assumptions.

    See Also
    --------
    dustest.validation.shift_statistics : Numbers of these shifts.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> from dustest.report.figures import plot_assumption_shifts
    >>> shifts = QTable(
    ...     {
    ...         "A_V": [0.05, 0.3],
    ...         "half_width": [0.1, 0.1],
    ...         "prior_shift": [0.3, 0.02],
    ...         "history_shift": [0.04, 0.15],
    ...     }
    ... )
    >>> axes = plot_assumption_shifts(shifts)
    >>> [ax.get_title() for ax in axes]
    ['1 of 2 galaxies beyond the half width', '1 of 2 galaxies beyond the half width']
    """
    names = known_assumptions(shifts)
    if not names:
        msg = (
            "shifts must hold a finite prior_shift or history_shift, got none; they need fits "
            "under two priors or with several star-formation histories"
        )
        raise InputError(msg)
    axes = _new_axes(len(names)) if axes is None else list(np.ravel(axes))
    if len(axes) != len(names):
        msg = f"axes must hold one for each of {', '.join(names)}, got {len(axes)}"
        raise InputError(msg)
    for ax, name in zip(axes, names, strict=True):
        _panel(ax, _known_rows(shifts, quantity, name), quantity)
        ax.set_ylabel(f"{axis_label(quantity)}: {_SHIFT_LABELS[name]}")
        dress(ax)
    return axes


def _new_axes(n):
    """Axes of a new figure, side by side, up to the width of a page."""
    figure = empty_figure(_HEIGHT, PAGE_WIDTH * n / len(ASSUMPTIONS))
    return list(figure.subplots(1, n, squeeze=False)[0])


def _known_rows(shifts, quantity, name):
    """Value, size of the shift and half width of the galaxies that have all three."""
    columns = {"value": quantity, "shift": f"{name}_shift", "width": "half_width"}
    units = dict.fromkeys(columns.values(), QUANTITIES[quantity].unit)
    plain = numeric_columns(shifts, list(columns.values()), argument="shifts", units=units)
    rows = QTable({short: plain[column] for short, column in columns.items()})
    rows["shift"] = np.abs(rows["shift"])
    return rows[np.isfinite(np.stack(list(rows.columns.values()))).all(axis=0)]


def _panel(ax, rows, quantity):
    """Points, half widths, limits, legend and title of one assumption."""
    beyond = rows["shift"] > rows["width"]
    floor = _frame(ax, rows, quantity)
    for name in ("shift", "width"):
        rows[name] = np.maximum(rows[name], floor)
    _half_widths(ax, rows)
    for marked, style in zip((~beyond, beyond), _MARKS, strict=True):
        crowd_points(ax, rows["value"][marked], rows["shift"][marked], n=len(rows), **style)
    mark_outside(ax, count_outside(ax, rows["value"], rows["shift"]), "lower right")
    for handle in ax.legend(loc="upper center", ncols=3, **_LEGEND_STYLE).legend_handles[1:]:
        handle.set(alpha=1.0, sizes=[_LEGEND_MARK])
    title = f"{np.count_nonzero(beyond):,} of {len(rows):,} galaxies beyond the half width"
    ax.set_title(title, fontsize=FONT_SIZE)


def _frame(ax, rows, quantity):
    """Scales, limits and the horizontal label; returns the position of smaller values."""
    low, high = _log_limits(rows["shift"], rows["width"])
    height = (high / low) ** (1 / (1 - _LEGEND_ROOM))
    ax.set(yscale="log", ylim=(low, low * height), xlabel=axis_label(quantity))
    if quantity in _LOGARITHMIC:
        ax.set(xscale="log", xlim=_log_limits(rows["value"]))
    else:
        ax.set_xlim(value_limits(rows["value"]))
    return low * height**_EDGE_ROOM


def _log_limits(*columns):
    """Limits of a logarithmic axis around the positive values, within the largest range."""
    values = np.concatenate(columns)
    values = values[values > 0]
    if values.size == 0:
        return 0.01, 1.0
    low, high = 0.8 * values.min(), 1.25 * values.max()
    return max(low, high / 10**_MAX_DECADES), high


def _half_widths(ax, rows):
    """Draw the uncertainty of every galaxy, or as a band for many."""
    if len(rows) <= _MAX_LINKS:
        x, shift, width = rows.columns.values()
        ax.vlines(x, shift, width, color=AGAINST_COLOR, lw=0.6, zorder=1)
        ax.plot(x, width, "_", color=INK, ms=5, zorder=1, label=_WIDTH_LABEL)
        return
    n_bins = min(len(rows) // _MIN_BIN_SIZE, _MAX_BINS)
    inner = np.quantile(rows["value"], np.arange(1, n_bins) / n_bins)
    left, right = ax.get_xlim()
    edges = np.unique([left, *np.clip(inner, left, right), right])
    width = binned_statistics(rows, "width", by="value", edges=edges)
    band = {"fill": True, "color": AGAINST_COLOR, "alpha": 0.3, "lw": 0}
    ax.stairs(width["p84"], edges, baseline=width["p16"], **band)
    ax.stairs(
        width["median"], edges, baseline=None, color=INK, lw=1.2, zorder=4, label=_WIDTH_LABEL
    )
