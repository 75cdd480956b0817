"""Figure of the density of a quantity in a population, with its bands."""

import numpy as np

from dustest.data.quantities import QUANTITIES, check_quantity
from dustest.report.figures._drawing import (
    COLORS,
    ROW_HEIGHT,
    SMALL_FONT_SIZE,
    axis_label,
    dress,
    empty_figure,
    plain_text,
)
from dustest.validation.columns import numeric_columns

__all__ = ["plot_density"]

_BANDS = (("density_p5", "density_p95", 0.15), ("density_p16", "density_p84", 0.3))
_WIDTH = 3.5
_HIDDEN = 0.002
"""Share of the probability at either end that the axis may leave out."""
_HIGHEST = 1.6
"""Top of the axis over the largest band outside the first bin."""


def plot_density(density, *, label=None, color=None, ax=None):
    """Draw a density with its 68 and 90 % bands.

    Parameters
    ----------
    density : Table
        A row for each bin with ``low``, ``high``, ``probability``, ``density``, ``density_p5``,
        ``density_p16``, ``density_p84`` and ``density_p95``, and the name of the quantity in
        ``meta["quantity"]``, as of ``InferredPopulation.density``.
    label : str, optional
        Name in the legend.
    color : str, optional
        Colour; by default the next one of these axes.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure that is not registered with pyplot.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    InputError
        If a column is missing or the quantity is unknown.

    Notes
    -----
    The first bin may have a much larger density than the others, if some galaxies have no dust.
    The axis then ends above the others, and the fraction in this bin is in the legend.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> from dustest.report.figures import plot_density
    >>> columns = {"low": [0.0, 0.5], "high": [0.5, 1.0], "probability": [0.6, 0.4]}
    >>> columns |= {"density": [1.2, 0.8], "density_p5": [1.0, 0.6], "density_p16": [1.1, 0.7]}
    >>> columns |= {"density_p84": [1.3, 0.9], "density_p95": [1.4, 1.0]}
    >>> ax = plot_density(QTable(columns, meta={"quantity": "A_V"}), label="three bands")
    """
    name = check_quantity(density.meta.get("quantity")).name
    unit = QUANTITIES[name].unit
    bands = [end for low, high, _ in _BANDS for end in (low, high)]
    units = dict.fromkeys(("low", "high"), unit)
    units |= dict.fromkeys(("density", *bands), None if unit is None else 1 / unit)
    columns = numeric_columns(density, [*units, "probability"], units=units)
    ax = empty_figure(ROW_HEIGHT, _WIDTH).subplots() if ax is None else ax
    number = len(ax.get_legend_handles_labels()[1])
    color = COLORS[number % len(COLORS)] if color is None else color
    edges = np.append(columns["low"], columns["high"][-1])
    for low, high, alpha in _BANDS:
        style = {"color": color, "alpha": alpha, "lw": 0}
        ax.stairs(columns[high], edges, baseline=columns[low], fill=True, **style)
    ax.stairs(columns["density"], edges, color=color, lw=1.2, baseline=None, label=_words(label))
    _set_limits(ax, columns, edges, first=not number)
    ax.set(xlabel=axis_label(name), ylabel="density")
    if label is not None:
        ax.legend(loc="upper right", frameon=False, fontsize=SMALL_FONT_SIZE)
    return dress(ax)


def _words(label):
    """Label of the line; a hidden one counts the densities on the axes."""
    return "density" if label is None else plain_text(label)


def _set_limits(ax, columns, edges, *, first):
    """Limits of the axes that show all densities on them."""
    cumulative = np.cumsum(columns["probability"])
    shown = np.flatnonzero((cumulative > _HIDDEN) & (cumulative < 1.0 - _HIDDEN))
    left = edges[shown[0]] if shown.size else edges[0]
    right = edges[min(shown[-1] + 2, len(edges) - 1)] if shown.size else edges[-1]
    left = edges[0] if edges[0] == 0.0 else left
    top = 1.05 * columns["density_p95"].max()
    rest = _HIGHEST * columns["density_p84"][1:].max(initial=0.0)
    top = min(top, rest) if rest > 0.0 else top
    if not first:
        (old_left, old_right), old_top = ax.get_xlim(), ax.get_ylim()[1]
        left, right, top = min(left, old_left), max(right, old_right), max(top, old_top)
    ax.set_xlim(left, right)
    ax.set_ylim(0.0, top)
