"""Figure of the errors that sets of bands would give."""

import numpy as np

from dustest.data.errors import InputError
from dustest.data.quantities import QUANTITIES, check_quantity
from dustest.report.figures._drawing import (
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

__all__ = ["plot_forecast"]

# In inches.
_HEIGHT, _ROW = 2.6, 0.32
_LEGEND_ROOM = 0.08
"""Part of the height for each line of the legend."""
_ERRORS = ("error", "error_p16", "error_p84")
_INFORMATION = ("information", "information_err")


def plot_forecast(table, *, magnitude_band=None, axes=None):
    """Draw errors and information by set of bands.

    Without cells, each set has a line: the median and the 16th to 84th percentile of half the
    68 % intervals in the left panel, the mean information in the right one. With cells, each set
    has a curve over them.

    Parameters
    ----------
    table : QTable
        Result of `dustest.studies.Forecast.table`.
    magnitude_band : str, optional
        Band of the magnitudes, for the label.
    axes : sequence of `~matplotlib.axes.Axes`, optional
        Two axes to draw on; by default those of a new figure that is not registered with pyplot.

    Returns
    -------
    axes : list of `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    InputError
        If a column or the quantity in ``meta`` is missing, or there are not two axes.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import QTable
    >>> from dustest.report.figures import plot_forecast
    >>> columns = {"bands": ["3 bands", "4 bands"], "error": [0.3, 0.2] * u.mag}
    >>> columns |= {"error_p16": [0.1, 0.1] * u.mag, "error_p84": [0.5, 0.4] * u.mag}
    >>> columns |= {"information": [1.1, 1.5], "information_err": [0.1, 0.1]}
    >>> axes = plot_forecast(QTable(columns, meta={"quantity": "A_V"}))
    >>> [tick.get_text() for tick in axes[0].get_yticklabels()]
    ['3 bands', '4 bands']
    """
    quantity = check_quantity(table.meta.get("quantity")).name
    with_cells = "low" in table.colnames
    names = [*_ERRORS, *_INFORMATION, *(("low", "high") if with_cells else ())]
    units = dict.fromkeys(_ERRORS, QUANTITIES[quantity].unit)
    columns = numeric_columns(table, names, units=units)
    sets = list(dict.fromkeys(map(str, table["bands"])))
    axes = _new_axes(with_cells, len(sets)) if axes is None else list(np.ravel(axes))
    if len(axes) != 2:
        msg = f"axes must be two, for errors and information, got {len(axes)}"
        raise InputError(msg)
    labels = f"half 68 % interval of {axis_label(quantity)}", "mean information [bit]"
    if with_cells:
        _draw_curves(axes, columns, np.array(table["bands"]), sets)
        _label_cells(axes, table.meta.get("by"), labels, magnitude_band)
    else:
        _draw_lines(axes, columns, sets)
        for ax, label in zip(axes, labels, strict=True):
            ax.set_xlabel(label)
    for ax in axes:
        dress(ax)
    return axes


def _new_axes(with_cells, n_sets):
    """Axes of a new figure, side by side."""
    height = _HEIGHT if with_cells else 0.8 + _ROW * n_sets
    figure = empty_figure(height, PAGE_WIDTH)
    return list(figure.subplots(1, 2, sharex=with_cells, sharey=not with_cells))


def _spread(columns, rows=slice(None)):
    """Median errors, and how far their 16th and 84th percentiles are."""
    middle, low, high = (columns[name][rows] for name in _ERRORS)
    return middle, [middle - low, high - middle]


def _draw_lines(axes, columns, sets):
    """A line for each set of bands, the first one on top."""
    place = np.arange(len(sets))
    style = {"fmt": "o", "ms": 4, "lw": 1.2, "color": COLORS[0]}
    middle, spread = _spread(columns)
    axes[0].errorbar(middle, place, xerr=spread, **style)
    information, error = (columns[name] for name in _INFORMATION)
    axes[1].errorbar(information, place, xerr=error, **style)
    axes[1].axvline(information[0], color=INK, lw=0.6, ls=":", zorder=0)
    axes[0].set_xlim(left=0.0)
    axes[0].set_yticks(place, [plain_text(name) for name in sets])
    axes[0].set_ylim(len(sets) - 0.5, -0.5)


def _draw_curves(axes, columns, bands, sets):
    """A curve for each set of bands, over the cells."""
    number = np.arange(len(bands) // len(sets))
    shift = np.linspace(-0.12, 0.12, len(sets)) if len(sets) > 1 else [0.0]
    for k, name in enumerate(sets):
        rows = bands == name
        style = {"fmt": "o-", "ms": 4, "lw": 1.2, "color": COLORS[k % len(COLORS)]}
        middle, spread = _spread(columns, rows)
        axes[0].errorbar(number + shift[k], middle, spread, label=plain_text(name), **style)
        information, error = (columns[one][rows] for one in _INFORMATION)
        axes[1].errorbar(number + shift[k], information, error, **style)
    edges = [columns[end][bands == sets[0]] for end in ("low", "high")]
    words = [
        f"{low:.2g}" if low == high else f"{low:.3g}\nto {high:.3g}"
        for low, high in zip(*edges, strict=True)
    ]
    for ax in axes:
        ax.set_xticks(number, words)
        ax.set_ylim(bottom=0.0)
    axes[0].set_ylim(top=axes[0].get_ylim()[1] * (1.0 + _LEGEND_ROOM * len(sets)))
    axes[0].legend(loc="upper left", frameon=False, fontsize=SMALL_FONT_SIZE)


def _label_cells(axes, by, labels, magnitude_band):
    """Labels of axes over cells."""
    if by == "magnitude":
        of_cells = f"magnitude in {magnitude_band}" if magnitude_band else "magnitude"
    else:
        of_cells = f"true {axis_label(by)}" if by in QUANTITIES else str(by)
    for ax, label in zip(axes, labels, strict=True):
        ax.set(xlabel=of_cells, ylabel=label)
