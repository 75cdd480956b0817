"""Inputs of a network: images on one scale, and the context.

Every row depends on its own galaxy only, so that neither batches nor their order matter.
"""

from dataclasses import dataclass
from functools import lru_cache
from numbers import Integral

import numpy as np

from dustest.data.checks.numbers import is_number
from dustest.data.checks.sample_columns import band_column_name
from dustest.data.errors import InputError
from dustest.data.flags import FLAGS
from dustest.data.signal_to_noise import SNR_MIN, check_snr_min, is_faint
from dustest.estimators._cnn.context import ContextLayout, describe
from dustest.estimators.run.batch import is_constant

__all__ = [
    "CNNInputs",
    "aperture",
    "border_noise",
    "central_pixels",
    "check_bands",
    "prepare",
    "prepare_paper",
    "stretch",
    "unstretch",
    "without_images",
]

_CHUNK = 256
"""Number of galaxies at once: their stamps of one band fit in the cache of a core."""

_GAIN, _KNEE, _BRIGHTEST = 100.0, 3.0, 1e6
"""The brightest pixel of a galaxy has 1 to 7 hundredths of its flux, so that a gain of 100 scales
it to 1 to 7, and all its pixels below 1 stay linear within 2 %; a neighbour a thousand times
brighter stays below 30."""

_CLEAREST = 1e4
"""Signal-to-noise ratio above which the value is constant."""

_TINY, _HUGE = 1e-20, 1e30
"""Brightness in nJy outside which numbers are not measurements."""

_BAD_SHARE = 0.02
_USABLE_SHARE = 0.5
_REDSHIFT_UNIT, _HIGHEST_REDSHIFT = 10.0, 20.0
_USUAL_PIXEL = 0.03
"""Side of a pixel in arcsec, in the mosaics of JADES."""

_MAD_TO_SIGMA = 1.4826
_GROWTH = 1.3
"""Octaves beyond blocks of 2 pixels over which correlated noise increases: up to 5 pixels, for
which the noise in the aperture of JADES-deep and CEERS presets is correct within 12 %."""


@dataclass(frozen=True, eq=False)
class CNNInputs:
    """Galaxies as inputs of networks; no value is NaN or infinite.

    Parameters
    ----------
    image : ndarray of float32 of shape (n, window, window, n_bands)
        Central part of the images; 0 if a pixel is bad or a band is missing.
    context : ndarray of float32 of shape (n, n_context)
        Context of the images, see `~.context.context_names`.
    snr : ndarray of float32 of shape (n, n_bands)
        Signal-to-noise ratio in the aperture; 0 if a band is missing.
    usable : ndarray of bool of shape (n,)
        Whether any band is there.
    flags : ndarray of int32 of shape (n,)
        Bits of `~dustest.data.FLAGS`.
    pixel_noise, growth : ndarray of shape (n, n_bands), optional
        Results of `border_noise` for each band.
    """

    image: np.ndarray
    context: np.ndarray
    snr: np.ndarray
    usable: np.ndarray
    flags: np.ndarray
    pixel_noise: np.ndarray | None = None
    growth: np.ndarray | None = None

    def __len__(self):
        return len(self.image)


def stretch(linear, out=None):
    r"""Compress images: linear for the galaxy, logarithmic for much brighter pixels.

    Parameters
    ----------
    linear : ndarray of float32 of any shape
        Pixels x in units of the common scale.
    out : ndarray of the same shape, optional
        Array for the result; may be ``linear``. A new array by default.

    Returns
    -------
    image : ndarray of the same shape
        :math:`y = 3 \operatorname{asinh}(100 x / 3)`, at most 44.

    See Also
    --------
    unstretch : The inverse.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators._cnn.inputs import stretch, unstretch
    >>> stretch(np.array([0.0, 0.001, 0.03])).round(3)
    array([0.   , 0.1  , 2.644])
    >>> unstretch(stretch(np.array([0.03]))).round(3)
    array([0.03])
    """
    image = np.multiply(linear, _GAIN / _KNEE, out=out)
    np.clip(image, -_BRIGHTEST, _BRIGHTEST, out=image)
    np.arcsinh(image, out=image)
    image *= _KNEE
    return image


def unstretch(image):
    r"""Undo `stretch`.

    Parameters
    ----------
    image : ndarray of float32 of any shape
        Compressed pixels y.

    Returns
    -------
    linear : ndarray of the same shape
        :math:`x = (3 / 100) \sinh(y / 3)`, in units of the common scale.
    """
    linear = np.multiply(image, 1.0 / _KNEE)
    np.sinh(linear, out=linear)
    linear *= _KNEE / _GAIN
    return linear


@lru_cache
def aperture(size):
    """Fraction of every pixel of a stamp in the central aperture.

    Parameters
    ----------
    size : int
        Side of the stamp in pixels.

    Returns
    -------
    weights : ndarray of float32 of shape (size, size)
        Between 0 and 1; read-only.

    Notes
    -----
    The radius is a sixth of the side: 5.33 of 32 pixels, which at 0.03 arcsec is 0.16 arcsec,
    the aperture in which `~dustest.io.add_cutouts` and the simulator measure signal-to-noise
    ratios. It contains 0.7 to 0.8 of the light of a point source in the long bands of NIRCam, and
    survey depths refer to it.
    """
    fine = 20
    offset = (np.arange(size * fine) + 0.5) / fine - 0.5 * size
    inside = np.hypot(offset[:, None], offset) < size / 6.0
    weights = inside.reshape(size, fine, size, fine).mean(axis=(1, 3), dtype=np.float32)
    weights.setflags(write=False)
    return weights


def prepare(batch, bands, *, size=32, window=None, snr_min=SNR_MIN):
    """Make the inputs of a network, with the colours of the galaxies preserved.

    Parameters
    ----------
    batch : Batch
        n galaxies with cutouts in at least one of the bands.
    bands : sequence of str
        Bands of the network, in its order.
    size : int, optional
        Side of the images in pixels, a multiple of 8. Larger stamps are cropped.
    window : int, optional
        Side of the central part to return; all by default. The context is that of all pixels.
    snr_min : float, optional
        Signal-to-noise ratio below which galaxies get the flag LOW_SNR.

    Returns
    -------
    inputs : CNNInputs
        Images of all bands in units of one common scale (see `~.context.describe`), compressed by
        `stretch`.

    Raises
    ------
    InputError
        If there is no cutout in any of the bands, stamps are smaller than ``size``, or an
        argument is out of range.

    Notes
    -----
    The noise in the aperture is that of uncorrelated pixels times the effect of correlation. The
    first follows from the errors of the pixels if there are any, else from the median absolute
    deviation within the outermost 4 pixels; the second is measured there. Drizzled mosaics need
    it: their noise in the aperture is 2 (CEERS) to 4 times (JADES-deep) that of as many
    uncorrelated pixels, and error maps do not include it. The noise of both is correct within
    12 %, noise correlated by a Gaussian up to 40 % too high, and sources in the border count as
    noise.

    A band is missing if less than half of the aperture is good, or all is 0. Flags: NO_DATA if all
    bands are missing, MISSING_BAND if some are; LOW_SNR if the signal-to-noise ratio reaches
    ``snr_min`` in none; EDGE if whole rows or columns at a side of the stamp are bad; BAD_PIXELS
    if more than 2 % of the other pixels, or of the aperture, are.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.data import as_sample
    >>> from dustest.estimators import make_batch
    >>> from dustest.estimators._cnn.inputs import prepare
    >>> stamps = np.random.default_rng(1).normal(size=(2, 1, 48, 48))
    >>> inputs = prepare(make_batch(as_sample(stamps, bands=["F277W"])), ["F277W", "F444W"])
    >>> inputs.image.shape, inputs.context.shape, inputs.usable.tolist()
    ((2, 32, 32, 2), (2, 11), [True, True])
    """
    return _prepared(batch, bands, size, window or size, snr_min, _on_common_scale)


def prepare_paper(batch, bands, *, size=32, window=None, snr_min=SNR_MIN):
    """Make the inputs of the network of the paper, with each image scaled to 0 to 1.

    Parameters
    ----------
    batch : Batch
        n galaxies with cutouts in at least one of the bands.
    bands : sequence of str
        Bands of the network, in its order.
    size : int, optional
        Side of the images in pixels, a multiple of 8. Larger stamps are cropped.
    window : int, optional
        Side of the central part to return; all by default. The context is that of all pixels.
    snr_min : float, optional
        Signal-to-noise ratio below which galaxies get the flag LOW_SNR.

    Returns
    -------
    inputs : CNNInputs
        As from `prepare`, except that the faintest good pixel is 0 and the brightest 1.

    Raises
    ------
    InputError
        If there is no cutout in any of the bands, stamps are smaller than ``size``, or an
        argument is out of range.
    """
    return _prepared(batch, bands, size, window or size, snr_min, _by_own_extremes)


def without_images(batch, n_bands, side):
    """Make the inputs of a network that also reads fluxes, for galaxies without images.

    Parameters
    ----------
    batch : Batch
        n galaxies.
    n_bands : int
        Number of bands of the network.
    side : int
        Side of its images in pixels.

    Returns
    -------
    inputs : CNNInputs
        As of `prepare` with all bands missing; without bands, of shape (n, 0).
    """
    n, layout = len(batch), ContextLayout(n_bands)
    context = np.zeros((n, len(layout)), dtype=np.float32)
    if n_bands:
        layout.fill(context, _pixel_scale_columns(batch.pixel_scale))
    layout.fill(context, _redshift_columns(batch.redshift))
    return CNNInputs(
        np.zeros((n, side, side, n_bands) if n_bands else (n, 0), dtype=np.float32),
        context,
        np.zeros((n, n_bands), dtype=np.float32),
        np.zeros(n, dtype=bool),
        np.full(n, FLAGS["NO_DATA"].value, dtype=np.int32),
    )


def _prepared(batch, bands, size, side, snr_min, normalise):
    """Inputs of a network with a given normalisation of its images."""
    _check_numbers(size, snr_min)
    columns = _band_columns(batch, bands)
    stamp = central_pixels(batch.cutout.shape[2:], size)
    window = central_pixels((size, size), side)
    n, n_bands = len(batch), len(columns)
    image = np.zeros((n, side, side, n_bands), dtype=np.float32)
    layout = ContextLayout(n_bands)
    context = np.zeros((n, len(layout)), dtype=np.float32)
    snr = np.zeros((n, n_bands), dtype=np.float32)
    flags = np.zeros(n, dtype=np.int32)
    pixel_noise, growth = np.zeros((n, n_bands)), np.ones((n, n_bands))
    layout.fill(context, _pixel_scale_columns(batch.pixel_scale))
    layout.fill(context, _redshift_columns(batch.redshift))
    for start in range(0, n, _CHUNK):
        rows = slice(start, start + _CHUNK)
        seen = [_see(batch, rows, column, stamp) for column in columns]
        flux, noise, present, pixel_noise[rows], growth[rows] = (
            np.stack([getattr(band, name) for band in seen], axis=1)
            for name in ("flux", "noise", "present", "pixel_noise", "growth")
        )
        scale, described = describe(flux, noise, present)
        layout.fill(context[rows], described | {"log_scale": np.log10(scale)})
        snr[rows] = np.where(present, flux / noise, 0.0)
        flags[rows] = _flags(seen, present, snr[rows], snr_min)
        normalise(seen, scale, window, out=image[rows])
    usable = context[:, layout["present"]].any(axis=1)
    return CNNInputs(image, context, snr, usable, flags, pixel_noise, growth)


def _check_numbers(size, snr_min):
    """Raise an error for an invalid number."""
    if not is_number(size, Integral) or size < 16 or size % 8:
        msg = f"size must be a multiple of 8 pixels, from 16, got {size!r}"
        raise InputError(msg)
    check_snr_min(snr_min)


def _band_columns(batch, bands):
    """Position of each band of the network among those of the cutouts, or None."""
    if isinstance(bands, str) or not all(isinstance(band, str) for band in bands):
        msg = f"bands must be a sequence of names such as ['F277W'], got {bands!r}"
        raise InputError(msg)
    names = [band_column_name(band) for band in bands]
    if len(set(names)) < len(names):
        msg = f"bands must name each band once, got {', '.join(names)}"
        raise InputError(msg)
    check_bands(names, batch.cutout_bands)
    known = {name: column for column, name in enumerate(batch.cutout_bands)}
    return [known.get(name) for name in names]


def check_bands(bands, found, data="cutouts"):
    """Raise an error for galaxies without data in any band of a network.

    Parameters
    ----------
    bands : sequence of str
        Bands of the network, with names as in columns.
    found : sequence of str
        Bands of the sample.
    data : str, optional
        Name of the data.

    Raises
    ------
    InputError
        If no band is in both.
    """
    if not set(bands) & set(found):
        msg = (
            f"the sample must have {data} in at least one of the bands {', '.join(bands)}, got "
            f"{data} in {', '.join(found) or 'no band'}"
        )
        raise InputError(msg)


def central_pixels(shape, size):
    """Find the central square of stamps.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the stamps.
    size : int
        Side of the square in pixels.

    Returns
    -------
    rows, columns : slice
        The square.

    Raises
    ------
    InputError
        If the stamps are smaller.
    """
    if min(shape) < size:
        msg = (
            f"cutouts must measure size={size} pixels or more on each side, got "
            f"{shape[0]} x {shape[1]}; cut larger stamps"
        )
        raise InputError(msg)
    first = [(side - size) // 2 for side in shape]
    return tuple(slice(start, start + size) for start in first)


def _pixel_scale_columns(pixel_scale):
    """Logarithm of the pixel scale, and whether it is known."""
    known = np.isfinite(pixel_scale) & (pixel_scale > 0.0)
    relative = np.where(known, pixel_scale, _USUAL_PIXEL) / _USUAL_PIXEL
    log_scale = np.clip(np.log10(relative), -1.0, 1.0)
    return {"log_pixel_scale": log_scale, "pixel_scale_known": known}


def _redshift_columns(redshift):
    """Scaled redshift, and whether it is known."""
    known = np.isfinite(redshift) & (redshift >= 0.0)
    scaled = np.where(known, np.minimum(redshift, _HIGHEST_REDSHIFT) / _REDSHIFT_UNIT, 0.0)
    return {"redshift": scaled, "redshift_known": known}


@dataclass(frozen=True, eq=False)
class _Seen:
    """One band of m galaxies.

    Parameters
    ----------
    pixels : ndarray of float32 of shape (m, size, size)
        Brightness in nJy, 0 if bad.
    bad : ndarray of bool of shape (m, size, size) or None
        Bad pixels; None if there are none in any stamp.
    flux, noise : ndarray of shape (m,)
        Flux in the aperture and its standard deviation in nJy.
    present : ndarray of bool of shape (m,)
        Whether enough of the aperture is good.
    pixel_noise, growth : ndarray of shape (m,)
        From `border_noise`.
    """

    pixels: np.ndarray
    bad: np.ndarray | None
    flux: np.ndarray
    noise: np.ndarray
    present: np.ndarray
    pixel_noise: np.ndarray
    growth: np.ndarray


def _see(batch, rows, column, stamp):
    """One band of some galaxies, measured."""
    if column is None:
        return _nothing(len(batch.redshift[rows]), stamp)
    place = (rows, column, *stamp)
    with np.errstate(over="ignore"):
        pixels = batch.cutout[place].astype(np.float32, copy=False)
    bad = _bad(pixels, batch.cutout_mask[place])
    pixel_noise, correlation = border_noise(_without(pixels, bad, np.nan))
    pixels = _without(pixels, bad, 0.0)
    inside, weights = _aperture_pixels(pixels.shape[1])
    flux = np.sum(_at(pixels, inside) * weights, axis=1)
    errors = batch.cutout_err[place]
    errors = errors[:, 0, :1] if is_constant(errors) else _at(errors, inside)
    noise = _pixel_noise(errors, weights, pixel_noise) * correlation
    share = np.ones(len(flux)) if bad is None else 1.0 - _bad_share(bad)
    present = (share >= _USABLE_SHARE) & (np.maximum(np.abs(flux), noise) > _TINY)
    noise = np.maximum(noise, np.maximum(np.abs(flux) / _CLEAREST, _TINY))
    return _Seen(pixels, bad, flux, noise, present, pixel_noise, correlation)


def _bad(pixels, mask):
    """Pixels that are masked or not finite; None if there are none in any stamp."""
    bad = None if is_constant(mask) else mask
    # Both extremes are NaN if any pixel is, and computing them takes no memory.
    if not (pixels.min() > -_HUGE and pixels.max() < _HUGE):
        wrong = ~(np.abs(pixels) < _HUGE)
        bad = wrong if bad is None else bad | wrong
    return bad if bad is not None and bad.any() else None


def _without(pixels, bad, value):
    """Pixels with a value in place of bad ones."""
    return pixels if bad is None else np.where(bad, np.float32(value), pixels)


def _nothing(m, stamp):
    """A missing band of the sample."""
    sides = [side.stop - side.start for side in stamp]
    pixels = np.broadcast_to(np.float32(0.0), (m, *sides))
    nothing = np.zeros(m)
    return _Seen(pixels, None, nothing, np.ones(m), np.zeros(m, dtype=bool), nothing, np.ones(m))


def _at(stamps, pixels):
    """Values of stamps at some of their pixels, in double precision, of shape (m, n_pixels)."""
    return np.take(stamps.reshape(len(stamps), -1), pixels, axis=1).astype(float)


@lru_cache
def _aperture_pixels(size):
    """Pixels that the aperture overlaps, and their fractions inside."""
    weights = aperture(size).ravel()
    inside = np.flatnonzero(weights)
    return inside, weights[inside].astype(float)


@lru_cache
def _border_pixels(size):
    """Pixels of the border in blocks of two by two, of shape (4, n_blocks)."""
    number = np.arange(size**2).reshape(size // 2, 2, size // 2, 2)
    outer = np.ones((size // 2, size // 2), dtype=bool)
    outer[2:-2, 2:-2] = False
    return number.transpose(1, 3, 0, 2)[:, :, outer].reshape(4, -1)


def border_noise(pixels):
    """Measure the noise of stamps in their outermost 4 pixels.

    Parameters
    ----------
    pixels : ndarray of shape (m, size, size)
        Stamps; bad pixels are NaN.

    Returns
    -------
    single : ndarray of shape (m,)
        Standard deviation of a pixel in the unit of the stamps.
    growth : ndarray of shape (m,)
        Noise in the aperture over that of as many uncorrelated pixels, from 1.
    """
    m, size, _ = pixels.shape
    border = np.take(pixels.reshape(m, -1), _border_pixels(size), axis=1, mode="clip")
    single = _scatter(border.reshape(m, -1))
    spoiled = ~(single > 0.0)
    if spoiled.any():
        single[spoiled] = _scatter(pixels[spoiled].reshape(np.sum(spoiled), -1))
    double = 0.5 * _scatter(border.sum(axis=1))
    growth = np.divide(double, single, out=np.ones(m), where=(double > 0.0) & (single > 0.0))
    return np.nan_to_num(single), np.maximum(growth, 1.0) ** (1.0 + _GROWTH)


def _scatter(values):
    """Scaled median absolute deviation along the last axis; NaN without values."""
    # Sorting is faster than partitioning for rows this short.
    numbers = np.sort(values, axis=1)
    scatter = _half_width(numbers)
    spoiled = np.isnan(numbers[:, -1])
    if spoiled.any():
        deviation = np.abs(numbers[spoiled] - _median(numbers[spoiled]))
        scatter[spoiled] = _median(np.sort(deviation, axis=1))[:, 0]
    return _MAD_TO_SIGMA * scatter.astype(float)


def _half_width(numbers):
    """Median absolute deviation of ascending numbers along the last axis.

    Half of the values are consecutive, within their larger distance from the median: the smallest
    such distance is the median one.
    """
    n_half = (numbers.shape[1] + 1) // 2
    median = numbers[:, n_half - 1, None]
    below = median - numbers[:, : numbers.shape[1] - n_half + 1]
    above = numbers[:, n_half - 1 :] - median
    return np.maximum(below, above, out=above).min(axis=1)


def _median(numbers):
    """Lower median of ascending numbers, NaN last, along the last axis, of shape (m, 1)."""
    last = np.sum(~np.isnan(numbers), axis=1, keepdims=True) - 1
    return np.take_along_axis(numbers, np.maximum(last, 0) // 2, axis=1)


def _pixel_noise(errors, weights, single):
    """Noise in the aperture for uncorrelated pixels, from their errors or the border."""
    good = (errors > 0.0) & (errors < _HUGE)
    if not good.any():
        return single * np.sqrt(np.sum(weights**2))
    share = np.sum(np.where(good, weights**2, 0.0), axis=1) / np.sum(weights**2)
    variance = np.sum(np.where(good, weights * errors, 0.0) ** 2, axis=1)
    from_errors = share >= _USABLE_SHARE
    variance = np.divide(variance, share, out=np.zeros_like(share), where=from_errors)
    return np.where(from_errors, np.sqrt(variance), single * np.sqrt(np.sum(weights**2)))


def _bad_share(bad):
    """Fraction of the aperture that is bad."""
    inside, weights = _aperture_pixels(bad.shape[1])
    return np.sum(_at(bad, inside) * weights, axis=1) / np.sum(weights)


def _beyond(bad):
    """Pixels of whole bad rows and columns at the sides of stamps."""
    beyond = np.zeros_like(bad)
    for axis in (1, 2):
        lines = bad.all(axis=3 - axis)
        ahead = np.logical_and.accumulate(lines, axis=1)
        behind = np.logical_and.accumulate(lines[:, ::-1], axis=1)[:, ::-1]
        beyond |= np.expand_dims(ahead | behind, 3 - axis)
    return beyond


def _flags(seen, present, snr, snr_min):
    """Bits of m galaxies."""
    some = present.any(axis=1)
    bits = {
        "NO_DATA": ~some,
        "MISSING_BAND": some & ~present.all(axis=1),
        "LOW_SNR": is_faint(np.where(present, snr, np.nan), snr_min, axis=1),
    }
    flags = np.zeros(len(some), dtype=np.int32)
    for name, rows in bits.items():
        flags[rows] |= FLAGS[name].value
    for band in seen:
        if band.bad is not None:
            flags |= np.where(band.present, _pixel_flags(band.bad), 0)
    return flags


def _pixel_flags(bad):
    """EDGE and BAD_PIXELS of stamps of one band."""
    beyond = _beyond(bad)
    inside = (bad & ~beyond).mean(axis=(1, 2)) > _BAD_SHARE
    spoiled = inside | (_bad_share(bad & ~beyond) > _BAD_SHARE)
    edge = beyond.any(axis=(1, 2))
    flags = edge * FLAGS["EDGE"].value + spoiled * FLAGS["BAD_PIXELS"].value
    return flags.astype(np.int32)


def _on_common_scale(seen, scale, window, out):
    """Compressed images of all bands in units of the common scale, 0 if one is missing."""
    with np.errstate(over="ignore"):
        for i, band in enumerate(seen):
            factor = np.where(band.present, 1.0 / scale, 0.0).astype(np.float32)
            np.multiply(band.pixels[:, *window], factor[:, None, None], out=out[..., i])
        stretch(out, out=out)


def _by_own_extremes(seen, scale, window, out):  # noqa: ARG001 - the other way needs the scale
    """Images of all bands from 0 to 1, 0 if one is missing."""
    for i, band in enumerate(seen):
        good = True if band.bad is None else ~band.bad
        extremes = {"axis": (1, 2), "keepdims": True, "where": good}
        low = np.min(band.pixels, initial=_HUGE, **extremes)
        high = np.max(band.pixels, initial=-_HUGE, **extremes)
        spread = np.where(band.present[:, None, None] & (high > low), high - low, np.inf)
        image = np.clip((band.pixels - low) / spread, 0.0, 1.0)
        image = image if band.bad is None else np.where(band.bad, 0.0, image)
        out[..., i] = image[:, *window]
