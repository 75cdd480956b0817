"""UV slopes of a batch of galaxies, and their spread due to uncertain redshifts."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from scipy.stats import norm

from dustest.data.checks.units import FLUX_UNIT, SPECTRAL_UNIT
from dustest.data.containers.fitted_data import POWER_LAW
from dustest.data.errors import InputError
from dustest.data.flags import FLAGS
from dustest.data.signal_to_noise import SNR_MIN
from dustest.estimators.run.batch import ExtraColumn
from dustest.estimators.run.fitted_data import fitted_columns, fitted_values
from dustest.physics import photometric_beta, select_uv_bands, select_uv_pixels, spectral_beta
from dustest.physics.uv_slope import UV_1600

__all__ = [
    "LEVELS",
    "Slopes",
    "fitted_slope_columns",
    "fitted_slope_data",
    "measure_slopes",
    "slope_draws",
]

_LEAST_PROBABILITY = 1e-4
_LARGEST_CHI2 = 10.0
"""Chi-squared over the number of bands or pixels above which a power law does not fit. Errors of
neighbouring pixels are correlated, so that a spectrum has no probability."""

_GALAXY_SLOPES = (-5.0, 2.0)
"""Generous range of the slopes of galaxies: stars without dust have about -3, and 2 needs 8.4 mag
at 1600 Angstrom (Meurer et al. 1999), which leaves no measurable ultraviolet flux. A slope outside
by more than its errors indicates a wrong flux."""
_MAX_DEVIATION = 3.0

# Evenly spaced probabilities, so that the quantiles at 0.16, 0.5, 0.84, 0.025 and 0.975 are
# draws themselves and therefore exact; the two ends represent the tails.
LEVELS = np.clip(np.arange(201) / 200.0, 1 / 400, 399 / 400)
"""Probabilities of the draws."""
_NORMAL_DRAWS = norm.ppf(LEVELS)

# Equally likely redshifts of a galaxy, and values of the slope at each of them.
_REDSHIFT_NODES = norm.ppf((np.arange(31) + 0.5) / 31)
_SLOPE_NODES = norm.ppf((np.arange(41) + 0.5) / 41)
_LEAST_REDSHIFT_ERR = 1e-3
"""Of 1 + z: smaller errors shift the windows of a spectrum by less than a pixel."""


@dataclass(frozen=True)
class Slopes:
    """Slopes of n galaxies.

    Parameters
    ----------
    beta, error : ndarray of shape (n,)
        Slopes and standard errors; NaN if there is none.
    flags : ndarray of int of shape (n,)
        Bits of `~dustest.data.FLAGS`.
    spectral : ndarray of bool of shape (n,)
        Whether the slope is that of the spectrum.
    amplitude : ndarray of shape (n,)
        Flux densities of the power laws at 1600 Angstrom in the rest frame [nJy].
    """

    beta: np.ndarray
    error: np.ndarray
    flags: np.ndarray
    spectral: np.ndarray
    amplitude: np.ndarray


def measure_slopes(batch, method):
    """Measure slopes; the spectrum is preferred if both kinds of data exist.

    Parameters
    ----------
    batch : Batch
        Galaxies.
    method : {"auto", "spectrum", "photometry"}
        Data for the slope.

    Returns
    -------
    slopes : Slopes
        Slopes at the redshifts of the batch.
    """
    if method == "photometry":
        return _photometric_slopes(batch)
    spectral = _spectral_slopes(batch)
    if method == "spectrum" or not batch.bands:
        return spectral
    return _prefer(spectral, _photometric_slopes(batch))


def slope_draws(batch, slopes, scatter):
    """Draws of the slopes, equally likely and sorted.

    Parameters
    ----------
    batch : Batch
        Galaxies, with or without errors of their redshifts.
    slopes : Slopes
        Result of `measure_slopes`.
    scatter : float
        Standard deviation to add in quadrature to the errors.

    Returns
    -------
    draws : ndarray of shape (n, n_levels)
        Quantiles at `LEVELS`. If the slope changes within the error of the redshift, they are
        those of the mixture over 31 equally likely redshifts, without those without a slope.
    """
    error = np.hypot(slopes.error, scatter)
    draws = np.multiply.outer(error, _NORMAL_DRAWS)
    draws += slopes.beta[:, np.newaxis]
    uncertain = np.isfinite(slopes.beta) & (batch.redshift_err > 0)
    for kind, nodes in ((False, _photometric_nodes), (True, _spectral_nodes)):
        rows = np.flatnonzero(uncertain & (slopes.spectral == kind))
        if rows.size:
            rows, beta, beta_err = nodes(batch, rows)
            draws[rows] = _mixture_draws(beta, np.hypot(beta_err, scatter))
    return draws


def fitted_slope_columns(bands):
    """Columns of the data of slopes, and of the power laws.

    Parameters
    ----------
    bands : sequence of str
        Bands of the sample.

    Returns
    -------
    dict of str to ExtraColumn
        By name.
    """
    return fitted_columns(bands) | {POWER_LAW: ExtraColumn(FLUX_UNIT)}


def fitted_slope_data(batch, slopes):
    """Data of slopes, and the power laws.

    Parameters
    ----------
    batch : Batch
        Galaxies.
    slopes : Slopes
        Their slopes.

    Returns
    -------
    dict of str to ndarray of shape (n, ...)
        By name of `fitted_slope_columns`; NaN for data that are not part of the slope.
    """
    bands = select_uv_bands(batch.bands, batch.redshift) & ~slopes.spectral[:, np.newaxis]
    pixels = np.zeros(batch.wavelength.shape, dtype=bool)
    for row in np.flatnonzero(slopes.spectral):
        pixels[row] = select_uv_pixels(batch.wavelength[row], float(batch.redshift[row]))
    return fitted_values(batch, bands, pixels) | {POWER_LAW: slopes.amplitude}


def _prefer(first, second):
    """Slopes of the first kind if they exist, else of the second."""
    use = np.isfinite(first.beta)
    return Slopes(
        np.where(use, first.beta, second.beta),
        np.where(use, first.error, second.error),
        np.where(use, first.flags, second.flags),
        use,
        np.where(use, first.amplitude, second.amplitude),
    )


def _flag(where, name):
    """Flag bits for a boolean array."""
    return np.where(where, FLAGS[name].value, 0).astype(np.int32)


def _is_no_galaxy(beta, error):
    """Whether slopes lie outside those of galaxies by more than their errors explain."""
    margin = _MAX_DEVIATION * error
    return (beta + margin < _GALAXY_SLOPES[0]) | (beta - margin > _GALAXY_SLOPES[1])


def _photometric_slopes(batch):
    """Slopes from the bands inside the rest-frame ultraviolet."""
    fit = photometric_beta(batch.flux, batch.flux_err, batch.bands, batch.redshift)
    inside = select_uv_bands(batch.bands, batch.redshift)
    snr = np.sqrt(np.nansum(np.where(inside, (batch.flux / batch.flux_err) ** 2, 0.0), axis=1))
    enough = fit.n_bands >= 2
    poor = (fit.n_bands >= 3) & (fit.chi2 > _LARGEST_CHI2 * fit.n_bands)
    flags = (
        _flag(~enough, "NO_DATA")
        | _flag(enough & ~fit.ok, "FAILED")
        | _flag(enough & (snr < SNR_MIN), "LOW_SNR")
        | _flag(poor | (fit.probability < _LEAST_PROBABILITY), "POOR_FIT")
        | _flag(_is_no_galaxy(fit.beta, fit.beta_err), "POOR_FIT")
    )
    return Slopes(fit.beta, fit.beta_err, flags, np.zeros(len(batch), dtype=bool), fit.amplitude)


def _spectral_slopes(batch):
    """Slopes from the spectra that cover the rest-frame ultraviolet."""
    beta, error, amplitude = np.full((3, len(batch)), np.nan)
    poor = np.zeros(len(batch), dtype=bool)
    for row in np.flatnonzero(batch.has_spectrum):
        fit = _fit_spectrum(batch, row, float(batch.redshift[row]))
        if fit is not None:
            beta[row], error[row], amplitude[row] = fit.beta, fit.beta_err, fit.amplitude
            poor[row] = fit.chi2 > _LARGEST_CHI2 * fit.n_pixels
    found = np.isfinite(beta)
    poor |= _is_no_galaxy(beta, error)
    observed = np.mean(UV_1600) * (1.0 + batch.redshift) * u.AA
    amplitude = (amplitude * SPECTRAL_UNIT).to_value(FLUX_UNIT, u.spectral_density(observed))
    flags = _flag(~found, "NO_DATA") | _flag(poor, "POOR_FIT")
    return Slopes(beta, error, flags, found, amplitude)


def _fit_spectrum(batch, row, redshift):
    """Slope of one spectrum, None where it has none: no reason to end those of the others."""
    try:
        return spectral_beta(
            batch.wavelength[row],
            batch.spectrum_flux[row],
            batch.spectrum_flux_err[row],
            redshift,
        )
    except InputError:
        return None


def _nodes(batch, rows):
    """Equally likely redshifts, (n_rows, n_nodes)."""
    return batch.redshift[rows, None] + batch.redshift_err[rows, None] * _REDSHIFT_NODES


def _photometric_nodes(batch, rows):
    """Rows in which bands enter or leave within the error of the redshift; slopes and errors.

    A power law has no scale, so that its slope depends on the redshift through the choice of
    bands alone: there is one fit for each choice.
    """
    redshift = _nodes(batch, rows)
    bands = select_uv_bands(batch.bands, redshift.ravel())
    bands = bands.reshape(*redshift.shape, len(batch.bands))
    bands &= np.isfinite(batch.flux[rows])[:, np.newaxis]
    begins = np.ones(redshift.shape, dtype=bool)
    begins[:, 1:] = np.any(bands[:, 1:] != bands[:, :-1], axis=2)
    changes = begins[:, 1:].any(axis=1)
    rows, redshift, begins = rows[changes], redshift[changes], begins[changes]
    galaxy, node = np.nonzero(begins)
    fit = photometric_beta(
        batch.flux[rows[galaxy]],
        batch.flux_err[rows[galaxy]],
        batch.bands,
        redshift[galaxy, node],
    )
    choice = np.cumsum(begins).reshape(begins.shape) - 1
    return rows, fit.beta[choice], fit.beta_err[choice]


def _spectral_nodes(batch, rows):
    """Rows whose redshift error moves the windows of the spectrum; slopes and errors."""
    moved = batch.redshift_err[rows] > _LEAST_REDSHIFT_ERR * (1.0 + batch.redshift[rows])
    rows = rows[moved]
    redshift = _nodes(batch, rows)
    beta, error = np.full((2, *redshift.shape), np.nan)
    for place in np.ndindex(redshift.shape):
        fit = _fit_spectrum(batch, rows[place[0]], float(redshift[place]))
        if fit is not None:
            beta[place], error[place] = fit.beta, fit.beta_err
    return rows, beta, error


def _mixture_draws(beta, error):
    """Quantiles at the levels of equal mixtures of normal distributions, each of shape (m, k)."""
    values = beta[:, :, np.newaxis] + error[:, :, np.newaxis] * _SLOPE_NODES
    # Nodes without a slope come last.
    values = np.sort(values.reshape(len(beta), beta.shape[1] * _SLOPE_NODES.size), axis=1)
    count = np.isfinite(values).sum(axis=1, keepdims=True)
    place = np.clip(LEVELS * count - 0.5, 0.0, count - 1.0)
    below = np.minimum(place.astype(int), np.maximum(count - 2, 0))
    low, high = (np.take_along_axis(values, below + step, axis=1) for step in (0, 1))
    return low + (place - below) * (high - low)
