"""Values of bad pixels from good ones."""

import numpy as np
from scipy.ndimage import uniform_filter

__all__ = ["mend"]

_BESIDE = 3, 8
"""Least number of good pixels around a bad one, in the first and the second step. Networks learn
patches of up to 3 x 3 bad pixels, which have values after the second; larger ones keep a hole."""


def mend(stamps):
    """Replace bad pixels by those opposite to them, or else by the good ones beside them.

    Parameters
    ----------
    stamps : ndarray of float32 of shape (n, n_bands, size, size)
        Stamps; bad pixels are not finite.

    Returns
    -------
    stamps : ndarray of the same shape
        Stamps with values in patches of up to 3 x 3 bad pixels. In larger ones, pixels beside
        fewer than three good ones are 0.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators._cnn.shift.bad_pixels import mend
    >>> stamps = np.float32([[[[1.0, 2.0, 3.0], [4.0, np.nan, 6.0], [7.0, 8.0, np.nan]]]])
    >>> mend(stamps)[0, 0]
    array([[1., 2., 3.],
           [4., 4., 6.],
           [7., 8., 1.]], dtype=float32)
    """
    stamps = np.where(np.isfinite(stamps), stamps, stamps[..., ::-1, ::-1])
    rows = np.flatnonzero(~np.isfinite(stamps).all(axis=(1, 2, 3)))
    for least in _BESIDE:
        good = np.isfinite(stamps[rows])
        share, total = (
            uniform_filter(np.where(good, values, 0.0), (1, 1, 3, 3), mode="constant")
            for values in (1.0, stamps[rows])
        )
        enough = 9.0 * share > least - 0.5
        mean = np.divide(total, share, out=np.full_like(total, np.nan), where=enough)
        stamps[rows] = np.where(good, stamps[rows], mean)
    return np.where(np.isfinite(stamps), stamps, np.float32(0.0))
