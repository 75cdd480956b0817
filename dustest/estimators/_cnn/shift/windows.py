"""Features of the centres of galaxies in Gaussian windows: sharpness and offsets of bands."""

from itertools import combinations, pairwise

import numpy as np

__all__ = ["measure_windows"]

_WIDTHS = (1.0, 2.0, 3.5)
"""Standard deviations in pixels of the windows, for fluxes in about 1.5, 3 and 5 pixels."""
_STEPS = 3
_FREQUENCIES = np.array([0.0, 0.04, 0.08, 0.12, 0.17, 0.23, 0.3])
"""Edges of the bins of spatial frequency in 1 / pixel."""
_ENVELOPE = 5.0


def measure_windows(stamps, rms):
    """Measure sharpness of each band and offsets between bands.

    Parameters
    ----------
    stamps : ndarray of shape (n, n_bands, size, size)
        Stamps without background in nJy per pixel.
    rms : ndarray of shape (n, n_bands)
        Standard deviation of the noise of a pixel.

    Returns
    -------
    columns : list of ndarray of shape (n, n_columns)
        Finite numbers.
    """
    stack = (stamps / rms[..., None, None] ** 2).sum(axis=1, keepdims=True)
    depth = np.sqrt((rms**-2.0).sum(axis=1, keepdims=True))
    centre = np.zeros((2, len(stamps), 1))
    for _ in range(_STEPS):
        window = _Window(stack, centre, _WIDTHS[1])
        flux = np.maximum(window.flux, 2.0 * depth * window.noise)
        centre = np.clip(centre + window.offset(flux), -9.0, 9.0)
    windows = [_Window(stamps, centre, width) for width in _WIDTHS]
    noise = [rms * window.noise for window in windows]
    flux = [np.maximum(one.flux, 2.0 * n) for one, n in zip(windows, noise, strict=True)]
    ratios = [np.log(flux[0] / flux[1]), np.log(flux[1] / flux[2])]
    second = np.clip(windows[2].second_moment / flux[2], -10.0, 20.0)
    power = _power(windows[2].lines, stamps, rms)
    return [
        *ratios,
        second,
        *power,
        *(np.log(one / n) for one, n in zip(flux, noise, strict=True)),
        *_between_bands(windows[1], flux[1], rms),
        *(np.diff(one, axis=1) for one in (*ratios, second, *power)),
        np.hypot(*centre),
    ]


class _Window:
    """Sums of stamps in a Gaussian window about a centre."""

    def __init__(self, stamps, centre, width):
        pixel = np.arange(stamps.shape[-1]) - 0.5 * (stamps.shape[-1] - 1)
        self.lines = pixel - centre[..., None]
        rows, columns = np.exp(-0.5 * (self.lines / width) ** 2)
        self.noise = np.sqrt((rows**2).sum(axis=-1) * (columns**2).sum(axis=-1))
        y, x = self.lines
        inner = np.stack([columns, columns * x, columns * x**2], axis=-1)
        outer = np.stack([rows, rows * y, rows * y**2], axis=-2)
        moments = outer @ stamps @ inner
        self.flux = moments[..., 0, 0]
        self.first = moments[..., 1, 0], moments[..., 0, 1]
        self.second_moment = moments[..., 2, 0] + moments[..., 0, 2]
        self.first_noise = np.sqrt(
            ((rows * y) ** 2).sum(axis=-1) * (columns**2).sum(axis=-1),
        )

    def offset(self, flux):
        """Offsets of the centroid from the centre, corrected for the window."""
        return np.stack([np.clip(2.0 * one / flux, -3.0, 3.0) for one in self.first])


def _between_bands(window, flux, rms):
    """Distance between the centroids of each pair of bands, in pixels and in its error."""
    y, x = window.offset(flux)
    error = 2.0 * rms * window.first_noise / flux
    pairs = np.array(list(combinations(range(flux.shape[1]), 2)), int).reshape(-1, 2)
    first, second = pairs.T
    distance = np.hypot(y[:, first] - y[:, second], x[:, first] - x[:, second])
    return distance, np.arcsinh(distance / np.hypot(error[:, first], error[:, second]))


def _power(lines, stamps, rms):
    """Logarithm of the power in bins of spatial frequency over that in the lowest bin."""
    rows, columns = np.exp(-0.5 * (lines / _ENVELOPE) ** 2)
    envelope = rows[..., :, None] * columns[..., None, :]
    size = stamps.shape[-1]
    power = np.abs(np.fft.rfft2((stamps * envelope).astype(np.float32))) ** 2
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
    white = rms**2 * (envelope**2).sum(axis=(2, 3))
    bins = [
        power[..., (frequency >= low) & (frequency < high)].mean(axis=-1)
        for low, high in pairwise(_FREQUENCIES)
    ]
    return [np.log((one + 0.1 * white) / (bins[0] + white)) for one in bins[1:]]
