"""Surveys: what their images and their catalogues of fluxes are like."""

from dataclasses import dataclass

from astropy import units as u

from dustest.data.bands import canonical_name
from dustest.data.errors import InputError
from dustest.data.messages import not_one_of
from dustest.simulate.telescope.mosaics import MOSAICS
from dustest.simulate.telescope.noise_presets import noise_preset

__all__ = ["Survey", "get_survey", "list_surveys"]


@dataclass(frozen=True)
class Survey:
    """The noise of a survey, in images and in fluxes; see `get_survey`.

    Parameters
    ----------
    name : str
        Name of the survey.
    pixel_scale : float
        Side of a pixel of its mosaics, in arcsec.
    bands : tuple of str
        Canonical names of its bands.
    """

    name: str
    pixel_scale: float
    bands: tuple

    def noise(self, band):
        """The noise of the images in a band.

        Parameters
        ----------
        band : str
            Name of the band, see `dustest.data.canonical_name`.

        Returns
        -------
        CorrelatedNoise
            As `noise_preset` gives it.

        Raises
        ------
        InputError
            If the survey does not have the band.
        """
        return noise_preset(self.name, self._checked(band))

    def flux_error(self, band):
        """The standard error of the total flux of a point source in a band.

        The noise in a circular aperture (0.32 arcsec across for JADES-deep, 0.2 for CEERS),
        divided by the fraction of the light that falls into it. Galaxies that are larger than
        the point-spread function, or bright, have larger errors.

        Parameters
        ----------
        band : str
            Name of the band, see `dustest.data.canonical_name`.

        Returns
        -------
        float
            One standard deviation, in nJy.

        Raises
        ------
        InputError
            If the survey does not have the band.

        Notes
        -----
        The fractions were measured on drizzled point-spread functions of CEERS, within a square
        of 4 arcsec; that of F335M on the one that `make_psf` computes. The published depths of
        CEERS are those of total light [1]_, and come out as published.

        References
        ----------
        .. [1] Bagley et al. 2023, ApJL 946, L12.

        Examples
        --------
        >>> from dustest.simulate.surveys import get_survey
        >>> round(get_survey("JADES-deep").flux_error("F277W"), 2)
        0.62
        """
        mosaic = MOSAICS[self.name].mosaics[self._checked(band)]
        return float((mosaic.depth * u.ABmag).to_value(u.nJy) / 5.0 / mosaic.light)

    def _checked(self, band):
        """Canonical name of a band that the survey has."""
        name = canonical_name(band)
        if name not in self.bands:
            msg = f"band must be one that {self.name} has ({', '.join(self.bands)}), got {band!r}"
            raise InputError(msg)
        return name


def list_surveys():
    """Name the surveys.

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
    return tuple(MOSAICS)


def get_survey(name):
    """Look up a survey.

    ``"JADES-deep"`` is the JADES Origins Field [1]_, ``"CEERS"`` the field of that survey [2]_.
    The bands are those in which both the noise and the light within its aperture are known.

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
        If it is not known.

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
    >>> survey.noise("F277W").rms
    0.115
    """
    if name not in list_surveys():
        msg = not_one_of("name", name, MOSAICS)
        raise InputError(msg)
    field = MOSAICS[name]
    bands = tuple(band for band, mosaic in field.mosaics.items() if mosaic.light is not None)
    return Survey(name, field.pixel_scale, bands)
