"""Figure of the parts of an image on which a prediction depends."""

from numbers import Integral

import numpy as np

from dustest.data.checks.numbers import is_number
from dustest.data.containers.conversion import as_sample
from dustest.data.errors import InputError
from dustest.report.figures._drawing import (
    FONT_SIZE,
    INK,
    PAGE_WIDTH,
    SMALL_FONT_SIZE,
    axis_label,
    empty_figure,
    plain_text,
)
from dustest.report.figures._stamp_drawing import (
    default_labels,
    draw_galaxy,
    frame_stamp,
    label_row,
    scale_bars,
    stamp_images,
)
from dustest.report.numbers import format_column

__all__ = ["plot_occlusion"]

# In inches.
_PANEL_SIZE, _LABEL_WIDTH, _BAR_HEIGHT = 1.3, 0.9, 0.75
_COLOR_MAP = "RdBu_r"
_TOGETHER = "all bands"


def plot_occlusion(occlusion, sample, row=0, *, axes=None):
    """Draw images of one galaxy, and below each the changes as parts of it are covered.

    The map is red where flux increases the prediction, and blue where it decreases it. All maps
    share one scale. The square in the first map is the covered patch. With several bands, the last
    column is for the patch covered in all of them, below the mean image. Images are drawn as in
    `plot_stamps`; hatches mark unknown values.

    Parameters
    ----------
    occlusion : OcclusionMap
        Result of `~dustest.validation.occlusion_map`.
    sample : GalaxySample
        The galaxies of the map, in any form that `~dustest.data.as_sample` takes.
    row : int, optional
        Row of the galaxy to draw.
    axes : array_like of `~matplotlib.axes.Axes` of shape (2, n_columns), optional
        Axes to draw on, with one column for a single band and one more than bands for several; by
        default those of a new figure that is not registered with pyplot.

    Returns
    -------
    axes : ndarray of `~matplotlib.axes.Axes` of shape (2, n_columns)
        Images above, maps below. The colour bar has axes of its own in the same figure.

    Raises
    ------
    InputError
        If the sample is another one, the row does not exist, bands differ in kind of unit, or
        the axes have another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.data import DustTable, as_sample
    >>> from dustest.report.figures import plot_occlusion
    >>> from dustest.validation import occlusion_map
    >>> class CentralLight:
    ...     def estimate(self, sample):
    ...         light = np.asarray(sample["cutout_F277W"])[:, 12:20, 12:20].mean(axis=(1, 2))
    ...         return DustTable.from_quantities(sample["id"], {"A_V": light})
    >>> sample = as_sample(np.ones((2, 1, 32, 32)), bands=["F277W"])
    >>> axes = plot_occlusion(occlusion_map(CentralLight(), sample), sample, row=1)
    >>> axes.shape, axes[0, 0].get_title()
    ((2, 1), 'F277W')
    """
    sample = as_sample(sample)
    _check_sample(occlusion, sample)
    row = _checked_row(row, len(sample))
    images, maps = _columns(occlusion, sample, row)
    axes = _new_axes(len(maps)) if axes is None else np.asarray(axes, dtype=object)
    if axes.shape != (2, len(maps)):
        msg = f"axes must have the shape {(2, len(maps))}, got {axes.shape}"
        raise InputError(msg)
    draw_galaxy(axes[0], images, "galaxy")
    _draw_maps(axes[1], maps, occlusion)
    _draw_patch(axes[1, 0], occlusion.patch)
    for ax, title in zip(axes[0], (*occlusion.bands, _TOGETHER), strict=False):
        ax.set_title(plain_text(title), fontsize=FONT_SIZE)
    label_row(axes[0, 0], *default_labels(sample, [row]))
    label_row(axes[1, 0], _prediction_label(occlusion, row))
    scale_bars(axes[0, :1], sample, [row])
    return axes


def _check_sample(occlusion, sample):
    """Raise an error for a sample other than that of the map."""
    same = np.array_equal(np.asarray(sample["id"]), occlusion.ids)
    shape = occlusion.change.shape[2:]
    shapes = {
        sample[f"cutout_{band}"].shape[1:] if band in sample.cutout_bands else None
        for band in occlusion.bands
    }
    if not same or shapes != {shape}:
        msg = (
            f"sample must hold the {len(occlusion)} galaxies that the occlusion map was made for, "
            f"with cutouts of shape {shape} in {', '.join(occlusion.bands)}; got others"
        )
        raise InputError(msg)


def _checked_row(row, n):
    """Convert a row number, counted from the first."""
    if not is_number(row, Integral) or not -n <= row < n:
        msg = f"row must be a row number of a sample of {n} galaxies, got {row!r}"
        raise InputError(msg)
    return int(row) % n


def _columns(occlusion, sample, row):
    """Images and maps of one galaxy, one pair per column."""
    (images,) = stamp_images(sample, [row], occlusion.bands, "galaxy")
    images, maps = list(images), list(occlusion.change[row])
    if len(maps) > 1:
        images.append(np.mean(images, axis=0))
        maps.append(occlusion.change_together[row])
    return images, maps


def _new_axes(n_columns):
    """Axes of a new figure, no wider than a journal page."""
    size = min(_PANEL_SIZE, (PAGE_WIDTH - _LABEL_WIDTH) / n_columns)
    figure = empty_figure(2 * size + _BAR_HEIGHT, _LABEL_WIDTH + size * n_columns)
    return figure.subplots(2, n_columns, squeeze=False)


def _draw_maps(axes, maps, occlusion):
    """Draw maps on one scale that is symmetric about zero, with a colour bar."""
    known = np.abs(np.concatenate([np.ravel(part) for part in maps]))
    limit = np.max(known, where=np.isfinite(known), initial=0.0) or 1.0
    style = {"cmap": _COLOR_MAP, "vmin": -limit, "vmax": limit}
    for ax, part in zip(axes, maps, strict=True):
        drawn = ax.imshow(part, origin="lower", interpolation="nearest", **style)
        frame_stamp(ax)
    bar = axes[0].figure.colorbar(drawn, ax=list(axes), location="bottom", aspect=40, pad=0.04)
    bar.set_label(f"{axis_label(occlusion.quantity)}: image − covered", fontsize=FONT_SIZE)
    bar.ax.tick_params(labelsize=SMALL_FONT_SIZE, direction="in", width=0.6)
    bar.outline.set_linewidth(0.6)


def _draw_patch(ax, side):
    """Outline of the patch in a corner."""
    from matplotlib.patches import Rectangle

    corner = (0.5, 0.5)
    ax.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=INK, lw=0.8, gid="patch"))


def _prediction_label(occlusion, row):
    """Text with the prediction for the galaxy."""
    value = format_column(occlusion.prediction[row], occlusion.quantity)
    return f"{axis_label(occlusion.quantity)}\n{value}"
