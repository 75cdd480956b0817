"""Features of stamps that show how they differ from those of the training set.

Nearly all of them follow from products of stamps with fixed templates, because the detector must
cost much less than the networks.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from dustest.estimators._cnn.corruptions.pixels import distance_from_centre

__all__ = ["N_PLAIN", "REPEATED", "Features", "log_pixel_scale", "measure", "pairs_of"]

N_PLAIN = 4
"""Number of features of each band that come first, see `measure`."""
REPEATED = 4
"""Least number of zeros, or of pixels as bright as the brightest, that is no chance."""

_CHUNK = 256
"""Number of galaxies at once: their stamps fit in the cache of a core."""
_FAINTEST, _BRIGHTEST = 1e-20, 1e20
"""Noise in nJy outside which numbers are not measurements."""
_HIGHEST = 1e6
"""Largest signal-to-noise ratio of a pixel."""
_RADII = (1.5, 2.5, 4.0, 6.0, 9.0, 12.0)
_REFERENCE = _RADII.index(6.0)
_EDGE = 4
"""Rows at each side of stamps that show the noise."""
_CORNER = 8
"""Side in pixels of the corners, where galaxies are faintest."""
_REACH = 6
"""Largest distance in pixels, along an axis, from the centre to the peak of a galaxy."""
_HALF = 9
"""Half the side of the part around the peak."""
_WIDTHS = (1.0, 2.0, 3.5)
"""Standard deviations in pixels of Gaussian windows about the peak."""
_ENVELOPE = 4.0
_RINGS = {0.05: 4, 0.08: 4, 0.115: 6, 0.155: 6, 0.2: 8, 0.25: 8, 0.31: 8}
"""Spatial frequencies in 1 / pixel, and number of directions of each."""
_COHERENT = 4
"""Number of rings in which bands are compared."""
_PLACES = ((9.0, 12), (13.0, 16))
"""Distances from the centre in pixels, and number of places, of templates for neighbours."""
_KNEE = 3.0
_LAGS = (1, 2, 3)


@dataclass(frozen=True, eq=False)
class Features:
    """Features of galaxies, by what they belong to; all finite.

    Parameters
    ----------
    bands : ndarray of shape (n, n_bands, n_band_features)
        Of each band.
    pairs : ndarray of shape (n, n_pairs, n_pair_features)
        Of each pair of bands.
    galaxy : ndarray of shape (n, n_features)
        Of galaxies as a whole.
    present : ndarray of bool of shape (n, n_bands)
        Whether a band is present.
    """

    bands: np.ndarray
    pairs: np.ndarray
    galaxy: np.ndarray
    present: np.ndarray

    def table(self):
        """All features of each galaxy (ndarray of shape (n, p)); NaN in missing bands."""
        first, second = pairs_of(self.present.shape[1])
        both = self.present[:, first] & self.present[:, second]
        return np.concatenate(
            [
                _known(self.bands[..., :N_PLAIN], self.present),
                _known(self.bands[..., N_PLAIN:], self.present),
                _known(self.pairs, both),
                self.galaxy,
            ],
            axis=1,
        )


def _known(values, present):
    """Rows of features with NaN for those that are missing."""
    known = values if present.all() else np.where(present[..., None], values, np.nan)
    return known.reshape(len(known), -1)


def log_pixel_scale(pixel_scale):
    """Convert pixel scales to log10.

    Parameters
    ----------
    pixel_scale : ndarray of shape (n,)
        Side of a pixel in arcsec.

    Returns
    -------
    log_pixel_scale : ndarray of shape (n,)
        NaN where the side is not positive.
    """
    return np.log10(np.where(pixel_scale > 0.0, pixel_scale, np.nan))


def measure(pixels, noise, growth, present, redshift, pixel_scale):
    """Measure the features of stamps.

    Parameters
    ----------
    pixels : ndarray of float32 of shape (n, n_bands, size, size)
        Linear stamps in nJy per pixel, finite.
    noise, growth : ndarray of shape (n, n_bands)
        Results of `~dustest.estimators._cnn.inputs.border_noise`.
    present : ndarray of bool of shape (n, n_bands)
        Whether a band is present.
    redshift : ndarray of shape (n,)
        Redshift; NaN if unknown.
    pixel_scale : ndarray of shape (n,)
        Side of a pixel in arcsec; NaN if unknown.

    Returns
    -------
    table : ndarray of float32 of shape (n, n_features)
        First log10 of the noise in the second quietest corner, log10 of its growth, number of
        zeros in the centre, where some form a square, and of pixels as bright as the brightest
        there, 1 if there are fewer than four, for each band. Then profiles, moments, colours,
        background, centroids, extreme pixels, and power and coherence of bands by spatial
        frequency; last log10 of the pixel scale and the redshift. NaN if unknown.
    """
    parts = []
    for start in range(0, len(pixels), _CHUNK):
        rows = slice(start, start + _CHUNK)
        rms = np.where(present[rows] & (noise[rows] > 0.0), noise[rows], 1.0)
        rms = np.clip(rms, _FAINTEST, _BRIGHTEST).astype(np.float32)
        with np.errstate(over="ignore"):
            stamps = pixels[rows] / rms[..., None, None]
        np.clip(stamps, -_HIGHEST, _HIGHEST, out=stamps)
        known = np.float32(np.stack([log_pixel_scale(pixel_scale[rows]), redshift[rows]], axis=1))
        described = np.stack([np.log10(rms), np.float32(np.log10(growth[rows]))], axis=-1)
        parts.append(_measured(stamps, described, known, present[rows]).table())
    return np.concatenate(parts)


def _measured(stamps, described, known, present):
    """Features of stamps in units of the noise of a pixel."""
    n_bands, size = stamps.shape[1:3]
    whole, places = _whole_templates(size)
    sums = _products_with(whole, stamps)
    n_radii = len(_RADII)
    radial, moments = sums[..., :n_radii], sums[..., n_radii : n_radii + 3]
    reference = np.maximum(radial[..., _REFERENCE, None], 3.0)
    around = sums[..., n_radii + 3 :]
    nearby = [around[..., part].max(axis=-1) for part in places]
    peak, offset = _peaks(stamps)
    background, lags = _edges(stamps)
    zeros, plateau, brightest, beyond = _extremes(stamps)
    level, deviation = _corners(stamps)
    rms = described[..., 0]
    plain = [deviation[..., 1] + rms, described[..., 1], zeros, plateau]
    finest = _finest(stamps)
    centred = _centred(peak)
    first, second = pairs_of(n_bands)
    colour = np.log10(reference) + described[..., :1]
    single = [
        np.stack(plain, axis=-1),
        np.stack([rms, finest + rms, finest], axis=-1),
        deviation,
        level,
        np.clip(radial / reference, -2.0, 4.0),
        np.clip(moments / reference * np.float32([1.0, 1.0, 0.1]), -9.0, 9.0),
        np.log10(reference),
        background[..., None],
        lags,
        np.arcsinh(np.stack([*nearby, beyond], axis=-1) / _KNEE),
        np.clip(np.stack([brightest, beyond, *nearby], axis=-1) / reference, -1.0, 2.0),
        centred.bands,
    ]
    single = np.concatenate(single, axis=-1)
    compared = np.concatenate(
        [
            colour[:, second] - colour[:, first],
            described[:, second] - described[:, first],
            centred.between(first, second),
        ],
        axis=-1,
    )
    return Features(single, compared, np.concatenate([offset, known], axis=1), present)


def _products_with(templates, stamps):
    """Products of stamps with templates, (n, n_bands, n_templates), by one fast call."""
    n, n_bands = stamps.shape[:2]
    return (stamps.reshape(n * n_bands, -1) @ templates).reshape(n, n_bands, -1)


@lru_cache
def pairs_of(n_bands):
    """List all pairs of bands.

    Parameters
    ----------
    n_bands : int
        Number of bands.

    Returns
    -------
    pairs : ndarray of int of shape (2, n_pairs)
        Numbers of the first and the second band of each pair.
    """
    return np.array(list(combinations(range(n_bands), 2)), int).reshape(-1, 2).T


@lru_cache
def _whole_templates(size):
    """Templates of whole stamps, (size^2, n_templates), and slices of those of neighbours."""
    distance = distance_from_centre(size)
    offset = np.arange(size) - 0.5 * (size - 1)
    inside = distance < 9.0
    templates = [distance < radius for radius in _RADII]
    templates += [inside * offset[:, None], inside * offset, inside * distance**2]
    places, first = [], 0
    for radius, number in _PLACES:
        for angle in 2.0 * np.pi * np.arange(number) / number:
            y, x = radius * np.sin(angle), radius * np.cos(angle)
            squared = (offset[:, None] - y) ** 2 + (offset - x) ** 2
            gaussian = np.exp(-0.5 * squared / 2.0**2)
            templates.append(gaussian - gaussian.mean())
        places.append(slice(first, first + number))
        first += number
    return np.float32(templates).reshape(len(templates), -1).T, places


def _peaks(stamps):
    """Parts around the peak of all bands together, and the distance of that peak, (n, 1)."""
    n, n_bands, size, _ = stamps.shape
    low, high = size // 2 - 1 - _REACH, size // 2 + 1 + _REACH
    stack = stamps[..., low - 1 : high + 1, low - 1 : high + 1].sum(axis=1)
    rows = stack[:, :-2] + stack[:, 1:-1] + stack[:, 2:]
    boxes = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    side = boxes.shape[-1]
    y, x = np.divmod(boxes.reshape(n, -1).argmax(axis=1), side)
    offset = np.hypot(y - 0.5 * (side - 1), x - 0.5 * (side - 1)).astype(np.float32)
    parts = sliding_window_view(stamps, (2 * _HALF + 1,) * 2, axis=(2, 3))
    first = low - _HALF
    parts = parts[
        np.arange(n)[:, None], np.arange(n_bands), (first + y)[:, None], (first + x)[:, None]
    ]
    return parts, offset[:, None]


def _edges(stamps):
    """Background and correlation of the noise in the outer rows."""
    edge = np.concatenate([stamps[..., :_EDGE, :], stamps[..., -_EDGE:, :]], axis=2)
    np.clip(edge, -4.0, 4.0, out=edge)
    n_pixels = edge.shape[2] * edge.shape[3]
    background = edge.reshape(*edge.shape[:2], n_pixels).mean(axis=-1)
    edge -= background[..., None, None]
    lags = [_products(edge[..., :-lag], edge[..., lag:]) for lag in _LAGS]
    half = edge.reshape(*edge.shape[:2], 2, _EDGE, -1)
    lags.append(_products(half[..., :-1, :], half[..., 1:, :]))
    return background, np.stack(lags, axis=-1)


def _finest(stamps):
    """Log10 of the mixed differences of pixels, to which optics let no light contribute."""
    rows = stamps[..., 1::2, :] - stamps[..., ::2, :]
    mixed = rows[..., 1::2] - rows[..., ::2]
    return np.log10(_products(mixed, mixed) + 1e-6) / 2.0


def _corners(stamps):
    """Means of the corners, and log10 of their standard deviations, from the lowest."""
    low, high = slice(0, _CORNER), slice(-_CORNER, None)
    corners = [stamps[..., rows, columns] for rows in (low, high) for columns in (low, high)]
    corners = np.stack(corners, axis=2).reshape(*stamps.shape[:2], 4, -1)
    mean = corners.mean(axis=-1)
    squares = np.einsum("abcd,abcd->abc", corners, corners) / corners.shape[-1]
    deviation = np.sqrt(np.maximum(squares - mean**2, 1e-6))
    level = np.arcsinh(np.sort(mean, axis=-1)[..., :3])
    return level, np.log10(np.sort(deviation, axis=-1)[..., :3])


def _products(one, two):
    """Mean products of the pixels of stamps."""
    axes = "abcde"[: one.ndim]
    return np.einsum(f"{axes},{axes}->ab", one, two) / np.float32(np.prod(one.shape[2:]))


@lru_cache
def _central_circle(size):
    """Side of the smallest square about the centre of stamps, and its pixels in the circle."""
    radius = _RADII[_REFERENCE]
    square = slice(size // 2 - int(radius), size // 2 + int(radius))
    return square, distance_from_centre(size)[square, square] < radius


def _repeated(pixels):
    """Number of true pixels where four of them form a square, else 0.

    Values that are rounded to 0 do not form squares by chance.
    """
    squares = pixels[..., :-1, :] & pixels[..., 1:, :]
    squares = np.any(squares[..., :-1] & squares[..., 1:], axis=(2, 3))
    return np.float32(np.where(squares, np.count_nonzero(pixels, axis=(2, 3)), 0))


def _extremes(stamps):
    """Numbers of zeros and of brightest pixels in the centre; brightest pixel, and beyond."""
    square, inside = _central_circle(stamps.shape[-1])
    centre = stamps[..., square, square]
    brightest = centre.max(axis=(2, 3), where=inside, initial=-_HIGHEST)
    zeros = _repeated((centre == 0.0) & inside)
    plateau = np.count_nonzero((centre == brightest[..., None, None]) & inside, axis=(2, 3))
    plateau = np.where(plateau < REPEATED, 1, plateau)
    sides = (slice(0, 9), slice(None)), (slice(-9, None), slice(None)), (slice(9, -9), slice(0, 9))
    sides += ((slice(9, -9), slice(-9, None)),)
    beyond = np.max([stamps[:, :, *side].max(axis=(2, 3)) for side in sides], axis=0)
    return zeros, np.float32(plateau), brightest, beyond


@lru_cache
def _centred_templates():
    """Templates of parts about the peak: windows with moments, and waves in an envelope."""
    line = np.arange(-_HALF, _HALF + 1)
    y, x = line[:, None], line[None, :]
    squared = y**2 + x**2
    templates = []
    for width in _WIDTHS:
        window = np.exp(-0.5 * squared / width**2)
        templates += [window, window * y, window * x, window * squared, window * y * x]
        templates.append(window * (y**2 - x**2))
    envelope = np.exp(-0.5 * squared / _ENVELOPE**2)
    templates.append(envelope)
    for wave in (np.cos, np.sin):
        for frequency, number in _RINGS.items():
            for angle in np.pi * np.arange(number) / number:
                phase = 2.0 * np.pi * frequency * (np.sin(angle) * y + np.cos(angle) * x)
                templates.append(envelope * wave(phase))
    templates = np.float32(templates).reshape(len(templates), -1).T
    return templates, np.sqrt(np.sum(templates**2, axis=0))


@lru_cache
def _waves():
    """Directions of all waves along rows and columns, and the ring of each."""
    angles = [np.pi * np.arange(number) / number for number in _RINGS.values()]
    ring = np.repeat(np.arange(len(_RINGS)), list(_RINGS.values()))
    frequency = np.array(list(_RINGS))[ring]
    angle = np.concatenate(angles)
    waves = 2.0 * np.pi * frequency * np.stack([np.sin(angle), np.cos(angle)])
    return np.float32(waves), np.float32(ring[:, None] == np.arange(len(_RINGS)))


def _centred(parts):
    """Measurements of parts around the peaks."""
    templates, noise = _centred_templates()
    sums = _products_with(templates, parts)
    return _Centred(sums, noise)


class _Centred:
    """Features of parts around the peaks, in units of the noise of a pixel."""

    def __init__(self, sums, noise):
        n_windows = 6 * len(_WIDTHS)
        windows = sums[..., :n_windows].reshape(*sums.shape[:2], len(_WIDTHS), 6)
        level = noise[:n_windows].reshape(len(_WIDTHS), 6)
        self.flux = np.maximum(windows[..., 0], 2.0 * level[:, 0])
        self.first = np.clip(2.0 * windows[..., 1:3] / self.flux[..., None], -4.0, 4.0)
        self.first_error = 2.0 * level[:, 1] / self.flux
        second = windows[..., 3:] / (np.float32(_WIDTHS)[:, None] ** 2 * self.flux[..., None])
        ellipticity = np.hypot(2.0 * second[..., 1], second[..., 2])
        _, rings = _waves()
        n_waves = len(rings)
        real, imaginary = sums[..., -2 * n_waves : -n_waves], sums[..., -n_waves:]
        self.real, self.imaginary = real, imaginary
        self.power = (real**2 + imaginary**2) @ (rings / rings.sum(axis=0))
        white = noise[n_windows] ** 2
        total = np.maximum(sums[..., n_windows, None], 0.0) ** 2
        self.spectrum = np.log((self.power + 0.1 * white) / (total + white))
        self.sharpness = np.log(self.flux[..., :-1] / self.flux[..., 1:])
        self.extent = np.clip(second[..., 0], -4.0, 4.0)
        self.bands = np.concatenate(
            [
                self.spectrum,
                self.sharpness,
                np.log(self.flux / level[:, 0]),
                self.extent,
                np.clip(ellipticity, 0.0, 4.0),
                np.hypot(*np.moveaxis(self.first, -1, 0)),
            ],
            axis=-1,
        )

    def between(self, first, second):
        """Features of pairs of bands."""
        distance = self.first[:, first] - self.first[:, second]
        distance = np.hypot(*np.moveaxis(distance, -1, 0))
        error = np.hypot(self.first_error[:, first], self.first_error[:, second])
        columns = [distance, np.arcsinh(distance / error), *self._phases(first, second)]
        both = (self.spectrum, self.sharpness, self.extent)
        columns += [one[:, second] - one[:, first] for one in both]
        return np.concatenate(columns, axis=-1)

    def _phases(self, first, second):
        """Coherence of bands in rings, and the distance that their phases show."""
        waves, rings = _waves()
        real, imaginary = self.real, self.imaginary
        along = real[:, first] * real[:, second] + imaginary[:, first] * imaginary[:, second]
        across = imaginary[:, first] * real[:, second] - real[:, first] * imaginary[:, second]
        used = rings[:, :_COHERENT]
        power = self.power[..., :_COHERENT]
        both = np.sqrt(power[:, first] * power[:, second]) + 1e-6
        coherence = np.clip(along @ (used / used.sum(axis=0)) / both, -1.0, 1.0)
        low = rings[:, :3].sum(axis=1)
        size = np.hypot(along, across) * low
        phase = np.arctan2(across, along) * size
        norm = size @ (waves**2).T + 1e-6
        return coherence, np.hypot(*np.moveaxis(phase @ waves.T / norm, -1, 0))[..., None]
