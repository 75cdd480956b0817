"""Errors and masks of the pixels of images."""

from fractions import Fraction

import numpy as np
from astropy import units as u
from astropy.nddata import InverseVariance, StdDevUncertainty, VarianceUncertainty

from dustest.data.errors import InputError

__all__ = ["ERROR_POWERS", "full_mask", "standard_deviation", "to_deviation"]

ERROR_POWERS = {"std": 1, "var": 2, "ivar": -2}
"""Power of the standard deviation for each kind of error, by its name in astropy.nddata."""

_KINDS = (StdDevUncertainty, VarianceUncertainty, InverseVariance)


def to_deviation(values, kind):
    """Convert errors of some kind to standard deviations.

    Parameters
    ----------
    values : ndarray
        Standard deviations, variances or inverse variances.
    kind : {"std", "var", "ivar"}
        Kind of the errors.

    Returns
    -------
    deviation : ndarray of float
        NaN if a variance is below zero or an inverse variance not above it. Deviations below
        zero, which mark bad pixels, stay below zero.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.data.checks.images import to_deviation
    >>> to_deviation(np.array([4.0, 0.0]), "ivar")
    array([0.5, nan])
    """
    power = ERROR_POWERS[kind]
    if power == 1:
        return values
    # In double precision: the square of a small flux is zero in single precision.
    values = np.asarray(values, dtype=float)
    usable = values >= 0 if power > 0 else values > 0
    return np.power(values, 1.0 / power, out=np.full(values.shape, np.nan), where=usable)


def standard_deviation(image, band):
    """Standard deviation of each pixel of an image, in the unit of its data.

    Parameters
    ----------
    image : `~astropy.nddata.NDData`
        The image.
    band : str
        Name of its band, for messages.

    Returns
    -------
    deviation : ndarray of the shape of the image
        NaN if there is no uncertainty. An uncertainty without a unit has that of the data; a
        single number applies to every pixel.
        Deviations below zero, which mark bad pixels, stay below zero.

    Raises
    ------
    InputError
        If the uncertainty is of an unknown kind, has a unit that does not convert, or another
        shape than the data.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import NDData, VarianceUncertainty
    >>> from dustest.data.checks.images import standard_deviation
    >>> image = NDData(np.ones((1, 2)), uncertainty=VarianceUncertainty([[4.0, 9.0]]))
    >>> standard_deviation(image, "F277W")
    array([[2., 3.]])
    """
    uncertainty = image.uncertainty
    if uncertainty is None:
        return np.full(image.data.shape, np.nan)
    if not isinstance(uncertainty, _KINDS):
        msg = (
            f"the uncertainty of band {band} is of unknown kind ({type(uncertainty).__name__}): "
            f"give it as {', '.join(kind.__name__ for kind in _KINDS)} of astropy.nddata"
        )
        raise InputError(msg)
    array = np.asarray(uncertainty.array)
    if array.dtype.kind not in "iuf" or array.shape not in ((), image.data.shape):
        msg = (
            f"the uncertainty of band {band} must hold numbers in the shape of its image, "
            f"{image.data.shape}, got {array.dtype} of shape {array.shape}"
        )
        raise InputError(msg)
    kind = uncertainty.uncertainty_type
    scale = _scale(uncertainty.unit, ERROR_POWERS[kind], image.unit, band)
    deviation = np.broadcast_to(to_deviation(array, kind), image.data.shape)
    return deviation if scale == 1.0 else deviation * scale


def _scale(declared, power, unit, band):
    """Factor that converts standard deviations to the unit of the data."""
    if declared is None or unit is None:
        return 1.0
    try:
        return float((declared ** Fraction(1, power)).to(unit))
    except (u.UnitsError, TypeError, AttributeError) as error:
        msg = (
            f"the uncertainty of band {band} must be in a unit that converts to "
            f"{unit**power}, got {declared}"
        )
        raise InputError(msg) from error


def full_mask(image, band):
    """Mask of an image, one boolean a pixel.

    Parameters
    ----------
    image : `~astropy.nddata.NDData`
        The image, with a mask of its shape, one for all pixels (as a masked array without masked
        pixels has), or none.
    band : str
        Name of its band, for messages.

    Returns
    -------
    mask : ndarray of bool of the shape of the image
        True where a pixel is bad; it may be read-only.

    Raises
    ------
    InputError
        If the mask has another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import NDData
    >>> from dustest.data.checks.images import full_mask
    >>> full_mask(NDData(np.ones((1, 2)), mask=False), "F277W")
    array([[False, False]])
    """
    mask = np.asarray(False if image.mask is None else image.mask)
    if mask.dtype.kind not in "biuf" or mask.shape not in ((), image.data.shape):
        msg = (
            f"the mask of band {band} must have the shape of its image, {image.data.shape}, and "
            f"be True where a pixel is bad, got {mask.dtype} of shape {mask.shape}"
        )
        raise InputError(msg)
    return np.broadcast_to(mask.astype(bool), image.data.shape)
