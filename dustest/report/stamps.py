"""Images of galaxies side by side: a row a galaxy, a column a band."""

import numpy as np
from astropy import units as u
from astropy.stats import mad_std

from dustest.data.coerce import as_sample
from dustest.data.errors import InputError
from dustest.report._drawing import (
    AGAINST_COLOR,
    FONT_SIZE,
    INK,
    PAGE_WIDTH,
    SMALL_FONT_SIZE,
    empty_figure,
    plain_text,
)
from dustest.validation.columns import unit_of

__all__ = ["plot_stamps"]

_DEFAULT_ROWS = 6
_SCALINGS = ("galaxy", "stamp")
_STAMP_SIZE, _LABEL_WIDTH, _TITLE_HEIGHT = 1.1, 0.9, 0.25
# Fraction of the range in which the stretch is linear: astropy's default.
_SOFTENING = 0.1
# Sky that lies this many of its own standard deviations below its median is white.
_SKY_BELOW = 2.0
# Arcsec; of these, the longest scale bar that takes less than this share of a stamp is drawn.
_BAR_LENGTHS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_BAR_SHARE = 0.45


def plot_stamps(sample, *, rows=None, bands=None, labels=None, scaling="galaxy", figure=None):
    """Cutouts of galaxies, a row a galaxy and a column a band.

    Bright is dark. The stretch is asinh(v / 0.1) / asinh(10), where v runs from 0, two standard
    deviations of the sky below its median (white), to 1, the brightest pixel (black): linear
    in the faintest tenth, logarithmic above. The median and the standard deviation, which
    follows from the median absolute deviation, are those of all pixels, most of which are sky.
    Hatches mark pixels without data.

    Parameters
    ----------
    sample : GalaxySample
        Galaxies with columns ``cutout_<BAND>``, or whatever `~dustest.data.as_sample` takes.
        With ``pixel_scale``, a scale bar is drawn.
    rows : sequence of int, optional
        Galaxies to draw; the first six by default.
    bands : sequence of str, optional
        Bands to draw; all with cutouts by default.
    labels : sequence of str, optional
        Text to the left of each galaxy, in which matplotlib's mathematics may stand; its id
        and redshift by default.
    scaling : {"galaxy", "stamp"}, optional
        Whether the range of the stretch is found for each galaxy, so that its bands can be
        compared and colours show, or for each stamp, so that all show their structure.
    figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`, optional
        Where to draw; a new figure, unknown to pyplot, by default.

    Returns
    -------
    figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`
        The figure, with axes row by row.

    Raises
    ------
    InputError
        If a band has no cutouts, a row does not exist, there are not as many labels as rows,
        the scaling is unknown, or bands to be scaled together differ in kind of unit.

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
    labels = _default_labels(sample, rows) if labels is None else list(labels)
    if len(labels) != len(rows):
        msg = f"labels must hold one text for each of {len(rows)} rows, got {len(labels)}"
        raise InputError(msg)
    images = _images(sample, rows, bands, scaling)
    figure = _stamp_figure(len(rows), len(bands)) if figure is None else figure
    axes = figure.subplots(len(rows), len(bands), squeeze=False)
    for row_axes, row_images, label in zip(axes, images, labels, strict=True):
        _draw_galaxy(row_axes, row_images, scaling)
        _label_row(row_axes[0], label)
    for ax, band in zip(axes[0], bands, strict=True):
        ax.set_title(plain_text(band), fontsize=FONT_SIZE)
    _scale_bars(axes[:, 0], sample, rows)
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
    bands = known if bands is None else (bands,) if isinstance(bands, str) else tuple(bands)
    if not bands or not set(bands) <= set(known):
        msg = f"bands must be among those with cutouts, {known}, got {bands}"
        raise InputError(msg)
    return bands


def _default_labels(sample, rows):
    """Id and redshift of each galaxy."""
    labels = [plain_text(name) for name in sample["id"][rows]]
    if "redshift" not in sample.colnames:
        return labels
    redshifts = np.asarray(sample["redshift"][rows])
    return [
        f"{label}\n$z = {z:.2f}$" if np.isfinite(z) else label
        for label, z in zip(labels, redshifts, strict=True)
    ]


def _images(sample, rows, bands, scaling):
    """Images of each galaxy as bare numbers, in one unit where they share a range."""
    columns = {band: sample[f"cutout_{band}"][rows] for band in bands}
    if scaling == "galaxy":
        unit = unit_of(columns[bands[0]])
        columns = {band: _in_unit(band, column, unit) for band, column in columns.items()}
    return list(zip(*(np.asarray(column) for column in columns.values()), strict=True))


def _in_unit(band, column, unit):
    """Images of a band in the unit of another."""
    own = unit_of(column)
    if own is None and unit is None:
        return column
    if own is None or unit is None or not own.is_equivalent(unit):
        msg = (
            f"bands must be in units that convert to scale them together, but {band} is in "
            f"{own or 'none'} and another in {unit or 'none'}; use scaling='stamp'"
        )
        raise InputError(msg)
    return column.to(unit)


def _stamp_figure(n_rows, n_bands):
    """Empty figure for so many stamps, no wider than a journal page."""
    size = min(_STAMP_SIZE, (PAGE_WIDTH - _LABEL_WIDTH) / n_bands)
    return empty_figure(_TITLE_HEIGHT + size * n_rows, _LABEL_WIDTH + size * n_bands)


def _draw_galaxy(axes, images, scaling):
    """Images of one galaxy, on one range or each on its own."""
    for ax, image in zip(axes, images, strict=True):
        used = images if scaling == "galaxy" else [image]
        low, high = _value_range(np.concatenate([np.ravel(part) for part in used]))
        _draw_stamp(ax, image, low, high)


def _value_range(pixels):
    """Values that are drawn white and black."""
    pixels = pixels[np.isfinite(pixels)]
    if pixels.size == 0:
        return 0.0, 1.0
    low, high = np.median(pixels) - _SKY_BELOW * mad_std(pixels), pixels.max()
    return (low, high) if high > low else (low, low + 1.0)


def _draw_stamp(ax, image, low, high):
    """One image; the hatches behind it show where it has no data."""
    from astropy.visualization import AsinhStretch, ImageNormalize

    norm = ImageNormalize(vmin=low, vmax=high, stretch=AsinhStretch(_SOFTENING))
    ax.imshow(image, origin="lower", cmap="gray_r", norm=norm, interpolation="nearest")
    ax.patch.set(hatch="/////", edgecolor=AGAINST_COLOR)
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_linewidth(0.6)


def _label_row(ax, label):
    """Text to the left of the first stamp of a galaxy."""
    style = {"rotation": 0, "ha": "right", "va": "center", "multialignment": "left"}
    ax.set_ylabel(label, fontsize=FONT_SIZE, **style)


def _scale_bars(axes, sample, rows):
    """Scale bar in the first row, or in every row where they differ in scale."""
    if "pixel_scale" not in sample.colnames:
        return
    scales = u.Quantity(sample["pixel_scale"][rows]).to_value(u.arcsec)
    same = np.all(scales == scales[0])
    for ax, scale in zip(axes[:1] if same else axes, scales, strict=False):
        width = np.ptp(ax.get_xlim())
        fitting = [length for length in _BAR_LENGTHS if length <= _BAR_SHARE * width * scale]
        if fitting:
            _draw_bar(ax, fitting[-1], fitting[-1] / scale / width)


def _draw_bar(ax, length, share):
    """Bar of a length in arcsec that takes a share of the stamp's width."""
    from matplotlib import patheffects

    style = {
        "color": INK,
        "path_effects": [patheffects.withStroke(linewidth=2.5, foreground="white")],
    }
    ax.plot(
        [0.07, 0.07 + share],
        [0.08, 0.08],
        lw=1.2,
        gid="scale bar",
        transform=ax.transAxes,
        **style,
    )
    ax.annotate(
        f"{length:g}″",
        (0.07 + share / 2, 0.08),
        xycoords="axes fraction",
        xytext=(0, 2.5),
        textcoords="offset points",
        ha="center",
        fontsize=SMALL_FONT_SIZE,
        **style,
    )
