"""Signal and correlated noise of sums of pixels."""

import numpy as np
from scipy.signal import fftconvolve

__all__ = ["bounding_box", "median_ratio", "sums_in", "variance_of_sum"]


def bounding_box(member):
    """Rows and columns that contain all pixels of a set.

    Parameters
    ----------
    member : ndarray of bool of shape (ny, nx)
        The pixels, at least one.

    Returns
    -------
    box : tuple of slice
        Rows and columns.
    """
    ends = (np.flatnonzero(member.any(axis=axis))[[0, -1]] for axis in (1, 0))
    return tuple(slice(int(first), int(last) + 1) for first, last in ends)


def variance_of_sum(member, sigma, correlation):
    r"""Variance of the sum of the pixels of a set, in each image.

    Parameters
    ----------
    member : ndarray of bool of shape (ny, nx)
        The pixels, at least one.
    sigma : ndarray of shape (n, ny, nx)
        Standard deviations of the pixels.
    correlation : ndarray of shape (n, n_lags, n_lags)
        Correlation of two pixels by the rows and columns between them, with lag zero at the
        centre.

    Returns
    -------
    variance : ndarray of shape (n,)
        :math:`\sum_{ij} \sigma_i \sigma_j \rho_{ij}`, the sum of all covariances.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.resolved.noise_sums import variance_of_sum
    >>> white, same = np.zeros((1, 3, 3)), np.ones((1, 3, 3))
    >>> white[0, 1, 1] = 1.0
    >>> pixels = np.ones((2, 2), dtype=bool)
    >>> [variance_of_sum(pixels, np.ones((1, 2, 2)), one).round(6)[0] for one in (white, same)]
    [np.float64(4.0), np.float64(16.0)]
    """
    box = bounding_box(member)
    inside = np.where(member[box], sigma[:, *box], 0.0)
    spread = fftconvolve(inside, correlation, mode="same", axes=(1, 2))
    return np.sum(inside * spread, axis=(1, 2))


def sums_in(member, flux):
    """Sum of the pixels of a set, in each image.

    Parameters
    ----------
    member : ndarray of bool of shape (ny, nx)
        The pixels.
    flux : ndarray of shape (n, ny, nx)
        The images.

    Returns
    -------
    sums : ndarray of shape (n,)
        The sums.
    """
    return flux[:, member].sum(axis=1)


def median_ratio(member, flux, sigma, correlation):
    """Signal-to-noise ratio of a set of pixels: the median over the images.

    Parameters
    ----------
    member : ndarray of bool of shape (ny, nx)
        The pixels, at least one.
    flux, sigma : ndarray of shape (n, ny, nx)
        Images and standard deviations of their pixels.
    correlation : ndarray of shape (n, n_lags, n_lags)
        As for `variance_of_sum`.

    Returns
    -------
    ratio : float
        The median.
    """
    noise = np.sqrt(np.maximum(variance_of_sum(member, sigma, correlation), 0.0))
    signal = sums_in(member, flux)
    return float(np.median(np.divide(signal, noise, out=np.zeros_like(noise), where=noise > 0.0)))
