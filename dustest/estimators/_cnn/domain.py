"""The domain of networks: the range of their training set."""

from dataclasses import dataclass

import numpy as np

from dustest.data.errors import InputError
from dustest.data.flags import FLAGS

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
    def of(cls, data, layout):
        """Domain of a training set.

        Parameters
        ----------
        data : TrainingSet
            Galaxies.
        layout : ContextLayout
            Columns of the context; with neither images nor fluxes, nothing is limited.

        Returns
        -------
        Domain
            Their range.
        """
        if not layout.n_bands and not layout.n_fluxes:
            return cls()
        brightness = _brightness(data.context, layout)
        pixel_scale = _ends(data.pixel_scale) if layout.n_bands else None
        return cls(_ends(data.redshift), pixel_scale, _ends(brightness))

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

    def flags(self, batch, context, layout):
        """Flags of galaxies outside the domain.

        Parameters
        ----------
        batch : Batch
            n galaxies.
        context : ndarray of shape (n, n_context)
            Result of `Task.inputs`.
        layout : ContextLayout
            Columns of the context.

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
            brightness = _brightness(context, layout)
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


def _brightness(context, layout):
    """Logarithm of the common scale of the images, or without any, of the reference of fluxes.

    NaN for galaxies without either.
    """
    has, scale = ("present", "log_scale") if layout.n_bands else ("flux_has", "log_flux_scale")
    known = (context[:, layout[has]] > 0.0).any(axis=1)
    return np.where(known, context[:, layout[scale]], np.nan)


def _ends(values):
    """Smallest and largest finite value, or None."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else None
