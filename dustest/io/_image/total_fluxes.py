"""Corrections of aperture fluxes for the light outside the aperture."""

import numpy as np

from dustest.physics import encircled_energy, growth_curves

__all__ = ["GrowthModels", "point_factor"]

_SIZES = np.geomspace(0.01, 1.5, 28)
_TYPICAL_SIZE = 0.12
_SIZE_SCATTER = 0.3
"""Dex; wide enough that sizes of well-detected galaxies are measured."""
_PROFILES = {
    "gaussian": 0.15,
    "exponential": 0.35,
    "intermediate": 0.2,
    "steep": 0.2,
    "de_vaucouleurs": 0.1,
}
_MODEL_ERROR = 0.1
"""Error of the part of the correction that goes beyond that of a point source, as a fraction."""
_FLOOR = 0.01
"""Error of the curves of growth, as a fraction of the flux, for galaxies that are not round."""


def point_factor(target, radius):
    """Total flux of a point source over that in an aperture.

    Parameters
    ----------
    target : PSF
        Point-spread function to which all bands are matched.
    radius : float
        Radius of the aperture in arcsec.

    Returns
    -------
    factor : float
        At least 1.
    """
    return 1.0 / float(encircled_energy(target, radius))


class GrowthModels:
    """Curves of growth of galaxies, with a prior on their sizes.

    Parameters
    ----------
    target : PSF
        Point-spread function to which all bands are matched.
    radii : ndarray of shape (n_radii,)
        Radii in arcsec.
    """

    def __init__(self, target, radii):
        self._curves = np.concatenate(
            [growth_curves(target, radii, _SIZES, profile=name) for name in _PROFILES]
        )
        sizes = np.exp(-0.5 * (np.log10(_SIZES / _TYPICAL_SIZE) / _SIZE_SCATTER) ** 2)
        prior = np.concatenate([weight * sizes for weight in _PROFILES.values()])
        self._log_prior = np.log(prior / prior.sum())
        self._point = growth_curves(target, radii, [0.0])[0]

    def factor(self, flux, covariance, index):
        """Total flux over that in one aperture.

        Parameters
        ----------
        flux : ndarray of shape (n, n_radii)
            Fluxes in all apertures, NaN if unknown.
        covariance : ndarray of shape (n, n_radii, n_radii)
            Their covariance.
        index : int
            Number of the aperture.

        Returns
        -------
        factor, error : ndarray of shape (n,)
            Mean and standard deviation over sizes and profiles, with the error of the models; NaN
            where fluxes are unknown.
        """
        known = np.all(np.isfinite(flux), axis=1) & np.all(np.isfinite(covariance), axis=(1, 2))
        log_weight = self._log_prior + self._log_evidence(flux[known], covariance[known])
        weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        factors = 1.0 / self._curves[:, index]
        mean = weight @ factors
        variance = np.maximum(weight @ factors**2 - mean**2, 0.0)
        beyond = mean - 1.0 / self._point[index]
        factor, error = np.full((2, len(flux)), np.nan)
        factor[known] = mean
        error[known] = np.sqrt(variance + (_MODEL_ERROR * beyond) ** 2)
        return factor, error

    def _log_evidence(self, flux, covariance):
        """Log probability of fluxes for each curve, whatever the total flux."""
        floor = (_FLOOR * flux[:, -1:]) ** 2 * np.ones_like(flux)
        covariance = covariance + floor[:, :, np.newaxis] * np.eye(flux.shape[1])
        inverse = np.linalg.inv(covariance)
        weighted = inverse @ self._curves.T
        precision = np.sum(self._curves.T * weighted, axis=1)
        best = np.einsum("nk,nkm->nm", flux, weighted) / precision
        return 0.5 * best**2 * precision - 0.5 * np.log(precision)
