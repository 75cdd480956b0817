"""Data of galaxies on which calibrations depend: redshift, bands and signal-to-noise ratio."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Conditions"]

_SYSTEMATIC = 0.05
"""Relative error of fluxes: ratios far above 20 add no information on colours."""


@dataclass(frozen=True, eq=False)
class Conditions:
    """Conditions of n galaxies.

    Parameters
    ----------
    redshift : ndarray of shape (n,)
        Redshift; NaN if unknown.
    bands : tuple of str
        Bands of the data.
    snr : ndarray of shape (n, n_bands)
        Signal-to-noise ratio in each band; NaN in those without data.
    """

    redshift: np.ndarray
    bands: tuple
    snr: np.ndarray

    @classmethod
    def of_photometry(cls, batch):
        """Conditions of a `Batch` by its total fluxes.

        Ratios include an error of 5 % of the flux, so that they are the same whether or not a
        catalogue has an error floor.
        """
        floor = max(_SYSTEMATIC**2 - batch.error_floor**2, 0.0)
        snr = batch.flux / np.sqrt(batch.flux_err**2 + floor * batch.flux**2)
        return cls(batch.redshift, batch.bands, snr)

    def with_data(self, name, snr):
        """Conditions with further data beside the bands.

        Parameters
        ----------
        name : str
            Name of the data.
        snr : ndarray of shape (n,)
            Their signal-to-noise ratio; NaN for galaxies without them.

        Returns
        -------
        Conditions
            With one column more.
        """
        columns = np.column_stack([self.snr, snr])
        return Conditions(self.redshift, (*self.bands, name), columns)

    @property
    def highest(self):
        """Highest ratio of each galaxy (n,); NaN without data."""
        if not self.bands:
            return np.full(len(self.redshift), np.nan)
        known = np.where(np.isnan(self.snr), -np.inf, self.snr).max(axis=1)
        return np.where(np.isfinite(known), known, np.nan)

    @property
    def log_snr(self):
        """Log10 of the highest ratio (n,), -1 or more and without data."""
        return np.log10(np.clip(np.nan_to_num(self.highest), 0.1, None))

    @property
    def n_bands(self):
        """Number of bands with data (n,)."""
        return np.isfinite(self.snr).sum(axis=1)

    def columns(self):
        """Inputs of a calibration, ndarray of shape (n, 4)."""
        mean = np.sum(np.arcsinh(np.nan_to_num(self.snr)), axis=1) / np.maximum(self.n_bands, 1)
        return np.stack([self.redshift, self.log_snr, mean, self.n_bands], axis=1)
