"""Sources that are no galaxies by published limits: little red dots and brown dwarfs."""

from dataclasses import dataclass

import numpy as np
from astropy.table import QTable

from dustest.data import as_sample
from dustest.data.errors import InputError
from dustest.estimators.run.batch import make_batch

__all__ = ["COLOUR_BANDS", "find_non_galaxies", "kinds_of_sources"]

COLOUR_BANDS = ("F115W", "F150W", "F200W", "F277W", "F356W", "F444W")
"""Bands of the colours."""
_DIAMETERS = (0.2, 0.4)
"""Arcsec; the flux in the larger aperture over that in the smaller one shows compact sources."""
_MOST_EXTENDED = 1.7
_LEAST_SNR, _DETECTED, _UPPER_LIMIT = 14.0, 3.0, 2.0
"""Signal-to-noise ratios: least in F444W, of a detection, and of the flux of all other sources."""


@dataclass(frozen=True)
class _Cut:
    """A limit on a colour in AB magnitudes: more than it, or less."""

    first: str
    second: str
    limit: float
    is_least: bool = True

    def __call__(self, flux, error):
        """Galaxies that pass; none whose brighter band is no detection."""
        place = [COLOUR_BANDS.index(band) for band in (self.first, self.second)]
        flux, error = flux[:, place], error[:, place]
        is_detected = flux > _DETECTED * error
        flux = np.where(is_detected, flux, _UPPER_LIMIT * error)
        colour = -2.5 * np.log10(flux[:, 0] / flux[:, 1])
        passes = colour > self.limit if self.is_least else colour < self.limit
        return passes & np.where(colour < 0.0, is_detected[:, 0], is_detected[:, 1])


_DWARF = _Cut("F115W", "F200W", -0.5, is_least=False)


_RED = (
    (
        _Cut("F115W", "F150W", 0.8, is_least=False),
        _Cut("F200W", "F277W", 0.7),
        _Cut("F200W", "F356W", 1.0),
    ),
    (
        _Cut("F150W", "F200W", 0.8, is_least=False),
        _Cut("F277W", "F356W", 0.6),
        _Cut("F277W", "F444W", 0.7),
    ),
)
"""V-shaped spectra below and above redshift 6."""


def find_non_galaxies(sample):
    """Find little red dots and brown dwarfs by their colours, and by their size if it is known.

    Parameters
    ----------
    sample : GalaxySample or anything that `~dustest.data.as_sample` takes
        n galaxies with fluxes in the wide bands of NIRCam from F115W to F444W. With stamps in
        F444W, little red dots must be compact as well.

    Returns
    -------
    result : QTable
        n rows: ``id``, ``not_a_galaxy`` and ``kind`` (``"little red dot"``, ``"brown dwarf"`` or
        empty).

    Raises
    ------
    InputError
        If the sample has no fluxes in these bands.

    Notes
    -----
    Little red dots are blue at rest in the ultraviolet and red in the optical: either F115W -
    F150W < 0.8, F200W - F277W > 0.7 and F200W - F356W > 1.0, or F150W - F200W < 0.8, F277W -
    F356W > 0.6 and F277W - F444W > 0.7 [1]_, where the last two limits are 0.7 and 1.0 in [2]_.
    Their flux in F444W within 0.4 arcsec is less than 1.7 times that within 0.2 arcsec (diameters
    [3]_). Sources with these colours and F115W - F200W < -0.5 are brown dwarfs [1]_, [3]_. The
    signal-to-noise ratio in F444W is 14 or more. The brighter band of each colour has one of 3 or
    more; a fainter band below it gets its 2-sigma limit [1]_. Sources fainter than 27.7 mag, which
    [1]_ leaves out, are judged too. Brown dwarfs need not be compact.

    Photometry made of the published slopes and magnitudes of 341 little red dots [4]_, with
    errors of 1 nJy, passes for 93 per cent at redshifts below 8 and for 22 per cent above. Of the
    114 galaxies of two catalogues of JADES that are bright enough, at redshifts 4.5 to 9.6, four
    pass, since strong emission lines make galaxies red in single bands.

    References
    ----------
    .. [1] Kokorev et al. 2024, ApJ 968, 38, arXiv:2401.09981 (section 3.1).
    .. [2] Labbe et al. 2025, ApJ 978, 92, arXiv:2306.07320 (section 2.2).
    .. [3] Greene et al. 2024, ApJ 964, 39, arXiv:2309.05714 (sections 3.1 and 5.1).
    .. [4] Kocevski et al. 2025, ApJ 986, 126, arXiv:2404.03576 (table 3).

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import QTable
    >>> from dustest.estimators.non_galaxies import find_non_galaxies
    >>> flux = {"F115W": 10, "F150W": 10, "F200W": 11, "F277W": 25, "F356W": 60, "F444W": 90}
    >>> columns = {f"flux_{band}": [value] * u.nJy for band, value in flux.items()}
    >>> columns |= {f"flux_err_{band}": [1.0] * u.nJy for band in flux}
    >>> find_non_galaxies(QTable(columns | {"redshift": [7.0]}))["kind"][0]
    np.str_('little red dot')
    """
    sample = as_sample(sample)
    kind = kinds_of_sources(make_batch(sample))
    return QTable({"id": sample["id"], "not_a_galaxy": kind != "", "kind": kind})


def kinds_of_sources(batch):
    """Find little red dots and brown dwarfs in a batch, see `find_non_galaxies`.

    Parameters
    ----------
    batch : Batch
        Galaxies.

    Returns
    -------
    kind : ndarray of str of shape (n,)
        ``"little red dot"``, ``"brown dwarf"`` or empty.

    Raises
    ------
    InputError
        If there are no fluxes in one of the bands.
    """
    missing = [band for band in COLOUR_BANDS if band not in batch.bands]
    if missing:
        msg = (
            f"the sample must have fluxes in {', '.join(COLOUR_BANDS)}, got none in "
            f"{', '.join(missing)}"
        )
        raise InputError(msg)
    place = [batch.bands.index(band) for band in COLOUR_BANDS]
    flux, error = batch.flux[:, place], batch.flux_err[:, place]
    red = np.any([np.all([cut(flux, error) for cut in cuts], axis=0) for cuts in _RED], axis=0)
    red &= flux[:, -1] > _LEAST_SNR * error[:, -1]
    dwarf = red & _DWARF(flux, error)
    dot = red & ~dwarf & ~_is_extended(batch)
    return np.select([dwarf, dot], ["brown dwarf", "little red dot"], "")


def _is_extended(batch):
    """Galaxies that are larger than a point source in F444W; none without stamps."""
    if COLOUR_BANDS[-1] not in batch.cutout_bands:
        return np.zeros(len(batch), bool)
    stamps = batch.cutout[:, batch.cutout_bands.index(COLOUR_BANDS[-1])]
    masked = batch.cutout_mask[:, batch.cutout_bands.index(COLOUR_BANDS[-1])]
    stamps = np.nan_to_num(np.where(masked, 0.0, stamps))
    scale = np.where(batch.pixel_scale > 0.0, batch.pixel_scale, np.nan)
    small, large = (_aperture_flux(stamps, 0.5 * d / scale) for d in _DIAMETERS)
    return large > _MOST_EXTENDED * small


def _aperture_flux(stamps, radius):
    """Flux within circles about the centre, of a radius in pixels for each galaxy."""
    offset = [np.arange(side) - 0.5 * (side - 1) for side in stamps.shape[1:]]
    distance = np.hypot(offset[0][:, None], offset[1])
    # Pixels count by how far their centre is inside, which is right to a few per cent.
    inside = np.clip(radius[:, None, None] - distance + 0.5, 0.0, 1.0)
    return np.sum(stamps * inside, axis=(1, 2))
