"""Sources that are no galaxies by published criteria: little red dots and brown dwarfs."""

from dataclasses import dataclass

import numpy as np
from astropy.table import QTable

from dustest.data import as_sample
from dustest.data.errors import InputError
from dustest.estimators.run.batch import make_batch

__all__ = ["COLOUR_BANDS", "find_non_galaxies"]

COLOUR_BANDS = ("F115W", "F150W", "F200W", "F277W", "F356W", "F444W")
"""Bands of the colours."""
_DIAMETERS = (0.2, 0.4)
"""Arcsec; the flux in the larger aperture over that in the smaller one shows compact sources."""
_MOST_EXTENDED = 1.7
_LEAST_SNR = 5.0
_DWARF = -0.5
"""F115W - F200W below which a red source is a brown dwarf."""


@dataclass(frozen=True)
class _Cut:
    """A limit on a colour in AB magnitudes: more than it, or less."""

    first: str
    second: str
    limit: float
    is_least: bool = True

    def __call__(self, magnitudes):
        """Galaxies that pass."""
        colour = magnitudes[self.first] - magnitudes[self.second]
        return colour > self.limit if self.is_least else colour < self.limit


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
    F356W > 0.6 and F277W - F444W > 0.7 [1]_. Their flux in F444W within 0.4 arcsec is less than
    1.7 times that within 0.2 arcsec (diameters) [2]_. Sources with these colours and F115W -
    F200W < -0.5 are brown dwarfs [2]_. Fluxes below their error are taken as large as it, and
    galaxies with a signal-to-noise ratio below 5 in F444W are not judged.

    Strong emission lines make galaxies red in single bands, so that some galaxies pass.

    References
    ----------
    .. [1] Labbe et al. 2025, ApJ 978, 92, arXiv:2306.07320 (equations 1 and 2), with the limits
       of [2]_.
    .. [2] Kokorev et al. 2024, ApJ 968, 38, arXiv:2401.09981 (section 3).

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
    batch = make_batch(sample)
    missing = [band for band in COLOUR_BANDS if band not in batch.bands]
    if missing:
        msg = f"the sample must have fluxes in {', '.join(COLOUR_BANDS)}, got none in {missing}"
        raise InputError(msg)
    place = [batch.bands.index(band) for band in COLOUR_BANDS]
    flux, error = batch.flux[:, place], batch.flux_err[:, place]
    magnitudes = dict(zip(COLOUR_BANDS, -2.5 * np.log10(np.maximum(flux, error)).T, strict=True))
    red = np.any([np.all([cut(magnitudes) for cut in cuts], axis=0) for cuts in _RED], axis=0)
    red &= flux[:, -1] >= _LEAST_SNR * error[:, -1]
    dwarf = red & (magnitudes["F115W"] - magnitudes["F200W"] < _DWARF)
    dot = red & ~dwarf & ~_is_extended(batch)
    kind = np.select([dwarf, dot], ["brown dwarf", "little red dot"], "")
    return QTable({"id": sample["id"], "not_a_galaxy": kind != "", "kind": kind})


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
