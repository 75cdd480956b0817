"""Figures of a comparison: axes in, axes out.

Nothing here touches pyplot or matplotlib's settings, so that a report drawn in the middle of
someone's session leaves their figures alone.
"""

from dataclasses import dataclass, field

import numpy as np
from astropy.stats import mad_std
from scipy import stats

from dustest.data.errors import InputError
from dustest.report.numbers import decimals_for, format_number

__all__ = [
    "COLORS",
    "CONTOUR_FRACTIONS",
    "Panel",
    "comparison_figure",
    "differences",
    "histograms",
    "one_to_one",
]

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours of the estimators, told apart by the colour-blind (Okabe & Ito)."""

CONTOUR_FRACTIONS = (0.1, 0.3, 0.5, 0.7, 0.95)
"""Fractions of the points that the density contours enclose."""

_INK = "#222222"
_AGAINST_COLOR = "#8c8c8c"
_FONT_SIZE = 8
_SMALL_FONT_SIZE = 7
# Two columns of a journal page, in inches.
_PAGE_WIDTH = 7.1
_ROW_HEIGHT = 2.45
_MIN_CONTOUR_POINTS = 20
# A density is drawn from this many points at most: more only cost time.
_MAX_DENSITY_POINTS = 2000
_MAX_ERROR_BARS = 60
_MAX_VECTOR_POINTS = 2000
_GRID_SIZE = 120
# In interquartile ranges beyond the quartiles: 6 sigma of a normal distribution.
_REACH = 4.0
# Relative range below which values count as one: bins must not vanish in rounding.
_CONSTANT = 1e-9


@dataclass(frozen=True)
class Panel:
    """Estimates of one quantity and what they are held against, for the same galaxies.

    Parameters
    ----------
    name, against : str
        Who made the estimates, and what they are compared with.
    x, y : ndarray of shape (n,)
        Values of ``against`` and of ``name``.
    xerr, yerr : ndarray of shape (2, n), optional
        Distances down to the 16th and up to the 84th percentile.
    color : str, optional
        Colour of ``name``.
    """

    name: str
    against: str
    x: np.ndarray = field(repr=False)
    y: np.ndarray = field(repr=False)
    xerr: np.ndarray | None = field(default=None, repr=False)
    yerr: np.ndarray | None = field(default=None, repr=False)
    color: str = COLORS[0]


def one_to_one(x, y, *, ax, xerr=None, yerr=None, color=COLORS[0], limits=None):
    """Scatter of two sets of values with the identity line and density contours.

    The contours enclose `CONTOUR_FRACTIONS` of the points that lie inside the axes; they are
    left out below 20 points and where the points lie on a line. Up to 60 points carry their
    error bars; of more, a cross in the corner shows the median one. Points outside the axes
    are counted in a note.

    Parameters
    ----------
    x, y : array_like of shape (n,)
        Values; pairs that are not finite are left out.
    ax : `~matplotlib.axes.Axes`
        Axes to draw on.
    xerr, yerr : array_like of shape (2, n), optional
        Distances down and up; NaN where unknown.
    color : str, optional
        Colour of the points.
    limits : (float, float), optional
        Range of both axes; by default that of the values, without those that lie more than 4
        interquartile ranges outside the middle half.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The same axes.

    Raises
    ------
    InputError
        If ``x`` and ``y`` differ in shape.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from dustest.report.figures import one_to_one
    >>> ax = one_to_one([0.1, 0.4, 0.8], [0.2, 0.4, 0.7], ax=Figure().add_subplot())
    """
    x, y, used = _finite_pairs(x, y)
    low, high = limits or _limits(x, y)
    ax.plot([low, high], [low, high], color=_INK, lw=0.9, ls="--", zorder=3, gid="identity")
    _error_bars(ax, x, y, _rows(xerr, used), _rows(yerr, used), color)
    inside = (x >= low) & (x <= high) & (y >= low) & (y <= high)
    _points(ax, x[inside], y[inside], color)
    _contours(ax, x[inside], y[inside], color)
    _note_outside(ax, np.count_nonzero(~inside))
    ax.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    ax.locator_params(nbins=6)
    return _dress(ax)


def histograms(values, *, ax, colors=None, limits=None):
    """Distributions of several sets of values on common bins.

    Parameters
    ----------
    values : dict of str to array_like of shape (n,)
        Values by name; what is not finite is left out.
    ax : `~matplotlib.axes.Axes`
        Axes to draw on.
    colors : sequence of str, optional
        One colour a name. The first set is drawn filled, the others as outlines.
    limits : (float, float), optional
        Range; by default as in `one_to_one`.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The same axes.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from dustest.report.figures import histograms
    >>> ax = histograms({"truth": [0.1, 0.4], "beta": [0.2, 0.4]}, ax=Figure().add_subplot())
    """
    finite = {name: _finite(column) for name, column in values.items()}
    colors = colors or (_AGAINST_COLOR, *COLORS)
    low, high = limits or _limits(*finite.values())
    edges = np.linspace(low, high, _n_bins(max(map(len, finite.values()), default=0)) + 1)
    for i, ((name, column), color) in enumerate(zip(finite.items(), colors, strict=False)):
        style = (
            {"histtype": "stepfilled", "alpha": 0.45}
            if i == 0
            else {"histtype": "step", "lw": 1.4}
        )
        ax.hist(column, bins=edges, color=color, label=_plain_text(name), **style)
    _count_axis(ax)
    ax.set_xlim(low, high)
    ax.legend(frameon=False, fontsize=_SMALL_FONT_SIZE, handlelength=1.2, borderaxespad=0.3)
    # Room for the legend above the highest bar.
    ax.margins(y=0.28)
    return _dress(ax)


def differences(x, y, *, ax, color=COLORS[0]):
    """Histogram of y - x with its median and NMAD.

    Parameters
    ----------
    x, y : array_like of shape (n,)
        Values; pairs that are not finite are left out.
    ax : `~matplotlib.axes.Axes`
        Axes to draw on.
    color : str, optional
        Colour of the bars.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The same axes.

    Raises
    ------
    InputError
        If ``x`` and ``y`` differ in shape.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from dustest.report.figures import differences
    >>> ax = differences([0.1, 0.4, 0.8], [0.2, 0.4, 0.7], ax=Figure().add_subplot())
    """
    x, y, _ = _finite_pairs(x, y)
    residual = y - x
    low, high = _limits(residual, [0.0])
    edges = np.linspace(low, high, _n_bins(residual.size) + 1)
    ax.hist(residual, bins=edges, color=color, alpha=0.6)
    ax.axvline(0.0, color=_INK, lw=0.9, ls="--", gid="zero")
    if residual.size:
        _median_and_nmad(ax, residual, color)
    _note_outside(ax, np.count_nonzero((residual < low) | (residual > high)))
    _count_axis(ax)
    ax.set_xlim(low, high)
    # Room for the note above the highest bar.
    ax.margins(y=0.15)
    return _dress(ax)


def comparison_figure(panels, *, label, figure=None):
    """A row for each panel: one-to-one, distributions, differences.

    Parameters
    ----------
    panels : sequence of Panel
        What to draw.
    label : str
        Axis label of the quantity, as in `~dustest.data.QUANTITIES`.
    figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`, optional
        Where to draw; a new figure as wide as a journal page by default.

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
    figure = _new_figure(len(panels)) if figure is None else figure
    axes = figure.subplots(len(panels), 3, squeeze=False)
    limits = _limits(*(values for panel in panels for values in (panel.x, panel.y)))
    for panel, row in zip(panels, axes, strict=True):
        _comparison_row(panel, row, label, limits)
    return figure


def _comparison_row(panel, axes, label, limits):
    """Draw one panel into three axes."""
    name, against = _plain_text(panel.name), _plain_text(panel.against)
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
    axes[0].set_xlabel(f"{label}, {against}", fontsize=_FONT_SIZE)
    axes[0].set_ylabel(f"{label}, {name}", fontsize=_FONT_SIZE)
    histograms(
        {panel.against: panel.x[used], panel.name: panel.y[used]},
        ax=axes[1],
        colors=(_AGAINST_COLOR, panel.color),
        limits=limits,
    )
    axes[1].set_xlabel(label, fontsize=_FONT_SIZE)
    axes[1].set_title(
        f"{name} and {against}, {np.count_nonzero(used):,} galaxies", fontsize=_FONT_SIZE
    )
    differences(panel.x, panel.y, ax=axes[2], color=panel.color)
    axes[2].set_xlabel(f"{label}: {name} − {against}", fontsize=_FONT_SIZE)


def _new_figure(n_rows):
    """Empty figure, not known to pyplot."""
    from matplotlib.figure import Figure

    return Figure(figsize=(_PAGE_WIDTH, _ROW_HEIGHT * n_rows), dpi=150, layout="constrained")


def _dress(ax):
    """The look that all axes share."""
    ax.tick_params(labelsize=_SMALL_FONT_SIZE, direction="in", top=True, right=True, width=0.6)
    ax.xaxis.label.set_size(_FONT_SIZE)
    ax.yaxis.label.set_size(_FONT_SIZE)
    for spine in ax.spines.values():
        spine.set_linewidth(0.6)
    return ax


def _count_axis(ax):
    """A vertical axis that counts galaxies."""
    ax.set_ylabel("galaxies")
    ax.yaxis.get_major_locator().set_params(integer=True)


def _plain_text(name):
    """A name that matplotlib does not take for mathematics."""
    return str(name).replace("$", r"\$")


def _finite(values):
    """The finite values as floats."""
    values = np.asarray(values, dtype=float)
    return values[np.isfinite(values)]


def _finite_pairs(x, y):
    """Finite pairs as floats, and where they are."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.shape != y.shape or x.ndim != 1:
        msg = f"x and y must be of one shape (n,), got {x.shape} and {y.shape}"
        raise InputError(msg)
    used = np.isfinite(x) & np.isfinite(y)
    return x[used], y[used], used


def _rows(errors, used):
    """Errors of the rows in use, never negative; None where nothing is known."""
    if errors is None:
        return None
    errors = np.maximum(np.asarray(errors, dtype=float)[:, used], 0.0)
    known = np.isfinite(errors).all(axis=0)
    return np.where(known, errors, np.nan) if known.any() else None


def _limits(*columns):
    """Range of several sets of values with a margin, without their far outliers."""
    ranges = [_central_range(values) for column in columns if (values := _finite(column)).size]
    if not ranges:
        return 0.0, 1.0
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    constant = high - low <= _CONSTANT * max(abs(low), abs(high))
    margin = 0.1 * max(abs(high), 1.0) if constant else 0.06 * (high - low)
    return float(low - margin), float(high + margin)


def _central_range(values):
    """Range of values without what lies far outside their middle half."""
    low, high = np.percentile(values, [25, 75])
    reach = _REACH * (high - low) or np.inf
    return max(values.min(), low - reach), min(values.max(), high + reach)


def _n_bins(n):
    """A number of bins that suits n values."""
    return int(np.clip(3 * np.cbrt(n), 8, 40))


def _points(ax, x, y, color):
    """Scatter of the points; many of them fainter, and as pixels, so that files stay small."""
    crowd = max(x.size, 1)
    ax.scatter(
        x,
        y,
        s=float(np.clip(1500 / crowd, 3, 16)),
        color=color,
        alpha=float(np.clip(20 / np.sqrt(crowd), 0.08, 0.55)),
        lw=0,
        zorder=2,
        rasterized=crowd > _MAX_VECTOR_POINTS,
    )


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
    density = _density(x, y)
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
    """The same hue, darker, to stand out from points of this colour."""
    from matplotlib.colors import to_rgb

    return tuple(0.55 * channel for channel in to_rgb(color))


def _density(x, y):
    """Smoothed density of points on a grid and its levels, or None where there is none.

    Points and grid are turned to the principal axes, where the cloud is round: a narrow
    diagonal cloud, which good estimates make, is then resolved as well as any.
    """
    if x.size < _MIN_CONTOUR_POINTS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    points = np.stack([x, y])[:, :: -(-x.size // _MAX_DENSITY_POINTS)]
    centre = points.mean(axis=1, keepdims=True)
    try:
        shape = np.linalg.cholesky(np.cov(points))
        round_points = np.linalg.solve(shape, points - centre)
        kernel = stats.gaussian_kde(round_points)
    except np.linalg.LinAlgError:
        return None
    reach = np.abs(round_points).max() + 3 * kernel.factor
    axis = np.linspace(-reach, reach, _GRID_SIZE)
    grid = np.stack([mesh.ravel() for mesh in np.meshgrid(axis, axis)])
    levels = np.unique(np.quantile(kernel(round_points), 1 - np.array(CONTOUR_FRACTIONS)))
    grid_x, grid_y = (shape @ grid + centre).reshape(2, _GRID_SIZE, _GRID_SIZE)
    return grid_x, grid_y, kernel(grid).reshape(_GRID_SIZE, _GRID_SIZE), levels


def _note_outside(ax, n_outside):
    """Say how many points the axes do not show, in the corner that is usually empty."""
    if n_outside:
        style = {"transform": ax.transAxes, "va": "top", "fontsize": _SMALL_FONT_SIZE}
        ax.text(0.04, 0.96, f"{n_outside} outside", **style)


def _median_and_nmad(ax, residual, color):
    """Line at the median, band of one NMAD on either side, and both as numbers above."""
    median, nmad = np.median(residual), mad_std(residual)
    ax.axvspan(median - nmad, median + nmad, color=color, alpha=0.15, lw=0)
    ax.axvline(median, color=_darker(color), lw=1.3, gid="median")
    decimals = decimals_for(nmad)
    text = format_number(median, decimals=decimals, sign=True)
    ax.set_title(
        f"median {text}, NMAD {format_number(nmad, decimals=decimals)}", fontsize=_FONT_SIZE
    )
