"""The measured noise of surveys."""

from dataclasses import dataclass

from dustest.data.bands import canonical_name
from dustest.data.errors import InputError
from dustest.simulate.noise import CorrelatedNoise

__all__ = ["list_noise_presets", "noise_preset"]


@dataclass(frozen=True)
class _Mosaic:
    """What is known of the noise of a mosaic.

    Parameters
    ----------
    autocorrelation : tuple of float or str
        At lag 1, 2 and 3; or the band of the survey whose autocorrelation stands for it.
    rms : float or None
        Standard deviation of pixels in nJy.
    depth : float or None
        5-sigma depth in an aperture of 0.32 arcsec, in AB magnitudes.
    """

    autocorrelation: tuple | str
    rms: float | None = None
    depth: float | None = None


# JADES Origins Field: rms and autocorrelation measured on blank pixels of six stamps, depths the
# median of the local depths of 222 objects in the EXPANSE catalogue (v11 mosaics). Where only the
# depth is known, the autocorrelation is that of the nearest measured band of the same detectors
# (for ACS, of F150W).
_JADES_DEEP = {
    "F435W": _Mosaic("F150W", depth=28.69),
    "F606W": _Mosaic("F150W", depth=28.92),
    "F775W": _Mosaic("F150W", depth=28.29),
    "F814W": _Mosaic("F150W", depth=29.03),
    "F850LP": _Mosaic("F150W", depth=27.91),
    "F090W": _Mosaic("F150W", depth=29.94),
    "F115W": _Mosaic("F150W", depth=30.02),
    "F150W": _Mosaic((0.56, 0.14, 0.07), 0.0249, 30.31),
    "F162M": _Mosaic("F150W", depth=30.11),
    "F182M": _Mosaic("F200W", depth=30.43),
    "F200W": _Mosaic((0.49, 0.14, 0.08), 0.0254, 30.28),
    "F210M": _Mosaic("F200W", depth=30.22),
    "F250M": _Mosaic("F277W", depth=29.95),
    "F277W": _Mosaic((0.75, 0.35, 0.14), 0.0144, 30.45),
    "F300M": _Mosaic("F277W", depth=30.17),
    "F335M": _Mosaic("F356W", depth=30.21),
    "F356W": _Mosaic((0.76, 0.37, 0.16), 0.0142, 30.42),
    "F410M": _Mosaic("F444W", depth=29.79),
    "F444W": _Mosaic((0.66, 0.21, 0.06), 0.0197, 30.28),
}

# CEERS: background rms of four stamps in MJy/sr, at 0.04 arcsec, and the autocorrelation of the
# three bands pooled. No aperture depth was measured on these.
_CEERS_LAGS = (0.35, 0.04, 0.04)
_CEERS = {
    "F277W": _Mosaic(_CEERS_LAGS, 0.115),
    "F356W": _Mosaic(_CEERS_LAGS, 0.097),
    "F444W": _Mosaic(_CEERS_LAGS, 0.147),
}

_SURVEYS = {"JADES-deep": (0.03, _JADES_DEEP), "CEERS": (0.04, _CEERS)}


def list_noise_presets():
    """Name the surveys whose noise is known, and their bands.

    Returns
    -------
    dict of str to tuple of str
        Names of bands, by survey.

    Examples
    --------
    >>> from dustest.simulate import list_noise_presets
    >>> list_noise_presets()["CEERS"]
    ('F277W', 'F356W', 'F444W')
    """
    return {name: tuple(mosaics) for name, (_, mosaics) in _SURVEYS.items()}


def noise_preset(survey, band):
    """The noise of a survey in a band.

    ``"JADES-deep"`` is the JADES Origins Field at 0.03 arcsec: F150W, F200W, F277W, F356W and
    F444W with measured rms, autocorrelation and aperture depth; 14 other bands of NIRCam and ACS
    with measured aperture depth and the autocorrelation of the nearest of these five.
    ``"CEERS"`` has F277W, F356W and F444W at 0.04 arcsec with measured rms and autocorrelation.
    Their depth was not measured; the noise in apertures that follows from three lags alone is a
    lower limit.

    Parameters
    ----------
    survey : str
        ``"JADES-deep"`` or ``"CEERS"``.
    band : str
        Name of the band, see `dustest.data.canonical_name`.

    Returns
    -------
    CorrelatedNoise
        The noise, with the pixel scale of the survey's mosaics.

    Raises
    ------
    InputError
        If the survey or the band is not among them.

    References
    ----------
    .. [1] Eisenstein et al. 2023, arXiv:2310.12340 (JADES Origins Field).
    .. [2] Bagley et al. 2023, ApJL 946, L12 (CEERS).

    Examples
    --------
    >>> from dustest.simulate import aperture_depth, noise_preset
    >>> noise = noise_preset("JADES-deep", "F277W")
    >>> noise.rms, round(aperture_depth(noise, 0.32), 1)
    (0.0144, 30.4)
    """
    if survey not in _SURVEYS:
        msg = f"survey must be one of {', '.join(_SURVEYS)}, got {survey!r}"
        raise InputError(msg)
    scale, mosaics = _SURVEYS[survey]
    name = canonical_name(band)
    if name not in mosaics:
        msg = f"band must be one that {survey} has ({', '.join(mosaics)}), got {band!r}"
        raise InputError(msg)
    mosaic = mosaics[name]
    if isinstance(mosaic.autocorrelation, str):
        return noise_preset(survey, mosaic.autocorrelation).at_depth(mosaic.depth)
    return CorrelatedNoise(mosaic.rms, mosaic.autocorrelation, scale, mosaic.depth)
