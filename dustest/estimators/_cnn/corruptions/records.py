"""The corruptions as records of one registry: name, reason, range of strengths and function."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dustest.data.registry import Registry
from dustest.estimators._cnn.corruptions.pixels import (
    NoiseSource,
    blur,
    distance_from_centre,
    flux_within,
    point_source,
    resample,
)

__all__ = ["CORRUPTIONS", "FLUX_RADIUS", "NEIGHBOUR_DISTANCES", "Corruption"]

FLUX_RADIUS = 6.0
"""Radius in pixels in which fluxes of galaxies are measured."""
NEIGHBOUR_DISTANCES = (7.0, 11.0)
"""Distances of neighbours in pixels."""
_FEWEST = 3
"""Least number of galaxies among which neighbours are chosen."""


@dataclass(frozen=True)
class Corruption:
    """One change of galaxies.

    Parameters
    ----------
    name : str
        Name.
    reason : str
        Reason that the detector gives.
    strength : tuple of float
        Range of the strength outside the trained range, drawn evenly.
    change : callable
        Function of stamps, errors, redshift, strength of shape (n, 1) and a `NoiseSource`, which
        returns stamps, errors and redshift.
    inside : tuple of float or None
        Range of the strength that networks are trained on; None if there is none.
    least_bands : int
        Number of bands below which the data do not show the change.
    is_photometric : bool
        Whether fluxes without stamps show the change. Fluxes are stamps of one pixel.
    is_galaxy : bool
        Whether a changed galaxy is still one.
    repeats : int
        How often detectors learn it: more often if it is hard to see.
    """

    name: str
    reason: str
    strength: tuple
    change: Callable
    inside: tuple | None = None
    least_bands: int = 1
    is_photometric: bool = False
    is_galaxy: bool = True
    repeats: int = 1

    def apply(self, stamps, errors, redshift, source, strength=None):
        """Change galaxies.

        Parameters
        ----------
        stamps : ndarray of shape (n, n_bands, size, size)
            Linear stamps in nJy per pixel.
        errors : ndarray of shape (n, n_bands)
            Standard deviation of the noise of a pixel in nJy.
        redshift : ndarray of shape (n,)
            Redshifts.
        source : NoiseSource or numpy.random.Generator
            Source of random numbers, and of noise and point sources.
        strength : tuple of float, optional
            Range from which the strength of each galaxy is drawn; ``self.strength`` by default.

        Returns
        -------
        stamps, errors, redshift : ndarray
            New arrays of the same shapes.
        """
        source = source if isinstance(source, NoiseSource) else NoiseSource(source)
        low, high = self.strength if strength is None else strength
        drawn = source.rng.uniform(low, high, (len(stamps), 1)).astype(stamps.dtype)
        return self.change(stamps, errors, redshift, drawn, source)


def _wide(stamps, errors, redshift, strength, source):
    """Wider point-spread function: strength is the added sigma in pixels."""
    return blur(stamps, strength, errors, source), errors, redshift


def _noisy(stamps, errors, redshift, strength, source):
    """More noise than stated: strength is the noise over the stated one."""
    added = errors * np.sqrt(strength**2 - 1.0)
    return stamps + source.draw(stamps.shape, added), errors, redshift


def _scaled_pixels(stamps, errors, redshift, strength, source):
    """Wrong pixel scale: strength is the side of a pixel over the stated one, or its inverse."""
    factor = np.where(source.rng.random(strength.shape) < 0.5, strength, 1.0 / strength)
    return resample(stamps, factor), errors, redshift


def _unit(stamps, errors, redshift, strength, source):
    """Wrong unit: the whole stamp times 10 ** (+-strength)."""
    factor = 10.0 ** (source.rng.choice([-1.0, 1.0], strength.shape) * strength)
    return stamps * factor[..., None, None], errors * factor, redshift


def _swapped(stamps, errors, redshift, strength, source):  # noqa: ARG001
    """First and last band exchanged."""
    return stamps[:, ::-1].copy(), errors[:, ::-1].copy(), redshift


def _zero_point(stamps, errors, redshift, strength, source):
    """Zero point of one band: its flux times 1 +- strength."""
    factor = (
        1.0
        + _of_one_band(errors.shape, source.rng)
        * source.rng.choice([-1, 1], strength.shape)
        * strength
    )
    return stamps * factor[..., None, None], errors * factor, redshift


def _misaligned(stamps, errors, redshift, strength, source):
    """One band shifted by strength pixels."""
    one = _of_one_band(errors.shape, source.rng)
    return resample(stamps, 1.0, _steps(one * strength, source.rng)), errors, redshift


def _off_centre(stamps, errors, redshift, strength, source):
    """All bands shifted by strength pixels."""
    return resample(stamps, 1.0, _steps(strength, source.rng)), errors, redshift


def _background(stamps, errors, redshift, strength, source):
    """Background of +-strength times the noise of a pixel."""
    level = source.rng.choice([-1.0, 1.0], errors.shape) * strength * errors
    return stamps + level[..., None, None], errors, redshift


def _neighbour(stamps, errors, redshift, strength, source):
    """Another galaxy of the batch: strength is the log10 of its flux over that of the target."""
    flux = np.maximum(flux_within(stamps, FLUX_RADIUS), errors).mean(axis=1)
    wanted = 10.0 ** strength[:, 0] * flux
    noise = errors.mean(axis=1)
    others = _clearer(flux / noise, wanted / noise, source.rng)
    distance = source.rng.uniform(*NEIGHBOUR_DISTANCES, strength.shape)
    beside = resample(stamps[others], 1.0, _steps(distance, source.rng))
    factor = (wanted / flux[others]).astype(stamps.dtype)
    return stamps + factor[:, None, None, None] * beside, errors, redshift


def _agn(stamps, errors, redshift, strength, source):
    """Point source with a share strength of all light, and a power law across the bands."""
    point = _source(stamps, _power_law(errors.shape, source.rng, -0.1, 0.5), source)
    light = (1.0 - strength)[..., None, None] * stamps + strength[..., None, None] * point
    lost = errors * np.sqrt(1.0 - (1.0 - strength) ** 2)
    return light + source.draw(stamps.shape, lost), errors, redshift


def _red_dot(stamps, errors, redshift, strength, source):
    """Little red dot: compact and V-shaped; strength is log10 of the last band over the first."""
    place = np.linspace(0.0, 1.0, errors.shape[1])
    return _replaced(stamps, errors, redshift, 10.0 ** (strength * place**2), source)


def _star(stamps, errors, redshift, strength, source):
    """Star with a blue slope: strength is log10 of the first band over the last."""
    place = np.linspace(0.0, 1.0, errors.shape[1])
    return _replaced(stamps, errors, redshift, 10.0 ** (-strength * place), source)


def _hot_pixels(stamps, errors, redshift, strength, source):
    """Peak sharper than any point source in one band, or all, and no galaxy: sigma in pixels."""
    bands = _of_one_band(errors.shape, source.rng) + (source.rng.random((len(stamps), 1)) < 0.5)
    flux = np.maximum(flux_within(stamps, FLUX_RADIUS), 30.0 * errors) * np.minimum(bands, 1.0)
    peak = point_source(stamps.shape[-1], np.broadcast_to(strength, errors.shape))
    peak = resample(peak, 1.0, source.rng.uniform(-1.0, 1.0, (2, len(stamps), 1)))
    noise = source.draw(stamps.shape, errors)
    return flux[..., None, None] * peak + noise, errors, redshift


def _zeroed(stamps, errors, redshift, strength, source):  # noqa: ARG001
    """Centre set to 0: strength is the radius in pixels."""
    inside = distance_from_centre(stamps.shape[-1]) < strength[..., None, None]
    return np.where(inside, 0.0, stamps), errors, redshift


def _saturated(stamps, errors, redshift, strength, source):  # noqa: ARG001
    """Centre cut at a fraction of the brightest pixel."""
    top = stamps.max(axis=(2, 3), keepdims=True) * (1.0 - strength[..., None, None])
    return np.minimum(stamps, top), errors, redshift


def _low_redshift(stamps, errors, redshift, strength, source):
    """Larger and redder galaxy: strength is log10 of the change of the last band."""
    colour = 10.0 ** (strength * np.linspace(0.0, 1.0, errors.shape[1]))
    wide = blur(stamps, source.rng.uniform(1.5, 3.0, strength.shape), errors, source)
    return wide * colour[..., None, None], errors * colour, redshift


def _of_one_band(shape, rng):
    """1 for one random band of each galaxy, else 0."""
    return (np.arange(shape[1]) == rng.integers(shape[1], size=(shape[0], 1))).astype(float)


def _clearer(snr, wanted, rng):
    """Another galaxy for each, with twice the wanted S/N if there is one, to add little noise."""
    order = np.argsort(snr)
    first = np.minimum(np.searchsorted(snr[order], 2.0 * wanted), max(len(snr) - _FEWEST, 0))
    others = order[rng.integers(first, len(snr))]
    instead = np.where(others == order[-1], order[-2:][0], order[-1])
    return np.where(others == np.arange(len(snr)), instead, others)


def _steps(distance, rng):
    """Shifts along rows and columns, in a random direction."""
    angle = rng.uniform(0.0, 2.0 * np.pi, (len(distance), 1))
    return distance * np.sin(angle), distance * np.cos(angle)


def _power_law(shape, rng, low, high):
    """Fluxes of a power law across the bands, relative to the first."""
    place = np.linspace(0.0, 1.0, shape[1])
    return 10.0 ** (rng.uniform(low, high, (shape[0], 1)) * place)


def _source(stamps, colours, source):
    """Point source with the mean flux of each stamp and given colours."""
    flux = np.maximum(flux_within(stamps, FLUX_RADIUS).mean(axis=1, keepdims=True), 0.0)
    fluxes = flux * colours / colours.mean(axis=1, keepdims=True)
    return fluxes[..., None, None] * source.points(*stamps.shape[:3])


def _replaced(stamps, errors, redshift, colours, source):
    """A point source in place of the galaxy, with noise of the same depth."""
    noise = source.draw(stamps.shape, errors)
    return _source(stamps, colours, source) + noise, errors, redshift


_OF_FLUXES = {"is_photometric": True}
_OF_COLOURS = {"least_bands": 2, "is_photometric": True}
_NO_GALAXY = {"is_photometric": True, "is_galaxy": False}

CORRUPTIONS = Registry(
    "corruption",
    Corruption,
    [
        # Mosaics of CEERS, GLASS and SMACS differ from the optics by 0 to 0.8 pixels.
        Corruption("wide PSF", "PSF", (1.2, 2.4), _wide, inside=(0.0, 0.8), repeats=2),
        Corruption("noise", "noise", (1.7, 2.5), _noisy, inside=(1.0, 1.2)),
        Corruption("pixel scale", "pixel scale", (1.3, 1.6), _scaled_pixels),
        Corruption("unit", "units", (1.0, 1.0), _unit, **_OF_FLUXES),
        Corruption("swapped bands", "colour", (1.0, 1.0), _swapped, **_OF_COLOURS),
        Corruption("zero point", "colour", (0.3, 0.5), _zero_point, (0.0, 0.05), **_OF_FLUXES),
        Corruption(
            *("shifted band", "misaligned bands", (1.8, 3.0), _misaligned, (0.0, 1.0)),
            least_bands=2,
            repeats=2,
        ),
        Corruption("offset", "centre", (4.5, 8.0), _off_centre, inside=(0.0, 3.0)),
        Corruption("background", "background", (1.8, 3.0), _background, inside=(0.0, 1.0)),
        Corruption("neighbour", "neighbour", (0.1, 1.0), _neighbour, inside=(-1.5, -0.2)),
        Corruption("AGN", "point source", (0.5, 1.0), _agn, inside=(0.0, 0.3), is_galaxy=False),
        Corruption("little red dot", "point source", (0.2, 1.2), _red_dot, **_NO_GALAXY),
        Corruption("star", "point source", (0.2, 0.6), _star, **_NO_GALAXY),
        Corruption("hot pixels", "artefact", (0.3, 0.8), _hot_pixels, is_galaxy=False),
        Corruption("zeroed centre", "saturation", (1.5, 4.0), _zeroed),
        Corruption("saturated centre", "saturation", (0.4, 0.8), _saturated),
        Corruption("low redshift", "redshift", (0.1, 0.3), _low_redshift, **_OF_FLUXES),
    ],
)
"""Corruptions by name."""
