"""Figure of the distributions of two sets of galaxies, column by column."""

import numpy as np

from dustest.data.errors import InputError
from dustest.report.figures._drawing import PAGE_WIDTH, ROW_HEIGHT, axis_label, empty_figure
from dustest.report.figures.panels import histograms
from dustest.validation.populations import common_columns

__all__ = ["plot_populations"]

_MAX_COLUMNS = 3


def plot_populations(a, b, names, *, labels=("real", "simulated"), axes=None):
    """Draw distributions of two sets of galaxies in common bins, one panel per column.

    Every set is normalised by its number, so that a small catalogue can be compared with a large
    simulation.

    Parameters
    ----------
    a : Table, data frame or dict of columns
        The reference, drawn filled.
    b : Table, data frame or dict of columns
        The set to compare, drawn as an outline. Units are converted to those of ``a``.
    names : sequence of str
        Columns to draw, which both tables have. Values that are not finite are left out.
    labels : (str, str), optional
        Names of the two sets.
    axes : sequence of `~matplotlib.axes.Axes`, optional
        Axes to draw on, one per column; by default those of a new figure that is not registered
        with pyplot.

    Returns
    -------
    axes : list of `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    InputError
        If a column is missing, not numeric or has a unit that does not convert, the number of
        axes is not that of columns, or there are not two labels.

    See Also
    --------
    dustest.validation.compare_distributions : Numbers of this comparison.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> from dustest.report.figures import plot_populations
    >>> real = QTable({"beta": [-2.2, -1.9, -2.4]})
    >>> simulated = QTable({"beta": [-2.3, -2.0, -2.6, -1.8]})
    >>> axes = plot_populations(real, simulated, ["beta"])
    """
    pairs, units = common_columns(a, b, names)
    if len(labels) != 2:
        msg = f"labels must hold one for each of two sets, got {labels!r}"
        raise InputError(msg)
    axes = _population_axes(len(pairs)) if axes is None else list(np.ravel(axes))
    if len(axes) != len(pairs):
        msg = f"axes must hold one for each of {len(pairs)} columns, got {len(axes)}"
        raise InputError(msg)
    for ax, (name, pair) in zip(axes, pairs.items(), strict=True):
        counted = [
            f"{label} ({np.isfinite(values).sum():,})"
            for label, values in zip(labels, pair, strict=True)
        ]
        histograms(dict(zip(counted, pair, strict=True)), ax=ax, normalized=True)
        ax.set_xlabel(axis_label(name, units[name]))
    return axes


def _population_axes(n):
    """Axes of a new figure, in rows of up to three."""
    n_columns = min(n, _MAX_COLUMNS)
    n_rows = -(-n // n_columns)
    width = PAGE_WIDTH * n_columns / _MAX_COLUMNS
    figure = empty_figure(ROW_HEIGHT * n_rows, width)
    return [figure.add_subplot(n_rows, n_columns, i + 1) for i in range(n)]
