"""Figure of images of galaxies: one row per galaxy, one column per band."""

import numpy as np

from dustest.data.checks.sample_columns import band_column_name
from dustest.data.containers.conversion import as_sample
from dustest.data.errors import InputError
from dustest.report.figures._drawing import FONT_SIZE, PAGE_WIDTH, empty_figure, plain_text
from dustest.report.figures._stamp_drawing import (
    default_labels,
    draw_galaxy,
    label_row,
    scale_bars,
    stamp_images,
)

__all__ = ["plot_stamps"]

_DEFAULT_ROWS = 6
_SCALINGS = ("galaxy", "stamp")
_STAMP_SIZE, _LABEL_WIDTH, _TITLE_HEIGHT = 1.1, 0.9, 0.25


def plot_stamps(sample, *, rows=None, bands=None, labels=None, scaling="galaxy", figure=None):
    """Draw cutouts of galaxies, one row per galaxy and one column per band.

    Bright pixels are dark. The stretch is asinh(v / 0.1) / asinh(10), where v is 0 two standard
    deviations of the sky below its median (white), and 1 at the brightest pixel (black). It is
    linear in the faintest tenth and logarithmic above. The median and the standard deviation,
    which follows from the median absolute deviation, are those of all pixels, most of which are
    sky. Hatches mark pixels without data.

    Parameters
    ----------
    sample : GalaxySample
        Galaxies with columns ``cutout_<BAND>``, in any form that `~dustest.data.as_sample` takes.
        With ``pixel_scale``, a scale bar is drawn.
    rows : sequence of int, optional
        Galaxies to draw; the first six by default.
    bands : sequence of str, optional
        Bands to draw; all with cutouts by default.
    labels : sequence of str, optional
        Text to the left of each galaxy, which may contain matplotlib's mathematics; its id and
        redshift by default.
    scaling : {"galaxy", "stamp"}, optional
        Whether the range of the stretch is set for each galaxy, so that its bands can be compared
        and colours are visible, or for each stamp, so that each shows its structure.
    figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`, optional
        Figure to draw on; by default a new figure that is not registered with pyplot.

    Returns
    -------
    figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`
        The figure, with axes row by row.

    Raises
    ------
    InputError
        If a band has no cutouts, a row does not exist, the number of labels is not that of rows,
        the scaling is unknown, or bands with a common range differ in kind of unit.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.data import as_sample
    >>> from dustest.report.figures import plot_stamps
    >>> images = np.random.default_rng(1).normal(size=(2, 3, 16, 16))
    >>> figure = plot_stamps(as_sample(images, bands=["F277W", "F356W", "F444W"]))
    >>> len(figure.axes), figure.axes[0].get_title()
    (6, 'F277W')
    """
    if scaling not in _SCALINGS:
        msg = f"scaling must be one of {_SCALINGS}, got {scaling!r}"
        raise InputError(msg)
    sample = as_sample(sample)
    rows = _checked_rows(rows, len(sample))
    bands = _checked_bands(bands, sample.cutout_bands)
    labels = default_labels(sample, rows) if labels is None else list(labels)
    if len(labels) != len(rows):
        msg = f"labels must hold one text for each of {len(rows)} rows, got {len(labels)}"
        raise InputError(msg)
    images = stamp_images(sample, rows, bands, scaling)
    figure = _stamp_figure(len(rows), len(bands)) if figure is None else figure
    axes = figure.subplots(len(rows), len(bands), squeeze=False)
    for row_axes, row_images, label in zip(axes, images, labels, strict=True):
        draw_galaxy(row_axes, row_images, scaling)
        label_row(row_axes[0], label)
    for ax, band in zip(axes[0], bands, strict=True):
        ax.set_title(plain_text(band), fontsize=FONT_SIZE)
    scale_bars(axes[:, 0], sample, rows)
    return figure


def _checked_rows(rows, n):
    """Row numbers to draw."""
    if rows is None:
        return np.arange(min(n, _DEFAULT_ROWS))
    rows = np.asarray(rows)
    valid = rows.ndim == 1 and rows.size > 0 and rows.dtype.kind in "iu"
    if not valid or rows.min() < -n or rows.max() >= n:
        msg = f"rows must be row numbers of a sample of {n} galaxies, got {rows.tolist()}"
        raise InputError(msg)
    return rows


def _checked_bands(bands, known):
    """Bands to draw."""
    asked = known if bands is None else (bands,) if isinstance(bands, str) else bands
    bands = tuple(band_column_name(band) for band in asked)
    if not bands or not set(bands) <= set(known):
        msg = f"bands must be among those with cutouts, {known}, got {bands}"
        raise InputError(msg)
    return bands


def _stamp_figure(n_rows, n_bands):
    """Empty figure for a number of stamps, no wider than a journal page."""
    size = min(_STAMP_SIZE, (PAGE_WIDTH - _LABEL_WIDTH) / n_bands)
    return empty_figure(_TITLE_HEIGHT + size * n_rows, _LABEL_WIDTH + size * n_bands)
