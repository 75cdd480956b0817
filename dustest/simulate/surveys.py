"""Surveys by name: noise of their images and errors of their fluxes."""

from dustest.data.surveys import SURVEYS, Survey

__all__ = ["Survey", "get_survey", "list_surveys"]


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
    ('JADES-deep', 'CEERS')
    """
    return tuple(SURVEYS)


def get_survey(name):
    """Look up a survey.

    ``"JADES-deep"`` is the JADES Origins Field [1]_, ``"CEERS"`` the field of that survey [2]_.
    The bands are those with known noise and known fraction of light within the aperture.

    Parameters
    ----------
    name : str
        One of `list_surveys`.

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

    Examples
    --------
    >>> from dustest.simulate.surveys import get_survey
    >>> survey = get_survey("CEERS")
    >>> survey.pixel_scale, survey.bands[:4]
    (0.04, ('F606W', 'F814W', 'F115W', 'F150W'))
    >>> survey.mosaic("F277W").rms
    0.115
    """
    return SURVEYS.find(name, "name")
