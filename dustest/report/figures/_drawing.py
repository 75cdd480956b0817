"""Shared by the figures: colours, sizes, axes, ranges and densities."""

import numpy as np
from scipy import stats

from dustest.data.quantities import QUANTITIES

__all__ = [
    "AGAINST_COLOR",
    "COLORS",
    "FONT_SIZE",
    "INK",
    "MAX_VECTOR_POINTS",
    "PAGE_WIDTH",
    "ROW_HEIGHT",
    "SMALL_FONT_SIZE",
    "axis_label",
    "count_outside",
    "crowd_points",
    "density_contours",
    "dress",
    "empty_figure",
    "finite_values",
    "mark_outside",
    "plain_text",
    "suitable_bins",
    "value_limits",
]

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours of the estimators, suited to colour-blind readers (Okabe & Ito)."""

INK = "#222222"
AGAINST_COLOR = "#8c8c8c"
FONT_SIZE = 8
SMALL_FONT_SIZE = 7
# Two columns of a journal page, in inches.
PAGE_WIDTH = 7.1
# For three axes side by side, so that four rows fill a page.
ROW_HEIGHT = 2.3
# More points than this are rasterised, so that files stay small.
MAX_VECTOR_POINTS = 2000
# A density uses this many points at most: more only take longer.
_MAX_DENSITY_POINTS = 2000
_GRID_SIZE = 120
# In interquartile ranges outside the quartiles: 6 sigma of a normal distribution.
_REACH = 4.0
# Relative range below which values are equal: bins must not vanish in rounding.
_CONSTANT = 1e-9


def empty_figure(height, width=PAGE_WIDTH, layout="constrained"):
    """Empty figure of a size in inches, not registered with pyplot, that notebooks display."""
    from dustest.report.figures._displayed import DisplayedFigure

    return DisplayedFigure(figsize=(width, height), dpi=150, layout=layout)


def dress(ax):
    """Apply the common style of axes."""
    ax.tick_params(labelsize=SMALL_FONT_SIZE, direction="in", top=True, right=True, width=0.6)
    ax.xaxis.label.set_size(FONT_SIZE)
    ax.yaxis.label.set_size(FONT_SIZE)
    for spine in ax.spines.values():
        spine.set_linewidth(0.6)
    return ax


def plain_text(name):
    """Escape a name, so that matplotlib does not read it as mathematics."""
    return str(name).replace("$", r"\$")


def axis_label(name, unit=None):
    """Label of a column; its name if there is no better one."""
    if name in QUANTITIES:
        return QUANTITIES[name].label
    return plain_text(name if unit is None else f"{name} [{unit}]")


def finite_values(values):
    """The finite values as floats."""
    values = np.asarray(values, dtype=float)
    return values[np.isfinite(values)]


def value_limits(*columns):
    """Range of several sets of values with a margin, without far outliers."""
    ranges = [
        _central_range(values) for column in columns if (values := finite_values(column)).size
    ]
    if not ranges:
        return 0.0, 1.0
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    constant = high - low <= _CONSTANT * max(abs(low), abs(high))
    margin = 0.1 * max(abs(high), 1.0) if constant else 0.06 * (high - low)
    return float(low - margin), float(high + margin)


def suitable_bins(n):
    """Number of bins for n values."""
    return int(np.clip(3 * np.cbrt(n), 8, 40))


def crowd_points(ax, x, y, color, *, n=None, **style):
    """Scatter plot; many points are fainter, and rasterised so that files stay small.

    The total number of points on the axes may be larger than that of this call.
    """
    crowd = max(x.size if n is None else n, 1)
    looks = {
        "s": float(np.clip(1500 / crowd, 3, 16)),
        "alpha": float(np.clip(20 / np.sqrt(crowd), 0.08, 0.55)),
        "zorder": 2,
    }
    rasterized = crowd > MAX_VECTOR_POINTS
    return ax.scatter(x, y, color=color, lw=0, rasterized=rasterized, **looks | style)


def count_outside(ax, x, y):
    """Number of points outside the axes."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    return int(np.sum((x < left) | (x > right) | (y < bottom) | (y > top)))


def mark_outside(ax, n_outside, corner="upper left"):
    """Write the number of points outside the axes in a corner that is usually empty."""
    if n_outside:
        vertical, horizontal = corner.split()
        ax.text(
            {"left": 0.04, "right": 0.96}[horizontal],
            {"lower": 0.04, "upper": 0.96}[vertical],
            f"{n_outside} outside",
            transform=ax.transAxes,
            ha=horizontal,
            va={"lower": "bottom", "upper": "top"}[vertical],
            fontsize=SMALL_FONT_SIZE,
        )


def density_contours(x, y, fractions, n_min):
    """Smoothed density of points on a grid, and the levels that enclose fractions of them.

    Points and grid are rotated to the principal axes, where the cloud is round. A narrow diagonal
    cloud, which good estimates make, is then resolved as well as any other. The result is None
    below n_min points, or if the points are on a line.
    """
    if x.size < n_min or np.ptp(x) == 0 or np.ptp(y) == 0:
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
    levels = np.unique(np.quantile(kernel(round_points), 1 - np.array(fractions)))
    grid_x, grid_y = (shape @ grid + centre).reshape(2, _GRID_SIZE, _GRID_SIZE)
    return grid_x, grid_y, kernel(grid).reshape(_GRID_SIZE, _GRID_SIZE), levels


def _central_range(values):
    """Range of values without those far outside the middle half."""
    low, high = np.percentile(values, [25, 75])
    reach = _REACH * (high - low) or np.inf
    return max(values.min(), low - reach), min(values.max(), high + reach)
