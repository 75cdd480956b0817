"""Far-infrared data of a fit: which bands have them, and whether they agree with the others."""

import warnings
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from dustest.data.bands import get_band
from dustest.data.errors import DustestWarning
from dustest.data.messages import shown
from dustest.estimators._sed.posterior import Limits

__all__ = [
    "InfraredCheck",
    "far_infrared_bands",
    "has_far_infrared",
    "usable_far_infrared",
    "warn_of_far_infrared",
    "without_far_infrared",
]

_SHORTEST = 4e5
"""Rest wavelength in Angstrom below which warmer dust than that of one temperature matters."""
_CALLER = 6
"""Level in the stack of who called ``estimate``, counted from the warning here."""


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
    drop = far & ~(use & _is_cold(batch.bands, batch.redshift))
    values = {
        name: np.where(drop, np.nan, getattr(batch, name))
        for name in ("flux", "flux_err", "flux_limit")
    }
    return batch.changed(**values)


def _is_cold(bands, redshift):
    """Whether bands (n, n_bands) see rest wavelengths beyond 40 micron."""
    pivot = np.array([get_band(band).pivot for band in bands])
    return pivot > _SHORTEST * (1.0 + np.nan_to_num(redshift)[:, np.newaxis])


def warn_of_far_infrared(sample, engine, use):
    """Warn of far-infrared data that are left out.

    Parameters
    ----------
    sample : GalaxySample
        The sample.
    engine : str
        Engine of the fit; only the tables have the far infrared.
    use : bool
        Whether the far infrared is used.

    Warns
    -----
    DustestWarning
        If there are some.
    """
    far = far_infrared_bands(sample.bands)
    if not far:
        return
    if not use or engine != "tabulated":
        reason = f"engine={engine!r}" if use else "far_infrared=False"
        _warn(f"{reason} leaves out bands beyond 50 micron: {shown(far)}")
        return
    cold = _is_cold(far, np.asarray(sample["redshift"], dtype=float))
    for band, rows in zip(far, ~cold.T, strict=True):
        if rows.any():
            _warn(
                f"{band} is left out of the fits of {np.count_nonzero(rows)} of {len(sample)} "
                "galaxies, as its rest wavelength is below 40 micron, where dust of one "
                "temperature is no model"
            )


def _warn(msg):
    """Warn the caller of ``estimate``."""
    warnings.warn(msg, DustestWarning, stacklevel=_CALLER)
