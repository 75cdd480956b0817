"""Data of galaxies on which calibrations depend: redshift, bands and signal-to-noise ratio."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Conditions", "log_snr_of"]

_SYSTEMATIC = 0.05
"""Relative error of fluxes: ratios far above 20 add no information on colours."""


def log_snr_of(highest):
    """Log10 of signal-to-noise ratios, with a lowest value.

    Parameters
    ----------
    highest : ndarray of shape (n,)
        Highest ratio of each galaxy; NaN without data.

    Returns
    -------
    log_snr : ndarray of shape (n,)
        -1 or more, and -1 without data.
    """
    return np.log10(np.clip(np.nan_to_num(highest), 0.1, None))


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

    @classmethod
    def joined(cls, parts):
        """Conditions of the galaxies of several parts, one part after the other.

        Parameters
        ----------
        parts : sequence of Conditions
            They may have different bands.

        Returns
        -------
        Conditions
            With all bands; NaN for galaxies of parts without a band.
        """
        bands = tuple(dict.fromkeys(band for one in parts for band in one.bands))
        snr = [np.full((len(one.redshift), len(bands)), np.nan) for one in parts]
        for values, one in zip(snr, parts, strict=True):
            values[:, [bands.index(band) for band in one.bands]] = one.snr
        redshift = np.concatenate([one.redshift for one in parts])
        return cls(redshift, bands, np.concatenate(snr))

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
        return log_snr_of(self.highest)

    @property
    def n_bands(self):
        """Number of bands with data (n,)."""
        return np.isfinite(self.snr).sum(axis=1)

    def columns(self):
        """Inputs of a calibration, ndarray of shape (n, 4)."""
        mean = np.sum(np.arcsinh(np.nan_to_num(self.snr)), axis=1) / np.maximum(self.n_bands, 1)
        return np.stack([self.redshift, self.log_snr, mean, self.n_bands], axis=1)
