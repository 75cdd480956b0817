"""Shared by the figures of stamps: units, stretch, labels and scale bars."""

import numpy as np
from astropy import units as u
from astropy.stats import mad_std

from dustest.data.errors import InputError
from dustest.report.figures._drawing import (
    AGAINST_COLOR,
    FONT_SIZE,
    INK,
    SMALL_FONT_SIZE,
    plain_text,
)
from dustest.validation.columns import unit_of

__all__ = [
    "default_labels",
    "draw_galaxy",
    "draw_scale_bar",
    "frame_stamp",
    "label_row",
    "scale_bars",
    "stamp_images",
]

# Fraction of the range in which the stretch is linear, as in astropy.
_SOFTENING = 0.1
# Pixels this many standard deviations of the sky below its median are white.
_SKY_BELOW = 2.0
# Arcsec; the longest scale bar that takes less than this fraction of a stamp is drawn.
_BAR_LENGTHS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_BAR_SHARE = 0.45


def default_labels(sample, rows):
    """Id and redshift of each galaxy."""
    labels = [plain_text(name) for name in sample["id"][rows]]
    if "redshift" not in sample.colnames:
        return labels
    redshifts = np.asarray(sample["redshift"][rows])
    return [
        f"{label}\n$z = {z:.2f}$" if np.isfinite(z) else label
        for label, z in zip(labels, redshifts, strict=True)
    ]


def stamp_images(sample, rows, bands, scaling):
    """Images of each galaxy as numbers, in one unit if they share a range."""
    columns = {band: sample[f"cutout_{band}"][rows] for band in bands}
    if scaling == "galaxy":
        unit = unit_of(columns[bands[0]])
        columns = {band: _in_unit(band, column, unit) for band, column in columns.items()}
    return list(zip(*(np.asarray(column) for column in columns.values()), strict=True))


def _in_unit(band, column, unit):
    """Convert images of a band to the unit of another."""
    own = unit_of(column)
    if own is None and unit is None:
        return column
    if own is None or unit is None or not own.is_equivalent(unit):
        msg = (
            f"bands must be in units that convert to scale them together, but {band} is in "
            f"{own or 'none'} and another in {unit or 'none'}; convert one of them, or use "
            "scaling='stamp' in plot_stamps"
        )
        raise InputError(msg)
    return column.to(unit)


def draw_galaxy(axes, images, scaling):
    """Draw images of one galaxy, with a common range or each with its own."""
    for ax, image in zip(axes, images, strict=True):
        used = images if scaling == "galaxy" else [image]
        low, high = _value_range(np.concatenate([np.ravel(part) for part in used]))
        _draw_stamp(ax, image, low, high)


def _value_range(pixels):
    """Values of white and black."""
    pixels = pixels[np.isfinite(pixels)]
    if pixels.size == 0:
        return 0.0, 1.0
    low, high = np.median(pixels) - _SKY_BELOW * mad_std(pixels), pixels.max()
    return (low, high) if high > low else (low, low + 1.0)


def _draw_stamp(ax, image, low, high):
    """Draw one image."""
    from astropy.visualization import AsinhStretch, ImageNormalize

    norm = ImageNormalize(vmin=low, vmax=high, stretch=AsinhStretch(_SOFTENING))
    ax.imshow(image, origin="lower", cmap="gray_r", norm=norm, interpolation="nearest")
    frame_stamp(ax)


def frame_stamp(ax):
    """Draw a frame without ticks, hatched where the image has no data."""
    ax.patch.set(hatch="/////", edgecolor=AGAINST_COLOR)
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_linewidth(0.6)


def label_row(ax, label):
    """Write text to the left of the first stamp of a galaxy."""
    style = {"rotation": 0, "ha": "right", "va": "center", "multialignment": "left"}
    ax.set_ylabel(label, fontsize=FONT_SIZE, **style)


def scale_bars(axes, sample, rows):
    """Draw scale bars in the first row, or in every row if they differ in scale."""
    if "pixel_scale" not in sample.colnames:
        return
    scales = u.Quantity(sample["pixel_scale"][rows]).to_value(u.arcsec)
    same = np.all(scales == scales[0])
    for ax, scale in zip(axes[:1] if same else axes, scales, strict=False):
        draw_scale_bar(ax, scale)


def draw_scale_bar(ax, scale):
    """Draw the longest bar that fits into an image of pixels of a side in arcsec."""
    width = np.ptp(ax.get_xlim())
    fitting = [length for length in _BAR_LENGTHS if length <= _BAR_SHARE * width * scale]
    if fitting:
        _draw_bar(ax, fitting[-1], fitting[-1] / scale / width)


def _draw_bar(ax, length, share):
    """Draw a bar of a length in arcsec that takes a fraction of the stamp's width."""
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
