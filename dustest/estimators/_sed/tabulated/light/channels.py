"""What tables have fluxes of: bands, pixels of a spectrum, and emission lines."""

from dataclasses import dataclass

import numpy as np

from dustest.data.bands import get_band
from dustest.data.lines import LINES

__all__ = ["Channels", "Pixels", "nearest_line"]

_AIR = 1.00028
"""Refraction of air at optical wavelengths: lines of Bagpipes above 2000 Angstrom are in air."""
_FIRST_IN_AIR = 2000.0
_CLOSE = 2e-4
"""Largest relative difference of the wavelengths of a line."""


@dataclass(frozen=True, eq=False)
class Pixels:
    """Pixels of a spectrum; equal if they have the same wavelengths and resolution.

    Parameters
    ----------
    wavelength : ndarray of shape (n_pixels,)
        Observed wavelengths in Angstrom, ascending.
    resolution : ndarray of shape (n, 2) or None
        Wavelengths in Angstrom, ascending, and resolving power; None for infinite resolution.
    """

    wavelength: np.ndarray
    resolution: np.ndarray | None

    @property
    def _key(self):
        curve = b"" if self.resolution is None else self.resolution.tobytes()
        return self.wavelength.tobytes(), curve

    def __eq__(self, other):
        return isinstance(other, Pixels) and self._key == other._key

    def __hash__(self):
        return hash(self._key)

    def __len__(self):
        return len(self.wavelength)

    @property
    def highest_power(self):
        """Greatest resolving power, at most that of the pixels."""
        of_pixels = np.max(self.wavelength[1:] / np.diff(self.wavelength))
        return (
            of_pixels if self.resolution is None else min(of_pixels, self.resolution[:, 1].max())
        )


@dataclass(frozen=True)
class Channels:
    """Bands, pixels, lines and bands of the far infrared, in this order.

    Parameters
    ----------
    bands : tuple of str
        Names of the bands that see stars.
    pixels : Pixels, optional
        Pixels of a spectrum.
    lines : tuple of str, optional
        Names of emission lines.
    infrared : tuple of str, optional
        Names of the bands beyond 50 micron, which see dust only.
    """

    bands: tuple
    pixels: Pixels | None = None
    lines: tuple = ()
    infrared: tuple = ()

    @classmethod
    def of(cls, bands, pixels=None, lines=()):
        """Channels of bands of any wavelength, pixels and lines."""
        far = tuple(band for band in bands if get_band(band).is_far_infrared)
        return cls(tuple(band for band in bands if band not in far), pixels, lines, far)

    def __len__(self):
        return self.n_spectral + len(self.lines) + len(self.infrared)

    @property
    def positions(self):
        """Positions of the bands (dict of str to int)."""
        first = self.of_lines.stop
        found = {name: number for number, name in enumerate(self.bands)}
        return found | {name: first + number for number, name in enumerate(self.infrared)}

    @property
    def n_spectral(self):
        """Number of the bands and pixels, which are integrals of the spectrum."""
        return len(self.bands) + (0 if self.pixels is None else len(self.pixels))

    @property
    def of_pixels(self):
        """Positions of the pixels (slice)."""
        return slice(len(self.bands), self.n_spectral)

    @property
    def of_lines(self):
        """Positions of the lines (slice)."""
        return slice(self.n_spectral, self.n_spectral + len(self.lines))


def nearest_line(name, wavelengths):
    """Find a line among wavelengths of lines.

    Parameters
    ----------
    name : str
        Name of an emission line of `~dustest.data.LINES`.
    wavelengths : array_like
        Wavelengths in Angstrom, in air above 2000 Angstrom.

    Returns
    -------
    int or None
        Position of the line, None if it is not among them.

    Examples
    --------
    >>> from dustest.estimators._sed.tabulated.light.channels import nearest_line
    >>> nearest_line("Ha", [4861.32, 6562.80]), nearest_line("Pa", [4861.32])
    (1, None)
    """
    vacuum = LINES[name].wavelength
    own = vacuum / _AIR if vacuum > _FIRST_IN_AIR else vacuum
    away = np.abs(np.asarray(wavelengths) / own - 1.0)
    nearest = int(np.argmin(away))
    return nearest if away[nearest] < _CLOSE else None
