"""The domain of networks: the range of their training set."""

from dataclasses import dataclass

import numpy as np

from dustest.data.errors import InputError
from dustest.data.flags import FLAGS
from dustest.estimators._cnn.context import ContextLayout

__all__ = ["Domain"]

_SCALE_MARGIN = 1.03
_BRIGHTNESS_MARGIN = 0.1
"""Tolerance in dex beyond the brightest and the faintest galaxy of the training set."""


@dataclass(frozen=True)
class Domain:
    """Range of the training set.

    Parameters
    ----------
    redshift, pixel_scale, log_scale : tuple of float or None
        Smallest and largest redshift, pixel scale in arcsec, and log10 of the common scale of the
        images in nJy; None if unknown for all galaxies.
    """

    redshift: tuple | None = None
    pixel_scale: tuple | None = None
    log_scale: tuple | None = None

    @classmethod
    def of(cls, data, bands):
        """Domain of a training set.

        Parameters
        ----------
        data : TrainingSet
            Galaxies.
        bands : tuple of str
            Bands of the images; without any, nothing is limited.

        Returns
        -------
        Domain
            Their range.
        """
        if not bands:
            return cls()
        brightness = _brightness(data.context, bands)
        return cls(_ends(data.redshift), _ends(data.pixel_scale), _ends(brightness))

    def __or__(self, other):
        """Union of two domains."""
        pairs = zip(self.to_dict().items(), other.to_dict().values(), strict=True)
        return Domain(**{name: _ends([*(one or ()), *(two or ())]) for (name, one), two in pairs})

    def to_dict(self):
        """Limits by name in JSON types (dict of str to list or None)."""
        limits = vars(self).items()
        return {name: None if ends is None else list(ends) for name, ends in limits}

    @classmethod
    def from_dict(cls, limits):
        """Read the result of `to_dict`.

        Parameters
        ----------
        limits : dict
            Two numbers or None by name.

        Returns
        -------
        Domain
            The domain.

        Raises
        ------
        InputError
            If a limit is invalid.
        """
        for name, ends in limits.items():
            if ends is not None and not (len(ends) == 2 and ends[0] <= ends[1]):
                msg = f"{name} must be None or two numbers in ascending order, got {ends!r}"
                raise InputError(msg)
        return cls(**{name: ends and tuple(map(float, ends)) for name, ends in limits.items()})

    def flags(self, batch, context, bands):
        """Flags of galaxies outside the domain.

        Parameters
        ----------
        batch : Batch
            n galaxies.
        context : ndarray of shape (n, n_context)
            Result of `Task.inputs`.
        bands : tuple of str
            Bands of the images.

        Returns
        -------
        ndarray of int32 of shape (n,)
            ``REDSHIFT_OUT_OF_RANGE`` if the redshift is unknown or outside; ``OUT_OF_DOMAIN`` if
            the pixel scale is known and more than 3 % outside, or the common scale more than
            0.1 dex.
        """
        flags = np.zeros(len(batch), dtype=np.int32)
        if self.redshift is not None:
            low, high = self.redshift
            inside = (batch.redshift >= low) & (batch.redshift <= high)
            flags[~inside] |= FLAGS["REDSHIFT_OUT_OF_RANGE"].value
        outside = self.has_other_pixels(batch)
        if self.log_scale is not None:
            brightness = _brightness(context, bands)
            low, high = self.log_scale
            outside |= brightness < low - _BRIGHTNESS_MARGIN
            outside |= brightness > high + _BRIGHTNESS_MARGIN
        flags[outside] |= FLAGS["OUT_OF_DOMAIN"].value
        return flags

    def has_other_pixels(self, batch):
        """Galaxies whose pixel scale is known and outside the domain.

        Parameters
        ----------
        batch : Batch
            n galaxies.

        Returns
        -------
        ndarray of bool of shape (n,)
            Whether it is more than 3 % outside.
        """
        if self.pixel_scale is None:
            return np.zeros(len(batch), dtype=bool)
        low, high = self.pixel_scale
        scale = batch.pixel_scale
        return (scale < low / _SCALE_MARGIN) | (scale > high * _SCALE_MARGIN)


def _brightness(context, bands):
    """Column of the logarithm of the common scale in the context."""
    return context[:, ContextLayout(len(bands))["log_scale"]]


def _ends(values):
    """Smallest and largest finite value, or None."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else None
