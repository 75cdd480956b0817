"""Autocorrelations of noise as sums of blocks with positive power spectra."""

import numpy as np
from scipy.optimize import nnls

from dustest.data.errors import InputError

__all__ = ["block_correlations", "closest_lags", "fit_lags", "fit_lags_and_aperture"]

# By scale in pixels: Gaussians, and pyramids (the autocorrelation of a square). White noise is
# the pyramid of one pixel.
_GAUSSIANS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0)
_PYRAMIDS = (1.0, 1.5, 1.75, 2.0, 2.25, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0)
# A Gaussian of scale s falls as far as a pyramid of about 2.5 s.
_REACHES = np.array([*(2.5 * scale for scale in _GAUSSIANS), *_PYRAMIDS])
_SHORT = 4.0

# Largest error of the fit; it aims for less, and for an exact variance.
_TOLERANCE = 0.05
_LAG_TOLERANCE = 0.02
_FIT_VARIANCE = 1e-4
_FIT_RELATIVE = 0.02
_FIT_ABSOLUTE = 0.006


def block_correlations(dy, dx):
    """Correlation of all blocks at lags.

    Parameters
    ----------
    dy, dx : array_like
        Rows and columns between two pixels.

    Returns
    -------
    ndarray of shape (n_blocks, ...)
        For each block in the shape of the lags, 1 at lag zero.
    """
    dy, dx = np.broadcast_arrays(np.abs(dy), np.abs(dx))
    gaussians = [np.exp(-(dy**2 + dx**2) / (4.0 * scale**2)) for scale in _GAUSSIANS]
    pyramids = [
        np.maximum(1.0 - dy / scale, 0.0) * np.maximum(1.0 - dx / scale, 0.0)
        for scale in _PYRAMIDS
    ]
    return np.array([*gaussians, *pyramids])


def fit_lags(lags):
    """Find weights of the blocks for given correlations, with the shortest possible reach.

    Parameters
    ----------
    lags : sequence of float
        Correlations at lag 1, 2, ... along an axis.

    Returns
    -------
    ndarray of shape (n_blocks,)
        Weights with a sum of 1, none negative.

    Raises
    ------
    InputError
        If no weights are close enough.
    """
    rows, target, scatter = _equations(lags)
    for reach in (_SHORT, np.inf):
        weights = _non_negative_weights(rows, target, scatter, reach)
        found = rows @ weights
        if _all_close(found, target):
            return weights
    msg = (
        "autocorrelation must be that of noise with a positive power spectrum, got "
        f"{target[1:].tolist()}; the closest such noise has {found[1:].round(3).tolist()}"
    )
    raise InputError(msg)


def closest_lags(lags):
    """Find the correlations of possible noise that are closest to measured ones.

    Parameters
    ----------
    lags : sequence of float
        Measured correlations at lag 1, 2, ... along an axis.

    Returns
    -------
    tuple of float
        Those that were measured, if `fit_lags` finds weights for them.
    """
    rows, target, scatter = _equations(lags)
    found = rows @ _non_negative_weights(rows, target, scatter, np.inf)
    return tuple(lags) if _all_close(found, target) else tuple(found[1:].tolist())


def fit_lags_and_aperture(lags, variances):
    """Find weights of the blocks for given correlations and a given variance in an aperture.

    Parameters
    ----------
    lags : sequence of float
        Correlations at lag 1, 2, ... along an axis.
    variances : ndarray of shape (n_blocks,)
        Variance in the aperture of each block alone, over the required variance.

    Returns
    -------
    ndarray of shape (n_blocks,)
        Weights with a sum of 1, none negative.

    Raises
    ------
    InputError
        If no weights are close enough.
    """
    rows, target, scatter = _equations(lags)
    weights = _non_negative_weights(
        np.vstack([rows, variances]),
        np.append(target, 1.0),
        np.append(scatter, _FIT_RELATIVE),
        np.inf,
    )
    found, ratio = rows @ weights, np.sqrt(variances @ weights)
    if _all_close(found, target) and abs(ratio - 1.0) <= _TOLERANCE:
        return weights
    msg = (
        "depth must be consistent with rms and autocorrelation: the closest noise has "
        f"correlations {found[1:].round(3).tolist()} and {ratio:.2f} times the noise of the depth "
        "in its aperture; check the unit of rms"
    )
    raise InputError(msg)


def _equations(lags):
    """Contribution of each block to variance and correlations, their values and scatter."""
    target = np.array([1.0, *lags])
    scatter = np.maximum(_FIT_RELATIVE * np.abs(target), _FIT_ABSOLUTE)
    scatter[0] = _FIT_VARIANCE
    return block_correlations(0, np.arange(target.size)).T, target, scatter


def _non_negative_weights(rows, target, scatter, reach):
    """Least squares in units of the scatter, with the blocks within a reach."""
    use = np.flatnonzero(reach >= _REACHES)
    weights = np.zeros(_REACHES.size)
    weights[use] = nnls(rows[:, use] / scatter[:, np.newaxis], target / scatter)[0]
    return weights / weights.sum()


def _all_close(found, target):
    """Whether correlations are close to the requested ones."""
    allowed = np.maximum(_TOLERANCE * np.abs(target), _LAG_TOLERANCE)
    return bool(np.all(np.abs(found - target) <= allowed))
