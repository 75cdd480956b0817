"""Far-infrared data of a fit: which bands have them, and whether they agree with the others."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from dustest.data.bands import get_band
from dustest.estimators._sed.posterior import Limits

__all__ = [
    "InfraredCheck",
    "far_infrared_bands",
    "has_far_infrared",
    "is_cold",
    "usable_far_infrared",
    "without_far_infrared",
]

_SHORTEST = 4e5
"""Rest wavelength in Angstrom below which warmer dust than that of one temperature matters."""


@dataclass(frozen=True, eq=False)
class InfraredCheck:
    """What a fit without the far-infrared data says.

    Parameters
    ----------
    probability : float
        Probability of far-infrared data at least as far from the prediction of the fit.
    a_v : ndarray of shape (n_draws,)
        Draws of A_V of the fit.
    log_evidence : float
        Natural logarithm of its evidence.
    """

    probability: float
    a_v: np.ndarray
    log_evidence: float

    @classmethod
    def of(cls, galaxy, maker, posterior):
        """Compare data with the prediction of a fit without them.

        Parameters
        ----------
        galaxy : Galaxy
            All data.
        maker : ModelMaker
            Maker of the models in all bands.
        posterior : Posterior
            That of the other data.

        Returns
        -------
        InfraredCheck
            Two-sided for fluxes; for limits, the probability of a flux below them. That of the
            least probable band times the number of bands.
        """
        mass = 10.0 ** posterior.draws["log_mass_formed"][:, np.newaxis]
        flux = maker.at(posterior.cube).flux * mass
        found = []
        for band, value, error, limited in _data(galaxy):
            if band in far_infrared_bands(galaxy.used_bands):
                below = np.mean(ndtr((value - flux[:, maker.channels.positions[band]]) / error))
                found.append(below if limited else 2.0 * min(below, 1.0 - below))
        probability = min(1.0, len(found) * float(np.min(found)))
        return cls(probability, posterior.draws["A_V"], posterior.log_evidence)


def _data(galaxy):
    """Band, value, error and whether it is a limit of each datum of a galaxy."""
    limits = galaxy.limits
    for datum in zip(galaxy.bands, galaxy.flux, galaxy.flux_err, strict=True):
        yield *datum, False
    for datum in zip(limits.bands, limits.flux, limits.error, strict=True):
        yield *datum, True


def far_infrared_bands(bands):
    """Select bands beyond 50 micron.

    Parameters
    ----------
    bands : sequence of str
        Names of bands.

    Returns
    -------
    tuple of str
        Their names.

    Examples
    --------
    >>> from dustest.estimators._sed.far_infrared import far_infrared_bands
    >>> far_infrared_bands(("F444W", "ALMA_B6"))
    ('ALMA_B6',)
    """
    return tuple(band for band in bands if get_band(band).is_far_infrared)


def has_far_infrared(galaxy):
    """Whether a galaxy has far-infrared data, and others.

    Parameters
    ----------
    galaxy : Galaxy
        The data.

    Returns
    -------
    bool
        Whether both are there.
    """
    number = len(far_infrared_bands(galaxy.used_bands))
    return number > 0 and bool(without_far_infrared(galaxy).bands)


def without_far_infrared(galaxy):
    """Remove far-infrared data.

    Parameters
    ----------
    galaxy : Galaxy
        The data.

    Returns
    -------
    Galaxy
        With the other ones.
    """
    far = far_infrared_bands(galaxy.used_bands)
    keep = [k for k, band in enumerate(galaxy.bands) if band not in far]
    limits = galaxy.limits
    own = [k for k, band in enumerate(limits.bands) if band not in far]
    return replace(
        galaxy,
        bands=tuple(galaxy.bands[k] for k in keep),
        flux=galaxy.flux[keep],
        flux_err=galaxy.flux_err[keep],
        limits=Limits(tuple(limits.bands[k] for k in own), limits.flux[own], limits.error[own]),
    )


def usable_far_infrared(batch, use):
    """Mask far-infrared data that are not fitted.

    Parameters
    ----------
    batch : Batch
        Galaxies.
    use : bool
        Whether far-infrared data are used at all; if so, those at rest wavelengths below 40 micron
        are not.

    Returns
    -------
    Batch
        With NaN in their place.
    """
    far = np.isin(batch.bands, far_infrared_bands(batch.bands))
    if not far.any():
        return batch
    drop = far & ~(use & is_cold(batch.bands, batch.redshift))
    values = {
        name: np.where(drop, np.nan, getattr(batch, name))
        for name in ("flux", "flux_err", "flux_limit")
    }
    return batch.changed(**values)


def is_cold(bands, redshift):
    """Whether bands see rest wavelengths beyond 40 micron.

    Parameters
    ----------
    bands : sequence of str
        Names of bands.
    redshift : ndarray of shape (n,)
        Redshifts.

    Returns
    -------
    ndarray of bool of shape (n, n_bands)
        True beyond.
    """
    pivot = np.array([get_band(band).pivot for band in bands])
    return pivot > _SHORTEST * (1.0 + np.nan_to_num(redshift)[:, np.newaxis])
