"""Two sets of values for the same galaxies: one-to-one, distributions, differences.

They use neither pyplot nor matplotlib's global settings, so that a report does not affect the
figures of a user's session.
"""

from dataclasses import dataclass, field

import numpy as np
from astropy.stats import mad_std

from dustest.data.checks.units import declared_unit
from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError
from dustest.data.formatting import decimals_for, format_number
from dustest.data.quantities import QUANTITIES, percentile_columns
from dustest.report.figures._drawing import (
    AGAINST_COLOR,
    COLORS,
    FONT_SIZE,
    INK,
    ROW_HEIGHT,
    SMALL_FONT_SIZE,
    crowd_points,
    density_contours,
    dress,
    empty_figure,
    finite_values,
    mark_outside,
    plain_text,
    suitable_bins,
    value_limits,
)
from dustest.validation.matching import match_rows, values_of
from dustest.validation.metrics import METRICS, residual

__all__ = [
    "CONTOUR_FRACTIONS",
    "Panel",
    "comparison_figure",
    "differences",
    "histograms",
    "matched_panel",
    "one_to_one",
]

CONTOUR_FRACTIONS = (0.1, 0.3, 0.5, 0.7, 0.95)
"""Fractions of the points that the density contours enclose."""

_MIN_CONTOUR_POINTS = 20
_LEGEND_STYLE = {"fontsize": SMALL_FONT_SIZE, "handlelength": 1.2, "borderaxespad": 0.3}
_MAX_ERROR_BARS = 60
# Characters in a line of a label beside the longest quantity.
_MAX_NAMES = 15
_MAX_PAIR = 28


@dataclass(frozen=True)
class Panel:
    """Estimates of one quantity and reference values, for the same galaxies.

    Parameters
    ----------
    name, against : str
        Names of the estimates, and of the reference values.
    x, y : ndarray of shape (n,)
        Values of ``against`` and of ``name``.
    xerr, yerr : ndarray of shape (2, n), optional
        Distances down to the 16th and up to the 84th percentile.
    color : str, optional
        Colour of ``name``.
    n_asked : int, optional
        Number of galaxies without missing values, if the figure should state how many are
        missing.
    digits : int, optional
        Decimals of differences; by default two significant digits.
    """

    name: str
    against: str
    x: np.ndarray = field(repr=False)
    y: np.ndarray = field(repr=False)
    xerr: np.ndarray | None = field(default=None, repr=False)
    yerr: np.ndarray | None = field(default=None, repr=False)
    color: str = COLORS[0]
    n_asked: int | None = None
    digits: int | None = None

    @property
    def n_used(self):
        """Number of galaxies with both values."""
        return int(np.count_nonzero(np.isfinite(self.x) & np.isfinite(self.y)))


def matched_panel(names, table, other, quantity, **options):
    """Match estimates of one quantity and reference values, row by row.

    Parameters
    ----------
    names : (str, str)
        Names of the estimates, and of the reference values.
    table, other : Table
        Results of the two with ``id``. Galaxies in only one of them are left out.
    quantity : str
        A key of `~dustest.data.QUANTITIES`.
    **options
        Further fields of `Panel`.

    Returns
    -------
    panel : Panel
        Data of the galaxies in both tables, with error bars from their percentiles.

    Raises
    ------
    InputError
        If no identifier is in both tables.

    Examples
    --------
    >>> from dustest.data import DustTable
    >>> from dustest.report.figures.panels import matched_panel
    >>> one = DustTable.from_quantities(["a", "b"], {"A_V": [0.2, 0.5]})
    >>> two = DustTable.from_quantities(["b", "a"], {"A_V": [0.4, 0.1]})
    >>> matched_panel(("one", "two"), one, two, "A_V").x
    array([0.1, 0.4])
    """
    rows, other_rows = match_rows(table["id"], other["id"], names=names)
    table, other = table[rows], other[other_rows]
    return Panel(
        *names,
        x=values_of(other, quantity),
        y=values_of(table, quantity),
        xerr=_error_bars_of(other, quantity),
        yerr=_error_bars_of(table, quantity),
        digits=METRICS["bias"].digits_of(QUANTITIES[quantity]),
        **options,
    )


def _error_bars_of(table, quantity):
    """Distances from the median down to the 16th and up to the 84th percentile."""
    low, high = (values_of(table, column) for column in percentile_columns(quantity))
    median = values_of(table, quantity)
    return np.stack([median - low, high - median])


def one_to_one(x, y, *, ax, xerr=None, yerr=None, color=COLORS[0], limits=None):
    """Scatter of two sets of values with the identity line and density contours.

    The contours enclose `CONTOUR_FRACTIONS` of the points inside the axes. They are left out below
    20 points, and if the points are on a line. Up to 60 points have their own error bars; for
    more, a cross in the corner shows the median error bar. Points outside the axes are counted in
    a note.

    Parameters
    ----------
    x, y : array_like, Column, Quantity or series of shape (n,)
        Values; pairs with a missing value are left out. Units are converted to that of x.
    ax : `~matplotlib.axes.Axes`
        Axes to draw on.
    xerr, yerr : array_like of shape (2, n), optional
        Distances down and up; NaN where unknown.
    color : str, optional
        Colour of the points.
    limits : (float, float), optional
        Range of both axes; by default that of the values, without those more than 4
        interquartile ranges outside the middle half.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The same axes.

    Raises
    ------
    InputError
        If ``x`` and ``y`` differ in shape, are not numeric, or have units that do not convert.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from dustest.report.figures import one_to_one
    >>> ax = one_to_one([0.1, 0.4, 0.8], [0.2, 0.4, 0.7], ax=Figure().add_subplot())
    """
    x, y, used, unit = _finite_pairs(x, y)
    low, high = limits or value_limits(x, y)
    ax.plot([low, high], [low, high], color=INK, lw=0.9, ls="--", zorder=3, gid="identity")
    _error_bars(ax, x, y, _rows(xerr, used, unit), _rows(yerr, used, unit), color)
    inside = (x >= low) & (x <= high) & (y >= low) & (y <= high)
    crowd_points(ax, x[inside], y[inside], color)
    _contours(ax, x[inside], y[inside], color)
    mark_outside(ax, np.count_nonzero(~inside))
    ax.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    ax.locator_params(nbins=6)
    return dress(ax)


def histograms(values, *, ax, colors=None, limits=None, normalized=False):
    """Distributions of several sets of values in common bins.

    Parameters
    ----------
    values : dict of str to array_like, Column, Quantity or series of shape (n,)
        Values by name; missing ones are left out. Units are converted to that of the first.
    ax : `~matplotlib.axes.Axes`
        Axes to draw on.
    colors : sequence of str, optional
        One colour per name. The first set is filled, the others are outlines.
    limits : (float, float), optional
        Range; by default as in `one_to_one`.
    normalized : bool, optional
        Whether to draw fractions of each set instead of numbers.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The same axes.

    Raises
    ------
    InputError
        If values are not numeric, or their units do not convert.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from dustest.report.figures import histograms
    >>> ax = histograms({"truth": [0.1, 0.4], "beta": [0.2, 0.4]}, ax=Figure().add_subplot())
    """
    unit = next((declared_unit(column, name) for name, column in values.items()), None)
    finite = {
        name: finite_values(to_floats(column, name, unit=unit, ndim=1))
        for name, column in values.items()
    }
    colors = colors or (AGAINST_COLOR, *COLORS)
    low, high = limits or value_limits(*finite.values())
    sizes = [len(column) for column in finite.values()] or [0]
    # Fractions of a small set would be ragged in the bins of a large one.
    n_bins = suitable_bins(min(sizes) if normalized else max(sizes))
    edges = np.linspace(low, high, n_bins + 1)
    for i, ((name, column), color) in enumerate(zip(finite.items(), colors, strict=False)):
        style = (
            {"histtype": "stepfilled", "alpha": 0.45}
            if i == 0
            else {"histtype": "step", "lw": 1.4}
        )
        weights = np.full(column.size, 1 / max(column.size, 1)) if normalized else None
        ax.hist(column, bins=edges, weights=weights, color=color, label=plain_text(name), **style)
    if normalized:
        ax.set_ylabel("fraction of galaxies")
    else:
        _count_axis(ax)
    ax.set_xlim(low, high)
    ax.legend(edgecolor="none", framealpha=0.8, **_LEGEND_STYLE)
    # Space for the legend above the highest bar.
    ax.margins(y=0.28)
    return dress(ax)


def differences(x, y, *, ax, color=COLORS[0], digits=None):
    """Histogram of y - x with its median and NMAD.

    If y is an estimate and x the truth, values above zero are overestimates, as is a positive
    ``bias`` of `~dustest.validation.compute_metrics`.

    Parameters
    ----------
    x, y : array_like, Column, Quantity or series of shape (n,)
        Values; pairs with a missing value are left out. Units are converted to that of x.
    ax : `~matplotlib.axes.Axes`
        Axes to draw on.
    color : str, optional
        Colour of the bars.
    digits : int, optional
        Decimals of median and NMAD; by default two significant digits of the NMAD.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The same axes.

    Raises
    ------
    InputError
        If ``x`` and ``y`` differ in shape, are not numeric, or have units that do not convert.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from dustest.report.figures import differences
    >>> ax = differences([0.1, 0.4, 0.8], [0.2, 0.4, 0.7], ax=Figure().add_subplot())
    """
    x, y, *_ = _finite_pairs(x, y)
    difference = residual(y, x)
    low, high = value_limits(difference, [0.0])
    edges = np.linspace(low, high, suitable_bins(difference.size) + 1)
    ax.hist(difference, bins=edges, color=color, alpha=0.6)
    ax.axvline(0.0, color=INK, lw=0.9, ls="--", gid="zero")
    if difference.size:
        _median_and_nmad(ax, difference, color, digits)
    mark_outside(ax, np.count_nonzero((difference < low) | (difference > high)))
    _count_axis(ax)
    ax.set_xlim(low, high)
    # Space for the note above the highest bar.
    ax.margins(y=0.15)
    return dress(ax)


def comparison_figure(panels, *, label, figure=None):
    """Figure with one row per panel: one-to-one, distributions, differences.

    Differences are ``name`` minus ``against``, and are labelled so.

    Parameters
    ----------
    panels : sequence of Panel
        Data of the rows.
    label : str
        Axis label of the quantity, as in `~dustest.data.QUANTITIES`.
    figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`, optional
        Figure to draw on; by default a new figure as wide as a journal page.

    Returns
    -------
    figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`
        The figure.

    Raises
    ------
    InputError
        If there is no panel.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.report.figures import Panel, comparison_figure
    >>> panel = Panel("beta", "truth", np.array([0.1, 0.4]), np.array([0.2, 0.4]))
    >>> len(comparison_figure([panel], label="$A_V$").axes)
    3
    """
    if len(panels) == 0:
        msg = "panels must hold at least one comparison, got none"
        raise InputError(msg)
    figure = empty_figure(ROW_HEIGHT * len(panels)) if figure is None else figure
    axes = figure.subplots(len(panels), 3, squeeze=False)
    limits = value_limits(*(values for panel in panels for values in (panel.x, panel.y)))
    for panel, row in zip(panels, axes, strict=True):
        _comparison_row(panel, row, label, limits)
    return figure


def _comparison_row(panel, axes, label, limits):
    """Draw one panel on three axes."""
    name, against = plain_text(panel.name), plain_text(panel.against)
    used = np.isfinite(panel.x) & np.isfinite(panel.y)
    one_to_one(
        panel.x,
        panel.y,
        ax=axes[0],
        xerr=panel.xerr,
        yerr=panel.yerr,
        color=panel.color,
        limits=limits,
    )
    axes[0].set_xlabel(_join(f"{label},", against), fontsize=FONT_SIZE)
    axes[0].set_ylabel(_join(f"{label},", name), fontsize=FONT_SIZE)
    histograms(
        {panel.against: panel.x[used], panel.name: panel.y[used]},
        ax=axes[1],
        colors=(AGAINST_COLOR, panel.color),
        limits=limits,
    )
    axes[1].set_xlabel(label, fontsize=FONT_SIZE)
    n_asked = panel.n_asked or panel.n_used
    of_all = "" if n_asked == panel.n_used else f" of {n_asked:,}"
    axes[1].set_title(f"{panel.n_used:,}{of_all} galaxies", fontsize=FONT_SIZE)
    differences(panel.x, panel.y, ax=axes[2], color=panel.color, digits=panel.digits)
    separator = "\n" if len(name) + len(against) > _MAX_PAIR else " "
    difference = f"{name}{separator}− {against}"
    axes[2].set_xlabel(_join(f"{label}:", difference), fontsize=FONT_SIZE)


def _join(label, names):
    """Join label and names, in two lines if they are too long for one."""
    return label + (" " if len(names) <= _MAX_NAMES else "\n") + names


def _count_axis(ax):
    """Style of a vertical axis with numbers of galaxies."""
    ax.set_ylabel("galaxies")
    ax.yaxis.get_major_locator().set_params(integer=True)


def _finite_pairs(x, y):
    """Finite pairs as floats in the unit of x, their rows, and that unit."""
    unit = declared_unit(x, "x")
    x, y = to_floats(x, "x", unit=unit), to_floats(y, "y", unit=unit)
    if x.shape != y.shape or x.ndim != 1:
        msg = f"x and y must be of one shape (n,), got {x.shape} and {y.shape}"
        raise InputError(msg)
    used = np.isfinite(x) & np.isfinite(y)
    return x[used], y[used], used, unit


def _rows(errors, used, unit):
    """Errors of the rows in use, never negative; None if all are unknown."""
    if errors is None:
        return None
    errors = np.maximum(to_floats(errors, "errors", unit=unit, ndim=2)[:, used], 0.0)
    known = np.isfinite(errors).all(axis=0)
    return np.where(known, errors, np.nan) if known.any() else None


def _error_bars(ax, x, y, xerr, yerr, color):
    """Error bars of a few points, or the median error of many in a corner."""
    if xerr is None and yerr is None:
        return
    style = {"fmt": "none", "ecolor": color, "elinewidth": 0.6, "zorder": 1}
    if x.size <= _MAX_ERROR_BARS:
        ax.errorbar(x, y, xerr=xerr, yerr=yerr, alpha=0.4, **style)
        return
    typical = [None if e is None else np.nanmedian(e, axis=1, keepdims=True) for e in (xerr, yerr)]
    low, high = ax.get_xlim()
    ax.errorbar([low + 0.85 * (high - low)], [low + 0.15 * (high - low)], *typical[::-1], **style)


def _contours(ax, x, y, color):
    """Lines that enclose given fractions of the points."""
    density = density_contours(x, y, CONTOUR_FRACTIONS, _MIN_CONTOUR_POINTS)
    if density is None:
        return
    grid_x, grid_y, grid_density, levels = density
    ax.contour(
        grid_x,
        grid_y,
        grid_density,
        levels=levels,
        colors=[_darker(color)],
        linewidths=0.8,
        zorder=4,
    )


def _darker(color):
    """The same hue, darker, to be visible on points of this colour."""
    from matplotlib.colors import to_rgb

    return tuple(0.55 * channel for channel in to_rgb(color))


def _median_and_nmad(ax, difference, color, digits):
    """Line at the median, band of one NMAD on either side, and both as numbers above."""
    median, nmad = np.median(difference), mad_std(difference)
    ax.axvspan(median - nmad, median + nmad, color=color, alpha=0.15, lw=0)
    ax.axvline(median, color=_darker(color), lw=1.3, gid="median")
    decimals = decimals_for(nmad) if digits is None else digits
    text = format_number(median, decimals=decimals, sign=True)
    ax.set_title(
        f"median {text}, NMAD {format_number(nmad, decimals=decimals)}", fontsize=FONT_SIZE
    )
