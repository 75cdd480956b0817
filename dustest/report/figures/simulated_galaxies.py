"""Figures of simulated galaxies: star-formation rates and attenuation."""

from itertools import cycle

import numpy as np
from astropy import units as u

from dustest.data.checks.numbers import check_positive
from dustest.data.errors import InputError
from dustest.report.figures._drawing import (
    COLORS,
    FONT_SIZE,
    INK,
    MAX_VECTOR_POINTS,
    SMALL_FONT_SIZE,
    axis_label,
    count_outside,
    density_contours,
    dress,
    empty_figure,
    mark_outside,
    value_limits,
)
from dustest.report.numbers import format_column
from dustest.validation.columns import numeric_columns

__all__ = [
    "REFERENCE_R_V",
    "plot_attenuation_ratio",
    "plot_main_sequence",
]

REFERENCE_R_V = {"Calzetti": 4.05, "Milky Way": 3.1, "SMC": 2.74}
"""Ratio A_V / E(B-V) of starbursts (Calzetti et al. 2000, ApJ 533, 682), of the diffuse Milky Way
(Cardelli et al. 1989, ApJ 345, 245) and of the bar of the SMC (Gordon et al. 2003, ApJ 594,
279)."""

# Inches; one column of a journal page, plus the colour bar.
_SINGLE_WIDTH, _SINGLE_HEIGHT = 3.9, 3.1
_COLOR_MAP = "viridis"
_LINE_STYLES = ("-", "--", "-.", ":")
_LEGEND_STYLE = {
    "fontsize": SMALL_FONT_SIZE,
    "borderaxespad": 0.3,
    "edgecolor": "none",
    "framealpha": 0.8,
    "labelspacing": 0.3,
}
# Perceived brightness of red, green and blue (Rec. 709).
_LUMINANCE = (0.2126, 0.7152, 0.0722)
_RATIO_CONTOURS = (0.1, 0.5, 0.95)
_MIN_CONTOUR_POINTS = 30
# Percentage of the galaxies within the axes of the attenuation ratio.
_SHOWN = 99.5
_SCALES = ("linear", "log")


def plot_main_sequence(truth, *, relations=(), ax=None):
    """Draw the star-formation rate against stellar mass, coloured by redshift.

    Parameters
    ----------
    truth : Table
        Columns ``log_mass`` (log10 of solar masses), ``log_SFR_100`` (log10 of solar masses per
        year) and ``redshift``. Rows that are not finite, such as galaxies without star
        formation, are not drawn.
    relations : sequence of (str, array_like of shape (m,), array_like of shape (m,)), optional
        Lines to draw over the points: label, which may contain matplotlib's mathematics, log
        mass and log SFR.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure that is not registered with pyplot.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The axes. The colour bar has axes of its own in the same figure.

    Raises
    ------
    InputError
        If a column is missing or not numeric.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> from dustest.report.figures import plot_main_sequence
    >>> truth = QTable({"log_mass": [8.2, 9.1], "log_SFR_100": [0.1, 0.9], "redshift": [6.5, 7.5]})
    >>> line = ("main sequence", [8.0, 9.5], [-0.1, 1.2])
    >>> ax = plot_main_sequence(truth, relations=[line])
    """
    columns = numeric_columns(truth, ["log_mass", "log_SFR_100", "redshift"], argument="truth")
    mass, rate, redshift = _finite_rows(columns)
    ax = _single_axes() if ax is None else ax
    points = _colored_points(ax, mass, rate, redshift)
    _color_bar(ax, points, "redshift")
    _frame(ax, "log_mass", "log_SFR_100", value_limits(mass), value_limits(rate))
    mark_outside(ax, count_outside(ax, mass, rate), corner="lower right")
    for (label, x, y), style in zip(relations, cycle(_LINE_STYLES), strict=False):
        _haloed_line(ax, x, y, ls=style, color=INK, label=label)
    if relations:
        ax.legend(loc="upper left", **_LEGEND_STYLE)
    return ax


def plot_attenuation_ratio(truth, *, ratios=(0.1, 0.9), bin_width=0.1, scale="linear", ax=None):
    """Draw attenuation against colour excess, coloured by the dust-to-metal ratio.

    Lines through the origin have a constant ratio R_V = A_V / E(B-V): the median of the galaxies,
    and `REFERENCE_R_V`. Contours enclose 10, 50 and 95 % of the galaxies in bins of the
    dust-to-metal ratio. Their density is estimated from the logarithms, where it is closest to
    round, so that no contour extends below zero.

    Parameters
    ----------
    truth : Table
        Columns ``A_V`` and ``E_BV`` (in mag, or plain) and ``dust_to_metal``. Rows that are not
        finite, and those without dust or reddening (``A_V`` or ``E_BV`` not above zero), are not
        drawn and not included in the median.
    ratios : sequence of float, optional
        Dust-to-metal ratios with contours; a bin with fewer than 30 galaxies has none.
    bin_width : float, optional
        Full width of the bins around these ratios; both edges are included.
    scale : {"linear", "log"}, optional
        Scale of both axes. Logarithmic axes show galaxies with little dust as well.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure that is not registered with pyplot.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The axes. The colour bar has axes of its own in the same figure.

    Raises
    ------
    InputError
        If a column is missing, not numeric or has a unit that does not convert, or ``bin_width``
        is not positive, or ``scale`` is unknown.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> from dustest.report.figures import plot_attenuation_ratio
    >>> truth = QTable({"A_V": [0.2, 0.7], "E_BV": [0.05, 0.1], "dust_to_metal": [0.1, 0.9]})
    >>> ax = plot_attenuation_ratio(truth)
    >>> print(ax.get_legend().get_texts()[0].get_text())
    median, $R_V = 5.50$
    """
    check_positive(bin_width, "bin_width")
    if scale not in _SCALES:
        msg = f"scale must be one of {_SCALES}, got {scale!r}"
        raise InputError(msg)
    excess, attenuation, ratio = _dusty_rows(truth)
    ax = _single_axes() if ax is None else ax
    points = _colored_points(ax, excess, attenuation, ratio, limits=(0.0, 1.0))
    _color_bar(ax, points, "dust_to_metal")
    limits = [_positive_limits(values, scale) for values in (excess, attenuation)]
    ax.set(xscale=scale, yscale=scale)
    _frame(ax, "E_BV", "A_V", *limits)
    mark_outside(ax, count_outside(ax, excess, attenuation), corner="lower right")
    handles = _ratio_lines(ax, attenuation / excess)
    for value in ratios:
        # A small tolerance includes ratios on the edge of a bin in spite of rounding.
        inside = np.abs(ratio - value) <= bin_width / 2 + 1e-9
        label = f"dust-to-metal {value:g} ± {bin_width / 2:g}"
        color = points.to_rgba(value)
        handles += _log_contours(ax, excess[inside], attenuation[inside], color, label)
    ax.legend(handles=handles, loc="upper left", **_LEGEND_STYLE)
    return ax


def _single_axes():
    """Axes of a new figure as wide as one column of a journal page."""
    return empty_figure(_SINGLE_HEIGHT, _SINGLE_WIDTH).add_subplot()


def _finite_rows(columns):
    """Columns without the rows that are not finite in one of them."""
    values = np.stack(list(columns.values()))
    return values[:, np.isfinite(values).all(axis=0)]


def _colored_points(ax, x, y, values, limits=(None, None)):
    """Points coloured by a value; many points are smaller."""
    crowd = max(x.size, 1)
    return ax.scatter(
        x,
        y,
        c=values,
        vmin=limits[0],
        vmax=limits[1],
        cmap=_COLOR_MAP,
        s=float(np.clip(6000 / crowd, 1, 16)),
        alpha=0.8,
        lw=0,
        zorder=2,
        rasterized=crowd > MAX_VECTOR_POINTS,
    )


def _color_bar(ax, points, name):
    """Opaque colour bar of a column."""
    bar = ax.figure.colorbar(points, ax=ax, pad=0.02)
    bar.solids.set_alpha(1.0)
    bar.set_label(axis_label(name), fontsize=FONT_SIZE)
    bar.ax.tick_params(labelsize=SMALL_FONT_SIZE, direction="in", width=0.6)
    bar.outline.set_linewidth(0.6)


def _frame(ax, x_name, y_name, x_limits, y_limits):
    """Limits and labels."""
    ax.set(xlim=x_limits, ylim=y_limits, xlabel=axis_label(x_name), ylabel=axis_label(y_name))
    dress(ax)


def _dusty_rows(truth):
    """Colour excess, attenuation and dust-to-metal ratio of the galaxies that have dust."""
    names = ["E_BV", "A_V", "dust_to_metal"]
    units = {"E_BV": u.mag, "A_V": u.mag}
    rows = _finite_rows(numeric_columns(truth, names, argument="truth", units=units))
    return rows[:, (rows[0] > 0) & (rows[1] > 0)]


def _positive_limits(values, scale):
    """Limits around all but the most extreme positive values."""
    if values.size == 0:
        return (0.0, 1.0) if scale == "linear" else (0.01, 1.0)
    low, high = np.percentile(values, [100 - _SHOWN, _SHOWN])
    return (0.0, 1.06 * high) if scale == "linear" else (0.8 * low, 1.25 * high)


def _halo(color, width):
    """A rim around lines that is visible on points of any colour."""
    from matplotlib import patheffects
    from matplotlib.colors import to_rgb

    dark = np.dot(to_rgb(color), _LUMINANCE) < 0.5
    return [patheffects.withStroke(linewidth=width, foreground="white" if dark else INK)]


def _haloed_line(ax, x, y, *, color, lw=1.1, **style):
    """Draw a line that is visible on points; returns the line."""
    effects = _halo(color, lw + 1.0)
    return ax.plot(x, y, color=color, lw=lw, zorder=4, path_effects=effects, **style)[0]


def _ratio_lines(ax, r_v):
    """Draw lines of constant A_V / E(B-V), steepest first; returns the lines."""
    ends = np.array(ax.get_xlim())
    lines = [
        ax.plot(ends, value * ends, color=INK, lw=1.1, ls=style, label=f"{name}, {value}")[0]
        for (name, value), style in zip(REFERENCE_R_V.items(), _LINE_STYLES[1:], strict=True)
    ]
    if r_v.size:
        median = np.median(r_v)
        label = f"median, $R_V = {format_column(median, 'R_V')}$"
        lines.append(_haloed_line(ax, ends, median * ends, color=COLORS[1], lw=1.6, label=label))
    return sorted(lines, key=lambda line: -line.get_ydata()[1])


def _log_contours(ax, x, y, color, label):
    """Draw contours of the density of the logarithms; returns the entry of the legend, if any."""
    from matplotlib.lines import Line2D

    density = density_contours(np.log10(x), np.log10(y), _RATIO_CONTOURS, _MIN_CONTOUR_POINTS)
    if density is None:
        return []
    grid_x, grid_y, grid_density, levels = density
    style = {"path_effects": _halo(color, 1.6)}
    contours = ax.contour(
        10**grid_x,
        10**grid_y,
        grid_density,
        levels=levels,
        colors=[color],
        linewidths=0.8,
        zorder=5,
    )
    contours.set(**style)
    return [Line2D([], [], color=color, lw=0.8, label=label, **style)]
