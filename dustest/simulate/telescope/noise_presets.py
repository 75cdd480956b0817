"""Measured noise of surveys."""

from dustest.data.surveys import SURVEYS, Survey
from dustest.simulate.telescope.noise import CorrelatedNoise

__all__ = ["list_noise_presets", "noise_preset"]


def list_noise_presets():
    """List the surveys with known noise, and their bands.

    Returns
    -------
    dict of str to tuple of str
        Names of bands, by survey.

    Examples
    --------
    >>> from dustest.simulate import list_noise_presets
    >>> list_noise_presets()["CEERS"]
    ('F606W', 'F814W', 'F115W', 'F150W', 'F200W', 'F277W', 'F356W', 'F410M', 'F444W')
    """
    return {name: tuple(field.mosaics) for name, field in SURVEYS.items()}


def noise_preset(survey, band):
    """Noise of a survey in a band.

    ``"JADES-deep"`` is the JADES Origins Field at 0.03 arcsec: F150W, F200W, F277W, F356W and
    F444W with measured rms, autocorrelation and aperture depth; 14 other bands of NIRCam and ACS
    with measured aperture depth and the autocorrelation of the nearest of these five.
    ``"JADES-MIRI"`` adds F770W with the published error of point sources [3]_ and the
    autocorrelation of F356W, about that of MIRI's pixels in a mosaic of 0.03 arcsec.
    ``"CEERS"`` has F277W, F356W and F444W at 0.04 arcsec with measured rms and autocorrelation;
    the noise in apertures that follows from three lags alone is a lower limit, 0.1 to 0.2 mag
    deeper than the published depths. Four other bands of NIRCam have the published depth [2]_ and
    the same autocorrelation; so do F606W and F814W, whose depths are our own choice.

    Parameters
    ----------
    survey : str or Survey
        One of `list_noise_presets`, or a survey.
    band : str
        Name of the band, see `dustest.data.canonical_name`.

    Returns
    -------
    CorrelatedNoise
        The noise, with the pixel scale of the survey's mosaics.

    Raises
    ------
    InputError
        If the survey or the band is unknown.

    See Also
    --------
    dustest.simulate.get_survey : Errors of fluxes that match the noise of the images.

    References
    ----------
    .. [1] Eisenstein et al. 2023, arXiv:2310.12340 (JADES Origins Field).
    .. [2] Bagley et al. 2023, ApJL 946, L12 (CEERS).
    .. [3] Wu et al. 2025, arXiv:2507.22858 (F770W).

    Examples
    --------
    >>> from dustest.simulate import aperture_depth, noise_preset
    >>> noise = noise_preset("JADES-deep", "F277W")
    >>> noise.rms, round(aperture_depth(noise, 0.32), 1)
    (0.0144, 30.4)
    """
    field = survey if isinstance(survey, Survey) else SURVEYS.find(survey, "survey")
    mosaic = field.mosaic(band)
    if isinstance(mosaic.autocorrelation, str):
        similar = noise_preset(survey, mosaic.autocorrelation)
        return similar.at_depth(mosaic.depth, field.diameter)
    return CorrelatedNoise(
        mosaic.rms,
        mosaic.autocorrelation,
        field.pixel_scale,
        mosaic.depth if field.one_source else None,
        field.diameter,
    )
