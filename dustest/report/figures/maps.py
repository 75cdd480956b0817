"""Figures of maps of one galaxy."""

import numpy as np

from dustest.data.errors import InputError
from dustest.report.figures._drawing import (
    FONT_SIZE,
    PAGE_WIDTH,
    SMALL_FONT_SIZE,
    axis_label,
    empty_figure,
    plain_text,
)
from dustest.report.figures._stamp_drawing import draw_galaxy, draw_scale_bar, frame_stamp

__all__ = ["plot_map", "plot_maps"]

_ROW_HEIGHT, _TOP = 1.45, 0.2
_PANEL, _TITLE = 1.1, 0.3
"""Inches: greatest height of a row of maps, margin, width of a map, and height of its title."""
_SHOWN = (2.0, 98.0)
"""Percentiles of a map between which its colours range."""
_COLOR_MAPS = {"beta": "RdYlBu_r", "A_V": "inferno", "A_V_nebular": "inferno"}
_OTHER, _ERRORS = "viridis", "Greys"
_MARGIN = 3
"""Pixels of sky around a galaxy."""


def plot_map(values, *, label="", limits=None, cmap=_OTHER, ax=None):
    """Draw a map of one galaxy.

    Parameters
    ----------
    values : array_like of shape (ny, nx)
        The map, NaN outside the galaxy.
    label : str, optional
        Label of the colour bar, which may contain matplotlib's mathematics.
    limits : tuple of float, optional
        Values at the ends of the colours; by default the 2nd and 98th percentile.
    cmap : str, optional
        Name of the colours.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure that is not registered with pyplot.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The axes, with a colour bar.

    Raises
    ------
    InputError
        If the map has not two axes.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.report.figures import plot_map
    >>> ax = plot_map(np.array([[0.1, 0.4], [0.2, np.nan]]), label="$A_V$ [mag]")
    >>> ax.images[0].get_array().shape
    (2, 2)
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 2:
        msg = f"values must be a map of shape (ny, nx), got the shape {values.shape}"
        raise InputError(msg)
    ax = empty_figure(2.6, 3.0).add_subplot() if ax is None else ax
    known = values[np.isfinite(values)]
    if limits is None:
        limits = np.percentile(known, _SHOWN) if known.size else (0.0, 1.0)
    low, high = limits
    image = ax.imshow(values, origin="lower", vmin=low, vmax=high, cmap=cmap)
    frame_stamp(ax)
    ax.patch.set(hatch="", facecolor="white")
    # As high as the map, whatever its shape.
    bar = ax.figure.colorbar(image, cax=ax.inset_axes([1.03, 0.0, 0.06, 1.0]))
    bar.set_label(label, fontsize=FONT_SIZE)
    bar.ax.tick_params(labelsize=SMALL_FONT_SIZE, direction="in", width=0.6)
    bar.outline.set_linewidth(0.6)
    return ax


def plot_maps(
    image, maps, errors=None, *, labels=None, bins=None, title="", pixel_scale=None, figure=None
):
    """Draw an image of a galaxy, and maps of quantities over maps of their errors.

    Parameters
    ----------
    image : array_like of shape (ny, nx)
        Image of the galaxy.
    maps : dict of str to array_like of shape (ny, nx)
        Maps by quantity, NaN outside the galaxy.
    errors : dict of str to array_like of shape (ny, nx), optional
        Errors of the maps.
    labels : dict of str to str, optional
        Titles of maps, which may contain matplotlib's mathematics; by default those of the
        quantities.
    bins : array_like of int of shape (ny, nx), optional
        Numbers of bins, whose borders are drawn on the image.
    title : str, optional
        Title of the image.
    pixel_scale : float, optional
        Side of a pixel in arcsec, for a scale bar.
    figure : `~matplotlib.figure.Figure`, optional
        Figure to draw on; by default a new one that is not registered with pyplot.

    Returns
    -------
    figure : `~matplotlib.figure.Figure`
        The figure.

    Raises
    ------
    InputError
        If there is no map, or one has not two axes.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.report.figures import plot_maps
    >>> figure = plot_maps(np.ones((4, 4)), {"A_V": np.eye(4)}, title="F277W")
    >>> figure.axes[0].get_title()
    'F277W'
    """
    if not maps:
        msg = "maps must hold at least one map, got none"
        raise InputError(msg)
    errors, labels = errors or {}, {name: axis_label(name) for name in maps} | (labels or {})
    n_rows, n_columns = 1 + bool(errors), 1 + len(maps)
    if figure is None:
        height = _TOP + n_rows * _row_height(maps, bins)
        figure = empty_figure(height, PAGE_WIDTH * n_columns / 5.0)
    axes = figure.subplots(n_rows, n_columns, squeeze=False)
    _draw_image(axes[0, 0], np.asarray(image, dtype=float), bins, title)
    for column, (name, values) in enumerate(maps.items(), start=1):
        plot_map(values, cmap=_COLOR_MAPS.get(name, _OTHER), ax=axes[0, column])
        axes[0, column].set_title(labels[name], fontsize=FONT_SIZE)
        if name in errors:
            known = np.asarray(errors[name], dtype=float)
            largest = np.nanmax(known) if np.isfinite(known).any() else 1.0
            plot_map(known, limits=(0.0, largest), cmap=_ERRORS, ax=axes[1, column])
            axes[1, column].set_title("its error", fontsize=FONT_SIZE)
        elif errors:
            axes[1, column].set_axis_off()
    if errors:
        axes[1, 0].set_axis_off()
    _crop(axes.ravel(), _member(maps, bins))
    if pixel_scale is not None:
        draw_scale_bar(axes[0, 0], pixel_scale)
    return figure


def _member(maps, bins):
    """Pixels of the galaxy."""
    return np.isfinite(next(iter(maps.values()))) if bins is None else np.asarray(bins) > 0


def _box(member):
    """First and last row and column of the galaxy, with a margin; None without a galaxy."""
    if np.ndim(member) != 2 or not np.any(member):
        return None
    return [
        np.flatnonzero(member.any(axis=axis))[[0, -1]] + (-_MARGIN - 0.5, _MARGIN + 0.5)
        for axis in (1, 0)
    ]


def _row_height(maps, bins):
    """Height of a row in inches, less for flat galaxies."""
    box = _box(_member(maps, bins))
    if box is None:
        return _ROW_HEIGHT
    height, width = (np.ptp(side) for side in box)
    return min(_ROW_HEIGHT, _TITLE + _PANEL * height / width)


def _crop(axes, member):
    """Show the galaxy with a margin."""
    box = _box(member)
    if box is None:
        return
    for ax in axes:
        ax.set(xlim=box[1], ylim=box[0])


def _draw_image(ax, image, bins, title):
    """Draw the galaxy with the borders of its bins."""
    draw_galaxy([ax], [image], "stamp")
    ax.set_title(plain_text(title), fontsize=FONT_SIZE)
    if bins is not None:
        _draw_borders(ax, np.asarray(bins))


def _draw_borders(ax, bins):
    """Draw lines between pixels of different bins."""
    from matplotlib.collections import LineCollection

    padded = np.pad(bins, 1)
    rows, columns = np.nonzero(padded[1:] != padded[:-1])
    lines = [[(x - 1.5, y - 0.5), (x - 0.5, y - 0.5)] for y, x in zip(rows, columns, strict=True)]
    rows, columns = np.nonzero(padded[:, 1:] != padded[:, :-1])
    lines += [[(x - 0.5, y - 1.5), (x - 0.5, y - 0.5)] for y, x in zip(rows, columns, strict=True)]
    ax.add_collection(LineCollection(lines, colors="#D55E00", linewidths=0.4))
