"""What was measured or published of the noise of surveys' mosaics."""

from dataclasses import dataclass

__all__ = ["MOSAICS", "Field", "Mosaic"]


@dataclass(frozen=True)
class Mosaic:
    """What is known of the noise of a mosaic.

    Parameters
    ----------
    autocorrelation : tuple of float or str
        At lag 1, 2 and 3; or the band of the survey whose autocorrelation stands for it.
    depth : float
        5-sigma depth in the aperture of the field, in AB magnitudes, without a correction for
        the light outside.
    light : float or None
        Fraction of the light of a point source within that aperture.
    rms : float or None
        Standard deviation of pixels in nJy, where it was measured.
    """

    autocorrelation: tuple | str
    depth: float
    light: float | None = None
    rms: float | None = None


@dataclass(frozen=True)
class Field:
    """The mosaics of a survey.

    Parameters
    ----------
    pixel_scale : float
        Side of a pixel in arcsec.
    diameter : float
        Diameter in arcsec of the aperture of the depths.
    mosaics : dict of str to Mosaic
        By the name of the band, from blue to red.
    one_source : bool
        Whether depths and autocorrelations come from the same mosaics, so that one noise can
        have both.
    """

    pixel_scale: float
    diameter: float
    mosaics: dict
    one_source: bool


# Light within 0.16 arcsec (JADES) and 0.1 arcsec (CEERS) of the centre, over that within a square
# of 4 arcsec: measured on drizzled point-spread functions of CEERS at 0.04 arcsec, for F335M on
# that of make_psf.

# JADES Origins Field: rms and autocorrelation measured on blank pixels of six stamps, depths the
# median of the local depths of 222 objects in the EXPANSE catalogue (v11 mosaics). Where only the
# depth is known, the autocorrelation is that of the nearest measured band of the same detectors
# (for ACS, of F150W).
_JADES_DEEP = {
    "F435W": Mosaic("F150W", 28.69),
    "F606W": Mosaic("F150W", 28.92, 0.88),
    "F775W": Mosaic("F150W", 28.29),
    "F814W": Mosaic("F150W", 29.03, 0.85),
    "F850LP": Mosaic("F150W", 27.91),
    "F090W": Mosaic("F150W", 29.94, 0.82),
    "F115W": Mosaic("F150W", 30.02, 0.83),
    "F150W": Mosaic((0.56, 0.14, 0.07), 30.31, 0.84, rms=0.0249),
    "F162M": Mosaic("F150W", 30.11),
    "F182M": Mosaic("F200W", 30.43),
    "F200W": Mosaic((0.49, 0.14, 0.08), 30.28, 0.83, rms=0.0254),
    "F210M": Mosaic("F200W", 30.22),
    "F250M": Mosaic("F277W", 29.95),
    "F277W": Mosaic((0.75, 0.35, 0.14), 30.45, 0.77, rms=0.0144),
    "F300M": Mosaic("F277W", 30.17),
    "F335M": Mosaic("F356W", 30.21, 0.75),
    "F356W": Mosaic((0.76, 0.37, 0.16), 30.42, 0.73, rms=0.0142),
    "F410M": Mosaic("F444W", 29.79, 0.71),
    "F444W": Mosaic((0.66, 0.21, 0.06), 30.28, 0.70, rms=0.0197),
}

# CEERS: background rms of four stamps in MJy/sr, at 0.04 arcsec, and the autocorrelation of the
# three bands pooled, which stands for all other bands. The depths of NIRCam are those of Bagley et
# al. (2023), corrected to total light: 29.1, 29.0, 29.2, 29.2, 29.2, 28.4 and 28.6 from F115W to
# F444W. The light within the aperture takes that correction away again. For ACS 28.6 and 28.3 in
# the same sense are our own choice.
_CEERS_LAGS = (0.35, 0.04, 0.04)
_CEERS = {
    "F606W": Mosaic("F277W", 28.94, 0.73),
    "F814W": Mosaic("F277W", 28.75, 0.66),
    "F115W": Mosaic("F277W", 29.38, 0.77),
    "F150W": Mosaic("F277W", 29.30, 0.76),
    "F200W": Mosaic("F277W", 29.56, 0.72),
    "F277W": Mosaic(_CEERS_LAGS, 29.70, 0.63, rms=0.115),
    "F356W": Mosaic(_CEERS_LAGS, 29.81, 0.57, rms=0.097),
    "F410M": Mosaic("F277W", 29.11, 0.52),
    "F444W": Mosaic(_CEERS_LAGS, 29.35, 0.50, rms=0.147),
}

MOSAICS = {
    "JADES-deep": Field(0.03, 0.32, _JADES_DEEP, one_source=True),
    "CEERS": Field(0.04, 0.2, _CEERS, one_source=False),
}
"""By the name of the survey."""
