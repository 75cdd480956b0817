"""Surveys: pixel scales, and measured or published noise of their mosaics."""

from dataclasses import dataclass

from astropy import units as u

from dustest.data.bands import canonical_name
from dustest.data.checks.numbers import check_positive
from dustest.data.checks.records import expect
from dustest.data.errors import InputError
from dustest.data.registry import Registry

__all__ = ["SURVEYS", "Mosaic", "Survey", "register_survey"]


@dataclass(frozen=True)
class Mosaic:
    """Known noise of the mosaic of one band.

    Parameters
    ----------
    autocorrelation : tuple of float or str
        At lag 1, 2 and 3; or the band of the survey whose autocorrelation is used.
    depth : float
        5-sigma depth in the aperture of the survey, in AB magnitudes, without a correction for
        the light outside.
    light : float or None
        Fraction of the light of a point source within that aperture.
    rms : float or None
        Standard deviation of pixels in nJy, if it was measured.
    """

    autocorrelation: tuple | str
    depth: float
    light: float | None = None
    rms: float | None = None


@dataclass(frozen=True)
class Survey:
    """The mosaics of a survey.

    Parameters
    ----------
    name : str
        Name of the survey.
    pixel_scale : float
        Side of a pixel of its mosaics, in arcsec.
    diameter : float
        Diameter in arcsec of the aperture of the depths.
    mosaics : dict of str to Mosaic
        By the short name of the band, from blue to red.
    one_source : bool, optional
        Whether depths and autocorrelations are of the same mosaics, so that one noise model can
        match both.
    references : tuple of str, optional
        BibTeX keys of dustest's own references, or BibTeX entries.

    Raises
    ------
    InputError
        If ``pixel_scale`` or ``diameter`` is not positive, or ``mosaics`` are not by band.

    Examples
    --------
    >>> from dustest.data.surveys import SURVEYS
    >>> SURVEYS["CEERS"].pixel_scale, SURVEYS["CEERS"].bands[:4]
    (0.04, ('F606W', 'F814W', 'F115W', 'F150W'))
    """

    name: str
    pixel_scale: float
    diameter: float
    mosaics: dict
    one_source: bool = True
    references: tuple = ()

    def __post_init__(self):
        what = f"of survey {self.name!r}"
        for field in ("pixel_scale", "diameter"):
            object.__setattr__(
                self, field, check_positive(getattr(self, field), f"{field} {what}")
            )
        found = self.mosaics if isinstance(self.mosaics, dict) else {}
        fits = found and all(isinstance(mosaic, Mosaic) for mosaic in found.values())
        expected = "a dict of Mosaic by the short name of the band"
        expect(fits, f"mosaics {what}", expected, self.mosaics)

    @property
    def bands(self):
        """Bands with known noise and known fraction of light within its aperture."""
        return tuple(band for band, mosaic in self.mosaics.items() if mosaic.light is not None)

    def mosaic(self, band):
        """The mosaic of a band.

        Parameters
        ----------
        band : str
            Name of the band, see `dustest.data.canonical_name`.

        Returns
        -------
        Mosaic
            Its known noise.

        Raises
        ------
        InputError
            If the survey does not have the band.
        """
        return self.mosaics[self._check_band(band, self.mosaics)]

    def flux_error(self, band):
        """The standard error of the total flux of a point source in a band.

        The noise in the aperture of the survey, divided by the fraction of the light within it.
        Galaxies that are larger than the point-spread function, or bright, have larger errors.

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
            If the survey does not have the band, or not the light within its aperture.

        Examples
        --------
        >>> from dustest.data.surveys import SURVEYS
        >>> round(SURVEYS["JADES-deep"].flux_error("F277W"), 2)
        0.62
        """
        mosaic = self.mosaics[self._check_band(band, self.bands)]
        return float((mosaic.depth * u.ABmag).to_value(u.nJy) / 5.0 / mosaic.light)

    def _check_band(self, band, known):
        """Canonical name of one of the known bands."""
        name = canonical_name(band)
        if name not in known:
            msg = f"band must be one that {self.name} has ({', '.join(known)}), got {band!r}"
            raise InputError(msg)
        return name


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

# F770W of JADES, 71 hours deep: a point source has an error of 2.8 nJy (Wu et al. 2025). The light
# within the aperture is that of make_psf; the autocorrelation of F356W is that of detector pixels
# of 0.11 arcsec that are drizzled to 0.03 arcsec (1 - lag / 3.7).
_JADES_MIRI = _JADES_DEEP | {"F770W": Mosaic("F356W", 29.35, 0.47)}

# CEERS: background rms of four stamps in MJy/sr, at 0.04 arcsec, and the autocorrelation of the
# three bands pooled, used for all other bands. The depths of NIRCam are those of Bagley et
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

SURVEYS = Registry(
    "survey",
    Survey,
    [
        Survey("JADES-deep", 0.03, 0.32, _JADES_DEEP, references=("Eisenstein2023",)),
        Survey("CEERS", 0.04, 0.2, _CEERS, one_source=False, references=("Bagley2023",)),
        Survey("JADES-MIRI", 0.03, 0.32, _JADES_MIRI, references=("Eisenstein2023", "Wu2025")),
    ],
)
"""The surveys by name."""


def register_survey(survey):
    """Add a survey, whose noise the simulator can then use.

    Parameters
    ----------
    survey : Survey
        A survey with a new name.

    Returns
    -------
    survey : Survey
        The same survey.

    Raises
    ------
    InputError
        If it is no `Survey`, its bands are unknown or not in their short form, or its name is
        taken.

    Examples
    --------
    >>> from dustest.data import register_survey
    >>> from dustest.data.surveys import SURVEYS
    >>> register_survey(SURVEYS["CEERS"]).name
    'CEERS'
    """
    # Not when a survey is made: names of bands load the plugins.
    for band in survey.mosaics if isinstance(survey, Survey) else ():
        name = canonical_name(band)
        what = f"mosaics of survey {survey.name!r}"
        expect(band == name, what, f"by short names, such as {name!r}", band)
    return SURVEYS.register(survey)
