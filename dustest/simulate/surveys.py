"""Surveys by name: noise of their images and errors of their fluxes."""

from dataclasses import replace

import numpy as np

from dustest.data.checks.numbers import as_arcsec
from dustest.data.surveys import SURVEYS, Mosaic, Survey
from dustest.simulate.telescope.noise import CorrelatedNoise

__all__ = ["Survey", "get_survey", "list_surveys", "with_pixel_scale"]


def list_surveys():
    """List the surveys.

    Returns
    -------
    tuple of str
        The names that `get_survey` knows.

    Examples
    --------
    >>> from dustest.simulate.surveys import list_surveys
    >>> list_surveys()
    ('JADES-deep', 'CEERS', 'JADES-MIRI')
    """
    return tuple(SURVEYS)


def get_survey(name):
    """Look up a survey.

    ``"JADES-deep"`` is the JADES Origins Field [1]_, ``"JADES-MIRI"`` the same with the deepest
    image in F770W [3]_, and ``"CEERS"`` the field of that survey [2]_.
    The bands are those with known noise and known fraction of light within the aperture.

    Parameters
    ----------
    name : str or Survey
        One of `list_surveys`, or a survey, which is returned as it is.

    Returns
    -------
    Survey
        The survey.

    Raises
    ------
    InputError
        If the survey is unknown.

    References
    ----------
    .. [1] Eisenstein et al. 2023, arXiv:2310.12340.
    .. [2] Bagley et al. 2023, ApJL 946, L12.
    .. [3] Wu et al. 2025, arXiv:2507.22858.

    Examples
    --------
    >>> from dustest.simulate.surveys import get_survey
    >>> survey = get_survey("CEERS")
    >>> survey.pixel_scale, survey.bands[:4]
    (0.04, ('F606W', 'F814W', 'F115W', 'F150W'))
    >>> survey.mosaic("F277W").rms
    0.115
    """
    return name if isinstance(name, Survey) else SURVEYS.find(name, "name")


def with_pixel_scale(survey, pixel_scale):
    """A survey whose mosaics were drizzled to pixels of another size.

    Depths within apertures stay, and so does the correlation of the noise over the same distance,
    between the lags by interpolation.

    Parameters
    ----------
    survey : str or Survey
        One of `list_surveys`, or a survey.
    pixel_scale : float or `~astropy.units.Quantity`
        Side of the pixels in arcsec.

    Returns
    -------
    Survey
        With the pixel scale added to its name; ``preset`` of
        `~dustest.simulate.GalaxySimulator` takes it.

    Raises
    ------
    InputError
        If ``pixel_scale`` is not positive, or the survey is unknown.

    Examples
    --------
    >>> from dustest.simulate.surveys import with_pixel_scale
    >>> survey = with_pixel_scale("CEERS", 0.06)
    >>> survey.name, survey.mosaic("F277W").autocorrelation
    ('CEERS-60mas', (0.195, 0.04, 0.0))
    """
    scale = as_arcsec(pixel_scale, "pixel_scale")
    survey = survey if isinstance(survey, Survey) else SURVEYS.find(survey, "survey")
    step = scale / survey.pixel_scale

    def drizzled(mosaic):
        if isinstance(mosaic.autocorrelation, str):
            return mosaic
        lags = (1.0, *mosaic.autocorrelation, 0.0)
        known = np.interp(step * np.arange(1, 4), np.arange(len(lags)), lags).round(3)
        noise = CorrelatedNoise(1.0, known.tolist(), scale)
        rms = noise.at_depth(mosaic.depth, survey.diameter).rms
        return Mosaic(tuple(known.tolist()), mosaic.depth, mosaic.light, rms)

    mosaics = {band: drizzled(mosaic) for band, mosaic in survey.mosaics.items()}
    name = f"{survey.name}-{1e3 * scale:.0f}mas"
    return replace(survey, name=name, pixel_scale=scale, mosaics=mosaics, one_source=False)
