"""Features of photometry that show how it differs from that of the training set."""

import numpy as np

from dustest.estimators._cnn.shift.features import pairs_of

__all__ = ["FAINT", "flux_table", "measure_fluxes"]

_KNEE = 3.0
FAINT = 2.0
"""Signal-to-noise ratio that galaxies of the training set have in a band. Faults such as offsets
lower it."""


def measure_fluxes(batch, bands):
    """Measure the features of photometry.

    Parameters
    ----------
    batch : Batch
        n galaxies.
    bands : tuple of str
        Bands.

    Returns
    -------
    table : ndarray of float32 of shape (n, n_features)
        For each band log10 of the error, asinh of the signal-to-noise ratio and log10 of the flux;
        colours of all pairs; the redshift. NaN if unknown.
    bright : ndarray of bool of shape (n,)
        Whether the signal-to-noise ratio is 2 or more in a band.
    """
    place = [batch.bands.index(band) if band in batch.bands else None for band in bands]
    flux, error = (
        np.stack([np.full(len(batch), np.nan) if p is None else all_[:, p] for p in place], axis=1)
        for all_ in (batch.flux, batch.flux_err)
    )
    return flux_table(flux, error, batch.redshift), (flux >= FAINT * error).any(axis=1)


def flux_table(flux, error, redshift):
    """Measure the features of fluxes.

    Parameters
    ----------
    flux, error : ndarray of shape (n, n_bands)
        Photometry in nJy; NaN if missing.
    redshift : ndarray of shape (n,)
        Redshift; NaN if unknown.

    Returns
    -------
    table : ndarray of float32 of shape (n, n_features)
        As of `measure_fluxes`.
    """
    bounded = np.log10(np.maximum(flux, error))
    first, second = pairs_of(flux.shape[1])
    columns = [
        np.log10(error),
        np.arcsinh(flux / error / _KNEE),
        bounded,
        bounded[:, second] - bounded[:, first],
        redshift[:, None],
    ]
    return np.concatenate(columns, axis=1).astype(np.float32)
