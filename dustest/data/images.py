"""What NDData images say of their pixels: standard deviations and masks."""

import numpy as np
from astropy import units as u
from astropy.nddata import InverseVariance, StdDevUncertainty, VarianceUncertainty

from dustest.data.errors import InputError

__all__ = ["full_mask", "standard_deviation"]

_KINDS = (StdDevUncertainty, VarianceUncertainty, InverseVariance)


def standard_deviation(image, band):
    """Standard deviation of each pixel of an image, in the unit of its data.

    Parameters
    ----------
    image : `~astropy.nddata.NDData`
        The image.
    band : str
        Its band, for an error.

    Returns
    -------
    deviation : ndarray of the shape of the image
        NaN where there is no uncertainty. An uncertainty without a unit has that of the data.
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
    >>> from dustest.data.images import standard_deviation
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
    if not isinstance(uncertainty, StdDevUncertainty):
        uncertainty = uncertainty.represent_as(StdDevUncertainty)
    deviation = np.asarray(uncertainty.array)
    if deviation.shape != image.data.shape:
        msg = (
            f"the uncertainty of band {band} must have the shape of its image, "
            f"{image.data.shape}, got {deviation.shape}"
        )
        raise InputError(msg)
    if uncertainty.unit is None or image.unit is None or uncertainty.unit == image.unit:
        return deviation
    try:
        return deviation * uncertainty.unit.to(image.unit)
    except u.UnitConversionError as error:
        msg = (
            f"the uncertainty of band {band} must be in a unit that converts to {image.unit}, got "
            f"{uncertainty.unit}"
        )
        raise InputError(msg) from error


def full_mask(image):
    """Mask of an image, one boolean a pixel.

    Parameters
    ----------
    image : `~astropy.nddata.NDData`
        The image, with a mask that broadcasts to its shape, or none.

    Returns
    -------
    mask : ndarray of bool of the shape of the image
        True where a pixel is bad.

    Raises
    ------
    InputError
        If the mask has another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import NDData
    >>> from dustest.data.images import full_mask
    >>> full_mask(NDData(np.ones((1, 2)), mask=False))
    array([[False, False]])
    """
    mask = np.asarray(False if image.mask is None else image.mask).astype(bool)
    try:
        return np.broadcast_to(mask, image.data.shape).copy()
    except ValueError as error:
        msg = f"a mask must have the shape of its image, {image.data.shape}, got {mask.shape}"
        raise InputError(msg) from error
