"""What the figures share: colours, sizes, axes, ranges and densities."""

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
"""Colours of the estimators, told apart by the colour-blind (Okabe & Ito)."""

INK = "#222222"
AGAINST_COLOR = "#8c8c8c"
FONT_SIZE = 8
SMALL_FONT_SIZE = 7
# Two columns of a journal page, in inches.
PAGE_WIDTH = 7.1
# Of three axes side by side, so that four rows fill a page.
ROW_HEIGHT = 2.3
# More points than this are drawn as pixels, so that files stay small.
MAX_VECTOR_POINTS = 2000
# A density is drawn from this many points at most: more only cost time.
_MAX_DENSITY_POINTS = 2000
_GRID_SIZE = 120
# In interquartile ranges beyond the quartiles: 6 sigma of a normal distribution.
_REACH = 4.0
# Relative range below which values count as one: bins must not vanish in rounding.
_CONSTANT = 1e-9


def empty_figure(height, width=PAGE_WIDTH):
    """Empty figure of a size in inches, not known to pyplot."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=150, layout="constrained")


def dress(ax):
    """The look that all axes share."""
    ax.tick_params(labelsize=SMALL_FONT_SIZE, direction="in", top=True, right=True, width=0.6)
    ax.xaxis.label.set_size(FONT_SIZE)
    ax.yaxis.label.set_size(FONT_SIZE)
    for spine in ax.spines.values():
        spine.set_linewidth(0.6)
    return ax


def plain_text(name):
    """A name that matplotlib does not take for mathematics."""
    return str(name).replace("$", r"\$")


def axis_label(name, unit=None):
    """What an axis says about a column; its name where nothing better is known."""
    if name in QUANTITIES:
        return QUANTITIES[name].label
    return plain_text(name if unit is None else f"{name} [{unit}]")


def finite_values(values):
    """The finite values as floats."""
    values = np.asarray(values, dtype=float)
    return values[np.isfinite(values)]


def value_limits(*columns):
    """Range of several sets of values with a margin, without their far outliers."""
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
    """A number of bins that suits n values."""
    return int(np.clip(3 * np.cbrt(n), 8, 40))


def crowd_points(ax, x, y, color, *, n=None, **style):
    """Scatter of points; many of them fainter, and as pixels, so that files stay small.

    The number of points that share the axes may be larger than that of these.
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
    """How many points the axes do not show."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    return int(np.sum((x < left) | (x > right) | (y < bottom) | (y > top)))


def mark_outside(ax, n_outside, corner="upper left"):
    """Say how many points the axes do not show, in a corner that is usually empty."""
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

    Points and grid are turned to the principal axes, where the cloud is round: a narrow
    diagonal cloud, which good estimates make, is then resolved as well as any. None comes
    back below n_min points and where the points lie on a line.
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
    """Range of values without what lies far outside their middle half."""
    low, high = np.percentile(values, [25, 75])
    reach = _REACH * (high - low) or np.inf
    return max(values.min(), low - reach), min(values.max(), high + reach)
