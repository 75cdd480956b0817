"""Images of a round galaxy with known colours, and estimators of the light of its bins."""

from typing import ClassVar

import numpy as np
from astropy import units as u
from astropy.nddata import NDData, StdDevUncertainty
from astropy.wcs import WCS

from dustest import DustEstimator
from dustest.estimators import Estimates
from dustest.physics import PSF

SCALE = 0.03
SIZE = 64
WIDTHS = {"F150W": 1.8, "F277W": 2.2, "F444W": 2.7}
"""Standard deviations in pixels of point-spread functions."""
COLOURS = {"F150W": 1.0, "F277W": 2.0, "F444W": 3.0}
ERROR = 0.02


def gaussian(width, size=SIZE, centre=None):
    """A round source of unit flux; on an odd grid in the central pixel."""
    centre = 0.5 * (size - 1) if centre is None else centre
    y, x = np.mgrid[:size, :size] - centre
    return np.exp(-0.5 * (x**2 + y**2) / width**2) / (2.0 * np.pi * width**2)


def toy_psfs():
    """Point-spread functions by band."""
    return {band: PSF(gaussian(width, 41), SCALE) for band, width in WIDTHS.items()}


def toy_wcs():
    """Coordinates of the pixels."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [53.1, -27.8]
    wcs.wcs.crpix, wcs.wcs.cdelt = [32.5, 32.5], [-SCALE / 3600, SCALE / 3600]
    return wcs


def toy_images(seed=1, flux=40.0, width=5.0, errors=True, error=ERROR):
    """Images of a Gaussian galaxy, each with its own point-spread function and white noise."""
    rng = np.random.default_rng(seed)
    images = {}
    for band, blur in WIDTHS.items():
        light = flux * COLOURS[band] * gaussian(np.hypot(width, blur))
        pixels = light + error * rng.standard_normal(light.shape)
        sigma = StdDevUncertainty(np.full(light.shape, error)) if errors else None
        images[band] = NDData(pixels, sigma, unit=u.nJy, wcs=toy_wcs())
    return images


class OfFlux(DustEstimator):
    """Draws whose mean is known: A_V 0.5, and a mass proportional to the flux in F444W."""

    requires: ClassVar[tuple] = ("flux", "redshift")
    uncertainty: ClassVar[str] = "posterior"
    gives: ClassVar[tuple] = ("A_V", "E_BV", "log_mass")

    def __init__(self, extra=("log_mass",), targets="A_V"):
        self.extra = extra
        self.targets = targets

    def _estimate(self, batch):
        n = len(batch.redshift)
        spread = np.linspace(-1.0, 1.0, 201)
        flux = batch.flux[:, batch.bands.index("F444W")]
        a_v = np.where(np.isfinite(flux)[:, None], 0.5 + 0.1 * spread, np.nan)
        mass = 8.0 + np.log10(np.maximum(flux, 1e-3))
        samples = {"A_V": a_v, "E_BV": a_v / 4.05, "log_mass": mass[:, None] + 0.0 * spread}
        return Estimates(samples, np.zeros(n, np.int32))
