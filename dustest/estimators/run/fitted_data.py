"""Columns of the data that were fitted, which results with draws have."""

import numpy as np
from astropy import units as u

from dustest.data.checks.units import FLUX_UNIT, SPECTRAL_UNIT
from dustest.data.containers.fitted_data import FITTED_FLUXES, FITTED_REDSHIFT, FITTED_SPECTRUM
from dustest.estimators.run.batch import ExtraColumn

__all__ = ["fitted_columns", "fitted_values"]


def fitted_columns(bands):
    """Columns of redshifts, photometry and spectra.

    Parameters
    ----------
    bands : sequence of str
        Bands of the sample.

    Returns
    -------
    dict of str to ExtraColumn
        By name.
    """
    columns = {FITTED_REDSHIFT: ExtraColumn()}
    for band in bands:
        columns |= {name.format(band): ExtraColumn(FLUX_UNIT) for name in FITTED_FLUXES}
    units = (u.AA, SPECTRAL_UNIT, SPECTRAL_UNIT)
    return columns | {
        name: ExtraColumn(unit, of_spectrum=True)
        for name, unit in zip(FITTED_SPECTRUM, units, strict=True)
    }


def fitted_values(batch, bands=True, pixels=True):
    """Redshifts, photometry and spectra of a batch.

    Parameters
    ----------
    batch : Batch
        n galaxies, with the errors of the fit.
    bands : ndarray of bool of shape (n, n_bands), optional
        Which bands are fitted; all by default.
    pixels : ndarray of bool of shape (n, n_wave), optional
        Which pixels are fitted; all by default.

    Returns
    -------
    dict of str to ndarray of shape (n, ...)
        By column; NaN for data that are missing or not fitted.
    """
    columns = {FITTED_REDSHIFT: batch.redshift}
    for name, values in zip(FITTED_FLUXES, (batch.flux, batch.flux_err), strict=True):
        used = np.where(bands, values, np.nan)
        columns |= {name.format(band): used[:, k] for k, band in enumerate(batch.bands)}
    spectra = (batch.wavelength, batch.spectrum_flux, batch.spectrum_flux_err)
    if batch.wavelength.shape[1]:
        for name, values in zip(FITTED_SPECTRUM, spectra, strict=True):
            columns[name] = np.where(pixels, values, np.nan)
    return columns
